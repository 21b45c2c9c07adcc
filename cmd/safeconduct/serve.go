package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	"github.com/safeconduct/safeconduct/registry/httpapi"
)

func serveCommand() *cobra.Command {
	var dir, listen string
	var policy string
	var without []string
	var acceptRollback bool
	c := &cobra.Command{
		Use:   "serve --dir DIR --listen ADDR [--policy FILE]",
		Short: "Run the register",
		Long: "Runs the register of DIR, which root init made and root.jws, the signed trust root,\n" +
			"lies in. At the first start the trust root is logged, and DIR/trust.yaml is written:\n" +
			"what this register's own answers trust. Ctrl-C ends it.\n" +
			"With a policy (C2SP tlog-policy, by default DIR/" + policyFile + " where that is), the witnesses and\n" +
			"mirrors that it names are asked to cosign, and a checkpoint is published when they make\n" +
			"its quorum. Nothing is logged before each has confirmed that it holds no more of the log.",
		Example: "  safeconduct serve --dir register --listen 127.0.0.1:8080",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			if dir == "" {
				return usage(c, errors.New("serve: --dir is missing: say where the register lies"))
			}
			logger := slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))
			cosigning, err := readCosigning(dir, policy, without)
			if err == nil {
				err = acceptRestored(dir, cosigning, acceptRollback)
			}
			if err != nil {
				return failed(serveHint(err), fmt.Errorf("serve %s: %w", dir, err))
			}
			s, err := openService(c.Context(), dir, serviceOptions{now: time.Now, logger: logger, cosigning: cosigning})
			if err != nil {
				return failed(serveHint(err), fmt.Errorf("serve %s: %w", dir, err))
			}
			err = serveUntilDone(c.Context(), s, listen, func(url string) {
				fmt.Fprintf(c.OutOrStdout(), "serving %s at %s\n", s.origin, url)
			})
			if err := errors.Join(err, s.Close()); err != nil {
				return failed("", fmt.Errorf("serve %s: %w", dir, err))
			}
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "directory of the register")
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "address to listen at")
	c.Flags().StringVar(&policy, "policy", "", "who cosigns, with URLs, and how many are enough")
	c.Flags().StringArrayVar(&without, "without-cosigner", nil, "do not wait for this cosigner of the policy to confirm the log's size")
	c.Flags().BoolVar(&acceptRollback, "accept-rollback", false, "go on after a restore although nobody can confirm that nothing was logged since")
	return c
}

// policyFile in a register's directory says who cosigns.
const policyFile = "cosigning.policy"

// readCosigning reads the policy that is named, or that of the directory.
func readCosigning(dir, name string, without []string) (registry.Cosigning, error) {
	c := registry.Cosigning{Without: without}
	asked := name != ""
	if !asked {
		name = filepath.Join(dir, policyFile)
	}
	b, err := readFile(name)
	if !asked && errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	c.Policy = string(b)
	if err == nil && strings.TrimSpace(c.Policy) == "" {
		err = fmt.Errorf("the policy %s is empty", name)
	}
	return c, err
}

var errRestored = errors.New("its log was put back from a backup, and nobody can confirm that nothing was logged since")

// acceptRestored refuses a log that was put back from a backup where nobody
// confirms its size, unless that is accepted.
func acceptRestored(dir string, c registry.Cosigning, accept bool) error {
	marker := filepath.Join(dir, restoredFile)
	if _, err := os.Lstat(marker); errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if c.Policy == "" && !accept {
		return errRestored
	}
	// The cosigners of a policy are asked at every start.
	return os.Remove(marker)
}

func serveHint(err error) string {
	switch {
	case errors.Is(err, errRestored):
		return "what was logged after the backup contradicts what is logged from now on, for everybody who holds it; --accept-rollback goes on all the same"
	case errors.Is(err, registry.ErrFull):
		return "make room on the disk; nothing is lost"
	}
	if errors.Is(err, errLost) {
		return "put the log back from a copy; a new register needs new keys: safeconduct root init with another --dir"
	}
	if errors.Is(err, os.ErrNotExist) {
		return "safeconduct root init makes the register's keys, root sign its trust root as root.jws in that directory"
	}
	return ""
}

// A service is a register on disk with its API.
type service struct {
	origin  string
	store   *badgerlog.Log
	reg     *registry.Registry
	handler http.Handler
	// begin logs the first trust root; nil where that is done.
	begin func(ctx context.Context) error
}

