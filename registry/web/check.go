package web

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
)

// checkPage is what the page of a check shows.
type checkPage struct {
	// Its More says, too, that something is suggested that an answer asks for.
	shownForm
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
	names := append(checkFields.names(), "give")
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
	v := new(checkPage)
	v.fill(checkFields, x.fields)
	v.choose("authority", say("check.none"), p.listedAuthorities())
	v.choose("act", say("check.choose"), codes("act.", policy.Acts()))
	v.choose("mode", say("check.not_given"), codes("mode.", policy.Modes()))
	v.choose("classification", say("check.not_given"), codes("", attest.Levels()))
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
		v.mistaken(checkFields, told(mistakes))
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

// told are mistakes of a request at their fields.
func told(mistakes []attest.Problem) (out []formMistake) {
	for _, m := range mistakes {
		out = append(out, formMistake{checkFields.at(m.Pointer), m.Message})
	}
	return out
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
