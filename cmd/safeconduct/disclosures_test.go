package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/attest"
)

// Files of disclosures that are given together are bounded together, and what stands in
// two of them is told by the name of the second.
func TestFilesOfDisclosuresAreBoundedTogether(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, from, to int) string {
		var lines strings.Builder
		for i := from; i < to; i++ {
			salt := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%016d", i))
			lines.WriteString(base64.RawURLEncoding.EncodeToString([]byte(`["`+salt+`","legal_name","Varuna"]`)) + "\n")
		}
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(lines.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	const half = attest.MaxDisclosures / 2
	a, b := file("a", 0, half), file("b", half, attest.MaxDisclosures)
	if ds, err := readAllDisclosures([]string{a, b}); err != nil || len(ds) != attest.MaxDisclosures {
		t.Errorf("as many as are accepted: %d, %v", len(ds), err)
	}
	for name, c := range map[string]struct {
		third, want string
	}{
		"one more than are accepted":    {file("c", attest.MaxDisclosures, attest.MaxDisclosures+1), "together"},
		"one that stands in the second": {file("d", half, half+1), filepath.Join(dir, "d") + ": number 1 is in " + b},
	} {
		if ds, err := readAllDisclosures([]string{a, b, c.third}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d disclosures, %v; want %q", name, len(ds), err, c.want)
		}
	}
}
