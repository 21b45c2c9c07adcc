package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// An office has an authority's key, a map, and a register that runs.
type office struct {
	t   *testing.T
	dir string
	// url is the register's, behind what before does with each request, and behind
	// is it without.
	url    string
	behind string
	before atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
}

const workshopMap = `kind: registration
aud: example.org/register
iss: auth-in
series: REG
key: ${No}
backdated: The table is older than this register.
members:
  entity: in-auth:W-${No}
  legal_name: ${Name}
  country: IN
  nbf: {date: "${From}", format: YYYY-MM-DD, zone: Asia/Kolkata}
`

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, dir: t.TempDir()}
	o.must("keygen", "--out", o.file("root.key"))
	o.must("keygen", "--out", o.file("in.key"))
	o.must("root", "init", "--dir", o.file("reg"), "--origin", "example.org/register", "--officer", "alice="+o.file("root.key.pub.jwk"),
		"--authority", "auth-in=IN", "--authority-officer", "auth-in/bob="+o.file("in.key.pub.jwk"))
	o.must("root", "sign", o.file("reg/root.yaml"), "--key", o.file("root.key"), "--out", o.file("reg/root.jws"))
	o.write("map.yaml", workshopMap)
	addr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run(ctx, []string{"serve", "--dir", o.file("reg"), "--listen", addr}, &bytes.Buffer{}, &bytes.Buffer{})
	}()
	t.Cleanup(func() { stop(); <-ended })
	for range 400 {
		if resp, err := http.Get("http://" + addr + "/healthz"); err == nil {
			resp.Body.Close()
			break
		}
		time.Sleep(25 * time.Millisecond)
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: addr})
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := o.before.Load(); f != nil && (*f)(w, r) {
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	o.url, o.behind = s.URL, "http://"+addr
	return o
}

func (o *office) file(name string) string { return filepath.Join(o.dir, name) }

func (o *office) write(name, text string) {
	o.t.Helper()
	if err := os.WriteFile(o.file(name), []byte(text), 0o644); err != nil {
		o.t.Fatal(err)
	}
}

// must runs a command that has to succeed, and returns what it answers.
func (o *office) must(args ...string) string {
	o.t.Helper()
	code, out, errs := o.run(o.t.Context(), args...)
	if code != 0 {
		o.t.Fatalf("%v ended with %d: %s", args[0], code, errs)
	}
	return out
}

func (o *office) run(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(ctx, args, &out, &errs)
	return code, out.String(), errs.String()
}

// table writes a table of so many rows.
func (o *office) table(rows int) {
	o.t.Helper()
	var b strings.Builder
	b.WriteString("No,Name,From\n")
	for i := range rows {
		fmt.Fprintf(&b, "%d,\"Workshop, %d\",2026-01-05\n", i+1, i+1)
	}
	o.write("table.csv", b.String())
}

// command is the import of the table to the register.
func (o *office) command(more ...string) []string {
	return append([]string{"import", o.file("table.csv"), "--map", o.file("map.yaml"), "--key", o.file("in.key"), "--registry", o.url}, more...)
}

// posts has what is given done from the n-th submission on.
func (o *office) posts(n int64, then func(http.ResponseWriter, *http.Request) bool) {
	var seen atomic.Int64
	f := func(w http.ResponseWriter, r *http.Request) bool {
		return r.Method == http.MethodPost && r.URL.Path == "/v1/statements" && seen.Add(1) >= n && then(w, r)
	}
	o.before.Store(&f)
}

func has(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("want %q in:\n%s", w, text)
		}
	}
}

func TestAnInterruptedImportGoesOnWhereItStopped(t *testing.T) {
	o := newOffice(t)
	o.table(600)
	ctx, interrupt := context.WithCancel(t.Context())
	// Some of those under way are logged, and nobody has got the receipt.
	o.posts(300, func(http.ResponseWriter, *http.Request) bool { interrupt(); return false })
	code, out, errs := o.run(ctx, o.command()...)
	if code != 1 {
		t.Errorf("ended with %d", code)
	}
	has(t, errs, "interrupted: ", " of 600 logged", "run it again: it goes on where it stopped")
	has(t, out, "of 600 rows: 600 added")
	o.before.Store(nil)
	dry := o.must(o.command("--dry-run")...)
	if strings.Contains(dry, "600 added") || strings.Contains(dry, "600 unchanged") {
		t.Errorf("nothing or everything is logged: %s", dry[strings.LastIndex(dry, "of 600"):])
	}
	o.must(o.command()...)
	has(t, o.must(o.command()...), "of 600 rows: 600 unchanged", "nothing was to be done")
}

