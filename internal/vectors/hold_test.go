package vectors_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	fnote "github.com/transparency-dev/formats/note"
	fproof "github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/controllist"
	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/attest/isocode"
	"github.com/safeconduct/safeconduct/internal/strictjson"
	"github.com/safeconduct/safeconduct/internal/tlogpolicy"
	"github.com/safeconduct/safeconduct/internal/vectors"
	"github.com/safeconduct/safeconduct/internal/vkey"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/receipt"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/backup"
	"github.com/safeconduct/safeconduct/registry/tlogtiles"
	"github.com/safeconduct/safeconduct/screening"
	"github.com/safeconduct/safeconduct/verify"
	"github.com/safeconduct/safeconduct/verify/statusmap"
)

func TestKeys(t *testing.T) {
	f := stored[vectors.KeyFile](t, "keys.json")
	for _, k := range f.Officers {
		if got, err := attest.ParseKey(k.JWK); err != nil || got.ID() != k.Kid {
			t.Errorf("%s: %v, %v", k.Name, got.ID(), err)
		}
	}
	for _, k := range f.Notes {
		if _, err := vkey.Parse(k.VKey); err != nil {
			t.Errorf("%s: %v", k.Name, err)
		}
	}
}

func TestDocuments(t *testing.T) {
	forms := map[string]strictjson.Form{
		"payload": {MaxBytes: 1 << 16, Sets: true}, "trust": {MaxBytes: 1 << 16, Lines: true}, "request": {MaxBytes: 1 << 16, Lines: true, Nulls: true},
	}
	for _, v := range stored[vectors.DocumentFile](t, "json.json").Vectors {
		for name, form := range forms {
			if err := strictjson.Check([]byte(v.Document), form); (err == nil) != slices.Contains(v.Forms, name) {
				t.Errorf("%s as %s: %v", v.Name, name, err)
			}
		}
	}
}

func TestValues(t *testing.T) {
	check := map[string]func(string) error{
		"identifier": func(s string) error { _, err := identifier.Parse(s); return err },
		"authority":  identifier.Authority, "sandbox": identifier.Sandbox, "site": identifier.Site, "jti": identifier.JTI,
		"origin": attest.Origin, "country": isocode.Country, "currency": isocode.Currency,
		"amount": func(s string) error { _, err := attest.ParseAmount(s); return err },
		"duration": func(s string) error {
			f := stored[vectors.TrustFile](t, "trusts.json")
			_, err := verify.ParseTrust([]byte(strings.Replace(string(f.Trusts[0].Trust), "PT24H", s, 1)))
			return err
		},
	}
	for _, l := range controllist.Lists() {
		check[l] = func(s string) error { _, err := controllist.Parse(l, s); return err }
	}
	for _, v := range stored[vectors.ValueFile](t, "values.json").Vectors {
		if check[v.Kind] == nil {
			t.Fatalf("unknown kind %s", v.Kind)
		}
		if err := check[v.Kind](v.Value); (err == nil) != v.OK {
			t.Errorf("%s %q: %v; want accepted %t", v.Kind, v.Value, err, v.OK)
		}
	}
}

var classes = map[attest.Class]string{
	attest.Malformed: "malformed", attest.Invalid: "invalid", attest.Forbidden: "forbidden",
	attest.TooLarge: "too-large", attest.NotFound: "not-found", attest.Conflict: "conflict",
}

// classOf names what refuses, and the first member at fault.
func classOf(err error) (class string, pointers []string) {
	r, ok := errors.AsType[*attest.Refusal](err)
	if !ok {
		return fmt.Sprint(err), nil
	}
	if p, ok := errors.AsType[attest.Problems](err); ok {
		for _, q := range p {
			pointers = append(pointers, q.Pointer)
		}
	}
	return classes[r.Class], pointers
}

