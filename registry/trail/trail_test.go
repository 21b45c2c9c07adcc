package trail_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/registry/tlogtiles"
	"github.com/safeconduct/safeconduct/registry/trail"
	"github.com/safeconduct/safeconduct/verify"
)

// served is a register over HTTP; change may alter its answers.
func served(t *testing.T, reg *rt.Register, change func(path string, body []byte) []byte) *tlogtiles.Client {
	t.Helper()
	api := httpapi.NewHandler(reg, httpapi.Options{Now: reg.Clock.Now})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if change == nil {
			api.ServeHTTP(w, r)
			return
		}
		r.Header.Del("Accept-Encoding")
		a := httptest.NewRecorder()
		api.ServeHTTP(a, r)
		w.Header().Set("Content-Type", a.Header().Get("Content-Type"))
		w.WriteHeader(a.Code)
		_, _ = w.Write(change(r.URL.Path, a.Body.Bytes()))
	}))
	t.Cleanup(s.Close)
	return &tlogtiles.Client{BaseURL: s.URL}
}

// opened is checked evidence of the trust roots.
func opened(t *testing.T, reg *rt.Register) *verify.Opened {
	t.Helper()
	reg.Clock.Add(time.Minute)
	data, err := reg.EvidenceOf(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := verify.Open(data, reg.Trust, reg.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// many logs approvals that have some thousand bytes each.
func many(t *testing.T, reg *rt.Register, n, size int) {
	t.Helper()
	done := make(chan error, n)
	for i := range n {
		c := rt.Approval(fmt.Sprintf("TEA-%d", i), rt.IN, fmt.Sprintf("us-own:A-%d", i), "AU")
		c.LegalBasis = strings.Repeat("x", size)
		data := reg.Sign(c)
		go func() {
			_, err := reg.Submit(t.Context(), data)
			done <- err
		}()
	}
	var failed error
	for range n {
		failed = errors.Join(failed, <-done)
	}
	if failed != nil {
		t.Fatal(failed)
	}
}

func TestAllStatementsOfALogAreRead(t *testing.T) {
	reg := rt.New(t)
	many(t, reg, 600, 10)
	receipt := reg.MustSubmit(rt.Domain("PDA-1", rt.US))
	e := opened(t, reg)
	client := served(t, reg, nil)
	for _, from := range []int64{0, 1, 255, 256, 257, receipt.Index, e.Tree().N - 1, e.Tree().N} {
		var want, got []int64
		for i := from; i < e.Tree().N; i++ {
			leaf, err := reg.Leaf(i)
			if err != nil {
				t.Fatal(err)
			}
			if !verify.IsStatusLeaf(leaf) {
				want = append(want, i)
			}
		}
		var last policy.Recorded
		for r, err := range trail.Statements(t.Context(), client, e, from) {
			if err != nil {
				t.Fatal(err)
			}
			got, last = append(got, r.Index), r
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("from %d (-want +got):\n%s", from, diff)
		}
		if len(got) > 0 && (!last.Time.Equal(receipt.Time) || last.Index != receipt.Index) {
			t.Errorf("the last is at %d, of %v", last.Index, last.Time)
		}
	}
	for _, err := range trail.Statements(t.Context(), client, e, e.Tree().N+1) {
		if err == nil {
			t.Error("statements behind the end are read")
		}
	}
	for range trail.Statements(t.Context(), client, e, 0) {
		break
	}
}

func TestALeafThatWasChangedIsNotRead(t *testing.T) {
	reg := rt.New(t)
	many(t, reg, 300, 10)
	reg.MustSubmit(rt.Domain("PDA-1", rt.US))
	e := opened(t, reg)
	for name, change := range map[string]func(path string, body []byte) []byte{
		"a statement": func(path string, body []byte) []byte {
			if strings.HasPrefix(path, "/tile/entries/000") {
				return bytes.Replace(body, []byte("."), []byte("-"), 1)
			}
			return body
		},
		"a hash": func(path string, body []byte) []byte {
			if strings.HasPrefix(path, "/tile/0/000") {
				body = bytes.Clone(body)
				body[40] ^= 1
			}
			return body
		},
	} {
		t.Run(name, func(t *testing.T) {
			var failed error
			for r, err := range trail.Statements(t.Context(), served(t, reg, change), e, 0) {
				if err == nil {
					t.Errorf("the statement at index %d is yielded", r.Index)
				}
				failed = err
			}
			if failed == nil {
				t.Error("no error")
			}
		})
	}
}

// What is written is not kept, so that an export takes no more memory for a
// longer log.
func TestAnExportIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("logs a few thousand statements")
	}
	reg := rt.New(t)
	const n = 3000
	many(t, reg, n, 100)
	e := opened(t, reg)
	w, err := trail.NewCSV(io.Discard, trail.About{Register: rt.Origin, Size: e.Tree().N, Proof: trail.Proven})
	if err != nil {
		t.Fatal(err)
	}
	var live atomic.Int64
	gone := func() bool {
		for range 200 {
			runtime.GC()
			if live.Load() <= 2 {
				return true
			}
			time.Sleep(10 * time.Millisecond)
		}
		return false
	}
	start := time.Now()
	written := 0
	for r, err := range trail.Statements(t.Context(), served(t, reg, nil), e, 1) {
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(trail.NewRecord(r)); err != nil {
			t.Fatal(err)
		}
		live.Add(1)
		runtime.AddCleanup(r.Statement, func(int) { live.Add(-1) }, 0)
		if written++; written%1000 == 0 && !gone() {
			t.Errorf("of %d statements %d are kept", written, live.Load())
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if written != n {
		t.Errorf("%d statements are written, want %d", written, n)
	}
	t.Logf("%d statements in %v", written, time.Since(start))
}

func recorded(t *testing.T, c attest.Claims) policy.Recorded {
	t.Helper()
	root, err := attest.OpenRoot(must(rt.Sign(rt.Root(rt.Start))), nil)
	if err != nil {
		t.Fatal(err)
	}
	h := c.Head()
	h.Aud, h.IAT = rt.Origin, attest.NumericDate(rt.Start.Unix())
	st, err := attest.Open(must(rt.Sign(c)), root.TrustRoot())
	if err != nil {
		t.Fatal(err)
	}
	return policy.Recorded{Index: 7, Time: rt.Start, Statement: st}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// TestNoCellIsAFormula: 58, names that a spreadsheet would compute.
func TestNoCellIsAFormula(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "a": "a", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1",
		"a=1": "a=1", "'s-Gravenhage": "'s-Gravenhage", "é": "é", " =1": " =1",
	} {
		if got := trail.Cell(in); got != want {
			t.Errorf("Cell(%q) = %q, want %q", in, got, want)
		}
	}
	// Whatever an authority writes, in whatever member.
	ev := rt.Event("-1", rt.US, attest.ApprovalSubject(rt.Varuna, rt.US), "-TEA", attest.Revoke, rt.Start)
	ev.CauseText, ev.LegalBasis = `=HYPERLINK("http://x","y")`, "@a,\"b\""
	ev.Publication = &attest.Publication{Citation: "+cmd|' /C calc'!A0", URL: "-2+3"}
	reg := rt.Registration("R-1", rt.IN, rt.Varuna, "IN")
	reg.LegalName = "=1+1"
	var out bytes.Buffer
	w, err := trail.NewCSV(&out, trail.About{Register: rt.Origin, Size: 9, Proof: trail.Word})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []attest.Claims{ev, reg} {
		if err := w.Write(trail.NewRecord(recorded(t, c))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "\r\n") {
		t.Error("lines do not end as RFC 4180 has it")
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 3 {
		t.Fatalf("%d rows", len(rows))
	}
	if diff := cmp.Diff(trail.Columns, rows[0]); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	for _, row := range rows[1:] {
		for i, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
				t.Errorf("%s is %q", trail.Columns[i], cell)
			}
		}
	}
	if got := rows[1][17]; got != `'=HYPERLINK("http://x","y")` {
		t.Errorf("cause_text is %q", got)
	}
}

func TestAJSONExportIsOneDocumentThatEnds(t *testing.T) {
	r := recorded(t, rt.Registration("R-1", rt.IN, rt.Varuna, "IN"))
	for _, n := range []int{0, 1, 3} {
		var out bytes.Buffer
		w, err := trail.NewJSON(&out, trail.About{Register: rt.Origin, Size: 9, Proof: trail.Proven, Warnings: []string{"w"}})
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			if err := w.Write(trail.NewRecord(r)); err != nil {
				t.Fatal(err)
			}
		}
		if json.Valid(out.Bytes()) {
			t.Error("it is a document before it ends")
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Register, Proof string
			Statements      []struct {
				JTI      string
				SignedBy []string `json:"signed_by"`
				From     time.Time
			}
		}
		if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
			t.Fatalf("%v in %s", err, out.Bytes())
		}
		if doc.Register != rt.Origin || doc.Proof != trail.Proven || len(doc.Statements) != n {
			t.Errorf("document %+v", doc)
		}
		for _, s := range doc.Statements {
			if s.JTI != "R-1" || !s.From.Equal(rt.Start) || len(s.SignedBy) != 1 || s.SignedBy[0] != "in-1" {
				t.Errorf("statement %+v", s)
			}
		}
	}
}
