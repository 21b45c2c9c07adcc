package verify_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/omissible"
	"github.com/safeconduct/safeconduct/internal/proven"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/verify"
)

// approvals is the subject of auth-us's approvals of varuna.
const approvals = "entity:" + varuna + "/auth-us"

func revoke(target, jti string) *attest.Event {
	return &attest.Event{Common: head("auth-us", approvals, jti), Event: attest.Revoke, Target: target, EffectiveAt: attest.NumericDate(begin.Unix())}
}

// prime is the story of a company with n more approvals by auth-us, each for
// another site; every third is revoked.
func prime(n int) *register {
	r := story()
	var batch []string
	for i := range n {
		jti := fmt.Sprintf("TEA-US-X-%d", i)
		batch = append(batch, sign(approval("auth-us", varuna, jti, "IN", fmt.Sprintf("SITE-%d", i)), "auth-us"))
		if i%3 == 0 {
			batch = append(batch, sign(revoke(jti, "REV-"+jti), "auth-us"))
		}
	}
	r.batch(logged.Add(time.Second), batch...)
	return r
}

// hide makes stubs of entries of a history.
func hide(r *register, e *verify.Evidence, subject string, which func(verify.Entry) bool) {
	h := history(e, subject)
	var shown []verify.Entry
	for _, x := range h.Entries {
		if !which(x) {
			shown = append(shown, x)
			continue
		}
		h.Stubs = append(h.Stubs, verify.Stub{Index: x.Index, Time: x.Time, Leaf: tlog.RecordHash([]byte(r.leaves[x.Index])), Tag: x.Tag})
		without(e, x.Index)
	}
	h.Entries = shown
}

func tagged(jti string) func(verify.Entry) bool {
	return func(e verify.Entry) bool { return e.Tag == attest.TagOf("auth-us", jti) }
}

func whole(r *register) *verify.Evidence {
	return r.evidence(r.checkpoint(quorum(cosign)...), touched[:8]...)
}

func TestAPartyWithHundredsOfApprovalsHandsOverOne(t *testing.T) {
	small, large := story(), prime(300)
	tr := trust(t, small, bothMirrors(), verify.Insecure{})
	compact := func(r *register) []byte {
		data := marshal(t, whole(r))
		out, err := verify.Compact(data, tr, joint(), times())
		if err != nil {
			t.Fatal(err)
		}
		want := must(must(verify.Decide(data, tr, joint(), times())).Marshal())
		if got := must(must(verify.Decide(out, tr, joint(), times())).Marshal()); !bytes.Equal(got, want) {
			t.Errorf("the decision changes (-whole +compact):\n%s", cmp.Diff(string(want), string(got)))
		}
		if again := must(verify.Compact(out, tr, joint(), times())); !bytes.Equal(again, out) {
			t.Error("what is compact gets more compact")
		}
		return out
	}
	one, many := compact(small), compact(large)
	if more := len(many) - len(one); more > 40<<10+100*108 {
		t.Errorf("300 approvals and 100 revocations add %d bytes", more)
	}
	if h := history(must(verify.Parse(many)), approvals); len(h.Entries) != 1 || len(h.Stubs) != 400 {
		t.Errorf("%d entries and %d stubs", len(h.Entries), len(h.Stubs))
	}
	rep, err := verify.Check(many, tr, asked)
	if err != nil || !slices.Contains(rep.Subjects, verify.SubjectReport{Subject: approvals, Statements: 401, Stubs: 400}) {
		t.Errorf("%+v, %v", rep.Subjects, err)
	}
}

func TestThreeHundredApprovalsAddFortyKiB(t *testing.T) {
	r := story()
	tr := trust(t, r, bothMirrors(), verify.Insecure{})
	size := func() int { return len(must(verify.Compact(marshal(t, whole(r)), tr, joint(), times()))) }
	before := size()
	var batch []string
	for i := range 300 {
		batch = append(batch, sign(approval("auth-us", varuna, fmt.Sprintf("TEA-US-X-%d", i), "IN", "BLR-1"), "auth-us"))
	}
	r.batch(logged.Add(time.Second), batch...)
	if more := size() - before; more > 40<<10 {
		t.Errorf("they add %d bytes", more)
	}
}