func TestStatements(t *testing.T) {
	f := stored[vectors.StatementFile](t, "statements.json")
	roots := make(map[string]*attest.TrustRoot)
	for _, r := range f.Roots {
		st, err := attest.OpenRoot([]byte(r.Statement), roots[r.Previous])
		if err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
		if h := st.LeafHash(); h.String() != r.LeafHash {
			t.Errorf("%s: leaf hash %v", r.Name, h)
		}
		roots[r.Name] = st.TrustRoot()
	}
	for _, v := range f.Valid {
		st, err := attest.Open([]byte(v.Statement), roots[v.Root])
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		c, leaf := st.Claims(), st.LeafHash()
		p, err := attest.Payload(c)
		if err != nil || string(p) != v.Payload || string(c.Kind()) != v.Kind || leaf.String() != v.LeafHash {
			t.Errorf("%s: %s %v %s %v", v.Name, c.Kind(), leaf, p, err)
		}
		kids := st.Signers()
		slices.Sort(kids)
		if !slices.Equal(c.Subjects(), v.Subjects) || !slices.Equal(kids, v.Kids) {
			t.Errorf("%s: %v, %v", v.Name, c.Subjects(), kids)
		}
		if d, ok := c.(*attest.DomainApproval); ok {
			for _, sum := range [][sha256.Size]byte{d.Terms.Digest(), st.TermsDigest()} {
				if base64.StdEncoding.EncodeToString(sum[:]) != v.TermsDigest {
					t.Errorf("%s: digest of terms %x", v.Name, sum)
				}
			}
		}
	}
	for _, v := range f.Refused {
		_, err := attest.Open([]byte(v.Statement), roots[v.Root])
		class, pointers := classOf(err)
		if class != v.Class || v.Pointer != "" && !slices.Contains(pointers, v.Pointer) {
			t.Errorf("%s: %s %v (%v); want %s %s", v.Name, class, pointers, err, v.Class, v.Pointer)
		}
	}
}

