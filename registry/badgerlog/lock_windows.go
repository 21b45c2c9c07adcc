package badgerlog

import (
	"errors"
	"os"
	"syscall"
)

// sharingViolation is what Windows says of a file that somebody has taken.
const sharingViolation = syscall.Errno(32)

// openLocked opens a file to write, makes it where there is none, and takes it
// for this process until it is closed: it shares it with nobody.
func openLocked(name string) (*os.File, error) {
	p, err := syscall.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(p, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, sharingViolation) {
		return nil, errInUse
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(h), name), nil
}
