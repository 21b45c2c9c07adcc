package policy_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/screening"
)

// A mentor and a joint challenge inform whoever reads an approval, and no rule reads
// them: not even where the mentor is restricted, merged or revoked, or where each
// authority names another challenge.
func TestAMentorAndAChallengeDecideNothing(t *testing.T) {
	restricted, err := screening.Parse("denied", strings.NewReader("# list: Denied\n# version: 7\nKestrel\tid="+idOf("kestrel")+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		s, over := anyScript(t), anyAsk(t)
		mentors := make(map[string]string)
		for _, who := range []string{"halcyon", "varuna", "corvus"} {
			// Nobody is its own mentor.
			id := rapid.SampledFrom([]string{idOf("halcyon"), idOf("varuna"), idOf("kestrel"), "cin:U26515AP2019PTC098765"}).Draw(t, "mentor of "+who)
			if id != idOf(who) {
				mentors[idOf(who)] = id
			}
		}
		informed := 0
		say := func(c attest.Claims) {
			switch c := c.(type) {
			case *attest.EntityApproval:
				c.Mentor = mentors[c.Entity()]
				informed++
			case *attest.DomainApproval:
				c.Challenge = &attest.Challenge{Name: "The challenge of " + c.Iss, Citation: "Joint statement, " + c.JTI}
				informed++
			}
		}
		answer := func(st *stage) []byte {
			req := over.request(t)
			at := times(req)
			d := must(policy.Decide(req, st.prove(req, at.KnownAt), at, restricted))
			// What names the bytes of the statements by digest is of other bytes.
			d.Replay.Evidence = ""
			return must(d.Marshal())
		}
		plain, told := answer(s.play(t)), answer(s.altered(t, say))
		if informed == 0 {
			t.Fatal("nothing was informed of")
		}
		if !bytes.Equal(plain, told) {
			t.Fatalf("it decides otherwise (-without +with)\n%s\n%v", cmp.Diff(string(plain), string(told)), s)
		}
	})
}
