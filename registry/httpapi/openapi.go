package httpapi

import (
	"bytes"
	_ "embed"
	"fmt"
	"net/http"
	"sync"

	"github.com/go-json-experiment/json"
	"go.yaml.in/yaml/v3"
)

// openapiYAML describes every route, for people who read it in the repository.
//
//go:embed openapi.yaml
var openapiYAML []byte

// OpenAPI returns the document that describes every route: OpenAPI 3.0, as YAML, with
// its members in the order in which people read them.
func OpenAPI() []byte { return bytes.Clone(openapiYAML) }

// openapiJSON is the same document, for those who are served it.
var openapiJSON = sync.OnceValues(func() ([]byte, error) {
	var doc map[string]any
	if err := yaml.Unmarshal(openapiYAML, &doc); err != nil {
		return nil, fmt.Errorf("read the embedded OpenAPI document: %w", err)
	}
	return json.Marshal(doc, json.Deterministic(true))
})

// openapi serves GET /openapi.json.
func (h *handler) openapi(*http.Request, []byte) (answer, error) {
	doc, err := openapiJSON()
	if err != nil {
		return answer{}, err
	}
	return answer{contentType: "application/json", cache: minutes, body: doc}, nil
}
