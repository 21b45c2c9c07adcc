package verify_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/verify"
)

func TestTheJointSandboxAndTheProgrammeArePermitted(t *testing.T) {
	r := story()
	data := marshal(t, r.evidence(r.checkpoint(quorum(cosign)...), touched...))
	tr := trust(t, r, bothMirrors(), verify.Insecure{})
	for name, req := range map[string]*policy.Request{"joint": joint(), "programme": programme()} {
		d, err := verify.Decide(data, tr, req, times())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !d.Permitted() {
			t.Errorf("%s: %s %v", name, d.Decision, d.Reasons)
		}
		if !d.StatusEvidenceAt.Time().Equal(cosign) {
			t.Errorf("%s: E is %v, want %v", name, d.StatusEvidenceAt, cosign)
		}
		if len(d.Warnings) > 0 {
			t.Errorf("%s: warnings %v", name, d.Warnings)
		}
		if d.Replay.Trust != tr.Digest() || d.Replay.Evidence == "" || d.Replay.Origin != origin {
			t.Errorf("%s: replay is %+v", name, d.Replay)
		}
	}
	byAlias := joint()
	byAlias.Transferee = alias
	// That the alias is the entity is another authority's word than the one
	// whose approval it is.
	if d, err := verify.Decide(data, tr, byAlias, times()); err != nil || d.Decision != policy.REFER {
		t.Errorf("by the alias: %v, %v", d, err)
	}
}

