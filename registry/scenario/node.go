package scenario

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
)

// A node is a value of a file and where it stands. Its methods note what is
// wrong with it, so that all mistakes of a file are told at once; where there is
// a mistake they return nothing.
type node struct {
	value any
	at    string
	read  *reading
	used  map[string]bool
}

// A reading collects the mistakes of a file.
type reading struct {
	problems attest.Problems
	// times are all that the file names.
	times []time.Time
	// bases are those that have been read, by where they stand.
	bases map[string]*base
}

// enough is how many mistakes are told: nobody reads on after so many.
const enough = 100

func (r *reading) full() bool { return len(r.problems) >= enough }

func (r *reading) add(at, format string, args ...any) {
	if !r.full() {
		r.problems.Add(at, format, args...)
	}
}

func decode(data []byte, r *reading) (*node, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	return &node{value: v, read: r}, nil
}

func (n *node) wrong(format string, args ...any) { n.read.add(n.at, format, args...) }

// is reports what check says of a text.
func (n *node) is(s string, check func(string) error) {
	if s == "" {
		return
	}
	if err := check(s); err != nil {
		n.wrong("%v", err)
	}
}

// given reports whether there is a value, null being none.
func (n *node) given() bool { return n != nil && n.value != nil }

func (n *node) object() map[string]any {
	if !n.given() {
		return nil
	}
	m, ok := n.value.(map[string]any)
	if !ok {
		n.wrong("want members, each a name, a colon, a space and a value")
	}
	return m
}

// get returns a member, whose value is nil where it is absent.
func (n *node) get(name string) *node {
	if n.used == nil {
		n.used = make(map[string]bool)
	}
	n.used[name] = true
	return n.member(name)
}

func (n *node) member(name string) *node {
	child := &node{at: n.at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name), read: n.read}
	if m, ok := n.value.(map[string]any); ok {
		child.value = m[name]
	}
	return child
}

// first returns the member of the first of several names that is given.
func (n *node) first(names ...string) *node {
	var found *node
	for _, name := range names {
		if c := n.get(name); c.given() {
			if found != nil {
				c.wrong("stands beside %s; give one of them", strings.TrimPrefix(found.at, n.at+"/"))
				continue
			}
			found = c
		}
	}
	if found == nil {
		return n.get(names[0])
	}
	return found
}

// done notes the members that nobody asked for.
func (n *node) done() {
	known := strings.Join(slices.Sorted(maps.Keys(n.used)), ", ")
	for _, name := range slices.Sorted(maps.Keys(n.object())) {
		if n.read.full() {
			return
		}
		if !n.used[name] {
			n.member(name).wrong("unknown member; known are %s", known)
		}
	}
}

func (n *node) list() (out []*node) {
	if !n.given() {
		return nil
	}
	l, ok := n.value.([]any)
	if !ok {
		n.wrong("want a list")
	}
	for i, v := range l {
		out = append(out, &node{value: v, at: n.at + "/" + strconv.Itoa(i), read: n.read})
	}
	return out
}

// oneOrMore is a list, or its only element.
func (n *node) oneOrMore() []*node {
	if _, ok := n.value.(map[string]any); ok {
		return []*node{n}
	}
	return n.list()
}

func (n *node) text() string {
	if !n.given() {
		return ""
	}
	switch v := n.value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	default:
		n.wrong("want text")
		return ""
	}
}

// need is a text that has to be there, and say something.
func (n *node) need() string {
	s := n.text()
	if !n.given() {
		n.wrong("is missing")
	} else if n.value == "" {
		n.wrong("says nothing")
	}
	return s
}

func (n *node) texts() []string {
	var out []string
	for _, e := range n.list() {
		out = append(out, e.need())
	}
	return out
}

// limits are texts that restrict: none at all is no limit, and an empty list
// would read as one that nothing passes.
func (n *node) limits() []string {
	out := n.texts()
	if n.given() && len(out) == 0 {
		n.wrong("lists nothing; leave it out where there is no limit")
	}
	return out
}

func (n *node) time() time.Time {
	s := n.text()
	if s == "" && n.value != "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || tooEarly(t) || t.Year() > 9999 || t.Nanosecond() != 0 {
		n.wrong("%q is no time from 1971 on: want date, time and offset in whole seconds, such as 2026-05-04T09:00:00Z", s)
		return time.Time{}
	}
	n.read.times = append(n.read.times, t.UTC())
	return t.UTC()
}

func (n *node) needTime() time.Time {
	t := n.time()
	if !n.given() {
		n.wrong("is missing: a time, such as 2026-05-04T09:00:00Z")
	}
	return t
}

// tooEarly reports that there is no time before it at which a register could
// be set up.
func tooEarly(t time.Time) bool { return t.UTC().Year() < 1971 }

func date(t time.Time) attest.NumericDate {
	if t.IsZero() {
		return 0
	}
	return attest.NumericDate(t.Unix())
}

// amount is the decimal text that stands in the file, quoted or not, in its
// shortest form.
func (n *node) amount() attest.Amount {
	s := n.text()
	if s == "" && n.value != "" {
		return ""
	}
	if _, err := policy.NumberOf(s); err != nil {
		n.wrong("%v", err)
		return ""
	}
	return attest.Amount(decimal.RequireFromString(s).String())
}

func (n *node) integer() int64 {
	if !n.given() {
		return 0
	}
	i, err := strconv.ParseInt(fmt.Sprint(n.value), 10, 64)
	if err != nil {
		n.wrong("want a number without fraction")
	}
	return i
}
