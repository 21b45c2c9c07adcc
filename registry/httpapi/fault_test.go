package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/verify"
)

// broken is a register that answers everything with err, or panics with it.
type broken struct {
	err    error
	panics bool
	ids    []string
}

func (b broken) fail() error {
	if b.panics {
		panic(b.err)
	}
	return b.err
}

func (b broken) Submit(context.Context, []byte) (registry.Receipt, error) {
	return registry.Receipt{}, b.fail()
}

func (b broken) Decide(context.Context, *policy.Request, policy.Times, ...attest.Disclosure) (*policy.Decision, []byte, error) {
	return nil, nil, b.fail()
}

func (b broken) Explain(context.Context, *policy.Request, policy.Times, ...attest.Disclosure) (*policy.Decision, []byte, error) {
	return nil, nil, b.fail()
}

func (b broken) Present([]byte, presentation.Expected, *policy.Request, policy.Times) (*presentation.Opened, *policy.Decision, error) {
	return nil, nil, b.err
}

func (b broken) DecideSigned(context.Context, *policy.Request, policy.Times, bool, ...attest.Disclosure) (*registry.Signed, error) {
	return nil, b.fail()
}

func (b broken) Evidence(context.Context, *policy.Request) ([]byte, error) { return nil, b.fail() }

func (b broken) CompactEvidence(context.Context, *policy.Request, policy.Times, int64) ([]byte, error) {
	return nil, b.fail()
}

func (b broken) Entity(context.Context, string, int64, int) ([]registry.Logged, bool, error) {
	if err := b.fail(); err != nil {
		return nil, false, err
	}
	return nil, false, registry.ErrNotFound
}

func (b broken) EvidenceOf(context.Context, []string) ([]byte, error) { return nil, b.fail() }

func (b broken) Statement(context.Context, string, string) (registry.Logged, error) {
	return registry.Logged{}, b.fail()
}

func (b broken) Sandbox(ctx context.Context, id string, after int64, most int) ([]registry.Logged, bool, error) {
	return b.Entity(ctx, id, after, most)
}

func (b broken) Entities(after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, id := range b.ids {
			if id > after && !yield(id, nil) {
				return
			}
		}
		if err := b.fail(); err != nil {
			yield("", err)
		}
	}
}

func (b broken) Edition(context.Context) (*registry.Edition, error) {
	if err := b.fail(); err != nil {
		return nil, err
	}
	return nil, registry.ErrNoRoot
}

func (b broken) Published() (*registry.Edition, error) { return b.Edition(context.Background()) }

func (b broken) Leaves(int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) { yield(nil, b.fail()) }
}

func (b broken) Changes(context.Context, int64, int) ([]registry.Change, int64, int64, error) {
	return nil, 0, 0, b.fail()
}

func (b broken) Await(ctx context.Context, _ int64) error {
	<-ctx.Done()
	return ctx.Err()
}

func (b broken) Sandboxes(after string) iter.Seq2[string, error] { return b.Entities(after) }

func (b broken) Checkpoint() []byte { return nil }

func (b broken) Foresee(context.Context, *attest.Root, []*policy.Request, time.Time) (*registry.Foresight, error) {
	return nil, b.fail()
}

func (b broken) Root() *attest.TrustRoot { return nil }

func (b broken) Origin() string { return "example.org/register" }

func (b broken) Size() int64 { return 3 }

func (b broken) CheckpointAt(int64) ([]byte, error) { return nil, b.fail() }

func (b broken) Leaf(int64) ([]byte, error) { return nil, b.fail() }

func (b broken) ReadHashes([]int64) ([]tlog.Hash, error) { return nil, b.fail() }

func (b broken) Healthy() error { return b.fail() }

// logBuffer is a log that a test reads.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// secret stands for what only the operator may read.
const secret = "/var/lib/register: input/output error"

// everywhere asks every route that asks the register.
func everywhere(t *testing.T, url string) map[string]reply {
	t.Helper()
	out := map[string]reply{
		"/v1/statements":         do(t, http.MethodPost, url+"/v1/statements", jose, "x"),
		"/v1/check":              do(t, http.MethodPost, url+"/v1/check", jsonDoc, request("")),
		"/v1/check?receipt=true": do(t, http.MethodPost, url+"/v1/check?receipt=true", jsonDoc, request("")),
		"/v1/evidence":           do(t, http.MethodPost, url+"/v1/evidence", jsonDoc, request("")),
		"/v1/histories":          do(t, http.MethodPost, url+"/v1/histories", jsonDoc, `{"subjects":["root"]}`),
	}
	for _, path := range []string{"/v1/entities", "/v1/sandboxes", "/v1/entities/iec:0388012345", "/v1/statements/auth-us/X-1", "/v1/sandboxes/SBX-1", "/healthz", "/checkpoint/3"} {
		out[path] = do(t, http.MethodGet, url+path, "", "")
	}
	return out
}

