package main

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// trodden is a register with a story: an entity that is renamed, an approval
// signed with a key that is later declared compromised since before it, one that
// is revoked with effect from two weeks before that was logged, and a freeze.
func trodden(t *testing.T) *rt.Register {
	t.Helper()
	reg := rt.New(t)
	at := func(days int) { reg.Clock.Set(rt.Start.AddDate(0, 0, days)) }
	approvals := attest.ApprovalSubject(rt.Varuna, rt.US)
	registered := rt.Registration("REG-1", rt.IN, rt.Varuna, "IN")
	registered.Identifiers = []string{"cin:U26515AP2019PTC098765"}
	reg.MustSubmit(registered)
	reg.MustSubmit(rt.Approval("TEA-1", rt.US, rt.Varuna, "IN"))
	reg.MustSubmit(rt.Domain("PDA-1", rt.US))
	at(10)
	void := rt.Approval("TEA-2", rt.US, rt.Varuna, "IN")
	void.ApprovedSites[0].ID = "VTZ-2"
	since := reg.MustSubmit(void).Index
	at(20)
	reg.MustSubmit(&attest.EntityEvent{
		Common: attest.Common{Iss: rt.IN, Sub: attest.EntitySubject(rt.Varuna), JTI: "NAME-1"},
		Event:  attest.Rename, EffectiveAt: attest.NumericDate(rt.Start.AddDate(0, 0, 20).Unix()), NewName: "=Varuna Ocean Systems",
	})
	at(30)
	next, err := reg.Root().Successor()
	if err != nil {
		t.Fatal(err)
	}
	next.IAT = attest.NumericDate(reg.Clock.Now().Unix())
	for i := range next.Authorities {
		if next.Authorities[i].ID == rt.US {
			next.Authorities[i].Compromised = []attest.Compromised{{Kid: rt.SignerNamed("us-2").Key().ID(), Since: since}}
			next.Authorities[i].Thresholds.Granting = 1
		}
	}
	reg.MustSubmit(next)
	at(60)
	revoked := rt.Event("REV-1", rt.US, approvals, "TEA-1", attest.Revoke, rt.Start.AddDate(0, 0, 46))
	revoked.Publication = &attest.Publication{Citation: "91 FR 12345", URL: "https://example.org/91-fr-12345"}
	revoked.LegalBasis = "15 CFR 748.15"
	if _, err := reg.Submit(t.Context(), reg.Sign(revoked, rt.SignerNamed("us-1"))); err != nil {
		t.Fatal(err)
	}
	reg.MustSubmit(&attest.Freeze{
		Common: attest.Common{Iss: rt.IN, Sub: attest.RootSubject, JTI: "FRZ-1"}, Kid: rt.SignerNamed("in-1").Key().ID(), Cause: "key_lost",
	})
	reg.Clock.Add(time.Minute)
	return reg
}

// TestHistoryScripts runs scripts with $URL of such a register, its trust.yaml,
// and evidence.json of an approval and in cut.json with its last statement left out.
func TestHistoryScripts(t *testing.T) {
	reg := trodden(t)
	s := httptest.NewServer(httpapi.NewHandler(reg, httpapi.Options{Now: reg.Clock.Now}))
	t.Cleanup(s.Close)
	trust, err := json.Marshal(reg.Trust)
	if err != nil {
		t.Fatal(err)
	}
	subject := attest.ApprovalSubject(rt.Varuna, rt.US)
	whole, err := reg.EvidenceOf(t.Context(), []string{attest.EntitySubject(rt.Varuna), subject})
	if err != nil {
		t.Fatal(err)
	}
	p := params("testdata/history")
	setup := p.Setup
	p.Setup = func(e *testscript.Env) error {
		e.Setenv("URL", s.URL)
		for name, data := range map[string][]byte{"trust.yaml": trust, "evidence.json": whole, "cut.json": without(t, whole, subject)} {
			if err := os.WriteFile(filepath.Join(e.WorkDir, name), data, 0o600); err != nil {
				return err
			}
		}
		return setup(e)
	}
	testscript.Run(t, p)
}

// without leaves the last statement of a history out of evidence.
func without(t *testing.T, evidence []byte, subject string) []byte {
	t.Helper()
	e, err := verify.Parse(evidence)
	if err != nil {
		t.Fatal(err)
	}
	last := int64(-1)
	for i := range e.Histories {
		if h := &e.Histories[i]; h.Subject == subject {
			n := len(h.Entries) - 1
			last, h.Entries = h.Entries[n].Index, h.Entries[:n]
		}
	}
	for i, s := range e.Statements {
		if s.Index == last {
			e.Statements = append(e.Statements[:i:i], e.Statements[i+1:]...)
			break
		}
	}
	data, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return data
}
