package web_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/registry/web"
	"github.com/safeconduct/safeconduct/registry/web/verifier"
	"github.com/safeconduct/safeconduct/verify"
)

// built skips where make has not built the verifier, which SAFECONDUCT_MUST_WASM
// does not let it.
func built(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("built/verifier.wasm.gz"); err != nil {
		if os.Getenv("SAFECONDUCT_MUST_WASM") != "" {
			t.Fatal("the verifier has not been built: make wasm")
		}
		t.Skip("SKIPPED, NOTHING IS SHOWN ABOUT THE VERIFIER IN THE BROWSER: make wasm builds it")
	}
}

func (d *document) byID(id string) *html.Node {
	d.t.Helper()
	found := d.find("", func(n *html.Node) bool { return attr(n, "id") == id })
	if len(found) != 1 {
		d.t.Fatalf("%d elements with the id %s in\n%s", len(found), id, d.text())
	}
	return found[0]
}

func TestThePageOfVerifyingSaysWhatIsCheckedAndByWhoseTrust(t *testing.T) {
	s := newJointSandbox(t)
	d := s.get("/verify").shown(http.StatusOK).has("safeconduct verify evidence.json --request request.json --trust trust.yaml", "--audience WHO --nonce NONCE", "What is checked, step by step")
	if _, err := os.Stat("built/verifier.wasm.gz"); err != nil {
		d.has("This build of the register has no verifier for the browser in it (make build puts it there).")
		return
	}
	d.has("nothing of them is sent to anybody", "A register that lies could lie in that, too").lacks("make build")
	var trust bytes.Buffer
	doc, err := s.Trust.MarshalJSON()
	if err == nil {
		err = json.Compact(&trust, []byte(textOf(d.byID("own-trust"))))
	}
	if err != nil || trust.String() != string(doc) {
		t.Errorf("the trust of the register is %s, %v; want %s", trust.String(), err, doc)
	}
	var steps []string
	for _, n := range d.find("li", func(n *html.Node) bool { return attr(n, "data-step") != "" }) {
		steps = append(steps, attr(n, "data-step"))
	}
	if want := verifier.Steps(true); !slices.Equal(append(steps, verifier.StepAnswer), want) {
		t.Errorf("the steps are %q, want %q", steps, want)
	}
	for _, n := range d.find("", func(n *html.Node) bool { return n.Data == "input" || n.Data == "textarea" }) {
		if attr(n, "name") != "" {
			t.Errorf("the control %s has a name, so that a form could send it", attr(n, "id"))
		}
	}
	if age := attr(d.byID("f-max_age"), "value"); age != strconv.Itoa(int(presentation.DefaultAge.Minutes())) {
		t.Errorf("a presentation may be %s minutes old, where nothing else is entered", age)
	}
	d.byID("f-disclosures_file")
	titles := make(map[string]string)
	for _, n := range d.find("li", func(n *html.Node) bool { return attr(n, "data-key") != "" }) {
		titles[attr(n, "data-key")] = textOf(n)
	}
	want := maps.Clone(catalogue(t))
	maps.DeleteFunc(want, func(key, _ string) bool {
		return !strings.HasPrefix(key, "code.") && !strings.HasPrefix(key, "warning.")
	})
	if diff := cmp.Diff(want, titles); diff != "" || titles["warning."+verify.WarningUnmirrored] == "" || titles["code."+string(policy.MissingFact)] == "" {
		t.Errorf("titles of codes (-want +got):\n%s", diff)
	}
	s.get("/verify?file=x").shown(http.StatusBadRequest)
	s.do(http.MethodPost, "/verify", nil).shown(http.StatusMethodNotAllowed)
}

func TestARegisterWithoutTrustAsksForATrustFile(t *testing.T) {
	built(t)
	s := newJointSandbox(t)
	s.behind(web.New(untrusting{s.Register}, web.Options{Now: s.Clock.Now}), httpapi.Options{})
	d := s.get("/verify").shown(http.StatusOK).has("This register shows no trust of its own: choose a trust file.")
	if len(d.find("textarea", nil)) > 0 {
		t.Error("it shows one")
	}
}

