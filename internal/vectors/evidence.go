package vectors

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/verify"
)

// EvidenceFile is evidence.json.
type EvidenceFile struct {
	About string `json:"about"`
	// Trusts are trust documents by name.
	Trusts  map[string]jsontext.Value `json:"trusts"`
	Vectors []Evidence                `json:"vectors"`
}

// Evidence is checked with a trust and at a time.
type Evidence struct {
	Name      string    `json:"name"`
	Trust     string    `json:"trust"`
	CheckedAt time.Time `json:"checked_at"`
	// Step is where it is refused, "" where it stands.
	Step string `json:"step"`
	// Found is what a check finds where it stands.
	Found    *Found `json:"found,omitzero"`
	Evidence Text   `json:"evidence"`
}

// Found is what evidence proves.
type Found struct {
	Size        int64 `json:"size"`
	RootVersion int64 `json:"root_version"`
	// LastBatch is the time of the status leaf, ProvenUntil is E.
	LastBatch      time.Time `json:"last_batch"`
	ProvenUntil    time.Time `json:"proven_until"`
	Warnings       []string  `json:"warnings,omitempty"`
	TrustDigest    string    `json:"trust_digest"`
	EvidenceDigest string    `json:"evidence_digest"`
	// Subjects have the number of their statements, and of those that are stubs.
	Subjects map[string][2]int `json:"subjects"`
}

// FoundIn returns what a report says.
func FoundIn(r *verify.Report) *Found {
	f := &Found{r.Size, r.RootVersion, r.LastBatch, r.ProvenUntil, r.Warnings, r.TrustDigest, r.EvidenceDigest, make(map[string][2]int)}
	for _, s := range r.Subjects {
		f.Subjects[s.Subject] = [2]int{s.Statements, s.Stubs}
	}
	return f
}

// An exhibition makes evidence vectors.
type exhibition struct {
	file   EvidenceFile
	trusts map[string]*verify.Trust
}

func evidenceFile() EvidenceFile {
	x := &exhibition{trusts: make(map[string]*verify.Trust)}
	x.file.About = "Evidence with the trust and the time that it is checked with, and the step at which it is refused; \"\" where it stands, with what it proves. Steps: parse, root, checkpoint, quorum, status-leaf, map, history, signatures."
	x.trust("usual", trustOf(rootV1, policyOf(usMirror), verify.Insecure{}))
	x.good()
	x.parse()
	x.root()
	x.checkpoint()
	x.quorum()
	x.known()
	x.roles()
	x.warnings()
	x.statusLeaf()
	x.statusMap()
	x.history()
	x.signatures()
	x.stubs()
	x.changes()
	x.file.Trusts = make(map[string]jsontext.Value)
	for name, t := range x.trusts {
		x.file.Trusts[name] = must(json.Marshal(t))
	}
	return x.file
}

func (x *exhibition) trust(name string, t *verify.Trust) string {
	x.trusts[name] = t
	return name
}

// stands adds evidence that stands.
func (x *exhibition) stands(name, trust string, e *verify.Evidence) {
	data := must(e.Marshal())
	report := must(verify.Check(data, x.trusts[trust], asked))
	x.file.Vectors = append(x.file.Vectors, Evidence{name, trust, asked, "", FoundIn(report), Text(data)})
}

// fails adds evidence that is refused at a step.
func (x *exhibition) fails(step, name, trust string, e *verify.Evidence) {
	x.refuse(step, name, trust, string(must(e.Marshal())))
}

func (x *exhibition) refuse(step, name, trust, data string) {
	x.file.Vectors = append(x.file.Vectors, Evidence{step + ": " + name, trust, asked, step, nil, Text(data)})
}

func small() *verify.Evidence { return tiny().evidence("root") }

func large() *verify.Evidence { return story().evidence(touched()...) }

// changed changes what evidence shows.
func changed(e *verify.Evidence, change func(*verify.Evidence)) *verify.Evidence {
	change(e)
	return e
}

func historyOf(e *verify.Evidence, subject string) *verify.History {
	return &e.Histories[slices.IndexFunc(e.Histories, func(h verify.History) bool { return h.Subject == subject })]
}

// drop removes the statement at an index.
func drop(e *verify.Evidence, index int64) {
	e.Statements = slices.DeleteFunc(e.Statements, func(s verify.LoggedStatement) bool { return s.Index == index })
}

// dropHistory removes a history, and the statements that no other one has.
func dropHistory(e *verify.Evidence, subject string) {
	e.Histories = slices.DeleteFunc(e.Histories, func(h verify.History) bool { return h.Subject == subject })
	e.Statements = slices.DeleteFunc(e.Statements, func(s verify.LoggedStatement) bool {
		return !slices.ContainsFunc(e.Histories, func(h verify.History) bool {
			return slices.ContainsFunc(h.Entries, func(x verify.Entry) bool { return x.Index == s.Index })
		})
	})
}

