package attest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest/controllist"
	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/attest/isocode"
	"github.com/safeconduct/safeconduct/internal/jws"
	"github.com/safeconduct/safeconduct/internal/vkey"
)

// A Root says who may sign what. Its iss and sub are "root", its jti is
// "root-" and the version.
type Root struct {
	Common
	// Version counts from 1; version n+1 needs the threshold of n and its own.
	Version int64 `json:"version"`
	// Previous is the RFC 6962 leaf hash, base64, of the version before; the
	// first version has none. So whoever pins a version pins all before it.
	Previous string `json:"previous,omitzero"`
	// Threshold is how many of Officers must sign a root.
	Threshold int64     `json:"threshold"`
	Officers  []Officer `json:"officers"`
	// LogKeys are the keys that sign checkpoints, as note verifier keys
	// (C2SP signed-note).
	LogKeys []string `json:"log_keys"`
	// Cosigners are the witnesses and mirrors.
	Cosigners []Cosigner `json:"cosigners,omitzero"`
	// Authorities are those who may make statements.
	Authorities []Authority `json:"authorities"`
	// DecisionKeys are the keys by which the register, and mirrors of it, sign what
	// they decide (package receipt). They sign nothing else.
	DecisionKeys []JWK `json:"decision_keys,omitzero"`
}

// An Officer is a person who signs, with one or more keys.
type Officer struct {
	ID   string `json:"id"`
	Keys []JWK  `json:"keys"`
}

// HasKey reports whether the officer signs with the key of that id.
func (o *Officer) HasKey(kid string) bool {
	return slices.ContainsFunc(o.Keys, func(j JWK) bool {
		k, err := j.Key()
		return err == nil && k.ID() == kid
	})
}

// A JWK is a public key (RFC 7517) with exactly the members that its type
// needs and alg.
type JWK struct {
	Alg string `json:"alg"`
	Crv string `json:"crv"`
	Kty string `json:"kty"`
	X   string `json:"x"`
	Y   string `json:"y,omitzero"`
}

// JWKOf returns a public key as a trust root lists it, an error for what is no
// key.
func JWKOf(key Key) (j JWK, err error) {
	data, err := key.MarshalJSON()
	if err == nil {
		err = json.Unmarshal(data, &j)
	}
	return j, err
}

// Key returns the key with its algorithm pinned.
func (j JWK) Key() (Key, error) {
	if k, ok := jws.KeyOf(j.Alg, j.Crv, j.Kty, j.X, j.Y); ok {
		return k, nil
	}
	if j.smallOrder() {
		return Key{}, errSmallOrder
	}
	data, err := json.Marshal(j)
	if err != nil {
		return Key{}, err
	}
	k, err := ParseKey(data)
	if err != nil {
		return Key{}, err
	}
	// One key has one JWK: no unused bits in x, no y on an Ed25519 key.
	if data, err = k.MarshalJSON(); err != nil {
		return Key{}, err
	}
	var one JWK
	if err := json.Unmarshal(data, &one); err != nil || one != j {
		return Key{}, fmt.Errorf("is not the one form of its key; want %s", data)
	}
	return k, nil
}

// A Cosigner cosigns checkpoints (C2SP tlog-cosignature).
type Cosigner struct {
	// VKey is its verifier key.
	VKey string `json:"vkey"`
	// Role is what its cosignature says.
	Role CosignerRole `json:"role"`
	// Operator says that it belongs to whoever runs the register.
	Operator bool `json:"operator,omitzero"`
}

// A CosignerRole is what a cosignature says.
type CosignerRole string

// The roles of cosigners.
const (
	// Witness: the log only grows.
	Witness CosignerRole = "witness"
	// Mirror: and all of it has been replayed, its map checked.
	Mirror CosignerRole = "mirror"
)

// An Authority makes statements.
type Authority struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Countries are its own: whose entities it registers.
	Countries []string  `json:"countries"`
	Officers  []Officer `json:"officers"`
	// Thresholds are how many officers must sign.
	Thresholds Thresholds `json:"thresholds"`
	// Jurisdiction bounds what it may speak on.
	Jurisdiction Jurisdiction `json:"jurisdiction,omitzero"`
	// Compromised are the keys that are not to be trusted (RULES R20).
	Compromised []Compromised `json:"compromised,omitzero"`
	// Thawed are keys whose freezes this version undoes; it says nothing of later
	// ones.
	Thawed []string `json:"thawed,omitzero"`
}

