package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tmaxmax/go-sse"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

const eventStream = "text/event-stream"

type changesPage struct {
	Size    int64
	Changes []struct {
		Index             int64
		Time              time.Time
		Kind, Issuer, JTI string
		Subjects          []string
	}
	Next int64
}

func TestChangesTellWhatWasLoggedSinceASize(t *testing.T) {
	s := newJointSandbox(t)
	all := decode[changesPage](t, s.get("/v1/changes"))
	var names []string
	for _, c := range all.Changes {
		names = append(names, c.JTI)
	}
	if got := strings.Join(names, " "); got != "root-1 reg-halcyon reg-varuna approval-varuna approval-halcyon domain-us domain-in" || all.Next != all.Size || all.Size != s.size() {
		t.Errorf("%s, next %d of %d", got, all.Next, all.Size)
	}
	if c := all.Changes[3]; c.Kind != "entity" || c.Issuer != us || c.Subjects[0] != attest.ApprovalSubject(registrytest.Varuna, us) {
		t.Errorf("the third is %+v", c)
	}
	var paged []string
	for since := int64(0); ; {
		page := decode[changesPage](t, s.get(fmt.Sprintf("/v1/changes?since=%d&limit=2", since)))
		for _, c := range page.Changes {
			paged = append(paged, c.JTI)
		}
		if since = page.Next; since == page.Size {
			break
		}
	}
	if strings.Join(paged, " ") != strings.Join(names, " ") {
		t.Errorf("in pages: %q", paged)
	}
	r := s.get(fmt.Sprintf("/v1/changes?since=%d", all.Size))
	if got := decode[changesPage](t, r); len(got.Changes) != 0 || got.Next != all.Size || !bytes.Contains(r.body, []byte(`"changes":[]`)) {
		t.Errorf("since the end: %s", r.body)
	}
	// A mirror may be behind.
	if got := decode[changesPage](t, s.get("/v1/changes?since=9007199254740991")); len(got.Changes) != 0 || got.Next != 9007199254740991 {
		t.Errorf("since beyond the end: %+v", got)
	}
}

// follower reads a stream.
type follower struct {
	t      *testing.T
	resp   *http.Response
	cancel context.CancelFunc
	events chan sse.Event
}

func follow(t *testing.T, url string, header ...string) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", eventStream)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); resp.Body.Close() })
	f := &follower{t, resp, cancel, make(chan sse.Event, 10000)}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != eventStream || resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Content-Encoding") != "" {
		t.Fatalf("%s: %d %v", url, resp.StatusCode, resp.Header)
	}
	go func() {
		defer close(f.events)
		for e, err := range sse.Read(resp.Body, nil) {
			if err != nil {
				return
			}
			f.events <- e
		}
	}()
	return f
}

// next is the next event, held against the document.
func (f *follower) next() sse.Event {
	f.t.Helper()
	select {
	case e, ok := <-f.events:
		if !ok {
			f.t.Fatal("the stream has ended")
		}
		op := document(f.t).Paths.Value("/v1/changes").Get
		matches(f.t, itemSchema(f.t, op.Responses.Status(200).Value.Content[eventStream]), []byte(e.Data))
		return e
	case <-time.After(10 * time.Second):
		f.t.Fatal("no event within 10 seconds")
		return sse.Event{}
	}
}

func TestAStreamOfChangesGoesOnWithWhatIsPublishedNext(t *testing.T) {
	s := newJointSandbox(t)
	f := follow(t, s.url+"/v1/changes")
	page := decode[changesPage](t, s.get("/v1/changes"))
	for _, want := range page.Changes {
		e := f.next()
		var got struct{ JTI string }
		if err := json.Unmarshal([]byte(e.Data), &got); err != nil || e.Type != "statement" || e.LastEventID != strconv.FormatInt(want.Index, 10) || got.JTI != want.JTI {
			t.Errorf("event %+v, want %+v", e, want)
		}
	}
	s.MustSubmit(registrytest.Event("suspend-1", us, attest.SandboxSubject(registrytest.Sandbox), "domain-us", attest.Suspend, registrytest.Start))
	e := f.next()
	if !strings.Contains(e.Data, `"suspend-1"`) {
		t.Errorf("event %+v", e)
	}
	// Whoever comes back has missed nothing, whatever since says.
	f.cancel()
	s.MustSubmit(registrytest.Event("suspend-2", us, attest.SandboxSubject(registrytest.Sandbox), "domain-us", attest.Suspend, registrytest.Start))
	again := follow(t, s.url+"/v1/changes?since=0", "Last-Event-ID", e.LastEventID)
	if e := again.next(); !strings.Contains(e.Data, `"suspend-2"`) {
		t.Errorf("after coming back: %+v", e)
	}
}

