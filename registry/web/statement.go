package web

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gorilla/mux"

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
	Target, Supersedes *ref
	Path               *path
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
	v.Target, v.Supersedes = reference(v.Record.Target), reference(v.Record.Supersedes)
	if t, ok := tlogtiles.Tile(tlogtiles.Entries, v.Index/tlogtiles.Width, e.Size()); ok {
		v.Bundle = "/" + tlogtiles.Path(t)
	}
	return nil
}
