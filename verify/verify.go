// Package verify checks evidence and decides on it, offline: evidence in,
// checked decision out. It takes no clock, context or network.
//
// Start with [Decide]. It needs the bytes of an evidence file, what the
// verifier trusts ([ParseTrust]), a request and its three times:
//
//	trust, err := verify.ParseTrust(trustJSON)
//	…
//	decision, err := verify.Decide(evidence, trust, request, request.TimesNow(now))
//	if err != nil {
//		// Nothing was decided. A *verify.Error names the step that failed.
//	}
//	if decision.Permitted() { … }
//
// Evidence is checked in this order and by these names; a failure names its
// step:
//
//	parse        the file is evidence in its one byte form
//	root         the trust roots lead from the pinned one to the one in force
//	checkpoint   the register signed it, and every signature line on it is good
//	quorum       enough cosigners of the trust policy cosigned it, and when
//	status-leaf  its last leaf fixes the status map, and no statement came after
//	map          the map proofs are such, and what is shown as absent is absent
//	history      each history is what the map fixes, whole and unchanged, and
//	             stands as stubs only where the decision cannot rest on it
//	signatures   each statement was signed by who may, at its place in the log
//
// [Check] does the same without a request. [Evidence], [StatusLeaf], [Chain],
// [MapKey], [MapValue] and [MergeCheckpoint] are the formats, for whoever makes
// evidence. [Compact] leaves out of evidence what a request does not need.
//
// Everything here may be used concurrently.
//
// What an evidence file proves is bounded by its trust: a register whose
// entries no mirror checks could leave some out, which is why a trust that
// asks for no mirror must say insecure_unmirrored, and every decision repeats
// it. Nor may evidence have stubs then: entries of approvals that are not shown,
// with the lineage that the register says they are of.
package verify

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/screening"
)

// The steps of a check, in order.
const (
	StepParse      = "parse"
	StepRoot       = "root"
	StepCheckpoint = "checkpoint"
	StepQuorum     = "quorum"
	StepStatusLeaf = "status-leaf"
	StepMap        = "map"
	StepHistory    = "history"
	StepSignatures = "signatures"
)

// An Error says at which step evidence was refused, and why.
type Error struct {
	// Step is one of the Step constants.
	Step string
	// Err says what is wrong and, where it helps, what to do.
	Err error
}

func (e *Error) Error() string { return fmt.Sprintf("evidence refused at %s: %v", e.Step, e.Err) }

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// Decide checks the evidence and decides the request on it. Evidence that does
// not stand gives an *[Error] and no decision; so does, at step history,
// evidence without a subject that the decision touches, which is named. The
// same arguments always give the same decision.
//
// Lists are what the parties are screened against (R15). Whoever has many
// questions to the same evidence checks it once ([Open]).
func Decide(evidence []byte, t *Trust, req *policy.Request, at policy.Times, lists ...*screening.List) (*policy.Decision, error) {
	return decide(evidence, t, req, at, false, lists)
}

// Explain is like [Decide], with an explanation in the decision.
func Explain(evidence []byte, t *Trust, req *policy.Request, at policy.Times, lists ...*screening.List) (*policy.Decision, error) {
	return decide(evidence, t, req, at, true, lists)
}

func decide(evidence []byte, t *Trust, req *policy.Request, at policy.Times, explain bool, lists []*screening.List) (*policy.Decision, error) {
	e, err := Open(evidence, t, at.CheckedAt)
	if err != nil {
		return nil, err
	}
	return e.Answer(req, at, explain, lists...)
}

// What a caller may want to tell apart of the step history: all else there is a
// history that was hidden or changed.
var (
	// ErrNotShown: the evidence is good as far as it goes, but was made for
	// another request.
	ErrNotShown = errors.New("is not in the evidence")
	// ErrCompact: the evidence was made for somebody who relies on a mirror, see
	// [Compact].
	ErrCompact = errors.New("compact evidence is for those who rely on a mirror, and the trust file says insecure_unmirrored; ask the register for the whole")
)

