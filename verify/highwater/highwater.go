// Package highwater keeps what a verifier has seen of a register in a file, so that it
// is not shown less later on: evidence of a smaller log, such as that of before a
// revocation, evidence of another log of the same size, or any evidence by a clock
// that was set back.
//
//	evidence, err := verify.Open(data, trust, now)
//	…
//	if err := highwater.At("seen.json").Raise(evidence, now); err != nil {
//		// Do not rely on it.
//	}
//
// What it cannot tell is whether a larger log is the one that was seen, grown: that
// takes a consistency proof, which mirrors and witnesses check.
// Who looks into the past on purpose, such as an auditor of old evidence, keeps none.
package highwater

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/safeconduct/safeconduct/internal/durable"
	"github.com/safeconduct/safeconduct/internal/strictjson"
	"github.com/safeconduct/safeconduct/verify"
)

// What is told apart of evidence that is refused.
var (
	// ErrSmaller: the log was larger already.
	ErrSmaller = errors.New("is of a smaller log than was seen before")
	// ErrForked: the log had another root at the same size. Both checkpoints
	// together prove that the register shows several logs.
	ErrForked = errors.New("is of another log than was seen before")
	// ErrClock: by the clock, it is earlier than what cosigners have attested already.
	ErrClock = errors.New("the clock was set back")
)

// maxFile bounds the file: a checkpoint with all its cosignatures, and a few words.
const maxFile = 1 << 20

// A Mark is a file with the newest that was seen of one register. It may be used
// concurrently, by several processes too, of which one at a time is let to the file by
// another beside it, with .lock behind its name. The zero Mark keeps nothing, and refuses.
type Mark struct{ name string }

// At returns the mark in a file, which need not be there yet.
func At(name string) *Mark { return &Mark{name} }

// document is the file. It is checked no further than for its form: whoever may write
// it may set the mark.
type document struct {
	Checkpoint  string    `json:"checkpoint"`
	ProvenUntil time.Time `json:"proven_until"`
	Type        string    `json:"type"`
}

const typeOf = "safeconduct/highwater/v1"

// Raise compares evidence that stands with what was seen, and keeps what is newer. now
// is what the verifier's clock says, and never what a request does: whoever may choose
// it puts the mark where no clock gets to for years. It returns [ErrSmaller], [ErrForked] or [ErrClock], wrapped, where the
// evidence is not to be relied on, and another error where the file cannot be read or
// written, is no such file, or is of another register: without it nothing was
// compared.
func (m *Mark) Raise(e *verify.Opened, now time.Time) (err error) {
	if m == nil || m.name == "" {
		return errors.New("compare with what was seen: no file is named")
	}
	if e == nil || e.Tree().N == 0 || now.IsZero() {
		return fmt.Errorf("compare with what %s has seen: evidence that was opened is needed, and the clock", m.name)
	}
	unlock, err := lockedfile.MutexAt(m.name + ".lock").Lock()
	if err != nil {
		return fmt.Errorf("compare with what was seen: %w", err)
	}
	defer unlock()
	seen, err := m.read()
	if err != nil {
		return fmt.Errorf("compare with what was seen, in %s: %w", m.name, err)
	}
	next, err := raised(seen, e, now)
	if err != nil {
		return fmt.Errorf("compare with what was seen, in %s: %w", m.name, err)
	}
	if seen != nil && *next == *seen {
		return nil
	}
	data, err := json.Marshal(next, jsontext.WithIndent("  "))
	if err == nil {
		// A mark that is lost after it was relied on would let less be shown.
		err = durable.WriteFile(m.name, append(data, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("keep what was seen in %s: %w", m.name, err)
	}
	return nil
}

// read returns what the file says, nil where there is none yet.
func (m *Mark) read() (*document, error) {
	// A link would be replaced where it stands, and leave what it leads to behind.
	info, err := os.Lstat(m.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxFile) {
		err = errors.New("it is no file that safeconduct has written")
	}
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(m.name)
	if err != nil {
		return nil, err
	}
	d := new(document)
	if err := strictjson.Unmarshal(data, d, strictjson.Form{MaxBytes: maxFile, Lines: true}); err != nil {
		return nil, fmt.Errorf("it is no file that safeconduct has written: %w", err)
	}
	if d.Type != typeOf {
		return nil, fmt.Errorf("it is of type %q; this version reads %q", d.Type, typeOf)
	}
	return d, nil
}

// raised is what was seen, with the evidence.
func raised(seen *document, e *verify.Opened, now time.Time) (*document, error) {
	next := &document{string(e.SignedCheckpoint()), e.ProvenUntil().UTC(), typeOf}
	// Evidence that was opened as of later than now may have a cosignature of then.
	if next.ProvenUntil.After(now.Add(verify.MaxSkew)) {
		return nil, tooEarly(now, next.ProvenUntil)
	}
	if seen == nil {
		return next, nil
	}
	before, err := verify.ParseCheckpoint([]byte(seen.Checkpoint))
	if err != nil {
		return nil, fmt.Errorf("the checkpoint in it: %w", err)
	}
	tree, after := before.Tree, e.Checkpoint()
	smaller, other := after.Tree.N < tree.N, after.Tree.N == tree.N && after.Tree.Hash != tree.Hash
	switch {
	case after.Origin != before.Origin:
		return nil, fmt.Errorf("it is of the register %q, and the evidence of %q; keep a file for each", before.Origin, after.Origin)
	case smaller:
		return nil, fmt.Errorf("the evidence %w: %d entries, and %d then", ErrSmaller, after.Tree.N, tree.N)
	case other:
		return nil, fmt.Errorf("the evidence %w: at %d entries, one has the root %v and the other %v; both files together prove it", ErrForked, tree.N, after.Tree.Hash, tree.Hash)
	case seen.ProvenUntil.After(now.Add(verify.MaxSkew)):
		return nil, tooEarly(now, seen.ProvenUntil)
	}
	if next.ProvenUntil.Before(seen.ProvenUntil) {
		next.ProvenUntil = seen.ProvenUntil
	}
	if after.Tree.N == tree.N {
		next.Checkpoint = seen.Checkpoint
	}
	return next, nil
}

func tooEarly(now, attested time.Time) error {
	return fmt.Errorf("%w: it says %s, and cosigners have attested %s already", ErrClock, now.UTC().Format(time.RFC3339), attested.UTC().Format(time.RFC3339))
}