func bytes32(t *testing.T, s string) [32]byte {
	t.Helper()
	b := unhex(t, s)
	if len(b) != 32 {
		t.Fatalf("%s has %d bytes", s, len(b))
	}
	return [32]byte(b)
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestHistories(t *testing.T) {
	f := stored[vectors.HistoryFile](t, "histories.json")
	for _, v := range f.Lineages {
		var l attest.Lineage
		for i, s := range v.Statements {
			tag, err := l.Next(s.Claims())
			if i == len(v.Tags) {
				if err == nil {
					t.Errorf("%s: statement %d has the tag %x", v.Name, i, tag)
				}
				break
			}
			if err != nil || hex.EncodeToString(tag[:]) != v.Tags[i] {
				t.Errorf("%s: statement %d: %x, %v", v.Name, i, tag, err)
			}
		}
	}
	for _, v := range f.Shared {
		lineages, tags := make(map[string]*attest.Lineage), make(map[string][]string)
		for _, s := range v.Statements {
			u, err := attest.Parse([]byte(s))
			if err != nil {
				t.Fatalf("%s: %v", v.Name, err)
			}
			c := u.ClaimsUnsafe()
			sub := c.Head().Sub
			if lineages[sub] == nil {
				lineages[sub] = new(attest.Lineage)
			}
			tag, err := lineages[sub].Next(c)
			if err != nil {
				t.Fatalf("%s: %v", v.Name, err)
			}
			for _, s := range c.Subjects() {
				tags[s] = append(tags[s], hex.EncodeToString(tag[:]))
			}
		}
		if diff := cmp.Diff(v.Tags, tags); diff != "" {
			t.Errorf("%s (-want +got):\n%s", v.Name, diff)
		}
	}
	for _, c := range f.Chains {
		if verify.MapKey(c.Subject) != bytes32(t, c.Key) {
			t.Errorf("%s: key", c.Subject)
		}
		var chain [32]byte
		for i, l := range c.Links {
			chain = verify.Chain(chain, l.Index, l.Time, bytes32(t, l.LeafHash), bytes32(t, l.Tag))
			if chain != bytes32(t, l.Chain) {
				t.Errorf("%s: chain %d", c.Subject, i)
			}
			if v, err := verify.ParseMapValue(unhex(t, l.Value)); err != nil || v != (verify.MapValue{Count: int64(i + 1), Chain: chain}) {
				t.Errorf("%s: value %d: %v, %v", c.Subject, i, v, err)
			}
		}
	}
}

func TestStatusMaps(t *testing.T) {
	f := stored[vectors.MapFile](t, "statusmap.json")
	check := func(p vectors.MapProof) error {
		if p.Absent {
			return statusmap.CheckAbsent(bytes32(t, p.Root), bytes32(t, p.Key), unhex(t, p.Proof))
		}
		return statusmap.CheckPresent(bytes32(t, p.Root), bytes32(t, p.Key), unhex(t, p.Value), unhex(t, p.Proof))
	}
	for _, v := range f.Maps {
		m := new(statusmap.Map).Set(func(yield func([32]byte, []byte) bool) {
			for _, e := range v.Entries {
				if !yield(bytes32(t, e.Key), unhex(t, e.Value)) {
					return
				}
			}
		})
		if m.Root() != bytes32(t, v.Root) {
			t.Errorf("%s: root %x", v.Name, m.Root())
		}
		for _, p := range v.Proofs {
			if err := check(p); err != nil {
				t.Errorf("%s: %s: %v", v.Name, p.Key, err)
			}
		}
	}
	for _, p := range f.Refused {
		if check(p) == nil {
			t.Errorf("%s is accepted", p.Name)
		}
	}
}

func TestStatusLeaves(t *testing.T) {
	for _, v := range stored[vectors.StatusLeafFile](t, "statusleaf.json").Vectors {
		s, err := verify.ParseStatusLeaf([]byte(v.Leaf))
		if (err == nil) != v.OK {
			t.Errorf("%s: %v", v.Name, err)
		}
		if err != nil {
			continue
		}
		leaf := tlog.RecordHash([]byte(v.Leaf))
		if s.Index != v.Index || s.Time.UnixMilli() != v.Time || s.MapRoot != bytes32(t, v.MapRoot) || s.Previous != v.Previous || leaf.String() != v.LeafHash {
			t.Errorf("%s: %+v", v.Name, s)
		}
	}
}

func TestCheckpoints(t *testing.T) {
	f := stored[vectors.CheckpointFile](t, "checkpoints.json")
	for _, v := range f.Checkpoints {
		c, err := verify.ParseCheckpoint([]byte(v.Note))
		if (err == nil) != v.OK || err == nil && (c.Origin != v.Origin || c.Tree.N != v.Size || c.Tree.Hash.String() != v.Root) {
			t.Errorf("%s: %+v, %v", v.Name, c, err)
		}
	}
	for _, v := range f.Signatures {
		k, err := vkey.Parse(v.VKey)
		if err != nil {
			t.Fatal(err)
		}
		n, err := note.Open([]byte(v.Text+"\n"+v.Line), note.VerifierList(k.Verifier))
		if (err == nil) != v.OK {
			t.Errorf("%s: %v", v.Name, err)
		}
		if err == nil && v.Time != 0 {
			if at, err := fnote.CoSigV1Timestamp(n.Sigs[0]); err != nil || at.Unix() != v.Time {
				t.Errorf("%s: %v, %v", v.Name, at, err)
			}
		}
	}
	for _, v := range f.Merges {
		var more [][]byte
		for _, l := range v.More {
			more = append(more, []byte(l))
		}
		got, err := verify.MergeCheckpoint([]byte(v.Checkpoint), more...)
		if (err == nil) != (v.Merged != "") || string(got) != v.Merged {
			t.Errorf("%s: %v\n%s", v.Name, err, cmp.Diff(v.Merged, string(got)))
		}
	}
}

func TestPolicies(t *testing.T) {
	for _, v := range stored[vectors.PolicyFile](t, "policies.json").Policies {
		p, err := tlogpolicy.Parse(string(v.Policy))
		if (err == nil) != v.OK {
			t.Errorf("%s: %v", v.Name, err)
		}
		if err != nil {
			continue
		}
		for _, q := range v.Quorum {
			got, ok := p.Quorum.Latest(func(w *tlogpolicy.Witness) (time.Time, bool) {
				at, ok := q.Cosigned[w.Name]
				return time.Unix(at, 0), ok
			})
			if ok != (q.Latest != 0) || ok && got.Unix() != q.Latest {
				t.Errorf("%s, %v: %v, %t", v.Name, q.Cosigned, got, ok)
			}
		}
	}
}

func TestTrusts(t *testing.T) {
	for _, v := range stored[vectors.TrustFile](t, "trusts.json").Trusts {
		tr, err := verify.ParseTrust([]byte(v.Trust))
		if (err == nil) != v.OK {
			t.Errorf("%s: %v", v.Name, err)
		}
		if p, ok := errors.AsType[attest.Problems](err); ok && p[0].Pointer != v.Pointer {
			t.Errorf("%s: %v; want %s", v.Name, p, v.Pointer)
		}
		if err == nil && (tr.Digest() != v.Digest || tr.MaxStatusAge() != time.Duration(v.MaxAgeSeconds)*time.Second) {
			t.Errorf("%s: %s %v", v.Name, tr.Digest(), tr.MaxStatusAge())
		}
	}
}

func TestLog(t *testing.T) {
	f := stored[vectors.LogFile](t, "log.json")
	var hashes []tlog.Hash
	tree := tlog.HashReaderFunc(func(indexes []int64) (out []tlog.Hash, err error) {
		for _, x := range indexes {
			out = append(out, hashes[x])
		}
		return out, nil
	})
	for i, leaf := range f.Leaves {
		hs, err := tlog.StoredHashes(int64(i), []byte(leaf), tree)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, hs...)
		root, err := tlog.TreeHash(int64(i)+1, tree)
		if err != nil || root.String() != f.Roots[i+1] || hs[0].String() != f.LeafHashes[i] {
			t.Errorf("leaf %d: %v, %v", i, root, err)
		}
	}
	root := func(size int64) tlog.Hash {
		h, err := tlog.ParseHash(f.Roots[size])
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	for _, p := range f.Inclusion {
		if err := tlog.CheckRecord(p.Proof, p.Size, root(p.Size), p.Index, tlog.RecordHash([]byte(f.Leaves[p.Index]))); err != nil {
			t.Errorf("inclusion of %d: %v", p.Index, err)
		}
	}
	for _, p := range f.Consistency {
		if err := tlog.CheckTree(p.Proof, p.Size, root(p.Size), p.Old, root(p.Old)); err != nil {
			t.Errorf("consistency of %d and %d: %v", p.Old, p.Size, err)
		}
	}
	for path, data := range f.Tiles {
		tile, err := tlogtiles.ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tlogtiles.Read(storedLog{tree, f.Leaves}, int64(len(f.Leaves)), tile)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %v", path, err)
		}
	}
	for path, ok := range f.TilePaths {
		if _, err := tlogtiles.ParsePath(path); (err == nil) != ok {
			t.Errorf("%s: %v", path, err)
		}
	}
	var p fproof.TLogProof
	if err := p.Unmarshal([]byte(f.TlogProof)); err != nil || string(p.Marshal()) != f.TlogProof || int64(p.Index) != f.ProofIndex {
		t.Errorf("tlog-proof: %v", err)
	}
	b, err := backup.Open(bytes.NewReader(f.Backup), int64(len(f.Backup)))
	if err != nil || b.Size() != int64(len(f.Leaves)) || b.Checkpoints() != len(f.Checkpoints) || string(b.Latest()) != f.Checkpoints[len(f.Checkpoints)-1] {
		t.Errorf("backup: %v", err)
	}
}

