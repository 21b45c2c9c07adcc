package policy

import (
	"time"

	"github.com/shopspring/decimal"
)

// A period is that of cumulative ceilings: from its start to before until, which
// is the zero time where it has no end.
type period struct{ from, until time.Time }

// upTo lets the period go on up to t where it has ended: savings let an act go
// ahead then. It reports whether the period has begun.
func (p *period) upTo(t time.Time) (engaged bool) {
	if !p.until.IsZero() && !t.Before(p.until) {
		p.until = t.Add(1)
	}
	return !t.Before(p.from)
}

func (p period) holds(t time.Time) bool {
	return !t.Before(p.from) && (p.until.IsZero() || t.Before(p.until))
}

// A ledger is what went before, summed once for every sort of amount, unit and
// period: each choice of approvals asks for it again.
type ledger struct {
	entries []LedgerEntry
	sums    map[summed]sum
}

type summed struct {
	sort, unit string
	period     period
}

// A sum has what is in the unit; foreign is the first entry of the sort that is
// not, nil where there is none.
type sum struct {
	total   decimal.Decimal
	foreign *LedgerEntry
}

func ledgerOf(r *Request) *ledger {
	if r.Ledger == nil {
		return nil
	}
	return &ledger{entries: r.Ledger, sums: make(map[summed]sum)}
}

// sum returns what the entries of a sort come to in a period. A sort is the
// pointer of its ceilings; unitOf is "" for an entry of another.
func (l *ledger) sum(sort, unit string, p period, unitOf func(LedgerEntry) string) sum {
	k := summed{sort, unit, p}
	s, ok := l.sums[k]
	if ok {
		return s
	}
	for i, e := range l.entries {
		if !p.holds(e.Date.t) {
			continue
		}
		switch u := unitOf(e); {
		case u == unit:
			s.total = decimal.Sum(s.total, e.Amount.value)
		case u != "" && s.foreign == nil:
			s.foreign = &l.entries[i]
		}
	}
	l.sums[k] = s
	return s
}
