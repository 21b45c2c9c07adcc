package web

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/amend"
	"github.com/safeconduct/safeconduct/attest/draft"
	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/attest/prose"
	"github.com/safeconduct/safeconduct/attest/rootdiff"
	"github.com/safeconduct/safeconduct/internal/yamldoc"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
)

// The bounds of the page that composes.
const (
	// maxMistakes is how many mistakes of a draft are told.
	maxMistakes = 30
	// minRows and maxRows are how tall the field of a draft is.
	minRows, maxRows = 12, 40
	// signingTime is how long it may take to sign a draft and have it logged.
	signingTime = 10 * time.Minute
)

// templateKinds are the statements that an empty draft is given of.
var templateKinds = []attest.Kind{
	attest.KindEntityApproval, attest.KindDomainApproval, attest.KindRegistration, attest.KindConsent, attest.KindEvent,
	attest.KindEntityEvent, attest.KindSuccession, attest.KindFreeze,
}

// composePage is what the page that composes an approval shows.
type composePage struct {
	shownForm
	// Kind is that of the approval whose form is shown, Forms those that there are forms
	// for.
	Kind  attest.Kind
	Forms []attest.Kind
	// Left is how many mistakes are left out.
	Left  int
	Kinds []attest.Kind
	// From is the statement that the form is filled in from, "" for none; For is the
	// authority that is to concur on its terms, "" for a new version of it.
	From, For string
	// Draft is the field that has a draft in full, Rows how tall it is.
	Draft field
	Rows  int
	// Drafted is nil where there is no draft without mistakes.
	Drafted *drafted
}

// drafted is a draft, and what it comes to.
type drafted struct {
	Kind                 attest.Kind
	Issuer, JTI, Subject string
	// Headline and Says are what it says.
	Headline cutLine
	Says     []*line
	// Confidential says that it marks members so.
	Confidential bool
	// Problems are why no register would take it, Warnings what else to look at.
	Problems attest.Problems
	Warnings []string
	// Signers are whose signatures it needs; Several says that one is not enough.
	Signers []attest.Quorum
	Several bool
	// Versioned says that it can be a new version, Older is what that would replace,
	// nil for none.
	Versioned bool
	Older     *olderVersion
	Changes   []change
	Findings  []amend.Finding
	// Root are the changes of a trust root.
	Root []rootdiff.Change
	// More is how many changes are left out.
	More int
}

// olderVersion is what a draft is compared with.
type olderVersion struct {
	JTI  string
	Time time.Time
}

// A change is an [amend.Change] with the words in a tree.
type change struct {
	amend.Change
	Was, Is []*line
}

// draftField is the field that has a draft in full.
const draftField = "draft"

// chosenForm is the field that names the form that is filled in.
const chosenForm = "form"

// giveDraft asks for the file of a draft in place of a page.
const giveDraft = "draft"

// compose serves /compose: an empty form, one that is filled in from an approval,
// or what a draft comes to. It stores nothing, and signs nothing.
func (p *Pages) compose(x *exchange) (*page, error) {
	known := []string{chosenForm}
	for _, f := range draftForms {
		known = append(known, f.fields.names()...)
	}
	if x.Method == http.MethodPost {
		known = append(known, draftField, "give")
	} else {
		known = append(known, "from", "for", "kind")
	}
	if err := x.read(true, known); err != nil {
		return nil, err
	}
	form := draftForms[0]
	if kind := x.fields[chosenForm]; kind != "" {
		if form = draftFormOf(attest.Kind(kind)); form == nil {
			return nil, wrong(http.StatusBadRequest, "error.unknown_field", chosenForm)
		}
	}
	for _, other := range draftForms {
		for _, name := range other.fields.names() {
			if _, given := x.fields[name]; given && !slices.Contains(form.fields.names(), name) {
				return nil, wrong(http.StatusBadRequest, "error.unknown_field", name)
			}
		}
	}
	v := &composePage{Kinds: templateKinds, Draft: field{Name: draftField}}
	for _, f := range draftForms {
		v.Forms = append(v.Forms, f.kind)
	}
	pg := &page{template: "compose", Title: say("compose.title"), Here: "/authorities", Body: v}
	if x.Method != http.MethodPost {
		form, entered, err := p.begin(x, v, form)
		if err != nil {
			return nil, err
		}
		v.form(form, entered, p.listedAuthorities())
		return pg, nil
	}
	if give := x.fields["give"]; give != "" && give != giveDraft {
		return nil, wrong(http.StatusBadRequest, "error.unknown_field", "give")
	}
	return p.composed(x, pg, v, form)
}

