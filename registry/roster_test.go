package registry_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/safeconduct/safeconduct/registry"
)

// Where the roster is sure, it finds what was logged since the name was looked
// up, and nothing else; and it is sure of whoever has waited for no more than
// it has room for.
func TestTheRosterKnowsWhatWasLoggedSince(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.Int64Range(0, 1e6).Draw(t, "size of the log")
		size := start
		roster, logged := registry.NewRoster(size), make(map[int64]bool)
		for range rapid.IntRange(1, 12).Draw(t, "batches") {
			n := rapid.Int64Range(1, registry.RosterSize/2).Draw(t, "statements")
			names := make([]registry.Named, n)
			for i := range names {
				index := size + int64(i)
				logged[index] = true
				names[i] = registry.Named{Iss: "auth", JTI: fmt.Sprint(index), Place: registry.Place{Index: index, Size: size + n + 1}}
			}
			roster.Add(size, names)
			size += n + 1
			lookedUp := rapid.Int64Range(start, size).Draw(t, "looked up at size")
			index := rapid.Int64Range(lookedUp, size+1).Draw(t, "index asked for")
			place, ok, sure := roster.Find("auth", fmt.Sprint(index), lookedUp)
			switch {
			case ok && place.Index != index:
				t.Fatalf("the name of %d leads to %d", index, place.Index)
			case sure && ok != logged[index]:
				t.Fatalf("the name of %d, looked up at %d: found %t, logged %t", index, lookedUp, ok, logged[index])
			case !sure && size-lookedUp <= registry.RosterSize:
				t.Fatalf("the roster does not reach back from %d to %d", size, lookedUp)
			}
		}
	})
}
