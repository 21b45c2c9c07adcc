// Package verifier verifies a file that somebody drops on a page: evidence or a
// presentation, by a trust file, with a request or without. What it finds is a
// [Report], step by step, made to be shown.
//
// It is package exhibit, which the command line decides by, and nothing else of
// weight: it knows no network and no file system, so that in WebAssembly, which
// registry/web/verifier/wasm makes of it, it is the same code that runs in the
// browser of whoever verifies.
//
// All text in a report that may come from outside is written by package display.
package verifier

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/exhibit"
	"github.com/safeconduct/safeconduct/internal/yamldoc"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
	"github.com/safeconduct/safeconduct/registry/web/display"
	"github.com/safeconduct/safeconduct/screening"
	"github.com/safeconduct/safeconduct/verify"
)

// The bounds of what is read, in bytes: of the file, of a trust file and a request each,
// and of a list of restricted parties; and how many of those.
const (
	MaxFile     = presentation.MaxBytes
	MaxDocument = yamldoc.MaxBytes
	MaxList     = 48 << 20
	MaxLists    = 8
)

// The steps that follow those of evidence and of presentations.
const (
	// StepDecision: the request is decided on what stands.
	StepDecision = "decision"
	// StepAnswer: the decision is the one that the register gave, to the byte.
	StepAnswer = "answer"
)

// Steps are all steps that a report may have, in order.
func Steps(isPresentation bool) []string {
	return append(exhibit.Steps(isPresentation), StepDecision, StepAnswer)
}

// A Question is what somebody wants to have verified.
type Question struct {
	// File is evidence or a presentation.
	File []byte
	// Trust is a trust file, Request a request file, each YAML or JSON. Without a
	// request, nil, nothing is decided; an empty one is a mistake.
	Trust, Request []byte
	// Lists are what the parties are screened against, in any of the forms of package
	// screening; none screens nobody.
	Lists []List
	// Disclosures are what a holder has disclosed, of evidence, with white space between.
	Disclosures string
	// Audience, Nonce and MaxAge are what a presentation has to answer; MaxAge zero is
	// [presentation.DefaultAge].
	Audience, Nonce string
	MaxAge          time.Duration
	// Answer is the decision that the register gave on this evidence, as
	// [policy.Decision.Marshal] writes it; nil for none. The request is then decided by
	// the clock of the register, which the answer tells, and no other time of it.
	Answer []byte
	// Now is the clock.
	Now time.Time
}

// A List is a file of restricted parties. Name is the file's, by which a list goes that
// has no name of its own.
type List struct {
	Name string
	Data []byte
}

// A State is what became of a step.
type State string

// The states of steps.
const (
	Passed State = "passed"
	Failed State = "failed"
	// NotReached: a step before it failed.
	NotReached State = "not_reached"
	// NotAsked: there is no request that it could be about.
	NotAsked State = "not_asked"
	// NotCompared: the answer was given with lists of restricted parties, which are not
	// here. It is no milder than the decision without them.
	NotCompared State = "not_compared"
)

// A Step is one of a report.
type Step struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	// Wrong is what is wrong, where it failed.
	Wrong string `json:"wrong,omitzero"`
}

// The parts of a [Question] that a mistake may be in.
const (
	InTrust    = "trust"
	InRequest  = "request"
	InAudience = "audience"
	InNonce    = "nonce"
	InAnswer   = "answer"

	InDisclosures = "disclosures"
	InLists       = "lists"
)

// A Mistake is one in what the file is verified by: nothing was verified.
type Mistake struct {
	// In is one of the constants above, or "" for none of them.
	In   string `json:"in"`
	Text string `json:"text"`
}

// A Report is what was found.
type Report struct {
	// Mistake is nil where the file was verified; all else is empty where it was not.
	Mistake *Mistake `json:"mistake,omitzero"`

	Presentation bool   `json:"presentation"`
	Steps        []Step `json:"steps,omitempty"`
	// Stands says that no step failed.
	Stands bool `json:"stands"`
	// Evidence is what the evidence shows, Shown what the presentation does, Decision
	// what was decided; nil where it did not come to that.
	Evidence *Evidence `json:"evidence,omitzero"`
	Shown    *Shown    `json:"shown,omitzero"`
	Decision *Decision `json:"decision,omitzero"`
	// ClockDiffers says that the clock by which the register gave its answer differs from
	// Now by more than clocks may ([verify.MaxSkew]). A time that was asked for is none.
	ClockDiffers bool `json:"clock_differs,omitzero"`
	// TrustDigest names the trust, as decisions do.
	TrustDigest string `json:"trust_digest,omitzero"`
}

