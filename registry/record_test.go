package registry_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

// A drafter makes up statements about few subjects, many of which contradict
// one another.
type drafter struct {
	*rand.Rand
	t   *testing.T
	r   *rt.Register
	n   int
	in  int
	was []attest.Claims
}

func (d *drafter) one(of ...string) string { return of[d.IntN(len(of))] }

func (d *drafter) sites() []attest.Site {
	var out []attest.Site
	for _, id := range []string{"BLR-1", "PNQ-1", "VTZ-1"} {
		if d.IntN(2) == 0 {
			address := "Plot 14"
			if d.IntN(12) == 0 {
				address = "Plot 15"
			}
			out = append(out, attest.Site{ID: id, Address: address, Country: "IN"})
		}
	}
	return out
}

// grant changes what approvals and registrations have in common.
func (d *drafter) grant(c attest.Claims) attest.Claims {
	g := attest.GrantOf(c)
	if d.IntN(3) == 0 {
		g.EXP = attest.NumericDate(d.r.Clock.Now().Add(time.Duration(1+d.IntN(60)) * time.Minute).Unix())
	}
	if d.IntN(3) == 0 {
		g.Supersedes = d.earlier(c.Head().Iss, c.Head().Sub).Head().JTI
	}
	return c
}

// earlier returns a statement before, mostly a grant of that issuer on that
// subject.
func (d *drafter) earlier(iss, sub string) attest.Claims {
	same := slices.DeleteFunc(slices.Clone(d.was), func(c attest.Claims) bool {
		return c.Head().Iss != iss || c.Head().Sub != sub || attest.GrantOf(c) == nil
	})
	if len(same) == 0 || d.IntN(10) == 0 {
		same = d.was
	}
	return same[d.IntN(len(same))]
}

func (d *drafter) next() attest.Claims {
	d.n++
	iss, jti, entity := d.one(rt.US, rt.IN), fmt.Sprintf("S-%d", d.n), d.one(rt.Varuna, rt.Corvus)
	if len(d.was) == 0 {
		return rt.Domain(jti, iss)
	}
	switch d.IntN(10) {
	case 0, 1, 2:
		a := rt.Approval(jti, iss, entity, "IN")
		a.ApprovedSites = d.sites()
		return d.grant(a)
	case 3, 4:
		r := rt.Registration(jti, iss, entity, map[string]string{rt.US: "US", rt.IN: "IN"}[iss])
		r.Sites = d.sites()
		if d.IntN(2) == 0 {
			r.Identifiers = []string{d.one("iec:AAVCD1234K", "iec:AAVCD1234L", "iec:AAVCD1234M")}
		}
		return d.grant(r)
	case 5, 6:
		a := rt.Domain(jti, iss)
		if d.IntN(8) == 0 {
			a.Terms.Concurrence = 1
		}
		return d.grant(a)
	default:
		target := d.earlier(iss, attest.SandboxSubject(rt.Sandbox)).Head()
		what := []attest.EventType{attest.Suspend, attest.Revoke, attest.Revoke, attest.Withdraw}[d.IntN(4)]
		return rt.Event(jti, target.Iss, target.Sub, target.JTI, what, d.r.Clock.Now().Add(time.Duration(d.IntN(30))*time.Minute))
	}
}

// rotate drafts a trust root with another key for the authority of IN, whose
// old one did not count from some index on.
func (d *drafter) rotate() attest.Claims {
	next := successor(d.t, d.r)
	in := authority(d.t, next, rt.IN)
	in.Compromised = append(in.Compromised, attest.Compromised{Kid: d.signers(rt.IN)[0].(*rt.Signer).Key().ID(), Since: d.Int64N(d.r.Size())})
	slices.SortFunc(in.Compromised, func(a, b attest.Compromised) int { return slices.Compare([]byte(a.Kid), []byte(b.Kid)) })
	d.in++
	in.Officers = []attest.Officer{d.signers(rt.IN)[0].(*rt.Signer).Officer()}
	return next
}

func (d *drafter) signers(iss string) []attest.Signer {
	if iss == rt.IN {
		return []attest.Signer{rt.SignerNamed(fmt.Sprintf("in-%d", 1+d.in))}
	}
	return rt.Signers(iss)
}

// What the register remembers of a subject leads to the answers that reading
// all its statements does.
func TestWhatIsRememberedSettlesWhatIsLogged(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rt.New(t)
			m := newMirror()
			if err := m.replay(r.RootStatement, 0, rt.Start); err != nil {
				t.Fatal(err)
			}
			d := &drafter{Rand: rand.New(rand.NewPCG(seed, 0)), t: t, r: r}
			admitted, refused := 0, 0
			for range 150 {
				r.Clock.Add(time.Minute)
				c := d.next()
				switch d.IntN(60) {
				case 0:
					c = d.rotate()
				case 1, 2:
					r.Restart()
				}
				statement := r.Sign(c, d.signers(c.Head().Iss)...)
				want := m.replay(statement, r.Size(), r.Clock.Now())
				_, err := r.Submit(context.Background(), statement)
				if fmt.Sprint(err) != fmt.Sprint(want) {
					t.Fatalf("%s of %s: %v; by reading all: %v", c.Head().JTI, c.Head().Iss, err, want)
				}
				if _, ok := errors.AsType[*attest.Refusal](err); err != nil && !ok {
					t.Fatal(err)
				}
				if err != nil {
					refused++
					continue
				}
				admitted++
				if c.Kind() != attest.KindRoot {
					d.was = append(d.was, c)
				}
			}
			if admitted < 30 || refused < 30 {
				t.Errorf("%d are admitted and %d refused: that shows little", admitted, refused)
			}
		})
	}
}
