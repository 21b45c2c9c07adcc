package receipt_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/receipt"
	"github.com/safeconduct/safeconduct/registry"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/screening"
	"github.com/safeconduct/safeconduct/verify"
)

// Whatever byte is changed, in whichever file, the step is named.
func TestAChangedByteIsRefusedWithItsStep(t *testing.T) {
	w := newWorld(t)
	f := w.filed(usual(`"reference":"PO 7",`))
	trust, err := json.Marshal(f.trust)
	if err != nil {
		t.Fatal(err)
	}
	// A letter for a letter, so that what is changed can still be read.
	other := func(c byte) byte {
		switch {
		case c == 'A', c == 'a', c == '1':
			return c + 1
		case 'A' < c && c <= 'Z':
			return 'A'
		case 'a' < c && c <= 'z':
			return 'a'
		case '0' <= c && c <= '9':
			return '1'
		default:
			return 'x'
		}
	}
	changed := func(b []byte, i int) []byte {
		out := bytes.Clone(b)
		out[i] = other(b[i])
		return out
	}
	steps := make(map[string]map[string]int)
	check := func(of string, i int, g file) {
		_, err := g.verify()
		step := stepOf(err)
		if step == "" || strings.HasPrefix(step, "no step") || strings.HasSuffix(step, "?") {
			t.Errorf("%s, byte %d: %v", of, i, err)
		}
		if steps[of] == nil {
			steps[of] = make(map[string]int)
		}
		steps[of][step]++
	}
	// Not every byte of the longer ones: that all steps are met is told below.
	for of, c := range map[string]struct {
		data  []byte
		every int
		with  func(*file, []byte)
	}{
		"receipt":  {f.receipt, 5, func(f *file, b []byte) { f.receipt = b }},
		"request":  {f.request, 1, func(f *file, b []byte) { f.request = b }},
		"evidence": {f.evidence, 37, func(f *file, b []byte) { f.evidence = b }},
	} {
		for i := 0; i < len(c.data); i += c.every {
			g := f
			c.with(&g, changed(c.data, i))
			check(of, i, g)
		}
	}
	for i := range trust {
		g := f
		if g.trust, err = verify.ParseTrust(changed(trust, i)); err != nil {
			continue // it is not even read
		}
		check("trust", i, g)
	}
	for of, want := range map[string][]string{
		"receipt": {"form", "key", "signature"}, "request": {"request"}, "evidence": {"evidence"}, "trust": {"evidence", "trust"},
	} {
		for _, step := range want {
			if steps[of][step] == 0 {
				t.Errorf("%s is refused at %v, never at %s", of, steps[of], step)
			}
		}
	}
}

