package web

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/safeconduct/safeconduct/registry/httpapi"
)

// apiDocument is the OpenAPI document, as it is read by people.
type apiDocument struct {
	Title string
	About [][]apiSpan
	// Groups are the routes by their tags, Schemas what bodies are made of.
	Groups  []*apiGroup
	Schemas []*apiShape
}

type apiGroup struct {
	ID, Name string
	About    []apiSpan
	Routes   []*apiRoute
}

// An apiRoute is a method of a path.
type apiRoute struct {
	// ID is its operationId.
	ID, Method, Path, Summary string
	About                     [][]apiSpan
	Params                    []apiParam
	Bodies                    []apiBody
	Answers                   []apiAnswer
}

type apiParam struct {
	// In is query, path or header.
	Name, In string
	Required bool
	Shape    *apiShape
	// Example is that of the document, "" where it has none.
	Example string
}

// An apiBody is a body of a media type.
type apiBody struct {
	Type  string
	Shape *apiShape
	// Line is the shape of each line or event, nil where it has no such.
	Line *apiShape
}

// An apiAnswer is one with a status, or with one of several.
type apiAnswer struct {
	Status string
	About  []apiSpan
	Bodies []apiBody
}

// An apiShape is a schema in words.
type apiShape struct {
	// Name is that of the member or of the schema, "" for what has none.
	Name     string
	Required bool
	Type     string
	// Ref is the schema that it is, Of what each element is of a list of one.
	Ref, Of string
	// Form is a regular expression, Values are all that it may be.
	Form   string
	Values []string
	About  []apiSpan
	Below  []*apiShape
}

// An apiSpan is text of the document, which sets code between back quotes.
type apiSpan struct {
	Text string
	Code bool
}

func spans(text string) (out []apiSpan) {
	for i, part := range strings.Split(strings.TrimSpace(text), "`") {
		if part != "" {
			out = append(out, apiSpan{part, i%2 == 1})
		}
	}
	return out
}

func paragraphs(text string) (out [][]apiSpan) {
	for p := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if p != "" {
			out = append(out, spans(p))
		}
	}
	return out
}

// apiDoc is read once: it is in the binary.
var apiDoc = readAPI(httpapi.OpenAPI())

func readAPI(doc []byte) *apiDocument {
	var n yaml.Node
	if err := yaml.Unmarshal(doc, &n); err != nil {
		panic(err) // it is in the binary
	}
	return apiReader{apiNode{n.Content[0]}}.document()
}

// An apiReader reads a document that is our own.
type apiReader struct{ root apiNode }

// An apiNode is a value of it, or none.
type apiNode struct{ *yaml.Node }

// members are those of an object, in order.
func (n apiNode) members() iter.Seq2[string, apiNode] {
	return func(yield func(string, apiNode) bool) {
		if n.Node == nil || n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i < len(n.Content); i += 2 {
			if !yield(n.Content[i].Value, apiNode{n.Content[i+1]}) {
				return
			}
		}
	}
}

// member is what stands under these names, none where nothing does.
func (n apiNode) member(names ...string) apiNode {
	for _, want := range names {
		next := apiNode{}
		for name, value := range n.members() {
			if name == want {
				next = value
			}
		}
		n = next
	}
	return n
}

// text is a scalar under these names, "" where there is none.
func (n apiNode) text(names ...string) string {
	if n = n.member(names...); n.Node != nil && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return ""
}

// elements are those of a list under these names.
func (n apiNode) elements(names ...string) (out []apiNode) {
	if n = n.member(names...); n.Node != nil && n.Kind == yaml.SequenceNode {
		for _, e := range n.Content {
			out = append(out, apiNode{e})
		}
	}
	return out
}

