package amend

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/controllist"
	"github.com/safeconduct/safeconduct/attest/prose"
)

// A differ collects changes.
type differ struct {
	was, is []prose.Line
	changes []Change
}

// A worth says what an element that is added or has ended does.
type worth struct{ added, ended, addedEffect, endedEffect Kind }

// The worths: descriptions say neither more nor less, with each permission more is
// allowed, with each prohibition less, and with each duty less, too.
var (
	descriptions = worth{Added, Ended, Changed, Changed}
	permissions  = worth{Added, Ended, Widened, Narrowed}
	prohibitions = worth{Narrowed, Widened, Narrowed, Widened}
	duties       = worth{Added, Ended, Narrowed, Widened}
)

// add records a change of the member at was in the older version, "" for none,
// and at is in the newer one.
func (d *differ) add(k Kind, was, is, text string) { d.record(k, k, was, is, text) }

func (d *differ) added(w worth, is, text string) { d.record(w.added, w.addedEffect, "", is, text) }

func (d *differ) ended(w worth, was, text string) { d.record(w.ended, w.endedEffect, was, "", text) }

func (d *differ) record(k, effect Kind, was, is, text string) {
	c := Change{Kind: k, Effect: effect, Pointer: is, Text: text}
	if is == "" {
		c.Pointer = was
	}
	c.Was, c.Is = words(d.was, was), words(d.is, is)
	d.changes = append(d.changes, c)
}

// words are the lines about a member and what is in it, or else those that
// say it among others.
func words(lines []prose.Line, pointer string) (out []prose.Line) {
	if pointer == "" {
		return nil
	}
	for _, l := range lines {
		if l.Pointer == pointer || strings.HasPrefix(l.Pointer, pointer+"/") {
			out = append(out, l)
		}
	}
	if out == nil {
		return words(lines, pointer[:strings.LastIndex(pointer, "/")])
	}
	least := out[0].Depth
	for _, l := range out {
		least = min(least, l.Depth)
	}
	for i := range out {
		out[i].Depth -= least
	}
	return out
}

// code compares what is neither more nor less, whatever it is.
func (d *differ) code(pointer, text, o, n string) {
	if o != n {
		d.add(Changed, pointer, pointer, text)
	}
}

// bound records a change of bounds: narrower where more is negative, wider where
// it is positive, else neither.
func (d *differ) bound(was, is, narrower, wider string, more int) {
	switch {
	case more < 0:
		d.add(Narrowed, was, is, narrower)
	case more > 0:
		d.add(Widened, was, is, wider)
	default:
		d.add(Changed, was, is, "It says something else")
	}
}

func at(pointer string, i int) string { return pointer + "/" + strconv.Itoa(i) }

// set compares lists whose elements are there or not; each stands in a line of
// its own, or in that of the list.
func (d *differ) set(pointer, noun string, o, n []string, w worth) {
	for i, e := range n {
		if !slices.Contains(o, e) {
			d.added(w, at(pointer, i), element(noun, e))
		}
	}
	for i, e := range o {
		if !slices.Contains(n, e) {
			d.ended(w, at(pointer, i), element(noun, e))
		}
	}
}

// element names an element: "role transferee". What is free text stands in the
// words beside it.
func element(noun, e string) string {
	if noun == "former name" || noun == "contact" {
		return noun
	}
	first, rest, more := strings.Cut(noun, ",")
	if more {
		rest = "," + rest
	}
	return first + " " + prose.Code(e) + rest
}

// limited compares lists of which none is no limit.
func (d *differ) limited(pointer, noun string, o, n []string) {
	switch {
	case len(o) == 0 && len(n) == 0:
	case len(o) == 0:
		d.add(Narrowed, pointer, pointer, "Limited by "+noun+", which it was not")
	case len(n) == 0:
		d.add(Widened, pointer, pointer, "No longer limited by "+noun)
	default:
		d.set(pointer, noun, o, n, permissions)
	}
}

// keyed compares lists of permissions whose elements are told apart by a key.
func keyed[T any](d *differ, pointer, noun string, o, n []T, key func(T) string, both func(was, is string, o, n T)) {
	index := func(list []T, k string) int { return slices.IndexFunc(list, func(e T) bool { return key(e) == k }) }
	for i, e := range n {
		if j := index(o, key(e)); j >= 0 {
			both(at(pointer, j), at(pointer, i), o[j], e)
		} else {
			d.added(permissions, at(pointer, i), noun+" "+prose.Code(key(e)))
		}
	}
	for i, e := range o {
		if index(n, key(e)) < 0 {
			d.ended(permissions, at(pointer, i), noun+" "+prose.Code(key(e)))
		}
	}
}

