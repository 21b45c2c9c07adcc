package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/trail"
	"github.com/safeconduct/safeconduct/verify"
)

func historyCommand() *cobra.Command {
	h := new(historian)
	var evidence, at, known string
	var asJSON bool
	c := &cobra.Command{
		Use:   "history SUBJECT --registry URL|--dir DIR|--evidence FILE [--trust TRUST] [--at TIME] [--known TIME]",
		Short: "Every statement about somebody or something, who signed it, and what it comes to",
		Long: "Prints, in log order, every statement about SUBJECT, with the officers who signed it, its\n" +
			"legal time, when it was logged, whether it is void, and where it was published. SUBJECT is\n" +
			"  entity:<scheme>:<value>              what is said of the entity itself\n" +
			"  entity:<scheme>:<value>/<authority>  an authority's approvals of it\n" +
			"  sandbox:<id>, consent:<authority>/<jti>, root\n" +
			"  <scheme>:<value>                     an entity with all approvals of it\n" +
			"  <id>                                 a sandbox\n" +
			"  <issuer>/<jti>                       the subject of that statement\n" +
			"--at says what stands at a legal time: from <= t < until. --known leaves out what was logged\n" +
			"after it. With a trust file the history comes as evidence, and is checked to be complete;\n" +
			"--out keeps that, and --evidence reads it again, with no network. Without one it is the\n" +
			"register's word. Exit status: 0 shown, 1 not, or it did not stand; 2 wrong usage.",
		Example: "  safeconduct history lei:5493001KJTIIGC8Y1R12 --registry http://127.0.0.1:8080 --trust trust.yaml\n" +
			"  safeconduct history us-bis/VEU-GE-INDIA --dir register --at 2026-05-04T09:00:00Z",
		Args: exactly("SUBJECT"),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if h.known, err = instantFlag("--known", known); err != nil {
				return err
			}
			if h.at, err = instantFlag("--at", at); err != nil {
				return err
			}
			if h.what, err = parseAsked(args[0]); err != nil {
				return usage(c, fmt.Errorf("history: %w", err))
			}
			answer, err := h.answer(c, evidence)
			if err != nil {
				return err
			}
			if err := printAnswer(c, asJSON, answer, answer.print); err != nil {
				return failed("", err)
			}
			return nil
		},
	}
	h.source.flags(c)
	c.Flags().StringVar(&evidence, "evidence", "", "file of evidence to read, in place of a register")
	c.Flags().StringVar(&h.out, "out", "", "file to keep the evidence in")
	c.Flags().StringVar(&at, "at", "", "say what stands at this legal time, such as 2026-05-04T09:00:00Z")
	c.Flags().StringVar(&known, "known", "", "show what was logged by then (default: all)")
	forceFlag(c, &h.force)
	jsonFlag(c, &asJSON)
	return c
}

// instantFlag reads a time; the zero time where none is given.
func instantFlag(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	var i policy.Instant
	if err := i.UnmarshalText([]byte(text)); err != nil {
		return time.Time{}, &failure{exitUsage, fmt.Errorf("%s: %w", name, err), "a day is not an instant: say from which time of it, and where, such as " + example(text)}
	}
	return i.Time(), nil
}

// example writes a date as the beginning of that day.
func example(text string) string {
	if _, err := time.Parse(time.DateOnly, text); err == nil {
		return text + "T00:00:00Z or " + text + "T00:00:00+05:30"
	}
	return "2026-05-04T00:00:00Z or 2026-05-04T00:00:00+05:30"
}

// An inquiry is what a history is asked of: a subject, an entity with all approvals of
// it, or the subject of a statement.
type inquiry struct {
	text, subject, entity, iss, jti string
}

// parseAsked reads SUBJECT.
func parseAsked(text string) (inquiry, error) {
	kind, _, colon := strings.Cut(text, ":")
	switch {
	case text == attest.RootSubject, colon && slices.Contains([]string{"entity", "sandbox", "consent"}, kind):
		return inquiry{text: text, subject: text}, attest.CheckSubject(text)
	case colon:
		_, err := identifier.Parse(text)
		return inquiry{text: text, subject: attest.EntitySubject(text), entity: text}, err
	}
	if iss, jti, ok := strings.Cut(text, "/"); ok {
		return inquiry{text: text, iss: iss, jti: jti}, cmp.Or(identifier.Authority(iss), identifier.JTI(jti))
	}
	if identifier.Sandbox(text) == nil {
		return inquiry{text: text, subject: attest.SandboxSubject(text)}, nil
	}
	return inquiry{}, fmt.Errorf("%q names nothing: want a subject such as entity:<scheme>:<value>, an identifier <scheme>:<value>, a sandbox, or a statement as <issuer>/<jti>", text)
}