func (x *exhibition) good() {
	x.stands("a trust root alone", "usual", small())
	x.stands("a programme", "usual", large())
	x.stands("other subjects than a request touches", "usual", story().evidence("root", "sandbox:"+sandbox, "consent:auth-us/C-1"))
	many := trustOf(rootV1, "log "+logKey.vkey()+"\nwitness us "+usMirror.vkey()+"\nwitness w "+aWitness.vkey()+"\ngroup g all us w\nquorum g\n", verify.Insecure{})
	r := story()
	e := r.evidence("root")
	e.Checkpoint = r.checkpoint(logKey, usMirror.at(cosigned), aWitness.at(cosigned.Add(-time.Second)), ownMirror.at(asked))
	x.stands("a mirror and a witness, and one that does not count", x.trust("a mirror and a witness", many), e)
	e = small()
	e.Checkpoint = tiny().checkpoint(logKey, aWitness.at(cosigned))
	x.stands("a witness alone, and the trust says so", x.trust("unmirrored", trustOf(rootV1, policyOf(aWitness), verify.Insecure{Unmirrored: true})), e)
	e = small()
	e.Checkpoint = tiny().checkpoint(logKey, ownMirror.at(cosigned))
	x.stands("the operator's own, and the trust says so", x.trust("operator", trustOf(rootV1, policyOf(ownMirror), verify.Insecure{OperatorClock: true, Unmirrored: true})), e)
	e = small()
	e.Checkpoint = tiny().checkpoint(quorum(asked.Add(5 * time.Minute))...)
	x.stands("cosigned 5 minutes after checked_at", "usual", e)
	e = r.evidence("root")
	e.Checkpoint = r.checkpoint(quorum(logged.Add(-5 * time.Minute))...)
	x.stands("a status leaf 5 minutes ahead of the cosignatures", "usual", e)
	v2 := must(attest.OpenRoot([]byte(rootV2), nil))
	x.stands("a pin in the middle of the roots", x.trust("version 2", must(verify.TrustFor(v2, policyOf(usMirror), 24*time.Hour, verify.Insecure{}))), large())
	x.stands("a registration shown under its alias alone", "usual", aliased().evidence("root", "entity:"+alias))
	x.stands("a registration shown under both its identifiers", "usual", aliased().evidence("root", "entity:"+halcyon, "entity:"+alias))
}

// aliased is a register where a second registration has an alias.
func aliased() *register {
	r := newRegister()
	r.batch(begin.Add(-time.Hour), rootV1)
	r.batch(begin.Add(-time.Minute), regUS)
	r.batch(logged, sign(renamed(), us1))
	return r
}

func (x *exhibition) parse() {
	const step = verify.StepParse
	good := string(must(small().Marshal()))
	no := func(name, data string) { x.refuse(step, name, "usual", data) }
	swap := func(name, from, to string) {
		if !strings.Contains(good, from) {
			panic("evidence of " + name + " does not change")
		}
		no(name, strings.Replace(good, from, to, 1))
	}
	no("nothing", "")
	no("not JSON", "evidence")
	no("cut short", good[:len(good)-1])
	no("a newline behind", good+"\n")
	no("two documents", good+good)
	swap("white space", `,"histories"`, `, "histories"`)
	swap("another type", "evidence/v1", "evidence/v2")
	swap("no type", `,"type":"safeconduct/evidence/v1"`, "")
	swap("an unknown member", `,"type"`, `,"typ":"x","type"`)
	swap("a member of another case", `"type":`, `"Type":`)
	swap("a member twice", `,"type"`, `,"type":"safeconduct/evidence/v1","type"`)
	swap("members out of order", `{"index":0,"time":1769904000000}`, `{"time":1769904000000,"index":0}`)
	swap("a needless escape", `root"`, `roo\u0074"`)
	swap("a null", `"index":1,`, `"index":null,`)
	swap("an index with a fraction", `"index":1,`, `"index":1.0,`)
	swap("a negative index", `"index":1,`, `"index":-1,`)
	swap("an index beyond 2^53-1", `"index":1,`, `"index":9007199254740992,`)
	swap("a zero tag", `"index":0,"time"`, `"index":0,"tag":"`+b64(make([]byte, 32))+`","time"`)
	swap("a subject that is none", `"subject":"root"`, `"subject":"Root"`)
	swap("a subject with a space", `"subject":"root"`, `"subject":"entity: x"`)
	swap("base64 without padding", `="},"type"`, `"},"type"`)
	unused := strings.Index(good, `="},"type"`) - 1
	no("base64 with unused bits", good[:unused]+nextLetter(good[unused])+good[unused+1:])
	no("invalid UTF-8", strings.Replace(good, "safeconduct/status", "safeconduct\xff/status", 1))

	// Put together by hand, since nothing marshals it.
	hand := func(name string, change func(*verify.Evidence), from, to string) {
		data := string(must(changed(large(), change).Marshal()))
		if !strings.Contains(data, from) {
			panic("evidence of " + name + " does not change")
		}
		no(name, strings.Replace(data, from, to, 1))
	}
	same := func(*verify.Evidence) {}
	data := string(must(large().Marshal()))
	from := strings.Index(data, `{"entries":[`)
	first := data[from : from+strings.Index(data[from:], `,"subject":`)]
	first += data[from+len(first) : from+len(first)+strings.Index(data[from+len(first):], "}")+1]
	hand("a history twice", same, first, first+","+first)
	entry := first[strings.Index(first, `{"index"`) : strings.Index(first, "}")+1]
	hand("an entry twice", same, entry, entry+","+entry)
	hand("an empty array of entries", same, `{"proof":"`, `{"entries":[],"proof":"`)
	hand("a stub twice", hideLineage("TEA-US-2", 0), `"stubs":"`, `"stubs":"`+b64(append(make([]byte, 1), make([]byte, 239)...)))
	hand("stubs that are not whole", hideLineage("TEA-US-2", 0), `"stubs":"`, `"stubs":"AAAA`)
	hand("an empty string of stubs", same, `,"subject":"root"`, `,"stubs":"","subject":"root"`)
	hand("a stub where there is an entry", same, `,"subject":"root"`, `,"stubs":"`+b64(make([]byte, 80))+`","subject":"root"`)
	hand("subjects out of order", same, `"subject":"`+approvals+`"`, `"subject":"aaa"`)
	statement := data[strings.Index(data, `"statements":[`)+14:]
	statement = statement[:strings.Index(statement, "}")+1]
	hand("a statement twice", same, statement, statement+","+statement)
	proof := `{"index":0,"proof":"`
	hand("a proof of more than 64 hashes", same, proof, proof+b64(make([]byte, 66*32)))
	hand("a proof that is not of whole hashes", same, proof, proof+"AAAA")
	last := data[strings.LastIndex(data, `,"proof":"`):]
	hand("an empty string of a proof", same, last, `,"proof":""`+last[strings.Index(last, `"}`)+1:])
}

