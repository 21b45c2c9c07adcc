package policy

import (
	"fmt"
	"strconv"

	"github.com/safeconduct/safeconduct/attest/controllist"
)

// A clause is an entry of a scope and where it stands.
type clause struct {
	entry, limitation, pointer string
	// read is the entry, which nothing of another list covers; zero where it cannot
	// be read.
	read controllist.Entry
}

func clauseOf(list, entry, limitation, under string, i int) clause {
	read, err := controllist.Parse(list, entry)
	if err != nil {
		read = controllist.Entry{}
	}
	return clause{entry, limitation, under + strconv.Itoa(i), read}
}

// A match is how a classification stands to a scope (R3): a code where it does
// not pass. Where it does, limited are the clauses that cover it, if all of them
// have a limitation in words (R18).
type match struct {
	code    Code
	pointer string
	by      string
	limited []clause
}

// matchItem takes the first that holds, in the order of R3.
func matchItem(it item, scope, excluded []clause) match {
	if it.err != nil {
		return match{code: ClassificationInvalid, by: it.err.Error()}
	}
	var below *clause
	for i := range excluded {
		switch c := &excluded[i]; {
		case c.read.Covers(it.read):
			return match{code: ItemExcluded, pointer: c.pointer, by: c.entry}
		case below == nil && it.read.Covers(c.read):
			below = c
		}
	}
	if below != nil {
		return tooCoarse(below)
	}
	var limited []clause
	for i := range scope {
		switch c := &scope[i]; {
		case c.read.Covers(it.read):
			if c.limitation == "" {
				return match{}
			}
			limited = append(limited, *c)
		case below == nil && it.read.Covers(c.read):
			below = c
		}
	}
	switch {
	case limited != nil:
		return match{limited: limited}
	case below != nil:
		return tooCoarse(below)
	default:
		return match{code: ItemNotInScope}
	}
}

func tooCoarse(below *clause) match {
	return match{code: ClassificationTooCoarse, pointer: below.pointer, by: below.entry}
}

// message says the match in words; of is the approval or terms.
func (m match) message(it item, of string) string {
	switch m.code {
	case ClassificationInvalid:
		return fmt.Sprintf("The classification cannot be read: %s.", m.by)
	case ItemExcluded:
		return fmt.Sprintf("%s %s is excluded by %s (%s).", it.List, it.Entry, of, m.by)
	case ClassificationTooCoarse:
		return fmt.Sprintf("%s %s is classified too coarsely to decide: %s speaks of %s below it. Classify the item to that level.", it.List, it.Entry, of, m.by)
	default:
		return fmt.Sprintf("%s %s is not among the items of %s.", it.List, it.Entry, of)
	}
}
