// Package vectors makes the test vectors of docs/vectors from fixed keys and
// times: what docs/format.md says, as bytes that a second implementation can be
// held against.
//
// [Files] makes all of them. A test fails where what is stored differs from
// what is made, and other tests hold what is stored against the packages that
// implement the formats. After a change of a format:
//
//	go test ./internal/vectors -update
package vectors

import (
	"fmt"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Files makes the vectors, by their file names.
func Files() map[string][]byte {
	files := make(map[string][]byte)
	for name, file := range map[string]any{
		"keys.json":        keyFile(),
		"json.json":        documentFile(),
		"values.json":      valueFile(),
		"statements.json":  statementFile(),
		"histories.json":   historyFile(),
		"statusmap.json":   mapFile(),
		"statusleaf.json":  statusLeafFile(),
		"checkpoints.json": checkpointFile(),
		"policies.json":    policyFile(),
		"trusts.json":      trustFile(),
		"log.json":         logFile(),
		"admission.json":   admissionFile(),
		"evidence.json":    evidenceFile(),
		"decisions.json":   decisionFile(),
		"receipts.json":    receiptFile(),
	} {
		b := must(json.Marshal(file, json.Deterministic(true), jsontext.WithIndent(" ")))
		files[name] = append(b, '\n')
	}
	return files
}

// must is for what cannot fail with fixed inputs.
func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("make the test vectors: %v", err))
	}
	return v
}

// Text is a byte string: in JSON a string, or {"base64": …} where the bytes are
// not UTF-8.
type Text string

type encoded struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSONTo implements [json.MarshalerTo].
func (t Text) MarshalJSONTo(enc *jsontext.Encoder) error {
	if utf8.ValidString(string(t)) {
		return enc.WriteToken(jsontext.String(string(t)))
	}
	return json.MarshalEncode(enc, encoded{[]byte(t)})
}

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (t *Text) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() == '"' {
		var s string
		err := json.UnmarshalDecode(dec, &s)
		*t = Text(s)
		return err
	}
	var e encoded
	err := json.UnmarshalDecode(dec, &e)
	*t = Text(e.Base64)
	return err
}
