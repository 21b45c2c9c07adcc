package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gorilla/mux"
	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/attest/prose"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/tlogtiles"
	"github.com/safeconduct/safeconduct/registry/trail"
	"github.com/safeconduct/safeconduct/verify"
)

// What the field give of the page of a statement asks for in place of it.
const (
	giveStatement = "statement"
	giveProof     = "proof"
)

// statementPage is what the page of a statement shows.
type statementPage struct {
	trail.Record
	// Untold says that what it comes to is not told, since too much is logged of what
	// it is about.
	Untold bool
	About  about
	// Lead says what it is, Lines all that it says.
	Lead   string
	Lines  []*line
	Hidden []string
	Keys   []signedKey
	// Target and Supersedes are other statements of the issuer, nil for none.
	Of, Before *ref
	Path       *path
	// Bundle is where the log has it.
	Bundle string
}

// Amendable reports whether a new version may begin from it: an approval that no
// newer version has replaced.
func (v *statementPage) Amendable() bool {
	approval := v.Kind == attest.KindEntityApproval || v.Kind == attest.KindDomainApproval
	return approval && !v.Void && v.Standing != nil && v.Standing.State != policy.Superseded
}

// A ref is a statement, and the path of its page; "" where no path leads there.
type ref struct{ Issuer, JTI, Path string }

// refTo is the reference to a statement. Of a path, a jti of dots is a direction.
func refTo(iss, jti string) ref {
	r := ref{Issuer: iss, JTI: jti}
	if jti != "." && jti != ".." {
		r.Path = "/statements/" + url.PathEscape(iss) + "/" + url.PathEscape(jti)
	}
	return r
}

// signedKey is a key that signed.
type signedKey struct {
	trail.SignedKey
	Disregarded bool
}

// statement serves /statements/{issuer}/{jti}.
func (p *Pages) statement(x *exchange) (*page, error) {
	if err := x.read(false, []string{"give"}); err != nil {
		return nil, err
	}
	iss, jti := mux.Vars(x.Request)["issuer"], mux.Vars(x.Request)["jti"]
	if err := cmp.Or(identifier.Authority(iss), identifier.JTI(jti)); err != nil {
		return nil, wrong(http.StatusNotFound, "statement.no_id", err)
	}
	e, err := p.reg.Published()
	if err != nil {
		return nil, err
	}
	r, err := e.Statement(x.Context(), iss, jti)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, wrong(http.StatusNotFound, "statement.unknown", jti, iss)
	}
	if err != nil {
		return nil, err
	}
	leads, err := newPath(e, r)
	if err != nil {
		return nil, err
	}
	v := &statementPage{Path: leads}
	pg := (&page{template: "statement", Title: say("statement.title", jti, iss), Body: v}).at(e)
	switch x.fields["give"] {
	case giveStatement:
		pg.file = &file{iss + "-" + jti + ".jws", "application/jose", r.Statement.Bytes()}
		return pg, nil
	case giveProof:
		pg.file = &file{iss + "-" + jti + ".tlog-proof", "text/plain; charset=utf-8", leads.file(e)}
		return pg, nil
	case "":
	default:
		return nil, wrong(http.StatusBadRequest, "error.unknown_field", "give")
	}
	return pg, v.read(x, p, e, r)
}

// read takes in the statement, with what it comes to now.
func (v *statementPage) read(x *exchange, p *Pages, e *registry.Edition, r policy.Recorded) error {
	c := r.Statement.Claims()
	list, err := e.History(x.Context(), c.Head().Sub, time.Time{}, p.now().Truncate(time.Second))
	if errors.Is(err, verify.ErrTooLarge) {
		v.Untold, err = true, nil
	}
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(list, func(o policy.Recorded) bool { return o.Index == r.Index }); i >= 0 {
		r = list[i]
	}
	v.Record, v.About, v.Lines = trail.NewRecord(r), aboutOf(c.Subjects()), nest(prose.Of(c))
	if len(v.Lines) == 1 {
		// All stands below what it is.
		v.Lead, v.Lines = prose.Of(c)[0].Text, v.Lines[0].Below
	}
	if a, ok := c.(*attest.EntityApproval); ok {
		v.Hidden = a.Hidden()
	}
	for _, k := range v.SignedKeys {
		v.Keys = append(v.Keys, signedKey{k, slices.Contains(r.Disregarded, k.Kid)})
	}
	reference := func(jti string) *ref {
		if jti == "" {
			return nil
		}
		to := refTo(v.Issuer, jti)
		return &to
	}
	v.Of, v.Before = reference(v.Target), reference(v.Supersedes)
	if t, ok := tlogtiles.Tile(tlogtiles.Entries, v.Index/tlogtiles.Width, e.Size()); ok {
		v.Bundle = "/" + tlogtiles.Path(t)
	}
	return nil
}

