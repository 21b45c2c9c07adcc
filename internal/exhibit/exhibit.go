// Package exhibit examines what somebody shows, evidence or a presentation, and
// decides on it. It is the one way from such a file to a decision, for the command
// line and for the verifier in the browser, so that they cannot decide differently.
package exhibit

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
	"github.com/safeconduct/safeconduct/screening"
	"github.com/safeconduct/safeconduct/verify"
)

// IsPresentation tells a presentation from evidence, by how it begins: what is
// neither is taken for evidence, and refused as such.
func IsPresentation(data []byte) bool { return bytes.HasPrefix(data, []byte(`{"evidence":`)) }

// Steps are the steps of an examination, in order, of a presentation those around
// the evidence in it included.
func Steps(isPresentation bool) []string {
	if !isPresentation {
		return verify.Steps()
	}
	own := presentation.Steps()
	return slices.Concat(own[:1], verify.Steps(), own[1:])
}

// An Examiner is what a verifier brings.
type Examiner struct {
	Trust *verify.Trust
	// Lists are what the parties are screened against.
	Lists []*screening.List
	// Now is the verifier's clock. That a presentation was made lately goes by it
	// alone, and so does what is decided on one; of evidence, the request may ask
	// about the past.
	Now time.Time
	// Explain asks for decisions with an explanation.
	Explain bool
	// Expected is of presentations, Disclosures of evidence: a presentation has what
	// its holder discloses.
	Expected    presentation.Expected
	Disclosures []attest.Disclosure
	// Accept may refuse what stands, such as for being older than what was seen; nil
	// accepts.
	Accept func(*verify.Opened) error
}

// Shown is what stands. Both are nil where nothing does.
type Shown struct {
	Evidence *verify.Opened
	// Presentation is nil where evidence was shown.
	Presentation *presentation.Opened
}

// Examine checks the file and decides the request on it; without a request, nil,
// there is no decision. What does not stand gives an error, see [StepOf]; what is
// shown is returned beside one that comes of the request alone.
func (x *Examiner) Examine(data []byte, req *policy.Request) (Shown, *policy.Decision, error) {
	at := policy.Times{CheckedAt: x.Now}
	if IsPresentation(data) {
		if req != nil {
			at = req.TimesNow(x.Now)
		}
		return x.presentation(data, req, at)
	}
	if req != nil {
		at = req.Times(x.Now)
	}
	return x.evidence(data, req, at)
}

func (x *Examiner) evidence(data []byte, req *policy.Request, at policy.Times) (s Shown, d *policy.Decision, err error) {
	e, err := verify.Open(data, x.Trust, at.CheckedAt)
	if err != nil {
		return s, nil, err
	}
	if err := x.accept(e); err != nil {
		return s, nil, err
	}
	if e, err = e.Disclose(x.Disclosures); err != nil {
		return s, nil, err
	}
	s.Evidence = e
	if req != nil {
		d, err = e.Answer(req, at, x.Explain, x.Lists...)
	}
	return s, d, err
}

func (x *Examiner) presentation(data []byte, req *policy.Request, at policy.Times) (s Shown, d *policy.Decision, err error) {
	if len(x.Disclosures) > 0 {
		return s, nil, errors.New("examine a presentation: it has what its holder discloses; no disclosures go beside it")
	}
	o, err := presentation.Open(data, x.Trust, x.Expected, at.CheckedAt)
	if err != nil {
		return s, nil, err
	}
	if err := x.accept(o.Evidence()); err != nil {
		return s, nil, err
	}
	s = Shown{Evidence: o.Evidence(), Presentation: o}
	if req != nil {
		d, err = o.Answer(req, at, x.Explain, x.Lists...)
	}
	return s, d, err
}

func (x *Examiner) accept(e *verify.Opened) error {
	if x.Accept == nil {
		return nil
	}
	return x.Accept(e)
}

// StepOf returns the step at which something was refused, and what is wrong; "" and
// the error itself where it was at none.
func StepOf(err error) (string, error) {
	step := ""
	if p, ok := errors.AsType[*presentation.Error](err); ok {
		step, err = p.Step, p.Err
	}
	if e, ok := errors.AsType[*verify.Error](err); ok {
		step, err = e.Step, e.Err
	}
	return step, err
}
