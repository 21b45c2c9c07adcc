package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/internal/refusal"
	"github.com/safeconduct/safeconduct/presentation"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/verify"
)

// contract is the served OpenAPI document.
var contract = sync.OnceValues(func() (*openapi3.T, error) {
	for _, text := range []string{jose, jsonLines, "text/event-stream"} {
		openapi3filter.RegisterBodyDecoder(text, textBody)
	}
	openapi3filter.RegisterBodyDecoder(verify.MediaType, openapi3filter.RegisteredBodyDecoder(jsonDoc))
	w := httptest.NewRecorder()
	httpapi.NewHandler(broken{}, httpapi.Options{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	doc, err := openapi3.NewLoader().LoadFromData(w.Body.Bytes())
	if err != nil {
		return nil, err
	}
	return doc, doc.Validate(context.Background())
})

func textBody(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
	b, err := io.ReadAll(body)
	return string(b), err
}

func document(t testing.TB) *openapi3.T {
	t.Helper()
	doc, err := contract()
	if err != nil {
		t.Fatalf("the OpenAPI document: %v", err)
	}
	return doc
}

// described finds the path of the document that a request is for.
func described(doc *openapi3.T, u *url.URL) (path string, item *openapi3.PathItem, params map[string]string) {
	for _, path := range doc.Paths.InMatchingOrder() {
		form, names := regexp.QuoteMeta(path), []string{}
		for _, m := range regexp.MustCompile(`\\\{(\w+)\\\}`).FindAllStringSubmatch(form, -1) {
			names = append(names, m[1])
			one := `([^/]+)`
			if m[1] == "tile" {
				one = `(.+)` // OpenAPI has no word for a path with slashes
			}
			form = strings.Replace(form, m[0], one, 1)
		}
		found := regexp.MustCompile("^" + form + "$").FindStringSubmatch(u.EscapedPath())
		if found == nil {
			continue
		}
		params := make(map[string]string)
		for i, name := range names {
			params[name], _ = url.PathUnescape(found[i+1])
		}
		return path, doc.Paths.Value(path), params
	}
	return "", nil, nil
}

var strict = &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true, SkipSettingDefaults: true}

// conforms holds an exchange against the document: what it forbids to ask is
// refused, and what is answered is as it says.
func conforms(t testing.TB, req *http.Request, body string, r reply) {
	t.Helper()
	if beside(req, r) {
		return
	}
	doc := document(t)
	path, item, params := described(doc, req.URL)
	method := req.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if item == nil || item.GetOperation(method) == nil {
		want := http.StatusNotFound
		if item != nil {
			want = http.StatusMethodNotAllowed
		}
		if r.status != want {
			t.Errorf("%s %s is not in the OpenAPI document, and answered with %d", req.Method, req.URL, r.status)
		}
		if req.Method != http.MethodHead {
			matches(t, doc.Components.Schemas["Problem"].Value, r.body)
		}
		return
	}
	asked := req.Clone(req.Context())
	asked.Body = io.NopCloser(strings.NewReader(body))
	in := &openapi3filter.RequestValidationInput{
		Request: asked, PathParams: params, QueryParams: asked.URL.Query(), Options: strict,
		Route: &routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: item.GetOperation(method)},
	}
	// What is refused may be anything: why it is forbidden, of what is nested deeply, takes seconds to tell.
	if r.status < 300 {
		if err := openapi3filter.ValidateRequest(req.Context(), in); err != nil {
			t.Errorf("%s %s is answered with %d, and the OpenAPI document forbids to ask it: %v", req.Method, req.URL, r.status, err)
		}
	}
	if req.Method == http.MethodHead {
		return
	}
	if r.header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(r.body))
		if err == nil {
			r.body, err = io.ReadAll(z)
		}
		if err != nil {
			t.Errorf("%s %s: unpack: %v", req.Method, req.URL, err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: r.status, Header: r.header, Options: strict}
	out.SetBodyBytes(r.body)
	if err := openapi3filter.ValidateResponse(req.Context(), out); err != nil {
		t.Errorf("%s %s: the answer %d is not as the OpenAPI document says: %v\n%.2000s", req.Method, req.URL, r.status, err, r.body)
	}
	conformingItems(t, item.GetOperation(method), r)
}

// beside reports whether an exchange is none of the API: a browser's question before
// it asks, what Prometheus reads, and what other handlers answer.
func beside(req *http.Request, r reply) bool {
	path := req.URL.EscapedPath()
	return req.Method == http.MethodOptions && r.status == http.StatusNoContent ||
		(path == "/metrics" || path == "/add-checkpoint") && r.status != http.StatusNotFound
}

// conformingItems holds each line or event against the schema of its kind.
func conformingItems(t testing.TB, op *openapi3.Operation, r reply) {
	t.Helper()
	media, _, _ := mime.ParseMediaType(r.header.Get("Content-Type"))
	if r.status != http.StatusOK || media != jsonLines {
		return
	}
	schema := itemSchema(t, op.Responses.Status(r.status).Value.Content[media])
	for line := range bytes.Lines(r.body) {
		matches(t, schema, line)
	}
}

