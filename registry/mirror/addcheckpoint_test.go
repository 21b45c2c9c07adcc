package mirror_test

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry/mirror"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// cosigned expects an answer that holds a good cosignature of what was asked
// last, and returns its date.
func (s *scene) cosigned(w *httptest.ResponseRecorder) time.Time {
	s.Helper()
	if w.Code != http.StatusOK {
		s.Fatalf("answers %d: %s", w.Code, w.Body)
	}
	size := s.lastSize()
	signed := string(s.liar.checkpoints[size])
	v, err := fnote.NewVerifierForCosignatureV1(cosigner(s.T).VKey())
	if err != nil {
		s.Fatal(err)
	}
	n, err := note.Open([]byte(signed+w.Body.String()), note.VerifierList(v))
	if err != nil {
		s.Fatalf("the answer %q is no cosignature of size %d: %v", w.Body, size, err)
	}
	at, err := fnote.CoSigV1Timestamp(n.Sigs[0])
	if err != nil {
		s.Fatal(err)
	}
	return at
}

// lastSize is what the mirror says that it cosigned last.
func (s *scene) lastSize() int64 {
	s.Helper()
	size := s.liar.size()
	w := s.ask(size-1, nil, s.liar.checkpoints[size])
	n, err := strconv.ParseInt(strings.TrimSuffix(w.Body.String(), "\n"), 10, 64)
	if w.Code != http.StatusConflict || err != nil {
		s.Fatalf("answers %d: %s", w.Code, w.Body)
	}
	return n
}

func TestACheckedTreeIsCosigned(t *testing.T) {
	s := play(t)
	first := s.liar.size()
	at := s.cosigned(s.ask(0, nil, s.liar.checkpoints[first]))
	// Six minutes behind the clock would be before the status leaf.
	if want := registrytest.Start.Add(time.Second); !at.Equal(want) {
		t.Errorf("dated %s, want %s", at, want)
	}
	// What is not published yet is fetched.
	signed := s.log("app-1", lie{unpublished: true})
	size := s.liar.size()
	s.cosigned(s.ask(first, s.liar.prove(size, first), signed))
	if got := s.mirror.Reader().Size(); got != size {
		t.Errorf("the mirror holds %d of %d", got, size)
	}
	c, err := verify.ParseCheckpoint(s.mirror.Reader().Checkpoint())
	if err != nil || c.Tree.N != first {
		t.Errorf("size %d is shown before the register has published it (%v)", c.Tree.N, err)
	}
	s.liar.show(size)
	if err := s.mirror.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c, err := verify.ParseCheckpoint(s.mirror.Reader().Checkpoint()); err != nil || c.Tree.N != size {
		t.Errorf("size %d is shown, %d published (%v)", c.Tree.N, size, err)
	}
}

func TestTheRegisterPublishesLessThanItHadCosigned(t *testing.T) {
	s := play(t)
	last := s.liar.size()
	var sizes []int64
	s.cosigned(s.ask(0, nil, s.liar.checkpoints[last]))
	for _, jti := range []string{"app-1", "app-2", "app-3"} {
		signed := s.log(jti, lie{unpublished: true})
		size := s.liar.size()
		s.cosigned(s.ask(last, s.liar.prove(size, last), signed))
		sizes, last = append(sizes, size), size
	}
	for _, size := range sizes {
		s.liar.show(size)
		if err := s.mirror.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if c, err := verify.ParseCheckpoint(s.mirror.Reader().Checkpoint()); err != nil || c.Tree.N != size {
			t.Errorf("size %d is shown, %d published (%v)", c.Tree.N, size, err)
		}
	}
	// It goes on there after a restart.
	if err := s.mirror.Close(); err != nil {
		t.Fatal(err)
	}
	s.open()
	if c, err := verify.ParseCheckpoint(s.mirror.Reader().Checkpoint()); err != nil || c.Tree.N != last {
		t.Errorf("size %d is shown after a restart, want %d (%v)", c.Tree.N, last, err)
	}
}

