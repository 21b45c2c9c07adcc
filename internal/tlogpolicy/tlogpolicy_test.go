package tlogpolicy_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/internal/tlogpolicy"
)

// verifierKey is the note verifier key of a name and the fixed key of a word,
// of a C2SP signed-note type.
func verifierKey(name, word string, algorithm byte) string {
	seed := sha256.Sum256([]byte(word))
	public := append([]byte{algorithm}, ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)...)
	id := sha256.Sum256(append([]byte(name+"\n"), public...))
	return fmt.Sprintf("%s+%x+%s", name, id[:4], base64.StdEncoding.EncodeToString(public))
}

func vkey(word string) string { return verifierKey("example.com/"+word, word, 4) }

func logVKey() string { return verifierKey("example.org/register", "log", 1) }

// asked lists the cosigners that a policy asks for.
func asked(text string) (names []string, err error) {
	p, err := tlogpolicy.Parse(text)
	if err != nil {
		return nil, err
	}
	for _, w := range p.Quorum.Cosigners() {
		names = append(names, w.Name)
	}
	return names, nil
}

func TestPolicies(t *testing.T) {
	a, b, c := vkey("us-mirror"), vkey("in-mirror"), vkey("witness")
	three := fmt.Sprintf("witness a %s\nwitness b %s https://b.example/\nwitness c %s\n", a, b, c)
	for text, want := range map[string][]string{
		three + "quorum a\n":                                                          {"a"},
		three + "group g 2 a b c\nquorum g\n":                                         {"a", "b", "c"},
		three + "group g any a b\ngroup h all g c\nquorum h":                          {"a", "b", "c"},
		"\t# x\n \n" + three + "  group\tg  1\t a \n quorum g ":                       {"a"},
		"witness all " + a + "\nwitness 2 " + b + "\ngroup any 2 all 2\nquorum any\n": {"all", "2"},
		"log " + logVKey() + "\n" + three + "quorum c\n":                              {"c"},
	} {
		got, err := asked(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
	}
	hash := func(s string) string { i := strings.Index(s, "+"); return s[:i+1] + "00000000" + s[i+9:] }
	renamed := verifierKey("example.com/other", "us-mirror", 4)
	log := logVKey()
	for text, says := range map[string]string{
		"":                                  "no quorum",
		three:                               "no quorum",
		three + "quorum none\n":             "how fresh",
		three + "quorum d\n":                "not defined",
		three + "quorum a\nquorum b\n":      "second quorum",
		three + "quorum a b\n":              "want quorum",
		"quorum a\n" + three:                "line 1",
		"group g any a\n" + three:           "not defined",
		three + "group g any a a\nquorum g": "member already",
		three + "group g any a\ngroup h any a\nquorum h": "member already",
		three + "group g any g\nquorum g":                "not defined",
		three + "group g any none\nquorum g":             "not defined",
		three + "group g 0 a b\nquorum g":                "threshold",
		three + "group g 3 a b\nquorum g":                "threshold",
		three + "group g 01 a b\nquorum g":               "threshold",
		three + "group g most a b\nquorum g":             "threshold",
		three + "group g any\nquorum g":                  "want group",
		three + "group a any b\nquorum a":                "defined already",
		three + "group none any b\nquorum a":             "defined already",
		three + "witness a " + vkey("x") + "\nquorum a":  "defined already",
		three + "witness d " + a + "\nquorum a":          "key stands twice",
		three + "witness d " + renamed + "\nquorum a":    "key stands twice",
		"witness a\nquorum a":                            "want witness",
		"witness a nonsense\nquorum a":                   "no verifier key",
		"witness a " + log + "\nquorum a":                "want one of type 0x04",
		"witness a " + hash(a) + "\nquorum a":            "mistyped",
		"witness a " + a + " # mine\nquorum a":           "want witness",
		"witness a " + a + " #mine\nquorum a":            "no URL",
		"Witness a " + a + "\nquorum a":                  "unknown keyword",
		three + "quorum a\r\n":                           "control character",
		"log " + log + "\nlog " + log + "\n" + three:     "twice",
		"log " + a + "\n" + three:                        "want one of type 0x01",
		strings.Repeat("\n", 1000) + three:               "lines",
	} {
		if _, err := tlogpolicy.Parse(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v; want an error that says %q", text, err, says)
		}
	}
}

// An id has 32 bits: keys that share it with their name are soon found.
func TestNoTwoKeysAreNamedAlike(t *testing.T) {
	numbered := func(n uint64) string {
		public := append(binary.BigEndian.AppendUint64([]byte{4}, n), bytes.Repeat([]byte{7}, 24)...)
		return "example.net/w+ec95bbf3+" + base64.StdEncoding.EncodeToString(public)
	}
	one, two := "witness a "+numbered(4770)+"\n", "witness b "+numbered(110299)+"\n"
	for _, alone := range []string{one + "quorum a", two + "quorum b"} {
		if _, err := tlogpolicy.Parse(alone); err != nil {
			t.Error(err)
		}
	}
	if _, err := tlogpolicy.Parse(one + two + "quorum a"); err == nil || !strings.Contains(err.Error(), "line 2: another key has the name and id example.net/w+ec95bbf3") {
		t.Errorf("both: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("witness a " + vkey("a") + "\nwitness b " + vkey("b") + "\ngroup g all a b\nquorum g\n")
	f.Add("# x\nlog " + logVKey() + "\nwitness a " + vkey("a") + " https://a.example\ngroup g 1 a\nquorum g")
	f.Add("quorum none\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := tlogpolicy.Parse(text)
		if err == nil && len(p.Quorum.Cosigners()) == 0 {
			t.Errorf("a policy that asks for nobody: %q", text)
		}
	})
}
