package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
)

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

// decideShown opens a presentation and decides a request on it. That it was made lately is by
// the clock, whatever the request says.
func (v *verifying) decideShown(c *cobra.Command, data []byte, r *policy.Request) (*policy.Decision, error) {
	s := &v.show
	if s.age <= 0 {
		return nil, usage(c, fmt.Errorf("verify: --max-age %v: want some time", s.age))
	}
	if s.audience == "" || s.nonce == "" {
		return nil, usage(c, errors.New("verify: this is a presentation: --audience and --nonce say what you expect of it"))
	}
	x := v.examiner()
	x.Expected = presentation.Expected{Audience: s.audience, Nonce: s.nonce, MaxAge: s.age}
	shown, d, err := x.Examine(data, r)
	if err != nil {
		return nil, err
	}
	o := shown.Presentation
	a := o.Claims()
	fmt.Fprintf(c.ErrOrStderr(), "safeconduct: note: shown by %s, who holds the key of approval %s of %s, at %s\n", o.Holder, a.JTI, a.Iss, o.IssuedAt.Format(time.RFC3339))
	if hidden := a.Hidden(); len(hidden) > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "safeconduct: note: it does not disclose %s\n", strings.Join(hidden, ", "))
	}
	return d, nil
}
