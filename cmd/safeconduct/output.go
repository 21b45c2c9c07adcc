package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/verify"
)

func jsonFlag(c *cobra.Command, v *bool) {
	c.Flags().BoolVar(v, "json", false, "answer in JSON")
}

func forceFlag(c *cobra.Command, v *bool) {
	c.Flags().BoolVar(v, "force", false, "overwrite the file if it exists")
}

// printAnswer gives an answer as JSON, or in words.
func printAnswer(c *cobra.Command, asJSON bool, v any, words func(*printer)) error {
	if !asJSON {
		p := &printer{w: c.OutOrStdout()}
		words(p)
		return p.err
	}
	b, err := json.Marshal(v, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s\n", b)
	return err
}

// A printer writes answers for people and keeps the first error of its writer.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if _, err := fmt.Fprintf(p.w, format+"\n", clean(args)...); err != nil && p.err == nil {
		p.err = err
	}
}

// clean takes control and direction-changing characters out of what comes
// from outside, so that a name cannot write over the answer.
func clean(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		if s, ok := a.(string); ok {
			a = strings.Map(func(r rune) rune {
				switch {
				case r == '\n' || r == '\t':
					return r
				case r < ' ' || r == 0x7f, r >= 0x80 && r < 0xa0, r == 0x61c, r >= 0x2028 && r <= 0x2029, r >= 0x200e && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
					return -1
				}
				return r
			}, s)
		}
		out[i] = a
	}
	return out
}

// paragraph writes text in lines of at most 92 characters.
func (p *printer) paragraph(indent, text string) {
	line := indent
	for _, w := range strings.Fields(text) {
		if len(line)+len(w) > 92 && line != indent {
			p.line("%s", line)
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += w
	}
	p.line("%s", line)
}

// pairs writes names and values, aligned.
func (p *printer) pairs(kv ...string) {
	var rows [][]string
	for i := 0; i+1 < len(kv); i += 2 {
		rows = append(rows, []string{kv[i], kv[i+1]})
	}
	p.table(rows...)
}

// table writes rows, aligned.
func (p *printer) table(rows ...[]string) {
	tw := tabwriter.NewWriter(p.w, 0, 4, 2, ' ', 0)
	for _, r := range rows {
		cells := make([]any, len(r))
		for i, c := range r {
			cells[i] = strings.NewReplacer("\n", " ", "\t", " ").Replace(c)
		}
		line := strings.TrimSuffix(strings.Repeat("%s\t", len(r)), "\t")
		fmt.Fprintf(tw, line+"\n", clean(cells)...)
	}
	if err := tw.Flush(); err != nil && p.err == nil {
		p.err = err
	}
}

// decision writes a decision, and what was asked where that is known, for a
// compliance officer.
func (p *printer) decision(r *policy.Request, d *policy.Decision) {
	p.line("%s%s", string(d.Decision), licence(d))
	p.line("")
	if r != nil {
		p.table(asked(r)...)
	}
	for _, r := range d.Reasons {
		p.line("")
		p.line("  %s  %s", string(r.Class), string(r.Code))
		p.line("    %s", r.Message)
		if about := strings.TrimSpace(r.Authority + " " + r.Party); about != "" && r.Statement == nil {
			p.line("    about %s", about)
		}
		if r.Statement != nil {
			p.line("    see %s %s (log index %d) %s", r.Statement.Issuer, r.Statement.JTI, r.Statement.Index, r.Pointer)
		}
	}
	p.line("")
	for _, n := range d.Notes {
		p.line("note: %s", n)
	}
	for _, o := range d.Obligations {
		due := ""
		if !o.Due.IsZero() {
			due = " (" + stamp(o.Due) + ")"
		}
		p.line("obligation%s: %s See %s %s %s", due, o.Message, o.Authority, o.Statement.JTI, o.Pointer)
	}
	if h := d.Hindsight; h != nil {
		p.line("hindsight: on all that the evidence holds it is %s %s", string(h.Decision), words(h.Codes))
	}
	if d.AsFarAsShown {
		p.line("note: not all approvals of a party are shown, and none that is shown passes.")
	}
	if len(d.UncheckedLists) > 0 {
		p.line("not checked: the item was not classified under %s", strings.Join(d.UncheckedLists, ", "))
	}
	rows := [][]string{
		{"effective at", stamp(d.EffectiveAt)}, {"known at", stamp(d.KnownAt)}, {"checked at", stamp(d.CheckedAt)},
		{"proven until", stamp(d.ProvenUntil)}, {"recheck by", stamp(d.RecheckBy)},
		{"register", fmt.Sprintf("%s, size %d", d.Replay.Origin, d.Replay.Size)},
	}
	if !d.NextChange.IsZero() {
		rows = append(rows, []string{"next change", stamp(d.NextChange)})
	}
	for _, l := range d.Screened {
		rows = append(rows, []string{"screened", strings.TrimSpace(l.Name + " " + l.Version)})
	}
	for _, r := range d.ReliedOn {
		rows = append(rows, []string{"looked at", reliance(r)})
	}
	p.table(rows...)
	if d.Explanation != nil {
		p.line("")
		p.explanation(d)
	}
	for _, w := range d.Warnings {
		p.line("warning: %s", warning(w))
	}
}

// licence says what a PERMIT stands for.
func licence(d *policy.Decision) string {
	switch {
	case d.Decision != policy.PERMIT:
		return ""
	case d.ReplacesLicence:
		return " (stands in for a licence)"
	default:
		return " (replaces no licence)"
	}
}

// asked is what a request asks, row by row.
func asked(r *policy.Request) [][]string {
	rows := [][]string{{"asked", fmt.Sprintf("%s from %s to %s", strings.ReplaceAll(r.Act, "_", " "), r.Transferor, r.Transferee)}}
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, []string{name, value})
		}
	}
	add("via", strings.Join(r.Via, ", "))
	add("end user", r.EndUser)
	if r.Sandbox != "" {
		add("under", "sandbox "+r.Sandbox)
	} else {
		add("under", "programme "+r.Programme+" of "+r.Authority)
	}
	add("site", r.DestinationSite)
	items := r.Items
	if r.Item != nil {
		items = append(items[:len(items):len(items)], *r.Item)
	}
	for _, it := range items {
		add("item", it.List+" "+it.Entry)
	}
	add("end use", r.EndUse)
	return rows
}

func reliance(r policy.Reliance) string {
	who := "the sandbox itself"
	if r.Party != "" {
		who = string(r.Role) + " " + r.Party
	}
	what := string(r.LegalEffect)
	if r.Registered {
		what = "registered there"
	}
	return fmt.Sprintf("%s: %s, %s (%s, index %d)", who, r.Authority, r.Statement.JTI, what, r.Statement.Index)
}

// warning explains what a verifier's trust leaves unchecked.
func warning(w string) string {
	switch w {
	case verify.WarningOperatorClock:
		return w + ": the time of this evidence is the word of whoever runs the register"
	case verify.WarningUnmirrored:
		return w + ": no mirror has checked that the register's map leaves nothing out"
	default:
		return w
	}
}

func stamp(i policy.Instant) string { return i.Time().UTC().Format(time.RFC3339) }
