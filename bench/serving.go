package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gorilla/mux"

	"github.com/safeconduct/safeconduct/registry/httpapi"
)

// serving measures POST /v1/check beside a handler that only reads the same
// request and writes the same answer, behind the same router, and beside OPA's
// server with the rules of the section decide, all in one process under the same
// load.
func serving(ctx context.Context, b *bench) error {
	saying("serve: %s", "POST /v1/check, an echo, OPA's server")
	out, err := inFresh[servingOutput](ctx, b, "serve", func(dir string) any { return servingInput{dir, b.turns, b.bare} })
	if err != nil {
		return err
	}
	beside := func(what, peer string, by []float64, g *goal) {
		own, o := out.Rates[checking], statOf(by...)
		r := ratios(own, by)
		b.report.add(Row{
			Section: "serve", What: what, Unit: PerSecond, Value: statOf(own...),
			Beside: peer, BesideOf: &o, BesideIn: PerSecond, Ratio: &r,
		}, g)
	}
	what := fmt.Sprintf("POST /v1/check, a joint check of two parties, %d connections", connections)
	beside(what, "gorilla/mux echo of the same bytes", out.Rates[echoing], &goalServeEcho)
	beside(what, "server of "+out.OPA, out.Rates[askingOPA], &goalServeOPA)
	return nil
}

// What is served, in the order of the turns.
const (
	checking  = "check"
	echoing   = "echo"
	askingOPA = "OPA"
)

// connections is how many clients ask at once, each on a connection of its own,
// which it keeps.
const connections = 16

type servingInput struct {
	Dir   string
	Turns int
	Turn  time.Duration
}

type servingOutput struct {
	// Rates are the requests a second of each turn.
	Rates map[string][]float64
	// OPA is its name with its version.
	OPA string
}

// A served is a server under load: where it listens, what it is asked, and what
// it has to answer.
type served struct {
	name    string
	address string
	request []byte
	// answers reports whether that is the answer; only the first of a turn is
	// looked at, so that the client costs all the same.
	answers func(body []byte) error
}

func servingStage(ctx context.Context, in servingInput) (out servingOutput, err error) {
	scene := sceneNamed(permittedScene)
	// The clock runs, as a register's does: no two decisions have the same times.
	now := clock(2 * time.Hour)
	reg, closeAll, err := serve(ctx, in.Dir, now, nil)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	if err := submitAll(ctx, reg, scene.claims...); err != nil {
		return out, err
	}
	question, err := json.Marshal(scene.request(), json.Deterministic(true))
	if err != nil {
		return out, err
	}
	api := httpapi.NewHandler(reg, httpapi.Options{Now: now})
	opa, input, err := opaServer(ctx, scene)
	if err != nil {
		return out, err
	}
	permits := func(body []byte) error {
		if !bytes.Contains(body, []byte(`"decision": "PERMIT"`)) {
			return fmt.Errorf("the joint check gives %s", body)
		}
		return nil
	}
	all := []*served{
		{name: checking, request: posted("/v1/check", question), answers: permits},
		{name: echoing, request: posted("/v1/check", question), answers: permits},
		{name: askingOPA, request: posted("/v1/data/safeconduct/permit", input), answers: func(body []byte) error {
			if !bytes.Contains(body, []byte(`"result":true`)) {
				return fmt.Errorf("OPA gives %s", body)
			}
			return nil
		}},
	}
	handlers := map[string]http.Handler{checking: api, askingOPA: opa}
	listen := func(s *served, h http.Handler) (stop func() error, err error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		s.address = l.Addr().String()
		// The bounds of time cost something: all have the same.
		server := httpapi.NewServer(h, nil)
		go func() { _ = server.Serve(l) }()
		return server.Close, nil
	}
	for _, s := range all {
		if s.name == echoing {
			answer, err := firstAnswer(ctx, all[0])
			if err != nil {
				return out, err
			}
			handlers[echoing] = echo(answer)
		}
		stop, err := listen(s, handlers[s.name])
		if err != nil {
			return out, err
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	out = servingOutput{make(map[string][]float64), decider{name: "OPA", module: "github.com/open-policy-agent/opa"}.version()}
	// The first turn of each warms up.
	for turn := range in.Turns + 1 {
		for _, s := range all {
			rate, err := s.load(ctx, in.Turn)
			if err != nil {
				return out, fmt.Errorf("%s: %w", s.name, err)
			}
			if turn > 0 {
				out.Rates[s.name] = append(out.Rates[s.name], rate)
			}
		}
	}
	return out, nil
}

// echo is the least that a service behind this router can do: it reads the
// request and writes an answer that it has.
func echo(answer []byte) http.Handler {
	m := mux.NewRouter()
	m.Path("/v1/check").Methods(http.MethodPost).HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		_, _ = w.Write(answer)
	})
	return m
}

// posted is a request as it is sent.
func posted(path string, body []byte) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}

// firstAnswer asks until what was just logged is known at the time of asking: the
// batches of a register that does not wait may be dated a moment ahead.
func firstAnswer(ctx context.Context, s *served) ([]byte, error) {
	c, err := dial(s)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	for until := time.Now().Add(10 * time.Second); ; {
		body, err := c.ask()
		if err == nil {
			err = s.answers(body)
		}
		if err == nil || ctx.Err() != nil || time.Now().After(until) {
			return body, err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// load has all connections ask for a time, and returns the requests a second.
func (s *served) load(ctx context.Context, d time.Duration) (rate float64, err error) {
	// What was left by whoever had the turn before is not ours to collect.
	runtime.GC()
	counts, errs := make([]int, connections), make([]error, connections)
	clients := make([]*conn, connections)
	for i := range clients {
		if clients[i], err = dial(s); err != nil {
			return 0, err
		}
		defer clients[i].Close()
		body, err := clients[i].ask()
		if err == nil {
			err = s.answers(body)
		}
		if err != nil {
			return 0, err
		}
	}
	start := time.Now()
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() {
			for ctx.Err() == nil && time.Since(start) < d {
				if _, errs[i] = c.ask(); errs[i] != nil {
					return
				}
				counts[i]++
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return float64(sum) / took.Seconds(), errors.Join(append(errs, ctx.Err())...)
}

// A conn is a client's connection. The client of net/http would take longer than
// the servers do.
type conn struct {
	net.Conn
	s *served
	r *bufio.Reader
	// body is the last answer's.
	body []byte
}

func dial(s *served) (*conn, error) {
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, s: s, r: bufio.NewReaderSize(c, 16<<10)}, nil
}

var contentLength = []byte("Content-Length: ")

// ask asks once and reads the answer, which has to be a 200 with a length. What
// it returns is there until it asks again.
func (c *conn) ask() ([]byte, error) {
	if _, err := c.Write(c.s.request); err != nil {
		return nil, err
	}
	status, length := []byte(nil), -1
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch digits, ok := bytes.CutPrefix(line, contentLength); {
		case status == nil:
			if status = bytes.Clone(line); !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
				rest, _ := c.r.Peek(c.r.Buffered())
				return nil, fmt.Errorf("the answer is %s\n%s", status, rest)
			}
			continue
		case ok:
			length = 0
			for _, d := range digits {
				length = 10*length + int(d-'0')
			}
			continue
		case len(line) > 0:
			continue
		}
		break
	}
	if length < 0 {
		return nil, errors.New("the answer has no Content-Length")
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	_, err := io.ReadFull(c.r, c.body)
	return c.body, err
}
