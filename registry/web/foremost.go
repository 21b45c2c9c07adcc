package web

import (
	"cmp"
	"slices"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/finder"
)

// foremost keeps so many of a list at most, in its order: those that come first by
// compare. It says how many are left out.
func foremost[T any](list []T, most int, compare func(a, b T) int) (kept []T, left int) {
	if len(list) <= most {
		return list, 0
	}
	at := make([]int, len(list))
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at, func(a, b int) int { return compare(list[a], list[b]) })
	at = at[:most]
	slices.Sort(at)
	for _, i := range at {
		kept = append(kept, list[i])
	}
	return kept, len(list) - most
}

// foremostGrants keeps what is in force before what may come to be, and that before what
// has ended; of what is alike, the newest.
func foremostGrants(grants []finder.Grant, most int) (kept []finder.Grant, left int) {
	return foremost(grants, most, func(a, b finder.Grant) int {
		return cmp.Or(rankOf(a.Status)-rankOf(b.Status), cmp.Compare(b.Index, a.Index))
	})
}

// fewGrants is like few, and keeps those grants that matter most.
func fewGrants(most int, grants []finder.Grant) someOf {
	kept, left := foremostGrants(grants, most)
	return someOf{kept, left}
}

// foremostOf is the rank of the one that matters most.
func foremostOf(all []policy.Recorded) int {
	least := rankOf("")
	for _, r := range all {
		if r.Standing != nil {
			least = min(least, rankOf(r.Standing.State))
		}
	}
	return least
}

// rankOf is how much a state matters to whoever can be shown only some of all.
func rankOf(s policy.State) int {
	switch {
	case s == policy.InForce:
		return 0
	case s.Stands():
		return 1
	default:
		return 2
	}
}
