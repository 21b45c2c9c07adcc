package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/registry/finder"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/registry/web"
)

// pages measures how soon the pages for people answer, over HTTP on loopback: each
// time another entity, which nobody has looked at before.
func pages(ctx context.Context, b *bench) error {
	size := b.latency
	dir, err := b.full(ctx, size)
	if err != nil {
		return err
	}
	saying("pages: %s subjects", thousands(float64(size)))
	out, err := isolated[pagesOutput](ctx, "pages", pagesInput{dir, size, b.verifications})
	if err != nil {
		return err
	}
	for _, p := range out.Pages {
		median := statOf(p.P50)
		b.report.add(Row{
			Section: "pages", What: fmt.Sprintf("%s, p99, %s subjects", p.Name, thousands(float64(size))), Unit: Millis, Value: statOf(p.P99),
			Beside: "p50", BesideOf: &median, BesideIn: Millis,
		}, &goalPages)
	}
	return nil
}

type pagesInput struct {
	Dir    string
	Size   int
	Visits int
}

type pagesOutput struct{ Pages []pageTimes }

// pageTimes are how long a page took, in milliseconds.
type pageTimes struct {
	Name     string
	P50, P99 float64
}

// A visit is a page that is measured: what is asked the i-th time, in a POST where
// there is a form; late, when all that the corpus grants is about to end.
type visit struct {
	name string
	at   func(i int) (path string, form url.Values)
	late bool
}

// visits are those of a register with n entities.
func visits(n int) []visit {
	// Far apart, so that nothing that was read is there already.
	number := func(i int) int { return (i*7919 + 13) % n }
	fixed := func(path string) func(int) (string, url.Values) {
		return func(int) (string, url.Values) { return path, nil }
	}
	asked := func(path string, by func(i int) string) func(int) (string, url.Values) {
		return func(i int) (string, url.Values) { return path + url.QueryEscape(by(i)), nil }
	}
	question := url.Values{
		"act": {"technology_release"}, "sandbox": {registrytest.Sandbox}, "effective_at": {registrytest.Start.Add(2 * time.Hour).Format("2006-01-02 15:04")},
		"transferor": {registrytest.Halcyon}, "transferee": {registrytest.Varuna}, "destination_site": {"VTZ-1"},
		"items": {"US_CCL 5A001.b.1"}, "end_use": {"sea_trial"},
	}
	draft := url.Values{
		"iss": {registrytest.US}, "jti": {"TEA-US-0001"}, "entity": {registrytest.Varuna}, "legal_name": {"Varuna Deepsense Private Limited"}, "established": {"IN"},
		"effect": {"authorization"}, "nbf": {"2026-02-01 00:00"}, "exp": {"2028-02-01 00:00"}, "approved_sites": {"VTZ-1 | IN | Plot 14, Ocean Tech Park"},
		"eligible_items": {"US_CCL 5A001.b.1"},
	}
	return []visit{
		{name: "find, all", at: fixed("/")},
		{name: "find by name", at: asked("/?q=", func(i int) string { return fmt.Sprintf("Entity %d Precision", number(i)) })},
		{name: "find by a misspelt name", at: asked("/?q=", func(i int) string { return fmt.Sprintf("Entity %d Precison Instrumnts", number(i)) })},
		{name: "find by LEI", at: asked("/?q=", func(i int) string { return strings.TrimPrefix(entityNumber(number(i)), "lei:") })},
		{name: "find by country and status", at: fixed("/?country=IN&status=in_force&q=precision")},
		{name: "entity", at: func(i int) (string, url.Values) { return "/entities/" + entityNumber(number(i)), nil }},
		{name: "entity by both clocks", at: func(i int) (string, url.Values) {
			return "/entities/" + entityNumber(number(i+n/2)) + "?at=2026-06-01+00:00&known=2026-06-01+00:00", nil
		}},
		{name: "sandbox", at: fixed("/sandboxes/" + registrytest.Sandbox)},
		{name: "log", at: fixed("/log")},
		{name: "log, older statements", at: func(i int) (string, url.Values) { return fmt.Sprintf("/log?before=%d", 1+number(i)), nil }},
		{name: "statement", at: func(i int) (string, url.Values) {
			return fmt.Sprintf("/statements/%s/REG-%07d", registrytest.IN, number(i)), nil
		}},
		{name: "partners", at: fixed("/partners?purpose=underwater+communications&country=IN")},
		{name: "authorities", at: fixed("/authorities")},
		{name: "authority", at: fixed("/authorities/" + registrytest.IN)},
		{name: "authority, all of whose grants end soon", at: fixed("/authorities/" + registrytest.IN), late: true},
		{name: "compose, from an approval", at: fixed("/compose?from=" + registrytest.US + "/PDA-US")},
		{name: "compose, a draft", at: func(int) (string, url.Values) { return "/compose", draft }},
		{name: "compose, the terms of another", at: fixed("/compose?from=" + registrytest.US + "/PDA-US&for=" + registrytest.IN)},
		{name: "verify", at: fixed("/verify")},
		{name: "api", at: fixed("/api")},
		{name: "check, the form", at: fixed("/check")},
		{name: "check, the answer", at: func(int) (string, url.Values) { return "/check", question }},
	}
}

