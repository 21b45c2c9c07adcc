package httpapi_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry/client"
	"github.com/safeconduct/safeconduct/registry/finder"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/registry/trail"
)

type foundPage struct {
	Size                int64
	Entities, Sandboxes []string
	Found               []struct {
		finder.Entity
		Titles []string
	}
	Next string
}

func TestASearchSaysWhoApprovesAndWhatThatIsNow(t *testing.T) {
	s := newJointSandbox(t)
	q := url.Values{"q": {"entity lei 999900varunadep0174"}, "status": {"in_force"}, "authority": {us}, "sandbox": {registrytest.Sandbox}, "country": {"IN"}}
	got := decode[foundPage](t, s.get("/v1/entities?"+q.Encode()))
	if len(got.Found) != 1 || got.Size != s.size() || !slices.Equal(got.Entities, []string{registrytest.Varuna}) {
		t.Fatalf("found %+v", got)
	}
	e := got.Found[0]
	if e.Matched == nil || e.Matched.By != "name" || e.Matched.Score >= 1000 || len(e.Approvals) != 1 || len(e.Registrations) != 1 {
		t.Errorf("found %+v", e)
	}
	if a := e.Approvals[0]; a.JTI != "approval-varuna" || a.Issuer != us || a.Status != "in_force" {
		t.Errorf("approved by %+v", a)
	}
	s.MustSubmit(registrytest.Event("revoke-1", us, attest.ApprovalSubject(registrytest.Varuna, us), "approval-varuna", attest.Revoke, s.Clock.Now().Add(time.Minute)))
	if now := decode[foundPage](t, s.get("/v1/entities?"+q.Encode())); len(now.Found) != 1 {
		t.Errorf("before the revocation takes effect: %+v", now)
	}
	s.Clock.Add(time.Hour)
	if now := decode[foundPage](t, s.get("/v1/entities?"+q.Encode())); len(now.Found) != 0 || now.Entities == nil {
		t.Errorf("after it: %+v", now)
	}
	sandbox := decode[foundPage](t, s.get("/v1/sandboxes?q=underwater+comunications&status=in_force"))
	if !slices.Equal(sandbox.Sandboxes, []string{registrytest.Sandbox}) || len(sandbox.Found) != 1 || len(sandbox.Found[0].Titles) != 1 {
		t.Errorf("sandboxes %+v", sandbox)
	}
}

