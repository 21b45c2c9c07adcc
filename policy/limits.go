package policy

import (
	"fmt"
	"slices"
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
	if req.Value.Currency != c.Currency {
		return []Reason{b.reason(CurrencyConversionRequired, "/value/currency", "The value is in %s, the ceiling in %s; a person must convert it.", req.Value.Currency, c.Currency)}
	}
	spent := func(e LedgerEntry) (counts, comparable bool) { return e.Currency != "", e.Currency == c.Currency }
	return b.ceiling(req, req.Value.Amount, c.PerTransaction, c.Cumulative, "/value", c.Currency, ValueCeilingExceeded, spent)
}

// quantity is R8 for numbers of units.
func (b *bounds) quantity(req *Request) []Reason {
	c := b.Quantity
	if c == nil {
		return nil
	}
	if req.Quantity == nil || req.Quantity.Unit != c.Unit {
		return []Reason{b.missing("/quantity", "quantity in the unit "+c.Unit)}
	}
	moved := func(e LedgerEntry) (counts, comparable bool) { return e.Unit == c.Unit, true }
	return b.ceiling(req, req.Quantity.Amount, c.PerTransaction, c.Cumulative, "/quantity", c.Unit, QuantityCeilingExceeded, moved)
}

// ceiling compares per transaction and, within the current period, with the
// ledger. Equality is allowed, and both ceilings broken are one reason.
func (b *bounds) ceiling(req *Request, given Number, once, sum attest.Amount, pointer, unit string, code Code,
	counts func(LedgerEntry) (counts, comparable bool),
) []Reason {
	if once != "" && given.decimal().GreaterThan(once.Decimal()) {
		return []Reason{b.reason(code, pointer+"/per_transaction", "%s %s is more than %s %s, the most for one transaction in %s.", given.decimal(), unit, once, unit, b.name)}
	}
	if sum == "" || !b.engaged {
		return nil
	}
	if req.Ledger == nil {
		return []Reason{b.missing(pointer+"/cumulative", "ledger (an empty list says that nothing went before)")}
	}
	total := given.decimal()
	for _, e := range req.Ledger {
		in, comparable := counts(e)
		if !in || e.Date.t.Before(b.from) || (!b.until.IsZero() && !e.Date.t.Before(b.until)) {
			continue
		}
		if !comparable {
			return []Reason{b.reason(CurrencyConversionRequired, pointer+"/currency", "The ledger has an entry in %s, the ceiling is in %s; a person must convert it.", e.Currency, unit)}
		}
		total = decimal.Sum(total, e.Amount.decimal())
	}
	if total.GreaterThan(sum.Decimal()) {
		return []Reason{b.reason(code, pointer+"/cumulative", "With the ledger it comes to %s %s, more than %s %s, the most for the period in %s.", total, unit, sum, unit, b.name)}
	}
	return nil
}
