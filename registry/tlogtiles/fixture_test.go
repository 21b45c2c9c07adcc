package tlogtiles_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry/tlogtiles"
)

// memory is a log in memory.
type memory struct {
	leaves [][]byte
	hashes []tlog.Hash
}

// newLog returns one of leaves of many lengths.
func newLog(t testing.TB, size int64) *memory {
	t.Helper()
	m := new(memory)
	for i := range size {
		leaf := []byte(strings.Repeat(fmt.Sprint(i), int(i%7)))
		hashes, err := tlog.StoredHashes(i, leaf, m)
		if err != nil {
			t.Fatal(err)
		}
		m.leaves, m.hashes = append(m.leaves, leaf), append(m.hashes, hashes...)
	}
	return m
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

func (m *memory) tree(t testing.TB, size int64) tlog.Tree {
	t.Helper()
	h, err := tlog.TreeHash(size, m)
	if err != nil {
		t.Fatal(err)
	}
	return tlog.Tree{N: size, Hash: h}
}

// serve answers for the log of that size, as C2SP tlog-tiles asks.
func (m *memory) serve(size int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/log/")
		if path == "checkpoint" {
			path = fmt.Sprintf("checkpoint/%d", size)
		}
		if n, ok := strings.CutPrefix(path, "checkpoint/"); ok {
			_, _ = fmt.Fprintf(w, "checkpoint of %s", n)
			return
		}
		t, err := tlogtiles.ParsePath(path)
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		data, err := tlogtiles.Read(m, size, t)
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		_, _ = w.Write(data)
	}
}

// listen returns a client of the handler, which stands under a path.
func listen(t testing.TB, h http.Handler) *tlogtiles.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return &tlogtiles.Client{BaseURL: s.URL + "/log/", HTTP: s.Client()}
}
