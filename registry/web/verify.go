package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/web/verifier"
	"github.com/safeconduct/safeconduct/verify"
)

// verifyScript starts the verifier in the browser, and shows what it finds.
var verifyScript = newScript("verify")

// verifyPage is what the page that verifies files shows.
type verifyPage struct {
	verification
	// Trust is what the register's own answers trust, "" where it has none.
	Trust string
	// MaxFile and MaxDocument bound what is read, in bytes.
	MaxFile, MaxDocument int
}

// verification is what the verifier in the browser is shown with.
type verification struct {
	// InBrowser is nil where this build has no verifier.
	InBrowser *browserVerifier
	Steps     []verifyStep
}

// A verifyStep is one of a verification.
type verifyStep struct {
	Name string
	// Presentation says that it is of presentations alone.
	Presentation bool
}

// ofFiles is of evidence and of presentations, ofAnswers of what the register
// answered.
func ofFiles() verification {
	v := verification{InBrowser: inBrowser}
	ofEvidence := verifier.Steps(false)
	for _, name := range verifier.Steps(true) {
		if name != verifier.StepAnswer {
			v.Steps = append(v.Steps, verifyStep{name, !slices.Contains(ofEvidence, name)})
		}
	}
	return v
}

func ofAnswers() verification {
	v := verification{InBrowser: inBrowser}
	for _, name := range verifier.Steps(false) {
		v.Steps = append(v.Steps, verifyStep{Name: name})
	}
	return v
}

// verify serves /verify. Which file is verified, and what is found, it never learns.
func (p *Pages) verify(x *exchange) (*page, error) {
	if err := x.read(false, nil); err != nil {
		return nil, err
	}
	v := &verifyPage{verification: ofFiles(), MaxFile: verifier.MaxFile, MaxDocument: verifier.MaxDocument}
	if t := p.reg.OwnTrust(); t != nil {
		text, err := readable(t)
		if err != nil {
			return nil, err
		}
		v.Trust = text
	}
	return &page{template: "verify", Title: say("verify.title"), Here: "/verify", Body: v, Scripts: []*asset{verifyScript}}, nil
}

// readable is a trust file for people to read, and for the verifier.
func readable(t *verify.Trust) (string, error) {
	doc, err := t.MarshalJSON()
	var b bytes.Buffer
	if err == nil {
		err = json.Indent(&b, doc, "", "  ")
	}
	if err != nil {
		return "", fmt.Errorf("show what the register trusts: %w", err)
	}
	return b.String(), nil
}

// maxOwn bounds the evidence that the page of an answer carries, in bytes.
const maxOwn = 512 << 10

// An ownAnswer is what the page of an answer carries for the verifier in the browser:
// the evidence, the request, and the answer to the byte.
type ownAnswer struct {
	verification
	Evidence, Request, Disclosures, Answer, Trust string
}

// carry makes that of an answer; Evidence is "" where it is too large for a page.
func (p *Pages) carry(d *policy.Decision, evidence []byte, q *question) (*ownAnswer, error) {
	o := &ownAnswer{verification: ofAnswers()}
	if len(evidence) > maxOwn || o.InBrowser == nil {
		return o, nil
	}
	answer, err := d.Marshal()
	if err != nil {
		return nil, fmt.Errorf("write the answer: %w", err)
	}
	if o.Trust, err = readable(p.reg.OwnTrust()); err != nil {
		return nil, err
	}
	for _, d := range q.disclosed {
		o.Disclosures += d.String() + "\n"
	}
	o.Evidence, o.Request, o.Answer = string(evidence), string(q.document), string(answer)
	return o, nil
}