// An inspection is a check under way: each step reads what the ones before it
// have established.
type inspection struct {
	// Given.
	data      []byte
	trust     *Trust
	checkedAt time.Time

	passed []string

	// Established by parse.
	evidence   *Evidence
	statements map[int64]*shown
	// By root: the trust roots by their log index.
	roots []rootAt
	// By checkpoint.
	text     string
	tree     tlog.Tree
	signers  *keyring
	cosigned []Cosignature
	// By quorum.
	fresh    time.Time
	warnings []string
	// By status-leaf.
	status StatusLeaf
	// By history: what the status map holds of each subject, zero for nothing.
	values map[string]MapValue
}

// shown is a statement of the evidence.
type shown struct {
	*LoggedStatement
	leaf tlog.Hash
	// opened is set by the step signatures, for trust roots by the step root.
	opened *attest.Statement
	// entry is the first one met of a history that speaks of it.
	entry *Entry
}

// steps are the check, in the order of the package documentation.
var steps = []struct {
	name string
	run  func(*inspection) error
}{
	{StepParse, (*inspection).parse},
	{StepRoot, (*inspection).root},
	{StepCheckpoint, (*inspection).checkpoint},
	{StepQuorum, (*inspection).quorum},
	{StepStatusLeaf, (*inspection).statusLeaf},
	{StepMap, (*inspection).statusMap},
	{StepHistory, (*inspection).history},
	{StepSignatures, (*inspection).signatures},
}

// Steps lists the steps of a check, in order.
func Steps() []string {
	out := make([]string, len(steps))
	for i, s := range steps {
		out[i] = s.name
	}
	return out
}

// inspect runs the steps. With an error, the inspection tells only which steps
// passed.
func inspect(evidence []byte, t *Trust, checkedAt time.Time) (*inspection, error) {
	in := &inspection{data: evidence, trust: t, checkedAt: checkedAt}
	if t == nil || t.policy == nil {
		return in, errors.New("verify: no trust is given; read a trust file with ParseTrust")
	}
	if checkedAt.IsZero() {
		return in, errors.New("verify: checked_at is missing; it is when the question is asked")
	}
	for _, s := range steps {
		if err := s.run(in); err != nil {
			return in, &Error{s.name, err}
		}
		in.passed = append(in.passed, s.name)
	}
	return in, nil
}

// parse: evidence in its one byte form.
func (in *inspection) parse() error {
	e, err := Parse(in.data)
	if err != nil {
		return err
	}
	in.evidence = e
	in.statements = make(map[int64]*shown, len(e.Statements))
	all := make([]shown, len(e.Statements))
	var raw []byte
	for i := range e.Statements {
		s := &e.Statements[i]
		raw = append(raw[:0], s.Statement...)
		all[i] = shown{LoggedStatement: s, leaf: tlog.RecordHash(raw)}
		in.statements[s.Index] = &all[i]
	}
	return nil
}

// set is what the passed steps have proven.
func (in *inspection) set() *proven.Set {
	set := &proven.Set{
		Origin:         in.trust.Origin(),
		Size:           in.tree.N,
		Fresh:          in.fresh,
		MaxAge:         in.trust.maxAge,
		Warnings:       slices.Clone(in.warnings),
		TrustDigest:    in.trust.Digest(),
		EvidenceDigest: EvidenceDigest(in.text, in.values),
	}
	for _, h := range in.evidence.Histories {
		var entries []proven.Entry
		for _, e := range h.Entries {
			entries = append(entries, proven.Entry{
				Index:     e.Index,
				Time:      time.UnixMilli(e.Time).UTC(),
				Tag:       e.Tag,
				Statement: in.statements[e.Index].opened,
			})
		}
		set.Prove(h.Subject, entries)
		if len(h.Stubs) > 0 {
			set.Withhold(h.Subject)
		}
	}
	return set
}