func pagesStage(ctx context.Context, in pagesInput) (out pagesOutput, err error) {
	// Later than all that was measured on the same register: an answer as of before
	// its latest checkpoint is none.
	now := clock(72 * time.Hour)
	reg, closeAll, err := serve(ctx, in.Dir, now, nil)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	if err := submitAll(ctx, reg, joint()...); err != nil {
		return out, err
	}
	find := finder.New(reg)
	listen := func(now func() time.Time) (base string, server *http.Server, err error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", nil, err
		}
		server = httpapi.NewServer(httpapi.NewHandler(reg, httpapi.Options{Now: now, Beside: web.New(reg, web.Options{Now: now, Finder: find}).Paths()}), nil)
		go func() { _ = server.Serve(l) }()
		return "http://" + l.Addr().String(), server, nil
	}
	base, server, err := listen(now)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	// A grant of the corpus is for a year.
	later, lateServer, err := listen(clock(300 * 24 * time.Hour))
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, lateServer.Close()) }()
	if err := indexed(ctx, base); err != nil {
		return out, err
	}
	for _, v := range visits(in.Size / 2) {
		times := make([]float64, in.Visits)
		for i := range times {
			path, form := v.at(i)
			address := base + path
			if v.late {
				address = later + path
			}
			start := time.Now()
			status, err := look(ctx, address, form)
			times[i] = float64(time.Since(start)) / float64(time.Millisecond)
			if err != nil {
				return out, fmt.Errorf("%s: ask for %s: %w", v.name, path, err)
			}
			if status != http.StatusOK {
				return out, fmt.Errorf("%s: %s answers %d, want %d", v.name, path, status, http.StatusOK)
			}
		}
		out.Pages = append(out.Pages, pageTimes{v.name, quantile(times, 0.5), quantile(times, 0.99)})
	}
	return out, nil
}

// indexing is how long the index of names may take.
const indexing = 10 * time.Minute

// indexed waits for the index of names, which is made in the background.
func indexed(ctx context.Context, base string) error {
	ctx, cancel := context.WithTimeout(ctx, indexing)
	defer cancel()
	for {
		status, err := look(ctx, base+"/?q=x", nil)
		switch {
		case err != nil:
			return fmt.Errorf("wait for the index of names: %w", err)
		case status == http.StatusOK:
			return nil
		case status != http.StatusServiceUnavailable:
			return fmt.Errorf("wait for the index of names: a search answers %d", status)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the index of names: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// look has a page shown, and reads all of it.
func look(ctx context.Context, address string, form url.Values) (status int, err error) {
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return 0, err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, errors.Join(err, resp.Body.Close())
}