// itemSchema is what a media type of many documents says of each.
func itemSchema(t testing.TB, m *openapi3.MediaType) *openapi3.Schema {
	t.Helper()
	data, err := json.Marshal(m.Schema.Extensions["x-item-schema"])
	if err == nil && string(data) == "null" {
		data, err = json.Marshal(m.Extensions["x-item-schema"])
	}
	ref := new(openapi3.SchemaRef)
	if err := errors.Join(err, json.Unmarshal(data, ref)); err != nil || string(data) == "null" {
		t.Fatalf("x-item-schema %s: %v", data, err)
	}
	resolve := func(r *openapi3.SchemaRef) {
		if name, ok := strings.CutPrefix(r.Ref, "#/components/schemas/"); ok {
			r.Value = document(t).Components.Schemas[name].Value
		}
	}
	resolve(ref)
	if ref.Ref == "" {
		for _, r := range ref.Value.OneOf {
			resolve(r)
		}
	}
	return ref.Value
}

func matches(t testing.TB, schema *openapi3.Schema, doc []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		t.Errorf("%v in %.500s", err, doc)
	} else if err := schema.VisitJSON(v); err != nil {
		t.Errorf("not as the OpenAPI document says: %v\n%.2000s", err, doc)
	}
}

func TestRouterAndDocumentAgree(t *testing.T) {
	doc := document(t)
	type described struct {
		Accepts string
		Params  []string
	}
	got, want := make(map[string]described), make(map[string]described)
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			d := described{Params: []string{}}
			if op.RequestBody != nil {
				for media := range op.RequestBody.Value.Content {
					d.Accepts += media
				}
			}
			var inPath []string
			for _, p := range slices.Concat(item.Parameters, op.Parameters) {
				switch p.Value.In {
				case openapi3.ParameterInQuery:
					d.Params = append(d.Params, p.Value.Name)
				case openapi3.ParameterInPath:
					inPath = append(inPath, "{"+p.Value.Name+"}")
				}
			}
			if named := regexp.MustCompile(`\{\w+\}`).FindAllString(path, -1); !slices.Equal(named, inPath) {
				t.Errorf("%s has the parameters %q in its path, and describes %q", path, named, inPath)
			}
			if op.OperationID == "" || op.Summary == "" {
				t.Errorf("%s %s has no operationId or summary", method, path)
			}
			got[method+" "+path] = d
		}
	}
	for _, r := range httpapi.Routes() {
		want[r.Method+" "+strings.ReplaceAll(r.Path, ":.*}", "}")] = described{r.Accepts, append([]string{}, r.Params...)}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the document differs (-router +document):\n%s", diff)
	}
}

// Whoever reads a problem finds every word of it in the document, a gate's too.
func TestTheDocumentHasEveryWordThatProblemsUse(t *testing.T) {
	listed := func(member string) []string {
		var out []string
		for _, v := range document(t).Components.Schemas["Problem"].Value.Properties[member].Value.Enum {
			out = append(out, fmt.Sprint(v))
		}
		return out
	}
	var types []string
	for _, k := range refusal.Kinds() {
		if k.Title() == "" {
			t.Errorf("%s has no title", k)
		}
		types = append(types, k.Type())
	}
	if diff := cmp.Diff(types, listed("type")); diff != "" {
		t.Errorf("types (-used +document):\n%s", diff)
	}
	if diff := cmp.Diff(slices.Concat(verify.Steps(), presentation.Steps()), listed("step")); diff != "" {
		t.Errorf("steps (-used +document):\n%s", diff)
	}
}

// The examples are of the register that newJointSandbox makes.
func TestTheExamplesOfTheDocumentWork(t *testing.T) {
	s := newJointSandbox(t)
	doc := document(t)
	for path, item := range doc.Paths.Map() {
		if path == "/v1/presentations" {
			continue // what answers a challenge is no example: see TestAPresentationThatAnswersAChallengeIsOpenedOnce
		}
		for method, op := range item.Operations() {
			query := url.Values{}
			at := path
			for _, p := range op.Parameters {
				if p.Value.Example == nil {
					if p.Value.Required {
						t.Errorf("%s %s has no example of %s", method, path, p.Value.Name)
					}
					continue
				}
				text, err := json.Marshal(p.Value.Example)
				if err != nil {
					t.Fatal(err)
				}
				value := strings.Trim(string(text), `"`)
				if p.Value.In == openapi3.ParameterInPath {
					at = strings.ReplaceAll(at, "{"+p.Value.Name+"}", value)
				} else {
					query.Set(p.Value.Name, value)
				}
			}
			if len(query) > 0 {
				at += "?" + query.Encode()
			}
			var media, body string
			if op.RequestBody != nil {
				for m, c := range op.RequestBody.Value.Content {
					media = m
					if text, ok := c.Example.(string); ok {
						body = text
					} else if c.Example != nil {
						b, err := json.Marshal(c.Example)
						if err != nil {
							t.Fatal(err)
						}
						body = string(b)
					}
				}
			}
			r := do(t, method, s.url+at, media, body)
			if r.status != http.StatusOK {
				t.Errorf("the example %s %s %s is answered with %d %s", method, at, body, r.status, r.body)
			}
			if media == jsonLines && strings.Contains(string(r.body), `"problem"`) {
				t.Errorf("the example %s %s has %s", method, at, r.body)
			}
			if strings.HasPrefix(at, "/v1/entities?") && !strings.Contains(string(r.body), `"found":[{`) {
				t.Errorf("the example %s finds nothing: %s", at, r.body)
			}
		}
	}
}
