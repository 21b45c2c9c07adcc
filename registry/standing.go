package registry

import (
	"iter"

	"github.com/safeconduct/safeconduct/attest"
)

// standing yields the statements of one kind in a subject's history that are
// not void (RULES R20): enough of their signatures are by keys that the root in
// force trusts at their index. It ends after the first error.
func standing[C attest.Claims](v View, subject string) iter.Seq2[C, error] {
	return func(yield func(C, error) bool) {
		var none C
		entries, err := v.History(subject)
		if err != nil {
			yield(none, err)
			return
		}
		for _, e := range entries {
			st, err := v.Statement(e.Index)
			if err != nil {
				yield(none, err)
				return
			}
			c, ok := st.Claims().(C)
			if !ok || !st.Holds(distrusted(v.Root(), e.Index)) {
				continue
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}

// distrusted tells the keys whose signatures do not count at a log index.
func distrusted(root *attest.TrustRoot, index int64) func(kid string) bool {
	return func(kid string) bool {
		since, compromised := root.CompromisedSince(kid)
		return compromised && index >= since
	}
}