// form shows a form with what was entered.
func (v *composePage) form(f *draftForm, entered map[string]string, authorities []suggestion) {
	v.Kind = f.kind
	v.fill(f.fields, entered)
	v.choose("iss", say("check.choose"), authorities)
	v.choose("effect", say("check.choose"), codes("effect.", attest.LegalEffects()))
	v.choose("max_classification", say("compose.no_limit"), codes("", attest.Levels()))
}

// begin takes what the query names: an approval to begin from, or an empty draft. It
// returns the form, which is the chosen one where no approval is of another, and what
// that is filled in with.
func (p *Pages) begin(x *exchange, v *composePage, chosen *draftForm) (form *draftForm, entered map[string]string, err error) {
	kind, from := attest.Kind(x.fields["kind"]), x.fields["from"]
	for _, name := range slices.Sorted(maps.Keys(x.fields)) {
		// A form that is filled in from an approval is filled in from nothing else.
		if (name == "from" || name == "for") != (from != "") {
			return nil, nil, wrong(http.StatusBadRequest, "error.unknown_field", name)
		}
	}
	if kind != "" {
		if !slices.Contains(templateKinds, kind) {
			return nil, nil, wrong(http.StatusBadRequest, "error.unknown_field", "kind")
		}
		v.show(draft.Template(kind))
	}
	if from == "" {
		return chosen, x.fields, nil
	}
	iss, jti, _ := strings.Cut(from, "/")
	if identifier.Authority(iss) != nil || identifier.JTI(jti) != nil {
		return nil, nil, wrong(http.StatusNotFound, "compose.unknown", jti, iss)
	}
	e, err := p.reg.Published()
	if err != nil {
		return nil, nil, err
	}
	r, err := e.Statement(x.Context(), iss, jti)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, nil, wrong(http.StatusNotFound, "compose.unknown", jti, iss)
	}
	if err != nil {
		return nil, nil, err
	}
	if other := x.fields["for"]; other != "" {
		a, ok := r.Statement.Claims().(*attest.DomainApproval)
		if !ok || a.Iss == other || !slices.Contains(a.Terms.Authorities, other) {
			return nil, nil, wrong(http.StatusUnprocessableEntity, "compose.not_joint", jti, iss, plain(other))
		}
		v.From, v.For = jti, other
		entered, err = p.concurring(x.Context(), e, a, other)
		return sandboxForm, entered, err
	}
	text, err := draft.Amendment(r.Statement.Claims(), p.now())
	if err != nil {
		return nil, nil, wrong(http.StatusUnprocessableEntity, "compose.no_version", jti, iss)
	}
	v.From = jti
	if c, _, err := p.parse(text); err == nil {
		if f := draftFormOf(c.Kind()); f != nil {
			return f, f.fieldsOf(c), nil
		}
	}
	// No form has fields for it; and what is confidential is not in the log.
	v.show(text)
	return chosen, nil, nil
}

// concurring fills in the form by which an authority concurs on the terms of another one's
// approval, in place of the one of its own that stands.
func (p *Pages) concurring(ctx context.Context, e *registry.Edition, on *attest.DomainApproval, authority string) (map[string]string, error) {
	history, err := e.NewReading().History(ctx, on.Sub, time.Time{}, p.now())
	if err != nil {
		return nil, err
	}
	given, own, newest := false, "", int64(-1)
	for _, c := range policy.Concurrences(history) {
		for _, r := range c.Approvals {
			h := r.Statement.Claims().Head()
			if !r.Standing.State.Stands() {
				continue
			}
			given = given || h.Iss == on.Iss && h.JTI == on.JTI
			if h.Iss == authority && r.Index > newest {
				own, newest = h.JTI, r.Index
			}
		}
	}
	if !given {
		return nil, wrong(http.StatusUnprocessableEntity, "compose.not_standing", on.JTI, on.Iss)
	}
	return concurringOn(on, authority, own), nil
}

