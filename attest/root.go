package attest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest/controllist"
	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/attest/isocode"
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
}

// An Officer is a person who signs, with one or more keys.
type Officer struct {
	ID   string `json:"id"`
	Keys []JWK  `json:"keys"`
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

// Key returns the key with its algorithm pinned.
func (j JWK) Key() (Key, error) {
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
}

// Thresholds are counted in officers. Suspending, revoking and withdrawing
// needs Revoking, all else, lifts included, Granting.
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
}

// Kind returns [KindRoot].
func (*Root) Kind() Kind { return KindRoot }

func (r *Root) check() Problems {
	p := new(checker)
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
	seen := make(map[string]string)
	checkOfficers(p, "/officers", r.Officers, seen)
	checkThreshold(p, "/threshold", r.Threshold, len(r.Officers))
	if len(r.LogKeys) == 0 {
		p.Add("/log_keys", "is missing")
	}
	for i, k := range r.LogKeys {
		if v, err := note.NewVerifier(k); err != nil {
			p.Add(fmt.Sprintf("/log_keys/%d", i), "is not an Ed25519 verifier key: %v", err)
		} else if v.Name() != r.Aud {
			p.Add(fmt.Sprintf("/log_keys/%d", i), "is named %q; a log key is named as the origin, %q", v.Name(), r.Aud)
		}
	}
	for i, c := range r.Cosigners {
		ptr := fmt.Sprintf("/cosigners/%d", i)
		if _, err := fnote.NewVerifierForCosignatureV1(c.VKey); err != nil {
			p.Add(ptr+"/vkey", "is not a verifier key for cosignature/v1: %v", err)
		}
		oneOf(p, ptr+"/role", c.Role, []CosignerRole{Witness, Mirror})
		if slices.ContainsFunc(r.Cosigners[:i], func(d Cosigner) bool { return d.VKey == c.VKey }) {
			p.Add(ptr+"/vkey", "stands twice; a key has one role")
		}
	}
	if len(r.Authorities) == 0 {
		p.Add("/authorities", "is missing")
	}
	for i := range r.Authorities {
		r.Authorities[i].check(p, fmt.Sprintf("/authorities/%d", i), seen)
		if slices.ContainsFunc(r.Authorities[:i], func(b Authority) bool { return b.ID == r.Authorities[i].ID }) {
			p.Add(fmt.Sprintf("/authorities/%d/id", i), "stands twice")
		}
	}
	return p.Problems
}

func (a *Authority) check(p *checker, ptr string, seen map[string]string) {
	p.missing(ptr+"/id", a.ID)
	p.is(ptr+"/id", a.ID, identifier.Authority)
	if a.ID == "root" {
		p.Add(ptr+"/id", "\"root\" is no authority's id")
	}
	p.missing(ptr+"/name", a.Name)
	p.text(ptr+"/name", a.Name)
	if len(a.Countries) == 0 {
		p.Add(ptr+"/countries", "is missing")
	}
	for i, c := range a.Countries {
		p.is(fmt.Sprintf("%s/countries/%d", ptr, i), c, isocode.Country)
	}
	checkOfficers(p, ptr+"/officers", a.Officers, seen)
	checkThreshold(p, ptr+"/thresholds/granting", a.Thresholds.Granting, len(a.Officers))
	checkThreshold(p, ptr+"/thresholds/revoking", a.Thresholds.Revoking, len(a.Officers))
	j := a.Jurisdiction
	for i, c := range j.Countries {
		p.is(fmt.Sprintf("%s/jurisdiction/countries/%d", ptr, i), c, isocode.Country)
	}
	for i, l := range j.Lists {
		if !controllist.Known(l) {
			p.Add(fmt.Sprintf("%s/jurisdiction/lists/%d", ptr, i), "unknown control list %q: want one of %q", l, controllist.Lists())
		}
	}
	for i, s := range j.Sandboxes {
		p.is(fmt.Sprintf("%s/jurisdiction/sandboxes/%d", ptr, i), s, identifier.Sandbox)
	}
	for i, c := range a.Compromised {
		// A thumbprint has 43 characters; a mistyped kid would declare nothing.
		if !thumbprint.MatchString(c.Kid) || c.Since < 0 {
			p.Add(fmt.Sprintf("%s/compromised/%d", ptr, i), "wants a kid, an RFC 7638 thumbprint, and the log index since which the key is not trusted")
		}
	}
}

var thumbprint = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

func checkThreshold(p *checker, ptr string, n int64, officers int) {
	if n < 1 || n > int64(officers) {
		p.Add(ptr, "is %d; want how many of the %d officers must sign, at least 1", n, officers)
	}
}

