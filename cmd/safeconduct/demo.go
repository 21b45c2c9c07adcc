package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/draft"
	"github.com/safeconduct/safeconduct/attest/signer"
	"github.com/safeconduct/safeconduct/examples"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/client"
	"github.com/safeconduct/safeconduct/verify"
)

func demoCommand() *cobra.Command {
	var dir, serve string
	var asJSON bool
	c := &cobra.Command{
		Use:   "demo [--dir DIR] [--serve ADDR]",
		Short: "The main job on real input: sign, log, check, prove, verify",
		Long: "Signs the examples with throw-away keys, logs them in a register of its own at the\n" +
			"times that it pretends, checks requests online, and verifies each answer offline.\n" +
			"--dir keeps what it used in an empty directory, --serve leaves the register running.",
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			err := runDemo(c, dir, serve, asJSON)
			if _, ok := errors.AsType[*failure](err); err != nil && !ok {
				return failed("", fmt.Errorf("demo: %w", err))
			}
			return err
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "empty directory to keep keys, statements, requests and evidence in")
	c.Flags().StringVar(&serve, "serve", "", "leave the register running at this address, such as 127.0.0.1:8080")
	jsonFlag(c, &asJSON)
	return c
}

// A demo is a register with a clock that is set, reached over HTTP.
type demo struct {
	p      *printer
	dir    string
	kept   bool
	clock  *pretended
	svc    *service
	client *client.Client
	trust  *verify.Trust
	keys   map[string]attest.Signer
	rows   [][]string
	quotes []string
	last   checked
	told   []told
}

// told is an answer of the demo, for --json.
type told struct {
	Request  string        `json:"request"`
	Asked    string        `json:"asked_at"`
	Decision policy.Result `json:"decision"`
	Reasons  []policy.Code `json:"reasons"`
	// Offline is what the evidence alone says.
	Offline policy.Result `json:"offline"`
}

// checked is an answer and what proves it.
type checked struct {
	name     string
	req      *policy.Request
	evidence []byte
}

// demoOrigin names the demo's register; no such host can exist (RFC 2606).
const demoOrigin = "demo.safeconduct.example/register"

func runDemo(c *cobra.Command, dir, serve string, asJSON bool) (err error) {
	kept := dir != ""
	if !kept {
		if dir, err = os.MkdirTemp("", "safeconduct-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	} else if err := emptyDir(dir); err != nil {
		return failed("give --dir an empty or a new directory", err)
	}
	d := &demo{p: &printer{w: c.OutOrStdout()}, dir: dir, kept: kept, clock: new(pretended), keys: make(map[string]attest.Signer)}
	if asJSON {
		d.p.w = io.Discard
	}
	d.intro()
	addr := "127.0.0.1:0"
	if serve != "" {
		addr = serve
	}
	if err := d.open(c.Context()); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.svc.Close()) }()
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	started := make(chan string, 1)
	ended := make(chan error, 1)
	go func() { ended <- serveUntilDone(ctx, d.svc, addr, func(url string) { started <- url }) }()
	var url string
	select {
	case url = <-started:
	case err := <-ended:
		return failed("is something else listening there?", fmt.Errorf("demo: serve at %s: %w", addr, err))
	}
	if d.client, err = client.New(url, nil); err != nil {
		return err
	}
	if err := d.story(ctx); err != nil {
		return err
	}
	d.outro(url, serve != "")
	if asJSON {
		if err := printAnswer(c, true, d.told, nil); err != nil {
			return err
		}
	}
	if d.p.err != nil || serve == "" {
		cancel()
		return errors.Join(d.p.err, <-ended)
	}
	d.clock.run()
	return <-ended
}

func emptyDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	es, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if len(es) > 0 {
		return fmt.Errorf("demo: %s is not empty", dir)
	}
	return nil
}

func (d *demo) intro() {
	d.p.line("Safeconduct demo: sign, log, check, prove, verify.")
	d.p.line("")
	d.p.line("The Validated End-Users are historical facts of 15 CFR Part 748, Supplement No. 7 (2015")
	d.p.line("edition); the joint sandbox is fictional. Both are signed here with throw-away keys that")
	d.p.line("are nobody's: these are not statements of any government, and not current law. The times")
	d.p.line("below are pretended.")
}

// open makes keys, a trust root and a register in the directory.
func (d *demo) open(ctx context.Context) error {
	keys := filepath.Join(d.dir, "keys")
	reg := filepath.Join(d.dir, "register")
	for _, sub := range []string{keys, reg, filepath.Join(d.dir, "statements")} {
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return err
		}
	}
	in := initial{dir: reg, origin: demoOrigin}
	for _, name := range []string{"root", "us-bis", "auth-us", "auth-in"} {
		file := filepath.Join(keys, name+".key")
		if err := newKey(file); err != nil {
			return err
		}
		s, err := signer.Load(ctx, file, nil)
		if err != nil {
			return err
		}
		d.keys[name] = s
		if name == "root" {
			in.officers = []string{"demo=" + file + ".pub.jwk"}
		} else {
			in.keys = append(in.keys, name+"/demo="+file+".pub.jwk")
		}
	}
	in.authorities = []string{
		"us-bis=US,Bureau of Industry and Security (facts of 2015, throw-away key)",
		"auth-us=US,United States Export Authority (fictional)",
		"auth-in=IN,India Strategic Trade Authority (fictional)",
	}
	return d.start(ctx, in)
}

