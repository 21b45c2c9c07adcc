package registry

import (
	"maps"
	"slices"

	"github.com/safeconduct/safeconduct/verify"
	"github.com/safeconduct/safeconduct/verify/statusmap"
)

// omitted finds a statement of a batch that was left out of the status map, of
// all its subjects or of one: without it, the map has the root given. before is
// the map before the batch.
func omitted(before *statusmap.Map, entries []SubjectEntry, root [32]byte) (index int64, subject string, ok bool) {
	// A root takes the hashes of the whole batch.
	const most = 256
	if len(entries) > most {
		return 0, "", false
	}
	for i, e := range entries {
		if i == 0 || entries[i-1].Index != e.Index {
			if without(before, entries, func(x SubjectEntry) bool { return x.Index == e.Index }).Root() == root {
				return e.Index, e.Subject, true
			}
		}
		if without(before, entries, func(x SubjectEntry) bool { return x.Index == e.Index && x.Subject == e.Subject }).Root() == root {
			return e.Index, e.Subject, true
		}
	}
	return 0, "", false
}

// without returns the map that follows from the entries that are not left out.
func without(before *statusmap.Map, entries []SubjectEntry, out func(SubjectEntry) bool) *statusmap.Map {
	values := make(map[string]verify.MapValue)
	for _, e := range slices.DeleteFunc(slices.Clone(entries), out) {
		v, ok := values[e.Subject]
		if !ok {
			if b, known := before.Get(verify.MapKey(e.Subject)); known {
				// What the map holds was put there as a value.
				v, _ = verify.ParseMapValue(b)
			}
		}
		values[e.Subject] = v.Next(e.Index, e.Time.UnixMilli(), e.LeafHash, e.Tag)
	}
	return before.Set(func(yield func([32]byte, []byte) bool) {
		for s, v := range maps.All(values) {
			if !yield(verify.MapKey(s), v.Bytes()) {
				return
			}
		}
	})
}