func TestADecisionDoesNotDependOnWhoElseCosignedButItsEvidenceDigestNamesTheHistories(t *testing.T) {
	r := story()
	tr := trust(t, r, bothMirrors(), verify.Insecure{})
	decide := func(e *verify.Evidence) *policy.Decision {
		d, err := verify.Decide(marshal(t, e), tr, joint(), times())
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	a := decide(r.evidence(r.checkpoint(quorum(cosign)...), touched...))
	b := decide(r.evidence(r.checkpoint(append(quorum(cosign), cosigner("witness", cosign.Add(time.Minute)))...), touched...))
	if diff := cmp.Diff(must(a.Marshal()), must(b.Marshal())); diff != "" {
		t.Errorf("another witness changes the decision:\n%s", diff)
	}
	c := decide(r.evidence(r.checkpoint(quorum(cosign)...), append([]string{"entity:lei:999900SAGARNETAC0179"}, touched...)...))
	if a.Replay.Evidence == c.Replay.Evidence {
		t.Error("evidence with another history has the same digest")
	}
}

func TestRevocationsAreSeen(t *testing.T) {
	r := story()
	r.batch(logged.Add(10*time.Second), sign(&attest.Event{
		Common: head("auth-in", "sandbox:"+sandbox, "REV-1"), Event: attest.Revoke, Target: "PDA-IN-1", EffectiveAt: attest.NumericDate(logged.Unix()),
	}, "auth-in"))
	d, err := verify.Decide(marshal(t, r.evidence(r.checkpoint(quorum(cosign)...), touched...)), trust(t, r, bothMirrors(), verify.Insecure{}), joint(), times())
	if err != nil || d.Decision != policy.DENY {
		t.Errorf("revoked: %v, %v", d, err)
	}
}

// TestAChangedByteIsRefused changes every byte of an evidence file in turn: its
// lowest bit, and to another one of the file's alphabet. The file is canonical, everything in it is signed or hashed, and it has no subject
// that the request does not touch, so that each is an error, never another
// decision. Of the larger file of the joint sandbox, it is every 31st byte.
func TestAChangedByteIsRefused(t *testing.T) {
	small := rootClaims(1)
	small.Threshold, small.Officers, small.Cosigners = 1, small.Officers[:1], small.Cosigners[:2]
	short := newRegister()
	short.batch(begin.Add(-time.Minute),
		sign(small, "r1"),
		sign(registration("auth-in", varuna, "REG-IN-1", "IN"), "auth-in"),
		sign(approval("auth-us", varuna, "TEA-US-1", "IN", "VTZ-1"), "auth-us"),
	)
	under := []string{"root", "entity:" + halcyon, "entity:" + halcyon + "/auth-us", "entity:" + varuna, "entity:" + varuna + "/auth-us"}
	for _, c := range []struct {
		name     string
		r        *register
		req      *policy.Request
		subjects []string
		stride   int
	}{
		{"programme", short, programme(), under, 1},
		{"joint", story(), joint(), touched[:8], 31},
	} {
		data := marshal(t, c.r.evidence(c.r.checkpoint(quorum(cosign)...), c.subjects...))
		tr := trust(t, c.r, bothMirrors(), verify.Insecure{})
		if d, err := verify.Decide(data, tr, c.req, times()); err != nil || !d.Permitted() {
			t.Fatalf("%s, unchanged: %v, %v", c.name, d, err)
		}
		for part := range 2 {
			t.Run(fmt.Sprint(c.name, part), func(t *testing.T) {
				t.Parallel()
				for i := part * c.stride; i < len(data); i += 2 * c.stride {
					changeByte(t, data, i, tr, c.req)
				}
			})
		}
		for i := 0; i < len(data); i += 13 {
			if _, err := verify.Parse(data[:i]); err == nil {
				t.Fatalf("%s: cut at %d, it still reads", c.name, i)
			}
		}
	}
}

func changeByte(t *testing.T, data []byte, i int, tr *verify.Trust, req *policy.Request) {
	b, other := data[i], byte('A')
	if b == other {
		other = 'B'
	}
	for _, changed := range []byte{b ^ 1, other} {
		mutant := slices.Clone(data)
		mutant[i] = changed
		d, err := verify.Decide(mutant, tr, req, times())
		var e *verify.Error
		if !errors.As(err, &e) || d != nil {
			t.Fatalf("byte %d, %q to %q: %v, %v", i, b, changed, d, err)
		}
	}
}

// refusal is a change to good evidence, and what it must fail at.
type refusal struct {
	step string
	// says is part of the message.
	says string
	// log changes the register, show what it shows, trust who verifies.
	log   func(*register)
	show  func(*register, *verify.Evidence)
	trust func(*register) *verify.Trust
}

func checkpointOf(text func(*register, string) string) func(*register, *verify.Evidence) {
	return func(r *register, e *verify.Evidence) { e.Checkpoint = text(r, e.Checkpoint) }
}

func history(e *verify.Evidence, subject string) *verify.History {
	i := slices.IndexFunc(e.Histories, func(h verify.History) bool { return h.Subject == subject })
	return &e.Histories[i]
}

// without removes the statement at an index.
func without(e *verify.Evidence, index int64) {
	e.Statements = slices.DeleteFunc(e.Statements, func(s verify.LoggedStatement) bool { return s.Index == index })
}

// signedBy has the checkpoint signed by others.
func signedBy(signers ...note.Signer) func(*register, *verify.Evidence) {
	return checkpointOf(func(r *register, _ string) string { return r.checkpoint(signers...) })
}

func extra(suffix string) func(*register, *verify.Evidence) {
	return checkpointOf(func(_ *register, c string) string {
		text, _, _ := strings.Cut(c, "\n\n")
		return signNote(text+"\n"+suffix, quorum(cosign)...)
	})
}

// line changes the nth signature line.
func line(n int, change func(string) string) func(*register, *verify.Evidence) {
	return checkpointOf(func(_ *register, c string) string {
		text, sigs, _ := strings.Cut(c, "\n\n")
		lines := strings.SplitAfter(sigs, "\n")
		lines[n] = change(lines[n])
		return text + "\n\n" + strings.Join(lines, "")
	})
}

// forge changes a byte of a signature line's key id, time and signature.
func forge(i int) func(string) string {
	return func(l string) string {
		f := strings.Fields(l)
		b := must(base64.StdEncoding.DecodeString(f[2]))
		b[i] ^= 1
		return f[0] + " " + f[1] + " " + base64.StdEncoding.EncodeToString(b) + "\n"
	}
}

var refusals = map[string]refusal{
	"no histories at all": {step: verify.StepRoot, says: "subject root", show: func(_ *register, e *verify.Evidence) { e.Histories = nil }},
	"no history of root": {step: verify.StepRoot, says: "subject root", show: func(_ *register, e *verify.Evidence) {
		e.Histories = slices.DeleteFunc(e.Histories, func(h verify.History) bool { return h.Subject == "root" })
	}},
	"no statement is shown":         {step: verify.StepRoot, says: "index 0", show: func(_ *register, e *verify.Evidence) { e.Statements = nil }},
	"a root statement is not shown": {step: verify.StepRoot, says: "index 0", show: func(_ *register, e *verify.Evidence) { without(e, 0) }},
	"another root is pinned": {step: verify.StepRoot, says: "leaf hash", trust: func(r *register) *verify.Trust {
		c := rootClaims(1)
		c.Threshold = 1
		return must(verify.TrustFor(must(attest.OpenRoot([]byte(sign(c, "r1")), nil)), bothMirrors(), time.Hour, verify.Insecure{}))
	}},
	"the pinned root is newer than the evidence": {step: verify.StepRoot, says: "version 7", trust: func(r *register) *verify.Trust {
		return must(verify.TrustFor(must(attest.OpenRoot([]byte(sign(rootClaims(7), "r1", "r2")), nil)), bothMirrors(), time.Hour, verify.Insecure{}))
	}},
	"a root that the one before did not sign": {step: verify.StepRoot, says: "root officer", log: func(r *register) {
		c := rootClaims(3)
		c.Officers = []attest.Officer{{ID: "x", Keys: []attest.JWK{officer("mallory").jwk()}}}
		c.Threshold = 1
		r.batch(logged, sign(c, "mallory"))
	}},
	"a version of the root is skipped": {step: verify.StepRoot, says: "version", log: func(r *register) {
		r.batch(logged, sign(rootClaims(4), "r1", "r2"))
	}},
	"a root of another register": {step: verify.StepRoot, says: "example.com/other", trust: func(*register) *verify.Trust {
		c := rootClaims(1)
		c.Aud = "example.com/other"
		c.LogKeys = []string{noteKey{name: c.Aud, seed: "log"}.vkey()}
		return must(verify.TrustFor(must(attest.OpenRoot([]byte(sign(c, "r1", "r2")), nil)), bothMirrors(), time.Hour, verify.Insecure{}))
	}},

	"a checkpoint of another log": {step: verify.StepCheckpoint, says: "example.com/log", show: checkpointOf(func(_ *register, c string) string {
		text, _, _ := strings.Cut(c, "\n\n")
		return signNote(strings.Replace(text, origin, "example.com/log", 1)+"\n", quorum(cosign)...)
	})},
	"an extension line":          {step: verify.StepCheckpoint, says: "extension", show: extra("more\n")},
	"not a note":                 {step: verify.StepCheckpoint, says: "note", show: checkpointOf(func(*register, string) string { return "x" })},
	"a size with a leading zero": {step: verify.StepCheckpoint, says: "one byte form", show: checkpointOf(func(_ *register, c string) string { return strings.Replace(c, "\n", "\n0", 1) })},
	"an empty log": {step: verify.StepCheckpoint, says: "size 0", show: checkpointOf(func(*register, string) string {
		return signNote(origin+"\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", quorum(cosign)...)
	})},
	"nobody's signature line":         {step: verify.StepCheckpoint, says: "mallory", show: signedBy(append(quorum(cosign), cosigner("mallory", cosign))...)},
	"no log signature":                {step: verify.StepCheckpoint, says: "no log key", show: signedBy(quorum(cosign)[1:]...)},
	"a log signature by another key":  {step: verify.StepCheckpoint, says: "no log key", show: signedBy(append(quorum(cosign)[1:], noteKey{name: origin, seed: "mallory"})...)},
	"a forged cosignature":            {step: verify.StepCheckpoint, says: "invalid signature", show: line(1, forge(70))},
	"a cosignature with another time": {step: verify.StepCheckpoint, says: "invalid signature", show: line(1, forge(11))},
	"signature lines in another order": {step: verify.StepCheckpoint, says: "in order", show: checkpointOf(func(_ *register, c string) string {
		text, sigs, _ := strings.Cut(c, "\n\n")
		l := strings.SplitAfter(sigs, "\n")
		return text + "\n\n" + l[0] + l[2] + l[1]
	})},
	"a cosignature before the log's": {step: verify.StepCheckpoint, says: "in order", show: checkpointOf(func(_ *register, c string) string {
		text, sigs, _ := strings.Cut(c, "\n\n")
		l := strings.SplitAfter(sigs, "\n")
		return text + "\n\n" + l[1] + l[0] + l[2]
	})},
	"a signature line twice":           {step: verify.StepCheckpoint, says: "twice", show: line(1, func(l string) string { return l + l })},
	"a second, broken line of one key": {step: verify.StepCheckpoint, says: "twice", show: line(1, func(l string) string { return l + forge(70)(l) })},
	"a cosignature without a time":     {step: verify.StepCheckpoint, says: "no time", show: signedBy(logKey(), cosigner("us-mirror", time.Unix(0, 0)))},
	"a log that the policy does not list": {step: verify.StepCheckpoint, says: "trust policy lists", trust: func(r *register) *verify.Trust {
		return must(verify.TrustFor(rootStatement(r), "log "+noteKey{name: origin, seed: "next"}.vkey()+"\n"+bothMirrors(), time.Hour, verify.Insecure{}))
	}},

	"one mirror of two":      {step: verify.StepQuorum, says: "in (has not cosigned)", show: signedBy(quorum(cosign)[:2]...)},
	"cosigned in the future": {step: verify.StepQuorum, says: "later than checked_at", show: signedBy(quorum(asked.Add(5*time.Minute + time.Second))...)},
	"the operator's clock": {step: verify.StepQuorum, says: "insecure_operator_clock", show: signedBy(logKey(), cosigner("own", cosign)), trust: func(r *register) *verify.Trust {
		return must(verify.TrustFor(rootStatement(r), "witness own "+vkey("own")+"\nquorum own\n", time.Hour, verify.Insecure{Unmirrored: true}))
	}},
	"no mirror": {step: verify.StepQuorum, says: "insecure_unmirrored", show: signedBy(logKey(), cosigner("witness", cosign)), trust: func(r *register) *verify.Trust {
		return must(verify.TrustFor(rootStatement(r), "witness w "+vkey("witness")+"\nquorum w\n", time.Hour, verify.Insecure{OperatorClock: true}))
	}},
	"a policy that can do without its mirror": {step: verify.StepQuorum, says: "insecure_unmirrored", trust: func(r *register) *verify.Trust {
		return must(verify.TrustFor(rootStatement(r), "witness w "+vkey("witness")+"\nwitness us "+vkey("us-mirror")+"\ngroup g any w us\nquorum g\n", time.Hour, verify.Insecure{}))
	}},
	"a mirror of the operator's own": {step: verify.StepQuorum, says: "insecure_unmirrored", trust: func(r *register) *verify.Trust {
		return must(verify.TrustFor(rootStatement(r), "witness own "+vkey("own")+"\nquorum own\n", time.Hour, verify.Insecure{OperatorClock: true}))
	}},
	"a mirror that the root does not list": {step: verify.StepQuorum, says: "insecure_unmirrored", trust: func(r *register) *verify.Trust {
		return must(verify.TrustFor(rootStatement(r), "witness x "+vkey("unlisted")+"\nquorum x\n", time.Hour, verify.Insecure{}))
	}},

	"a status leaf ahead of the cosigners": {step: verify.StepStatusLeaf, says: "five minutes", show: signedBy(quorum(logged.Add(-5*time.Minute - time.Second))...)},
	"the status leaf before": {step: verify.StepStatusLeaf, says: "last leaf", show: func(r *register, e *verify.Evidence) {
		i := e.Status.Index - 2
		e.Status = verify.StatusProof{Index: i, Leaf: r.leaves[i], Proof: r.prove(i)}
	}},
	"the status leaf before in the last place": {step: verify.StepStatusLeaf, says: "says that its index", show: func(r *register, e *verify.Evidence) {
		e.Status.Leaf = r.leaves[e.Status.Index-2]
	}},
	"a status leaf that is not logged": {step: verify.StepStatusLeaf, says: "inclusion", show: func(r *register, e *verify.Evidence) {
		s := must(verify.ParseStatusLeaf([]byte(e.Status.Leaf)))
		s.MapRoot[0]++
		e.Status.Leaf = string(s.Marshal())
	}},
	"a statement in the last place": {step: verify.StepStatusLeaf, says: "five lines", show: func(r *register, e *verify.Evidence) { e.Status.Leaf = r.leaves[2] }},
	"a log that ends in a statement": {step: verify.StepStatusLeaf, says: "five lines", log: func(r *register) {
		r.leaf(sign(registration("auth-us", halcyon, "REG-US-9", "US"), "auth-us"))
	}},

	"a malformed map proof": {step: verify.StepMap, says: "malformed", show: func(_ *register, e *verify.Evidence) {
		h := history(e, "root")
		h.Proof = h.Proof[:len(h.Proof)-1]
	}},
	"an absence of another map": {step: verify.StepMap, says: "no statements", show: func(r *register, e *verify.Evidence) {
		r.set("entity:lei:999900SAGARNETAC0179", verify.MapValue{Count: 1, Chain: [32]byte{1}}.Bytes())
		h := history(e, "entity:"+halcyon+"/auth-us")
		h.Proof = r.statuses.Prove(verify.MapKey(h.Subject))
	}},

	"the newest trust root is left out": {step: verify.StepHistory, says: "left out", show: func(_ *register, e *verify.Evidence) {
		h := history(e, "root")
		without(e, h.Entries[1].Index)
		h.Entries = h.Entries[:1]
	}},
	"a touched subject is left out": {step: verify.StepHistory, says: "entity:" + varuna + "/auth-us", show: func(_ *register, e *verify.Evidence) {
		h := history(e, "entity:"+varuna+"/auth-us")
		without(e, h.Entries[0].Index)
		e.Histories = slices.DeleteFunc(e.Histories, func(x verify.History) bool { return x.Subject == h.Subject })
	}},
	"an absent subject is left out": {step: verify.StepHistory, says: "entity:" + halcyon + "/auth-us", show: func(_ *register, e *verify.Evidence) {
		e.Histories = slices.DeleteFunc(e.Histories, func(x verify.History) bool { return x.Subject == "entity:"+halcyon+"/auth-us" })
	}},
	"an entry's time is changed": {step: verify.StepHistory, says: "changed", show: func(_ *register, e *verify.Evidence) {
		history(e, "entity:"+varuna+"/auth-us").Entries[0].Time--
	}},
	"an entry's tag is changed": {step: verify.StepHistory, says: "changed", show: func(_ *register, e *verify.Evidence) {
		history(e, "entity:"+varuna+"/auth-us").Entries[0].Tag[3]++
	}},
	"an entry after the status leaf": {step: verify.StepHistory, says: "after the status leaf", show: func(_ *register, e *verify.Evidence) {
		history(e, "entity:"+varuna+"/auth-us").Entries[0].Time = logged.UnixMilli() + 1
	}},
	"an entry before the one before": {step: verify.StepHistory, says: "before the previous one's", log: func(r *register) {
		index := int64(len(r.leaves))
		r.leaf(sign(approval("auth-us", varuna, "TEA-US-2", "IN", "BLR-1"), "auth-us"))
		r.enter("entity:"+varuna+"/auth-us", verify.Entry{Index: index, Time: begin.Add(-time.Hour).UnixMilli(), Tag: attest.TagOf("auth-us", "TEA-US-2")})
		r.close(logged)
	}},
	"a statement that is not logged": {step: verify.StepHistory, says: "changed", show: func(_ *register, e *verify.Evidence) {
		i := slices.IndexFunc(e.Statements, func(s verify.LoggedStatement) bool {
			return s.Index == history(e, "entity:"+varuna+"/auth-us").Entries[0].Index
		})
		e.Statements[i].Statement = sign(approval("auth-us", varuna, "TEA-US-1", "IN", "BLR-1"), "auth-us")
	}},
	"a statement without its place": {step: verify.StepHistory, says: "inclusion proof", show: func(_ *register, e *verify.Evidence) { e.Statements[2].Proof = nil }},
	"no statement with its place, where no mirror is asked for": {step: verify.StepHistory, says: "inclusion proof", show: func(_ *register, e *verify.Evidence) { unplace(e) }, trust: func(r *register) *verify.Trust {
		return must(verify.TrustFor(rootStatement(r), bothMirrors(), 24*time.Hour, verify.Insecure{Unmirrored: true}))
	}},
	"another statement, where none has its place": {step: verify.StepHistory, says: "changed", show: func(_ *register, e *verify.Evidence) {
		unplace(e)
		e.Statements[2].Statement = sign(approval("auth-us", varuna, "TEA-US-1", "IN", "BLR-1"), "auth-us")
	}},
	"a statement of no history": {step: verify.StepHistory, says: "in no history", show: func(r *register, e *verify.Evidence) {
		h := history(e, "entity:"+varuna+"/auth-us")
		e.Histories = slices.DeleteFunc(e.Histories, func(x verify.History) bool { return x.Subject == h.Subject })
	}},
	"a statement that is not shown": {step: verify.StepHistory, says: "not shown", show: func(_ *register, e *verify.Evidence) {
		without(e, history(e, "entity:"+varuna+"/auth-us").Entries[0].Index)
	}},

	"a statement signed by another authority": {step: verify.StepSignatures, says: "auth-us", log: func(r *register) {
		r.batch(logged, sign(approval("auth-us", varuna, "TEA-US-2", "IN", "BLR-1"), "auth-in"))
	}},
	"a statement for another register": {step: verify.StepSignatures, says: "example.com/other", log: func(r *register) {
		c := approval("auth-us", varuna, "TEA-US-2", "IN", "BLR-1")
		c.Aud = "example.com/other"
		r.batch(logged, sign(c, "auth-us"))
	}},
	"a statement in the history of another subject": {step: verify.StepSignatures, says: "not about it", log: func(r *register) {
		e := r.histories["entity:"+varuna+"/auth-us"][0]
		r.enter("entity:"+halcyon+"/auth-us", e)
		r.close(logged)
	}},
	"a tag of another lineage": {step: verify.StepSignatures, says: "another lineage", log: func(r *register) {
		index := int64(len(r.leaves))
		r.leaf(sign(approval("auth-us", varuna, "TEA-US-2", "IN", "BLR-1"), "auth-us"))
		r.enter("entity:"+varuna+"/auth-us", verify.Entry{Index: index, Time: logged.UnixMilli(), Tag: attest.TagOf("auth-us", "TEA-US-1")})
		r.close(logged)
	}},
	"an event without its target": {step: verify.StepSignatures, says: "does not have", log: func(r *register) {
		index := int64(len(r.leaves))
		r.leaf(sign(&attest.Event{Common: head("auth-us", "entity:"+varuna+"/auth-us", "REV-9"), Event: attest.Revoke, Target: "TEA-US-9", EffectiveAt: 1}, "auth-us"))
		r.enter("entity:"+varuna+"/auth-us", verify.Entry{Index: index, Time: logged.UnixMilli()})
		r.close(logged)
	}},
}

// unplace leaves out the inclusion proofs of all statements.
func unplace(e *verify.Evidence) {
	for i := range e.Statements {
		e.Statements[i].Proof = nil
	}
}

// What TUF forbids a root: to be older, to leave a version out, and to follow
// without the thresholds of both, as a dishonest register would log it.
var escalations = map[string]refusal{
	"the thresholds lowered by fewer than before": escalation("1 of the 2 root officers of version 2", func(c *attest.Root) { c.Threshold = 1 }, "r1"),
	"the thresholds lowered by a newcomer": escalation("is no root officer's key", func(c *attest.Root) {
		c.Threshold = 1
	}, "mallory"),
	"a newcomer makes up the number": escalation("1 of the 2 root officers of version 2", func(c *attest.Root) {
		c.Officers = append(c.Officers, rootOfficer("r3", "mallory"))
	}, "mallory", "r1"),
	"the threshold raised without its own": escalation("2 of the 3 root officers of version 3", func(c *attest.Root) {
		c.Officers, c.Threshold = append(c.Officers, rootOfficer("r3", "r3")), 3
	}, "r1", "r2"),
	"all officers replaced by nobody of before": escalation("0 of the 2 root officers of version 2", func(c *attest.Root) {
		c.Officers = []attest.Officer{rootOfficer("m1", "mallory"), rootOfficer("m2", "mallet")}
	}, "mallory", "mallet"),
	"an officer who left signs for the next": escalation("1 of the 2 root officers of version 3", func(c *attest.Root) {
		c.Officers = []attest.Officer{c.Officers[0], rootOfficer("r3", "r3")}
	}, "r1", "r2"),
	"two keys of one officer": escalation("1 of the 2 root officers of version 3", func(c *attest.Root) {
		c.Officers[0].Keys = append(c.Officers[0].Keys, officer("spare").jwk())
	}, "r1", "spare"),
	"a key moved from one officer to another": escalation("1 of the 2 root officers of version 3", func(c *attest.Root) {
		c.Officers = []attest.Officer{{ID: "r1", Keys: []attest.JWK{officer("r1").jwk(), officer("r2").jwk()}}, rootOfficer("r3", "r3")}
	}, "r1", "r2"),
	"an authority's officer makes up the number": escalation("is no root officer's key", func(*attest.Root) {}, "auth-us", "r1"),
	"an authority makes its officer one of the root": escalation("1 of the 2 root officers of version 2", func(c *attest.Root) {
		c.Officers = append(c.Officers, rootOfficer("r3", "auth-us"))
		c.Authorities[1].Officers = []attest.Officer{rootOfficer("o1", "auth-us-new")}
	}, "auth-us", "r1"),
	"the version in force again": escalation("the next version is 3", func(c *attest.Root) { c.Version, c.JTI = 2, "root-2" }, "r1", "r2"),
	"the first version again":    escalation("the next version is 3", func(c *attest.Root) { c.Version, c.JTI, c.Previous = 1, "root-1", "" }, "r1", "r2"),
	"a version left out":         escalation("the next version is 3", func(c *attest.Root) { c.Version, c.JTI = 4, "root-4" }, "r1", "r2"),
	"a version far ahead":        escalation("the next version is 3", func(c *attest.Root) { c.Version, c.JTI = 1<<53-1, "root-9007199254740991" }, "r1", "r2"),
	"a version on another past": escalation("the leaf hash of version 2", func(c *attest.Root) {
		c.Previous = tlog.RecordHash([]byte("another")).String()
	}, "r1", "r2"),
	"a version on the first": escalation("the leaf hash of version 2", func(c *attest.Root) { c.Previous = rootClaims(2).Previous }, "r1", "r2"),
	"of another register": escalation("example.com/other", func(c *attest.Root) {
		c.Aud = "example.com/other"
		c.LogKeys = []string{noteKey{name: c.Aud, seed: "log"}.vkey()}
	}, "r1", "r2"),
	"an authority that was removed comes back by its own word": {
		step: verify.StepRoot, says: "is no root officer's key",
		log: func(r *register) {
			gone := rootClaims(3)
			gone.Authorities = gone.Authorities[:1]
			r.batch(logged, sign(gone, "r1", "r2"))
			back := rootClaims(3)
			back.Version, back.JTI, back.Previous = 4, "root-4", tlog.RecordHash([]byte(sign(gone, "r1", "r2"))).String()
			r.batch(logged, sign(back, "auth-us"))
		},
	},
	"an authority that was removed speaks on": {
		step: verify.StepSignatures, says: "auth-us",
		log: func(r *register) {
			gone := rootClaims(3)
			gone.Authorities = gone.Authorities[:1]
			r.batch(logged, sign(gone, "r1", "r2"))
			r.batch(logged, sign(approval("auth-us", varuna, "TEA-US-2", "IN", "BLR-1"), "auth-us"))
		},
	},
	"an authority that joins had spoken before": {
		step: verify.StepSignatures, says: "auth-us", log: func(r *register) {
			c := rootClaims(3)
			c.Authorities[1].Officers[0].Keys = []attest.JWK{officer("auth-us-new").jwk()}
			r.batch(logged, sign(approval("auth-us", varuna, "TEA-US-2", "IN", "BLR-1"), "auth-us-new"))
			r.batch(logged, sign(c, "r1", "r2"))
		},
	},
}

func rootOfficer(id, key string) attest.Officer {
	return attest.Officer{ID: id, Keys: []attest.JWK{officer(key).jwk()}}
}

// escalation is a version 3 as change makes it, signed by some.
func escalation(says string, change func(*attest.Root), by ...officer) refusal {
	return refusal{step: verify.StepRoot, says: says, log: func(r *register) {
		c := rootClaims(3)
		change(c)
		r.batch(logged, sign(c, by...))
	}}
}

func TestNoRootEscalates(t *testing.T) { refusesAll(t, escalations) }

func TestEachStepRefusesWhatItIsThereFor(t *testing.T) { refusesAll(t, refusals) }

func refusesAll(t *testing.T, refusals map[string]refusal) {
	t.Helper()
	for name, c := range refusals {
		t.Run(name, func(t *testing.T) {
			r := story()
			if c.log != nil {
				c.log(r)
			}
			e := r.evidence(r.checkpoint(quorum(cosign)...), touched...)
			if c.show != nil {
				c.show(r, e)
			}
			tr := trust(t, r, bothMirrors(), verify.Insecure{})
			if c.trust != nil {
				tr = c.trust(r)
			}
			d, err := verify.Decide(marshal(t, e), tr, joint(), times())
			var refused *verify.Error
			if !errors.As(err, &refused) {
				t.Fatalf("got %v, %v; want a refusal at %s", d, err, c.step)
			}
			if d != nil || refused.Step != c.step || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v; want a refusal at %s that says %q", err, c.step, c.says)
			}
		})
	}
}

