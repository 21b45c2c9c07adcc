package verify

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/strictjson"
)

// MediaType is the media type of evidence.
const MediaType = "application/vnd.safeconduct.evidence+json"

// evidenceType is the type member of evidence.
const evidenceType = "safeconduct/evidence/v1"

// MaxEvidence is the largest evidence that is accepted, in bytes.
const MaxEvidence = 4 << 20

// ErrTooLarge says that evidence exceeds a bound: its bytes, histories or
// statements. There is no smaller evidence for the same request.
var ErrTooLarge = errors.New("the evidence is larger than is accepted")

// The other bounds of evidence: how many histories and statements are accepted.
// That there are no more stubs than MaxStubs follows from [MaxEvidence].
const (
	MaxHistories  = 1000
	MaxStatements = 10000
	MaxStubs      = MaxEvidence * 3 / (4 * stubSize)
)

// maxHashes is how many hashes an inclusion proof has at most.
const maxHashes = 64

// Evidence is what one file of evidence says; nothing of it is checked yet.
// Its form is RFC 8785 JSON with a member type: one document for given values,
// whose hashes are in standard base64 and whose arrays ascend.
type Evidence struct {
	// Checkpoint is a C2SP tlog-checkpoint with the register's signatures and
	// cosignatures.
	Checkpoint string `json:"checkpoint"`
	// Histories are the whole histories of subjects, ascending by subject.
	Histories []History `json:"histories"`
	// Statements are those that the entries of histories speak of, each once,
	// ascending by index.
	Statements []LoggedStatement `json:"statements"`
	// Status is the status leaf that closes the checkpoint's tree.
	Status StatusProof `json:"status"`
}

// A History is every statement about a subject, or says that there is none.
// Each stands either in Entries, and is then shown, or in Stubs; without any of
// both the subject has no statements.
type History struct {
	// Entries ascend by index.
	Entries []Entry `json:"entries,omitempty"`
	// Proof is the proof of package statusmap for the subject's [MapKey].
	Proof []byte `json:"proof"`
	// Stubs ascend by index.
	Stubs Stubs `json:"stubs,omitempty"`
	// Subject is the subject.
	Subject string `json:"subject"`
}

// An Entry is a statement in a history that is shown.
type Entry struct {
	// Index is the statement's log index.
	Index int64 `json:"index"`
	// Tag is that of its lineage, as [attest.Lineage] gives it in the history
	// of the statement's own subject; zero for what concerns the whole subject.
	Tag attest.Tag `json:"tag,omitzero"`
	// Time is when it was logged, in Unix milliseconds.
	Time int64 `json:"time"`
}

// A LoggedStatement is a statement at its place in the log.
type LoggedStatement struct {
	// Index is its log index.
	Index int64 `json:"index"`
	// Proof is its inclusion proof under the checkpoint. Before a verifier who
	// relies on a mirror, all statements may be without: see [Compact].
	Proof InclusionProof `json:"proof,omitempty"`
	// Statement is the statement as it is logged.
	Statement string `json:"statement"`
}

// A StatusProof is a status leaf at its place in the log.
type StatusProof struct {
	// Index is its log index, the last of the tree.
	Index int64 `json:"index"`
	// Leaf is the text of the [StatusLeaf].
	Leaf string `json:"leaf"`
	// Proof is its inclusion proof under the checkpoint.
	Proof InclusionProof `json:"proof,omitempty"`
}

// document is evidence with its type. Members stand in the order of RFC 8785.
type document struct {
	Evidence
	Type string `json:"type"`
}

// Marshal returns the one byte form of e. Histories, entries, stubs and
// statements may stand in any order in e, which is not changed; what stands twice or is
// malformed is an error, [ErrTooLarge] what exceeds the bounds of evidence.
func (e *Evidence) Marshal() ([]byte, error) {
	data, err := e.marshal()
	if err != nil {
		return nil, fmt.Errorf("marshal evidence: %w", err)
	}
	return data, nil
}

func (e *Evidence) marshal() ([]byte, error) {
	d := document{*e, evidenceType}
	d.Histories = slices.Clone(e.Histories)
	for i, h := range d.Histories {
		d.Histories[i].Entries = slices.SortedFunc(slices.Values(h.Entries), func(a, b Entry) int { return cmp.Compare(a.Index, b.Index) })
		d.Histories[i].Stubs = slices.SortedFunc(slices.Values(h.Stubs), func(a, b Stub) int { return cmp.Compare(a.Index, b.Index) })
	}
	slices.SortFunc(d.Histories, func(a, b History) int { return cmp.Compare(a.Subject, b.Subject) })
	d.Statements = slices.Clone(e.Statements)
	slices.SortFunc(d.Statements, func(a, b LoggedStatement) int { return cmp.Compare(a.Index, b.Index) })
	if err := d.check(); err != nil {
		return nil, err
	}
	data, err := json.Marshal(&d)
	if err == nil && len(data) > MaxEvidence {
		err = fmt.Errorf("%w: it has %d bytes; at most %d are accepted", ErrTooLarge, len(data), MaxEvidence)
	}
	return data, err
}

