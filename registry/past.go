package registry

import (
	"golang.org/x/mod/sumdb/tlog"
)

// A past is a log as it stood at an earlier size, with what is known to be
// wrong in it put right. It is what a replay in place looks at.
type past struct {
	Log
	size      int64
	names     map[[2]string]Place
	histories map[string][]HistoryEntry
}

func newPast(log Log) *past {
	return &past{Log: log, names: make(map[[2]string]Place), histories: make(map[string][]HistoryEntry)}
}

// grown moves the size behind a batch.
func (p *past) grown(b Batch) {
	p.size = b.Start + int64(len(b.Leaves))
}

// Find implements [Log].
func (p *past) Find(iss, jti string) (Place, bool, error) {
	if place, ok := p.names[[2]string{iss, jti}]; ok {
		return place, true, nil
	}
	// What cannot be read is reported where its statement stands.
	place, ok, err := p.Log.Find(iss, jti)
	if err != nil || !ok || place.Index >= p.size {
		return Place{}, false, nil //nolint:nilerr // see above
	}
	// A name of nothing, or of something else, would refuse what was admitted.
	leaf, err := p.Leaf(place.Index)
	if err != nil || tlog.RecordHash(leaf) != place.LeafHash {
		return Place{}, false, nil //nolint:nilerr // see above
	}
	return place, true, nil
}

// History implements [Log]. Entries of nothing break the chain and are left
// out.
func (p *past) History(subject string) ([]HistoryEntry, error) {
	if h, ok := p.histories[subject]; ok {
		return h[:len(h):len(h)], nil
	}
	h, err := p.Log.History(subject)
	if err != nil {
		return nil, err
	}
	return unbroken(upTo(h, p.size)), nil
}
