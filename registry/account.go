package registry

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"github.com/safeconduct/safeconduct/verify"
)

// An account is what a draft knows of one subject.
type account struct {
	key [32]byte
	// before is the subject's value in the status map before the draft, value
	// the one that it has by now.
	before, value verify.MapValue
	// history are the subject's newest entries, those of the draft at least,
	// and all of them where they are as many as value counts.
	history []HistoryEntry
	// record is of the first entries of the whole history; it may be nil.
	record *record
	// touched says that the open batch speaks of the subject.
	touched bool
}

// added are the entries of the draft.
func (a *account) added() []HistoryEntry {
	return a.history[len(a.history)-int(a.value.Count-a.before.Count):]
}

// size is about what the account takes of memory.
func (a *account) size() int {
	n := 256 + 128*cap(a.history)
	if a.record != nil && a.record != &blank {
		n += 512 + a.record.bytes
	}
	return n
}

// account returns what the draft knows of a subject.
func (d *draft) account(subject string) (*account, error) {
	if a, ok := d.accounts[subject]; ok {
		return a, nil
	}
	key := verify.MapKey(subject)
	before, err := d.base.value(key)
	if err != nil {
		return nil, err
	}
	a, ok := d.r.accounts.get(subject)
	// That of a draft that came to nothing has another chain.
	if !ok || a.value != before {
		a = &account{key: key, value: before}
	}
	a.before = before
	d.accounts[subject] = a
	return a, nil
}

// History implements [View].
func (d *draft) History(subject string) ([]HistoryEntry, error) {
	a, err := d.account(subject)
	if err != nil {
		return nil, err
	}
	if int64(len(a.history)) != a.value.Count {
		h, err := d.r.log.History(subject)
		if err != nil {
			return nil, err
		}
		h = append(h, a.added()...)
		a.history, a.record = h, nil
	}
	return a.history, nil
}

// record implements [precedents].
func (d *draft) record(subject string) (*record, error) {
	h, err := d.History(subject)
	if err != nil {
		return nil, err
	}
	a := d.accounts[subject]
	a.record, err = a.record.follow(d, subject, h)
	return a.record, err
}

// accountBytes bounds the accounts of one generation.
const accountBytes = 16 << 20

// accounts are those of the subjects that were asked for lately, for the drafts
// that follow. What is used stays, as in an [openedCache]. The zero accounts
// are empty. Whoever writes the log uses them alone.
type accounts struct {
	newer, older map[string]sized
	bytes        int
}

// sized is an account and what it was counted for.
type sized struct {
	*account
	bytes int
}

func (c *accounts) get(subject string) (*account, bool) {
	a, ok := c.newer[subject]
	if !ok {
		a, ok = c.older[subject]
	}
	return a.account, ok
}

func (c *accounts) put(subject string, a *account) {
	if c.newer == nil || c.bytes > accountBytes {
		c.older, c.newer, c.bytes = c.newer, make(map[string]sized), 0
	}
	was, ok := c.newer[subject]
	if !ok {
		// What a payload was read into is kept by every part of it.
		subject = strings.Clone(subject)
	}
	is := sized{a, a.size()}
	c.newer[subject] = is
	c.bytes += is.bytes - was.bytes
}

// entryAt returns the entry of a log index.
func entryAt(h []HistoryEntry, index int64) (HistoryEntry, bool) {
	i, ok := slices.BinarySearchFunc(h, index, func(e HistoryEntry, index int64) int { return cmp.Compare(e.Index, index) })
	if !ok {
		return HistoryEntry{}, false
	}
	return h[i], true
}

// upTo cuts a history at a size.
func upTo(h []HistoryEntry, size int64) []HistoryEntry {
	n := sort.Search(len(h), func(i int) bool { return h[i].Index >= size })
	return h[:n:n]
}
