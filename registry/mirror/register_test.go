package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/mirror"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/registry/tlogtiles"
	"github.com/safeconduct/safeconduct/registry/witness"
	"github.com/safeconduct/safeconduct/verify"
)

// A register that runs: the real one, over loopback HTTP. What stands in
// published, where anything does, is published instead of its newest
// checkpoint.
type running struct {
	*registry.Registry
	url       string
	published atomic.Pointer[[]byte]
}

func run(t *testing.T, clock *registrytest.Clock) *running {
	t.Helper()
	reg, log, err := registrytest.Serve(t.TempDir(), clock.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reg.Init(t.Context(), root(t)); err != nil {
		t.Fatal(err)
	}
	r := &running{Registry: reg}
	api := httpapi.NewHandler(reg, httpapi.Options{Now: clock.Now})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if p := r.published.Load(); p != nil && req.URL.Path == "/checkpoint" {
			_, _ = w.Write(*p)
			return
		}
		api.ServeHTTP(w, req)
	}))
	t.Cleanup(func() {
		server.Close()
		if err := errors.Join(reg.Close(), log.Close()); err != nil {
			t.Error(err)
		}
	})
	r.url = server.URL
	return r
}

// submit logs statements as of now, and lets a second pass.
func (r *running) submit(t *testing.T, clock *registrytest.Clock, claims ...attest.Claims) {
	t.Helper()
	for _, c := range claims {
		if _, err := r.Submit(t.Context(), statement(t, c, clock.Now())); err != nil {
			t.Fatal(err)
		}
		clock.Add(time.Second)
	}
}

// hands what two authorities and a sandbox need for a PERMIT.
func approved() []attest.Claims {
	halcyon, varuna := registrytest.Halcyon, registrytest.Varuna
	return []attest.Claims{
		registrytest.Registration("reg-h", registrytest.US, halcyon, "US"),
		registrytest.Registration("reg-v", registrytest.IN, varuna, "IN"),
		registrytest.Approval("us-h", registrytest.US, halcyon, "US"),
		registrytest.Approval("us-v", registrytest.US, varuna, "IN"),
		registrytest.Approval("in-h", registrytest.IN, halcyon, "US"),
		registrytest.Approval("in-v", registrytest.IN, varuna, "IN"),
		registrytest.Domain("us-d", registrytest.US),
		registrytest.Domain("in-d", registrytest.IN),
	}
}