func TestAStreamShowsThatItIsAlive(t *testing.T) {
	s := newServer(t)
	at := listen(t, s, httpapi.Options{Now: s.Clock.Now, Heartbeat: 20 * time.Millisecond})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("%s/v1/changes?since=%d", at, s.size()), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", eventStream)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := bufio.NewScanner(resp.Body)
	for beats := 0; beats < 3 && in.Scan(); {
		switch text := in.Text(); {
		case strings.HasPrefix(text, ":"):
			beats++
		case text != "":
			t.Errorf("a quiet log says %q", text)
		}
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
}

func TestWhoWantsEventsSaysSo(t *testing.T) {
	s := newServer(t)
	for accept, stream := range map[string]bool{
		"": false, "*/*": false, "application/json": false, "text/event-stream;q=0": false, "application/json, text/event-stream;q=0.5": false,
		"text/event-stream": true, "TEXT/Event-Stream": true, "text/event-stream, application/json;q=0.9": true, "text/*": false, "text/event-stream;q=x": false,
	} {
		r := do(t, http.MethodHead, s.url+"/v1/changes", "", "", "Accept", accept)
		if got := r.header.Get("Content-Type") == eventStream; r.status != http.StatusOK || got != stream || r.header.Get("Vary") == "" {
			t.Errorf("Accept %q: %d %v", accept, r.status, r.header)
		}
	}
}

func TestStreamsAreBoundedAndEndWithTheService(t *testing.T) {
	s := newServer(t)
	ctx, end := context.WithCancel(t.Context())
	api := httpapi.NewHandler(s, httpapi.Options{Now: s.Clock.Now, Streams: 32, StreamTimeout: 300 * time.Millisecond, Heartbeat: 10 * time.Millisecond})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		one, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		api.ServeHTTP(w, r.WithContext(one))
	}))
	// As the service has it: a stream outlives both.
	srv.Config.ReadTimeout, srv.Config.WriteTimeout = 200*time.Millisecond, 200*time.Millisecond
	srv.Start()
	defer srv.Close()
	at := srv.URL + "/v1/changes"
	a, b := follow(t, at), follow(t, at)
	a.next()
	b.next()
	refused(t, do(t, http.MethodGet, at, "", "", "Accept", eventStream), http.StatusTooManyRequests, "too-many-requests")
	// A page needs no place.
	if r := do(t, http.MethodGet, at, "", ""); r.status != http.StatusOK {
		t.Errorf("a page: %d", r.status)
	}
	time.Sleep(500 * time.Millisecond)
	s.MustSubmit(registrytest.Domain("domain-us", us))
	if e := a.next(); !strings.Contains(e.Data, "domain-us") {
		t.Errorf("event %+v", e)
	}
	// Whoever leaves makes room.
	b.cancel()
	within(t, 5*time.Second, "room for another stream", func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", eventStream)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	end()
	select {
	case <-drained(a.events):
	case <-time.After(5 * time.Second):
		t.Error("a stream goes on after the service has ended")
	}
}

func drained(events chan sse.Event) chan struct{} {
	done := make(chan struct{})
	go func() {
		for range events {
		}
		close(done)
	}()
	return done
}

// endless is a register whose log has no end.
type endless struct{ broken }

func (endless) Changes(_ context.Context, since int64, most int) ([]registry.Change, int64, int64, error) {
	out := make([]registry.Change, most)
	for i := range out {
		out[i] = registry.Change{Index: since + int64(i), Time: registrytest.Start, Kind: attest.KindEvent, Issuer: us, JTI: "x", Subjects: []string{"root"}}
	}
	return out, since + int64(most), 1 << 50, nil
}

func TestAStreamThatIsNotReadIsCutOffAndDelaysNobody(t *testing.T) {
	at := listen(t, endless{}, httpapi.Options{Streams: 32, StreamTimeout: 300 * time.Millisecond}) + "/v1/changes"
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /v1/changes HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	reading := follow(t, at)
	for range 5000 {
		reading.next()
	}
	// Its place is free again, though it never has hung up.
	within(t, 20*time.Second, "the place of who does not read", func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", eventStream)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}