// Each rule of stubs, as it is kept and as it is broken.
func TestStubsStandOnlyWhereTheyMay(t *testing.T) {
	later := func(version int64) func(*register) {
		return func(r *register) {
			for v := int64(3); v <= version; v++ {
				r.batch(logged.Add(time.Duration(v)*time.Second), sign(rootClaims(v), "r1", "r2"))
			}
		}
	}
	pin := func(version int) func(*register) *verify.Trust {
		return func(r *register) *verify.Trust {
			pinned := must(attest.OpenRoot([]byte(r.leaves[r.histories["root"][version-1].Index]), nil))
			return must(verify.TrustFor(pinned, bothMirrors(), time.Hour, verify.Insecure{}))
		}
	}
	// recent has everything logged under version 2 of the root.
	recent := func() *register {
		r := newRegister()
		r.batch(begin.Add(-2*time.Hour), sign(rootClaims(1), "r1", "r2"))
		r.batch(begin.Add(-time.Hour), sign(rootClaims(2), "r1", "r2"))
		r.batch(begin, sign(approval("auth-us", varuna, "TEA-US-1", "IN", "VTZ-1"), "auth-us"))
		later(4)(r)
		return r
	}
	roots := func(first, last int) func(*register, *verify.Evidence) {
		return func(r *register, e *verify.Evidence) {
			i := 0
			hide(r, e, "root", func(verify.Entry) bool { i++; return first <= i && i <= last })
		}
	}
	lineage := func(subject, jti string) func(*register, *verify.Evidence) {
		return func(r *register, e *verify.Evidence) { hide(r, e, subject, tagged(jti)) }
	}
	changed := func(change func(*verify.Stub)) func(*register, *verify.Evidence) {
		return func(r *register, e *verify.Evidence) {
			hide(r, e, approvals, tagged("TEA-US-X-0"))
			change(&history(e, approvals).Stubs[0])
		}
	}
	zeroTag := func(r *register) {
		index := int64(len(r.leaves))
		r.leaf(sign(revoke("TEA-US-1", "REV-1"), "auth-us"))
		r.enter(approvals, verify.Entry{Index: index, Time: logged.Add(time.Second).UnixMilli()})
		r.close(logged.Add(time.Second))
	}
	own := []string{"root", approvals}
	for _, c := range []struct {
		name     string
		r        *register
		subjects []string
		log      func(*register)
		show     func(*register, *verify.Evidence)
		trust    func(*register) *verify.Trust
		step     string // "" where it is kept
		says     string
	}{
		{name: "a lineage", show: lineage(approvals, "TEA-US-X-0")},
		{name: "all lineages", show: func(r *register, e *verify.Evidence) {
			hide(r, e, approvals, func(verify.Entry) bool { return true })
		}},
		{name: "an approval without its revocation", step: verify.StepHistory, says: "whole or not at all", show: func(r *register, e *verify.Evidence) {
			x := history(e, approvals).Entries[1]
			hide(r, e, approvals, func(e verify.Entry) bool { return e.Index == x.Index })
		}},
		{name: "a revocation without its approval", step: verify.StepHistory, says: "whole or not at all", show: func(r *register, e *verify.Evidence) {
			x := history(e, approvals).Entries[2]
			hide(r, e, approvals, func(e verify.Entry) bool { return e.Index == x.Index })
		}},
		{name: "a stub of another lineage", step: verify.StepHistory, says: "left out", show: changed(func(s *verify.Stub) { s.Tag = attest.TagOf("auth-us", "OTHER") })},
		{name: "a stub at another index", step: verify.StepHistory, says: "left out", show: changed(func(s *verify.Stub) { s.Index-- })},
		{name: "a stub beyond the tree", step: verify.StepHistory, says: "not before the status leaf", show: changed(func(s *verify.Stub) { s.Index += 100 })},
		{name: "a stub of another time", step: verify.StepHistory, says: "left out", show: changed(func(s *verify.Stub) { s.Time-- })},
		{name: "a stub of another statement", step: verify.StepHistory, says: "left out", show: changed(func(s *verify.Stub) { s.Leaf[0]++ })},
		{name: "a stub after the status leaf", step: verify.StepHistory, says: "after the status leaf", show: changed(func(s *verify.Stub) { s.Time += 3600e3 })},
		{name: "a stub left out", step: verify.StepHistory, says: "left out", show: func(r *register, e *verify.Evidence) {
			hide(r, e, approvals, tagged("TEA-US-X-0"))
			h := history(e, approvals)
			h.Stubs = h.Stubs[:1]
		}},
		{name: "a stub whose statement is shown", step: verify.StepHistory, says: "is shown", show: func(r *register, e *verify.Evidence) {
			x := history(e, approvals).Entries[1].Index
			s := e.Statements[slices.IndexFunc(e.Statements, func(s verify.LoggedStatement) bool { return s.Index == x })]
			hide(r, e, approvals, tagged("TEA-US-X-0"))
			e.Statements = append(e.Statements, s)
		}},
		{name: "a stub without a tag", step: verify.StepHistory, says: "no tag", log: zeroTag, show: func(r *register, e *verify.Evidence) {
			hide(r, e, approvals, func(e verify.Entry) bool { return e.Tag == attest.Tag{} })
		}},
		{name: "in a sandbox", step: verify.StepHistory, says: "only", show: lineage("sandbox:"+sandbox, "PDA-US-1")},
		{name: "in an entity's own history", step: verify.StepHistory, says: "only", show: lineage("entity:"+halcyon, "REG-US-1")},
		{name: "for a trust without a mirror", step: verify.StepHistory, says: "insecure_unmirrored", show: lineage(approvals, "TEA-US-X-0"), trust: func(r *register) *verify.Trust {
			return must(verify.TrustFor(rootStatement(r), bothMirrors(), time.Hour, verify.Insecure{Unmirrored: true}))
		}},
		{name: "for a policy that can do without a mirror", step: verify.StepQuorum, says: "insecure_unmirrored", show: lineage(approvals, "TEA-US-X-0"), trust: func(r *register) *verify.Trust {
			return must(verify.TrustFor(rootStatement(r), "witness us "+vkey("us-mirror")+"\nwitness w "+vkey("witness")+"\ngroup g any us w\nquorum g\n", time.Hour, verify.Insecure{}))
		}},

		{name: "the first root", r: recent(), subjects: own, show: roots(1, 1), trust: pin(2)},
		{name: "the roots before the pinned one", r: recent(), subjects: own[:1], show: roots(1, 3), trust: pin(4)},
		{name: "roots before the pinned one, where all approvals are stubs", r: recent(), subjects: own, trust: pin(4), show: func(r *register, e *verify.Evidence) {
			hide(r, e, approvals, func(verify.Entry) bool { return true })
			roots(1, 3)(r, e)
		}},
		{name: "the pinned root", r: recent(), subjects: own[:1], show: roots(1, 3), trust: pin(3), step: verify.StepRoot, says: "version 3"},
		{name: "the newest root", r: recent(), subjects: own[:1], show: roots(4, 4), trust: pin(2), step: verify.StepRoot, says: "oldest"},
		{name: "a root between", r: recent(), subjects: own[:1], show: roots(2, 2), trust: pin(3), step: verify.StepRoot, says: "oldest"},
		{name: "all roots", r: recent(), subjects: own[:1], show: roots(1, 4), trust: pin(3), step: verify.StepRoot, says: "not in the evidence"},
		{name: "the root that judges a statement", r: recent(), subjects: own, show: roots(1, 2), trust: pin(3), step: verify.StepRoot, says: "older than"},
		{name: "a root too many", r: recent(), subjects: own[:1], trust: pin(3), step: verify.StepRoot, says: "version 2, not 3", show: func(r *register, e *verify.Evidence) {
			roots(1, 1)(r, e)
			h := history(e, "root")
			h.Stubs = append(h.Stubs, h.Stubs[0])
			h.Stubs[1].Index++
		}},
		{name: "a first root that is not leaf 0", r: recent(), subjects: own[:1], trust: pin(3), step: verify.StepRoot, says: "not 0", show: func(r *register, e *verify.Evidence) {
			roots(1, 1)(r, e)
			history(e, "root").Stubs[0].Index++
		}},
		{name: "a root with a tag", r: recent(), subjects: own[:1], trust: pin(3), step: verify.StepHistory, says: "has a tag", show: func(r *register, e *verify.Evidence) {
			roots(1, 1)(r, e)
			history(e, "root").Stubs[0].Tag[0]++
		}},
		{name: "another root than was logged", r: recent(), subjects: own[:1], trust: pin(3), step: verify.StepHistory, says: "left out", show: func(r *register, e *verify.Evidence) {
			roots(1, 1)(r, e)
			history(e, "root").Stubs[0].Leaf[0]++
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := c.r
			if r == nil {
				r = prime(2)
			}
			if c.log != nil {
				c.log(r)
			}
			subjects := c.subjects
			if subjects == nil {
				subjects = touched
			}
			e := r.evidence(r.checkpoint(quorum(cosign)...), subjects...)
			c.show(r, e)
			tr := trust(t, r, bothMirrors(), verify.Insecure{})
			if c.trust != nil {
				tr = c.trust(r)
			}
			// With what it remembers, too.
			for range 2 {
				_, err := verify.Check(marshal(t, e), tr, asked)
				var refused *verify.Error
				switch {
				case c.step == "" && err != nil:
					t.Error(err)
				case c.step != "" && (!errors.As(err, &refused) || refused.Step != c.step || !strings.Contains(err.Error(), c.says)):
					t.Errorf("got %v; want a refusal at %s that says %q", err, c.step, c.says)
				}
			}
		})
	}
}

