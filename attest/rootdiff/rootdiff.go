// Package rootdiff says in words what a new version of a trust root changes, for
// the officers who are to sign it.
//
//	if err := old.Precedes(next); err != nil {
//		// next cannot follow old, whatever it says.
//	}
//	for _, c := range rootdiff.Of(old, next) {
//		fmt.Println(c.Weight, c.Text)
//	}
//
// Everything that the two versions say of who may sign what is compared: what is
// not named is the same. Functions are pure and may be used concurrently.
package rootdiff

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
)

// A Weight says how closely a change is to be looked at.
type Weight int

// The weights, the least first.
const (
	// Plain changes neither widen nor narrow who may sign what.
	Plain Weight = iota
	// Narrows takes something away from somebody who may sign.
	Narrows
	// Widens lets more people sign, or fewer be enough, or an authority speak on
	// more.
	Widens
)

// MarshalText writes the weight as String does.
func (w Weight) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// String returns plain, narrows or widens.
func (w Weight) String() string { return [...]string{"plain", "narrows", "widens"}[w] }

// A Change is one thing that the new version says otherwise.
type Change struct {
	Weight Weight `json:"weight"`
	// Text is a sentence for people. Names in it come from the roots: print it
	// with control characters taken out.
	Text string `json:"text"`
}

// Of lists what next changes of the version in force, in the order of the
// document. Whether it may follow that is for [attest.TrustRoot.Precedes].
func Of(inForce *attest.TrustRoot, next *attest.Root) []Change {
	d := new(differ)
	old := inForce.Root()
	d.threshold("root officers who sign a trust root", "", old.Threshold, next.Threshold)
	d.officers("", old.Officers, next.Officers)
	d.set("Checkpoints may be signed by the log key", "", old.LogKeys, next.LogKeys)
	d.cosigners(old.Cosigners, next.Cosigners)
	d.set("Decisions may be signed by the key", "", kids(old.DecisionKeys), kids(next.DecisionKeys))
	for _, a := range old.Authorities {
		if find(next.Authorities, a.ID) == nil {
			d.add(Narrows, "Authority %s (%s) leaves: it can say nothing more, and what it has said stands.", a.ID, a.Name)
		}
	}
	for i := range next.Authorities {
		a := &next.Authorities[i]
		if was := find(old.Authorities, a.ID); was != nil {
			d.authority(was, a)
		} else {
			d.joins(a)
		}
	}
	return d.changes
}

type differ struct{ changes []Change }

func (d *differ) add(w Weight, format string, args ...any) {
	d.changes = append(d.changes, Change{w, fmt.Sprintf(format, args...)})
}

func find(as []attest.Authority, id string) *attest.Authority {
	i := slices.IndexFunc(as, func(a attest.Authority) bool { return a.ID == id })
	if i < 0 {
		return nil
	}
	return &as[i]
}

// of is whose something is, "" for the root's own.
func of(authority string) string {
	if authority == "" {
		return ""
	}
	return " of " + authority
}

func (d *differ) threshold(what, authority string, old, next int64) {
	switch {
	case next < old:
		d.add(Widens, "Fewer%s are needed: %d %s, where it was %d.", of(authority), next, what, old)
	case next > old:
		d.add(Narrows, "More%s are needed: %d %s, where it was %d.", of(authority), next, what, old)
	}
}

func (d *differ) officers(authority string, old, next []attest.Officer) {
	who := "officer"
	if authority == "" {
		who = "root officer"
	}
	byID := func(os []attest.Officer, id string) (attest.Officer, bool) {
		i := slices.IndexFunc(os, func(o attest.Officer) bool { return o.ID == id })
		if i < 0 {
			return attest.Officer{}, false
		}
		return os[i], true
	}
	for _, o := range old {
		if _, stays := byID(next, o.ID); !stays {
			d.add(Narrows, "The %s %s%s leaves.", who, o.ID, of(authority))
		}
	}
	for _, o := range next {
		was, had := byID(old, o.ID)
		if !had {
			d.add(Widens, "The %s %s%s comes, with the key %s.", who, o.ID, of(authority), strings.Join(kids(o.Keys), ", "))
			continue
		}
		for _, kid := range kids(was.Keys) {
			if !slices.Contains(kids(o.Keys), kid) {
				d.add(Narrows, "The %s %s%s no longer signs with the key %s.", who, o.ID, of(authority), kid)
			}
		}
		for _, kid := range kids(o.Keys) {
			if !slices.Contains(kids(was.Keys), kid) {
				d.add(Widens, "The %s %s%s may sign with the key %s.", who, o.ID, of(authority), kid)
			}
		}
	}
}

// kids are the ids of keys.
func kids(keys []attest.JWK) (ids []string) {
	for _, j := range keys {
		if k, err := j.Key(); err == nil {
			ids = append(ids, k.ID())
		}
	}
	return ids
}

// set compares what may be: less of it narrows.
func (d *differ) set(may, authority string, old, next []string) {
	for _, x := range old {
		if !slices.Contains(next, x) {
			d.add(Narrows, "%s%s no longer: %s.", may, of(authority), x)
		}
	}
	for _, x := range next {
		if !slices.Contains(old, x) {
			d.add(Widens, "%s%s: %s.", may, of(authority), x)
		}
	}
}

