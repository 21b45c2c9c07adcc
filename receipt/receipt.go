// Package receipt signs decisions and verifies them, years later, from files
// alone.
//
// A receipt is a compact JWS (RFC 7515) by a key that the trust root lists under
// decision_keys. It carries a decision of package policy to the byte, and the
// digests of the request as it was asked and of the evidence file; the decision
// itself has those of the trust, the ledger and the lists of restricted parties.
// docs/format.md section 10.1 is the normative text. (What package registry calls
// a Receipt is another thing: the promise that a statement is logged.)
//
// Who decides signs at once:
//
//	opened, err := verify.Open(evidence, trust, at.CheckedAt)
//	decision, err := opened.Decide(question, at)
//	signed, err := receipt.Sign(ctx, opened, request, decision, now, key)
//
// Who filed it verifies it with the trust file of that time:
//
//	result, err := receipt.Verify(signed, request, evidence, nil, trust)
//	if err != nil {
//		// A *receipt.Error names the step; result has them all.
//	}
//
// Verify takes nothing on the signer's word that the files can show: it checks
// the evidence, and decides again. What is left to the signer's word is when it
// signed, and that it was asked.
//
// A decision that goes by confidential members that a holder has disclosed is signed
// like any other. The receipt names the disclosures by their digests, which are those
// of the approvals in the log and salted: it has no confidential member, and neither
// has the decision in it, whose sentences and explanation repeat none (see
// [policy.Reason]). So it may be filed, handed on and logged. What it cannot keep to
// itself is what was found: that a value is above a ceiling, or a name on a list. The
// disclosures are a file beside it, which Verify takes.
//
// The package uses no network and no clock. It stands beside package verify and
// not in it: signing takes a context and may wait for a machine, and verify stays
// without; nothing in verify knows of receipts.
package receipt

import (
	"errors"
	"slices"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
)

// Type is the typ of a receipt. No statement has it.
const Type = "safeconduct-decision+jwt"

// MaxBytes is the largest receipt.
const MaxBytes = 1 << 20

// ErrTooLarge says that a decision is too large for a receipt.
var ErrTooLarge = errors.New("the decision is larger than a receipt may be")

// A Receipt is what a receipt says. Its JSON form is the payload.
type Receipt struct {
	// Checkpoint is the text of the checkpoint of the evidence: origin, size and
	// root hash, a line each.
	Checkpoint string `json:"checkpoint"`
	// Decision is as the service answered it.
	Decision *policy.Decision `json:"decision"`
	// Disclosures are the digests of the disclosures that the decision goes by, none
	// more and none less, ascending; nil for none.
	Disclosures []string `json:"disclosures,omitzero"`
	// Evidence is the SHA-256, base64url, of the evidence file.
	Evidence string `json:"evidence"`
	// IssuedAt is when the receipt was signed, by the signer's clock.
	IssuedAt attest.NumericDate `json:"iat"`
	// Issuer is the origin of the register. Whether the register signed or a mirror
	// of it, the key tells.
	Issuer string `json:"iss"`
	// Request is that of [policy.Request.AskedDigest].
	Request string `json:"request"`
}

// GoesBy reports whether these, in any order, are the disclosures that the receipt
// names.
func (r *Receipt) GoesBy(ds []attest.Disclosure) bool {
	return slices.Equal(r.Disclosures, digestsOf(ds))
}