func TestAnImportIsInterruptedWhileItSigns(t *testing.T) {
	o := newOffice(t)
	o.table(3)
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	code, _, errs := o.run(ctx, "import", o.file("table.csv"), "--map", o.file("map.yaml"), "--key", o.file("in.key"), "--out", o.file("out"))
	if code != 1 {
		t.Errorf("ended with %d", code)
	}
	has(t, errs, "interrupted")
	has(t, o.must("import", o.file("table.csv"), "--map", o.file("map.yaml"), "--key", o.file("in.key"), "--out", o.file("out")), "3 signed")
	// One of them is lost, and is made again as it was.
	files, err := filepath.Glob(o.file("out/*.jws"))
	if err != nil || len(files) != 3 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	if err := os.Remove(files[1]); err != nil {
		t.Fatal(err)
	}
	has(t, o.must("import", o.file("table.csv"), "--map", o.file("map.yaml"), "--key", o.file("in.key"), "--out", o.file("out")), "of 3 rows: 1 added, 2 unchanged")
	if _, err := os.Stat(files[1]); err != nil {
		t.Error(err)
	}
}

func TestAServerThatGoesDownIsAskedAgainLater(t *testing.T) {
	o := newOffice(t)
	o.table(60)
	o.posts(20, func(w http.ResponseWriter, _ *http.Request) bool {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			conn.Close()
		}
		return true
	})
	code, _, errs := o.run(t.Context(), o.command()...)
	if code != 1 {
		t.Errorf("ended with %d", code)
	}
	has(t, errs, "19 of 60 statements logged", "no answer from the register", "it goes on where it stopped")
	o.before.Store(nil)
	// What was under way when the first gave up may still be logged.
	o.must(o.command()...)
	has(t, o.must(o.command()...), "60 unchanged")
}

