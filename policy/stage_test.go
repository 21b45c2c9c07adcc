package policy_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
)

const origin = "register.example/stage"

// tb is what *testing.T and *rapid.T have in common.
type tb interface {
	Helper()
	Fatalf(format string, args ...any)
}

// An officer signs with a key made from its name.
type officer struct {
	private ed25519.PrivateKey
	key     attest.Key
	jwk     attest.JWK
}

func newOfficer(name string) officer {
	v, _ := officers.Load(name)
	if o, ok := v.(officer); ok {
		return o
	}
	seed := sha256.Sum256([]byte(name))
	private := ed25519.NewKeyFromSeed(seed[:])
	o := officer{private: private, jwk: attest.JWK{Alg: "EdDSA", Crv: "Ed25519", Kty: "OKP", X: base64.RawURLEncoding.EncodeToString(private[32:])}}
	o.key, _ = o.jwk.Key()
	officers.Store(name, o)
	return o
}

// officers are those met so far, by name.
var officers sync.Map

func (o officer) Key() attest.Key { return o.key }

func (o officer) Sign(_ context.Context, input []byte) ([]byte, error) {
	return ed25519.Sign(o.private, input), nil
}

// A stage is a register in memory: what is logged on it is signed, opened and
// put into the histories of its subjects.
type stage struct {
	t        tb
	root     *attest.TrustRoot
	rootNow  *attest.Root
	officers map[string][]officer

	clock     time.Time
	next      int64
	histories map[string][]proven.Entry
	lineages  map[string]*attest.Lineage
	// issuers and subjects are by jti, which no two issuers share on a stage.
	issuers, subjects map[string]string
	// maxAge is what the verifier accepts.
	maxAge time.Duration
	// alter, where there is one, changes what is said before it is signed.
	alter func(attest.Claims)
}

// The authorities of a stage and their countries; each has two officers.
var authorities = map[string]string{"auth-us": "US", "auth-in": "IN", "auth-au": "AU"}

// newStage opens a register with its first trust root. Each authority needs
// granting officers to grant, and one to revoke.
func newStage(t tb, granting int64) *stage {
	t.Helper()
	st := &stage{
		t: t, officers: make(map[string][]officer), clock: date("2025-12-01"),
		histories: make(map[string][]proven.Entry), lineages: make(map[string]*attest.Lineage),
		issuers: make(map[string]string), subjects: make(map[string]string), maxAge: 24 * time.Hour,
	}
	logKey, err := note.NewEd25519VerifierKey(origin, ed25519.PublicKey(newOfficer("log").private[32:]))
	if err != nil {
		t.Fatalf("log key: %v", err)
	}
	root := &attest.Root{
		Common:    attest.Common{Aud: origin, Iss: "root", Sub: "root", JTI: "root-1"},
		Version:   1,
		Threshold: 2,
		Officers:  st.newOfficers("root"),
		LogKeys:   []string{logKey},
	}
	for _, id := range slices.Sorted(maps.Keys(authorities)) {
		root.Authorities = append(root.Authorities, attest.Authority{
			ID: id, Name: "The authority " + id + " (fictional)", Countries: []string{authorities[id]},
			Officers: st.newOfficers(id), Thresholds: attest.Thresholds{Granting: granting, Revoking: 1},
		})
	}
	st.logRoot(root)
	return st
}

func (st *stage) newOfficers(of string) []attest.Officer {
	var out []attest.Officer
	for _, id := range []string{"o1", "o2"} {
		o := newOfficer(of + "/" + id)
		st.officers[of] = append(st.officers[of], o)
		out = append(out, attest.Officer{ID: id, Keys: []attest.JWK{o.jwk}})
	}
	return out
}

func (st *stage) logRoot(r *attest.Root) {
	st.t.Helper()
	r.IAT = numeric(st.clock)
	s := st.opened(r, []int{0, 1}, func(data []byte) (*attest.Statement, error) { return attest.OpenRoot(data, st.root) })
	st.root, st.rootNow = s.TrustRoot(), r
	st.put(s, attest.Tag{}, attest.RootSubject)
}

// compromised logs the next trust root, which declares an officer's key
// compromised since the index.
func (st *stage) compromised(authority string, officer int, since int64) {
	st.t.Helper()
	r := *st.rootNow
	r.Authorities = slices.Clone(r.Authorities)
	i := slices.IndexFunc(r.Authorities, func(a attest.Authority) bool { return a.ID == authority })
	c := attest.Compromised{Kid: st.officers[authority][officer].key.ID(), Since: since}
	r.Authorities[i].Compromised = append(slices.Clone(r.Authorities[i].Compromised), c)
	r.Version++
	r.JTI = fmt.Sprintf("root-%d", r.Version)
	r.Previous = st.root.Statement().LeafHash().String()
	st.logRoot(&r)
}