func TestStatementsAreJudgedByTheRootInForceAtTheirIndex(t *testing.T) {
	r := story()
	c := rootClaims(3)
	c.Authorities[1].Officers[0].Keys = []attest.JWK{officer("auth-us-new").jwk()}
	r.batch(logged, sign(c, "r1", "r2"))
	r.batch(logged, sign(approval("auth-us", varuna, "TEA-US-2", "IN", "BLR-1"), "auth-us-new"))
	// Pinned in the middle: versions before it are accepted by the chain,
	// versions after it by their signatures.
	v2 := must(attest.OpenRoot([]byte(r.leaves[r.histories["root"][1].Index]), nil))
	tr := must(verify.TrustFor(v2, bothMirrors(), time.Hour, verify.Insecure{}))
	d, err := verify.Decide(marshal(t, r.evidence(r.checkpoint(quorum(cosign)...), touched...)), tr, joint(), times())
	if err != nil || !d.Permitted() {
		t.Errorf("old key before the new root, new key after it: %v, %v", d, err)
	}

	r.batch(logged, sign(approval("auth-us", varuna, "TEA-US-3", "IN", "BLR-1"), "auth-us"))
	_, err = verify.Decide(marshal(t, r.evidence(r.checkpoint(quorum(cosign)...), touched...)), tr, joint(), times())
	var e *verify.Error
	if !errors.As(err, &e) || e.Step != verify.StepSignatures {
		t.Errorf("old key after the new root: %v", err)
	}
}

