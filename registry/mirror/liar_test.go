package mirror_test

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	flog "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/registry/tlogtiles"
	"github.com/safeconduct/safeconduct/verify"
	"github.com/safeconduct/safeconduct/verify/statusmap"
)

// A liar is a register that holds the log key and logs what it is told to. It
// serves what a mirror reads.
type liar struct {
	t  testing.TB
	mu sync.Mutex

	signer      note.Signer
	leaves      [][]byte
	hashes      []tlog.Hash
	checkpoints map[int64][]byte
	lineages    map[string]*attest.Lineage
	values      map[string]verify.MapValue
	status      int64
	published   int64
	// served, where it is not nil, says which leaf is given out for one.
	served func(index int64, leaf []byte) []byte
	// asked are the paths that were asked for.
	asked []string
}

func newLiar(t testing.TB) *liar {
	t.Helper()
	signer, _ := registrytest.LogSigner()
	return &liar{
		t: t, signer: signer, checkpoints: make(map[int64][]byte), status: verify.NoPrevious,
		lineages: make(map[string]*attest.Lineage), values: make(map[string]verify.MapValue),
	}
}

// fork returns a second register with the same past.
func (l *liar) fork() *liar {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := newLiar(l.t)
	f.leaves, f.hashes, f.status, f.published = slices.Clone(l.leaves), slices.Clone(l.hashes), l.status, l.published
	f.checkpoints, f.values = maps.Clone(l.checkpoints), maps.Clone(l.values)
	return f
}

// become takes over what another one says.
func (l *liar) become(f *liar) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leaves, l.hashes, l.checkpoints, l.values, l.status, l.published = f.leaves, f.hashes, f.checkpoints, f.values, f.status, f.published
}

// A lie is how a batch is not as it should be; the zero one is honest.
type lie struct {
	// omit leaves the batch's last statement out of the map.
	omit bool
	// status changes the status leaf.
	status func(*verify.StatusLeaf)
	// open leaves the status leaf out.
	open bool
	// signer signs instead of the log.
	signer note.Signer
	// unpublished only keeps the checkpoint.
	unpublished bool
}

// batch logs a batch.
func (l *liar) batch(at time.Time, x lie, statements ...[]byte) (signed []byte) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, st := range statements {
		index := l.push(st)
		if x.omit && i == len(statements)-1 {
			continue
		}
		u, err := attest.Parse(st)
		if err != nil {
			continue
		}
		c := u.ClaimsUnsafe()
		sub := c.Head().Sub
		if l.lineages[sub] == nil {
			l.lineages[sub] = new(attest.Lineage)
		}
		tag, err := l.lineages[sub].Next(c)
		if err != nil {
			l.t.Fatal(err)
		}
		for _, s := range c.Subjects() {
			l.values[s] = l.values[s].Next(index, at.UnixMilli(), tlog.RecordHash(st), tag)
		}
	}
	if !x.open {
		m := new(statusmap.Map).Set(func(yield func([32]byte, []byte) bool) {
			for s, v := range l.values {
				if !yield(verify.MapKey(s), v.Bytes()) {
					return
				}
			}
		})
		leaf := verify.StatusLeaf{Index: int64(len(l.leaves)), Time: at, MapRoot: m.Root(), Previous: l.status}
		if x.status != nil {
			x.status(&leaf)
		}
		l.status = l.push(leaf.Marshal())
	}
	size := int64(len(l.leaves))
	signer := l.signer
	if x.signer != nil {
		signer = x.signer
	}
	l.checkpoints[size] = l.sign(size, signer)
	if !x.unpublished {
		l.published = size
	}
	return l.checkpoints[size]
}

func (l *liar) push(leaf []byte) int64 {
	l.t.Helper()
	index := int64(len(l.leaves))
	hs, err := tlog.StoredHashes(index, leaf, tlog.HashReaderFunc(l.readHashes))
	if err != nil {
		l.t.Fatal(err)
	}
	l.leaves, l.hashes = append(l.leaves, leaf), append(l.hashes, hs...)
	return index
}

func (l *liar) sign(size int64, signer note.Signer) []byte {
	l.t.Helper()
	hash, err := tlog.TreeHash(size, tlog.HashReaderFunc(l.readHashes))
	if err != nil {
		l.t.Fatal(err)
	}
	text := flog.Checkpoint{Origin: registrytest.Origin, Size: uint64(size), Hash: hash[:]}.Marshal()
	signed, err := note.Sign(&note.Note{Text: string(text)}, signer)
	if err != nil {
		l.t.Fatal(err)
	}
	return signed
}

// show publishes a checkpoint that is kept.
func (l *liar) show(size int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.published = size
}

func (l *liar) size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(len(l.leaves))
}

func (l *liar) prove(size, old int64) tlog.TreeProof {
	l.t.Helper()
	if old == 0 || old == size {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	p, err := tlog.ProveTree(size, old, tlog.HashReaderFunc(l.readHashes))
	if err != nil {
		l.t.Fatal(err)
	}
	return p
}

func (l *liar) readHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x >= int64(len(l.hashes)) {
			return nil, errors.New("no such hash")
		}
		out[i] = l.hashes[x]
	}
	return out, nil
}

// ReadHashes and Leaf are [tlogtiles.Log].
func (l *liar) ReadHashes(indexes []int64) ([]tlog.Hash, error) { return l.readHashes(indexes) }

func (l *liar) Leaf(index int64) ([]byte, error) {
	if l.served != nil {
		return l.served(index, l.leaves[index]), nil
	}
	return l.leaves[index], nil
}

// asks returns the paths that were asked for since the last call.
func (l *liar) asks() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { l.asked = nil }()
	return l.asked
}

func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/")
	l.asked = append(l.asked, path)
	var body []byte
	if path == "checkpoint" {
		body = l.checkpoints[l.published]
	} else if s, ok := strings.CutPrefix(path, "checkpoint/"); ok {
		n, _ := strconv.ParseInt(s, 10, 64)
		body = l.checkpoints[n]
	} else if tile, err := tlogtiles.ParsePath(path); err == nil {
		body, _ = tlogtiles.Read(l, int64(len(l.leaves)), tile)
	}
	if body == nil {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(body)
}

// statement signs the claims, as of a time.
func statement(t testing.TB, c attest.Claims, at time.Time, signers ...attest.Signer) []byte {
	t.Helper()
	h := c.Head()
	h.Aud, h.IAT = registrytest.Origin, attest.NumericDate(at.Unix())
	st, err := registrytest.Sign(c, signers...)
	if err != nil {
		t.Fatal(err)
	}
	return st
}
