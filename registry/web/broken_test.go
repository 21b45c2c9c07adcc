package web_test

import (
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/registry/web"
)

// errDisk is what only the operator of a register may know.
var errDisk = errors.New("read /secret/000001.sst: input/output error")

// ailing is a log whose disk fails after so many reads more.
type ailing struct {
	registry.Log
	// left is below zero where the disk fails at no read.
	left atomic.Int64
}

func (l *ailing) read() error {
	for {
		n := l.left.Load()
		switch {
		case n < 0:
			return nil
		case n == 0:
			return errDisk
		case l.left.CompareAndSwap(n, n-1):
			return nil
		}
	}
}

func (l *ailing) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	if err := l.read(); err != nil {
		return nil, err
	}
	return l.Log.ReadHashes(indexes)
}

func (l *ailing) Checkpoint(size int64) ([]byte, error) {
	if err := l.read(); err != nil {
		return nil, err
	}
	return l.Log.Checkpoint(size)
}

func (l *ailing) Leaf(index int64) ([]byte, error) {
	if err := l.read(); err != nil {
		return nil, err
	}
	return l.Log.Leaf(index)
}

func (l *ailing) Find(iss, jti string) (registry.Place, bool, error) {
	if err := l.read(); err != nil {
		return registry.Place{}, false, err
	}
	return l.Log.Find(iss, jti)
}

func (l *ailing) History(subject string) ([]registry.HistoryEntry, error) {
	if err := l.read(); err != nil {
		return nil, err
	}
	return l.Log.History(subject)
}

func (l *ailing) Subjects(prefix, from string) iter.Seq2[registry.Subject, error] {
	return func(yield func(registry.Subject, error) bool) {
		for s, err := range l.Log.Subjects(prefix, from) {
			if failed := l.read(); failed != nil {
				yield(registry.Subject{}, failed)
				return
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

func (l *ailing) Leaves(from int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for leaf, err := range l.Log.Leaves(from) {
			if failed := l.read(); failed != nil {
				yield(nil, failed)
				return
			}
			if !yield(leaf, err) {
				return
			}
		}
	}
}

// everyPage are visits of every page, with a form where there is one.
func everyPage() map[string]url.Values {
	draft := url.Values{"draft": {"kind: entity\niss: auth-us\njti: approval-9\nentity: " + registrytest.Varuna + "\nlegal_name: V\ncountry: IN\n" +
		"legal_effect: authorization\nnbf: 2026-02-01T00:00:00Z\nexp: 2027-02-01T00:00:00Z\napproved_sites: [{id: VTZ-1, address: Plot 14, country: IN}]\n"}}
	return map[string]url.Values{
		"/": nil, "/?q=varuna": nil, "/?sandbox=" + registrytest.Sandbox: nil, "/partners": nil, "/partners?purpose=underwater": nil,
		"/entities/" + registrytest.Varuna: nil, sandboxPath: nil, "/check": question(), "/check?transferee=" + registrytest.Varuna: nil,
		"/verify": nil, "/log": nil, "/statements/" + us + "/approval-varuna": nil, "/authorities": nil, "/authorities/" + us: nil,
		"/compose": draft, "/compose?from=" + us + "/approval-varuna": nil, "/compose?from=" + us + "/domain-us&for=" + in: nil, "/api": nil,
	}
}

// visit looks at a page.
func (s *site) visit(path string, form url.Values) *document {
	s.t.Helper()
	if form == nil {
		return s.get(path)
	}
	return s.do(http.MethodPost, path, form)
}

// restarted is the register in another process, which remembers nothing of what was
// read before.
func (s *site) restarted(logger *slog.Logger) {
	s.t.Helper()
	s.Restart()
	s.behind(web.New(s.Register, web.Options{Now: s.Clock.Now, Logger: logger}), httpapi.Options{})
}

// At whichever read the disk fails, the answer is a page that says so, or what it is
// on a disk that has not failed: never half of a page, and never that nothing is logged.
func TestAtWhicheverReadTheDiskFailsAPageSaysThatTheRegisterHasFailed(t *testing.T) {
	disk := new(ailing)
	disk.left.Store(-1)
	s := &site{t: t, Register: registrytest.New(t, func(c *registry.Config) {
		disk.Log = c.Log
		c.Log = disk
	})}
	s.approveBoth()
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	for path, form := range everyPage() {
		s.restarted(logger)
		healthy := strings.ReplaceAll(s.visit(path, form).shown(http.StatusOK).text(), s.url, "")
		failed := 0
		for n, next := int64(0), int64(1); ; n, next = next, n+next {
			s.restarted(logger)
			disk.left.Store(n)
			log.Reset()
			d := s.visit(path, form)
			done := disk.left.Swap(-1) > 0
			d.lacks("/secret")
			switch d.status {
			case http.StatusOK:
				if got := strings.ReplaceAll(d.text(), s.url, ""); got != healthy {
					t.Errorf("%s, after %d reads, shows\n%s\nwant\n%s", path, n, got, healthy)
				}
			case http.StatusInternalServerError:
				if failed++; !strings.Contains(log.String(), "/secret") {
					t.Errorf("%s, after %d reads: the log is told %q", path, n, log.String())
				}
			default:
				t.Errorf("%s, after %d reads: %d\n%s", path, n, d.status, d.text())
			}
			if done {
				break
			}
		}
		if failed == 0 && path != "/verify" {
			t.Errorf("%s reads nothing that could fail", path)
		}
	}
}

// A register that has begun, but of which nothing is logged, has pages that say so.
func TestARegisterThatHasNoTrustRootYetHasPagesThatSaySo(t *testing.T) {
	clock := registrytest.NewClock(registrytest.Start)
	reg, log, err := registrytest.Serve(t.TempDir(), clock.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(reg.Close(), log.Close()); err != nil {
			t.Error(err)
		}
	})
	s := serving(t, reg, reg.Reader, clock.Now)
	for path, form := range everyPage() {
		switch path {
		case "/verify", "/check?transferee=" + registrytest.Varuna:
			s.visit(path, form).shown(http.StatusOK)
		case "/log":
			s.visit(path, form).shown(http.StatusOK).has("A log begins with its trust root.")
		default:
			s.visit(path, form).shown(http.StatusServiceUnavailable).has("the register has no trust root yet")
		}
	}
}
