package verifier_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
	"github.com/safeconduct/safeconduct/registry"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/registry/web/verifier"
	"github.com/safeconduct/safeconduct/screening"
	"github.com/safeconduct/safeconduct/verify"
)

const (
	audience, nonce = "https://dataroom.example.com", "n-0S6_WzA2Mj"
	// asked is permitted, in the form that people write.
	asked = `# May it go ahead?
authority: auth-us
programme: VEU
effective_at: 2026-01-05T09:00:00Z
act: export
mode: tangible
transferor: ` + rt.Halcyon + `
transferee: ` + rt.Varuna + `
destination_site: VTZ-1
item: {list: US_CCL, entry: 5A001.b.1}
end_use: sea_trial
`
)

// scene is a register that has approved Varuna, whose name is confidential and whose key
// is named.
type scene struct {
	*testing.T
	r           *rt.Register
	approval    []byte
	disclosures []attest.Disclosure
	trust       []byte
}

func play(t *testing.T, config ...func(*registry.Config)) *scene {
	t.Helper()
	s := &scene{T: t, r: rt.New(t, config...)}
	a := rt.Approval("TEA-1", rt.US, rt.Varuna, "IN")
	a.LegalName = "Varuna \u202eDeepsense <b>"
	s.approve(a, "/legal_name", "/approved_sites/0/address")
	var err error
	if s.trust, err = s.r.Trust.MarshalJSON(); err != nil {
		t.Fatal(err)
	}
	return s
}

// approve logs an approval under the programme that is asked for, with members
// concealed; it is the one that is shown.
func (s *scene) approve(a *attest.EntityApproval, conceal ...string) {
	s.Helper()
	a.Programme, a.Confirmation = "VEU", &attest.Confirmation{JWK: rt.SignerNamed("varuna").JWK()}
	var err error
	s.disclosures = nil
	if len(conceal) > 0 {
		if a, s.disclosures, err = a.Conceal(conceal); err != nil {
			s.Fatal(err)
		}
	}
	s.approval = s.r.Sign(a)
	if _, err := s.r.Submit(s.Context(), s.approval); err != nil {
		s.Fatal(err)
	}
	s.r.Clock.Add(time.Minute)
}

func (s *scene) request() *policy.Request {
	return &policy.Request{
		EffectiveAt: policy.InstantOf(rt.Start), Authority: rt.US, Programme: "VEU", Act: "export", Mode: "tangible",
		Transferor: rt.Halcyon, Transferee: rt.Varuna, DestinationSite: "VTZ-1", Item: &policy.Classification{List: "US_CCL", Entry: "5A001.b.1"}, EndUse: "sea_trial",
	}
}

func (s *scene) evidence() []byte {
	s.Helper()
	e, err := s.r.Evidence(s.Context(), s.request())
	if err != nil {
		s.Fatal(err)
	}
	return e
}

func (s *scene) question() verifier.Question {
	s.Helper()
	return verifier.Question{File: s.evidence(), Trust: s.trust, Request: []byte(asked), Now: s.r.Clock.Now()}
}

// shown is a presentation, and what it has to answer.
func (s *scene) shown(ds ...attest.Disclosure) verifier.Question {
	s.Helper()
	q := s.question()
	p, err := presentation.Make(s.Context(), q.File, s.approval, ds, rt.SignerNamed("varuna"), presentation.Binding{Audience: audience, Nonce: nonce, IssuedAt: q.Now})
	if err != nil {
		s.Fatal(err)
	}
	q.File, q.Audience, q.Nonce = p, audience, nonce
	return q
}

func (s *scene) verify(q verifier.Question) *verifier.Report {
	s.Helper()
	r := verifier.Verify(q)
	if r.Mistake != nil {
		s.Fatalf("nothing was verified: %+v", *r.Mistake)
	}
	return r
}

// failsAt expects that all steps before one passed, that it failed, and that nothing
// came of what follows.
func failsAt(t *testing.T, r *verifier.Report, step string) {
	t.Helper()
	if r.Mistake != nil {
		t.Fatalf("nothing was verified: %+v", *r.Mistake)
	}
	want := verifier.Passed
	for _, s := range r.Steps {
		if s.Name == step {
			want = verifier.NotReached
			if s.State != verifier.Failed || s.Wrong == "" {
				t.Errorf("%s %s %q, want it to fail and say why", s.Name, s.State, s.Wrong)
			}
		} else if s.State != want {
			t.Errorf("%s %s, want %s", s.Name, s.State, want)
		}
	}
	if want == verifier.Passed {
		t.Errorf("nothing failed, want it at %s", step)
	}
	if r.Stands || r.Decision != nil || r.Evidence != nil {
		t.Errorf("it failed and comes to something: %+v", r)
	}
}

