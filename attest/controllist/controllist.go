// Package controllist reads entries of export-control lists and says which
// entry lies below which.
//
// Start with [Parse], then ask [Entry.Covers]:
//
//	scope, err := controllist.Parse(controllist.USCCL, "5A001.b.1")
//	item, err := controllist.Parse(controllist.USCCL, "5A001.b.1.a")
//	scope.Covers(item) // true
//
// An entry is a path of segments, and everything here goes by segments, never
// by string prefix: 5A001.b.1 covers 5A001.b.1.a, but neither 5A001.b.10 nor
// 5A001.b. The head of an entry (an ECCN's five characters, a USML category,
// Wassenaar's 5.A.1 or ML9) is one segment, so nothing covers a whole
// category or product group. Entries of different lists are never related.
//
// # The lists
//
//	US_CCL     5A001.b.1, 9A515.a, EAR99   Commerce Control List, 15 CFR 774 Supp. 1
//	US_USML    XI(a)(3)(ii)                U.S. Munitions List, 22 CFR 121.1
//	IN_SCOMET  8A501.b.1, 6A001            Appendix 3 to Schedule 2 of ITC (HS)
//	WASSENAAR  5.A.1.b.1, ML9.a            Wassenaar dual-use and munitions lists
//	EU_DU      5A001b1                     Annex I to Regulation (EU) 2021/821
//
// # What is checked
//
// The form of an entry, case-exact: nothing is folded, trimmed or normalised,
// because two spellings of one entry would let one of them slip past an
// exclusion that names the other. For the same reason a numbered segment has
// no leading zero, and a dotted segment is letters or a number, never both
// (6A001.a.1e is not 6A001.a.1.e, so it is refused). Each list's constant says
// what its form is.
//
// Not checked: whether the list, in any of its editions, has that entry.
// Lists change, and an approval outlives an edition.
//
// All functions are pure and safe for concurrent use.
package controllist

import (
	"fmt"
	"strings"
)

// The bounds of an entry; [Parse] refuses what exceeds either. The deepest
// entries in use have seven segments and some twenty bytes.
const (
	MaxLength   = 64 // bytes
	MaxSegments = 12
)

// Entry is one entry of one list. It is comparable: two entries are equal if
// and only if they are the same entry of the same list. The zero Entry is no
// entry: it covers nothing and nothing covers it.
type Entry struct {
	list, text string
	path       string // list and segments, each ended by a slash: "US_CCL/5A001/b/1/"
}

// Parse reads an entry of the named list, as [Entry.String] writes it. The
// error names the list, the entry and the form expected; it is the same for
// the same input, so that it may be shown to whoever sent the entry.
func Parse(list, entry string) (Entry, error) {
	s, ok := lookup(list)
	if !ok {
		return Entry{}, fmt.Errorf("parse control entry: unknown list %s: want one of %s",
			quote(list), strings.Join(Lists(), ", "))
	}
	if len(entry) > MaxLength {
		return Entry{}, fmt.Errorf("parse %s entry %s: %d bytes long, at most %d are allowed",
			list, quote(entry), len(entry), MaxLength)
	}
	segments := s.split(entry)
	if segments == nil {
		return Entry{}, fmt.Errorf("parse %s entry %s: want %s, such as %s; case, dots and spaces count",
			list, quote(entry), s.form, s.example)
	}
	if len(segments) > MaxSegments {
		return Entry{}, fmt.Errorf("parse %s entry %s: %d segments, at most %d are allowed",
			list, quote(entry), len(segments), MaxSegments)
	}
	var path strings.Builder
	path.Grow(len(list) + len(entry) + len(segments) + 1)
	path.WriteString(list)
	path.WriteByte('/')
	for _, s := range segments {
		path.WriteString(s)
		path.WriteByte('/')
	}
	return Entry{list: list, text: entry, path: path.String()}, nil
}

// List returns the name of the list, "" for the zero Entry.
func (e Entry) List() string { return e.list }

// String returns the entry as [Parse] read it, without its list; "" for the
// zero Entry.
func (e Entry) String() string { return e.text }

// Head returns the entry's first segment, "" for the zero Entry. Entries of one
// list of which neither covers the other may have the same head, those of which one
// does always have.
func (e Entry) Head() string {
	_, segments, _ := strings.Cut(e.path, "/")
	head, _, _ := strings.Cut(segments, "/")
	return head
}

// Covers reports whether other is e itself or lies below it, at a segment
// boundary, in the same list. It is a partial order: reflexive (but for the
// zero Entry, which covers nothing, not even itself), transitive and
// antisymmetric.
func (e Entry) Covers(other Entry) bool {
	return e.path != "" && strings.HasPrefix(other.path, e.path)
}

// StrictAncestorOf reports whether other lies below e and is not e itself:
// then e is too coarse to say whether other is meant.
func (e Entry) StrictAncestorOf(other Entry) bool {
	return e != other && e.Covers(other)
}

// quote is %q, cut short: errors are logged and shown, and entries may be hostile.
func quote(s string) string {
	if len(s) > MaxLength {
		return fmt.Sprintf("%q...", s[:MaxLength])
	}
	return fmt.Sprintf("%q", s)
}
