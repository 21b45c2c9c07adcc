package screening

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// cslColumns are those of the Consolidated Screening List, by what is read
// from them: every entry has the first three, the next are read where they are.
var cslColumns = strings.Fields(`source name alt_names
	ids programs entity_number _id type start_date
	title addresses federal_register_notice end_date standard_order license_requirement license_policy call_sign
	vessel_type gross_tonnage gross_registered_tonnage vessel_flag vessel_owner remarks source_list_url citizenships
	dates_of_birth nationalities places_of_birth source_information_url`)

const cslNeeds = 3

// isCSL reports whether the first line can be the list's column names.
func isCSL(line []byte) bool {
	for _, c := range cslColumns[:2] {
		if !slices.ContainsFunc(bytes.Split(line, []byte(",")), func(f []byte) bool { return string(bytes.Trim(f, "\" \r")) == c }) {
			return false
		}
	}
	return true
}

// A cslReader reads the Consolidated Screening List.
type cslReader struct {
	r      *csv.Reader
	column map[string]int
	record []string
}

func readCSL(b *builder, text []byte) error {
	c := cslReader{r: csv.NewReader(bytes.NewReader(text)), column: make(map[string]int)}
	c.r.ReuseRecord = true
	if err := c.header(); err != nil {
		return err
	}
	for {
		start := c.r.InputOffset()
		var err error
		c.record, err = c.r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return csvError(err)
		}
		line, _ := c.r.FieldPos(0)
		wrong := ""
		if size := c.r.InputOffset() - start; size > maxRecord {
			wrong = fmt.Sprintf("has %d bytes; an entry can have %d: a quote is missing?", size, maxRecord)
		} else {
			wrong = b.add(c.entry())
		}
		if wrong != "" {
			return fmt.Errorf("line %d: %s", line, wrong)
		}
		if d := c.field("start_date"); d > b.list.version && isDate(d) {
			b.list.version = strings.Clone(d)
		}
	}
}

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

func csvError(err error) error {
	p, ok := errors.AsType[*csv.ParseError](err)
	if !ok {
		return err
	}
	if errors.Is(p.Err, csv.ErrFieldCount) {
		return fmt.Errorf("line %d: has another number of fields than line 1: the file is damaged, or cut short", p.StartLine)
	}
	return fmt.Errorf("line %d, column %d: is not CSV: %w", p.Line, p.Column, p.Err)
}

func (c *cslReader) header() error {
	names, err := c.r.Read()
	if err != nil {
		return csvError(err)
	}
	for i, name := range names {
		_, column := c.r.FieldPos(i)
		if !slices.Contains(cslColumns, name) {
			return fmt.Errorf("line 1, column %d: %s is no column of the Consolidated Screening List; a table made from it can be a plain list", column, quote(name))
		}
		if _, ok := c.column[name]; ok {
			return fmt.Errorf("line 1, column %d: %s stands twice", column, name)
		}
		c.column[name] = i
	}
	for _, name := range cslColumns[:cslNeeds] {
		if _, ok := c.column[name]; !ok {
			return fmt.Errorf("line 1: column %s is missing", name)
		}
	}
	return nil
}

func (c *cslReader) field(name string) string {
	if i, ok := c.column[name]; ok {
		return c.record[i]
	}
	return ""
}

func (c *cslReader) entry() entry {
	name := strings.TrimSpace(c.field("name"))
	e := entry{source: c.field("source"), programme: c.field("programs"), ref: c.field("entity_number")}
	if e.ref == "" {
		e.ref = c.field("_id")
	}
	if name == "" {
		return e
	}
	e.names = append([]string{name}, written(name)...)
	for _, also := range strings.Split(c.field("alt_names"), ";") {
		e.names = append(append(e.names, also), written(also)...)
	}
	if c.field("type") == "Individual" {
		for _, n := range slices.Clone(e.names) {
			if last, first, ok := strings.Cut(n, ", "); ok && !strings.Contains(first, ",") {
				e.names = append(e.names, first+" "+last)
			}
		}
	}
	for _, id := range strings.Split(c.field("ids"), ";") {
		id = strings.TrimSpace(id)
		mapped := cslIDs(id)
		e.ids = append(e.ids, mapped...)
		if len(mapped) == 0 {
			e.unmapped = append(e.unmapped, id)
		}
	}
	return e
}

var (
	// successors is how the State Department's list ends its names.
	successors = regexp.MustCompile(`(?i)[;,]?\s+and\s+(any|its)\s+(successors?|sub-units?)\b.*$`)
	// before stands in front of a name inside a field.
	before = regexp.MustCompile(`(?i)^\s*(and\s+|(a\.?k\.?a|f\.?k\.?a|a/k/a|f/k/a)\b[.:]?\s*)+`)
	// behind is one word in parentheses.
	behind = regexp.MustCompile(`\s+\([^\s()]+\)$`)
)

// written returns the names that a field holds, beside the field itself.
func written(field string) []string {
	if strings.Contains(field, " and ") || strings.Contains(field, " AND ") {
		field = successors.ReplaceAllString(field, "")
	}
	var names []string
	for _, part := range strings.Split(field, ";") {
		part = strings.TrimSpace(before.ReplaceAllString(part, ""))
		names = append(names, part)
		if strings.HasSuffix(part, ")") {
			names = append(names, behind.ReplaceAllString(part, ""))
		}
	}
	return names
}
