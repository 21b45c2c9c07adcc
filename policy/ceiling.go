package policy

import (
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
}

// ceilingOnValue is that for money, nil where there is none.
func ceilingOnValue(c *attest.ValueCeiling) *ceiling {
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
	}
}

// ceilingOnQuantity is that for numbers of units, nil where there is none.
func ceilingOnQuantity(c *attest.QuantityCeiling) *ceiling {
	if c == nil {
		return nil
	}
	return &ceiling{
		once: c.PerTransaction, sum: c.Cumulative, mostOnce: c.PerTransaction.Decimal(), mostSum: c.Cumulative.Decimal(),
		unit: c.Unit, pointer: "/quantity", exceeded: QuantityCeilingExceeded, missing: "quantity in the unit " + c.Unit,
		given: func(r *Request) (Number, string, bool) {
			if r.Quantity == nil {
				return Number{}, "", false
			}
			return r.Quantity.Amount, r.Quantity.Unit, true
		},
		foreign: MissingFact, unitAt: "/unit", todo: "give it in " + c.Unit,
		unitOf: func(e LedgerEntry) string { return e.Unit },
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
		rs = append(rs, b.foreign(c, strings.TrimPrefix(c.pointer, "/"), unit))
		total = decimal.Zero
	}
	if c.once != "" && total.GreaterThan(c.mostOnce) {
		over = b.reason(c.exceeded, c.pointer+"/per_transaction", "%s %s is more than %s %s, the most for one transaction in %s.", total, c.unit, c.once, c.unit, b.name)
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
			over = b.reason(c.exceeded, c.pointer+"/cumulative", "With the ledger it comes to %s %s, more than %s %s, the most for the period in %s.", total, c.unit, c.sum, c.unit, b.name)
		}
	}
	if over.Code != "" {
		rs = append(rs, over)
	}
	return rs
}

func (b *bounds) foreign(c *ceiling, of, unit string) Reason {
	return b.reason(c.foreign, c.pointer+c.unitAt, "The %s is in %s, the ceiling in %s; %s.", of, unit, c.unit, c.todo)
}

// cumulative reports whether a cumulative ceiling is engaged.
func (b *bounds) cumulative() bool {
	return b.engaged && (b.value != nil && b.value.sum != "" || b.quantity != nil && b.quantity.sum != "")
}
