package verify_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/verify"
)

func TestATrustIsWrittenAndReadBack(t *testing.T) {
	r := story()
	tr := trust(t, r, bothMirrors(), verify.Insecure{OperatorClock: true})
	data, err := tr.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if canonical := must(attest.Canonical(data)); !bytes.Equal(canonical, data) {
		t.Errorf("not its RFC 8785 form:\n%s\n%s", data, canonical)
	}
	back, err := verify.ParseTrust(data)
	if err != nil {
		t.Fatal(err)
	}
	if back.Digest() != tr.Digest() || back.Origin() != origin || back.MaxStatusAge() != 24*time.Hour || back.Insecure() != (verify.Insecure{OperatorClock: true}) {
		t.Errorf("read back: %+v", back)
	}
	// A false member says what an absent one says.
	spelled := strings.Replace(string(data), "{", `{ "insecure_unmirrored": false, `, 1)
	if same, err := verify.ParseTrust([]byte(spelled)); err != nil || same.Digest() != tr.Digest() {
		t.Errorf("spelled otherwise: %v", err)
	}
	if other := trust(t, r, bothMirrors(), verify.Insecure{}); other.Digest() == tr.Digest() {
		t.Error("another trust has the same digest")
	}
}

func TestATrustListsTheCosignersThatItsQuorumNames(t *testing.T) {
	policy := "witness spare " + vkey("spare") + "\n" +
		"witness in " + vkey("in-mirror") + "\nwitness us " + vkey("us-mirror") + "\nwitness own " + vkey("own") + "\n" +
		"group mirrors any us in\ngroup everybody all own mirrors\nquorum everybody\n"
	tr := trust(t, story(), policy, verify.Insecure{})
	if got, want := tr.Cosigners(), []string{vkey("in-mirror"), vkey("us-mirror"), vkey("own")}; !slices.Equal(got, want) {
		t.Errorf("lists %q, want %q", got, want)
	}
	if got := new(verify.Trust).Cosigners(); got != nil {
		t.Errorf("the zero trust lists %q", got)
	}
}

func TestATrustNamesEveryMemberAtFault(t *testing.T) {
	good := string(must(trust(t, story(), bothMirrors(), verify.Insecure{}).MarshalJSON()))
	for pointer, bad := range map[string]string{
		"/origin":             strings.Replace(good, `"origin":"example.org/register"`, `"origin":"https://example.org/"`, 1),
		"/max_status_age":     strings.Replace(good, "PT24H", "24h", 1),
		"/policy":             strings.Replace(good, "quorum both", "quorum none", 1),
		"/root/leaf_hash":     strings.Replace(good, `=","version"`, `","version"`, 1),
		"/root/version":       strings.Replace(good, `"version":1`, `"version":0`, 1),
		"/insecure_unmirored": strings.Replace(good, "{", `{"insecure_unmirored":true,`, 1),
		"/Policy":             strings.Replace(good, `"policy"`, `"Policy"`, 1),
	} {
		_, err := verify.ParseTrust([]byte(bad))
		var p attest.Problems
		if !errors.As(err, &p) || p[0].Pointer != pointer {
			t.Errorf("%s: %v", pointer, err)
		}
	}
	_, err := verify.ParseTrust([]byte(`{"max_status_age":"","origin":"","policy":"","root":{"leaf_hash":"","version":0}}`))
	var p attest.Problems
	if !errors.As(err, &p) || len(p) != 5 {
		t.Errorf("empty: %v", err)
	}
	other := noteKey{name: "example.com/log", seed: "log"}.vkey()
	if _, err := verify.TrustFor(rootStatement(story()), "log "+other+"\n"+bothMirrors(), time.Hour, verify.Insecure{}); err == nil {
		t.Error("a policy with logs of other origins only: accepted")
	}
	if _, err := verify.TrustFor(nil, bothMirrors(), time.Hour, verify.Insecure{}); err == nil {
		t.Error("no root: accepted")
	}
}

func TestDurations(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"PT24H": 24 * time.Hour, "P1D": 24 * time.Hour, "P1DT12H": 36 * time.Hour, "PT1M": time.Minute, "PT90S": 90 * time.Second,
		"P2DT3H4M5S": 51*time.Hour + 4*time.Minute + 5*time.Second, "P36525D": 36525 * 24 * time.Hour,
	} {
		if got, err := verify.ParseDuration(s); err != nil || got != want {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{
		"", "P", "PT", "P1DT", "24h", "PT0S", "P0D", "-PT1H", "PT-1H", "PT1.5H", "P1M", "P1W", "P1Y", "PT1H1D", "PT1S1M",
		"pt1h", " PT1H", "PT1H\n", "P36526D", "PT999999999S99", "P999999DT999999H", "P36525DT36525H99999999M",
	} {
		if got, err := verify.ParseDuration(s); err == nil {
			t.Errorf("%q: accepted as %v", s, got)
		}
	}
}
