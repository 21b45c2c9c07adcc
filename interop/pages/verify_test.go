package pages_test

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/registry/web/verifier"
	"github.com/safeconduct/safeconduct/verify"
)

// needVerifier skips a test where make has not built the verifier that pages run, or
// fails it where SAFECONDUCT_MUST_BROWSE says that it must be there.
func needVerifier(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("../../registry/web/built/verifier.wasm.gz"); err != nil {
		if os.Getenv("SAFECONDUCT_MUST_BROWSE") == "1" {
			t.Fatalf("%v (`make wasm` builds it)", err)
		}
		t.Skipf("SKIPPED, NOTHING IS SHOWN ABOUT THE VERIFIER IN THE BROWSER: %v (`make wasm` builds it)", err)
	}
}

// `make test` runs this one again, aloud, to say at its end what was not run.
func TestVerifierIsThere(t *testing.T) { needVerifier(t) }

// live is [joint] at the time of the browser's own clock, by which it verifies.
func live(t *testing.T) *stage {
	t.Helper()
	needVerifier(t)
	s := jointSince(t, time.Now().Add(-time.Hour).Truncate(time.Second))
	s.clock.Set(time.Now())
	return s
}

// nowAsked is [question] about now, with some of its fields otherwise.
func nowAsked(other ...string) url.Values {
	q := question()
	q.Set("effective_at", time.Now().UTC().Format("2006-01-02 15:04"))
	for i := 0; i < len(other); i += 2 {
		q.Set(other[i], other[i+1])
	}
	return q
}

// answers are questions on the stage that is live, by what they are decided to be.
var answers = map[string][]string{"PERMIT": nil, "REFER": {"end_use", ""}, "DENY": {"destination_site", "BLR-1"}}

// verifying opens the page that verifies files, and waits until it needs no network.
func (b *tab) verifying(fragment string) {
	b.t.Helper()
	b.open("/verify"+fragment, 200)
	b.until(`((is, {loading}) => is && is !== loading)(document.getElementById("progress").textContent, document.getElementById("verify").dataset)`)
	if is := b.text("#progress"); !strings.Contains(is, "From now on this page needs no network.") {
		b.t.Fatalf("the verifier is not ready: %s", is)
	}
}

// whenVerified does something that has a file verified, and returns what the page says then to
// somebody who does not see it.
func (b *tab) whenVerified(do func()) string {
	b.t.Helper()
	evaluate[string](b, `document.getElementById("progress").textContent = ""`)
	do()
	b.until(`((is, {working}) => is && is !== working)(document.getElementById("progress").textContent, document.getElementById("verify").dataset)`)
	return b.text("#progress")
}

