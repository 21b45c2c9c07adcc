package httpapi_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

const (
	jose    = "application/jose"
	jsonDoc = "application/json"

	jsonLines = "application/jsonl"
)

// server is a register of a test behind its API on a loopback port.
type server struct {
	t *testing.T
	*registrytest.Register
	url string
}

func newServer(t *testing.T) *server {
	t.Helper()
	reg := registrytest.New(t)
	return &server{t, reg, listen(t, reg, httpapi.Options{Now: reg.Clock.Now})}
}

func listen(t *testing.T, reg httpapi.Reader, o httpapi.Options) (url string) {
	t.Helper()
	s := httptest.NewServer(httpapi.NewHandler(reg, o))
	t.Cleanup(s.Close)
	return s.URL
}

// reply is an answer that has been read.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func do(t *testing.T, method, url, contentType, body string, header ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	noRedirect := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := noRedirect.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := reply{resp.StatusCode, resp.Header, b}
	conforms(t, req, body, got)
	return got
}

func (s *server) get(path string) reply { return do(s.t, http.MethodGet, s.url+path, "", "") }

func (s *server) post(path, contentType, body string) reply {
	return do(s.t, http.MethodPost, s.url+path, contentType, body)
}

// size is that of the log.
func (s *server) size() int64 {
	s.t.Helper()
	cp, err := verify.ParseCheckpoint(s.Checkpoint())
	n := cp.Tree.N
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// decode reads the body of a 200.
func decode[T any](t *testing.T, r reply) (v T) {
	t.Helper()
	if r.status != http.StatusOK {
		t.Fatalf("status %d, want 200: %s", r.status, r.body)
	}
	if err := json.Unmarshal(r.body, &v); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	return v
}

type receipt struct {
	Index      int64
	Time       string
	LeafHash   tlog.Hash `json:"leaf_hash"`
	Size       int64
	Proof      []tlog.Hash
	Checkpoint string
}

type problem struct {
	Type, Title, Detail, Step, Instance string
	Status                              int
	Problems                            []struct{ Pointer, Message string }
}

// refused reads a problem and checks what all of them have in common.
func refused(t *testing.T, r reply, status int, kind string) problem {
	t.Helper()
	if r.status != status {
		t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	if got := r.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q, want application/problem+json", got)
	}
	secured(t, r)
	var p problem
	if err := json.Unmarshal(r.body, &p); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	if want := "urn:safeconduct:problem:" + kind; p.Type != want || p.Status != status || p.Title == "" || p.Detail == "" {
		t.Errorf("problem is %s\nwant type %s, status %d, a title and a detail", r.body, want, status)
	}
	return p
}

func secured(t *testing.T, r reply) {
	t.Helper()
	if got := r.header.Get("X-Content-Type-Options"); got != "nosniff" {
		t.Errorf("X-Content-Type-Options %q, want nosniff", got)
	}
	if got := r.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q, want no-store", got)
	}
}

// names reports whether the problem names the member at pointer.
func (p problem) names(pointer string) bool {
	return slices.ContainsFunc(p.Problems, func(m struct{ Pointer, Message string }) bool {
		return m.Pointer == pointer && m.Message != ""
	})
}

// forgery is a statement made by hand.
type forgery struct {
	alg, typ string
	// header is the protected header with the words ALG, KID and TYP.
	header  string
	payload string
	signers []string
}

// forge signs the claims with everything in its place, but for what change
// does; the claims are not checked.
func (s *server) forge(c attest.Claims, typ string, change func(*forgery)) string {
	s.t.Helper()
	h := c.Head()
	if h.Aud == "" {
		h.Aud = registrytest.Origin
	}
	if h.IAT == 0 {
		h.IAT = attest.NumericDate(s.Clock.Now().Unix())
	}
	data, err := json.Marshal(c)
	if err == nil {
		data, err = attest.Canonical(data)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	f := &forgery{"EdDSA", typ, `{"alg":"ALG","kid":"KID","typ":"TYP"}`, string(data), nil}
	f.signers = map[string][]string{registrytest.US: {"us-1", "us-2"}, registrytest.IN: {"in-1"}}[h.Iss]
	if change != nil {
		change(f)
	}
	return strings.Join(s.lines(f), "\n")
}

// lines returns the signatures, ascending by kid.
func (s *server) lines(f *forgery) []string {
	s.t.Helper()
	slices.SortFunc(f.signers, func(a, b string) int {
		return strings.Compare(registrytest.SignerNamed(a).Key().ID(), registrytest.SignerNamed(b).Key().ID())
	})
	enc := base64.RawURLEncoding
	var out []string
	for _, name := range f.signers {
		signer := registrytest.SignerNamed(name)
		head := strings.NewReplacer("ALG", f.alg, "KID", signer.Key().ID(), "TYP", f.typ).Replace(f.header)
		input := enc.EncodeToString([]byte(head)) + "." + enc.EncodeToString([]byte(f.payload))
		sig, err := signer.Sign(s.t.Context(), []byte(input))
		if err != nil {
			s.t.Fatal(err)
		}
		out = append(out, input+"."+enc.EncodeToString(sig))
	}
	return out
}