func TestAStaleStatusIsReferred(t *testing.T) {
	r := story()
	at := times()
	at.KnownAt, at.CheckedAt = cosign.Add(24*time.Hour+time.Second), cosign.Add(24*time.Hour+time.Second)
	d, err := verify.Decide(marshal(t, r.evidence(r.checkpoint(quorum(cosign)...), touched...)), trust(t, r, bothMirrors(), verify.Insecure{}), joint(), at)
	if err != nil || d.Decision != policy.REFER || !slices.Contains(d.Codes(), policy.StatusStale) {
		t.Errorf("a day and a second old: %v, %v", d, err)
	}
}

func TestFreshnessIsWhenTheWholePolicyIsSatisfied(t *testing.T) {
	r := story()
	at := func(m int) time.Time { return cosign.Add(time.Duration(m) * time.Minute) }
	text := "witness a " + vkey("us-mirror") + "\nwitness b " + vkey("in-mirror") + "\nwitness c " + vkey("witness") + "\ngroup g 2 a b c\nquorum g\n"
	tr := trust(t, r, text, verify.Insecure{})
	for _, c := range []struct {
		a, b, c int
		want    time.Time
	}{
		{1, 2, 3, at(2)}, {3, 2, 1, at(2)}, {5, 5, 0, at(5)},
		// One of them is later than checked_at and five minutes.
		{1, 2, 35, at(1)},
	} {
		signers := []note.Signer{logKey(), cosigner("us-mirror", at(c.a)), cosigner("in-mirror", at(c.b)), cosigner("witness", at(c.c))}
		rep, err := verify.Check(marshal(t, r.evidence(r.checkpoint(signers...), "root")), tr, asked)
		if err != nil || !rep.ProvenUntil.Equal(c.want) {
			t.Errorf("%v: E is %v, want %v; %v", c, rep.ProvenUntil, c.want, err)
		}
	}
}