func TestAFaultIsToldToTheLogOnly(t *testing.T) {
	for name, reg := range map[string]broken{
		"error":               {err: errors.New(secret)},
		"panic":               {err: errors.New(secret), panics: true},
		"refusal of no class": {err: &attest.Refusal{Err: errors.New(secret)}},
	} {
		t.Run(name, func(t *testing.T) {
			var log logBuffer
			url := listen(t, reg, httpapi.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			answers := everywhere(t, url)
			for _, path := range []string{"/tile/0/000.p/3", "/tile/entries/000.p/3"} {
				answers[path] = do(t, http.MethodGet, url+path, "", "")
			}
			for path, r := range answers {
				refused(t, r, http.StatusInternalServerError, "internal")
				if strings.Contains(string(r.body), "register:") {
					t.Errorf("%s tells the fault: %s", path, r.body)
				}
			}
			if !strings.Contains(log.String(), secret) || !strings.Contains(log.String(), "level=ERROR") {
				t.Errorf("the log does not have the fault:\n%s", log.String())
			}
		})
	}
}

func TestARegisterThatCannotServeSaysSo(t *testing.T) {
	for _, row := range []struct {
		err        error
		status     int
		kind, says string
		retry      string
	}{
		{registry.ErrOverloaded, 503, "overloaded", "try again later", "5"},
		{fmt.Errorf("%w: %w", registry.ErrReadOnly, errors.New(secret)), 503, "read-only", "only reads", ""},
		{fmt.Errorf("make evidence: %w", registry.ErrNoRoot), 503, "unavailable", "no trust root", ""},
		{fmt.Errorf("%w: by 3h", registry.ErrClock), 503, "unavailable", "clock", ""},
		{fmt.Errorf("%w: size 7: %w", registry.ErrSigner, errors.New(secret)), 503, "unavailable", "could not sign its checkpoint; try again later", ""},
		{fmt.Errorf("append: %w: %w", registry.ErrFull, errors.New(secret)), 503, "full", "make room", ""},
		{registry.ErrClosed, 503, "unavailable", "closed", ""},
		{fmt.Errorf("wait: %w", context.DeadlineExceeded), 503, "unavailable", "ended", ""},
		{fmt.Errorf("statement 7: %w", registry.ErrNotFound), 404, "not-found", "not in the log", ""},
		{fmt.Errorf("make evidence: %w: with the history of sandbox:S", verify.ErrTooLarge), 422, "undecided", "history of sandbox:S", ""},
		{&verify.Error{Step: verify.StepQuorum, Err: errors.New("no cosignature")}, 422, "undecided", "quorum", ""},
	} {
		for path, r := range everywhere(t, listen(t, broken{err: row.err}, httpapi.Options{})) {
			p := refused(t, r, row.status, row.kind)
			if !strings.Contains(p.Detail, row.says) || strings.Contains(p.Detail, "/var/lib") {
				t.Errorf("%s: detail is %q, want it to say %q", path, p.Detail, row.says)
			}
			if step := map[string]string{"quorum": verify.StepQuorum}[row.says]; p.Step != step {
				t.Errorf("%s: step is %q, want %q", path, p.Step, step)
			}
			if got := r.header.Get("Retry-After"); got != row.retry {
				t.Errorf("%s: Retry-After is %q, want %q", path, got, row.retry)
			}
		}
	}
}

func TestALeafThatIsMissingIsAFaultOfTheRegister(t *testing.T) {
	url := listen(t, broken{err: registry.ErrNotFound}, httpapi.Options{})
	refused(t, do(t, http.MethodGet, url+"/tile/entries/000.p/3", "", ""), http.StatusInternalServerError, "internal")
	refused(t, do(t, http.MethodGet, url+"/tile/entries/000.p/4", "", ""), http.StatusNotFound, "not-found")
}

func TestAnEmptyRegisterHasNothingToShow(t *testing.T) {
	url := listen(t, broken{}, httpapi.Options{})
	for _, path := range []string{"/checkpoint", "/v1/trust-root", "/log.vkey"} {
		refused(t, do(t, http.MethodGet, url+path, "", ""), http.StatusServiceUnavailable, "unavailable")
	}
	refused(t, do(t, http.MethodGet, url+"/v1/sandboxes/SBX-1", "", ""), http.StatusNotFound, "not-found")
}

func TestTheLogTellsRoutesAndNotWhatWasAskedFor(t *testing.T) {
	var log logBuffer
	url := listen(t, broken{}, httpapi.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	do(t, http.MethodGet, url+"/v1/entities/iec:0388012345", "", "")
	do(t, http.MethodGet, url+"/v2/iec:0388012345", "", "")
	if got := log.String(); strings.Contains(got, "0388012345") || !strings.Contains(got, "route=/v1/entities/{id} status=404") {
		t.Errorf("the log has\n%s", got)
	}
}

func TestALongListComesInPagesThatMissNothing(t *testing.T) {
	var want []string
	for i := range 3500 {
		want = append(want, fmt.Sprintf("iec:%010d", i))
	}
	url := listen(t, broken{ids: want}, httpapi.Options{})
	var got []string
	pages := 0
	for after := ""; ; pages++ {
		page := decode[struct {
			Entities []string
			Next     string
		}](t, do(t, http.MethodGet, url+"/v1/entities?after="+after, "", ""))
		got = append(got, page.Entities...)
		if after = page.Next; after == "" {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || pages != 3 {
		t.Errorf("%d further pages (-want +got):\n%s", pages, diff)
	}
}
