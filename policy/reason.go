package policy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
)

// A Code names a reason. The codes are a closed list.
type Code string

// The codes.
const (
	EntityNotApproved           Code = "ENTITY_NOT_APPROVED"
	RoleNotApproved             Code = "ROLE_NOT_APPROVED"
	ApprovalNotYetEffective     Code = "APPROVAL_NOT_YET_EFFECTIVE"
	ApprovalSuspended           Code = "APPROVAL_SUSPENDED"
	ApprovalRevoked             Code = "APPROVAL_REVOKED"
	ApprovalWithdrawn           Code = "APPROVAL_WITHDRAWN"
	ApprovalExpired             Code = "APPROVAL_EXPIRED"
	AuthorityConcurrenceMissing Code = "AUTHORITY_CONCURRENCE_MISSING"
	ItemNotInScope              Code = "ITEM_NOT_IN_SCOPE"
	ItemExcluded                Code = "ITEM_EXCLUDED"
	SiteNotApproved             Code = "SITE_NOT_APPROVED"
	EndUseNotPermitted          Code = "END_USE_NOT_PERMITTED"
	ActivityNotPermitted        Code = "ACTIVITY_NOT_PERMITTED"
	NationalityNotPermitted     Code = "NATIONALITY_NOT_PERMITTED"
	ClassificationLevelExceeded Code = "CLASSIFICATION_LEVEL_EXCEEDED"
	ValueCeilingExceeded        Code = "VALUE_CEILING_EXCEEDED"
	QuantityCeilingExceeded     Code = "QUANTITY_CEILING_EXCEEDED"
	RetransferNotAuthorised     Code = "RETRANSFER_NOT_AUTHORISED"
	ChangeOfControl             Code = "CHANGE_OF_CONTROL"
	RestrictedParty             Code = "RESTRICTED_PARTY"

	MissingFact                Code = "MISSING_FACT"
	ClassificationTooCoarse    Code = "CLASSIFICATION_TOO_COARSE"
	ClassificationInvalid      Code = "CLASSIFICATION_INVALID"
	NationalityReviewRequired  Code = "NATIONALITY_REVIEW_REQUIRED"
	CurrencyConversionRequired Code = "CURRENCY_CONVERSION_REQUIRED"
	PossiblePartyMatch         Code = "POSSIBLE_PARTY_MATCH"
	StatusStale                Code = "STATUS_STALE"
	LimitationReviewRequired   Code = "LIMITATION_REVIEW_REQUIRED"
	BaselineOnly               Code = "BASELINE_ONLY"

	SavingsClauseApplied    Code = "SAVINGS_CLAUSE_APPLIED"
	SavingsClauseNotMet     Code = "SAVINGS_CLAUSE_NOT_MET"
	RetroactiveStatusChange Code = "RETROACTIVE_STATUS_CHANGE"
	IdentityViaAlias        Code = "IDENTITY_VIA_ALIAS"
	IdentityViaSuccession   Code = "IDENTITY_VIA_SUCCESSION"
)

// A Class is what a reason does to the outcome.
type Class string

// The classes, the strongest first.
const (
	Deny  Class = "DENY"
	Refer Class = "REFER"
	Info  Class = "INFO"
)

// The codes by their class; every one that is in none denies.
var (
	denying = []Code{
		EntityNotApproved, RoleNotApproved, ApprovalNotYetEffective, ApprovalSuspended, ApprovalRevoked, ApprovalWithdrawn, ApprovalExpired,
		AuthorityConcurrenceMissing, ItemNotInScope, ItemExcluded, SiteNotApproved, EndUseNotPermitted, ActivityNotPermitted,
		NationalityNotPermitted, ClassificationLevelExceeded, ValueCeilingExceeded, QuantityCeilingExceeded, RetransferNotAuthorised,
		ChangeOfControl, RestrictedParty,
	}
	referring = []Code{
		MissingFact, ClassificationTooCoarse, ClassificationInvalid, NationalityReviewRequired,
		CurrencyConversionRequired, PossiblePartyMatch, StatusStale, LimitationReviewRequired, BaselineOnly,
	}
	informing = []Code{SavingsClauseApplied, SavingsClauseNotMet, RetroactiveStatusChange, IdentityViaAlias, IdentityViaSuccession}
)

// Class returns the class of the code. An unknown code denies.
func (c Code) Class() Class {
	switch {
	case slices.Contains(referring, c):
		return Refer
	case slices.Contains(informing, c):
		return Info
	default:
		return Deny
	}
}

// Known reports whether the code is one of the list.
func (c Code) Known() bool { return slices.Contains(codes, c) }

// codes are all of them.
var codes = slices.Concat(denying, referring, informing)

// A Reason is one reason of a decision.
type Reason struct {
	Code Code `json:"code"`
	// Class is the code's.
	Class Class `json:"class"`
	// Message says it in a sentence for a compliance officer. It repeats no member that
	// is confidential and was disclosed, nor a name of a list that is like one: decisions
	// are filed, signed and handed on. What was found of it, code and pointer tell.
	Message string `json:"message"`
	// Authority is whose approval it is about, Party which of the parties.
	Authority string `json:"authority,omitzero"`
	Party     string `json:"party,omitzero"`
	// Statement is the one that it rests on, Pointer (RFC 6901) the clause.
	Statement *Ref   `json:"statement,omitzero"`
	Pointer   string `json:"pointer,omitzero"`
}

