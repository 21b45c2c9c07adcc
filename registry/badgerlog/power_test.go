//go:build linux

package badgerlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry/badgerlog"
)

// mustMount is set where the tests that mount a file system have to run: there
// it is a failure that they cannot, and not a reason to skip them.
const mustMount = "SAFECONDUCT_MUST_MOUNT"

// cannotMount skips the test, or fails.
func cannotMount(t *testing.T, err error) {
	t.Helper()
	if os.Getenv(mustMount) != "" {
		t.Fatalf("a file system cannot be mounted here, and %s is set: %v", mustMount, err)
	}
	t.Skipf("a file system cannot be mounted here (%v): run the tests as root", err)
}

// A lossy is a file system of its own, in a file in memory, which loses what was not synced
// when its power is cut.
type lossy struct{ image, dir string }

func newLossy(t *testing.T) *lossy {
	t.Helper()
	top := disk(t, "600m")
	l := &lossy{image: filepath.Join(top, "image"), dir: filepath.Join(top, "mounted")}
	f, err := os.Create(l.image)
	if err == nil {
		err = errors.Join(f.Truncate(512<<20), f.Close(), os.Mkdir(l.dir, 0o700))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := command("mkfs.ext4", "-q", "-F", l.image); err != nil {
		cannotMount(t, err)
	}
	if err := l.mount(); err != nil {
		cannotMount(t, err)
	}
	t.Cleanup(func() {
		// Whatever is left of it by a test that failed.
		_ = syscall.Unmount(l.dir, syscall.MNT_DETACH)
	})
	return l
}

func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(out))
	}
	return nil
}

// mount mounts it; by itself it would write its journal seldom.
func (l *lossy) mount() error {
	return command("mount", "-t", "ext4", "-o", "loop,commit=300", l.image, l.dir)
}

// cut ends all writing to it at once. Pages that were not written back are lost,
// those of memory maps too, and so is the part of the journal that was not
// committed: this is how xfstests cut the power. It fails every sync from then
// on.
func (l *lossy) cut() error {
	const (
		shutdown   = 0x8004587d // EXT4_IOC_SHUTDOWN
		noLogFlush = 2
	)
	d, err := os.Open(l.dir)
	if err != nil {
		return err
	}
	how := uint32(noLogFlush)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, d.Fd(), shutdown, uintptr(unsafe.Pointer(&how))); errno != 0 {
		err = fmt.Errorf("shut the file system down: %w", errno)
	}
	return errors.Join(err, d.Close())
}

// restart mounts it again, as the next start of the machine does.
func (l *lossy) restart(t *testing.T) {
	t.Helper()
	if err := syscall.Unmount(l.dir, 0); err != nil {
		t.Fatal("unmount: ", err)
	}
	if err := l.mount(); err != nil {
		t.Fatal(err)
	}
}

// A file system that loses what was not synced loses it here: else the test
// after this one would show nothing.
func TestACutLosesWhatWasNotSynced(t *testing.T) {
	disk := newLossy(t)
	name := filepath.Join(disk.dir, "file")
	const page = 4096
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(2 * page); err != nil {
		t.Fatal(err)
	}
	mapped, err := syscall.Mmap(int(f.Fd()), 0, 2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	copy(mapped, "synced")
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	copy(mapped[page:], "not synced")
	if err := disk.cut(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Fdatasync(int(f.Fd())); err == nil {
		t.Error("synced after the cut")
	}
	if err := errors.Join(syscall.Munmap(mapped), f.Close()); err != nil {
		t.Fatal(err)
	}
	disk.restart(t)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(data, []byte("synced")) || data[page] != 0 {
		t.Errorf("%q, %q", data[:6], data[page:page+10])
	}
}

// A kill leaves everything that was written, synced or not. A cut does not: what
// was answered is there after it only where it was synced before the answer.
func TestWhatWasAcknowledgedSurvivesAPowerCut(t *testing.T) {
	disk := newLossy(t)
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var c *crashed
	acks := 0
	for round := range rounds {
		if round%4 == 0 {
			// The first flushes and compacts all the time, the second does not.
			c = &crashed{
				dir: filepath.Join(disk.dir, fmt.Sprint(round)), table: []int64{1 << 20, 10 << 20}[round/4%2],
				roots: make(map[int64]tlog.Hash),
			}
		}
		before := len(c.acks)
		c.cutOff(t, disk, random, round)
		acks += len(c.acks) - before
		c.durable(t, round)
		// Now and then the next one goes on with what the cut left.
		if round%4 != 1 {
			c.check(t, 0)
		}
	}
	t.Logf("%d cuts: %d statements acknowledged", rounds, acks)
}

// cutOff runs a submitter, cuts the power at a random moment, and starts the
// machine again.
func (c *crashed) cutOff(t *testing.T, disk *lossy, random *rand.Rand, round int) {
	t.Helper()
	var stderr bytes.Buffer
	child, lines := c.start(t, &stderr, round)
	late := time.Duration(random.IntN(500)) * time.Millisecond
	cut := make(chan error, 1)
	var first sync.Once
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		// What is answered after the cut counts, too.
		c.acknowledge(t, line)
		first.Do(func() { time.AfterFunc(late, func() { cut <- disk.cut() }) })
	}
	first.Do(func() { cut <- errors.New("nothing was acknowledged") })
	if err := <-cut; err != nil {
		t.Fatalf("round %d: %v: %s", round, err, &stderr)
	}
	if err := child.Wait(); err == nil {
		t.Fatalf("round %d: the submitter did not fail", round)
	}
	disk.restart(t)
}

// durable compares the file that says what was acknowledged with what was.
func (c *crashed) durable(t *testing.T, round int) {
	t.Helper()
	size, err := badgerlog.AcknowledgedSize(c.dir)
	if err != nil {
		t.Fatal(err)
	}
	for seen := range c.roots {
		if seen > size {
			t.Errorf("round %d: size %d was answered, and size %d is the last that the store knows to be", round, seen, size)
		}
	}
}
