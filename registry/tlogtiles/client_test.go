package tlogtiles_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry/tlogtiles"
	"github.com/safeconduct/safeconduct/verify"
)

func collect(t *testing.T, c *tlogtiles.Client, from, to int64) ([][]byte, error) {
	t.Helper()
	var out [][]byte
	for leaf, err := range c.Leaves(t.Context(), from, to) {
		if err != nil {
			return out, err
		}
		out = append(out, leaf)
	}
	return out, nil
}

func TestLeavesComeInOrderFromAnywhere(t *testing.T) {
	log := newLog(t, 3000)
	c := listen(t, log.serve(3000))
	edges := []int64{0, 1, 255, 256, 257, 511, 512, 513, 2047, 2048, 2999, 3000}
	for _, from := range edges {
		for _, to := range edges {
			got, err := collect(t, c, from, to)
			if from > to {
				if err == nil || len(got) > 0 {
					t.Errorf("from %d to %d: %d leaves, %v", from, to, len(got), err)
				}
				continue
			}
			if err != nil || int64(len(got)) != to-from {
				t.Fatalf("from %d to %d: %d leaves, %v", from, to, len(got), err)
			}
			for i := range got {
				if !bytes.Equal(got[i], log.leaves[from+int64(i)]) {
					t.Fatalf("from %d to %d: leaf %d is %q", from, to, i, got[i])
				}
			}
		}
	}
	for _, i := range []int64{0, 255, 256, 2816, 2999} {
		if leaf, err := c.Leaf(t.Context(), i, 3000); err != nil || !bytes.Equal(leaf, log.leaves[i]) {
			t.Errorf("leaf %d is %q, %v", i, leaf, err)
		}
	}
	for _, i := range []int64{-1, 3000, 1 << 62} {
		if _, err := c.Leaf(t.Context(), i, 3000); !errors.Is(err, tlogtiles.ErrNotFound) {
			t.Errorf("leaf %d: %v", i, err)
		}
	}
}

// Package tlog does not come to an end at some of these sizes.
func TestNothingIsAskedOfALogThatIsTooLarge(t *testing.T) {
	var asked atomic.Int32
	c := listen(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	for _, size := range []int64{verify.MaxSize + 1, 1<<62 + 1, math.MaxInt64} {
		if _, err := c.Checkpoint(t.Context(), size); !errors.Is(err, tlogtiles.ErrNotFound) {
			t.Errorf("the checkpoint of size %d: %v", size, err)
		}
		if _, err := c.Leaf(t.Context(), 0, size); !errors.Is(err, tlogtiles.ErrNotFound) {
			t.Errorf("a leaf of %d: %v", size, err)
		}
		if got, err := collect(t, c, size-1, size); err == nil || len(got) > 0 {
			t.Errorf("the last of %d leaves: %q, %v", size, got, err)
		}
		if _, err := c.Hashes(t.Context(), tlog.Tree{N: size}).ReadHashes([]int64{0}); err == nil {
			t.Errorf("a hash of %d leaves is had", size)
		}
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("the log was asked %d times", n)
	}
}

// TestWhoStopsReadingLeavesNothingBehind: what is on its way is ended, and its
// goroutines are, or else synctest says so.
func TestWhoStopsReadingLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newLog(t, 3000)
		c := &tlogtiles.Client{BaseURL: "http://log.example/log", HTTP: &http.Client{Transport: network(func(r *http.Request) (*http.Response, error) {
			if !strings.HasSuffix(r.URL.Path, "/000") && !strings.HasSuffix(r.URL.Path, "/001") {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			rec := httptest.NewRecorder()
			log.serve(3000)(rec, r)
			return rec.Result(), nil
		})}}
		for range c.Leaves(t.Context(), 0, 3000) {
			break
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		enough := errors.New("enough")
		n := 0
		var last error
		for _, err := range c.Leaves(ctx, 0, 3000) {
			if n++; n == 300 {
				cancel(enough)
			}
			last = err
		}
		if n != 513 || !errors.Is(last, enough) {
			t.Errorf("after %d leaves: %v", n, last)
		}
	})
}