// Thresholds are counted in officers. Suspending, revoking, withdrawing, a freeze
// and a change of control need Revoking, all else, lifts included, Granting.
type Thresholds struct {
	Granting int64 `json:"granting"`
	Revoking int64 `json:"revoking"`
}

// A Jurisdiction bounds an authority; an absent member is no limit.
type Jurisdiction struct {
	// Countries are those whose entities it may approve.
	Countries []string `json:"countries,omitzero"`
	// Lists are the control lists that its approvals of entities and its
	// caveats may name.
	Lists      []string `json:"lists,omitzero"`
	Programmes []string `json:"programmes,omitzero"`
	Sandboxes  []string `json:"sandboxes,omitzero"`
}

// Compromised declares a key not to be trusted at or after a log index; no
// index means never.
type Compromised struct {
	Kid   string `json:"kid"`
	Since int64  `json:"since,omitzero"`
	// False are the jtis of those suspensions, revocations, withdrawals, changes of
	// control and newer versions, signed by the key, that become void by it and that
	// the authority declares false: that it never made them, and does not make them
	// again by another key. AllFalse declares all of them false that are not made
	// again.
	False    []string `json:"false,omitzero"`
	AllFalse bool     `json:"all_false,omitzero"`
}

// Kind returns [KindRoot].
func (*Root) Kind() Kind { return KindRoot }

// ParseRoot reads the payload of a trust root, which nobody need have signed: it
// opens nothing. It returns a *[Refusal].
func ParseRoot(payload []byte) (*Root, error) {
	c, _, err := parseClaims(KindRoot.typ(), payload)
	if err != nil {
		return nil, err
	}
	r, _ := c.(*Root)
	return r, nil
}

func (r *Root) check() Problems {
	_, p := r.read()
	return p
}

// read checks r and returns its keys by their ids.
func (r *Root) read() (keyring, Problems) {
	p := new(checker)
	keys := make(keyring)
	r.Common.check(p, "root")
	if r.Iss != "root" || r.Sub != RootSubject {
		p.Add("/iss", "a trust root has iss and sub \"root\"")
	}
	if r.Version < 1 {
		p.Add("/version", "is missing; versions count from 1")
	} else if want := "root-" + strconv.FormatInt(r.Version, 10); r.JTI != want {
		p.Add("/jti", "is %q; want %q", r.JTI, want)
	}
	switch _, err := tlog.ParseHash(r.Previous); {
	case r.Version == 1 && r.Previous != "":
		p.Add("/previous", "the first version has none")
	case r.Version > 1 && (err != nil || len(r.Previous) != 44):
		p.Add("/previous", "is %q; want the leaf hash, base64, of version %d", r.Previous, r.Version-1)
	}
	keys.add(p, "/officers", "root", r.Officers)
	checkThreshold(p, "/threshold", r.Threshold, len(r.Officers))
	if len(r.LogKeys) == 0 {
		p.Add("/log_keys", "is missing")
	}
	r.checkVerifierKeys(p)
	if len(r.Authorities) == 0 {
		p.Add("/authorities", "is missing")
	}
	for i := range r.Authorities {
		r.Authorities[i].check(p.element("/authorities", i), keys)
		if slices.ContainsFunc(r.Authorities[:i], func(b Authority) bool { return b.ID == r.Authorities[i].ID }) {
			p.element("/authorities", i).Add("/id", "stands twice")
		}
	}
	r.checkDecisionKeys(p, keys)
	return keys, p.Problems
}

