package policy

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/safeconduct/safeconduct/attest"
)

// A Result is what a decision says. The zero Result is none; only PERMIT
// permits.
type Result string

// The results.
const (
	PERMIT Result = "PERMIT"
	REFER  Result = "REFER"
	DENY   Result = "DENY"
)

// A Decision answers a request. The same inputs give the same bytes of
// [Decision.Marshal].
type Decision struct {
	Decision Result `json:"decision"`
	// ReplacesLicence says that everything relied on stands in for a licence;
	// only a PERMIT does (R17).
	ReplacesLicence bool     `json:"replaces_licence"`
	Reasons         []Reason `json:"reasons"`
	// ReliedOn are the approvals that were looked at, passing or not.
	ReliedOn []Reliance `json:"relied_on"`
	// UncheckedLists are the control lists of the scope under which the request
	// did not classify the item.
	UncheckedLists []string `json:"unchecked_lists"`
	// Attested repeats the attestations of the request that stand in for a
	// review, on the requester's own word (R18).
	Attested []Attestation `json:"attested,omitzero"`
	// Obligations are what a PERMIT asks of whoever relies on it.
	Obligations []Duty `json:"obligations,omitzero"`
	// Screened are the lists that the parties were screened against.
	Screened []Screened `json:"screened,omitzero"`
	// Hindsight is what statements logged after KnownAt would change.
	Hindsight *Hindsight `json:"hindsight,omitzero"`
	// AsFarAsShown says that the evidence does not show all approvals of a party,
	// and none that it shows passes.
	AsFarAsShown bool `json:"as_far_as_shown,omitzero"`
	// Explanation is how it came about, where [Explain] was asked.
	Explanation *Explanation `json:"explanation,omitzero"`
	// Notes are sentences that must be shown with every answer.
	Notes []string `json:"notes,omitzero"`
	// Warnings repeats what the verifier's trust leaves unchecked.
	Warnings []string `json:"warnings,omitzero"`

	EffectiveAt Instant `json:"effective_at"`
	KnownAt     Instant `json:"known_at"`
	CheckedAt   Instant `json:"checked_at"`
	// StatusEvidenceAt is E; ProvenUntil the smaller of it and KnownAt;
	// RecheckBy when the evidence gets too old to be relied on.
	StatusEvidenceAt Instant `json:"status_evidence_at"`
	ProvenUntil      Instant `json:"proven_until"`
	RecheckBy        Instant `json:"recheck_by"`
	// NextChange is the first moment after EffectiveAt at which anything that was
	// read begins or ends, where there is one: nobody should rely on the decision
	// beyond it.
	NextChange Instant `json:"next_change,omitzero"`

	Replay Replay `json:"replay"`
	// Reference and RequestedBy are the asker's own and decide nothing.
	Reference   string `json:"reference,omitzero"`
	RequestedBy string `json:"requested_by,omitzero"`
}

// Permitted reports whether the approvals let the act go ahead: whether the
// decision is PERMIT. A PERMIT may replace no licence, which is then still
// needed: read ReplacesLicence too. A nil Decision does not permit.
func (d *Decision) Permitted() bool { return d != nil && d.Decision == PERMIT }

// A Reliance is an approval that was looked at for a party, or for the sandbox
// itself where Party is empty.
type Reliance struct {
	Authority string      `json:"authority"`
	Role      attest.Role `json:"role,omitzero"`
	Party     string      `json:"party,omitzero"`
	// Entity is whom the party's identifier stands for, where it is not the
	// entity's own id.
	Entity      string             `json:"entity,omitzero"`
	LegalEffect attest.LegalEffect `json:"legal_effect,omitzero"`
	// Registered says that the authority's own registration exempts the party.
	Registered bool `json:"registered,omitzero"`
	// Consent says that it is the consent to a retransfer.
	Consent   bool `json:"consent,omitzero"`
	Statement Ref  `json:"statement"`
}

// Replay names the inputs of a decision by their SHA-256, base64url.
type Replay struct {
	Origin   string `json:"origin"`
	Size     int64  `json:"size"`
	Request  string `json:"request"`
	Ledger   string `json:"ledger,omitzero"`
	Trust    string `json:"trust"`
	Evidence string `json:"evidence"`
	// Disclosures is of the confidential members that were disclosed, where any
	// were.
	Disclosures string `json:"disclosures,omitzero"`
}

// Marshal returns the decision as JSON, indented, ending in a newline.
func (d *Decision) Marshal() ([]byte, error) {
	var b bytes.Buffer
	err := d.Write(&b)
	return b.Bytes(), err
}

// Write writes what [Decision.Marshal] returns; with an error it may have written
// a part.
func (d *Decision) Write(w io.Writer) error {
	if err := json.MarshalWrite(w, d, json.Deterministic(true), jsontext.WithIndent("  ")); err != nil {
		return err
	}
	_, err := w.Write([]byte{'\n'})
	return err
}

