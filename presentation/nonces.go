package presentation

import (
	"crypto/rand"
	"errors"
	"sync"
	"time"
)

// Nonces gives out nonces and takes each back once. The zero Nonces works; it may be
// used concurrently. It keeps what it has given in memory: a verifier that is started
// again has forgotten all, and refuses what answers it.
type Nonces struct {
	// Life is how long a nonce is good; zero is five minutes.
	Life time.Duration
	// Most is how many are good at a time; zero is 100,000. Beyond, the oldest are
	// forgotten.
	Most int

	mu    sync.Mutex
	given map[string]time.Time
	order []string
}

const (
	defaultLife = 5 * time.Minute
	defaultMost = 100_000
)

// New gives a nonce of 130 bits, and until when it is good.
func (n *Nonces) New(now time.Time) (nonce string, until time.Time) {
	life, most := n.Life, n.Most
	if life == 0 {
		life = defaultLife
	}
	if most == 0 {
		most = defaultMost
	}
	nonce, until = rand.Text(), now.Add(life)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.given == nil {
		n.given = make(map[string]time.Time)
	}
	for len(n.order) > 0 && (len(n.given) >= most || !now.Before(n.given[n.order[0]])) {
		delete(n.given, n.order[0])
		n.order = n.order[1:]
	}
	n.given[nonce] = until
	n.order = append(n.order, nonce)
	return nonce, until
}

// Take takes a nonce back. It returns an *[Error] at [StepNonce] where it was not
// given here, was taken already, or is too old.
func (n *Nonces) Take(nonce string, now time.Time) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	until, ok := n.given[nonce]
	delete(n.given, nonce)
	if !ok {
		return &Error{StepNonce, errors.New("it was not given here, or has been used")}
	}
	if !now.Before(until) {
		return &Error{StepNonce, errors.New("it is too old; ask for another one")}
	}
	return nil
}

// Nonce returns the nonce that a presentation answers, unchecked: for whoever gives
// many and has to find which.
func Nonce(presentation []byte) (string, error) {
	d, err := parse(presentation)
	if err != nil {
		return "", &Error{StepForm, err}
	}
	sd, err := parseSDJWT(d.SDJWT)
	if err != nil {
		return "", &Error{StepForm, err}
	}
	b, err := unverified(sd.binding)
	if err != nil {
		return "", &Error{StepKey, err}
	}
	return b.Nonce, nil
}