func TestPlainListsStayAsClientsKnowThem(t *testing.T) {
	s := newJointSandbox(t)
	c, err := client.New(s.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	ids, next, err := c.Entities(t.Context(), "")
	if err != nil || next != "" || !slices.Equal(ids, []string{registrytest.Halcyon, registrytest.Varuna}) {
		t.Errorf("%q, next %q, %v", ids, next, err)
	}
	first := decode[foundPage](t, s.get("/v1/entities?limit=1"))
	second := decode[foundPage](t, s.get("/v1/entities?limit=1&after="+first.Next))
	if !slices.Equal(append(first.Entities, second.Entities...), ids) || second.Next != "" {
		t.Errorf("%+v and %+v", first, second)
	}
}

type historyPage struct {
	Register   string
	Size       int64
	Statements []trail.Record
	Next       int64
}

func TestAHistoryTellsWhatEachStatementComesTo(t *testing.T) {
	s := newJointSandbox(t)
	subject := attest.SandboxSubject(registrytest.Sandbox)
	s.Clock.Add(time.Hour)
	before := s.Clock.Now()
	s.Clock.Add(time.Hour)
	s.MustSubmit(registrytest.Event("revoke-1", us, subject, "domain-us", attest.Revoke, s.Clock.Now().Add(time.Minute)))
	s.Clock.Add(time.Hour)
	at := func(more string) historyPage {
		return decode[historyPage](t, s.get("/v1/history?subject="+url.QueryEscape(subject)+more))
	}
	all := at("&at=" + s.Clock.Now().Format(time.RFC3339))
	var got []string
	for _, r := range all.Statements {
		got = append(got, fmt.Sprintf("%s %s", r.JTI, r.Standing.State))
	}
	if want := []string{"domain-us revoked", "domain-in in_force", "revoke-1 in_force"}; !slices.Equal(got, want) || all.Size != s.size() {
		t.Errorf("%q, want %q", got, want)
	}
	if known := at("&known=" + before.Format(time.RFC3339)); len(known.Statements) != 2 || known.Statements[0].Standing != nil {
		t.Errorf("known before: %+v", known)
	}
	first := at("&limit=2")
	second := at(fmt.Sprintf("&limit=2&after=%d", first.Next))
	if len(first.Statements) != 2 || len(second.Statements) != 1 || second.Next != 0 || second.Statements[0].JTI != "revoke-1" {
		t.Errorf("pages %+v and %+v", first, second)
	}
	refused(t, s.get("/v1/history?subject=sandbox:NONE"), http.StatusNotFound, "not-found")
}

// The trust root stands at index 0, which is a place to go on from like any other.
func TestAHistoryThatBeginsTheLogIsPagedWithoutLoopOrLoss(t *testing.T) {
	s := newServer(t)
	s.MustSubmit(registrytest.Domain("domain-us", us))
	s.Clock.Add(time.Hour)
	second, err := s.Root().Successor()
	if err != nil {
		t.Fatal(err)
	}
	second.IAT = attest.NumericDate(s.Clock.Now().Unix())
	s.MustSubmit(second)
	var got []string
	for query := "/v1/history?subject=root&limit=1"; query != ""; {
		page := decode[struct {
			Statements []trail.Record
			Next       *int64
		}](t, s.get(query))
		for _, r := range page.Statements {
			got = append(got, fmt.Sprintf("%s at %d", r.JTI, r.Index))
		}
		if len(got) > 2 {
			break
		}
		query = ""
		if page.Next != nil {
			query = fmt.Sprintf("/v1/history?subject=root&limit=1&after=%d", *page.Next)
		}
	}
	if want := []string{"root-1 at 0", "root-2 at 4"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestEveryBadParameterIsRefused(t *testing.T) {
	s := newJointSandbox(t)
	long := strings.Repeat("a", finder.MaxText+1)
	for path, queries := range map[string][]string{
		"/v1/entities": {
			"q=", "q=%20", "q=%00", "q=a%00b", "q=%ff", "q=a&q=b", "q=" + long, "qq=a", "q=a&after=x", "q=a&after=1001.x", "q=a&after=1.%00",
			"q=a&after=-1.x", "q=a&limit=0", "q=a&limit=101", "q=a&limit=-1", "q=a&limit=1e3", "q=a&limit=99999999999999999999", "q=a&limit=", "limit=1001",
			"limit=1&limit=2", "authority=US", "authority=", "sandbox=sbx", "country=in", "country=IND", "country=", "status=good", "status=void", "status=",
			"programme=%0a", "programme=" + long, "status=in_force&after=%ff", "sandbox=%2e%2e", "%zz", "a;b",
		},
		"/v1/sandboxes": {"q=", "q=%ff", "country=IN", "sandbox=SBX-1", "limit=0", "q=a&after=z", "status=x"},
		"/v1/history": {
			"", "subject=", "subject=x", "subject=entity:lei:1", "subject=%00", "subject=root&subject=root", "subject=root&at=2026-01-05", "subject=root&at=",
			"subject=root&known=yesterday", "subject=root&after=-1", "subject=root&after=x", "subject=root&limit=101", "subject=root&limit=0",
			"subject=root&at=9999-99-99T00:00:00Z", "subject=root&at=0001-01-01T00:00:00Z", "subject=root&x=1", "subject=entity:%ff",
		},
		"/v1/changes": {"since=-1", "since=x", "since=", "since=1.0", "since=9007199254740992", "since=01", "limit=0", "limit=1001", "since=1&since=2", "from=1", "since=%00"},
	} {
		for _, q := range queries {
			refused(t, s.get(path+"?"+q), http.StatusBadRequest, "malformed")
		}
	}
	for _, id := range []string{"", "x", "-1", "9007199254740992", "1 2"} {
		refused(t, do(t, http.MethodGet, s.url+"/v1/changes", "", "", "Accept", eventStream, "Last-Event-ID", id), http.StatusBadRequest, "malformed")
	}
	refused(t, do(t, http.MethodGet, s.url+"/v1/changes?limit=5", "", "", "Accept", eventStream), http.StatusBadRequest, "malformed")
	for _, q := range []string{"evidence=true", "explain=true", "x"} {
		refused(t, s.post("/v1/check/batch?"+q, jsonLines, ""), http.StatusBadRequest, "malformed")
	}
	refused(t, do(t, http.MethodPost, s.url+"/v1/check/batch", jsonLines, "", "Content-Encoding", "gzip"), http.StatusUnsupportedMediaType, "unsupported-media-type")
	// Whatever place a cursor names is as good as any other.
	for _, after := range []string{"lei:ZZZ", "~", "0.~", "zzzz"} {
		if r := s.get("/v1/entities?status=in_force&after=" + after); r.status != http.StatusOK {
			t.Errorf("after=%s: %d", after, r.status)
		}
	}
	// Strange and long words are no more than words.
	for _, q := range []string{strings.Repeat("a", finder.MaxText), "' OR 1=1 --", "(((((", "日本", "a b c d e f g h i j k l m", "\u202e"} {
		if r := s.get("/v1/entities?q=" + url.QueryEscape(q)); r.status != http.StatusOK {
			t.Errorf("q=%q: %d %s", q, r.status, r.body)
		}
	}
}