func TestWhatIsNotCosigned(t *testing.T) {
	s := play(t)
	size := s.liar.size()
	signed := string(s.liar.checkpoints[size])
	s.cosigned(s.ask(0, nil, []byte(signed)))
	next := string(s.log("app-1", lie{}))
	proof := s.liar.prove(s.liar.size(), size)
	good := func(old int64, proof tlog.TreeProof, signed string) string {
		b := "old " + strconv.FormatInt(old, 10) + "\n"
		for _, h := range proof {
			b += h.String() + "\n"
		}
		return b + "\n" + signed
	}
	bad := append(tlog.TreeProof(nil), proof...)
	bad[0][3] ^= 1
	text, _, _ := strings.Cut(next, "\n\n")
	small := s.liar.checkpoints[2]
	for name, tt := range map[string]struct {
		body   string
		status int
	}{
		"nothing":                        {"", 400},
		"no old":                         {"size 4\n\n" + next, 400},
		"a sign":                         {"old +4\n\n" + next, 400},
		"a leading zero":                 {"old 04\n\n" + next, 400},
		"below zero":                     {"old -1\n\n" + next, 400},
		"too large a number":             {"old 9223372036854775808\n\n" + next, 400},
		"an old beyond 2^53-1":           {"old 9007199254740992\n\n" + next, 400},
		"a size beyond 2^53-1":           {good(size, proof, strings.Replace(next, "\n"+strconv.FormatInt(s.liar.size(), 10)+"\n", "\n9007199254740992\n", 1)), 400},
		"no empty line":                  {"old 4\n" + text, 400},
		"a hash of 31 bytes":             {"old 4\n" + strings.Repeat("A", 40) + "A==\n\n" + next, 400},
		"a hash with a carriage return":  {good(size, proof[:1], next)[:12] + "\r" + good(size, proof[:1], next)[12:], 400},
		"64 hashes":                      {good(size, make(tlog.TreeProof, 64), next), 400},
		"an extension line":              {"old 4\n\n" + text + "\nmore" + strings.TrimPrefix(next, text), 400},
		"old larger than the checkpoint": {good(size, nil, string(small)), 400},
		"more than 64 KiB":               {good(size, proof, next) + strings.Repeat("x", 64<<10), 400},
		"another register":               {good(size, proof, strings.Replace(next, registrytest.Origin, "example.org/other", 1)), 404},
		"no signature of the log":        {good(size, proof, string(s.liar.sign(s.liar.size(), stranger(t)))), 403},
		"a false signature":              {good(size, proof, strings.Replace(next, "\n"+strconv.FormatInt(s.liar.size(), 10)+"\n", "\n"+strconv.FormatInt(s.liar.size()+1, 10)+"\n", 1)), 403},
		"another old":                    {good(size-1, proof, next), 409},
		"old zero":                       {good(0, nil, next), 409},
		"a proof that is changed":        {good(size, bad, next), 422},
		"no proof":                       {good(size, nil, next), 422},
		"a proof that is too long":       {good(size, append(proof[:len(proof):len(proof)], proof[0]), next), 422},
		"a proof between two of a size":  {good(size, proof, signed), 422},
	} {
		t.Run(name, func(t *testing.T) {
			w := s.post(tt.body)
			if w.Code != tt.status {
				t.Errorf("answers %d, want %d: %s", w.Code, tt.status, w.Body)
			}
			if tt.status == 409 {
				if got, want := w.Body.String(), strconv.FormatInt(size, 10)+"\n"; got != want || w.Header().Get("Content-Type") != "text/x.tlog.size" {
					t.Errorf("answers %q of type %q, want %q", got, w.Header().Get("Content-Type"), want)
				}
			}
		})
	}
	if w := s.get("/add-checkpoint"); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != http.MethodPost {
		t.Errorf("GET answers %d", w.Code)
	}
	s.cosigned(s.post(good(size, proof, next)))
}

func TestAnEmptyProofIsNeededFromNothing(t *testing.T) {
	s := play(t)
	if w := s.ask(0, s.liar.prove(4, 2), s.liar.checkpoints[4]); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("answers %d: %s", w.Code, w.Body)
	}
}

func TestTheSameSizeGetsAFreshDate(t *testing.T) {
	s := play(t)
	size := s.liar.size()
	signed := s.liar.checkpoints[size]
	first := s.cosigned(s.ask(0, nil, signed))
	s.clock.Add(20 * time.Minute)
	// Who has not looked does not know what was known.
	if again := s.cosigned(s.ask(size, nil, signed)); !again.Equal(first) {
		t.Errorf("dated %s after %s, and the mirror has not looked since", again, first)
	}
	if err := s.mirror.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := s.cosigned(s.ask(size, nil, signed))
	if want := s.clock.Now().Add(-6 * time.Minute); !second.Equal(want) || !second.After(first) {
		t.Errorf("dated %s after %s, want %s", second, first, want)
	}
	// A clock that goes back does not take the date with it.
	s.clock.Add(-30 * time.Second)
	if third := s.cosigned(s.ask(size, nil, signed)); !third.Equal(second) {
		t.Errorf("dated %s after %s", third, second)
	}
	// It says nothing of what is to come.
	s.clock.Add(-time.Hour)
	if w := s.ask(size, nil, signed); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("with a clock before its last cosignature it answers %d: %s", w.Code, w.Body)
	}
}

