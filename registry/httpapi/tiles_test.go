package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/registry/tlogtiles"
	"github.com/safeconduct/safeconduct/verify"
)

var (
	_ httpapi.Writer = (*registry.Registry)(nil)
	_ httpapi.Reader = (*registry.Replica)(nil)
)

// grow logs n statements.
func (s *server) grow(n int) {
	s.t.Helper()
	var pending sync.WaitGroup
	for i := range n {
		st := s.Sign(registrytest.Registration(fmt.Sprintf("reg-%d-%d", s.Size(), i), in, fmt.Sprintf("iec:%010d", i), "IN"))
		pending.Go(func() {
			if _, err := s.Submit(context.Background(), st); err != nil {
				s.t.Error(err)
			}
		})
	}
	pending.Wait()
}

// tree is that of the published checkpoint, whose log signature is good.
func (s *server) tree(signed []byte) tlog.Tree {
	s.t.Helper()
	_, vkey := registrytest.LogSigner()
	v, err := note.NewVerifier(vkey)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := note.Open(signed, note.VerifierList(v)); err != nil {
		s.t.Fatal(err)
	}
	cp, err := verify.ParseCheckpoint(signed)
	if err != nil {
		s.t.Fatal(err)
	}
	return cp.Tree
}

func (s *server) tiles() *tlogtiles.Client { return &tlogtiles.Client{BaseURL: s.url} }

// sized is a register as it was at a size, which batches need not have ended
// with.
type sized struct {
	*registry.Registry
	size int64
}

func (s *sized) Size() int64 { return s.size }

// TestEveryTileOfEveryWidthIsServed: at 255, 256 and 257 leaves, every width
// of hashes and bundle that there is, and none that there is not.
func TestEveryTileOfEveryWidthIsServed(t *testing.T) {
	s := newServer(t)
	s.grow(260)
	for _, size := range []int64{255, 256, 257} {
		url := listen(t, &sized{s.Registry, size}, httpapi.Options{})
		for n := range int64(2) {
			var hashes, bundle []byte
			for w := 1; w <= 256; w++ {
				if i := n*256 + int64(w) - 1; i < size {
					leaf, err := s.Leaf(i)
					if err != nil {
						t.Fatal(err)
					}
					h := tlog.RecordHash(leaf)
					hashes = append(hashes, h[:]...)
					if bundle, err = tlogtiles.AppendEntry(bundle, leaf); err != nil {
						t.Fatal(err)
					}
				}
				for level, want := range map[int][]byte{0: hashes, tlogtiles.Entries: bundle} {
					path := tlogtiles.Path(tlog.Tile{H: 8, L: level, N: n, W: w})
					r := do(t, http.MethodGet, url+"/"+path, "", "")
					if n*256+int64(w) > size {
						refused(t, r, http.StatusNotFound, "not-found")
						continue
					}
					if r.status != http.StatusOK || !bytes.Equal(r.body, want) {
						t.Fatalf("%s at size %d: status %d, %d bytes, want %d", path, size, r.status, len(r.body), len(want))
					}
				}
			}
		}
		root := do(t, http.MethodGet, url+"/tile/1/000.p/1", "", "")
		if size < 256 {
			refused(t, root, http.StatusNotFound, "not-found")
		} else if want, err := tlog.TreeHash(256, s); err != nil || !bytes.Equal(root.body, want[:]) {
			t.Errorf("tile/1/000.p/1 at size %d is %x, want %x (%v)", size, root.body, want, err)
		}
	}
}

func TestALogIsReadAndProvenByItsTiles(t *testing.T) {
	s := newServer(t)
	s.grow(300)
	c := s.tiles()
	signed, err := c.Latest(t.Context())
	if err != nil || !bytes.Equal(signed, s.Checkpoint()) {
		t.Fatalf("the published checkpoint is %q, %v", signed, err)
	}
	tree := s.tree(signed)
	hashes := c.Hashes(t.Context(), tree)
	var seen int64
	for leaf, err := range c.Leaves(t.Context(), 0, tree.N) {
		if err != nil {
			t.Fatal(err)
		}
		proof, err := tlog.ProveRecord(tree.N, seen, hashes)
		if err == nil {
			err = tlog.CheckRecord(proof, tree.N, tree.Hash, seen, tlog.RecordHash(leaf))
		}
		if err != nil {
			t.Fatalf("leaf %d: %v", seen, err)
		}
		seen++
	}
	if seen != tree.N || seen < 300 {
		t.Errorf("%d leaves of %d", seen, tree.N)
	}
}

