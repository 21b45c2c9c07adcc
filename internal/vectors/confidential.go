package vectors

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"

	"github.com/safeconduct/safeconduct/attest"
)

// concealing is an approval all of whose members that may be confidential are, by
// salts that are no secret.
func concealing() *attest.EntityApproval {
	a := approval("TEA-US-4", "VTZ-1")
	a.Listed = true
	a.Confirmation = &attest.Confirmation{JWK: us9.jwk()}
	a.LegalName = ""
	a.ApprovedSites = slices.Clone(a.ApprovedSites)
	a.ApprovedSites[0].Address, a.ApprovedSites[0].Name = "", ""
	a.Caveats = new(attest.Limits)
	a.DigestAlgorithm = "sha-256"
	conceal := func(c *attest.Concealment, names ...string) {
		for _, name := range names {
			c.Confidential = append(c.Confidential, name)
			c.Digests = append(c.Digests, digestOf(disclosures[name]))
		}
		slices.Sort(c.Digests)
	}
	conceal(&a.Concealment, "case_number", "contacts", "legal_name")
	conceal(&a.ApprovedSites[0].Concealment, "address", "name")
	conceal(&a.Caveats.Concealment, "quantity", "value")
	return a
}

// disclosures are those of concealing, before they are in base64url.
var disclosures = map[string]string{
	"case_number": `["AAECAwQFBgcICQoLDA0ODw","case_number","IEA-1"]`,
	"contacts":    `["AAECAwQFBgcICQoLDA0OEA","contacts",["Export desk"]]`,
	"legal_name":  `["AAECAwQFBgcICQoLDA0OEQ","legal_name","Varuna Deepsense Private Limited"]`,
	"address":     `["AAECAwQFBgcICQoLDA0OEg","address","Plot 14, Ocean Tech Park"]`,
	"name":        `["AAECAwQFBgcICQoLDA0OEw","name","Works"]`,
	"quantity":    `["AAECAwQFBgcICQoLDA0OFA","quantity",{"per_transaction":"12","unit":"unit"}]`,
	"value":       `["AAECAwQFBgcICQoLDA0OFQ","value",{"currency":"USD","per_transaction":"250000"}]`,
}

func digestOf(disclosure string) string {
	sum := sha256.Sum256([]byte(base64.RawURLEncoding.EncodeToString([]byte(disclosure))))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
