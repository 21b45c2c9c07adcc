package amend

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/prose"
)

// never is later than every date.
const never attest.NumericDate = 1 << 62

// Joint says what becomes of the concurrence in a sandbox when an authority's
// newer approval changes its terms (RULES R2, R10): whether and when the new
// terms take over, until when the old ones stay, and who has yet to follow.
// logged are the statements of the sandbox as they are known, in log order,
// without the newer one; with the older one alone, what the other authorities
// approved is not known.
//
// It looks at what revokes and withdraws for good, not at suspensions, and at
// no key that was compromised.
func Joint(newer *attest.DomainApproval, logged []attest.Claims) []Finding {
	j := &joint{newer: newer, terms: newer.Terms.Digest(), k: int(newer.Terms.Concurrence)}
	j.read(logged)
	older := j.version(newer.Iss, newer.Supersedes)
	if older == nil {
		return j.out
	}
	j.out = append(j.out, Revoked(older.c, logged)...)
	if older.terms == j.terms {
		j.add(TermsEqual, false, "The terms stay as they are, to the letter: whoever concurred goes on to concur.")
		if others := j.otherwise(); len(others) > 0 {
			j.add(TermsDiffer, true, "But %s %s approved other terms since, which are not these.", names(others), have(len(others)))
		}
		return j.out
	}
	if len(newer.Terms.Authorities) == 1 {
		return j.out
	}
	j.changed(older)
	return j.out
}

// A joint sandbox, as the newer version finds it.
type joint struct {
	newer    *attest.DomainApproval
	terms    [sha256.Size]byte
	k        int
	versions []*version
	out      []Finding
}

// A version is an approval of the sandbox.
type version struct {
	c     *attest.DomainApproval
	terms [sha256.Size]byte
	// first is the jti of the first version of its lineage, newest says that
	// there is none after it.
	first  string
	newest bool
	// ends is when the lineage was revoked or withdrawn.
	ends attest.NumericDate
}

func (j *joint) add(c Code, warning bool, format string, args ...any) {
	j.out = append(j.out, Finding{c, warning, fmt.Sprintf(format, args...)})
}

func (j *joint) read(logged []attest.Claims) {
	for _, c := range logged {
		switch c := c.(type) {
		case *attest.DomainApproval:
			if c.Sub != j.newer.Sub || c.Iss == j.newer.Iss && c.JTI == j.newer.JTI {
				continue
			}
			v := &version{c: c, terms: c.Terms.Digest(), first: c.JTI, newest: true, ends: never}
			if before := j.version(c.Iss, c.Supersedes); before != nil {
				v.first, v.ends, before.newest = before.first, before.ends, false
			}
			j.versions = append(j.versions, v)
		case *attest.Event:
			if c.Event != attest.Revoke && c.Event != attest.Withdraw {
				continue
			}
			if t := j.version(c.Iss, c.Target); t != nil {
				for _, v := range j.versions {
					if v.c.Iss == c.Iss && v.first == t.first {
						v.ends = min(v.ends, c.EffectiveAt)
					}
				}
			}
		}
	}
}

// version finds an approval by issuer and jti, nil where it is not known.
func (j *joint) version(iss, jti string) *version {
	i := slices.IndexFunc(j.versions, func(v *version) bool { return v.c.Iss == iss && v.c.JTI == jti })
	if i < 0 {
		return nil
	}
	return j.versions[i]
}

// until is when the version ends, by itself or for good.
func (v *version) until() attest.NumericDate {
	if v.c.EXP == 0 {
		return v.ends
	}
	return min(v.c.EXP, v.ends)
}

// otherwise are the other authorities whose newest approvals are all on other
// terms.
func (j *joint) otherwise() (out []string) {
	for _, a := range j.newer.Terms.Authorities {
		mine := func(v *version) bool { return v.c.Iss == a && v.newest && v.ends == never }
		same := func(v *version) bool { return mine(v) && v.terms == j.terms }
		if a != j.newer.Iss && slices.ContainsFunc(j.versions, mine) && !slices.ContainsFunc(j.versions, same) {
			out = append(out, a)
		}
	}
	return out
}

