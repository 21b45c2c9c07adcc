package verify_test

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	flog "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/verify"
	"github.com/safeconduct/safeconduct/verify/statusmap"
)

const (
	origin  = "example.org/register"
	halcyon = "lei:999900HALCYONMAR0134" // United States
	varuna  = "lei:999900VARUNADEEP0174" // India
	alias   = "cin:U26515AP2019PTC098765"
	sandbox = "SBX-UCOMMS"
)

// seed makes deterministic keys of names.
func seed(name string) ed25519.PrivateKey {
	sum := sha256.Sum256([]byte("test key " + name))
	return ed25519.NewKeyFromSeed(sum[:])
}

func public(name string) ed25519.PublicKey { return seed(name).Public().(ed25519.PublicKey) }

// An officer signs statements.
type officer string

func (o officer) jwk() attest.JWK {
	return attest.JWK{Alg: "EdDSA", Crv: "Ed25519", Kty: "OKP", X: base64.RawURLEncoding.EncodeToString(public(string(o)))}
}

func (o officer) Key() attest.Key {
	k, err := o.jwk().Key()
	if err != nil {
		panic(err)
	}
	return k
}

func (o officer) Sign(_ context.Context, input []byte) ([]byte, error) {
	return ed25519.Sign(seed(string(o)), input), nil
}

// A noteKey signs checkpoints: as the log (type 0x01), or, where dated, as a
// cosigner (type 0x04).
type noteKey struct {
	name  string
	seed  string
	dated time.Time
}

func (k noteKey) public() []byte {
	alg := byte(0x04)
	if k.dated.IsZero() {
		alg = 0x01
	}
	return append([]byte{alg}, public(k.seed)...)
}

func (k noteKey) Name() string { return k.name }

func (k noteKey) KeyHash() uint32 {
	sum := sha256.Sum256(append([]byte(k.name+"\n"), k.public()...))
	return binary.BigEndian.Uint32(sum[:])
}