// Verify verifies.
func Verify(q Question) *Report {
	r := &Report{Presentation: exhibit.IsPresentation(q.File)}
	x := exhibit.Examiner{Now: q.Now, Expected: presentation.Expected{Audience: q.Audience, Nonce: q.Nonce, MaxAge: q.MaxAge}}
	var req *policy.Request
	var answer *policy.Decision
	var m *Mistake
	x.Trust, m = read(InTrust, q.Trust, verify.ParseTrust)
	if m == nil && q.Request != nil {
		req, m = read(InRequest, q.Request, policy.ParseRequest)
	}
	if m == nil {
		m = q.expected(r.Presentation)
	}
	if m == nil && q.Disclosures != "" {
		var err error
		if x.Disclosures, err = attest.ParseDisclosures(strings.Fields(q.Disclosures)); err != nil {
			m = mistaken(InDisclosures, err)
		}
	}
	if m == nil {
		x.Lists, m = q.lists()
	}
	if m == nil && q.Answer != nil {
		if answer, m = q.answer(req, r.Presentation); m == nil {
			x.Now, x.Explain = clockOf(answer, req), answer.Explanation != nil
		}
	}
	if m != nil {
		return &Report{Mistake: m}
	}
	r.TrustDigest = x.Trust.Digest()
	shown, d, err := x.Examine(q.File, req)
	if step, _ := exhibit.StepOf(err); err != nil && step == "" && shown.Evidence == nil && q.Disclosures != "" && q.Answer == nil {
		// The file passed all of its steps: what was disclosed is not of it.
		return &Report{Mistake: mistaken(InDisclosures, err)}
	}
	r.walk(shown, req != nil, err)
	if shown.Evidence != nil {
		r.Evidence = evidenceOf(shown.Evidence)
	}
	if shown.Presentation != nil {
		r.Shown = shownOf(shown.Presentation)
	}
	if d != nil {
		r.Decision = decisionOf(d)
		// Whoever shows a presentation chooses no times.
		r.Decision.KnownThen = !r.Presentation && !req.KnownAt.IsZero()
		r.Decision.CheckedThen = !r.Presentation && !req.CheckedAt.IsZero()
	}
	if answer != nil {
		r.ClockDiffers = (req.KnownAt.IsZero() || req.CheckedAt.IsZero()) && q.Now.Sub(x.Now).Abs() > verify.MaxSkew
		r.compare(d, answer, req.Times(x.Now), q.Answer)
	}
	r.Stands = r.stands()
	return r
}

// read reads one of the documents.
func read[T any](in string, data []byte, parse func([]byte) (T, error)) (T, *Mistake) {
	v, err := yamldoc.Read("", data, parse)
	if err != nil {
		return v, mistaken(in, err)
	}
	return v, nil
}

func mistaken(in string, err error) *Mistake {
	return &Mistake{in, words(strings.TrimPrefix(err.Error(), ": "))}
}

// expected is what goes beside the file: the audience and the nonce beside a
// presentation, which could be anybody's copy without, and neither beside evidence,
// which is; disclosures beside evidence alone.
func (q *Question) expected(isPresentation bool) *Mistake {
	for _, given := range []struct{ in, text string }{{InAudience, q.Audience}, {InNonce, q.Nonce}} {
		switch {
		case isPresentation && given.text == "":
			return &Mistake{given.in, "is needed: the file is a presentation, which is for one verifier, once"}
		case !isPresentation && given.text != "":
			return &Mistake{given.in, "is of presentations alone, and the file is none; evidence, which anybody may copy, is verified without"}
		}
	}
	if isPresentation && q.Disclosures != "" {
		return &Mistake{InDisclosures, "are of evidence alone, and the file is a presentation; it has what its holder discloses"}
	}
	if q.MaxAge < 0 {
		return &Mistake{"", "the age is below zero"}
	}
	return nil
}

// lists reads those of restricted parties.
func (q *Question) lists() (lists []*screening.List, m *Mistake) {
	if len(q.Lists) > MaxLists {
		return nil, &Mistake{InLists, fmt.Sprintf("are %d; at most %d are read here", len(q.Lists), MaxLists)}
	}
	for _, f := range q.Lists {
		if len(f.Data) > MaxList {
			return nil, &Mistake{InLists, words(fmt.Sprintf("%s is too large; at most %d MiB are read here", f.Name, MaxList>>20))}
		}
		l, err := screening.Parse(f.Name, bytes.NewReader(f.Data))
		if err != nil {
			return nil, mistaken(InLists, err)
		}
		lists = append(lists, l)
	}
	return lists, nil
}