type storedLog struct {
	tlog.HashReader
	leaves []string
}

func (l storedLog) Leaf(i int64) ([]byte, error) { return []byte(l.leaves[i]), nil }

// A view is a log as admission sees it.
type view struct {
	roots      []*attest.TrustRoot
	statements map[int64]*attest.Statement
	names      map[[2]string]int64
	histories  map[string][]registry.HistoryEntry
}

func (v *view) Root() *attest.TrustRoot { return v.roots[len(v.roots)-1] }

func (v *view) Find(iss, jti string) (int64, bool, error) {
	i, ok := v.names[[2]string{iss, jti}]
	return i, ok, nil
}

func (v *view) Statement(i int64) (*attest.Statement, error) { return v.statements[i], nil }

func (v *view) History(subject string) ([]registry.HistoryEntry, error) {
	return v.histories[subject], nil
}

func (v *view) Signed(kids []string, from int64) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		for _, i := range slices.Sorted(maps.Keys(v.statements)) {
			u, err := attest.Parse(v.statements[i].Bytes())
			if i >= from && (err != nil || slices.ContainsFunc(kids, u.SignedBy)) && !yield(i, err) {
				return
			}
		}
	}
}

func TestAdmission(t *testing.T) {
	f := stored[vectors.AdmissionFile](t, "admission.json")
	v := &view{roots: []*attest.TrustRoot{nil}, statements: make(map[int64]*attest.Statement), names: make(map[[2]string]int64), histories: make(map[string][]registry.HistoryEntry)}
	lineages := make(map[string]*attest.Lineage)
	for i, leaf := range f.Leaves {
		if verify.IsStatusLeaf([]byte(leaf)) {
			continue
		}
		open := func() (*attest.Statement, error) { return attest.Open([]byte(leaf), v.Root()) }
		if i == 0 {
			open = func() (*attest.Statement, error) { return attest.OpenRoot([]byte(leaf), nil) }
		}
		st, err := open()
		if err != nil {
			t.Fatalf("leaf %d: %v", i, err)
		}
		if st.TrustRoot() != nil {
			v.roots = append(v.roots, st.TrustRoot())
		}
		c := st.Claims()
		if lineages[c.Head().Sub] == nil {
			lineages[c.Head().Sub] = new(attest.Lineage)
		}
		tag, err := lineages[c.Head().Sub].Next(c)
		if err != nil {
			t.Fatal(err)
		}
		v.statements[int64(i)], v.names[[2]string{c.Head().Iss, c.Head().JTI}] = st, int64(i)
		for _, s := range c.Subjects() {
			v.histories[s] = append(v.histories[s], registry.HistoryEntry{Index: int64(i), Tag: tag})
		}
	}
	for _, c := range f.Vectors {
		_, err := registry.Admit(v, []byte(c.Statement), time.UnixMilli(c.Time))
		if err == nil && c.Class == "" {
			continue
		}
		if class, pointers := classOf(err); class != c.Class || c.Pointer != "" && !slices.Contains(pointers, c.Pointer) {
			t.Errorf("%s: %v %v (%v); want %s %s", c.Name, class, pointers, err, c.Class, c.Pointer)
		}
	}
}

