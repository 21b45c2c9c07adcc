package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/safeconduct/safeconduct/registry/client"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// A cutting transport lets a register's streams break, each behind some bytes.
type cutting struct {
	by http.RoundTripper
	// after is behind how many bytes each breaks; those after them do not.
	after []int

	mu sync.Mutex
	// resumed are the Last-Event-IDs of the streams.
	resumed []string
}

func (c *cutting) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.by.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.resumed); n < len(c.after) {
		resp.Body = &cut{resp.Body, c.after[n]}
	}
	c.resumed = append(c.resumed, strings.Join(r.Header.Values("Last-Event-Id"), ","))
	return resp, nil
}

// again begins anew, and returns what was resumed before.
func (c *cutting) again(after ...int) (resumed []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	resumed, c.resumed, c.after = c.resumed, nil, after
	return resumed
}

// cut is a body that breaks.
type cut struct {
	io.ReadCloser
	left int
}

func (c *cut) Read(b []byte) (int, error) {
	if c.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := c.ReadCloser.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

func TestAFollowerMissesNothingWhenItsStreamBreaks(t *testing.T) {
	reg := registrytest.New(t)
	s := httptest.NewServer(httpapi.NewHandler(reg, httpapi.Options{Now: reg.Clock.Now, Heartbeat: 20 * time.Millisecond}))
	t.Cleanup(s.Close)
	var want []string
	for i := range 10 {
		jti := fmt.Sprintf("REG-%d", i)
		reg.MustSubmit(registrytest.Registration(jti, registrytest.US, fmt.Sprintf("us-own:A-%d", i), "US"))
		want = append(want, jti)
	}
	// An event has some 150 bytes: they break at the beginning, within the first, within
	// the third, in the heartbeats behind the last.
	transport := &cutting{by: http.DefaultTransport, after: []int{0, 70, 400, 1700}}
	plain, err := client.New(s.URL, &http.Client{Transport: transport, Timeout: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	c := plain.Retrying(client.Retry{Attempts: 3, First: time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var got []string
	for ch, err := range c.Follow(ctx, 1) {
		if err != nil {
			t.Fatalf("after %q: %v", got, err)
		}
		if got = append(got, ch.JTI); len(got) == 10 {
			// What is published later comes too, beyond the client's timeout.
			go func() {
				time.Sleep(2500 * time.Millisecond)
				reg.MustSubmit(registrytest.Domain("PDA-1", registrytest.US))
			}()
		}
		if len(ch.Subjects) == 0 || ch.Time.IsZero() || ch.Issuer != registrytest.US {
			t.Errorf("%+v", ch)
		}
		if len(got) == 11 {
			break
		}
	}
	if want = append(want, "PDA-1"); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if resumed := transport.again(400); len(resumed) != 5 || resumed[0] != "" || resumed[4] == "" {
		t.Errorf("the streams begin behind %q", resumed)
	}
	// Who has no Retry is told, and goes on by itself.
	var last error
	n := 0
	for _, err := range plain.Follow(ctx, 1) {
		if last = err; err == nil {
			n++
		}
	}
	if _, ok := errors.AsType[*client.UnreachableError](last); !ok || n == 0 || n > 3 {
		t.Errorf("%d, %v", n, last)
	}
}

func TestAFollowerEndsWithItsContext(t *testing.T) {
	reg, c := newRegister(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range c.Retrying(client.Retry{Attempts: 100}).Follow(ctx, reg.Size()-2) {
		if last = err; err == nil {
			cancel()
		}
	}
	if _, ok := errors.AsType[*client.UnreachableError](last); ok || !errors.Is(last, context.Canceled) {
		t.Errorf("%T %v", last, last)
	}
}

func event(index int64) string {
	return fmt.Sprintf("id: %d\nevent: statement\ndata: {\"index\":%d,\"time\":\"2026-01-05T09:00:00.000Z\",\"kind\":\"domain\",\"issuer\":\"auth-us\",\"jti\":\"X\",\"subjects\":[\"root\"]}\n\n", index, index)
}

// streaming is a client of what is no register's stream, and says how many were
// begun. Each ends behind its text, but the last stays.
func streaming(t *testing.T, streams ...string) (c *client.Client, begun func() int) {
	t.Helper()
	var mu sync.Mutex
	n := 0
	c = answering(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		at := min(n, len(streams)-1)
		n++
		mu.Unlock()
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, streams[at])
		if at == len(streams)-1 {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	})
	return c.Retrying(client.Retry{Attempts: 5, First: time.Millisecond}), func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

func TestAStreamThatIsNoRegistersIsRefusedByName(t *testing.T) {
	for name, row := range map[string]struct {
		streams []string
		taken   int
		says    string
	}{
		"goes back":                         {[]string{event(7) + event(6)}, 1, "the register went back: the statement at index 6 comes where one at 8 or later is due"},
		"the same again":                    {[]string{event(7) + event(7)}, 1, "the register went back"},
		"before it was asked for":           {[]string{event(4)}, 0, "the register went back: the statement at index 4 comes where one at 5"},
		"goes back when it is taken up":     {[]string{event(7), event(7)}, 1, "the register went back"},
		"a size that no log has":            {[]string{event(1 << 53)}, 0, "index 9007199254740992 is not below"},
		"a negative size":                   {[]string{event(-1)}, 0, "the register went back"},
		"an id of another":                  {[]string{strings.Replace(event(7), "id: 7", "id: 8", 1)}, 0, `the event "8" is of the statement at index 7`},
		"no id":                             {[]string{strings.Replace(event(7), "id: 7\n", "", 1)}, 0, `the event "" is of the statement at index 7`},
		"an old id":                         {[]string{event(7) + strings.Replace(event(8), "id: 8\n", "", 1)}, 1, `the event "7" is of the statement at index 8`},
		"another type":                      {[]string{strings.Replace(event(7), "statement", "message", 1)}, 0, `the type "message"`},
		"no data":                           {[]string{"id: 7\nevent: statement\n\n"}, 0, "read an event"},
		"no JSON":                           {[]string{"id: 7\nevent: statement\ndata: <html>\n\n"}, 0, "read an event"},
		"two indices":                       {[]string{strings.Replace(event(7), `"index":7`, `"index":9,"index":7`, 1)}, 0, "read an event"},
		"a huge event":                      {[]string{strings.Replace(event(7), `"X"`, `"`+strings.Repeat("x", 300<<10)+`"`, 1)}, 0, "an event is larger than"},
		"a huge event of many lines":        {[]string{"id: 7\nevent: statement\n" + strings.Repeat("data: x\n", 64<<10)}, 0, "an event is larger than"},
		"a comment that does not end":       {[]string{":" + strings.Repeat("x", 300<<10)}, 0, "an event is larger than"},
		"nothing but the ends of lines":     {[]string{strings.Repeat("\n", 300<<10)}, 0, "an event is larger than"},
		"a huge one behind one that is not": {[]string{event(7) + ":" + strings.Repeat("x", 300<<10)}, 1, "an event is larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			c, begun := streaming(t, row.streams...)
			taken, yields := 0, 0
			var last error
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			for _, err := range c.Follow(ctx, 5) {
				yields++
				if last = err; err == nil {
					taken++
				}
			}
			if taken != row.taken || yields != taken+1 || last == nil || !strings.Contains(last.Error(), row.says) || len(last.Error()) > 500 {
				t.Errorf("%d taken of %d, then %.600v", taken, yields, last)
			}
			if begun() != len(row.streams) {
				t.Errorf("it was asked %d times", begun())
			}
		})
	}
	for contentType, body := range map[string]string{"application/json": `{"size":9,"changes":[],"next":9}`, "text/html": "<html>", "": ""} {
		c := answering(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = io.WriteString(w, body)
		})
		for ch, err := range c.Follow(t.Context(), 5) {
			if err == nil || !strings.Contains(err.Error(), "want text/event-stream") {
				t.Errorf("%q: %+v, %v", contentType, ch, err)
			}
		}
	}
}

func TestTheLargestEventThatARegisterSendsIsRead(t *testing.T) {
	subjects := strings.Repeat(`,"entity:us-own:A"`, 6000) // of a statement, some 60 KiB hold fewer
	c, _ := streaming(t, strings.Replace(event(7), `"root"`, `"root"`+subjects, 1))
	for ch, err := range c.Follow(t.Context(), 5) {
		if err != nil || len(ch.Subjects) != 6001 {
			t.Errorf("%d subjects, %v", len(ch.Subjects), err)
		}
		break
	}
}

// What never ends is not kept: the register is left, whatever it goes on with.
func TestAnEventThatNeverEndsIsNotRead(t *testing.T) {
	sent := make(chan int, 1)
	c := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "id: 7\nevent: statement\n")
		n := 0
		for n < 256<<20 {
			wrote, err := io.WriteString(w, "data: "+strings.Repeat("x", 1<<10)+"\n")
			if n += wrote; err != nil {
				break
			}
		}
		sent <- n
	})
	for ch, err := range c.Follow(t.Context(), 5) {
		if err == nil || !strings.Contains(err.Error(), "an event is larger than") {
			t.Errorf("%+v, %v", ch, err)
		}
	}
	if n := <-sent; n > 64<<20 {
		t.Errorf("%d bytes were sent", n)
	}
}

func TestAStreamIsTakenUpAsOftenAsTheRetrySays(t *testing.T) {
	for name, row := range map[string]struct {
		retry client.Retry
		// The streams that are begun: "-" ends at once, a number brings that statement,
		// "busy" is refused with Retry-After, "gone" for good.
		script []string
		begun  int
		taken  int
		status int // of the problem at the end, 0 for not reached
	}{
		"once without a Retry":             {client.Retry{}, []string{"-"}, 1, 0, 0},
		"as often as it says":              {client.Retry{Attempts: 4, First: time.Second}, []string{"-"}, 4, 0, 0},
		"anew where something came":        {client.Retry{Attempts: 3, First: time.Second}, []string{"-", "-", "7", "-", "8", "-"}, 7, 2, 0},
		"what is refused is not":           {client.Retry{Attempts: 4, First: time.Second}, []string{"7", "gone"}, 2, 1, 404},
		"what is busy is asked later":      {client.Retry{Attempts: 3, First: time.Second}, []string{"busy", "7", "busy", "8", "gone"}, 5, 2, 404},
		"what is silent is taken up":       {client.Retry{Attempts: 2, First: time.Second}, []string{"silent"}, 2, 0, 0},
		"what never answers is, too":       {client.Retry{Attempts: 2, First: time.Second}, []string{"mute"}, 2, 0, 0},
		"what lived for long is, for ever": {client.Retry{Attempts: 2, First: time.Second}, []string{"quiet", "quiet", "quiet", "quiet", "-"}, 5, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := 0
				transport := roundTrip(func(r *http.Request) (*http.Response, error) {
					step := row.script[min(begun, len(row.script)-1)]
					begun++
					resp := newAnswer("")
					resp.Request = r
					resp.Header.Set("Content-Type", "text/event-stream")
					switch step {
					case "busy":
						resp.StatusCode = http.StatusTooManyRequests
						resp.Header.Set("Retry-After", "5")
					case "gone":
						resp.StatusCode = http.StatusNotFound
					case "mute":
						<-r.Context().Done()
						return nil, r.Context().Err()
					case "silent":
						resp.Body = io.NopCloser(&beating{ctx: r.Context()})
					case "quiet":
						resp.Body = io.NopCloser(&beating{ctx: r.Context(), beats: 6})
					case "-":
					default:
						resp.Body = io.NopCloser(strings.NewReader(strings.ReplaceAll(event(7), "7", step)))
					}
					return resp, nil
				})
				c, err := client.New("http://register.invalid", &http.Client{Transport: transport})
				if err != nil {
					t.Fatal(err)
				}
				taken := 0
				var last error
				for _, err := range c.Retrying(row.retry).Follow(t.Context(), 5) {
					if last = err; err == nil {
						taken++
						// Whoever looks at it for long is no silent register.
						time.Sleep(2 * client.Silence)
					}
				}
				p, isProblem := errors.AsType[*client.Problem](last)
				_, unreached := errors.AsType[*client.UnreachableError](last)
				if begun != row.begun || taken != row.taken || isProblem != (row.status != 0) || isProblem && p.Status != row.status || unreached == isProblem {
					t.Errorf("begun %d times, %d taken, %v", begun, taken, last)
				}
			})
		})
	}
}

