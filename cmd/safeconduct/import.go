package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the zones of a map are the same on every machine

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/signer"
	"github.com/safeconduct/safeconduct/issuing"
	"github.com/safeconduct/safeconduct/registry/client"
	"github.com/safeconduct/safeconduct/verify"
)

func importCommand() *cobra.Command {
	im := new(importing)
	c := &cobra.Command{
		Use:   "import FILE.csv --map MAP.yaml [--dry-run] [--key REF]… [--out DIR] [--registry URL]",
		Short: "Make, sign and log statements from a table",
		Long: "Makes a statement of every row of a table, by a map that says which column goes where;\n" +
			"examples/veu-table and examples/certified-recipients have one each. Every bad row is\n" +
			"named by line and column, and nothing is imported of a table that has any, unless\n" +
			"--skip-bad leaves them out.\n" +
			"What stands already, at the register or else in DIR, is compared with the table: rows\n" +
			"that stand as they are make nothing, those that say something else a new version, which\n" +
			"holds from --effective. What stands and is in no row is told, and ended only with\n" +
			"--end-missing. So a second run does nothing, and after an interruption the next one\n" +
			"goes on where it stopped. --dry-run says what would be done and needs no key.\n" +
			"With a trust file, what stands is taken from evidence, else from the register's word.\n" +
			"That no other entity has anything of the series is the register's word in any case.",
		Example: "  safeconduct import veu.csv --map map.yaml --registry http://127.0.0.1:8080 --dry-run\n" +
			"  safeconduct import veu.csv --map map.yaml --key alice.key --key bob.key --out signed/ --registry http://127.0.0.1:8080",
		Args: exactly("FILE.csv"),
		RunE: func(c *cobra.Command, args []string) error {
			im.c, im.file = c, args[0]
			if err := im.check(); err != nil {
				return err
			}
			return im.run(c.Context())
		},
	}
	f := c.Flags()
	f.StringVar(&im.mapFile, "map", "", "which column goes where")
	f.StringArrayVar(&im.keys, "key", nil, "reference of a key; once for each signature")
	f.StringVar(&im.out, "out", "", "directory of the signed statements, each JTI.jws")
	registryFlag(c, &im.url)
	f.StringVar(&im.trustFile, "trust", "", "trust file, to take what stands from evidence")
	f.StringVar(&im.aud, "aud", "", "origin of the register, where the map does not say it")
	f.StringVar(&im.iss, "iss", "", "authority, where the map does not say it")
	f.StringVar(&im.effective, "effective", "", "when new versions begin and what is gone ends, such as 2026-12-31T00:00:00Z")
	f.StringVar(&im.end, "end-missing", "", "end what stands and is in no row: revoke (default), or withdraw")
	f.Lookup("end-missing").NoOptDefVal = string(attest.Revoke)
	f.BoolVar(&im.terms.Adopt, "adopt", false, "let the table go before what was signed by hand, also where it allows more")
	f.BoolVar(&im.skipBad, "skip-bad", false, "leave bad rows out and import the others")
	f.BoolVar(&im.dry, "dry-run", false, "say what would be done, and do nothing")
	serverFlag(c, &im.url)
	jsonFlag(c, &im.json)
	return c
}

// importing is an import under way.
type importing struct {
	c                  *cobra.Command
	file, mapFile, out string
	keys               []string
	url, trustFile     string
	aud, iss           string
	effective, end     string
	skipBad, dry, json bool

	cl    *client.Client
	trust *verify.Trust
	terms issuing.Terms
	m     *issuing.Map
	rows  int
	// settled is what the authority's statements, and then those that are made,
	// hold the next ones to.
	settled issuing.Precedents
	// root is the register's trust root.
	root   *attest.TrustRoot
	bar    *progress
	answer imported
}

// imported is what import answers.
type imported struct {
	Rows int `json:"rows"`
	// Bad are the mistakes of rows that were left out, LeftOut how many these are.
	Bad     []issuing.Mistake `json:"bad"`
	LeftOut int               `json:"left_out"`
	// Counts are of the other rows, but for ended, which is of no row.
	Counts  map[issuing.Effect]int `json:"counts"`
	Changes []*issuing.Change      `json:"changes"`
	DryRun  bool                   `json:"dry_run,omitzero"`
	// Signed, Kept and Logged count statements: signed anew, found signed, and
	// logged; Refused are rows whose statements the register has refused.
	Signed  int               `json:"signed"`
	Kept    int               `json:"kept"`
	Logged  int               `json:"logged"`
	Refused []issuing.Mistake `json:"refused,omitzero"`
}

