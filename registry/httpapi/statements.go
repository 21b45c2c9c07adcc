package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/client"
	"github.com/safeconduct/safeconduct/verify"
)

// logged is how times of the log are written.
const logged = "2006-01-02T15:04:05.000Z07:00"

// submit serves POST /v1/statements.
func (h *handler) submit(r *http.Request, statement []byte) (answer, error) {
	w, ok := h.reg.(Writer)
	if !ok {
		return answer{}, &problem{kind: notFound, detail: fmt.Sprintf("this is a mirror of %s and takes no statements; send them to the register", h.reg.Origin())}
	}
	wait := false
	if q := r.URL.Query(); q.Has("wait") {
		if wait = q.Get("wait") == "quorum"; !wait {
			return answer{}, malformedQuery("has the parameter wait=%q; want quorum", q.Get("wait"))
		}
	}
	rc, err := w.Submit(r.Context(), statement)
	if err != nil {
		return answer{}, err
	}
	if wait {
		if err := h.awaitQuorum(r.Context(), &rc); err != nil {
			return answer{}, err
		}
	}
	return jsonAnswer(client.Receipt{
		Index: rc.Index, Time: writeTime(rc.Time), LeafHash: rc.LeafHash,
		Size: rc.Size, Proof: rc.Proof, Checkpoint: string(rc.Checkpoint),
	})
}

// awaitQuorum waits until the statement of a receipt is published, and makes
// the receipt one for the published checkpoint.
func (h *handler) awaitQuorum(ctx context.Context, rc *registry.Receipt) error {
	if q, ok := h.reg.(quorumWaiter); ok {
		within, cancel := context.WithTimeout(ctx, h.patience)
		defer cancel()
		if err := q.WaitQuorum(within, rc.Size); err != nil {
			return unconfirmed(ctx, rc.Index, err)
		}
	}
	signed := h.reg.Checkpoint()
	c, err := verify.ParseCheckpoint(signed)
	if err != nil {
		return fmt.Errorf("the published checkpoint: %w", err)
	}
	if c.Tree.N < rc.Size {
		return fmt.Errorf("statement %d is logged, but the published checkpoint is of size %d", rc.Index, c.Tree.N)
	}
	proof, err := tlog.ProveRecord(c.Tree.N, rc.Index, h.reg)
	if err != nil {
		return fmt.Errorf("prove statement %d: %w", rc.Index, err)
	}
	rc.Size, rc.Proof, rc.Checkpoint = c.Tree.N, proof, signed
	return nil
}

// unconfirmed tells a quorum that is missing from what else may be wrong.
func unconfirmed(ctx context.Context, index int64, err error) error {
	if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &problem{
		kind: noQuorum, more: map[string]string{"Retry-After": retryAfter},
		detail: fmt.Sprintf("statement %d is logged, but no checkpoint that covers it has a quorum of cosignatures yet: %v; submit it again to go on waiting", index, err),
	}
}

func writeTime(t time.Time) string { return t.UTC().Format(logged) }