func TestAFileThatStandsIsDecidedAsTheCommandDecides(t *testing.T) {
	s := play(t)
	for want, change := range map[policy.Result][2]string{
		policy.PERMIT: {"", ""},
		policy.DENY:   {"VTZ-1", "BLR-1"},
		policy.REFER:  {"destination_site: VTZ-1\n", ""},
	} {
		q := s.question()
		q.Request = []byte(strings.Replace(asked, change[0], change[1], 1))
		r := s.verify(q)
		for i, name := range append(verify.Steps(), verifier.StepDecision) {
			if got := r.Steps[i]; got.Name != name || got.State != verifier.Passed {
				t.Errorf("%s: step %d is %+v, want %s passed", want, i, got, name)
			}
		}
		if !r.Stands || r.Presentation || r.Decision == nil || r.Decision.Decision != want || r.Decision.KnownThen || r.Decision.CheckedThen {
			t.Errorf("got %+v, want it to stand, and %s", r, want)
		}
	}
	r := s.verify(s.question())
	if r.Evidence.Origin != s.r.Origin() || r.Evidence.Size == 0 || r.Evidence.ProvenUntil.Text == "" || len(r.Evidence.Cosigners) == 0 || len(r.Evidence.Subjects) < 3 {
		t.Errorf("it does not say what the file shows: %+v", r.Evidence)
	}
	if diff := cmp.Diff([]string{verify.WarningOperatorClock, verify.WarningUnmirrored}, r.Evidence.Warnings); diff != "" {
		t.Errorf("what the trust leaves unchecked (-want +got):\n%s", diff)
	}
}

func TestWithoutARequestNothingIsDecided(t *testing.T) {
	s := play(t)
	q := s.question()
	q.Request = nil
	r := s.verify(q)
	if last := r.Steps[len(r.Steps)-1]; !r.Stands || r.Decision != nil || last != (verifier.Step{Name: verifier.StepDecision, State: verifier.NotAsked}) {
		t.Errorf("got %+v", r)
	}
	q = s.shown()
	q.Request = nil
	if r := s.verify(q); !r.Stands || r.Shown == nil || r.Decision != nil {
		t.Errorf("got %+v", r)
	}
}

// What a request asks about the past is answered, and said to be no answer for today.
func TestAnAnswerAboutThePastSaysSo(t *testing.T) {
	s := play(t)
	q := s.question()
	for times, checkedThen := range map[string]bool{"known_at: 2026-01-05T09:30:00Z\n": false, "known_at: 2026-01-05T09:01:00Z\nchecked_at: 2026-01-05T09:01:00Z\n": true} {
		q.Request, q.Now = []byte(asked+times), s.r.Clock.Now().Add(time.Hour)
		if r := s.verify(q); r.Decision == nil || !r.Decision.KnownThen || r.Decision.CheckedThen != checkedThen {
			t.Errorf("%q: got %+v", times, r.Decision)
		}
	}
	q.Request, q.Now = fmt.Appendf([]byte(asked), "checked_at: %s\n", s.r.Clock.Now().Format(time.RFC3339)), s.r.Clock.Now()
	if r := s.verify(q); r.Decision == nil || r.Decision.KnownThen || !r.Decision.CheckedThen {
		t.Errorf("got %+v", r.Decision)
	}
}

