package vkey_test

import (
	"encoding/base64"
	"encoding/binary"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/internal/vkey"
)

func TestANoteIsWrittenAsItWasRead(t *testing.T) {
	const signed = "text\n\n\u2014 a AAAAAQA=\n\u2014 b AAAAAQE=\n"
	_, err := note.Open([]byte(signed), note.VerifierList())
	unverified, ok := err.(*note.UnverifiedNoteError) //nolint:errorlint // it is returned bare
	if !ok {
		t.Fatal(err)
	}
	if got := vkey.Signed(unverified.Note.Text, unverified.Note.UnverifiedSigs); got != signed {
		t.Errorf("writes %q, want %q", got, signed)
	}
}

func TestACosignatureIsDatedBetween1970And9999(t *testing.T) {
	for unix, good := range map[int64]bool{0: false, 1: true, 253402300799: true, 253402300800: false, -1: false} {
		b := binary.BigEndian.AppendUint64(make([]byte, 4), uint64(unix))
		at, err := vkey.Dated(note.Signature{Name: "w", Base64: base64.StdEncoding.EncodeToString(append(b, make([]byte, 64)...))})
		if (err == nil) != good || good && !at.Equal(time.Unix(unix, 0)) {
			t.Errorf("%d is read as %v, %v", unix, at, err)
		}
	}
	if at, err := vkey.Dated(note.Signature{Name: "w", Base64: "AAAA"}); err == nil {
		t.Errorf("what is cut short is dated %v", at)
	}
}

func TestEveryKeyOfALogIsRead(t *testing.T) {
	a, b := written("example.org/log", typed(1, public("a"))...), written("example.org/log", typed(1, public("b"))...)
	if keys, err := vkey.Logs([]string{a, b}); err != nil || len(keys) != 2 {
		t.Errorf("%v, %v", keys, err)
	}
	if keys, err := vkey.Logs([]string{a, "b"}); err == nil {
		t.Errorf("what is no key is left out: %v", keys)
	}
}