func (x *exhibition) root() {
	const step = verify.StepRoot
	no := func(name, trust string, e *verify.Evidence) { x.fails(step, name, trust, e) }
	pin := func(name string, r *attest.Root, by ...officer) string {
		return x.trust(name, trustOf(sign(r, by...), policyOf(usMirror), verify.Insecure{}))
	}
	no("no histories", "usual", changed(small(), func(e *verify.Evidence) { e.Histories = nil }))
	no("no history of root", "usual", changed(large(), func(e *verify.Evidence) { dropHistory(e, "root") }))
	no("a root without its statement", "usual", changed(large(), func(e *verify.Evidence) { drop(e, 0) }))
	no("no statements", "usual", changed(small(), func(e *verify.Evidence) { e.Statements = nil }))
	other := smallRoot(1, "")
	other.IAT++
	no("another root is pinned", pin("another root", other, root1), small())
	no("a newer root is pinned", pin("version 3", smallRoot(3, rootV2), root1), large())
	elsewhere := smallRoot(1, "")
	elsewhere.Aud = "example.com/other"
	elsewhere.LogKeys = []string{noteKey{name: elsewhere.Aud, seed: "log", typ: 1}.vkey()}
	no("the root of another register", pin("another register", elsewhere, root1), small())

	log := func(name string, statements ...string) {
		r := newRegister()
		r.batch(begin, statements...)
		no(name, "usual", r.evidence("root"))
	}
	bad := smallRoot(2, rootV1)
	bad.Officers = []attest.Officer{{ID: "x", Keys: []attest.JWK{mallory.jwk()}}}
	log("a version that the one before did not sign", rootV1, sign(bad, mallory))
	log("a version that its own officers did not sign", rootV1, sign(bad, root1))
	log("a version left out", rootV1, sign(smallRoot(3, rootV2), root1))
	log("a version twice", rootV1, rootV1)
	log("another version before", rootV1, sign(smallRoot(2, "other"), root1))
	log("the first version is not 1", rootV2)
	log("a false signature", rootV1[:len(rootV1)-10]+"AAAAAAAAAA")
	r := newRegister()
	r.batch(begin, regUS, rootV1)
	no("the first root is not leaf 0", "usual", r.evidence("root"))
	r = newRegister()
	r.enter(rootV1, begin, attest.Tag{}, "root")
	r.enter(regUS, begin, attest.Tag{}, "root")
	r.close(begin)
	no("another statement in the history of root", "usual", r.evidence("root"))

	// Pinned as it stands, so that nothing but the member is wrong.
	claims := strings.Replace(payload(smallRoot(1, "")), `"sub"`, `"previous":"`+leafHash(rootV1)+`","sub"`, 1)
	followed := forge(header("safeconduct-root+jwt"), claims, root1)
	r = newRegister()
	r.enter(followed, begin, attest.Tag{}, "root")
	r.close(begin)
	doc := strings.Replace(string(must(json.Marshal(x.trusts["usual"]))), leafHash(rootV1), leafHash(followed), 1)
	no("a first version that names one before", x.trust("a first version that names one before", must(verify.ParseTrust([]byte(doc)))), r.evidence("root"))
}

func (x *exhibition) checkpoint() {
	const step = verify.StepCheckpoint
	r := tiny()
	text := r.text(r.size())
	no := func(name, checkpoint string) {
		x.fails(step, name, "usual", changed(small(), func(e *verify.Evidence) { e.Checkpoint = checkpoint }))
	}
	log, cosig := lineOf(logKey, text), lineOf(usMirror.at(cosigned), text)
	note2 := func(text string) string { return signNote(text, quorum(cosigned)...) }
	no("not a note", "x")
	no("no signature line", text+"\n")
	no("of another log", note2(strings.Replace(text, Origin, "example.com/log", 1)))
	no("an extension line", note2(text+"more\n"))
	no("a size with a leading zero", note2(strings.Replace(text, "\n2\n", "\n02\n", 1)))
	no("of an empty log", note2(Origin+"\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"))
	no("not signed by the log", text+"\n"+cosig)
	no("signed by another key of the log's name", text+"\n"+lineOf(nextLogKey, text)+cosig)
	no("a line of an unknown key", text+"\n"+log+lineOf(stranger.at(cosigned), text)+cosig)
	no("a false log signature", text+"\n"+spoil(log, 20)+cosig)
	no("a false cosignature", text+"\n"+log+spoil(cosig, 20))
	no("a cosignature dated otherwise", text+"\n"+log+spoil(cosig, 11))
	no("a cosignature dated 0", text+"\n"+log+lineOf(usMirror.at(time.Unix(0, 0)), text))
	no("a cosignature dated after 9999", text+"\n"+log+lineOf(usMirror.at(time.Unix(253402300800, 0)), text))
	no("a line twice", text+"\n"+log+cosig+cosig)
	no("a line twice, once false", text+"\n"+log+cosig+spoil(cosig, 20))
	no("two cosignatures of one key", text+"\n"+log+cosig+lineOf(usMirror.at(cosigned.Add(time.Second)), text))
	no("a cosignature before the log's", text+"\n"+cosig+log)
	no("cosignatures not by name", text+"\n"+log+lineOf(ownMirror.at(cosigned), text)+cosig)
	no("a carriage return", text+"\n"+strings.Replace(log, "\n", "\r\n", 1)+cosig)
	no("unused bits", text+"\n"+unusedBits(log)+cosig)
	no("a hyphen for the dash", text+"\n"+log+strings.Replace(cosig, "—", "-", 1))
	listed := trustOf(rootV1, "log "+nextLogKey.vkey()+"\n"+policyOf(usMirror), verify.Insecure{})
	x.fails(step, "none of the policy's log keys has signed", x.trust("another log key", listed), small())

	// The root in force is that of size-1: a key that only a later or an earlier
	// one lists does not sign.
	next := smallRoot(2, rootV1)
	next.LogKeys = []string{nextLogKey.vkey()}
	moved := tiny()
	moved.batch(logged, sign(next, root1))
	x.fails(step, "signed by the log key of an earlier root", "usual", moved.evidence("root"))
	e := moved.evidence("root")
	e.Checkpoint = moved.checkpoint(nextLogKey, usMirror.at(cosigned))
	x.stands("signed by the log key of the root in force", "usual", e)
}