// Between the version of the root that judges a statement and the pinned one,
// all have to be shown: a declaration of a compromised key, made by a version
// in between for an authority that a later one no longer lists, holds.
func TestStubsDoNotHideWhatARootDeclared(t *testing.T) {
	r := newRegister()
	kid := officer("auth-us").Key().ID()
	first := rootClaims(1)
	previous := sign(first, "r1", "r2")
	r.batch(begin.Add(-time.Hour), previous)
	r.batch(begin.Add(-time.Minute), sign(approval("auth-us", varuna, "TEA-US-1", "IN", "VTZ-1"), "auth-us"))
	for v, change := range []func(*attest.Root){
		func(c *attest.Root) { c.Authorities[1].Compromised = []attest.Compromised{{Kid: kid}} },
		func(c *attest.Root) { c.Authorities = c.Authorities[:1] },
	} {
		c := rootClaims(1)
		c.Version = int64(v + 2)
		c.JTI = fmt.Sprintf("root-%d", c.Version)
		c.Previous = tlog.RecordHash([]byte(previous)).String()
		change(c)
		previous = sign(c, "r1", "r2")
		r.batch(logged.Add(time.Duration(v)*time.Second), previous)
	}
	tr := must(verify.TrustFor(must(attest.OpenRoot([]byte(previous), nil)), bothMirrors(), 24*time.Hour, verify.Insecure{}))
	subjects := []string{"root", "entity:" + halcyon, "entity:" + halcyon + "/auth-us", "entity:" + varuna, approvals}
	show := func() *verify.Evidence { return r.evidence(r.checkpoint(quorum(cosign)...), subjects...) }
	d, err := verify.Decide(marshal(t, show()), tr, programme(), times())
	if err != nil || d.Permitted() {
		t.Fatalf("whole: %v, %v", d, err)
	}
	for _, hidden := range [][]int{{2}, {1, 2}} {
		e := show()
		n := 0
		hide(r, e, "root", func(verify.Entry) bool { n++; return slices.Contains(hidden, n) })
		if d, err := verify.Decide(marshal(t, e), tr, programme(), times()); err == nil {
			t.Errorf("without version %v: %v", hidden, d)
		}
	}
}

