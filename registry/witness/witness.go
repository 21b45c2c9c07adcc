// Package witness asks cosigners for their cosignatures: it is a client of C2SP
// tlog-witness. A mirror of a register is asked in the same way.
//
//	w, err := witness.New("w1", vkey, "https://w1.example/", nil)
//	cosignature, err := w.AddCheckpoint(ctx, old, checkpoint, prove)
//
// What a witness answers is believed as far as its key vouches for it: its line
// has to verify over the very checkpoint that was sent. That it holds another
// size, it says without a signature; it then gets a proof from that size.
package witness

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/internal/vkey"
	"github.com/safeconduct/safeconduct/verify"
)

// Bounds of what a witness may answer, in bytes.
const (
	maxAnswer = 64 << 10
	maxSaid   = 300
)

// sizeType is the media type of a 409's body.
const sizeType = "text/x.tlog.size"

// A Witness is a cosigner that is asked over HTTP. It may be used concurrently.
type Witness struct {
	name     string
	vkey     string
	verifier note.Verifier
	endpoint string
	client   *http.Client
}

// New returns the witness that a policy calls name, with its verifier key
// (cosignature/v1 with Ed25519) and its submission prefix. A nil client is one
// with its own connections; redirects are followed by neither.
func New(name, key, prefix string, client *http.Client) (*Witness, error) {
	k, err := vkey.ParseCosigner(key)
	if err != nil {
		return nil, fmt.Errorf("witness %s: its key %w", name, err)
	}
	u, err := url.Parse(prefix)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("witness %s: %q is no submission prefix; want http:// or https://, a host and perhaps a path", name, prefix)
	}
	if client == nil {
		client = new(http.Client)
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Witness{name, key, k.Verifier, u.JoinPath("add-checkpoint").String(), &own}, nil
}

// Name returns what the policy calls the witness.
func (w *Witness) Name() string { return w.name }

// VKey returns the witness's verifier key.
func (w *Witness) VKey() string { return w.vkey }

// A Cosignature is a witness's line on a checkpoint, verified.
type Cosignature struct {
	// Line is the signature line, with its newline.
	Line []byte
	// Time is what the cosignature is dated.
	Time time.Time
}

// A SizeError is a witness's word, without a signature, that it holds a
// checkpoint which this one cannot follow: a larger one, or another one of its
// size.
type SizeError struct {
	// Held is the size that it says it holds, Sent that of the checkpoint.
	Held, Sent int64
}

func (e *SizeError) Error() string {
	if e.Held == e.Sent {
		return fmt.Sprintf("it holds another checkpoint of size %d", e.Held)
	}
	return fmt.Sprintf("it holds a checkpoint of size %d, which is larger than %d", e.Held, e.Sent)
}

// A StatusError is an answer of a witness that is no cosignature.
type StatusError struct {
	// Status is the HTTP status.
	Status int
	// Said is the beginning of the body.
	Said string
	// RetryAfter is when the witness wants to be asked again, 0 where it does
	// not say.
	RetryAfter time.Duration
}

func (e *StatusError) Error() string {
	s := fmt.Sprintf("it answered %d", e.Status)
	if text := http.StatusText(e.Status); text != "" {
		s += " " + text
	}
	if e.Said != "" {
		s += fmt.Sprintf(": %q", e.Said)
	}
	return s
}

// AddCheckpoint submits a signed checkpoint and returns the witness's
// cosignature of it. Old is the size that the witness is thought to hold, at
// most the checkpoint's; where it holds another, it is asked again from that
// one. Prove returns the consistency proof from a size, which is above 0 and
// below the checkpoint's; its error is returned. The same checkpoint may be
// submitted again, for a newer date.
//
// It returns a *[SizeError] where the witness holds a larger size, or says that
// it holds another checkpoint of this size, and a *[StatusError] where it
// answers with another status than 200.
func (w *Witness) AddCheckpoint(ctx context.Context, old int64, checkpoint []byte, prove func(old int64) (tlog.TreeProof, error)) (Cosignature, error) {
	c, err := verify.ParseCheckpoint(checkpoint)
	if err != nil {
		return Cosignature{}, fmt.Errorf("ask witness %s: %w", w.name, err)
	}
	// Twice again: an older request of ours may come to its end in between.
	for again := 2; ; again-- {
		cosignature, err := w.submit(ctx, old, c, checkpoint, prove)
		held, moved := errors.AsType[*conflict](err)
		switch {
		case err == nil:
			return cosignature, nil
		case !moved:
		case held.size > c.Tree.N, held.size == old && old == c.Tree.N:
			err = &SizeError{held.size, c.Tree.N}
		case held.size == old || again == 0:
			err = &StatusError{Status: http.StatusConflict, Said: fmt.Sprintf("size %d, when asked from size %d", held.size, old)}
		default:
			old = held.size
			continue
		}
		return Cosignature{}, fmt.Errorf("ask witness %s to cosign size %d: %w", w.name, c.Tree.N, err)
	}
}

