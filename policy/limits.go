package policy

import (
	"fmt"
	"slices"

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
func (b *bounds) check(req *Request) (rs []Reason) {
	rs = append(rs, b.items(req)...)
	rs = append(rs, b.uses(req)...)
	rs = append(rs, b.nationalities(req)...)
	rs = append(rs, b.level(req)...)
	rs = append(rs, b.value(req)...)
	return append(rs, b.quantity(req)...)
}

// walk notes the tests that check makes.
func (b *bounds) walk(req *Request, o *outcome) {
	for _, rule := range []struct {
		name    string
		engaged bool
		check   func(*Request) []Reason
	}{
		{"R3", b.InScope != nil || b.Excluded != nil, b.items},
		{"R5", b.AllowedEndUses != nil || b.Activities != nil, b.uses},
		{"R6", b.Nationality != nil, b.nationalities},
		{"R7", b.MaxClassification != "", b.level},
		{"R8", b.Value != nil || b.Quantity != nil, func(r *Request) []Reason { return append(b.value(r), b.quantity(r)...) }},
	} {
		if rule.engaged {
			tried := new(outcome)
			tried.add(rule.check(req)...)
			tried.tried(rule.name, 0, about("", party{}, b.entry), "The act keeps within "+b.name+".")
			o.tests = append(o.tests, tried.tests...)
		}
	}
}

// uses is R5.
func (b *bounds) uses(req *Request) (rs []Reason) {
	if b.AllowedEndUses != nil {
		rs = append(rs, b.listed(req.EndUse, b.AllowedEndUses, "end_use", "/allowed_end_uses", EndUseNotPermitted)...)
	}
	if b.Activities != nil {
		rs = append(rs, b.listed(req.Activity, b.Activities, "activity", "/activities", ActivityNotPermitted)...)
	}
	return rs
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
