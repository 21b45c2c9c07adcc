package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
)

// bounds are limits and where they stand: the terms of a sandbox, or one
// authority's caveats.
type bounds struct {
	*attest.Limits
	entry   proven.Entry
	pointer string
	name    string
	// from and until are the current period of cumulative ceilings; engaged
	// says that there is one.
	from, until time.Time
	engaged     bool
}

func (b *bounds) reason(code Code, pointer, format string, args ...any) Reason {
	return Reason{
		Code: code, Message: fmt.Sprintf(format, args...), Authority: b.entry.Statement.Claims().Head().Iss,
		Statement: refOf(b.entry), Pointer: b.pointer + pointer,
	}
}

func (b *bounds) missing(pointer, fact string) Reason {
	return b.reason(MissingFact, pointer, "The request does not give %s, which %s limit.", fact, b.name)
}

// check is R3 and R5 to R8.
func (b *bounds) check(req *Request) (rs []Reason) {
	rs = append(rs, b.items(req)...)
	if b.AllowedEndUses != nil {
		rs = append(rs, b.listed(req.EndUse, b.AllowedEndUses, "end_use", "/allowed_end_uses", EndUseNotPermitted)...)
	}
	if b.Activities != nil {
		rs = append(rs, b.listed(req.Activity, b.Activities, "activity", "/activities", ActivityNotPermitted)...)
	}
	rs = append(rs, b.nationalities(req)...)
	rs = append(rs, b.level(req)...)
	rs = append(rs, b.value(req)...)
	return append(rs, b.quantity(req)...)
}

func (b *bounds) items(req *Request) (rs []Reason) {
	if b.InScope == nil && b.Excluded == nil {
		return nil
	}
	if len(req.items()) == 0 {
		return []Reason{b.missing("/in_scope", "item")}
	}
	for _, it := range req.items() {
		var scope []clause
		if b.InScope == nil {
			// No scope is no limit: only the exclusions are read.
			scope = []clause{{entry: it.Entry}}
		}
		m := matchItem(it, append(scope, clauses(b.InScope, it.List, b.pointer+"/in_scope/")...),
			clauses(b.Excluded, it.List, b.pointer+"/excluded/"))
		if m.code != "" {
			r := b.reason(m.code, "/in_scope", "%s", m.message(it, b.name))
			if m.pointer != "" {
				r.Pointer = m.pointer
			}
			rs = append(rs, r)
		}
	}
	return rs
}

func clauses(s attest.Scope, list, pointer string) (out []clause) {
	for i, e := range s[list] {
		out = append(out, clause{entry: e, pointer: fmt.Sprintf("%s%s/%d", pointer, list, i)})
	}
	return out
}

func (b *bounds) listed(given string, allowed []string, fact, pointer string, code Code) []Reason {
	switch {
	case given == "":
		return []Reason{b.missing(pointer, fact)}
	case !slices.Contains(allowed, given):
		return []Reason{b.reason(code, pointer, "The %s %q is not among those of %s: %v.", fact, given, b.name, allowed)}
	default:
		return nil
	}
}

// nationalities is R6.
func (b *bounds) nationalities(req *Request) []Reason {
	n := b.Nationality
	if n == nil {
		return nil
	}
	if req.PersonNationalities == nil {
		return []Reason{b.missing("/nationality", "person_nationalities (an empty list says that nobody is given access)")}
	}
	var review []string
	for _, c := range req.PersonNationalities {
		if slices.Contains(n.Prohibited, c) {
			return []Reason{b.reason(NationalityNotPermitted, "/nationality/prohibited", "A person who is given access holds the nationality %s, which %s prohibit.", c, b.name)}
		}
		if n.Permitted != nil && !slices.Contains(n.Permitted, c) {
			review = append(review, c)
		}
	}
	if review != nil {
		return []Reason{b.reason(NationalityReviewRequired, "/nationality/permitted", "The nationalities %v are neither permitted nor prohibited by %s; a person must decide.", review, b.name)}
	}
	return nil
}

// level is R7.
func (b *bounds) level(req *Request) []Reason {
	switch given := attest.Level(req.Classification); {
	case b.MaxClassification == "":
		return nil
	case given == "":
		return []Reason{b.missing("/max_classification", "classification")}
	case given.Above(b.MaxClassification):
		return []Reason{b.reason(ClassificationLevelExceeded, "/max_classification", "The level %s is above %s, the highest of %s.", given, b.MaxClassification, b.name)}
	default:
		return nil
	}
}

