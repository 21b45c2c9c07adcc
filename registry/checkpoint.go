package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	flog "github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
)

// checkpointText returns the note text of C2SP tlog-checkpoint, never with an
// extension line.
func checkpointText(origin string, size int64, root tlog.Hash) string {
	return string(flog.Checkpoint{Origin: origin, Size: uint64(size), Hash: root[:]}.Marshal())
}

// lastCosigned returns the time of the newest cosignature on a note that has
// been opened, zero where it has none.
func lastCosigned(n *note.Note, cosigners []note.Verifier) time.Time {
	var last time.Time
	for _, s := range n.Sigs {
		for _, v := range cosigners {
			if s.Name != v.Name() || s.Hash != v.KeyHash() {
				continue
			}
			if t, err := fnote.CoSigV1Timestamp(s); err == nil && t.After(last) {
				last = t.UTC()
			}
		}
	}
	return last
}

// listed refuses a trust root that does not list the operator's cosigner as the
// operator's: its cosignatures would count for nothing, or for an outsider's.
// It has to list the cosigners of the policy, too.
func (r *Registry) listed(root *attest.Root) error {
	if r.cosigner == nil {
		return r.publisher.listed(root)
	}
	own := func(c attest.Cosigner) bool { return c.VKey == r.cosigner.VKey() && c.Operator }
	if !slices.ContainsFunc(root.Cosigners, own) {
		return fmt.Errorf("version %d of the trust root does not list the operator's cosigner %s with operator: true", root.Version, r.cosigner.VKey())
	}
	return r.publisher.listed(root)
}

// cosign adds the operator's cosignature, dated at, to a signed checkpoint.
func (r *Registry) cosign(signed []byte, at time.Time) ([]byte, error) {
	if r.cosigner == nil {
		return signed, nil
	}
	text, _, _ := bytes.Cut(signed, []byte("\n\n"))
	line, err := note.Sign(&note.Note{Text: string(text) + "\n"}, r.cosigner.at(at))
	if err != nil {
		return nil, fmt.Errorf("cosign the checkpoint: %w", err)
	}
	return append(bytes.Clone(signed), line[len(text)+2:]...), nil
}

// cosignedAfter is the age from which evidence has its checkpoint cosigned
// anew.
const cosignedAfter = time.Minute

// Cosign has the newest checkpoint cosigned anew by the operator's cosigner,
// so that what it proves reaches up to now. A cosignature is dated to the
// second: down from now, but never before the status leaf that it covers, and
// then up to a second ahead of the clock. It does nothing without a cosigner,
// where the newest cosignature is of that second or later, or where others
// cosign too, who are asked as they have to be. The checkpoint is
// kept before it is handed out.
func (r *Registry) Cosign(ctx context.Context) error {
	r.write.Lock()
	defer r.write.Unlock()
	if err := r.failed.Load(); err != nil {
		return *err
	}
	s := *r.newest()
	at := r.ownDate(&s)
	if r.cosigner == nil || r.publisher != nil || s.size == 0 || !at.After(s.cosigned) {
		return nil
	}
	var err error
	if s.checkpoint, err = r.cosign(s.signed, at); err != nil {
		return err
	}
	s.cosigned = at
	if err := ctx.Err(); err != nil {
		return err
	}
	// From here on it is kept or it is known that it is not, whoever still waits.
	if err := r.log.Keep(context.WithoutCancel(ctx), Standing{Checkpoint: s.head()}); err != nil {
		return r.storage(err)
	}
	r.full.Store(false)
	r.advance(&s)
	r.publish(&s)
	r.covered.Store(&s)
	return nil
}

// ownDate is what the operator's cosigner dates a cosignature of a snapshot.
func (r *Registry) ownDate(s *snapshot) time.Time {
	at := r.now().Truncate(time.Second).UTC()
	if leaf := wholeSecond(s.at); at.Before(leaf) {
		at = leaf
	}
	return at
}

// wholeSecond is the first whole second that is not before t.
func wholeSecond(t time.Time) time.Time {
	s := t.Truncate(time.Second)
	if s.Before(t) {
		s = s.Add(time.Second)
	}
	return s
}

// fresh returns a snapshot whose newest cosignature is not before its status
// leaf and, where the register still writes, no older than a minute at now. The
// cosignatures of a register without a cosigner come from elsewhere.
func (r *Registry) fresh(ctx context.Context) (*snapshot, error) {
	if r.publisher != nil {
		if s := r.shown(); s.size > 0 {
			return s, nil
		}
		if r.newest().size == 0 {
			return nil, ErrNoRoot
		}
		return nil, r.publisher.why()
	}
	// A batch may come between a cosignature and the next look.
	for {
		s := r.newest()
		if s.size == 0 {
			return nil, ErrNoRoot
		}
		covered := r.cosigner == nil || !s.cosigned.Before(s.at)
		if covered && (r.cosigner == nil || r.failed.Load() != nil || r.now().Sub(s.cosigned) < cosignedAfter) {
			return s, nil
		}
		if err := r.Cosign(ctx); err != nil {
			// What was covered before storage failed still proves what it did.
			if s := r.covered.Load(); s != nil && (errors.Is(err, ErrReadOnly) || errors.Is(err, ErrFull)) {
				return s, nil
			}
			return nil, err
		}
		if s := r.newest(); !s.cosigned.Before(s.at) {
			return s, nil
		}
	}
}
