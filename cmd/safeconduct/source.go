package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	"github.com/safeconduct/safeconduct/registry/client"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/tlogtiles"
	"github.com/safeconduct/safeconduct/verify"
)

// A source is a register that is read: one that runs, or the stopped one of a
// directory. What it says is checked against a trust.
type source struct {
	client *client.Client
	tiles  *tlogtiles.Client
	// trust is what the reader trusts, nil where the register is taken at its
	// word.
	trust *verify.Trust
	close func() error
}

// sourceFlags say what is read, and what is trusted.
type sourceFlags struct{ url, dir, trust string }

func (f *sourceFlags) flags(c *cobra.Command) {
	registryFlag(c, &f.url)
	c.Flags().StringVar(&f.dir, "dir", "", "directory of a register or mirror that is stopped, in place of --registry")
	c.Flags().StringVar(&f.trust, "trust", "", "trust file, to check what is shown (default with --dir: DIR/"+trustFile+")")
}

// open returns the source; whoever has it closes it.
func (f *sourceFlags) open(c *cobra.Command) (*source, error) {
	if (f.url == "") == (f.dir == "") {
		return nil, usage(c, fmt.Errorf("%s: one of --registry and --dir is needed: say which register", c.Name()))
	}
	s := &source{close: func() error { return nil }}
	name := f.trust
	if name == "" && f.dir != "" {
		if _, err := os.Stat(filepath.Join(f.dir, trustFile)); err == nil {
			name = filepath.Join(f.dir, trustFile)
		}
	}
	if name != "" {
		var err error
		if s.trust, err = readTrust(name); err != nil {
			return nil, failed(trustHint, fmt.Errorf("read what to trust from %s:\n%w", name, err))
		}
	}
	if f.dir != "" {
		if err := s.openDir(f.dir); err != nil {
			return nil, failed("a register that is running is read with --registry", fmt.Errorf("%s: open %s: %w", c.Name(), f.dir, err))
		}
		return s, nil
	}
	var err error
	if s.client, err = newClient(c, f.url); err != nil {
		return nil, err
	}
	if s.tiles, err = tilesOf(c, f.url); err != nil {
		return nil, err
	}
	return s, nil
}

const trustHint = "a trust file says which register and whose cosignatures are trusted; safeconduct root show --trust prints one"

// openDir reads a stopped register as if it were served, with no network.
func (s *source) openDir(dir string) error {
	log, err := stoppedLog(dir, badgerlog.Open)
	if err != nil {
		return err
	}
	r, err := stoppedReader(log, s.trust)
	if err != nil {
		return errors.Join(err, log.Close())
	}
	s.close = log.Close
	hc := &http.Client{Transport: &unserved{httpapi.NewHandler(r, httpapi.Options{})}, Timeout: time.Minute}
	const nowhere = "http://stopped.invalid"
	s.client, err = client.New(nowhere, hc)
	s.tiles = &tlogtiles.Client{BaseURL: nowhere, HTTP: hc}
	return err
}

// stoppedReader reads a log as its register would show it.
func stoppedReader(log registry.Log, trust *verify.Trust) (*registry.Replica, error) {
	head, err := log.Head()
	if err != nil {
		return nil, err
	}
	if head.Size == 0 {
		return nil, errors.New("its log is empty")
	}
	cp, err := verify.ParseCheckpoint(head.Checkpoint)
	if err != nil {
		return nil, err
	}
	config := registry.ReplicaConfig{Log: log, Origin: cp.Origin, Trust: trust}
	if trust != nil {
		config.Cosigners = trust.Cosigners()
	}
	quorate, err := log.Quorate()
	if err != nil {
		return nil, err
	}
	if quorate > 0 {
		config.Quorate = func([]byte) error { return nil }
	}
	return registry.NewReplica(config)
}

// unserved answers requests by a handler that is served nowhere.
type unserved struct{ handler http.Handler }

// RoundTrip implements [http.RoundTripper].
func (u *unserved) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	defer r.Body.Close()
	a := &unsent{header: make(http.Header), status: http.StatusOK}
	u.handler.ServeHTTP(a, r)
	return &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: r,
	}, nil
}

// unsent is an answer that goes over no wire.
type unsent struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *unsent) Header() http.Header { return a.header }

func (a *unsent) WriteHeader(status int) { a.status = status }

func (a *unsent) Write(b []byte) (int, error) { return a.body.Write(b) }

// ask returns the checked evidence of subjects.
func (s *source) ask(ctx context.Context, subjects []string) (*verify.Opened, []byte, error) {
	evidence, err := s.client.EvidenceOf(ctx, subjects)
	if err != nil {
		return nil, nil, err
	}
	e, err := openEvidence(evidence, s.trust)
	return e, evidence, err
}

// openEvidence checks evidence, by the word of whoever made it where no trust is
// given.
func openEvidence(evidence []byte, t *verify.Trust) (*verify.Opened, error) {
	if t == nil {
		var err error
		if t, err = wordOf(evidence); err != nil {
			return nil, err
		}
	}
	return verify.Open(evidence, t, time.Now())
}

// wordOf is a trust that takes evidence at its own word: its trust root is
// pinned, and any cosigner that this lists tells the time. What is checked with
// it agrees with itself, which proves nothing to anybody.
func wordOf(evidence []byte) (*verify.Trust, error) {
	e, err := verify.Parse(evidence)
	if err != nil {
		return nil, err
	}
	root := newestRoot(e)
	if root == nil {
		return nil, errors.New("the evidence shows no trust root")
	}
	r := root.TrustRoot().Root()
	if len(r.Cosigners) == 0 {
		return nil, errors.New("the register's trust root lists no cosigner, so that its word alone says nothing of the time; give --trust")
	}
	var lines, names []string
	for n, c := range r.Cosigners {
		names = append(names, fmt.Sprintf("cosigner-%d", n+1))
		lines = append(lines, fmt.Sprintf("witness %s %s", names[n], c.VKey))
	}
	policy := fmt.Sprintf("%s\ngroup anybody any %s\nquorum anybody\n", strings.Join(lines, "\n"), strings.Join(names, " "))
	return verify.TrustFor(root, policy, 24*time.Hour, verify.Insecure{OperatorClock: true, Unmirrored: true})
}

// newestRoot is the newest version of the trust root that evidence shows, nil for
// none. It has not been checked but for its own signatures.
func newestRoot(e *verify.Evidence) *attest.Statement {
	for _, s := range slices.Backward(e.Statements) {
		// It takes no freeze, and nothing else either.
		if root, err := attest.OpenRoot([]byte(s.Statement), nil); err == nil {
			return root
		}
	}
	return nil
}

// unproven is what is said where no trust is given.
const unproven = "the register's word: no trust file says whom to believe, so that nothing here is proven; --trust FILE checks it"
