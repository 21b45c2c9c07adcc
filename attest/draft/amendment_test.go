package draft_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/draft"
)

// parseAmendment drafts a new version and reads the draft.
func parseAmendment(t *testing.T, c attest.Claims, at time.Time) (attest.Claims, string) {
	t.Helper()
	text, err := draft.Amendment(c, at)
	if err != nil {
		t.Fatal(err)
	}
	again, err := draft.Parse("new.yaml", []byte(text), draft.Options{Now: at})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return again, text
}

func full(t *testing.T, k attest.Kind, edits ...string) attest.Claims {
	t.Helper()
	text := strings.NewReplacer(edits...).Replace(draft.Template(k))
	c, err := draft.Parse("old.yaml", []byte(text), options)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return c
}

func TestAnAmendmentSaysTheSame(t *testing.T) {
	entity := full(t, attest.KindEntityApproval, "# programme", "programme", "# mentor:", "mentor:", "# caveats:", "caveats:", "#   max_classification", "  max_classification",
		"#   allowed_end_uses", "  allowed_end_uses", "# authorised_roles:\n#   - transferee\n#   - end_user", "authorised_roles: [transferee]",
		"# expiry_savings:\n#   - kind: in_transit\n#     deliver_before", "expiry_savings:\n  - kind: in_transit\n    deliver_before",
		"# legal_basis", "legal_basis", "# retroactive", "retroactive", "# supersedes", "supersedes", "# publication:\n#   citation", "publication:\n  citation",
		"name: Ocean Tech Park works", "name: \"a\\u202eb: \\\"c\\\" \\\\ # \\U0001F6E0 NO\"")
	domain := full(t, attest.KindDomainApproval, "# quantity:\n  #   unit: piece\n  #   per_transaction: 10\n  #   cumulative: 40", "quantity: {unit: piece, cumulative: 0.5}",
		"permitted: [US, IN, AU, GB, FR]", "permitted: [NO, US, IN]", "# challenge:\n#   name", "challenge:\n  name", "#   citation: Joint", "  citation: Joint")
	if entity.(*attest.EntityApproval).Mentor == "" || domain.(*attest.DomainApproval).Challenge.Citation == "" {
		t.Fatal("not all is given")
	}
	for _, old := range []attest.Claims{full(t, attest.KindRegistration), entity, domain} {
		again, text := parseAmendment(t, old, now)
		h, g := again.Head(), attest.GrantOf(again)
		was := attest.GrantOf(old)
		if g.Supersedes != old.Head().JTI || h.JTI == old.Head().JTI || g.NBF.Time().Before(now) || g.NBF < was.NBF || g.Retroactive {
			t.Errorf("%s: %+v %+v", again.Kind(), h, g)
		}
		h.JTI, h.IAT = old.Head().JTI, old.Head().IAT
		g.NBF, g.Supersedes, g.Retroactive, g.RetroactiveReason = was.NBF, was.Supersedes, was.Retroactive, was.RetroactiveReason
		want, err := attest.Payload(old)
		if err != nil {
			t.Fatal(err)
		}
		got, err := attest.Payload(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s\n%s", diff, text)
		}
		if strings.ContainsRune(text, '\u202e') {
			t.Errorf("the draft turns its lines around:\n%s", text)
		}
	}
}

func TestAnAmendmentLeavesNoGap(t *testing.T) {
	e := full(t, attest.KindEntityApproval, "nbf: 2027", "nbf: 2026").(*attest.EntityApproval)
	noon := time.Date(2026, 12, 15, 12, 0, 0, 0, time.UTC)
	midnight := time.Date(2026, 12, 16, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct{ nbf, exp, want time.Time }{
		{noon.AddDate(-1, 0, 0), noon.AddDate(1, 0, 0), midnight},
		{noon.AddDate(-1, 0, 0), noon.Add(time.Hour), noon.Add(time.Hour)},
		{noon.AddDate(-1, 0, 0), noon.Add(-time.Hour), midnight},
		{noon.AddDate(-1, 0, 0), time.Time{}, midnight},
		{noon.AddDate(0, 1, 0), noon.AddDate(1, 0, 0), noon.AddDate(0, 1, 0)},
	} {
		e.NBF, e.EXP, e.ExpirySavings = attest.NumericDate(tt.nbf.Unix()), 0, nil
		if !tt.exp.IsZero() {
			e.EXP = attest.NumericDate(tt.exp.Unix())
			e.ExpirySavings = []attest.Savings{{Kind: attest.InTransit, DeliverBefore: e.EXP + 9}}
		}
		again, _ := parseAmendment(t, e, noon)
		g := attest.GrantOf(again)
		if g.NBF.Time() != tt.want {
			t.Errorf("from %s until %s: begins at %s, want %s", tt.nbf, tt.exp, g.NBF.Time(), tt.want)
		}
		if g.EXP != 0 && g.EXP != e.EXP {
			t.Errorf("ends at %s", g.EXP.Time())
		}
	}
}

func TestAnAmendmentHasANameOfItsOwn(t *testing.T) {
	e := full(t, attest.KindEntityApproval).(*attest.EntityApproval)
	for jti, want := range map[string]string{
		"PDA-US": "PDA-US-2", "PDA-US-2": "PDA-US-3", "PDA-v9": "PDA-v10", "TEA-US-0001": "TEA-US-0001-2", "1": "1-2",
		strings.Repeat("x", 128): strings.Repeat("x", 126) + "-2",
	} {
		e.JTI = jti
		again, _ := parseAmendment(t, e, now)
		if got := again.Head().JTI; got != want {
			t.Errorf("after %s comes %s, want %s", jti, got, want)
		}
	}
}

func TestOnlyWhatHasVersionsIsAmended(t *testing.T) {
	bad := full(t, attest.KindEntityApproval).(*attest.EntityApproval)
	bad.JTI = "x\nkind: event"
	if text, err := draft.Amendment(bad, now); err == nil {
		t.Errorf("drafted from what is no approval:\n%s", text)
	}
	for _, k := range []attest.Kind{attest.KindConsent, attest.KindEvent, attest.KindEntityEvent, attest.KindSuccession, attest.KindRoot} {
		if text, err := draft.Amendment(full(t, k), now); err == nil {
			t.Errorf("%s: %s", k, text)
		}
	}
}