// unusedBits sets the unused bits of a signature line's base64.
func unusedBits(line string) string {
	i := strings.IndexByte(line, '=') - 1
	return line[:i] + nextStandard(line[i]) + line[i+1:]
}

func nextStandard(c byte) string {
	return strings.NewReplacer("-", "+", "_", "/").Replace(nextLetter(strings.NewReplacer("+", "-", "/", "_").Replace(string(c))[0]))
}

func (x *exhibition) quorum() {
	const step = verify.StepQuorum
	r := tiny()
	no := func(name, trust string, signers ...note.Signer) {
		x.fails(step, name, trust, changed(small(), func(e *verify.Evidence) { e.Checkpoint = r.checkpoint(signers...) }))
	}
	trust := func(name, policy string, insecure verify.Insecure) string {
		return x.trust(name, trustOf(rootV1, policy, insecure))
	}
	no("nobody has cosigned", "usual", logKey)
	no("another one has cosigned", "usual", logKey, aWitness.at(cosigned))
	no("cosigned more than 5 minutes after checked_at", "usual", logKey, usMirror.at(asked.Add(5*time.Minute+time.Second)))
	no("one of two", "a mirror and a witness", logKey, usMirror.at(cosigned))
	all := []note.Signer{logKey, usMirror.at(cosigned), aWitness.at(cosigned), ownMirror.at(cosigned)}
	no("the operator's own does not count", trust("the operator's own", policyOf(ownMirror), verify.Insecure{Unmirrored: true}), all...)
	no("a witness is no mirror", trust("a witness", policyOf(aWitness), verify.Insecure{}), all...)
	no("the operator's mirror is no mirror", trust("the operator's mirror", policyOf(ownMirror), verify.Insecure{OperatorClock: true}), all...)
	either := "witness us " + usMirror.vkey() + "\nwitness w " + aWitness.vkey() + "\ngroup g any us w\nquorum g\n"
	no("a policy that can do without its mirror", trust("either", either, verify.Insecure{}), all...)
	no("a mirror that the root does not list", trust("a stranger", policyOf(stranger), verify.Insecure{}), append(slices.Clone(all), stranger.at(cosigned))...)
}

// A setting is a trust, and the cosigners of the root that it pins; nil for the
// usual ones.
type setting struct {
	policy    string
	insecure  verify.Insecure
	cosigners []attest.Cosigner
}

// judge adds evidence of a log with nothing but the root, signed by the given
// keys; with step "" it stands.
func (x *exhibition) judge(step, name string, s setting, by ...note.Signer) {
	root, r := smallRoot(1, ""), newRegister()
	if s.cosigners != nil {
		root.Cosigners = s.cosigners
	}
	signed := sign(root, root1)
	r.batch(begin, signed)
	e := r.evidence("root")
	e.Checkpoint = r.checkpoint(by...)
	trust := x.trust(name, trustOf(signed, s.policy, s.insecure))
	if step == "" {
		x.stands(name, trust, e)
	} else {
		x.fails(step, name, trust, e)
	}
}

// policyLines are witness lines, the names w0, w1, …, and others.
func policyLines(witnesses []noteKey, lines ...string) string {
	var all []string
	for i, k := range witnesses {
		all = append(all, fmt.Sprintf("witness w%d %s", i, k.vkey()))
	}
	return strings.Join(append(all, lines...), "\n") + "\n"
}

