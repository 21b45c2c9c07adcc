package issuing

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/controllist"
	"github.com/safeconduct/safeconduct/internal/strictjson"
)

// differences lists the members in which a version says something else than the
// one before, and whether that is more or less.
func differences(before, now attest.Claims) (out []Detail) {
	old, fresh := reflect.ValueOf(before).Elem(), reflect.ValueOf(now).Elem()
	if old.Type() != fresh.Type() {
		return nil
	}
	for _, name := range sorted(strictjson.MemberTypes(old.Type())) {
		if slices.Contains(own, name) {
			continue
		}
		a, b := field(old, name), field(fresh, name)
		was, is := show(a), show(b)
		if was == is {
			continue
		}
		effect := Changed
		if judge, known := judges[name]; known {
			effect = judge(a, b)
		}
		if reflect.ValueOf(a).Kind() == reflect.Slice {
			was, is = onlyIn(a, b), onlyIn(b, a)
		}
		out = append(out, Detail{Member: name, Effect: effect, Before: was, Now: is})
	}
	return out
}

func effectsOf(ds []Detail) (out []Effect) {
	for _, d := range ds {
		out = append(out, d.Effect)
	}
	return out
}

func field(v reflect.Value, name string) any {
	for _, f := range reflect.VisibleFields(v.Type()) {
		if n, _, _ := strings.Cut(f.Tag.Get("json"), ","); n == name && !f.Anonymous {
			return v.FieldByIndex(f.Index).Interface()
		}
	}
	return nil
}

// show is what a member says, in the one form that does not depend on the order
// of its elements; "" where it says nothing.
func show(v any) string {
	if v == nil || reflect.ValueOf(v).IsZero() {
		return ""
	}
	switch v := v.(type) {
	case string:
		return v
	case attest.NumericDate:
		return v.Time().Format("2006-01-02T15:04:05Z07:00")
	}
	data, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	if form, err := attest.Canonical(data); err == nil {
		data = form
	}
	return string(data)
}

// onlyIn is what a list has and another has not.
func onlyIn(a, b any) string {
	var out []string
	other := elements(b)
	for _, e := range elements(a) {
		if !slices.Contains(other, e) {
			out = append(out, e)
		}
	}
	return strings.Join(out, ", ")
}

// elements are those of a list, each in words.
func elements(list any) (out []string) {
	v := reflect.ValueOf(list)
	for i := range v.Len() {
		switch e := v.Index(i).Interface().(type) {
		case attest.Item:
			out = append(out, itemWords(e))
		case attest.Role:
			out = append(out, string(e))
		default:
			out = append(out, show(e))
		}
	}
	return out
}

func itemWords(it attest.Item) string {
	words := it.List + ":" + it.Entry
	if it.Limitation != "" {
		words += " (" + it.Limitation + ")"
	}
	if len(it.Sites) > 0 {
		words += " [" + strings.Join(slices.Sorted(slices.Values(it.Sites)), " ") + "]"
	}
	return words
}

// judges say whether what a member says now is more or less than before, where
// it is either.
var judges = map[string]func(before, now any) Effect{
	"exp": func(a, b any) Effect {
		was, is := as[attest.NumericDate](a), as[attest.NumericDate](b)
		return less(was == 0 || is != 0 && is < was)
	},
	"legal_effect": func(a, b any) Effect {
		order := []attest.LegalEffect{attest.PolicyBaseline, attest.Eligibility, attest.Authorization}
		return less(slices.Index(order, as[attest.LegalEffect](b)) < slices.Index(order, as[attest.LegalEffect](a)))
	},
	"authorised_roles": limits[[]attest.Role],
	"approved_sites":   func(a, b any) Effect { return sites(as[[]attest.Site](a), as[[]attest.Site](b)) },
	"sites":            func(a, b any) Effect { return sites(as[[]attest.Site](a), as[[]attest.Site](b)) },
	"eligible_items":   func(a, b any) Effect { return itemsOf(as[[]attest.Item](a), as[[]attest.Item](b)) },
	// What limits more, or asks for more, says less.
	"obligations":    func(a, b any) Effect { return sets(as[[]attest.Obligation](b), as[[]attest.Obligation](a)) },
	"expiry_savings": func(a, b any) Effect { return sets(as[[]attest.Savings](a), as[[]attest.Savings](b)) },
	"caveats":        func(a, b any) Effect { return either(as[*attest.Limits](b) == nil, as[*attest.Limits](a) == nil) },
	"conditions": func(a, b any) Effect {
		return either(as[*attest.Conditions](b) == nil, as[*attest.Conditions](a) == nil)
	},
}

func as[T any](v any) T {
	t, _ := v.(T)
	return t
}

func less(is bool) Effect {
	if is {
		return Narrowed
	}
	return Widened
}

// either is widened or narrowed, and changed where it is both or neither.
func either(wider, narrower bool) Effect {
	switch {
	case wider && !narrower:
		return Widened
	case narrower && !wider:
		return Narrowed
	default:
		return Changed
	}
}

// sets compares sets by their elements.
func sets[T any](before, now []T) Effect {
	has := func(in []T, e T) bool {
		return slices.ContainsFunc(in, func(x T) bool { return show(x) == show(e) })
	}
	return either(
		slices.ContainsFunc(now, func(e T) bool { return !has(before, e) }),
		slices.ContainsFunc(before, func(e T) bool { return !has(now, e) }),
	)
}

// limits compares sets of which none is no limit.
func limits[S ~[]T, T any](a, b any) Effect {
	before, now := as[S](a), as[S](b)
	if len(before) == 0 || len(now) == 0 {
		return less(len(before) == 0)
	}
	return sets(before, now)
}

// sites compares by id: what a site is called says neither more nor less.
func sites(before, now []attest.Site) Effect {
	ids := func(all []attest.Site) (out []string) {
		for _, s := range all {
			out = append(out, s.ID)
		}
		return out
	}
	return sets(ids(before), ids(now))
}

// itemsOf compares by what entries cover.
func itemsOf(before, now []attest.Item) Effect {
	if len(before) == 0 || len(now) == 0 {
		return less(len(before) == 0)
	}
	return either(
		slices.ContainsFunc(now, func(it attest.Item) bool { return !covered(it, before) }),
		slices.ContainsFunc(before, func(it attest.Item) bool { return !covered(it, now) }),
	)
}

// covered reports whether one of the items covers another, at all its sites and
// without a limitation that it does not have.
func covered(it attest.Item, by []attest.Item) bool {
	entry, err := controllist.Parse(it.List, it.Entry)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(by, func(b attest.Item) bool {
		e, err := controllist.Parse(b.List, b.Entry)
		if err != nil || !e.Covers(entry) || b.Limitation != "" && b.Limitation != it.Limitation {
			return false
		}
		if len(b.Sites) == 0 {
			return true
		}
		return len(it.Sites) > 0 && !slices.ContainsFunc(it.Sites, func(s string) bool { return !slices.Contains(b.Sites, s) })
	})
}
