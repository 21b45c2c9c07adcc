package badgerlog_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// settled waits until badger neither flushes nor compacts. While it makes a
// table in memory, nothing is to be seen in the directory but the write-ahead
// log of what it flushes, beside the one in use: on a busy machine for longer
// than any rest that a test would wait for.
func settled(t testing.TB, dir string) {
	t.Helper()
	names := func() (all string, flushing bool) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		logs := 0
		for _, e := range entries {
			all += e.Name() + " "
			if filepath.Ext(e.Name()) == ".mem" {
				logs++
			}
		}
		return all, logs > 1
	}
	deadline := time.Now().Add(time.Minute)
	before, since := "", time.Now()
	for ; time.Since(since) < 100*time.Millisecond; time.Sleep(10 * time.Millisecond) {
		if now, flushing := names(); now != before || flushing {
			before, since = now, time.Now()
		}
		if time.Now().After(deadline) {
			t.Fatal("badger does not come to rest")
		}
	}
}
