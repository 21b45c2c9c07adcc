package interop_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/registry/tlogtiles"
)

func logVerifier(t *testing.T) note.Verifier {
	t.Helper()
	_, vkey := rt.LogSigner()
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// fetcher is Tessera's, over HTTP.
func fetcher(t *testing.T, address string) *client.HTTPFetcher {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	f, err := client.NewHTTPFetcher(u, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func leafHashes(bundle []byte) ([][]byte, error) {
	var b api.EntryBundle
	if err := b.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	var hashes [][]byte
	for _, e := range b.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(e))
	}
	return hashes, nil
}

// fscked is what Tessera's fsck says of a log.
func fscked(t *testing.T, address string) error {
	t.Helper()
	return fsck.New(rt.Origin, logVerifier(t), fetcher(t, address), leafHashes, fsck.Opts{N: 4}).Check(t.Context())
}

func TestTesseraFollowsTheLog(t *testing.T) {
	r := started(t)
	f := fetcher(t, r.url)
	following, err := client.NewLogStateTracker(t.Context(), f.ReadTile, nil, logVerifier(t), rt.Origin, client.UnilateralConsensus(f.ReadCheckpoint))
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{2, 3, 100, 255, 600, 1400} {
		r.grow(size)
		tree := r.published()
		if _, _, _, err := following.Update(t.Context()); err != nil {
			t.Fatalf("size %d: %v", tree.N, err)
		}
		if got := following.Latest(); got.Size != uint64(tree.N) || !bytes.Equal(got.Hash, tree.Hash[:]) {
			t.Fatalf("Tessera follows to %d, %x; published is %v", got.Size, got.Hash, tree)
		}
		if err := fscked(t, r.url); err != nil {
			t.Fatalf("fsck of size %d: %v", tree.N, err)
		}
		builder, err := client.NewProofBuilder(t.Context(), uint64(tree.N), f.ReadTile)
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			index := rand.Int64N(tree.N)
			p, err := builder.InclusionProof(t.Context(), uint64(index))
			if err != nil {
				t.Fatalf("prove %d in %d: %v", index, tree.N, err)
			}
			leaf, err := r.Leaf(index)
			if err != nil {
				t.Fatal(err)
			}
			if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), uint64(tree.N), rfc6962.DefaultHasher.HashLeaf(leaf), p, tree.Hash[:]); err != nil {
				t.Fatalf("index %d in %d: %v", index, tree.N, err)
			}
		}
	}
	// Its bundles are the leaves, in order.
	size := uint64(following.Latest().Size)
	var at int64
	for i := range (size + 255) / 256 {
		bundle, err := client.GetEntryBundle(t.Context(), f.ReadEntryBundle, i, size)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range bundle.Entries {
			leaf, err := r.Leaf(at)
			if err != nil || !bytes.Equal(leaf, e) {
				t.Fatalf("entry %d is not the leaf: %v", at, err)
			}
			at++
		}
	}
	if at != int64(size) {
		t.Errorf("%d entries in a log of %d", at, size)
	}
}

// What is tampered with on its way is found: the checks above can fail.
func TestTesseraRefusesTilesThatAreTamperedWith(t *testing.T) {
	r := started(t)
	r.grow(300)
	size := r.published().N
	behind, err := url.Parse(r.url)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(behind)
	for _, path := range []string{
		"/checkpoint", "/tile/entries/000", "/tile/0/000",
		fmt.Sprintf("/tile/entries/001.p/%d", size%256), fmt.Sprintf("/tile/0/001.p/%d", size%256), "/tile/1/000.p/1",
	} {
		t.Run(path, func(t *testing.T) {
			tampered := false
			between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				if q.URL.Path != path {
					forward.ServeHTTP(w, q)
					return
				}
				answer := httptest.NewRecorder()
				q.Header.Set("Accept-Encoding", "identity")
				forward.ServeHTTP(answer, q)
				data := answer.Body.Bytes()
				data[len(data)/2] ^= 1
				tampered = answer.Code == http.StatusOK
				_, _ = w.Write(data)
			}))
			defer between.Close()
			if err := fscked(t, between.URL+"/"); err == nil || !tampered {
				t.Errorf("fsck says %v; tampered with: %t", err, tampered)
			}
		})
	}
}

// memory is a log in memory, larger than a test can have signed.
type memory struct {
	leaves [][]byte
	hashes []tlog.Hash
}

func (m *memory) add(leaf []byte) error {
	hashes, err := tlog.StoredHashes(int64(len(m.leaves)), leaf, m)
	if err != nil {
		return err
	}
	m.leaves, m.hashes = append(m.leaves, leaf), append(m.hashes, hashes...)
	return nil
}

func (m *memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x >= int64(len(m.hashes)) {
			return nil, fmt.Errorf("stored hash %d: is missing", x)
		}
		out[i] = m.hashes[x]
	}
	return out, nil
}

func (m *memory) Leaf(i int64) ([]byte, error) {
	if i >= int64(len(m.leaves)) {
		return nil, fmt.Errorf("leaf %d: is missing", i)
	}
	return m.leaves[i], nil
}

// Tiles of level 2 begin at 65,536 leaves.
func TestTesseraChecksTilesOfThreeLevels(t *testing.T) {
	m := new(memory)
	const size = 256*256 + 700
	for i := range size {
		if err := m.add([]byte("leaf " + strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
	}
	hash, err := tlog.TreeHash(size, m)
	if err != nil {
		t.Fatal(err)
	}
	signer, _ := rt.LogSigner()
	signed, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%v\n", rt.Origin, size, hash)}, signer)
	if err != nil {
		t.Fatal(err)
	}
	read := make(map[string]bool)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		path := strings.TrimPrefix(q.URL.Path, "/")
		if path == "checkpoint" {
			_, _ = w.Write(signed)
			return
		}
		tile, err := tlogtiles.ParsePath(path)
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		data, err := tlogtiles.Read(m, size, tile)
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		_, _ = w.Write(data)
	}))
	defer s.Close()
	if err := fscked(t, s.URL+"/"); err != nil {
		t.Fatal(err)
	}
	f := fetcher(t, s.URL+"/")
	builder, err := client.NewProofBuilder(t.Context(), size, func(ctx context.Context, level, index uint64, p uint8) ([]byte, error) {
		read[fmt.Sprint(level)] = true
		return f.ReadTile(ctx, level, index, p)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, index := range []uint64{0, 255, 256, 65535, 65536, size - 1} {
		p, err := builder.InclusionProof(t.Context(), index)
		if err != nil {
			t.Fatal(err)
		}
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, size, rfc6962.DefaultHasher.HashLeaf(m.leaves[index]), p, hash[:]); err != nil {
			t.Errorf("index %d: %v", index, err)
		}
	}
	if len(read) != 3 {
		t.Errorf("tiles of the levels %v were read, want three", read)
	}
}