func TestEvidence(t *testing.T) {
	f := stored[vectors.EvidenceFile](t, "evidence.json")
	trusts := parseTrusts(t, f.Trusts)
	steps := make(map[string]int)
	for _, v := range f.Vectors {
		report, err := verify.Check([]byte(v.Evidence), trusts[v.Trust], v.CheckedAt)
		if got := stepOf(err); got != v.Step || got == "" && err != nil {
			t.Errorf("%s: %v; want a refusal at %q", v.Name, err, v.Step)
			continue
		}
		steps[v.Step]++
		if err == nil {
			if diff := cmp.Diff(v.Found, vectors.FoundIn(report)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", v.Name, diff)
			}
		}
	}
	for _, step := range []string{"", verify.StepParse, verify.StepRoot, verify.StepCheckpoint, verify.StepQuorum, verify.StepStatusLeaf, verify.StepMap, verify.StepHistory, verify.StepSignatures} {
		if steps[step] < 5 {
			t.Errorf("step %q has %d vectors", step, steps[step])
		}
	}
}

// stepOf names the step at which evidence is refused.
func stepOf(err error) string {
	if e, ok := errors.AsType[*verify.Error](err); ok {
		return e.Step
	}
	return ""
}

func parseTrusts(t *testing.T, docs map[string]jsontext.Value) map[string]*verify.Trust {
	t.Helper()
	trusts := make(map[string]*verify.Trust)
	for name, doc := range docs {
		tr, err := verify.ParseTrust(doc)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		trusts[name] = tr
	}
	return trusts
}

