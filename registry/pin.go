package registry

import (
	"errors"
	"fmt"
)

// errUnpinned says that a log has not shown whose it is.
var errUnpinned = errors.New("the log does not have the version of the trust root that the trust file pins")

// Pinned returns nil where the log has the trust root that the trust pins, or
// there is no trust. What may go on before that root shows nobody's log yet.
func (r *Reader) Pinned() error {
	met, err := r.pinned(r.newest())
	if err == nil && !met {
		err = errUnpinned
	}
	return err
}

// pinned reports whether a snapshot has the version of the trust root that the
// trust pins, and returns an error where it has another one of that number.
func (r *Reader) pinned(s *snapshot) (met bool, err error) {
	if r.trust == nil {
		return true, nil
	}
	version, leaf := r.trust.Pin()
	for _, x := range s.roots {
		if x.root.Root().Version != version {
			continue
		}
		if got := x.root.Statement().LeafHash(); got != leaf {
			return false, fmt.Errorf("version %d of the log's trust root has the leaf hash %v; the trust file pins %v: it is another register, or another register's trust file", version, got, leaf)
		}
		return true, nil
	}
	return false, nil
}