func TestInsecureFlagsAreRepeatedInEveryAnswer(t *testing.T) {
	r := story()
	for _, c := range []struct {
		cosigner string
		insecure verify.Insecure
		want     []string
	}{
		{"own", verify.Insecure{OperatorClock: true, Unmirrored: true}, []string{verify.WarningOperatorClock, verify.WarningUnmirrored}},
		{"witness", verify.Insecure{Unmirrored: true}, []string{verify.WarningUnmirrored}},
		{"us-mirror", verify.Insecure{OperatorClock: true, Unmirrored: true}, nil},
	} {
		tr := trust(t, r, "witness w "+vkey(c.cosigner)+"\nquorum w\n", c.insecure)
		data := marshal(t, r.evidence(r.checkpoint(logKey(), cosigner(c.cosigner, cosign)), touched...))
		d, err := verify.Decide(data, tr, joint(), times())
		if err != nil || !d.Permitted() {
			t.Fatalf("%s: %v, %v", c.cosigner, d, err)
		}
		if diff := cmp.Diff(c.want, d.Warnings); diff != "" {
			t.Errorf("%s: warnings (-want +got):\n%s", c.cosigner, diff)
		}
	}
}

// A cosignature/v1 does not sign its name: the operator's key under another
// name, and the log's own key, stay the operator's.
func TestTheOperatorsKeyIsItsOwnUnderEveryName(t *testing.T) {
	r := story()
	for _, k := range []noteKey{{"example.net/independent", "own", cosign}, {"example.net/independent", "log", cosign}} {
		tr := trust(t, r, "witness w "+k.vkey()+"\nquorum w\n", verify.Insecure{Unmirrored: true})
		_, err := verify.Decide(marshal(t, r.evidence(r.checkpoint(logKey(), k), touched...)), tr, joint(), times())
		var e *verify.Error
		if !errors.As(err, &e) || e.Step != verify.StepQuorum {
			t.Errorf("%s: %v", k.seed, err)
		}
	}
}