// Same reports whether two decisions are the same to the byte. It fails where one
// cannot be written.
func (d *Decision) Same(e *Decision) (bool, error) {
	x, err := d.Marshal()
	if err != nil {
		return false, err
	}
	y, err := e.Marshal()
	return bytes.Equal(x, y), err
}

// Codes returns the codes of the reasons, sorted, each once.
func (d *Decision) Codes() []Code {
	codes := []Code{}
	for _, r := range d.Reasons {
		codes = append(codes, r.Code)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// RestsOn returns the log indexes of the statements that the decision names, as
// relied on or in a reason: it rests on their lineages. Of an entity's
// approvals, others say nothing for this request that these do not.
func (d *Decision) RestsOn() map[int64]bool {
	out := make(map[int64]bool)
	for _, r := range d.ReliedOn {
		out[r.Statement.Index] = true
	}
	for _, r := range d.Reasons {
		if r.Statement != nil {
			out[r.Statement.Index] = true
		}
	}
	return out
}

// restsOn reports whether one of the statements at the indexes is named.
func (d *Decision) restsOn(indexes []int64) bool {
	return slices.ContainsFunc(d.ReliedOn, func(r Reliance) bool { return slices.Contains(indexes, r.Statement.Index) }) ||
		slices.ContainsFunc(d.Reasons, func(r Reason) bool { return r.Statement != nil && slices.Contains(indexes, r.Statement.Index) })
}

func (j *judgement) decision(o *outcome) *Decision {
	d := &Decision{
		Decision:         o.result(),
		Reasons:          sortReasons(o.reasons),
		ReliedOn:         sortReliance(o.relied),
		UncheckedLists:   sortLists(o.unchecked),
		Attested:         o.attested,
		Warnings:         j.set.Warnings,
		EffectiveAt:      InstantOf(j.at.EffectiveAt),
		KnownAt:          InstantOf(j.at.KnownAt),
		CheckedAt:        InstantOf(j.at.CheckedAt),
		StatusEvidenceAt: InstantOf(j.set.Fresh),
		ProvenUntil:      InstantOf(earlier(j.at.KnownAt, j.set.Fresh)),
		RecheckBy:        InstantOf(j.set.Fresh.Add(j.set.MaxAge)),
		Replay: Replay{
			Origin: j.set.Origin, Size: j.set.Size, Request: j.q.digest, Ledger: j.q.ledger,
			Trust: j.set.TrustDigest, Evidence: j.set.EvidenceDigest, Disclosures: j.set.DisclosuresDigest,
		},
		Screened:  j.screenedAgainst(),
		Reference: j.req.Reference, RequestedBy: j.req.RequestedBy,
	}
	if d.Reasons == nil {
		d.Reasons = []Reason{}
	}
	d.ReplacesLicence = d.Decision == PERMIT
	for _, r := range d.ReliedOn {
		if !r.Registered && !r.Consent && r.LegalEffect != attest.Authorization {
			d.ReplacesLicence = false
		}
	}
	if d.Permitted() {
		d.Obligations = j.duties(o)
	}
	d.AsFarAsShown = o.partial && !d.Permitted()
	d.Notes = j.notes(d, o)
	return d
}

// notes are the sentences that must be shown with the decision.
func (j *judgement) notes(d *Decision, o *outcome) (notes []string) {
	if d.Decision == PERMIT && !d.ReplacesLicence {
		notes = append(notes, "This PERMIT replaces no licence: an approval that it relies on only says that the party is eligible. Whatever licence the act needs is still needed.")
	}
	if d.Replay.Ledger != "" && o.cumulative {
		notes = append(notes, "Cumulative ceilings are checked as far as the ledger given with the request shows.")
	}
	if len(d.Attested) > 0 {
		notes = append(notes, "The requester attests limitations in words on its own word; no authority has confirmed it.")
	}
	for _, r := range d.ReliedOn {
		if r.Entity == "" {
			continue
		}
		if n := fmt.Sprintf("The request's %s is taken for %s, as a registration says.", r.Party, r.Entity); !slices.Contains(notes, n) {
			notes = append(notes, n)
		}
	}
	if j.at.CheckedAt.Sub(j.at.KnownAt) > time.Minute {
		notes = append(notes, fmt.Sprintf("Decided on what was logged by %s; later statements are not considered.", utc(j.at.KnownAt)))
	}
	return notes
}

func sortReliance(rs []Reliance) []Reliance {
	slices.SortFunc(rs, func(a, b Reliance) int {
		// Most differ in the first: no more is compared than need be.
		if c := strings.Compare(a.Authority, b.Authority); c != 0 {
			return c
		}
		if c := strings.Compare(string(a.Role), string(b.Role)); c != 0 {
			return c
		}
		return cmp.Or(strings.Compare(a.Party, b.Party), cmp.Compare(a.Statement.Index, b.Statement.Index))
	})
	if rs == nil {
		return []Reliance{}
	}
	return rs
}

func sortLists(lists []string) []string {
	if lists == nil {
		return []string{}
	}
	slices.Sort(lists)
	return slices.Compact(lists)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
