package policy

import (
	"fmt"
	"slices"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
	"github.com/safeconduct/safeconduct/screening"
)

// A Screened is a list that the parties were screened against.
type Screened struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Digest  string `json:"digest"`
}

// maxHits is how many entries of a list are named for a party: a list may have
// one name ten thousand times.
const maxHits = 16

// screen is R15: no approval overrides a hit on the verifier's own lists.
func (j *judgement) screen(o *outcome) {
	if len(j.lists) == 0 {
		return
	}
	for _, p := range j.q.parties {
		who, secret := j.screened(p)
		if subject, ok := j.unshown(p); ok {
			o.add(Reason{
				Code: MissingFact, Party: p.String(),
				Message: fmt.Sprintf("The evidence leaves out approvals of %s, and with them names or identifiers of the %s to screen: ask for whole evidence.", subject, p),
			})
		}
		for _, e := range j.nameless(p) {
			o.add(Reason{
				Code: MissingFact, Party: p.String(), Statement: refOf(e), Pointer: "/legal_name",
				Message: fmt.Sprintf("The name of the %s in %s is confidential and has not been disclosed, so that it cannot be screened; have the holder disclose it.", p, name(e)),
			})
		}
		for _, l := range j.lists {
			hits := l.Screen(who)
			if len(hits) > maxHits {
				hits = hits[:maxHits] // those by identifier come first
			}
			for _, h := range hits {
				r := Reason{Code: PossiblePartyMatch, Party: p.String()}
				from := fmt.Sprintf("%q of list %s", h.Entry, l.Name())
				switch {
				case h.By == screening.Identifier:
					r.Code = RestrictedParty
					r.Message = fmt.Sprintf("The %s has the identifier %s of %s.", p, h.Matched, from)
				case secret[screening.Normalise(h.Given)]:
					r.Message = fmt.Sprintf("The %s is or was called like an entry of list %s, by a name that is confidential; a person has to find out whether it is the same.", p, l.Name())
				default:
					r.Message = fmt.Sprintf("The %s is or was called %q, like %s; a person has to find out whether it is the same.", p, h.Given, from)
				}
				o.add(r)
			}
		}
	}
}

// screened is all that a party is known by: current and former names, and the
// identifiers of whatever its identifier stands for; of the transferee also what
// it was shown with. secret are the names that no message says, in their normal form.
func (j *judgement) screened(p party) (out screening.Party, secret map[string]bool) {
	var known []called
	for _, id := range j.entitiesOf(p) {
		out.IDs = append(out.IDs, j.identifiers(id)...)
		current, former := j.names(id)
		known = slices.Concat(known, current, former)
	}
	for _, n := range known {
		out.Names = append(out.Names, n.name)
	}
	if shown := j.req.TransfereePresented; shown != nil && p.role == attest.Transferee {
		out.IDs = append(out.IDs, shown.Identifiers...)
		if shown.Name != "" {
			out.Names = append(out.Names, shown.Name)
		}
	}
	slices.Sort(out.IDs)
	out.IDs = slices.Compact(out.IDs)
	slices.Sort(out.Names)
	out.Names = slices.Compact(out.Names)
	return out, secrets(known)
}

// entitiesOf lists whatever a party's identifier stands for, and itself.
func (j *judgement) entitiesOf(p party) []string {
	entities := []string{p.id}
	for _, a := range j.authorities {
		entities = append(entities, j.standing(p, a).who.entities...)
	}
	slices.Sort(entities)
	return slices.Compact(entities)
}

// nameless are the approvals of a party whose names are not disclosed, whichever
// version they are and whoever issued them. A later version's name stands in for none:
// all names are looked up because an older one may be that on the list, and else a
// party would be rid of it by a new version. The way out is the holder's: it discloses
// members of every approval that names it (see package presentation).
func (j *judgement) nameless(p party) (out []proven.Entry) {
	for _, id := range j.entitiesOf(p) {
		for _, a := range j.authorities {
			for _, e := range j.history(attest.ApprovalSubject(id, a)) {
				if c, ok := e.Statement.Claims().(*attest.EntityApproval); ok && c.Hides("/legal_name") {
					out = append(out, e)
				}
			}
		}
	}
	return out
}

// unshown returns a subject of which approvals are left out that a party is
// known by.
func (j *judgement) unshown(p party) (subject string, ok bool) {
	for _, id := range j.entitiesOf(p) {
		for _, a := range j.authorities {
			if subject = attest.ApprovalSubject(id, a); j.set.Withheld(subject) {
				return subject, true
			}
		}
	}
	return "", false
}

func (j *judgement) screenedAgainst() (out []Screened) {
	for _, l := range j.lists {
		out = append(out, Screened{l.Name(), l.Version(), l.Digest()})
	}
	return out
}
