package verify

import (
	"errors"
	"fmt"

	"github.com/safeconduct/safeconduct/attest"
)

// rootAt is a trust root, in force from its own index on.
type rootAt struct {
	index int64
	*attest.TrustRoot
}

// root: the history of the subject root is there, has the pinned version with
// the pinned leaf hash, and each later version is signed by the thresholds of
// the one before and its own. Versions before the pinned one are fixed by the
// history that contains it, which the step history proves; what they are not
// trusted for here is anything at an index after the pinned one.
func (in *inspection) root() error {
	h := in.find(attest.RootSubject)
	if h == nil || len(h.Entries) == 0 {
		return errors.New("the history of the subject root is not in the evidence; ask the register for complete evidence")
	}
	pin := in.trust.doc.Root
	var prev *attest.TrustRoot
	pinned := false
	for _, e := range h.Entries {
		s, ok := in.statements[e.Index]
		if !ok {
			return fmt.Errorf("the trust root at log index %d is not shown", e.Index)
		}
		var err error
		if s.opened, err = attest.OpenRoot([]byte(s.Statement), prev); err != nil {
			return fmt.Errorf("the trust root at log index %d: %w", e.Index, err)
		}
		prev = s.opened.TrustRoot()
		r := prev.Root()
		if r.Aud != in.trust.Origin() {
			return fmt.Errorf("the trust root is of the register %q; the trust file is for %q", r.Aud, in.trust.Origin())
		}
		if r.Version == pin.Version {
			if s.leaf != in.trust.pin {
				return fmt.Errorf("version %d of the trust root is another one (leaf hash %v) than the trust file pins (%v)", r.Version, s.leaf, in.trust.pin)
			}
			pinned = true
		}
		in.roots = append(in.roots, rootAt{e.Index, prev})
	}
	if !pinned {
		return fmt.Errorf("version %d of the trust root, which the trust file pins, is not in the evidence (it has versions %d to %d); older evidence is verified with the trust file of its time",
			pin.Version, in.roots[0].Root().Version, prev.Root().Version)
	}
	return nil
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
