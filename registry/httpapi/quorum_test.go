package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// waiting is a register whose cosigners do what wait does.
type waiting struct {
	*registry.Registry
	wait func(ctx context.Context, size int64) error
}

func (w waiting) WaitQuorum(ctx context.Context, size int64) error { return w.wait(ctx, size) }

func TestAReceiptMayWaitForAQuorum(t *testing.T) {
	s := newServer(t)
	url := listen(t, waiting{s.Registry, func(_ context.Context, size int64) error {
		if size != s.Size() {
			t.Errorf("waits for size %d, want %d", size, s.Size())
		}
		// Something else comes between, and a later checkpoint is published.
		s.MustSubmit(registrytest.Domain("domain-in", in))
		return s.Cosign(t.Context())
	}}, httpapi.Options{})
	statement := s.Sign(registrytest.Domain("domain-us", us))
	got := decode[receipt](t, do(t, http.MethodPost, url+"/v1/statements?wait=quorum", jose, string(statement)))
	if got.Checkpoint != string(s.Checkpoint()) || got.Size != s.size() {
		t.Errorf("the receipt is for size %d, want the published %d", got.Size, s.size())
	}
	tree := s.tree([]byte(got.Checkpoint))
	if err := tlog.CheckRecord(got.Proof, tree.N, tree.Hash, got.Index, tlog.RecordHash(statement)); err != nil {
		t.Error(err)
	}
}

func TestARegisterWithoutCosigningPolicyHasItsQuorumAtOnce(t *testing.T) {
	s := newServer(t)
	statement := s.Sign(registrytest.Domain("domain-us", us))
	got := decode[receipt](t, s.post("/v1/statements?wait=quorum", jose, string(statement)))
	tree := s.tree([]byte(got.Checkpoint))
	if err := tlog.CheckRecord(got.Proof, tree.N, tree.Hash, got.Index, tlog.RecordHash(statement)); err != nil || tree.N != s.Size() {
		t.Errorf("size %d of %d: %v", tree.N, s.Size(), err)
	}
}

func TestAQuorumThatDoesNotComeIsToldSo(t *testing.T) {
	s := newServer(t)
	statement := s.Sign(registrytest.Domain("domain-us", us))
	missing := func(ctx context.Context, _ int64) error {
		<-ctx.Done()
		return fmt.Errorf("witness-b is missing: %w", ctx.Err())
	}
	url := listen(t, waiting{s.Registry, missing}, httpapi.Options{QuorumTimeout: 10 * time.Millisecond})
	r := do(t, http.MethodPost, url+"/v1/statements?wait=quorum", jose, string(statement))
	p := refused(t, r, http.StatusServiceUnavailable, "no-quorum")
	if !strings.Contains(p.Detail, "statement 2 is logged") || !strings.Contains(p.Detail, "witness-b is missing") || r.header.Get("Retry-After") == "" {
		t.Errorf("detail is %q, headers %v", p.Detail, r.header)
	}
	// It is logged all the same, and whoever does not wait learns it.
	alone := do(t, http.MethodPost, url+"/v1/statements", jose, string(statement))
	if got := decode[receipt](t, alone); got.Index != 2 {
		t.Errorf("index %d", got.Index)
	}
	if again := s.post("/v1/statements", jose, string(statement)); !bytes.Equal(again.body, alone.body) {
		t.Errorf("the receipt is\n%s\nand then\n%s", alone.body, again.body)
	}
	failing := func(context.Context, int64) error { return errors.New(secret) }
	url = listen(t, waiting{s.Registry, failing}, httpapi.Options{})
	refused(t, do(t, http.MethodPost, url+"/v1/statements?wait=quorum", jose, string(statement)), http.StatusInternalServerError, "internal")
}
