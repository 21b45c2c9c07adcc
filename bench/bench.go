// Bench measures the register beside its peers and beside the limits of the
// machine: one program, one machine, one run.
//
//	go run .          10^4 and 10^5 subjects, about ten minutes
//	go run . -full    10^6 subjects too, about an hour
//	go run . -quick   a smoke test of the program; its figures say nothing
//
// It prints one table, with the target of each row beside what was measured,
// and writes it to results/ as Markdown and JSON, without anything that names
// the machine. A missed target is no failure of the program.
//
// Each measurement has a process of its own, so that none inherits another's
// memory, and is repeated: the table has medians, and the lowest and highest
// beside them. What is compared is measured in turns. Statements are signed
// before, with fixed keys, and their signing is not timed.
//
// Where a target is missed, -profile DIR -run SECTION says why: it keeps a CPU
// profile of every process, and a heap profile where memory is measured.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"time"
)

// A plan is what to measure, how often and for how long.
type plan struct {
	mode string
	// sizes are the numbers of subjects.
	sizes []int
	// rounds is how often admission is measured at a size.
	rounds func(size int) int
	// repeats is how often everything else is.
	repeats int
	// limit, raw and bare are how long one measurement of those takes.
	limit, raw, bare time.Duration
	// latency is the size at which latency is measured.
	latency int
	// approvals is how many a party with many has.
	approvals int
	// verifications is how often evidence is verified.
	verifications int
	// turns is how often each decider has its turn, and turn how long that is.
	turns int
	turn  time.Duration
}

func planFor(quick, full bool) (plan, error) {
	p := plan{
		mode: "default", sizes: []int{1e4, 1e5}, repeats: 3,
		rounds: func(size int) int {
			if size <= 1e4 {
				return 5
			}
			return 3
		},
		limit: 3 * time.Second, raw: 10 * time.Second, bare: time.Second,
		latency: 1e5, approvals: 300, verifications: 200,
		turns: 9, turn: 300 * time.Millisecond,
	}
	switch {
	case quick && full:
		return plan{}, errors.New("-quick and -full exclude each other")
	case quick:
		p.mode, p.sizes, p.repeats = "quick", []int{2000}, 1
		p.rounds = func(int) int { return 1 }
		p.limit, p.raw, p.bare = 300*time.Millisecond, time.Second, 200*time.Millisecond
		p.latency, p.verifications = 2000, 10
		p.turns, p.turn = 1, 20*time.Millisecond
	case full:
		p.mode, p.sizes = "full", append(p.sizes, 1e6)
	}
	return p, nil
}

// A section is a part of the table that can be measured without the others.
type section struct {
	name string
	run  func(context.Context, *bench) error
}

// sections are all of them, in the order of the table.
var sections = []section{
	{"limits", limits},
	{"raw", raw},
	{"admission", admission},
	{"latency", latency},
	{"evidence", evidence},
	{"decide", decide},
	{"serve", serving},
	{"present", present},
	{"restart", restart},
	{"replay", replay},
	// It adds to the register that others measure.
	{"pages", pages},
}

// A bench is a run.
type bench struct {
	plan
	// dir holds what is measured, removed at the end.
	dir    string
	report Report
	// corpora and loaded are the files of statements and the directories of
	// loaded registers, by size.
	corpora map[int]string
	loaded  map[int]string
	// peak is the rate of admission at plan.latency.
	peak float64
}

func main() {
	stage := flag.String("stage", "", "for the program itself: measure this one thing and answer on standard output")
	quick := flag.Bool("quick", false, "a smoke test in about a minute")
	full := flag.Bool("full", false, "10^6 subjects too")
	names := flag.String("run", ".", "the sections to measure, a regular expression: limits, raw, admission, latency, evidence, decide, serve, present, restart, replay, pages")
	dir := flag.String("dir", "", "where to put what is measured, on the disk that is meant (default: the directory for temporary files)")
	out := flag.String("results", "results", "where to put the results; empty for nowhere")
	flag.StringVar(&profiles, "profile", "", "directory to keep profiles of every measurement in")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *stage != "" {
		exitOn(answer(ctx, *stage, os.Stdin, os.Stdout))
		return
	}
	p, err := planFor(*quick, *full)
	exitOn(err)
	only, err := regexp.Compile(*names)
	exitOn(err)
	exitOn(run(ctx, p, only, *dir, *out))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, p plan, only *regexp.Regexp, parent, out string) (err error) {
	dir, err := os.MkdirTemp(parent, "safeconduct-bench-")
	if err != nil {
		return err
	}
	// Stages may have been started elsewhere.
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if inMemory(dir) {
		return fmt.Errorf("%s is in memory, where nothing is durable; give -dir on a disk", dir)
	}
	b := &bench{plan: p, dir: dir, report: newReport(p.mode), corpora: make(map[int]string), loaded: make(map[int]string)}
	for _, s := range sections {
		if !only.MatchString(s.name) {
			continue
		}
		if err := s.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	b.report.Unmeasured = unmeasured(b.report.Rows)
	fmt.Print("\n" + b.report.text())
	if out == "" {
		return nil
	}
	return b.report.write(out)
}

// saying tells on standard error what is measured next.
func saying(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

// fresh returns a new directory for a measurement.
func (b *bench) fresh(name string) (string, error) {
	return os.MkdirTemp(b.dir, name+"-")
}
