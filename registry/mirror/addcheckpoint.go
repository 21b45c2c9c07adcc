package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/vkey"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
)

// How far behind its last look at the register a mirror dates a cosignature.
// Every batch that it does not hold has to be dated later, by a register that
// knows nothing of it: the register's clock may be [verify.MaxSkew] behind
// the mirror's, as docs/format.md promises, and the batch may have waited for a
// minute to be published.
const (
	unpublished = time.Minute
	behind      = verify.MaxSkew + unpublished
)

// sizeType is the media type of the size that a 409 answer tells.
const sizeType = "text/x.tlog.size"

// Handler returns the handler of POST /add-checkpoint, nil where the mirror has no
// key to cosign with. It answers, as C2SP tlog-witness asks, with text/plain and
//
//	200  the mirror's signature line
//	400  cannot be read, or old is larger than the checkpoint
//	403  no log key in force has signed, or a signature is false; where the
//	     register keeps the checkpoint, of a size beyond what was checked, that is
//	     read first
//	404  another register's checkpoint
//	405  another method, with the header Allow
//	409  old is not the size that the mirror cosigned last; the body, of type
//	     text/x.tlog.size, is that size
//	422  the consistency proof does not hold
//	503  with the header Retry-After: not checked that far yet, or the register
//	     cannot be read; without it: the mirror has stopped
func (m *Mirror) Handler() http.Handler {
	if m.config.Cosigner == nil {
		return nil
	}
	return http.HandlerFunc(m.serveAddCheckpoint)
}

func (m *Mirror) serveAddCheckpoint(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "ask with POST", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		http.Error(w, fmt.Sprintf("read the request: %v", err), http.StatusBadRequest)
		return
	}
	line, err := m.AddCheckpoint(r.Context(), body)
	if err == nil {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		// Who has gone does not hear it; it is kept, and asked for again.
		_, _ = w.Write(line)
		return
	}
	no, ok := errors.AsType[*Refusal](err)
	if !ok {
		m.config.Logger.Error("a checkpoint could not be cosigned", slog.Any("error", err))
		http.Error(w, "the mirror's storage has failed", http.StatusInternalServerError)
		return
	}
	if no.Status == http.StatusConflict {
		w.Header().Set("Content-Type", sizeType)
		w.WriteHeader(no.Status)
		fmt.Fprintf(w, "%d\n", no.Size)
		return
	}
	if no.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((no.RetryAfter+time.Second-1)/time.Second)))
	}
	http.Error(w, no.Error(), no.Status)
}

// A Refusal is why a checkpoint is not cosigned.
type Refusal struct {
	// Status is that of the HTTP answer.
	Status int
	// Size is what the mirror cosigned last, for the status 409.
	Size int64
	// RetryAfter is when it may be otherwise; zero says that it will not.
	RetryAfter time.Duration
	Err        error
}

func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns Err.
func (r *Refusal) Unwrap() error { return r.Err }

func refuse(status int, format string, args ...any) error {
	return &Refusal{Status: status, Err: fmt.Errorf(format, args...)}
}

func later(after time.Duration, format string, args ...any) error {
	return &Refusal{Status: http.StatusServiceUnavailable, RetryAfter: max(after, time.Second), Err: fmt.Errorf(format, args...)}
}

// conflict: the asker thinks of another last size.
func conflict(size int64) error {
	return &Refusal{Status: http.StatusConflict, Size: size, Err: fmt.Errorf("the last size cosigned is %d", size)}
}

