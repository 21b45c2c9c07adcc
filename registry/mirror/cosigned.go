package mirror

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/internal/durable"
	"github.com/safeconduct/safeconduct/registry"
)

// cosignedFile is where a mirror keeps what it cosigned last.
const cosignedFile = "cosigned.json"

// cosigned is what a mirror cosigned last.
type cosigned struct {
	// VKey is the mirror's key, Origin the register's name.
	VKey   string `json:"vkey"`
	Origin string `json:"origin"`
	// Size and Hash are the tree's, Time is that of the cosignature.
	Size int64     `json:"size"`
	Hash tlog.Hash `json:"hash"`
	Time time.Time `json:"time"`
	// Checkpoint has the signatures of the log and of the mirror; it is for the
	// report on a register that contradicts it.
	Checkpoint string `json:"checkpoint,omitzero"`
}

func (c cosigned) tree() tlog.Tree { return tlog.Tree{N: c.Size, Hash: c.Hash} }

// loadCosigned reads what the key cosigned last; a key that has cosigned
// nothing has the size 0. The log keeps the size as well, so that a file that
// is gone or older is found.
func loadCosigned(dir string, log registry.Log, vkey, origin string) (cosigned, error) {
	name := filepath.Join(dir, cosignedFile)
	none := cosigned{VKey: vkey, Origin: origin}
	sizes, err := log.Sizes()
	if err != nil {
		return none, err
	}
	c := none
	data, err := os.ReadFile(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return none, err
	default:
		if err := json.Unmarshal(data, &c, json.RejectUnknownMembers(true)); err != nil {
			return none, fmt.Errorf("read %s, which says what this mirror cosigned last: %w; a mirror that forgets that gets a new key", name, err)
		}
	}
	switch {
	case c.VKey != vkey || c.Origin != origin:
		return none, fmt.Errorf("%s is of the key %s for %s; this mirror has the key %s for %s: another key, or register, gets a directory of its own", name, c.VKey, c.Origin, vkey, origin)
	case c.Size < sizes[vkey]:
		return none, fmt.Errorf("%s says that this key cosigned size %d last, the log beside it says %d: it is lost or an older copy; put it back, or go on in a new directory with a new key", name, c.Size, sizes[vkey])
	}
	return c, nil
}

// keepCosigned makes durable what is about to be answered.
func keepCosigned(ctx context.Context, dir string, log registry.Log, c cosigned) error {
	data, err := json.Marshal(c, jsontext.WithIndent("  "))
	if err != nil {
		return fmt.Errorf("keep what was cosigned: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(dir, cosignedFile), append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("keep what was cosigned: %w", err)
	}
	if err := log.Keep(ctx, registry.Standing{Sizes: map[string]int64{c.VKey: c.Size}}); err != nil {
		return fmt.Errorf("keep what was cosigned: %w", err)
	}
	return nil
}