func (d *differ) sites(pointer string, o, n []attest.Site) {
	keyed(d, pointer, "site", o, n, func(s attest.Site) string { return s.ID }, func(was, is string, o, n attest.Site) {
		d.concealed(was, is, &o.Concealment, &n.Concealment)
		if o.Name != n.Name || o.Address != n.Address || o.Country != n.Country {
			d.add(Changed, was, is, "site "+prose.Code(n.ID)+" is described otherwise; a register refuses another address or country under an id")
		}
	})
}

// concealed tells what is confidential in one version and not in the other, and
// that nobody can tell whether what is in both is the same: their salts differ.
func (d *differ) concealed(was, is string, o, n *attest.Concealment) {
	for _, name := range n.Confidential {
		if !slices.Contains(o.Confidential, name) {
			d.add(Changed, was+"/"+name, is+"/"+name, prose.Code(name)+" is confidential")
		}
	}
	for _, name := range o.Confidential {
		if !slices.Contains(n.Confidential, name) {
			d.add(Changed, was+"/"+name, is+"/"+name, prose.Code(name)+" is no longer confidential")
		}
	}
	if !slices.Equal(o.Digests, n.Digests) && slices.Equal(o.Confidential, n.Confidential) {
		d.add(Changed, was+"/confidential", is+"/confidential", "What is confidential may be another: "+strings.Join(codes(n.Confidential), ", "))
	}
}

func codes(list []string) (out []string) {
	for _, s := range list {
		out = append(out, prose.Code(s))
	}
	return out
}

// items compares the items of an approval; without any it has no limit.
func (d *differ) items(o, n []attest.Item) {
	const pointer = "/eligible_items"
	switch {
	case len(o) == 0 && len(n) == 0:
		return
	case len(o) == 0:
		d.add(Narrowed, pointer, pointer, "Limited by item, which it was not")
		return
	case len(n) == 0:
		d.add(Widened, pointer, pointer, "No longer limited by item")
		return
	}
	name := func(it attest.Item) entry { return entry{it.List, it.Entry} }
	d.entries(entriesOf(o, name), entriesOf(n, name), func(i int) string { return at(pointer, i) }, false)
	for i, it := range n {
		same := func(was attest.Item) bool { return name(was) == name(it) }
		named := slices.ContainsFunc(o, same)
		for j, was := range o {
			// Of one that was not named, the one that took it in had its limits.
			if same(was) || !named && (name(was).covers(name(it)) || name(it).covers(name(was))) {
				d.item(at(pointer, j), at(pointer, i), was, it)
			}
		}
	}
}

func (d *differ) item(was, is string, o, n attest.Item) {
	noun := "item " + entry{n.List, n.Entry}.String()
	switch {
	case o.Limitation == n.Limitation:
	case o.Limitation == "":
		d.add(Narrowed, was, is+"/limitation", noun+" is limited in words")
	case n.Limitation == "":
		d.add(Widened, was+"/limitation", is, noun+" is no longer limited in words")
	default:
		d.add(Changed, was+"/limitation", is+"/limitation", noun+" is limited in other words")
	}
	less, more := moved(o.Sites, n.Sites)
	switch {
	case !less && !more:
	case len(o.Sites) == 0, len(n.Sites) > 0 && !more:
		d.add(Narrowed, was, is, noun+" is approved at fewer sites")
	case len(n.Sites) == 0, !less:
		d.add(Widened, was, is, noun+" is approved at more sites")
	default:
		d.add(Changed, was, is, noun+" is approved at other sites")
	}
}

// An entry is one of a control list.
type entry struct{ list, name string }

func (e entry) String() string { return prose.Code(e.name) + " of " + prose.Code(e.list) }

// covers reports whether what is at e, or below it, takes in f.
func (e entry) covers(f entry) bool {
	a, err := controllist.Parse(e.list, e.name)
	if err != nil {
		return false
	}
	b, err := controllist.Parse(f.list, f.name)
	return err == nil && a.Covers(b)
}

func entriesOf[T any](list []T, name func(T) entry) []entry {
	out := make([]entry, len(list))
	for i, e := range list {
		out[i] = name(e)
	}
	return out
}