// A historian answers an inquiry.
type historian struct {
	source    sourceFlags
	what      inquiry
	at, known time.Time
	out       string
	force     bool
}

// A history is what history answers.
type history struct {
	trail.About
	ProvenUntil policy.Instant `json:"proven_until"`
	// Asked is what was asked, At and Known about which times.
	Asked string         `json:"asked"`
	At    policy.Instant `json:"at,omitzero"`
	Known policy.Instant `json:"known,omitzero"`
	// Subjects are those whose histories are shown whole, NotShown those that
	// belong to what was asked, and that a file does not show.
	Subjects   []string       `json:"subjects"`
	NotShown   []string       `json:"not_shown,omitempty"`
	Statements []trail.Record `json:"statements"`

	// names are the issuers and jtis of all statements that are proven, be they
	// logged after what is shown.
	names map[[2]string]bool
}

// evidenceOf gives the checked evidence of subjects, or of what it has.
type evidenceOf func(ctx context.Context, subjects []string) (*verify.Opened, []byte, error)

func (h *historian) answer(c *cobra.Command, file string) (*history, error) {
	if file != "" {
		return h.offline(c, file)
	}
	s, err := h.source.open(c)
	if err != nil {
		return nil, err
	}
	answer, evidence, err := h.online(c.Context(), s)
	if err := errors.Join(err, s.close()); err != nil {
		return nil, failed(historyHint(err), fmt.Errorf("history of %s: %w", h.what.text, err))
	}
	if h.out != "" {
		if err := writeNew(h.out, evidence, h.force); err != nil {
			return nil, failed("", err)
		}
	}
	return answer, nil
}

func historyHint(err error) string {
	switch hint := reachHint(err); {
	case hint != "":
		return hint
	case errors.Is(err, verify.ErrNotShown):
		return "the file was made for something else; safeconduct history --out makes one"
	case errors.Is(err, verify.ErrPartly):
		return "safeconduct history --out makes one that is whole"
	default:
		return verifyHint(err)
	}
}

// offline reads a file.
func (h *historian) offline(c *cobra.Command, file string) (*history, error) {
	if h.source.url != "" || h.source.dir != "" || h.out != "" {
		return nil, usage(c, errors.New("history: --evidence is offline: --registry, --dir and --out go without it"))
	}
	fail := func(hint string, err error) error {
		return failed(hint, fmt.Errorf("history of %s in %s: %w", h.what.text, file, err))
	}
	var t *verify.Trust
	if h.source.trust != "" {
		var err error
		if t, err = readTrust(h.source.trust); err != nil {
			return nil, failed(trustHint, fmt.Errorf("read what to trust from %s:\n%w", h.source.trust, err))
		}
	}
	evidence, err := readFile(file)
	if err != nil {
		return nil, fail("", err)
	}
	e, err := openEvidence(evidence, t)
	if err != nil {
		return nil, fail(verifyHint(err), err)
	}
	subject := h.what.subject
	if subject == "" {
		if subject, err = subjectIn(e, h.what.iss, h.what.jti); err != nil {
			return nil, fail("", err)
		}
	}
	have := func(context.Context, []string) (*verify.Opened, []byte, error) { return e, evidence, nil }
	answer, _, err := h.gather(c.Context(), subject, have, false)
	if err != nil {
		return nil, fail(historyHint(err), err)
	}
	answer.trusted(t)
	return answer, nil
}

// subjectIn looks a statement up in evidence.
func subjectIn(e *verify.Opened, iss, jti string) (string, error) {
	for _, s := range e.Report().Subjects {
		// What is not shown whole may have it.
		list, err := e.History(s.Subject, time.Time{}, time.Time{})
		if err != nil {
			continue
		}
		for _, r := range list {
			if head := r.Statement.Claims().Head(); head.Iss == iss && head.JTI == jti {
				return head.Sub, nil
			}
		}
	}
	return "", fmt.Errorf("the file shows no statement %s of %s", jti, iss)
}

