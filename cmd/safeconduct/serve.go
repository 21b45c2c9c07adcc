package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/tlogpolicy"
	"github.com/safeconduct/safeconduct/internal/vkey"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	"github.com/safeconduct/safeconduct/registry/finder"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/web"
	"github.com/safeconduct/safeconduct/screening"
)

func serveCommand() *cobra.Command {
	var dir, policy, decisionKey string
	var without, lists []string
	var acceptRollback bool
	var f front
	c := &cobra.Command{
		Use:   "serve --dir DIR --listen ADDR [--policy FILE]",
		Short: "Run the register",
		Long: "Runs the register of DIR, which root init made and root.jws, the signed trust root,\n" +
			"lies in: the API and, at /, pages for people. At the first start the trust root is\n" +
			"logged, and DIR/trust.yaml is written: what this register's own answers trust. Ctrl-C\n" +
			"ends it.\n" +
			"With a policy (C2SP tlog-policy, by default DIR/" + policyFile + " where that is), the witnesses and\n" +
			"mirrors that it names are asked to cosign, and a checkpoint is published when they make\n" +
			"its quorum. Nothing is logged before each has confirmed that it holds no more of the log.\n" +
			"On SIGHUP, the log keys in DIR (root log-key) and certificates are read again.\n" +
			frontHelp,
		Example: "  safeconduct serve --dir register --listen 127.0.0.1:8080\n" +
			"  safeconduct serve --dir register --listen :443 --tls-cert cert.pem --tls-key key.pem --metrics-listen 127.0.0.1:9090 --rate 200",
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			if dir == "" {
				return usage(c, errors.New("serve: --dir is missing: say where the register lies"))
			}
			logger := slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))
			api, err := f.options(c, logger)
			if err != nil {
				return err
			}
			cosigning, err := readCosigning(dir, policy, without)
			if err != nil {
				return failed("the policy says who cosigns, in the form of a C2SP tlog-policy; without --policy it is read from DIR/"+policyFile+", where that is", fmt.Errorf("serve %s: %w", dir, err))
			}
			if reachedBy(c) {
				by, err := transportOf(c)
				if err != nil {
					return err
				}
				cosigning.Client = &http.Client{Transport: by}
			}
			restored, err := isRestored(dir, cosigning, acceptRollback)
			if err != nil {
				return failed(serveHint(err), fmt.Errorf("serve %s: %w", dir, err))
			}
			screened, err := readLists(lists)
			if err != nil {
				return failed("", fmt.Errorf("serve %s: %w", dir, err))
			}
			notary, err := loadDecisionKey(c, decisionKey)
			if err != nil {
				return err
			}
			s, err := openService(c.Context(), dir, serviceOptions{now: time.Now, logger: logger, cosigning: cosigning, screening: screened, notary: notary, api: api})
			if err != nil {
				return failed(serveHint(err), fmt.Errorf("serve %s: %w", dir, err))
			}
			warnDecisionKey(s.reg, logger)
			f.before(s, logger, logKeysOf(s.reg, dir))
			if restored {
				s.meanwhile = append(s.meanwhile, settleRestored(s.reg, dir, acceptRollback))
			}
			err = serveUntilDone(c.Context(), s, f.listen, func(url string) {
				fmt.Fprintf(c.OutOrStdout(), "serving %s at %s\n", s.origin, url)
			})
			if err := errors.Join(err, s.Close()); err != nil {
				return failed(listenHint(err), fmt.Errorf("serve %s: %w", dir, err))
			}
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "directory of the register")
	f.flags(c, "127.0.0.1:8080")
	reachFlags(c)
	c.Flags().StringVar(&policy, "policy", "", "who cosigns, with URLs, and how many are enough")
	listsFlag(c, &lists)
	decisionKeyFlag(c, &decisionKey)
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

// isRestored reports whether the log was put back from a backup, of which it is
// not settled yet that nothing was logged since. It refuses one where nobody
// will confirm its size, unless that is accepted.
func isRestored(dir string, c registry.Cosigning, accept bool) (bool, error) {
	if _, err := os.Lstat(filepath.Join(dir, restoredFile)); errors.Is(err, os.ErrNotExist) {
		return false, nil
	} else if err != nil || accept {
		return true, err
	}
	others, err := confirming(dir, c)
	if err == nil && others == 0 {
		err = errRestored
	}
	return true, err
}

