package vectors

import (
	"cmp"
	"slices"
	"time"

	flog "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/verify"
	"github.com/safeconduct/safeconduct/verify/statusmap"
)

// A register is a log in memory with what is derived of it. It logs what it is
// told to, true or not.
type register struct {
	hashes    []tlog.Hash // stored hashes
	leaves    []string
	histories map[string][]verify.Entry
	values    map[string]verify.MapValue
	lineages  map[string]*attest.Lineage
	statuses  *statusmap.Map
	previous  int64
}

func newRegister() *register {
	return &register{
		histories: make(map[string][]verify.Entry), values: make(map[string]verify.MapValue),
		lineages: make(map[string]*attest.Lineage), statuses: new(statusmap.Map), previous: verify.NoPrevious,
	}
}

// ReadHashes implements [tlog.HashReader].
func (r *register) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = r.hashes[x]
	}
	return out, nil
}

func (r *register) size() int64 { return int64(len(r.leaves)) }

func (r *register) leaf(text string) {
	r.hashes = append(r.hashes, must(tlog.StoredHashes(r.size(), []byte(text), r))...)
	r.leaves = append(r.leaves, text)
}

// batch logs statements at a time and closes them with a status leaf.
func (r *register) batch(at time.Time, statements ...string) {
	for _, s := range statements {
		claims := must(attest.Parse([]byte(s))).ClaimsUnsafe()
		sub := claims.Head().Sub
		if r.lineages[sub] == nil {
			r.lineages[sub] = new(attest.Lineage)
		}
		tag, err := r.lineages[sub].Next(claims)
		if err != nil {
			tag = attest.TagOf(claims.Head().Iss, claims.Head().JTI)
		}
		r.enter(s, at, tag, claims.Subjects()...)
	}
	r.close(at)
}

// enter logs a statement in histories of one's own choice.
func (r *register) enter(statement string, at time.Time, tag attest.Tag, subjects ...string) {
	index := r.size()
	r.leaf(statement)
	for _, s := range subjects {
		r.list(s, verify.Entry{Index: index, Tag: tag, Time: at.UnixMilli()})
	}
}

// list adds an entry to a history.
func (r *register) list(subject string, e verify.Entry) {
	r.histories[subject] = append(r.histories[subject], e)
	r.values[subject] = r.values[subject].Next(e.Index, e.Time, tlog.RecordHash([]byte(r.leaves[e.Index])), e.Tag)
	r.statuses = r.statuses.Set(func(yield func([32]byte, []byte) bool) {
		yield(verify.MapKey(subject), r.values[subject].Bytes())
	})
}

func (r *register) close(at time.Time) {
	s := verify.StatusLeaf{Index: r.size(), Time: at, MapRoot: r.statuses.Root(), Previous: r.previous}
	r.previous = s.Index
	r.leaf(string(s.Marshal()))
}

func (r *register) prove(index int64) []tlog.Hash {
	return must(tlog.ProveRecord(r.size(), index, r))
}

// text is that of the checkpoint of a size.
func (r *register) text(size int64) string {
	root := must(tlog.TreeHash(size, r))
	return string(flog.Checkpoint{Origin: Origin, Size: uint64(size), Hash: root[:]}.Marshal())
}

// signNote signs a note, its lines in the order of evidence.
func signNote(text string, signers ...note.Signer) string {
	return string(must(verify.MergeCheckpoint(must(note.Sign(&note.Note{Text: text}, signers...)))))
}

// quorum are the log and the one cosigner of the usual policy.
func quorum(at time.Time) []note.Signer { return []note.Signer{logKey, usMirror.at(at)} }

func (r *register) checkpoint(signers ...note.Signer) string {
	return signNote(r.text(r.size()), signers...)
}

