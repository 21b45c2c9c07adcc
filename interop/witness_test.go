package interop_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/registry"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

// A foreign witness is transparency-dev's, over loopback HTTP.
type foreign struct {
	vkey, url string
	verifier  note.Verifier
	witness   *witness.Witness
}

func newForeign(t *testing.T, name string) *foreign {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := fnote.NewSignerForCosignatureV1(skey)
	if err != nil {
		t.Fatal(err)
	}
	if vkey, err = fnote.VKeyToCosignatureV1(vkey); err != nil {
		t.Fatal(err)
	}
	ofLog := logVerifier(t)
	w, err := witness.New(t.Context(), witness.Opts{
		Persistence: inmemory.New(), Signers: []note.Signer{signer},
		VerifierForLog: func(_ context.Context, origin string) (note.Verifier, bool, error) {
			return ofLog, origin == rt.Origin, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	m := http.NewServeMux()
	m.HandleFunc("POST /submit/add-checkpoint", witness.NewHTTPHandler(w).AddCheckpoint)
	s := httptest.NewServer(m)
	t.Cleanup(s.Close)
	return &foreign{vkey, s.URL + "/submit/", signer.Verifier(), w}
}

// cosignedBy is a policy that asks for all of the witnesses, and what a
// register needs to follow it.
func cosignedBy(t *testing.T, all ...*foreign) (policy string, root []byte, r func(dir string, without ...string) *register) {
	t.Helper()
	var vkeys, names []string
	for i, w := range all {
		name := fmt.Sprintf("w%d", i+1)
		policy += fmt.Sprintf("witness %s %s %s\n", name, w.vkey, w.url)
		vkeys, names = append(vkeys, w.vkey), append(names, name)
	}
	_, logKey := rt.LogSigner()
	policy = "log " + logKey + "\n" + policy + "group all-of-them all " + strings.Join(names, " ") + "\nquorum all-of-them\n"
	root, trust := rooted(t, policy, vkeys...)
	return policy, root, func(dir string, without ...string) *register {
		return open(t, dir, trust, func(c *registry.Config) {
			c.Cosigning = registry.Cosigning{Policy: policy, Refresh: time.Second, Without: without}
		})
	}
}

func TestAnotherImplementationsWitnessesCosign(t *testing.T) {
	a, b := newForeign(t, "witness.example/a"), newForeign(t, "witness.example/b")
	_, root, start := cosignedBy(t, a, b)
	dir := t.TempDir()
	r := start(dir)
	// From the empty log on.
	r.init(root)
	for _, size := range []int64{2, 5, 40} {
		r.grow(size)
		tree := r.published()
		n, err := note.Open(r.Checkpoint(), note.VerifierList(logVerifier(t), a.verifier, b.verifier))
		if err != nil || len(n.Sigs) != 3 {
			t.Fatalf("size %d: %v in\n%s", tree.N, err, r.Checkpoint())
		}
		held, err := a.witness.GetCheckpoint(t.Context(), rt.Origin)
		if err != nil || !strings.HasPrefix(string(held), n.Text) {
			t.Errorf("the witness holds\n%s, %v; published is\n%s", held, err, n.Text)
		}
		if report := r.report(); report.Size != tree.N {
			t.Errorf("evidence of size %d, want %d", report.Size, tree.N)
		}
	}
	// A quiet log stays fresh.
	proven := r.report().ProvenUntil
	for end := time.Now().Add(10 * time.Second); !r.report().ProvenUntil.After(proven); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still proven until %s", proven)
		}
	}
	// They confirm a log that is whole.
	r.stop()
	r = start(dir)
	if err := r.WaitConfirmed(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.grow(r.Size() + 1)
	r.published()
}

func TestAnotherImplementationsWitnessFindsALogThatIsNotWhole(t *testing.T) {
	a := newForeign(t, "witness.example/a")
	_, root, start := cosignedBy(t, a)
	whole := t.TempDir()
	r := start(whole)
	r.init(root)
	r.published()
	r.stop()
	old, forked := copied(t, whole), copied(t, whole)
	r = start(whole)
	r.grow(r.Size() + 1)
	size := r.published().N
	r.stop()
	// A fork: other leaves, to the same size or one leaf more.
	f := open(t, forked, r.trust)
	for n := 0; f.Size() < size; n++ {
		if _, err := f.submit(fmt.Sprintf("FORKED-%d", n)); err != nil {
			t.Fatal(err)
		}
	}
	f.stop()
	for name, dir := range map[string]string{"an older log": old, "no log": t.TempDir(), "another log": forked} {
		t.Run(name, func(t *testing.T) {
			r := start(dir)
			defer r.stop()
			if err := r.WaitConfirmed(t.Context()); !errors.Is(err, registry.ErrRolledBack) || !strings.Contains(err.Error(), "w1") {
				t.Errorf("%v, want ErrRolledBack, which names the witness", err)
			}
			if _, err := r.Init(t.Context(), root); err != nil && !errors.Is(err, registry.ErrRolledBack) {
				t.Errorf("init: %v", err)
			}
			before := r.Size()
			if _, err := r.submit("LATER"); err == nil || r.Size() != before {
				t.Errorf("submit: %v; %d leaves, and before %d", err, r.Size(), before)
			}
		})
	}
	// The whole one goes on.
	r = start(whole)
	r.grow(size + 1)
	r.published()
}

// copied is a copy of a directory.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}
