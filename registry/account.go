package registry

import "github.com/safeconduct/safeconduct/verify"

// An account is what a draft knows of one subject.
type account struct {
	key [32]byte
	// before is the subject's value in the status map before the draft, value
	// the one that it has by now.
	before, value verify.MapValue
	// history are the subject's entries: where it is whole all of them, else
	// those of the draft alone.
	history []HistoryEntry
	whole   bool
	// touched says that the open batch speaks of the subject.
	touched bool
}

// added are the entries of the draft.
func (a *account) added() []HistoryEntry {
	return a.history[len(a.history)-int(a.value.Count-a.before.Count):]
}

// account returns what the draft knows of a subject.
func (d *draft) account(subject string) (*account, error) {
	if a, ok := d.accounts[subject]; ok {
		return a, nil
	}
	a := &account{key: verify.MapKey(subject)}
	var err error
	if a.before, err = d.base.value(a.key); err != nil {
		return nil, err
	}
	a.value = a.before
	d.accounts[subject] = a
	return a, nil
}

// History implements [View].
func (d *draft) History(subject string) ([]HistoryEntry, error) {
	a, err := d.account(subject)
	if err != nil {
		return nil, err
	}
	if !a.whole && a.before.Count > 0 {
		h, err := d.r.log.History(subject)
		if err != nil {
			return nil, err
		}
		a.history = append(h, a.history...)
	}
	a.whole = true
	return a.history, nil
}