func (im *importing) check() (err error) {
	refuse := func(format string, args ...any) error {
		return usage(im.c, fmt.Errorf("import: "+format, args...))
	}
	switch {
	case im.mapFile == "":
		return refuse("--map is missing: say which column goes where")
	case !im.dry && len(im.keys) == 0:
		return refuse("--key is missing: say which key signs, or ask for a --dry-run")
	case !im.dry && im.out == "" && im.url == "":
		return refuse("--out or --registry is missing: say where the statements go")
	case im.trustFile != "" && im.url == "":
		return refuse("--trust goes with --registry")
	}
	im.terms.Now = time.Now().UTC().Truncate(time.Second)
	if im.effective != "" {
		if im.terms.Effective, err = time.Parse(time.RFC3339, im.effective); err != nil {
			return refuse("--effective %q is no time: want date, time and offset, such as 2026-12-31T00:00:00Z", im.effective)
		}
	}
	switch im.terms.End = attest.EventType(im.end); im.terms.End {
	case "", attest.Revoke, attest.Withdraw:
	default:
		return refuse("--end-missing=%s: want revoke or withdraw", im.end)
	}
	if im.end != "" && im.effective == "" {
		return refuse("--effective is missing: with --end-missing, say when what is gone ends")
	}
	if im.url != "" {
		if im.cl, err = newClient(im.c, im.url); err != nil {
			return err
		}
	}
	if im.trustFile != "" {
		if im.trust, err = readTrust(im.trustFile); err != nil {
			return failed("", fmt.Errorf("import: read what to trust from %s:\n%w", im.trustFile, err))
		}
	}
	return nil
}

// run imports the table. What is done before a failure is told all the same.
func (im *importing) run(ctx context.Context) error {
	im.bar = newProgress(im.c.ErrOrStderr(), "read")
	defer im.bar.end()
	reading, err := im.read()
	if err != nil {
		return err
	}
	standing, err := im.standing(ctx, reading.Rows)
	if err != nil {
		return failed(reachHint(err), fmt.Errorf("import: see what stands: %w", err))
	}
	if im.answer.Changes, err = issuing.Compare(im.m, reading.Rows, standing, im.terms); err != nil {
		return failed("", fmt.Errorf("import %s: %w", im.file, err))
	}
	im.answer.LeftOut, im.answer.DryRun = reading.Bad, im.dry
	if reading.Bad > 0 {
		// A bad row is not gone.
		im.answer.Changes = slices.DeleteFunc(im.answer.Changes, func(c *issuing.Change) bool { return c.Effect == issuing.Ended })
	}
	if im.end != "" && (im.rows == 0 || reading.Bad > 0) {
		return failed("nothing was imported", fmt.Errorf("import %s: --end-missing wants a table that has rows, all of them good: whoever is in a bad row is not gone", im.file))
	}
	made, bad, err := im.make(im.answer.Changes)
	if err != nil {
		return err
	}
	im.count(bad)
	if len(bad) > 0 && !im.skipBad {
		return im.refuse(bad)
	}
	im.answer.Bad = append(im.answer.Bad, bad.mistakes()...)
	if im.dry {
		im.bar.end()
		if err := im.rehearse(ctx, made); err != nil {
			return err
		}
		return im.print()
	}
	if err := im.sign(ctx, made); err != nil {
		return err
	}
	failure := im.log(ctx, made)
	im.bar.end()
	if err := im.print(); err != nil {
		return err
	}
	return failure
}

