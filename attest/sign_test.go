package attest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
)

func TestEveryKindOpensAsSignedInEveryAlgorithm(t *testing.T) {
	w := newWorld(t)
	for _, c := range everyKind(w) {
		for _, keys := range [][]*testKey{
			{w.alice, w.bob}, {w.aliceSpare, w.bob}, {w.alice, w.aliceSpare, w.bob}, {w.alice},
		} {
			e, isEvent := c.(*attest.Event)
			revokes := isEvent && e.Event.Revokes()
			if len(keys) == 1 && !revokes {
				continue
			}
			open := func(s []byte) (*attest.Statement, error) { return attest.Open(s, w.root) }
			if c.Kind() == attest.KindRoot {
				keys = []*testKey{w.chief1, w.chief2, w.chief3}
				open = func(s []byte) (*attest.Statement, error) { return attest.OpenRoot(s, nil) }
			}
			signed := sign(t, c, keys...)
			s, err := open(signed)
			if err != nil {
				t.Fatalf("%s: %v", c.Kind(), err)
			}
			if diff := cmp.Diff(c, s.Claims()); diff != "" {
				t.Errorf("%s: claims (-signed +opened):\n%s", c.Kind(), diff)
			}
			if diff := cmp.Diff(string(signed), string(s.Bytes())); diff != "" {
				t.Errorf("%s: bytes (-signed +opened):\n%s", c.Kind(), diff)
			}
			var kids []string
			for _, k := range keys {
				kids = append(kids, k.key.ID())
			}
			slices.Sort(kids)
			if diff := cmp.Diff(kids, s.Signers()); diff != "" {
				t.Errorf("%s: signers (-want +got):\n%s", c.Kind(), diff)
			}
			if lines := strings.Count(string(signed), "\n") + 1; lines != len(keys) {
				t.Errorf("%s: %d lines for %d signatures", c.Kind(), lines, len(keys))
			}
		}
	}
}

func TestSignSortsSetsAndLinesWhateverOrderTheyComeIn(t *testing.T) {
	w := newWorld(t)
	c := entityApproval()
	want := payload(t, c)
	slices.Reverse(c.AuthorisedRoles)
	slices.Reverse(c.ApprovedSites)
	slices.Reverse(c.EligibleItems)
	if diff := cmp.Diff(string(want), string(payload(t, c))); diff != "" {
		t.Errorf("payload depends on the order of sets (-want +got):\n%s", diff)
	}
	for _, keys := range [][]*testKey{{w.alice, w.bob}, {w.bob, w.alice}} {
		if _, err := attest.Open(sign(t, c, keys...), w.root); err != nil {
			t.Error(err)
		}
	}
}

func TestSignRefusesToMakeWhatOpenWouldRefuse(t *testing.T) {
	w := newWorld(t)
	if _, err := attest.Sign(t.Context(), registration()); err == nil {
		t.Error("signed with no key")
	}
	if _, err := attest.Sign(t.Context(), registration(), w.alice, w.alice); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("signed twice with one key: %v", err)
	}
	bad := registration()
	bad.Country = "XX"
	bad.LegalName = ""
	_, err := attest.Sign(t.Context(), bad, w.alice)
	var ps attest.Problems
	if !errors.As(err, &ps) || len(ps) != 2 {
		t.Errorf("got %v, want both problems at once", err)
	}
	bad = registration()
	bad.FormerNames = []string{"Same", "Same"}
	if _, err := attest.Sign(t.Context(), bad, w.alice); err == nil || !strings.Contains(err.Error(), "/former_names/1: stands twice") {
		t.Errorf("got %v, want the repeated element named", err)
	}
	huge := registration()
	for i := range 20 {
		huge.FormerNames = append(huge.FormerNames, strings.Repeat(string(rune('a'+i)), 4000))
	}
	if _, err := attest.Sign(t.Context(), huge, w.alice); err == nil {
		t.Error("made a statement larger than is accepted")
	}
}

// brokenSigner answers with what its function returns.
type brokenSigner struct {
	*testKey
	sign func([]byte) ([]byte, error)
}

func (b brokenSigner) Sign(_ context.Context, input []byte) ([]byte, error) { return b.sign(input) }

func TestSignChecksWhatTheSignerReturns(t *testing.T) {
	w := newWorld(t)
	broken := errors.New("token removed")
	for name, sign := range map[string]func([]byte) ([]byte, error){
		"an error":            func([]byte) ([]byte, error) { return nil, broken },
		"nothing":             func([]byte) ([]byte, error) { return nil, nil },
		"another's signature": func(in []byte) ([]byte, error) { return w.stranger.Sign(t.Context(), in) },
	} {
		_, err := attest.Sign(t.Context(), registration(), brokenSigner{w.alice, sign})
		if err == nil || !strings.Contains(err.Error(), w.alice.key.ID()) {
			t.Errorf("%s: got %v, want an error that names the key", name, err)
		}
		if name == "an error" && !errors.Is(err, broken) {
			t.Errorf("%v does not wrap the signer's error", err)
		}
	}
}
