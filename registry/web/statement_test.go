package web_test

import (
	"bytes"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/registry/tlogtiles"
	"github.com/safeconduct/safeconduct/verify"
)

func TestAStatementIsToldInWordsWithItsStandingAndSigners(t *testing.T) {
	s := newJointSandbox(t)
	s.MustSubmit(registrytest.Event("revoke-1", us, attest.ApprovalSubject(registrytest.Varuna, us), "approval-varuna", attest.Revoke, registrytest.Start))
	s.Clock.Add(time.Minute)
	d := s.get("/statements/auth-us/approval-varuna").shown(http.StatusOK).has(
		`auth-us approves an entity: "Varuna Deepsense Private Limited"`, "Status now revoked since 2026-01-05 09:00 UTC by revoke-1 of auth-us",
		"Legal effect: authorization", "Obligation: report_within", "us-1 "+registrytest.SignerNamed("us-1").Key().ID()+" counts",
		"us-2 "+registrytest.SignerNamed("us-2").Key().ID()+" counts",
	)
	if !links(d, "/entities/"+registrytest.Varuna) {
		t.Error("it does not lead to the entity")
	}
	revoke := s.get("/statements/auth-us/revoke-1").shown(http.StatusOK).has("Kind revocation", "Acts on approval-varuna")
	if !links(revoke, "/statements/auth-us/approval-varuna") {
		t.Error("a revocation does not lead to what it revokes")
	}
	s.get("/statements/root/root-1").shown(http.StatusOK).has("Kind trust root", "About the trust root")
	for _, path := range []string{"/entities/" + registrytest.Varuna, "/sandboxes/" + registrytest.Sandbox} {
		jti := map[bool]string{true: "approval-varuna", false: "domain-us"}[strings.HasPrefix(path, "/e")]
		// From the card, and from the record.
		if n := strings.Count(s.get(path).shown(http.StatusOK).body, `href="/statements/auth-us/`+jti+`"`); n != 2 {
			t.Errorf("%s leads to %s %d times, want twice", path, jti, n)
		}
	}
	for _, none := range []string{"/statements/auth-us/none", "/statements/AUTH/x", "/statements/auth-us/a b", "/statements/auth-us/%3Cb%3E"} {
		if d := s.get(strings.ReplaceAll(none, " ", "%20")); d.status != http.StatusNotFound {
			t.Errorf("%s: status %d", none, d.status)
		}
	}
	s.get("/statements/auth-us/approval-varuna?give=key").shown(http.StatusBadRequest)
}

// Keys that are not to be trusted: what they have signed stands in the log, and is
// told to be void.
func TestAStatementByACompromisedKeyIsToldToBeVoid(t *testing.T) {
	s := newJointSandbox(t)
	next, err := s.Root().Successor()
	if err != nil {
		t.Fatal(err)
	}
	kid := registrytest.SignerNamed("in-1").Key().ID()
	for i := range next.Authorities {
		if a := &next.Authorities[i]; a.ID == in {
			a.Officers = []attest.Officer{registrytest.SignerNamed("in-2").Officer()}
			a.Compromised = []attest.Compromised{{Kid: kid, AllFalse: true}}
		}
	}
	next.IAT = attest.NumericDate(s.Clock.Now().Unix())
	s.MustSubmit(next)
	s.Clock.Add(time.Minute)
	s.get("/statements/auth-in/domain-in").shown(http.StatusOK).has("Status now void", "It stays in the log, and counts for nothing.", "in-1 "+kid+" does not count The key is declared compromised.", "It leads there.")
	void := 0
	for _, r := range s.get("/log").shown(http.StatusOK).rows("recent") {
		if is := strings.HasPrefix(r[3], "void "); is != strings.HasPrefix(r[2], "auth-in ") {
			t.Errorf("%q", r)
		} else if is {
			void++
		}
	}
	if void != 3 {
		t.Errorf("%d statements are told to be void, want those of the key", void)
	}
}