func TestDecisions(t *testing.T) {
	f := stored[vectors.DecisionFile](t, "decisions.json")
	trusts := parseTrusts(t, f.Trusts)
	for _, v := range f.Vectors {
		req, err := policy.ParseRequest([]byte(v.Request))
		if err != nil {
			t.Fatal(err)
		}
		var lists []*screening.List
		for _, name := range v.Lists {
			l, err := screening.Parse(name, strings.NewReader(f.Lists[name]))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			lists = append(lists, l)
		}
		d, err := verify.Decide([]byte(f.Evidence[v.Evidence]), trusts[v.Trust], req, policy.Times{EffectiveAt: req.EffectiveAt.Time(), KnownAt: v.KnownAt, CheckedAt: v.CheckedAt}, lists...)
		if got := stepOf(err); got != v.Step || got == "" && err != nil {
			t.Errorf("%s: %v; want a refusal at %q", v.Name, err, v.Step)
			continue
		}
		if err != nil {
			continue
		}
		if string(d.Decision) != v.Decision || d.ReplacesLicence != v.ReplacesLicence || !slices.Equal(d.Codes(), v.Codes) || !d.ProvenUntil.Time().Equal(v.ProvenUntil) {
			t.Errorf("%s: %s %v %v until %v", v.Name, d.Decision, d.ReplacesLicence, d.Codes(), d.ProvenUntil.Time())
		}
		if diff := cmp.Diff(v.Replay, d.Replay) + cmp.Diff(v.Screened, d.Screened); diff != "" {
			t.Errorf("%s (-want +got):\n%s", v.Name, diff)
		}
	}
}

func TestReceipts(t *testing.T) {
	f := stored[vectors.ReceiptFile](t, "receipts.json")
	trusts := parseTrusts(t, f.Trusts)
	steps := make(map[string]int)
	for _, v := range f.Vectors {
		var request []byte
		if v.Request != "" {
			request = []byte(f.Requests[v.Request])
		}
		var lists []*screening.List
		for _, name := range v.Lists {
			l, err := screening.Parse(name, strings.NewReader(f.Lists[name]))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			lists = append(lists, l)
		}
		var disclosed []attest.Disclosure
		for _, name := range v.Disclosures {
			d, err := attest.ParseDisclosure(f.Disclosures[name])
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			disclosed = append(disclosed, d)
		}
		r, err := receipt.Verify([]byte(v.Receipt), request, []byte(f.Evidence[v.Evidence]), disclosed, trusts[v.Trust], lists...)
		var step string
		var unchecked bool
		if e, ok := errors.AsType[*receipt.Error](err); ok {
			step, unchecked = e.Step, e.Unchecked
		}
		if step != v.Step || unchecked != v.Unchecked || r.Holds() != (v.Step == "") {
			t.Errorf("%s: %v; want a refusal at %q", v.Name, err, v.Step)
		} else if err == nil && string(r.Receipt.Decision.Decision) != v.Decision {
			t.Errorf("%s: %s, want %s", v.Name, r.Receipt.Decision.Decision, v.Decision)
		}
		steps[step]++
	}
	for _, step := range []string{
		"", receipt.StepForm, receipt.StepEvidence, receipt.StepKey, receipt.StepSignature, receipt.StepCheckpoint, receipt.StepEvidenceDigest,
		receipt.StepTrust, receipt.StepRequest, receipt.StepTimes, receipt.StepLists, receipt.StepDisclosures, receipt.StepReplay,
	} {
		if steps[step] == 0 {
			t.Errorf("step %q has no vector", step)
		}
	}
}
