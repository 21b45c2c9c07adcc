package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/safeconduct/safeconduct/internal/durable"
)

// content is what a file holds, its mode, and how many files lie beside it.
func content(t *testing.T, name string) (text string, mode fs.FileMode, beside int) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadDir(filepath.Dir(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b), info.Mode().Perm(), len(all) - 1
}

func TestCreateNeverOverwrites(t *testing.T) {
	name := filepath.Join(t.TempDir(), "key")
	if err := durable.Create(name, []byte("first"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := durable.Create(name, []byte("second"), 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("writes a file that exists: %v", err)
	}
	if text, mode, _ := content(t, name); text != "first" || mode != 0o600 {
		t.Errorf("the file holds %q with the mode %v", text, mode)
	}
}

func TestWriteFileReplacesAndLeavesNothingBeside(t *testing.T) {
	name := filepath.Join(t.TempDir(), "trust.yaml")
	for _, want := range []string{"first", "second"} {
		if err := durable.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		if text, mode, beside := content(t, name); text != want || mode != 0o644 || beside != 0 {
			t.Errorf("the file holds %q with the mode %v, want %q, and %d files lie beside it", text, mode, want, beside)
		}
	}
	// A directory is not replaced, and what was begun is taken away.
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "taken", "in"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(filepath.Join(dir, "taken"), nil, 0o644); err == nil {
		t.Error("a directory is replaced by a file")
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
		t.Errorf("%v lie in the directory (%v)", all, err)
	}
}

func TestRenameMovesDirectories(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "db.part"), filepath.Join(dir, "elsewhere", "db")
	if err := errors.Join(os.MkdirAll(from, 0o755), os.MkdirAll(filepath.Dir(to), 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := durable.Rename(from, to); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(to); err != nil {
		t.Error(err)
	}
	if err := durable.Rename(from, to); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there is renamed: %v", err)
	}
}