// evidence shows the histories of subjects.
func (r *register) evidence(subjects ...string) *verify.Evidence {
	e := &verify.Evidence{Checkpoint: r.checkpoint(quorum(cosigned)...)}
	last := r.size() - 1
	e.Status = verify.StatusProof{Index: last, Leaf: r.leaves[last], Proof: r.prove(last)}
	for _, s := range subjects {
		e.Histories = append(e.Histories, verify.History{Subject: s, Entries: slices.Clone(r.histories[s]), Proof: r.statuses.Prove(verify.MapKey(s))})
		for _, x := range r.histories[s] {
			if !slices.ContainsFunc(e.Statements, func(s verify.LoggedStatement) bool { return s.Index == x.Index }) {
				e.Statements = append(e.Statements, verify.LoggedStatement{Index: x.Index, Proof: r.prove(x.Index), Statement: r.leaves[x.Index]})
			}
		}
	}
	slices.SortFunc(e.Histories, func(a, b verify.History) int { return cmp.Compare(a.Subject, b.Subject) })
	slices.SortFunc(e.Statements, func(a, b verify.LoggedStatement) int { return cmp.Compare(a.Index, b.Index) })
	return e
}

// The statements of the story.
var (
	rootV1  = sign(smallRoot(1, ""), root1)
	rootV2  = sign(smallRoot(2, rootV1), root1)
	regUS   = sign(registration("auth-us", halcyon, "REG-US-1", "US"), us1)
	tea1    = sign(approval("TEA-US-1", "VTZ-1"), us1)
	tea2    = sign(approval("TEA-US-2", "BLR-1"), us1)
	revoke2 = sign(event(attest.Revoke, "TEA-US-2", "REV-US-2"), us1)
)

// tiny is a register with nothing but its trust root.
func tiny() *register {
	r := newRegister()
	r.batch(begin, rootV1)
	return r
}

// story is one where an authority registers a company and approves another one
// twice, the second time revoked, under the first of two trust roots.
func story() *register {
	r := newRegister()
	r.batch(begin.Add(-time.Hour), rootV1)
	r.batch(begin.Add(-time.Minute), regUS, tea1, tea2)
	r.batch(begin.Add(time.Hour), rootV2)
	r.batch(logged, revoke2)
	return r
}

// What happens to the approval TEA-US-1 and to whoever has it.
var (
	merger  = sign(entityEvent(attest.Merger, "ENT-US-1"), us1)
	revoke1 = sign(event(attest.Revoke, "TEA-US-1", "REV-US-1"), us1)
)

// passed is a succession of TEA-US-1 to corvus.
func passed(change func(*attest.Succession)) string {
	s := succession("TEA-US-1", "SUC-US-1")
	if change != nil {
		change(s)
	}
	return sign(s, us1)
}

// atCorvus is an approval of corvus.
func atCorvus(jti string) *attest.EntityApproval {
	a := approval(jti, "SYD-1")
	a.Sub, a.LegalName, a.Country = attest.ApprovalSubject(corvus, "auth-us"), "Corvus Pacific", "AU"
	a.ApprovedSites[0].Country = "AU"
	return a
}

// backAgain passes corvus's own approval on to varuna.
func backAgain() *attest.Succession {
	s := succession("TEA-US-9", "SUC-US-2")
	s.Sub, s.Successor = attest.ApprovalSubject(corvus, "auth-us"), varuna
	return s
}

// intoVaruna is a merger of halcyon into varuna.
func intoVaruna() *attest.EntityEvent {
	e := entityEvent(attest.Merger, "ENT-US-2")
	e.Sub, e.Survivor = attest.EntitySubject(halcyon), varuna
	return e
}

// renamed is another version of halcyon's registration, with an alias.
func renamed() *attest.Registration {
	r := registration("auth-us", halcyon, "REG-US-2", "US")
	r.Supersedes, r.Identifiers = "REG-US-1", []string{alias}
	return r
}

// takenOver is the story, and then a merger of varuna into corvus, to which one
// of its approvals passes.
func takenOver(more ...string) *register {
	r := story()
	r.batch(logged.Add(10*time.Second), append([]string{merger, passed(nil)}, more...)...)
	return r
}

// parties are the subjects of a request to corvus, and of one to varuna, once it
// has taken over.
func parties() []string {
	return append(touched(), "entity:"+corvus, attest.ApprovalSubject(corvus, "auth-us"))
}

// touched are the subjects of the request under the programme.
func touched() []string {
	return []string{"root", "entity:" + halcyon, "entity:" + halcyon + "/auth-us", "entity:" + varuna, approvals}
}
