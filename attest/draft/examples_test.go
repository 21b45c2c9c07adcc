package draft_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/draft"
	"github.com/safeconduct/safeconduct/internal/yamldoc"
	"github.com/safeconduct/safeconduct/policy"
)

const examples = "../../examples/"

// example reads an example's draft and signs it.
func example(t *testing.T, name string) attest.Claims {
	t.Helper()
	data, err := os.ReadFile(examples + name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := draft.Parse(name, data, draft.Options{Now: now, Aud: "register.example/demo"})
	if err != nil {
		t.Fatal(err)
	}
	return reread(t, c)
}

func TestEveryExampleDraftSignsAndEveryExampleRequestIsRead(t *testing.T) {
	files, err := filepath.Glob(examples + "*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	names := make(map[string]string)
	for _, file := range files {
		name := filepath.ToSlash(strings.TrimPrefix(file, filepath.FromSlash(examples)))
		if strings.HasPrefix(filepath.Base(name), "request-") {
			request(t, file)
			continue
		}
		if filepath.Base(name) == "scenario.yaml" {
			continue // played by registry/scenario
		}
		if filepath.Base(name) == "map.yaml" {
			continue // read by issuing
		}
		h := example(t, name).Head()
		if other := names[h.Iss+" "+h.JTI]; other != "" {
			t.Errorf("%s and %s have the same iss and jti", name, other)
		}
		names[h.Iss+" "+h.JTI] = name
	}
}

func request(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := yamldoc.Parse(data)
	if err != nil {
		t.Fatal(yamldoc.InFile(file, err))
	}
	_, err = policy.ParseRequest(doc.WithoutNulls().JSON())
	if p, ok := errors.AsType[attest.Problems](err); ok {
		err = doc.Explain(file, p)
	}
	if err != nil {
		t.Error(err)
	}
}

func TestTheAuthoritiesOfTheExampleConcur(t *testing.T) {
	us := example(t, "underwater-comms/domain-us.yaml").(*attest.DomainApproval)
	in := example(t, "underwater-comms/domain-in.yaml").(*attest.DomainApproval)
	if us.Terms.Digest() != in.Terms.Digest() {
		t.Error(cmp.Diff(us.Terms, in.Terms))
	}
	if us.Sub != in.Sub || us.Terms.Concurrence != 2 {
		t.Errorf("%s and %s, concurrence %d", us.Sub, in.Sub, us.Terms.Concurrence)
	}
}

func TestTheExampleSaysWhatTheTableSays(t *testing.T) {
	type fact struct {
		country        string
		since          string
		entries, words int
		sites          int
	}
	got := make(map[string]fact)
	for _, name := range []string{"ge-india", "samsung-china", "sk-hynix-china", "intel-dalian", "smic"} {
		a := example(t, "veu-2015/"+name+".yaml").(*attest.EntityApproval)
		f := fact{a.Country, a.NBF.Time().Format(time.DateOnly), len(a.EligibleItems), 0, len(a.ApprovedSites)}
		for _, it := range a.EligibleItems {
			if it.Limitation != "" {
				f.words++
			}
		}
		got[a.Entity()] = f
		if a.Programme != "VEU" || a.LegalEffect != attest.Authorization || !a.Retroactive || a.Publication == nil {
			t.Errorf("%s: programme %q, legal effect %q, retroactive %t", name, a.Programme, a.LegalEffect, a.Retroactive)
		}
	}
	want := map[string]fact{
		"us-bis-veu:GE-INDIA":       {"IN", "2009-07-02", 13, 0, 2},
		"us-bis-veu:SAMSUNG-CHINA":  {"CN", "2013-07-10", 17, 1, 1},
		"us-bis-veu:SK-HYNIX-CHINA": {"CN", "2010-10-12", 5, 0, 1},
		"us-bis-veu:INTEL-DALIAN":   {"CN", "2013-09-06", 13, 3, 2},
		"us-bis-veu:SMIC":           {"CN", "2007-10-19", 20, 1, 5},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(fact{})); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"samsung-china", "sk-hynix-china", "intel-dalian"} {
		a := example(t, "veu-2015/"+name+".yaml").Head()
		e := example(t, "veu-2015/removal-"+name+".yaml").(*attest.Event)
		if e.Sub != a.Sub || e.Target != a.JTI || e.Event != attest.Revoke || e.EffectiveAt.Time() != time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC) {
			t.Errorf("%s: %s %s of %s from %s", name, e.Event, e.Target, e.Sub, e.EffectiveAt.Time())
		}
	}
}
