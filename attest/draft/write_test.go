package draft_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/draft"
)

// Only names and the kind of a value make the document.
func TestWhatIsWrittenAsTextIsReadAsThatText(t *testing.T) {
	for _, text := range []string{
		"Varuna", "a: b", "x\" \nlisted: true", "- x", "# x", "null", "yes", "12", "1e5", "0x1f", "2027-01-01T00:00:00Z", "{a: b}", "[a", "*a", "&a", "!!int 1", "%", "|", ">-", "\u202e", "\\", "'", "\ufeff",
	} {
		written := draft.Write(
			draft.Text("kind", "registration"), draft.Text("legal_name", text), draft.List("former_names", text),
			draft.Elements("sites", []draft.Member{draft.Text("id", "A"), draft.Text("address", text), draft.Text("country", "IN")}),
			draft.Members("publication", draft.Text("citation", text)), draft.True("retroactive"), draft.Text("retroactive_reason", text),
			draft.Text("aud", "example.org/register"), draft.Text("iss", "auth-in"), draft.Text("jti", "a"), draft.Member{},
			draft.Text("entity", "us-own:A"), draft.Text("country", "IN"), draft.Text("nbf", "2027-01-01T00:00:00Z"),
		)
		c, err := draft.Parse("new.yaml", []byte(written), draft.Options{Now: now})
		if strings.Contains(text, "\n") {
			if err == nil || strings.Count(err.Error(), "new.yaml") != 5 {
				t.Errorf("%q: %v; want a mistake in each of five members", text, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v\n%s", text, err, written)
			continue
		}
		r := c.(*attest.Registration)
		got := []string{r.LegalName, r.FormerNames[0], r.Sites[0].Address, r.Publication.Citation, r.RetroactiveReason}
		if diff := cmp.Diff([]string{text, text, text, text, text}, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// What a form has no fields for is written, and nothing else.
func TestTheRestOfAnApprovalIsWrittenAsADraftHasIt(t *testing.T) {
	a := full(t, attest.KindEntityApproval, "# caveats:", "caveats:", "#   max_classification", "  max_classification")
	rest := draft.Rest(a, "legal_name", "country", "legal_effect", "approved_sites", "eligible_items", "conditions", "nbf", "exp", "obligations")
	if want := "caveats:\n  max_classification: UNCLASSIFIED\n"; rest != want {
		t.Errorf("the rest is\n%s\nwant\n%s", rest, want)
	}
}

func TestADraftThatAliasesBlowUpIsRefusedBeforeItIsLookedAt(t *testing.T) {
	text := "kind: entity\nlegal_name: &t " + strings.Repeat("x", 4000) + "\neligible_items:\n" + strings.Repeat("- {limitation: *t}\n", 100)
	_, err := draft.Parse("new.yaml", []byte(text), draft.Options{Now: now})
	if err == nil || !strings.Contains(err.Error(), "what aliases stand for included; a statement has at most 61440") {
		t.Errorf("%.300v", err)
	}
}

// Whatever a member is called, and whether an element has any, the next stands by itself.
func TestANameOfAnyLengthIsOneMemberAndAnElementOfNoneIsOneElement(t *testing.T) {
	for _, name := range []string{"<<", "a: b", "# x", "x\" \nkind: root", "? x", "- x", "\u202e", "null", strings.Repeat("x", 5000), strings.Repeat("\U0010ffff", 500)} {
		written := draft.Write(
			draft.Text("kind", "domain"), draft.Members("terms", draft.Members("in_scope", draft.List(name, "5A001"), draft.List("US_CCL", "nonsense"))),
			draft.Elements("obligations", nil, []draft.Member{draft.Elements(name), draft.Text("kind", "keep_records")}), draft.Text("title", "T"),
		)
		_, err := draft.Parse("new.yaml", []byte(written), draft.Options{Now: now})
		if err == nil || strings.Contains(err.Error(), "title") || strings.Contains(err.Error(), "colon") {
			t.Errorf("%.40q: %.400v\n%.400s", name, err, written)
		}
	}
	written := draft.Write(draft.Text("kind", "domain"), draft.Elements("obligations", nil, nil), draft.Text("title", "T"))
	_, err := draft.Parse("new.yaml", []byte(written), draft.Options{Now: now})
	if err == nil || !strings.Contains(err.Error(), "new.yaml:3: obligations/0/kind: is missing") || strings.Contains(err.Error(), "title") {
		t.Errorf("%v\n%s", err, written)
	}
}