// show puts a draft into its field.
func (v *composePage) show(text string) {
	v.Draft.Given = text
	v.Rows = min(max(strings.Count(text, "\n")+2, minRows), maxRows)
}

// parse reads a draft. It reads no file, whatever the draft names.
func (p *Pages) parse(text string) (attest.Claims, []attest.Disclosure, error) {
	return draft.ParseConfidential("", []byte(text), draft.Options{
		Now: p.now(), Aud: p.reg.Origin(),
		ReadFile: func(string) ([]byte, error) { return nil, errors.New(say("compose.no_files")) },
	})
}

// composed answers with what a draft comes to, of the form or in full.
func (p *Pages) composed(x *exchange, pg *page, v *composePage, form *draftForm) (*page, error) {
	text, inFull := strings.ReplaceAll(x.fields["draft"], "\r\n", "\n"), strings.TrimSpace(x.fields["draft"]) != ""
	var written *writing
	if !inFull {
		text, written = form.draft(p.reg.Origin(), x.fields)
	}
	v.form(form, x.fields, p.listedAuthorities())
	c, disclosures, err := p.parse(text)
	if err != nil {
		mistakes, err := mistakesOf(err, written)
		if err != nil {
			return nil, err
		}
		if inFull {
			v.show(text)
		}
		v.mistaken(form.fields, mistakes)
		pg.Title, pg.status = say("mistake.title", pg.Title), http.StatusUnprocessableEntity
		return pg, nil
	}
	if x.fields["give"] == giveDraft {
		pg.file = &file{name: "approval.yaml", contentType: "application/yaml", body: []byte(text)}
		return pg, nil
	}
	v.show(text)
	if f := draftFormOf(c.Kind()); f != nil && inFull && len(disclosures) == 0 {
		v.form(f, f.fieldsOf(c), p.listedAuthorities())
	}
	e, err := p.reg.Published()
	if err != nil {
		return nil, err
	}
	if v.Drafted, err = p.drafted(x.Context(), e, c); err != nil {
		return nil, err
	}
	v.Drafted.Confidential = len(disclosures) > 0
	pg.Title = say("compose.answered", v.Drafted.JTI)
	return pg.at(e), nil
}

// mistakesOf are those of a draft at the fields that it was written from, or in full where
// it was not.
func mistakesOf(err error, written *writing) ([]formMistake, error) {
	if written != nil {
		return written.mistakes(err)
	}
	all, ok := errors.AsType[*yamldoc.Mistakes](err)
	if !ok {
		return nil, err
	}
	var out []formMistake
	for _, m := range all.List {
		text := say("compose.line", m.Line, m.Message)
		if m.Member != "" {
			text = say("compose.line_member", m.Line, m.Member, m.Message)
		}
		out = append(out, formMistake{draftField, text})
	}
	return out, nil
}

// mistaken notes each mistake at its field, so many of them.
func (v *composePage) mistaken(fields formFields, mistakes []formMistake) {
	v.Left = max(0, len(mistakes)-maxMistakes)
	v.Fields[draftField] = v.Draft
	v.shownForm.mistaken(append(slices.Clip(fields), formField{name: draftField}), mistakes[:len(mistakes)-v.Left])
	v.Draft = v.Fields[draftField]
}

// drafted says what the claims of a draft come to.
func (p *Pages) drafted(ctx context.Context, e *registry.Edition, c attest.Claims) (*drafted, error) {
	h := c.Head()
	d := &drafted{Kind: c.Kind(), Issuer: h.Iss, JTI: h.JTI, Subject: h.Sub}
	says := nest(prose.Of(c))[0]
	// A draft is written when it is signed.
	d.Headline, d.Says = says.cutLine, slices.DeleteFunc(says.Below, func(l *line) bool { return l.Pointer == "/iat" })
	root := p.reg.Root()
	if root == nil {
		return nil, fmt.Errorf("say who has to sign %s: %w", h.JTI, registry.ErrNoRoot)
	}
	signing := attest.SigningOf(c, root)
	d.Problems, d.Signers = signing.Problems, signing.Quorums
	for _, q := range d.Signers {
		d.Several = d.Several || q.Needed > 1 || len(d.Signers) > 1
	}
	d.tooEarly(c, p.now())
	switch _, err := e.Statement(ctx, h.Iss, h.JTI); {
	case err == nil:
		d.Warnings = append(d.Warnings, say("compose.name_taken", h.JTI, h.Iss))
	case !errors.Is(err, registry.ErrNotFound):
		return nil, err
	}
	if r, ok := c.(*attest.Root); ok {
		d.rooted(root, r)
		return d, nil
	}
	return d, d.compare(ctx, e, c)
}

