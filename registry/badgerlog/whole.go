package badgerlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// errNoManifest is a store whose tables nothing lists any more.
var errNoManifest = errors.New("its tables are there but the MANIFEST that lists them is missing: put the directory back from a copy")

// whole refuses a directory with tables and without the MANIFEST: badger would
// take it for an empty one, and delete the tables.
func whole(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "MANIFEST")); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, pattern := range []string{"*.sst", "*.vlog", "*.mem"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return fmt.Errorf("look at %s: %w", dir, err)
		}
		if len(found) > 0 {
			return errNoManifest
		}
	}
	return nil
}