// The register omits of what it has proven what a holder of evidence would.
func TestTheRegisterOmitsWhatAHolderWould(t *testing.T) {
	r := newRegister()
	r.batch(begin.Add(-3*time.Hour), sign(rootClaims(1), "r1", "r2"))
	r.batch(begin.Add(-2*time.Hour), sign(rootClaims(2), "r1", "r2"))
	r.batch(begin.Add(-time.Hour), sign(approval("auth-us", varuna, "TEA-US-1", "IN", "VTZ-1"), "auth-us"), sign(approval("auth-us", varuna, "TEA-US-2", "IN", "BLR-1"), "auth-us"))
	r.batch(logged, sign(rootClaims(3), "r1", "r2"), sign(revoke("TEA-US-2", "REV-2"), "auth-us"))
	subjects := []string{"root", "entity:" + halcyon, "entity:" + halcyon + "/auth-us", "entity:" + varuna, approvals}

	set := &proven.Set{Origin: origin, Size: int64(len(r.leaves))}
	opened := make(map[int64]*attest.Statement)
	var roots []*attest.Statement
	var root *attest.TrustRoot
	for _, e := range r.histories["root"] {
		opened[e.Index] = must(attest.OpenRoot([]byte(r.leaves[e.Index]), root))
		root = opened[e.Index].TrustRoot()
		roots = append(roots, opened[e.Index])
	}
	for _, subject := range subjects {
		var entries []proven.Entry
		for _, e := range r.histories[subject] {
			if opened[e.Index] == nil {
				opened[e.Index] = must(attest.Open([]byte(r.leaves[e.Index]), root))
			}
			entries = append(entries, proven.Entry{Index: e.Index, Time: time.UnixMilli(e.Time).UTC(), Tag: e.Tag, Statement: opened[e.Index]})
		}
		set.Prove(subject, entries)
	}
	data := marshal(t, r.evidence(r.checkpoint(quorum(cosign)...), subjects...))
	for pinned, want := range [][]int64{1: {5, 8}, 2: {0, 5, 8}, 3: {0, 5, 8}} {
		if want == nil {
			continue
		}
		omit := omissible.In(set, programme(), times(), int64(pinned))
		if got := slices.Sorted(maps.Keys(omit)); !slices.Equal(got, want) {
			t.Errorf("pinned version %d: omits %v, want %v", pinned, got, want)
		}
		tr := must(verify.TrustFor(roots[pinned-1], bothMirrors(), 24*time.Hour, verify.Insecure{}))
		compact := must(verify.Parse(must(verify.Compact(data, tr, programme(), times()))))
		var stubs []int64
		for _, h := range compact.Histories {
			for _, s := range h.Stubs {
				stubs = append(stubs, s.Index)
			}
		}
		if slices.Sort(stubs); !slices.Equal(stubs, want) {
			t.Errorf("pinned version %d: the holder omits %v, want %v", pinned, stubs, want)
		}
		if d, err := verify.Decide(marshal(t, compact), tr, programme(), times()); err != nil || !d.Permitted() {
			t.Errorf("pinned version %d: %v, %v", pinned, d, err)
		}
	}
}

