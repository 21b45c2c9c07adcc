package receipt

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/screening"
	"github.com/safeconduct/safeconduct/verify"
)

// The steps of [Verify], in order.
const (
	// StepForm: the receipt is in its one byte form.
	StepForm = "form"
	// StepEvidence: the evidence stands by the trust, as of the decision's
	// checked_at. The error wraps a *[verify.Error], which names a step of its own.
	StepEvidence = "evidence"
	// StepKey: the trust root in force at the checkpoint lists the key.
	StepKey = "key"
	// StepSignature: the key has signed the receipt.
	StepSignature = "signature"
	// StepCheckpoint: receipt and decision are of the checkpoint of the evidence.
	StepCheckpoint = "checkpoint"
	// StepEvidenceDigest: they are of this very evidence file.
	StepEvidenceDigest = "evidence-digest"
	// StepTrust: it was decided with this trust.
	StepTrust = "trust"
	// StepRequest: it was decided of this request.
	StepRequest = "request"
	// StepTimes: as of the times that the request asks for.
	StepTimes = "times"
	// StepLists: the lists of restricted parties that it was decided with are
	// given, and no others.
	StepLists = "lists"
	// StepDisclosures: the disclosures that it goes by are given, and no others, and
	// each is of an approval of the evidence.
	StepDisclosures = "disclosures"
	// StepReplay: decided again, the answer is the same, but for words (see [Result.Reworded]).
	StepReplay = "replay"
)

// An Error says at which step a receipt was refused, or could not be checked, and
// why.
type Error struct {
	// Step is one of the Step constants.
	Step string
	// Unchecked says that nothing is known to be wrong: what the step needs was not
	// given, or a step before it has failed.
	Unchecked bool
	// Err says what is wrong and, where it helps, what to do.
	Err error
}

func (e *Error) Error() string {
	if e.Unchecked {
		return fmt.Sprintf("receipt not checked at %s: %v", e.Step, e.Err)
	}
	return fmt.Sprintf("receipt refused at %s: %v", e.Step, e.Err)
}

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// Verify checks a receipt against the files that it was made of, and decides again
// at its own times. Request is the request document (JSON, whatever the spelling of
// its amounts and times); without one, nil, its steps are left unchecked, and so
// is the replay. Disclosures are those that were filed with it, lists those that the
// parties were screened against, both in any order; nil for none.
//
// The error is nil only where every step has passed, and otherwise an *[Error] of
// the first step that failed or, where none did, of the first that was not checked.
// The result is there in any case. The trust is that of the time: a trust file
// pins a version of the trust root that the evidence has.
func Verify(receipt, request, evidence []byte, disclosures []attest.Disclosure, t *verify.Trust, lists ...*screening.List) (*Result, error) {
	v := &verification{receipt: receipt, request: request, evidence: evidence, disclosures: disclosures, trust: t, given: lists, result: new(Result)}
	for _, s := range []struct {
		name string
		run  func() error
	}{
		{StepForm, v.form}, {StepEvidence, v.opens}, {StepKey, v.listed}, {StepSignature, v.signed},
		{StepCheckpoint, v.onReceiptAnd(v.e, func() error { return v.r.at(v.opened) })},
		{StepEvidenceDigest, v.onReceiptAnd(v.e, func() error { return v.r.on(v.opened) })},
		{StepTrust, v.onReceiptAnd(v.e, func() error { return v.r.trusts(v.opened) })},
		{StepRequest, v.asked},
		{StepTimes, v.onReceiptAnd(v.q, func() error { return v.r.timely(v.req) })},
		{StepLists, v.screened},
		{StepDisclosures, v.onReceiptAnd(v.e, v.discloses)},
		{StepReplay, v.replay},
	} {
		v.result.note(s.name, s.run())
	}
	return v.result, v.result.Err()
}

// unchecked is why a step was not gone through.
type unchecked string

func (u unchecked) Error() string { return string(u) }

// A verification is a Verify under way: each step reads what the ones before it
// have established, and is unchecked where they have not.
type verification struct {
	receipt, request, evidence []byte
	disclosures                []attest.Disclosure
	trust                      *verify.Trust
	given                      []*screening.List
	result                     *Result

	// By form; what it says is nobody's word before the step signature.
	u *Unverified
	r *Receipt
	// By evidence.
	opened *verify.Opened
	// By key.
	key attest.Key
	// By request.
	req *policy.Request
	// By lists: those of the decision, in its order.
	lists    []*screening.List
	complete bool
	// By disclosures: the evidence with what was disclosed of it, nil before.
	shown *verify.Opened
}

func (v *verification) form() error {
	u, err := parse(slices.Clone(v.receipt))
	if err != nil {
		return err
	}
	v.u, v.r = u, u.receipt
	return nil
}

func (v *verification) opens() error {
	if v.u == nil {
		return unchecked("the receipt cannot be read, and says as of when")
	}
	e, err := verify.Open(v.evidence, v.trust, v.r.Decision.CheckedAt.Time())
	if err != nil {
		return err
	}
	v.opened, v.result.Evidence = e, e.Report()
	return nil
}

// e says whether the evidence stands.
func (v *verification) e() error {
	if v.opened == nil {
		return unchecked("the evidence does not stand")
	}
	return nil
}

// q says whether the request is known.
func (v *verification) q() error {
	if v.req == nil {
		return unchecked("no request is given that can be read")
	}
	return nil
}

