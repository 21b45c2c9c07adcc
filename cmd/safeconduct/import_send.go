package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/issuing"
	"github.com/safeconduct/safeconduct/registry/client"
)

// staleAfter is the age from which a statement that was signed earlier is signed
// anew: a register refuses one of 14 days.
const staleAfter = 13 * 24 * time.Hour

// sign signs what is made, has it checked by the register's trust root, and
// writes it to the directory. What stands there signed is kept.
func (im *importing) sign(ctx context.Context, all []*made) error {
	signers, err := loadKeys(ctx, im.keys)
	if ctx.Err() != nil {
		return im.interrupted(0, len(all), "signed")
	}
	if err != nil {
		return failed("", fmt.Errorf("import: %w", err))
	}
	im.bar.next("signed")
	var anew []*made
	for i, s := range all {
		if err := ctx.Err(); err != nil {
			return im.interrupted(i, len(all), "signed")
		}
		if s.signed, err = im.found(s, signers); err != nil {
			return failed("", fmt.Errorf("import: %w", err))
		}
		if s.signed == nil {
			anew = append(anew, s)
			if s.signed, err = attest.Sign(ctx, s.claims, signers...); err != nil {
				return failed("", fmt.Errorf("import %s: %s: %w", im.file, s.change.Key, err))
			}
		}
		im.bar.show(int64(i+1), int64(len(all)))
	}
	if err := im.openAll(all); err != nil {
		return err
	}
	im.answer.Signed, im.answer.Kept = len(anew), len(all)-len(anew)
	if im.out == "" || len(anew) == 0 {
		return nil
	}
	if err := os.MkdirAll(im.out, 0o777); err != nil {
		return failed("", fmt.Errorf("import: %w", err))
	}
	im.bar.next("written")
	for i, s := range anew {
		if ctx.Err() != nil {
			return im.interrupted(i, len(anew), "written")
		}
		if err := writeFile(im.fileOf(s), s.signed); err != nil {
			return failed("run it again to go on", fmt.Errorf("import: %w", err))
		}
		im.bar.show(int64(i+1), int64(len(anew)))
	}
	return nil
}

func (im *importing) fileOf(s *made) string {
	return filepath.Join(im.out, s.claims.Head().JTI+".jws")
}

// found is the statement that an earlier run has signed, nil where there is none
// that is as good as a new one.
func (im *importing) found(s *made, signers []attest.Signer) ([]byte, error) {
	if im.out == "" || !isThere(im.fileOf(s)) {
		return nil, nil
	}
	data, err := readFile(im.fileOf(s))
	if err != nil {
		return nil, err
	}
	u, err := attest.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; delete it where it is not needed", im.fileOf(s), err)
	}
	old, h := u.ClaimsUnsafe().Head(), s.claims.Head()
	if old.JTI != h.JTI || old.Sub != h.Sub {
		return nil, fmt.Errorf("%s is %s of %s, not what it is named for; delete it where it is not needed", im.fileOf(s), old.JTI, old.Sub)
	}
	if im.terms.Now.Sub(old.IAT.Time()) > staleAfter {
		return nil, nil
	}
	iat := h.IAT
	h.IAT = old.IAT
	payload, err := attest.Payload(s.claims)
	h.IAT = iat
	if err != nil {
		return nil, err
	}
	said, err := attest.Payload(u.ClaimsUnsafe())
	kids := u.Signers()
	if err != nil || !bytes.Equal(said, payload) || len(kids) != len(signers) {
		return nil, err
	}
	for _, k := range signers {
		if !slices.Contains(kids, k.Key().ID()) {
			return nil, nil
		}
	}
	return data, nil
}

// openAll opens all statements by the register's trust root, before the first
// is sent: what it would refuse for its signers or its jurisdiction keeps all
// back.
func (im *importing) openAll(all []*made) error {
	if im.cl == nil || len(all) == 0 {
		return nil
	}
	known := trusted{url: im.url, trust: im.trustFile}
	root, _, err := known.load(im.c)
	if err != nil {
		return err
	}
	var bad []issuing.Mistake
	for _, s := range all {
		if _, err := attest.Open(s.signed, root); err != nil {
			p, ok := errors.AsType[attest.Problems](err)
			if !ok {
				return failed(fewHint(s.signed, root), fmt.Errorf("import %s: %s: %w", im.file, s.change.Key, err))
			}
			bad = append(bad, s.mistakes(p)...)
		}
	}
	if len(bad) > 0 {
		return im.bad(bad, beyond)
	}
	return nil
}