// Whatever is put into stubs of an authority's approvals, a revoked approval
// never stands, and nothing that is not permitted becomes so.
func TestARevocationCannotBeHiddenInStubs(t *testing.T) {
	r := story()
	r.batch(logged.Add(time.Second),
		sign(approval("auth-us", varuna, "TEA-US-2", "IN", "VTZ-1"), "auth-us"),
		sign(revoke("TEA-US-2", "REV-2"), "auth-us"),
		sign(revoke("TEA-US-1", "REV-1"), "auth-us"),
		sign(approval("auth-us", varuna, "TEA-US-3", "IN", "BLR-1"), "auth-us"),
	)
	tr := trust(t, r, bothMirrors(), verify.Insecure{})
	if d := must(verify.Decide(marshal(t, whole(r)), tr, joint(), times())); d.Decision != policy.DENY {
		t.Fatalf("whole: %v", d.Decision)
	}
	tags := []attest.Tag{{}, attest.TagOf("auth-us", "TEA-US-1"), attest.TagOf("auth-us", "TEA-US-3"), attest.TagOf("x", "y")}
	rapid.Check(t, func(t *rapid.T) {
		e := whole(r)
		hidden := make(map[int64]bool)
		for _, x := range history(e, approvals).Entries {
			hidden[x.Index] = rapid.Bool().Draw(t, "hidden")
		}
		hide(r, e, approvals, func(x verify.Entry) bool { return hidden[x.Index] })
		honest := true
		stubs := history(e, approvals).Stubs
		for i := range stubs {
			s := &stubs[i]
			if rapid.IntRange(0, 3).Draw(t, "lies") == 0 {
				tag := rapid.SampledFrom(tags).Draw(t, "tag")
				honest = honest && tag == s.Tag
				s.Tag = tag
			}
		}
		d, err := verify.Decide(must(e.Marshal()), tr, joint(), times())
		split := false
		for _, lineage := range [][]int{{0, 3}, {1, 2}, {4}} {
			entries := r.histories[approvals]
			for _, i := range lineage {
				split = split || hidden[entries[i].Index] != hidden[entries[lineage[0]].Index]
			}
		}
		if accepted := err == nil; accepted != (honest && !split) {
			t.Fatalf("hidden %v, honest %t: %v", hidden, honest, err)
		}
		if d.Permitted() {
			t.Fatalf("permitted with %v hidden", hidden)
		}
	})
}

