package verify

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/safeconduct/safeconduct/attest"
)

// rootAt is a trust root, in force from its own index on.
type rootAt struct {
	index int64
	*openedRoot
}

// An openedRoot is a trust root, with what was frozen since, and with the keyring of those who may sign a
// checkpoint by it and by the policy of the trust, which is made when it is
// first asked for.
type openedRoot struct {
	*attest.TrustRoot
	// by is the statement since which it is in force: a root, or a freeze.
	by      *attest.Statement
	signers func() (*keyring, error)
}

// root: the history of the subject root is there, has the pinned version with
// the pinned leaf hash, and each later version is signed by the thresholds of
// the one before and its own. Each names the leaf hash of the one before, so
// that the pin fixes the shown versions before it too; the first of all is leaf
// 0.
//
// Stubs stand for the oldest versions only: older than the pinned one, and than
// every statement that is shown. All between the version that judges a
// statement and the pinned one are shown then, so that no declaration of a
// compromised key gets lost between them.
func (in *inspection) root() error {
	h := in.find(attest.RootSubject)
	if h == nil || len(h.Entries) == 0 {
		return errors.New("the history of the subject root is not in the evidence; ask the register for complete evidence")
	}
	if err := in.firstRoot(h); err != nil {
		return err
	}
	pin := in.trust.doc.Root
	chain := rootChain{trust: in.trust}
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
		if t.by != t.Statement() {
			// A freeze, which has no version.
			in.roots = append(in.roots, rootAt{e.Index, t})
			continue
		}
		if want := int64(len(h.Stubs)) + 1; len(in.roots) == 0 && r.Version != want {
			return fmt.Errorf("the first trust root is version %d, not %d", r.Version, want)
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
	chain.keep()
	return nil
}

// firstRoot: the history of root begins at index 0, its stubs stand before all
// that is shown.
func (in *inspection) firstRoot(h *History) error {
	first, shown := h.Entries[0].Index, h.Entries[0].Index
	if len(h.Stubs) > 0 {
		first = min(first, h.Stubs[0].Index)
	}
	if first != 0 {
		return fmt.Errorf("the first trust root is at log index %d, not 0", first)
	}
	for _, s := range h.Stubs {
		if s.Index > shown {
			return fmt.Errorf("the trust root at log index %d is a stub after one that is shown; only the oldest versions may be stubs", s.Index)
		}
	}
	// Statements ascend.
	if s := in.evidence.Statements; len(s) > 0 && s[0].Index < shown {
		return fmt.Errorf("the statement at index %d is older than the first trust root that is shown, at %d; the version that judges it has to be shown", s[0].Index, shown)
	}
	return nil
}

// A rootChain opens trust roots one after another. A verifier meets the same
// ones in all evidence of a register, so that a [Trust] remembers them; what
// opening gives depends on the statements of the chain alone, and these their
// leaf hashes tell.
type rootChain struct {
	trust *Trust
	// name is the SHA-256 over that of the chain before and the leaf hash.
	name [32]byte
	last *attest.TrustRoot
	new  map[[32]byte]*openedRoot
}

// open opens the next trust root and notes the statement as opened.
func (c *rootChain) open(s *shown) (*openedRoot, error) {
	c.name = sha256.Sum256(append(c.name[:], s.leaf[:]...))
	r := c.trust.roots.get(c.name)
	if r == nil {
		opened, err := attest.OpenRoot([]byte(s.Statement), c.last)
		if err != nil {
			return nil, err
		}
		t, policy := opened.TrustRoot(), c.trust.policy
		r = &openedRoot{t, opened, sync.OnceValues(func() (*keyring, error) { return newKeyring(t.Root(), policy) })}
		if c.new == nil {
			c.new = make(map[[32]byte]*openedRoot)
		}
		c.new[c.name] = r
	}
	s.opened, c.last = r.by, r.TrustRoot
	return r, nil
}

// keep has the trust remember the chain, which has the pinned version.
func (c *rootChain) keep() {
	if c.new != nil {
		c.trust.roots.add(c.new)
	}
}

// maxRoots bounds a rootMemory.
const maxRoots = 100

// A rootMemory has opened trust roots by the chain that they end.
type rootMemory struct {
	chains atomic.Pointer[map[[32]byte]*openedRoot]
}

func (m *rootMemory) get(chain [32]byte) *openedRoot {
	if known := m.chains.Load(); known != nil {
		return (*known)[chain]
	}
	return nil
}

// add remembers more, and where that gets too much forgets the rest. What gets
// lost between two that add at once is opened again.
func (m *rootMemory) add(more map[[32]byte]*openedRoot) {
	if known := m.chains.Load(); known != nil && len(*known)+len(more) <= maxRoots {
		maps.Copy(more, *known)
	}
	m.chains.Store(&more)
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
	if r := in.rootAt(index); r != nil {
		return r.TrustRoot
	}
	return nil
}

func (in *inspection) rootAt(index int64) *openedRoot {
	after := sort.Search(len(in.roots), func(i int) bool { return in.roots[i].index > index })
	if after == 0 {
		return nil
	}
	return in.roots[after-1].openedRoot
}
