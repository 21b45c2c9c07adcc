package verify

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/omissible"
	"github.com/safeconduct/safeconduct/internal/strictjson"
)

// A Stub stands in a history for a statement that is not shown, with all that
// the chain over the history needs. That its tag is the statement's, a mirror
// has checked and nobody else.
type Stub struct {
	// Index, Time and Tag are as in an [Entry].
	Index, Time int64
	// Leaf is the statement's RFC 6962 leaf hash.
	Leaf tlog.Hash
	Tag  attest.Tag
}

// stubSize is the length of a stub's bytes.
const stubSize = 8 + 8 + tlog.HashSize + len(attest.Tag{})

// Stubs are the stubs of a history. In JSON they are one string, the standard
// base64 of 80 bytes each:
//
//	u64be(index) ‖ u64be(time_ms) ‖ leaf_hash ‖ tag
type Stubs []Stub

// MarshalText returns the base64 of the stubs.
func (s Stubs) MarshalText() ([]byte, error) {
	b := make([]byte, 0, len(s)*stubSize)
	for _, x := range s {
		b = binary.BigEndian.AppendUint64(b, uint64(x.Index))
		b = binary.BigEndian.AppendUint64(b, uint64(x.Time))
		b = append(b, x.Leaf[:]...)
		b = append(b, x.Tag[:]...)
	}
	return base64.StdEncoding.AppendEncode(nil, b), nil
}

var errStubs = errors.New("are not the strict base64 of a number of times 80 bytes")

// UnmarshalText reads what [Stubs.MarshalText] returns, where there is any.
func (s *Stubs) UnmarshalText(text []byte) error {
	b, err := strict64.AppendDecode(nil, text)
	if err != nil || len(b)%stubSize != 0 || len(b) == 0 || len(text) != base64.StdEncoding.EncodedLen(len(b)) {
		return errStubs
	}
	out := make(Stubs, 0, len(b)/stubSize)
	for ; len(b) > 0; b = b[stubSize:] {
		out = append(out, Stub{
			Index: int64(binary.BigEndian.Uint64(b)), Time: int64(binary.BigEndian.Uint64(b[8:])),
			Leaf: tlog.Hash(b[16:48]), Tag: attest.Tag(b[48:80]),
		})
	}
	*s = out
	return nil
}

// check lists what no stubs beside those entries may say.
func (s Stubs) check(p *strictjson.Problems, ptr string, entries []Entry) {
	for i, x := range s {
		switch {
		case !safe(x.Index) || !safe(x.Time):
			p.Add(ptr, "stub %d has a number that is not within 0 and 2^53-1", i)
		case i > 0 && x.Index <= s[i-1].Index:
			p.Add(ptr, "index %d stands twice", x.Index)
		}
		for len(entries) > 0 && entries[0].Index < x.Index {
			entries = entries[1:]
		}
		if len(entries) > 0 && entries[0].Index == x.Index {
			p.Add(ptr, "index %d stands in the entries, too", x.Index)
		}
	}
}

// merged yields the statements of the history in log order: as the entry, or
// nil and the stub.
func (h *History) merged() iter.Seq2[*Entry, *Stub] {
	return func(yield func(*Entry, *Stub) bool) {
		i, j := 0, 0
		for i < len(h.Entries) || j < len(h.Stubs) {
			var more bool
			if j == len(h.Stubs) || i < len(h.Entries) && h.Entries[i].Index < h.Stubs[j].Index {
				more = yield(&h.Entries[i], nil)
				i++
			} else {
				more = yield(nil, &h.Stubs[j])
				j++
			}
			if !more {
				return
			}
		}
	}
}

// checkStubs: stubs stand where evidence may leave something out, for whole
// lineages, and before somebody who relies on a mirror.
func (in *inspection) checkStubs(h *History) error {
	if len(h.Stubs) == 0 {
		return nil
	}
	root := h.Subject == attest.RootSubject
	switch {
	case !in.trust.ReliesOnMirror():
		return fmt.Errorf("has stubs: %w", ErrCompact)
	case !root && !omissible.IsApprovals(h.Subject):
		return errors.New("has stubs, which stand in the history of root and of an authority's approvals of an entity only")
	}
	shown := make(map[attest.Tag]bool)
	for _, e := range h.Entries {
		shown[e.Tag] = true
	}
	for _, s := range h.Stubs {
		_, also := in.statements[s.Index]
		switch {
		case also:
			return fmt.Errorf("the statement at index %d is shown, but stands there as a stub", s.Index)
		case root && s.Tag != attest.Tag{}:
			return fmt.Errorf("the stub at index %d has a tag; no trust root has", s.Index)
		case root:
		case s.Tag == attest.Tag{}:
			return fmt.Errorf("the stub at index %d has no tag: what concerns the whole subject has to be shown", s.Index)
		case shown[s.Tag]:
			return fmt.Errorf("the stub at index %d is of a lineage of which something is shown: a lineage is shown whole or not at all", s.Index)
		}
	}
	return nil
}
