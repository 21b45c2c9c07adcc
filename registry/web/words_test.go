package web_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/amend"
	"github.com/safeconduct/safeconduct/attest/rootdiff"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/web/verifier"
	"github.com/safeconduct/safeconduct/verify"
)

func catalogue(t *testing.T) (words map[string]string) {
	t.Helper()
	data, err := os.ReadFile("words/en.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &words); err != nil {
		t.Fatal(err)
	}
	return words
}

// Every key that a page or the code says is in the catalogue, and nothing else is.
func TestTheCatalogueHasAllWordsAndNoOthers(t *testing.T) {
	words := catalogue(t)
	var sources []string
	for _, pattern := range []string{"template/*.html", "*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if !strings.HasSuffix(name, "_test.go") {
				b, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				sources = append(sources, string(b))
			}
		}
	}
	all := strings.Join(sources, "\n")
	used := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?:\bsay[( ]|wrong\([\w.]+, |\{)"([a-z_]+(?:\.[a-z_0-9]+)*)"`).FindAllStringSubmatch(all, -1) {
		used[m[1]] = true
		if _, ok := words[m[1]]; !ok && strings.Contains(m[1], ".") && !strings.HasSuffix(m[1], ".json") {
			t.Errorf("the catalogue lacks %q", m[1])
		}
	}
	for key := range made(t, all) {
		used[key] = true
		if _, ok := words[key]; !ok {
			t.Errorf("the catalogue lacks %q, which a page makes", key)
		}
	}
	for key := range words {
		if !used[key] && !strings.Contains(all, `"`+key+`"`) {
			t.Errorf("nobody says %q", key)
		}
	}
}

// made are the keys that are made of a prefix and what there is of it.
func made(t *testing.T, sources string) map[string]bool {
	t.Helper()
	keys := make(map[string]bool)
	add := func(prefix, suffix string, all ...string) {
		for _, a := range all {
			keys[prefix+a+suffix] = true
		}
	}
	for _, s := range []policy.State{
		policy.InForce, policy.NotYet, policy.NotJoint, policy.Superseded, policy.Suspended, policy.Revoked, policy.Withdrawn, policy.Expired,
		policy.Absorbed, policy.Ended, policy.Voided,
	} {
		add("state.", "", string(s), string(s)+".means")
	}
	for _, k := range []attest.Kind{attest.KindRoot, attest.KindRegistration, attest.KindEntityApproval, attest.KindDomainApproval, attest.KindSuccession, attest.KindConsent, attest.KindFreeze} {
		add("kind.", "", string(k))
	}
	for _, k := range []attest.Kind{
		attest.KindEntityApproval, attest.KindDomainApproval, attest.KindRegistration, attest.KindConsent, attest.KindEvent, attest.KindEntityEvent,
		attest.KindSuccession, attest.KindFreeze,
	} {
		add("draftkind.", "", string(k))
	}
	for _, k := range []attest.Kind{attest.KindEntityApproval, attest.KindDomainApproval} {
		add("compose.rest_", "", string(k))
	}
	for _, e := range []attest.EventType{attest.Suspend, attest.Lift, attest.Revoke, attest.Withdraw} {
		add("event.", "", string(e))
	}
	for _, e := range []attest.EntityEventType{attest.Rename, attest.Merger, attest.ChangeOfControl} {
		add("event.", "", string(e))
	}
	for _, r := range []attest.Role{attest.Transferor, attest.Transferee, attest.Via, attest.EndUser} {
		add("role.", "", string(r))
	}
	add("role.", "", string(attest.Witness), string(attest.Mirror))
	for _, e := range attest.LegalEffects() {
		add("effect.", "", string(e))
	}
	for _, k := range []amend.Kind{amend.Added, amend.Ended, amend.Narrowed, amend.Widened, amend.Changed} {
		add("effect.", "", string(k))
	}
	for _, w := range []rootdiff.Weight{rootdiff.Plain, rootdiff.Narrows, rootdiff.Widens} {
		add("weight.", "", w.String())
	}
	add("act.", "", policy.Acts()...)
	add("mode.", "", policy.Modes()...)
	for _, d := range []policy.Result{policy.PERMIT, policy.REFER, policy.DENY} {
		add("decision.", "", string(d))
	}
	var api struct {
		Components struct {
			Schemas struct {
				Code struct{ Enum []string } `yaml:"Code"`
			}
		}
	}
	if err := yaml.Unmarshal(httpapi.OpenAPI(), &api); err != nil {
		t.Fatal(err)
	}
	add("code.", "", api.Components.Schemas.Code.Enum...)
	add("class.", "", "DENY", "REFER", "INFO")
	for n := range 20 {
		add("rule.", "", fmt.Sprintf("R%d", n+1))
	}
	add("rule.", "", "R5 to R8")
	add("param.", "", "query", "path", "header")
	add("warning.", "", verify.WarningOperatorClock, verify.WarningUnmirrored)
	for _, s := range slices.Concat(verifier.Steps(false), verifier.Steps(true)) {
		add("step.", "", s, s+".means")
	}
	for _, m := range regexp.MustCompile(`word\("\w+", "(signature\.\w+)"`).FindAllStringSubmatch(sources, -1) {
		add(m[1], "", "", ".means")
	}
	// The fields of forms, by their tables, and by the templates where there is none.
	for _, m := range regexp.MustCompile(`index \.Fields "(\w+)"|template "(?:filed|typed)" "(\w+)"|\{name: "(\w+)"|field\{Name: "(\w+)"|Field = "(\w+)"`).FindAllStringSubmatch(sources, -1) {
		for _, name := range m[1:] {
			if name != "" {
				add("", "", "field."+name, "hint."+name)
			}
		}
	}
	return keys
}