// A Ref names a logged statement.
type Ref struct {
	Issuer string `json:"issuer"`
	JTI    string `json:"jti"`
	Index  int64  `json:"index"`
}

func (r *Ref) compare(s *Ref) int {
	if r == nil || s == nil {
		return cmp.Compare(b2i(r != nil), b2i(s != nil))
	}
	return cmp.Or(cmp.Compare(r.Index, s.Index), strings.Compare(r.JTI, s.JTI))
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// sortReasons puts reasons into the one order in which they are given, and
// drops those that stand twice.
func sortReasons(rs []Reason) []Reason {
	order := []Class{Deny, Refer, Info}
	less := func(a, b Reason) int {
		return cmp.Or(
			cmp.Compare(slices.Index(order, a.Class), slices.Index(order, b.Class)),
			strings.Compare(string(a.Code), string(b.Code)),
			strings.Compare(a.Authority, b.Authority),
			strings.Compare(a.Party, b.Party),
			a.Statement.compare(b.Statement),
			strings.Compare(a.Pointer, b.Pointer),
			strings.Compare(a.Message, b.Message),
		)
	}
	slices.SortFunc(rs, less)
	return slices.CompactFunc(rs, func(a, b Reason) bool { return less(a, b) == 0 })
}

// An outcome is what one way of relying on approvals gives.
type outcome struct {
	reasons []Reason
	relied  []Reliance
	// unchecked are the lists that the approvals relied on speak of, and the request
	// does not classify under.
	unchecked []string
	// cumulative says that a cumulative ceiling was engaged.
	cumulative bool
	// attested is what the requester's own word stands in for.
	attested []Attestation
	// tests are those made, as far as they are noted.
	tests []Test
	// uncovered says that savings let some approvals of the sandbox stand, and not
	// all that would have to.
	uncovered bool
	// partial says that of a party's approvals none passes, and not all are shown.
	partial bool
	// owed are the obligations of what is relied on.
	owed []owed
}

// owed are the obligations of one statement.
type owed struct {
	by          proven.Entry
	obligations []attest.Obligation
}

func (o *outcome) owe(by proven.Entry, obligations []attest.Obligation) {
	if obligations != nil {
		o.owed = append(o.owed, owed{by, obligations})
	}
}

// listing notes the lists of a scope.
func (o *outcome) listing(q *Question, lists ...string) {
	for _, l := range lists {
		if !slices.ContainsFunc(q.items, func(it item) bool { return it.List == l }) {
			o.unchecked = append(o.unchecked, l)
		}
	}
}

// savings counts the clauses that are relied on.
func (o *outcome) savings() (n int) {
	for _, r := range o.reasons {
		if r.Code == SavingsClauseApplied {
			n++
		}
	}
	return n
}

// outOfForce reports whether a state is among the reasons.
func (o *outcome) outOfForce() bool {
	return slices.ContainsFunc(o.reasons, func(r Reason) bool { return slices.Contains(precedence, r.Code) })
}

// join takes over what another outcome says.
func (o *outcome) join(p *outcome) {
	o.add(p.reasons...)
	o.relied = append(o.relied, p.relied...)
	o.unchecked = append(o.unchecked, p.unchecked...)
	o.cumulative = o.cumulative || p.cumulative
	o.owed = append(o.owed, p.owed...)
	o.partial = o.partial || p.partial
	o.tests = append(o.tests, p.tests...)
	for _, a := range p.attested {
		if !slices.Contains(o.attested, a) {
			o.attested = append(o.attested, a)
		}
	}
}

func (o *outcome) add(rs ...Reason) {
	for _, r := range rs {
		r.Class = r.Code.Class()
		o.reasons = append(o.reasons, r)
	}
}

// A count is how many reasons deny, and how many refer.
type count struct{ deny, refer int }

func countOf(rs []Reason) (n count) {
	for i := range rs {
		switch rs[i].Code.Class() {
		case Deny:
			n.deny++
		case Refer:
			n.refer++
		}
	}
	return n
}

// result is PERMIT, REFER or DENY by precedence.
func (n count) result() Result {
	switch {
	case n.deny > 0:
		return DENY
	case n.refer > 0:
		return REFER
	default:
		return PERMIT
	}
}

// compare puts the best first: PERMIT, REFER, DENY, then the fewest DENY, then
// the fewest REFER reasons.
func (n count) compare(m count) int {
	order := []Result{PERMIT, REFER, DENY}
	return cmp.Or(
		cmp.Compare(slices.Index(order, n.result()), slices.Index(order, m.result())),
		cmp.Compare(n.deny, m.deny), cmp.Compare(n.refer, m.refer),
	)
}

func (o *outcome) result() Result { return countOf(o.reasons).result() }

// compare orders outcomes, the best first.
func (o *outcome) compare(p *outcome) int { return countOf(o.reasons).compare(countOf(p.reasons)) }