// known: whose lines may stand on a checkpoint.
func (x *exhibition) known() {
	const step = verify.StepCheckpoint
	usual := []note.Signer{logKey, usMirror.at(cosigned)}
	with := func(more ...note.Signer) []note.Signer { return append(slices.Clone(usual), more...) }
	x.judge(step, "a line of a witness that no quorum names", setting{policy: policyLines([]noteKey{usMirror, stranger}, "quorum w0")}, with(stranger.at(cosigned))...)
	x.judge("", "a line of a witness that no quorum names, and the root lists", setting{policy: policyLines([]noteKey{usMirror, aWitness}, "quorum w0")}, with(aWitness.at(cosigned))...)
	x.judge("", "a line of a witness that the quorum names in a group of a group",
		setting{policy: policyLines([]noteKey{usMirror, stranger}, "group g all w1", "group h all w0 g", "quorum h")}, with(stranger.at(cosigned))...)
	alike := []attest.Cosigner{{VKey: usMirror.vkey(), Role: attest.Mirror}, {VKey: aWitness.vkey(), Role: attest.Witness}, {VKey: alikeVKeys[0], Role: attest.Witness}}
	twin := policyLines([]noteKey{usMirror, aWitness}, "witness w2 "+alikeVKeys[1], "group g any w1 w2", "group h all w0 g")
	x.judge(step, "two known keys of one name and id", setting{policy: twin + "quorum h\n", cosigners: alike}, with(aWitness.at(cosigned))...)
	x.judge("", "a witness that no quorum names, of another's name and id", setting{policy: twin + "quorum w0\n", cosigners: alike}, with(aWitness.at(cosigned))...)

	// As many lines as a checkpoint may have, and one more.
	all := []noteKey{usMirror}
	group := "group g any"
	for i := 1; i <= 99; i++ {
		all = append(all, noteKey{name: fmt.Sprintf("w%d", i), seed: fmt.Sprintf("witness %d", i), typ: 4})
		group += fmt.Sprintf(" w%d", i)
	}
	many := x.trust("many witnesses", trustOf(rootV1, policyLines(all, group, "group h all w0 g", "quorum h"), verify.Insecure{}))
	signed := func(lines int) *verify.Evidence {
		e, r := small(), tiny()
		text := r.text(r.size())
		var cosigs []string
		for _, k := range all[:lines-1] {
			cosigs = append(cosigs, lineOf(k.at(cosigned), text))
		}
		// Nothing merges more than 100 lines.
		slices.SortFunc(cosigs, func(a, b string) int { return strings.Compare(strings.Fields(a)[1], strings.Fields(b)[1]) })
		e.Checkpoint = text + "\n" + lineOf(logKey, text) + strings.Join(cosigs, "")
		return e
	}
	x.stands("100 signature lines", many, signed(100))
	x.fails(step, "101 signature lines", many, signed(101))
}

// roles: what the root says of the cosigners that the policy names.
func (x *exhibition) roles() {
	const step = verify.StepQuorum
	mirror := func(k noteKey) attest.Cosigner { return attest.Cosigner{VKey: k.vkey(), Role: attest.Mirror} }
	again := usMirror
	again.name += "-2"
	for _, s := range []struct {
		step, name string
		cosigner   attest.Cosigner
	}{
		{"", "a mirror that the root lists twice", mirror(again)},
		{step, "a mirror that the root lists as a witness, too", attest.Cosigner{VKey: again.vkey(), Role: attest.Witness}},
		{step, "a mirror that the root lists as the operator's, too", attest.Cosigner{VKey: again.vkey(), Role: attest.Mirror, Operator: true}},
	} {
		x.judge(s.step, s.name, setting{policy: policyOf(usMirror), cosigners: []attest.Cosigner{mirror(usMirror), s.cosigner}}, quorum(cosigned)...)
	}

	// Keys are told apart by their 32 bytes.
	x.judge("", "a mirror under another name", setting{policy: policyOf(again)}, logKey, again.at(cosigned))
	x.judge("", "a mirror under another name, cosigned under that of the root", setting{policy: policyOf(again)}, quorum(cosigned)...)
	other := stranger
	other.name = usMirror.name
	x.judge(step, "another key under a mirror's name", setting{policy: policyOf(other)}, logKey, usMirror.at(cosigned), other.at(cosigned))
	names := []attest.Cosigner{mirror(usMirror)}
	by := []note.Signer{logKey, usMirror.at(cosigned.Add(-time.Minute))}
	for i, t := range []time.Time{cosigned, cosigned.Add(-2 * time.Minute), asked.Add(5*time.Minute + time.Second)} {
		k := usMirror
		k.name += fmt.Sprintf("-%d", i+2)
		names, by = append(names, mirror(k)), append(by, k.at(t))
	}
	x.judge("", "cosignatures of one key under several names, one too late", setting{policy: policyOf(usMirror), cosigners: names}, by...)

	// What the log signs with is the operator's.
	asCosigner := noteKey{name: "example.org/log", seed: logKey.seed, typ: 4}
	beside := policyLines([]noteKey{usMirror, asCosigner}, "group g all w0 w1", "quorum g")
	both := []note.Signer{logKey, usMirror.at(cosigned), asCosigner.at(cosigned)}
	x.judge(step, "a log key as a witness", setting{policy: beside}, both...)
	x.judge("", "a log key as a witness, and the trust says so", setting{policy: beside, insecure: verify.Insecure{OperatorClock: true}}, both...)
	x.judge(step, "a log key that the root lists as a mirror", setting{policy: policyOf(asCosigner), cosigners: []attest.Cosigner{mirror(asCosigner)}}, logKey, asCosigner.at(cosigned))
}