// TestReadersAreNotDisturbedByWriters: whatever is published can be read and
// proven at once, while more is logged.
func TestReadersAreNotDisturbedByWriters(t *testing.T) {
	s := newServer(t)
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			c := s.tiles()
			for done := false; !done; {
				select {
				case <-stop:
					done = true
				default:
				}
				signed, err := c.Latest(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				cp, err := verify.ParseCheckpoint(signed)
				if err != nil {
					t.Error(err)
					return
				}
				i := cp.Tree.N - 1
				leaf, err := c.Leaf(context.Background(), i, cp.Tree.N)
				if err != nil {
					t.Error(err)
					return
				}
				proof, err := tlog.ProveRecord(cp.Tree.N, i, c.Hashes(context.Background(), cp.Tree))
				if err == nil {
					err = tlog.CheckRecord(proof, cp.Tree.N, cp.Tree.Hash, i, tlog.RecordHash(leaf))
				}
				if err == nil && !verify.IsStatusLeaf(leaf) {
					err = fmt.Errorf("the last leaf of size %d is no status leaf", cp.Tree.N)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 8 {
		s.grow(40)
	}
	close(stop)
	readers.Wait()
}

func TestAPathOfATileHasOneSpelling(t *testing.T) {
	s := newServer(t)
	s.grow(300)
	url := listen(t, &sized{s.Registry, 300}, httpapi.Options{})
	if r := do(t, http.MethodGet, url+"/tile/0/000", "", ""); r.status != http.StatusOK {
		t.Fatalf("status %d", r.status)
	}
	for _, path := range []string{
		"/tile", "/tile/", "/tile/0", "/tile/0/", "/tile/0/000/", "//tile/0/000", "/tile//0/000", "/tile/0//000", "/tile/./0/000", "/tile/0/../0/000", "/TILE/0/000",
		"/tile/0%2F000", "/tile/0/%30%30%30", "/tile%2F0/000", "/tile/%65ntries/000",
		"/tile/0/0", "/tile/0/0000", "/tile/00/000", "/tile/-1/000", "/tile/64/000", "/tile/8/0/000", "/tile/data/000", "/tile/0/x000/000", "/tile/0/999", "/tile/63/000", "/tile/0/x009/x223/x372/x036/x854/x775/807",
		"/tile/0/000.p", "/tile/0/000.p/", "/tile/0/000.p/0", "/tile/0/000.p/256", "/tile/0/000.p/01", "/tile/0/000.p/-1", "/tile/0/001", "/tile/0/001.p/255", "/tile/1/000", "/tile/1/000.p/2", "/tile/1/001.p/1", "/tile/2/000.p/1",
		"/tile/entries", "/tile/entries/", "/tile/entries/0", "/tile/entries/001", "/tile/entries/002.p/1",
		"/checkpoint/", "/checkpoint/x", "/checkpoint/02", "/checkpoint/+2", "/checkpoint/-2", "/checkpoint/2.0", "/checkpoint/%32", "/checkpoint/0", "/checkpoint/1", "/checkpoint/999999", "/checkpoint/9007199254740992", "/checkpoint/9223372036854775808", "/checkpoint/2/",
		"/log.vkey/", "/log.vkeys", "/" + strings.Repeat("tile/0/x000/", 100),
	} {
		refused(t, do(t, http.MethodGet, url+path, "", ""), http.StatusNotFound, "not-found")
	}
}

func TestEveryCheckpointStaysReadable(t *testing.T) {
	s := newServer(t)
	sizes := []int64{s.Size()}
	for range 5 {
		s.grow(1)
		sizes = append(sizes, s.Size())
	}
	for _, size := range sizes {
		r := s.get(fmt.Sprintf("/checkpoint/%d", size))
		if r.status != http.StatusOK {
			t.Fatalf("size %d: status %d", size, r.status)
		}
		want, err := tlog.TreeHash(size, s)
		if tree := s.tree(r.body); err != nil || tree.N != size || tree.Hash != want {
			t.Errorf("the checkpoint of size %d is of %v, want %v (%v)", size, tree, want, err)
		}
		if b, err := s.tiles().Checkpoint(t.Context(), size); err != nil || !bytes.Equal(b, r.body) {
			t.Errorf("size %d through the client: %q, %v", size, b, err)
		}
	}
	if _, err := s.tiles().Checkpoint(t.Context(), s.Size()+1); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("beyond the log: %v", err)
	}
}

func TestHowLongAnswersMayBeKept(t *testing.T) {
	s := newServer(t)
	s.grow(300)
	const good, text, binary = "public, max-age=31536000, immutable", "text/plain; charset=utf-8", "application/octet-stream"
	for path, want := range map[string][2]string{
		"/checkpoint":           {"public, max-age=5", text},
		"/checkpoint/2":         {"public, max-age=5", text},
		"/log.vkey":             {"public, max-age=300", text},
		"/tile/0/000":           {good, binary},
		"/tile/0/000.p/7":       {good, binary},
		"/tile/entries/000":     {good, binary},
		"/tile/entries/000.p/7": {good, binary},
		"/tile/1/000.p/1":       {good, binary},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			r := do(t, method, s.url+path, "", "", "Accept-Encoding", "identity")
			got := [2]string{r.header.Get("Cache-Control"), r.header.Get("Content-Type")}
			if r.status != http.StatusOK || got != want || r.header.Get("X-Content-Type-Options") != "nosniff" || r.header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("%s %s: status %d, %v, want %v", method, path, r.status, r.header, want)
			}
			if (method == http.MethodHead) != (len(r.body) == 0) || r.header.Get("Content-Length") == "0" {
				t.Errorf("%s %s: %d bytes, Content-Length %s", method, path, len(r.body), r.header.Get("Content-Length"))
			}
		}
	}
}

