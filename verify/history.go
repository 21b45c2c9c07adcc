package verify

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/verify/statusmap"
)

// statusLeaf: the last leaf of the checkpoint's tree is a status leaf, so that
// nothing came after it, and it is not dated more than five minutes ahead of
// what the cosigners say.
func (in *inspection) statusLeaf() error {
	s := in.evidence.Status
	var err error
	if in.status, err = ParseStatusLeaf([]byte(s.Leaf)); err != nil {
		return err
	}
	if s.Index != in.tree.N-1 {
		return fmt.Errorf("it is at index %d; in a log of size %d the last leaf is at %d", s.Index, in.tree.N, in.tree.N-1)
	}
	if in.status.Index != s.Index {
		return fmt.Errorf("it says that its index is %d; it is shown at %d", in.status.Index, s.Index)
	}
	if err := s.Proof.check(in.tree, s.Index, tlog.RecordHash([]byte(s.Leaf))); err != nil {
		return err
	}
	if in.status.Time.After(in.fresh.Add(MaxSkew)) {
		return fmt.Errorf("it is dated %s, more than five minutes after what the cosigners attest, %s", utc(in.status.Time), utc(in.fresh))
	}
	return nil
}

func utc(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// statusMap: every history has a proof of the status map's form, and what is
// shown as absent is. What the map holds of the others is recomputed from
// their entries and compared in the next step; and there, too, a history that
// shows no entries beside a proof of presence fails, as one that leaves them
// out.
func (in *inspection) statusMap() error {
	for _, h := range in.evidence.Histories {
		switch path := isPath(h.Proof); {
		case path:
		case len(h.Entries)+len(h.Stubs) > 0:
			return fmt.Errorf("the proof of %s is malformed", h.Subject)
		default:
			if err := statusmap.CheckAbsent(in.status.MapRoot, MapKey(h.Subject), h.Proof); err != nil {
				return fmt.Errorf("the proof that %s has no statements: %w", h.Subject, err)
			}
		}
	}
	return nil
}

// isPath reports whether a proof of package statusmap has the form of one of
// presence: steps of uvarint(index) and a hash, the indices decreasing. A
// proof of absence never has: it begins with the two lengths of a leaf, 32 and
// 40, which do not decrease.
func isPath(proof []byte) bool {
	for below := uint64(256); len(proof) > 0; {
		bit, n := binary.Uvarint(proof)
		if n <= 0 || bit >= below || len(proof) < n+tlog.HashSize {
			return false
		}
		below, proof = bit, proof[n+tlog.HashSize:]
	}
	return true
}

// history: each history, entries and stubs together, is the one whose count and
// chain stand in the status map, its times do not decrease and are not after
// the status leaf's; stubs stand where they may; each statement is in a
// history and at its place in the log, which is proven for all of them or, before
// a verifier who relies on a mirror, for none.
func (in *inspection) history() error {
	in.values = make(map[string]MapValue, len(in.evidence.Histories))
	for i := range in.evidence.Histories {
		h := &in.evidence.Histories[i]
		err := in.checkStubs(h)
		var value MapValue
		if err == nil {
			value, err = in.recompute(h)
		}
		if err != nil {
			return fmt.Errorf("the history of %s: %w", h.Subject, err)
		}
		in.values[h.Subject] = value
	}
	// Without any proof, their places are what the map's chains say, which a
	// mirror has checked like the tags of stubs.
	placed := slices.ContainsFunc(in.evidence.Statements, func(s LoggedStatement) bool { return len(s.Proof) > 0 })
	if !placed && !in.trust.ReliesOnMirror() {
		return fmt.Errorf("the statements have no inclusion proofs: %w", ErrCompact)
	}
	for _, s := range in.evidence.Statements {
		shown := in.statements[s.Index]
		if shown.entry == nil {
			return fmt.Errorf("the statement at index %d is in no history", s.Index)
		}
		if !placed {
			continue
		}
		if err := s.Proof.check(in.tree, s.Index, shown.leaf); err != nil {
			return err
		}
	}
	return nil
}

// errNotWhole is all that a wrong chain tells.
var errNotWhole = errors.New("is not the one that the status map holds: an entry has been left out, added or changed, or the map proof is damaged; ask the register for fresh evidence")

// recompute returns the value of the status map that the entries and stubs
// make, zero for none, when it is the one that the map holds.
func (in *inspection) recompute(h *History) (MapValue, error) {
	if len(h.Entries)+len(h.Stubs) == 0 {
		if isPath(h.Proof) {
			return MapValue{}, errNotWhole
		}
		return MapValue{}, nil
	}
	var value MapValue
	var last int64
	for e, stub := range h.merged() {
		if e != nil {
			var err error
			if stub, err = in.stub(e); err != nil {
				return MapValue{}, err
			}
		}
		if stub.Index >= in.status.Index {
			return MapValue{}, fmt.Errorf("the statement at index %d is not before the status leaf", stub.Index)
		}
		if stub.Time < last || stub.Time > in.status.Time.UnixMilli() {
			return MapValue{}, fmt.Errorf("the time of the statement at index %d is before the previous one's or after the status leaf's", stub.Index)
		}
		last = stub.Time
		value = value.Next(stub.Index, stub.Time, stub.Leaf, stub.Tag)
	}
	if err := statusmap.CheckPresent(in.status.MapRoot, MapKey(h.Subject), value.Bytes(), h.Proof); err != nil {
		return MapValue{}, errNotWhole
	}
	return value, nil
}

// stub returns what an entry would be as a stub. In all histories that speak of
// one statement, the entry is the same.
func (in *inspection) stub(e *Entry) (*Stub, error) {
	s, ok := in.statements[e.Index]
	if !ok {
		return nil, fmt.Errorf("the statement at index %d is not shown", e.Index)
	}
	if s.entry == nil {
		s.entry = e
	}
	if *s.entry != *e {
		return nil, fmt.Errorf("another history gives the statement at index %d another time or tag", e.Index)
	}
	return &Stub{e.Index, e.Time, s.leaf, e.Tag}, nil
}

// signatures: each statement was signed by who may sign it, by the trust root
// in force at its index, is about the subject of its history, and bears the
// tag of its lineage.
func (in *inspection) signatures() error {
	var raw []byte
	for _, s := range in.evidence.Statements {
		shown := in.statements[s.Index]
		if shown.opened != nil {
			continue
		}
		var err error
		// What is opened has a copy of its own.
		raw = append(raw[:0], s.Statement...)
		if shown.opened, err = attest.Open(raw, in.inForce(s.Index)); err != nil {
			return fmt.Errorf("the statement at index %d: %w", s.Index, err)
		}
	}
	for _, h := range in.evidence.Histories {
		if err := in.checkEntries(h); err != nil {
			return fmt.Errorf("the history of %s: %w", h.Subject, err)
		}
	}
	return nil
}

// checkEntries checks what a history's entries say against its statements. A
// statement has one tag, which its own subject's history tells; in that of
// another identifier, its lineage need not be whole.
func (in *inspection) checkEntries(h History) error {
	var lineage attest.Lineage
	for _, e := range h.Entries {
		c := in.statements[e.Index].opened.Claims()
		if !slices.Contains(c.Subjects(), h.Subject) {
			return fmt.Errorf("the statement at index %d is not about it", e.Index)
		}
		if c.Head().Sub != h.Subject {
			continue
		}
		tag, err := lineage.Next(c)
		if err != nil {
			return fmt.Errorf("the statement at index %d: %w", e.Index, err)
		}
		if tag != e.Tag {
			return fmt.Errorf("the statement at index %d bears the tag of another lineage", e.Index)
		}
	}
	return nil
}