// conflict is a 409: the witness holds another size.
type conflict struct{ size int64 }

func (c *conflict) Error() string { return fmt.Sprintf("it holds size %d", c.size) }

func (w *Witness) submit(ctx context.Context, old int64, c verify.Checkpoint, checkpoint []byte, prove func(int64) (tlog.TreeProof, error)) (Cosignature, error) {
	body, err := request(old, c.Tree.N, checkpoint, prove)
	if err != nil {
		return Cosignature{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.endpoint, bytes.NewReader(body))
	if err != nil {
		return Cosignature{}, err
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	resp, err := w.client.Do(req)
	if err != nil {
		return Cosignature{}, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return Cosignature{}, fmt.Errorf("read its answer: %w", err)
	}
	switch {
	case resp.StatusCode == http.StatusOK && len(answer) <= maxAnswer:
		return w.read(c.Text, answer)
	case resp.StatusCode == http.StatusOK:
		return Cosignature{}, fmt.Errorf("its answer has more than %d bytes", maxAnswer)
	case resp.StatusCode == http.StatusConflict:
		if held, err := heldSize(resp.Header.Get("Content-Type"), answer); err == nil {
			return Cosignature{}, &conflict{held}
		}
	}
	return Cosignature{}, &StatusError{resp.StatusCode, excerpt(answer), retryAfter(resp.Header.Get("Retry-After"))}
}

// request writes the body of add-checkpoint.
func request(old, size int64, checkpoint []byte, prove func(int64) (tlog.TreeProof, error)) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "old %d\n", old)
	if old > 0 && old < size {
		proof, err := prove(old)
		if err != nil {
			return nil, fmt.Errorf("prove size %d consistent with %d: %w", size, old, err)
		}
		for _, h := range proof {
			b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
		}
	}
	b.WriteString("\n")
	b.Write(checkpoint)
	return b.Bytes(), nil
}

// read finds the witness's own cosignature among the lines of an answer. Lines
// of other keys are left: a witness may have several.
func (w *Witness) read(text string, answer []byte) (Cosignature, error) {
	n, err := note.Open(append([]byte(text+"\n"), answer...), note.VerifierList(w.verifier))
	if err != nil {
		return Cosignature{}, fmt.Errorf("read its cosignature: %w", err)
	}
	// An empty line in the answer would make a note of another text.
	if n.Text != text {
		return Cosignature{}, errors.New("read its cosignature: the answer has more than signature lines")
	}
	s := n.Sigs[0]
	at, err := vkey.Dated(s)
	if err != nil {
		return Cosignature{}, fmt.Errorf("read its cosignature: %w", err)
	}
	if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
		return Cosignature{}, errors.New("its cosignature is not in strict base64")
	}
	return Cosignature{[]byte(vkey.Line(s)), at}, nil
}

func heldSize(contentType string, body []byte) (int64, error) {
	if t, _, err := mime.ParseMediaType(contentType); err != nil || t != sizeType {
		return 0, errors.New("the answer is no size")
	}
	text, ok := strings.CutSuffix(string(body), "\n")
	size, err := verify.ParseSize(text)
	if !ok || err != nil {
		return 0, errors.New("the answer is no size")
	}
	return size, nil
}

// excerpt is what of an answer is fit for an error message.
func excerpt(body []byte) string {
	return strings.TrimSpace(strings.ToValidUTF8(string(body[:min(len(body), maxSaid)]), "?"))
}

// retryAfter reads the header's form in seconds, up to an hour.
func retryAfter(header string) time.Duration {
	s, err := strconv.ParseUint(header, 10, 63)
	if err != nil {
		return 0
	}
	// Bounded before it is multiplied, which would overflow.
	return time.Duration(min(s, 3600)) * time.Second
}