func TestNothingIsDatedBeforeItsStatusLeafOrAfterTheClock(t *testing.T) {
	s := play(t)
	size := s.liar.size()
	s.cosigned(s.ask(0, nil, s.liar.checkpoints[size]))
	at := s.clock.Now().Add(2*time.Second + 100*time.Millisecond)
	next := s.liar.batch(at, lie{}, s.registration("reg-2", registrytest.Corvus))
	proof := s.liar.prove(s.liar.size(), size)
	if w := s.ask(size, proof, next); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("ahead of its clock it answers %d: %s", w.Code, w.Body)
	}
	// The status leaf is there, but not the second that it ends in.
	s.clock.Set(at)
	if w := s.ask(size, proof, next); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" {
		t.Errorf("ahead of its clock it answers %d: %s", w.Code, w.Body)
	}
	s.clock.Set(at.Add(time.Second))
	if got, want := s.cosigned(s.ask(size, proof, next)), at.Truncate(time.Second).Add(time.Second); !got.Equal(want) {
		t.Errorf("dated %s, want %s", got, want)
	}
}

// What a cosignature is dated fixes what was known then.
func TestACosignatureIsDatedBeforeTheNextBatch(t *testing.T) {
	s := play(t)
	size := s.liar.size()
	at := s.clock.Now().Add(10*time.Second + 500*time.Millisecond)
	next := s.registration("reg-2", registrytest.Corvus)
	s.clock.Add(time.Hour)
	s.liar.batch(at, lie{}, next)
	if err := s.mirror.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := s.cosigned(s.ask(0, nil, s.liar.checkpoints[size])), at.Truncate(time.Second); !got.Equal(want) {
		t.Errorf("dated %s, want %s: the next batch is of %s", got, want, at)
	}
}

// An asker that does not keep its next batch out of the second that the
// cosignature is dated is told so; it has lied to nobody.
func TestATreeIsNotCosignedIntoItsNextBatch(t *testing.T) {
	s := play(t)
	s.liar.batch(s.clock.Now().Add(-800*time.Millisecond), lie{}, s.registration("reg-2", registrytest.Corvus))
	size := s.liar.size()
	s.liar.batch(s.clock.Now().Add(-700*time.Millisecond), lie{}, statement(t, registrytest.Registration("reg-3", registrytest.IN, registrytest.Varuna, "IN"), s.clock.Now()))
	if err := s.mirror.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := s.ask(0, nil, s.liar.checkpoints[size]); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "newer checkpoint") {
		t.Errorf("answers %d: %s", w.Code, w.Body)
	}
	s.cosigned(s.ask(0, nil, s.liar.checkpoints[s.liar.size()]))
}

func TestWhatWasCosignedOutlivesTheProcess(t *testing.T) {
	s := play(t)
	size := s.liar.size()
	signed := s.liar.checkpoints[size]
	s.clock.Add(time.Hour)
	if err := s.mirror.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	at := s.cosigned(s.ask(0, nil, signed))
	if err := s.mirror.Close(); err != nil {
		t.Fatal(err)
	}
	s.open()
	if w := s.ask(0, nil, signed); w.Code != http.StatusConflict || w.Body.String() != strconv.FormatInt(size, 10)+"\n" {
		t.Errorf("answers %d: %s", w.Code, w.Body)
	}
	s.clock.Add(-time.Minute)
	if again := s.cosigned(s.ask(size, nil, signed)); !again.Equal(at) {
		t.Errorf("dated %s after %s", again, at)
	}
	// A mirror that has forgotten does not cosign.
	if err := s.mirror.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(s.dir, "cosigned.json")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for what, harm := range map[string]func() error{
		"lost":      func() error { return os.Remove(name) },
		"cut short": func() error { return os.WriteFile(name, data[:len(data)/2], 0o600) },
		"of another key": func() error {
			return os.WriteFile(name, []byte(strings.Replace(string(data), "mirror.example.org", "other.example.org", 1)), 0o600)
		},
	} {
		if err := harm(); err != nil {
			t.Fatal(err)
		}
		if m, err := mirror.Open(s.config()); err == nil || !strings.Contains(err.Error(), "cosigned.json") {
			t.Errorf("with what it cosigned %s, it starts: %v, %v", what, m, err)
		}
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s.open()
}

// A new register publishes nothing before its mirrors have cosigned.
func TestAMirrorThatHasReadNothingReadsWhatItIsAskedFor(t *testing.T) {
	s := play(t)
	s.again(t.TempDir())
	size := s.liar.size()
	signed := s.liar.checkpoints[size]
	s.liar.show(0)
	if err := s.mirror.CatchUp(t.Context()); err == nil {
		t.Fatal("there is nothing that is published")
	}
	if w := s.ask(0, nil, s.liar.sign(size, stranger(t))); w.Code != http.StatusForbidden {
		t.Errorf("a stranger's checkpoint is answered with %d: %s", w.Code, w.Body)
	}
	s.cosigned(s.ask(0, nil, signed))
	if s.mirror.Reader().Checkpoint() != nil {
		t.Error("it is shown before the register has published it")
	}
}

func TestARegisterThatIsNotReachedIsAskedForPatience(t *testing.T) {
	s := play(t)
	s.again(t.TempDir())
	signed := s.liar.checkpoints[s.liar.size()]
	s.liar.become(newLiar(t))
	if w := s.ask(0, nil, signed); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("answers %d: %s", w.Code, w.Body)
	}
}

