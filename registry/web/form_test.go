package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/safeconduct/safeconduct/registry/httpapi"
)

// folding is the part of a page that a control is folded away in, nil for none.
func folding(n *html.Node) *html.Node {
	for ; n != nil; n = n.Parent {
		if n.Data == "details" {
			return n
		}
	}
	return nil
}

// What is in a field is never out of sight, and a page unfolds nothing without need.
func TestAFieldIsFoldedAwayUntilSomethingFoldedAwayIsGiven(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	for path, folded := range map[string]int{"/check": 24, "/compose": 7, "/partners": 4} {
		n := 0
		form := s.get(path)
		for _, c := range form.find("", func(n *html.Node) bool { return strings.HasPrefix(attr(n, "id"), "f-") && attr(n, "name") != "draft" }) {
			name := attr(c, "name")
			d := s.get(path + "?" + url.Values{name: {"x"}}.Encode())
			at := folding(d.control(name))
			if at != nil {
				n++
			}
			unfolded := len(d.find("details", func(n *html.Node) bool { return hasAttr(n, "open") })) > 0
			if unfolded != (at != nil) || at != nil && !hasAttr(at, "open") {
				t.Errorf("%s?%s=x: unfolded is %v, and the field is folded away: %v", path, name, unfolded, at != nil)
			}
			if len(form.find("details", func(n *html.Node) bool { return hasAttr(n, "open") })) > 0 {
				t.Errorf("%s unfolds what is empty", path)
			}
		}
		if n != folded {
			t.Errorf("%s folds %d fields away, want %d", path, n, folded)
		}
	}
}

// A control list and its entry are two words wherever they are asked for.
func TestAnEntryOfAListIsReadAlikeInEveryForm(t *testing.T) {
	s := newJointSandbox(t)
	for text, good := range map[string]bool{"US_CCL 5A001.b.1": true, " US_CCL  5A001.b.1 ": true, "US_CCL": false, "US_CCL 5A001 b": false} {
		status := http.StatusUnprocessableEntity
		if good {
			status = http.StatusOK
		}
		q, a := question(), approval()
		q.Set("items", text)
		a.Set("eligible_items", text)
		s.ask(q).shown(status)
		s.compose(a).shown(status)
		s.get("/partners?" + url.Values{"item": {text}}.Encode()).shown(status)
	}
}
