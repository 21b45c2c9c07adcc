package verify_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/internal/golden"
	"github.com/safeconduct/safeconduct/verify"
)

// The example reads files, as whoever copies it does.
func TestTheFilesOfTheExampleAreThoseOfTheStory(t *testing.T) {
	r := story()
	const ask = `{
  "effective_at": "2026-05-04T09:00:00Z",
  "sandbox": "SBX-UCOMMS",
  "act": "export",
  "transferor": "lei:999900HALCYONMAR0134",
  "transferee": "lei:999900VARUNADEEP0174",
  "destination_site": "VTZ-1",
  "item": {"list": "US_CCL", "entry": "5A001.b.1"}
}
`
	golden.Files(t, "testdata/example", map[string][]byte{
		"evidence.json":           marshal(t, r.evidence(r.checkpoint(quorum(cosign)...), touched...)),
		"trust.json":              append(must(must(verify.TrustFor(rootStatement(r), bothMirrors(), 24*time.Hour, verify.Insecure{})).MarshalJSON()), '\n'),
		"request.json":            []byte(ask),
		"request-other-site.json": bytes.Replace([]byte(ask), []byte("VTZ-1"), []byte("VTZ-2"), 1),
	})
}