// An identifier that an authority has approved stands for itself, even where
// the approvals are not shown.
func TestStubsDoNotGiveAnIdentifierToSomebodyElse(t *testing.T) {
	r := story()
	subject := "entity:" + alias + "/auth-us"
	c := approval("auth-us", alias, "TEA-US-9", "IN", "BLR-1")
	r.batch(logged.Add(time.Second), sign(c, "auth-us"))
	tr := trust(t, r, bothMirrors(), verify.Insecure{})
	req := programme()
	req.Transferee = alias
	e := r.evidence(r.checkpoint(quorum(cosign)...), touched...)
	d := must(verify.Decide(marshal(t, e), tr, req, times()))
	hide(r, e, subject, func(verify.Entry) bool { return true })
	hidden := must(verify.Decide(marshal(t, e), tr, req, times()))
	if d.Decision != policy.DENY || hidden.Decision != policy.DENY {
		t.Errorf("whole: %v, as stubs: %v", d.Decision, hidden.Decision)
	}
}

func TestCompactEvidenceGivesTheSameDecision(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := story()
		logHistory(t, r)
		tr := must(verify.TrustFor(must(attest.OpenRoot([]byte(r.leaves[r.histories["root"][1].Index]), nil)), bothMirrors(), 24*time.Hour, verify.Insecure{}))
		data := must(r.evidence(r.checkpoint(quorum(r.at)...), touched...).Marshal())
		req := rapid.SampledFrom([]*policy.Request{joint(), programme()}).Draw(t, "request")
		req.Transferee = rapid.SampledFrom([]string{varuna, alias}).Draw(t, "transferee")
		req.DestinationSite = rapid.SampledFrom([]string{"VTZ-1", "BLR-1", "SITE-9"}).Draw(t, "site")
		at := times()
		at.CheckedAt = r.at.Add(time.Minute)
		at.KnownAt = someTime(logged.Add(-time.Second), at.CheckedAt).Draw(t, "known at")
		want := must(verify.Decide(data, tr, req, at))
		compact, err := verify.Compact(data, tr, req, at)
		if err != nil || len(compact) > len(data) {
			t.Fatalf("%d bytes of %d: %v", len(compact), len(data), err)
		}
		if slices.ContainsFunc(must(verify.Parse(compact)).Statements, func(s verify.LoggedStatement) bool { return len(s.Proof) > 0 }) {
			t.Fatal("it has inclusion proofs")
		}
		got, err := verify.Decide(compact, tr, req, at)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(must(want.Marshal())), string(must(got.Marshal()))); diff != "" {
			t.Fatalf("(-whole +compact):\n%s", diff)
		}
		insecure := must(verify.TrustFor(rootStatement(r), bothMirrors(), 24*time.Hour, verify.Insecure{Unmirrored: true}))
		if same, err := verify.Compact(data, insecure, req, at); err != nil || !bytes.Equal(same, data) {
			t.Fatalf("for a trust without a mirror: %v", err)
		}
	})
}

