package registrytest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
)

// A Witness is one that follows C2SP tlog-witness, over loopback HTTP. It
// trusts the register's log key, and keeps in a file what it has cosigned
// before it answers.
type Witness struct {
	// Name is its name in policies, VKey its verifier key.
	Name, VKey string
	// URL is its submission prefix. It stays over Stop and Start.
	URL string

	t        testing.TB
	key      *registry.Cosigner
	file     string
	server   *httptest.Server
	mu       sync.Mutex
	now      func() time.Time
	instead  http.HandlerFunc
	before   func()
	requests int
}

// NewWitness starts a witness with the fixed key of its name; it is stopped
// when the test ends. It dates cosignatures by the clock given.
func NewWitness(t testing.TB, name string, now func() time.Time) *Witness {
	t.Helper()
	skey, _ := noteKey("witness.example/"+name, "witness/"+name)
	key, err := registry.NewCosigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	w := &Witness{Name: name, VKey: key.VKey(), t: t, key: key, file: filepath.Join(t.TempDir(), "held.json"), now: now}
	w.serve("127.0.0.1:0")
	t.Cleanup(w.Stop)
	return w
}

func (w *Witness) serve(address string) {
	w.t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		w.t.Fatal(err)
	}
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(w.serveHTTP))
	if err := w.server.Listener.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.server.Listener = l
	w.server.Start()
	w.URL = w.server.URL + "/submit"
}

// Stop ends the witness; what it asks for is refused from then on.
func (w *Witness) Stop() {
	if w.server != nil {
		w.server.CloseClientConnections()
		w.server.Close()
		w.server = nil
	}
}

// Start starts it again where it was, with what it has kept.
func (w *Witness) Start() {
	w.t.Helper()
	w.serve(w.URL[len("http://") : len(w.URL)-len("/submit")])
}

// Now sets its clock.
func (w *Witness) Now(now func() time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = now
}

// Answer has every request answered so instead; nil ends that.
func (w *Witness) Answer(instead http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.instead = instead
}

// Before has every request wait for what is given before it is looked at.
func (w *Witness) Before(before func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before = before
}

// Requests is how many it has got.
func (w *Witness) Requests() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.requests
}

// Cosign returns a line of the witness over a signed checkpoint.
func (w *Witness) Cosign(signed []byte, at time.Time) []byte {
	w.t.Helper()
	line, err := w.key.Cosign(signed, at)
	if err != nil {
		w.t.Fatal(err)
	}
	return line
}

// Hold has it hold a tree, as if it had cosigned that.
func (w *Witness) Hold(tree tlog.Tree) {
	w.t.Helper()
	if err := w.keep(tree); err != nil {
		w.t.Fatal(err)
	}
}

// Held is the tree that it cosigned last.
func (w *Witness) Held() tlog.Tree {
	w.t.Helper()
	tree, err := w.held()
	if err != nil {
		w.t.Fatal(err)
	}
	return tree
}

func (w *Witness) held() (tree tlog.Tree, err error) {
	data, err := os.ReadFile(w.file)
	if errors.Is(err, os.ErrNotExist) {
		return tlog.Tree{}, nil
	}
	if err != nil {
		return tree, err
	}
	return tree, json.Unmarshal(data, &tree)
}

func (w *Witness) keep(tree tlog.Tree) error {
	data, err := json.Marshal(tree)
	if err != nil {
		return err
	}
	if err := os.WriteFile(w.file+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(w.file+".new", w.file)
}

func (w *Witness) serveHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	w.requests++
	instead, before := w.instead, w.before
	w.mu.Unlock()
	if before != nil {
		before()
	}
	if instead != nil {
		instead(rw, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/submit/add-checkpoint" {
		http.Error(rw, "POST /submit/add-checkpoint", http.StatusNotFound)
		return
	}
	status, answer := w.addCheckpoint(body)
	if status == http.StatusConflict {
		rw.Header().Set("Content-Type", "text/x.tlog.size")
	}
	rw.WriteHeader(status)
	_, _ = rw.Write(answer)
}

// addCheckpoint makes every check of C2SP tlog-witness, in the order there.
func (w *Witness) addCheckpoint(body []byte) (status int, answer []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	head, signed, ok := bytes.Cut(body, []byte("\n\n"))
	lines := bytes.Split(head, []byte("\n"))
	old, err := verify.ParseSize(string(bytes.TrimPrefix(lines[0], []byte("old "))))
	if !ok || err != nil || !bytes.HasPrefix(lines[0], []byte("old ")) || len(lines) > 64 {
		return http.StatusBadRequest, []byte("malformed request\n")
	}
	var proof tlog.TreeProof
	for _, l := range lines[1:] {
		b, err := base64.StdEncoding.Strict().DecodeString(string(l))
		if err != nil || len(b) != tlog.HashSize {
			return http.StatusBadRequest, []byte("malformed proof\n")
		}
		proof = append(proof, tlog.Hash(b))
	}
	c, err := verify.ParseCheckpoint(signed)
	if err != nil {
		return http.StatusBadRequest, []byte(err.Error())
	}
	if c.Origin != Origin {
		return http.StatusNotFound, []byte("unknown origin\n")
	}
	_, vkey := LogSigner()
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return http.StatusInternalServerError, nil
	}
	if _, err := note.Open(signed, note.VerifierList(v)); err != nil {
		return http.StatusForbidden, []byte(err.Error())
	}
	held, err := w.held()
	if err != nil {
		return http.StatusInternalServerError, []byte(err.Error())
	}
	switch {
	case old > c.Tree.N:
		return http.StatusBadRequest, []byte("old is larger\n")
	case old != held.N, held.N == c.Tree.N && held.N > 0 && held.Hash != c.Tree.Hash:
		return http.StatusConflict, fmt.Appendf(nil, "%d\n", held.N)
	case (old == 0 || old == c.Tree.N) && len(proof) > 0:
		return http.StatusUnprocessableEntity, []byte("a proof where none is due\n")
	case old > 0 && old < c.Tree.N && tlog.CheckTree(proof, c.Tree.N, c.Tree.Hash, held.N, held.Hash) != nil:
		return http.StatusUnprocessableEntity, []byte("the proof does not hold\n")
	}
	if err := w.keep(c.Tree); err != nil {
		return http.StatusInternalServerError, []byte(err.Error())
	}
	line, err := w.key.Cosign(signed, w.now())
	if err != nil {
		return http.StatusInternalServerError, []byte(err.Error())
	}
	return http.StatusOK, line
}
