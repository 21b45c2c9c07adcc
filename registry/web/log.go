package web

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/trail"
	"github.com/safeconduct/safeconduct/verify"
)

// maxListed is how many statements a page of the log has at most.
const maxListed = 50

// staleAge is the age from which a cosignature is told to be old. A register has its
// checkpoint cosigned anew about every minute, while anybody asks it.
const staleAge = time.Hour

// logPage is what the page of the log shows.
type logPage struct {
	// Checkpoint is the signed note, what is to be escaped in it escaped; "" where
	// nothing is published yet, and there is nothing else then.
	Checkpoint string
	Origin     string
	Size       int64
	RootHash   string
	Time       time.Time
	Signatures []signature
	Growth     *growth
	Recent     []entry
	// Before is the index that was asked for, 0 for the newest; then only what is
	// recent is shown. Next is the one to go on from, 0 where there is nothing before.
	Before, Next int64
}

// An entry is a statement in the list.
type entry struct {
	trail.Record
	About about
}

// signature is a line of the checkpoint, or the lack of one, as it is shown.
type signature struct {
	verify.SignatureLine
	// Age is how old a cosignature is, in words.
	Age string
	status
}

// log serves /log.
func (p *Pages) log(x *exchange) (*page, error) {
	if err := x.read(false, []string{"before"}); err != nil {
		return nil, err
	}
	v := new(logPage)
	pg := &page{template: "log", Title: say("log.title"), Here: "/log", Body: v}
	if given, ok := x.fields["before"]; ok {
		var err error
		if v.Before, err = verify.ParseSize(given); err != nil || v.Before == 0 {
			return nil, wrong(http.StatusBadRequest, "error.cursor")
		}
	}
	e, err := p.reg.Published()
	if errors.Is(err, registry.ErrNoRoot) {
		return pg, nil
	}
	if err != nil {
		return nil, err
	}
	if err := v.read(x, p, e); err != nil {
		return nil, err
	}
	return pg.at(e), nil
}

func (v *logPage) read(x *exchange, p *Pages, e *registry.Edition) error {
	c, err := verify.ParseCheckpoint(e.Checkpoint())
	if err != nil {
		return err
	}
	v.Checkpoint, v.Origin, v.Size, v.RootHash, v.Time = lineByLine(e.Checkpoint()), c.Origin, c.Tree.N, c.Tree.Hash.String(), e.Time()
	before := v.Before
	if before == 0 {
		before = e.Size()
	}
	recent, next, err := e.Recent(x.Context(), before, maxListed)
	if err != nil {
		return err
	}
	v.Next = next
	for _, r := range recent {
		v.Recent = append(v.Recent, entry{trail.NewRecord(r), aboutOf(r.Statement.Claims().Subjects())})
	}
	if v.Before != 0 {
		return nil
	}
	lines, err := e.Signatures()
	if err != nil {
		return err
	}
	now := p.now()
	for _, l := range lines {
		v.Signatures = append(v.Signatures, signatureOf(l, now))
	}
	v.Growth, err = p.growth.of(x.Context(), e)
	return err
}

// lineByLine is a signed note as it stands, but for what could be read as something
// else, which a name may have.
func lineByLine(note []byte) string {
	lines := strings.Split(strings.TrimSuffix(string(note), "\n"), "\n")
	for i, l := range lines {
		lines[i] = plain(l)
	}
	return strings.Join(lines, "\n")
}

// signatureOf says what a line is worth, in a word.
func signatureOf(l verify.SignatureLine, now time.Time) signature {
	s := signature{SignatureLine: l}
	word := func(look, key string) { s.status = status{say(key), say(key + ".means"), look} }
	switch {
	case l.State == verify.SignatureFalse:
		word("bad", "signature.false")
	case l.State == verify.SignatureMissing && l.Log:
		word("bad", "signature.no_log")
	case l.State == verify.SignatureMissing:
		word("wait", "signature.none")
	case l.State != verify.SignatureGood:
		word("past", "signature.unlisted")
	case l.Log:
		word("good", "signature.good")
	default:
		s.Age = age(now.Sub(l.Time))
		switch old := now.Sub(l.Time); {
		case old < -verify.MaxSkew:
			word("bad", "signature.ahead")
		case old > staleAge:
			word("wait", "signature.old")
		default:
			word("good", "signature.good")
		}
	}
	return s
}

// age is a time that has passed, in words. Clocks differ by some minutes.
func age(d time.Duration) string {
	switch n := func(unit time.Duration) int64 { return int64(d / unit) }; {
	case d < -verify.MaxSkew:
		return say("age.ahead", int64(-d/time.Minute))
	case n(time.Minute) < 1:
		return say("age.now")
	case n(time.Minute) == 1:
		return say("age.minute")
	case n(time.Hour) < 1:
		return say("age.minutes", n(time.Minute))
	case n(time.Hour) == 1:
		return say("age.hour")
	case n(time.Hour) < 48:
		return say("age.hours", n(time.Hour))
	default:
		return say("age.days", n(24*time.Hour))
	}
}

// about is what a statement is about.
type about struct {
	Places []subject
	// More is how many others are left out.
	More int
}

// A subject is a subject, and the page of what it is, "" for none.
type subject struct{ Text, Path string }

// aboutOf names what subjects are, each once, the first three.
func aboutOf(subjects []string) about {
	var a about
	seen := make(map[subject]bool)
	for _, s := range subjects {
		is := subjectLink(s)
		switch {
		case seen[is]:
		case len(a.Places) == 3:
			a.More++
		default:
			a.Places = append(a.Places, is)
		}
		seen[is] = true
	}
	return a
}

func subjectLink(s string) subject {
	kind, rest, _ := strings.Cut(s, ":")
	switch kind + ":" {
	case attest.EntitySubject(""):
		id, _, _ := strings.Cut(rest, "/")
		return subject{id, "/entities/" + id}
	case attest.SandboxSubject(""):
		return subject{rest, "/sandboxes/" + rest}
	}
	if s == attest.RootSubject {
		return subject{Text: say("log.trust_root")}
	}
	return subject{Text: s}
}
