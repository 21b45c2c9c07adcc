// Package screening reads lists of restricted parties and looks parties up in
// them (rule R15). The lists are a verifier's own input.
//
// Start with [Parse]:
//
//	list, err := screening.Parse("csl", file)
//	hits := list.Screen(screening.Party{IDs: ids, Names: names})
//
// An entry that has one of the party's identifiers is a hit by [Identifier]
// (RESTRICTED_PARTY). One that has a name in common with the party, but no
// identifier, is a hit by [Name] (POSSIBLE_PARTY_MATCH). The package decides
// nothing beyond that. It is pure: no clock, no network, no files; a [List]
// never changes and is safe for concurrent use.
//
// # Which names are the same
//
// Those of which [Normalise] leaves the same letters and digits, wherever it
// leaves white space between them. It drops case, punctuation and legal forms, and
// nothing else: an accent or another order of words makes another name, except
// as said below of the Consolidated Screening List. An ampersand is
// punctuation and also the word and: "A & B" is "A B" and "A and B". What is
// only punctuation is the name of nobody and equals nothing; what is only legal
// forms, such as "AO SPK", equals itself alone. Letters of other scripts that look alike are not the same:
// homoglyphs are found by other tools.
//
// # Which identifiers are equal
//
// Those that are the same string, scheme:value, in the form of package
// [github.com/safeconduct/safeconduct/attest/identifier]. What a list calls by
// another word gets one of its schemes only where that is certain:
//
//	lei duns uei cage ncage          LEI, D-U-N-S, UEI and CAGE numbers that have the form and check digits
//	cin llpin gstin pan, abn acn     registration and tax numbers of India and of Australia that have the form
//	ru-inn ru-ogrn                   Russian tax and registration numbers
//	cn-uscc                          Unified Social Credit Codes
//	swift-bic                        bank identifier codes
//	imo-ship                         ships' IMO numbers
//	csl-passport, csl-…              any other number, by the CSL's own word; with a country, csl-passport:KP-836238033
//	ftm-registration-number, ftm-…   any other number, by FollowTheMoney's own word
//
// In the last two, letters are upper case and all other characters a hyphen. A
// number that does not even fit there is shown with the entry's hits, and
// matches nothing.
//
// # The plain list
//
// UTF-8 text, in lines. The first two say what the list is, every other one is
// an entry: its name, then members, each after a tab.
//
//	# list: Acme denied partners
//	# version: 2026-11-02
//	Varuna Deep Pvt Ltd	id=lei:999900VARUNADEEP0174	also=Varuna Marine	source=board	programme=arms	ref=17
//
// id is an identifier, exactly as package identifier reads it; also is another
// name, such as a former one; both may stand often. source says which list the
// entry comes from, programme under which programme it is restricted, and ref
// how it is called there: each stands once. Empty lines are skipped, and so are
// lines that begin with "#" (a name that does is found without it).
//
// # The Consolidated Screening List
//
// CSV with the columns of the US Government's download: source, name and
// alt_names must be there, a column that the list has never had is refused.
// Names are in alt_names, too, separated by semicolons. A name is also found
// without the words around it ("and any successor, sub-unit, or subsidiary
// thereof", "a.k.a."), without one word in parentheses at its end, and, of an
// individual, with what stands in front of the comma put last. The file does not
// say its version: it is the newest start_date in it, "" where it has none.
//
// # FollowTheMoney
//
// JSON, an entity a line or all in one array, as OpenSanctions publishes it.
// Names are those of name, alias, previousName, weakAlias and abbreviation. An
// entity whose target is false is no restricted party, and one without names
// and identifiers, such as an address, is no party: both are passed over. The
// version is the latest last_seen.
//
// # Limits
//
// A list has at most [MaxBytes] and 2,000,000 entries, of 4 MiB, 5,000 names and
// 5,000 identifiers each; a name has at most 4,096 bytes. What exceeds a limit,
// or is not in one of the forms, is refused, and the whole list with it. Names
// and identifiers that are looked up are bounded by whoever takes them in; a
// lookup takes time linear in their length and in the number of hits.
package screening

import (
	"cmp"
	"slices"
)

// A List is a list of restricted parties. It is made by [Parse].
type List struct {
	name, version, digest string
	entries               []entry
	ids                   map[string][]int32 // of identifiers: entries
	names                 map[string][]place // of keys of names
}

