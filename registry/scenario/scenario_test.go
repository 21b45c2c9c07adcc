package scenario_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/internal/yamldoc"
	"github.com/safeconduct/safeconduct/registry/scenario"
)

// files are the rules' scenarios, and the example's.
func files(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"testdata/*.yaml", "../../examples/*/scenario.yaml"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, names...)
	}
	if len(all) == 0 {
		t.Fatal("there are no scenarios")
	}
	return all
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestScenariosAreDecidedAsTheyExpect(t *testing.T) {
	for _, name := range files(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			f, err := scenario.Parse(name, read(t, name))
			if err != nil {
				t.Fatal(err)
			}
			decisions := 0
			for r, err := range f.Play(context.Background()) {
				if err != nil {
					t.Fatal(err)
				}
				decisions++
				if r.OK() {
					continue
				}
				if r.Err != nil {
					t.Errorf("%s %s: %v", r.Check, r.Path, r.Err)
					continue
				}
				t.Errorf("%s %s: %s %v, want %s %v", r.Check, r.Path, r.Decision.Decision, r.Decision.Codes(), r.Want, r.Codes)
			}
			if decisions == 0 {
				t.Error("nothing was decided")
			}
		})
	}
}

// small is a file without mistakes, on a line each.
const small = `base:
  authorities:
    - {id: auth-us, country: US}
  entities:
    - {id: varuna, legal_name: Varuna, country: IN, lei: 999900VARUNADEEP0174}
    - {id: halcyon, legal_name: Halcyon, country: US, lei: 999900HALCYONMAR0134}
  sites:
    - {id: VTZ-1, entity: varuna, country: IN, address: 1 Road}
  entity_approvals:
    - {id: TEA-1, authority: auth-us, subject: varuna, from: 2026-01-01T00:00:00Z, sites: [VTZ-1]}
  sandboxes:
    - id: SBX-1
      authorities: [auth-us]
      domain_approvals:
        - {id: PDA-1, authority: auth-us, from: 2026-01-01T00:00:00Z}
      in_scope: {US_CCL: [5A001.b.1]}
      value: {currency: USD, per_transaction: 250000.50}
      ledger: []
  template_request: {effective_at: 2026-02-01T00:00:00Z, sandbox: SBX-1, act: export, transferor: halcyon, transferee: varuna, destination_site: VTZ-1, item: {list: US_CCL, entry: 5A001.b.1}, value: {amount: 1, currency: USD}}
events:
  - {type: suspend, approval: TEA-1, effective_at: 2026-03-01T00:00:00Z, published_at: 2026-02-15T00:00:00Z}
checks:
  - {id: a, override: {}, expect: {decision: PERMIT, reasons: []}}
`

