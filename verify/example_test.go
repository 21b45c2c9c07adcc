package verify_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/verify"
)

// A counterparty hands over evidence; nobody has to be asked to check it.
func Example() {
	evidence, trustFile := received()

	trust, err := verify.ParseTrust(trustFile)
	if err != nil {
		fmt.Println(err)
		return
	}
	request, err := policy.ParseRequest([]byte(`{
		"effective_at": "2026-05-04T09:00:00Z", "sandbox": "SBX-UCOMMS", "act": "export",
		"transferor": "lei:999900HALCYONMAR0134", "transferee": "lei:999900VARUNADEEP0174",
		"destination_site": "VTZ-1", "item": {"list": "US_CCL", "entry": "5A001.b.1"}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)

	decision, err := verify.Decide(evidence, trust, request, request.Times(now))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(decision.Decision, "as of", decision.ProvenUntil.Time().Format(time.RFC3339))

	evidence[1000] ^= 1
	_, err = verify.Decide(evidence, trust, request, request.Times(now))
	var refused *verify.Error
	fmt.Println(errors.As(err, &refused))
	// Output:
	// PERMIT as of 2026-05-04T08:31:00Z
	// true
}

// received is what the example starts from.
func received() (evidence, trustFile []byte) {
	r := story()
	tr := must(verify.TrustFor(rootStatement(r), bothMirrors(), 24*time.Hour, verify.Insecure{}))
	return must(r.evidence(r.checkpoint(quorum(cosign)...), touched...).Marshal()), must(tr.MarshalJSON())
}
