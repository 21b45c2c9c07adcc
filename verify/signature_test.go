package verify_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// lineOf is the signature line of a cosigner over a checkpoint.
func lineOf(t *testing.T, c *registry.Cosigner, signed []byte, at time.Time) string {
	t.Helper()
	line, err := c.Cosign(signed, at)
	if err != nil {
		t.Fatal(err)
	}
	return string(line)
}

func TestALineIsGoodOnlyWhereTheListedKeyHasSigned(t *testing.T) {
	witness := func(name string) (*registry.Cosigner, string) {
		skey, _, err := note.GenerateKey(nil, name)
		if err != nil {
			t.Fatal(err)
		}
		c, err := registry.NewCosigner(skey)
		if err != nil {
			t.Fatal(err)
		}
		return c, c.VKey()
	}
	a, aKey := witness("witness.example/a")
	b, bKey := witness("witness.example/b")
	stranger, strangersKey := witness("witness.example/a")
	log, logKey := registrytest.LogSigner()
	root := registrytest.Root(registrytest.Start)
	root.Cosigners = []attest.Cosigner{{VKey: aKey, Role: attest.Mirror}, {VKey: bKey, Role: attest.Witness, Operator: true}}
	text := registrytest.Origin + "\n7\n" + strings.Repeat("A", 43) + "=\n"
	signed, err := note.Sign(&note.Note{Text: text}, log)
	if err != nil {
		t.Fatal(err)
	}
	other, err := note.Sign(&note.Note{Text: registrytest.Origin + "\n8\n" + strings.Repeat("A", 43) + "=\n"}, log)
	if err != nil {
		t.Fatal(err)
	}
	at := registrytest.Start
	id := func(vkey string) string { return strings.Join(strings.SplitN(vkey, "+", 3)[:2], "+") }
	logLine := verify.SignatureLine{Key: id(logKey), Log: true, Operator: true, State: verify.SignatureGood}
	aLine := verify.SignatureLine{Key: id(aKey), Role: attest.Mirror}
	bLine := verify.SignatureLine{Key: id(bKey), Role: attest.Witness, Operator: true}
	is := func(l verify.SignatureLine, state verify.SignatureState, at time.Time) verify.SignatureLine {
		l.State, l.Time = state, at
		return l
	}
	good, missing, falsely := verify.SignatureGood, verify.SignatureMissing, verify.SignatureFalse
	none := time.Time{}
	// The line of a over another checkpoint, and one of b in a's name.
	moved, posing := lineOf(t, a, other, at), strings.Replace(lineOf(t, b, signed, at), "/b ", "/a ", 1)
	for what, c := range map[string]struct {
		signed string
		want   []verify.SignatureLine
	}{
		"alone":   {string(signed), []verify.SignatureLine{logLine, is(aLine, missing, none), is(bLine, missing, none)}},
		"both":    {string(signed) + lineOf(t, b, signed, at.Add(time.Minute)) + lineOf(t, a, signed, at), []verify.SignatureLine{logLine, is(aLine, good, at), is(bLine, good, at.Add(time.Minute))}},
		"moved":   {string(signed) + moved, []verify.SignatureLine{logLine, is(aLine, falsely, none), is(bLine, missing, none)}},
		"besides": {string(signed) + moved + lineOf(t, a, signed, at), []verify.SignatureLine{logLine, is(aLine, falsely, none), is(aLine, good, at), is(bLine, missing, none)}},
		// The id is b's, and the name a's: no such key is listed.
		"posing": {string(signed) + posing, []verify.SignatureLine{
			logLine, is(aLine, missing, none), is(bLine, missing, none),
			{Key: "witness.example/a" + id(bKey)[len("witness.example/b"):], State: verify.SignatureUnlisted},
		}},
		"stranger": {string(signed) + lineOf(t, stranger, signed, at), []verify.SignatureLine{
			logLine, is(aLine, missing, none), is(bLine, missing, none), {Key: id(strangersKey), State: verify.SignatureUnlisted},
		}},
		"another log's": {text + "\n" + string(other[strings.Index(string(other), "\n\n")+2:]), []verify.SignatureLine{
			is(logLine, falsely, none), is(aLine, missing, none), is(bLine, missing, none),
		}},
	} {
		got, err := verify.SignatureLines([]byte(c.signed), root)
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	for _, bad := range []string{"", text, text + "\n", "\xff" + string(signed), string(signed) + strings.Repeat(moved, 200)[:100*len(moved)-1]} {
		if got, err := verify.SignatureLines([]byte(bad), root); err == nil {
			t.Errorf("%.40q is read as %v", bad, fmt.Sprint(got))
		}
	}
}
