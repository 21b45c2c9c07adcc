package interop_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// A register is one that serves its API on a loopback port. Its clock is that
// of the machine, as the clocks of other people's witnesses are.
type register struct {
	*registry.Registry
	t     *testing.T
	dir   string
	url   string
	trust *verify.Trust
	log   *badgerlog.Log
	api   *httptest.Server
}

// rooted is the trust root of the tests' register, which lists the cosigners
// beside the operator's own, and the trust in it that asks for a policy. An
// empty policy asks for the operator's cosigner.
func rooted(t *testing.T, policy string, cosigners ...string) (root []byte, trust *verify.Trust) {
	t.Helper()
	r := rt.Root(time.Now())
	for _, vkey := range cosigners {
		r.Cosigners = append(r.Cosigners, attest.Cosigner{VKey: vkey, Role: attest.Witness})
	}
	root, err := rt.Sign(r)
	if err != nil {
		t.Fatal(err)
	}
	if policy == "" {
		trust, err = rt.Trust(root)
	} else {
		var st *attest.Statement
		if st, err = attest.OpenRoot(root, nil); err == nil {
			trust, err = verify.TrustFor(st, policy, time.Hour, verify.Insecure{Unmirrored: true})
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return root, trust
}

// open starts a register on a directory; it is stopped when the test ends.
func open(t *testing.T, dir string, trust *verify.Trust, config ...func(*registry.Config)) *register {
	t.Helper()
	reg, log, err := rt.Serve(dir, time.Now, trust, append([]func(*registry.Config){func(c *registry.Config) {
		c.BatchInterval = 10 * time.Millisecond
	}}, config...)...)
	if err != nil {
		t.Fatal(err)
	}
	r := &register{Registry: reg, t: t, dir: dir, trust: trust, log: log}
	r.api = httptest.NewServer(httpapi.NewHandler(reg, httpapi.Options{}))
	r.url = r.api.URL + "/"
	t.Cleanup(r.stop)
	return r
}

// started is a register without witnesses whose trust root is logged.
func started(t *testing.T) *register {
	t.Helper()
	root, trust := rooted(t, "")
	r := open(t, t.TempDir(), trust)
	r.init(root)
	return r
}

func (r *register) init(root []byte) {
	r.t.Helper()
	if _, err := r.Init(r.t.Context(), root); err != nil {
		r.t.Fatal(err)
	}
}

func (r *register) stop() {
	if r.api == nil {
		return
	}
	r.api.Close()
	r.api = nil
	if err := errors.Join(r.Close(), r.log.Close()); err != nil {
		r.t.Error(err)
	}
}

// grow has statements logged until the log has that many leaves or more, many
// at once.
func (r *register) grow(size int64) {
	r.t.Helper()
	jobs := make(chan int)
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for n := range jobs {
				if _, err := r.submit(fmt.Sprintf("TEA-%d-%d", size, n)); err != nil {
					r.t.Error(err)
				}
			}
		})
	}
	for n := 0; r.Size() < size && !r.t.Failed(); n++ {
		jobs <- n
	}
	close(jobs)
	all.Wait()
	if r.t.Failed() {
		r.t.FailNow()
	}
}

// submit has an approval of that jti logged.
func (r *register) submit(jti string) (registry.Receipt, error) {
	a := rt.Approval(jti, rt.IN, rt.Halcyon, "US")
	now := time.Now()
	a.Aud, a.IAT = rt.Origin, attest.NumericDate(now.Unix())
	a.NBF, a.EXP = attest.NumericDate(now.Add(-time.Hour).Unix()), attest.NumericDate(now.AddDate(1, 0, 0).Unix())
	st, err := rt.Sign(a)
	if err != nil {
		return registry.Receipt{}, err
	}
	return r.Submit(context.Background(), st)
}

// published waits until all that is logged is published, and returns the tree
// of the published checkpoint.
func (r *register) published() tlog.Tree {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	if err := r.WaitQuorum(ctx, r.Size()); err != nil {
		r.t.Fatal(err)
	}
	c, err := verify.ParseCheckpoint(r.Checkpoint())
	if err != nil {
		r.t.Fatal(err)
	}
	return c.Tree
}

// report checks the register's own evidence with the trust.
func (r *register) report() *verify.Report {
	r.t.Helper()
	evidence, err := r.Evidence(r.t.Context(), &policy.Request{
		EffectiveAt: policy.InstantOf(time.Now()),
		Sandbox:     rt.Sandbox, Act: "export", Mode: "tangible",
		Transferor: rt.Halcyon, Transferee: rt.Varuna, DestinationSite: "VTZ-1",
		Item:   &policy.Classification{List: "US_CCL", Entry: "5A001.b.1"},
		EndUse: "sea_trial", PersonNationalities: []string{},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	report, err := verify.Check(evidence, r.trust, time.Now())
	if err != nil {
		r.t.Fatalf("the register's own evidence: %v", err)
	}
	return report
}

// signers are the key names of those who have signed a checkpoint, in order.
func signers(checkpoint []byte) (names []string) {
	_, lines, _ := strings.Cut(string(checkpoint), "\n\n")
	for l := range strings.Lines(lines) {
		names = append(names, strings.Fields(l)[1])
	}
	return names
}
