// Package golden holds files of a test's directory against what they are made of,
// such as those that an example reads.
package golden

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the files that tests hold")

// Files checks that a directory has these files, by their names, or with -update
// writes them.
func Files(t *testing.T, dir string, want map[string][]byte) {
	t.Helper()
	for name, want := range want {
		file := filepath.Join(dir, name)
		if *update {
			if err := os.MkdirAll(dir, 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, want, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what it is made of any more: go test -update writes it", file)
		}
	}
}
