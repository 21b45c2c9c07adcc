package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/durable"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/finder"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/mirror"
	"github.com/safeconduct/safeconduct/registry/tlogtiles"
	"github.com/safeconduct/safeconduct/registry/web"
)

// The files of a mirror's directory, beside those of package mirror.
const (
	mirrorKeyFile  = "mirror.key"
	mirrorVKeyFile = "mirror.vkey"
)

// mirroring is what mirror is told.
type mirroring struct {
	dir, trust, key string
	decisionKey     string
	interval        time.Duration
	front           front
}

func mirrorCommand() *cobra.Command {
	var m mirroring
	c := &cobra.Command{
		Use:   "mirror URL --dir DIR [--listen ADDR] [--trust FILE] [--key FILE]",
		Short: "Check a register, go on checking it, and cosign what was checked",
		Long: "Follows the register at URL and does again all that it did: every hash, signature, rule\n" +
			"of admission, time and map root. What was checked lies in DIR and is served at ADDR as the\n" +
			"register serves it, but takes no statement. Asked there by the register, the mirror\n" +
			"cosigns what it has checked, under the key that mirror key has made in DIR.\n" +
			"When the register does what it may not, the mirror stops for good and keeps the\n" +
			"evidence in DIR/divergence.json. Ctrl-C ends it; started again it goes on where it was.\n" +
			frontHelp,
		Example: "  safeconduct mirror key --dir mirror --name mirror.example.gov\n" +
			"  safeconduct mirror https://register.example.org --dir mirror --trust trust.yaml --listen 127.0.0.1:8081",
		Args: exactly("URL"),
		RunE: func(c *cobra.Command, args []string) error { return m.run(c, args[0]) },
	}
	c.Flags().StringVar(&m.dir, "dir", "", "directory of the mirror")
	m.front.flags(c, "127.0.0.1:8081")
	reachFlags(c)
	c.Flags().StringVar(&m.trust, "trust", "", "trust file, which pins the register's trust root (default: DIR/"+trustFile+")")
	c.Flags().StringVar(&m.key, "key", "", "key to cosign with (default: DIR/"+mirrorKeyFile+"; without one, nothing is cosigned)")
	decisionKeyFlag(c, &m.decisionKey)
	c.Flags().DurationVar(&m.interval, "interval", 10*time.Second, "time between two looks at the register")
	c.AddCommand(mirrorKeyCommand())
	return c
}

func (m *mirroring) run(c *cobra.Command, url string) error {
	if m.dir == "" {
		return usage(c, errors.New("mirror: --dir is missing: say where to keep what is checked"))
	}
	if m.interval <= 0 {
		return usage(c, errors.New("mirror: --interval is not above zero"))
	}
	bar := newProgress(c.ErrOrStderr(), "checked")
	logger := slog.New(slog.NewTextHandler(bar, nil))
	api, err := m.front.options(c, logger)
	if err != nil {
		return err
	}
	reg, err := registerAt(c, url)
	if err != nil {
		return err
	}
	reg.HTTP.Transport = httpapi.Traced(reg.HTTP.Transport)
	if m.trust == "" {
		m.trust = filepath.Join(m.dir, trustFile)
	}
	trust, err := readTrust(m.trust)
	if err != nil {
		return failed("a trust file pins the register's trust root: safeconduct root show --trust prints one; get the root from its officers, not from the register", fmt.Errorf("mirror %s: %w", url, err))
	}
	cosigner, err := m.cosigner()
	if err != nil {
		return failed("", fmt.Errorf("mirror %s: %w", url, err))
	}
	notary, err := loadDecisionKey(c, m.decisionKey)
	if err != nil {
		return err
	}
	mir, err := mirror.Open(mirror.Config{
		Dir: m.dir, Register: reg, Trust: trust, Cosigner: cosigner, Interval: m.interval, Progress: bar.show,
		DecisionSigner: notary,
		Logger:         logger,
	})
	if err != nil {
		return failed(stoppedHint(err), fmt.Errorf("mirror %s: %w", url, reported(bar, err)))
	}
	api.Healthy, api.Ready = mir.Healthy, func() error { return errors.Join(mir.CaughtUp(), m.front.ready()) }
	if cosigning := mir.Handler(); cosigning != nil {
		api.Beside = map[string]httpapi.Beside{"/add-checkpoint": {Handler: cosigning}}
	}
	err = m.follow(c, mir, cosigner, api, bar, url)
	bar.end()
	if err := errors.Join(err, mir.Close()); err != nil {
		return failed(stoppedHint(err), fmt.Errorf("mirror %s: %w", url, err))
	}
	return nil
}

