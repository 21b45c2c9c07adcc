package presentation

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"sync"
	"time"
)

// Nonces gives out nonces and takes each back once. The zero Nonces works; it may be
// used concurrently. What it has given it knows again by a MAC, so that nobody who
// asks for many costs it memory or somebody else's nonce; it keeps those that were
// taken until they are too old. The MAC's key is in memory alone: a verifier that is
// started again refuses what answers it before.
type Nonces struct {
	// Life is how long a nonce is good; zero is [DefaultAge].
	Life time.Duration

	key   [sha256.Size]byte
	keyed sync.Once

	mu    sync.Mutex
	taken map[string]time.Time
	swept time.Time
}

// A nonce is 16 random bytes, the end of its life (Unix, nanoseconds), and a MAC.
const (
	nonceRandom = 16
	nonceMAC    = 16
	nonceLen    = nonceRandom + 8 + nonceMAC
)

func (n *Nonces) mac(b []byte) []byte {
	n.keyed.Do(func() { _, _ = rand.Read(n.key[:]) }) // it never fails
	m := hmac.New(sha256.New, n.key[:])
	m.Write(b)
	return m.Sum(nil)[:nonceMAC]
}

func (n *Nonces) life() time.Duration {
	if n.Life > 0 {
		return n.Life
	}
	return DefaultAge
}

// New gives a nonce, and until when it is good.
func (n *Nonces) New(now time.Time) (nonce string, until time.Time) {
	until = now.Add(n.life())
	b := make([]byte, nonceRandom, nonceLen)
	_, _ = rand.Read(b) // it never fails
	b = binary.BigEndian.AppendUint64(b, uint64(until.UnixNano()))
	b = append(b, n.mac(b)...)
	return base64.RawURLEncoding.EncodeToString(b), until
}

// Check says whether a nonce can be taken: it was given here, is not too old, and has
// not been taken. It returns an *[Error] at [StepNonce] where it cannot.
func (n *Nonces) Check(nonce string, now time.Time) error {
	if _, err := n.until(nonce, now); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.unused(nonce)
}

// Take takes a nonce back: of several who do, one succeeds. Whoever takes it last,
// when all else stands, keeps no more in memory than there are presentations that
// stand. It returns an *[Error] at [StepNonce] as [Nonces.Check] does.
func (n *Nonces) Take(nonce string, now time.Time) error {
	until, err := n.until(nonce, now)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.unused(nonce); err != nil {
		return err
	}
	if n.taken == nil {
		n.taken = make(map[string]time.Time)
	}
	if now.Sub(n.swept) > n.life() {
		for old, until := range n.taken {
			if !now.Before(until) {
				delete(n.taken, old)
			}
		}
		n.swept = now
	}
	n.taken[nonce] = until
	return nil
}

func (n *Nonces) unused(nonce string) error {
	if _, used := n.taken[nonce]; used {
		return &Error{StepNonce, errors.New("it has been used; ask for another one")}
	}
	return nil
}

func (n *Nonces) until(nonce string, now time.Time) (time.Time, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(nonce)
	if err != nil || len(b) != nonceLen || !hmac.Equal(n.mac(b[:nonceLen-nonceMAC]), b[nonceLen-nonceMAC:]) {
		return time.Time{}, &Error{StepNonce, errors.New("it was not given here; ask for one")}
	}
	until := time.Unix(0, int64(binary.BigEndian.Uint64(b[nonceRandom:])))
	if !now.Before(until) {
		return time.Time{}, &Error{StepNonce, errors.New("it is too old; ask for another one")}
	}
	return until, nil
}

// Nonce returns the nonce that a presentation answers, unchecked: for whoever gives
// many and has to find which.
func Nonce(presentation []byte) (string, error) {
	d, err := parse(presentation)
	if err != nil {
		return "", &Error{StepForm, err}
	}
	sd, err := parseSDJWT(d)
	if err != nil {
		return "", &Error{StepForm, err}
	}
	b, err := unverified(sd.binding)
	if err != nil {
		return "", &Error{StepKey, err}
	}
	return b.Nonce, nil
}
