package vectors

import (
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/verify"
)

// hide makes stubs of entries of a history.
func hide(e *verify.Evidence, subject string, which func(verify.Entry) bool) {
	h := historyOf(e, subject)
	var shown []verify.Entry
	for _, x := range h.Entries {
		if !which(x) {
			shown = append(shown, x)
			continue
		}
		for _, s := range e.Statements {
			if s.Index == x.Index {
				h.Stubs = append(h.Stubs, verify.Stub{Index: x.Index, Time: x.Time, Leaf: tlog.RecordHash([]byte(s.Statement)), Tag: x.Tag})
			}
		}
		drop(e, x.Index)
	}
	h.Entries = shown
}

// hideLineage hides the lineage of an approval by auth-us, and changes the
// index of its first stub.
func hideLineage(jti string, by int64) func(*verify.Evidence) {
	return func(e *verify.Evidence) {
		hide(e, approvals, func(x verify.Entry) bool { return x.Tag == attest.TagOf("auth-us", jti) })
		historyOf(e, approvals).Stubs[0].Index += by
	}
}

// hideRoots hides the nth to the mth trust root.
func hideRoots(n, m int) func(*verify.Evidence) {
	return func(e *verify.Evidence) {
		i := 0
		hide(e, "root", func(verify.Entry) bool { i++; return n <= i && i <= m })
	}
}

// unplace leaves out the inclusion proofs of all statements.
func unplace(e *verify.Evidence) {
	for i := range e.Statements {
		e.Statements[i].Proof = nil
	}
}

// recent is a register with four trust roots, and an approval under the second.
func recent() *register {
	r := newRegister()
	v3 := sign(smallRoot(3, rootV2), root1)
	r.batch(begin.Add(-2*time.Hour), rootV1)
	r.batch(begin.Add(-time.Hour), rootV2)
	r.batch(begin, tea1)
	r.batch(begin.Add(time.Hour), v3)
	r.batch(logged, sign(smallRoot(4, v3), root1))
	return r
}