func TestCheckpointsComeAsTheyAre(t *testing.T) {
	c := listen(t, newLog(t, 5).serve(5))
	if b, err := c.Latest(t.Context()); err != nil || string(b) != "checkpoint of 5" {
		t.Errorf("the newest is %q, %v", b, err)
	}
	if b, err := c.Checkpoint(t.Context(), 3); err != nil || string(b) != "checkpoint of 3" {
		t.Errorf("that of size 3 is %q, %v", b, err)
	}
}

// TestProofsFromTilesAreGood: every leaf, and every smaller tree, at sizes
// around the edges of tiles.
func TestProofsFromTilesAreGood(t *testing.T) {
	log := newLog(t, 600)
	c := listen(t, log.serve(600))
	for _, size := range []int64{1, 2, 255, 256, 257, 512, 600} {
		tree := log.tree(t, size)
		hashes := c.Hashes(t.Context(), tree)
		for i := range size {
			proof, err := tlog.ProveRecord(size, i, hashes)
			if err == nil {
				err = tlog.CheckRecord(proof, size, tree.Hash, i, tlog.RecordHash(log.leaves[i]))
			}
			if err != nil {
				t.Fatalf("leaf %d of %d: %v", i, size, err)
			}
		}
		for old := int64(1); old <= size; old += 13 {
			proof, err := tlog.ProveTree(size, old, hashes)
			if err == nil {
				err = tlog.CheckTree(proof, size, tree.Hash, old, log.tree(t, old).Hash)
			}
			if err != nil {
				t.Fatalf("size %d in %d: %v", old, size, err)
			}
		}
	}
	if _, err := c.Hashes(t.Context(), tlog.Tree{}).ReadHashes([]int64{0}); err == nil {
		t.Error("an empty tree has hashes")
	}
}

func TestHashesOfAnotherTreeAreRefused(t *testing.T) {
	log := newLog(t, 600)
	var flip atomic.Int64
	c := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		log.serve(600)(rec, r)
		b := rec.Body.Bytes()
		if n := flip.Load(); strings.HasSuffix(r.URL.Path, "/tile/0/001") {
			b[n] ^= 1
		}
		_, _ = w.Write(b)
	}))
	for _, at := range []int64{0, 31, 32, 4095, 8191} {
		flip.Store(at)
		// Leaf 300 is in the tile that was changed.
		if _, err := tlog.ProveRecord(600, 300, c.Hashes(t.Context(), log.tree(t, 600))); err == nil {
			t.Errorf("with byte %d changed, a proof was made", at)
		}
	}
	other := log.tree(t, 600)
	other.Hash[0] ^= 1
	if _, err := tlog.ProveRecord(600, 0, c.Hashes(t.Context(), other)); err == nil {
		t.Error("a proof was made for a tree that is not the log's")
	}
}

func TestAPartialTileThatIsGoneIsCutFromTheFullOne(t *testing.T) {
	log := newLog(t, 600)
	var asked sync.Map
	c := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.URL.Path, true)
		if strings.Contains(r.URL.Path, "001.p/") || strings.Contains(r.URL.Path, "000.p/44") {
			http.NotFound(w, r)
			return
		}
		log.serve(600)(w, r)
	}))
	got, err := collect(t, c, 0, 300)
	if err != nil || len(got) != 300 || !bytes.Equal(got[299], log.leaves[299]) {
		t.Errorf("%d leaves, %v", len(got), err)
	}
	if _, ok := asked.Load("/log/tile/entries/001"); !ok {
		t.Error("the full bundle was not asked for")
	}
	tree := log.tree(t, 300)
	proof, err := tlog.ProveRecord(300, 299, c.Hashes(t.Context(), tree))
	if err == nil {
		err = tlog.CheckRecord(proof, 300, tree.Hash, 299, tlog.RecordHash(log.leaves[299]))
	}
	if err != nil {
		t.Error(err)
	}
}