// warnings: of what the trust says, those are told that the policy makes use of.
func (x *exhibition) warnings() {
	all, anyOf := policyLines([]noteKey{usMirror, ownMirror}, "group g all w0 w1", "quorum g"), policyLines([]noteKey{usMirror, ownMirror}, "group g any w0 w1", "quorum g")
	clock, unmirrored := verify.Insecure{OperatorClock: true}, verify.Insecure{Unmirrored: true}
	both := verify.Insecure{OperatorClock: true, Unmirrored: true}
	for _, s := range []struct {
		name     string
		policy   string
		insecure verify.Insecure
	}{
		{"insecure_operator_clock, of which the policy makes no use", policyOf(usMirror), clock},
		{"insecure_operator_clock, of which the quorum makes no use", policyLines([]noteKey{usMirror, ownMirror}, "quorum w0"), clock},
		{"insecure_unmirrored, of which the policy makes no use", policyOf(usMirror), unmirrored},
		{"insecure_unmirrored, where the operator's own does not count", anyOf, unmirrored},
		{"the operator's own instead of a mirror, which does not count", anyOf, verify.Insecure{}},
		{"the operator's own instead of a mirror, and the trust says so", anyOf, both},
	} {
		x.judge("", s.name, setting{policy: s.policy, insecure: s.insecure}, quorum(cosigned)...)
	}
	x.judge("", "the operator's own beside a mirror", setting{policy: all, insecure: both}, logKey, usMirror.at(cosigned), ownMirror.at(cosigned))
}

func (x *exhibition) statusLeaf() {
	const step = verify.StepStatusLeaf
	r := story()
	no := func(name string, change func(*verify.Evidence)) {
		x.fails(step, name, "usual", changed(r.evidence("root"), change))
	}
	no("ahead of the cosignatures", func(e *verify.Evidence) {
		e.Checkpoint = r.checkpoint(quorum(logged.Add(-5*time.Minute - time.Second))...)
	})
	no("the one before", func(e *verify.Evidence) {
		i := e.Status.Index - 2
		e.Status = verify.StatusProof{Index: i, Leaf: r.leaves[i], Proof: r.prove(i)}
	})
	no("the one before in the last place", func(e *verify.Evidence) { e.Status.Leaf = r.leaves[e.Status.Index-2] })
	no("one that is not logged", func(e *verify.Evidence) {
		s := must(verify.ParseStatusLeaf([]byte(e.Status.Leaf)))
		s.MapRoot[0] ^= 1
		e.Status.Leaf = string(s.Marshal())
	})
	no("no proof", func(e *verify.Evidence) { e.Status.Proof = nil })
	no("a hash too many", func(e *verify.Evidence) { e.Status.Proof = append(e.Status.Proof, tlog.Hash{}) })
	no("a statement in its place", func(e *verify.Evidence) { e.Status.Leaf = regUS })
	no("not in its one byte form", func(e *verify.Evidence) { e.Status.Leaf += "\n" })
	open := tiny()
	open.leaf(regUS)
	x.fails(step, "a log that ends in a statement", "usual", open.evidence("root"))
}

func (x *exhibition) statusMap() {
	const step = verify.StepMap
	no := func(name, subject string, change func(*verify.History)) {
		x.fails(step, name, "usual", changed(large(), func(e *verify.Evidence) { change(historyOf(e, subject)) }))
	}
	gone := "entity:" + varuna
	r := story()
	no("a proof cut short", "root", func(h *verify.History) { h.Proof = h.Proof[:len(h.Proof)-1] })
	no("indices that do not decrease", "root", func(h *verify.History) { h.Proof = append(slices.Clone(h.Proof), h.Proof...) })
	no("an index of 256", "root", func(h *verify.History) { h.Proof = append([]byte{0x80, 0x02}, h.Proof[1:]...) })
	no("a proof of absence of what has entries", "root", func(h *verify.History) { h.Proof = r.statuses.Prove(verify.MapKey(gone)) })
	no("an absence in another map", gone, func(h *verify.History) { h.Proof = tiny().statuses.Prove(verify.MapKey(gone)) })
	no("another subject's absence", gone, func(h *verify.History) {
		h.Proof = r.statuses.Prove(verify.MapKey("entity:" + halcyon + "/auth-us"))
		h.Proof = append(h.Proof[:1:1], append(slices.Repeat([]byte{7}, 32), h.Proof[33:]...)...)
	})
	no("an absence by the subject's own leaf", "entity:"+halcyon, func(h *verify.History) {
		key := verify.MapKey(h.Subject)
		h.Proof = slices.Concat([]byte{32}, key[:], []byte{40}, r.values[h.Subject].Bytes(), h.Proof)
		h.Entries = nil
	})
	no("an absence with a byte too many", gone, func(h *verify.History) { h.Proof = append(h.Proof, 0) })
}