func TestListsThatWereUsedAreNeededAndNoOthers(t *testing.T) {
	list := func(name, text string) *screening.List {
		l, err := screening.Parse(name, strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	denied := list("d", "# list: denied\n# version: 1\nSomebody\tid=duns:123456789\n")
	hit := list("h", "# list: hit\n# version: 2\nVaruna\tid="+rt.Varuna+"\n")
	const csl = "source,name,alt_names\nX,Somebody else,\n"
	asA, asB := list("a.csv", csl), list("b.csv", csl)
	w := &world{rt.New(t, func(c *registry.Config) { c.Screening = []*screening.List{denied, hit, asA} }), t}
	w.Clock.Add(time.Minute)
	f := w.filed(usual(""))
	for _, c := range []struct {
		name       string
		lists      []*screening.List
		step, says string
	}{
		{"none", nil, "lists?", `"denied", version "1"`},
		{"one of them", []*screening.List{denied, asA}, "lists?", `"hit", version "2", with the digest ` + hit.Digest()},
		{"all", []*screening.List{denied, hit, asA}, "", ""},
		{"all, in another order", []*screening.List{asA, hit, denied}, "", ""},
		{"one more", []*screening.List{denied, hit, asA, list("m", "# list: more\n# version: 1\nX\n")}, "lists", `not decided with the list "more"`},
		{"one twice", []*screening.List{denied, hit, asA, hit}, "lists", `not decided with the list "hit"`},
		{"under another name", []*screening.List{denied, hit, asB}, "lists", `is called "a.csv" in the receipt`},
		{"another version", []*screening.List{list("d", "# list: denied\n# version: 2\nX\n"), hit, asA}, "lists", "not decided with"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := f
			g.lists = c.lists
			wantStep(t, g, c.step, c.says)
		})
	}
	r, _ := f.verify()
	for _, s := range r.Steps {
		if s.Name == receipt.StepReplay && (s.Outcome != receipt.Unchecked || !strings.Contains(s.Why, "without the lists")) {
			t.Errorf("without its lists, it is decided again: %+v", s)
		}
	}
}

func TestAnExplainedDecisionIsExplainedAgain(t *testing.T) {
	w := newWorld(t)
	req := parsed(t, usual(""))
	s, err := w.DecideSigned(t.Context(), req, req.Times(w.Clock.Now()), true)
	if err != nil {
		t.Fatal(err)
	}
	if s.Decision.Explanation == nil {
		t.Fatal("it is not explained")
	}
	wantStep(t, file{receipt: s.Receipt, request: usual(""), evidence: s.Evidence, trust: w.Trust}, "", "")
}

// mirror is a cosigner that the trust root of mirrored lists.
func mirror(t testing.TB) *registry.Cosigner {
	t.Helper()
	skey, _, err := note.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{7}, 64)), "example.net/mirror")
	if err != nil {
		t.Fatal(err)
	}
	c, err := registry.NewCosigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// For whoever relies on a mirror, evidence may have stubs, and be compact: a receipt
