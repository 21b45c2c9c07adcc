package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/safeconduct/safeconduct/internal/proven"
)

// An Explanation is how a decision came about.
type Explanation struct {
	// Walk are the tests that were made on what the decision relies on, authority
	// by authority and party by party.
	Walk []Test `json:"walk"`
	// Changes are what would have to change for a PERMIT.
	Changes []Change `json:"changes"`
}

// A Test is one rule applied to one approval, or to the terms of the sandbox.
type Test struct {
	// Rule is that of docs/rules.md, such as R4.
	Rule   string `json:"rule"`
	Passed bool   `json:"passed"`
	// Untested says that there was nothing to test with, so that it passed.
	Untested bool `json:"untested,omitzero"`
	// Message says what was tested or, where it failed, what was found.
	Message   string `json:"message"`
	Authority string `json:"authority,omitzero"`
	Party     string `json:"party,omitzero"`
	Statement *Ref   `json:"statement,omitzero"`
}

// A Change is what would have to change about one reason, or who has to look at
// it.
type Change struct {
	Code      Code   `json:"code"`
	Authority string `json:"authority,omitzero"`
	Party     string `json:"party,omitzero"`
	// Found is the reason's message, Change what would have to change.
	Found  string `json:"found"`
	Change string `json:"change"`
}

// tried notes a test: it has passed where no reason against the act was added
// since there were n.
func (o *outcome) tried(rule string, n int, about Test, passed string) {
	about.Rule, about.Passed = rule, true
	var found []string
	for _, r := range o.reasons[n:] {
		if r.Code.Class() != Info {
			about.Passed = false
			found = append(found, r.Message)
		}
	}
	if about.Message = strings.Join(found, " "); about.Passed {
		about.Message = passed
	}
	o.tests = append(o.tests, about)
}

// sortTests orders the walk: what is of the sandbox or of nobody first, then by
// authority and party, and within these as the rules are numbered.
func sortTests(tests []Test) []Test {
	number := func(rule string) (n int) {
		_, _ = fmt.Sscanf(rule, "R%d", &n)
		return n
	}
	slices.SortStableFunc(tests, func(a, b Test) int {
		return cmp.Or(strings.Compare(a.Authority, b.Authority), strings.Compare(a.Party, b.Party), cmp.Compare(number(a.Rule), number(b.Rule)))
	})
	if tests == nil {
		return []Test{}
	}
	return tests
}

func changes(reasons []Reason) []Change {
	out := []Change{}
	for _, r := range reasons {
		if r.Class == Info {
			continue
		}
		out = append(out, Change{r.Code, r.Authority, r.Party, r.Message, r.change()})
	}
	return out
}

// change says in a sentence what would have to change about a reason, and who has
// to do it, or who has to look.
func (r Reason) change() string {
	whose := cmp.Or(r.Authority, "The authority")
	who := cmp.Or(r.Party, "the party")
	switch r.Code {
	case EntityNotApproved:
		return fmt.Sprintf("%s has to approve the %s, or to register it as established in its country.", whose, who)
	case RoleNotApproved:
		return fmt.Sprintf("%s has to approve the %s in that role.", whose, who)
	case ApprovalNotYetEffective:
		return "Nobody has to do anything: act when the approval has come into force."
	case ApprovalSuspended:
		return fmt.Sprintf("%s has to lift the suspension.", whose)
	case ApprovalRevoked, ApprovalWithdrawn:
		return fmt.Sprintf("%s has to give a new approval: this end is final.", whose)
	case ApprovalExpired:
		return fmt.Sprintf("%s has to give a new version of the approval, in force at the time of the act.", whose)
	case AuthorityConcurrenceMissing:
		return fmt.Sprintf("%s has to have an approval of the sandbox in force at the time of the act, on the terms of the others.", whose)
	case ItemNotInScope:
		return fmt.Sprintf("%s has to take the item into scope, or the act needs a licence of its own.", whose)
	case ItemExcluded:
		return "Nothing: the item is excluded on purpose, and the act needs a licence of its own."
	case SiteNotApproved:
		return fmt.Sprintf("%s has to approve the site, or another one has to be the destination.", whose)
	case EndUseNotPermitted:
		return fmt.Sprintf("%s has to allow the end use, or it has to be another one.", whose)
	case ActivityNotPermitted:
		return fmt.Sprintf("%s has to allow the activity, or it has to be another one.", whose)
	case NationalityNotPermitted:
		return "Whoever transfers has to give nobody of that nationality access."
	case ClassificationLevelExceeded:
		return fmt.Sprintf("Whoever transfers has to keep to a lower level, or %s has to allow a higher one.", cmp.Or(r.Authority, "the authority"))
	case ValueCeilingExceeded, QuantityCeilingExceeded:
		return fmt.Sprintf("Whoever transfers has to transfer less, or in a later period, or %s has to raise the ceiling.", cmp.Or(r.Authority, "the authority"))
	case RetransferNotAuthorised:
		return "The authority that first let the item go has to consent, and the request has to name its consent."
	case ChangeOfControl:
		return fmt.Sprintf("%s has to look at the new control and lift the suspension.", whose)
	case RestrictedParty:
		return "Nothing that is approved here: the party stands on a list. Stop, and ask counsel."
	case MissingFact:
		return "Whoever asks has to give the fact that is named."
	case ClassificationTooCoarse, ClassificationInvalid:
		return "Whoever classifies items has to give the entry as deep as the list goes."
	case NationalityReviewRequired:
		return "A person has to decide on the nationalities."
	case CurrencyConversionRequired:
		return "A person has to convert the amount."
	case PossiblePartyMatch:
		return "A person has to compare the party with the entry of the list."
	case StatusStale:
		return "Whoever asks has to fetch new evidence."
	case LimitationReviewRequired:
		return "A person has to read the limitation and may attest that the act meets it (attests)."
	case BaselineOnly:
		return "Whoever transfers needs a licence for the act; this approval only speeds it up."
	default:
		return "A person has to look at it."
	}
}

// about names what a test is of.
func about(authority string, p party, e proven.Entry) Test {
	t := Test{Authority: authority}
	if p.id != "" {
		t.Party = p.String()
	}
	if e.Statement != nil {
		t.Statement = refOf(e)
	}
	return t
}
