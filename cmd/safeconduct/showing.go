package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
)

// isPresentation tells a presentation from evidence.
func isPresentation(data []byte) bool { return bytes.HasPrefix(data, []byte(`{"evidence":`)) }

// showing is what verify asks of a presentation.
type showing struct {
	audience, nonce string
	age             time.Duration
}

func (s *showing) flags(c *cobra.Command) {
	c.Flags().StringVar(&s.audience, "audience", "", "of a presentation: you, as you have called yourself to its holder")
	c.Flags().StringVar(&s.nonce, "nonce", "", "of a presentation: what you have given to its holder")
	c.Flags().DurationVar(&s.age, "max-age", presentation.DefaultAge, "of a presentation: how long ago it may have been made")
}

// decide opens a presentation and decides a request on it. That it was made lately is by
// the clock, whatever the request says.
func (s *showing) decide(c *cobra.Command, v *verifying, data []byte, r *policy.Request) (*policy.Decision, error) {
	if s.age <= 0 {
		return nil, usage(c, fmt.Errorf("verify: --max-age %v: want some time", s.age))
	}
	if s.audience == "" || s.nonce == "" {
		return nil, usage(c, errors.New("verify: this is a presentation: --audience and --nonce say what you expect of it"))
	}
	at := r.TimesNow(time.Now())
	o, err := presentation.Open(data, v.trusted, presentation.Expected{Audience: s.audience, Nonce: s.nonce, MaxAge: s.age}, at.CheckedAt)
	if err != nil {
		return nil, err
	}
	if err := raise(v.seen, o.Evidence()); err != nil {
		return nil, err
	}
	d, err := o.Answer(r, at, v.explain, v.screened...)
	if err != nil {
		return nil, err
	}
	a := o.Claims()
	fmt.Fprintf(c.ErrOrStderr(), "safeconduct: note: shown by %s, who holds the key of approval %s of %s, at %s\n", o.Holder, a.JTI, a.Iss, o.IssuedAt.Format(time.RFC3339))
	if hidden := a.Hidden(); len(hidden) > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "safeconduct: note: it does not disclose %s\n", strings.Join(hidden, ", "))
	}
	return d, nil
}