func (x *exhibition) history() {
	const step = verify.StepHistory
	no := func(name string, change func(*verify.Evidence)) {
		x.fails(step, name, "usual", changed(large(), change))
	}
	at := func(e *verify.Evidence) *verify.History { return historyOf(e, approvals) }
	no("the revocation is left out", func(e *verify.Evidence) {
		h := at(e)
		drop(e, h.Entries[2].Index)
		h.Entries = h.Entries[:2]
	})
	no("the newest trust root is left out", func(e *verify.Evidence) {
		h := historyOf(e, "root")
		drop(e, h.Entries[1].Index)
		h.Entries = h.Entries[:1]
	})
	no("all entries are left out", func(e *verify.Evidence) {
		h := at(e)
		for _, x := range h.Entries {
			drop(e, x.Index)
		}
		h.Entries = nil
	})
	no("an empty proof and no entries", func(e *verify.Evidence) { historyOf(e, "entity:"+varuna).Proof = nil })
	no("an entry's time is changed", func(e *verify.Evidence) { at(e).Entries[1].Time++ })
	no("an entry's tag is changed", func(e *verify.Evidence) { at(e).Entries[1].Tag[0] ^= 1 })
	no("an entry's tag is left out", func(e *verify.Evidence) { at(e).Entries[1].Tag = attest.Tag{} })
	no("an entry after the status leaf", func(e *verify.Evidence) { at(e).Entries[2].Time = logged.UnixMilli() + 1 })
	no("another subject's proof", func(e *verify.Evidence) { at(e).Proof = historyOf(e, "root").Proof })
	no("an index of the proof in more bytes than it needs", func(e *verify.Evidence) {
		h := historyOf(e, "root")
		h.Proof = append([]byte{h.Proof[0] | 0x80, 0}, h.Proof[1:]...)
	})
	no("another statement", func(e *verify.Evidence) {
		e.Statements[1].Statement = sign(registration("auth-us", halcyon, "REG-US-7", "US"), us1)
	})
	no("a statement that is not shown", func(e *verify.Evidence) { drop(e, at(e).Entries[0].Index) })
	no("a statement of no history", func(e *verify.Evidence) {
		e.Histories = slices.DeleteFunc(e.Histories, func(h verify.History) bool { return h.Subject == approvals })
	})
	no("a statement without its proof", func(e *verify.Evidence) { e.Statements[1].Proof = nil })
	no("a statement with another's proof", func(e *verify.Evidence) { e.Statements[1].Proof = e.Statements[2].Proof })

	r := tiny()
	r.enter(tea1, begin, attest.TagOf("auth-us", "TEA-US-1"), approvals)
	r.enter(tea2, begin.Add(-time.Millisecond), attest.TagOf("auth-us", "TEA-US-2"), approvals)
	r.close(logged)
	x.fails(step, "an entry before the one before", "usual", r.evidence("root", approvals))
	r = tiny()
	tag := attest.TagOf("auth-us", "TEA-US-1")
	r.enter(tea1, begin, tag, approvals)
	r.list("entity:"+halcyon, verify.Entry{Index: r.histories[approvals][0].Index, Time: begin.UnixMilli() + 1, Tag: tag})
	r.close(logged)
	x.fails(step, "two histories give a statement two times", "usual", r.evidence("root", approvals, "entity:"+halcyon))
}

func (x *exhibition) signatures() {
	const step = verify.StepSignatures
	log := func(name string, subjects []string, statements ...string) {
		r := story()
		r.batch(logged.Add(time.Second), statements...)
		x.fails(step, name, "usual", r.evidence(append([]string{"root"}, subjects...)...))
	}
	own := []string{approvals}
	log("signed by a stranger", own, sign(approval("TEA-US-3", "VTZ-1"), mallory))
	good := sign(approval("TEA-US-3", "VTZ-1"), us1)
	parts := strings.Split(good, ".")
	log("a false signature", own, parts[0]+"."+parts[1]+"."+strings.Split(tea1, ".")[2])
	elsewhere := approval("TEA-US-3", "VTZ-1")
	elsewhere.Aud = "example.com/other"
	log("for another register", own, sign(elsewhere, us1))
	in := registration("auth-in", varuna, "REG-IN-1", "IN")
	log("of an unknown authority", []string{"entity:" + varuna}, sign(in, in1))
	log("outside the jurisdiction", []string{"entity:" + varuna}, sign(registration("auth-us", varuna, "REG-US-2", "IN"), us1))
	over := func(jti, before string) string {
		a := approval(jti, "BLR-1")
		a.Supersedes = before
		return sign(a, us1)
	}
	log("a statement twice", own, tea1)
	log("a second version after an old one", own, over("TEA-US-3", "TEA-US-1"), over("TEA-US-4", "TEA-US-1"))
	log("supersedes what is not there", own, over("TEA-US-3", "TEA-US-9"))
	log("an event without its target", own, sign(event(attest.Revoke, "TEA-US-9", "REV-US-9"), us1))
	enter := func(name, statement string, tag attest.Tag, subjects ...string) {
		r := tiny()
		r.enter(statement, logged, tag, subjects...)
		r.close(logged)
		x.fails(step, name, "usual", r.evidence(append([]string{"root"}, subjects...)...))
	}
	enter("the tag of another lineage", tea1, attest.TagOf("auth-us", "TEA-US-2"), approvals)
	enter("no tag", tea1, attest.Tag{}, approvals)
	enter("not about the subject", tea1, attest.TagOf("auth-us", "TEA-US-1"), "entity:"+varuna)
	enter("not a statement", "hello", attest.Tag{}, approvals)
	enter("a trust root in another history", rootV2, attest.Tag{}, approvals)

	// The root in force at its index judges a statement.
	next := smallRoot(2, rootV1)
	next.Authorities[0].Officers[0].Keys = []attest.JWK{us3.jwk()}
	at := func(statement string) *verify.Evidence {
		r := tiny()
		r.batch(logged, sign(next, root1), statement)
		return r.evidence("root", approvals)
	}
	x.fails(step, "signed by the key of an earlier root", "usual", at(tea1))
	x.stands("signed by the key of the root of the same batch", "usual", at(sign(approval("TEA-US-1", "VTZ-1"), us3)))
	gone := smallRoot(2, rootV1)
	gone.Authorities[0].Compromised = []attest.Compromised{{Kid: us1.Key().ID(), Since: 1 << 40}}
	r := tiny()
	r.batch(logged, sign(gone, root1), tea1)
	x.fails(step, "signed by a key that the root declares compromised", "usual", r.evidence("root", approvals))
	r = tiny()
	r.batch(logged, tea1, sign(gone, root1))
	x.stands("signed by a key that a later root declares compromised", "usual", r.evidence("root", approvals))
}