// confirming counts the cosigners that have to confirm the log's size: those of
// the policy that are not the operator's own, which knows what the log says.
func confirming(dir string, c registry.Cosigning) (int, error) {
	if c.Policy == "" {
		return 0, nil
	}
	policy, err := tlogpolicy.Parse(c.Policy)
	if err != nil {
		return 0, fmt.Errorf("the cosigning policy: %w", err)
	}
	own, err := readCosigner(dir)
	if err != nil {
		return 0, err
	}
	k, err := vkey.ParseCosigner(own.VKey())
	if err != nil {
		return 0, fmt.Errorf("read %s: its key %w", cosignerKeyFile, err)
	}
	others := slices.DeleteFunc(policy.Witnesses, func(w *tlogpolicy.Witness) bool {
		return w.Public == k.Public || slices.Contains(c.Without, w.Name)
	})
	return len(others), nil
}

// settleRestored takes the mark of a restored log away, at once where that is
// accepted, and else when the cosigners have confirmed that the log is whole.
// Where they have not before the service ends, or one contradicts, it stays.
func settleRestored(reg *registry.Registry, dir string, accepted bool) func(context.Context) error {
	return func(ctx context.Context) error {
		if !accepted && reg.WaitConfirmed(ctx) != nil {
			return nil //nolint:nilerr // the register itself says who is missing
		}
		return os.Remove(filepath.Join(dir, restoredFile))
	}
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
	// meanwhile is done while it serves, such as logging the first trust root.
	// An error ends the serving.
	meanwhile []func(ctx context.Context) error
	// front is how it is served, nil for plainly; monitor is what is served for
	// the operator alone, where the front has an address for it.
	front   *fronted
	monitor http.Handler
}

// serviceOptions are a service's clock, its batch interval (zero: the
// registry's own) and its logger.
type serviceOptions struct {
	now      func() time.Time
	interval time.Duration
	logger   *slog.Logger
	// cosigning says who cosigns beside the operator's own cosigner.
	cosigning registry.Cosigning
	// screening are the lists that parties are screened against.
	screening []*screening.List
	// api are the handler's options, but for clock and logger.
	api httpapi.Options
	// notary signs decisions, nil for none.
	notary attest.Signer
}

// openService opens the register of a directory and logs its trust root where
// the log is empty.
func openService(ctx context.Context, dir string, opt serviceOptions) (*service, error) {
	root, err := openRoot(filepath.Join(dir, rootFile))
	if err != nil {
		return nil, err
	}
	signers, err := logSigners(dir)
	if err != nil {
		return nil, err
	}
	cosigner, err := readCosigner(dir)
	if err != nil {
		return nil, err
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
		Log: store, Origin: origin, LogSigners: signers, Cosigner: cosigner, Cosigning: opt.cosigning, Trust: t, Screening: opt.screening,
		DecisionSigner: opt.notary,
		Now:            opt.now, BatchInterval: opt.interval, Logger: opt.logger, Batched: opt.api.Metrics.Batched,
	})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	opt.api.Now, opt.api.Logger, opt.api.Finder = opt.now, opt.logger, finder.New(reg)
	find := opt.api.Finder
	opt.api.Beside = web.New(reg, web.Options{Now: opt.now, Logger: opt.logger, Finder: find}).Paths()
	s := &service{
		origin: origin, store: store, reg: reg, handler: httpapi.NewHandler(reg, opt.api), monitor: httpapi.NewMonitor(reg, opt.api),
		// So that the first search does not wait for it.
		meanwhile: []func(context.Context) error{func(ctx context.Context) error {
			if err := find.CatchUp(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, registry.ErrNoRoot) {
				opt.logger.Warn("the index of names could not be made; each search tries again", slog.Any("error", err))
			}
			return nil
		}},
	}
	if !errors.Is(reg.Healthy(), registry.ErrNoRoot) {
		return s, nil
	}
	// A second history under the same key would contradict what was signed.
	if started {
		return nil, errors.Join(fmt.Errorf("%w: %s holds no log, but this register has been started before", errLost, filepath.Join(dir, storeDir)), s.Close())
	}
	if opt.cosigning.Policy != "" {
		// Its cosigners are asked first, which may read what is served.
		s.meanwhile = append(s.meanwhile, func(ctx context.Context) error { return begin(ctx, reg, dir, root, trust) })
		return s, nil
	}
	if err := begin(ctx, reg, dir, root, trust); err != nil {
		return nil, errors.Join(err, s.Close())
	}
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

// readCosigner reads the operator's own cosigner.
func readCosigner(dir string) (*registry.Cosigner, error) {
	skey, err := readKey(dir, cosignerKeyFile)
	if err != nil {
		return nil, err
	}
	c, err := registry.NewCosigner(skey)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", cosignerKeyFile, err)
	}
	return c, nil
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
