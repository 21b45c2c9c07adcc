package attest_test

import (
	"crypto/sha256"
	"testing"

	"github.com/safeconduct/safeconduct/attest"
)

func TestHoldsCountsOfficersWhoseKeysAreTrusted(t *testing.T) {
	w := newWorld(t)
	s, err := attest.Open(sign(t, registration(), w.alice, w.aliceSpare, w.bob), w.root)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name       string
		distrusted []*testKey
		want       bool
	}{
		{"all trusted", nil, true},
		{"another's key distrusted", []*testKey{w.ravi}, true},
		{"one of an officer's two keys distrusted", []*testKey{w.alice}, true},
		{"both keys of an officer distrusted", []*testKey{w.alice, w.aliceSpare}, false},
		{"the other officer distrusted", []*testKey{w.bob}, false},
		{"all distrusted", []*testKey{w.alice, w.aliceSpare, w.bob}, false},
	} {
		distrusted := func(kid string) bool {
			for _, k := range c.distrusted {
				if k.key.ID() == kid {
					return true
				}
			}
			return false
		}
		if got := s.Holds(distrusted); got != c.want {
			t.Errorf("%s: holds %t, want %t", c.name, got, c.want)
		}
	}
}

func TestARevocationHoldsByItsOwnThreshold(t *testing.T) {
	w := newWorld(t)
	s, err := attest.Open(sign(t, event(attest.Revoke), w.alice, w.bob), w.root)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Holds(func(kid string) bool { return kid == w.alice.key.ID() }) {
		t.Error("a revocation by two falls with one of them, though one is enough")
	}
}

func TestZeroStatementSaysNothing(t *testing.T) {
	var s attest.Statement
	if s.Claims() != nil || s.Bytes() != nil || s.Signers() != nil || s.Holds(func(string) bool { return false }) {
		t.Error("the zero statement says something")
	}
}

func TestOpenedStatementIsApartFromTheBytesItCameFrom(t *testing.T) {
	w := newWorld(t)
	raw := sign(t, event(attest.Revoke), w.alice)
	s, err := attest.Open(raw, w.root)
	if err != nil {
		t.Fatal(err)
	}
	before := s.LeafHash()
	clear(raw)
	if s.LeafHash() != before {
		t.Error("the statement changes with the caller's buffer")
	}
	sum := sha256.Sum256(append([]byte{0}, s.Bytes()...))
	if before != sum {
		t.Error("the leaf hash is not that of RFC 6962")
	}
}

func TestLineageIsNamedByItsFirstVersion(t *testing.T) {
	var l attest.Lineage
	next := func(c attest.Claims) attest.Tag {
		t.Helper()
		tag, err := l.Next(c)
		if err != nil {
			t.Fatal(err)
		}
		return tag
	}
	first := entityApproval()
	second := entityApproval()
	second.JTI, second.Supersedes = "VEU-2", "VEU-1"
	third := entityApproval()
	third.JTI, third.Supersedes = "VEU-3", "VEU-2"
	other := entityApproval()
	other.JTI = "VEU-B"
	on := func(target string) *attest.Event {
		e := event(attest.Revoke)
		e.Target = target
		e.JTI = "REVOKE-" + target
		return e
	}
	want := attest.TagOf("us-bis", "VEU-1")
	if sum := sha256.Sum256([]byte("us-bis\x00VEU-1")); want != sum {
		t.Error("the tag is not SHA-256(iss ‖ 0x00 ‖ jti)")
	}
	for _, c := range []attest.Claims{first, second, on("VEU-1"), third, on("VEU-2"), on("VEU-3")} {
		if got := next(c); got != want {
			t.Errorf("%s %s has another tag", c.Kind(), c.Head().JTI)
		}
	}
	if next(other) == want {
		t.Error("another lineage has the same tag")
	}
	if got := next(on("VEU-B")); got != attest.TagOf("us-bis", "VEU-B") {
		t.Error("an event has another tag than its target")
	}
	if got := next(&attest.Root{}); got != (attest.Tag{}) {
		t.Error("a trust root has a lineage")
	}
}

func TestLineageRefusesWhatHasNotComeBefore(t *testing.T) {
	var l attest.Lineage
	if _, err := l.Next(event(attest.Revoke)); err == nil {
		t.Error("an event on nothing")
	}
	orphan := entityApproval()
	orphan.Supersedes = "VEU-0"
	if _, err := l.Next(orphan); err == nil {
		t.Error("superseded nothing")
	}
	if _, err := l.Next(entityApproval()); err != nil {
		t.Fatal(err)
	}
	foreign := event(attest.Revoke)
	foreign.Iss = "in-dgft"
	if _, err := l.Next(foreign); err == nil {
		t.Error("an event on another issuer's approval")
	}
	ofEvent := event(attest.Lift)
	ofEvent.Target = "EV-1"
	if _, err := l.Next(ofEvent); err == nil {
		t.Error("an event on an event")
	}
}

func TestNewClaimsOfAnUnknownKindAreNone(t *testing.T) {
	for k := range typ {
		if c := attest.NewClaims(k); c == nil || c.Kind() != k {
			t.Errorf("%s: got %v", k, c)
		}
	}
	if attest.NewClaims("licence") != nil {
		t.Error("made claims of no kind")
	}
}
