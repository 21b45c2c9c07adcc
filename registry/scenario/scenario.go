// Package scenario plays scenario files: it sets a stage, lets happen what the
// file says, and compares every decision with what the file expects.
//
//	f, err := scenario.Parse(name, data)
//	for result, err := range f.Play(ctx) {
//		…
//	}
//
// The form of the files is in docs/rules.md. What they stage is signed with
// throw-away keys and logged in a register that lives in memory, under a clock
// that the file sets, and every decision is taken twice: by that register, and
// offline from the evidence that it exports.
package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/safeconduct/safeconduct/internal/yamldoc"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/screening"
)

// origin is that of the registers that scenarios are played on.
const origin = "scenario.example/register"

// A File is a scenario file that has been read. It does not change and may be
// played concurrently.
type File struct {
	// Name is the file's.
	Name      string
	doc       *yamldoc.Doc
	scenarios []*scenario
}

// A scenario is a stage, what happens on it, and what is to be decided.
type scenario struct {
	id, title string
	*base
	events []event
	checks []*check
	lists  []*screening.List
	// begin is before every time that the file names.
	begin time.Time
}

// A check is one question and the answer that is expected.
type check struct {
	id       string
	question question
	expect   expectation
}

type expectation struct {
	decision policy.Result
	codes    []policy.Code
}

// Parse reads a scenario file. Its error prints every mistake on a line of its
// own, FILE:LINE: member: message.
func Parse(name string, data []byte) (*File, error) {
	doc, err := yamldoc.Parse(data)
	if err != nil {
		return nil, yamldoc.InFile(name, err)
	}
	r := &reading{bases: make(map[string]*base)}
	top, err := decode(doc.JSON(), r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f := &File{Name: name, doc: doc}
	for _, free := range []string{"version", "conventions", "title", "note", "id"} {
		top.get(free)
	}
	shared := top.get("base")
	list := top.get("scenarios").list()
	if top.get("checks").given() || top.get("events").given() {
		list = append(list, top)
	}
	for _, n := range list {
		if r.full() {
			break
		}
		f.scenarios = append(f.scenarios, readScenario(n, shared, top))
	}
	if len(list) == 0 {
		top.wrong("has no scenarios: want scenarios, each with checks")
	}
	top.done()
	if err := doc.Explain(name, r.problems); err != nil {
		return nil, err
	}
	begin := earliest(r.times)
	for _, s := range f.scenarios {
		s.begin = begin
	}
	for _, b := range r.bases {
		b.date(begin)
	}
	return f, nil
}

// earliest is a moment before all times of a file.
func earliest(times []time.Time) time.Time {
	times = slices.DeleteFunc(times, time.Time.IsZero)
	if len(times) == 0 {
		return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return slices.MinFunc(times, time.Time.Compare).Add(-time.Hour)
}

func readScenario(n, shared, top *node) *scenario {
	s := &scenario{id: n.get("id").text(), title: n.get("title").text()}
	n.get("note")
	stage := shared
	if own := n.get("base"); n != top && own.given() {
		stage = own
	}
	s.base = readOnce(stage)
	template := s.template
	if t := n.get("template_request"); t.given() {
		template = t
	}
	events := &eventReader{base: s.base}
	for _, e := range n.get("events").list() {
		if ev, ok := events.event(e); ok {
			s.events = append(s.events, ev)
		}
	}
	slices.SortStableFunc(s.events, func(a, b event) int { return a.at.Compare(b.at) })
	ledgers := s.ledgersWith(n.get("ledger"))
	s.lists = readRestricted(n.get("restricted_parties"))
	checks := n.get("checks")
	for _, c := range checks.list() {
		if n.read.full() {
			break
		}
		s.checks = append(s.checks, s.check(c, template, ledgers))
	}
	if len(s.checks) == 0 {
		checks.wrong("has no checks, so that nothing would be decided")
	}
	if n != top {
		n.done()
	}
	return s
}

// ledgersWith are the ledgers of the base and what the scenario adds.
func (s *scenario) ledgersWith(more *node) map[string][]*node {
	out := make(map[string][]*node)
	for id, l := range s.ledgers {
		out[id] = slices.Clone(l)
	}
	for _, e := range more.list() {
		id := e.get("sandbox").need()
		if _, ok := out[id]; !ok {
			e.get("sandbox").wrong("%q is none of the base's sandboxes", id)
		}
		out[id] = append(out[id], e)
	}
	return out
}

func (s *scenario) check(n, template *node, ledgers map[string][]*node) *check {
	c := &check{id: n.get("id").need()}
	n.get("note")
	n.get("title")
	over := n.first("override", "request")
	c.question = s.question(n, template, over, ledgers)
	want := n.get("expect")
	if !want.given() {
		want.wrong("is missing: what is to be decided")
	}
	c.expect.decision = policy.Result(want.get("decision").need())
	if d := c.expect.decision; d != "" && d != policy.PERMIT && d != policy.REFER && d != policy.DENY {
		want.get("decision").wrong("%q is no decision: want PERMIT, REFER or DENY", d)
	}
	for _, r := range want.get("reasons").list() {
		code := policy.Code(r.need())
		if !code.Known() {
			r.wrong("%q is no code of docs/rules.md", code)
		}
		c.expect.codes = append(c.expect.codes, code)
	}
	if !want.get("reasons").given() {
		// Whatever else is there was meant to say something.
		want.done()
	}
	slices.Sort(c.expect.codes)
	c.expect.codes = slices.Compact(c.expect.codes)
	n.done()
	return c
}

// byEvidence orders checks as they are taken.
func byEvidence(a, b *check) int { return cmp.Or(a.question.evidence.Compare(b.question.evidence)) }