// onReceiptAnd is a step that needs the receipt, and what else.
func (v *verification) onReceiptAnd(need, run func() error) func() error {
	return func() error {
		if v.u == nil {
			return unchecked("the receipt cannot be read")
		}
		if err := need(); err != nil {
			return err
		}
		return run()
	}
}

func (v *verification) listed() error {
	return v.onReceiptAnd(v.e, func() error {
		root := v.opened.TrustRoot()
		k, ok := root.DecisionKey(v.u.kid)
		if !ok {
			return fmt.Errorf("key %s %w at size %d of the log, version %d", v.u.kid, ErrUnlisted, v.opened.Tree().N, root.Root().Version)
		}
		v.key = k
		return nil
	})()
}

func (v *verification) signed() error {
	return v.onReceiptAnd(v.e, func() error {
		if v.key.ID() == "" {
			return unchecked("the key is not known")
		}
		if err := v.u.signedBy(v.key); err != nil {
			return err
		}
		v.result.Receipt, v.result.Kid = v.r, v.key.ID()
		return nil
	})()
}

func (v *verification) asked() error {
	if len(v.request) == 0 {
		return unchecked("no request is given")
	}
	return v.onReceiptAnd(func() error { return nil }, func() error {
		req, err := policy.ParseRequest(v.request)
		if err != nil {
			return err
		}
		if err := v.r.of(req); err != nil {
			return err
		}
		v.req = req
		return nil
	})()
}

// screened: of each list that the decision names, that file is given under the
// name that it had.
func (v *verification) screened() error {
	if v.u == nil {
		return unchecked("the receipt cannot be read")
	}
	var missing, wrong []string
	rest := slices.Clone(v.given)
	for _, s := range v.r.Decision.Screened {
		i := slices.IndexFunc(rest, func(l *screening.List) bool { return l.Digest() == s.Digest })
		if i < 0 {
			missing = append(missing, fmt.Sprintf("%q, version %q, with the digest %s", s.Name, s.Version, s.Digest))
			continue
		}
		if l := rest[i]; l.Name() != s.Name || l.Version() != s.Version {
			wrong = append(wrong, fmt.Sprintf("the list with the digest %s is called %q in the receipt, and %q as it was given; give the file that name", s.Digest, s.Name, l.Name()))
		}
		v.lists = append(v.lists, rest[i])
		rest = slices.Delete(rest, i, i+1)
	}
	for _, l := range rest {
		wrong = append(wrong, fmt.Sprintf("it was not decided with the list %q, with the digest %s", l.Name(), l.Digest()))
	}
	switch {
	case wrong != nil:
		return errors.New(strings.Join(wrong, "; "))
	case missing != nil:
		return unchecked("the parties were screened against lists that are not given: " + strings.Join(missing, "; "))
	}
	v.complete = true
	return nil
}

// discloses: what it goes by is given, and nothing else, and the evidence has it.
func (v *verification) discloses() error {
	named := v.r.Disclosures
	given := digestsOf(v.disclosures)
	for i, d := range given {
		switch {
		case i > 0 && given[i-1] == d:
			return fmt.Errorf("the disclosure with the digest %s is given twice", d)
		case !slices.Contains(named, d):
			return fmt.Errorf("it was not decided with the disclosure of %s, with the digest %s", v.named(d), d)
		}
	}
	if len(named) == 0 {
		v.shown = v.opened
		return nil
	}
	var missing []string
	for _, d := range named {
		a, ok := v.opened.ConcealedBy(d)
		switch {
		case !ok:
			return fmt.Errorf("it goes by the disclosure with the digest %s, which no approval of the evidence has", d)
		case !slices.Contains(given, d):
			missing = append(missing, fmt.Sprintf("%s, of approval %s of %s", d, a.JTI, a.Iss))
		}
	}
	if missing != nil {
		return unchecked("it was decided by disclosures that are not given, with the digests " + strings.Join(missing, "; "))
	}
	shown, err := v.opened.Disclose(v.disclosures)
	if err != nil {
		return err
	}
	if err := v.r.agreesWith(shown); err != nil {
		return err
	}
	v.shown = shown
	return nil
}

// named is the name of the member of a disclosure that is given.
func (v *verification) named(digest string) string {
	i := slices.IndexFunc(v.disclosures, func(d attest.Disclosure) bool { return d.Digest() == digest })
	return strconv.Quote(v.disclosures[i].Name())
}

// replay decides again, as the receipt says that it was decided.
func (v *verification) replay() error {
	return v.onReceiptAnd(v.e, func() error {
		switch {
		case len(v.request) == 0:
			return unchecked("no request is given")
		case v.req == nil:
			return unchecked("the request is another one")
		case !v.complete:
			return unchecked("it cannot be decided again without the lists that it was decided with")
		case v.shown == nil:
			return unchecked("it cannot be decided again without the disclosures that it goes by")
		}
		d := v.r.Decision
		q, err := policy.Ask(v.req)
		if err != nil {
			return err
		}
		decide := v.shown.Decide
		if d.Explanation != nil {
			decide = v.shown.Explain
		}
		again, err := decide(q, policy.Times{EffectiveAt: d.EffectiveAt.Time(), KnownAt: d.KnownAt.Time(), CheckedAt: d.CheckedAt.Time()}, v.lists...)
		if err != nil {
			return fmt.Errorf("decide again: %w", err)
		}
		other, err := differences(d, again)
		if err != nil {
			return err
		}
		v.result.Differs, v.result.Reworded = other.facts, other.words
		if len(other.facts) > 0 {
			return fmt.Errorf("decided again it comes out otherwise: %s", strings.Join(other.facts, ", "))
		}
		return nil
	})()
}