// TestAChangedByteFailsAtItsStep: 21, files that were changed, wherever that is.
func TestAChangedByteFailsAtItsStep(t *testing.T) {
	s := play(t)
	good := s.question()
	flip := func(text string, i int) string {
		b := []byte(text)
		if i < 0 {
			i += len(b)
		}
		if b[i] == 'A' {
			b[i] = 'B'
		} else {
			b[i] = 'A'
		}
		return string(b)
	}
	lines := func(text string) []string { return strings.SplitAfter(text, "\n") }
	with := func(change func(*verify.Evidence)) func(*testing.T) []byte {
		return func(t *testing.T) []byte {
			e, err := verify.Parse(good.File)
			if err != nil {
				t.Fatal(err)
			}
			change(e)
			data, err := e.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			return data
		}
	}
	// history is one that is shown to have something, or nothing.
	history := func(e *verify.Evidence, something bool) *verify.History {
		for i := range e.Histories {
			if len(e.Histories[i].Entries) > 0 == something && e.Histories[i].Subject != attest.RootSubject {
				return &e.Histories[i]
			}
		}
		panic("no history")
	}
	for _, c := range []struct {
		what, step string
		change     func(*testing.T) []byte
	}{
		{"a space", verify.StepParse, func(*testing.T) []byte { return append(bytes.Clone(good.File), ' ') }},
		{"a letter of a name", verify.StepParse, func(*testing.T) []byte { return bytes.Replace(good.File, []byte("histories"), []byte("historieS"), 1) }},
		{"the end", verify.StepParse, func(*testing.T) []byte { return good.File[:len(good.File)-1] }},
		{"the trust root's signature", verify.StepRoot, with(func(e *verify.Evidence) {
			e.Statements[0].Statement = flip(e.Statements[0].Statement, -10)
		})},
		{"the register's signature on the checkpoint", verify.StepCheckpoint, with(func(e *verify.Evidence) {
			l := lines(e.Checkpoint)
			l[4] = flip(l[4], -20)
			e.Checkpoint = strings.Join(l, "")
		})},
		{"the checkpoint's hash", verify.StepCheckpoint, with(func(e *verify.Evidence) {
			l := lines(e.Checkpoint)
			l[2] = flip(l[2], 3)
			e.Checkpoint = strings.Join(l, "")
		})},
		{"a cosignature is left out", verify.StepQuorum, with(func(e *verify.Evidence) {
			l := lines(e.Checkpoint)
			e.Checkpoint = strings.Join(l[:5], "")
		})},
		{"the last entry's map", verify.StepStatusLeaf, with(func(e *verify.Evidence) {
			l := lines(e.Status.Leaf)
			l[3] = flip(l[3], 3)
			e.Status.Leaf = strings.Join(l, "")
		})},
		{"the proof of the last entry", verify.StepStatusLeaf, with(func(e *verify.Evidence) { e.Status.Proof[0][3] ^= 1 })},
		{"the proof that there is nothing", verify.StepMap, with(func(e *verify.Evidence) { h := history(e, false); h.Proof[len(h.Proof)-1] ^= 1 })},
		{"the proof of a history", verify.StepHistory, with(func(e *verify.Evidence) { h := history(e, true); h.Proof[len(h.Proof)-1] ^= 1 })},
		{"a statement's signature", verify.StepHistory, with(func(e *verify.Evidence) {
			last := &e.Statements[len(e.Statements)-1]
			last.Statement = flip(last.Statement, -10)
		})},
		{"when a statement was logged", verify.StepHistory, with(func(e *verify.Evidence) { history(e, true).Entries[0].Time-- })},
		{"the lineage of a statement", verify.StepHistory, with(func(e *verify.Evidence) { history(e, true).Entries[0].Tag[0] ^= 1 })},
	} {
		t.Run(c.what, func(t *testing.T) {
			q := good
			q.File = c.change(t)
			failsAt(t, verifier.Verify(q), c.step)
		})
	}
}

// No byte can be changed so that the file still stands.
func TestNoChangedByteStands(t *testing.T) {
	s := play(t)
	good := s.question()
	for i := 0; i < len(good.File); i += 23 {
		q := good
		q.File = bytes.Clone(good.File)
		q.File[i] ^= 1
		if r := verifier.Verify(q); r.Stands || r.Decision != nil {
			t.Fatalf("byte %d was changed, and it stands: %+v", i, r.Steps)
		}
	}
}

func TestAnotherTrustRefuses(t *testing.T) {
	s := play(t)
	q := s.question()
	q.Trust = bytes.Replace(q.Trust, []byte(`"leaf_hash":"`), []byte(`"leaf_hash":"AAAA`), 1)
	if r := verifier.Verify(q); r.Mistake == nil || r.Mistake.In != verifier.InTrust {
		t.Errorf("a trust file that is none: %+v", r)
	}
	_, leaf := s.r.Trust.Pin()
	wrong := leaf
	wrong[0] ^= 1
	q.Trust = bytes.Replace(s.trust, []byte(leaf.String()), []byte(wrong.String()), 1)
	failsAt(t, verifier.Verify(q), verify.StepRoot)
	// In YAML, with more asked of it than the evidence has.
	q.Trust = []byte(strings.Replace(string(s.trust), `"insecure_operator_clock":true,`, "", 1))
	failsAt(t, verifier.Verify(q), verify.StepQuorum)
}

// Evidence that stands, and is not for what is asked, does not stand for it.
func TestEvidenceForAnotherQuestionIsRefusedAtItsHistories(t *testing.T) {
	s := play(t)
	q := s.question()
	q.Request = []byte(strings.Replace(asked, rt.Varuna, rt.Corvus, 1))
	r := s.verify(q)
	for _, step := range r.Steps {
		want := verifier.Passed
		switch step.Name {
		case verify.StepHistory:
			want = verifier.Failed
		case verifier.StepDecision:
			want = verifier.NotReached
		}
		if step.State != want {
			t.Errorf("%s %s, want %s", step.Name, step.State, want)
		}
	}
	if r.Stands || r.Decision != nil || r.Evidence == nil {
		t.Errorf("got %+v", r)
	}
}

