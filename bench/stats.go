package main

import "slices"

// A Stat sums up what was measured several times.
type Stat struct {
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	Each   []float64 `json:"each"`
}

// statOf sums up measurements, of which there is one at least.
func statOf(each ...float64) Stat {
	return Stat{quantile(each, 0.5), slices.Min(each), slices.Max(each), each}
}

// quantile returns the value below which that part of the values lies; between
// two of them, their mean in proportion.
func quantile(values []float64, q float64) float64 {
	s := slices.Sorted(slices.Values(values))
	at := q * float64(len(s)-1)
	i := int(at)
	if i+1 == len(s) {
		return s[i]
	}
	return s[i] + (at-float64(i))*(s[i+1]-s[i])
}

// ratios divides pairwise: what was measured in the same round is compared.
func ratios(values, by []float64) Stat {
	each := make([]float64, len(values))
	for i, v := range values {
		each[i] = v / by[i]
	}
	return statOf(each...)
}

// column picks one figure of each round.
func column[T any](rounds []T, figure func(T) float64) []float64 {
	out := make([]float64, 0, len(rounds))
	for _, r := range rounds {
		out = append(out, figure(r))
	}
	return out
}
