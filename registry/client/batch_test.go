package client_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/client"
)

// batch collects what a batch yields.
func batch(t *testing.T, c *client.Client, requests ...string) (all []client.Checked, last error) {
	t.Helper()
	docs := make([][]byte, len(requests))
	for i, r := range requests {
		docs[i] = []byte(r)
	}
	for a, err := range c.CheckBatch(t.Context(), docs) {
		if last != nil {
			t.Errorf("behind an error it yields %+v", a)
		}
		if last = err; err == nil {
			all = append(all, a)
		}
	}
	return all, last
}

func TestEachRequestOfABatchIsAnsweredInItsPlace(t *testing.T) {
	_, c := newRegister(t)
	alone, _, err := c.Check(t.Context(), []byte(request), false)
	if err != nil {
		t.Fatal(err)
	}
	// One is written on several lines, one is none.
	all, err := batch(t, c, request, strings.ReplaceAll(request, ",", ",\n"), "{}", request)
	if err != nil || len(all) != 4 {
		t.Fatalf("answers %+v, %v", all, err)
	}
	for i, a := range all {
		if i == 2 {
			if a.Decision != nil || a.Problem == nil || a.Problem.Status != http.StatusUnprocessableEntity {
				t.Errorf("answer 3: %+v", a)
			}
			continue
		}
		if a.Problem != nil || a.Decision == nil || a.Decision.Decision != alone.Decision {
			t.Errorf("answer %d: %+v, %v", i+1, a.Decision, a.Problem)
		}
	}
	if all, err := batch(t, c, request, `{"a":`); err == nil || len(all) != 0 || !strings.Contains(err.Error(), "request 2") {
		t.Errorf("a request that is no JSON: %+v, %v", all, err)
	}
	if all, err := batch(t, c); err != nil || len(all) != 0 {
		t.Errorf("no requests: %+v, %v", all, err)
	}
	for a, err := range c.CheckBatch(t.Context(), [][]byte{[]byte(request), []byte(request)}) {
		if a.Decision == nil || err != nil {
			t.Errorf("the first: %+v, %v", a, err)
		}
		break
	}
}

func TestABatchThatIsNotAnsweredAsItWasAskedIsAnError(t *testing.T) {
	permit := `{"line":%d,"decision":{"decision":"PERMIT"}}` + "\n"
	for name, answer := range map[string]string{
		"nothing":              "",
		"a head alone":         "{}\n",
		"too few":              "{}\n" + fmt.Sprintf(permit, 1),
		"another's answer":     "{}\n" + fmt.Sprintf(permit, 1) + fmt.Sprintf(permit, 3),
		"the same again":       "{}\n" + fmt.Sprintf(permit, 1) + fmt.Sprintf(permit, 1),
		"one more":             "{}\n" + fmt.Sprintf(permit, 1) + fmt.Sprintf(permit, 2) + fmt.Sprintf(permit, 3),
		"neither yes nor no":   "{}\n" + fmt.Sprintf(permit, 1) + `{"line":2}` + "\n",
		"both":                 "{}\n" + fmt.Sprintf(permit, 1) + `{"line":2,"decision":{"decision":"PERMIT"},"problem":{}}` + "\n",
		"no decision":          "{}\n" + fmt.Sprintf(permit, 1) + `{"line":2,"decision":{"decision":"permit"}}` + "\n",
		"no JSON":              "{}\n" + fmt.Sprintf(permit, 1) + "<html>\n",
		"a line without bound": "{}\n" + fmt.Sprintf(permit, 1) + strings.Repeat(" ", 9<<20),
	} {
		c := answering(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, answer)
		})
		all, err := batch(t, c, request, request)
		if err == nil || len(all) > 2 || slices.ContainsFunc(all, func(a client.Checked) bool { return a.Decision.Decision != policy.PERMIT }) {
			t.Errorf("%s: %+v, %v", name, all, err)
		}
	}
	c := answering(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) })
	if all, err := batch(t, c, request); len(all) != 0 || err == nil || !strings.Contains(err.Error(), "429") {
		t.Errorf("refused: %+v, %v", all, err)
	}
}