// Time counts while a stream is awaited, and not while what it brought is looked at.
func TestALoopThatTakesLongIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := 0
		transport := roundTrip(func(r *http.Request) (*http.Response, error) {
			begun++
			resp := newAnswer("")
			resp.Request = r
			resp.Header.Set("Content-Type", "text/event-stream")
			resp.Body = io.NopCloser(&piecewise{r.Context(), []string{event(7), event(8), event(9)}})
			return resp, nil
		})
		c, err := client.New("http://register.invalid", &http.Client{Transport: transport})
		if err != nil {
			t.Fatal(err)
		}
		for ch, err := range c.Follow(t.Context(), 5) {
			if err != nil || begun != 1 {
				t.Fatalf("stream %d: %v", begun, err)
			}
			if ch.Index == 9 {
				return
			}
			time.Sleep(10 * client.Silence)
		}
	})
}

// A piecewise stream has its pieces one a read, unless it was left.
type piecewise struct {
	ctx    context.Context
	pieces []string
}

func (p *piecewise) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil || len(p.pieces) == 0 {
		return 0, errors.Join(err, io.ErrUnexpectedEOF)
	}
	n := copy(b, p.pieces[0])
	p.pieces = p.pieces[1:]
	return n, nil
}

// A beating stream has a heartbeat every 15 seconds, as often as it says, and then
// nothing.
type beating struct {
	ctx   context.Context
	beats int
}

func (b *beating) Read(p []byte) (int, error) {
	if b.beats == 0 {
		<-b.ctx.Done()
		return 0, b.ctx.Err()
	}
	b.beats--
	time.Sleep(15 * time.Second)
	return copy(p, ": size 5\n\n"), nil
}
