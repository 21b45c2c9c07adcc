package attest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/attest"
)

func (w *world) freeze(jti string, k *testKey) *attest.Freeze {
	c := common(attest.RootSubject, jti)
	return &attest.Freeze{Common: c, Kid: k.key.ID(), Cause: "lost", CauseText: "The token was lost."}
}

func TestAFrozenKeySignsNothingNewAndVoidsNothingOld(t *testing.T) {
	w := newWorld(t)
	revoke := sign(t, event(attest.Revoke), w.alice)
	before, err := attest.Open(revoke, w.root)
	if err != nil {
		t.Fatal(err)
	}
	frozen := openRoot(t, sign(t, w.freeze("FRZ-1", w.alice), w.bob), w.root)
	if !frozen.Frozen(w.alice.key.ID()) || frozen.Frozen(w.bob.key.ID()) || w.root.Frozen(w.alice.key.ID()) {
		t.Error("the freeze is of another key, or changes the root before it")
	}
	if frozen.Root() != w.root.Root() || frozen.Statement() != w.root.Statement() {
		t.Error("a freeze makes another trust root")
	}
	for name, s := range map[string][]byte{
		"alone": revoke, "beside enough others": sign(t, registration(), w.alice, w.aliceSpare, w.bob),
	} {
		if _, err := attest.Open(s, frozen); err == nil || !strings.Contains(err.Error(), "is frozen") {
			t.Errorf("a frozen key, %s: %v", name, err)
		}
	}
	if _, err := attest.Open(sign(t, registration(), w.aliceSpare, w.bob), frozen); err != nil {
		t.Errorf("the officer's other key: %v", err)
	}
	if frozen.Voids(before, 5) {
		t.Error("what the key signed before is void")
	}
}

func TestAFreezeIsForTheKeysOwnAuthority(t *testing.T) {
	w := newWorld(t)
	other := w.freeze("FRZ-1", w.ravi)
	for name, c := range map[string]struct {
		statement []byte
		root      *attest.TrustRoot
		want      string
	}{
		"another authority's key":   {sign(t, other, w.alice), w.root, "no key of authority us-bis"},
		"nobody's key":              {sign(t, w.freeze("FRZ-1", w.stranger), w.alice), w.root, "no key of authority us-bis"},
		"by another's officer":      {sign(t, w.freeze("FRZ-1", w.alice), w.ravi), w.root, "no key of authority us-bis"},
		"by a key of nobody":        {sign(t, w.freeze("FRZ-1", w.alice), w.stranger), w.root, "no key of authority us-bis"},
		"before any root":           {sign(t, w.freeze("FRZ-1", w.alice), w.alice), nil, "no trust root"},
		"of a root officer's key":   {sign(t, w.freeze("FRZ-1", w.chief1), w.alice), w.root, "no key of authority us-bis"},
		"of what is frozen already": {sign(t, w.freeze("FRZ-2", w.alice), w.bob), openRoot(t, sign(t, w.freeze("FRZ-1", w.alice), w.bob), w.root), "frozen already"},
		"by what is frozen":         {sign(t, w.freeze("FRZ-2", w.bob), w.alice), openRoot(t, sign(t, w.freeze("FRZ-1", w.alice), w.bob), w.root), "is frozen"},
		"by a compromised key":      {sign(t, w.freeze("FRZ-1", w.alice), w.lost), w.root, "declared compromised"},
	} {
		if _, err := attest.OpenRoot(c.statement, c.root); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if _, err := attest.OpenRoot(sign(t, w.freeze("FRZ-1", w.alice), w.alice), w.root); err != nil {
		t.Errorf("a key that freezes itself: %v", err)
	}
}

func TestAFreezeStandsUntilARootThawsIt(t *testing.T) {
	w := newWorld(t)
	kid := w.alice.key.ID()
	frozen := openRoot(t, sign(t, w.freeze("FRZ-1", w.alice), w.bob), w.root)
	next := func(of *attest.TrustRoot, change func(*attest.Root)) *attest.TrustRoot {
		r, err := of.Successor()
		if err != nil {
			t.Fatal(err)
		}
		change(r)
		return openRoot(t, sign(t, r, w.chief1, w.chief2), of)
	}
	second := next(frozen, func(*attest.Root) {})
	if !second.Frozen(kid) {
		t.Error("another version thaws without saying so")
	}
	thawed := next(second, func(r *attest.Root) { r.Authorities[0].Thawed = []string{kid} })
	if thawed.Frozen(kid) {
		t.Error("a version that thaws the key leaves it frozen")
	}
	again := openRoot(t, sign(t, w.freeze("FRZ-2", w.alice), w.bob), thawed)
	if fourth := next(again, func(*attest.Root) {}); !fourth.Frozen(kid) {
		t.Error("an old thaw undoes a later freeze")
	}
	gone := next(frozen, func(r *attest.Root) { r.Authorities = slices.Delete(r.Authorities, 0, 1) })
	back := next(gone, func(r *attest.Root) { r.Authorities = append(r.Authorities, w.claims.Authorities[0]) })
	if !back.Frozen(kid) {
		t.Error("an authority that leaves and comes back has its key again")
	}
	r, err := frozen.Successor()
	if err != nil {
		t.Fatal(err)
	}
	r.Authorities[0].Thawed = []string{w.ravi.key.ID()}
	if err := attest.Check(r); err == nil || !strings.Contains(err.Error(), "/authorities/0/thawed/0") {
		t.Errorf("a version that thaws another authority's key: %v", err)
	}
}