func request(t *testing.T, at time.Time) *policy.Request {
	t.Helper()
	r, err := policy.ParseRequest(fmt.Appendf(nil, `{"act":"export","destination_site":"VTZ-1","effective_at":%q,"end_use":"sea_trial",
		"item":{"entry":"5A001.b.1","list":"US_CCL"},"known_at":%q,"sandbox":%q,"transferee":%q,"transferor":%q}`,
		at.Format(time.RFC3339), at.Format(time.RFC3339), registrytest.Sandbox, registrytest.Varuna, registrytest.Halcyon))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The register, its mirror, and somebody who trusts neither by itself: a
// policy that asks for the mirror's word, and no insecure flag.
func TestAMirrorsCosignatureMakesEvidenceThatNeedsNoInsecureFlag(t *testing.T) {
	clock := registrytest.NewClock(registrytest.Start)
	reg := run(t, clock)
	clock.Add(time.Second)
	reg.submit(t, clock, approved()...)
	tr := trust(t, root(t))
	m, url, line := reg.mirrored(t, clock, tr)
	if got := m.Reader().Checkpoint(); string(got) != string(*reg.published.Load()) {
		t.Errorf("the mirror shows\n%s\nthe register has published\n%s", got, *reg.published.Load())
	}

	// The mirror's API answers as the register's, but takes no statement.
	for _, path := range []string{"/v1/entities", "/v1/sandboxes", "/v1/entities/" + registrytest.Varuna, "/v1/sandboxes/" + registrytest.Sandbox, "/v1/trust-root", "/checkpoint", "/log.vkey", "/tile/0/000.p/5", "/tile/entries/000.p/9"} {
		if diff := cmp.Diff(fetch(t, reg.url+path), fetch(t, url+path)); diff != "" {
			t.Errorf("GET %s differs (-register +mirror):\n%s", path, diff)
		}
	}

	req := request(t, clock.Now())
	d, evidence, err := m.Reader().Decide(t.Context(), req, req.Times(clock.Now()))
	if err != nil {
		t.Fatal(err)
	}
	if d.Decision != policy.PERMIT || len(d.Warnings) > 0 {
		t.Errorf("decides %s with the warnings %q for %v", d.Decision, d.Warnings, d.Reasons)
	}
	again, err := verify.Decide(evidence, tr, req, req.Times(clock.Now()))
	if err != nil {
		t.Fatal(err)
	}
	if again.Decision != policy.PERMIT || len(again.Warnings) > 0 {
		t.Errorf("offline it is %s with the warnings %q", again.Decision, again.Warnings)
	}
	// Without the mirror's line, the same evidence says nothing to him.
	bare := strings.ReplaceAll(string(evidence), strings.ReplaceAll(strings.TrimSuffix(string(line), "\n"), "\n", `\n`)+`\n`, "")
	if bare == string(evidence) {
		t.Fatal("the mirror's line is not in the evidence")
	}
	if e, ok := errors.AsType[*verify.Error](second(verify.Decide([]byte(bare), tr, req, req.Times(clock.Now())))); !ok || e.Step != verify.StepQuorum {
		t.Errorf("without the mirror's line: %v", e)
	}
}

// mirrored starts a mirror of what is logged, has it cosign that, and publishes its
// line. It returns the mirror, where it is served, and the line.
func (r *running) mirrored(t *testing.T, clock *registrytest.Clock, tr *verify.Trust) (m *mirror.Mirror, url string, line []byte) {
	t.Helper()
	m, err := mirror.Open(mirror.Config{
		Dir: t.TempDir(), Register: &tlogtiles.Client{BaseURL: r.url}, Trust: tr, Cosigner: cosigner(t), Now: clock.Now, Wait: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	if err := m.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(served(m, clock.Now))
	t.Cleanup(api.Close)
	// The register asks it as it asks any witness, which corrects what it thinks
	// of it.
	w, err := witness.New("mirror", cosigner(t).VKey(), api.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed := r.Checkpoint()
	cosigned, err := w.AddCheckpoint(t.Context(), 2, signed, func(old int64) (tlog.TreeProof, error) { return tlog.ProveTree(r.Size(), old, r) })
	if err != nil {
		t.Fatal(err)
	}
	published, err := verify.MergeCheckpoint(signed, cosigned.Line)
	if err != nil {
		t.Fatal(err)
	}
	r.published.Store(&published)
	if err := m.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m, api.URL, cosigned.Line
}

// Who relies on a mirror decides on all that is logged, as long as evidence has room
// for it, and then on what the decision rests on.
func TestStubsStandOnlyWhereEvidenceHasNoRoom(t *testing.T) {
	clock := registrytest.NewClock(registrytest.Start)
	reg := run(t, clock)
	clock.Add(time.Second)
	reg.submit(t, clock, approved()...)
	// A statement of more than 50 KiB that the decision does not rest on.
	large := func(jti string) attest.Claims {
		a := registrytest.Approval(jti, registrytest.IN, registrytest.Halcyon, "US")
		a.Programme = "OTHER"
		for i := range 40 {
			a.ApprovedSites = append(a.ApprovedSites, attest.Site{ID: fmt.Sprintf("S-%02d", i), Address: strings.Repeat("a long road ", 80), Country: "US"})
		}
		return a
	}
	tr := trust(t, root(t))
	stubs := func(m *mirror.Mirror, want policy.Result) (n int) {
		t.Helper()
		for i := range 2 {
			req := request(t, clock.Now())
			d, evidence, err := m.Reader().Decide(t.Context(), req, req.Times(clock.Now()))
			if err != nil {
				t.Fatal(err)
			}
			again, err := verify.Decide(evidence, tr, req, req.Times(clock.Now()))
			if err != nil {
				t.Fatal(err)
			}
			if same, err := d.Same(again); !same || err != nil || d.Decision != want {
				t.Errorf("time %d: decides %s for %v, and on its evidence %s; want %s twice", i+1, d.Decision, d.Codes(), again.Decision, want)
			}
			e, err := verify.Parse(evidence)
			if err != nil {
				t.Fatal(err)
			}
			n = 0
			for _, h := range e.Histories {
				n += len(h.Stubs)
			}
		}
		return n
	}
	reg.submit(t, clock, large("large-0"))
	m, _, _ := reg.mirrored(t, clock, tr)
	if n := stubs(m, policy.PERMIT); n != 0 {
		t.Errorf("%d stubs where there is room", n)
	}
	for i := range 90 {
		reg.submit(t, clock, large(fmt.Sprintf("large-%d", i+1)))
	}
	if m, _, _ = reg.mirrored(t, clock, tr); stubs(m, policy.PERMIT) == 0 {
		t.Error("no stubs in evidence that has no room for all")
	}
}

func second(_ *policy.Decision, err error) error { return err }

func fetch(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.Status + "\n" + string(b)
}

func TestAuditSaysWhatIsThere(t *testing.T) {
	clock := registrytest.NewClock(registrytest.Start)
	reg := run(t, clock)
	clock.Add(time.Second)
	reg.submit(t, clock, approved()...)
	if err := reg.Cosign(t.Context()); err != nil {
		t.Fatal(err)
	}
	progress := int64(0)
	s, err := mirror.Audit(t.Context(), &tlogtiles.Client{BaseURL: reg.url}, trust(t, root(t)), mirror.AuditOptions{
		Now: clock.Now, Progress: func(size, _ int64) { progress = size },
	})
	if err != nil {
		t.Fatal(err)
	}
	tree, err := tlog.TreeHash(s.Size, reg)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := reg.Leaf(s.Size - 1)
	if err != nil {
		t.Fatal(err)
	}
	status, err := verify.ParseStatusLeaf(leaf)
	if err != nil {
		t.Fatal(err)
	}
	want := &mirror.Summary{
		Origin: registrytest.Origin, Pinned: true, Size: 18, Batches: 9, Statements: 9,
		Kinds:    map[attest.Kind]int64{attest.KindRoot: 1, attest.KindRegistration: 2, attest.KindEntityApproval: 4, attest.KindDomainApproval: 2},
		Entities: 2, Sandboxes: 1, Authorities: []string{registrytest.IN, registrytest.US}, Root: 1, Roots: 1,
		First: registrytest.Start, Last: status.Time, TreeHash: tree.String(), MapRoot: fmt.Sprintf("%x", status.MapRoot),
		Checkpoint: string(reg.Checkpoint()),
		Cosigned:   []mirror.Cosignature{{Name: registrytest.Cosigner().Name(), Role: attest.Witness, Operator: true, Time: clock.Now()}},
		Took:       s.Took,
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	if s.Took <= 0 || progress != s.Size {
		t.Errorf("took %s, told of %d leaves", s.Took, progress)
	}
}

func TestAuditOfAStoreAndWithoutATrust(t *testing.T) {
	reg := registrytest.New(t)
	reg.Clock.Add(time.Second)
	reg.MustSubmit(registrytest.Registration("reg-h", registrytest.US, registrytest.Halcyon, "US"))
	reg.Stop()
	log, err := badgerlog.Open(filepath.Join(reg.Dir, "log"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s, err := mirror.Audit(t.Context(), mirror.FromStore(log), nil, mirror.AuditOptions{Now: reg.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	if s.Pinned || s.Size != 4 || s.Origin != registrytest.Origin {
		t.Errorf("it says %+v", s)
	}
}

func TestAuditSaysWhatIsWrong(t *testing.T) {
	l := newLiar(t)
	l.batch(registrytest.Start, lie{}, root(t))
	at := registrytest.Start.Add(time.Second)
	l.batch(at, lie{omit: true}, statement(t, registrytest.Registration("reg-1", registrytest.US, registrytest.Halcyon, "US"), at))
	server := httptest.NewServer(l)
	defer server.Close()
	_, err := mirror.Audit(t.Context(), &tlogtiles.Client{BaseURL: server.URL}, nil, mirror.AuditOptions{Now: registrytest.NewClock(at).Now})
	d, ok := errors.AsType[*registry.Divergence](err)
	if !ok || d.Kind != registry.Dropped || d.Index != 2 {
		t.Fatalf("it says %v", err)
	}
	r := mirror.NewReport(registrytest.Origin, d, at, 0)
	if !strings.Contains(r.Text(), "left a logged statement out of the status map") {
		t.Errorf("the text:\n%s", r.Text())
	}
}

// The child of TestAKilledMirrorGoesOnWhereItWas, in a process of its own.
const childEnv = "MIRROR_TEST_CHILD"

func TestMain(m *testing.M) {
	if url, ok := strings.CutPrefix(os.Getenv(childEnv), "url="); ok {
		child(url, os.Getenv(childEnv+"_DIR"))
		return
	}
	os.Exit(m.Run())
}

func child(url, dir string) {
	data, err := os.ReadFile(filepath.Join(dir, "trust.json"))
	if err != nil {
		panic(err)
	}
	tr, err := verify.ParseTrust(data)
	if err != nil {
		panic(err)
	}
	m, err := mirror.Open(mirror.Config{
		Dir: dir, Register: &tlogtiles.Client{BaseURL: url}, Trust: tr, Now: registrytest.NewClock(registrytest.Start.Add(time.Hour)).Now,
		Progress: func(size, _ int64) { fmt.Println(size) },
	})
	if err != nil {
		panic(err)
	}
	panic(m.Follow(context.Background()))
}

func TestAKilledMirrorGoesOnWhereItWas(t *testing.T) {
	if testing.Short() {
		t.Skip("signs thousands of statements")
	}
	l := newLiar(t)
	at := registrytest.Start
	l.batch(at, lie{}, root(t))
	for b := range 24 {
		at = at.Add(time.Second)
		var sts [][]byte
		for i := range 250 {
			st := registrytest.Approval(fmt.Sprintf("a-%d-%d", b, i), registrytest.IN, registrytest.Halcyon, "US")
			st.Sub = attest.ApprovalSubject(fmt.Sprintf("in-own:E%d-%d", b, i), registrytest.IN)
			sts = append(sts, statement(t, st, at))
		}
		l.batch(at, lie{}, sts...)
	}
	// The last leaves are not given out before the child is dead.
	killed := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/tile/entries/022") || strings.HasPrefix(r.URL.Path, "/tile/entries/023") {
			select {
			case <-killed:
			case <-r.Context().Done():
				return
			}
		}
		l.ServeHTTP(w, r)
	}))
	defer server.Close()
	dir := t.TempDir()
	tr := trust(t, root(t))
	data, err := tr.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "trust.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childEnv+"=url="+server.URL, childEnv+"_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var done int64
	if _, err := fmt.Fscan(out, &done); err != nil {
		t.Fatalf("the child says nothing: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	close(killed)
	l.asks()
	m, err := mirror.Open(mirror.Config{
		Dir: dir, Register: &tlogtiles.Client{BaseURL: server.URL}, Trust: tr, Now: registrytest.NewClock(at).Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	held := m.Reader().Size()
	if held < done || held >= l.size() {
		t.Fatalf("holds %d of %d leaves; %d were done when it was killed", held, l.size(), done)
	}
	if err := m.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m.Reader().Size() != l.size() {
		t.Errorf("holds %d of %d leaves", m.Reader().Size(), l.size())
	}
	for _, path := range l.asks() {
		rest, ok := strings.CutPrefix(path, "tile/entries/")
		if !ok {
			continue
		}
		rest, _, _ = strings.Cut(rest, ".p/")
		n, err := strconv.ParseInt(strings.ReplaceAll(strings.ReplaceAll(rest, "x", ""), "/", ""), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if (n+1)*tlogtiles.Width <= held {
			t.Errorf("%s is fetched again; %d leaves were held", path, held)
		}
	}
}

func TestAReportSaysWhoCanCheckIt(t *testing.T) {
	for _, tt := range []struct {
		d    registry.Divergence
		says string
	}{
		{registry.Divergence{Kind: registry.Fork}, "anybody"},
		{registry.Divergence{Kind: registry.Backdated}, "anybody with the register's log key can check it"},
		{registry.Divergence{Kind: registry.Backdated, Cosigned: []byte("checkpoint")}, "the mirror's word"},
		{registry.Divergence{Kind: registry.Postdated}, "the word of who"},
		{registry.Divergence{Kind: registry.Rewind}, "no contradiction"},
	} {
		r := mirror.NewReport(registrytest.Origin, &tt.d, registrytest.Start, 0)
		if !strings.Contains(r.Shows(), tt.says) {
			t.Errorf("of %s it says %q, want %q", tt.d.Kind, r.Shows(), tt.says)
		}
		if text := r.Text(); strings.Contains(text, "0 leaves") {
			t.Errorf("of an audit it says: %s", text)
		}
	}
}
