package policy

import (
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/safeconduct/safeconduct/attest"
)

// A ceiling bounds value or quantity (R8), in one currency or unit. Amounts
// are zero where there is no such ceiling: its text is "" then.
type ceiling struct {
	once, sum         attest.Amount
	mostOnce, mostSum decimal.Decimal
	unit, pointer     string
	exceeded          Code
	// missing is what the request does not give where given says no.
	missing string
	given   func(*Request) (amount Number, unit string, ok bool)
	// foreign is the reason for what is in another currency or unit: unitAt is where
	// the ceiling's stands below pointer, todo what to do.
	foreign      Code
	unitAt, todo string
	// unitOf is "" for a ledger entry that is not of this sort.
	unitOf func(LedgerEntry) string
	// secret says that it is a confidential member that was disclosed, see
	// [Reason.Message].
	secret bool
}

// ceilingOnValue is that for money, nil where there is none.
func ceilingOnValue(l *attest.Limits) *ceiling {
	c := l.Value
	if c == nil {
		return nil
	}
	return &ceiling{
		once: c.PerTransaction, sum: c.Cumulative, mostOnce: c.PerTransaction.Decimal(), mostSum: c.Cumulative.Decimal(),
		unit: c.Currency, pointer: "/value", exceeded: ValueCeilingExceeded, missing: "value",
		given: func(r *Request) (Number, string, bool) {
			if r.Value == nil {
				return Number{}, "", false
			}
			return r.Value.Amount, r.Value.Currency, true
		},
		foreign: CurrencyConversionRequired, unitAt: "/currency", todo: "a person must convert it",
		unitOf: func(e LedgerEntry) string { return e.Currency },
		secret: slices.Contains(l.Confidential, "value"),
	}
}

// ceilingOnQuantity is that for numbers of units, nil where there is none.
func ceilingOnQuantity(l *attest.Limits) *ceiling {
	c := l.Quantity
	if c == nil {
		return nil
	}
	secret, missing := slices.Contains(l.Confidential, "quantity"), "quantity"
	if !secret {
		missing += " in the unit " + c.Unit
	}
	return &ceiling{
		once: c.PerTransaction, sum: c.Cumulative, mostOnce: c.PerTransaction.Decimal(), mostSum: c.Cumulative.Decimal(),
		unit: c.Unit, pointer: "/quantity", exceeded: QuantityCeilingExceeded, missing: missing,
		given: func(r *Request) (Number, string, bool) {
			if r.Quantity == nil {
				return Number{}, "", false
			}
			return r.Quantity.Amount, r.Quantity.Unit, true
		},
		foreign: MissingFact, unitAt: "/unit", todo: "give it in " + c.Unit,
		unitOf: func(e LedgerEntry) string { return e.Unit },
		secret: secret,
	}
}

// ceilings is R8.
func (b *bounds) ceilings(q *Question) (rs []Reason) {
	for _, c := range []*ceiling{b.value, b.quantity} {
		if c != nil {
			rs = append(rs, b.under(c, q.req)...)
		}
	}
	for _, name := range b.Hidden() {
		rs = append(rs, b.reason(MissingFact, "/"+name, "The %s ceiling in %s is confidential and has not been disclosed; have the holder disclose it.", name, b.name))
	}
	return rs
}

// under compares per transaction and, within the current period, with the
// ledger. Equality is allowed, and both ceilings broken are one reason. What
// cannot be compared is left out of the sum, which can only grow by it.
func (b *bounds) under(c *ceiling, req *Request) (rs []Reason) {
	amount, unit, ok := c.given(req)
	if !ok {
		return []Reason{b.missing(c.pointer, c.missing)}
	}
	total, over := amount.value, Reason{}
	if unit != c.unit {
		rs = append(rs, b.foreign(c, c.name(), unit))
		total = decimal.Zero
	}
	if c.once != "" && total.GreaterThan(c.mostOnce) {
		over = b.over(c, true, total)
	}
	switch {
	case c.sum == "" || !b.engaged:
	case req.Ledger == nil:
		rs = append(rs, b.missing(c.pointer+"/cumulative", "ledger (an empty list says that nothing went before)"))
	default:
		before := b.ledger.sum(c.pointer, c.unit, b.period, c.unitOf)
		if e := before.foreign; e != nil {
			rs = append(rs, b.foreign(c, "ledger's entry of "+utc(e.Date.t), c.unitOf(*e)))
		}
		total = decimal.Sum(total, before.total)
		if over.Code == "" && total.GreaterThan(c.mostSum) {
			over = b.over(c, false, total)
		}
	}
	if over.Code != "" {
		rs = append(rs, over)
	}
	return rs
}

// over is the reason for a total that is more than the most for one transaction, or,
// where it is not once, for the period.
func (b *bounds) over(c *ceiling, once bool, total decimal.Decimal) Reason {
	at, most := c.pointer+"/cumulative", c.sum
	if once {
		at, most = c.pointer+"/per_transaction", c.once
	}
	switch {
	case once && c.secret:
		return b.reason(c.exceeded, at, "The %s is more than the most for one transaction in %s, which is confidential.", c.name(), b.name)
	case once:
		return b.reason(c.exceeded, at, "%s %s is more than %s %s, the most for one transaction in %s.", total, c.unit, most, c.unit, b.name)
	case c.secret:
		return b.reason(c.exceeded, at, "With the ledger the %s comes to more than the most for the period in %s, which is confidential.", c.name(), b.name)
	default:
		return b.reason(c.exceeded, at, "With the ledger it comes to %s %s, more than %s %s, the most for the period in %s.", total, c.unit, most, c.unit, b.name)
	}
}

func (b *bounds) foreign(c *ceiling, of, unit string) Reason {
	if c.secret {
		return b.reason(c.foreign, c.pointer+c.unitAt, "The %s is in %s, and the ceiling in %s, which is confidential, is not; a person must convert it.", of, unit, b.name)
	}
	return b.reason(c.foreign, c.pointer+c.unitAt, "The %s is in %s, the ceiling in %s; %s.", of, unit, c.unit, c.todo)
}

// name is that of what it bounds.
func (c *ceiling) name() string { return strings.TrimPrefix(c.pointer, "/") }

// cumulative reports whether a cumulative ceiling is engaged.
func (b *bounds) cumulative() bool {
	return b.engaged && (b.value != nil && b.value.sum != "" || b.quantity != nil && b.quantity.sum != "")
}
