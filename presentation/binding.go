package presentation

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/jws"
	"github.com/safeconduct/safeconduct/internal/strictjson"
	"github.com/safeconduct/safeconduct/verify"
)

// A Binding is what a holder binds a presentation to.
type Binding struct {
	// Audience is the verifier, Nonce what it has given.
	Audience, Nonce string
	// IssuedAt is now.
	IssuedAt time.Time
}

// bindingTyp is the typ of a key binding JWT (RFC 9901, section 4.3).
const bindingTyp = "kb+jwt"

// maxBinding bounds a key binding JWT, maxWord its audience and nonce.
const (
	maxBinding = 8 << 10
	maxWord    = 1024
)

// binding are the claims of a key binding JWT.
type binding struct {
	Aud   string `json:"aud"`
	Evd   string `json:"evd"`
	IAT   int64  `json:"iat"`
	Nonce string `json:"nonce"`
	// OthersHash is that of the disclosures of other approvals, "" for none.
	OthersHash string `json:"others_hash,omitzero"`
	SDHash     string `json:"sd_hash"`
}

// Make makes a presentation of an approval, for its holder: statement is the
// approval as it is logged, disclosures what the holder likes to show of it and of
// other approvals in the evidence that name it, such as older versions, and key that
// of its cnf. The evidence has to show the approval, which is checked; whether it is
// enough for a decision is for whoever asks. The fresh signature is verified before it
// is returned. Nothing is checked of the evidence beyond its form: [Open] does that.
func Make(ctx context.Context, evidence, statement []byte, disclosures []attest.Disclosure, key attest.Signer, b Binding) ([]byte, error) {
	fail := func(err error) ([]byte, error) { return nil, fmt.Errorf("make a presentation: %w", err) }
	for _, word := range [][2]string{{"an audience", b.Audience}, {"a nonce", b.Nonce}} {
		if word[1] == "" || len(word[1]) > maxWord {
			return fail(fmt.Errorf("%s of 1 to %d bytes is needed: the verifier gives it", word[0], maxWord))
		}
	}
	if b.IssuedAt.IsZero() {
		return fail(errors.New("IssuedAt is needed: when it is made"))
	}
	u, err := attest.Parse(statement)
	if err != nil {
		return fail(err)
	}
	a, ok := u.ClaimsUnsafe().(*attest.EntityApproval)
	if !ok {
		return fail(fmt.Errorf("the statement is of kind %s; an approval of an entity is presented", u.ClaimsUnsafe().Kind()))
	}
	held, err := holderKey(a)
	if err != nil {
		return fail(err)
	}
	if key.Key().ID() != held.ID() {
		return fail(fmt.Errorf("key %s is not the one that approval %s names in cnf, %s", key.Key().ID(), a.JTI, held.ID()))
	}
	e, err := verify.Parse(evidence)
	if err != nil {
		return fail(err)
	}
	if !slices.ContainsFunc(e.Statements, func(s verify.LoggedStatement) bool { return s.Statement == string(statement) }) {
		return fail(errors.New("the evidence does not show the approval"))
	}
	line, _, _ := strings.Cut(string(statement), "\n")
	sd := &sdJWT{line: line}
	if err := sd.choose(e, a, disclosures); err != nil {
		return fail(err)
	}
	claims := binding{Aud: b.Audience, Evd: hash(evidence), IAT: b.IssuedAt.Unix(), Nonce: b.Nonce, OthersHash: sd.othersHash(), SDHash: hash([]byte(sd.bound()))}
	if sd.binding, err = sign(ctx, claims, key); err != nil {
		return fail(err)
	}
	doc := &document{Evidence: evidence, Others: sd.others, SDJWT: sd.String()}
	out := doc.marshal()
	if doc, err = parse(out); err == nil {
		_, err = parseSDJWT(doc)
	}
	if err != nil {
		return fail(err)
	}
	return out, nil
}

// Approvals returns the approvals that a holder may disclose something of: the one that
// it shows, and then, in log order, those in the evidence that name the same entity,
// older versions and other authorities' alike. Nothing is verified. It returns an error
// where a statement of the evidence cannot be read.
func Approvals(e *verify.Evidence, shown *attest.EntityApproval) ([]*attest.EntityApproval, error) {
	own := []*attest.EntityApproval{shown}
	for _, s := range e.Statements {
		u, err := attest.Parse([]byte(s.Statement))
		if err != nil {
			return nil, fmt.Errorf("read the statement at log index %d of the evidence: %w", s.Index, err)
		}
		if a, ok := u.ClaimsUnsafe().(*attest.EntityApproval); ok && a.Names(shown.Entity()) && (a.Iss != shown.Iss || a.JTI != shown.JTI) {
			own = append(own, a)
		}
	}
	return own, nil
}

