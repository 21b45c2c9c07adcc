package vkey_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/internal/vkey"
)

// public is the fixed key of a word.
func public(word string) ed25519.PublicKey {
	seed := sha256.Sum256([]byte(word))
	return ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
}

// written is a verifier key with the id that its name and key make.
func written(name string, key ...byte) string {
	id := sha256.Sum256(append([]byte(name+"\n"), key...))
	return fmt.Sprintf("%s+%x+%s", name, id[:4], base64.StdEncoding.EncodeToString(key))
}

func typed(typ byte, key []byte) []byte { return append([]byte{typ}, key...) }

func TestAKeyIsReadAsItsTypeSays(t *testing.T) {
	log, cosigner := written("example.org/log", typed(1, public("a"))...), written("example.org/log", typed(4, public("a"))...)
	for _, row := range []struct {
		text string
		log  bool
		read func(string) (vkey.Key, error)
	}{{log, true, vkey.ParseLog}, {log, true, vkey.Parse}, {cosigner, false, vkey.ParseCosigner}, {cosigner, false, vkey.Parse}} {
		k, err := row.read(row.text)
		if err != nil || k.Log != row.log || k.Public != string(public("a")) {
			t.Fatalf("%s: %+v, %v", row.text, k, err)
		}
		id := k.ID()
		if !strings.HasPrefix(row.text, id.String()+"+") || id != vkey.Signer(note.Signature{Name: id.Name, Hash: id.Hash}) {
			t.Errorf("%s has the id %s", row.text, id)
		}
	}
	if k, err := vkey.ParseLog(cosigner); err == nil || !strings.Contains(err.Error(), "want one of type 0x01") {
		t.Errorf("a cosigner's key as a log's: %+v, %v", k, err)
	}
	if k, err := vkey.ParseCosigner(log); err == nil || !strings.Contains(err.Error(), "want one of type 0x04") {
		t.Errorf("a log's key as a cosigner's: %+v, %v", k, err)
	}
}

// The packages that make verifiers accept what is no such key: a cosigner's id
// they do not look at.
func TestAKeyHasOneSpelling(t *testing.T) {
	small := make([]byte, 32)
	small[0] = 1
	for _, typ := range []byte{1, 4} {
		good := written("example.net/w", typed(typ, public("b"))...)
		if _, err := vkey.Parse(good); err != nil {
			t.Fatal(err)
		}
		part := strings.SplitN(good, "+", 3)
		for name, row := range map[string]struct{ text, says string }{
			"nothing":               {"", "want <name>+<id>+<key>"},
			"a name":                {"example.net/w", "want <name>+<id>+<key>"},
			"no key":                {part[0] + "+" + part[1] + "+", "want <name>+<id>+<key>"},
			"an id in upper case":   {part[0] + "+" + strings.ToUpper(part[1]) + "+" + part[2], "in lower case"},
			"another id":            {part[0] + "+00000000+" + part[2], "name and key make " + part[1]},
			"an id cut short":       {part[0] + "+" + part[1][:7] + "+" + part[2], "name and key make " + part[1]},
			"an id with a sign":     {part[0] + "++" + part[1] + "+" + part[2], ""},
			"a name mistyped":       {"x" + good, "its id is"},
			"no name":               {written("", typed(typ, public("b"))...), "the name"},
			"a name with a space":   {written("a b", typed(typ, public("b"))...), "the name"},
			"a key cut short":       {written("example.net/w", typed(typ, public("b")[:31])...), "this one 31"},
			"a key and more":        {written("example.net/w", append(typed(typ, public("b")), 0)...), "this one 33"},
			"another type":          {written("example.net/w", typed(2, public("b"))...), "signature type is 0x02"},
			"a key of small order":  {written("example.net/w", typed(typ, small)...), "small order"},
			"padding":               {good + "=", "strict base64"},
			"a line end":            {good + "\n", "strict base64"},
			"a line end in the key": {good[:len(good)-4] + "\n" + good[len(good)-4:], "strict base64"},
		} {
			for _, read := range []func(string) (vkey.Key, error){vkey.Parse, vkey.ParseLog, vkey.ParseCosigner} {
				if k, err := read(row.text); err == nil || !strings.Contains(err.Error(), row.says) {
					t.Errorf("%s, of type %d: %+v, %v; want it to say %q", name, typ, k, err, row.says)
				}
			}
		}
	}
}