// checkOfficers: a key belongs to one officer of one authority; seen maps the
// key ids met so far to whose they are.
func checkOfficers(p *checker, ptr string, officers []Officer, seen map[string]string) {
	if len(officers) == 0 {
		p.Add(ptr, "is missing")
	}
	for i, o := range officers {
		at := fmt.Sprintf("%s/%d", ptr, i)
		p.missing(at+"/id", o.ID)
		p.is(at+"/id", o.ID, identifier.JTI)
		if slices.ContainsFunc(officers[:i], func(q Officer) bool { return q.ID == o.ID }) {
			p.Add(at+"/id", "officer %s stands twice", o.ID)
		}
		if len(o.Keys) == 0 {
			p.Add(at+"/keys", "is missing")
		}
		for j, jwk := range o.Keys {
			k, err := jwk.Key()
			if err != nil {
				p.Add(fmt.Sprintf("%s/keys/%d", at, j), "%v", err)
				continue
			}
			if other, ok := seen[k.ID()]; ok {
				p.Add(fmt.Sprintf("%s/keys/%d", at, j), "is the key of %s already", other)
			}
			seen[k.ID()] = at
		}
	}
}

// A TrustRoot is an opened [Root]: it says which keys are whose. It does not
// change and may be used concurrently.
type TrustRoot struct {
	root *Root
	st   *Statement
	keys map[string]holder
	// compromised are the declarations that hold: of each authority those of
	// the newest version that lists it, so that to remove an authority does
	// not make its stolen keys good again.
	compromised map[string][]Compromised
}

// holder is whose a key is; the authority of root officers is "root".
type holder struct {
	key                Key
	authority, officer string
}

// OpenRoot opens a trust root. With a previous version it must be the next
// one, signed by the thresholds of both. Without, it is signed by its own
// threshold only, which anybody can do: the caller must know its leaf hash.
// It returns a *[Refusal].
func OpenRoot(statement []byte, previous *TrustRoot) (*Statement, error) {
	u, err := Parse(statement)
	if err != nil {
		return nil, err
	}
	r, ok := u.claims.(*Root)
	if !ok {
		return nil, malformed("is a statement of kind %s, not a trust root", u.claims.Kind())
	}
	t := newTrustRoot(r)
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
	t.inherit(previous)
	if n := officers(s.signers); n < s.threshold {
		return nil, forbidden("%d of the %d root officers of version %d have signed; %d missing", n, s.threshold, r.Version, s.threshold-n)
	}
	if previous != nil {
		if err := previous.precedes(r, officers(old)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// precedes checks that next, signed by n of t's officers, follows t.
func (t *TrustRoot) precedes(next *Root, n int) error {
	if next.Aud != t.root.Aud {
		return Refuse(Forbidden, Problems{{Pointer: "/aud", Message: fmt.Sprintf("is addressed to the register %q; this one is %q", next.Aud, t.root.Aud)}})
	}
	if next.Version != t.root.Version+1 {
		return Refuse(Conflict, Problems{{Pointer: "/version", Message: fmt.Sprintf("is %d; the next version is %d", next.Version, t.root.Version+1)}})
	}
	if h := t.st.LeafHash(); next.Previous != h.String() {
		return Refuse(Conflict, Problems{{Pointer: "/previous", Message: fmt.Sprintf("is %q; the leaf hash of version %d is %q", next.Previous, t.root.Version, h.String())}})
	}
	if want := int(t.root.Threshold); n < want {
		return forbidden("%d of the %d root officers of version %d have signed; %d missing", n, want, t.root.Version, want-n)
	}
	return nil
}

// inherit takes over the declarations of authorities that t no longer lists.
func (t *TrustRoot) inherit(previous *TrustRoot) {
	t.compromised = make(map[string][]Compromised)
	if previous != nil {
		maps.Copy(t.compromised, previous.compromised)
	}
	for _, a := range t.root.Authorities {
		t.compromised[a.ID] = a.Compromised
	}
}

func newTrustRoot(r *Root) *TrustRoot {
	t := &TrustRoot{root: r, keys: make(map[string]holder)}
	add := func(authority string, officers []Officer) {
		for _, o := range officers {
			for _, j := range o.Keys {
				// check has read every key already.
				if k, err := j.Key(); err == nil {
					t.keys[k.ID()] = holder{k, authority, o.ID}
				}
			}
		}
	}
	add("root", r.Officers)
	for _, a := range r.Authorities {
		add(a.ID, a.Officers)
	}
	return t
}

// TrustRoot returns the trust root that the statement is, nil where it is
// something else.
func (s *Statement) TrustRoot() *TrustRoot { return s.trust }

// Root returns what the trust root says. The caller does not change it.
func (t *TrustRoot) Root() *Root { return t.root }

// Statement returns the statement that the trust root is.
func (t *TrustRoot) Statement() *Statement { return t.st }

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

// CompromisedSince returns the log index since which a key is declared compromised.
func (t *TrustRoot) CompromisedSince(kid string) (index int64, compromised bool) {
	for _, cs := range t.compromised {
		for _, c := range cs {
			if c.Kid == kid && (!compromised || c.Since < index) {
				index, compromised = c.Since, true
			}
		}
	}
	return index, compromised
}
