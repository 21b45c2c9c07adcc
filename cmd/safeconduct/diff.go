package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/amend"
	"github.com/safeconduct/safeconduct/attest/draft"
	"github.com/safeconduct/safeconduct/attest/prose"
)

// exitWarned is the status of diff where somebody should look.
const exitWarned = 3

// A comparison is what diff is told.
type comparison struct {
	against, url string
	joint        []string
	aud, iss     string
	json         bool
}

func diffCommand() *cobra.Command {
	var d comparison
	c := &cobra.Command{
		Use:   "diff NEW.yaml|NEW.jws --against OLD.jws [--joint OTHER.jws …] | diff NEW.yaml|NEW.jws --registry URL",
		Short: "What a new version of an approval adds, narrows, widens and ends",
		Long: "Says in words what a draft or a signed statement changes in the version that it\n" +
			"supersedes, whether the two leave a gap in time, and in a joint sandbox what becomes of\n" +
			"concurrence when the terms change: until when the old ones stay, and who has yet to\n" +
			"follow. --registry takes the old version, and what the other authorities approved, from\n" +
			"a register, on its word.\n" +
			"Exit status: 0 nothing to warn of, 1 failed, 2 wrong usage, 3 with warnings.",
		Example: "  safeconduct diff approval-2.yaml --registry http://127.0.0.1:8080",
		Args:    exactly("NEW.yaml"),
		RunE:    func(c *cobra.Command, args []string) error { return d.run(c, args[0]) },
	}
	c.Flags().StringVar(&d.against, "against", "", "the version to compare with, a .jws file")
	c.Flags().StringArrayVar(&d.joint, "joint", nil, "with --against: another authority's approval of the sandbox, a .jws file; once for each")
	registryFlag(c, &d.url)
	serverFlag(c, &d.url)
	c.Flags().StringVar(&d.aud, "aud", "", "origin of the register, where the draft does not say it")
	c.Flags().StringVar(&d.iss, "iss", "", "authority, where the draft does not say it")
	jsonFlag(c, &d.json)
	return c
}

// compared is the answer of diff.
type compared struct {
	Newer    string          `json:"newer"`
	Older    string          `json:"older"`
	Changes  []amend.Change  `json:"changes"`
	Findings []amend.Finding `json:"findings"`
}

func (d *comparison) run(c *cobra.Command, file string) error {
	if (d.against == "") == (d.url == "") {
		return usage(c, errors.New("diff: say what to compare with: --against or --registry"))
	}
	if d.url != "" && d.joint != nil {
		return usage(c, errors.New("diff: --joint goes with --against; a register has the other authorities' approvals"))
	}
	newer, err := d.newer(file)
	if err != nil {
		return failed("", fmt.Errorf("diff: %w", err))
	}
	older, logged, err := d.older(c, newer)
	if err != nil {
		return err
	}
	answer := compared{Newer: newer.Head().JTI, Older: older.Head().JTI}
	if answer.Changes, err = amend.Diff(older, newer); err != nil {
		return failed("", fmt.Errorf("diff: %w", err))
	}
	answer.Findings = amend.Times(older, newer)
	if n, ok := newer.(*attest.DomainApproval); ok {
		answer.Findings = append(answer.Findings, amend.Joint(n, logged)...)
	} else {
		answer.Findings = append(answer.Findings, amend.Revoked(older, logged)...)
	}
	if err := printAnswer(c, d.json, answer, answer.print); err != nil {
		return err
	}
	if slices.ContainsFunc(answer.Findings, func(f amend.Finding) bool { return f.Warning }) {
		return &failure{code: exitWarned}
	}
	return nil
}

// newer reads the new version: a statement, or the draft of one.
func (d *comparison) newer(file string) (attest.Claims, error) {
	data, err := readFile(file)
	if err != nil {
		return nil, err
	}
	if isStatement(file, data) {
		u, err := parseStatement(file, data)
		if err != nil {
			return nil, err
		}
		return u.ClaimsUnsafe(), nil
	}
	return draft.Parse(file, data, draft.Options{Now: time.Now(), Aud: d.aud, Iss: d.iss})
}

// older returns the version to compare with, and what is known to be logged.
func (d *comparison) older(c *cobra.Command, newer attest.Claims) (older attest.Claims, logged []attest.Claims, err error) {
	g := attest.GrantOf(newer)
	if g == nil {
		return nil, nil, failed("", fmt.Errorf("diff: a %s has no versions", newer.Kind()))
	}
	if d.against != "" {
		for _, file := range append([]string{d.against}, d.joint...) {
			u, err := readStatement(file)
			if err != nil {
				return nil, nil, failed("", fmt.Errorf("diff: %w", err))
			}
			logged = append(logged, u.ClaimsUnsafe())
		}
		return logged[0], logged, nil
	}
	cl, err := newClient(c, d.url)
	if err != nil {
		return nil, nil, err
	}
	h := newer.Head()
	if logged, err = loggedOf(c.Context(), cl, h.Sub); err != nil {
		return nil, nil, failed(reachHint(err), fmt.Errorf("diff: what is logged of %s: %w", h.Sub, err))
	}
	// What is logged already is compared with what was there before it.
	logged = slices.DeleteFunc(logged, func(c attest.Claims) bool { return c.Head().Iss == h.Iss && c.Head().JTI == h.JTI })
	found := newest(logged, func(c attest.Claims) bool {
		return c.Kind() == newer.Kind() && c.Head().Iss == h.Iss && c.Head().Sub == h.Sub
	})
	if len(found) == 0 {
		return nil, nil, failed("", fmt.Errorf("diff: nothing is logged that %s could replace", h.JTI))
	}
	older = found[len(found)-1]
	for _, f := range found {
		if f.Head().JTI == g.Supersedes {
			older = f
		}
	}
	return older, logged, nil
}

func (a *compared) print(p *printer) {
	p.line("%s compared with %s", a.Newer, a.Older)
	if len(a.Changes) == 0 {
		p.line("")
		p.line("It says the same.")
	}
	for _, ch := range a.Changes {
		p.line("")
		p.line("%s  %s", strings.ToUpper(string(ch.Kind)), ch.Text)
		p.version("was", ch.Was)
		p.version("is", ch.Is)
	}
	for _, f := range a.Findings {
		p.line("")
		name := "note"
		if f.Warning {
			name = "WARNING"
		}
		p.line("%s", strings.TrimSuffix(prose.Text(prose.Line{Text: name + ": " + f.Text}), "\n"))
	}
}

// version writes the words of a member in one version.
func (p *printer) version(name string, lines []prose.Line) {
	if len(lines) == 0 {
		return
	}
	p.line("  %s:", name)
	for _, l := range lines {
		l.Depth += 2
		p.line("%s", strings.TrimSuffix(prose.Text(l), "\n"))
	}
}