func TestNothingIsDecidedWithoutTrustRequestOrTime(t *testing.T) {
	r := story()
	data := marshal(t, r.evidence(r.checkpoint(quorum(cosign)...), touched...))
	tr := trust(t, r, bothMirrors(), verify.Insecure{})
	for name, decide := range map[string]func() (*policy.Decision, error){
		"no trust":   func() (*policy.Decision, error) { return verify.Decide(data, nil, joint(), times()) },
		"zero trust": func() (*policy.Decision, error) { return verify.Decide(data, new(verify.Trust), joint(), times()) },
		"no request": func() (*policy.Decision, error) { return verify.Decide(data, tr, nil, times()) },
		"no times":   func() (*policy.Decision, error) { return verify.Decide(data, tr, joint(), policy.Times{}) },
	} {
		if d, err := decide(); err == nil || d.Permitted() {
			t.Errorf("%s: %v, %v", name, d, err)
		}
	}
}

func TestCheckReportsWhatIsProven(t *testing.T) {
	r := story()
	tr := trust(t, r, bothMirrors(), verify.Insecure{})
	rep, err := verify.Check(marshal(t, r.evidence(r.checkpoint(quorum(cosign)...), "root", "entity:"+alias)), tr, asked)
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Steps) != 8 || rep.RootVersion != 2 || rep.Size != int64(len(r.leaves)) || !rep.LastBatch.Equal(logged) || len(rep.Cosignatures) != 2 {
		t.Errorf("%+v", rep)
	}
	if diff := cmp.Diff([]verify.SubjectReport{{Subject: "entity:" + alias, Statements: 1}, {Subject: "root", Statements: 2}}, rep.Subjects); diff != "" {
		t.Error(diff)
	}
	rep, err = verify.Check(marshal(t, r.evidence(r.checkpoint(logKey()), "root")), tr, asked)
	if diff := cmp.Diff([]string{"parse", "root", "checkpoint"}, rep.Steps); err == nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// TestVerifyImportsNoNetwork keeps what an integrator embeds small.
