package amend

import (
	"fmt"
	"slices"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/prose"
)

// A Finding is what whoever signs a new version has to know beside its changes.
type Finding struct {
	// Code names the finding for programs.
	Code Code `json:"code"`
	// Warning says that something is let go, or refused, that perhaps was not
	// meant to be.
	Warning bool `json:"warning"`
	// Text says it in ASCII.
	Text string `json:"text"`
}

// A Code names a finding.
type Code string

// The findings.
const (
	// NotSuperseding: the newer statement does not name the older one as the
	// version that it replaces.
	NotSuperseding Code = "not_superseding"
	// SameName: both have one jti.
	SameName Code = "same_jti"
	// Gap: for a time neither version is in force.
	Gap Code = "gap"
	// Overlap: the older version would have gone on when the newer one takes over.
	Overlap Code = "overlap"
	// TakesOverBefore: the newer version begins no later than the older one.
	TakesOverBefore Code = "takes_over_before"
	// Seamless: the one begins where the other ends.
	Seamless Code = "seamless"
	// Over: the lineage has been revoked or withdrawn, which no version undoes.
	Over Code = "over"
	// TermsEqual: the terms of a joint sandbox stay as they are.
	TermsEqual Code = "terms_equal"
	// TermsDiffer: they stay, but others have approved other terms.
	TermsDiffer Code = "terms_differ"
	// TermsUnknown: the terms change, and what the others approved is not known.
	TermsUnknown Code = "terms_unknown"
	// TermsTakeOver: enough authorities have approved the new terms, which take
	// over at a time.
	TermsTakeOver Code = "terms_take_over"
	// TermsWait: too few have approved them yet, the old ones stay.
	TermsWait Code = "terms_wait"
	// TermsLapse: from a time on nothing is concurred on.
	TermsLapse Code = "terms_lapse"
	// LeftBehind: an authority does not concur once the new terms have taken over.
	LeftBehind Code = "left_behind"
)

// Times says how the newer version follows the older one in time. A single
// issuer's new version takes over at its nbf (RULES R10); in a joint sandbox
// whose terms change, [Joint] says when.
func Times(older, newer attest.Claims) (out []Finding) {
	o, n := attest.GrantOf(older), attest.GrantOf(newer)
	if o == nil || n == nil {
		return nil
	}
	add := func(c Code, warning bool, format string, args ...any) {
		out = append(out, Finding{c, warning, fmt.Sprintf(format, args...)})
	}
	was, is := older.Head().JTI, newer.Head().JTI
	switch {
	case was == is:
		add(SameName, true, "Both versions are called %s; a register refuses the second statement of that name.", prose.Code(is))
	case n.Supersedes == "":
		add(NotSuperseding, true, "%s does not say that it supersedes %s: it would be an approval of its own beside it, and what is revoked of one would not be of the other.", prose.Code(is), prose.Code(was))
	case n.Supersedes != was:
		add(NotSuperseding, true, "%s supersedes %s, not %s, with which it is compared.", prose.Code(is), prose.Code(n.Supersedes), prose.Code(was))
	}
	terms := ""
	if od, ok := older.(*attest.DomainApproval); ok {
		nd, ok := newer.(*attest.DomainApproval)
		if ok && len(nd.Terms.Authorities) > 1 && nd.Terms.Digest() != od.Terms.Digest() {
			terms = ", but for its terms, which have to wait for the other authorities"
		}
	}
	end := "without an end of its own"
	if o.EXP != 0 {
		end = "until " + prose.Date(o.EXP)
	}
	switch {
	case o.EXP != 0 && n.NBF > o.EXP:
		add(Gap, true, "There is a gap: from %s, when the old version ends, until %s, when the new one begins, neither is in force.", prose.Date(o.EXP), prose.Date(n.NBF))
	case o.EXP != 0 && n.NBF == o.EXP:
		add(Seamless, false, "The new version begins at %s, when the old one ends.", prose.Date(n.NBF))
	case n.NBF <= o.NBF:
		add(TakesOverBefore, true, "The new version begins at %s, no later than the old one at %s: as soon as it is logged, it governs all of that time%s.", prose.Date(n.NBF), prose.Date(o.NBF), terms)
	default:
		add(Overlap, false, "The versions overlap: the old one would hold %s; the new one takes over at %s%s.", end, prose.Date(n.NBF), terms)
	}
	return out
}

// Revoked says whether a version has been revoked or withdrawn, by an event on
// any version that it replaces too (RULES R10). logged are the statements of its
// subject, as far as they are known.
func Revoked(older attest.Claims, logged []attest.Claims) []Finding {
	iss := older.Head().Iss
	before := make(map[string]string)
	for _, c := range append([]attest.Claims{older}, logged...) {
		if g := attest.GrantOf(c); g != nil && c.Head().Iss == iss {
			before[c.Head().JTI] = g.Supersedes
		}
	}
	var lineage []string
	for jti := older.Head().JTI; jti != "" && !slices.Contains(lineage, jti); jti = before[jti] {
		lineage = append(lineage, jti)
	}
	end := never
	for _, c := range logged {
		e, ok := c.(*attest.Event)
		if ok && e.Iss == iss && (e.Event == attest.Revoke || e.Event == attest.Withdraw) && slices.Contains(lineage, e.Target) {
			end = min(end, e.EffectiveAt)
		}
	}
	if end == never {
		return nil
	}
	return []Finding{{Over, true, fmt.Sprintf("%s has been revoked or withdrawn, with effect from %s; a new version does not bring it back.",
		prose.Code(older.Head().JTI), prose.Date(end))}}
}
