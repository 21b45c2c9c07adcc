package main

import (
	"fmt"
	"runtime"
)

// besideSignatures adds how long verifications took, in milliseconds, beside as many
// turns of the bare signatures in what was verified.
func (r *Report) besideSignatures(section, what string, took, bare []float64, signatures int, g *goal) {
	ratio, value, beside := ratios(took, bare), statOf(took...), statOf(bare...)
	// One each of hundreds are no use to anybody.
	value.Each, beside.Each, ratio.Each = nil, nil, nil
	r.add(Row{
		Section: section, What: what, Unit: Millis, Value: value,
		Beside: fmt.Sprintf("its %d bare signatures", signatures), BesideOf: &beside, BesideIn: Millis, Ratio: &ratio,
	}, g)
}

// settled verifies until the process has the memory that it goes on with. The system
// gives it page by page as it is first used, which takes as long as the signatures;
// who goes on verifying has what the collector gives back.
func settled(verify func() error) error {
	for until := collections() + 2; collections() < until; {
		if err := verify(); err != nil {
			return err
		}
	}
	return nil
}

// collections is how often the collector has run.
func collections() uint32 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.NumGC
}
