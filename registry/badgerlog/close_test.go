package badgerlog_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
)

// uses is everything that can be asked of a log.
func uses(log *badgerlog.Log) map[string]func() error {
	ctx := context.Background()
	return map[string]func() error{
		"head":       func() error { _, err := log.Head(); return err },
		"leaf":       func() error { _, err := log.Leaf(1); return err },
		"hashes":     func() error { return hashes(log) },
		"find":       func() error { _, _, err := log.Find("raw", "1"); return err },
		"history":    func() error { _, err := log.History("entity:1"); return err },
		"checkpoint": func() error { _, err := log.Checkpoint(20); return err },
		"quorate":    func() error { _, err := log.Quorate(); return err },
		"sizes":      func() error { _, err := log.Sizes(); return err },
		"leaves": func() error {
			for _, err := range log.Leaves(0) {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"subjects": func() error {
			for s, err := range log.Subjects("", "") {
				if err == nil {
					// From within, as a check of the whole log asks.
					_, err = log.History(s.Name)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
		"keep a size": func() error { return log.Keep(ctx, registry.Standing{Sizes: map[string]int64{"witness+1": 7}}) },
	}
}

// hashes reads all stored hashes anew: more than are kept in memory.
func hashes(log *badgerlog.Log) error {
	head, err := log.Head()
	if err != nil {
		return err
	}
	badgerlog.Forget(log)
	_, err = tlog.TreeHash(head.Size, log)
	return err
}

// Requests that did not end in the time they had, or a mirror, may read on while
// a log is closed: badger takes its memory maps away from under its iterators.
func TestALogIsClosedWhileItIsRead(t *testing.T) {
	t.Parallel()
	_, _, closed := stored(t)
	for range 4 {
		log := openSmall(t, closed)
		var using sync.WaitGroup
		started := make(chan struct{}, 100)
		for name, use := range uses(log) {
			using.Go(func() {
				for times := 0; ; times++ {
					if err := use(); err != nil {
						if !errors.Is(err, registry.ErrClosed) {
							t.Errorf("%s: %v, want ErrClosed", name, err)
						}
						return
					}
					if times == 0 {
						started <- struct{}{}
					}
				}
			})
		}
		for range uses(log) {
			<-started
		}
		closeLog(t, log)
		for name, use := range uses(log) {
			if err := use(); !errors.Is(err, registry.ErrClosed) {
				t.Errorf("%s after the log was closed: %v, want ErrClosed", name, err)
			}
		}
		using.Wait()
		if err := log.Close(); !errors.Is(err, registry.ErrClosed) || !strings.Contains(err.Error(), "close the log") {
			t.Errorf("closed again: %v, want ErrClosed", err)
		}
	}
}
