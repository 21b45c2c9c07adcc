package web

import (
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
)

// checkPage is what the page of a check shows.
type checkPage struct {
	Fields map[string]field
	Wrong  []field
	// More says that one of the fields that are folded away is given or wrong, or has
	// something suggested that an answer asks for.
	More        bool
	Acts, Modes []string
	Levels      []attest.Level
	Authorities []authority
	// Items and Attests are lines to tick, MoreItems how many further ones there are.
	Items, Attests []box
	MoreItems      int
	// Suggested says that suggestions were asked for, Nothing that there are none.
	Suggested, Nothing bool
	// Answer is nil where nothing was decided.
	Answer *answer
}

// What the field give asks for in place of an answer: the form with what may be
// suggested, or one of the files.
const (
	giveSuggestions = "suggest"
	giveEvidence    = "evidence"
	giveRequest     = "request"
	giveReceipt     = "receipt"
	giveAll         = "all"
)

var gives = []string{"", giveSuggestions, giveEvidence, giveRequest, giveReceipt, giveAll}

// checkNames are the names that the form of a check may send.
func checkNames() []string {
	names := []string{"give"}
	for _, f := range checkFields {
		names = append(names, f.name)
	}
	for _, f := range boxed {
		for n := range maxSuggested {
			names = append(names, boxName(f, n))
		}
	}
	return names
}

// check serves /check: an empty form, one with what the query names already in
// it, or the answer to one.
func (p *Pages) check(x *exchange) (*page, error) {
	if x.Method == http.MethodPost {
		if t, _, err := mime.ParseMediaType(x.Header.Get("Content-Type")); err != nil || t != "application/x-www-form-urlencoded" {
			return nil, wrong(http.StatusUnsupportedMediaType, "error.media")
		}
	}
	if err := x.read(true, checkNames()); err != nil {
		return nil, err
	}
	give := x.fields["give"]
	if !slices.Contains(gives, give) || give != "" && x.Method != http.MethodPost {
		return nil, wrong(http.StatusBadRequest, "error.unknown_field", "give")
	}
	for _, f := range boxed {
		var ticked []string
		for n := range maxSuggested {
			ticked = append(ticked, x.fields[boxName(f, n)])
		}
		tick(x.fields, f, ticked)
	}
	v := newCheckPage(x.fields)
	v.Acts, v.Modes, v.Levels, v.Authorities = policy.Acts(), policy.Modes(), attest.Levels(), p.authorities()
	pg := &page{template: "check", Title: say("check.title"), Here: "/check", Body: v}
	if x.Method != http.MethodPost || give == giveSuggestions {
		if v.Fields["effective_at"].Given == "" {
			m, _ := when(p.now().Truncate(time.Minute))
			v.Fields["effective_at"] = field{Name: "effective_at", Given: m.Text}
		}
		v.Suggested = give == giveSuggestions
		return pg, p.offer(x, v)
	}
	q, mistakes := questionOf(x.fields)
	if len(mistakes) > 0 {
		v.mistaken(mistakes)
		pg.Title, pg.status = say("mistake.title", pg.Title), http.StatusUnprocessableEntity
		return pg, p.offer(x, v)
	}
	if len(q.disclosed) > 0 {
		leave, err := p.opening()
		if err != nil {
			return nil, err
		}
		defer leave()
	}
	if give != "" {
		return p.give(x, pg, q, give)
	}
	return p.answer(x, pg, v, q)
}

func newCheckPage(fields map[string]string) *checkPage {
	v := &checkPage{Fields: make(map[string]field)}
	for i, f := range checkFields {
		v.Fields[f.name] = field{Name: f.name, Given: fields[f.name]}
		v.More = v.More || i >= mainFields && fields[f.name] != ""
	}
	return v
}

// offer puts what may be suggested into the form.
func (p *Pages) offer(x *exchange, v *checkPage) error {
	s, err := p.suggest(x.Context(), x.fields)
	if err != nil {
		return err
	}
	for name, o := range s.fields {
		slices.SortFunc(o.List, func(a, b suggestion) int { return strings.Compare(a.Value, b.Value) })
		if f := v.Fields[name]; name != "items" {
			f.Options = o.List
			v.Fields[name] = f
		} else {
			v.Items, v.MoreItems = boxes(name, f.Given, o.List), o.More
		}
	}
	v.Nothing = v.Suggested && !s.approved
	if v.Answer != nil {
		v.Attests = boxes("attests", x.fields["attests"], s.attestable(v.Answer.Decision))
		v.More = v.More || len(v.Attests) > 0
	}
	return nil
}

// maxOpenings is how many questions with disclosures are answered at once: their
// histories are read anew.
const maxOpenings = 4

// opening takes one of the places, or has whoever asks come back.
func (p *Pages) opening() (leave func(), err error) {
	select {
	case p.openings <- struct{}{}:
		return func() { <-p.openings }, nil
	default:
		return nil, wrong(http.StatusServiceUnavailable, "error.busy")
	}
}

// mistaken notes each mistake at its field.
func (v *checkPage) mistaken(mistakes []attest.Problem) {
	for _, m := range mistakes {
		name := fieldOf(m.Pointer)
		f := v.Fields[name]
		if f.Wrong != "" {
			f.Wrong += "; "
		}
		f.Name, f.Wrong = name, f.Wrong+m.Message
		v.Fields[name] = f
	}
	for i, f := range checkFields {
		if v.Fields[f.name].Wrong != "" {
			v.Wrong = append(v.Wrong, v.Fields[f.name])
			v.More = v.More || i >= mainFields
		}
	}
	if f := v.Fields[""]; f.Wrong != "" {
		v.Wrong = append(v.Wrong, f)
	}
}
