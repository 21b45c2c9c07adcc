package main

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Memory is what a process holds, in bytes.
type Memory struct {
	// Resident is all of it, mapped files included, whose pages the system
	// takes back when it needs them.
	Resident float64
	// Anonymous is that without mapped files.
	Anonymous float64
}

// memory reads what this process holds from /proc/self/status.
func memory() (Memory, error) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return Memory{}, fmt.Errorf("read the resident memory: %w", err)
	}
	defer f.Close()
	var m Memory
	fields := map[string]*float64{"VmRSS:": &m.Resident, "RssAnon:": &m.Anonymous}
	for s := bufio.NewScanner(f); s.Scan(); {
		words := strings.Fields(s.Text())
		if len(words) < 2 || fields[words[0]] == nil {
			continue
		}
		kib, err := strconv.ParseFloat(words[1], 64)
		if err != nil {
			return Memory{}, fmt.Errorf("read the resident memory: %w", err)
		}
		*fields[words[0]] = kib * 1024
	}
	return m, nil
}

// onDisk returns the bytes that the files in a directory take up: badger maps
// files that are larger than what is in them.
func onDisk(dir string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			sum += st.Blocks * 512
		}
		return nil
	})
	return sum, err
}

// inMemory reports whether a directory is on tmpfs.
func inMemory(dir string) bool {
	const tmpfs = 0x01021994
	var st syscall.Statfs_t
	return syscall.Statfs(dir, &st) == nil && uint32(st.Type) == tmpfs
}

// processorTime is how long processors have worked for this process.
func processorTime() (time.Duration, error) {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0, fmt.Errorf("read the processor time: %w", err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), nil
}
