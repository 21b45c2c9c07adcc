package pages_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/draft"
	"github.com/safeconduct/safeconduct/examples"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/registry/web"
	"github.com/safeconduct/safeconduct/verify"
)

// A stage is a register with something in it, behind its API and pages, under a
// clock that the test sets.
type stage struct {
	*registry.Registry
	t     *testing.T
	clock *rt.Clock
	trust *verify.Trust
	url   string

	// approval is the statement by which [joint] approves Varuna, whose key it names.
	approval []byte

	mu    sync.Mutex
	asked []string
	// changes are made to what is answered to the requests that begin so.
	changes map[string]func(string) string
}

// newStage starts a register whose clock stands at a time, with a trust root. What is
// on it runs beside other tests: a browser waits more than it works.
func newStage(t *testing.T, at time.Time, root *attest.Root) *stage {
	t.Helper()
	t.Parallel()
	s := &stage{t: t, clock: rt.NewClock(at), changes: make(map[string]func(string) string)}
	signed, err := rt.Sign(root)
	if err != nil {
		t.Fatal(err)
	}
	if s.trust, err = rt.Trust(signed); err != nil {
		t.Fatal(err)
	}
	reg, log, err := rt.Serve(t.TempDir(), s.clock.Now, s.trust)
	if err != nil {
		t.Fatal(err)
	}
	s.Registry = reg
	if _, err := reg.Init(t.Context(), signed); err != nil {
		t.Fatal(err)
	}
	pages := httpapi.NewHandler(reg, httpapi.Options{Now: s.clock.Now, Beside: web.New(reg, web.Options{Now: s.clock.Now}).Paths()})
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.Method+" "+r.URL.RequestURI())
		var change func(string) string
		for begins, c := range s.changes {
			if strings.HasPrefix(r.Method+" "+r.URL.Path, begins) {
				change = c
			}
		}
		s.mu.Unlock()
		if change == nil {
			pages.ServeHTTP(w, r)
			return
		}
		r.Header.Del("Accept-Encoding")
		answer := httptest.NewRecorder()
		pages.ServeHTTP(answer, r)
		maps.Copy(w.Header(), answer.Header())
		w.Header().Del("Content-Length")
		w.WriteHeader(answer.Code)
		io.WriteString(w, change(answer.Body.String()))
	}))
	s.url = h.URL
	t.Cleanup(func() {
		h.Close()
		if err := reg.Close(); err != nil {
			t.Error(err)
		}
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// change has what is answered to the requests that begin so changed.
func (s *stage) change(begins string, c func(string) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes[begins] = c
}

// taken are the files of an answer, by their names in its archive.
func (s *stage) taken(q url.Values) map[string][]byte {
	s.t.Helper()
	q = maps.Clone(q)
	q.Set("give", "all")
	resp, err := http.PostForm(s.url+"/check", q)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatalf("status %d, %v: %.300s", resp.StatusCode, err, body)
	}
	return unpacked(s.t, body)
}

// unpacked are the files of an archive.
func unpacked(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte)
	for _, f := range r.File {
		content, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(content); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// submit signs claims with all officers of their issuer, and logs them; it returns
// the last of the statements.
func (s *stage) submit(all ...attest.Claims) (statement []byte) {
	s.t.Helper()
	for _, c := range all {
		h := c.Head()
		if h.Aud == "" {
			h.Aud = rt.Origin
		}
		if h.IAT == 0 {
			h.IAT = attest.NumericDate(s.clock.Now().Unix())
		}
		signers := rt.Signers(h.Iss)
		if h.Iss == bis {
			signers = []attest.Signer{rt.SignerNamed(bis)}
		}
		var err error
		if statement, err = rt.Sign(c, signers...); err != nil {
			s.t.Fatal(err)
		}
		if _, err := s.Submit(context.Background(), statement); err != nil {
			s.t.Fatalf("log %s of %s: %v", h.JTI, h.Iss, err)
		}
	}
	return statement
}

// requests are those that the register has been sent.
func (s *stage) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

const (
	us = rt.US
	in = rt.IN
	// bis is the authority of the examples about Validated End-Users.
	bis = "us-bis"
)

// joint is a sandbox of two authorities in which [question] is permitted.
func joint(t *testing.T) *stage { return jointSince(t, rt.Start) }

// jointSince is [joint], in which all is in force from a time on, a minute after it.
func jointSince(t *testing.T, start time.Time) *stage {
	s := newStage(t, start, rt.Root(start))
	reg := rt.Registration("reg-varuna", in, rt.Varuna, "IN")
	reg.LegalName, reg.FormerNames = "Varuna Deepsense Private Limited", []string{"Samudra Acoustics"}
	reg.Identifiers = []string{"iec:0388012345"}
	approval := rt.Approval("approval-varuna", us, rt.Varuna, "IN")
	approval.LegalName = reg.LegalName
	approval.Obligations = []attest.Obligation{{Kind: "report_within", Days: 30}}
	approval.Confirmation = &attest.Confirmation{JWK: rt.SignerNamed("varuna").JWK()}
	other, halcyon, domains := rt.Registration("reg-halcyon", us, rt.Halcyon, "US"), rt.Approval("approval-halcyon", in, rt.Halcyon, "US"), []*attest.DomainApproval{rt.Domain("domain-us", us), rt.Domain("domain-in", in)}
	for _, g := range []*attest.Grant{&reg.Grant, &approval.Grant, &other.Grant, &halcyon.Grant, &domains[0].Grant, &domains[1].Grant} {
		g.NBF, g.EXP = attest.NumericDate(start.Unix()), attest.NumericDate(start.AddDate(1, 0, 0).Unix())
	}
	s.submit(other, reg, halcyon, domains[0], domains[1])
	s.approval = s.submit(approval)
	// A frozen clock's batches are dated after it.
	s.clock.Add(time.Minute)
	return s
}

// longID is an identifier that no line holds.
var longID = "us-own:" + strings.Repeat("W", 60)

// hostile has names that would break a page that does not take care.
func hostile(t *testing.T) *stage {
	s := newStage(t, rt.Start, rt.Root(rt.Start))
	for i, name := range []string{
		strings.Repeat("W", 4000), `<script>alert(1)</script>"><img src=x onerror=alert(1)>`,
		"Varuna \u202edetimiL\u202c \u2066x\u2069 " + strings.Repeat("\u0639\u0631\u0628\u064a ", 40), strings.Repeat("Very long words ", 200),
	} {
		id := []string{rt.Varuna, rt.Halcyon, rt.Corvus, longID}[i]
		reg := rt.Registration("reg-"+strings.Repeat("long.", 20)+string(rune('a'+i)), us, id, "US")
		reg.LegalName, reg.FormerNames = name, []string{name + "?"}
		approval := rt.Approval("approval-"+strings.Repeat("long.", 20)+string(rune('a'+i)), us, id, "US")
		approval.LegalName, approval.ApprovedSites[0].Address = name, name
		approval.Mentor = "us-own:" + strings.Repeat("M", 60)
		approval.LegalBasis, approval.Publication = name, &attest.Publication{Citation: name}
		s.submit(reg, approval)
		revoke := rt.Event("revoke-"+strings.Repeat("long.", 20)+string(rune('a'+i)), us, approval.Sub, approval.JTI, attest.Revoke, rt.Start)
		s.submit(revoke)
	}
	for i, iss := range []string{us, in} {
		d := rt.Domain("domain-"+strings.Repeat("long.", 20)+string(rune('a'+i)), iss)
		d.Title = strings.Repeat("W", 4000)
		d.Challenge = &attest.Challenge{Name: strings.Repeat("W", 4000-i), Citation: `<b>"` + strings.Repeat("W", 4000)}
		s.submit(d)
	}
	s.clock.Add(time.Minute)
	return s
}

// told is what the examples tell, at the times of the demo, and a second sandbox,
// which waits for an authority.
func told(t *testing.T) *stage {
	start := time.Date(2025, 8, 4, 9, 0, 0, 0, time.UTC)
	root := rt.Root(start)
	officer := rt.SignerNamed(bis).Officer()
	root.Authorities = append([]attest.Authority{{
		ID: bis, Name: "Bureau of Industry and Security (historical facts, throw-away key)", Countries: []string{"US"},
		Officers: []attest.Officer{officer}, Thresholds: attest.Thresholds{Granting: 1, Revoking: 1},
	}}, root.Authorities...)
	s := newStage(t, start, root)
	for _, scene := range []struct {
		at    time.Time
		files []string
	}{
		{start, []string{"veu-2015/ge-india", "veu-2015/samsung-china", "veu-2015/sk-hynix-china", "veu-2015/intel-dalian", "veu-2015/smic"}},
		{time.Date(2025, 9, 2, 9, 0, 0, 0, time.UTC), []string{"veu-2015/removal-samsung-china", "veu-2015/removal-sk-hynix-china", "veu-2015/removal-intel-dalian"}},
		{time.Date(2026, 1, 20, 9, 0, 0, 0, time.UTC), []string{
			"underwater-comms/registration-halcyon", "underwater-comms/registration-varuna", "underwater-comms/approval-us-varuna",
			"underwater-comms/approval-in-halcyon", "underwater-comms/domain-us",
		}},
		{time.Date(2026, 2, 10, 9, 0, 0, 0, time.UTC), []string{"underwater-comms/domain-in"}},
	} {
		s.clock.Set(scene.at)
		for _, file := range scene.files {
			data, err := fs.ReadFile(examples.Files, file+".yaml")
			if err != nil {
				t.Fatal(err)
			}
			c, err := draft.Parse(file+".yaml", data, draft.Options{Now: s.clock.Now(), Aud: rt.Origin})
			if err != nil {
				t.Fatal(err)
			}
			s.submit(c)
		}
	}
	s.clock.Set(time.Date(2026, 4, 20, 9, 0, 0, 0, time.UTC))
	d := rt.Domain("PDA-US-AUV", us)
	d.Sub, d.Title = attest.SandboxSubject(waiting), "Joint sandbox: autonomous survey vehicles"
	d.Retroactive, d.RetroactiveReason, d.NBF = false, "", attest.NumericDate(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC).Unix())
	s.submit(d)
	s.clock.Set(time.Date(2026, 5, 4, 8, 55, 0, 0, time.UTC))
	s.submit(rt.Event("SUSPEND-IN-HALCYON", in, attest.ApprovalSubject(rt.Halcyon, in), "TEA-IN-0001", attest.Suspend, time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)))
	s.clock.Add(5 * time.Minute)
	// What verifies in the browser goes by this clock, too.
	s.change("GET /worker-verify-", func(script string) string {
		return fmt.Sprintf("globalThis.Date = class extends Date { constructor(...at) { super(...(at.length ? at : [%d])); } };\n", s.clock.Now().UnixMilli()) + script
	})
	return s
}

// waiting is the sandbox of [told] that waits for an authority.
const waiting = "SBX-AUV"