func (k noteKey) Sign(msg []byte) ([]byte, error) {
	if k.dated.IsZero() {
		return ed25519.Sign(seed(k.seed), msg), nil
	}
	sig := binary.BigEndian.AppendUint64(nil, uint64(k.dated.Unix()))
	return append(sig, ed25519.Sign(seed(k.seed), fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", k.dated.Unix(), msg))...), nil
}

func (k noteKey) vkey() string {
	return fmt.Sprintf("%s+%08x+%s", k.name, k.KeyHash(), base64.StdEncoding.EncodeToString(k.public()))
}

func logKey() noteKey { return noteKey{name: origin, seed: "log"} }

// cosigner is a cosigner of that name dated at t.
func cosigner(name string, t time.Time) noteKey {
	return noteKey{"example.net/" + name, name, t}
}

func vkey(name string) string { return cosigner(name, time.Unix(1, 0)).vkey() }

// A register is a log in memory, with what a real one derives of it.
type register struct {
	hashes    []tlog.Hash // stored hashes
	leaves    []string
	histories map[string][]verify.Entry
	values    map[string][]byte
	lineages  map[string]*attest.Lineage
	statuses  *statusmap.Map
	previous  int64
	at        time.Time
	// replaced is the authority whose key the newest trust root replaces.
	replaced string
}

// officer is who signs for an authority.
func (r *register) officer(iss string) officer {
	if r.replaced == iss {
		return officer("new " + iss)
	}
	return officer(iss)
}

func newRegister() *register {
	return &register{
		histories: make(map[string][]verify.Entry), values: make(map[string][]byte),
		lineages: make(map[string]*attest.Lineage), statuses: new(statusmap.Map), previous: verify.NoPrevious,
	}
}

func (r *register) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = r.hashes[x]
	}
	return out, nil
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (r *register) leaf(text string) {
	r.hashes = append(r.hashes, must(tlog.StoredHashes(int64(len(r.leaves)), []byte(text), r))...)
	r.leaves = append(r.leaves, text)
}

// signed has what has been signed, since most tests sign the same.
var signed sync.Map

func sign(c attest.Claims, officers ...officer) string {
	id := fmt.Sprint(string(must(attest.Payload(c))), officers)
	if s, ok := signed.Load(id); ok {
		return s.(string)
	}
	var signers []attest.Signer
	for _, o := range officers {
		signers = append(signers, o)
	}
	s := string(must(attest.Sign(context.Background(), c, signers...)))
	signed.Store(id, s)
	return s
}

// batch logs statements at a time and closes them with a status leaf.
func (r *register) batch(at time.Time, statements ...string) {
	r.at = at
	for _, s := range statements {
		index := int64(len(r.leaves))
		r.leaf(s)
		claims := must(attest.Parse([]byte(s))).ClaimsUnsafe()
		sub := claims.Head().Sub
		if r.lineages[sub] == nil {
			r.lineages[sub] = new(attest.Lineage)
		}
		tag, err := r.lineages[sub].Next(claims)
		if err != nil {
			// A register that lies about what its history may hold.
			tag = attest.TagOf(claims.Head().Iss, claims.Head().JTI)
		}
		for _, subject := range claims.Subjects() {
			r.enter(subject, verify.Entry{Index: index, Tag: tag, Time: at.UnixMilli()})
		}
	}
	r.close(at)
}

func (r *register) enter(subject string, e verify.Entry) {
	r.histories[subject] = append(r.histories[subject], e)
	var v verify.MapValue
	if held, ok := r.values[subject]; ok {
		v = must(verify.ParseMapValue(held))
	}
	r.values[subject] = v.Next(e.Index, e.Time, tlog.RecordHash([]byte(r.leaves[e.Index])), e.Tag).Bytes()
	r.set(subject, r.values[subject])
}

// set makes the status map hold a value, true or not.
func (r *register) set(subject string, value []byte) {
	r.statuses = r.statuses.Set(func(yield func([32]byte, []byte) bool) { yield(verify.MapKey(subject), value) })
}

func (r *register) close(at time.Time) {
	s := verify.StatusLeaf{Index: int64(len(r.leaves)), Time: at, MapRoot: r.statuses.Root(), Previous: r.previous}
	r.previous = s.Index
	r.leaf(string(s.Marshal()))
}

func (r *register) prove(index int64) []tlog.Hash {
	return must(tlog.ProveRecord(int64(len(r.leaves)), index, r))
}

// text is that of the newest checkpoint.
func (r *register) text() string {
	size := int64(len(r.leaves))
	root := must(tlog.TreeHash(size, r))
	return string(flog.Checkpoint{Origin: origin, Size: uint64(size), Hash: root[:]}.Marshal())
}

// checkpoint signs the newest checkpoint.
func (r *register) checkpoint(signers ...note.Signer) string { return signNote(r.text(), signers...) }

// signNote signs a note, with its lines in the order of evidence.
func signNote(text string, signers ...note.Signer) string {
	return string(must(verify.MergeCheckpoint(must(note.Sign(&note.Note{Text: text}, signers...)))))
}

// quorum are the log and the cosigners of the trust policy, dated at t.
func quorum(t time.Time) []note.Signer {
	return []note.Signer{logKey(), cosigner("us-mirror", t), cosigner("in-mirror", t)}
}

// evidence shows the histories of the subjects.
func (r *register) evidence(checkpoint string, subjects ...string) *verify.Evidence {
	e := &verify.Evidence{Checkpoint: checkpoint}
	last := int64(len(r.leaves) - 1)
	e.Status = verify.StatusProof{Index: last, Leaf: r.leaves[last], Proof: r.prove(last)}
	shown := make(map[int64]bool)
	for _, s := range subjects {
		e.Histories = append(e.Histories, verify.History{Subject: s, Entries: slices.Clone(r.histories[s]), Proof: r.statuses.Prove(verify.MapKey(s))})
		for _, x := range r.histories[s] {
			if !shown[x.Index] {
				e.Statements = append(e.Statements, verify.LoggedStatement{Index: x.Index, Proof: r.prove(x.Index), Statement: r.leaves[x.Index]})
			}
			shown[x.Index] = true
		}
	}
	slices.SortFunc(e.Histories, func(a, b verify.History) int { return cmp.Compare(a.Subject, b.Subject) })
	slices.SortFunc(e.Statements, func(a, b verify.LoggedStatement) int { return cmp.Compare(a.Index, b.Index) })
	return e
}

func date(s string) time.Time { return must(time.Parse(time.RFC3339, s)).UTC() }

func numeric(s string) attest.NumericDate { return attest.NumericDate(date(s).Unix()) }

// The story: two authorities approve a sandbox jointly and each other's
// company, and one approves under a programme of its own; then one of them
// writes its registration anew, with an alias.
var (
	begin  = date("2026-02-01T00:00:00Z")
	asked  = date("2026-05-04T09:00:00Z")
	logged = date("2026-05-04T08:30:00Z")
	cosign = date("2026-05-04T08:31:00Z")
)

func head(iss, sub, jti string) attest.Common {
	return attest.Common{Aud: origin, Iss: iss, Sub: sub, JTI: jti, IAT: attest.NumericDate(begin.Unix())}
}

func grant() attest.Grant {
	return attest.Grant{NBF: attest.NumericDate(begin.Unix()), EXP: numeric("2029-01-01T00:00:00Z")}
}

// rootClaims are those of the test's versions: each says the same, and follows
// the one before as r1 and r2 signed it.
func rootClaims(version int64) *attest.Root {
	r := &attest.Root{
		Version: version, Threshold: 2,
		Officers: []attest.Officer{{ID: "r1", Keys: []attest.JWK{officer("r1").jwk()}}, {ID: "r2", Keys: []attest.JWK{officer("r2").jwk()}}},
		LogKeys:  []string{logKey().vkey()},
		Cosigners: []attest.Cosigner{
			{VKey: vkey("us-mirror"), Role: attest.Mirror}, {VKey: vkey("in-mirror"), Role: attest.Mirror},
			{VKey: vkey("witness"), Role: attest.Witness}, {VKey: vkey("own"), Role: attest.Mirror, Operator: true},
		},
	}
	r.Common = head("root", "root", fmt.Sprintf("root-%d", version))
	if version > 1 {
		r.Previous = tlog.RecordHash([]byte(sign(rootClaims(version-1), "r1", "r2"))).String()
	}
	for id, country := range map[string]string{"auth-us": "US", "auth-in": "IN"} {
		r.Authorities = append(r.Authorities, attest.Authority{
			ID: id, Name: id, Countries: []string{country},
			Officers:   []attest.Officer{{ID: "o1", Keys: []attest.JWK{officer(id).jwk()}}},
			Thresholds: attest.Thresholds{Granting: 1, Revoking: 1},
		})
	}
	slices.SortFunc(r.Authorities, func(a, b attest.Authority) int { return strings.Compare(a.ID, b.ID) })
	return r
}

func registration(iss, id, jti, country string) *attest.Registration {
	return &attest.Registration{Common: head(iss, attest.EntitySubject(id), jti), Grant: grant(), LegalName: "Company " + id, Country: country}
}

func approval(iss, id, jti, country, site string) *attest.EntityApproval {
	return &attest.EntityApproval{
		Common: head(iss, attest.ApprovalSubject(id, iss), jti), Grant: grant(), VCT: attest.VCT,
		LegalName: "Company " + id, Country: country, LegalEffect: attest.Authorization, Programme: "VEU",
		ApprovedSites: []attest.Site{{ID: site, Address: "1 Street", Country: country}},
		EligibleItems: []attest.Item{{List: "US_CCL", Entry: "5A001.b.1"}},
	}
}

func domain(iss, jti string) *attest.DomainApproval {
	return &attest.DomainApproval{
		Common: head(iss, attest.SandboxSubject(sandbox), jti), Grant: grant(), Title: "Underwater communications", LegalEffect: attest.Authorization,
		Terms: attest.Terms{Authorities: []string{"auth-in", "auth-us"}, Concurrence: 2, Limits: attest.Limits{InScope: attest.Scope{"US_CCL": {"5A001.b.1"}}}},
	}
}

func story() *register {
	r := newRegister()
	r.batch(begin.Add(-time.Hour), sign(rootClaims(1), "r1", "r2"))
	r.batch(begin.Add(-time.Minute),
		sign(registration("auth-us", halcyon, "REG-US-1", "US"), "auth-us"),
		sign(registration("auth-in", varuna, "REG-IN-1", "IN"), "auth-in"),
		sign(approval("auth-us", varuna, "TEA-US-1", "IN", "VTZ-1"), "auth-us"),
		sign(approval("auth-in", halcyon, "TEA-IN-1", "US", "NPT-1"), "auth-in"),
		sign(domain("auth-us", "PDA-US-1"), "auth-us"),
		sign(domain("auth-in", "PDA-IN-1"), "auth-in"),
	)
	r.batch(begin.Add(time.Hour), sign(rootClaims(2), "r1", "r2"))
	again := registration("auth-in", varuna, "REG-IN-2", "IN")
	again.Supersedes, again.Identifiers = "REG-IN-1", []string{alias}
	r.batch(logged, sign(again, "auth-in"))
	return r
}

// touched are the subjects of the joint request and of the programme's.
var touched = []string{
	"root", "sandbox:" + sandbox,
	"entity:" + halcyon, "entity:" + halcyon + "/auth-us", "entity:" + halcyon + "/auth-in",
	"entity:" + varuna, "entity:" + varuna + "/auth-us", "entity:" + varuna + "/auth-in", "entity:" + alias,
	"entity:" + alias + "/auth-us", "entity:" + alias + "/auth-in",
}

// joint asks within the sandbox; programme under auth-us's own.
func joint() *policy.Request {
	return &policy.Request{
		EffectiveAt: policy.InstantOf(asked), Sandbox: sandbox, Act: "export", Transferor: halcyon, Transferee: varuna,
		DestinationSite: "VTZ-1", Item: &policy.Classification{List: "US_CCL", Entry: "5A001.b.1"},
	}
}

func programme() *policy.Request {
	r := joint()
	r.Sandbox, r.Authority, r.Programme = "", "auth-us", "VEU"
	return r
}

func times() policy.Times { return policy.Times{EffectiveAt: asked, KnownAt: asked, CheckedAt: asked} }

const policyText = "# both governments\nwitness us example.net/us-mirror%s\nwitness in example.net/in-mirror%s\ngroup both all us in\nquorum both\n"

func bothMirrors() string {
	cut := func(name string) string { return strings.TrimPrefix(vkey(name), "example.net/"+name) }
	return fmt.Sprintf(policyText, cut("us-mirror"), cut("in-mirror"))
}

func rootStatement(r *register) *attest.Statement {
	return must(attest.OpenRoot([]byte(r.leaves[0]), nil))
}

func trust(t testing.TB, r *register, text string, insecure verify.Insecure) *verify.Trust {
	t.Helper()
	tr, err := verify.TrustFor(rootStatement(r), text, 24*time.Hour, insecure)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func marshal(t testing.TB, e *verify.Evidence) []byte {
	t.Helper()
	data, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return data
}
