package mirror

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/internal/durable"
	"github.com/safeconduct/safeconduct/registry"
)

// divergenceFile is where a mirror keeps why it has stopped.
const divergenceFile = "divergence.json"

// A Report says what a register did that it may not, and holds what shows it
// to others. Whoever has the register's trust root checks it without the mirror:
// the checkpoints are signed notes, and the proofs are RFC 6962 proofs in their
// trees. A rewind shows no contradiction, and a postdated batch or one before
// the mirror's cosignature as much as the mirror's clock is believed.
type Report struct {
	// Origin names the register.
	Origin string `json:"origin"`
	// Kind is one of the kinds of [registry.Divergence], and Cause says what is
	// wrong.
	Kind  registry.DivergenceKind `json:"kind"`
	Cause string                  `json:"cause"`
	// Index is that of the leaf at fault; of a fork or a rewind, the smaller
	// size.
	Index int64 `json:"index"`
	// Found is the mirror's clock; Held is how many leaves it holds, which are
	// all checked: none of an audit.
	Found time.Time `json:"found"`
	Held  int64     `json:"held"`
	// Checkpoints are the signed checkpoints.
	Checkpoints []string `json:"checkpoints"`
	// Prefix is, of a fork whose checkpoints are of two sizes, the root at the
	// smaller size of the larger tree, which is not what is signed for that size;
	// Consistency proves it.
	Prefix      tlog.Hash   `json:"prefix,omitzero"`
	Consistency []tlog.Hash `json:"consistency,omitempty"`
	// StatusLeaf closes the batch at fault and is proven by StatusProof.
	StatusLeaf  string      `json:"status_leaf,omitzero"`
	StatusProof []tlog.Hash `json:"status_proof,omitempty"`
	// Statement stands at Index and is proven by Proof.
	Statement string      `json:"statement,omitzero"`
	Proof     []tlog.Hash `json:"proof,omitempty"`
	// PreviousLeaf is the status leaf, which StatusLeaf names and PreviousProof
	// proves, of the batch that the one at fault is not dated after; Cosigned is
	// the checkpoint of a smaller size with the mirror's cosignature that it is
	// not dated after.
	PreviousLeaf  string      `json:"previous_leaf,omitzero"`
	PreviousProof []tlog.Hash `json:"previous_proof,omitempty"`
	Cosigned      string      `json:"cosigned,omitzero"`
}

// NewReport makes the report of a divergence that was found at that time, where
// so many leaves are held and checked.
func NewReport(origin string, d *registry.Divergence, found time.Time, held int64) Report {
	r := Report{
		Origin: origin, Kind: d.Kind, Cause: printable(d.Err), Index: d.Index,
		Found: found.UTC().Truncate(time.Second), Held: held, Checkpoints: []string{},
		Prefix: d.Prefix, Consistency: d.Consistency, PreviousLeaf: printableLeaf(d.Previous), PreviousProof: d.PreviousProof, Cosigned: string(d.Cosigned),
		StatusLeaf: printableLeaf(d.StatusLeaf), StatusProof: d.StatusProof, Statement: printableLeaf(d.Statement), Proof: d.Proof,
	}
	for _, c := range d.Checkpoints {
		r.Checkpoints = append(r.Checkpoints, string(c))
	}
	return r
}

// acts say in words what a register did.
var acts = map[registry.DivergenceKind]string{
	registry.Fork:         "signed two trees of which neither continues the other",
	registry.Rewind:       "shows less than it published before",
	registry.Dropped:      "left a logged statement out of the status map",
	registry.Postdated:    "dated a batch ahead of the clock",
	registry.Backdated:    "dated a batch before what was known already",
	registry.FalseMap:     "signed a status map that is not the one of what it logged",
	registry.Inadmissible: "logged a statement that may not be logged",
	registry.Misformed:    "logged what has not the form of a log of this kind",
}

// act says in words what the register did.
func (r *Report) act() string {
	if act := acts[r.Kind]; act != "" {
		return act
	}
	return "diverges (" + string(r.Kind) + ")"
}

