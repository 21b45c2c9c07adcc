package verify

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
)

// rootAt is a trust root, in force from its own index on.
type rootAt struct {
	index int64
	*attest.TrustRoot
}

// root: the history of the subject root is there, has the pinned version with
// the pinned leaf hash, and each later version is signed by the thresholds of
// the one before and its own. Each names the leaf hash of the one before, so
// that the pin fixes all versions before it too; the first is leaf 0.
func (in *inspection) root() error {
	h := in.find(attest.RootSubject)
	if h == nil || len(h.Entries) == 0 {
		return errors.New("the history of the subject root is not in the evidence; ask the register for complete evidence")
	}
	if h.Entries[0].Index != 0 {
		return fmt.Errorf("the first trust root is at log index %d, not 0", h.Entries[0].Index)
	}
	pin := in.trust.doc.Root
	chain := newRootChain(in.trust)
	pinned := false
	for _, e := range h.Entries {
		s, ok := in.statements[e.Index]
		if !ok {
			return fmt.Errorf("the trust root at log index %d is not shown", e.Index)
		}
		t, err := chain.open(s)
		if err != nil {
			return fmt.Errorf("the trust root at log index %d: %w", e.Index, err)
		}
		r := t.Root()
		if len(in.roots) == 0 && r.Version != 1 {
			return fmt.Errorf("the first trust root is version %d, not 1", r.Version)
		}
		if r.Aud != in.trust.Origin() {
			return fmt.Errorf("the trust root is of the register %q; the trust file is for %q", r.Aud, in.trust.Origin())
		}
		if r.Version == pin.Version {
			if s.leaf != in.trust.pin {
				return fmt.Errorf("version %d of the trust root is another one (leaf hash %v) than the trust file pins (%v)", r.Version, s.leaf, in.trust.pin)
			}
			pinned = true
		}
		in.roots = append(in.roots, rootAt{e.Index, t})
	}
	if !pinned {
		return fmt.Errorf("version %d of the trust root, which the trust file pins, is not in the evidence (it has versions %d to %d); older evidence is verified with the trust file of its time",
			pin.Version, in.roots[0].Root().Version, in.roots[len(in.roots)-1].Root().Version)
	}
	chain.keep(in.trust)
	return nil
}

// A rootChain opens trust roots one after another. A verifier meets the same
// ones in all evidence of a register, so that a [Trust] keeps the last chain;
// what opening gives depends on the statements of the chain alone, and these
// their leaf hashes tell.
type rootChain struct {
	known, opened []openedRoot
}

type openedRoot struct {
	leaf      tlog.Hash
	statement *attest.Statement
	root      *attest.TrustRoot
}

func newRootChain(t *Trust) *rootChain {
	c := new(rootChain)
	if known := t.roots.Load(); known != nil {
		c.known = *known
	}
	return c
}

// open opens the next trust root and notes the statement as opened.
func (c *rootChain) open(s *shown) (*attest.TrustRoot, error) {
	n := len(c.opened)
	if n < len(c.known) && c.known[n].leaf == s.leaf {
		c.opened = append(c.opened, c.known[n])
		s.opened = c.known[n].statement
		return c.known[n].root, nil
	}
	c.known = nil // what follows in it follows something else
	var prev *attest.TrustRoot
	if n > 0 {
		prev = c.opened[n-1].root
	}
	var err error
	if s.opened, err = attest.OpenRoot([]byte(s.Statement), prev); err != nil {
		return nil, err
	}
	c.opened = append(c.opened, openedRoot{s.leaf, s.opened, s.opened.TrustRoot()})
	return c.opened[n].root, nil
}

// keep has the trust keep the chain, where it is another one.
func (c *rootChain) keep(t *Trust) {
	if len(c.known) != len(c.opened) {
		t.roots.Store(&c.opened)
	}
}

// find returns the history of a subject, nil where it is not shown.
func (in *inspection) find(subject string) *History {
	for i := range in.evidence.Histories {
		if h := &in.evidence.Histories[i]; h.Subject == subject {
			return h
		}
	}
	return nil
}

// inForce returns the trust root that judges the leaf at a log index, nil
// before the first.
func (in *inspection) inForce(index int64) *attest.TrustRoot {
	var t *attest.TrustRoot
	for _, r := range in.roots {
		if r.index <= index {
			t = r.TrustRoot
		}
	}
	return t
}