func newKey(file string) error {
	k, err := signer.Generate("EdDSA")
	if err != nil {
		return err
	}
	return errors.Join(signer.WritePublic(signer.PublicPath(file), k.Key()), signer.Write(file, k, nil))
}

// start signs the trust root and opens the register on it.
func (d *demo) start(ctx context.Context, in initial) error {
	d.clock.set(story[0].at)
	if err := makeRegisterKeys(in.dir, in.origin); err != nil {
		return err
	}
	text, err := in.draft(ctx)
	if err != nil {
		return err
	}
	file := filepath.Join(in.dir, "root.yaml")
	if err := writeFile(file, []byte(text)); err != nil {
		return err
	}
	if err := d.sign(ctx, file, []byte(text), filepath.Join(in.dir, rootFile)); err != nil {
		return err
	}
	// Nobody shares the demo's register: it need not wait for company.
	if d.svc, err = openService(ctx, in.dir, serviceOptions{now: d.clock.now, interval: -1, logger: slog.New(slog.DiscardHandler)}); err != nil {
		return err
	}
	for _, f := range []string{trustFile, logVKeyFile} {
		b, err := readFile(filepath.Join(in.dir, f))
		if err != nil {
			return err
		}
		if err := writeFile(filepath.Join(d.dir, f), b); err != nil {
			return err
		}
	}
	d.trust, err = readTrust(filepath.Join(d.dir, trustFile))
	return err
}

// sign signs a draft at the pretended time with its issuer's key.
func (d *demo) sign(ctx context.Context, name string, data []byte, out string) error {
	c, err := draft.Parse(name, data, draft.Options{Now: d.clock.now(), Aud: demoOrigin})
	if err != nil {
		return err
	}
	st, err := attest.Sign(ctx, c, d.keys[c.Head().Iss])
	if err != nil {
		return fmt.Errorf("sign %s: %w", name, err)
	}
	return writeFile(out, st)
}

// story plays the scenes.
func (d *demo) story(ctx context.Context) error {
	for _, s := range story {
		d.clock.set(s.at)
		d.p.line("")
		d.p.line("%s  %s", s.at.Format("2006-01-02"), s.title)
		for _, name := range s.log {
			if err := d.submit(ctx, name); err != nil {
				return err
			}
		}
		d.rows, d.quotes = nil, nil
		for _, k := range s.checks {
			d.clock.set(k.at)
			if err := d.check(ctx, k); err != nil {
				return err
			}
		}
		if d.rows != nil {
			d.p.table(append([][]string{{"  ACT AT", "QUESTION", "ANSWER", "BECAUSE", "OFFLINE"}}, d.rows...)...)
		}
		for _, q := range d.quotes {
			d.p.paragraph("    ", q)
		}
	}
	return d.tamper()
}

func (d *demo) submit(ctx context.Context, name string) error {
	data, err := fs.ReadFile(examples.Files, name)
	if err != nil {
		return err
	}
	out := filepath.Join(d.dir, "statements", strings.TrimSuffix(filepath.Base(name), ".yaml")+".jws")
	if err := d.sign(ctx, name, data, out); err != nil {
		return err
	}
	st, err := readFile(out)
	if err != nil {
		return err
	}
	r, err := d.client.Submit(ctx, st)
	if err != nil {
		return fmt.Errorf("log %s: %w", name, err)
	}
	u, err := attest.Parse(st)
	if err != nil {
		return err
	}
	d.p.line("  logged at index %2d: %s", r.Index, inWords(u.ClaimsUnsafe()))
	return nil
}