// online asks a register.
func (h *historian) online(ctx context.Context, s *source) (*history, []byte, error) {
	subject := h.what.subject
	if subject == "" {
		var err error
		if subject, err = s.client.SubjectOf(ctx, h.what.iss, h.what.jti); err != nil {
			return nil, nil, err
		}
	}
	answer, evidence, err := h.gather(ctx, subject, s.ask, true)
	if err != nil {
		return nil, nil, err
	}
	answer.trusted(s.trust)
	return answer, evidence, h.named(answer)
}

// named makes sure that a statement which was asked for by its name is there: in
// which history it stands was the register's word.
func (h *historian) named(a *history) error {
	if h.what.jti == "" || a.names[[2]string{h.what.iss, h.what.jti}] {
		return nil
	}
	return fmt.Errorf("the register says that %s of %s stands in the history of %s, where it does not", h.what.jti, h.what.iss, strings.Join(a.Subjects, ", "))
}

// maxRounds is how often more is asked for: what is found leads to other
// subjects.
const maxRounds = 10

// gather asks for evidence until it has all that was asked about, and all that it
// depends on what stands. Where no more is to be had, it says what is missing.
func (h *historian) gather(ctx context.Context, subject string, get evidenceOf, more bool) (*history, []byte, error) {
	ask := []string{subject}
	for range maxRounds {
		e, evidence, err := get(ctx, ask)
		if err != nil {
			return nil, nil, err
		}
		answer, missing, err := h.read(e, subject, more)
		if missing == "" || !more || slices.Contains(ask, missing) {
			return answer, evidence, err
		}
		// Mostly, what is missing is not alone.
		ask = append(ask, missing)
		if all, err := h.subjects(e, subject); err == nil {
			ask = append(ask, all...)
		}
		slices.Sort(ask)
		ask = slices.Compact(ask)
	}
	return nil, nil, fmt.Errorf("what there is leads on and on: %s were asked for", count(len(ask), "history"))
}

