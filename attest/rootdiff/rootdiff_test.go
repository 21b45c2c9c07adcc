package rootdiff_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/rootdiff"
	"github.com/safeconduct/safeconduct/registry"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

// The kids that pair declares and thaws.
var (
	lost   = rt.SignerNamed("lost").Key().ID()
	stolen = rt.SignerNamed("stolen").Key().ID()
	thawed = rt.SignerNamed("us-2").Key().ID()
)

// pair is a version in force and the next one, which says the same.
func pair(t *testing.T) (old *attest.TrustRoot, next *attest.Root) {
	t.Helper()
	r := rt.Root(time.Unix(1767225600, 0))
	a := &r.Authorities[0]
	a.Jurisdiction = attest.Jurisdiction{Countries: []string{"IN"}, Lists: []string{"US_CCL"}, Programmes: []string{"VEU"}, Sandboxes: []string{"SBX-ONE"}}
	a.Compromised = []attest.Compromised{{Kid: lost, Since: 7, False: []string{"REV-0"}}}
	r.Cosigners = append(r.Cosigners, attest.Cosigner{VKey: witness, Role: attest.Witness})
	return open(t, r, nil), following(t, open(t, r, nil))
}

// witness is the verifier key of an outsider.
var witness = func() string {
	skey, _, err := note.GenerateKey(nil, "example.net/witness")
	if err != nil {
		panic(err)
	}
	c, err := registry.NewCosigner(skey)
	if err != nil {
		panic(err)
	}
	return c.VKey()
}()

// cosigner is the one that the root lists with the key.
func cosigner(r *attest.Root, vkey string) *attest.Cosigner {
	return &r.Cosigners[slices.IndexFunc(r.Cosigners, func(c attest.Cosigner) bool { return c.VKey == vkey })]
}

func following(t *testing.T, old *attest.TrustRoot) *attest.Root {
	t.Helper()
	next, err := old.Successor()
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func open(t *testing.T, r *attest.Root, previous *attest.TrustRoot) *attest.TrustRoot {
	t.Helper()
	signed, err := rt.Sign(r)
	if err != nil {
		t.Fatal(err)
	}
	st, err := attest.OpenRoot(signed, previous)
	if err != nil {
		t.Fatal(err)
	}
	return st.TrustRoot()
}

// Whatever member of a version is another, something is said.
func TestNoDifferenceIsLeftOut(t *testing.T) {
	apart := []string{"Common", "Version", "Previous"} // compared by Precedes
	var paths []string
	_, next := pair(t)
	visit(reflect.ValueOf(next).Elem(), "", func(at string, _ reflect.Value) { paths = append(paths, at) })
	if len(paths) < 50 {
		t.Fatalf("only %d members are visited", len(paths))
	}
	for i, at := range paths {
		if slices.ContainsFunc(apart, func(a string) bool { return strings.HasPrefix(at, "/"+a) }) {
			continue
		}
		old, next := pair(t)
		n := 0
		visit(reflect.ValueOf(next).Elem(), "", func(_ string, v reflect.Value) {
			if n++; n-1 != i {
				return
			}
			switch v.Kind() {
			case reflect.String:
				v.SetString(v.String() + "x")
			case reflect.Int64:
				v.SetInt(v.Int() + 1)
			case reflect.Bool:
				v.SetBool(!v.Bool())
			}
		})
		if len(rootdiff.Of(old, next)) == 0 {
			t.Errorf("nothing is said of %s", at)
		}
	}
}

// visit calls do with each member that has none itself.
func visit(v reflect.Value, at string, do func(string, reflect.Value)) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			visit(v.Field(i), at+"/"+v.Type().Field(i).Name, do)
		}
	case reflect.Slice:
		for i := range v.Len() {
			visit(v.Index(i), fmt.Sprintf("%s/%d", at, i), do)
		}
	default:
		do(at, v)
	}
}