// resolve follows a reference to anything but a schema.
func (r apiReader) resolve(n apiNode) apiNode {
	if ref := n.text("$ref"); ref != "" {
		return r.root.member(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	return n
}

func (r apiReader) document() *apiDocument {
	d := &apiDocument{Title: r.root.text("info", "title") + " " + r.root.text("info", "version"), About: paragraphs(r.root.text("info", "description"))}
	groups := make(map[string]*apiGroup)
	for _, t := range r.root.elements("tags") {
		g := &apiGroup{ID: "api-" + strings.ReplaceAll(t.text("name"), " ", "-"), Name: t.text("name"), About: spans(t.text("description"))}
		groups[g.Name] = g
		d.Groups = append(d.Groups, g)
	}
	for path, methods := range r.root.member("paths").members() {
		for method, operation := range methods.members() {
			rt := r.route(strings.ToUpper(method), path, operation)
			tag := operation.elements("tags")[0].Value
			groups[tag].Routes = append(groups[tag].Routes, rt)
		}
	}
	for name, schema := range r.root.member("components", "schemas").members() {
		s := r.shape(schema)
		s.Name = name
		d.Schemas = append(d.Schemas, s)
	}
	return d
}

func (r apiReader) route(method, path string, operation apiNode) *apiRoute {
	rt := &apiRoute{ID: operation.text("operationId"), Method: method, Path: path, Summary: operation.text("summary"), About: paragraphs(operation.text("description"))}
	for _, p := range operation.elements("parameters") {
		param := apiParam{Name: p.text("name"), In: p.text("in"), Required: p.text("required") == "true", Shape: r.shape(p.member("schema")), Example: p.text("example")}
		if about := p.text("description"); about != "" {
			param.Shape.About = spans(about)
		}
		rt.Params = append(rt.Params, param)
	}
	rt.Bodies = r.bodies(r.resolve(operation.member("requestBody")))
	same := "" // what the answer before refers to
	for status, response := range operation.member("responses").members() {
		ref := response.text("$ref")
		if ref != "" && ref == same {
			rt.Answers[len(rt.Answers)-1].Status += ", " + status
			continue
		}
		same, response = ref, r.resolve(response)
		rt.Answers = append(rt.Answers, apiAnswer{status, spans(response.text("description")), r.bodies(response)})
	}
	return rt
}

func (r apiReader) bodies(of apiNode) (out []apiBody) {
	for media, content := range of.member("content").members() {
		b := apiBody{Type: media, Shape: r.shape(content.member("schema"))}
		if line := content.member("x-item-schema"); line.Node != nil {
			b.Line = r.shape(line)
		}
		out = append(out, b)
	}
	return out
}

// apiBounds are members of a schema that bound what it is of, and how that is said.
var apiBounds = []struct{ key, member string }{
	{"api.minimum", "minimum"},
	{"api.maximum", "maximum"},
	{"api.min_length", "minLength"},
	{"api.max_length", "maxLength"},
	{"api.min_items", "minItems"},
	{"api.max_items", "maxItems"},
	{"api.default", "default"},
}

// apiCombined are members of a schema that make it of others.
var apiCombined = []struct{ key, member string }{{"api.one_of", "oneOf"}, {"api.one_of", "anyOf"}, {"api.all_of", "allOf"}}

// shape says a schema in words.
func (r apiReader) shape(n apiNode) *apiShape {
	if ref := n.text("$ref"); ref != "" {
		return &apiShape{Ref: ref[strings.LastIndexByte(ref, '/')+1:]}
	}
	s := &apiShape{Type: n.text("type"), Form: n.text("pattern"), About: spans(n.text("description"))}
	for _, v := range n.elements("enum") {
		if v.Tag != "!!null" {
			s.Values = append(s.Values, v.Value)
		}
	}
	parts := []string{s.Type}
	if s.Type == "" {
		parts = nil
	}
	for _, b := range apiBounds {
		if v := n.text(b.member); v != "" {
			parts = append(parts, say(b.key, v))
		}
	}
	for _, c := range apiCombined {
		list := n.elements(c.member)
		for _, a := range list {
			s.Below = append(s.Below, r.shape(a))
		}
		if len(list) > 0 {
			parts = append(parts, say(c.key))
		}
	}
	if items := n.member("items"); items.Node != nil {
		of := r.shape(items)
		if s.Of = of.Ref; of.Ref == "" {
			s.Below = append(s.Below, of)
		}
	}
	if n.text("nullable") == "true" {
		parts = append(parts, say("api.nullable"))
	}
	if n.text("additionalProperties") == "true" {
		parts = append(parts, say("api.open"))
	}
	s.Type = strings.Join(parts, ", ")
	r.properties(s, n)
	return s
}

func (r apiReader) properties(s *apiShape, n apiNode) {
	var required []string
	for _, m := range n.elements("required") {
		required = append(required, m.Value)
	}
	for name, schema := range n.member("properties").members() {
		m := r.shape(schema)
		m.Name, m.Required = name, slices.Contains(required, name)
		s.Below = append(s.Below, m)
	}
}

// apiPage is what the page of the API shows.
type apiPage struct {
	*apiDocument
	// Lines are those to try each route with, by its id.
	Lines map[string]apiLine
	// Unknown says that no entity, or no sandbox, is logged to take examples from.
	Unknown bool
}

// api serves /api.
func (p *Pages) api(x *exchange) (*page, error) {
	if err := x.read(false, nil); err != nil {
		return nil, err
	}
	ex, err := p.examples(x)
	if err != nil {
		return nil, err
	}
	v := &apiPage{apiDoc, make(map[string]apiLine), ex.noEntity || ex.noSandbox}
	for _, g := range apiDoc.Groups {
		for _, rt := range g.Routes {
			if v.Lines[rt.ID], err = ex.line(rt); err != nil {
				return nil, fmt.Errorf("show how to ask %s %s: %w", rt.Method, rt.Path, err)
			}
		}
	}
	return &page{template: "api", Title: say("api.title"), Here: "/api", Body: v}, nil
}