// subjects are those whose histories are shown: of an entity by one of its
// identifiers, that, what registrations name it by, and what each authority that
// there ever was has approved.
func (h *historian) subjects(e *verify.Opened, subject string) ([]string, error) {
	if h.what.entity == "" {
		return []string{subject}, nil
	}
	list, err := e.History(subject, time.Time{}, time.Time{})
	if err != nil {
		return nil, err
	}
	roots, err := e.History(attest.RootSubject, time.Time{}, time.Time{})
	if err != nil {
		return nil, err
	}
	entities := []string{subject}
	for _, r := range list {
		if c, ok := r.Statement.Claims().(*attest.Registration); ok {
			entities = append(entities, c.Sub)
		}
	}
	all := slices.Clone(entities)
	for _, r := range roots {
		for _, a := range r.Statement.TrustRoot().Root().Authorities {
			for _, entity := range entities {
				all = append(all, attest.ApprovalSubject(strings.TrimPrefix(entity, attest.EntitySubject("")), a.ID))
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// read reads what was asked about. It names a history that is missing, if any.
func (h *historian) read(e *verify.Opened, subject string, more bool) (*history, string, error) {
	report := e.Report()
	a := &history{
		About: trail.About{Register: report.Origin, Size: report.Size, Warnings: report.Warnings},
		Asked: h.what.text, ProvenUntil: policy.InstantOf(report.ProvenUntil), Statements: []trail.Record{}, names: make(map[[2]string]bool),
	}
	if !h.at.IsZero() {
		a.At = policy.InstantOf(h.at)
	}
	if !h.known.IsZero() {
		a.Known = policy.InstantOf(h.known)
	}
	all, err := h.subjects(e, subject)
	for i := 0; err == nil && i < len(all); i++ {
		err = a.add(e, all[i], h.known, h.at)
		// That a file has not all approvals of an entity, the answer says.
		if u, ok := errors.AsType[*policy.Unproven](err); ok && !more && u.Subject == all[i] && all[i] != subject {
			a.NotShown = append(a.NotShown, all[i])
			err = nil
		}
	}
	if u, ok := errors.AsType[*policy.Unproven](err); ok {
		return nil, u.Subject, err
	}
	slices.SortFunc(a.Statements, func(x, y trail.Record) int { return cmp.Compare(x.Index, y.Index) })
	a.Statements = slices.CompactFunc(a.Statements, func(x, y trail.Record) bool { return x.Index == y.Index })
	return a, "", err
}

func (a *history) add(e *verify.Opened, subject string, known, at time.Time) error {
	list, err := e.History(subject, known, at)
	if err != nil {
		return err
	}
	all, err := e.History(subject, time.Time{}, time.Time{})
	if err != nil {
		return err
	}
	for _, r := range all {
		h := r.Statement.Claims().Head()
		a.names[[2]string{h.Iss, h.JTI}] = true
	}
	a.Subjects = append(a.Subjects, subject)
	for _, r := range list {
		a.Statements = append(a.Statements, trail.NewRecord(r))
	}
	return nil
}

// trusted says what the answer is worth.
func (a *history) trusted(t *verify.Trust) {
	a.Proof = trail.Proven
	if t == nil {
		a.Proof, a.Warnings = trail.Word, nil
	}
}

func (a *history) print(p *printer) {
	p.line("%s about %s", count(len(a.Statements), "statement"), a.Asked)
	if a.Proof == trail.Proven {
		p.line("proven complete until %s, register %s, size %d", stamp(a.ProvenUntil), a.Register, a.Size)
	} else {
		p.line("%s", unproven)
		p.line("as of %s, register %s, size %d", stamp(a.ProvenUntil), a.Register, a.Size)
	}
	if !a.Known.IsZero() {
		p.line("as known on %s", stamp(a.Known))
		if a.Known.Time().After(a.ProvenUntil.Time()) {
			p.line("warning: what was logged after %s is not in here", stamp(a.ProvenUntil))
		}
	}
	if !a.At.IsZero() {
		p.line("what stands on %s", stamp(a.At))
	}
	for _, s := range a.NotShown {
		p.line("warning: the file does not show what there is of %s", s)
	}
	for _, r := range a.Statements {
		p.line("")
		p.record(&r)
	}
	if len(a.Warnings) > 0 {
		p.line("")
	}
	for _, w := range a.Warnings {
		p.line("warning: %s", warning(w))
	}
}

// record writes a statement.
func (p *printer) record(r *trail.Record) {
	what := string(r.Kind)
	if r.Event != "" {
		what = r.Event
	}
	head := fmt.Sprintf("%d  %s %s of %s", r.Index, strings.ReplaceAll(what, "_", " "), r.JTI, r.Issuer)
	if r.Void {
		head += "  VOID"
	}
	if r.Standing != nil && !r.Void {
		head += "  [" + r.Standing.String() + "]"
	}
	p.line("%s", head)
	rows := [][]string{{"  logged", r.LoggedAt.Time().Format(time.RFC3339Nano)}, {"  about", r.Subject}}
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, []string{"  " + name, value})
		}
	}
	add("says", r.Says)
	add("signed by", signatories(r))
	add("in force", interval(r))
	add("supersedes", r.Supersedes)
	add("on", r.Target)
	add("cause", strings.TrimSpace(r.Cause+" "+r.CauseText))
	add("retroactive", r.RetroactiveReason)
	add("published", strings.TrimSpace(r.Citation+" "+r.PublicationURL))
	add("legal basis", r.LegalBasis)
	p.table(rows...)
}

// signatories names the officers, and the keys that they signed with.
func signatories(r *trail.Record) string {
	var by []string
	for _, k := range r.SignedKeys {
		by = append(by, k.Officer+" (key "+k.Kid+")")
	}
	out := strings.Join(by, ", ")
	if len(r.Disregarded) > 0 {
		out += " (disregarded, the key is declared compromised: " + strings.Join(r.Disregarded, ", ") + ")"
	}
	return out
}

// interval is the legal time, half-open.
func interval(r *trail.Record) string {
	switch {
	case r.From.IsZero():
		return ""
	case r.Until.IsZero():
		return "from " + stamp(r.From)
	default:
		return "from " + stamp(r.From) + " until " + stamp(r.Until)
	}
}
