//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package badgerlog

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// openLocked opens a file to write, makes it where there is none, and takes it
// for this process until it is closed.
func openLocked(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = errInUse
	} else if err != nil {
		err = fmt.Errorf("lock %s: %w", name, err)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