// checkDecisionKeys checks the keys that sign decisions. None of them is an
// officer's, and none signs checkpoints under another form.
func (r *Root) checkDecisionKeys(p *checker, officers keyring) {
	ids := make(map[string]int)
	for i, jwk := range r.DecisionKeys {
		p := p.element("/decision_keys", i)
		k, err := jwk.Key()
		if err != nil {
			p.Add("", "%v", err)
			continue
		}
		if other, ok := officers[k.ID()]; ok {
			p.Add("", "is the key of %s already; a key that signs decisions signs nothing else", other.at.pointer(""))
		} else if first, ok := ids[k.ID()]; ok {
			p.Add("", "stands twice, first as /decision_keys/%d", first)
		} else if at, ok := r.verifierKey(k); ok {
			p.Add("", "is the key of %s already; a key that signs decisions signs nothing else", at)
		}
		ids[k.ID()] = i
	}
}

// verifierKey returns where a key stands among those that sign checkpoints.
func (r *Root) verifierKey(k Key) (at string, ok bool) {
	pub, isEd25519 := k.Public().(ed25519.PublicKey)
	if !isEd25519 {
		return "", false
	}
	for i, text := range r.LogKeys {
		if v, err := vkey.ParseLog(text); err == nil && v.Public == string(pub) {
			return fmt.Sprintf("/log_keys/%d", i), true
		}
	}
	for i, c := range r.Cosigners {
		if v, err := vkey.ParseCosigner(c.VKey); err == nil && v.Public == string(pub) {
			return fmt.Sprintf("/cosigners/%d", i), true
		}
	}
	return "", false
}

// checkVerifierKeys checks the keys that sign checkpoints. One that verifiers
// cannot read would have them refuse all evidence from this version on.
func (r *Root) checkVerifierKeys(p *checker) {
	ids := make(map[vkey.ID]string)
	unique := func(p *checker, member string, k vkey.Key) {
		if other, ok := ids[k.ID()]; ok {
			p.Add(member, "has the name and id of %s, %s; signature lines could not tell the two apart: leave one out, or make a new key", other, k.ID())
			return
		}
		ids[k.ID()] = p.pointer(member)
	}
	for i, text := range r.LogKeys {
		p := p.element("/log_keys", i)
		k, err := vkey.ParseLog(text)
		switch {
		case err != nil:
			p.Add("", "%v", err)
		case k.ID().Name != r.Aud:
			p.Add("", "is named %q; a log key is named as the origin, %q", k.ID().Name, r.Aud)
		default:
			unique(p, "", k)
		}
	}
	for i, c := range r.Cosigners {
		p := p.element("/cosigners", i)
		if k, err := vkey.ParseCosigner(c.VKey); err != nil {
			p.Add("/vkey", "%v", err)
		} else {
			unique(p, "/vkey", k)
		}
		oneOf(p, "/role", c.Role, []CosignerRole{Witness, Mirror})
	}
}

func (a *Authority) check(p *checker, keys keyring) {
	p.missing("/id", a.ID)
	p.is("/id", a.ID, identifier.Authority)
	if a.ID == "root" {
		p.Add("/id", "\"root\" is no authority's id")
	}
	p.missing("/name", a.Name)
	p.text("/name", a.Name)
	if len(a.Countries) == 0 {
		p.Add("/countries", "is missing")
	}
	for i, c := range a.Countries {
		p.element("/countries", i).is("", c, isocode.Country)
	}
	keys.add(p, "/officers", a.ID, a.Officers)
	checkThreshold(p, "/thresholds/granting", a.Thresholds.Granting, len(a.Officers))
	checkThreshold(p, "/thresholds/revoking", a.Thresholds.Revoking, len(a.Officers))
	j := a.Jurisdiction
	for i, c := range j.Countries {
		p.element("/jurisdiction/countries", i).is("", c, isocode.Country)
	}
	for i, l := range j.Lists {
		if !controllist.Known(l) {
			p.element("/jurisdiction/lists", i).Add("", "unknown control list %q: want one of %q", l, controllist.Lists())
		}
	}
	for i, s := range j.Sandboxes {
		p.element("/jurisdiction/sandboxes", i).is("", s, identifier.Sandbox)
	}
	for i, c := range a.Compromised {
		// A thumbprint has 43 characters; a mistyped kid would declare nothing.
		if !isThumbprint(c.Kid) || c.Since < 0 {
			p.element("/compromised", i).Add("", "wants a kid, an RFC 7638 thumbprint, and the log index since which the key is not trusted")
		}
		for j, jti := range c.False {
			p.element("/compromised", i).element("/false", j).is("", jti, identifier.JTI)
		}
	}
	a.checkThawed(p)
}

