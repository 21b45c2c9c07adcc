package draft_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/draft"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

func TestTheNextTrustRootIsDraftedAsItStands(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	r := rt.Root(now)
	r.Authorities[0].Jurisdiction = attest.Jurisdiction{Lists: []string{"US_CCL"}, Countries: []string{"IN"}}
	r.Authorities[0].Compromised = []attest.Compromised{{Kid: rt.SignerNamed("x").Key().ID(), Since: 7, False: []string{"REV-1"}}}
	signed, err := rt.Sign(r)
	if err != nil {
		t.Fatal(err)
	}
	st, err := attest.OpenRoot(signed, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := draft.Successor(st.TrustRoot())
	if err != nil {
		t.Fatal(err)
	}
	got, err := draft.Parse("root.yaml", []byte(text), draft.Options{Now: now})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	want, err := st.TrustRoot().Successor()
	if err != nil {
		t.Fatal(err)
	}
	want.IAT = attest.NumericDate(now.Unix())
	if diff := cmp.Diff(attest.Claims(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, text)
	}
}

func TestWhatIsReissuedSaysTheSame(t *testing.T) {
	now := time.Date(2027, 11, 1, 0, 0, 0, 0, time.UTC)
	for _, k := range []attest.Kind{
		attest.KindRegistration, attest.KindEntityApproval, attest.KindDomainApproval, attest.KindConsent,
		attest.KindEvent, attest.KindEntityEvent, attest.KindSuccession,
	} {
		old, err := draft.Parse("f", []byte(draft.Template(k)), draft.Options{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		text, err := draft.Reissue(old, now)
		if err != nil {
			t.Fatalf("%s: %v", k, err)
		}
		again, err := draft.Parse("f", []byte(text), draft.Options{Now: now})
		if err != nil {
			t.Fatalf("%s: %v\n%s", k, err, text)
		}
		if g := attest.GrantOf(again); g != nil {
			if k != attest.KindConsent && g.Supersedes != old.Head().JTI {
				t.Errorf("%s supersedes %q, not the void %q", k, g.Supersedes, old.Head().JTI)
			}
			o := attest.GrantOf(old)
			o.Supersedes, o.Retroactive, o.RetroactiveReason = g.Supersedes, g.Retroactive, g.RetroactiveReason
		}
		if s, ok := old.(*attest.Succession); ok {
			s.Retroactive, s.RetroactiveReason = true, again.(*attest.Succession).RetroactiveReason
		}
		if old.Head().JTI == again.Head().JTI {
			t.Errorf("%s has its old name", k)
		}
		again.Head().JTI = old.Head().JTI
		if k == attest.KindConsent {
			again.Head().Sub = old.Head().Sub
		}
		if diff := cmp.Diff(old, again); diff != "" {
			t.Errorf("%s (-void +again):\n%s", k, diff)
		}
	}
	if _, err := draft.Reissue(rt.Root(now), now); err == nil || !strings.Contains(err.Error(), "trust root") {
		t.Errorf("a trust root is reissued: %v", err)
	}
}
