package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/internal/yamldoc"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/scenario"
)

func simulateCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "simulate FILE…",
		Short: "Play scenario files: what would be decided?",
		Long: "Plays each scenario in a register in memory, with throw-away keys and a clock of its\n" +
			"own: the base is logged, events happen, and every check is decided twice, by that\n" +
			"register and offline from the evidence that it exports. What comes out is compared\n" +
			"with what the file expects. Before an authority signs, it is the dry run.\n" +
			"--json prints one object a line. Exit status: 0 iff nothing failed, 2 where a file has\n" +
			"mistakes.",
		Example: "  safeconduct simulate sandbox.yaml",
		Args:    atLeastOne("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			var files []*scenario.File
			for _, name := range args {
				data, err := readFile(name)
				if err != nil {
					return &failure{exitUsage, fmt.Errorf("simulate: %w", err), ""}
				}
				f, err := scenario.Parse(name, data)
				if err != nil {
					return &failure{exitUsage, fmt.Errorf("simulate:\n%w", err), "nothing was played; mend the file and play it again"}
				}
				files = append(files, f)
			}
			s := &simulation{p: &printer{w: c.OutOrStdout()}, json: asJSON}
			for _, f := range files {
				for r, err := range f.Play(c.Context()) {
					if _, ok := errors.AsType[*yamldoc.Mistakes](err); ok {
						return &failure{exitUsage, fmt.Errorf("simulate:\n%w", err), "it was not played to its end; mend the file and play it again"}
					}
					if err != nil {
						return failed("", fmt.Errorf("simulate: %w", err))
					}
					if err := s.show(r); err != nil {
						return failed("", err)
					}
				}
			}
			return s.end()
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

// A simulation prints results and counts them.
type simulation struct {
	p              *printer
	json           bool
	rows           [][]string
	wrong          []*scenario.Result
	passed, failed int
}

// simulated is a result as --json prints it.
type simulated struct {
	Check    string        `json:"check"`
	Path     string        `json:"path"`
	Decision policy.Result `json:"decision"`
	Reasons  []policy.Code `json:"reasons"`
	OK       bool          `json:"ok"`
	Error    string        `json:"error,omitzero"`
}

func (s *simulation) show(r *scenario.Result) error {
	out := simulated{Check: r.Check, Path: r.Path, Reasons: []policy.Code{}, OK: r.OK()}
	if r.Decision != nil {
		out.Decision, out.Reasons = r.Decision.Decision, r.Decision.Codes()
	}
	if r.Err != nil {
		out.Error = r.Err.Error()
	}
	verdict := "ok"
	if out.OK {
		s.passed++
	} else {
		s.failed++
		s.wrong = append(s.wrong, r)
		verdict = "WRONG"
	}
	if !s.json {
		s.rows = append(s.rows, []string{verdict, r.Scenario, r.Check, r.Path, string(out.Decision), words(out.Reasons)})
		return nil
	}
	b, err := json.Marshal(out)
	if err == nil {
		s.p.line("%s", string(b))
		err = s.p.err
	}
	return err
}

func words(codes []policy.Code) string {
	var out []string
	for _, c := range codes {
		out = append(out, string(c))
	}
	return strings.Join(out, " ")
}

// end prints the table, why what is wrong came out, and the count.
func (s *simulation) end() error {
	if !s.json {
		s.p.table(append([][]string{{"", "SCENARIO", "CHECK", "PATH", "DECISION", "REASONS"}}, s.rows...)...)
		for _, r := range s.wrong {
			s.mismatch(r)
		}
	}
	s.p.line("%d passed, %d failed", s.passed, s.failed)
	if s.p.err != nil {
		return failed("", s.p.err)
	}
	if s.failed > 0 {
		return &failure{exitFailed, nil, ""}
	}
	return nil
}

// mismatch explains a decision that is not the expected one. The two paths
// differ in nothing but what went wrong on one of them.
func (s *simulation) mismatch(r *scenario.Result) {
	if r.Path == scenario.Offline && r.Err == nil {
		return
	}
	s.p.line("")
	s.p.line("%s %s (%s): want %s %s", r.Scenario, r.Check, r.Path, string(r.Want), words(r.Codes))
	switch {
	case r.Err != nil:
		s.p.paragraph("  ", r.Err.Error())
	case r.Decision == nil:
		s.p.line("  nothing was decided")
	default:
		s.p.line("  got %s %s", string(r.Decision.Decision), words(r.Decision.Codes()))
		s.p.explanation(r.Decision)
	}
}

// explanation writes the walk and what would have to change.
func (p *printer) explanation(d *policy.Decision) {
	e := d.Explanation
	if e == nil {
		return
	}
	rows := [][]string{}
	for _, t := range e.Walk {
		mark := "passed"
		switch {
		case t.Untested:
			mark = "not tested"
		case !t.Passed:
			mark = "FAILED"
		}
		who := strings.TrimSpace(t.Authority + " " + t.Party)
		rows = append(rows, []string{"  " + t.Rule, mark, who, t.Message})
	}
	p.table(rows...)
	for _, c := range e.Changes {
		p.line("  %s: %s", string(c.Code), c.Found)
		p.line("    → %s", c.Change)
	}
}
