package attest

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/safeconduct/safeconduct/attest/controllist"
)

// A Scope is entries by control list.
type Scope map[string][]string

// Entries returns the entries, by list; what is no entry, which [Check] refuses, is left
// out.
func (s Scope) Entries() (out []controllist.Entry) {
	for _, list := range sortedKeys(s) {
		for _, entry := range s[list] {
			if e, err := controllist.Parse(list, entry); err == nil {
				out = append(out, e)
			}
		}
	}
	return out
}

// Leaves reports whether limits leave an entry or something below it: it is not excluded
// as a whole, and lies in the scope or above something in it, where there is one. It is
// for those who look for what may be decided on; whether an item passes, package policy
// decides, which asks for an entry that says enough (RULES R3).
func (l *Limits) Leaves(e controllist.Entry) bool {
	if slices.ContainsFunc(l.Excluded.Entries(), func(x controllist.Entry) bool { return x.Covers(e) }) {
		return false
	}
	return len(l.InScope) == 0 || slices.ContainsFunc(l.InScope.Entries(), func(in controllist.Entry) bool { return in.Covers(e) || e.Covers(in) })
}

func checkScope(p *checker, s Scope) {
	for _, list := range sortedKeys(s) {
		if !controllist.Known(list) {
			p.Add(string(jsontext.Pointer("").AppendToken(list)), "unknown control list %q: want one of %q", list, controllist.Lists())
			continue
		}
		for i, e := range s[list] {
			if _, err := controllist.Parse(list, e); err != nil {
				p.element("/"+list, i).Add("", "%v", err)
			}
		}
	}
}
