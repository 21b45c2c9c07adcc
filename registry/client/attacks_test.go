package client_test

import (
	"compress/gzip"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/client"
	"github.com/safeconduct/safeconduct/verify"
)

// TestAnAnswerThatIsNotTheRegistersDecidesNothing: by the numbers of docs/attacks.md,
// from whoever stands between client and register.
func TestAnAnswerThatIsNotTheRegistersDecidesNothing(t *testing.T) {
	permit := func(status int, contentType string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{"decision":"PERMIT","status":200,"title":"PERMIT"}`))
		}
	}
	for name, serve := range map[string]http.HandlerFunc{
		"59 a refusal that says PERMIT":     permit(403, "application/json"),
		"59 a problem that says PERMIT":     permit(422, "application/problem+json"),
		"59 a gateway that says PERMIT":     permit(502, "text/html"),
		"59 a fault that says PERMIT":       permit(500, "application/json"),
		"59 something partial that says it": permit(206, "application/json"),
		"59 something old that says it":     permit(203, "application/json"),
		"59 something created that says it": permit(201, "application/json"),
		"59 a redirect that says PERMIT":    permit(302, "application/json"),
		"59 a page that logs in":            func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>PERMIT</html>")) },
		"59 nothing at all":                 func(http.ResponseWriter, *http.Request) {},
		"59 half a decision":                func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"decision":"PERMIT"`)) },
		"59 a decision in another case":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"decision":"permit"}`)) },
		"59 two decisions": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"decision":"DENY","decision":"PERMIT"}`))
		},
		"59 a decision and something after it": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"decision":"PERMIT"}{}`)) },
		"54 a gigabyte in a megabyte": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			spaces := []byte(strings.Repeat(" ", 1<<20))
			for range 1 << 10 {
				if _, err := z.Write(spaces); err != nil {
					return // the client has heard enough
				}
			}
			_, _ = z.Write([]byte(`{"decision":"PERMIT"}`))
			_ = z.Close()
		},
		"54 gzip that ends in the middle": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff})
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := answering(t, serve)
			d, _, err := c.Check(t.Context(), []byte(request), false)
			if d != nil || err == nil {
				t.Errorf("it was decided: %+v", d)
			}
			if p, ok := errors.AsType[*client.Problem](err); ok && p.Status == 200 {
				t.Errorf("the problem takes the body's word for its status: %v", p)
			}
			if evidence, err := c.Evidence(t.Context(), []byte(request)); err == nil && len(evidence) > verify.MaxEvidence {
				t.Errorf("%d bytes were taken", len(evidence))
			}
		})
	}
	if (&policy.Decision{}).Permitted() {
		t.Error("a zero decision permits")
	}
}
