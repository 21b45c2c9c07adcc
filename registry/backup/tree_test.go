package backup

import (
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

func TestTheRootIsThatOfTheTree(t *testing.T) {
	var all tree
	var hashes []tlog.Hash
	stored := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			out[i] = hashes[x]
		}
		return out, nil
	})
	for n := range int64(300) {
		leaf := []byte(fmt.Sprint(n))
		hs, err := tlog.StoredHashes(n, leaf, stored)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, hs...)
		all.add(tlog.RecordHash(leaf))
		want, err := tlog.TreeHash(n+1, stored)
		if err != nil {
			t.Fatal(err)
		}
		if got := all.root(); got != want {
			t.Fatalf("size %d: root %v, want %v", n+1, got, want)
		}
	}
}