// A register that replaces its log key has the root that says so cosigned before
// it publishes it.
func TestACheckpointUnderAKeyThatIsNotReadYetIsCosigned(t *testing.T) {
	s := play(t)
	size := s.liar.size()
	s.cosigned(s.ask(0, nil, s.liar.checkpoints[size]))
	skey, vkey, err := note.GenerateKey(zeroes{}, registrytest.Origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	first, err := attest.OpenRoot(root(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	next, err := first.TrustRoot().Successor()
	if err != nil {
		t.Fatal(err)
	}
	next.LogKeys, next.IAT = []string{vkey}, attest.NumericDate(s.clock.Now().Unix())
	second, err := registrytest.Sign(next)
	if err != nil {
		t.Fatal(err)
	}
	signed := s.liar.batch(s.clock.Now(), lie{signer: signer, unpublished: true}, second)
	s.clock.Add(time.Second)
	w := s.ask(size, s.liar.prove(s.liar.size(), size), signed)
	if w.Code != http.StatusOK {
		t.Fatalf("answers %d: %s", w.Code, w.Body)
	}
	// The old key's word is none any more.
	old := s.log("app-1", lie{unpublished: true})
	if w := s.ask(size+2, s.liar.prove(s.liar.size(), size+2), old); w.Code != http.StatusForbidden {
		t.Errorf("under the key before, it answers %d: %s", w.Code, w.Body)
	}
}

// A mirror that pins version 2 of the trust root does not cosign for whoever has
// only a first.
func TestALogWithoutThePinnedRootIsNotCosigned(t *testing.T) {
	s := play(t)
	if err := s.mirror.Close(); err != nil {
		t.Fatal(err)
	}
	doc, err := trust(t, root(t)).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	later, err := verify.ParseTrust(bytes.Replace(doc, []byte(`"version":1`), []byte(`"version":2`), 1))
	if err != nil {
		t.Fatal(err)
	}
	signed := s.liar.checkpoints[s.liar.size()]
	// One that has read nothing, and one that had read it before.
	for _, dir := range []string{t.TempDir(), s.dir} {
		c := s.config()
		c.Dir, c.Trust = dir, later
		if s.mirror, err = mirror.Open(c); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if w := s.ask(0, nil, signed); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "pins") {
				t.Errorf("answers %d: %s", w.Code, w.Body)
			}
			if err := s.mirror.CatchUp(t.Context()); err == nil || isStopped(err) {
				t.Errorf("it is followed: %v", err)
			}
		}
		if s.mirror.Reader().Checkpoint() != nil {
			t.Error("it is shown")
		}
		if err := s.mirror.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// again opens the mirror anew in a directory.
func (s *scene) again(dir string) {
	s.Helper()
	if err := s.mirror.Close(); err != nil {
		s.Fatal(err)
	}
	s.dir = dir
	s.open()
}

func TestParseRequestReadsWhatItIsGiven(t *testing.T) {
	s := play(t)
	signed := s.liar.checkpoints[4]
	proof := s.liar.prove(4, 2)
	body := "old 2\n" + proof[0].String() + "\n\n" + string(signed)
	r, err := mirror.ParseRequest([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(mirror.Request{Old: 2, Proof: proof, Signed: signed, Checkpoint: r.Checkpoint}, r); diff != "" {
		t.Error(diff)
	}
	if r.Checkpoint.Tree.N != 4 {
		t.Errorf("size %d", r.Checkpoint.Tree.N)
	}
}

func FuzzAddCheckpoint(f *testing.F) {
	l := newLiar(f)
	l.batch(registrytest.Start, lie{}, root(f))
	l.batch(registrytest.Start.Add(time.Second), lie{}, statement(f, registrytest.Registration("reg-1", registrytest.US, registrytest.Halcyon, "US"), registrytest.Start))
	good := "old 2\n" + l.prove(4, 2)[0].String() + "\n\n" + string(l.checkpoints[4])
	f.Add([]byte(good))
	f.Add([]byte("old 0\n\n" + string(l.checkpoints[2])))
	f.Add([]byte("old 0\n\n\n"))
	f.Add([]byte("old 00\n\n" + string(l.checkpoints[2])))
	f.Add([]byte("old 4\n" + strings.Repeat(l.prove(4, 2)[0].String()+"\n", 63) + "\n" + string(l.checkpoints[4])))
	f.Add([]byte(strings.Replace(good, "\n", "\r\n", 2)))
	f.Add(binary.BigEndian.AppendUint64([]byte("old "), 1<<63))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := mirror.ParseRequest(body)
		if err != nil {
			return
		}
		// There is one spelling.
		again := "old " + strconv.FormatInt(r.Old, 10) + "\n"
		for _, h := range r.Proof {
			again += h.String() + "\n"
		}
		if again += "\n" + string(r.Signed); again != string(body) {
			t.Errorf("%q is read as %q", body, again)
		}
	})
}

// Anybody can sign a checkpoint of any size in the register's name.
func TestAStrangersCheckpointMakesTheMirrorReadNothing(t *testing.T) {
	s := play(t)
	size := s.liar.size()
	s.log("app-1", lie{unpublished: true})
	beyond := s.liar.fork()
	beyond.batch(s.clock.Now().Add(time.Second), lie{}, s.registration("reg-2", registrytest.Corvus))
	for what, forged := range map[string][]byte{
		"larger than the register":      beyond.sign(beyond.size(), stranger(t)),
		"of a size that is not kept":    s.liar.sign(s.liar.size()-1, stranger(t)),
		"another tree of a size of its": reroot(s.liar.sign(s.liar.size(), stranger(t)), stranger(t)),
	} {
		s.liar.asks()
		if w := s.ask(size, nil, forged); w.Code != http.StatusForbidden {
			t.Errorf("%s: answers %d: %s", what, w.Code, w.Body)
		}
		for _, path := range s.liar.asks() {
			if strings.HasPrefix(path, "tile/") {
				t.Errorf("%s: it fetches %s", what, path)
			}
		}
	}
	if held := s.mirror.Reader().Size(); held != size {
		t.Errorf("it holds %d leaves, %d before", held, size)
	}
}

// reroot signs a checkpoint of the same size with another root.
func reroot(signed []byte, signer note.Signer) []byte {
	text, _, _ := strings.Cut(string(signed), "\n\n")
	lines := strings.Split(text, "\n")
	lines[2] = tlog.Hash{1}.String()
	out, err := note.Sign(&note.Note{Text: strings.Join(lines, "\n") + "\n"}, signer)
	if err != nil {
		panic(err)
	}
	return out
}

// The register's own checkpoints are cosigned, and it is followed, while many
// strangers' wait for an answer that takes long.
func TestStrangersDoNotHoldUpTheRegister(t *testing.T) {
	s := play(t)
	size := s.liar.size()
	asked, answer := make(chan struct{}, 100), make(chan struct{})
	s.via(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/checkpoint/") {
			asked <- struct{}{}
			<-answer
		}
		return false
	})
	if err := s.mirror.Close(); err != nil {
		t.Fatal(err)
	}
	c := s.config()
	c.Wait = time.Minute
	var err error
	if s.mirror, err = mirror.Open(c); err != nil {
		t.Fatal(err)
	}
	s.log("app-1", lie{unpublished: true})
	forged := s.liar.sign(s.liar.size(), stranger(t))
	answered := make(chan int, 8)
	for range cap(answered) {
		go func() { answered <- s.ask(size, nil, forged).Code }()
	}
	<-asked
	if err := s.mirror.CatchUp(t.Context()); err != nil {
		t.Error(err)
	}
	s.cosigned(s.ask(0, nil, s.liar.checkpoints[size]))
	if n := len(asked); n != 0 {
		t.Errorf("the register is asked %d times at once", n+1)
	}
	close(answer)
	for range cap(answered) {
		if code := <-answered; code != http.StatusForbidden && code != http.StatusServiceUnavailable {
			t.Errorf("a stranger is answered with %d", code)
		}
	}
}
