package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/screening"
)

// Opened is evidence that was checked and stands: to decide on it again costs
// microseconds. It is for whoever holds evidence and is asked often, such as the
// gate of a data room. The zero Opened decides nothing.
type Opened struct {
	in        *inspection
	set       *proven.Set
	histories *policy.Histories
	// disclosed are what set has of confidential members.
	disclosed []attest.Disclosure
}

// Open checks the evidence as [Decide] does, as of checkedAt. Evidence that does
// not stand gives an *[Error].
func Open(evidence []byte, t *Trust, checkedAt time.Time) (*Opened, error) {
	in, err := inspect(evidence, t, checkedAt)
	if err != nil {
		return nil, err
	}
	set := in.set()
	return &Opened{in: in, set: set, histories: policy.Read(set)}, nil
}

// Decide decides a question on the evidence, as the function [Decide] does. A
// question that is asked before the evidence was opened is refused: whether a
// cosignature was of the future then has not been looked at. One that is asked
// later goes by the cosignatures that counted at the opening, which never makes
// the evidence fresher than it is.
func (e *Opened) Decide(q *policy.Question, at policy.Times, lists ...*screening.List) (*policy.Decision, error) {
	return e.ask((*policy.Histories).Decide, q, at, lists)
}

// Explain is like [Opened.Decide], with an explanation in the decision.
func (e *Opened) Explain(q *policy.Question, at policy.Times, lists ...*screening.List) (*policy.Decision, error) {
	return e.ask((*policy.Histories).Explain, q, at, lists)
}

// Answer decides a request as [Opened.Decide] does, or explains it, for whoever asks it
// once. Who asks the same request again reads it once, with [policy.Ask]; what is wrong
// with it is returned as that function does.
func (e *Opened) Answer(req *policy.Request, at policy.Times, explain bool, lists ...*screening.List) (*policy.Decision, error) {
	q, err := policy.Ask(req)
	if err != nil {
		return nil, fmt.Errorf("decide: %w", err)
	}
	if explain {
		return e.Explain(q, at, lists...)
	}
	return e.Decide(q, at, lists...)
}

func (e *Opened) ask(
	by func(*policy.Histories, *policy.Question, policy.Times, ...*screening.List) (*policy.Decision, error),
	q *policy.Question, at policy.Times, lists []*screening.List,
) (*policy.Decision, error) {
	if e == nil || e.in == nil {
		return nil, errors.New("decide: there is no opened evidence")
	}
	if at.CheckedAt.Before(e.in.checkedAt) {
		return nil, fmt.Errorf("decide: checked_at is %v, before the evidence was opened as of %v; open it as of then", at.CheckedAt, e.in.checkedAt)
	}
	d, err := by(e.histories, q, at, lists...)
	var missing *policy.Unproven
	if errors.As(err, &missing) {
		// No silent "nothing known": that a subject has no statements is proven like
		// everything else.
		return nil, &Error{StepHistory, fmt.Errorf("the history of %s, which the decision touches, %w; ask the register for evidence of this very request", missing.Subject, ErrNotShown)}
	}
	return d, err
}

// Disclose returns the evidence with confidential members of approvals in clear, as
// their holder has disclosed them. Each disclosure has to be of an approval that is
// shown, and of a member that it names, and none is given twice; all are given at once.
// Decisions on it name them by their digest.
func (e *Opened) Disclose(ds []attest.Disclosure) (*Opened, error) {
	return e.disclose("", ds)
}

// DiscloseOf is like [Opened.Disclose] for what one entity discloses: each disclosure
// has to be of an approval that names it ([attest.EntityApproval.Names]), whoever issued
// it and whichever version it is, and is of no other.
func (e *Opened) DiscloseOf(entity string, ds []attest.Disclosure) (*Opened, error) {
	if entity == "" {
		return nil, errors.New("disclose: there is no entity whose approvals they are of")
	}
	return e.disclose(entity, ds)
}

func (e *Opened) disclose(entity string, ds []attest.Disclosure) (*Opened, error) {
	if e == nil || e.in == nil {
		return nil, errors.New("disclose: there is no opened evidence")
	}
	if len(ds) == 0 {
		return e, nil
	}
	if e.disclosed != nil {
		return nil, errors.New("disclose: something has been disclosed in it; disclose all of it together")
	}
	set, err := e.set.Disclose(ds, entity, disclosuresDigest(ds))
	if err != nil {
		return nil, fmt.Errorf("disclose: %w", err)
	}
	return &Opened{e.in, set, policy.Read(set), slices.Clone(ds)}, nil
}

// disclosuresDigest is that of replay.disclosures.
func disclosuresDigest(ds []attest.Disclosure) string {
	texts := make([]string, len(ds))
	for i, d := range ds {
		texts[i] = d.String()
	}
	slices.Sort(texts)
	digest := sha256.Sum256([]byte(strings.Join(texts, "\n")))
	return base64.RawURLEncoding.EncodeToString(digest[:])
}