// fewHint says what to do where more officers have to sign.
func fewHint(statement []byte, root *attest.TrustRoot) string {
	const nothing = "nothing was imported"
	u, err := attest.Parse(statement)
	if err != nil {
		return nothing
	}
	s := u.Signing(root)
	if s.Missing() == 0 || len(s.Quorums) == 0 {
		return nothing
	}
	q := s.Quorums[0]
	return fmt.Sprintf("%s: %s needs %s, and each signs: give --key once for each, or leave --registry out and pass the directory of --out on, see safeconduct sign and submit",
		nothing, q.Authority, count(q.Needed, "officer"))
}

// mistakes are a register's problems with a statement, at the row.
func (s *made) mistakes(problems []attest.Problem) (out []issuing.Mistake) {
	for _, p := range problems {
		if r := s.change.Row(); r != nil {
			out = append(out, r.Mistake(p.Pointer, p.Message))
		} else {
			out = append(out, issuing.Mistake{Member: p.Pointer, Message: s.change.Key + ": " + p.Message})
		}
	}
	return out
}

// workers is how many statements are under way at a time: a register makes one
// batch, in a second, of those that come together.
const workers = 256

// log submits the statements, and counts those that are logged. At the first
// refusal it ends, unless bad rows are left out.
func (im *importing) log(ctx context.Context, all []*made) error {
	if im.cl == nil || len(all) == 0 {
		return nil
	}
	im.bar.next("logged")
	ending, end := context.WithCancelCause(ctx)
	defer end(nil)
	cl := im.cl.Retrying(patient)
	var mu sync.Mutex
	var group sync.WaitGroup
	next := make(chan *made)
	for range min(workers, len(all)) {
		group.Go(func() {
			for s := range next {
				_, err := cl.Submit(ending, s.signed)
				if late(err) && im.stands(ending, s) {
					err = nil
				}
				mu.Lock()
				if refused, ok := errors.AsType[*client.Problem](err); ok && refused.Status < http.StatusInternalServerError && !refused.Passes() {
					im.answer.Refused = append(im.answer.Refused, s.refused(refused)...)
					if !im.skipBad {
						end(errRefused)
					}
				} else if err != nil {
					end(err)
				} else {
					im.answer.Logged++
					im.bar.show(int64(im.answer.Logged), int64(len(all)))
				}
				mu.Unlock()
			}
		})
	}
feed:
	for _, s := range all {
		select {
		case next <- s:
		case <-ending.Done():
			break feed
		}
	}
	close(next)
	group.Wait()
	return im.outcome(ctx, context.Cause(ending), len(all))
}

// late reports whether a name is taken. What an interrupted run has sent may be
// logged after the next run has looked what stands.
func late(err error) bool {
	p, ok := errors.AsType[*client.Problem](err)
	return ok && p.Status == http.StatusConflict &&
		slices.ContainsFunc(p.Problems, func(p attest.Problem) bool { return p.Pointer == "/jti" })
}

// stands reports whether the register has the statement, but for when it was
// written.
func (im *importing) stands(ctx context.Context, s *made) bool {
	if im.shown(ctx) != nil {
		return false
	}
	h := s.claims.Head()
	logged, _, err := im.about(ctx, []string{h.Sub})
	if err != nil {
		return false
	}
	// The name has a digest of what is said.
	return slices.ContainsFunc(logged, func(c attest.Claims) bool {
		return c.Head().JTI == h.JTI && c.Head().Sub == h.Sub && c.Kind() == s.claims.Kind()
	})
}

var errRefused = errors.New("the register has refused a statement")

// outcome says how the sending ended.
func (im *importing) outcome(ctx context.Context, err error, all int) error {
	switch {
	case ctx.Err() != nil:
		return im.interrupted(im.answer.Logged, all, "logged")
	case errors.Is(err, errRefused), err == nil && len(im.answer.Refused) > 0:
		return failed("mend what was refused and run it again: it goes on where it stopped", fmt.Errorf("import %s: %d of %d statements logged: %w", im.file, im.answer.Logged, all, errRefused))
	case err != nil:
		return failed("run it again: it goes on where it stopped", fmt.Errorf("import %s: %d of %d statements logged: %w", im.file, im.answer.Logged, all, err))
	default:
		return nil
	}
}

func (im *importing) interrupted(done, all int, what string) error {
	return failed("run it again: it goes on where it stopped", fmt.Errorf("import %s: interrupted: %d of %d %s", im.file, done, all, what))
}

// refused are the mistakes that a refusal names, or one that says it whole.
func (s *made) refused(p *client.Problem) []issuing.Mistake {
	if len(p.Problems) > 0 {
		return s.mistakes(p.Problems)
	}
	return s.mistakes([]attest.Problem{{Message: p.Error()}})
}

// patient is how often a statement is sent where the register is busy, and where it
// is not reached.
var patient = client.Retry{Attempts: 8, Unreached: 3, First: time.Second, Longest: time.Minute}
