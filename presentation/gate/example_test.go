package gate_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
	"github.com/safeconduct/safeconduct/presentation/gate"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// guarded lets nobody to the drawings but who shows that it may have them.
func guarded(drawings http.Handler, trustFile []byte, now func() time.Time) (http.Handler, error) {
	trust, err := verify.ParseTrust(trustFile)
	if err != nil {
		return nil, err
	}
	g, err := gate.New(gate.Config{
		Trust: trust, Audience: "https://dataroom.example.com", Now: now, // nil is time.Now
		Request: gate.Within("SBX-UCOMMS", policy.Request{
			Act: "technology_release", Mode: "intangible", Transferor: "lei:999900HALCYONMAR0134", DestinationSite: "VTZ-1",
			Item: &policy.Classification{List: "US_CCL", Entry: "5A001.b.1"}, EndUse: "sea_trial", PersonNationalities: []string{},
		}),
	})
	if err != nil {
		return nil, err
	}
	return g.Handler(drawings), nil
}

// A visitor is a holder: of evidence, an approval, and the key that it names.
type visitor struct {
	evidence, approval []byte
	key                attest.Signer
	now                func() time.Time
}

// get asks, is challenged, and asks again with the answer.
func (v *visitor) get(ctx context.Context, url, audience string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	resp.Body.Close()
	nonce, err := gate.Challenge(resp, audience)
	if err != nil {
		return nil, err
	}
	p, err := presentation.Make(ctx, v.evidence, v.approval, nil, v.key, presentation.Binding{Audience: audience, Nonce: nonce, IssuedAt: v.now()})
	if err != nil {
		return nil, err
	}
	credentials, err := gate.Credentials(p)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", credentials)
	return http.DefaultClient.Do(req)
}

// A data room, and a partner who comes for drawings.
func Example() {
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("testdata", "example", name))
		if err != nil {
			fmt.Println(err)
		}
		return data
	}
	now := func() time.Time { return registrytest.Start.Add(time.Minute) }
	h, err := guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a, ok := gate.From(r.Context()); ok {
			fmt.Fprintf(w, "drawings for %s: %s", a.Holder, a.Decision.Decision)
		}
	}), read("trust.json"), now)
	if err != nil {
		fmt.Println(err)
		return
	}
	room := httptest.NewServer(h)
	defer room.Close()

	partner := &visitor{read("evidence.json"), read("approval.jws"), registrytest.SignerNamed("varuna"), now}
	resp, err := partner.get(context.Background(), room.URL, "https://dataroom.example.com")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	fmt.Println(resp.StatusCode, string(text), err)

	// Somebody else's key opens nothing, and says so before it is sent.
	thief := *partner
	thief.key = registrytest.SignerNamed("mallory")
	_, err = thief.get(context.Background(), room.URL, "https://dataroom.example.com") //nolint:bodyclose // there is none
	fmt.Println(err)

	// Nor is a challenge answered for a room that is another's.
	_, err = partner.get(context.Background(), room.URL, "https://bank.example.com") //nolint:bodyclose // there is none
	fmt.Println(err)
	// Output:
	// 200 drawings for lei:999900VARUNADEEP0174: PERMIT <nil>
	// make a presentation: key zRCVBR8MaDqF-PLD1WJxI7WQ3bBq3Zg61v3oPobQRlU is not the one that approval TEA-1 names in cnf, a6tNS6NW_VyGnunhayKRuuuasnzZ0bIU4pZtR_Aen6E
	// answer a challenge: it is for the audience "https://dataroom.example.com", not for "https://bank.example.com"
}