// serviceOptions are a service's clock, its batch interval (zero: the
// registry's own) and its logger.
type serviceOptions struct {
	now      func() time.Time
	interval time.Duration
	logger   *slog.Logger
	// cosigning says who cosigns beside the operator's own cosigner.
	cosigning registry.Cosigning
}

// openService opens the register of a directory and logs its trust root where
// the log is empty.
func openService(ctx context.Context, dir string, opt serviceOptions) (*service, error) {
	root, err := openRoot(filepath.Join(dir, rootFile))
	if err != nil {
		return nil, err
	}
	skey, err := readKey(dir, logKeyFile)
	if err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", logKeyFile, err)
	}
	cskey, err := readKey(dir, cosignerKeyFile)
	if err != nil {
		return nil, err
	}
	cosigner, err := registry.NewCosigner(cskey)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", cosignerKeyFile, err)
	}
	trust, started, err := ownTrust(dir, root)
	if err != nil {
		return nil, err
	}
	t, err := parseTrustText(trust)
	if err != nil {
		return nil, err
	}
	origin := root.TrustRoot().Root().Aud
	store, err := badgerlog.Open(filepath.Join(dir, storeDir), opt.logger)
	if err != nil {
		return nil, err
	}
	reg, err := registry.New(registry.Config{
		Log: store, Origin: origin, LogSigner: signer, Cosigner: cosigner, Cosigning: opt.cosigning, Trust: t,
		Now: opt.now, BatchInterval: opt.interval, Logger: opt.logger,
	})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	s := &service{origin: origin, store: store, reg: reg, handler: httpapi.NewHandler(reg, httpapi.Options{Now: opt.now, Logger: opt.logger})}
	if !errors.Is(reg.Healthy(), registry.ErrNoRoot) {
		return s, nil
	}
	// A second history under the same key would contradict what was signed.
	if started {
		return nil, errors.Join(fmt.Errorf("%w: %s holds no log, but this register has been started before", errLost, filepath.Join(dir, storeDir)), s.Close())
	}
	s.begin = func(ctx context.Context) error { return begin(ctx, reg, dir, root, trust) }
	if opt.cosigning.Policy != "" {
		// Its cosigners are asked first, which may read what is served.
		return s, nil
	}
	if err := s.begin(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.begin = nil
	return s, nil
}

// begin logs the first trust root, as soon as the cosigners have confirmed that
// they hold nothing of the log.
func begin(ctx context.Context, reg *registry.Registry, dir string, root *attest.Statement, trust string) error {
	for {
		_, err := reg.Init(ctx, root.Bytes())
		if !errors.Is(err, registry.ErrUnconfirmed) {
			if err != nil {
				return fmt.Errorf("log the trust root: %w", err)
			}
			// Last, so that a first start that was cut short is one again.
			return writeFile(filepath.Join(dir, trustFile), []byte(trust))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("log the trust root: %w", err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Close waits for what has been submitted.
func (s *service) Close() error { return errors.Join(s.reg.Close(), s.store.Close()) }

func readKey(dir, name string) (string, error) {
	b, err := readFile(filepath.Join(dir, name))
	if err != nil {
		return "", fmt.Errorf("read the register's key: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// errLost is a register whose log is gone.
var errLost = errors.New("the log is lost")

// ownTrust reads what the register's own answers trust; before the first start
// it makes it. That it is there says that the register has been started.
func ownTrust(dir string, root *attest.Statement) (text string, started bool, err error) {
	b, err := readFile(filepath.Join(dir, trustFile))
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		return string(b), true, err
	}
	text, err = trustText(root)
	return text, false, err
}

// memoryLimit is where the garbage collector begins to work hard, in bytes:
// without a limit, compaction of a large log leaves gigabytes of garbage lying.
// The environment's GOMEMLIMIT goes before it.
const memoryLimit = 1100 << 20

func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}

// serveUntilDone serves until ctx is done, then lets requests end.
func serveUntilDone(ctx context.Context, s *service, addr string, started func(url string)) error {
	limitMemory()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	srv := newServer(s.handler)
	end := make(chan error, 2)
	go func() { end <- srv.Serve(ln) }()
	if s.begin != nil {
		go func() {
			if err := s.begin(ctx); err != nil && ctx.Err() == nil {
				end <- err
			}
		}()
	}
	started("http://" + ln.Addr().String())
	select {
	case err := <-end:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return srv.Shutdown(grace)
}

// newServer bounds what a slow client can hold.
func newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}
}
