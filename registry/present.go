package registry

import (
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
)

// Present opens a presentation for somebody who has no trust file of its own, and
// decides the request on it, by the trust and the lists of the configuration. It is
// the register's word that it stands; whoever needs more opens it itself
// ([presentation.Open]). What does not stand gives a *[presentation.Error], and
// [ErrNoTrust] says that there is no trust to open it by. That a nonce is used once
// is for the caller.
func (r *Reader) Present(p []byte, want presentation.Expected, req *policy.Request, at policy.Times) (*presentation.Opened, *policy.Decision, error) {
	if r.trust == nil {
		return nil, nil, ErrNoTrust
	}
	o, err := presentation.Open(p, r.trust, want, at.CheckedAt)
	if err != nil {
		return nil, nil, err
	}
	d, err := o.Answer(req, at, false, r.screening...)
	if err != nil {
		return nil, nil, err
	}
	return o, d, nil
}