func TestWhatIsLoggedLateIsNotRefused(t *testing.T) {
	o := newOffice(t)
	o.table(1)
	o.must("import", o.file("table.csv"), "--map", o.file("map.yaml"), "--key", o.file("in.key"), "--out", o.file("out"))
	files, err := filepath.Glob(o.file("out/REG.1.*.jws"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v: %v", files, err)
	}
	// What was signed a second ago arrives between the look at what stands and
	// the submission.
	time.Sleep(1100 * time.Millisecond)
	var once atomic.Bool
	o.posts(1, func(http.ResponseWriter, *http.Request) bool {
		if !once.Swap(true) {
			if code, _, errs := o.run(t.Context(), "submit", files[0], "--registry", o.url); code != 0 {
				t.Errorf("submit: %s", errs)
			}
		}
		return false
	})
	has(t, o.must(o.command()...), "1 added", "1 signed", "1 logged")
	has(t, o.must(o.command()...), "1 unchanged")
}

func TestABusyServerIsGivenTheTimeThatItAsksFor(t *testing.T) {
	o := newOffice(t)
	o.table(2)
	var refused atomic.Bool
	o.posts(1, func(w http.ResponseWriter, _ *http.Request) bool {
		if refused.Swap(true) {
			return false
		}
		w.Header().Set("Retry-After", "2")
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	began := time.Now()
	has(t, o.must(o.command()...), "2 logged")
	if took := time.Since(began); took < 2*time.Second || took > 20*time.Second {
		t.Errorf("took %v; the register asked for 2 s", took)
	}
}

func TestARowThatWouldBeRefusedIsNamedByLineAndColumn(t *testing.T) {
	o := newOffice(t)
	o.table(3)
	o.must(o.command()...)
	// Another table, of another series, of the same entities: an identifier that
	// the register knows for another entity.
	o.write("map.yaml", strings.NewReplacer("series: REG", "series: OTHER", "in-auth:W-", "in-auth:X-", "  country: IN", "  country: IN\n  identifiers: [\"in-auth:W-${No}\"]").Replace(workshopMap))
	for _, args := range [][]string{o.command("--dry-run"), o.command()} {
		code, _, errs := o.run(t.Context(), args...)
		if code != 1 {
			t.Errorf("%v: ended with %d", args, code)
		}
		has(t, errs, `table.csv:2:1: column 1 "No": identifiers/0: in-auth:W-1 stands for in-auth:W-1 already`, "table.csv:4:1: ", "nothing was imported")
	}
	has(t, o.must(o.command("--skip-bad")...), "of 3 rows: 3 left out", "nothing was to be done")
}

func TestWhatIsRefusedOfARowIsNamedByLineAndColumn(t *testing.T) {
	o := newOffice(t)
	o.table(3)
	o.write("other.yaml", "kind: registration\niss: auth-in\njti: OTHER\nentity: in-auth:Y-2\nidentifiers: [\"in-auth:W-2\"]\nlegal_name: Other\ncountry: IN\n"+
		"nbf: 2026-01-01T00:00:00Z\nretroactive: true\nretroactive_reason: It is older.\n")
	o.must("sign", o.file("other.yaml"), "--aud", "example.org/register", "--key", o.file("in.key"), "--out", o.file("other.jws"))
	// Somebody else registers it between the look at what stands and the submission.
	var once sync.Once
	o.posts(1, func(http.ResponseWriter, *http.Request) bool {
		once.Do(func() {
			if code, _, errs := o.run(t.Context(), "submit", o.file("other.jws"), "--registry", o.behind); code != 0 {
				t.Errorf("submit: %s", errs)
			}
		})
		return false
	})
	code, out, errs := o.run(t.Context(), o.command("--skip-bad")...)
	if code != 1 {
		t.Errorf("ended with %d", code)
	}
	has(t, out, `table.csv:3:1: column 1 "No": entity: in-auth:W-2 stands for in-auth:Y-2 already`, "2 logged")
	has(t, errs, "the register has refused a statement")
}

func TestWhatTheIssuerRevokedDoesNotComeBackByItself(t *testing.T) {
	o := newOffice(t)
	o.table(2)
	o.must(o.command("--out", o.file("out"))...)
	files, err := filepath.Glob(o.file("out/REG.1.*.jws"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v: %v", files, err)
	}
	jti := strings.TrimSuffix(filepath.Base(files[0]), ".jws")
	o.write("revoke.yaml", "kind: event\niss: auth-in\njti: REV-1\nentity: in-auth:W-1\non: registration\ntarget: "+jti+
		"\nevent: revoke\neffective_at: 2026-06-01T00:00:00Z\ncause: other\n")
	o.must("sign", o.file("revoke.yaml"), "--aud", "example.org/register", "--key", o.file("in.key"), "--out", o.file("revoke.jws"))
	o.must("submit", o.file("revoke.jws"), "--registry", o.url)
	has(t, o.must(o.command()...), "blocked  2     1", "revoke of "+jti+" by REV-1", "1 blocked, 1 unchanged", "nothing was to be done")
}

// A register that does not list an entity hides nothing of it from whoever asks
// about it.
func TestWhatARegisterDoesNotListIsCompared(t *testing.T) {
	o := newOffice(t)
	o.table(3)
	o.must(o.command()...)
	hide := func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/v1/entities" {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"entities":[]}`)
		return true
	}
	o.before.Store(&hide)
	has(t, o.must(o.command()...), "3 unchanged")
}

// After a theft a table is imported again by another key: what became void is
// made again.
func TestWhatBecameVoidIsImportedAgain(t *testing.T) {
	o := newOffice(t)
	o.table(2)
	o.must(o.command()...)
	var key struct {
		Kid string `json:"kid"`
	}
	if err := json.Unmarshal([]byte(o.must("key", "show", o.file("in.key"), "--json")), &key); err != nil {
		t.Fatal(err)
	}
	o.must("keygen", "--out", o.file("new.key"))
	o.must("root", "revoke-key", key.Kid, "--since", "2", "--registry", o.url, "--out", o.file("root-2.yaml"))
	draft, err := os.ReadFile(o.file("root-2.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	o.write("root-2.yaml", strings.Replace(string(draft), "    thresholds:", "          - new.key.pub.jwk\n    thresholds:", 1))
	o.must("root", "sign", o.file("root-2.yaml"), "--key", o.file("root.key"), "--out", o.file("root-2.jws"))
	o.must("submit", o.file("root-2.jws"), "--registry", o.url)
	again := []string{"import", o.file("table.csv"), "--map", o.file("map.yaml"), "--key", o.file("new.key"), "--registry", o.url}
	has(t, o.must(again...), "is void, and is made again", "2 added", "2 logged")
	has(t, o.must(again...), "2 unchanged")
}

// Of two who sign one file at once, one is told to sign again, or both have.
func TestTwoWhoSignAtOnceDoNotUndoEachOther(t *testing.T) {
	o := &office{t: t, dir: t.TempDir()}
	for _, name := range []string{"a", "b", "c"} {
		o.must("keygen", "--out", o.file(name+".key"))
	}
	o.write("e.yaml", "kind: event\niss: auth-in\njti: REV-1\nentity: in-auth:W-1\non: registration\ntarget: X-1\nevent: revoke\neffective_at: 2026-06-01T00:00:00Z\n")
	for range 20 {
		o.must("sign", o.file("e.yaml"), "--aud", "example.org/register", "--key", o.file("a.key"), "--out", o.file("e.jws"), "--force")
		var codes [2]int
		var both sync.WaitGroup
		for i, name := range []string{"b", "c"} {
			both.Go(func() {
				codes[i], _, _ = o.run(t.Context(), "sign", o.file("e.jws"), "--key", o.file(name+".key"), "--yes")
			})
		}
		both.Wait()
		signed, err := os.ReadFile(o.file("e.jws"))
		if err != nil {
			t.Fatal(err)
		}
		want := 1
		for _, c := range codes {
			if c == 0 {
				want++
			}
		}
		if got := bytes.Count(signed, []byte("\n")) + 1; got != want || want == 1 {
			t.Fatalf("ended with %v, and %d signatures are there", codes, got)
		}
	}
}

func TestTwoThousandRowsAreImportedInReasonableTime(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	o := newOffice(t)
	o.table(2000)
	began := time.Now()
	has(t, o.must(o.command()...), "2000 added", "2000 logged")
	logged := time.Since(began)
	has(t, o.must(o.command()...), "2000 unchanged")
	t.Logf("logged in %v, compared in %v", logged, time.Since(began)-logged)
	if logged > 2*time.Minute {
		t.Errorf("took %v", logged)
	}
}
