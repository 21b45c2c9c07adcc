package policy

import (
	"strings"

	"github.com/shopspring/decimal"

	"github.com/safeconduct/safeconduct/attest"
)

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
			return b.reason(MissingFact, "/quantity/unit", "The %s is in %s, the ceiling in %s; give it in %s.", of, unit, c.Unit, c.Unit)
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
	total, over := given.value, Reason{}
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
		before := b.ledger.sum(c.pointer, c.unit, b.period, c.unitOf)
		if e := before.foreign; e != nil {
			rs = append(rs, c.incomparable("ledger's entry of "+utc(e.Date.t), c.unitOf(*e)))
		}
		total = decimal.Sum(total, before.total)
		if over.Code == "" && total.GreaterThan(c.sum.Decimal()) {
			over = b.reason(c.exceeded, c.pointer+"/cumulative", "With the ledger it comes to %s %s, more than %s %s, the most for the period in %s.", total, c.unit, c.sum, c.unit, b.name)
		}
	}
	if over.Code != "" {
		rs = append(rs, over)
	}
	return rs
}

// cumulative reports whether a cumulative ceiling is engaged.
func (b *bounds) cumulative() bool {
	return b.engaged && (b.Value != nil && b.Value.Cumulative != "" || b.Quantity != nil && b.Quantity.Cumulative != "")
}
