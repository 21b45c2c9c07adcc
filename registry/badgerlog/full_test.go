//go:build linux

package badgerlog_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
)

// smallTable makes the reserve some 60 MiB.
const smallTable = 10 << 20

// disk mounts a file system of that size in memory.
func disk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size+",mode=700"); err != nil {
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
			cannotMount(t, err)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all the room that is left.
func fill(t *testing.T, dir string) (empty func()) {
	t.Helper()
	name := filepath.Join(dir, "filler")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err := f.Write(block); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			block = block[:len(block)/2]
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// wantFull is an error that says that the disk is full.
func wantFull(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, registry.ErrFull) || !strings.Contains(err.Error(), "make room") {
		t.Errorf("%s on a full disk: %v, want ErrFull", what, err)
	}
}

// The disk is filled by the log itself, then by somebody else to the last
// byte: nothing is written, nothing ends the process, everything is read, and
// once there is room the log goes on.
func TestAFullDiskRefusesAndReads(t *testing.T) {
	ctx := context.Background()
	top := disk(t, "200m")
	dir := filepath.Join(top, "log")
	log, err := badgerlog.OpenSmall(dir, smallTable)
	if err != nil {
		t.Fatal(err)
	}
	want := newRaw()
	for full := false; !full; {
		b := want.batch(t, 20, 61_440)
		switch err := log.Append(ctx, b); {
		case errors.Is(err, registry.ErrFull):
			wantFull(t, "append", err)
			want.forget(b)
			full = true
		case err != nil:
			t.Fatal(err)
		}
		if len(want.leaves) > 4000 {
			t.Fatal("the disk does not get full")
		}
	}
	if len(want.leaves) < 400 {
		t.Errorf("refused after %d leaves", len(want.leaves))
	}
	t.Logf("%d leaves of 60 KiB on 200 MiB", len(want.leaves))
	settled(t, dir)

	empty := fill(t, top)
	wantFull(t, "keep", log.Keep(ctx, registry.Standing{Quorate: 20, Sizes: map[string]int64{"witness+1": 7}}))
	b := want.batch(t, 1, 100)
	wantFull(t, "append", log.Append(ctx, b))
	want.forget(b)
	if err := want.same(t, log); err != nil {
		t.Errorf("on a full disk: %v", err)
	}
	wantFull(t, "close", log.Close())
	if _, err := badgerlog.OpenSmall(filepath.Join(top, "other"), smallTable); err != nil {
		wantFull(t, "open another", err)
	} else {
		t.Error("another was opened on a full disk")
	}

	empty()
	closeLog(t, log)
	if err := syscall.Mount("", top, "", syscall.MS_REMOUNT, "size=500m"); err != nil {
		t.Fatal(err)
	}
	if log, err = badgerlog.OpenSmall(dir, smallTable); err != nil {
		t.Fatal(err)
	}
	if err := want.same(t, log); err != nil {
		t.Errorf("once there was room: %v", err)
	}
	want.grow(t, log, 20, 61_440)
	if err := want.same(t, log); err != nil {
		t.Error(err)
	}
	closeLog(t, log)
}

// What a kill left can only be replayed where there is room for it.
func TestAStoreOnAFullDiskIsNotOpened(t *testing.T) {
	want, killed, _ := stored(t)
	top := disk(t, "100m")
	dir := filepath.Join(top, "log")
	if err := os.CopyFS(dir, os.DirFS(killed)); err != nil {
		t.Fatal(err)
	}
	empty := fill(t, top)
	log, err := badgerlog.OpenSmall(dir, 1<<20)
	if err == nil {
		t.Fatal("opened", log.Close())
	}
	wantFull(t, "open", err)
	empty()
	log = openSmall(t, dir)
	if err := want.same(t, log); err != nil {
		t.Error(err)
	}
	closeLog(t, log)
}

func TestAReadOnlyDiskIsSaidToBe(t *testing.T) {
	_, _, closed := stored(t)
	top := disk(t, "100m")
	dir := filepath.Join(top, "log")
	if err := os.CopyFS(dir, os.DirFS(closed)); err != nil {
		t.Fatal(err)
	}
	before := contents(t, dir)
	if err := syscall.Mount("", top, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"log", "new"} {
		log, err := badgerlog.OpenSmall(filepath.Join(top, name), 1<<20)
		if err == nil {
			t.Fatal("opened", log.Close())
		}
		if !strings.Contains(err.Error(), "read-only file system") {
			t.Errorf("%v does not say that the disk is read-only", err)
		}
	}
	if after := contents(t, dir); len(after) != len(before) {
		t.Errorf("%d files of %d", len(after), len(before))
	}
}

// A batch of the largest leaves, as many as a register or a replica appends at
// once, fits into one transaction.
func TestTheLargestBatch(t *testing.T) {
	log, err := badgerlog.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := newRaw()
	start := time.Now()
	want.grow(t, log, (4<<20)/61_440, 61_440)
	want.grow(t, log, 4096, 1024)
	t.Logf("two batches in %v", time.Since(start))
	if err := want.same(t, log); err != nil {
		t.Error(err)
	}
	closeLog(t, log)
}