func TestWhatTheLogDoesNotHaveIsNotFound(t *testing.T) {
	c := listen(t, http.HandlerFunc(http.NotFound))
	_, err := c.Latest(t.Context())
	_, err2 := c.Checkpoint(t.Context(), 3)
	_, err3 := collect(t, c, 0, 3)
	_, err4 := c.Hashes(t.Context(), tlog.Tree{N: 3}).ReadHashes([]int64{0})
	for _, err := range []error{err, err2, err3, err4} {
		if !errors.Is(err, tlogtiles.ErrNotFound) {
			t.Errorf("got %v, want not found", err)
		}
	}
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}

func TestAPackedAnswerIsUnpackedAskedForOrNot(t *testing.T) {
	log := newLog(t, 300)
	c := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Accept-Encoding"); got != "gzip, identity" {
			t.Errorf("Accept-Encoding %q", got)
		}
		rec := httptest.NewRecorder()
		log.serve(300)(rec, r)
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(rec.Code)
		_, _ = w.Write(zipped(rec.Body.Bytes()))
	}))
	if got, err := collect(t, c, 0, 300); err != nil || len(got) != 300 {
		t.Errorf("%d leaves, %v", len(got), err)
	}
	if _, err := tlog.ProveRecord(300, 7, c.Hashes(t.Context(), log.tree(t, 300))); err != nil {
		t.Error(err)
	}
}

// TestAWrongAnswerIsRefused: the bundle of three leaves is answered so.
func TestAWrongAnswerIsRefused(t *testing.T) {
	good := "\x00\x01a\x00\x01b\x00\x01c"
	for name, row := range map[string]struct {
		encoding, body, says string
		status               int
	}{
		"good":                        {"", good, "", 200},
		"named identity":              {"identity", good, "", 200},
		"too short":                   {"", good[:6], "has 2 leaves", 200},
		"cut":                         {"", good[:7], "length of leaf 2", 200},
		"a leaf too many":             {"", good + "\x00\x01d", "after the 3 leaves", 200},
		"longer than can be":          {"", strings.Repeat("a", 4*65537), "longer than what was asked for", 200},
		"without end":                 {"", strings.Repeat("a", 1<<24), "longer than what was asked for", 200},
		"packed without end":          {"gzip", string(zipped(make([]byte, 64<<20))), "longer than what was asked for", 200},
		"packed of empty pieces":      {"gzip", strings.Repeat(string(zipped(nil)), 1<<16), "longer than what was asked for", 200},
		"packed in name only":         {"gzip", good, "unpack", 200},
		"packed and cut":              {"gzip", string(zipped([]byte(good))[:20]), "unpack", 200},
		"packed twice":                {"gzip, gzip", string(zipped(zipped([]byte(good)))), `encoded as "gzip, gzip"`, 200},
		"packed as was not asked for": {"br", good, `encoded as "br"`, 200},
		"forbidden":                   {"", "<h1>", "status 403", 403},
		"no content":                  {"", "", "status 204", 204},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			c := listen(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				if row.encoding != "" {
					w.Header().Set("Content-Encoding", row.encoding)
				}
				w.WriteHeader(row.status)
				_, _ = io.WriteString(w, row.body)
			}))
			got, err := collect(t, c, 0, 3)
			if row.says == "" {
				if err != nil || len(got) != 3 {
					t.Errorf("%d leaves, %v", len(got), err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("got %v, want it to say %q", err, row.says)
			}
			if n := asked.Load(); n != 1 {
				t.Errorf("it was asked %d times", n)
			}
		})
	}
	for _, size := range []int{95, 97, 0, 64} {
		c := listen(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, size)) }))
		if _, err := c.Hashes(t.Context(), tlog.Tree{N: 3}).ReadHashes([]int64{0}); err == nil {
			t.Errorf("a tile of 3 hashes was read from %d bytes", size)
		}
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	c := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "elsewhere") {
			t.Error("it was followed")
		}
		http.Redirect(w, r, "/elsewhere", http.StatusMovedPermanently)
	}))
	if _, err := c.Latest(t.Context()); err == nil || !strings.Contains(err.Error(), `points to "/elsewhere"`) {
		t.Errorf("got %v", err)
	}
	if c.HTTP.CheckRedirect != nil {
		t.Error("the caller's client was changed")
	}
}