func TestTheLogsKeyIsTheOneThatSigns(t *testing.T) {
	s := newServer(t)
	_, vkey := registrytest.LogSigner()
	if r := s.get("/log.vkey"); string(r.body) != vkey+"\n" {
		t.Errorf("got %q, want %q", r.body, vkey)
	}
}

func TestLongAnswersArePackedForWhoeverAcceptsIt(t *testing.T) {
	s := newJointSandbox(t)
	s.grow(300)
	// What is asked for has its checkpoint cosigned, once.
	s.post("/v1/evidence", jsonDoc, request(""))
	for _, row := range []struct {
		method, path, contentType, body, accept string
		packed                                  bool
	}{
		{"GET", "/tile/entries/000", "", "", "gzip, identity", true},
		{"GET", "/tile/entries/000", "", "", "br;q=1.0, gzip;q=0.5", true},
		{"GET", "/tile/entries/000", "", "", "gzip;q=0, identity", false},
		{"GET", "/tile/entries/000", "", "", "identity", false},
		{"GET", "/tile/entries/000", "", "", "zstd, br", false},
		{"GET", "/tile/entries/000", "", "", "zstd, gzip", true},
		{"GET", "/tile/0/000", "", "", "gzip", false},
		{"GET", "/checkpoint", "", "", "gzip", false},
		{"GET", "/v1/entities", "", "", "gzip", true},
		{"POST", "/v1/evidence", jsonDoc, request(""), "gzip", true},
	} {
		r := do(t, row.method, s.url+row.path, row.contentType, row.body, "Accept-Encoding", row.accept)
		plain := do(t, row.method, s.url+row.path, row.contentType, row.body, "Accept-Encoding", "identity")
		if got := r.header.Get("Content-Encoding"); (got == "gzip") != row.packed || got != "" && !row.packed || r.status != http.StatusOK {
			t.Errorf("%s for %q: status %d, Content-Encoding %q, want packed %t", row.path, row.accept, r.status, got, row.packed)
			continue
		}
		if r.header.Get("No-Gzip-Compression") != "" {
			t.Errorf("%s: a header of the packer's is sent", row.path)
		}
		body := r.body
		if row.packed {
			z, err := gzip.NewReader(bytes.NewReader(r.body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(body, plain.body) || row.packed && len(r.body) > len(plain.body)*3/4 {
			t.Errorf("%s for %q: %d bytes for %d, or others", row.path, row.accept, len(r.body), len(plain.body))
		}
	}
}

func TestAMirrorTakesNoStatements(t *testing.T) {
	s := newServer(t)
	url := listen(t, s.Reader, httpapi.Options{})
	p := refused(t, do(t, http.MethodPost, url+"/v1/statements", jose, string(s.Sign(registrytest.Domain("domain-us", us)))), http.StatusNotFound, "not-found")
	if !strings.Contains(p.Detail, "mirror of "+registrytest.Origin) {
		t.Errorf("detail is %q", p.Detail)
	}
	for _, path := range []string{"/checkpoint", "/v1/trust-root", "/tile/0/000.p/2", "/healthz", "/log.vkey", "/v1/entities"} {
		if r := do(t, http.MethodGet, url+path, "", ""); r.status != http.StatusOK {
			t.Errorf("%s: status %d", path, r.status)
		}
	}
}
