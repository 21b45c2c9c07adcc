package rootdiff_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/rootdiff"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

func pair(t *testing.T) (old, next *attest.Root) {
	t.Helper()
	old = rt.Root(time.Unix(1767225600, 0))
	old.Authorities[0].Jurisdiction = attest.Jurisdiction{Lists: []string{"US_CCL"}, Programmes: []string{"VEU"}}
	old.Authorities[0].Compromised = []attest.Compromised{{Kid: "k", Since: 7}}
	next = new(attest.Root)
	data, err := json.Marshal(old)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, next); err != nil {
		t.Fatal(err)
	}
	next.Version = 2
	return old, next
}

func TestEveryChangeIsSaid(t *testing.T) {
	if old, next := pair(t); rootdiff.Of(old, next) != nil {
		t.Errorf("a version that changes nothing: %v", rootdiff.Of(old, next))
	}
	newcomer := rt.SignerNamed("newcomer").Officer()
	for name, c := range map[string]struct {
		change func(*attest.Root)
		weight rootdiff.Weight
		says   string
	}{
		"a lower root threshold":   {func(r *attest.Root) { r.Threshold = 1 }, rootdiff.Widens, "1 root officers who sign a trust root, where it was 2"},
		"a higher threshold":       {func(r *attest.Root) { r.Authorities[0].Thresholds.Revoking = 2 }, rootdiff.Narrows, "2 officers who revoke, where it was 1"},
		"a root officer who comes": {func(r *attest.Root) { r.Officers = append(r.Officers, newcomer) }, rootdiff.Widens, "root officer newcomer comes"},
		"a root officer who goes":  {func(r *attest.Root) { r.Officers = r.Officers[:1] }, rootdiff.Narrows, "root officer root-2 leaves"},
		"a further key": {func(r *attest.Root) {
			r.Authorities[0].Officers[0].Keys = append(r.Authorities[0].Officers[0].Keys, newcomer.Keys[0])
		}, rootdiff.Widens, "us-1 of auth-us may sign with the key"},
		"a key less":             {func(r *attest.Root) { r.Authorities[0].Officers[0].Keys = nil }, rootdiff.Narrows, "us-1 of auth-us no longer signs"},
		"a log key":              {func(r *attest.Root) { r.LogKeys = append(r.LogKeys, "other") }, rootdiff.Widens, "log key: other"},
		"a decision key":         {func(r *attest.Root) { r.DecisionKeys = newcomer.Keys }, rootdiff.Widens, "Decisions may be signed by the key: "},
		"a cosigner less":        {func(r *attest.Root) { r.Cosigners = nil }, rootdiff.Plain, "No cosigner any more"},
		"an authority that goes": {func(r *attest.Root) { r.Authorities = r.Authorities[:1] }, rootdiff.Narrows, "leaves"},
		"an authority that comes": {func(r *attest.Root) {
			r.Authorities = append(r.Authorities, attest.Authority{ID: "auth-au", Countries: []string{"AU"}, Officers: []attest.Officer{newcomer}})
		}, rootdiff.Widens, "auth-au"},
		"a wider jurisdiction":    {func(r *attest.Root) { r.Authorities[0].Jurisdiction.Lists = []string{"US_CCL", "US_USML"} }, rootdiff.Widens, "US_USML"},
		"no jurisdiction":         {func(r *attest.Root) { r.Authorities[0].Jurisdiction.Lists = nil }, rootdiff.Widens, "not bounded in control lists"},
		"a new bound":             {func(r *attest.Root) { r.Authorities[0].Jurisdiction.Sandboxes = []string{"SBX"} }, rootdiff.Narrows, "sandboxes SBX"},
		"another country":         {func(r *attest.Root) { r.Authorities[0].Countries = []string{"US", "PR"} }, rootdiff.Widens, "country of auth-us: PR"},
		"a key that is stolen":    {func(r *attest.Root) { r.Authorities[1].Compromised = []attest.Compromised{{Kid: "s", Since: 9}} }, rootdiff.Narrows, "since log index 9"},
		"a key trusted again":     {func(r *attest.Root) { r.Authorities[0].Compromised = nil }, rootdiff.Widens, "trusted again"},
		"a key trusted longer":    {func(r *attest.Root) { r.Authorities[0].Compromised[0].Since = 8 }, rootdiff.Widens, "less is void"},
		"a key trusted less long": {func(r *attest.Root) { r.Authorities[0].Compromised[0].Since = 6 }, rootdiff.Narrows, "more is void"},
		"what is declared false":  {func(r *attest.Root) { r.Authorities[0].Compromised[0].False = []string{"REV-1"} }, rootdiff.Widens, "REV-1 is false"},
		"a thaw":                  {func(r *attest.Root) { r.Authorities[0].Thawed = []string{"s"} }, rootdiff.Widens, "thawed"},
		"another name":            {func(r *attest.Root) { r.Authorities[0].Name = "X" }, rootdiff.Plain, "is called"},
		"another register":        {func(r *attest.Root) { r.Aud = "other" }, rootdiff.Widens, "another register"},
		"a version left out":      {func(r *attest.Root) { r.Version = 3 }, rootdiff.Widens, "does not follow"},
	} {
		t.Run(name, func(t *testing.T) {
			old, next := pair(t)
			c.change(next)
			got := rootdiff.Worst(rootdiff.Of(old, next))
			if len(got) == 0 || got[0].Weight != c.weight || !strings.Contains(got[0].Text, c.says) {
				t.Errorf("got %v, want one that %v and says %q", got, c.weight, c.says)
			}
		})
	}
}

func TestWorstKeepsTheOrderOfEquals(t *testing.T) {
	in := []rootdiff.Change{{rootdiff.Plain, "a"}, {rootdiff.Widens, "b"}, {rootdiff.Plain, "c"}, {rootdiff.Widens, "d"}}
	want := []rootdiff.Change{{rootdiff.Widens, "b"}, {rootdiff.Widens, "d"}, {rootdiff.Plain, "a"}, {rootdiff.Plain, "c"}}
	if diff := cmp.Diff(want, rootdiff.Worst(in)); diff != "" {
		t.Error(diff)
	}
}