// AddCheckpoint answers the body of an add-checkpoint request with the
// mirror's signature line: it checks everything up to the checkpoint, dates and
// makes the cosignature, and keeps what it has cosigned. It returns a *[Refusal]
// where it does not cosign, and another error where it cannot keep what it
// would have cosigned.
func (m *Mirror) AddCheckpoint(ctx context.Context, body []byte) ([]byte, error) {
	if m.config.Cosigner == nil {
		return nil, refuse(http.StatusNotFound, "this mirror does not cosign")
	}
	req, err := ParseRequest(body)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "%w", err)
	}
	c := req.Checkpoint
	if c.Origin != m.config.Trust.Origin() {
		return nil, refuse(http.StatusNotFound, "this is a mirror of %s, not of %s", m.config.Trust.Origin(), c.Origin)
	}
	if s := m.stopped.Load(); s != nil {
		return nil, refuse(http.StatusServiceUnavailable, "%w", s)
	}
	if c.Tree.N == 0 && req.Old == 0 && m.cosigned.Load().Size == 0 && m.replica.Size() == 0 {
		// One that has read nothing knows no key of the register; that it holds
		// nothing it can say.
		return nil, refuse(http.StatusUnprocessableEntity, "%w", errNothing)
	}
	ctx, leave, err := m.enter(ctx)
	if err != nil {
		return nil, m.unreached(err)
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, m.config.Wait)
	defer cancel()
	submitted := sighting{Checkpoint: c, signed: req.Signed}
	if err := m.signed(ctx, submitted); err != nil {
		return nil, m.unreached(err)
	}
	switch {
	case req.Old > c.Tree.N:
		return nil, refuse(http.StatusBadRequest, "old is %d, more than the checkpoint's size, %d", req.Old, c.Tree.N)
	case req.Old != m.cosigned.Load().Size:
		return nil, conflict(m.cosigned.Load().Size)
	case c.Tree.N == 0:
		return nil, refuse(http.StatusUnprocessableEntity, "%w", errNothing)
	}
	if err := m.reach(ctx, submitted); err != nil {
		return nil, m.unreached(err)
	}
	return m.cosignWhenDue(ctx, req)
}

// signed refuses a submitted checkpoint that no log key in force has signed. A
// key that the mirror does not know may be that of a trust root which it has not
// read: the register has such a root cosigned before it publishes it, and so the
// mirror reads up to there first.
func (m *Mirror) signed(ctx context.Context, s sighting) error {
	err := m.signedInForce(ctx, s)
	if _, unknown := errors.AsType[*note.UnverifiedNoteError](err); !unknown || s.Tree.N <= m.replica.Size() {
		return err
	}
	if err := m.readAhead(ctx, s, err); err != nil {
		return err
	}
	return m.signedInForce(ctx, s)
}

// signedInForce is signed for the keys that the mirror knows.
func (m *Mirror) signedInForce(ctx context.Context, s sighting) error {
	keys, err := m.logKeys(ctx, s.Tree.N)
	if err != nil {
		return err
	}
	if _, err = note.Open(s.signed, note.VerifierList(keys...)); err != nil {
		return refuse(http.StatusForbidden, "the log keys in force: %w", err)
	}
	return nil
}

// readAhead checks everything up to a checkpoint that is unsigned as far as the
// mirror knows. Anybody can submit one: the register is asked first whether it
// keeps the very same, for one asker at a time, and the turn is taken only where
// nobody has it or waits for it.
func (m *Mirror) readAhead(ctx context.Context, s sighting, unsigned error) error {
	kept, err := m.kept(ctx, s.Tree.N)
	if errors.Is(err, registry.ErrNotFound) || err == nil && kept.Text != s.Text {
		return refuse(http.StatusForbidden, "%w; nor does the register keep this checkpoint of size %d", unsigned, s.Tree.N)
	}
	if err != nil {
		return err
	}
	select {
	case m.turn <- struct{}{}:
		return m.checked(ctx, kept)
	default:
		return later(time.Second, "the mirror is still checking, at size %d; ask again", m.replica.Size())
	}
}

// kept fetches the register's own checkpoint of a size.
func (m *Mirror) kept(ctx context.Context, size int64) (sighting, error) {
	select {
	case m.ahead <- struct{}{}:
		defer func() { <-m.ahead }()
	case <-ctx.Done():
		return sighting{}, fmt.Errorf("wait until others are answered: %w", context.Cause(ctx))
	}
	signed, err := m.config.Register.Checkpoint(ctx, size)
	if err != nil {
		return sighting{}, err
	}
	c, err := m.ours(signed)
	return sighting{Checkpoint: c, signed: signed}, err
}

var errNothing = errors.New("an empty register has nothing that a mirror could check")

