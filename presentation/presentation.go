// Package presentation has what the holder of an approval shows to a counterparty:
// evidence, those confidential members that it likes to disclose, and the proof that
// it is the holder and shows it now, to this verifier. The register is not in the
// middle.
//
//	p, err := presentation.Make(ctx, evidence, approval, disclosures, key, presentation.Binding{
//		Audience: "https://dataroom.example.com", Nonce: nonce, IssuedAt: time.Now(),
//	})
//
// The verifier gives a nonce, once (see [Nonces]), and opens what comes back:
//
//	shown, err := presentation.Open(p, trust, presentation.Expected{
//		Audience: "https://dataroom.example.com", Nonce: nonce,
//	}, time.Now())
//	decision, err := shown.Decide(question, times)
//
// A presentation is an SD-JWT with key binding (RFC 9901) of an entity approval,
// whose issuer-signed JWT is one line of the statement as it is logged, beside the
// evidence that the approval stands. The key is that of the approval's cnf. The key
// binding JWT names the evidence, too (evd), so that no other is put beside it.
//
// A holder may be known by a name, or bound by a ceiling, that another approval of it
// conceals: an older version, or another authority's. What it discloses of those stands
// beside the SD-JWT (others), which by RFC 9901 has disclosures of its own approval
// alone; the key binding names it (others_hash). Such a disclosure is of an approval
// that names the holder, or refused. It makes known what is in that approval and nothing
// more: what is permitted rests on the approval that was shown, all the same.
//
// docs/format.md is the normative text. Nothing here uses a network; all functions
// may be used concurrently.
package presentation

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/screening"
	"github.com/safeconduct/safeconduct/verify"
)

// MediaType is that of a presentation.
const MediaType = "application/vnd.safeconduct.presentation+json"

// MaxBytes is the largest presentation.
const MaxBytes = verify.MaxEvidence + maxSDJWT + 1024

// maxSDJWT bounds the SD-JWT: a statement, all its disclosures, the key binding; and
// with it the disclosures of other approvals. What is disclosed in a presentation can so
// always be handed on together.
const maxSDJWT = attest.MaxDisclosureBytes

// The steps at which a presentation is refused, beside those of evidence (see
// package verify), in the order in which they are checked.
const (
	// StepForm: it is no presentation in its one byte form.
	StepForm = "presentation"
	// StepApproval: its approval is not shown by the evidence, or not in force.
	StepApproval = "approval"
	// StepDisclosures: a disclosure is of no member of it; or one of the others is of no
	// approval in the evidence that names the holder.
	StepDisclosures = "disclosures"
	// StepKey: the approval names no key, or the key binding is by another one.
	StepKey = "key-binding"
	// StepAudience: it is for somebody else.
	StepAudience = "audience"
	// StepNonce: it answers another challenge, or an old one.
	StepNonce = "nonce"
	// StepTime: it was made too long ago, or in the future.
	StepTime = "issued-at"
	// StepHash: other disclosures or another approval than the holder bound.
	StepHash = "sd-hash"
	// StepEvidence: other evidence than the holder bound.
	StepEvidence = "evd"
	// StepOthers: other disclosures of other approvals than the holder bound.
	StepOthers = "others-hash"
	// StepHolder: what is asked does not concern the holder. It is checked when a
	// presentation that was opened is decided on.
	StepHolder = "holder"
)

// Steps lists the steps beside those of evidence, in order.
func Steps() []string {
	return []string{StepForm, StepApproval, StepDisclosures, StepKey, StepAudience, StepNonce, StepTime, StepHash, StepEvidence, StepOthers, StepHolder}
}

// An Error names the step that refused a presentation.
type Error struct {
	Step string
	Err  error
}

func (e *Error) Error() string { return "presentation refused at " + e.Step + ": " + e.Err.Error() }

// Unwrap returns what is wrong; at a step of evidence a *[verify.Error].
func (e *Error) Unwrap() error { return e.Err }

// document is a presentation. Members stand in the order of RFC 8785.
type document struct {
	Evidence rawDocument `json:"evidence"`
	// Others are disclosures of other approvals that name the holder, ascending, with a
	// tilde between; "" for none.
	Others string `json:"others,omitzero"`
	SDJWT  string `json:"sd_jwt"`
	Type   string `json:"type"`
}

