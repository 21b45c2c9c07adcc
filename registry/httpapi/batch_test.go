package httpapi_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// batchLine is a line of the answer to a batch.
type batchLine struct {
	Line     int
	Decision json.RawMessage
	Problem  *problem

	Checkpoint string
	Size       int64
	KnownAt    time.Time `json:"known_at"`
}

func batchLines(t *testing.T, body []byte) (head batchLine, lines []batchLine) {
	t.Helper()
	for doc := range bytes.Lines(body) {
		var l batchLine
		if err := json.Unmarshal(doc, &l); err != nil || doc[len(doc)-1] != '\n' {
			t.Fatalf("%v in %.300q", err, doc)
		}
		lines = append(lines, l)
	}
	if len(lines) == 0 {
		t.Fatal("no line")
	}
	return lines[0], lines[1:]
}

// decideOffline is what everybody decides who holds the evidence.
func decideOffline(t testing.TB, s *server, body string) string {
	t.Helper()
	req, err := policy.ParseRequest([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	evidence, err := s.Evidence(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	d, err := verify.Decide(evidence, s.Trust, req, req.Times(s.Clock.Now()))
	if err != nil {
		t.Fatal(err)
	}
	b, err := d.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := json.Compact(&out, b); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestEachLineOfABatchIsDecidedAsItsEvidenceIs(t *testing.T) {
	s := newJointSandbox(t)
	denied := strings.Replace(request(""), "sea_trial", "mining", 1)
	r := s.post("/v1/check/batch", jsonLines, request("")+"\n"+denied+"\r\n"+request(`"reference":"x",`))
	secured(t, r)
	head, lines := batchLines(t, r.body)
	if head.Checkpoint != string(s.Checkpoint()) || head.Size != s.size() || !head.KnownAt.Equal(s.Clock.Now()) {
		t.Errorf("the first line is %+v", head)
	}
	var got []string
	for i, l := range lines {
		if l.Line != i+1 || l.Problem != nil {
			t.Errorf("line %d is %+v", i+1, l)
		}
		got = append(got, string(l.Decision))
	}
	want := []string{decideOffline(t, s, request("")), decideOffline(t, s, denied), decideOffline(t, s, request(`"reference":"x",`))}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decisions (-offline +batch):\n%s", diff)
	}
	if !strings.Contains(got[0], `"PERMIT"`) || !strings.Contains(got[1], `"DENY"`) {
		t.Errorf("decisions are %s", got)
	}
	if _, none := batchLines(t, s.post("/v1/check/batch", jsonLines, "").body); len(none) != 0 {
		t.Errorf("an empty batch has %v", none)
	}
}

func TestABadLineDoesNotEndTheBatch(t *testing.T) {
	s := newJointSandbox(t)
	bad := []struct{ line, kind string }{
		{`{`, "malformed"}, {``, "malformed"}, {`{}`, "invalid"}, {`[]`, "invalid"}, {`{}{}`, "malformed"}, {"{\"act\":\"\xff\"}", "malformed"},
		{"\x00", "malformed"}, {`{"act":"\u0000"}`, "invalid"}, {strings.Repeat("[", 3000), "malformed"},
		{`{"reference":"` + strings.Repeat("x", httpapi.MaxBatchLine) + `"}`, "too-large"}, {strings.Repeat("y", 3*httpapi.MaxBatchLine), "too-large"},
		{`{"act":"export","act":"reexport"}`, "malformed"}, {request(`"checked_at":"2026-01-01T00:00:00Z",`), "undecided"},
	}
	var body strings.Builder
	for _, b := range bad {
		body.WriteString(b.line + "\n" + request("") + "\n")
	}
	_, lines := batchLines(t, s.post("/v1/check/batch", jsonLines, body.String()).body)
	if len(lines) != 2*len(bad) {
		t.Fatalf("%d lines, want %d", len(lines), 2*len(bad))
	}
	want := decideOffline(t, s, request(""))
	for i, b := range bad {
		p, good := lines[2*i], lines[2*i+1]
		if p.Line != 2*i+1 || p.Decision != nil || p.Problem == nil || p.Problem.Type != "urn:safeconduct:problem:"+b.kind || p.Problem.Detail == "" {
			t.Errorf("%.40q: %+v, want %s", b.line, p.Problem, b.kind)
		}
		if string(good.Decision) != want || good.Line != 2*i+2 {
			t.Errorf("behind %.40q: %+v", b.line, good)
		}
	}
}

// TestABatchThatIsTooLargeEndsThere: 55, more lines and bytes than are taken.
func TestABatchThatIsTooLargeEndsThere(t *testing.T) {
	s := newServer(t)
	for name, body := range map[string]string{
		"lines": strings.Repeat("{}\n", httpapi.MaxBatchLines+5),
		"bytes": strings.Repeat(strings.Repeat(" ", 32<<10)+"{}\n", httpapi.MaxBatchBytes/(32<<10)+5),
	} {
		// The document forbids to ask this: it is answered all the same, since that
		// has begun when it is known.
		resp, err := http.Post(s.url+"/v1/check/batch", jsonLines, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		_, lines := batchLines(t, answer)
		last := lines[len(lines)-1]
		if last.Problem == nil || last.Problem.Status != http.StatusRequestEntityTooLarge || last.Line > httpapi.MaxBatchLines+1 {
			t.Errorf("too many %s end in %+v", name, last)
		}
	}
	_, lines := batchLines(t, s.post("/v1/check/batch", jsonLines, strings.Repeat("{}\n", httpapi.MaxBatchLines)).body)
	if last := lines[len(lines)-1]; len(lines) != httpapi.MaxBatchLines || last.Problem.Status != http.StatusUnprocessableEntity {
		t.Errorf("%d lines, the last %+v", len(lines), last)
	}
}

// talk is a batch that is sent and read bit by bit.
type talk struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

// dial begins a batch over a connection of its own.
func dial(t *testing.T, at string, header ...string) *talk {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	k := &talk{t, conn, bufio.NewReader(conn)}
	head := append([]string{"POST /v1/check/batch HTTP/1.1", "Host: x", "Content-Type: application/jsonl", "Transfer-Encoding: chunked"}, header...)
	k.write(strings.Join(head, "\r\n") + "\r\n\r\n")
	return k
}

func (k *talk) write(s string) {
	k.t.Helper()
	if _, err := io.WriteString(k.conn, s); err != nil {
		k.t.Fatal(err)
	}
}

func (k *talk) say(line string) { k.write(fmt.Sprintf("%x\r\n%s\n\r\n", len(line)+1, line)) }

// hear reads up to the next line with that in it.
func (k *talk) hear(what string) {
	k.t.Helper()
	if err := k.conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		k.t.Fatal(err)
	}
	for {
		line, err := k.r.ReadString('\n')
		if err != nil {
			k.t.Fatalf("wait for %q: %v", what, err)
		}
		if strings.Contains(line, what) {
			return
		}
	}
}

func TestALineIsDecidedWhenItHasCome(t *testing.T) {
	s := newJointSandbox(t)
	k := dial(t, s.url)
	k.hear(`"checkpoint"`)
	for n := range 3 {
		k.say(request(""))
		k.hear(fmt.Sprintf(`{"line":%d,"decision"`, n+1))
		// All of the batch is at the checkpoint that its first line has.
		s.MustSubmit(registrytest.Event(fmt.Sprintf("suspend-%d", n), us, attest.SandboxSubject(registrytest.Sandbox), "domain-us", attest.Suspend, registrytest.Start))
	}
	k.say(request(`"reference":"after-the-suspension",`))
	k.hear(`{"line":4,"decision":{"decision":"PERMIT"`)
	k.write("0\r\n\r\n")
	k.hear("\r\n")
	// And the connection goes on.
	k.write("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	k.hear(`HTTP/1.1 200 OK`)
}

func TestAClientThatVanishesOrDoesNotReadIsCutOff(t *testing.T) {
	s := newJointSandbox(t)
	const patience = 2 * time.Second
	var log logBuffer
	at := listen(t, s, httpapi.Options{Now: s.Clock.Now, Batches: 8, StreamTimeout: patience, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	ended := func() int { return strings.Count(log.String(), "route=/v1/check/batch status=200") }
	free := func() int { return do(t, http.MethodPost, at+"/v1/check/batch", jsonLines, request("")+"\n").status }
	// Whoever has a place and sends nothing, loses it.
	silent, vanishing := dial(t, at), dial(t, at)
	silent.hear(`"checkpoint"`)
	vanishing.hear(`"checkpoint"`)
	refused(t, do(t, http.MethodPost, at+"/v1/check/batch", jsonLines, ""), http.StatusTooManyRequests, "too-many-requests")
	vanishing.conn.Close()
	within(t, 20*time.Second, "the places of a silent and a vanished client", func() bool { return ended() == 2 })
	// So does whoever reads nothing: what fits into the network's buffers is bounded.
	var deafs []*talk
	for range 2 {
		deaf := dial(t, at)
		deaf.hear(`"checkpoint"`)
		if c, ok := deaf.conn.(*net.TCPConn); ok {
			_ = c.SetReadBuffer(4 << 10)
		}
		deafs = append(deafs, deaf)
	}
	refused(t, do(t, http.MethodPost, at+"/v1/check/batch", jsonLines, ""), http.StatusTooManyRequests, "too-many-requests")
	before := ended()
	for _, deaf := range deafs {
		go func() {
			for range 9000 {
				if _, err := fmt.Fprintf(deaf.conn, "%x\r\n%s\n\r\n", len(request(""))+1, request("")); err != nil {
					return
				}
			}
		}()
	}
	// Others are not delayed.
	if r := do(t, http.MethodPost, at+"/v1/check", jsonDoc, request("")); r.status != http.StatusOK {
		t.Errorf("a check meanwhile: %d", r.status)
	}
	within(t, 60*time.Second, "the end of those who do not read", func() bool { return ended() == before+2 })
	if free() != http.StatusOK {
		t.Error("their places are not free")
	}
	for _, k := range deafs {
		// What is still on its way to a tiny buffer comes slowly.
		if err := k.conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(k.r); bytes.HasSuffix(b, []byte("\r\n0\r\n\r\n")) {
			t.Errorf("an answer of which nothing was read has its end, after %d bytes", len(b))
		}
	}
}

// within waits for something to be so.
func within(t *testing.T, most time.Duration, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(most); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, most)
		}
	}
}

func TestTenThousandChecksStreamInBoundedMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 10,000 decisions")
	}
	s := newJointSandbox(t)
	// The answer is many times the request, so that it shows where it is kept.
	asked := request(`"via":["` + registrytest.Corvus + `","` + registrytest.Halcyon + `","us-own:A-1","us-own:A-2","us-own:A-3"],`)
	line := asked + "\n"
	body, feed := io.Pipe()
	go func() {
		for range httpapi.MaxBatchLines {
			if _, err := io.WriteString(feed, line); err != nil {
				return
			}
		}
		feed.Close()
	}()
	// What the collector has found in use, whatever was allocated meanwhile.
	live := func() uint64 {
		runtime.GC()
		m := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(m)
		return m[0].Value.Uint64()
	}
	before, peak := live(), uint64(0)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/check/batch", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", jsonLines)
	start := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	want := decideOffline(t, s, asked)
	lines, bytesRead, first := 0, 0, time.Duration(0)
	in := bufio.NewScanner(resp.Body)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		bytesRead += len(in.Bytes())
		if lines++; lines == 1 {
			continue
		}
		if lines == 2 {
			first = time.Since(start)
		}
		if got, ok := strings.CutPrefix(in.Text(), fmt.Sprintf(`{"line":%d,"decision":`, lines-1)); !ok || got != want+"}" {
			t.Fatalf("line %d is %.300s", lines, in.Text())
		}
		if lines%1000 == 0 {
			peak = max(peak, live())
		}
	}
	if err := in.Err(); err != nil || lines != httpapi.MaxBatchLines+1 {
		t.Fatalf("%d lines, %v", lines, err)
	}
	grown := int64(peak) - int64(before)
	t.Logf("%d decisions in %v, the first after %v; %d MB sent, the heap has grown by %d KB at most", lines-1, time.Since(start), first, bytesRead>>20, grown>>10)
	// What is kept is the body's 5 MB that are read ahead, and never the answer;
	// what is allocated while the collector runs counts as well.
	if grown > 16<<20 || bytesRead < 30_000_000 {
		t.Errorf("the heap has grown by %d bytes while %d were sent", grown, bytesRead)
	}
}