// follow serves and follows until ctx is done. A register that diverges ends
// the following; what was checked is served on.
func (m *mirroring) follow(c *cobra.Command, mir *mirror.Mirror, cosigner *registry.Cosigner, api httpapi.Options, bar *progress, url string) error {
	logger, origin := api.Logger, mir.Reader().Origin()
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	followed := make(chan error, 1)
	go func() {
		if err := mir.CatchUp(ctx); err == nil {
			warnUnlisted(mir, cosigner, logger)
			warnDecisionKey(mir.Reader(), logger)
		}
		followed <- reported(bar, mir.Follow(ctx))
	}()
	api.Finder = finder.New(mir.Reader())
	paths := web.New(mir.Reader(), web.Options{Logger: logger, Finder: api.Finder}).Paths()
	maps.Copy(paths, api.Beside)
	api.Beside = paths
	s := &service{origin: origin, handler: httpapi.NewHandler(mir.Reader(), api), monitor: httpapi.NewMonitor(mir.Reader(), api)}
	m.front.before(s, logger)
	err := serveUntilDone(ctx, s, m.front.listen, func(at string) {
		fmt.Fprintf(c.OutOrStdout(), "mirroring %s of %s, serving at %s\n", origin, url, at)
		if cosigner == nil {
			fmt.Fprintf(c.OutOrStdout(), "cosigning nothing: there is no key in %s, and safeconduct mirror key makes one\n", m.dir)
		}
	})
	cancel()
	if f := <-followed; isStopped(f) {
		err = errors.Join(f, err)
	}
	return err
}

// warnUnlisted warns where nobody counts the mirror's cosignatures.
func warnUnlisted(mir *mirror.Mirror, cosigner *registry.Cosigner, logger *slog.Logger) {
	root := mir.Reader().Root()
	if cosigner == nil || root == nil {
		return
	}
	own := func(c attest.Cosigner) bool { return c.VKey == cosigner.VKey() && c.Role == attest.Mirror }
	if !slices.ContainsFunc(root.Root().Cosigners, own) {
		logger.Warn("the register's trust root does not list this mirror, so that nobody counts it as one", slog.String("vkey", cosigner.VKey()), slog.Int64("root_version", root.Root().Version))
	}
}

// cosigner reads the mirror's key; there may be none in its directory.
func (m *mirroring) cosigner() (*registry.Cosigner, error) {
	name := m.key
	if name == "" {
		name = filepath.Join(m.dir, mirrorKeyFile)
	}
	b, err := readFile(name)
	if m.key == "" && errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the mirror's key: %w", err)
	}
	k, err := registry.NewCosigner(strings.TrimSpace(string(b)))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return k, nil
}

func isStopped(err error) bool {
	_, ok := errors.AsType[*mirror.Stopped](err)
	return ok
}

// reported writes the report of a mirror that has stopped.
func reported(w io.Writer, err error) error {
	if s, ok := errors.AsType[*mirror.Stopped](err); ok {
		p := &printer{w: w}
		p.line("%s", s.Report.Text())
	}
	return err
}

func stoppedHint(err error) string {
	if s, ok := errors.AsType[*mirror.Stopped](err); ok {
		return "give " + s.File + " to whoever relies on the register; " + s.Report.Shows() + "; what was checked before stays good"
	}
	return ""
}

// registerAt is the register at a URL, read by tiles.
func registerAt(c *cobra.Command, url string) (*tlogtiles.Client, error) {
	if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		return nil, usage(c, fmt.Errorf("%s: %q: want a URL such as https://register.example.org", c.Name(), url))
	}
	return tilesOf(c, url)
}

func mirrorKeyCommand() *cobra.Command {
	var dir, name string
	var asJSON bool
	c := &cobra.Command{
		Use:   "key --dir DIR --name NAME",
		Short: "Make a mirror's key",
		Long: "Makes in DIR the key that a mirror cosigns with, and prints its verifier key: the\n" +
			"register's root officers list it in the trust root with the role mirror, and verifiers\n" +
			"name it in their policy. It never overwrites a file.",
		Example: "  safeconduct mirror key --dir mirror --name mirror.example.gov",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			if dir == "" || name == "" {
				return usage(c, errors.New("mirror key: --dir and --name are both needed"))
			}
			if err := attest.Origin(name); err != nil {
				return usage(c, fmt.Errorf("mirror key: --name: %w", err))
			}
			vkey, err := makeMirrorKey(dir, name)
			if err != nil {
				return failed("choose another --dir; a mirror's key is made once", fmt.Errorf("mirror key: %w", err))
			}
			private, public := filepath.Join(dir, mirrorKeyFile), filepath.Join(dir, mirrorVKeyFile)
			return printAnswer(c, asJSON, map[string]string{"vkey": vkey, "private": private, "public": public}, func(p *printer) {
				p.pairs("key", private+" (keep it)", "verifier key", public, "in root.yaml", fmt.Sprintf("- {vkey: %q, role: mirror}", vkey))
			})
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "directory of the mirror")
	c.Flags().StringVar(&name, "name", "", "name of the mirror, a URL without scheme")
	jsonFlag(c, &asJSON)
	return c
}

func makeMirrorKey(dir, name string) (vkey string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	skey, v, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return "", err
	}
	if vkey, err = fnote.VKeyToCosignatureV1(v); err != nil {
		return "", err
	}
	if err := durable.Create(filepath.Join(dir, mirrorKeyFile), []byte(skey+"\n"), 0o600); err != nil {
		return "", err
	}
	return vkey, durable.Create(filepath.Join(dir, mirrorVKeyFile), []byte(vkey+"\n"), 0o644)
}
