package vectors_test

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/safeconduct/safeconduct/internal/vectors"
)

var update = flag.Bool("update", false, "write the vectors")

// dir is where the vectors are stored.
var dir = filepath.Join("..", "..", "docs", "vectors")

func TestStoredVectorsAreThoseThatAreMade(t *testing.T) {
	files := vectors.Files()
	total := 0
	for _, name := range slices.Sorted(maps.Keys(files)) {
		total += len(files[name])
		path := filepath.Join(dir, name)
		if *update {
			if err := os.WriteFile(path, files[name], 0o644); err != nil { //nolint:gosec // they are there to be read
				t.Fatal(err)
			}
		}
		stored, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(stored, files[name]) {
			t.Errorf("%s is not what is made any more; where the change is meant: go test ./internal/vectors -update", name)
		}
	}
	stored, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(stored) != len(files) {
		t.Errorf("%d files are stored, %d are made: %v", len(stored), len(files), err)
	}
	if total > 11<<18 {
		t.Errorf("the vectors have %d bytes", total)
	}
}

// stored reads a file of vectors as it is stored.
func stored[T any](t *testing.T, name string) (file T) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &file, json.RejectUnknownMembers(true)); err != nil {
		t.Fatal(err)
	}
	return file
}