// Shows says who can check the report, and how far: not every kind is one that
// the register's own signatures show.
func (r *Report) Shows() string {
	switch {
	case r.Kind == registry.Rewind:
		return "a rewind shows no contradiction: it is the word of who has found it"
	case r.Kind == registry.Postdated:
		return "anybody with the register's log key can check what it signed; that it was ahead of the clock is the word of who has found it"
	case r.Kind == registry.Backdated && r.Cosigned != "":
		return "anybody with the register's log key and the mirror's can check it; that the cosignature came first is the mirror's word"
	default:
		return "anybody with the register's log key can check it"
	}
}

// Text says for people what the report holds.
func (r *Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "The register %s %s.\n\n%s\n\n", r.Origin, r.act(), r.Cause)
	fmt.Fprintf(&b, "Found at %s", r.Found.UTC().Format(time.RFC3339))
	if r.Held > 0 {
		fmt.Fprintf(&b, " by a mirror that holds and has checked %d leaves", r.Held)
	}
	b.WriteString(".\n")
	for i, c := range r.Checkpoints {
		fmt.Fprintf(&b, "\nSigned checkpoint %d of %d:\n\n%s", i+1, len(r.Checkpoints), indented(c))
	}
	if r.StatusLeaf != "" {
		fmt.Fprintf(&b, "\nStatus leaf:\n\n%s", indented(r.StatusLeaf))
	}
	if r.PreviousLeaf != "" {
		fmt.Fprintf(&b, "\nStatus leaf before it:\n\n%s", indented(r.PreviousLeaf))
	}
	if r.Cosigned != "" {
		fmt.Fprintf(&b, "\nCosigned before:\n\n%s", indented(r.Cosigned))
	}
	if r.Statement != "" {
		fmt.Fprintf(&b, "\nStatement at index %d:\n\n%s", r.Index, indented(r.Statement))
	}
	return b.String()
}

func indented(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n    ") + "\n"
}

// A Stopped says that a mirror has stopped for good, and why.
type Stopped struct {
	// File is where the report is kept; who has settled it takes it away.
	File   string
	Report Report
}

// Error says what the register did, and where the report is.
func (s *Stopped) Error() string {
	return fmt.Sprintf("this mirror has stopped: the register %s %s (%s): %s; the evidence is in %s, and taking that away starts the mirror again",
		s.Report.Origin, s.Report.act(), s.Report.Kind, s.Report.Cause, s.File)
}

// hasStopped returns a *Stopped where a report is kept.
func hasStopped(dir string) error {
	s := &Stopped{File: filepath.Join(dir, divergenceFile)}
	data, err := os.ReadFile(s.File)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &s.Report); err != nil {
		s.Report.Cause = fmt.Sprintf("the report cannot be read: %v", err)
	}
	return s
}

// stop ends following and cosigning for good. It returns the *Stopped.
func (m *Mirror) stop(d *registry.Divergence) error {
	s := &Stopped{
		File:   filepath.Join(m.config.Dir, divergenceFile),
		Report: NewReport(m.config.Trust.Origin(), d, m.config.Now(), m.replica.Size()),
	}
	if !m.stopped.CompareAndSwap(nil, s) {
		return m.stopped.Load()
	}
	data, err := json.Marshal(s.Report, jsontext.WithIndent("  "))
	if err == nil {
		err = durable.WriteFile(s.File, append(data, '\n'), 0o644)
	}
	if err != nil {
		m.config.Logger.Error("the report of a divergence could not be kept", slog.Any("error", err), slog.String("report", s.Report.Text()))
	}
	m.config.Logger.Error("the register has diverged; the mirror has stopped", slog.String("kind", string(d.Kind)), slog.String("cause", s.Report.Cause), slog.String("report", s.File))
	return s
}

func printable(err error) string {
	if err == nil {
		return ""
	}
	return strings.ToValidUTF8(err.Error(), "\uFFFD")
}

// printableLeaf: a leaf that is no text is kept in base64.
func printableLeaf(leaf []byte) string {
	if s := string(leaf); strings.ToValidUTF8(s, "") == s {
		return s
	}
	return "base64:" + base64.StdEncoding.EncodeToString(leaf)
}