// changes: statements that stand in several histories, and consents.
func (x *exhibition) changes() {
	const successor = "entity:" + corvus + "/auth-us"
	let := consent("CON-US-1")
	own := func(more ...string) *register {
		r := tiny()
		r.batch(logged, append([]string{tea1, merger, passed(nil)}, more...)...)
		return r
	}
	x.stands("a merger and a succession", "usual", own().evidence("root", approvals, "entity:"+corvus, successor, "entity:"+varuna))
	x.stands("a merger in the survivor's history alone", "usual", own().evidence("root", "entity:"+corvus))
	x.stands("a succession in the successor's history alone", "usual", own().evidence("root", successor))
	x.stands("a revocation of an approval that has passed on", "usual", own(revoke1).evidence("root", approvals, successor))
	given := tiny()
	given.batch(logged, sign(let, us1), sign(onConsent("CON-US-1"), us1))
	x.stands("a consent and its revocation", "usual", given.evidence("root", let.Sub))
	x.stands("a consent whose name has every character", "usual", given.evidence("root", "consent:auth-us/Az09._-"))

	// A lineage that has passed on is a stub in both histories or in none.
	hidden := func(subjects ...string) *verify.Evidence {
		e := own().evidence("root", approvals, successor)
		whole := slices.Clone(e.Statements)
		for _, s := range subjects {
			e.Statements = slices.Clone(whole)
			hide(e, s, func(verify.Entry) bool { return true })
		}
		shown := func(i int64) bool {
			return slices.ContainsFunc(e.Histories, func(h verify.History) bool {
				return slices.ContainsFunc(h.Entries, func(x verify.Entry) bool { return x.Index == i })
			})
		}
		e.Statements = slices.DeleteFunc(whole, func(s verify.LoggedStatement) bool { return !shown(s.Index) })
		return e
	}
	x.stands("stubs: a lineage that has passed on", "usual", hidden(approvals, successor))
	x.fails(verify.StepHistory, "stubs: a lineage that has passed on, in the successor's history alone", "usual", hidden(successor))
	x.fails(verify.StepHistory, "stubs: a lineage that has passed on, in its own history alone", "usual", hidden(approvals))
	cut := func(name, subject string) {
		x.fails(verify.StepHistory, name, "usual", changed(own().evidence("root", approvals, successor, "entity:"+corvus, "entity:"+varuna), func(e *verify.Evidence) {
			h := historyOf(e, subject)
			h.Entries = h.Entries[:len(h.Entries)-1]
		}))
	}
	cut("a succession is left out of the successor's history", successor)
	cut("a merger is left out of the survivor's history", "entity:"+corvus)

	tag := attest.TagOf("auth-us", "TEA-US-1")
	refused := func(step, name string, log func(*register), subjects ...string) {
		r := tiny()
		r.enter(tea1, logged, tag, approvals)
		log(r)
		r.close(logged)
		x.fails(step, name, "usual", r.evidence(append([]string{"root"}, subjects...)...))
	}
	enter := func(statement string, tag attest.Tag, subjects ...string) func(*register) {
		return func(r *register) { r.enter(statement, logged, tag, subjects...) }
	}
	const step = verify.StepSignatures
	refused(step, "a merger with the tag of a lineage", enter(merger, tag, "entity:"+varuna, "entity:"+corvus), "entity:"+varuna)
	refused(step, "a succession without a tag", enter(passed(nil), attest.Tag{}, approvals, successor), approvals)
	refused(step, "a succession with a tag of its own", enter(passed(nil), attest.TagOf("auth-us", "SUC-US-1"), approvals, successor), approvals)
	refused(step, "a succession of what is not there", enter(passed(func(s *attest.Succession) { s.Target = "TEA-US-9" }), tag, approvals, successor), approvals)
	refused(step, "a succession in the history of a third", enter(passed(nil), tag, approvals, "entity:"+halcyon+"/auth-us"), "entity:"+halcyon+"/auth-us")
	refused(step, "a succession in the history of the successor itself", enter(passed(nil), tag, approvals, "entity:"+corvus), "entity:"+corvus)
	refused(step, "a rename in the history of approvals", enter(sign(entityEvent(attest.Rename, "ENT-US-1"), us1), attest.Tag{}, approvals), approvals)
	refused(step, "a change of control in the history of the acquirer", func(r *register) {
		e := entityEvent(attest.ChangeOfControl, "ENT-US-1")
		e.Acquirer = corvus
		r.enter(sign(e, us1), logged, attest.Tag{}, "entity:"+varuna, "entity:"+corvus)
	}, "entity:"+corvus)
	refused(step, "an event in the successor's history", func(r *register) {
		enter(passed(nil), tag, approvals, successor)(r)
		e := event(attest.Revoke, "TEA-US-1", "REV-US-1")
		e.Sub = successor
		r.enter(sign(e, us1), logged, tag, successor)
	}, successor)
	refused(step, "the next version in the successor's history", func(r *register) {
		enter(passed(nil), tag, approvals, successor)(r)
		a := atCorvus("TEA-US-9")
		a.Supersedes = "TEA-US-1"
		r.enter(sign(a, us1), logged, tag, successor)
	}, successor)
	refused(step, "a consent in the history of the transferee", enter(sign(let, us1), attest.TagOf("auth-us", "CON-US-1"), let.Sub, "entity:"+varuna), "entity:"+varuna)
	refused(verify.StepHistory, "a succession with two tags", func(r *register) {
		enter(passed(nil), tag, approvals)(r)
		r.list(successor, verify.Entry{Index: r.size() - 1, Time: logged.UnixMilli(), Tag: attest.TagOf("auth-us", "TEA-US-9")})
	}, approvals, successor)
}