// value is R8 for money.
func (b *bounds) value(req *Request) []Reason {
	c := b.Value
	if c == nil {
		return nil
	}
	if req.Value == nil {
		return []Reason{b.missing("/value", "value")}
	}
	l := ceiling{
		once: c.PerTransaction, sum: c.Cumulative, unit: c.Currency, pointer: "/value", exceeded: ValueCeilingExceeded,
		incomparable: func(of, unit string) Reason {
			return b.reason(CurrencyConversionRequired, "/value/currency", "The %s is in %s, the ceiling in %s; a person must convert it.", of, unit, c.Currency)
		},
		unitOf: func(e LedgerEntry) string { return e.Currency },
	}
	return b.ceiling(req, l, req.Value.Amount, req.Value.Currency)
}

// quantity is R8 for numbers of units.
func (b *bounds) quantity(req *Request) []Reason {
	c := b.Quantity
	if c == nil {
		return nil
	}
	if req.Quantity == nil {
		return []Reason{b.missing("/quantity", "quantity in the unit "+c.Unit)}
	}
	l := ceiling{
		once: c.PerTransaction, sum: c.Cumulative, unit: c.Unit, pointer: "/quantity", exceeded: QuantityCeilingExceeded,
		incomparable: func(of, unit string) Reason {
			return b.missing("/quantity/unit", fmt.Sprintf("the %s in the unit %s, but in %s,", of, c.Unit, unit))
		},
		unitOf: func(e LedgerEntry) string { return e.Unit },
	}
	return b.ceiling(req, l, req.Quantity.Amount, req.Quantity.Unit)
}

// A ceiling bounds value or quantity, in one currency or unit.
type ceiling struct {
	once, sum     attest.Amount
	unit, pointer string
	exceeded      Code
	// incomparable is the reason for what is in another currency or unit.
	incomparable func(of, unit string) Reason
	// unitOf is "" for a ledger entry that is not of this sort.
	unitOf func(LedgerEntry) string
}

// ceiling compares per transaction and, within the current period, with the
// ledger. Equality is allowed, and both ceilings broken are one reason. What
// cannot be compared is left out of the sum, which can only grow by it.
func (b *bounds) ceiling(req *Request, c ceiling, given Number, unit string) (rs []Reason) {
	total, over := given.decimal(), Reason{}
	if unit != c.unit {
		rs = append(rs, c.incomparable(strings.TrimPrefix(c.pointer, "/"), unit))
		total = decimal.Zero
	}
	if c.once != "" && total.GreaterThan(c.once.Decimal()) {
		over = b.reason(c.exceeded, c.pointer+"/per_transaction", "%s %s is more than %s %s, the most for one transaction in %s.", total, c.unit, c.once, c.unit, b.name)
	}
	switch {
	case c.sum == "" || !b.engaged:
	case req.Ledger == nil:
		rs = append(rs, b.missing(c.pointer+"/cumulative", "ledger (an empty list says that nothing went before)"))
	default:
		comparable := true
		for _, e := range b.current(req.Ledger) {
			switch unit := c.unitOf(e); {
			case unit == c.unit:
				total = decimal.Sum(total, e.Amount.decimal())
			case unit != "" && comparable:
				rs, comparable = append(rs, c.incomparable("ledger's entry of "+utc(e.Date.t), unit)), false
			}
		}
		if over.Code == "" && total.GreaterThan(c.sum.Decimal()) {
			over = b.reason(c.exceeded, c.pointer+"/cumulative", "With the ledger it comes to %s %s, more than %s %s, the most for the period in %s.", total, c.unit, c.sum, c.unit, b.name)
		}
	}
	if over.Code != "" {
		rs = append(rs, over)
	}
	return rs
}

// current returns the entries dated in the current period.
func (b *bounds) current(ledger []LedgerEntry) (in []LedgerEntry) {
	for _, e := range ledger {
		if !e.Date.t.Before(b.from) && (b.until.IsZero() || e.Date.t.Before(b.until)) {
			in = append(in, e)
		}
	}
	return in
}