func TestAThousandClientsAtOnceSeeNoWrongAnswer(t *testing.T) {
	s := newJointSandbox(t)
	asked := []string{
		request(""), strings.Replace(request(""), "sea_trial", "mining", 1), strings.Replace(request(""), "VTZ-1", "VTZ-2", 1),
		strings.Replace(request(""), "5A001.b.1", "5A001.a", 1),
	}
	var want []string
	for i, a := range asked {
		want = append(want, decideOffline(t, s, a))
		for _, w := range want[:i] {
			if w == want[i] {
				t.Fatal("two of the requests are decided alike")
			}
		}
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 1000}
	defer transport.CloseIdleConnections()
	hc := &http.Client{Transport: transport}
	ask := func(i int) error {
		body, path, media := asked[i%len(asked)], "/v1/check", jsonDoc
		batch := i%100 == 0
		if batch {
			path, media = "/v1/check/batch", jsonLines
		}
		for {
			resp, err := hc.Post(s.url+path, media, strings.NewReader(body))
			if err != nil {
				return err
			}
			b, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil {
				return err
			}
			if resp.StatusCode == http.StatusTooManyRequests && batch {
				time.Sleep(10 * time.Millisecond)
				continue
			}
			if batch {
				_, b, _ = bytes.Cut(b, []byte("\n"))
				b = bytes.TrimSuffix(bytes.TrimPrefix(b, []byte(`{"line":1,"decision":`)), []byte("}\n"))
			}
			var got bytes.Buffer
			if err := json.Compact(&got, b); err != nil {
				return fmt.Errorf("%w in %.200s", err, b)
			}
			if got.String() != want[i%len(asked)] {
				return fmt.Errorf("%s is decided as %.300s", body, got.String())
			}
			return nil
		}
	}
	var clients sync.WaitGroup
	begin := make(chan struct{})
	failed := make(chan error, 1000)
	for i := range 1000 {
		clients.Go(func() {
			<-begin
			if err := ask(i); err != nil {
				failed <- err
			}
		})
	}
	close(begin)
	clients.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
}
