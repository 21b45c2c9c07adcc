package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// A Report is the table and what it was measured on.
type Report struct {
	Date  string `json:"date"`
	Mode  string `json:"mode"`
	Cores int    `json:"cores"`
	Go    string `json:"go"`
	Arch  string `json:"arch"`
	Rows  []Row  `json:"rows"`
	// Unmeasured are the targets without a row.
	Unmeasured []string `json:"unmeasured,omitempty"`
}

// A Row is one line of the table.
type Row struct {
	Section string `json:"section"`
	What    string `json:"what"`
	Unit    Unit   `json:"unit"`
	Value   Stat   `json:"value"`
	// Beside is what the value is compared with, Ratio the value by that.
	Beside    string `json:"beside,omitempty"`
	BesideOf  *Stat  `json:"beside_value,omitempty"`
	BesideIn  Unit   `json:"beside_unit,omitempty"`
	Ratio     *Stat  `json:"ratio,omitempty"`
	Target    string `json:"target,omitempty"`
	Verdict   string `json:"verdict,omitempty"`
	Condition string `json:"condition,omitempty"`
}

// A Unit is what a value is in.
type Unit string

// The units.
const (
	PerSecond Unit = "/s"
	Seconds   Unit = "s"
	Millis    Unit = "ms"
	Nanos     Unit = "ns"
	Bytes     Unit = "bytes"
	Allocs    Unit = "allocations"
)

// newReport begins a report.
func newReport(mode string) Report {
	return Report{
		Date: time.Now().UTC().Format(time.DateOnly), Mode: mode,
		Cores: runtime.GOMAXPROCS(0), Go: runtime.Version(), Arch: runtime.GOOS + "/" + runtime.GOARCH,
	}
}

// A goal is what the project has promised of a row: of its ratio, or of its
// value.
type goal struct {
	// name tells it from the others.
	name    string
	ofRatio bool
	atLeast bool
	limit   float64
	unit    Unit
}

// The goals. A row names the one it is measured against.
var (
	goalRaw       = goal{"raw log beside Tessera POSIX with antispam", true, true, 2, ""}
	goalAdmit5    = goal{"admission at 10^5 subjects beside bare Ed25519", true, true, 0.40, ""}
	goalAdmit6    = goal{"admission at 10^6 subjects beside bare Ed25519", true, true, 0.35, ""}
	goalP99Second = goal{"p99 at 80 % of the peak, batches of a second", false, false, 1500, Millis}
	goalP99Tenth  = goal{"p99 at 80 % of the peak, batches of 100 ms", false, false, 250, Millis}
	goalOffline   = goal{"offline verification beside its bare signatures", true, false, 1.5, ""}
	goalEvidence  = goal{"evidence of a joint check at 10^6 subjects", false, false, 24 << 10, Bytes}
	goalGzip      = goal{"the same, gzipped", false, false, 10 << 10, Bytes}
	goalApprovals = goal{"what a party with 300 approvals adds", false, false, 40 << 10, Bytes}
	goalRestart   = goal{"restart at 10^6 subjects", false, false, 5, Seconds}
	goalDecide    = goal{"decide on warm histories", false, false, 3000, Nanos}
	goalDecideCEL = goal{"decide on warm histories beside cel-go", true, false, 1, ""}
	goalDecideOPA = goal{"decide on warm histories beside OPA", true, false, 1, ""}
	goalServeEcho = goal{"POST /v1/check beside an echo of the same bytes", true, true, 0.60, ""}
	goalServeOPA  = goal{"POST /v1/check beside OPA's server", true, true, 3, ""}
	goalPresent   = goal{"a presentation beside its bare signatures", true, false, 1.5, ""}
	goalPages     = goal{"pages at 10^5 subjects", false, false, 50, Millis}
	goalMemory    = goal{"resident memory at 10^6 subjects", false, false, 1.5 * (1 << 30), Bytes}
)

var goals = []goal{
	goalRaw, goalAdmit5, goalAdmit6, goalP99Second, goalP99Tenth, goalOffline,
	goalEvidence, goalGzip, goalApprovals, goalDecide, goalDecideCEL, goalDecideOPA, goalServeEcho, goalServeOPA, goalPresent, goalPages, goalRestart, goalMemory,
}

// add adds a row. A ratio and a goal may be nil.
func (r *Report) add(row Row, g *goal) {
	if g != nil {
		v := row.Value.Median
		if g.ofRatio {
			v = row.Ratio.Median
		}
		met := v <= g.limit
		sign := "≤"
		if g.atLeast {
			met, sign = v >= g.limit, "≥"
		}
		row.Target = sign + " " + g.written(g.limit)
		row.Condition = g.name
		switch {
		case r.Mode == "quick":
		case met:
			row.Verdict = "met"
		default:
			row.Verdict = "missed"
		}
	}
	r.Rows = append(r.Rows, row)
}

