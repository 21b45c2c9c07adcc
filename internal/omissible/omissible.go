// Package omissible tells what evidence for a decision may show as stubs. It is
// for the register and for verify.Compact, which have the histories proven.
package omissible

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
	"github.com/safeconduct/safeconduct/policy"
)

// In returns the log indexes of the statements that evidence for the request,
// decided at those times, may have as stubs: for a verifier who relies on a
// mirror and pins that version of the trust root (1 where it is not known, which
// leaves all roots shown). Set has the histories of all subjects that the
// decision touches; of the rest, only its origin and size matter.
//
// None are omitted where the decision would not be the same to the byte, or the
// request cannot be decided.
func In(set *proven.Set, req *policy.Request, at policy.Times, pinned int64) map[int64]bool {
	views := viewsOf(set, at)
	rests := make(map[int64]bool)
	var decisions []*policy.Decision
	for _, v := range views {
		d, err := policy.Decide(req, v, at)
		if err != nil {
			return nil
		}
		decisions = append(decisions, d)
		maps.Copy(rests, d.RestsOn())
	}
	omit := make(map[int64]bool)
	oldest := set.Size
	for _, subject := range set.Subjects() {
		entries, _ := set.History(subject)
		if IsApprovals(subject) {
			omitLineages(omit, entries, rests)
		}
		for _, e := range entries {
			if subject != attest.RootSubject && !omit[e.Index] {
				oldest = min(oldest, e.Index)
			}
		}
	}
	omitRoots(omit, set, pinned, oldest)
	if len(omit) == 0 {
		return nil
	}
	for i, v := range views {
		d, err := policy.Decide(req, without(v, omit), at)
		if err != nil {
			return nil
		}
		if same, err := decisions[i].Same(d); !same || err != nil {
			return nil
		}
	}
	return omit
}

// viewsOf returns the set as it may be seen: whether what was logged after
// known_at counts depends on E, which the verifier's policy tells.
func viewsOf(set *proven.Set, at policy.Times) []*proven.Set {
	all := *set
	all.Fresh, all.MaxAge = at.KnownAt, time.Hour
	views := []*proven.Set{&all}
	for _, subject := range set.Subjects() {
		entries, _ := set.History(subject)
		if n := len(entries); n > 0 && entries[n-1].Time.After(at.KnownAt) {
			known := all
			known.Fresh = at.KnownAt.Add(time.Nanosecond)
			return append(views, &known)
		}
	}
	return views
}

// omitLineages omits the lineages on none of whose statements a decision rests.
func omitLineages(omit map[int64]bool, entries []proven.Entry, rests map[int64]bool) {
	keep := map[attest.Tag]bool{{}: true}
	for _, e := range entries {
		// A succession is never left out: it leads to another subject.
		if _, passes := e.Statement.Claims().(*attest.Succession); passes || rests[e.Index] {
			keep[e.Tag] = true
		}
	}
	for _, e := range entries {
		if !keep[e.Tag] {
			omit[e.Index] = true
		}
	}
}

// omitRoots omits the versions before the pinned one and before that which
// judges the oldest statement.
func omitRoots(omit map[int64]bool, set *proven.Set, pinned, oldest int64) {
	entries, _ := set.History(attest.RootSubject)
	for i, e := range entries {
		r := e.Statement.TrustRoot()
		if i+1 == len(entries) || r == nil || r.Root().Version >= pinned || entries[i+1].Index > oldest {
			return
		}
		// What is frozen goes on from version to version, and a freeze is opened with
		// the root before it.
		if entries[i+1].Statement.Claims().Kind() != attest.KindRoot {
			return
		}
		omit[e.Index] = true
	}
}

// without returns the set without the entries at the omitted indexes.
func without(set *proven.Set, omit map[int64]bool) *proven.Set {
	cut := &proven.Set{
		Origin: set.Origin, Size: set.Size, Fresh: set.Fresh, MaxAge: set.MaxAge, Warnings: set.Warnings,
		TrustDigest: set.TrustDigest, EvidenceDigest: set.EvidenceDigest,
	}
	for _, subject := range set.Subjects() {
		entries, _ := set.History(subject)
		left := slices.DeleteFunc(slices.Clone(entries), func(e proven.Entry) bool { return omit[e.Index] })
		cut.Prove(subject, left)
		if len(left) < len(entries) || set.Withheld(subject) {
			cut.Withhold(subject)
		}
	}
	return cut
}

// IsApprovals reports whether a subject is entity:<id>/<authority>, whose history
// may have stubs beside that of root.
func IsApprovals(subject string) bool {
	rest, entity := strings.CutPrefix(subject, attest.EntitySubject(""))
	return entity && strings.Contains(rest, "/")
}
