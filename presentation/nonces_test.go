package presentation_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/presentation"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

func TestANonceIsTakenOnce(t *testing.T) {
	now := rt.Start
	n := new(presentation.Nonces)
	first, until := n.New(now)
	if until.Sub(now) != 5*time.Minute || n.Take(first, now.Add(time.Minute)) != nil {
		t.Error("a fresh nonce is not taken")
	}
	var refused *presentation.Error
	if err := n.Take(first, now); !errors.As(err, &refused) || refused.Step != presentation.StepNonce {
		t.Errorf("taken twice: %v", err)
	}
	if err := n.Take("made up", now); err == nil {
		t.Error("a made up nonce is taken")
	}
	old, _ := n.New(now)
	if err := n.Take(old, now.Add(5*time.Minute)); err == nil {
		t.Error("an old nonce is taken")
	}
	other, _ := new(presentation.Nonces).New(now)
	if err := n.Take(other, now); err == nil {
		t.Error("another's nonce is taken")
	}
	// However many are asked for, and whatever comes in their place, one is good.
	good, _ := n.New(now)
	for range 10_000 {
		fresh, _ := n.New(now)
		if err := n.Check(fresh[:len(fresh)-1]+"A", now); err == nil && fresh[len(fresh)-1] != 'A' {
			t.Fatal("a nonce that was changed is good")
		}
	}
	if err := n.Check(good, now); err != nil {
		t.Errorf("checked: %v", err)
	}
	if err := n.Check(good, now); err != nil {
		t.Errorf("checked again: %v", err)
	}
	var won atomic.Int64
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if n.Take(good, now) == nil {
				won.Add(1)
			}
		})
	}
	group.Wait()
	if won.Load() != 1 || n.Check(good, now) == nil {
		t.Errorf("it was taken %d times", won.Load())
	}
	// What has been taken is forgotten when it is too old, and not good for it.
	later := now.Add(11 * time.Minute)
	next, _ := n.New(later)
	if n.Take(next, later) != nil || n.Take(good, later) == nil {
		t.Error("what was taken long ago is good")
	}
}