// unreached says why everything up to a checkpoint could not be checked.
func (m *Mirror) unreached(err error) error {
	no, refused := errors.AsType[*Refusal](err)
	switch s, stopped := errors.AsType[*Stopped](err); {
	case stopped:
		return refuse(http.StatusServiceUnavailable, "%w", s)
	case refused:
		return no
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return later(time.Second, "the mirror is still checking, at size %d; ask again", m.replica.Size())
	default:
		return later(m.config.Interval, "the register could not be checked: %w", err)
	}
}

// logKeys are the log keys of the trust root in force at the last leaf of a
// tree, as far as the mirror has read. A mirror that has read nothing looks at
// the register's first leaf: a new register publishes nothing before its
// mirrors have cosigned.
func (m *Mirror) logKeys(ctx context.Context, size int64) ([]note.Verifier, error) {
	leaf, err := m.rootLeaf(ctx, size)
	if err != nil {
		return nil, err
	}
	root, ok, err := rootIn(leaf)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errors.New("read the trust root: the leaf is none")
	}
	keys, err := vkey.Logs(root.LogKeys)
	if err != nil {
		return nil, fmt.Errorf("read the trust root: a log key %w", err)
	}
	return keys, nil
}

// rootIn reads a trust root; ok is false where a leaf of the history of root is a
// freeze. One that the mirror has read was opened before it was kept. Another one
// is checked, with all that it leads to, before anything is cosigned.
func rootIn(leaf []byte) (root *attest.Root, ok bool, err error) {
	u, err := attest.Parse(leaf)
	if err != nil {
		return nil, false, fmt.Errorf("read the trust root: %w", err)
	}
	root, ok = u.ClaimsUnsafe().(*attest.Root)
	return root, ok, nil
}

// rootLeaf returns the last trust root before a size.
func (m *Mirror) rootLeaf(ctx context.Context, size int64) ([]byte, error) {
	history, err := m.log.History(attest.RootSubject)
	if err != nil {
		return nil, err
	}
	if len(history) == 0 {
		for leaf, err := range m.config.Register.Leaves(ctx, 0, 1) {
			return leaf, err
		}
		return nil, registry.ErrNoRoot
	}
	for i := len(history) - 1; ; i-- {
		if i > 0 && history[i].Index >= size {
			continue
		}
		leaf, err := m.log.Leaf(history[i].Index)
		if err != nil || i == 0 {
			return leaf, err
		}
		if _, ok, err := rootIn(leaf); ok || err != nil {
			return leaf, err
		}
	}
}

// signedByLog opens a checkpoint with the log keys in force.
func (m *Mirror) signedByLog(signed []byte, size int64) error {
	keys, err := m.logKeys(m.ctx, size)
	if err != nil {
		return err
	}
	if _, err := note.Open(signed, note.VerifierList(keys...)); err != nil {
		return fmt.Errorf("%w: %w", registry.ErrUnsigned, err)
	}
	return nil
}

// cosignWhenDue cosigns a checkpoint that is checked, once the clock has come
// to the second that its status leaf ends in.
func (m *Mirror) cosignWhenDue(ctx context.Context, req Request) ([]byte, error) {
	for {
		if err := m.take(ctx); err != nil {
			return nil, m.unreached(err)
		}
		line, err := m.cosign(ctx, req)
		m.giveBack()
		early, ok := errors.AsType[*tooEarly](err)
		if !ok {
			return line, err
		}
		wait := time.NewTimer(min(early.by, 100*time.Millisecond))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return nil, later(early.by, "%w; ask again", early)
		}
	}
}