// workers are the scripts of the two workers, as a page names them.
func (d *document) workers(id string) (fetching, worker string) {
	n := d.byID(id)
	return attr(n, "data-fetching"), attr(n, "data-verifying")
}

// module is the path of the verifier.
func (s *site) module(fetching string) string {
	m := regexp.MustCompile(`"(/verifier-[0-9a-f]{16}\.wasm)"`).FindStringSubmatch(s.get(fetching).body)
	if m == nil {
		s.t.Fatal("the worker fetches nothing")
	}
	return m[1]
}

// TestWhatSeesAFileCanRequestNothing: a file that takes the verifier over has nowhere to
// send what it sees.
func TestWhatSeesAFileCanRequestNothing(t *testing.T) {
	built(t)
	s := newJointSandbox(t)
	fetching, worker := s.get("/verify").shown(http.StatusOK).workers("verify")
	for path, want := range map[string][]string{
		worker:   {"default-src 'none'", "script-src 'wasm-unsafe-eval'", "base-uri 'none'", "frame-ancestors 'none'"},
		fetching: {"default-src 'none'", "connect-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"},
	} {
		d := s.get(path)
		got := strings.Split(d.header.Get("Content-Security-Policy"), "; ")
		if d.status != http.StatusOK || !slices.Equal(got, want) || d.header.Get("Content-Type") != "text/javascript; charset=utf-8" || !strings.Contains(d.header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", path, d.status, d.header)
		}
	}
	// What the pages themselves may do has not grown by it.
	if strings.Contains(web.ContentSecurityPolicy, "wasm") || strings.Contains(web.ContentSecurityPolicy, "connect-src") {
		t.Errorf("pages may %s", web.ContentSecurityPolicy)
	}
}

