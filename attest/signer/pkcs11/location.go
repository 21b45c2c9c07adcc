//go:build pkcs11 && cgo

package pkcs11

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// maxPIN is the largest PIN file that is read, in bytes.
const maxPIN = 4 << 10

// module returns the path of the driver.
func (r *reference) module() (string, error) {
	path, from := r.query["module-path"], "module-path"
	if path == "" {
		path, from = os.Getenv(ModuleVariable), ModuleVariable
	}
	if path == "" {
		return "", fmt.Errorf("does not say where the driver of the token is; add ?module-path=/usr/lib/….so, or set %s", ModuleVariable)
	}
	// A name without a directory would be looked for in the system's.
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("%s: %s is not an absolute path", from, path)
	}
	if info, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s: %w", from, err)
	} else if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s: %s is no file", from, path)
	}
	return path, nil
}

// pin returns the PIN, and "" where there is none.
func (r *reference) pin() (string, error) {
	if v, ok := r.query["pin-value"]; ok {
		return v, nil
	}
	source, ok := r.query["pin-source"]
	if !ok {
		return os.Getenv(PINVariable), nil
	}
	// RFC 7512 leaves open what else there may be, such as |command.
	path := strings.TrimPrefix(strings.TrimPrefix(source, "file:"), "//")
	if !filepath.IsAbs(path) {
		return "", errors.New("pin-source: want the absolute path of a file, or file: and that")
	}
	pin, err := readPIN(path)
	if err != nil {
		return "", fmt.Errorf("pin-source: %w", err)
	}
	return pin, nil
}

func readPIN(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", path)
	}
	// Windows has no such permissions; Go makes them up there.
	if perm := info.Mode().Perm(); perm&0o077 != 0 && runtime.GOOS != "windows" {
		return "", fmt.Errorf("%s may be used by others than its owner (mode %04o); run: chmod 600 %s", path, perm, path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxPIN+1))
	if err != nil {
		return "", err
	}
	pin := strings.TrimRight(string(data), "\r\n")
	if len(data) > maxPIN || strings.ContainsAny(pin, "\r\n") || pin == "" {
		return "", fmt.Errorf("%s has no PIN, or more than one line", path)
	}
	return pin, nil
}
