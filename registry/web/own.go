package web

import (
	"fmt"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/web/verifier"
	"github.com/safeconduct/safeconduct/verify"
)

// maxOwn bounds the evidence that the page of an answer carries, in bytes.
const maxOwn = 512 << 10

// An ownAnswer is what the page of an answer carries for the verifier in the browser:
// the evidence, the request, and the answer to the byte.
type ownAnswer struct {
	verification
	Evidence, Request, Disclosures, Answer, Trust string
}

// SkewMinutes is how far the clocks of a register and of whoever verifies may differ.
func (*ownAnswer) SkewMinutes() int { return int(verify.MaxSkew.Minutes()) }

// ofAnswers is of what the register answered.
func ofAnswers() verification {
	v := verification{InBrowser: inBrowser}
	for _, name := range verifier.Steps(false) {
		v.Steps = append(v.Steps, verifyStep{Name: name})
	}
	return v
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
