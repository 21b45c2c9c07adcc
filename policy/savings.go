package policy

import (
	"fmt"
	"slices"

	"github.com/safeconduct/safeconduct/attest"
)

// save is R11 for one approval: it stands all the same where every cause that
// alone would put it out of force has a clause that covers the act. The reasons
// name the clauses.
func (j *judgement) save(causes []cause) ([]Reason, bool) {
	var saved []Reason
	for _, c := range causes {
		i, covers := j.covering(c)
		if !covers {
			return nil, false
		}
		h := c.by.Statement.Claims().Head()
		saved = append(saved, Reason{
			Code: SavingsClauseApplied, Authority: h.Iss, Statement: refOf(c.by), Pointer: fmt.Sprintf("%s/%d", c.savingsAt, i),
			Message: j.applied(c, c.savings[i]),
		})
	}
	return saved, true
}

// covering returns the clause of a cause that covers the act. A fact that the
// request does not give is a clause that it does not claim.
func (j *judgement) covering(c cause) (i int, covers bool) {
	i = slices.IndexFunc(c.savings, func(s attest.Savings) bool { return j.unmetBy(c, s) == "" })
	return i, i >= 0
}

// unmetBy says why a clause does not cover the act, "" where it does.
func (j *judgement) unmetBy(c cause, s attest.Savings) string {
	mode, since := attest.Mode(j.req.Mode), utc(c.since)
	switch s.Kind {
	case attest.InTransit:
		switch laden := j.req.LadenAt; {
		case mode != attest.Tangible:
			return "it saves tangible items that are under way, and the request does not say that the mode is tangible"
		case laden.IsZero():
			return "the request does not say when the item was laden (laden_at)"
		case !laden.t.Before(c.since):
			return fmt.Sprintf("the item was laden at %s, not before %s", utc(laden.t), since)
		case !j.t.Before(s.DeliverBefore.Time()):
			return fmt.Sprintf("delivery had to be before %s", utc(s.DeliverBefore.Time()))
		}
	case attest.WindDown:
		allowed := s.Modes
		if allowed == nil {
			allowed = []attest.Mode{attest.Tangible}
		}
		switch signed := j.req.ContractSignedAt; {
		case !slices.Contains(allowed, mode):
			return fmt.Sprintf("it saves the modes %v, and the request says %q", allowed, mode)
		case signed.IsZero():
			return "the request does not say when the contract was signed (contract_signed_at)"
		case !signed.t.Before(c.since):
			return fmt.Sprintf("the contract was signed at %s, not before %s", utc(signed.t), since)
		case !j.t.Before(s.Until.Time()):
			return fmt.Sprintf("the wind-down ended at %s", utc(s.Until.Time()))
		}
	default:
		return fmt.Sprintf("this version does not know clauses of kind %q", s.Kind)
	}
	return ""
}

func (j *judgement) applied(c cause, s attest.Savings) string {
	if s.Kind == attest.InTransit {
		return fmt.Sprintf("%s of %s took effect at %s; what was laden before may be delivered before %s.",
			ending(c), c.by.Statement.Claims().Head().Iss, utc(c.since), utc(s.DeliverBefore.Time()))
	}
	return fmt.Sprintf("%s of %s took effect at %s; contracts signed before may be wound down until %s.",
		ending(c), c.by.Statement.Claims().Head().Iss, utc(c.since), utc(s.Until.Time()))
}

// unmet says why none of the clauses of a cause covers the act.
func (j *judgement) unmet(c cause) string {
	text := ""
	for _, s := range c.savings {
		text += fmt.Sprintf(" The %s clause does not cover the act: %s.", s.Kind, j.unmetBy(c, s))
	}
	return text[1:]
}

func ending(c cause) string {
	switch c.code {
	case ApprovalRevoked:
		return "The revocation"
	case ApprovalWithdrawn:
		return "The withdrawal"
	case ApprovalExpired:
		return "The end"
	default:
		return "The suspension"
	}
}