// answer is what the register gave.
func (q *Question) answer(req *policy.Request, isPresentation bool) (*policy.Decision, *Mistake) {
	if req == nil {
		return nil, &Mistake{InRequest, "is needed: there is an answer to it"}
	}
	if isPresentation {
		return nil, &Mistake{InAnswer, "is of evidence alone, and the file is a presentation"}
	}
	var d policy.Decision
	if err := json.Unmarshal(q.Answer, &d); err != nil {
		return nil, mistaken(InAnswer, fmt.Errorf("cannot be read: %w", err))
	}
	return &d, nil
}

// clockOf is the clock by which an answer was given: the one of its times that no
// request asks for.
func clockOf(answer *policy.Decision, req *policy.Request) time.Time {
	if req.CheckedAt.IsZero() {
		return answer.CheckedAt.Time()
	}
	return answer.KnownAt.Time()
}

// walk says what became of each step.
func (r *Report) walk(shown exhibit.Shown, asked bool, err error) {
	at, wrong := exhibit.StepOf(err)
	steps := append(exhibit.Steps(r.Presentation), StepDecision)
	if err != nil && at == "" {
		at = StepDecision
	}
	state := Passed
	for _, name := range steps {
		s := Step{Name: name, State: state}
		switch {
		case name == at:
			s.State, s.Wrong = Failed, words(wrong.Error())
			// Evidence that stands may still not show what a decision needs.
			if state = NotReached; shown.Evidence != nil {
				state = Passed
			}
		case err != nil && (name == StepDecision || name == presentation.StepHolder):
			s.State = NotReached
		case !asked && (name == StepDecision || name == presentation.StepHolder):
			s.State = NotAsked
		}
		r.Steps = append(r.Steps, s)
	}
}

// compare adds the step that holds the decision, at the times that were asked for,
// against what the register gave.
func (r *Report) compare(d, answer *policy.Decision, at policy.Times, given []byte) {
	s := Step{Name: StepAnswer}
	switch own, err := marshal(d); {
	case d == nil:
		s.State = NotReached
	case err != nil:
		s.State, s.Wrong = Failed, words(err.Error())
	case answer.EffectiveAt != policy.InstantOf(at.EffectiveAt) || answer.KnownAt != policy.InstantOf(at.KnownAt) || answer.CheckedAt != policy.InstantOf(at.CheckedAt):
		s.State, s.Wrong = Failed, "the answer is as of other times than were asked for"
	case string(own) == string(given):
		s.State = Passed
	case len(answer.Screened) > 0 && !milder(answer, d):
		s.State = NotCompared
	case d.Decision != answer.Decision:
		s.State, s.Wrong = Failed, fmt.Sprintf("the register says %s, and its own evidence comes to %s", words(string(answer.Decision)), d.Decision)
	default:
		s.State, s.Wrong = Failed, fmt.Sprintf("both come to %s, but the rest of the answer is not what its own evidence comes to", d.Decision)
	}
	r.Steps = append(r.Steps, s)
}

// byMildness are the decisions, the mildest first.
var byMildness = []policy.Result{policy.PERMIT, policy.REFER, policy.DENY}

// milder reports whether an answer lets more go ahead than the decision, as one that
// was screened as well never does.
func milder(answer, d *policy.Decision) bool {
	return slices.Index(byMildness, answer.Decision) < slices.Index(byMildness, d.Decision) || answer.ReplacesLicence && !d.ReplacesLicence
}

func marshal(d *policy.Decision) ([]byte, error) {
	if d == nil {
		return nil, errors.New("there is no decision")
	}
	return d.Marshal()
}

func (r *Report) stands() bool {
	for _, s := range r.Steps {
		if s.State == Failed || s.State == NotReached {
			return false
		}
	}
	return true
}

// maxWords bounds what a sentence may have, in bytes.
const maxWords = 4096

// words is a sentence, or some lines, that may have something from outside in it.
func words(text string) string {
	if len(text) > maxWords {
		text = strings.ToValidUTF8(text[:maxWords], "") + "…"
	}
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = display.Moments(display.Text(l))
	}
	return strings.Join(lines, "\n")
}