// choose parts the disclosures: those of the approval that is shown, as they are given,
// and those of others that name its entity.
func (s *sdJWT) choose(e *verify.Evidence, shown *attest.EntityApproval, ds []attest.Disclosure) error {
	if len(ds) == 0 {
		return nil
	}
	own, err := Approvals(e, shown)
	if err != nil {
		return err
	}
	rest := slices.Clone(ds)
	of := make([][]attest.Disclosure, len(own))
	for i, a := range own {
		concealed := a.Concealed()
		rest = slices.DeleteFunc(rest, func(d attest.Disclosure) bool {
			is := slices.Contains(concealed, d.Digest())
			if is {
				of[i] = append(of[i], d)
			}
			return is
		})
	}
	if len(rest) > 0 {
		return fmt.Errorf("a disclosure of %q is of no member of approval %s of %s, nor of another approval in the evidence that names %s", rest[0].Name(), shown.JTI, shown.Iss, shown.Entity())
	}
	for i, a := range own {
		if _, err := a.Disclose(of[i]); err != nil {
			return err
		}
	}
	s.disclosures = of[0]
	var others []string
	for _, d := range slices.Concat(of[1:]...) {
		others = append(others, d.String())
	}
	slices.Sort(others)
	s.others = strings.Join(others, "~")
	return nil
}

// othersHash is what the key binding has of the disclosures of other approvals.
func (s *sdJWT) othersHash() string {
	if s.others == "" {
		return ""
	}
	return hash([]byte(s.others))
}

func sign(ctx context.Context, claims binding, key attest.Signer) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	enc := base64.RawURLEncoding
	input := enc.EncodeToString([]byte(`{"alg":"`+key.Key().Algorithm()+`","typ":"`+bindingTyp+`"}`)) + "." + enc.EncodeToString(payload)
	sig, err := key.Sign(ctx, []byte(input))
	if err != nil {
		return "", fmt.Errorf("sign the key binding: %w", err)
	}
	compact := input + "." + enc.EncodeToString(sig)
	if _, err := openBinding(compact, key.Key()); err != nil {
		return "", fmt.Errorf("the fresh signature is not good: %w", err)
	}
	return compact, nil
}

func holderKey(a *attest.EntityApproval) (attest.Key, error) {
	if a.Confirmation == nil {
		return attest.Key{}, fmt.Errorf("approval %s of %s names no key of its holder (cnf)", a.JTI, a.Iss)
	}
	return a.Confirmation.JWK.Key()
}

// openBinding opens a key binding JWT, which any library may have made: its header is
// alg and typ in whatever order, and of the two values of s of an ECDSA signature
// either is good.
func openBinding(compact string, key attest.Key) (*binding, error) {
	t, err := cutBinding(compact)
	if err != nil {
		return nil, err
	}
	var header struct {
		Alg string `json:"alg"`
		Typ string `json:"typ"`
	}
	if err := strictjson.Unmarshal(t.Header, &header, strictjson.Form{MaxBytes: 512}); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if header.Typ != bindingTyp {
		return nil, fmt.Errorf("its typ is %q; want %q", header.Typ, bindingTyp)
	}
	if header.Alg != key.Algorithm() {
		return nil, fmt.Errorf("its alg is %q; the holder's key signs %s only", header.Alg, key.Algorithm())
	}
	if err := key.CheckEither(t); err != nil {
		return nil, err
	}
	return readBinding(t)
}

// unverified reads the claims of a key binding JWT on nobody's word.
func unverified(compact string) (*binding, error) {
	t, err := cutBinding(compact)
	if err != nil {
		return nil, err
	}
	return readBinding(t)
}

// cutBinding cuts a key binding JWT, and verifies nothing of it.
func cutBinding(compact string) (jws.Token, error) {
	if len(compact) > maxBinding {
		return jws.Token{}, fmt.Errorf("has %d bytes; at most %d are accepted", len(compact), maxBinding)
	}
	return jws.Cut([]byte(compact), jws.Token{})
}

// readBinding reads the claims of a key binding JWT.
func readBinding(t jws.Token) (*binding, error) {
	b := new(binding)
	if err := strictjson.Unmarshal(t.Payload, b, strictjson.Form{MaxBytes: maxBinding}); err != nil {
		return nil, err
	}
	return b, nil
}

// check checks the key binding, and says at which step it is refused.
func (s *sdJWT) check(a *attest.EntityApproval, want Expected, evidence []byte, now time.Time) (b *binding, step string, err error) {
	key, err := holderKey(a)
	if err != nil {
		return nil, StepKey, err
	}
	if b, err = openBinding(s.binding, key); err != nil {
		return nil, StepKey, err
	}
	age := want.MaxAge
	if age == 0 {
		age = DefaultAge
	}
	at := time.Unix(b.IAT, 0)
	switch {
	case b.Aud != want.Audience:
		return nil, StepAudience, fmt.Errorf("it is for %q; this is %q", b.Aud, want.Audience)
	case b.Nonce != want.Nonce:
		return nil, StepNonce, errors.New("it answers another challenge")
	case now.Sub(at) > age:
		return nil, StepTime, fmt.Errorf("it was made at %s, more than %s ago", at.UTC().Format(time.RFC3339), age)
	case at.Sub(now) > skew:
		return nil, StepTime, fmt.Errorf("it was made at %s, which is to come", at.UTC().Format(time.RFC3339))
	case b.SDHash != hash([]byte(s.bound())):
		return nil, StepHash, errors.New("the holder has bound another approval, or other disclosures")
	case b.Evd != hash(evidence):
		return nil, StepEvidence, errors.New("the holder has bound other evidence")
	case b.OthersHash != s.othersHash():
		return nil, StepOthers, errors.New("the holder has bound other disclosures of other approvals")
	}
	return b, "", nil
}
