package attest_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
)

func parse(t testing.TB, statement []byte) *attest.Unopened {
	t.Helper()
	u, err := attest.Parse(statement)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestASecondOfficerSignsTheSameBytes(t *testing.T) {
	w := newWorld(t)
	for _, c := range everyKind(w) {
		first, second := w.alice, w.bob
		if c.Kind() == attest.KindRoot {
			first, second = w.chief1, w.chief2
		}
		one := sign(t, c, first)
		both, err := parse(t, one).Sign(t.Context(), second)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(both, one) {
			t.Errorf("%s: the first signature has changed", c.Kind())
		}
		u := parse(t, both)
		if diff := cmp.Diff(parse(t, sign(t, c, first, second)).Signers(), u.Signers()); diff != "" {
			t.Errorf("%s: %s", c.Kind(), diff)
		}
		if _, err := u.Open(w.root); err != nil && c.Kind() != attest.KindRoot {
			t.Errorf("%s: %v", c.Kind(), err)
		}
		for _, again := range []*testKey{first, second} {
			if _, err := u.Sign(t.Context(), again); err == nil || !strings.Contains(err.Error(), "has signed it already") {
				t.Errorf("%s: signed twice with one key: %v", c.Kind(), err)
			}
		}
		if _, err := parse(t, one).Sign(t.Context(), second, second); err == nil {
			t.Errorf("%s: signed twice at once with one key", c.Kind())
		}
	}
}

func TestAStatementHasAtMost32Signatures(t *testing.T) {
	w := newWorld(t)
	var keys []*testKey
	for i := range 32 {
		keys = append(keys, newKey(t, "EdDSA", strings.Repeat("x", i+1)))
	}
	u := parse(t, sign(t, registration(), keys...))
	if _, err := u.Sign(t.Context(), w.alice); err == nil || !strings.Contains(err.Error(), "more than 32 signatures") {
		t.Errorf("got %v", err)
	}
}

// quorumOf leaves of a signing what a table says.
type quorumOf struct {
	Of             string
	Needed         int
	Signed, Absent string
	Missing        int
}

func quorums(s *attest.Signing) (out []quorumOf) {
	for _, q := range s.Quorums {
		out = append(out, quorumOf{q.Authority, q.Needed, strings.Join(q.Signed, " "), strings.Join(q.Absent, " "), q.Missing()})
	}
	return out
}

func TestSigningSaysWhoHasSignedAndWhoIsMissing(t *testing.T) {
	w := newWorld(t)
	change := entityEvent(attest.ChangeOfControl)
	foreign := entityApproval()
	foreign.Country = "RU"
	elsewhere := event(attest.Revoke)
	elsewhere.Aud = "register.example/other"
	for _, tt := range []struct {
		name   string
		claims attest.Claims
		keys   []*testKey
		want   quorumOf
		// bad is why the worst signature does not count, refused what Open says.
		bad, refused string
		problems     int
	}{
		{name: "one of two", claims: entityApproval(), keys: []*testKey{w.alice}, want: quorumOf{"us-bis", 2, "alice", "bob", 1}, refused: "1 of the 2 officers"},
		{name: "both", claims: entityApproval(), keys: []*testKey{w.alice, w.bob}, want: quorumOf{"us-bis", 2, "alice bob", "", 0}},
		{name: "two keys of one officer", claims: entityApproval(), keys: []*testKey{w.alice, w.aliceSpare}, want: quorumOf{"us-bis", 2, "alice", "bob", 1}, refused: "1 of the 2 officers"},
		{name: "revoking needs one", claims: event(attest.Revoke), keys: []*testKey{w.bob}, want: quorumOf{"us-bis", 1, "bob", "alice", 0}},
		{name: "a change of control too", claims: change, keys: []*testKey{w.bob}, want: quorumOf{"us-bis", 1, "bob", "alice", 0}},
		{name: "lifting needs two", claims: event(attest.Lift), keys: []*testKey{w.bob}, want: quorumOf{"us-bis", 2, "bob", "alice", 1}, refused: "1 of the 2 officers"},
		{name: "a compromised key", claims: event(attest.Revoke), keys: []*testKey{w.lost}, want: quorumOf{"us-bis", 1, "", "alice bob", 1}, bad: "declared compromised", refused: "compromised"},
		{name: "another authority's key", claims: event(attest.Revoke), keys: []*testKey{w.ravi, w.bob}, want: quorumOf{"us-bis", 1, "bob", "alice", 0}, bad: "by a key of in-dgft", refused: "no key of authority us-bis"},
		{name: "a root officer's key", claims: event(attest.Revoke), keys: []*testKey{w.chief1}, want: quorumOf{"us-bis", 1, "", "alice bob", 1}, bad: "by a key of root", refused: "no key of authority us-bis"},
		{name: "nobody's key", claims: event(attest.Revoke), keys: []*testKey{w.stranger}, want: quorumOf{"us-bis", 1, "", "alice bob", 1}, bad: "does not know", refused: "no key of authority us-bis"},
		{name: "beyond jurisdiction", claims: foreign, keys: []*testKey{w.alice}, want: quorumOf{"us-bis", 2, "alice", "bob", 1}, refused: "1 of the 2 officers", problems: 1},
		{name: "another register", claims: elsewhere, keys: []*testKey{w.alice}, want: quorumOf{"us-bis", 1, "alice", "bob", 0}, refused: "another", problems: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := parse(t, sign(t, tt.claims, tt.keys...)).Signing(w.root)
			if diff := cmp.Diff([]quorumOf{tt.want}, quorums(s)); diff != "" {
				t.Error(diff)
			}
			bad := ""
			for _, sig := range s.Signatures {
				if sig.Err != nil {
					bad = sig.Err.Error()
				}
			}
			if (bad == "") != (tt.bad == "") || !strings.Contains(bad, tt.bad) {
				t.Errorf("a signature does not count: %q, want %q", bad, tt.bad)
			}
			if (s.Err == nil) != (tt.refused == "") || len(s.Problems) != tt.problems {
				t.Errorf("refused: %v, problems %v; want %q, %d", s.Err, s.Problems, tt.refused, tt.problems)
			}
			// Who has to sign is known before anybody has.
			before := attest.SigningOf(tt.claims, w.root)
			if len(before.Quorums) != 1 || before.Quorums[0].Needed != tt.want.Needed || before.Missing() != tt.want.Needed || len(before.Problems) != tt.problems || before.Err != nil {
				t.Errorf("before anybody has signed: %+v", before)
			}
			// Nothing is refused that is not explained.
			if (s.Err == nil) != (s.Missing() == 0 && bad == "" && len(s.Problems) == 0) {
				t.Errorf("Open says %v, beside %+v", s.Err, s)
			}
		})
	}
}

