package scenario

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/jws"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/memlog"
	"github.com/safeconduct/safeconduct/verify"
)

// A stage is a register in the making of a scenario: in memory, with keys that
// nobody keeps and a clock that is set.
type stage struct {
	reg     *registry.Registry
	trust   *verify.Trust
	now     atomic.Pointer[time.Time]
	signers map[string]*officer
}

// An officer signs for one authority.
type officer struct {
	key     attest.Key
	private ed25519.PrivateKey
}

func newOfficer() (*officer, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	key, err := jws.NewKey(public, "EdDSA")
	return &officer{key, private}, err
}

func (o *officer) Key() attest.Key { return o.key }

func (o *officer) Sign(_ context.Context, input []byte) ([]byte, error) {
	return ed25519.Sign(o.private, input), nil
}

func (o *officer) officers() ([]attest.Officer, error) {
	jwk, err := attest.JWKOf(o.key)
	return []attest.Officer{{ID: "officer", Keys: []attest.JWK{jwk}}}, err
}

// newStage opens a register whose trust root has the base's authorities.
func newStage(ctx context.Context, s *scenario) (st *stage, err error) {
	st = &stage{signers: make(map[string]*officer)}
	st.set(s.begin)
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("set the stage: %w", err), st.close())
		}
	}()
	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return st, err
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		return st, err
	}
	ckey, _, err := note.GenerateKey(rand.Reader, origin+"/cosigner")
	if err != nil {
		return st, err
	}
	cosigner, err := registry.NewCosigner(ckey)
	if err != nil {
		return st, err
	}
	root, err := st.root(ctx, s, vkey, cosigner.VKey())
	if err != nil {
		return st, err
	}
	opened, err := attest.OpenRoot(root, nil)
	if err != nil {
		return st, err
	}
	st.trust, err = verify.TrustFor(opened, "witness operator "+cosigner.VKey()+"\nquorum operator\n", s.maxAge, verify.Insecure{OperatorClock: true, Unmirrored: true})
	if err != nil {
		return st, err
	}
	st.reg, err = registry.New(registry.Config{
		Log: memlog.New(), Origin: origin, LogSigners: []note.Signer{signer}, Cosigner: cosigner, Trust: st.trust, Screening: s.lists,
		Now: func() time.Time { return *st.now.Load() }, BatchInterval: -1,
	})
	if err != nil {
		return st, err
	}
	if _, err := st.reg.Init(ctx, root); err != nil {
		return st, err
	}
	for some := range slices.Chunk(s.opening(s.begin), together) {
		if err := st.submit(ctx, some); err != nil {
			return st, err
		}
	}
	return st, nil
}

// together is how many statements of a base are logged in one batch.
const together = 500

func (st *stage) root(ctx context.Context, s *scenario, vkey, cosigner string) ([]byte, error) {
	root := &attest.Root{
		Common:    attest.Common{Aud: origin, Iss: "root", Sub: attest.RootSubject, JTI: "root-1", IAT: date(s.begin)},
		Version:   1,
		Threshold: 1,
		LogKeys:   []string{vkey},
		Cosigners: []attest.Cosigner{{VKey: cosigner, Role: attest.Witness, Operator: true}},
	}
	chief, err := newOfficer()
	if err != nil {
		return nil, err
	}
	if root.Officers, err = chief.officers(); err != nil {
		return nil, err
	}
	for _, a := range s.authorities {
		o, err := newOfficer()
		if err != nil {
			return nil, err
		}
		st.signers[a.id] = o
		officers, err := o.officers()
		if err != nil {
			return nil, err
		}
		root.Authorities = append(root.Authorities, attest.Authority{
			ID: a.id, Name: a.name, Countries: []string{a.country}, Officers: officers, Thresholds: attest.Thresholds{Granting: 1, Revoking: 1},
		})
	}
	signed, err := attest.Sign(ctx, root, chief)
	if p, ok := errors.AsType[attest.Problems](err); ok {
		// What the file says in the root, it says of an authority.
		for i, a := range s.authorities {
			if strings.HasPrefix(p[0].Pointer, fmt.Sprintf("/authorities/%d/", i)) {
				return nil, &mistake{a.at, err}
			}
		}
	}
	return signed, err
}

// A mistake is what a register does not take of a file, which shows only when
// it is played.
type mistake struct {
	at  string
	err error
}

func (m *mistake) Error() string { return m.err.Error() }
func (m *mistake) Unwrap() error { return m.err }

func (st *stage) set(t time.Time) { st.now.Store(&t) }

// submit signs claims and logs them in one batch.
func (st *stage) submit(ctx context.Context, batch []statement) error {
	if len(batch) == 0 {
		return nil
	}
	var statements [][]byte
	for _, s := range batch {
		signed, err := attest.Sign(ctx, s.claims, st.signers[s.claims.Head().Iss])
		if err != nil {
			return &mistake{s.from, err}
		}
		statements = append(statements, signed)
	}
	_, err := st.reg.SubmitTogether(ctx, statements...)
	if refused, ok := errors.AsType[*registry.RefusedTogether](err); ok {
		return &mistake{batch[refused.Statement].from, refused.Err}
	}
	return err
}

func (st *stage) close() error {
	if st.reg == nil {
		return nil
	}
	return st.reg.Close()
}