func TestAStatementsFilesProveItOffline(t *testing.T) {
	s := newJointSandbox(t)
	d := s.get("/statements/auth-us/domain-us").shown(http.StatusOK)
	files := make(map[string]*document)
	for _, give := range []string{"statement", "proof"} {
		path := "/statements/auth-us/domain-us?give=" + give
		if !links(d, path) {
			t.Errorf("the page does not lead to %s", path)
		}
		files[give] = s.get(path)
	}
	if got, want := files["statement"].header.Get("Content-Disposition"), `attachment; filename="auth-us-domain-us.jws"`; got != want {
		t.Errorf("Content-Disposition is %q, want %q", got, want)
	}
	statement := []byte(files["statement"].body)
	if _, err := attest.Open(statement, s.Root()); err != nil {
		t.Error(err)
	}
	var p proof.TLogProof
	if err := p.Unmarshal([]byte(files["proof"].body)); err != nil || !bytes.Equal(p.Checkpoint, s.Checkpoint()) {
		t.Fatalf("the proof is %s, %v", files["proof"].body, err)
	}
	c, err := verify.ParseCheckpoint(p.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	var hashes tlog.RecordProof
	for _, h := range p.Hashes {
		hashes = append(hashes, h)
	}
	if err := tlog.CheckRecord(hashes, c.Tree.N, c.Tree.Hash, int64(p.Index), tlog.RecordHash(statement)); err != nil {
		t.Error(err)
	}
	tile, _ := tlogtiles.Tile(tlogtiles.Entries, 0, c.Tree.N)
	for _, path := range []string{"/" + tlogtiles.Path(tile), "/v1/statements/auth-us/domain-us", "/log.vkey"} {
		if got := s.get(path); !links(d, path) || got.status != http.StatusOK {
			t.Errorf("%s: not linked, or status %d", path, got.status)
		}
	}
}

func TestWhatIsConfidentialInAStatementIsNotShown(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	a, _, err := registrytest.Approval("approval-varuna", us, registrytest.Varuna, "IN").Conceal([]string{"/legal_name", "/approved_sites/0/address"})
	if err != nil {
		t.Fatal(err)
	}
	s.MustSubmit(a)
	s.Clock.Add(time.Minute)
	s.get("/statements/auth-us/approval-varuna").shown(http.StatusOK).
		has("Confidential, and not shown here. The holder may disclose:", "/legal_name", "/approved_sites/0/address").
		lacks("Ocean Tech Park", "Entity lei")
	s.get("/log").shown(http.StatusOK).lacks("Entity lei")
}

// Of what no evidence could hold it is not told what a statement comes to; all else
// is.
func TestOfWhatTooMuchIsLoggedOnlyTheStandingIsMissing(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	s.MustSubmit(registrytest.Domain("domain-us", us))
	statements := make([][]byte, 0, 800)
	for i := range cap(statements) {
		e := registrytest.Event(fmt.Sprintf("ev-%d", i), us, attest.SandboxSubject(registrytest.Sandbox), "domain-us", attest.Suspend, registrytest.Start)
		e.CauseText = strings.Repeat("W", 4096)
		statements = append(statements, s.Sign(e, registrytest.Signers(us)[0]))
	}
	for some := range slices.Chunk(statements, 100) {
		if _, err := s.SubmitTogether(t.Context(), some...); err != nil {
			t.Fatal(err)
		}
	}
	s.Clock.Add(time.Minute)
	s.get("/statements/auth-us/domain-us").shown(http.StatusOK).has("Status now Not told here", "It leads there.").lacks("in force since")
}

// A jti of dots is a direction where it stands in a path.
func TestAJTIOfDotsLeadsNowhere(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	s.MustSubmit(registrytest.Registration("..", us, registrytest.Halcyon, "US"))
	s.Clock.Add(time.Minute)
	for _, path := range []string{"/log", "/entities/" + registrytest.Halcyon} {
		if d := s.get(path).shown(http.StatusOK); strings.Contains(d.body, "/..") || !strings.Contains(d.text(), "auth-us ..") {
			t.Errorf("%s:\n%s", path, d.text())
		}
	}
}

// A mirror, which has replayed the log, shows the same of it.
func TestAMirrorShowsTheSameLog(t *testing.T) {
	s := newJointSandbox(t)
	log, err := badgerlog.Open(filepath.Join(t.TempDir(), "log"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	mirror, err := registry.NewReplica(registry.ReplicaConfig{Log: log, Origin: registrytest.Origin, Trust: s.Trust, Now: s.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := mirror.Extend(t.Context(), &tlogtiles.Client{BaseURL: s.url}, s.Checkpoint(), registry.ExtendOptions{}); err != nil {
		t.Fatal(err)
	}
	m := serving(t, mirror.Reader, mirror.Reader, s.Clock.Now)
	for _, path := range []string{"/log", "/log?before=5", "/statements/auth-us/domain-us", "/statements/root/root-1"} {
		if want, got := s.get(path).shown(http.StatusOK), m.get(path).shown(http.StatusOK); got.body != want.body {
			t.Errorf("%s of the mirror is\n%s\nof the register\n%s", path, got.text(), want.text())
		}
	}
}

func TestANewVersionIsComposedFromTheStatementThatGoverns(t *testing.T) {
	s := newJointSandbox(t)
	newer := registrytest.Approval("approval-varuna-2", us, registrytest.Varuna, "IN")
	newer.Supersedes = "approval-varuna"
	s.MustSubmit(newer)
	s.Clock.Add(time.Minute)
	for jti, want := range map[string]bool{"approval-varuna": false, "approval-varuna-2": true} {
		from := "/compose?from=auth-us/" + jti
		if got := links(s.get("/statements/auth-us/"+jti).shown(http.StatusOK), from); got != want {
			t.Errorf("%s leads to the form for a new version of it: %v, want %v", jti, got, want)
		}
	}
	s.get("/compose?from=auth-us/approval-varuna-2").shown(http.StatusOK).has("This is a new version of approval-varuna-2")
	if links(s.get("/statements/auth-in/reg-varuna").shown(http.StatusOK), "/compose?from=auth-in/reg-varuna") {
		t.Error("a registration leads to the form of an approval")
	}
}
