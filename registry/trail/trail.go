// Package trail has what was said, by whom and when, for those who answer for
// it: the statements of a log as records that people and spreadsheets read.
//
// [Statements] streams those of a whole log, each proven to be in it: none can be
// left out. [NewRecord] makes the record of a statement, of such a one or of a
// proven history ([verify.Opened.History]); [NewCSV] and [NewJSON] write records
// one after another, in bounded memory.
package trail

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
)

// A Record is a statement, for people to read.
type Record struct {
	// Index is its log index, LoggedAt when it was logged.
	Index    int64          `json:"index"`
	LoggedAt policy.Instant `json:"logged_at"`
	// Kind is its kind, Event what an event does.
	Kind  attest.Kind `json:"kind"`
	Event string      `json:"event,omitzero"`
	// Issuer, JTI and Subject are its iss, jti and sub.
	Issuer  string `json:"issuer"`
	JTI     string `json:"jti"`
	Subject string `json:"subject"`
	// SignedBy are the officers who signed it, by the trust root in force where it
	// is logged, ascending; Disregarded those of them whose signature does not
	// count since its key is declared compromised, and Void says that too few are
	// left (RULES R20).
	SignedBy    []string `json:"signed_by"`
	Disregarded []string `json:"disregarded,omitzero"`
	// SignedKeys are the keys that signed it, by officer and key id.
	SignedKeys []SignedKey `json:"signed_keys"`
	Void       bool        `json:"void"`
	// WrittenAt is its iat, From and Until its legal time: nbf and exp, or
	// effective_at and until. It is in force where From <= t < Until.
	WrittenAt policy.Instant `json:"written_at"`
	From      policy.Instant `json:"from,omitzero"`
	Until     policy.Instant `json:"until,omitzero"`
	// Supersedes and Target are jtis.
	Supersedes string `json:"supersedes,omitzero"`
	Target     string `json:"target,omitzero"`
	// Says is what it says at its shortest: a name, a title, a successor.
	Says string `json:"says,omitzero"`
	// Cause is a code, CauseText its words.
	Cause     string `json:"cause,omitzero"`
	CauseText string `json:"cause_text,omitzero"`
	// Citation and PublicationURL are of its official publication.
	Citation       string `json:"citation,omitzero"`
	PublicationURL string `json:"publication_url,omitzero"`
	LegalBasis     string `json:"legal_basis,omitzero"`
	// RetroactiveReason is why it reaches back, where it says that it does.
	RetroactiveReason string `json:"retroactive_reason,omitzero"`
	// LeafHash is the RFC 6962 hash of what is logged.
	LeafHash string `json:"leaf_hash"`
	// Standing is what it comes to at a legal time, where one was asked about.
	Standing *Standing `json:"standing,omitzero"`
}

// A SignedKey is a key that signed, and whose it was.
type SignedKey struct {
	Officer string `json:"officer"`
	// Kid is the key's id, its RFC 7638 thumbprint.
	Kid string `json:"kid"`
}

// A Standing is a [policy.Standing].
type Standing struct {
	State  policy.State   `json:"state"`
	Since  policy.Instant `json:"since,omitzero"`
	By     *policy.Ref    `json:"by,omitzero"`
	Holder string         `json:"holder,omitzero"`
	words  string
}

// String says the standing in words.
func (s *Standing) String() string { return s.words }

// NewRecord returns the record of a statement.
func NewRecord(r policy.Recorded) Record {
	c := r.Statement.Claims()
	h, leaf := c.Head(), r.Statement.LeafHash()
	out := Record{
		Index: r.Index, LoggedAt: policy.InstantOf(r.Time), Kind: c.Kind(), Issuer: h.Iss, JTI: h.JTI, Subject: h.Sub,
		SignedBy: []string{}, SignedKeys: []SignedKey{}, Void: r.Void, WrittenAt: instant(h.IAT), LeafHash: leaf.String(),
	}
	for _, s := range r.Statement.Signatures() {
		out.SignedBy = append(out.SignedBy, s.Officer)
		out.SignedKeys = append(out.SignedKeys, SignedKey{s.Officer, s.Kid})
		if slices.Contains(r.Disregarded, s.Kid) {
			out.Disregarded = append(out.Disregarded, s.Officer)
		}
	}
	slices.SortFunc(out.SignedKeys, func(a, b SignedKey) int {
		return cmp.Or(cmp.Compare(a.Officer, b.Officer), cmp.Compare(a.Kid, b.Kid))
	})
	out.SignedBy, out.Disregarded = set(out.SignedBy), set(out.Disregarded)
	if g := attest.GrantOf(c); g != nil {
		out.From, out.Until, out.Supersedes = instant(g.NBF), instant(g.EXP), g.Supersedes
		out.RetroactiveReason = g.RetroactiveReason
		out.published(g.LegalBasis, g.Publication)
	}
	out.say(c)
	if s := r.Standing; s != nil {
		out.Standing = &Standing{State: s.State, By: s.By, Holder: s.Holder, words: s.String()}
		if !s.Since.IsZero() {
			out.Standing.Since = policy.InstantOf(s.Since)
		}
	}
	return out
}

// say fills in what is of a kind.
func (r *Record) say(c attest.Claims) {
	switch c := c.(type) {
	case *attest.Root:
		r.Says = "version " + strconv.FormatInt(c.Version, 10)
	case *attest.Freeze:
		r.Says, r.Cause, r.CauseText = "key "+c.Kid, c.Cause, c.CauseText
	case *attest.Registration:
		r.Says = c.LegalName
	case *attest.EntityApproval:
		r.Says = c.LegalName
		if c.Programme != "" {
			r.Says += " (" + c.Programme + ")"
		}
	case *attest.DomainApproval:
		r.Says = c.Title
	case *attest.Consent:
		r.Says = "to " + c.Transferee
	case *attest.Event:
		r.Event, r.Target, r.From, r.Until = string(c.Event), c.Target, instant(c.EffectiveAt), instant(c.Until)
		r.Cause, r.CauseText, r.RetroactiveReason = c.Cause, c.CauseText, c.RetroactiveReason
		r.published(c.LegalBasis, c.Publication)
	case *attest.EntityEvent:
		r.Event, r.From = string(c.Event), instant(c.EffectiveAt)
		r.Says = cmp.Or(c.NewName, c.AcquirerName, c.Acquirer)
		if c.Survivor != "" {
			r.Says = "into " + c.Survivor
		}
		r.Cause, r.CauseText = c.Cause, c.CauseText
		r.published(c.LegalBasis, c.Publication)
	case *attest.Succession:
		r.Target, r.From, r.RetroactiveReason = c.Target, instant(c.EffectiveAt), c.RetroactiveReason
		r.Says = "to " + c.Successor + ", " + c.LegalName
		r.published(c.LegalBasis, c.Publication)
	}
}

func (r *Record) published(basis string, p *attest.Publication) {
	r.LegalBasis = basis
	if p != nil {
		r.Citation, r.PublicationURL = p.Citation, p.URL
	}
}

func instant(d attest.NumericDate) policy.Instant {
	if d == 0 {
		return policy.Instant{}
	}
	return policy.InstantOf(d.Time())
}

func set(s []string) []string {
	slices.Sort(s)
	return slices.Compact(s)
}

// text is an instant in UTC, to the millisecond where it has any, "" for none.
func text(i policy.Instant) string {
	if i.IsZero() {
		return ""
	}
	return i.Time().UTC().Format(time.RFC3339Nano)
}
