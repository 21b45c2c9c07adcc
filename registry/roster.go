package registry

// A roster has the names of the statements logged lately, for those who have
// looked one up in the log already and ask whether it has been given since. The
// sequencer alone uses it.
type roster struct {
	newer, older map[[2]string]Place
	// since is the size of the log from which on the roster is complete, turned
	// that from which on newer is.
	since, turned int64
}

// rosterSize is how many names either half has, as many as statements may wait
// usually: whoever waits longer is looked up anew.
const rosterSize = 4096

func newRoster(size int64) *roster {
	return &roster{newer: make(map[[2]string]Place), since: size, turned: size}
}

// add takes the names of the batch that begins at that index.
func (r *roster) add(start int64, names []Named) {
	if len(r.newer) >= rosterSize {
		r.older, r.newer = r.newer, make(map[[2]string]Place, len(r.newer))
		r.since, r.turned = r.turned, start
	}
	for _, n := range names {
		r.newer[[2]string{n.Iss, n.JTI}] = n.Place
	}
}

// find returns where a name leads that was not in the log of that size. It is
// not sure where the roster does not reach back so far.
func (r *roster) find(iss, jti string, size int64) (place Place, ok, sure bool) {
	name := [2]string{iss, jti}
	if place, ok = r.newer[name]; !ok {
		place, ok = r.older[name]
	}
	return place, ok, ok || size >= r.since
}
