package statusmap_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/verify/statusmap"
)

// directives yields the lines of a file of torchwood's vectors, the spaces
// within their hexadecimal left out.
func directives(t *testing.T, name string, do func(verb string, args []string)) {
	t.Helper()
	data, err := os.ReadFile("testdata/torchwood/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(strings.ReplaceAll(string(data), "\\\n", "")) {
		if f := strings.Fields(line); len(f) > 0 && !strings.HasPrefix(f[0], "#") {
			do(f[0], f[1:])
		}
	}
}

// unhex decodes an argument.
func unhex(t *testing.T, parts ...string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(strings.Join(parts, ""), "''", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Torchwood's tree of other keys than those of 32 bytes is none of ours.
func TestTorchwoodsRoots(t *testing.T) {
	compared, others := 0, 0
	c, ours := make(content), true
	directives(t, "treehash.txt", func(verb string, args []string) {
		switch verb {
		case "kv":
			key := unhex(t, args[0])
			if ours = ours && len(key) == 32; ours {
				c[[32]byte(key)] = unhex(t, args[1])
			}
		case "hash":
			if ours {
				root := (*statusmap.Map)(nil).Set(maps.All(c)).Root()
				if want := unhex(t, args[0]); !bytes.Equal(root[:], want) {
					t.Errorf("root over %d keys is %x, torchwood's %x", len(c), root, want)
				}
				compared++
			} else {
				others++
			}
			c, ours = make(content), true
		default:
			t.Fatalf("unknown %q", verb)
		}
	})
	if compared != 14 || others != 18 {
		t.Errorf("%d roots, and %d with keys that are not of 32 bytes", compared, others)
	}
}

// A lookup is one of torchwood's vectors: a proof and whether it holds.
type lookup struct {
	root, key []byte
	value     []byte
	present   bool
	proof     []byte
	holds     bool
}

// met returns the leaf that a proof of absence ends at, and whether its key is
// of 32 bytes.
func (l lookup) met() (key [32]byte, value []byte, ok bool) {
	// Both lengths are below 128 in all vectors with such a key.
	p := l.proof
	if l.present || len(p) < 34 || p[0] != 32 || p[33] >= 128 || len(p) < 34+int(p[33]) {
		return key, nil, false
	}
	return [32]byte(p[1:33]), p[34 : 34+int(p[33])], true
}

func (l lookup) check() error {
	if len(l.key) != 32 {
		return errors.New("a key that is not of 32 bytes")
	}
	if l.present {
		return statusmap.CheckPresent([32]byte(l.root), [32]byte(l.key), l.value, l.proof)
	}
	return statusmap.CheckAbsent([32]byte(l.root), [32]byte(l.key), l.proof)
}

func lookups(t *testing.T) (all []lookup) {
	t.Helper()
	var l lookup
	directives(t, "verify.txt", func(verb string, args []string) {
		switch verb {
		case "snap":
			l.root = unhex(t, args...)
		case "key":
			l.key = unhex(t, args...)
		case "val":
			l.present = args[0] != "-"
			l.value = nil
			if l.present {
				l.value = unhex(t, args...)
			}
		case "proof":
			l.proof = unhex(t, args...)
		case "verify":
			l.holds = args[0] == "true"
			all = append(all, l)
		case "prefix", "hash", "verifyprefix":
			// Proofs of all keys that begin alike, which nothing here makes.
		default:
			t.Fatalf("unknown %q", verb)
		}
	})
	return all
}

// What torchwood refuses is refused. What it accepts is accepted where no key in
// it is of another length than 32 bytes.
func TestTorchwoodsLookups(t *testing.T) {
	accepted, refused, others := 0, 0, 0
	for i, l := range lookups(t) {
		_, _, alike := l.met()
		ours := len(l.key) == 32 && (l.present || alike || len(l.proof) == 0)
		err := l.check()
		switch {
		case l.holds && ours:
			if accepted++; err != nil {
				t.Errorf("lookup %d: %v; torchwood accepts it", i, err)
			}
		case l.holds, len(l.key) != 32:
			if others++; err == nil {
				t.Errorf("lookup %d, with a key that is not of 32 bytes, is accepted", i)
			}
		default:
			if refused++; err == nil {
				t.Errorf("lookup %d: is accepted; torchwood refuses it", i)
			}
		}
	}
	if accepted != 13 || refused != 12 || others != 78 {
		t.Errorf("%d accepted, %d refused, %d with keys that are not of 32 bytes", accepted, refused, others)
	}
}

// The vectors name the leaves of most of their small trees: where those make the
// root, the proofs in it, of presence and of absence, are the same bytes.
func TestTorchwoodsProofs(t *testing.T) {
	trees := make(map[string]content)
	all := lookups(t)
	for _, l := range all {
		if l.check() != nil {
			continue
		}
		c := trees[string(l.root)]
		if c == nil {
			c = make(content)
			trees[string(l.root)] = c
		}
		if l.present {
			c[[32]byte(l.key)] = l.value
		} else if key, value, ok := l.met(); ok {
			c[key] = value
		}
	}
	present, absent, whole := 0, 0, make(map[string]*statusmap.Map)
	for root, c := range trees {
		m := (*statusmap.Map)(nil).Set(maps.All(c))
		if m.Root() == [32]byte([]byte(root)) {
			whole[root] = m
		}
	}
	for i, l := range all {
		m := whole[string(l.root)]
		if m == nil || l.check() != nil {
			continue
		}
		if proof := m.Prove([32]byte(l.key)); !bytes.Equal(proof, l.proof) {
			t.Errorf("lookup %d: proof\n%x, torchwood's\n%x", i, proof, l.proof)
		}
		if l.present {
			present++
		} else {
			absent++
		}
	}
	if present != 7 || absent != 4 || len(whole) != 5 {
		t.Errorf("%d proofs of presence, %d of absence, in %d of %d trees", present, absent, len(whole), len(trees))
	}
}