// inWords says in a line what a statement says.
func inWords(c attest.Claims) string {
	h := c.Head()
	switch c := c.(type) {
	case *attest.Registration:
		return fmt.Sprintf("%s registers %s (%s)", h.Iss, c.LegalName, c.Country)
	case *attest.EntityApproval:
		items := "every item"
		if n := len(c.EligibleItems); n > 0 {
			items = count(n, "item")
		}
		return fmt.Sprintf("%s approves %s (%s): %s, %s", h.Iss, c.LegalName, c.Country, items, count(len(c.ApprovedSites), "site"))
	case *attest.DomainApproval:
		return fmt.Sprintf("%s approves sandbox %s from %s", h.Iss, c.Sandbox(), c.NBF.Time().Format("2006-01-02"))
	case *attest.Event:
		return fmt.Sprintf("%s: %s %s from %s", h.Iss, c.Event, c.Target, c.EffectiveAt.Time().Format("2006-01-02"))
	default:
		return h.JTI
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// are is count with its verb.
func are(n int, what string) string {
	if n == 1 {
		return count(n, what) + " is"
	}
	return count(n, what) + " are"
}

// check asks online, keeps request and evidence, and decides again offline.
func (d *demo) check(ctx context.Context, k question) error {
	data, err := fs.ReadFile(examples.Files, k.request)
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(k.request), "request-"), ".yaml")
	data = pretendTimes(data, k.at)
	file := filepath.Join(d.dir, "request-"+name+".yaml")
	if err := writeFile(file, data); err != nil {
		return err
	}
	req, err := readRequest(file)
	if err != nil {
		return err
	}
	doc, err := json.Marshal(req)
	if err != nil {
		return err
	}
	online, evidence, err := d.client.Check(ctx, doc, true)
	if err != nil {
		return fmt.Errorf("check %s: %w", name, err)
	}
	if err := writeFile(filepath.Join(d.dir, "evidence-"+name+".json"), evidence); err != nil {
		return err
	}
	offline, err := verify.Decide(evidence, d.trust, req, req.Times(k.at))
	if err != nil {
		return fmt.Errorf("verify the evidence of %s: %w", name, err)
	}
	same, err := online.Same(offline)
	if err != nil {
		return err
	}
	if !same {
		return fmt.Errorf("check %s: the register said %s, its evidence says otherwise", name, online.Decision)
	}
	if online.Decision != k.want {
		return fmt.Errorf("check %s: the answer is %s (%s); the story wants %s", name, online.Decision, because(online), k.want)
	}
	d.rows = append(d.rows, []string{"  " + req.EffectiveAt.Time().Format("2006-01-02"), k.text, string(online.Decision), because(online), "same, verified"})
	d.told = append(d.told, told{name, k.at.Format(time.RFC3339), online.Decision, online.Codes(), offline.Decision})
	if online.Permitted() {
		d.last = checked{name, req, evidence}
	}
	if online.Decision == policy.REFER {
		for _, r := range online.Reasons {
			d.quotes = append(d.quotes, r.Message)
		}
	}
	return nil
}

func because(d *policy.Decision) string {
	var codes []string
	for _, c := range d.Codes() {
		codes = append(codes, string(c))
	}
	if codes == nil {
		return "-"
	}
	return strings.Join(codes, ", ")
}

var timeLines = regexp.MustCompile(`(?m)^(known_at|checked_at):.*\n`)

// pretendTimes writes the pretended times into a request, so that it verifies
// by hand.
func pretendTimes(request []byte, at time.Time) []byte {
	out := bytes.TrimRight(timeLines.ReplaceAll(request, nil), "\n")
	return fmt.Appendf(out, "\n# The demo asks at this pretended time.\nknown_at: %s\nchecked_at: %s\n", at.Format(time.RFC3339), at.Format(time.RFC3339))
}

// tamper changes one byte of the last evidence.
func (d *demo) tamper() error {
	d.p.line("")
	d.p.line("One byte of evidence-%s.json changed:", d.last.name)
	for _, where := range []struct{ in, at string }{{"a statement", `"statement":"`}, {"the checkpoint", `"checkpoint":"` + demoOrigin}, {"a history", `"time":`}} {
		bad := bytes.Clone(d.last.evidence)
		i := bytes.Index(bad, []byte(where.at))
		if i < 0 {
			return fmt.Errorf("the evidence has no %s", where.at)
		}
		// A place inside the value, where another character is as well formed.
		i += len(where.at) + 8
		if bad[i] == '1' {
			bad[i] = '2'
		} else {
			bad[i] = '1'
		}
		_, err := verify.Decide(bad, d.trust, d.last.req, d.last.req.Times(d.clock.now()))
		e, ok := errors.AsType[*verify.Error](err)
		if !ok {
			return fmt.Errorf("changed evidence was not refused: %w", err)
		}
		d.p.line("  in %s: refused at step %s", where.in, e.Step)
	}
	return nil
}

func (d *demo) outro(url string, serving bool) {
	d.p.line("")
	for _, w := range []string{verify.WarningOperatorClock, verify.WarningUnmirrored} {
		d.p.line("warning: %s", warning(w))
	}
	if d.kept {
		d.p.line("")
		d.p.line("Try it by hand, offline, in %s:", d.dir)
		d.p.line("  safeconduct verify evidence-%s.json --request request-%s.yaml --trust trust.yaml", d.last.name, d.last.name)
	}
	if serving {
		d.p.line("")
		d.p.line("Ask it, now:")
		d.p.line("  safeconduct check examples/underwater-comms/request-joint-after.yaml --registry %s", url)
		d.p.line("")
		d.p.line("The register is running at %s; Ctrl-C ends it.", url)
	}
}

// pretended is a clock that is set, until it runs.
type pretended struct {
	mu      sync.Mutex
	t       time.Time
	running time.Time
}

func (c *pretended) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

// run lets the clock go on: with the real time, where the story is over.
func (c *pretended) run() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = time.Now()
	if c.running.After(c.t) {
		c.t = c.running
	}
}

func (c *pretended) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running.IsZero() {
		return c.t
	}
	return c.t.Add(time.Since(c.running))
}
