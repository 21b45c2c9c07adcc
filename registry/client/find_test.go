package client_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/client"
	"github.com/safeconduct/safeconduct/registry/finder"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

func TestWhatIsLookedForIsFoundPageByPage(t *testing.T) {
	reg, c := newRegister(t)
	var want []string
	for i := range 7 {
		id := fmt.Sprintf("us-own:A-%d", i)
		reg.MustSubmit(registrytest.Approval(fmt.Sprintf("TEA-%d", i), registrytest.US, id, "IN"))
		want = append(want, id)
	}
	reg.MustSubmit(registrytest.Approval("TEA-IN", registrytest.IN, registrytest.Halcyon, "US"))
	reg.MustSubmit(registrytest.Domain("domain-us", registrytest.US))
	reg.Clock.Add(time.Minute)
	for _, limit := range []int{0, 1, 2, 3, 7, 100} {
		for name, q := range map[string]finder.Query{
			"by authority": {Authority: registrytest.US, Limit: limit},
			"by status":    {Authority: registrytest.US, Status: policy.InForce, Country: "IN", Limit: limit},
			"by text":      {Text: "Entity us-own:A", Authority: registrytest.US, Limit: limit},
		} {
			var got []string
			for e, err := range c.FindEntities(t.Context(), q) {
				if err != nil {
					t.Fatalf("%s, limit %d: %v", name, limit, err)
				}
				if len(e.Approvals) != 1 || e.Approvals[0].Status != policy.InForce {
					t.Errorf("%s: %+v", name, e)
				}
				got = append(got, e.ID)
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s, limit %d: %q, want %q", name, limit, got, want)
			}
		}
	}
	page, err := c.FindEntitiesPage(t.Context(), finder.Query{Authority: registrytest.US, Limit: 3})
	if err != nil || len(page.Found) != 3 || page.Next != "us-own:A-2" || page.Size != reg.Size() {
		t.Errorf("a page: %+v, %v", page, err)
	}
	for s, err := range c.FindSandboxes(t.Context(), finder.Query{Text: "ucomms"}) {
		if err != nil || s.ID != registrytest.Sandbox || len(s.Approvals) != 1 {
			t.Errorf("found the sandbox %+v, %v", s, err)
		}
	}
	for range c.FindEntities(t.Context(), finder.Query{Authority: registrytest.US}) {
		break // nobody is asked for more
	}
}

func TestAQueryThatNoRegisterAnswersIsAnError(t *testing.T) {
	_, c := newRegister(t)
	for name, q := range map[string]finder.Query{
		"nothing is looked for":  {},
		"only a cursor":          {After: "lei:A", Limit: 5},
		"a time of one's own":    {Text: "x", Now: time.Now()},
		"more than a page has":   {Text: "x", Limit: 101},
		"a cursor that is none":  {Text: "x", After: "y"},
		"an authority that none": {Authority: "US"},
	} {
		n := 0
		for e, err := range c.FindEntities(t.Context(), q) {
			if n++; err == nil {
				t.Errorf("%s: found %+v", name, e)
			}
		}
		if n != 1 {
			t.Errorf("%s: yields %d times", name, n)
		}
	}
	if _, err := c.FindSandboxesPage(t.Context(), finder.Query{Text: "x", Country: "IN"}); err == nil {
		t.Error("sandboxes are established nowhere")
	}
}

func TestASearchThatDoesNotGoOnIsRefused(t *testing.T) {
	for name, row := range map[string]struct {
		q     finder.Query
		pages []string
		says  string
	}{
		"the same cursor":           {finder.Query{Authority: "auth-us"}, []string{"lei:A", "lei:A"}, "not behind it"},
		"the same cursor of a text": {finder.Query{Text: "x"}, []string{"900.lei:A", "900.lei:A"}, "not behind it"},
		"two that take turns":       {finder.Query{Text: "x"}, []string{"900.lei:A", "900.lei:B", "900.lei:A"}, "not behind it"},
		"a better one":              {finder.Query{Text: "x"}, []string{"900.lei:A", "901.lei:B"}, "not behind it"},
		"one before the first":      {finder.Query{Authority: "auth-us", After: "lei:B"}, []string{"lei:A"}, "not behind it"},
		"another search's":          {finder.Query{Text: "x"}, []string{"lei:A"}, "not behind it"},
		"one that is no word":       {finder.Query{Authority: "auth-us"}, []string{`lei:A\u0000`}, "not behind it"},
		"an endless one":            {finder.Query{Authority: "auth-us"}, []string{"lei:" + strings.Repeat("A", 300)}, "not behind it"},
	} {
		asked := 0
		c := answering(t, func(w http.ResponseWriter, _ *http.Request) {
			if asked > 10 {
				t.Errorf("%s: asked for ever", name)
				w.WriteHeader(http.StatusNotFound)
				return
			}
			next := row.pages[min(asked, len(row.pages)-1)]
			asked++
			fmt.Fprintf(w, `{"found":[{"id":"lei:%d"}],"next":"%s"}`, asked, next)
		})
		var last error
		for _, err := range c.FindEntities(t.Context(), row.q) {
			last = err
		}
		if last == nil || !strings.Contains(last.Error(), row.says) || asked != len(row.pages) {
			t.Errorf("%s: asked %d times, %v", name, asked, last)
		}
	}
	for name, answer := range map[string]string{
		"no search":     `{"entities":["lei:A"]}`,
		"no page":       `[`,
		"too many":      `{"found":[` + strings.Repeat(`{"id":"x"},`, 100) + `{"id":"x"}]}`,
		"without bound": `{"found":[],"x":"` + strings.Repeat("x", 33<<20) + `"}`,
	} {
		c := answering(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) })
		if page, err := c.FindEntitiesPage(t.Context(), finder.Query{Text: "x"}); err == nil {
			t.Errorf("%s: %d found", name, len(page.Found))
		}
	}
	// Pages of nothing, each with another cursor, end at last.
	asked := 0
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		asked++
		w := newAnswer(fmt.Sprintf(`{"found":[],"next":"lei:%09d"}`, asked))
		w.Request = r
		return w, nil
	})
	c, err := client.New("http://register.invalid", &http.Client{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	var last error
	for _, err := range c.FindSandboxes(t.Context(), finder.Query{Authority: "auth-us"}) {
		last = err
	}
	if last == nil || !strings.Contains(last.Error(), "in a row had nothing") {
		t.Errorf("after %d pages: %v", asked, last)
	}
}