// at sets the clock: what follows is logged then.
func (st *stage) at(when string) *stage {
	st.clock = date(when)
	return st
}

func (st *stage) sign(c attest.Claims, by ...int) []byte {
	st.t.Helper()
	var signers []attest.Signer
	for _, i := range by {
		signers = append(signers, st.officers[c.Head().Iss][i])
	}
	data, err := attest.Sign(context.Background(), c, signers...)
	if err != nil {
		st.t.Fatalf("sign %s: %v", c.Head().JTI, err)
	}
	return data
}

// statements are those that were opened before: scripts say much the same again
// and again, and signatures take their time.
var statements struct {
	sync.Mutex
	opened map[string]*attest.Statement
}

// opened signs and opens a statement, once for the trust root in force.
func (st *stage) opened(c attest.Claims, by []int, open func([]byte) (*attest.Statement, error)) *attest.Statement {
	st.t.Helper()
	said, err := json.Marshal(c)
	if err != nil {
		st.t.Fatalf("write %s: %v", c.Head().JTI, err)
	}
	key := fmt.Sprintf("%s %v %s", c.Kind(), by, said)
	if st.root != nil {
		key = st.root.Statement().LeafHash().String() + key
	}
	statements.Lock()
	defer statements.Unlock()
	if s, ok := statements.opened[key]; ok {
		return s
	}
	s, err := open(st.sign(c, by...))
	if err != nil {
		st.t.Fatalf("open %s: %v", c.Head().JTI, err)
	}
	if len(statements.opened) == 0 || len(statements.opened) > 1<<13 {
		statements.opened = make(map[string]*attest.Statement)
	}
	statements.opened[key] = s
	return s
}

// log signs and logs a statement by the officers, and returns its index.
func (st *stage) log(c attest.Claims, by ...int) int64 {
	st.t.Helper()
	h := c.Head()
	h.Aud, h.IAT = origin, numeric(st.clock)
	if st.alter != nil {
		st.alter(c)
	}
	opened := st.opened(c, by, func(data []byte) (*attest.Statement, error) { return attest.Open(data, st.root) })
	if st.lineages[h.Sub] == nil {
		st.lineages[h.Sub] = new(attest.Lineage)
	}
	tag, err := st.lineages[h.Sub].Next(opened.Claims())
	if err != nil {
		st.t.Fatalf("log %s: %v", h.JTI, err)
	}
	st.issuers[h.JTI], st.subjects[h.JTI] = h.Iss, h.Sub
	return st.put(opened, tag, opened.Claims().Subjects()...)
}

func (st *stage) put(s *attest.Statement, tag attest.Tag, subjects ...string) int64 {
	index := st.next
	st.next++
	for _, sub := range subjects {
		st.histories[sub] = append(st.histories[sub], proven.Entry{Index: index, Time: st.clock, Tag: tag, Statement: s})
	}
	return index
}

// granted are the officers that a grant needs.
func (st *stage) granted() []int {
	return []int{0, 1}[:st.rootNow.Authorities[0].Thresholds.Granting]
}

// register logs that the authority's country is where the entity is
// established.
func (st *stage) register(authority, jti, entity string, with ...func(*attest.Registration)) int64 {
	st.t.Helper()
	r := &attest.Registration{
		Common:    attest.Common{Iss: authority, Sub: attest.EntitySubject(idOf(entity)), JTI: jti},
		Grant:     attest.Grant{NBF: numeric(date("2025-12-01"))},
		LegalName: entity, Country: authorities[authority],
	}
	apply(r, with)
	return st.log(r, st.granted()...)
}

// entity logs an approval of an entity for sites, separated by spaces.
func (st *stage) entity(authority, jti, entity, from, until, sites string, with ...func(*attest.EntityApproval)) int64 {
	st.t.Helper()
	a := &attest.EntityApproval{
		Common: attest.Common{Iss: authority, Sub: attest.ApprovalSubject(idOf(entity), authority), JTI: jti},
		Grant:  interval(from, until),
		VCT:    attest.VCT, LegalName: entity, Country: "IN", LegalEffect: attest.Authorization,
	}
	for _, s := range strings.Fields(sites) {
		a.ApprovedSites = append(a.ApprovedSites, attest.Site{ID: s, Address: "1 " + s + " Road", Country: "IN"})
	}
	apply(a, with)
	return st.log(a, st.granted()...)
}