func TestMistakesAreNamedByLineAndMember(t *testing.T) {
	if _, err := scenario.Parse("f.yaml", []byte(small)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, from, to, want string }{
		{"unknown member", "{id: TEA-1,", "{id: TEA-1, colour: red,", "f.yaml:10: base/entity_approvals/0/colour: unknown member"},
		{"unknown member of a check", "{id: a, ", "{id: a, why: x, ", "f.yaml:23: checks/0/why: unknown member"},
		{"unknown member of a request", "override: {}", "override: {colour: red}", "f.yaml:23: checks/0/override/colour: unknown member"},
		{"unknown event", "type: suspend", "type: expel", "f.yaml:21: events/0/type: unknown type"},
		{"unknown approval", "approval: TEA-1", "approval: TEA-9", "f.yaml:21: events/0/approval: \"TEA-9\" is none"},
		{"unknown entity", "subject: varuna", "subject: varuno", "f.yaml:10: base/entity_approvals/0/subject"},
		{"unknown site", "sites: [VTZ-1]}\n", "sites: [VTZ-9]}\n", "f.yaml:10: base/entity_approvals/0/sites/0"},
		{"unknown authority", "id: PDA-1, authority: auth-us", "id: PDA-1, authority: auth-uk", "f.yaml:15: base/sandboxes/0/domain_approvals/0/authority"},
		{"a date without time", "2026-02-15T00:00:00Z", "2026-02-15", "f.yaml:21: events/0/published_at: \"2026-02-15\" is no time"},
		{"an act that is none", "act: export", "act: exprot", "f.yaml:19: base/template_request/act"},
		{"a decision that is none", "decision: PERMIT", "decision: ALLOW", "f.yaml:23: checks/0/expect/decision"},
		{"a reason that is none", "reasons: []", "reasons: [SITE_NOT_APROVED]", "f.yaml:23: checks/0/expect/reasons/0"},
		{"a wrong check digit", "999900VARUNADEEP0174", "999900VARUNADEEP0175", "f.yaml:5: base/entities/0/lei"},
		{"an entry of no list", "US_CCL: [5A001.b.1]}\n", "US_CCL: [5A01]}\n", "f.yaml:15: base/sandboxes/0/domain_approvals/0: /terms/in_scope"},
		{"a negative amount", "250000.50", "-1", "f.yaml:17: base/sandboxes/0/value/per_transaction"},
		{"an end that says nothing", "id: TEA-1,", "id: TEA-1, until: '',", `f.yaml:10: base/entity_approvals/0/until: "" is no time`},
		{"a ceiling that says nothing", "250000.50", "''", `f.yaml:17: base/sandboxes/0/value/per_transaction: "" is no amount`},
		{"a moment that says nothing", "published_at: 2026-02-15T00:00:00Z", "published_at: ''", "f.yaml:21: events/0/published_at"},
		{"an amount with a sign", "250000.50", "+1", "f.yaml:17: base/sandboxes/0/value/per_transaction"},
		{"a country that says nothing", "id: auth-us, country: US", "id: auth-us, country: ''", "f.yaml:3: base/authorities/0/country: says nothing"},
		{"a name in two lines", "legal_name: Varuna", `legal_name: "Varuna\nDeep"`, "f.yaml:5: base/entities/0: /legal_name: has the control character"},
		{"a name in another normal form", "legal_name: Varuna", `legal_name: "Varune\u0301"`, "f.yaml:5: base/entities/0: /legal_name: is not in Unicode"},
		{"a short name that no statement can have", "subject: varuna", "subject: a b", "f.yaml:10: base/entity_approvals/0/subject"},
		{"an entry twice", "US_CCL: [5A001.b.1]}\n", "US_CCL: [5A001.b.1, 5A001.b.1]}\n", "f.yaml:15: base/sandboxes/0/domain_approvals/0: /terms/in_scope/US_CCL/1: stands twice"},
		{"a time before all registers", "effective_at: 2026-02-01", "effective_at: 1970-01-01", "f.yaml:23: checks/0: effective_at: want a time from 1971 on"},
		{"nothing to decide", "checks:\n  - {id: a, override: {}, expect: {decision: PERMIT, reasons: []}}\n", "checks: []\n", "f.yaml:22: checks: has no checks"},
		{"an empty list that would be no limit", "value: {currency: USD, per_transaction: 250000.50}", "allowed_end_uses: []", "base/sandboxes/0/allowed_end_uses: lists nothing"},
		{"an empty scope of a list", "US_CCL: [5A001.b.1]}\n", "US_CCL: []}\n", "base/sandboxes/0/in_scope/US_CCL: lists nothing"},
		{"an empty scope", "in_scope: {US_CCL: [5A001.b.1]}", "in_scope: {}", "base/sandboxes/0/in_scope: lists nothing"},
		{"roles that are none", "{id: TEA-1,", "{id: TEA-1, roles: [],", "f.yaml:10: base/entity_approvals/0/roles: lists nothing"},
		{"items that are none", "{id: TEA-1,", "{id: TEA-1, items: [],", "f.yaml:10: base/entity_approvals/0/items: lists nothing"},
		{"sites of an item that are none", "{id: TEA-1,", "{id: TEA-1, items: [{list: US_CCL, entry: 5A001.b.1, sites: []}],", "f.yaml:10: base/entity_approvals/0/items/0/sites: lists nothing"},
		{"a limitation without words", "{id: TEA-1,", "{id: TEA-1, items: [{list: US_CCL, entry: 5A001.b.1, limitation: ''}],", "f.yaml:10: base/entity_approvals/0/items/0/limitation: says nothing"},
		{"reasons under another name", "reasons: []", "reason: [SITE_NOT_APPROVED]", "f.yaml:23: checks/0/expect/reason: unknown member"},
		{"one identifier for two", "999900VARUNADEEP0174", "999900HALCYONMAR0134", "f.yaml:6: base/entities/1: has the identifier"},
		{"no scenarios", "checks:", "check:", "unknown member"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(small, c.from, c.to, 1)
			if text == small {
				t.Fatal("nothing was changed")
			}
			_, err := scenario.Parse("f.yaml", []byte(text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

// What only a register finds wrong is a mistake of the file like any other.
func TestWhatNoRegisterTakesIsNamedByLineAndMember(t *testing.T) {
	for _, c := range []struct{ name, from, to, want string }{
		{"the name of an authority", "id: auth-us, country: US", `id: auth-us, country: US, name: "A\nB"`, "f.yaml:3: base/authorities/0: scenario : no register takes this: /authorities/0/name: has the control"},
		{
			"an approval that is superseded and is not there", "id: PDA-1, authority: auth-us,", "id: PDA-1, authority: auth-us, supersedes: PDA-0,",
			"f.yaml:15: base/sandboxes/0/domain_approvals/0: scenario : no register takes this: /supersedes: auth-us has no statement PDA-0",
		},
		{
			"an event of a name that is taken", "type: suspend,", "type: suspend, id: TEA-1,",
			"f.yaml:21: events/0: scenario : no register takes this: /jti: ",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(small, c.from, c.to, 1) +
				"  - {id: b, override: {effective_at: 2026-04-01T00:00:00Z}, expect: {decision: DENY, reasons: [APPROVAL_SUSPENDED]}}\n"
			f, err := scenario.Parse("f.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			for _, err = range f.Play(context.Background()) {
				if err != nil {
					break
				}
			}
			if _, ok := errors.AsType[*yamldoc.Mistakes](err); !ok || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestMistakesWithoutEndEnd(t *testing.T) {
	var text strings.Builder
	for i := range 30_000 {
		fmt.Fprintf(&text, "m%d: 1\n", i)
	}
	_, err := scenario.Parse("f.yaml", []byte(text.String()))
	var m *yamldoc.Mistakes
	if !errors.As(err, &m) || len(m.List) > 100 || len(err.Error()) > 100_000 {
		t.Fatalf("%d mistakes in %d bytes", len(m.List), len(err.Error()))
	}
	if strings.Contains(err.Error(), "known are base, checks, conventions, events, id, m0") {
		t.Error("what is unknown is called known")
	}
}

// A file is read once and may be played by several at a time; several
// scenarios stand on one base.
func TestPlayedConcurrently(t *testing.T) {
	text := small + "scenarios:\n  - {id: s, checks: [{id: b, override: {}, expect: {decision: PERMIT, reasons: []}}]}\n"
	f, err := scenario.Parse("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for r, err := range f.Play(context.Background()) {
				if err != nil || !r.OK() {
					t.Error(err, r)
				}
			}
		})
	}
	wg.Wait()
}

func TestAmountsAreTheTextOfTheFile(t *testing.T) {
	var got []string
	for _, amount := range []string{"250000.50", `"250000.50"`, "250000.5", `"250000.51"`, "250000.51", "0.1", "1e5"} {
		text := strings.Replace(small, "amount: 1,", "amount: "+amount+",", 1)
		f, err := scenario.Parse("f.yaml", []byte(text))
		if err != nil {
			got = append(got, amount+" refused")
			continue
		}
		for r, err := range f.Play(context.Background()) {
			if err != nil || r.Err != nil {
				t.Fatal(err, r)
			}
			got = append(got, amount+" "+string(r.Decision.Decision))
			break
		}
	}
	want := []string{
		"250000.50 PERMIT", `"250000.50" PERMIT`, "250000.5 PERMIT", `"250000.51" DENY`, "250000.51 DENY", "0.1 PERMIT", "1e5 refused",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	for _, name := range files(f) {
		f.Add(read(f, name))
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		// What is read is whole: it can be played without a look at the file.
		_, _ = scenario.Parse("f.yaml", data)
	})
}