// read reads map and table. Of a table with bad rows it is an error, unless they
// are left out.
func (im *importing) read() (*issuing.Reading, error) {
	text, err := readFile(im.mapFile)
	if err != nil {
		return nil, failed("", fmt.Errorf("import: %w", err))
	}
	if im.m, err = issuing.ParseMap(im.mapFile, text); err != nil {
		return nil, failed("nothing was imported; mend the map", fmt.Errorf("import: read the map:\n%w", err))
	}
	if im.m.Aud() == "" && im.aud == "" {
		return nil, usage(im.c, errors.New("import: --aud is missing: the map does not say which register it is for"))
	}
	if im.m.Iss() == "" && im.iss == "" {
		return nil, usage(im.c, errors.New("import: --iss is missing: the map does not say which authority it is of"))
	}
	if text, err = readFile(im.file); err != nil {
		return nil, failed("", fmt.Errorf("import: %w", err))
	}
	const unreadable = "nothing was imported; what is no table has no rows to leave out either"
	t, err := issuing.ReadTable(text, im.m.Delimiter())
	if bad, ok := errors.AsType[issuing.Mistakes](err); ok {
		return nil, im.bad(bad, unreadable)
	}
	if err != nil {
		return nil, failed(unreadable, fmt.Errorf("import %s: %w", im.file, err))
	}
	reading, err := im.m.Read(t, issuing.Options{Now: im.terms.Now, Aud: im.aud, Iss: im.iss})
	if err != nil {
		return nil, failed("nothing was imported; mend the map", fmt.Errorf("import %s:\n%w", im.file, err))
	}
	im.rows, im.answer.Rows, im.answer.Bad = t.Len(), t.Len(), reading.Mistakes
	if reading.Bad > 0 && !im.skipBad {
		return nil, im.bad(reading.Mistakes, fmt.Sprintf("nothing was imported: %d of %s bad; mend them, or leave them out with --skip-bad", reading.Bad, are(t.Len(), "row")))
	}
	return reading, nil
}

// bad is the failure of a table with mistakes, each on a line.
func (im *importing) bad(mistakes []issuing.Mistake, hint string) error {
	if im.json {
		im.answer.Bad = mistakes
		if err := printAnswer(im.c, true, im.answer, nil); err != nil {
			return err
		}
	}
	lines := make([]string, len(mistakes))
	for i, m := range mistakes {
		lines[i] = fmt.Sprint(clean([]any{m.In(im.file)})...)
	}
	return failed(hint, fmt.Errorf("import %s:\n%s", im.file, strings.Join(lines, "\n")))
}

// A made is a statement that a change makes.
type made struct {
	change *issuing.Change
	claims attest.Claims
	signed []byte
}

// unmade are the mistakes of changes that can be made no statement of.
type unmade map[*issuing.Change][]issuing.Mistake

func (u unmade) mistakes() (out []issuing.Mistake) {
	for _, m := range u {
		out = append(out, m...)
	}
	slices.SortStableFunc(out, func(a, b issuing.Mistake) int { return cmp.Or(a.Line-b.Line, a.Column-b.Column) })
	return out
}

// make makes the claims of changes. What cannot be made is said with the change.
func (im *importing) make(changes []*issuing.Change) (out []*made, bad unmade, err error) {
	bad = make(unmade)
	for _, c := range changes {
		if c.Effect == issuing.Ended && im.end == "" {
			remark(c, "stands on without --end-missing and --effective")
		}
		if !c.Makes() && (c.Effect != issuing.Ended || im.end == "") {
			continue
		}
		claims, err := c.Claims(im.terms)
		mistakes, ok := errors.AsType[issuing.Mistakes](err)
		if err != nil && !ok {
			return nil, nil, failed("", fmt.Errorf("import %s: %s: %w", im.file, c.Key, err))
		}
		m := &made{change: c, claims: claims}
		if err == nil {
			mistakes = m.mistakes(im.settled.Contradict(claims))
		}
		if len(mistakes) > 0 {
			bad[c] = mistakes
			im.say(c, mistakes)
			continue
		}
		im.settled.Follow(claims)
		out = append(out, m)
	}
	return out, bad, nil
}

// say notes with a change why it cannot be made.
func (im *importing) say(c *issuing.Change, mistakes []issuing.Mistake) {
	for _, m := range mistakes {
		if im.undated(c, m) {
			remark(c, "needs --effective")
		} else {
			remark(c, "not as it is: "+strings.TrimPrefix(m.Member+": ", ": ")+m.Message)
		}
	}
}

// undated reports whether a change only wants to be told from when on it holds.
func (im *importing) undated(c *issuing.Change, m issuing.Mistake) bool {
	return im.effective == "" && c.Stands != "" && m.Member == "nbf"
}

func remark(c *issuing.Change, text string) {
	c.Note = strings.TrimPrefix(c.Note+"; "+text, "; ")
}

// count counts what is to be done. What is left out is counted apart.
func (im *importing) count(bad unmade) {
	im.answer.Counts = make(map[issuing.Effect]int)
	for _, c := range im.answer.Changes {
		if len(bad[c]) > 0 && im.skipBad {
			im.answer.LeftOut++
			continue
		}
		im.answer.Counts[c.Effect]++
	}
}