// rawDocument is a JSON document as it stands.
type rawDocument []byte

const typeOf = "safeconduct/presentation/v1"

// The parts of a presentation's one byte form around evidence and SD-JWT, whose
// characters need no escapes.
const (
	before  = `{"evidence":`
	beside  = `,"others":"`
	between = `,"sd_jwt":"`
	after   = `","type":"` + typeOf + `"}`
)

func (d *document) marshal() []byte {
	others := ""
	if d.Others != "" {
		others = beside + d.Others + `"`
	}
	return []byte(before + string(d.Evidence) + others + between + d.SDJWT + after)
}

func parse(data []byte) (*document, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("it has %d bytes; at most %d are accepted", len(data), MaxBytes)
	}
	rest, ok := bytes.CutPrefix(data, []byte(before))
	if ok {
		rest, ok = bytes.CutSuffix(rest, []byte(after))
	}
	// Evidence is a JSON document whose strings cannot end in an unescaped quote
	// and go on: the last one is the SD-JWT's.
	i := bytes.LastIndex(rest, []byte(between))
	if !ok || i < 0 {
		return nil, errors.New(`it is not {"evidence":…,"sd_jwt":"…","type":"` + typeOf + `"} without white space`)
	}
	d := &document{Evidence: rest[:i], SDJWT: string(rest[i+len(between):]), Type: typeOf}
	// Evidence ends in a brace.
	if others, ok := bytes.CutSuffix(d.Evidence, []byte(`"`)); ok {
		j := bytes.LastIndex(others, []byte(beside))
		if j < 0 || j+len(beside) == len(others) {
			return nil, errors.New("it has something beside the evidence that is no disclosures of other approvals")
		}
		d.Evidence, d.Others = others[:j], string(others[j+len(beside):])
	}
	if strings.ContainsFunc(d.SDJWT+d.Others, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.~", r)
	}) {
		return nil, errors.New("its sd_jwt or others has a character that no SD-JWT has")
	}
	return d, nil
}

// sdJWT is an SD-JWT with key binding, cut.
type sdJWT struct {
	line        string
	disclosures []attest.Disclosure
	binding     string
	// others are the disclosures of other approvals, as they stand, and read.
	others   string
	ofOthers []attest.Disclosure
}

// bound is what sd_hash is of: everything up to and with the last tilde.
func (s *sdJWT) bound() string {
	var b strings.Builder
	b.WriteString(s.line + "~")
	for _, d := range s.disclosures {
		b.WriteString(d.String() + "~")
	}
	return b.String()
}

func (s *sdJWT) String() string { return s.bound() + s.binding }

// parseSDJWT reads the SD-JWT, and the disclosures of other approvals.
func parseSDJWT(d *document) (*sdJWT, error) {
	if n := len(d.SDJWT) + len(d.Others); n > maxSDJWT {
		return nil, fmt.Errorf("its sd_jwt, with the disclosures of other approvals, has %d bytes; at most %d are accepted", n, maxSDJWT)
	}
	parts := strings.Split(d.SDJWT, "~")
	if len(parts) < 2 {
		return nil, errors.New("its sd_jwt is no SD-JWT: it has no tilde")
	}
	n := len(parts) - 2
	var others []string
	if d.Others != "" {
		others = strings.Split(d.Others, "~")
		n += len(others)
	}
	if n > attest.MaxDisclosures {
		return nil, fmt.Errorf("it has %d disclosures; at most %d are accepted", n, attest.MaxDisclosures)
	}
	s := &sdJWT{line: parts[0], binding: parts[len(parts)-1], others: d.Others}
	var err error
	if s.ofOthers, err = attest.ParseDisclosures(others); err != nil {
		return nil, fmt.Errorf("others: %w", err)
	}
	if !slices.IsSorted(others) {
		return nil, errors.New("others: the disclosures do not ascend")
	}
	for _, p := range parts[1 : len(parts)-1] {
		d, err := attest.ParseDisclosure(p)
		if err != nil {
			return nil, err
		}
		s.disclosures = append(s.disclosures, d)
	}
	if s.binding == "" {
		return nil, errors.New("its sd_jwt has no key binding")
	}
	return s, nil
}