// A path leads from what is logged to the root of the tree, and has been walked.
type path struct {
	Index, Size int64
	Leaf        tlog.Hash
	Steps       []step
	// Root is what it leads to, the root hash of the checkpoint.
	Root  tlog.Hash
	proof tlog.RecordProof
}

// A step joins the node that the path has come to with its sibling. What they make
// is the next step's, or the root.
type step struct {
	Left, Right node
	Makes       tlog.Hash
	// SiblingLeft says on which side the sibling is.
	SiblingLeft bool
	// From and To are where the path comes from and where it goes on, in parts of a
	// hundred of the width.
	From, To int
}

// A node is a hash of the tree.
type node struct {
	tlog.Hash
	// OnPath tells it from a sibling, and Left which one is hashed first.
	OnPath, Left bool
	// MadeIn is the step that has made it, 0 for what is logged and for siblings.
	MadeIn int
}

// short is the beginning of a hash.
func short(h tlog.Hash) string { return h.String()[:8] + "…" }

// Sibling is what the path has been joined with.
func (s step) Sibling() tlog.Hash {
	if s.SiblingLeft {
		return s.Left.Hash
	}
	return s.Right.Hash
}

// newPath walks from a statement to the root of an edition's checkpoint. It returns
// an error where that is not where the path leads.
func newPath(e *registry.Edition, r policy.Recorded) (*path, error) {
	c, err := verify.ParseCheckpoint(e.Checkpoint())
	if err != nil {
		return nil, err
	}
	p := &path{Index: r.Index, Size: c.Tree.N, Leaf: r.Statement.LeafHash(), Root: c.Tree.Hash}
	if p.proof, err = e.Prove(r.Index); err != nil {
		return nil, err
	}
	if err := tlog.CheckRecord(p.proof, p.Size, p.Root, p.Index, p.Leaf); err != nil {
		return nil, errPath(p.Index, err)
	}
	left, err := leftSiblings(p.Size, p.Index)
	if err != nil {
		return nil, errPath(p.Index, err)
	}
	at := p.Leaf
	for i, sibling := range p.proof {
		own, other := node{Hash: at, OnPath: true, Left: !left[i], MadeIn: i}, node{Hash: sibling, Left: left[i]}
		s := step{Left: own, Right: other, SiblingLeft: left[i], From: leftSlot}
		if s.SiblingLeft {
			s.Left, s.Right, s.From = other, own, rightSlot
		}
		at = tlog.NodeHash(s.Left.Hash, s.Right.Hash)
		s.Makes, s.To = at, middle
		if n := len(p.Steps); n > 0 {
			p.Steps[n-1].To = s.From
		}
		p.Steps = append(p.Steps, s)
	}
	// What is drawn, too, has to lead there.
	if at != p.Root {
		return nil, errPath(p.Index, errors.New("its steps make another root"))
	}
	return p, nil
}

func errPath(index int64, err error) error {
	return fmt.Errorf("the log is damaged: the path from index %d does not lead to the root of its checkpoint: %w", index, err)
}

// Where nodes are drawn, in parts of a hundred of the width.
const (
	leftSlot  = 25
	middle    = 50
	rightSlot = 75
)

// leftSiblings tells of each hash of an inclusion proof whether it goes on the left.
// It has tlog make the proof from marks in place of hashes: a sibling on the left is
// a hash that is stored, of leaves before the one that is proven, and so its mark.
func leftSiblings(size, index int64) ([]bool, error) {
	mark := tlog.Hash{1}
	marks := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, stored := range indexes {
			if level, n := tlog.SplitStoredHashIndex(stored); n<<level < index {
				out[i] = mark
			}
		}
		return out, nil
	})
	proof, err := tlog.ProveRecord(size, index, marks)
	left := make([]bool, len(proof))
	for i, h := range proof {
		left[i] = h == mark
	}
	return left, err
}

// file is the path as a C2SP tlog-proof.
func (p *path) file(e *registry.Edition) []byte {
	out := proof.TLogProof{Index: uint64(p.Index), Checkpoint: e.Checkpoint()}
	for _, h := range p.proof {
		out.Hashes = append(out.Hashes, h)
	}
	return out.Marshal()
}