// file is one with that content, for a page to be given.
func (b *tab) file(name string, content []byte) string {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// A seenStep is a step of a verification, as the page shows it.
type seenStep struct{ Name, State, Wrong string }

func (b *tab) steps() []seenStep {
	b.t.Helper()
	return evaluate[[]seenStep](b, `[...document.querySelectorAll("ol.steps > li")].filter((li) => !li.hidden).map((li) => ({
		name: li.dataset.step, state: li.querySelector(".status").hidden ? "" : li.querySelector(".status").innerText, wrong: li.querySelector(".error").innerText,
	}))`)
}

// passes expects that all steps that the file has are there, and passed.
func (b *tab) passes(isPresentation bool) {
	b.t.Helper()
	var names []string
	for _, s := range b.steps() {
		names = append(names, s.Name)
		if s.State != "passed" || s.Wrong != "" {
			b.t.Errorf("%+v, want it to pass", s)
		}
	}
	if want := slices.DeleteFunc(verifier.Steps(isPresentation), func(s string) bool { return s == verifier.StepAnswer }); !slices.Equal(names, want) {
		b.t.Errorf("the steps are %q, want %q", names, want)
	}
}

// fails expects that all steps up to one passed, that it failed and says why, that no
// other was reached, and that nothing is permitted.
func (b *tab) fails(at string) {
	b.t.Helper()
	want := "passed"
	for _, s := range b.steps() {
		if s.Name == at {
			if s.State != "failed" || s.Wrong == "" {
				b.t.Errorf("%+v, want it to fail, and to say why", s)
			}
			want = "not reached"
		} else if s.State != want || s.Wrong != "" {
			b.t.Errorf("%+v, want %s", s, want)
		}
	}
	if want == "passed" {
		b.t.Errorf("nothing fails, want it at %s", at)
	}
	b.reads("Do not rely on this file")
	b.neverPermits()
}

// neverPermits expects that nothing on the page says so.
func (b *tab) neverPermits() {
	b.t.Helper()
	if evaluate[bool](b, `document.body.innerText.includes("PERMIT")`) {
		b.t.Error("the page says PERMIT")
	}
}

// decided is the decision in the heading of the result.
func (b *tab) decided() string { return b.text("#result-h b:not([hidden])") }

func TestWhatTheCheckGivesIsVerifiedWithoutANetworkAsItWasDecided(t *testing.T) {
	s := live(t)
	trust, err := s.trust.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	b := newTab(t, s)
	files := make(map[string][2]string)
	for want, other := range answers {
		b.ask(nowAsked(other...))
		b.reads(want)
		all := b.takenAway()
		if d := string(all["decision.json"]); !strings.Contains(d, fmt.Sprintf(`"decision": %q`, want)) {
			t.Fatalf("the register has decided %s, want %s", d, want)
		}
		files[want] = [2]string{b.file("evidence.json", all["evidence.json"]), b.file("request.json", all["request.json"])}
	}
	b.verifying("")
	at := b.mark()
	b.offline()
	for _, by := range []string{"the register", "trust.json"} {
		if by != "the register" {
			b.whenVerified(func() { b.give("#f-trust_file", b.file(by, trust)) })
		}
		for want, f := range files {
			b.whenVerified(func() { b.give("#f-file", f[0]) })
			said := b.whenVerified(func() { b.give("#f-request_file", f[1]) })
			if is := b.decided(); is != want || !strings.Contains(said, "Verified: "+want) {
				t.Errorf("by the trust of %s it is %q, and the page says %q; the register has decided %s", by, is, said, want)
			}
			b.passes(false)
			if by == "the register" {
				b.reads("This is by what the register itself trusts", "evidence.json")
			} else {
				b.reads("This is by the trust file that you have chosen: "+by, "evidence.json")
			}
		}
	}
	b.silent(at)
}

// TestAChangedFileFailsAtItsStepAndPermitsNothing, wherever it was changed.
func TestAChangedFileFailsAtItsStepAndPermitsNothing(t *testing.T) {
	b := newTab(t, live(t))
	all := b.taken(nowAsked())
	good := all["evidence.json"]
	b.verifying("")
	at := b.mark()
	b.offline()
	b.whenVerified(func() { b.give("#f-file", b.file("evidence.json", good)) })
	b.whenVerified(func() { b.give("#f-request_file", b.file("request.json", all["request.json"])) })
	b.passes(false)
	if is := b.decided(); is != "PERMIT" {
		t.Errorf("it is %q before anything is changed", is)
	}
	// one changes one character.
	one := func(text *string, at int) {
		c := []byte(*text)
		if at < 0 {
			at += len(c)
		}
		if c[at] ^= 1; c[at] < '0' {
			c[at] = 'A'
		}
		*text = string(c)
	}
	line := func(text *string, n, at int) {
		l := strings.SplitAfter(*text, "\n")
		one(&l[n], at)
		*text = strings.Join(l, "")
	}
	with := func(change func(*verify.Evidence)) []byte {
		e, err := verify.Parse(good)
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
	// history is the first that has something in it, or nothing.
	history := func(e *verify.Evidence, something bool) *verify.History {
		i := slices.IndexFunc(e.Histories, func(h verify.History) bool {
			return len(h.Entries) > 0 == something && h.Subject != attest.RootSubject
		})
		return &e.Histories[i]
	}
	for _, c := range []struct {
		what, step string
		file       []byte
	}{
		{"cut short", verify.StepParse, good[:len(good)*2/3]},
		{"one byte more", verify.StepParse, append(bytes.Clone(good), ' ')},
		{"the trust root's signature", verify.StepRoot, with(func(e *verify.Evidence) { one(&e.Statements[0].Statement, -10) })},
		{"the signature on the checkpoint", verify.StepCheckpoint, with(func(e *verify.Evidence) { line(&e.Checkpoint, 4, -20) })},
		{"the hash in the checkpoint", verify.StepCheckpoint, with(func(e *verify.Evidence) { line(&e.Checkpoint, 2, 3) })},
		{"the last entry", verify.StepStatusLeaf, with(func(e *verify.Evidence) { line(&e.Status.Leaf, 3, 3) })},
		{"the proof of a history that is empty", verify.StepMap, with(func(e *verify.Evidence) { h := history(e, false); h.Proof[len(h.Proof)-1] ^= 1 })},
		{"the proof of a history", verify.StepHistory, with(func(e *verify.Evidence) { h := history(e, true); h.Proof[len(h.Proof)-1] ^= 1 })},
		{"when a statement was logged", verify.StepHistory, with(func(e *verify.Evidence) { history(e, true).Entries[0].Time-- })},
		// What is logged is the statement with its signatures: the log does not have this one.
		{"a statement's signature", verify.StepHistory, with(func(e *verify.Evidence) { one(&e.Statements[len(e.Statements)-1].Statement, -10) })},
	} {
		b.within(c.what, func() {
			said := b.whenVerified(func() { b.give("#f-file", b.file("evidence.json", c.file)) })
			if !strings.Contains(said, "Do not rely on this file") {
				b.t.Errorf("it says %q", said)
			}
			b.fails(c.step)
		})
	}
	b.silent(at)
}

func TestAPresentationIsVerifiedForItsVerifierAndItsChallengeAlone(t *testing.T) {
	const audience, nonce = "https://dataroom.example.com", "n-0S6_WzA2Mj"
	s := live(t)
	b := newTab(t, s)
	all := b.taken(nowAsked())
	shown, err := presentation.Make(t.Context(), all["evidence.json"], s.approval, nil, rt.SignerNamed("varuna"), presentation.Binding{Audience: audience, Nonce: nonce, IssuedAt: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	b.verifying("")
	at := b.mark()
	b.offline()
	// Without both nothing is verified, and the page says where they go.
	said := b.whenVerified(func() { b.give("#f-file", b.file("presentation.json", shown)) })
	if !strings.Contains(said, "was not verified") || b.text("#e-audience") == "" {
		t.Errorf("it says %q, and at the field %q", said, b.text("#e-audience"))
	}
	b.neverPermits()
	send := func() { b.click("#verify button") }
	b.fill("audience", audience)
	b.fill("nonce", nonce)
	b.whenVerified(func() { b.give("#f-request_file", b.file("request.json", all["request.json"])) })
	b.passes(true)
	if is := b.decided(); is != "PERMIT" {
		t.Errorf("it is %q", is)
	}
	b.reads("Who has shown itself", "Varuna Deepsense Private Limited", "Accept it once")
	b.fill("nonce", nonce+"A")
	b.whenVerified(send)
	b.fails(presentation.StepNonce)
	b.fill("nonce", nonce)
	b.fill("audience", audience+"/")
	b.whenVerified(send)
	b.fails(presentation.StepAudience)
	b.fill("audience", audience)
	b.whenVerified(send)
	b.passes(true)
	b.silent(at)
}

func TestTheTrustOfAnotherRegisterRefuses(t *testing.T) {
	s := live(t)
	root, err := rt.Sign(rt.Root(s.clock.Now()))
	if err != nil {
		t.Fatal(err)
	}
	other, err := rt.Trust(root)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := other.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	b := newTab(t, s)
	all := b.taken(nowAsked())
	b.verifying("")
	b.give("#f-trust_file", b.file("trust.json", trust))
	b.give("#f-request_file", b.file("request.json", all["request.json"]))
	b.whenVerified(func() { b.give("#f-file", b.file("evidence.json", all["evidence.json"])) })
	b.fails(verify.StepRoot)
}

func TestWhatIsNoFileToVerifyIsRefusedPlainly(t *testing.T) {
	b := newTab(t, live(t))
	b.verifying("")
	large := func(name string, bound string) string {
		path := b.file(name, nil)
		if err := os.Truncate(path, evaluate[int64](b, "Number(document.getElementById('verify').dataset."+bound+")")+1); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// mistaken expects a mistake at a field, and no result.
	mistaken := func(field, said, want string) {
		t.Helper()
		if is := b.text("#e-" + field); !strings.Contains(is, want) || said == "" || evaluate[string](b, "document.getElementById('f-"+field+"').ariaInvalid") != "true" {
			t.Errorf("%s: it says %q, and at the field %q, want %q", field, said, is, want)
		}
		if evaluate[bool](b, "!document.getElementById('result').hidden") {
			t.Error("there is a result")
		}
		b.neverPermits()
	}
	mistaken("file", b.whenVerified(func() { b.click("#verify button") }), "Choose an evidence file or a presentation.")
	mistaken("file", b.whenVerified(func() { b.give("#f-file", large("evidence.json", "maxFile")) }), "The file is too large to be one.")
	for _, garbage := range []string{"", "\x00\xff", "hull", strings.Repeat("[", 1<<20), `<script>alert(1)</script>`} {
		b.whenVerified(func() { b.give("#f-file", b.file("evidence.json", []byte(garbage))) })
		b.fails(verify.StepParse)
	}
	mistaken("request_file", b.whenVerified(func() { b.give("#f-request_file", b.file("request.json", []byte("act: [\n"))) }), "line 1")
	mistaken("trust_file", b.whenVerified(func() { b.give("#f-trust_file", large("trust.json", "maxDocument")) }), "The file is too large to be one.")
}

// found waits until the page of an answer has verified it.
func (b *tab) found() string {
	b.t.Helper()
	b.until(`document.getElementById("own").dataset.found || !document.getElementById("progress").hidden && !Object.values((({loading, working}) => [loading, working])(document.getElementById("own").dataset)).includes(document.getElementById("progress").textContent)`)
	return evaluate[string](b, `document.getElementById("own").dataset.found || document.getElementById("progress").textContent`)
}

func TestThePageOfAnAnswerVerifiesItByItself(t *testing.T) {
	s := live(t)
	b := newTab(t, s)
	for want, other := range answers {
		s.clock.Set(time.Now())
		b.ask(nowAsked(other...))
		if is := b.found(); is != "good" {
			t.Fatalf("%s: it finds %q", want, is)
		}
		b.reads("The same answer, to the byte: by the evidence, this browser comes to "+want+".", want)
		b.looks("light", "print")
		b.reads("The same answer, to the byte: by the evidence, this browser comes to " + want + ".")
		b.looks("light", "")
		if evaluate[bool](b, `[...document.querySelectorAll("[role=alert]")].some((e) => e.getClientRects().length)`) {
			t.Errorf("%s: there is an alarm", want)
		}
		b.click("#own summary")
		if steps := b.steps(); len(steps) == 0 || steps[len(steps)-1] != (seenStep{verifier.StepAnswer, "passed", ""}) {
			t.Errorf("%s: the steps are %+v", want, steps)
		}
	}
}

func TestARegisterThatLiesIsSaidToAboveItsAnswer(t *testing.T) {
	s := live(t)
	b := newTab(t, s)
	replace := func(pairs ...string) func(string) string {
		return func(page string) string {
			told := strings.NewReplacer(pairs...).Replace(page)
			if told == page {
				t.Error("it tells the truth")
			}
			return told
		}
	}
	for what, lie := range map[string]func(string) string{
		"another decision, all over the page": replace("DENY", "PERMIT"),
		"another decision, where it is read":  replace(`<h2 id="answer">DENY`, `<h2 id="answer">PERMIT`),
		"other evidence":                      replace(`&#34;index&#34;:1`, `&#34;index&#34;:2`),
	} {
		b.within(what, func() {
			b.logged = false
			s.change("POST /check", lie)
			b.ask(nowAsked(answers[string(policy.DENY)]...))
			if is := b.found(); is != "bad" {
				b.t.Fatalf("it finds %q", is)
			}
			const alarm = "Do not rely on this answer"
			b.reads(alarm, "is not what its own evidence proves")
			if strings.Contains(b.text("main"), "The same answer") {
				b.t.Error("it says that it is the same answer")
			}
			// Whoever has the page before them has read it before the answer, and whoever does
			// not see it is told at once.
			if before := evaluate[bool](b, `((alarm, answer) => alarm.top < answer.top && alarm.top >= 0 && alarm.bottom <= innerHeight)(document.querySelector("#own [role=alert]").getBoundingClientRect(), document.getElementById("answer").getBoundingClientRect())`); !before {
				b.t.Error("the alarm is not where it is seen first")
			}
			b.printed(alarm)
		})
	}
}

func TestTheCodeOfAPrintedAnswerIsHeldAgainstItsFiles(t *testing.T) {
	b := newTab(t, live(t))
	b.ask(nowAsked())
	b.looks("light", "print")
	link, _ := strings.CutPrefix(b.text("figcaption code"), b.url+"/verify")
	b.looks("light", "")
	if !strings.HasPrefix(link, "#decision=PERMIT&") {
		t.Fatalf("the code leads to %q", link)
	}
	own := b.takenAway()
	other := b.taken(nowAsked(answers["DENY"]...))
	b.verifying(link)
	b.reads("You come from the code on a printed answer.")
	for _, c := range []struct {
		evidence, request []byte
		same              bool
	}{
		{own["evidence.json"], own["request.json"], true},
		{own["evidence.json"], other["request.json"], false},
		{other["evidence.json"], other["request.json"], false},
		{own["evidence.json"], own["request.json"], true},
	} {
		b.whenVerified(func() { b.give("#f-file", b.file("evidence.json", c.evidence)) })
		b.whenVerified(func() { b.give("#f-request_file", b.file("request.json", c.request)) })
		b.passes(false)
		const same, others = "These are the files of the printed answer, and it says the same.", "This is not what the printed answer says, or these are not its files."
		all := b.text("main")
		if strings.Contains(all, same) != c.same || strings.Contains(all, others) == c.same {
			t.Errorf("of the same files %t, the page says\n%s", c.same, all)
		}
	}
}

// TestAFileIsVerifiedByKeyboardAlone, with the focus to be seen at every step, and on
// what was found at the end.
func TestAFileIsVerifiedByKeyboardAlone(t *testing.T) {
	b := newTab(t, live(t))
	all := b.taken(nowAsked())
	b.verifying("")
	call(b, page.SetInterceptFileChooserDialog, page.SetInterceptFileChooserDialogParams{Enabled: true})
	for _, name := range []string{"file", "request_file"} {
		b.tabTo("f-" + name)
		b.press(kb.Enter)
		select {
		case <-b.choosing:
		case <-time.After(patience):
			t.Fatalf("Enter opens no dialog for %s", name)
		}
		file := map[string]string{"file": "evidence.json", "request_file": "request.json"}[name]
		b.whenVerified(func() { b.give("#f-"+name, b.file(file, all[file])) })
	}
	b.tabTo("Verify")
	b.whenVerified(func() { run(b, chromedp.KeyEvent(kb.Enter)) })
	if f := b.focused(); f.Is != "result-h" {
		t.Errorf("the focus is on %+v, want what was found", f)
	}
	b.passes(false)
	if is := b.decided(); is != "PERMIT" {
		t.Errorf("it is %q", is)
	}
}