// isThumbprint reports whether s has the form of an RFC 7638 thumbprint: strict
// base64url of a SHA-256.
func isThumbprint(s string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == sha256.Size && len(s) == 43
}

func checkThreshold(p *checker, ptr string, n int64, officers int) {
	if n < 1 || n > int64(officers) {
		p.Add(ptr, "is %d; want how many of the %d officers must sign, at least 1", n, officers)
	}
}

// A keyring has the keys of a root by their ids.
type keyring map[string]holder

// holder is whose a key is; the authority of root officers is "root".
type holder struct {
	key                Key
	authority, officer string
	// at is where the officer stands in the root.
	at *checker
}

// add checks officers and adds their keys: a key belongs to one officer of one
// authority.
func (keys keyring) add(p *checker, ptr, authority string, officers []Officer) {
	if len(officers) == 0 {
		p.Add(ptr, "is missing")
	}
	for i, o := range officers {
		p := p.element(ptr, i)
		p.missing("/id", o.ID)
		p.is("/id", o.ID, identifier.JTI)
		if slices.ContainsFunc(officers[:i], func(q Officer) bool { return q.ID == o.ID }) {
			p.Add("/id", "officer %s stands twice", o.ID)
		}
		if len(o.Keys) == 0 {
			p.Add("/keys", "is missing")
		}
		for j, jwk := range o.Keys {
			k, err := jwk.Key()
			if err != nil {
				p.element("/keys", j).Add("", "%v", err)
				continue
			}
			if other, ok := keys[k.ID()]; ok {
				p.element("/keys", j).Add("", "is the key of %s already", other.at.pointer(""))
			}
			keys[k.ID()] = holder{k, authority, o.ID, p}
		}
	}
}

// A TrustRoot is an opened [Root]: it says which keys are whose. It does not
// change and may be used concurrently.
type TrustRoot struct {
	root *Root
	st   *Statement
	keys keyring
	Distrust
	// frozen are the keys that are frozen, and by what.
	frozen map[string]*Statement
}

// OpenRoot opens what stands in the history of root: a trust root or, with what
// is in force before it, a [Freeze]. A root must be the next version after the
// previous one, signed by the thresholds of both. Without a previous one it is
// signed by its own threshold only, which anybody can do: the caller must know
// its leaf hash. Of a version after the first, signatures by others, who may be
// officers of the one before, are then not looked at. It returns a *[Refusal].
func OpenRoot(statement []byte, previous *TrustRoot) (*Statement, error) {
	u, err := Parse(statement)
	if err != nil {
		return nil, err
	}
	if _, ok := u.claims.(*Freeze); ok {
		return u.Open(previous)
	}
	r, ok := u.claims.(*Root)
	if !ok {
		return nil, malformed("is a statement of kind %s, not a trust root", u.claims.Kind())
	}
	t := &TrustRoot{root: r, keys: u.keys}
	s := &Statement{claims: r, raw: u.raw, threshold: int(r.Threshold), trust: t}
	t.st = s
	var old []signer
	for _, l := range u.lines {
		k, now := t.keys[l.kid]
		now = now && k.authority == "root"
		var was bool
		if previous != nil && !now {
			k, was = previous.keys[l.kid]
			was = was && k.authority == "root"
		}
		if !now && !was {
			if previous == nil && r.Version > 1 {
				// It may be by an officer of the version before, whose keys nobody
				// sees here.
				continue
			}
			return nil, forbidden("key %s is no root officer's key", l.kid)
		}
		if err := l.verify(k.key, KindRoot.typ()); err != nil {
			return nil, forbidden("%w", err)
		}
		if now {
			s.signers = append(s.signers, signer{l.kid, k.officer})
		}
		if previous != nil {
			if k, ok := previous.keys[l.kid]; ok && k.authority == "root" {
				old = append(old, signer{l.kid, k.officer})
			}
		}
	}
	if previous == nil {
		previous = new(TrustRoot)
	}
	t.Distrust = previous.After(r)
	t.thaw(previous)
	if n := officers(s.signers); n < s.threshold {
		return nil, forbidden("%d of the %d root officers of version %d have signed; %d missing", n, s.threshold, r.Version, s.threshold-n)
	}
	if previous.root != nil {
		if err := previous.Precedes(r); err != nil {
			return nil, err
		}
		if n, want := officers(old), int(previous.root.Threshold); n < want {
			return nil, forbidden("%d of the %d root officers of version %d have signed; %d missing", n, want, previous.root.Version, want-n)
		}
	}
	return s, nil
}

