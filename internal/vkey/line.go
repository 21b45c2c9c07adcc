package vkey

import (
	"errors"
	"strings"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// Line returns a signature line of a signed note, with its newline.
func Line(s note.Signature) string { return "\u2014 " + s.Name + " " + s.Base64 + "\n" }

// Signed writes a note with these signatures.
func Signed(text string, sigs []note.Signature) string {
	var b strings.Builder
	b.WriteString(text + "\n")
	for _, s := range sigs {
		b.WriteString(Line(s))
	}
	return b.String()
}

// lastDate is 9999-12-31T23:59:59Z in Unix seconds, the last one that is read.
const lastDate = 253402300799

// Dated returns what a cosignature is dated, between 1970 and 9999. It checks no
// signature.
func Dated(s note.Signature) (time.Time, error) {
	at, err := fnote.CoSigV1Timestamp(s)
	if err != nil || at.Unix() <= 0 || at.Unix() > lastDate {
		return time.Time{}, errors.New("the cosignature of " + s.Name + " has no time")
	}
	return at.UTC(), nil
}

// Logs reads the keys of a log, such as a trust root lists.
func Logs(texts []string) ([]note.Verifier, error) {
	var out []note.Verifier
	for _, text := range texts {
		k, err := ParseLog(text)
		if err != nil {
			return nil, err
		}
		out = append(out, k.Verifier)
	}
	return out, nil
}
