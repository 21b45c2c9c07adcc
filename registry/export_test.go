package registry

import (
	"github.com/safeconduct/safeconduct/verify"
)

// Waiting returns how many statements wait for the sequencer.
func (r *Registry) Waiting() int { return len(r.queue) }

// A Roster has the names of the statements logged lately.
type Roster = roster

// RosterSize is how many names one half of it has at least.
const RosterSize = rosterSize

// NewRoster returns that of a log of that size.
func NewRoster(size int64) *Roster { return newRoster(size) }

// Add takes the names of a batch.
func (r *Roster) Add(start int64, names []Named) { r.add(start, names) }

// Find returns where a name leads that was not in the log of that size.
func (r *Roster) Find(iss, jti string, size int64) (place Place, ok, sure bool) {
	return r.find(iss, jti, size)
}

// Pretend has the published status map count so many statements of a subject.
func (r *Reader) Pretend(subject string, count int64) {
	s := *r.shown()
	s.statuses = s.statuses.Set(func(yield func([32]byte, []byte) bool) {
		yield(verify.MapKey(subject), verify.MapValue{Count: count}.Bytes())
	})
	r.publish(&s)
	r.advance(&s)
}