func TestEveryChangeIsSaid(t *testing.T) {
	if old, next := pair(t); rootdiff.Of(old, next) != nil {
		t.Errorf("a version that changes nothing: %v", rootdiff.Of(old, next))
	}
	own := rt.Cosigner().VKey()
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
		"a key less":               {func(r *attest.Root) { r.Authorities[0].Officers[0].Keys = nil }, rootdiff.Narrows, "us-1 of auth-us no longer signs"},
		"a log key":                {func(r *attest.Root) { r.LogKeys = append(r.LogKeys, "other") }, rootdiff.Widens, "log key: other"},
		"a cosigner less":          {func(r *attest.Root) { r.Cosigners = []attest.Cosigner{*cosigner(r, own)} }, rootdiff.Plain, "No cosigner any more"},
		"the operator's no more":   {func(r *attest.Root) { r.Cosigners = []attest.Cosigner{*cosigner(r, witness)} }, rootdiff.Widens, "No cosigner any more"},
		"no longer the operator's": {func(r *attest.Root) { cosigner(r, own).Operator = false }, rootdiff.Widens, "No cosigner any more"},
		"a mirror":                 {func(r *attest.Root) { cosigner(r, witness).Role = attest.Mirror }, rootdiff.Widens, "A cosigner: mirror"},
		"an authority that goes":   {func(r *attest.Root) { r.Authorities = r.Authorities[:1] }, rootdiff.Narrows, "leaves"},
		"a decision key":           {func(r *attest.Root) { r.DecisionKeys = newcomer.Keys }, rootdiff.Widens, "Decisions may be signed by the key: "},
		"an authority that comes": {func(r *attest.Root) {
			r.Authorities = append(r.Authorities, attest.Authority{ID: "auth-au", Countries: []string{"AU"}, Officers: []attest.Officer{newcomer}})
		}, rootdiff.Widens, "auth-au"},
		"a wider jurisdiction":    {func(r *attest.Root) { r.Authorities[0].Jurisdiction.Lists = []string{"US_CCL", "US_USML"} }, rootdiff.Widens, "US_USML"},
		"no jurisdiction":         {func(r *attest.Root) { r.Authorities[0].Jurisdiction.Lists = nil }, rootdiff.Widens, "not bounded in control lists"},
		"a bound less":            {func(r *attest.Root) { r.Authorities[0].Jurisdiction.Sandboxes = nil }, rootdiff.Widens, "not bounded in sandboxes"},
		"a new bound":             {func(r *attest.Root) { r.Authorities[1].Jurisdiction.Sandboxes = []string{"SBX"} }, rootdiff.Narrows, "sandboxes SBX"},
		"another country":         {func(r *attest.Root) { r.Authorities[0].Countries = []string{"US", "PR"} }, rootdiff.Widens, "country of auth-us: PR"},
		"a key that is stolen":    {func(r *attest.Root) { r.Authorities[1].Compromised = []attest.Compromised{{Kid: stolen, Since: 9}} }, rootdiff.Narrows, "since log index 9"},
		"a key trusted again":     {func(r *attest.Root) { r.Authorities[0].Compromised = nil }, rootdiff.Widens, "trusted again"},
		"a key trusted longer":    {func(r *attest.Root) { r.Authorities[0].Compromised[0].Since = 8 }, rootdiff.Widens, "less is void"},
		"a key trusted less long": {func(r *attest.Root) { r.Authorities[0].Compromised[0].Since = 6 }, rootdiff.Narrows, "more is void"},
		"what is declared false":  {func(r *attest.Root) { r.Authorities[0].Compromised[0].False = []string{"REV-1"} }, rootdiff.Widens, "REV-1 is false"},
		"a thaw":                  {func(r *attest.Root) { r.Authorities[0].Thawed = []string{thawed} }, rootdiff.Widens, "thawed"},
		"another name":            {func(r *attest.Root) { r.Authorities[0].Name = "X" }, rootdiff.Plain, "is called"},
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
