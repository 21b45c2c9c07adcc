package verify

import (
	"time"

	"github.com/safeconduct/safeconduct/attest"
)

// A Report is what a check of evidence found, for people to read.
type Report struct {
	// Steps are the steps that passed, in order.
	Steps []string `json:"steps"`
	// Origin is the register's, Size that of its log.
	Origin string `json:"origin,omitzero"`
	Size   int64  `json:"size,omitzero"`
	// RootVersion is the version of the trust root in force at the end.
	RootVersion int64 `json:"root_version,omitzero"`
	// LastBatch is when the last statements were logged, ProvenUntil the time
	// up to which the cosigners attest that nothing came after.
	LastBatch   time.Time `json:"last_batch,omitzero"`
	ProvenUntil time.Time `json:"proven_until,omitzero"`
	// Cosignatures are those on the checkpoint, counted or not.
	Cosignatures []Cosignature `json:"cosignatures,omitempty"`
	// Subjects are those whose histories are proven, sorted.
	Subjects []SubjectReport `json:"subjects,omitempty"`
	// Warnings repeats what the trust leaves unchecked.
	Warnings []string `json:"warnings,omitempty"`
	// TrustDigest and EvidenceDigest name both for replay.
	TrustDigest    string `json:"trust_digest,omitzero"`
	EvidenceDigest string `json:"evidence_digest,omitzero"`
}

// A Cosignature is a valid one on the checkpoint.
type Cosignature struct {
	// Name is the cosigner's key name.
	Name string `json:"name"`
	// Role is its role in the trust root, witness where it is not listed.
	Role attest.CosignerRole `json:"role"`
	// Operator says that it belongs to whoever runs the register.
	Operator bool `json:"operator,omitzero"`
	// Time is its date.
	Time time.Time `json:"time"`

	public string
}

// A SubjectReport says how many statements about a subject there are, and how
// many of them are not shown.
type SubjectReport struct {
	Subject    string `json:"subject"`
	Statements int    `json:"statements"`
	Stubs      int    `json:"stubs,omitzero"`
}

// Check checks the evidence as [Decide] does, without a request. Where a step
// fails, it returns the *[Error] and a report of nothing but the steps passed.
func Check(evidence []byte, t *Trust, checkedAt time.Time) (*Report, error) {
	in, err := inspect(evidence, t, checkedAt)
	if err != nil {
		return &Report{Steps: in.passed}, err
	}
	return in.report(), nil
}

func (in *inspection) report() *Report {
	t := in.trust
	r := &Report{
		Steps:          in.passed,
		Origin:         t.Origin(),
		Size:           in.tree.N,
		RootVersion:    in.inForce(in.tree.N - 1).Root().Version,
		LastBatch:      in.status.Time,
		ProvenUntil:    in.fresh,
		Cosignatures:   in.cosigned,
		Warnings:       in.warnings,
		TrustDigest:    t.Digest(),
		EvidenceDigest: EvidenceDigest(in.text, in.values),
	}
	for _, h := range in.evidence.Histories {
		r.Subjects = append(r.Subjects, SubjectReport{h.Subject, len(h.Entries) + len(h.Stubs), len(h.Stubs)})
	}
	return r
}