// hash is how sd_hash, evd and others_hash are written.
func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Expected is what the verifier of a presentation asks for.
type Expected struct {
	// Audience names the verifier: what it has told the holder to present to. It
	// must be given.
	Audience string
	// Nonce is what the verifier has given to the holder, for this once. It must be
	// given. Whoever opens presentations takes care that none is accepted twice:
	// see [Nonces].
	Nonce string
	// MaxAge is how long ago the holder may have made it; zero is [DefaultAge].
	MaxAge time.Duration
}

// DefaultAge is how long ago the holder may have made a presentation, and how long a
// nonce is good, where the verifier says nothing else.
const DefaultAge = 5 * time.Minute

// skew is how far ahead the holder's clock may be.
const skew = time.Minute

// Opened is a presentation that stands: its evidence does, its approval is in force,
// and its holder has made it for this verifier. The zero Opened decides nothing.
type Opened struct {
	evidence *verify.Opened
	// Holder is the id of the entity that the approval is of.
	Holder string
	// Approval is the approval, with what the holder has disclosed.
	Approval policy.Recorded
	// IssuedAt is when the holder made it, by its own clock.
	IssuedAt time.Time
}

// Decide decides a question on the evidence, with what the holder has disclosed, as
// [verify.Opened.Decide] does. The holder has to be one of its parties, by the id
// [Opened.Holder], and what is permitted has to rest on the very approval whose key it
// holds: another authority's word for another key shows nothing. Where that is not so,
// or the evidence does not show what the decision needs, that gives an *[Error].
func (o *Opened) Decide(q *policy.Question, at policy.Times, lists ...*screening.List) (*policy.Decision, error) {
	return o.ask((*verify.Opened).Decide, q, at, lists)
}

// Explain is like [Opened.Decide], with an explanation in the decision.
func (o *Opened) Explain(q *policy.Question, at policy.Times, lists ...*screening.List) (*policy.Decision, error) {
	return o.ask((*verify.Opened).Explain, q, at, lists)
}

// Answer decides a request as [Opened.Decide] does, or explains it, for whoever asks it
// once; see [verify.Opened.Answer].
func (o *Opened) Answer(req *policy.Request, at policy.Times, explain bool, lists ...*screening.List) (*policy.Decision, error) {
	q, err := policy.Ask(req)
	if err != nil {
		return nil, fmt.Errorf("decide: %w", err)
	}
	if explain {
		return o.Explain(q, at, lists...)
	}
	return o.Decide(q, at, lists...)
}

func (o *Opened) ask(
	by func(*verify.Opened, *policy.Question, policy.Times, ...*screening.List) (*policy.Decision, error),
	q *policy.Question, at policy.Times, lists []*screening.List,
) (*policy.Decision, error) {
	if o == nil || o.evidence == nil {
		return nil, errors.New("decide: there is no opened presentation")
	}
	if !q.Involves(o.Holder) {
		return nil, &Error{StepHolder, fmt.Errorf("the request names no party %s, which is who has shown itself; it has to be named by this id", o.Holder)}
	}
	d, err := by(o.evidence, q, at, lists...)
	if e, ok := errors.AsType[*verify.Error](err); ok {
		return nil, &Error{e.Step, err}
	}
	if err == nil && d.Permitted() && !o.restsOn(d) {
		head := o.Approval.Statement.Claims().Head()
		return nil, &Error{StepHolder, fmt.Errorf("what permits it does not rest on approval %s of %s, whose key the holder has shown; show one that it rests on", head.JTI, head.Iss)}
	}
	return d, err
}

// restsOn reports whether a decision relies on the approval that was shown, for the
// holder.
func (o *Opened) restsOn(d *policy.Decision) bool {
	head := o.Approval.Statement.Claims().Head()
	return slices.ContainsFunc(d.ReliedOn, func(r policy.Reliance) bool {
		return r.Party == o.Holder && r.Statement.Issuer == head.Iss && r.Statement.JTI == head.JTI && r.Statement.Index == o.Approval.Index
	})
}

// Evidence returns the evidence in it, opened, with what the holder has disclosed. It
// is nil for the zero Opened. What it decides does not say that the holder has shown
// itself: [Opened.Decide] does.
func (o *Opened) Evidence() *verify.Opened {
	if o == nil {
		return nil
	}
	return o.evidence
}