// entries compares entries of control lists, each of which takes in all below
// it. Of exclusions, more is less.
func (d *differ) entries(o, n []entry, pointer func(int) string, excluded bool) {
	noun, w, narrowed, widened := "item ", permissions, Narrowed, Widened
	if excluded {
		noun, w, narrowed, widened = "exclusion of ", prohibitions, Widened, Narrowed
	}
	// told are those of the older version that a change has told of.
	told := make([]bool, len(o))
	for i, e := range n {
		if slices.Contains(o, e) {
			continue
		}
		wider, narrower, again := "", "", false
		for j, was := range o {
			gone := !slices.Contains(n, was)
			switch {
			case e.covers(was) && gone:
				wider, told[j] = was.String(), true
			case was.covers(e) && gone:
				narrower, told[j] = was.String(), true
			case was.covers(e):
				again = true
			}
		}
		switch {
		case again:
			d.add(Changed, "", pointer(i), noun+e.String()+" is named beside one that takes it in")
		case narrower != "":
			d.add(narrowed, "", pointer(i), noun+e.String()+" in place of "+narrower)
		case wider != "":
			d.add(widened, "", pointer(i), noun+e.String()+" in place of "+wider)
		default:
			d.added(w, pointer(i), noun+e.String())
		}
	}
	for j, e := range o {
		if told[j] || slices.Contains(n, e) {
			continue
		}
		if slices.ContainsFunc(n, func(is entry) bool { return is.covers(e) }) {
			d.add(Changed, pointer(j), "", noun+e.String()+" is no longer named beside one that takes it in")
			continue
		}
		d.ended(w, pointer(j), noun+e.String())
	}
}

// scope compares scopes of which none is no limit.
func (d *differ) scope(pointer string, o, n attest.Scope) {
	switch {
	case len(o) == 0 && len(n) == 0:
	case len(o) == 0:
		d.add(Narrowed, pointer, pointer, "Limited by item, which it was not")
	case len(n) == 0:
		d.add(Widened, pointer, pointer, "No longer limited by item")
	default:
		d.lists(pointer, o, n, false)
	}
}

func (d *differ) lists(pointer string, o, n attest.Scope, excluded bool) {
	all := slices.Sorted(maps.Keys(o))
	for _, l := range slices.Sorted(maps.Keys(n)) {
		if _, ok := o[l]; !ok {
			all = append(all, l)
		}
	}
	slices.Sort(all)
	for _, l := range all {
		name := func(s string) entry { return entry{l, s} }
		d.entries(entriesOf(o[l], name), entriesOf(n[l], name), func(i int) string { return at(pointer+"/"+l, i) }, excluded)
	}
}

func (d *differ) caveats(o, n *attest.Limits) {
	if o == nil {
		o = new(attest.Limits)
	}
	if n == nil {
		n = new(attest.Limits)
	}
	d.limits("/caveats", o, n)
}

func (d *differ) limits(pointer string, o, n *attest.Limits) {
	d.concealed(pointer, pointer, &o.Concealment, &n.Concealment)
	d.scope(pointer+"/in_scope", o.InScope, n.InScope)
	d.lists(pointer+"/excluded", o.Excluded, n.Excluded, true)
	d.limited(pointer+"/allowed_end_uses", "end use", o.AllowedEndUses, n.AllowedEndUses)
	d.limited(pointer+"/activities", "activity", o.Activities, n.Activities)
	if o, n := o.MaxClassification, n.MaxClassification; o != n {
		p := pointer + "/max_classification"
		more := 0
		switch {
		case o == "" || n != "" && o.Above(n) && !n.Above(o):
			more = -1
		case n == "" || n.Above(o) && !o.Above(n):
			more = 1
		}
		d.bound(p, p, "The highest classification is lower", "The highest classification is higher", more)
	}
	d.nationality(pointer+"/nationality", o.Nationality, n.Nationality)
	d.value(pointer+"/value", o.Value, n.Value)
	var oq, nq attest.QuantityCeiling
	if o.Quantity != nil {
		oq = *o.Quantity
	}
	if n.Quantity != nil {
		nq = *n.Quantity
	}
	p := pointer + "/quantity"
	if none := (attest.QuantityCeiling{}); oq.Unit != nq.Unit && oq != none && nq != none {
		d.add(Changed, p, p, "Quantity is counted in another unit")
		return
	}
	d.ceilings(p, "quantity", ceilings{oq.PerTransaction, oq.Cumulative}, ceilings{nq.PerTransaction, nq.Cumulative})
}

