package registry

import (
	"context"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
)

// unsuited says why this register could not sign under a version of the trust
// root, nil where it could.
func (r *Registry) unsuited(root *attest.Root) (p attest.Problems) {
	if key, ok := r.unheld(root); ok {
		p.Add("/log_keys", "lists %s, which this register does not sign with; give it that key first, or leave it out", key)
	}
	if err := r.listed(root); err != nil {
		p.Add("/cosigners", "%v", err)
	}
	return p
}

// Foresee is [Reader.Foresee], and says what the register itself would refuse.
func (r *Registry) Foresee(ctx context.Context, next *attest.Root, requests []*policy.Request, now time.Time) (*Foresight, error) {
	f, err := r.Reader.Foresee(ctx, next, requests, now)
	if err == nil {
		f.Refused = r.unsuited(next)
	}
	return f, err
}
