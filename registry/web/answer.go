package web

import (
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/policy"
)

// An answer is a decision as it is shown and filed.
type answer struct {
	*policy.Decision
	// KnownThen and CheckedThen say that the question was not about now, so that nothing
	// may go ahead on the answer.
	KnownThen, CheckedThen bool
	// ByItself is when what it rests on next changes, zero where it lets the act go
	// ahead.
	ByItself policy.Instant
	// Asked is the question in full, for people, and Again as the fields of the form,
	// its known_at included: what is asked again with them is answered the same.
	Asked []askedField
	Again []field
	// Code leads to a page that compares files with the digests; nil where the address
	// of this service is not known.
	Code *qrCode
	// Signed says that there is a receipt to be had.
	Signed bool
	// Own is what the browser verifies the answer by.
	Own *ownAnswer
}

// An askedField is a field of the question, and what was entered.
type askedField struct {
	Name   string
	Values []string
	// More is how many values are left out.
	More int
}

// maxAsked is how many values of a field an answer repeats; the file of the request
// has all.
const maxAsked = 50

// answer decides, and shows the decision.
func (p *Pages) answer(x *exchange, pg *page, v *checkPage, q *question) (*page, error) {
	d, evidence, err := p.reg.Explain(x.Context(), q.req, q.req.Times(p.now()), q.disclosed...)
	if err != nil {
		return nil, err
	}
	a := &answer{Decision: d, KnownThen: !q.req.KnownAt.IsZero(), CheckedThen: !q.req.CheckedAt.IsZero()}
	if !d.Permitted() {
		a.ByItself = d.NextChange
	}
	if base := x.base(); base != "" {
		a.Code = newCode(replayLink(base, d))
	}
	_, a.Signed = p.reg.DecisionKey()
	if a.Own, err = p.carry(d, evidence, q); err != nil {
		return nil, err
	}
	pg.Scripts = append(pg.Scripts, verifyScript)
	a.ask(x.fields)
	v.Answer = a
	v.More = v.More || slices.Contains(d.Codes(), policy.MissingFact)
	pg.Title = say("check.answered", string(d.Decision))
	return pg, p.offer(x, v)
}

// ask takes in what was entered.
func (a *answer) ask(fields map[string]string) {
	for _, f := range checkFields {
		entered := fields[f.name]
		if f.name == "known_at" && strings.TrimSpace(entered) == "" {
			entered = a.KnownAt.Time().Format(time.RFC3339Nano)
		}
		if entered == "" {
			continue
		}
		a.Again = append(a.Again, field{Name: f.name, Given: entered})
		shown := askedField{Name: f.name, Values: askedValues(f.name, entered)}
		if n := len(shown.Values); n > maxAsked {
			shown.Values, shown.More = shown.Values[:maxAsked], n-maxAsked
		}
		if len(shown.Values) > 0 {
			a.Asked = append(a.Asked, shown)
		}
	}
}

// askedValues are what was entered, in words. What was disclosed is counted: it is
// not to be filed with the answer.
func askedValues(name, entered string) (out []string) {
	switch name {
	case "act", "mode":
		return []string{say(name + "." + strings.TrimSpace(entered))}
	case "first", "nobody":
		return []string{say("check.yes")}
	case "disclosures":
		return []string{say("check.disclosed", len(strings.Fields(entered)))}
	}
	for l := range strings.Lines(entered) {
		if l = strings.TrimSpace(l); l == "" {
			continue
		}
		if t, err := readTime(l); err == nil {
			m, _ := when(t)
			l = m.Text
		}
		out = append(out, l)
	}
	return out
}