func (d *differ) nationality(pointer string, o, n *attest.Nationality) {
	if o == nil {
		o = new(attest.Nationality)
	}
	if n == nil {
		n = new(attest.Nationality)
	}
	d.limited(pointer+"/permitted", "permitted nationality", o.Permitted, n.Permitted)
	d.set(pointer+"/prohibited", "prohibited nationality", o.Prohibited, n.Prohibited, prohibitions)
}

func (d *differ) value(pointer string, o, n *attest.ValueCeiling) {
	if o == nil {
		o = new(attest.ValueCeiling)
	}
	if n == nil {
		n = new(attest.ValueCeiling)
	}
	if none := (attest.ValueCeiling{}); o.Currency != n.Currency && *o != none && *n != none {
		d.add(Changed, pointer, pointer, "Value is counted in another currency")
		return
	}
	d.ceilings(pointer, "value", ceilings{o.PerTransaction, o.Cumulative}, ceilings{n.PerTransaction, n.Cumulative})
}

type ceilings struct{ once, sum attest.Amount }

func (d *differ) ceilings(pointer, noun string, o, n ceilings) {
	ceiling := func(member, what string, o, n attest.Amount) {
		if o == n {
			return
		}
		more := n.Decimal().Cmp(o.Decimal())
		if o == "" {
			more = -1
		} else if n == "" {
			more = 1
		}
		d.bound(pointer+member, pointer+member, what+" is lower", what+" is higher", more)
	}
	ceiling("/per_transaction", "The ceiling of the "+noun+" of one transaction", o.once, n.once)
	ceiling("/cumulative", "The ceiling of the "+noun+" of all transactions together", o.sum, n.sum)
}

func (d *differ) conditions(o, n *attest.Conditions) {
	condition := func(c *attest.Conditions) string {
		if c == nil {
			return ""
		}
		return c.ChangeOfControl
	}
	const p = "/conditions/change_of_control"
	switch o, n := condition(o), condition(n); {
	case o == n:
	case o == "":
		d.add(Narrowed, p, p, "A change of control suspends it now")
	case n == "":
		d.add(Widened, p, p, "A change of control no longer suspends it")
	default:
		d.add(Changed, p, p, "A change of control does something else")
	}
}

func (d *differ) savings(o, n []attest.Savings) {
	kind := func(s attest.Savings) string { return string(s.Kind) }
	keyed(d, "/expiry_savings", "savings clause", o, n, kind, func(was, is string, o, n attest.Savings) {
		if o.DeliverBefore != n.DeliverBefore {
			d.bound(was+"/deliver_before", is+"/deliver_before", "What is in transit has to be delivered earlier",
				"What is in transit may be delivered later", cmp.Compare(n.DeliverBefore, o.DeliverBefore))
		}
		if o.Until != n.Until {
			d.bound(was+"/until", is+"/until", "The wind-down ends earlier", "The wind-down ends later", cmp.Compare(n.Until, o.Until))
		}
		if less, more := moved(ways(o), ways(n)); less || more {
			k, text := Changed, "The wind-down has other ways to move"
			switch {
			case !more:
				k, text = Narrowed, "The wind-down has fewer ways to move"
			case !less:
				k, text = Widened, "The wind-down has more ways to move"
			}
			d.add(k, was+"/modes", is+"/modes", text)
		} else if !slices.Equal(o.Modes, n.Modes) {
			d.add(Changed, was+"/modes", is+"/modes", "The wind-down names its ways to move otherwise")
		}
	})
}

// ways are the ways to move of a clause: tangible only where it names none.
func ways(s attest.Savings) []attest.Mode {
	if len(s.Modes) == 0 {
		return []attest.Mode{attest.Tangible}
	}
	return s.Modes
}

// moved reports whether something of o is gone, and something of n is new.
func moved[T comparable](o, n []T) (less, more bool) {
	less = slices.ContainsFunc(o, func(e T) bool { return !slices.Contains(n, e) })
	more = slices.ContainsFunc(n, func(e T) bool { return !slices.Contains(o, e) })
	return less, more
}

func (d *differ) obligations(o, n []attest.Obligation) {
	for i, e := range n {
		if !slices.Contains(o, e) {
			d.added(duties, at("/obligations", i), "obligation "+prose.Code(string(e.Kind)))
		}
	}
	for i, e := range o {
		if !slices.Contains(n, e) {
			d.ended(duties, at("/obligations", i), "obligation "+prose.Code(string(e.Kind)))
		}
	}
}