// changed says what becomes of concurrence when the terms change.
func (j *joint) changed(older *version) {
	var others []string
	for _, a := range j.newer.Terms.Authorities {
		if a != j.newer.Iss {
			others = append(others, a)
		}
	}
	// Who has approved the new terms already, from when on.
	from := []attest.NumericDate{j.newer.NBF}
	var waiting []string
	seen := false
	for _, a := range others {
		at := never
		for _, v := range j.versions {
			if v.c.Iss != a {
				continue
			}
			seen = true
			if v.newest && v.terms == j.terms && v.ends == never {
				at = min(at, v.c.NBF)
			}
		}
		if at == never {
			waiting = append(waiting, a)
		} else {
			from = append(from, at)
		}
	}
	if !seen {
		j.add(TermsUnknown, true, "The terms change, and they have to be equal to the letter. What %s approved is not known: name their approvals, or a register.", names(others))
		return
	}
	lapse, concurred := j.lapse(older.terms)
	if len(from) < j.k {
		j.add(TermsWait, true, "The terms are no longer equal to those of %s, and concurrence would lapse: the new terms take over only when %d more of them %s approved the same.",
			names(waiting), j.k-len(from), have(j.k-len(from)))
		switch {
		case !concurred:
			j.add(TermsLapse, true, "The old terms have too few approvals, too: nothing is concurred on until then.")
		case lapse == never:
			j.add(TermsWait, false, "Until then the old terms stay, for all authorities, without an end of their own.")
		default:
			j.add(TermsLapse, true, "Until then the old terms stay, for all authorities, but no longer than %s, when too few approvals on them are left: from then on nothing is permitted in the sandbox, unless %d more of %s %s followed.",
				prose.Date(lapse), j.k-len(from), names(waiting), have(j.k-len(from)))
		}
		return
	}
	slices.Sort(from)
	over := from[j.k-1]
	j.add(TermsTakeOver, false, "The terms change; %d of %d authorities have approved the new ones, which take over at %s. Until then the old ones stay.",
		len(from), len(j.newer.Terms.Authorities), prose.Date(over))
	if concurred && lapse < over {
		j.add(TermsLapse, true, "There is a gap in concurrence: the old terms have too few approvals from %s on, and the new ones take over at %s.", prose.Date(lapse), prose.Date(over))
	}
	if len(waiting) > 0 {
		j.add(LeftBehind, true, "From then on %s %s not concur: %s yet to follow.", names(waiting), does(len(waiting)), hasThem(len(waiting)))
	}
}

// lapse returns when the old terms have too few approvals left, never for not by
// themselves; concurred says that they ever had enough.
func (j *joint) lapse(terms [sha256.Size]byte) (when attest.NumericDate, concurred bool) {
	last := make(map[string]attest.NumericDate)
	for _, v := range j.versions {
		if v.terms == terms {
			last[v.c.Iss] = max(last[v.c.Iss], v.until())
		}
	}
	var ends []attest.NumericDate
	for _, e := range last {
		ends = append(ends, e)
	}
	if len(ends) < j.k {
		return 0, false
	}
	slices.SortFunc(ends, func(a, b attest.NumericDate) int { return cmp.Compare(b, a) })
	return ends[j.k-1], true
}

func names(of []string) string {
	out := make([]string, len(of))
	for i, a := range of {
		out[i] = prose.Code(a)
	}
	return strings.Join(out, ", ")
}

func have(n int) string {
	if n == 1 {
		return "has"
	}
	return "have"
}

func does(n int) string {
	if n == 1 {
		return "does"
	}
	return "do"
}

func hasThem(n int) string {
	if n == 1 {
		return "it has"
	}
	return "they have"
}