func (g goal) written(v float64) string {
	if g.ofRatio {
		return ratio(v)
	}
	return g.unit.written(v)
}

// unmeasured lists the goals that no row is measured against.
func unmeasured(rows []Row) (out []string) {
	measured := make(map[string]bool)
	for _, r := range rows {
		measured[r.Condition] = true
	}
	for _, g := range goals {
		if !measured[g.name] {
			out = append(out, g.name)
		}
	}
	return out
}

// written writes a value for people.
func (u Unit) written(v float64) string {
	switch u {
	case PerSecond:
		return thousands(v) + "/s"
	case Seconds:
		return strconv.FormatFloat(v, 'f', 2, 64) + " s"
	case Millis:
		if v < 10 {
			return strconv.FormatFloat(v, 'f', 2, 64) + " ms"
		}
		return thousands(v) + " ms"
	case Nanos:
		return thousands(v) + " ns"
	case Allocs:
		return thousands(v)
	case Bytes:
		switch {
		case v >= 1<<30:
			return strconv.FormatFloat(v/(1<<30), 'f', 2, 64) + " GiB"
		case v >= 1<<20:
			return strconv.FormatFloat(v/(1<<20), 'f', 1, 64) + " MiB"
		case v >= 10<<10:
			return strconv.FormatFloat(v/(1<<10), 'f', 1, 64) + " KiB"
		}
		return thousands(v) + " B"
	default:
		return ratio(v)
	}
}

func ratio(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) + "x" }

// thousands writes a number to its ones, in groups of three.
func thousands(v float64) string {
	s := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// head are the columns of the table.
var head = []string{"section", "what", "median", "lowest to highest", "beside", "", "ratio", "target", ""}

func (row Row) cells() []string {
	cells := []string{row.Section, row.What, row.Unit.written(row.Value.Median), "", row.Beside, "", "", row.Target, row.Verdict}
	if len(row.Value.Each) > 1 {
		cells[3] = row.Unit.written(row.Value.Min) + " to " + row.Unit.written(row.Value.Max)
	}
	if row.BesideOf != nil {
		cells[5] = row.BesideIn.written(row.BesideOf.Median)
	}
	if row.Ratio != nil {
		cells[6] = ratio(row.Ratio.Median)
	}
	return cells
}

// conditions says on what was measured, in one line.
func (r *Report) conditions() string {
	line := fmt.Sprintf("%s, %d cores, %s, %s", r.Date, r.Cores, r.Go, r.Arch)
	if r.Mode == "quick" {
		line += "; a smoke test of the program, whose figures say nothing"
	}
	return line
}

// text is the table for a terminal.
func (r *Report) text() string {
	var s strings.Builder
	fmt.Fprintln(&s, r.conditions())
	w := tabwriter.NewWriter(&s, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(head, "\t"))
	for _, row := range r.Rows {
		fmt.Fprintln(w, strings.Join(row.cells(), "\t"))
	}
	w.Flush()
	if len(r.Unmeasured) > 0 {
		fmt.Fprintf(&s, "\nnot measured: %s\n", strings.Join(r.Unmeasured, "; "))
	}
	return s.String()
}

// markdown is the table for the repository.
func (r *Report) markdown() string {
	var s strings.Builder
	fmt.Fprintf(&s, "# make bench, %s\n\n%s.\n\n", r.Mode, r.conditions())
	line := func(cells []string) { fmt.Fprintf(&s, "| %s |\n", strings.Join(cells, " | ")) }
	line(head)
	line(strings.Split(strings.Repeat("-,", len(head)-1)+"-", ","))
	for _, row := range r.Rows {
		line(row.cells())
	}
	if len(r.Unmeasured) > 0 {
		fmt.Fprintf(&s, "\nNot measured: %s.\n", strings.Join(r.Unmeasured, "; "))
	}
	return s.String()
}

// write puts the report into a directory, under its date, its cores and its
// mode; one of the same name is replaced.
func (r *Report) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	name := filepath.Join(dir, fmt.Sprintf("%s-%dcores-%s", r.Date, r.Cores, r.Mode))
	err = errors.Join(
		os.WriteFile(name+".md", []byte(r.markdown()), 0o644),
		os.WriteFile(name+".json", append(data, '\n'), 0o644),
	)
	if err == nil {
		saying("wrote %s.md and .json", name)
	}
	return err
}
