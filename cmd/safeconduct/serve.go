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
	c := &cobra.Command{
		Use:   "serve --dir DIR --listen ADDR",
		Short: "Run the register",
		Long: "Runs the register of DIR, which root init made and root.jws, the signed trust root,\n" +
			"lies in. At the first start the trust root is logged, and DIR/trust.yaml is written:\n" +
			"what this register's own answers trust. Ctrl-C ends it.",
		Example: "  safeconduct serve --dir register --listen 127.0.0.1:8080",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			if dir == "" {
				return usage(c, errors.New("serve: --dir is missing: say where the register lies"))
			}
			logger := slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))
			s, err := openService(c.Context(), dir, serviceOptions{now: time.Now, logger: logger})
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
	return c
}

func serveHint(err error) string {
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
}

// serviceOptions are a service's clock, its batch interval (zero: the
// registry's own) and its logger.
type serviceOptions struct {
	now      func() time.Time
	interval time.Duration
	logger   *slog.Logger
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
		Log: store, Origin: origin, LogSigner: signer, Cosigner: cosigner, Trust: t,
		Now: opt.now, BatchInterval: opt.interval, Logger: opt.logger,
	})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	s := &service{origin, store, reg, httpapi.NewHandler(reg, httpapi.Options{Now: opt.now, Logger: opt.logger})}
	if !errors.Is(reg.Healthy(), registry.ErrNoRoot) {
		return s, nil
	}
	// A second history under the same key would contradict what was signed.
	if started {
		return nil, errors.Join(fmt.Errorf("%w: %s holds no log, but this register has been started before", errLost, filepath.Join(dir, storeDir)), s.Close())
	}
	if _, err := reg.Init(ctx, root.Bytes()); err != nil {
		return nil, errors.Join(fmt.Errorf("log the trust root: %w", err), s.Close())
	}
	// Last, so that a first start that was cut short is one again.
	if err := writeFile(filepath.Join(dir, trustFile), []byte(trust)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
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

// serveUntilDone serves until ctx is done, then lets requests end.
func serveUntilDone(ctx context.Context, s *service, addr string, started func(url string)) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	srv := newServer(s.handler)
	end := make(chan error, 1)
	go func() { end <- srv.Serve(ln) }()
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
