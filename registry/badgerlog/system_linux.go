package badgerlog

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/safeconduct/safeconduct/registry"
)

// syncData makes what was written to a file durable, without its times.
func syncData(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }

// free returns how many bytes the file system of dir has left for us.
func free(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("ask for the free space of %s: %w", dir, err)
	}
	return int64(s.Bavail) * s.Bsize, nil
}

// keepSize has fallocate leave the length of a file as it is.
const keepSize = 1

// allocate gives a file its blocks up to size. A file system that cannot is
// left to itself.
func allocate(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	err = syscall.Fallocate(int(f.Fd()), keepSize, 0, size)
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		err = nil
	}
	if err != nil {
		err = full(fmt.Errorf("allocate %s: %w", path, err))
	}
	return errors.Join(err, f.Close())
}

// blocks returns how much of the disk a file has.
func blocks(info os.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Blocks * 512
	}
	return info.Size()
}

// full tells the error of a full disk from others.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", registry.ErrFull, err)
	}
	return err
}