func TestASignatureThatDoesNotVerifyDoesNotCount(t *testing.T) {
	w := newWorld(t)
	st := sign(t, event(attest.Revoke), w.alice)
	st[len(st)-10] ^= 1
	u, err := attest.Parse(st)
	if err != nil {
		t.Fatal(err)
	}
	s := u.Signing(w.root)
	if s.Signatures[0].Err == nil || s.Signatures[0].Officer != "alice" || s.Missing() != 1 || s.Err == nil {
		t.Errorf("got %+v", s)
	}
}

func TestATrustRootNeedsItsOwnOfficersAndThoseBefore(t *testing.T) {
	w := newWorld(t)
	one := parse(t, sign(t, w.claims, w.chief1)).Signing(nil)
	if diff := cmp.Diff([]quorumOf{{"root", 2, "chief1", "chief2 chief3", 1}}, quorums(one)); diff != "" || one.Err == nil {
		t.Errorf("%v %s", one.Err, diff)
	}
	next, err := w.root.Successor()
	if err != nil {
		t.Fatal(err)
	}
	// The next version has a new officer, calls chief2 by another name, and
	// lets chief3 go.
	fourth := newKey(t, "EdDSA", "chief4")
	next.IAT = day
	next.Officers = []attest.Officer{officer(t, "chief1", w.chief1), officer(t, "second", w.chief2), officer(t, "chief4", fourth)}
	for _, tt := range []struct {
		keys []*testKey
		want []quorumOf
	}{
		{[]*testKey{fourth, w.chief1}, []quorumOf{{"root", 2, "chief1 chief4", "second", 0}, {"root", 2, "chief1", "chief2 chief3", 1}}},
		{[]*testKey{w.chief3, w.chief1}, []quorumOf{{"root", 2, "chief1", "chief4 second", 1}, {"root", 2, "chief1 chief3", "chief2", 0}}},
		{[]*testKey{w.chief2, w.chief1}, []quorumOf{{"root", 2, "chief1 second", "chief4", 0}, {"root", 2, "chief1 chief2", "chief3", 0}}},
	} {
		s := parse(t, sign(t, next, tt.keys...)).Signing(w.root)
		if diff := cmp.Diff(tt.want, quorums(s)); diff != "" {
			t.Error(diff)
		}
		if (s.Err == nil) != (s.Missing() == 0) {
			t.Errorf("%v beside %+v", s.Err, quorums(s))
		}
	}
	alone := parse(t, sign(t, next, w.chief1, w.chief3)).Signing(nil)
	if alone.Missing() != 1 || len(alone.Quorums) != 1 {
		t.Errorf("without the version before: %+v", alone)
	}
}

func TestWithoutATrustRootNobodyIsKnown(t *testing.T) {
	w := newWorld(t)
	s := parse(t, sign(t, entityApproval(), w.alice)).Signing(nil)
	if s.Err == nil || len(s.Quorums) != 0 || s.Signatures[0].Officer != "" || s.Signatures[0].Err == nil {
		t.Errorf("got %+v", s)
	}
}