func TestAnAddressIsAURL(t *testing.T) {
	for _, address := range []string{"", "register.example.org", "ftp://x", "http://", "http://u:p@x", "http://x?a=b", "http://x#a", "http://x y", "file:///etc"} {
		c := &tlogtiles.Client{BaseURL: address}
		if _, err := c.Latest(t.Context()); err == nil || !strings.Contains(err.Error(), "the log's address") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// network answers without one, so that time is a test's own.
type network func(*http.Request) (*http.Response, error)

func (n network) RoundTrip(r *http.Request) (*http.Response, error) { return n(r) }

func reply(status int, body string, header ...string) *http.Response {
	h := make(http.Header)
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

func TestWhatMayPassIsTriedAgain(t *testing.T) {
	broken := errors.New("connection reset")
	for name, fail := range map[string]func() (*http.Response, error){
		"connection": func() (*http.Response, error) { return nil, broken },
		"answer": func() (*http.Response, error) {
			r := reply(200, "")
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader("half"), failing{broken}))
			return r, nil
		},
		"500": func() (*http.Response, error) { return reply(500, "x"), nil },
		"503": func() (*http.Response, error) { return reply(503, "x", "Retry-After", "3600"), nil },
		"429": func() (*http.Response, error) {
			return reply(429, "x", "Retry-After", "Wed, 01 Jan 2031 00:00:00 GMT"), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				left := 4
				n := 0
				c := &tlogtiles.Client{BaseURL: "http://log.example", HTTP: &http.Client{Transport: network(func(*http.Request) (*http.Response, error) {
					if n++; n <= left {
						return fail()
					}
					return reply(200, "checkpoint"), nil
				})}}
				start := time.Now()
				if b, err := c.Latest(t.Context()); err != nil || string(b) != "checkpoint" {
					t.Errorf("got %q, %v", b, err)
				}
				if took := time.Since(start); took < time.Second || took > 40*time.Second {
					t.Errorf("it took %v", took)
				}
				left, n = 5, 0
				_, err := c.Latest(t.Context())
				if !errors.Is(err, tlogtiles.ErrUnreachable) || !strings.Contains(err.Error(), "http://log.example, tried 5 times") || n != 5 {
					t.Errorf("after %d attempts: %v", n, err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				left, n = 5, 0
				if _, err := c.Latest(ctx); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, tlogtiles.ErrUnreachable) || n != 1 {
					t.Errorf("when the caller ends it, after %d attempts: %v", n, err)
				}
			})
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestALogThatSaysNothingIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &tlogtiles.Client{BaseURL: "http://log.example", HTTP: &http.Client{Transport: network(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}}
		start := time.Now()
		_, err := c.Latest(t.Context())
		if took := time.Since(start); !errors.Is(err, tlogtiles.ErrUnreachable) || took > 6*tlogtiles.Timeout {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

// TestBundlesAreFetchedAhead: while one is read, the next are on their way,
// and no more than a few.
func TestBundlesAreFetchedAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newLog(t, 256*12)
		var mu sync.Mutex
		at, most := 0, 0
		c := &tlogtiles.Client{BaseURL: "http://log.example/log", HTTP: &http.Client{Transport: network(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			at++
			most = max(most, at)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			at--
			mu.Unlock()
			rec := httptest.NewRecorder()
			log.serve(256*12)(rec, r)
			return rec.Result(), nil
		})}}
		start := time.Now()
		if got, err := collect(t, c, 0, 256*12); err != nil || len(got) != 256*12 {
			t.Fatalf("%d leaves, %v", len(got), err)
		}
		if took := time.Since(start); took > 4*time.Second || most != 5 {
			t.Errorf("12 bundles of a second each took %v, up to %d at once", took, most)
		}
	})
}

func ExampleClient_Hashes() {
	ctx := context.Background()
	c := &tlogtiles.Client{BaseURL: "https://register.example.org"}
	// The tree of a checkpoint whose signatures have been verified.
	var tree tlog.Tree
	proof, err := tlog.ProveRecord(tree.N, 5, c.Hashes(ctx, tree))
	fmt.Println(proof, err)
}
