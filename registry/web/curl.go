package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry/finder"
)

// An apiLine asks a route by curl.
type apiLine struct {
	Line string
	// Note is what to know of it, "" for nothing. Unfit says that it is refused until
	// whoever asks has put something of their own in its place.
	Note  string
	Unfit bool
}

// examples are what the lines ask about: what this register has, where it has any.
type examples struct {
	base            string
	now             time.Time
	entity, sandbox string
	// from is another entity, or the same where there is no other.
	from        string
	issuer, jti string
	size        int64
	// noEntity and noSandbox say that none is known, so that the id is made up.
	noEntity, noSandbox bool
}

// examples looks for them.
func (p *Pages) examples(x *exchange) (*examples, error) {
	ex := &examples{
		base: cmp.Or(x.base(), "https://register.example"), now: p.now().UTC().Truncate(time.Second),
		issuer: "root", jti: "root-1",
	}
	if root := p.reg.Root(); root != nil {
		ex.jti = root.Root().JTI
	}
	if e, err := p.reg.Published(); err == nil {
		ex.size = e.Size()
	}
	err := ex.find(x.Context(), p.finder)
	if ex.noSandbox = ex.sandbox == ""; ex.noSandbox {
		ex.sandbox = "SBX-UCOMMS"
	}
	if ex.noEntity = ex.entity == ""; ex.noEntity {
		ex.from, ex.entity = "lei:999900HALCYONMAR0134", "lei:999900VARUNADEEP0174"
	}
	if errors.Is(err, finder.ErrBuilding) {
		err = nil
	}
	return ex, err
}

// find finds a sandbox and two entities: the first ones, which costs the least.
func (ex *examples) find(ctx context.Context, f *finder.Finder) error {
	sandboxes, err := f.Sandboxes(ctx, finder.Query{Limit: 1, Now: ex.now})
	if err != nil {
		return err
	}
	if len(sandboxes.Found) > 0 {
		ex.sandbox = sandboxes.Found[0].ID
	}
	entities, err := f.Entities(ctx, finder.Query{Limit: 2, Now: ex.now})
	if err == nil && len(entities.Found) > 0 {
		ex.known(entities.Found)
	}
	return err
}

// known takes them from what was found.
func (ex *examples) known(found []finder.Entity) {
	last := found[len(found)-1]
	ex.from, ex.entity = found[0].ID, last.ID
	if grants := slices.Concat(last.Approvals, last.Registrations); len(grants) > 0 {
		ex.issuer, ex.jti = grants[0].Issuer, grants[0].JTI
	}
}

// request is a request document.
func (ex *examples) request() map[string]any {
	return map[string]any{
		"effective_at": ex.now.Format(time.RFC3339), "sandbox": ex.sandbox, "act": "export", "transferor": ex.from, "transferee": ex.entity,
	}
}

// line says how to ask a route. A route that needs a word of its own has it here; of
// others, the document has what is needed.
func (ex *examples) line(rt *apiRoute) (apiLine, error) {
	at := ex.base + ex.path(rt)
	switch rt.ID {
	case "submitStatement":
		return apiLine{Line: "curl -s " + quoted(ex.base+"/v1/trust-root") + " | curl -H 'Content-Type: application/jose' --data-binary @- " + quoted(at), Note: say("api.note_submit")}, nil
	case "checkBatch":
		one, err := json.Marshal(ex.request())
		return apiLine{Line: "curl -H 'Content-Type: application/jsonl' --data-binary " + quoted(string(one)+"\n"+string(one)+"\n") + " " + quoted(at)}, err
	case "challenge":
		return apiLine{Line: "curl -X POST " + quoted(at)}, nil
	case "present":
		return ex.post(at, map[string]any{"audience": "example", "nonce": "of /v1/challenges", "presentation": map[string]any{}, "request": ex.request()}, say("api.note_present"))
	case "foresee":
		return ex.post(at, map[string]any{"root": map[string]any{}}, say("api.note_foresee"))
	case "histories":
		return ex.post(at, map[string]any{"subjects": []string{ex.subject()}}, "")
	case "tile":
		return apiLine{Line: "curl -o tile " + quoted(at)}, nil
	}
	if rt.Method == http.MethodGet {
		l := apiLine{Line: "curl " + quoted(at)}
		if ex.noEntity && strings.HasSuffix(rt.Path, "/entities/{id}") || ex.noSandbox && strings.HasSuffix(rt.Path, "/sandboxes/{id}") {
			l.Note, l.Unfit = say("api.note_none"), true
		}
		return l, nil
	}
	return ex.post(at, ex.request(), "")
}

// post asks with a body. With a note, it is one that is not fit to be asked with.
func (ex *examples) post(at string, body any, note string) (apiLine, error) {
	b, err := json.Marshal(body)
	return apiLine{"curl -H 'Content-Type: application/json' -d " + quoted(string(b)) + " " + quoted(at), note, note != ""}, err
}

// path is the path of a route, with its query: what must be given, and of the rest
// what the document has an example of.
func (ex *examples) path(rt *apiRoute) string {
	path, query := rt.Path, url.Values{}
	for _, p := range rt.Params {
		value := ex.value(rt, p)
		switch {
		case p.In == "path":
			path = strings.Replace(path, "{"+p.Name+"}", value, 1)
		case p.In == "query" && (p.Required || p.Example != ""):
			query.Set(p.Name, value)
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path
}

// value is that of a parameter.
func (ex *examples) value(rt *apiRoute, p apiParam) string {
	switch {
	case p.Name == "id" && strings.Contains(rt.Path, "/entities/"):
		return ex.entity
	case p.Name == "id":
		return ex.sandbox
	case p.Name == "issuer":
		return ex.issuer
	case p.Name == "jti":
		return ex.jti
	case p.Name == "size":
		return strconv.FormatInt(ex.size, 10)
	case p.Name == "tile":
		return ex.tile()
	case p.Name == "subject":
		return ex.subject()
	case p.Name == "at":
		return ex.now.Format(time.RFC3339)
	case p.Name == "q" && strings.Contains(rt.Path, "sandboxes"):
		return ex.sandbox
	case p.Name == "q":
		_, value, _ := strings.Cut(ex.entity, ":")
		return value
	}
	return p.Example
}

// subject is what there is a history of: the trust root's always is there.
func (ex *examples) subject() string {
	if ex.noEntity {
		return "root"
	}
	return attest.EntitySubject(ex.entity)
}

// tile is the path of the first one.
func (ex *examples) tile() string {
	if ex.size < 256 {
		return fmt.Sprintf("0/000.p/%d", max(1, ex.size))
	}
	return "0/000"
}

// quoted is a word of a shell (POSIX).
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