// Precedes returns nil where next is the version that may follow t: of the same
// register, the next one, and on t's very statement; of an authority that t does
// not list it repeats which keys were declared compromised before it left, which a
// later version may withdraw in so many words. Whether enough have signed it is for
// [OpenRoot]. It returns a *[Refusal].
func (t *TrustRoot) Precedes(next *Root) error {
	if next.Aud != t.root.Aud {
		return Refuse(Forbidden, Problems{{Pointer: "/aud", Message: fmt.Sprintf("is addressed to the register %q; this one is %q", next.Aud, t.root.Aud)}})
	}
	if next.Version != t.root.Version+1 {
		return Refuse(Conflict, Problems{{Pointer: "/version", Message: fmt.Sprintf("is %d; the next version is %d", next.Version, t.root.Version+1)}})
	}
	if h := t.st.LeafHash(); next.Previous != h.String() {
		return Refuse(Conflict, Problems{{Pointer: "/previous", Message: fmt.Sprintf("is %q; the leaf hash of version %d is %q", next.Previous, t.root.Version, h.String())}})
	}
	for i := range next.Authorities {
		a := &next.Authorities[i]
		if _, stays := t.Authority(a.ID); stays {
			continue
		}
		if c, ok := t.forgotten(a); ok {
			return Refuse(Conflict, Problems{{
				Pointer: fmt.Sprintf("/authorities/%d/compromised", i),
				Message: fmt.Sprintf("does not repeat that key %s was declared compromised since log index %d before %s left; repeat it, and let a later version withdraw it", c.Kid, c.Since, a.ID),
			}})
		}
	}
	return nil
}

// TrustRoot returns the trust root in force from the statement on, where it is
// one, or a freeze; nil where it is something else.
func (s *Statement) TrustRoot() *TrustRoot { return s.trust }

// Root returns what the trust root says. The caller does not change it.
func (t *TrustRoot) Root() *Root { return t.root }

// Statement returns the statement that the trust root is, also where a freeze has
// come after it.
func (t *TrustRoot) Statement() *Statement { return t.st }

// DecisionKey returns the key of that id by which decisions are signed while the
// trust root is in force. One that it declares compromised is none.
func (t *TrustRoot) DecisionKey(kid string) (Key, bool) {
	if _, compromised := t.CompromisedSince(kid); compromised {
		return Key{}, false
	}
	for _, j := range t.root.DecisionKeys {
		if k, err := j.Key(); err == nil && k.ID() == kid {
			return k, true
		}
	}
	return Key{}, false
}

// Successor returns a draft of the next version, which says the same: its iat
// and what is to change are the caller's. The draft shares nothing with t.
func (t *TrustRoot) Successor() (*Root, error) {
	data, err := Payload(t.root)
	if err != nil {
		return nil, err
	}
	next := new(Root)
	if err := json.Unmarshal(data, next); err != nil {
		return nil, fmt.Errorf("draft the next trust root: %w", err)
	}
	next.Version++
	next.JTI = "root-" + strconv.FormatInt(next.Version, 10)
	next.Previous = t.st.LeafHash().String()
	for i := range next.Authorities {
		// These were about the freezes before t.
		next.Authorities[i].Thawed = nil
	}
	return next, nil
}

// Authority returns an authority by its id.
func (t *TrustRoot) Authority(id string) (*Authority, bool) {
	i := slices.IndexFunc(t.root.Authorities, func(a Authority) bool { return a.ID == id })
	if i < 0 {
		return nil, false
	}
	return &t.root.Authorities[i], true
}
