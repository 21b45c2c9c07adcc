package badgerlog_test

import (
	"os"
	"testing"
	"time"
)

// settled waits until badger neither flushes nor compacts.
func settled(t testing.TB, dir string) {
	t.Helper()
	names := func() (all string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			all += e.Name() + " "
		}
		return all
	}
	deadline := time.Now().Add(20 * time.Second)
	for before, since := names(), time.Now(); time.Since(since) < 100*time.Millisecond; time.Sleep(10 * time.Millisecond) {
		if now := names(); now != before {
			before, since = now, time.Now()
		}
		if time.Now().After(deadline) {
			t.Fatal("badger does not come to rest")
		}
	}
}