func TestVerifyImportsNoNetwork(t *testing.T) {
	out, err := exec.Command("go", "list", "-tags", "pkcs11", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	for _, p := range strings.Fields(string(out)) {
		for _, banned := range []string{"net/http", "dgraph-io", "gorilla", "sigstore", "hashicorp", "miekg", "go.yaml.in", "spf13"} {
			if strings.Contains(p, banned) {
				t.Errorf("verify depends on %s", p)
			}
		}
	}
}

// A trust remembers the trust roots that it has opened: by their hashes, in
// their order, so that other evidence changes nothing.
func TestWhatATrustRemembersDecidesNothing(t *testing.T) {
	good, shorter, bad := story(), newRegister(), story()
	shorter.batch(begin, good.leaves[0])
	c := rootClaims(3)
	c.Officers = []attest.Officer{{ID: "x", Keys: []attest.JWK{officer("mallory").jwk()}}}
	c.Threshold = 1
	bad.batch(logged, sign(c, "mallory"))
	foreign := newRegister()
	foreign.batch(begin, sign(c, "mallory"), good.leaves[0])

	tr := trust(t, good, bothMirrors(), verify.Insecure{})
	for range 3 {
		for name, r := range map[string]*register{"good": good, "shorter": shorter, "bad": bad, "foreign": foreign} {
			rep, err := verify.Check(marshal(t, r.evidence(r.checkpoint(quorum(cosign)...), "root")), tr, asked)
			if want := name == "good" || name == "shorter"; (err == nil) != want {
				t.Errorf("%s: %v", name, err)
			}
			if want := int64(2); name == "good" && rep.RootVersion != want {
				t.Errorf("version %d of the root is in force, want %d", rep.RootVersion, want)
			}
		}
	}
}

// A register that holds no officer's key cannot put a root of its own before
// the pinned one, to have its own officers judged by it.
func TestAPinnedRootFixesTheVersionsBeforeIt(t *testing.T) {
	genuine := story()
	second := genuine.leaves[genuine.histories["root"][1].Index]
	fake := rootClaims(1)
	fake.Threshold = 1
	fake.Officers = append(fake.Officers, attest.Officer{ID: "mallory", Keys: []attest.JWK{officer("mallory").jwk()}})
	fake.Authorities[1].Officers[0].Keys = []attest.JWK{officer("mallory-us").jwk()}
	r := newRegister()
	r.batch(begin.Add(-time.Hour), sign(fake, "mallory"))
	r.batch(begin.Add(-time.Minute), sign(approval("auth-us", varuna, "TEA-US-1", "IN", "VTZ-1"), "mallory-us"))
	r.batch(begin, second)
	v2 := must(attest.OpenRoot([]byte(second), nil))
	for _, c := range []struct {
		name string
		r    *register
		ok   bool
	}{{"the genuine log", genuine, true}, {"a forged one", r, false}} {
		tr := must(verify.TrustFor(v2, bothMirrors(), time.Hour, verify.Insecure{}))
		_, err := verify.Check(marshal(t, c.r.evidence(c.r.checkpoint(quorum(cosign)...), "root", "entity:"+varuna+"/auth-us")), tr, asked)
		var e *verify.Error
		if errors.As(err, &e); (err == nil) != c.ok || (!c.ok && e.Step != verify.StepRoot) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// A history is not made to say something else by logging a part of it again.
func TestAStatementStandsInAHistoryOnce(t *testing.T) {
	r := story()
	again := sign(approval("auth-us", varuna, "TEA-US-1", "IN", "VTZ-1"), "auth-us")
	r.batch(logged, again)
	_, err := verify.Decide(marshal(t, r.evidence(r.checkpoint(quorum(cosign)...), touched...)), trust(t, r, bothMirrors(), verify.Insecure{}), joint(), times())
	var e *verify.Error
	if !errors.As(err, &e) || e.Step != verify.StepSignatures {
		t.Errorf("logged twice: %v", err)
	}
}