// wasmMax is what make takes as the largest that the verifier may be, packed, in bytes.
func wasmMax(t *testing.T) int {
	t.Helper()
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^WASM_MAX := (\d+)$`).FindSubmatch(makefile)
	if m == nil {
		t.Fatal("the Makefile bounds nothing")
	}
	most, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return most
}

func TestTheVerifierIsServedPackedByItsDigest(t *testing.T) {
	built(t)
	largest := wasmMax(t)
	s := newJointSandbox(t)
	fetching, _ := s.get("/verify").shown(http.StatusOK).workers("verify")
	path := s.module(fetching)
	for accept, packed := range map[string]bool{"gzip": true, "br, gzip;q=0.5": true, "*": true, "GZIP": true, "": false, "br": false, "gzip;q=0, *": false, "*;q=0.0": false, "identity": false} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept-Encoding", accept)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if (resp.Header.Get("Content-Encoding") == "gzip") != packed || !strings.Contains(resp.Header.Get("Vary"), "Accept-Encoding") {
			t.Errorf("%q: %v", accept, resp.Header)
		}
		if packed {
			digest := sha256.Sum256(body)
			if want := "/verifier-" + hex.EncodeToString(digest[:8]) + ".wasm"; path != want || len(body) > largest {
				t.Errorf("%s has %d bytes, of at most %d, and the digest of %s", path, len(body), largest, want)
			}
			z, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if !z.ModTime.IsZero() || z.Name != "" {
				t.Error("what it is packed in has a time or a name, so that no two builds are equal")
			}
			if body, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.HasPrefix(body, []byte("\x00asm")) || resp.Header.Get("Content-Type") != "application/wasm" || resp.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%q: %.4q %v", accept, body, resp.Header)
		}
	}
}

// carried is what the page of an answer carries for the verifier.
func (d *document) carried() map[string]string {
	d.t.Helper()
	n, out := d.byID("own"), make(map[string]string)
	for _, name := range []string{"evidence", "request", "disclosures", "answer", "trust"} {
		out[name] = attr(n, "data-"+name)
	}
	return out
}

// verifying is what the script of the page asks with it.
func verifying(c map[string]string, now time.Time) verifier.Question {
	return verifier.Question{File: []byte(c["evidence"]), Trust: []byte(c["trust"]), Request: []byte(c["request"]), Disclosures: c["disclosures"], Answer: []byte(c["answer"]), Now: now}
}

func TestThePageOfAnAnswerCarriesWhatVerifiesIt(t *testing.T) {
	built(t)
	s := newJointSandbox(t)
	for want, change := range map[policy.Result]func(q map[string][]string){
		policy.PERMIT: func(map[string][]string) {},
		policy.REFER:  func(q map[string][]string) { delete(q, "end_use") },
		policy.DENY:   func(q map[string][]string) { q["destination_site"] = []string{"BLR-1"} },
	} {
		q := question()
		change(q)
		d := s.ask(q).shown(http.StatusOK).has(string(want), "Verified in your own browser", "This answer is the register's word so far.", fmt.Sprintf("differ by more than %d minutes", int(verify.MaxSkew.Minutes())))
		// A mistake, such as a fault of the verifier's own, accuses nobody.
		for on, accuses := range map[string]bool{"refused": true, "mistake": false} {
			for _, n := range d.find("", func(n *html.Node) bool { return attr(n, "data-if") == on }) {
				if strings.Contains(textOf(n), "not what its own evidence proves") != accuses {
					t.Errorf("where it is %s, it says %q", on, textOf(n))
				}
			}
		}
		r := verifier.Verify(verifying(d.carried(), s.Clock.Now()))
		if last := r.Steps[len(r.Steps)-1]; !r.Stands || last != (verifier.Step{Name: verifier.StepAnswer, State: verifier.Passed}) || r.Decision.Decision != want {
			t.Errorf("%s: got %+v", want, r)
		}
	}
	// By what was known at a time, too, and when it is asked again.
	q := question()
	q.Set("known_at", "2026-01-05 09:30")
	s.Clock.Add(time.Hour)
	if r := verifier.Verify(verifying(s.ask(q).shown(http.StatusOK).carried(), s.Clock.Now())); !r.Stands || !r.Decision.KnownThen {
		t.Errorf("got %+v", r)
	}
	// What a holder has disclosed comes with it.
	a := registrytest.Approval("approval-corvus", us, registrytest.Corvus, "IN")
	a.Programme, a.Caveats = "VEU", &attest.Limits{Value: &attest.ValueCeiling{Currency: "USD", PerTransaction: "12345"}}
	a, ds, err := a.Conceal([]string{"/caveats/value"})
	if err != nil {
		t.Fatal(err)
	}
	s.MustSubmit(a)
	s.Clock.Add(time.Minute)
	q = question()
	q.Del("sandbox")
	for name, v := range map[string]string{"transferee": registrytest.Corvus, "authority": us, "programme": "VEU", "value_amount": "100", "value_currency": "USD", "disclosures": ds[0].String()} {
		q.Set(name, v)
	}
	with := s.ask(q).shown(http.StatusOK).has("PERMIT").carried()
	if r := verifier.Verify(verifying(with, s.Clock.Now())); !r.Stands || r.Decision.Decision != policy.PERMIT || r.Decision.Replay.Disclosures == "" {
		t.Errorf("with what was disclosed: got %+v", r)
	}
	delete(with, "disclosures")
	if r := verifier.Verify(verifying(with, s.Clock.Now())); r.Stands {
		t.Errorf("without what was disclosed: got %+v", r)
	}
	// What is asked comes through the page to the byte.
	for _, name := range hostile {
		q := question()
		q.Set("presented_name", name)
		if r := verifier.Verify(verifying(s.ask(q).shown(http.StatusOK).carried(), s.Clock.Now())); !r.Stands {
			t.Errorf("%.40q: got %+v", name, r)
		}
	}
	for _, d := range []*document{s.get("/check"), s.ask(map[string][]string{"act": {"x"}})} {
		if n := d.find("", func(n *html.Node) bool { return attr(n, "id") == "own" }); len(n) > 0 {
			t.Error("a page without an answer verifies one")
		}
	}
}

// TestTheVerifierInTheBrowserFindsWhatGoFinds runs what is served, in Node.js: the worker
// that is sent the module and then questions.
func TestTheVerifierInTheBrowserFindsWhatGoFinds(t *testing.T) {
	built(t)
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("SAFECONDUCT_MUST_WASM") != "" {
			t.Fatal(err)
		}
		t.Skip("SKIPPED, NOTHING IS SHOWN ABOUT WEBASSEMBLY: Node.js is not installed (make setup does that)")
	}
	s := newJointSandbox(t)
	d := s.ask(question()).shown(http.StatusOK)
	fetching, worker := d.workers("own")
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Node's http client does not unpack, Go's does.
	write("verifier.wasm", s.get(s.module(fetching)).body)
	write("worker.js", s.get(worker).body)
	good := d.carried()
	bad := map[string]string{"trust": good["trust"], "request": good["request"], "evidence": strings.Replace(good["evidence"], `"index":1`, `"index":2`, 1)}
	hostile := map[string]string{"trust": good["trust"], "evidence": strings.Repeat("[", 1<<20)}
	questions := []map[string]string{good, bad, hostile, {}, good}
	doc, err := json.Marshal(questions)
	if err != nil {
		t.Fatal(err)
	}
	write("questions.json", string(doc))
	write("run.js", `
const fs = require("node:fs");
const exit = process.exit.bind(process);
const at = (name) => fs.readFileSync(__dirname + "/" + name);
for (const name of ["fetch", "XMLHttpRequest", "WebSocket", "require", "process"]) delete globalThis[name];
const questions = JSON.parse(at("questions.json"));
const bytes = (text) => text === undefined ? undefined : new TextEncoder().encode(text);
const out = [];
const next = () => {
  if (out.length === questions.length) { fs.writeSync(1, JSON.stringify(out)); exit(0); return; }
  const q = questions[out.length];
  globalThis.onmessage({ data: { question: { file: bytes(q.evidence || ""), trust: bytes(q.trust), request: bytes(q.request), answer: bytes(q.answer), disclosures: q.disclosures, audience: "", nonce: "", max_age: 300 } } });
};
globalThis.onmessage = null;
globalThis.postMessage = (m) => { if (m.failed) throw new Error(m.failed); if (m.report) out.push(m.report); next(); };
(0, eval)(at("worker.js").toString());
globalThis.onmessage({ data: { module: at("verifier.wasm") } });
`)
	out, _ := exec.CommandContext(t.Context(), node, filepath.Join(dir, "run.js")).Output()
	var got []*verifier.Report
	if err := json.Unmarshal(out, &got); err != nil || len(got) != len(questions) {
		t.Fatalf("%d reports, %v: %.2000s", len(got), err, out)
	}
	for i, q := range questions {
		// The verifier goes by the clock of the browser: what is of a time is compared where
		// that is the answer's.
		want := verifier.Verify(verifying(q, time.Now()))
		if q["answer"] == "" {
			asked := verifier.Question{File: []byte(q["evidence"]), Trust: []byte(q["trust"]), Now: time.Now()}
			// An empty request is one, and a mistake; none is none.
			if request, ok := q["request"]; ok {
				asked.Request = []byte(request)
			}
			want = verifier.Verify(asked)
		}
		a, _ := json.Marshal(want)
		b, _ := json.Marshal(got[i])
		if string(a) != string(b) {
			t.Errorf("question %d: the browser finds\n%s\nand Go\n%s", i, b, a)
		}
	}
	if !got[0].Stands || got[0].Decision.Decision != policy.PERMIT || got[1].Stands || got[2].Stands || got[3].Mistake == nil || !got[4].Stands {
		t.Errorf("got %s", out)
	}
}

// untrusting is a register without a trust of its own.
type untrusting struct{ *registrytest.Register }

func (untrusting) OwnTrust() *verify.Trust { return nil }