// domain logs an approval of a sandbox.
func (st *stage) domain(authority, jti, sandbox, from, until string, t attest.Terms, with ...func(*attest.DomainApproval)) int64 {
	st.t.Helper()
	d := &attest.DomainApproval{
		Common: attest.Common{Iss: authority, Sub: attest.SandboxSubject(sandbox), JTI: jti},
		Grant:  interval(from, until),
		Title:  sandbox, LegalEffect: attest.Authorization, Terms: t,
	}
	apply(d, with)
	return st.log(d, st.granted()...)
}

// event logs an event on a statement, by its issuer; until is for suspensions.
func (st *stage) event(typ attest.EventType, target, effective string, until ...string) int64 {
	st.t.Helper()
	by := []int{0}
	if !typ.Revokes() {
		by = st.granted()
	}
	return st.eventBy(by, typ, target, effective, until...)
}

func (st *stage) eventBy(officers []int, typ attest.EventType, target, effective string, until ...string) int64 {
	st.t.Helper()
	return st.log(st.newEvent(typ, target, effective, until...), officers...)
}

// eventWith logs an event that is changed before.
func (st *stage) eventWith(typ attest.EventType, target, effective string, with ...func(*attest.Event)) int64 {
	st.t.Helper()
	e := st.newEvent(typ, target, effective)
	apply(e, with)
	return st.log(e, st.granted()...)
}

// happens logs an event on an entity; a merger is with the entity corvus.
func (st *stage) happens(authority string, typ attest.EntityEventType, entity, effective string, with ...func(*attest.EntityEvent)) int64 {
	st.t.Helper()
	e := &attest.EntityEvent{
		Common: attest.Common{Iss: authority, Sub: attest.EntitySubject(idOf(entity)), JTI: fmt.Sprintf("EV-%d", st.next)},
		Event:  typ, EffectiveAt: numeric(date(effective)),
	}
	switch typ {
	case attest.Rename:
		e.NewName = "New " + entity
	case attest.Merger:
		e.Survivor = idOf("corvus")
	default:
		e.AcquirerName = "Acquirer"
	}
	apply(e, with)
	return st.log(e, st.granted()...)
}

// succession logs that an approval passes on, where it is not the successor's
// from the start.
func (st *stage) succession(target, successor, effective string, with ...func(*attest.Succession)) int64 {
	st.t.Helper()
	s := &attest.Succession{
		Common: attest.Common{Iss: st.issuers[target], Sub: st.subjects[target], JTI: fmt.Sprintf("EV-%d", st.next)},
		Target: target, EffectiveAt: numeric(date(effective)), Successor: idOf(successor), LegalName: successor, Country: "IN",
	}
	if s.Entity() == s.Successor {
		return 0
	}
	if s.EffectiveAt < numeric(st.clock) {
		s.Retroactive, s.RetroactiveReason = true, "so it is"
	}
	apply(s, with)
	return st.log(s, st.granted()...)
}

// consent logs a consent to a retransfer.
func (st *stage) consent(authority, jti, transferee, from, until string, with ...func(*attest.Consent)) int64 {
	st.t.Helper()
	c := &attest.Consent{
		Common: attest.Common{Iss: authority, Sub: attest.ConsentSubject(authority, jti), JTI: jti},
		Grant:  interval(from, until), Transferee: idOf(transferee),
	}
	apply(c, with)
	return st.log(c, st.granted()...)
}

func (st *stage) newEvent(typ attest.EventType, target, effective string, until ...string) *attest.Event {
	e := &attest.Event{
		Common: attest.Common{Iss: st.issuers[target], Sub: st.subjects[target], JTI: fmt.Sprintf("EV-%d", st.next)},
		Event:  typ, Target: target, EffectiveAt: numeric(date(effective)),
	}
	for _, u := range until {
		e.Until = numeric(date(u))
	}
	if typ == attest.Lift {
		e.Ends = []attest.Suspension{attest.ByChangeOfControl, attest.BySuspension}
	}
	return e
}

func apply[T any](v *T, with []func(*T)) {
	for _, f := range with {
		f(v)
	}
}

func interval(from, until string) attest.Grant {
	g := attest.Grant{NBF: numeric(date(from))}
	if until != "" {
		g.EXP = numeric(date(until))
	}
	return g
}

// date reads a day, or a time as RFC 3339 writes it.
func date(s string) time.Time {
	if !strings.Contains(s, "T") {
		s += "T00:00:00Z"
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

func numeric(t time.Time) attest.NumericDate { return attest.NumericDate(t.Unix()) }