func TestAPresentationStandsForItsVerifierOnceAndLately(t *testing.T) {
	s := play(t)
	good := s.shown(s.disclosures[:1]...)
	r := s.verify(good)
	if !r.Stands || !r.Presentation || r.Decision == nil || r.Decision.Decision != policy.PERMIT {
		t.Fatalf("got %+v", r)
	}
	var names []string
	for _, step := range r.Steps {
		names = append(names, step.Name)
	}
	if diff := cmp.Diff(verifier.Steps(true), append(names, verifier.StepAnswer)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if r.Shown.Holder != rt.Varuna || r.Shown.JTI != "TEA-1" || r.Shown.Name != `Varuna \u202eDeepsense <b>` || !slices.Equal(r.Shown.Hidden, []string{"/approved_sites/0/address"}) || r.Shown.MoreHidden != 0 {
		t.Errorf("who has shown itself: %+v", r.Shown)
	}
	for step, change := range map[string]func(*verifier.Question){
		presentation.StepForm: func(q *verifier.Question) { q.File = append(bytes.Clone(q.File), ' ') },
		verify.StepCheckpoint: func(q *verifier.Question) {
			q.File = bytes.Replace(q.File, []byte("checkpoint\":\""), []byte("checkpoint\":\"x"), 1)
		},
		presentation.StepAudience: func(q *verifier.Question) { q.Audience += "/" },
		presentation.StepNonce:    func(q *verifier.Question) { q.Nonce += "A" },
		presentation.StepTime:     func(q *verifier.Question) { q.Now, q.MaxAge = q.Now.Add(61*time.Second), time.Minute },
	} {
		q := good
		change(&q)
		failsAt(t, verifier.Verify(q), step)
	}
	q := good
	q.Request = []byte(strings.Replace(asked, rt.Varuna, rt.Corvus, 1))
	if r := s.verify(q); r.Stands || r.Decision != nil || state(r, presentation.StepHolder) != verifier.Failed || state(r, presentation.StepOthers) != verifier.Passed || state(r, verifier.StepDecision) != verifier.NotReached {
		t.Errorf("for somebody else: %+v", r)
	}
	// Whoever shows something chooses no times.
	q = good
	q.Request = []byte(asked + "known_at: 2026-01-01T00:00:00Z\n")
	if r := s.verify(q); r.Decision == nil || r.Decision.KnownThen || r.Decision.CheckedThen {
		t.Errorf("by what was known at a time of the request: %+v", r)
	}
}

func state(r *verifier.Report, name string) verifier.State {
	for _, s := range r.Steps {
		if s.Name == name {
			return s.State
		}
	}
	return ""
}

// Whoever chose a request file asked something.
func TestAnEmptyRequestIsAMistakeAndNotNone(t *testing.T) {
	q := play(t).question()
	q.Request = []byte{}
	if r := verifier.Verify(q); r.Mistake == nil || r.Mistake.In != verifier.InRequest || r.Stands {
		t.Errorf("got %+v", r)
	}
}

func TestAPresentationIsNeverVerifiedWithoutWhomItIsFor(t *testing.T) {
	s := play(t)
	for in, change := range map[string]func(*verifier.Question){
		verifier.InAudience: func(q *verifier.Question) { q.Audience = "" },
		verifier.InNonce:    func(q *verifier.Question) { q.Nonce = "" },
		verifier.InTrust:    func(q *verifier.Question) { q.Trust = nil },
		verifier.InRequest:  func(q *verifier.Question) { q.Request = []byte("act: [\n") },
		"":                  func(q *verifier.Question) { q.MaxAge = -1 },

		// A presentation has what its holder discloses, and no register has answered to it.
		verifier.InDisclosures: func(q *verifier.Question) { q.Disclosures = s.disclosures[0].String() },
		verifier.InAnswer:      func(q *verifier.Question) { q.Answer = []byte("{}") },
	} {
		q := s.shown()
		change(&q)
		if r := verifier.Verify(q); r.Mistake == nil || r.Mistake.In != in || r.Mistake.Text == "" || r.Stands || r.Steps != nil {
			t.Errorf("%q: got %+v", in, r)
		}
	}
	q := s.question()
	q.Audience = audience
	if r := verifier.Verify(q); r.Mistake == nil || r.Mistake.In != verifier.InAudience {
		t.Errorf("evidence for an audience: %+v", r)
	}
}

// answered is what the register answers to a request, and what a page has of it that
// asked.
func (s *scene) answered(asked string, req *policy.Request, explain bool, ds ...attest.Disclosure) (verifier.Question, *policy.Decision) {
	s.Helper()
	by := s.r.Decide
	if explain {
		by = s.r.Explain
	}
	d, evidence, err := by(s.Context(), req, req.Times(s.r.Clock.Now()), ds...)
	if err != nil {
		s.Fatal(err)
	}
	q := verifier.Question{File: evidence, Trust: s.trust, Request: []byte(asked), Now: s.r.Clock.Now()}
	for _, d := range ds {
		q.Disclosures += d.String() + "\n"
	}
	s.answer(&q, d)
	return q, d
}

// answer is what the register says.
func (s *scene) answer(q *verifier.Question, d *policy.Decision) {
	s.Helper()
	var err error
	if q.Answer, err = d.Marshal(); err != nil {
		s.Fatal(err)
	}
}

func TestTheRegistersAnswerIsHeldAgainstItsEvidenceToTheByte(t *testing.T) {
	s := play(t)
	for _, explain := range []bool{false, true} {
		q, _ := s.answered(asked, s.request(), explain)
		q.Now = q.Now.Add(time.Second)
		if r := s.verify(q); !r.Stands || state(r, verifier.StepAnswer) != verifier.Passed || r.Decision.Decision != policy.PERMIT || r.Decision.KnownThen || r.ClockDiffers {
			t.Errorf("got %+v", r)
		}
		for _, change := range [][2]string{{`"decision": "PERMIT"`, `"decision": "DENY"`}, {`"replaces_licence": true`, `"replaces_licence": false`}, {"}\n", "} \n"}} {
			bad := q
			bad.Answer = bytes.Replace(q.Answer, []byte(change[0]), []byte(change[1]), 1)
			if r := s.verify(bad); bytes.Equal(bad.Answer, q.Answer) || r.Stands || state(r, verifier.StepAnswer) != verifier.Failed || state(r, verifier.StepDecision) != verifier.Passed {
				t.Errorf("%q: got %+v", change, r)
			}
		}
	}
	q, _ := s.answered(asked, s.request(), true)
	q.Now = q.Now.Add(-time.Hour)
	if r := s.verify(q); !r.ClockDiffers {
		t.Error("it does not say that the clocks differ")
	}
	q.Answer = []byte("{")
	if r := verifier.Verify(q); r.Mistake == nil || r.Mistake.In != verifier.InAnswer {
		t.Errorf("an answer that is none: %+v", r)
	}
	q.Answer, q.Request = []byte("{}"), nil
	if r := verifier.Verify(q); r.Mistake == nil || r.Mistake.In != verifier.InRequest {
		t.Errorf("an answer to nothing: %+v", r)
	}
}

func TestAnAnswerThatWasScreenedIsNotCalledTheSame(t *testing.T) {
	list, err := screening.Parse("l.txt", strings.NewReader("# list: L\n# version: 1\nSomebody else\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := play(t, func(c *registry.Config) { c.Screening = []*screening.List{list} })
	q, d := s.answered(asked, s.request(), true)
	if len(d.Screened) != 1 {
		t.Fatalf("screened by %v", d.Screened)
	}
	if r := s.verify(q); !r.Stands || state(r, verifier.StepAnswer) != verifier.NotCompared {
		t.Errorf("got %+v", r)
	}
	// Screening makes an answer stricter.
	d.Decision, d.ReplacesLicence = policy.DENY, false
	s.answer(&q, d)
	if r := s.verify(q); !r.Stands || state(r, verifier.StepAnswer) != verifier.NotCompared {
		t.Errorf("got %+v", r)
	}
}

func TestTheListsThatTheRegisterScreenedAgainstMakeItsAnswerTheSame(t *testing.T) {
	text := "# list: L\n# version: 1\nSomebody else\n"
	list, err := screening.Parse("l.txt", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	s := play(t, func(c *registry.Config) { c.Screening = []*screening.List{list} })
	q, _ := s.answered(asked, s.request(), true)
	q.Lists = []verifier.List{{Name: "whatever.txt", Data: []byte(text)}}
	if r := s.verify(q); !r.Stands || state(r, verifier.StepAnswer) != verifier.Passed || !slices.Equal(r.Decision.Screened, []string{"L 1"}) {
		t.Errorf("got %+v %+v", r, r.Decision)
	}
	q.Lists[0].Data = append(q.Lists[0].Data, "One more\n"...)
	if r := s.verify(q); state(r, verifier.StepAnswer) != verifier.NotCompared {
		t.Errorf("by another list: got %+v", r)
	}
}

func TestWhoIsOnAListIsDenied(t *testing.T) {
	s := play(t)
	q := s.question()
	q.Lists = []verifier.List{
		{Name: "a.txt", Data: []byte("# list: \u202eHostile\n# version: 1\nNobody\n")},
		{Name: "b.txt", Data: []byte("# list: Board\n# version: 2\nVaruna\tid=" + rt.Varuna + "\n")},
	}
	r := s.verify(q)
	if r.Decision == nil || r.Decision.Decision != policy.DENY || r.Decision.Reasons[0].Code != policy.RestrictedParty {
		t.Fatalf("got %+v", r)
	}
	if got := r.Decision.Screened; len(got) != 2 || strings.Contains(got[0], "\u202e") || got[1] != "Board 2" {
		t.Errorf("screened by %q", got)
	}
	for what, lists := range map[string][]verifier.List{
		"none":     {{Name: "x.txt", Data: []byte("hull")}},
		"empty":    {{Name: "x.txt"}},
		"too many": slices.Repeat(q.Lists[1:], verifier.MaxLists+1),
		"too much": {{Name: "x.txt", Data: make([]byte, verifier.MaxList+1)}},
		"a csv":    {{Name: "x.csv", Data: []byte("source,name,alt_names,nonsense\n")}},
	} {
		q.Lists = lists
		if r := verifier.Verify(q); r.Mistake == nil || r.Mistake.In != verifier.InLists || r.Decision != nil {
			t.Errorf("%s: got %+v", what, r)
		}
	}
}

// TestNoListMakesAnAnswerMilder: a register that lies says that it has screened.
func TestNoListMakesAnAnswerMilder(t *testing.T) {
	s := play(t)
	a := rt.Approval("TEA-2", rt.US, rt.Corvus, "IN")
	a.LegalEffect = attest.Eligibility
	s.approve(a)
	for _, c := range []struct {
		old, other string
		change     func(*policy.Request)
		comes      policy.Result
		lies       []policy.Result
	}{
		{"VTZ-1", "BLR-1", func(r *policy.Request) { r.DestinationSite = "BLR-1" }, policy.DENY, []policy.Result{policy.PERMIT, policy.REFER, "permit", ""}},
		{"destination_site: VTZ-1\n", "", func(r *policy.Request) { r.DestinationSite = "" }, policy.REFER, []policy.Result{policy.PERMIT, "ALLOW"}},
		{rt.Varuna, rt.Corvus, func(r *policy.Request) { r.Transferee = rt.Corvus }, policy.PERMIT, []policy.Result{policy.PERMIT}},
	} {
		req := s.request()
		c.change(req)
		q, d := s.answered(strings.Replace(asked, c.old, c.other, 1), req, true)
		if r := s.verify(q); !r.Stands || d.Decision != c.comes || d.ReplacesLicence {
			t.Fatalf("the evidence comes to %s, and %+v", d.Decision, r)
		}
		for _, lie := range c.lies {
			d.Decision, d.ReplacesLicence = lie, true
			d.Screened = []policy.Screened{{Name: "L", Version: "1", Digest: strings.Repeat("A", 43)}}
			s.answer(&q, d)
			if r := s.verify(q); r.Stands || state(r, verifier.StepAnswer) != verifier.Failed {
				t.Errorf("%q where the evidence comes to %s: got %+v", lie, c.comes, r.Steps)
			}
		}
	}
}

// TestAnAnswerAsOfTimesThatNobodyAskedForFails: each is right of what it is about, and
// the digest of a request has no times in it.
func TestAnAnswerAsOfTimesThatNobodyAskedForFails(t *testing.T) {
	s := play(t)
	early := s.r.Clock.Now()
	s.r.Clock.Add(time.Hour)
	at := policy.InstantOf(early)
	const known = "known_at: 2026-01-05T09:30:00Z\n"
	knownAt := policy.InstantOf(time.Date(2026, 1, 5, 9, 30, 0, 0, time.UTC))
	checked := "checked_at: " + s.r.Clock.Now().Format(time.RFC3339) + "\n"
	checkedAt := policy.InstantOf(s.r.Clock.Now())
	for _, c := range []struct {
		what, asked string
		answered    func(*policy.Request)
		stands      bool
	}{
		{"what was asked", asked, func(*policy.Request) {}, true},
		{"another effective_at", asked, func(r *policy.Request) { r.EffectiveAt = policy.InstantOf(rt.Start.AddDate(0, 0, 1)) }, false},
		{"an old known_at", asked, func(r *policy.Request) { r.KnownAt = at }, false},
		{"another known_at", asked + known, func(r *policy.Request) { r.KnownAt = at }, false},
		{"no known_at", asked + known, func(*policy.Request) {}, false},
		{"the known_at that was asked for", asked + known, func(r *policy.Request) { r.KnownAt = knownAt }, true},
		{"another checked_at", asked + checked, func(r *policy.Request) { r.CheckedAt = policy.InstantOf(checkedAt.Time().Add(time.Second)) }, false},
		{"the checked_at that was asked for", asked + checked, func(r *policy.Request) { r.CheckedAt = checkedAt }, true},
		{"both that were asked for", asked + known + checked, func(r *policy.Request) { r.KnownAt, r.CheckedAt = knownAt, checkedAt }, true},
		{"an old known_at beside the checked_at", asked + known + checked, func(r *policy.Request) { r.KnownAt, r.CheckedAt = at, checkedAt }, false},
	} {
		req := s.request()
		c.answered(req)
		q, d := s.answered(c.asked, req, true)
		want := verifier.Failed
		if c.stands {
			want = verifier.Passed
		}
		if r := s.verify(q); r.Stands != c.stands || state(r, verifier.StepAnswer) != want || r.ClockDiffers {
			t.Errorf("%s: got %+v", c.what, r)
		}
		// No list is a way around it.
		d.Screened = []policy.Screened{{Name: "L", Version: "1", Digest: strings.Repeat("A", 43)}}
		s.answer(&q, d)
		if r := s.verify(q); r.Stands != c.stands {
			t.Errorf("%s, screened: got %+v", c.what, r)
		}
	}
}

// TestOnlyTheRegistersClockIsHeldAgainstThatOfWhoeverVerifies: what was asked for is
// no clock.
func TestOnlyTheRegistersClockIsHeldAgainstThatOfWhoeverVerifies(t *testing.T) {
	s := play(t)
	now := policy.InstantOf(s.r.Clock.Now())
	text := s.r.Clock.Now().Format(time.RFC3339)
	for asks, c := range map[string]struct {
		change  func(*policy.Request)
		differs bool
	}{
		"":                           {func(*policy.Request) {}, true},
		"known_at: " + text + "\n":   {func(r *policy.Request) { r.KnownAt = now }, true},
		"checked_at: " + text + "\n": {func(r *policy.Request) { r.CheckedAt = now }, true},
		"known_at: " + text + "\nchecked_at: " + text + "\n": {func(r *policy.Request) { r.KnownAt, r.CheckedAt = now, now }, false},
	} {
		req := s.request()
		c.change(req)
		q, _ := s.answered(asked+asks, req, true)
		if r := s.verify(q); !r.Stands || r.ClockDiffers {
			t.Errorf("%q: got %+v", asks, r)
		}
		q.Now = q.Now.Add(time.Hour)
		if r := s.verify(q); !r.Stands || r.ClockDiffers != c.differs {
			t.Errorf("%q, an hour later: got %+v", asks, r)
		}
	}
}

// What a holder has disclosed is decided by, and an answer that was decided without it
// is not the same.
func TestAnAnswerIsHeldAgainstWhatWasDisclosed(t *testing.T) {
	s := play(t)
	q, d := s.answered(asked, s.request(), true, s.disclosures...)
	if r := s.verify(q); !r.Stands || state(r, verifier.StepAnswer) != verifier.Passed || d.Replay.Disclosures == "" || r.Decision.Replay.Disclosures != d.Replay.Disclosures {
		t.Errorf("got %+v", r)
	}
	for _, other := range []string{"", s.disclosures[0].String()} {
		bad := q
		bad.Disclosures = other
		if r := s.verify(bad); r.Stands || state(r, verifier.StepAnswer) != verifier.Failed {
			t.Errorf("with %.20q: got %+v", other, r)
		}
	}
	// Of another approval: what somebody has chosen is a mistake, what a register says no.
	q.Answer = nil
	other := rt.Approval("TEA-4", rt.US, rt.Varuna, "IN")
	other.LegalName = "Somebody else"
	_, ds, err := other.Conceal([]string{"/legal_name"})
	if err != nil {
		t.Fatal(err)
	}
	q.Disclosures = ds[0].String()
	if r := verifier.Verify(q); r.Mistake == nil || r.Mistake.In != verifier.InDisclosures {
		t.Errorf("got %+v", r)
	}
	s.answer(&q, d)
	if r := s.verify(q); r.Stands || state(r, verifier.StepDecision) != verifier.Failed {
		t.Errorf("got %+v", r)
	}
	q.Disclosures = "hull"
	if r := verifier.Verify(q); r.Mistake == nil || r.Mistake.In != verifier.InDisclosures {
		t.Errorf("got %+v", r)
	}
}

// Whatever is left out of a list is counted.
func TestWhatIsLeftOutIsCounted(t *testing.T) {
	s := play(t)
	a := rt.Approval("TEA-3", rt.US, rt.Varuna, "IN")
	a.ApprovedSites, a.Supersedes = nil, "TEA-1"
	var conceal []string
	for i := range 60 {
		a.ApprovedSites = append(a.ApprovedSites, attest.Site{ID: fmt.Sprintf("S-%d", i), Name: fmt.Sprint("Site ", i), Address: fmt.Sprint("Plot ", i), Country: "IN"})
		conceal = append(conceal, fmt.Sprintf("/approved_sites/%d/name", i), fmt.Sprintf("/approved_sites/%d/address", i))
	}
	s.approve(a, conceal...)
	q := s.shown()
	q.Request = nil
	if r := s.verify(q); r.Shown == nil || len(r.Shown.Hidden) != 100 || r.Shown.MoreHidden != 20 {
		t.Errorf("got %+v", r.Shown)
	}
}

// TestWhatComesFromOutsideIsShownAsText: 58, markup and marks in what is signed and in
// what is wrong.
func TestWhatComesFromOutsideIsShownAsText(t *testing.T) {
	s := play(t)
	r := s.verify(s.shown(s.disclosures...))
	if want := `Varuna \u202eDeepsense <b>`; r.Shown.Name != want {
		t.Errorf("the name is %q, want %q", r.Shown.Name, want)
	}
	q := s.question()
	q.Request = []byte("act: \"\u202e" + strings.Repeat("x", 100_000) + "\"\n")
	m := verifier.Verify(q).Mistake
	if m == nil || m.In != verifier.InRequest || strings.ContainsRune(m.Text, '\u202e') || len(m.Text) > 3*4096 {
		t.Errorf("got %.200q", m)
	}
}

// TestGarbageIsRefused: 55, files that are none, and too large.
func TestGarbageIsRefused(t *testing.T) {
	s := play(t)
	good := s.question()
	shown := s.shown()
	for _, c := range []struct {
		q    verifier.Question
		file []byte
		step string
	}{
		{good, nil, verify.StepParse},
		{good, []byte("hull"), verify.StepParse},
		{good, []byte("\x00\xff"), verify.StepParse},
		{good, []byte(strings.Repeat("[", 1<<20)), verify.StepParse},
		{good, []byte(strings.Repeat(`{"a":`, 1<<18)), verify.StepParse},
		{good, bytes.Repeat([]byte("A"), verifier.MaxFile+1), verify.StepParse},
		{shown, []byte(`{"evidence":`), presentation.StepForm},
		{shown, append([]byte(`{"evidence":`), bytes.Repeat([]byte("A"), verifier.MaxFile)...), presentation.StepForm},
	} {
		c.q.File = c.file
		failsAt(t, verifier.Verify(c.q), c.step)
	}
	for i := 0; i < len(good.File); i += 997 {
		q := good
		q.File = good.File[:i]
		failsAt(t, verifier.Verify(q), verify.StepParse)
	}
	good.Trust = []byte("a: &a [x]\nb: [" + strings.Repeat("*a,", 100_000) + "]")
	if r := verifier.Verify(good); r.Mistake == nil || r.Mistake.In != verifier.InTrust {
		t.Errorf("a trust file that multiplies: %+v", r)
	}
}

// TestTheVerifierHasNoNetwork: what sees somebody's files in the browser has nothing
// that it could send them by.
func TestTheVerifierHasNoNetwork(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "./wasm")
	cmd.Env = append(cmd.Environ(), "GOOS=js", "GOARCH=wasm")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "syscall/js") {
		t.Error("this is not what runs in the browser")
	}
	for _, p := range strings.Fields(string(out)) {
		for _, banned := range []string{"net/http", "crypto/tls", "os/exec", "dgraph-io", "gorilla", "sigstore", "hashicorp", "miekg", "spf13", "safeconduct/registry/httpapi", "safeconduct/registry/client"} {
			if strings.Contains(p, banned) {
				t.Errorf("the verifier depends on %s", p)
			}
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte(`{"checkpoint":"","histories":[],"statements":[],"status":{"index":0,"leaf":""},"type":"safeconduct/evidence/v1"}`), []byte("{}"), []byte(asked), "", "")
	f.Add([]byte(`{"evidence":{},"sd_jwt":"a~b","type":"safeconduct/presentation/v1"}`), []byte("origin: x"), []byte("{}"), "a", "n")
	f.Fuzz(func(t *testing.T, file, trust, request []byte, audience, nonce string) {
		r := verifier.Verify(verifier.Question{File: file, Trust: trust, Request: request, Audience: audience, Nonce: nonce, Answer: request, Now: rt.Start})
		// Nobody has signed what a fuzzer makes.
		if r.Stands || r.Decision != nil {
			t.Errorf("it stands: %+v", r)
		}
	})
}