func TestStubsHaveOneSpelling(t *testing.T) {
	r := prime(2)
	e := whole(r)
	hide(r, e, approvals, tagged("TEA-US-X-0"))
	hide(r, e, approvals, tagged("TEA-US-X-1"))
	text := string(marshal(t, e))
	back, err := verify.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e.Histories, back.Histories); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	slices.Reverse(history(e, approvals).Stubs)
	if string(marshal(t, e)) != text {
		t.Error("the order in the struct changes the bytes")
	}
	stubs := must(history(back, approvals).Stubs.MarshalText())
	member := `,"stubs":"` + string(stubs) + `"`
	raw := must(base64.StdEncoding.DecodeString(string(stubs)))
	for name, b := range map[string][]byte{
		"descending":     slices.Concat(raw[80:160], raw[:80], raw[160:]),
		"twice":          slices.Concat(raw[:80], raw[:80], raw[80:]),
		"cut":            raw[:len(raw)-1],
		"a large index":  slices.Concat([]byte{1}, raw[1:]),
		"a sign":         slices.Concat([]byte{0x80}, raw[1:]),
		"a large time":   slices.Concat(raw[:8], []byte{1}, raw[9:]),
		"among entries":  slices.Concat(raw[:7], []byte{byte(history(back, approvals).Entries[0].Index)}, raw[8:]),
		"nothing at all": nil,
	} {
		other := strings.Replace(text, member, `,"stubs":"`+base64.StdEncoding.EncodeToString(b)+`"`, 1)
		if _, err := verify.Parse([]byte(other)); err == nil || other == text {
			t.Errorf("%s: accepted", name)
		}
	}
	for name, s := range map[string]string{
		"a line end":    string(stubs[:4]) + `\n` + string(stubs[4:]),
		"a raw one":     string(stubs[:4]) + "\n" + string(stubs[4:]),
		"base64url":     strings.ReplaceAll(string(stubs), "+", "-"),
		"no padding":    strings.TrimRight(string(stubs), "="),
		"an escape":     strings.Replace(string(stubs), "A", `\u0041`, 1),
		"half a string": string(stubs[:54]),
	} {
		other := strings.Replace(text, member, `,"stubs":"`+s+`"`, 1)
		if _, err := verify.Parse([]byte(other)); err == nil && other != text {
			t.Errorf("%s: accepted", name)
		}
	}
	for name, bad := range map[string]string{
		"null": strings.Replace(text, member, `,"stubs":null`, 1), "an array": strings.Replace(text, member, `,"stubs":[]`, 1),
	} {
		if _, err := verify.Parse([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