// refuse is the failure of a table whose changes cannot all be made. A dry run
// says what they are all the same.
func (im *importing) refuse(bad unmade) error {
	im.bar.end()
	if im.dry && !im.json {
		if err := im.print(); err != nil {
			return err
		}
	}
	hint := "nothing was imported: mend the rows, or leave them out with --skip-bad"
	for c, mistakes := range bad {
		if slices.ContainsFunc(mistakes, func(m issuing.Mistake) bool { return im.undated(c, m) }) {
			hint = "nothing was imported; --effective says from when new versions hold"
		}
	}
	return im.bad(bad.mistakes(), hint)
}

// rehearse has the register's trust root look at what a dry run would have
// signed, as it will before anything is sent.
func (im *importing) rehearse(ctx context.Context, all []*made) error {
	if im.cl == nil || len(all) == 0 {
		return nil
	}
	// Nobody has this key, and nobody will: what it signs is not counted.
	nobody, err := signer.Generate("EdDSA")
	if err != nil {
		return failed("", fmt.Errorf("import: %w", err))
	}
	var bad []issuing.Mistake
	for _, s := range all {
		st, err := attest.Sign(ctx, s.claims, nobody)
		if err != nil {
			return failed("", fmt.Errorf("import %s: %s: %w", im.file, s.change.Key, err))
		}
		u, err := attest.Parse(st)
		if err != nil {
			return failed("", fmt.Errorf("import %s: %s: %w", im.file, s.change.Key, err))
		}
		bad = append(bad, s.mistakes(u.Signing(im.root).Problems)...)
	}
	if len(bad) > 0 {
		return im.bad(bad, beyond)
	}
	return nil
}

// beyond is the hint where an authority may not say what the table does.
const beyond = "nothing was imported: the register's trust root does not let the authority say this"

func (im *importing) print() error {
	a := &im.answer
	if a.Bad == nil {
		a.Bad = []issuing.Mistake{}
	}
	err := printAnswer(im.c, im.json, a, func(p *printer) { a.print(p, im) })
	if err != nil {
		return failed("", err)
	}
	return nil
}

func (a *imported) print(p *printer, im *importing) {
	for _, m := range slices.Concat(a.Bad, a.Refused) {
		p.line("left out: %s", m.In(im.file))
	}
	rows := [][]string{{"EFFECT", "LINE", "KEY", "SUBJECT", "NAME", "WHAT"}}
	for _, c := range a.Changes {
		if c.Effect == issuing.Unchanged {
			continue
		}
		line := ""
		if c.Line > 0 {
			line = fmt.Sprint(c.Line)
		}
		rows = append(rows, []string{string(c.Effect), line, c.Key, c.Subject, shorten(c.LegalName), what(c)})
	}
	if len(rows) > 1 {
		p.table(rows...)
		p.line("")
	}
	var counts []string
	for _, e := range issuing.Effects {
		if n := a.Counts[e]; n > 0 && e != issuing.Ended {
			counts = append(counts, fmt.Sprintf("%d %s", n, e))
		}
	}
	if a.LeftOut > 0 {
		counts = append(counts, fmt.Sprintf("%d left out", a.LeftOut))
	}
	if counts == nil {
		counts = []string{"nothing"}
	}
	p.line("of %s: %s", count(a.Rows, "row"), strings.Join(counts, ", "))
	if n := a.Counts[issuing.Ended]; n > 0 {
		p.line("in no row any more: %d ended", n)
	}
	switch {
	case a.DryRun:
		p.line("nothing was done: this was a dry run")
	case a.Signed+a.Kept == 0:
		p.line("nothing was to be done")
	default:
		p.line("%d signed, %d found signed, %d logged", a.Signed, a.Kept, a.Logged)
	}
	if a.Counts[issuing.Ended] > 0 && im.end == "" {
		p.line("note: what has ended in the table stands on; --end-missing ends it")
	}
	if len(a.Bad) > 0 {
		p.line("note: with bad rows left out, what is gone from the table is not looked for")
	}
}

// what says in what a change differs from what stands.
func what(c *issuing.Change) string {
	var out []string
	if c.Note != "" {
		out = append(out, c.Note)
	}
	for _, d := range c.Details {
		words := d.Text
		if d.Before != "" && d.Now != "" {
			words += " (" + shorten(d.Now) + ")"
		}
		out = append(out, words)
	}
	return strings.Join(out, "; ")
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// isThere reports whether a file is.
func isThere(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
