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
// there is a form.
type visit struct {
	name string
	at   func(i int) (path string, form url.Values)
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
	return []visit{
		{"find, all", fixed("/")},
		{"find by name", asked("/?q=", func(i int) string { return fmt.Sprintf("Entity %d Precision", number(i)) })},
		{"find by a misspelt name", asked("/?q=", func(i int) string { return fmt.Sprintf("Entity %d Precison Instrumnts", number(i)) })},
		{"find by LEI", asked("/?q=", func(i int) string { return strings.TrimPrefix(entityNumber(number(i)), "lei:") })},
		{"find by country and status", fixed("/?country=IN&status=in_force&q=precision")},
		{"entity", func(i int) (string, url.Values) { return "/entities/" + entityNumber(number(i)), nil }},
		{"entity by both clocks", func(i int) (string, url.Values) {
			return "/entities/" + entityNumber(number(i+n/2)) + "?at=2026-06-01+00:00&known=2026-06-01+00:00", nil
		}},
		{"sandbox", fixed("/sandboxes/" + registrytest.Sandbox)},
		{"log", fixed("/log")},
		{"log, older statements", func(i int) (string, url.Values) { return fmt.Sprintf("/log?before=%d", 1+number(i)), nil }},
		{"statement", func(i int) (string, url.Values) {
			return fmt.Sprintf("/statements/%s/REG-%07d", registrytest.IN, number(i)), nil
		}},
		{"partners", fixed("/partners?purpose=underwater+communications&country=IN")},
		{"authorities", fixed("/authorities")},
		{"authority", fixed("/authorities/" + registrytest.IN)},
		{"compose, from an approval", fixed("/compose?from=" + registrytest.US + "/PDA-US")},
		{"check, the form", fixed("/check")},
		{"check, the answer", func(int) (string, url.Values) { return "/check", question }},
	}
}

func pagesStage(ctx context.Context, in pagesInput) (out pagesOutput, err error) {
	now := clock(2 * time.Hour)
	reg, closeAll, err := serve(ctx, in.Dir, now, nil)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	if err := submitAll(ctx, reg, joint()...); err != nil {
		return out, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return out, err
	}
	server := httpapi.NewServer(httpapi.NewHandler(reg, httpapi.Options{Now: now, Beside: web.New(reg, web.Options{Now: now}).Paths()}), nil)
	go func() { _ = server.Serve(l) }()
	defer func() { err = errors.Join(err, server.Close()) }()
	base := "http://" + l.Addr().String()
	// The index of names is made in the background.
	for ready := false; !ready; {
		switch status, err := look(ctx, base+"/?q=x", nil); {
		case err != nil:
			return out, err
		case status == http.StatusOK:
			ready = true
		default:
			time.Sleep(100 * time.Millisecond)
		}
	}
	for _, v := range visits(in.Size / 2) {
		times := make([]float64, in.Visits)
		for i := range times {
			path, form := v.at(i)
			start := time.Now()
			status, err := look(ctx, base+path, form)
			times[i] = float64(time.Since(start)) / float64(time.Millisecond)
			if err != nil || status != http.StatusOK {
				return out, fmt.Errorf("%s: %s answers %d: %w", v.name, path, status, err)
			}
		}
		out.Pages = append(out.Pages, pageTimes{v.name, quantile(times, 0.5), quantile(times, 0.99)})
	}
	return out, nil
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