// rooted compares a trust root with the one in force.
func (d *drafted) rooted(inForce *attest.TrustRoot, next *attest.Root) {
	if err := inForce.Precedes(next); err != nil {
		d.Warnings = append(d.Warnings, err.Error())
	}
	d.Root = rootdiff.Worst(rootdiff.Of(inForce, next))
	d.More = max(0, len(d.Root)-maxChanges)
	d.Root = d.Root[:len(d.Root)-d.More]
}

// tooEarly warns of what takes effect before anybody could have logged it.
func (d *drafted) tooEarly(c attest.Claims, now time.Time) {
	if g := attest.GrantOf(c); g != nil && !g.Retroactive && !g.NBF.Time().After(now.Add(signingTime)) {
		d.Warnings = append(d.Warnings, say("compose.too_early", prose.Date(g.NBF)))
	}
}

// compare says what a draft changes in the newest version that is logged.
func (d *drafted) compare(ctx context.Context, e *registry.Edition, c attest.Claims) error {
	g := attest.GrantOf(c)
	if d.Versioned = g != nil && c.Kind() != attest.KindConsent; !d.Versioned {
		return nil
	}
	list, err := e.History(ctx, d.Subject, time.Time{}, time.Time{})
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		return err
	}
	var logged []attest.Claims
	times := make(map[attest.Claims]time.Time)
	for _, r := range list {
		// What is logged under its name already is no older version.
		if l := r.Statement.Claims(); !r.Void && (l.Head().Iss != d.Issuer || l.Head().JTI != d.JTI) {
			logged = append(logged, l)
			times[l] = r.Time
		}
	}
	older := replaced(c, g.Supersedes, logged)
	if older == nil {
		if g.Supersedes != "" {
			d.Warnings = append(d.Warnings, say("compose.no_older", g.Supersedes))
		}
		return nil
	}
	d.Older = &olderVersion{older.Head().JTI, times[older]}
	changes, err := amend.Diff(older, c)
	if err != nil {
		return fmt.Errorf("compare %s: %w", d.JTI, err)
	}
	d.More = max(0, len(changes)-maxChanges)
	for _, ch := range changes[:len(changes)-d.More] {
		d.Changes = append(d.Changes, change{ch, branch(ch.Was), branch(ch.Is)})
	}
	d.Findings = amend.Times(older, c)
	if n, ok := c.(*attest.DomainApproval); ok {
		d.Findings = append(d.Findings, amend.Joint(n, logged)...)
	} else {
		d.Findings = append(d.Findings, amend.Revoked(older, logged)...)
	}
	return nil
}

// replaced is the version that claims name, or else the newest of their issuer,
// kind and subject that no other supersedes; nil where there is none.
func replaced(c attest.Claims, supersedes string, logged []attest.Claims) (older attest.Claims) {
	gone := make(map[string]bool)
	like := func(l attest.Claims) bool {
		return l.Kind() == c.Kind() && l.Head().Iss == c.Head().Iss && l.Head().Sub == c.Head().Sub
	}
	for _, l := range logged {
		if like(l) {
			gone[attest.GrantOf(l).Supersedes] = true
		}
	}
	for _, l := range logged {
		switch {
		case !like(l):
		case l.Head().JTI == supersedes:
			return l
		case !gone[l.Head().JTI]:
			older = l
		}
	}
	return older
}

// branch makes a tree of lines that are a part of a statement's.
func branch(lines []prose.Line) []*line {
	lines = slices.Clone(lines)
	for i := len(lines) - 1; i >= 0; i-- {
		lines[i].Depth -= lines[0].Depth
	}
	return nest(lines)
}