func (x *exhibition) stubs() {
	const step = verify.StepHistory
	own := func() *verify.Evidence { return story().evidence("root", approvals) }
	no := func(name string, change func(*verify.Evidence)) {
		x.fails(step, "stubs: "+name, "usual", changed(own(), change))
	}
	x.stands("stubs: a lineage", "usual", changed(own(), hideLineage("TEA-US-2", 0)))
	x.stands("stubs: all lineages", "usual", changed(own(), func(e *verify.Evidence) {
		hide(e, approvals, func(verify.Entry) bool { return true })
	}))
	entry := func(n int) func(*verify.Evidence) {
		return func(e *verify.Evidence) {
			i := 0
			hide(e, approvals, func(verify.Entry) bool { i++; return i == n })
		}
	}
	no("an approval without its revocation", entry(2))
	no("a revocation without its approval", entry(3))
	stub := func(change func(*verify.Stub)) func(*verify.Evidence) {
		return func(e *verify.Evidence) {
			hideLineage("TEA-US-2", 0)(e)
			change(&historyOf(e, approvals).Stubs[0])
		}
	}
	no("at another index", hideLineage("TEA-US-2", 1))
	no("of another time", stub(func(s *verify.Stub) { s.Time++ }))
	no("of another statement", stub(func(s *verify.Stub) { s.Leaf[0] ^= 1 }))
	no("with another tag", stub(func(s *verify.Stub) { s.Tag[0] ^= 1 }))
	no("after the status leaf", stub(func(s *verify.Stub) { s.Time = logged.UnixMilli() + 1 }))
	no("one left out", func(e *verify.Evidence) {
		hideLineage("TEA-US-2", 0)(e)
		h := historyOf(e, approvals)
		h.Stubs = h.Stubs[:1]
	})
	no("whose statement is shown", func(e *verify.Evidence) {
		s := e.Statements[2]
		hideLineage("TEA-US-2", 0)(e)
		e.Statements = append(e.Statements, s)
	})
	untagged := tiny()
	untagged.enter(tea1, logged, attest.Tag{}, approvals)
	untagged.close(logged)
	x.fails(step, "stubs: without a tag", "usual", changed(untagged.evidence("root", approvals), func(e *verify.Evidence) {
		hide(e, approvals, func(verify.Entry) bool { return true })
	}))
	every := func(subject string) func(*verify.Evidence) {
		return func(e *verify.Evidence) { hide(e, subject, func(verify.Entry) bool { return true }) }
	}
	x.fails(step, "stubs: in an entity's own history", "usual", changed(story().evidence("root", "entity:"+halcyon), every("entity:"+halcyon)))
	box := tiny()
	d := domain("auth-us", "PDA-US-1")
	d.Terms.Authorities, d.Terms.Concurrence = []string{"auth-us"}, 1
	box.batch(logged, sign(d, us1))
	x.fails(step, "stubs: in a sandbox", "usual", changed(box.evidence("root", "sandbox:"+sandbox), every("sandbox:"+sandbox)))
	loose := x.trust("a mirror, and unmirrored", trustOf(rootV1, policyOf(usMirror), verify.Insecure{Unmirrored: true}))
	x.fails(step, "stubs: for a trust that may do without a mirror", loose, changed(own(), hideLineage("TEA-US-2", 0)))

	// Inclusion proofs are left out of compact evidence, too.
	unplaced := func(change func(*verify.Evidence)) *verify.Evidence {
		r := tiny()
		r.batch(logged, tea1)
		return changed(changed(r.evidence("root", approvals), unplace), change)
	}
	same := func(*verify.Evidence) {}
	x.stands("without inclusion proofs", "usual", unplaced(same))
	x.stands("without inclusion proofs, a lineage as stubs", "usual", unplaced(hideLineage("TEA-US-1", 0)))
	x.fails(step, "without inclusion proofs, for a trust that may do without a mirror", loose, unplaced(same))
	x.fails(step, "without inclusion proofs, another statement", "usual", unplaced(func(e *verify.Evidence) {
		e.Statements[1].Statement = sign(approval("TEA-US-1", "BLR-1"), us1)
	}))

	r := recent()
	pin := func(version int) string {
		leaf := r.leaves[r.histories["root"][version-1].Index]
		return x.trust("version "+string(rune('0'+version))+" of four", trustOf(leaf, policyOf(usMirror), verify.Insecure{}))
	}
	roots := func(subjects ...string) *verify.Evidence { return r.evidence(append([]string{"root"}, subjects...)...) }
	x.stands("stubs: the first root", pin(2), changed(roots(approvals), hideRoots(1, 1)))
	x.stands("stubs: the roots before the pinned one", pin(4), changed(roots(), hideRoots(1, 3)))
	x.stands("stubs: roots, where every approval is a stub", pin(4), changed(roots(approvals), func(e *verify.Evidence) {
		every(approvals)(e)
		hideRoots(1, 3)(e)
	}))
	// The officers of the version before have signed it, too, and are not shown.
	handed := smallRoot(2, rootV1)
	handed.Officers = []attest.Officer{{ID: "n1", Keys: []attest.JWK{mallory.jwk()}}}
	handedOver := sign(handed, root1, mallory)
	changing := newRegister()
	changing.batch(begin.Add(-time.Hour), rootV1)
	changing.batch(begin, handedOver)
	x.stands("stubs: the first root, whose officers have all been replaced", x.trust("version 2 of other officers", trustOf(handedOver, policyOf(usMirror), verify.Insecure{})),
		changed(changing.evidence("root"), hideRoots(1, 1)))
	noRoot := func(name string, version int, e *verify.Evidence) {
		x.fails(verify.StepRoot, "stubs: "+name, pin(version), e)
	}
	noRoot("the pinned root", 3, changed(roots(), hideRoots(1, 3)))
	noRoot("the newest root", 2, changed(roots(), hideRoots(4, 4)))
	noRoot("a root between", 3, changed(roots(), hideRoots(2, 2)))
	noRoot("all roots", 3, changed(roots(), every("root")))
	noRoot("the root that judges a statement", 3, changed(roots(approvals), hideRoots(1, 2)))
	noRoot("a first root that is not leaf 0", 3, changed(roots(), func(e *verify.Evidence) {
		hideRoots(1, 1)(e)
		historyOf(e, "root").Stubs[0].Index++
	}))
	noRoot("one too many", 3, changed(roots(), func(e *verify.Evidence) {
		hideRoots(1, 1)(e)
		h := historyOf(e, "root")
		h.Stubs = append(h.Stubs, h.Stubs[0])
		h.Stubs[1].Index++
	}))
	x.fails(step, "stubs: a root with a tag", pin(3), changed(roots(), func(e *verify.Evidence) {
		hideRoots(1, 1)(e)
		historyOf(e, "root").Stubs[0].Tag[0] = 1
	}))
	x.fails(step, "stubs: another root than was logged", pin(3), changed(roots(), func(e *verify.Evidence) {
		hideRoots(1, 1)(e)
		historyOf(e, "root").Stubs[0].Leaf[0] ^= 1
	}))
}