// Disclosed lists what has been disclosed in the evidence, and the digest by which
// decisions on it name that, "" for nothing.
func (e *Opened) Disclosed() (ds []attest.Disclosure, digest string) {
	if e == nil || e.in == nil {
		return nil, ""
	}
	return slices.Clone(e.disclosed), e.set.DisclosuresDigest
}

// ConcealedBy finds the first approval that is shown and conceals a member with the
// digest of a disclosure ([attest.Disclosure.Digest]). ok is false where none does, and
// for the zero Opened.
func (e *Opened) ConcealedBy(digest string) (a *attest.EntityApproval, ok bool) {
	if e == nil || e.in == nil {
		return nil, false
	}
	for _, a := range e.set.Approvals() {
		if slices.Contains(a.Concealed(), digest) {
			return a, true
		}
	}
	return nil, false
}

// Approval finds an approval of an entity by a line of the statement (one compact
// JWS), and says what it comes to at a legal time. ok is false where no approval that
// is shown has that line.
func (e *Opened) Approval(line string, at time.Time) (r policy.Recorded, ok bool, err error) {
	if e == nil || e.in == nil {
		return r, false, errors.New("find an approval: there is no opened evidence")
	}
	for x, a := range e.set.Approvals() {
		if hasLine(x.Statement.Bytes(), line) {
			s, err := e.histories.Standing(a.Sub, x.Index, at)
			return policy.Recorded{Index: x.Index, Time: x.Time, Statement: x.Statement, Void: s.State == "", Standing: &s}, true, err
		}
	}
	return r, false, nil
}

func hasLine(statement []byte, line string) bool {
	for l := range bytes.SplitSeq(statement, []byte{'\n'}) {
		if string(l) == line {
			return true
		}
	}
	return false
}

// ErrPartly says that statements of a history are not shown, so that it is none to
// read. The evidence is compact, or was made of such for a decision.
var ErrPartly = errors.New("is shown in part only; ask the register for the whole")

// History returns what is proven of a subject, complete and in log order: the
// statements that were logged by known, the zero time standing for all that the
// evidence proves, and what each comes to at the legal time at, the zero time
// asking nothing. See [policy.Histories.History].
//
// A subject whose history is not in the evidence, or only in part, gives an
// *[Error] at step history, and so does another one on which it depends what the
// statements come to; it wraps a *[policy.Unproven] that names it. That a subject
// has no statements is proven like everything else.
func (e *Opened) History(subject string, known, at time.Time) ([]policy.Recorded, error) {
	if e == nil || e.in == nil {
		return nil, errors.New("read a history: there is no opened evidence")
	}
	h, err := e.histories.History(subject, known, at)
	missing, ok := errors.AsType[*policy.Unproven](err)
	if !ok {
		return h, err
	}
	why := ErrNotShown
	if missing.Partly {
		why = ErrPartly
	}
	return nil, &Error{StepHistory, &notRead{missing, why}}
}

// notRead is a history that cannot be read.
type notRead struct {
	missing *policy.Unproven
	why     error
}

func (n *notRead) Error() string {
	return fmt.Sprintf("the history of %s %v", n.missing.Subject, n.why)
}

func (n *notRead) Unwrap() []error { return []error{n.missing, n.why} }

// Report says what the check has found, as [Check] does. It is nil for the zero
// Opened.
func (e *Opened) Report() *Report {
	if e == nil || e.in == nil {
		return nil
	}
	return e.in.report()
}

// TrustRoot is the one in force at the end of the log, with all freezes: what the
// next statement will be judged by. It is nil for the zero Opened.
func (e *Opened) TrustRoot() *attest.TrustRoot {
	if e == nil || e.in == nil {
		return nil
	}
	return e.in.inForce(e.in.tree.N - 1)
}

// Tree is that of the checkpoint, zero for the zero Opened: whatever leads to
// it, such as the leaves of the log themselves, is as good as the evidence.
func (e *Opened) Tree() tlog.Tree {
	if e == nil || e.in == nil {
		return tlog.Tree{}
	}
	return e.in.tree
}

// Checkpoint is what the text of the checkpoint says, zero for the zero Opened.
func (e *Opened) Checkpoint() Checkpoint {
	if e == nil || e.in == nil {
		return Checkpoint{}
	}
	return Checkpoint{e.in.trust.Origin(), e.in.tree, e.in.text}
}

// SignedCheckpoint is the checkpoint with all its signatures. It is nil for the zero
// Opened.
func (e *Opened) SignedCheckpoint() []byte {
	if e == nil || e.in == nil {
		return nil
	}
	return []byte(e.in.evidence.Checkpoint)
}

// ProvenUntil is the time up to which the cosigners attest that nothing came after,
// zero for the zero Opened.
func (e *Opened) ProvenUntil() time.Time {
	if e == nil || e.in == nil {
		return time.Time{}
	}
	return e.in.fresh
}

// Bytes returns the evidence as it was given to [Open]. The caller does not
// change it. It is nil for the zero Opened.
func (e *Opened) Bytes() []byte {
	if e == nil || e.in == nil {
		return nil
	}
	return e.in.data
}
