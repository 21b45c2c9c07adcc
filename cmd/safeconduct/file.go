package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/safeconduct/safeconduct/internal/durable"
	"github.com/safeconduct/safeconduct/internal/yamldoc"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/verify"
)

// maxFile bounds what is read from a file; the largest evidence is smaller.
const maxFile = 16 << 20

// readFile reads a file of bounded size; "-" is standard input.
func readFile(name string) ([]byte, error) {
	f := os.Stdin
	if name != "-" {
		var err error
		if f, err = os.Open(name); err != nil {
			return nil, err
		}
		defer f.Close()
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if p, ok := errors.AsType[*os.PathError](err); ok {
		err = p.Err // it names the file once more
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("read %s: it is larger than %d MiB", name, maxFile>>20)
	}
	return b, nil
}

// writeNew writes a file that is not there yet, or with force one that is; a
// private key it never replaces.
func writeNew(name string, data []byte, force bool) error {
	if err := replaceable(name, force); err != nil {
		return err
	}
	return writeFile(name, data)
}

// writeSecret writes a file that others on the machine do not read.
func writeSecret(name string, data []byte, force bool) error {
	if err := replaceable(name, force); err != nil {
		return err
	}
	if err := durable.WriteFile(name, data, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// replaceable returns an error where a file may not be written under that name,
// see writeNew.
func replaceable(name string, force bool) error {
	// To open a named pipe waits for whoever writes into it.
	info, err := os.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	var f *os.File
	if err == nil {
		f, err = os.Open(name)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer f.Close()
	// What is larger than a file may be that is read is no key.
	old, err := io.ReadAll(io.LimitReader(f, maxFile))
	switch {
	case err != nil:
		return fmt.Errorf("write %s: %w", name, err)
	case bytes.Contains(old, []byte("PRIVATE")):
		return fmt.Errorf("write %s: it is a private key, which is never overwritten", name)
	case !force:
		return &existing{name}
	}
	return nil
}

// An existing is a file that is not written, since it is there. Whether the
// command has a --force, [run] knows.
type existing struct{ name string }

func (e *existing) Error() string { return fmt.Sprintf("write %s: it exists", e.name) }

func (e *existing) Is(target error) bool { return target == os.ErrExist }

// writeFile writes a file whole or not at all, so that a full disk or Ctrl-C
// leaves no half of one.
func writeFile(name string, data []byte) error {
	if err := durable.WriteFile(name, data, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// readDocument reads a YAML or JSON file, see [yamldoc.Read].
func readDocument[T any](name string, parse func([]byte) (T, error)) (T, error) {
	data, err := readFile(name)
	if err != nil {
		var none T
		return none, err
	}
	return yamldoc.Read(name, data, parse)
}

func readRequest(name string) (*policy.Request, error) {
	return readDocument(name, policy.ParseRequest)
}

func readTrust(name string) (*verify.Trust, error) {
	return readDocument(name, verify.ParseTrust)
}