func (d *differ) cosigners(old, next []attest.Cosigner) {
	says := func(c attest.Cosigner) string {
		if c.Operator {
			return fmt.Sprintf("%s of the operator's own, %s", c.Role, c.VKey)
		}
		return fmt.Sprintf("%s, %s", c.Role, c.VKey)
	}
	// A key that is not listed counts as a witness of its own: to list one as a
	// mirror lets it vouch for more, and not to list the operator's makes it
	// somebody else's.
	for _, c := range old {
		if !slices.Contains(next, c) {
			d.add(weigh(c.Operator), "No cosigner any more: %s.", says(c))
		}
	}
	for _, c := range next {
		if !slices.Contains(old, c) {
			d.add(weigh(c.Role == attest.Mirror), "A cosigner: %s.", says(c))
		}
	}
}

func weigh(widens bool) Weight {
	if widens {
		return Widens
	}
	return Plain
}

func (d *differ) joins(a *attest.Authority) {
	d.add(Widens, "Authority %s (%s) joins: it registers entities of %s; granting needs %d of its %d officers, revoking %d.",
		a.ID, a.Name, strings.Join(a.Countries, ", "), a.Thresholds.Granting, len(a.Officers), a.Thresholds.Revoking)
	d.officers(a.ID, nil, a.Officers)
	for _, b := range bounds(nil, a) {
		if b.next != nil {
			d.add(Plain, "%s is bounded to the %s %s.", a.ID, b.what, strings.Join(b.next, ", "))
		}
	}
	d.keys(new(attest.Authority), a)
}

func (d *differ) authority(old, next *attest.Authority) {
	if old.Name != next.Name {
		d.add(Plain, "%s is called %q, where it was %q.", next.ID, next.Name, old.Name)
	}
	d.set("Entities are registered by country", next.ID, old.Countries, next.Countries)
	d.threshold("officers who grant", next.ID, old.Thresholds.Granting, next.Thresholds.Granting)
	d.threshold("officers who revoke", next.ID, old.Thresholds.Revoking, next.Thresholds.Revoking)
	d.officers(next.ID, old.Officers, next.Officers)
	for _, b := range bounds(old, next) {
		d.bound(next.ID, b)
	}
	d.keys(old, next)
}

// A bound is one of a jurisdiction; nil is no limit.
type bound struct {
	what      string
	old, next []string
}

func bounds(old, next *attest.Authority) []bound {
	was := attest.Jurisdiction{}
	if old != nil {
		was = old.Jurisdiction
	}
	now := next.Jurisdiction
	return []bound{
		{"entities' countries", was.Countries, now.Countries}, {"control lists", was.Lists, now.Lists},
		{"programmes", was.Programmes, now.Programmes}, {"sandboxes", was.Sandboxes, now.Sandboxes},
	}
}

func (d *differ) bound(authority string, b bound) {
	switch {
	case b.old == nil && b.next == nil:
	case b.old == nil:
		d.add(Narrows, "%s is bounded to the %s %s, where there was no limit.", authority, b.what, strings.Join(b.next, ", "))
	case b.next == nil:
		d.add(Widens, "%s is not bounded in %s any more, where it was to %s.", authority, b.what, strings.Join(b.old, ", "))
	default:
		d.set("May speak on the "+b.what, authority, b.old, b.next)
	}
}

// keys compares what is declared of keys.
func (d *differ) keys(old, next *attest.Authority) {
	byKid := func(cs []attest.Compromised, kid string) (attest.Compromised, bool) {
		i := slices.IndexFunc(cs, func(c attest.Compromised) bool { return c.Kid == kid })
		if i < 0 {
			return attest.Compromised{}, false
		}
		return cs[i], true
	}
	for _, c := range old.Compromised {
		if _, still := byKid(next.Compromised, c.Kid); !still {
			d.add(Widens, "The key %s%s is trusted again: what it signed since log index %d is no longer void.", c.Kid, of(next.ID), c.Since)
		}
	}
	for _, c := range next.Compromised {
		was, had := byKid(old.Compromised, c.Kid)
		switch {
		case !had:
			d.add(Narrows, "The key %s%s is declared compromised since log index %d: what it signed from there on is void.", c.Kid, of(next.ID), c.Since)
		case c.Since < was.Since:
			d.add(Narrows, "The key %s%s is declared compromised since log index %d, where it was %d: more is void.", c.Kid, of(next.ID), c.Since, was.Since)
		case c.Since > was.Since:
			d.add(Widens, "The key %s%s is declared compromised since log index %d, where it was %d: less is void.", c.Kid, of(next.ID), c.Since, was.Since)
		}
		switch {
		case c.AllFalse && !was.AllFalse:
			d.add(Widens, "%s declares that all that the key %s took away, and that is not made again, is false.", next.ID, c.Kid)
		case had && was.AllFalse && !c.AllFalse:
			d.add(Plain, "%s no longer says that all that the key %s took away is false.", next.ID, c.Kid)
		}
		for _, jti := range c.False {
			if !slices.Contains(was.False, jti) {
				d.add(Widens, "%s declares that %s is false: it never took that away.", next.ID, jti)
			}
		}
		for _, jti := range was.False {
			if had && !slices.Contains(c.False, jti) {
				d.add(Plain, "%s no longer says that %s is false.", next.ID, jti)
			}
		}
	}
	for _, kid := range next.Thawed {
		d.add(Widens, "The key %s%s is thawed: a freeze of it ends.", kid, of(next.ID))
	}
}

// Worst orders changes, those to look at most closely first.
func Worst(changes []Change) []Change {
	out := slices.Clone(changes)
	slices.SortStableFunc(out, func(a, b Change) int { return cmp.Compare(b.Weight, a.Weight) })
	return out
}
