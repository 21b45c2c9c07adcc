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
	for before, since := "", time.Now(); ; time.Sleep(10 * time.Millisecond) {
		// Only what is seen ends it, not how long a sleep took.
		switch now, flushing := names(); {
		case now != before || flushing:
			before, since = now, time.Now()
		case time.Since(since) >= 100*time.Millisecond:
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("badger does not come to rest")
		}
	}
}
