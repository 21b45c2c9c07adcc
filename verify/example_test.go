package verify_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/verify"
)

// decide is all that an integrator needs: three files and a clock. Whoever gates
// something by it closes on every error, and on whatever is not Permitted.
func decide(evidence, trustFile, requestFile []byte, now time.Time) (*policy.Decision, error) {
	trust, err := verify.ParseTrust(trustFile)
	if err != nil {
		return nil, err
	}
	request, err := policy.ParseRequest(requestFile)
	if err != nil {
		return nil, err
	}
	return verify.Decide(evidence, trust, request, request.TimesNow(now))
}

// A counterparty hands over evidence; nobody has to be asked to check it.
func Example() {
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("testdata", "example", name))
		if err != nil {
			fmt.Println(err)
		}
		return data
	}
	evidence, trust, request := read("evidence.json"), read("trust.json"), read("request.json")
	now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC) // time.Now()

	d, err := decide(evidence, trust, request, now)
	if err != nil {
		fmt.Println("closed:", err)
		return
	}
	fmt.Println(d.Permitted(), d.Decision, "as of", d.ProvenUntil.Time().Format(time.RFC3339))

	// What another site may have is another question, on the same evidence.
	d, err = decide(evidence, trust, read("request-other-site.json"), now)
	if err != nil {
		fmt.Println("closed:", err)
		return
	}
	for _, r := range d.Reasons {
		fmt.Printf("%t %s: %s, by %s of %s\n", d.Permitted(), d.Decision, r.Code, r.Statement.JTI, r.Statement.Issuer)
	}

	evidence[1000] ^= 1
	_, err = decide(evidence, trust, request, now)
	var refused *verify.Error
	fmt.Println(errors.As(err, &refused), "refused at", refused.Step)
	// Output:
	// true PERMIT as of 2026-05-04T08:31:00Z
	// false DENY: SITE_NOT_APPROVED, by TEA-US-1 of auth-us
	// true refused at map
}
