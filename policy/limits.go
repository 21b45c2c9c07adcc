package policy

import (
	"fmt"
	"maps"
	"slices"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
)

// limits are those of terms, caveats or a consent, and where they stand.
type limits struct {
	*attest.Limits
	entry   proven.Entry
	pointer string
	name    string
	// inScope and excluded are the clauses of their scopes, of all lists.
	inScope, excluded []clause
	// lists are those of both.
	lists []string
	// value and quantity are the ceilings, nil where there are none.
	value, quantity *ceiling
}

func limitsOf(l *attest.Limits, e proven.Entry, pointer, name string) *limits {
	out := &limits{
		Limits: l, entry: e, pointer: pointer, name: name,
		value: ceilingOnValue(l), quantity: ceilingOnQuantity(l),
	}
	out.inScope = out.clauses(l.InScope, "/in_scope/")
	out.excluded = out.clauses(l.Excluded, "/excluded/")
	return out
}

func (l *limits) clauses(s attest.Scope, pointer string) (out []clause) {
	for _, list := range slices.Sorted(maps.Keys(s)) {
		l.lists = append(l.lists, list)
		for i, e := range s[list] {
			out = append(out, clauseOf(list, e, "", l.pointer+pointer+list+"/", i))
		}
	}
	return out
}

// bounds are limits at the time of an act.
type bounds struct {
	*limits
	// period is the current one of cumulative ceilings; engaged says that there
	// is one.
	period
	engaged bool
	ledger  *ledger
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
func (b *bounds) check(q *Question) (rs []Reason) {
	rs = append(rs, b.items(q)...)
	rs = append(rs, b.uses(q)...)
	rs = append(rs, b.nationalities(q)...)
	rs = append(rs, b.level(q)...)
	return append(rs, b.ceilings(q)...)
}

// walk notes the tests that check makes.
func (b bounds) walk(q *Question, o *outcome) {
	for _, rule := range []struct {
		name    string
		engaged bool
		check   func(*Question) []Reason
	}{
		{"R3", b.InScope != nil || b.Excluded != nil, b.items},
		{"R5", b.AllowedEndUses != nil || b.Activities != nil, b.uses},
		{"R6", b.Nationality != nil, b.nationalities},
		{"R7", b.MaxClassification != "", b.level},
		{"R8", b.value != nil || b.quantity != nil, b.ceilings},
	} {
		if rule.engaged {
			tried := new(outcome)
			tried.add(rule.check(q)...)
			tried.tried(rule.name, 0, about("", party{}, b.entry), "The act keeps within "+b.name+".")
			o.tests = append(o.tests, tried.tests...)
		}
	}
}

// uses is R5.
func (b *bounds) uses(q *Question) (rs []Reason) {
	if b.AllowedEndUses != nil {
		rs = append(rs, b.listed(q.req.EndUse, b.AllowedEndUses, "end_use", "/allowed_end_uses", EndUseNotPermitted)...)
	}
	if b.Activities != nil {
		rs = append(rs, b.listed(q.req.Activity, b.Activities, "activity", "/activities", ActivityNotPermitted)...)
	}
	return rs
}

func (b *bounds) items(q *Question) (rs []Reason) {
	if b.InScope == nil && b.Excluded == nil {
		return nil
	}
	if len(q.items) == 0 {
		return []Reason{b.missing("/in_scope", "item")}
	}
	for _, it := range q.items {
		scope := b.inScope
		if b.InScope == nil {
			// No scope is no limit: only the exclusions are read.
			scope = []clause{{read: it.read}}
		}
		if m := matchItem(it, scope, b.excluded); m.code != "" {
			rs = append(rs, b.reason(m.code, "/in_scope", "%s", m.message(it, b.name)))
			if m.pointer != "" {
				rs[len(rs)-1].Pointer = m.pointer
			}
		}
	}
	return rs
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
func (b *bounds) nationalities(q *Question) []Reason {
	n := b.Nationality
	if n == nil {
		return nil
	}
	if q.req.PersonNationalities == nil {
		return []Reason{b.missing("/nationality", "person_nationalities (an empty list says that nobody is given access)")}
	}
	var review []string
	for _, c := range q.req.PersonNationalities {
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
func (b *bounds) level(q *Question) []Reason {
	switch given := attest.Level(q.req.Classification); {
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