// is of the file that was decided on.
func TestCompactEvidenceAndStubsAreSignedAsTheyAre(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.MustSubmit(rt.Approval(fmt.Sprintf("TEA-%d", i), rt.IN, rt.Halcyon, "US"))
	}
	w.Clock.Add(time.Minute)
	m := mirror(t)
	w.nextRoot(func(r *attest.Root) {
		r.Cosigners = append(r.Cosigners, attest.Cosigner{VKey: m.VKey(), Role: attest.Mirror})
	})
	tr, err := verify.TrustFor(w.Root().Statement(), "witness m "+m.VKey()+"\nquorum m\n", 24*time.Hour, verify.Insecure{})
	if err != nil {
		t.Fatal(err)
	}
	now := w.Clock.Now()
	req := parsed(t, usual(""))
	byMirror := func(evidence []byte) []byte {
		e, err := verify.Parse(evidence)
		if err != nil {
			t.Fatal(err)
		}
		e.Checkpoint = string(cosigned(t, []byte(e.Checkpoint), m, now))
		out, err := e.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	plain, err := w.Evidence(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	whole := byMirror(plain)
	compact, err := verify.Compact(whole, tr, req, req.Times(now))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(compact, []byte(`"stubs"`)) {
		t.Fatal("compact evidence has no stubs")
	}
	signed := func(evidence []byte) file {
		e, err := verify.Open(evidence, tr, now)
		if err != nil {
			t.Fatal(err)
		}
		d, err := decide(e, req, now)
		if err != nil {
			t.Fatal(err)
		}
		s, err := receipt.Sign(t.Context(), e, req, d, now, rt.Notary())
		if err != nil {
			t.Fatal(err)
		}
		return file{receipt: s, request: usual(""), evidence: evidence, trust: tr}
	}
	ofWhole, ofCompact := signed(whole), signed(compact)
	wantStep(t, ofWhole, "", "")
	wantStep(t, ofCompact, "", "")
	ofWhole.evidence, ofCompact.evidence = compact, whole
	wantStep(t, ofWhole, "evidence-digest", "is another file")
	wantStep(t, ofCompact, "evidence-digest", "is another file")
}

var refile = flag.Bool("refile", false, "file a receipt anew under testdata/filed; what was filed before is then no longer known to hold")

// What a company filed in January 2026 under the first release, and what the
// register said of the key five years later. The files are never made anew: where
// this test fails, receipts that companies hold would fail, too.
func TestAReceiptThatWasFiledStillHolds(t *testing.T) {
	dir := filepath.Join("testdata", "filed")
	if *refile {
		fileAway(t, dir)
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	tr, err := verify.ParseTrust(read("trust.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"receipt", "denied"} {
		f := file{receipt: read(name + ".jws"), request: read(name + ".request.json"), evidence: read("evidence.json"), trust: tr}
		r, err := f.verify()
		if err != nil {
			t.Fatal(err)
		}
		if want := map[string]policy.Result{"receipt": policy.PERMIT, "denied": policy.DENY}[name]; r.Receipt.Decision.Decision != want {
			t.Errorf("%s: %s", name, r.Receipt.Decision.Decision)
		}
		newer, err := verify.Open(read("five-years-later.json"), tr, rt.Start.AddDate(5, 0, 1))
		if err != nil {
			t.Fatal(err)
		}
		s, err := r.KeyIn(newer)
		if err != nil || s.Listed || !s.Compromised || s.RootVersion != 2 {
			t.Errorf("%+v, %v", s, err)
		}
	}
}

// fileAway files a receipt of a PERMIT and one of a DENY with its explanation.
func fileAway(t *testing.T, dir string) {
	w := newWorld(t)
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	trust, err := json.Marshal(w.Trust)
	if err != nil {
		t.Fatal(err)
	}
	write("trust.json", append(trust, '\n'))
	for name, request := range map[string][]byte{
		"receipt": usual(`"reference":"PO 4711",`),
		"denied":  bytes.Replace(usual(`"ledger":[{"date":"2026-01-02T00:00:00Z","amount":10,"currency":"USD"}],`), []byte("sea_trial"), []byte("resale"), 1),
	} {
		req := parsed(t, request)
		s, err := w.DecideSigned(t.Context(), req, req.Times(w.Clock.Now()), name == "denied")
		if err != nil {
			t.Fatal(err)
		}
		write(name+".jws", s.Receipt)
		write(name+".request.json", append(request, '\n'))
		write("evidence.json", s.Evidence)
	}
	w.Clock.Set(rt.Start.AddDate(5, 0, 0))
	w.nextRoot(func(r *attest.Root) {
		r.DecisionKeys = nil
		r.Authorities[0].Compromised = []attest.Compromised{{Kid: rt.Notary().Key().ID(), Since: 9}}
	})
	newer, err := w.EvidenceOf(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	write("five-years-later.json", newer)
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"receipt.jws", "denied.jws"} {
		b, err := os.ReadFile(filepath.Join("testdata", "filed", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(header(rt.Notary()), payload(f, b), string(b))
	}
	f.Add("", "", "..")
	f.Fuzz(func(t *testing.T, header, payload, token string) {
		for _, data := range [][]byte{[]byte(token), []byte(b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(payload)) + ".AA")} {
			u, err := receipt.Parse(data)
			if err != nil {
				continue
			}
			// What is read is all that there is: it is written to the same byte.
			sig := data[bytes.LastIndexByte(data, '.')+1:]
			again := says(t, data, func(*receipt.Receipt) {})
			if p := again[bytes.IndexByte(again, '.'):bytes.LastIndexByte(again, '.')]; !bytes.Contains(data, p) || len(sig) == 0 || len(u.Kid()) != 43 {
				t.Fatalf("%q is read otherwise", data)
			}
			if _, err := attest.Parse(data); err == nil {
				t.Fatal("it is a statement, too")
			}
		}
	})
}

// TestReceiptImportsNoNetwork keeps what an integrator embeds small.
func TestReceiptImportsNoNetwork(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	for _, dep := range strings.Fields(string(out)) {
		for _, bad := range []string{"net/http", "github.com/dgraph-io", "github.com/gorilla", "github.com/sigstore", "github.com/safeconduct/safeconduct/registry", "github.com/safeconduct/safeconduct/attest/signer"} {
			if dep == bad || strings.HasPrefix(dep, bad+"/") {
				t.Errorf("imports %s", dep)
			}
		}
	}
}