// cosign cosigns a checkpoint that is checked, for the one whose turn it is.
func (m *Mirror) cosign(ctx context.Context, req Request) ([]byte, error) {
	held := *m.cosigned.Load()
	tree := req.Checkpoint.Tree
	switch s := m.stopped.Load(); {
	case s != nil:
		return nil, refuse(http.StatusServiceUnavailable, "%w", s)
	case req.Old != held.Size:
		return nil, conflict(held.Size)
	}
	if err := m.replica.Pinned(); err != nil {
		return nil, m.unreached(err)
	}
	if err := req.follows(held.tree()); err != nil {
		return nil, refuse(http.StatusUnprocessableEntity, "%w", err)
	}
	// The replica holds the tree already; that it is this very one is what the
	// cosignature says, and so is looked at once more.
	if hash, err := tlog.TreeHash(tree.N, m.log); err != nil {
		return nil, err
	} else if hash != tree.Hash {
		return nil, fmt.Errorf("cosign: the mirror's tree of size %d has the root %v, the checkpoint %v", tree.N, hash, tree.Hash)
	}
	at, err := m.date(tree.N, held.Time)
	if err != nil {
		return nil, err
	}
	line, err := m.config.Cosigner.Cosign(req.Signed, at)
	if err != nil {
		return nil, err
	}
	held.Size, held.Hash, held.Time = tree.N, tree.Hash, at
	if held.Checkpoint, err = m.cosignedNote(req.Signed, tree.N, line); err != nil {
		return nil, err
	}
	// Whoever has asked and gone: from here on it is kept or not at all.
	if err := keepCosigned(context.WithoutCancel(ctx), m.config.Dir, m.log, held); err != nil {
		return nil, err
	}
	m.cosigned.Store(&held)
	return line, nil
}

// cosignedNote is a checkpoint with the signatures of the log keys in force and
// the mirror's line alone.
func (m *Mirror) cosignedNote(signed []byte, size int64, line []byte) (string, error) {
	keys, err := m.logKeys(m.ctx, size)
	if err != nil {
		return "", err
	}
	n, err := note.Open(signed, note.VerifierList(keys...))
	if err != nil {
		return "", fmt.Errorf("cosign: %w", err)
	}
	return vkey.Signed(n.Text, n.Sigs) + string(line), nil
}

// tooEarly says that the clock has not come to when a cosignature may be dated.
type tooEarly struct{ by time.Duration }

func (e *tooEarly) Error() string {
	return fmt.Sprintf("the status leaf is %s ahead of the mirror's clock", e.by.Round(time.Millisecond))
}

// date is when a cosignature of the tree of that size is dated: six minutes
// behind the last look at what the register has published, all of which is held,
// but not before its status leaf or the last cosignature, and neither after the
// clock nor, where that is held, the next batch. The register keeps its next
// batch after the first two itself.
func (m *Mirror) date(size int64, last time.Time) (time.Time, error) {
	leaf, err := m.log.Leaf(size - 1)
	if err != nil {
		return time.Time{}, err
	}
	status, err := verify.ParseStatusLeaf(leaf)
	if err != nil {
		return time.Time{}, refuse(http.StatusUnprocessableEntity, "no batch ends at size %d: %w", size, err)
	}
	now := m.config.Now()
	from := wholeSecond(status.Time)
	if last.After(from) {
		from = last
	}
	if from.After(now) {
		return time.Time{}, &tooEarly{from.Sub(now)}
	}
	seen := m.looked
	if seen.After(now) {
		seen = now
	}
	at := seen.Add(-behind).Truncate(time.Second).UTC()
	if at.Before(from) {
		at = from
	}
	next, err := m.batchAfter(size)
	if err != nil || next.IsZero() || at.Before(next) {
		return at, err
	}
	if !from.Before(next) {
		return time.Time{}, later(time.Second, "the batch after size %d is dated %s, in the same second: ask with a newer checkpoint", size, next.Format(time.RFC3339Nano))
	}
	return next.Add(-time.Millisecond).Truncate(time.Second), nil
}

// batchAfter is the time of the batch after a size, zero where none is held.
func (m *Mirror) batchAfter(size int64) (time.Time, error) {
	for leaf, err := range m.log.Leaves(size) {
		if err != nil {
			return time.Time{}, err
		}
		if verify.IsStatusLeaf(leaf) {
			s, err := verify.ParseStatusLeaf(leaf)
			return s.Time, err
		}
	}
	return time.Time{}, nil
}

// wholeSecond is the first whole second that is not before t.
func wholeSecond(t time.Time) time.Time {
	s := t.Truncate(time.Second).UTC()
	if s.Before(t) {
		s = s.Add(time.Second)
	}
	return s
}