// Claims returns the approval's claims, with what the holder has disclosed.
func (o *Opened) Claims() *attest.EntityApproval {
	if o.Approval.Statement == nil {
		return nil
	}
	a, _ := o.Approval.Statement.Claims().(*attest.EntityApproval)
	return a
}

// Open checks a presentation as of checkedAt, which is the verifier's clock: first
// its evidence, as [verify.Open] does, then that its approval is shown and in force,
// its disclosures and those of other approvals of the holder, and the key binding.
// What does not stand gives an *[Error]. What the holder may do is then for
// [Opened.Decide].
func Open(presentation []byte, t *verify.Trust, want Expected, checkedAt time.Time) (*Opened, error) {
	fail := func(step string, err error) (*Opened, error) { return nil, &Error{step, err} }
	if want.Audience == "" || want.Nonce == "" {
		return nil, errors.New("open a presentation: an audience and a nonce must be expected; without them it may be anybody's copy")
	}
	doc, err := parse(presentation)
	if err != nil {
		return fail(StepForm, err)
	}
	sd, err := parseSDJWT(doc)
	if err != nil {
		return fail(StepForm, err)
	}
	evidence, err := verify.Open(doc.Evidence, t, checkedAt)
	if err != nil {
		step := StepForm
		if e, ok := errors.AsType[*verify.Error](err); ok {
			step = e.Step
		}
		return fail(step, err)
	}
	approval, ok, err := evidence.Approval(sd.line, checkedAt)
	if err != nil {
		return fail(StepApproval, err)
	}
	if !ok {
		return fail(StepApproval, errors.New("the evidence shows no approval with the line that the SD-JWT has"))
	}
	head := approval.Statement.Claims().Head()
	if state := cmp.Or(approval.Standing.State, policy.Voided); state != policy.InForce {
		return fail(StepApproval, fmt.Errorf("approval %s of %s is %s at %s", head.JTI, head.Iss, state, checkedAt.UTC().Format(time.RFC3339)))
	}
	if to := approval.Standing.Holder; to != "" {
		return fail(StepApproval, fmt.Errorf("approval %s of %s was passed on to %s", head.JTI, head.Iss, to))
	}
	if age := checkedAt.Sub(evidence.ProvenUntil()); age > t.MaxStatusAge() {
		return fail(StepApproval, fmt.Errorf("the evidence shows what was known %v ago; at most %v is accepted: ask the register for fresh evidence", age.Truncate(time.Second), t.MaxStatusAge()))
	}
	claims, _ := approval.Statement.Claims().(*attest.EntityApproval)
	opened := &Opened{evidence: evidence, Holder: claims.Entity(), Approval: approval}
	if err := opened.disclose(claims, sd); err != nil {
		return fail(StepDisclosures, err)
	}
	b, step, err := sd.check(claims, want, doc.Evidence, checkedAt)
	if err != nil {
		return fail(step, err)
	}
	opened.IssuedAt = time.Unix(b.IAT, 0).UTC()
	return opened, nil
}

// disclose puts in clear what the holder has disclosed: of the approval that it shows,
// and beside it of others that name it.
func (o *Opened) disclose(a *attest.EntityApproval, sd *sdJWT) (err error) {
	if len(sd.disclosures) > 0 {
		if o.Approval.Statement, err = o.Approval.Statement.Disclose(sd.disclosures); err != nil {
			return err
		}
	}
	for _, d := range sd.ofOthers {
		if slices.Contains(a.Concealed(), d.Digest()) {
			return fmt.Errorf("a disclosure of %q stands among those of others, and is of approval %s of %s, which is shown", d.Name(), a.JTI, a.Iss)
		}
	}
	o.evidence, err = o.evidence.DiscloseOf(o.Holder, slices.Concat(sd.disclosures, sd.ofOthers))
	return err
}

// Evidence returns the evidence in a presentation, unchecked.
func Evidence(presentation []byte) ([]byte, error) {
	d, err := parse(presentation)
	if err != nil {
		return nil, &Error{StepForm, err}
	}
	return d.Evidence, nil
}
