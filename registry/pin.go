package registry

import (
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/safeconduct/safeconduct/verify"
)

// pinOf returns the version of the trust root that a trust pins, and its leaf
// hash in base64.
func pinOf(trust *verify.Trust) (version int64, leaf string, err error) {
	b, err := trust.MarshalJSON()
	if err != nil {
		return 0, "", err
	}
	var doc struct {
		Root struct {
			LeafHash string `json:"leaf_hash"`
			Version  int64  `json:"version"`
		} `json:"root"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return 0, "", fmt.Errorf("read the trust's pin: %w", err)
	}
	return doc.Root.Version, doc.Root.LeafHash, nil
}

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
	version, leaf, err := pinOf(r.trust)
	if err != nil {
		return false, err
	}
	for _, x := range s.roots {
		if x.root.Root().Version != version {
			continue
		}
		hash := x.root.Statement().LeafHash()
		if got := base64.StdEncoding.EncodeToString(hash[:]); got != leaf {
			return false, fmt.Errorf("version %d of the log's trust root has the leaf hash %s; the trust file pins %s: it is another register, or another register's trust file", version, got, leaf)
		}
		return true, nil
	}
	return false, nil
}