// An entry is a restricted party.
type entry struct {
	names                  []string // its name is the first
	ids                    []string
	unmapped               []string // identifiers as the list words them
	source, programme, ref string
}

// A place is where a name stands.
type place struct{ entry, name int32 }

// Name returns what the list is called: by itself, else by whoever parsed it.
func (l *List) Name() string { return l.name }

// Version returns what the list says of its version, "" where it says nothing.
// It follows from the file alone.
func (l *List) Version() string { return l.version }

// Digest returns the SHA-256 of the file, base64url without padding.
func (l *List) Digest() string { return l.digest }

// Len returns the number of entries.
func (l *List) Len() int { return len(l.entries) }

// Identifiers returns how many identifiers the list can be asked for. Where
// it is 0, only names can match.
func (l *List) Identifiers() int { return len(l.ids) }

// A Party is who is looked up.
type Party struct {
	// IDs are its identifiers, as package identifier writes them. Others equal
	// nothing.
	IDs []string
	// Names are its names: current, former, and as presented.
	Names []string
}

// How says in what an entry equals a party.
type How string

// In what an entry equals a party.
const (
	Identifier How = "identifier"
	Name       How = "name"
)

// A Hit is an entry that equals a party.
type Hit struct {
	By How `json:"by"`
	// Given is the identifier or name that the party was looked up by.
	Given string `json:"given"`
	// Matched is the entry's identifier or name that equals it, as the list
	// has it.
	Matched string `json:"matched"`
	// List is the name of the list.
	List string `json:"list"`
	// Entry is the entry's first name.
	Entry string `json:"entry"`
	// Source, Programme and Ref are what the list says of where the entry comes
	// from, why it is restricted, and how it is called there.
	Source    string `json:"source,omitzero"`
	Programme string `json:"programme,omitzero"`
	Ref       string `json:"ref,omitzero"`
	// IDs are all identifiers of the entry, Unmapped those that have no scheme,
	// in the words of the list.
	IDs      []string `json:"ids,omitzero"`
	Unmapped []string `json:"unmapped,omitzero"`
}

// Screen returns the entries that equal the party, each once: those that have
// one of its identifiers, then those that have only one of its names. Among
// several identifiers or names in common, a hit has the party's first. The
// order of hits is by what they say, not by the order of the list.
func (l *List) Screen(p Party) []Hit {
	found := make(map[int32]bool)
	var hits []Hit
	for _, id := range p.IDs {
		for _, e := range l.ids[id] {
			if !found[e] {
				found[e] = true
				hits = append(hits, l.hit(e, Identifier, id, id))
			}
		}
	}
	for _, name := range p.Names {
		for _, key := range keys(name) {
			for _, at := range l.names[key] {
				if !found[at.entry] {
					found[at.entry] = true
					hits = append(hits, l.hit(at.entry, Name, name, l.entries[at.entry].names[at.name]))
				}
			}
		}
	}
	slices.SortFunc(hits, compare)
	return slices.CompactFunc(hits, func(a, b Hit) bool { return compare(a, b) == 0 })
}

// ByID returns the entries that have the identifier.
func (l *List) ByID(id string) []Hit { return l.Screen(Party{IDs: []string{id}}) }

// ByName returns the entries that have the name.
func (l *List) ByName(name string) []Hit { return l.Screen(Party{Names: []string{name}}) }

func (l *List) hit(i int32, by How, given, matched string) Hit {
	e := l.entries[i]
	return Hit{
		By: by, Given: given, Matched: matched, List: l.name, Entry: e.names[0],
		Source: e.source, Programme: e.programme, Ref: e.ref,
		IDs: slices.Clone(e.ids), Unmapped: slices.Clone(e.unmapped),
	}
}

func compare(a, b Hit) int {
	return cmp.Or(
		cmp.Compare(a.By, b.By), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Entry, b.Entry), cmp.Compare(a.Ref, b.Ref),
		cmp.Compare(a.Programme, b.Programme), cmp.Compare(a.Matched, b.Matched), cmp.Compare(a.Given, b.Given),
		slices.Compare(a.IDs, b.IDs), slices.Compare(a.Unmapped, b.Unmapped),
	)
}
