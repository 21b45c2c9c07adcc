package trail

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// A Writer writes records.
type Writer interface {
	Write(r Record) error
	// Close writes what comes behind the last record. A JSON document without it
	// is none.
	Close() error
}

// About says what records are of, and how far they can be believed.
type About struct {
	Register string `json:"register"`
	Size     int64  `json:"size"`
	// Proof is Proven or Word.
	Proof    string   `json:"proof"`
	Warnings []string `json:"warnings,omitzero"`
}

// What records are worth.
const (
	// Proven: checked against a trust that the reader has chosen.
	Proven = "proven"
	// Word: the register's word.
	Word = "word_of_the_register"
)

// Columns are those of CSV, in order. New ones come behind the last.
var Columns = []string{
	"index", "logged_at", "kind", "event", "issuer", "jti", "subject", "signed_by", "disregarded", "void", "written_at",
	"from", "until", "supersedes", "target", "says", "cause", "cause_text", "citation", "publication_url", "legal_basis",
	"retroactive_reason", "leaf_hash", "register", "proof", "signed_keys",
}

// row is a record in the order of Columns.
func (r *Record) row(about About) []string {
	var keys []string
	for _, k := range r.SignedKeys {
		keys = append(keys, k.Officer+"="+k.Kid)
	}
	return []string{
		strconv.FormatInt(r.Index, 10), text(r.LoggedAt), string(r.Kind), r.Event, r.Issuer, r.JTI, r.Subject,
		strings.Join(r.SignedBy, " "), strings.Join(r.Disregarded, " "), strconv.FormatBool(r.Void), text(r.WrittenAt),
		text(r.From), text(r.Until), r.Supersedes, r.Target, r.Says, r.Cause, r.CauseText, r.Citation, r.PublicationURL, r.LegalBasis,
		r.RetroactiveReason, r.LeafHash, about.Register, about.Proof, strings.Join(keys, " "),
	}
}

// Cell returns the text of a cell of CSV. Spreadsheets compute what begins with
// one of = + - @, a tab or a carriage return: that gets an apostrophe before it.
// Whoever needs the text as it was signed reads JSON.
func Cell(s string) string {
	if first, _ := utf8.DecodeRuneInString(s); s != "" && strings.ContainsRune("=+-@\t\r\uff1d\uff0b\uff0d\uff20", first) {
		return "'" + s
	}
	return s
}

type csvWriter struct {
	w     *csv.Writer
	about About
}

// NewCSV writes records as CSV (RFC 4180), with a line of [Columns] before them.
func NewCSV(w io.Writer, about About) (Writer, error) {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	return &csvWriter{c, about}, c.Write(Columns)
}

func (c *csvWriter) Write(r Record) error {
	row := r.row(c.about)
	for i := range row {
		row[i] = Cell(row[i])
	}
	return c.w.Write(row)
}

func (c *csvWriter) Close() error {
	c.w.Flush()
	return c.w.Error()
}

type jsonWriter struct {
	w    io.Writer
	more bool
}

// NewJSON writes records as one JSON document: the members of about, and
// statements, an array with a record a line.
func NewJSON(w io.Writer, about About) (Writer, error) {
	b, err := json.Marshal(about, json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(w, "%s,\"statements\":[", strings.TrimSuffix(string(b), "}"))
	return &jsonWriter{w: w}, err
}

func (j *jsonWriter) Write(r Record) error {
	b, err := json.Marshal(r, json.Deterministic(true))
	if err != nil {
		return err
	}
	sep := "\n"
	if j.more {
		sep = ",\n"
	}
	j.more = true
	_, err = fmt.Fprintf(j.w, "%s%s", sep, b)
	return err
}

func (j *jsonWriter) Close() error {
	_, err := io.WriteString(j.w, "\n]}\n")
	return err
}
