package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/receipt"
	"github.com/safeconduct/safeconduct/registry"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

// Register and mirror sign each with its own key; what they sign anybody verifies.
func TestARegisterAndItsMirrorSignWhatTheyDecide(t *testing.T) {
	r := joint(t)
	other := rt.SignerNamed("a mirror's notary")
	next := successor(t, r)
	next.DecisionKeys = append(next.DecisionKeys, other.JWK())
	r.MustSubmit(next)
	r.Clock.Add(time.Minute)
	replica := newReplica(t, emptyLog(t), func(c *registry.ReplicaConfig) {
		c.Trust, c.Now, c.DecisionSigner = r.Trust, r.Clock.Now, other
	})
	// What evidence is given at is cosigned for it.
	mustEvidence(t, r)
	if err := replica.Extend(t.Context(), registry.StoreSource(r.Log()), r.Checkpoint(), registry.ExtendOptions{}); err != nil {
		t.Fatal(err)
	}
	req := request()
	doc, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	for want, reader := range map[string]*registry.Reader{rt.Notary().Key().ID(): r.Reader, other.Key().ID(): replica.Reader} {
		if kid, listed := reader.DecisionKey(); kid != want || !listed {
			t.Errorf("DecisionKey = %s, %t", kid, listed)
		}
		s, err := reader.DecideSigned(t.Context(), req, req.Times(r.Clock.Now()), false)
		if err != nil {
			t.Fatal(err)
		}
		res, err := receipt.Verify(s.Receipt, doc, s.Evidence, nil, r.Trust)
		if err != nil || res.Kid != want {
			t.Errorf("by %s: %v", res.Kid, err)
		}
		d, evidence, err := reader.Decide(t.Context(), req, req.Times(r.Clock.Now()))
		if err != nil || string(evidence) != string(s.Evidence) {
			t.Errorf("other evidence than that of Decide: %v", err)
		} else if same, err := d.Same(s.Decision); err != nil || !same {
			t.Errorf("another decision than that of Decide: %v", err)
		}
	}
}

type downed struct {
	*rt.Signer
	err error
}

func (d downed) Sign(context.Context, []byte) ([]byte, error) { return nil, d.err }

func TestWhatCannotBeSignedIsSaid(t *testing.T) {
	down := errors.New("the machine is down")
	for name, c := range map[string]struct {
		signer attest.Signer
		want   []error
	}{
		"no key":                  {nil, []error{registry.ErrNoDecisionKey}},
		"a key nobody lists":      {rt.SignerNamed("mallory"), []error{receipt.ErrUnlisted}},
		"an officer's key":        {rt.SignerNamed("us-1"), []error{receipt.ErrUnlisted}},
		"a key that is not there": {downed{rt.Notary(), down}, []error{registry.ErrDecisionSigner, down}},
	} {
		t.Run(name, func(t *testing.T) {
			r := rt.New(t, func(cf *registry.Config) { cf.DecisionSigner = c.signer })
			req := request()
			s, err := r.DecideSigned(t.Context(), req, req.Times(r.Clock.Now()), false)
			for _, want := range c.want {
				if !errors.Is(err, want) || s != nil {
					t.Errorf("%v, %v; want %v", s, err, want)
				}
			}
			if d, _, err := r.Decide(t.Context(), req, req.Times(r.Clock.Now())); err != nil || d == nil {
				t.Errorf("nor is it decided: %v", err)
			}
		})
	}
}
