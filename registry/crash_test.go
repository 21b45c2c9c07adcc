package registry_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// The test binary started with these submits statements until it is killed.
const (
	crashDir   = "REGISTRY_CRASH_DIR"
	crashRound = "REGISTRY_CRASH_ROUND"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		fmt.Fprintln(os.Stderr, submitUntilKilled(dir, os.Getenv(crashRound)))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// An acknowledgement is what a submitter was told, one a line.
type acknowledgement struct {
	Statement []byte
	Receipt   registry.Receipt
}

// submitUntilKilled prints each receipt once it has it. It returns only where
// something is wrong.
func submitUntilKilled(dir, round string) error {
	ctx := context.Background()
	reg, _, err := rt.Serve(dir, time.Now, nil)
	if err != nil {
		return err
	}
	if errors.Is(reg.Healthy(), registry.ErrNoRoot) {
		root, err := rt.Sign(rt.Root(time.Now()))
		if err != nil {
			return err
		}
		if _, err := reg.Init(ctx, root); err != nil {
			return err
		}
	}
	out := json.NewEncoder(os.Stdout)
	var mu sync.Mutex
	failed := make(chan error)
	for worker := range 4 {
		go func() {
			for i := 0; ; i++ {
				c := rt.Approval(fmt.Sprintf("TEA-%s-%d-%d", round, worker, i), rt.IN, rt.Halcyon, "US")
				c.Aud, c.IAT = rt.Origin, date(time.Now())
				// Sites would make admission compare with all that came before.
				c.ApprovedSites = nil
				statement, err := rt.Sign(c)
				if err != nil {
					failed <- err
				}
				receipt, err := reg.Submit(ctx, statement)
				if err != nil {
					failed <- err
				}
				mu.Lock()
				err = out.Encode(acknowledgement{statement, receipt})
				mu.Unlock()
				if err != nil {
					failed <- err
				}
			}
		}()
	}
	return <-failed
}

func TestWhatWasAcknowledgedSurvivesAKill(t *testing.T) {
	dir := t.TempDir()
	roots := make(map[int64]tlog.Hash)
	var all []acknowledgement
	seen := func(checkpoint []byte) {
		t.Helper()
		cp, err := verify.ParseCheckpoint(checkpoint)
		size, root := cp.Tree.N, cp.Tree.Hash
		if err != nil {
			t.Fatal(err)
		}
		if before, ok := roots[size]; ok && before != root {
			t.Fatalf("size %d was signed with two roots", size)
		}
		roots[size] = root
	}
	for round := range 4 {
		acks := killWhileSubmitting(t, dir, round)
		if len(acks) == 0 {
			t.Fatalf("round %d: nothing was acknowledged before the kill", round)
		}
		for _, a := range acks {
			seen(a.Receipt.Checkpoint)
		}
		all = append(all, acks...)

		reg, log, err := rt.Serve(dir, time.Now, nil)
		if err != nil {
			t.Fatalf("round %d: reopen: %v", round, err)
		}
		seen(reg.Checkpoint())
		cp, err := verify.ParseCheckpoint(reg.Checkpoint())
		size, root := cp.Tree.N, cp.Tree.Hash
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range all {
			again, err := reg.Submit(context.Background(), a.Statement)
			if err != nil || again.Index != a.Receipt.Index {
				t.Fatalf("round %d: acknowledged at %d, now %d (%v)", round, a.Receipt.Index, again.Index, err)
			}
			checkReceipt(t, a.Statement, again)
			proof, err := tlog.ProveRecord(size, a.Receipt.Index, log)
			if err == nil {
				err = tlog.CheckRecord(proof, size, root, a.Receipt.Index, tlog.RecordHash(a.Statement))
			}
			if err != nil {
				t.Fatalf("round %d: index %d: %v", round, a.Receipt.Index, err)
			}
		}
		if err := errors.Join(reg.Close(), log.Close()); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d statements acknowledged, %d checkpoints", len(all), len(roots))
}

// killWhileSubmitting runs a submitter, kills it at a random moment, and
// returns what it was told.
func killWhileSubmitting(t *testing.T, dir string, round int) []acknowledgement {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(exe)
	child.Env = append(os.Environ(), crashDir+"="+dir, fmt.Sprintf("%s=%d", crashRound, round))
	child.Stderr = os.Stderr
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var acks []acknowledgement
	var kill sync.Once
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			// A line that the kill cut short acknowledges nothing.
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) {
				t.Fatal(err)
			}
			break
		}
		var a acknowledgement
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatal(err)
		}
		acks = append(acks, a)
		kill.Do(func() {
			time.AfterFunc(time.Duration(20+rand.IntN(300))*time.Millisecond, func() { _ = child.Process.Kill() })
		})
	}
	if err := child.Wait(); err == nil {
		t.Fatal("the submitter ended by itself")
	}
	return acks
}
