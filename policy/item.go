package policy

import (
	"fmt"

	"github.com/safeconduct/safeconduct/attest/controllist"
)

// A clause is an entry of a scope and where it stands.
type clause struct {
	entry, limitation, pointer string
}

// A match is how a classification stands to a scope (R3): a code where it does
// not pass, the clauses that cover it where it does.
type match struct {
	code     Code
	pointer  string
	by       string
	covering []clause
}

// matchItem takes the first that holds, in the order of R3.
func matchItem(it Classification, scope, excluded []clause) match {
	e, err := controllist.Parse(it.List, it.Entry)
	if err != nil {
		return match{code: ClassificationInvalid, by: err.Error()}
	}
	above := match{}
	for _, c := range excluded {
		x, err := controllist.Parse(it.List, c.entry)
		switch {
		case err != nil:
		case x.Covers(e):
			return match{code: ItemExcluded, pointer: c.pointer, by: c.entry}
		case e.Covers(x) && above.code == "":
			above = match{code: ClassificationTooCoarse, pointer: c.pointer, by: c.entry}
		}
	}
	if above.code != "" {
		return above
	}
	m := match{}
	for _, c := range scope {
		x, err := controllist.Parse(it.List, c.entry)
		switch {
		case err != nil:
		case x.Covers(e):
			m.covering = append(m.covering, c)
		case e.Covers(x) && above.code == "":
			above = match{code: ClassificationTooCoarse, pointer: c.pointer, by: c.entry}
		}
	}
	switch {
	case m.covering != nil:
		return m
	case above.code != "":
		return above
	default:
		return match{code: ItemNotInScope}
	}
}

// message says the match in words; of is the approval or terms.
func (m match) message(it Classification, of string) string {
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