// Parse reads evidence in its one byte form and refuses every other spelling
// of it. It checks the form alone: [Decide] and [Check] check what it says.
func Parse(data []byte) (*Evidence, error) {
	if e, ok := scan(data); ok && e.check() == nil {
		return e, nil
	}
	d, err := read(data)
	if err != nil {
		return nil, fmt.Errorf("read evidence: %w", err)
	}
	if d.Type != evidenceType {
		return nil, fmt.Errorf("read evidence: it is of type %q; this version reads %q", d.Type, evidenceType)
	}
	again, err := d.marshal()
	if err != nil {
		return nil, fmt.Errorf("read evidence: %w", err)
	}
	if !bytes.Equal(again, data) {
		return nil, errors.New("read evidence: it is not in its one byte form (RFC 8785 JSON, strict base64, arrays ascending, no empty array for none); use the file as the register gave it")
	}
	return &d.Evidence, nil
}

// read reads strict JSON, for what scan does not take. What comes out is
// marshalled and compared by the caller, which refuses all that strictjson
// does; strictjson says what is wrong with the bad.
func read(data []byte) (*document, error) {
	d := new(document)
	if len(data) <= MaxEvidence && json.Unmarshal(data, d, json.RejectUnknownMembers(true)) == nil {
		return d, nil
	}
	err := strictjson.Unmarshal(data, d, strictjson.Form{MaxBytes: MaxEvidence, Lines: true})
	if err == nil {
		err = errors.New("it is no evidence")
	}
	return nil, err
}

// isSubject reports whether s has the form of a subject: a word, and what it is
// about after a colon. It has no white space, so that a line of
// [EvidenceDigest] has one reading.
func isSubject(s string) bool {
	kind, about, more := strings.Cut(s, ":")
	if kind == "" || len(kind) > 16 || more && (about == "" || len(about) > 300) {
		return false
	}
	lower := func(c byte) bool { return 'a' <= c && c <= 'z' }
	for i := range len(kind) {
		if !lower(kind[i]) {
			return false
		}
	}
	for i := range len(about) {
		c := about[i]
		if !lower(c) && (c < 'A' || c > 'Z') && (c < '-' || c > ':') && c != '_' {
			return false
		}
	}
	return true
}

// check lists what no evidence may say, and what does not ascend.
func (e *Evidence) check() error {
	var p strictjson.Problems
	count := func(ptr string, n, most int) {
		if n > most {
			p.Add(ptr, "has %d elements; at most %d are accepted", n, most)
		}
	}
	count("/histories", len(e.Histories), MaxHistories)
	count("/statements", len(e.Statements), MaxStatements)
	if len(p) > 0 {
		return fmt.Errorf("%w: %w", ErrTooLarge, p)
	}
	count("/status/proof", len(e.Status.Proof), maxHashes)
	if !safe(e.Status.Index) {
		p.Add("/status/index", "is not within 0 and 2^53-1")
	}
	if len(p) > 0 {
		return p
	}
	for i := range e.Histories {
		h := &e.Histories[i]
		if !isSubject(h.Subject) {
			p.Add(fmt.Sprintf("/histories/%d/subject", i), "%q is no subject", h.Subject)
		}
		if i > 0 && h.Subject <= e.Histories[i-1].Subject {
			p.Add(fmt.Sprintf("/histories/%d/subject", i), "%s stands twice", h.Subject)
		}
		h.check(&p, i)
	}
	for i, s := range e.Statements {
		if len(s.Proof) > maxHashes {
			count(fmt.Sprintf("/statements/%d/proof", i), len(s.Proof), maxHashes)
		}
		if !safe(s.Index) {
			p.Add(fmt.Sprintf("/statements/%d/index", i), "is not within 0 and 2^53-1")
		}
		if i > 0 && s.Index <= e.Statements[i-1].Index {
			p.Add(fmt.Sprintf("/statements/%d/index", i), "stands twice; a statement is shown once")
		}
	}
	return p.Err()
}

// check lists what the ith history may not say.
func (h *History) check(p *strictjson.Problems, i int) {
	for j, x := range h.Entries {
		if !safe(x.Index) || !safe(x.Time) {
			p.Add(fmt.Sprintf("/histories/%d/entries/%d", i, j), "has a number that is not within 0 and 2^53-1")
		}
		if j > 0 && x.Index <= h.Entries[j-1].Index {
			p.Add(fmt.Sprintf("/histories/%d/entries/%d/index", i, j), "stands twice")
		}
	}
	if len(h.Stubs) > 0 {
		h.Stubs.check(p, fmt.Sprintf("/histories/%d/stubs", i), h.Entries)
	}
}

// safe reports whether every JSON reader reads n, an index or a time, as it is.
func safe(n int64) bool { return n >= 0 && n <= MaxSize }
