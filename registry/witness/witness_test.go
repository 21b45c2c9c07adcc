package witness_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	flog "github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/registry/witness"
)

// A log is a tree of numbered leaves.
type log []tlog.Hash

func (l log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, i := range indexes {
		out = append(out, l[i])
	}
	return out, nil
}

// grown is a log of n leaves, which differ from those of another word.
func grown(t *testing.T, n int64, word string) log {
	t.Helper()
	var l log
	for i := range n {
		hashes, err := tlog.StoredHashes(i, fmt.Appendf(nil, "%s %d", word, i), l)
		if err != nil {
			t.Fatal(err)
		}
		l = append(l, hashes...)
	}
	return l
}

func (l log) tree(t *testing.T, n int64) tlog.Tree {
	t.Helper()
	hash, err := tlog.TreeHash(n, l)
	if err != nil {
		t.Fatal(err)
	}
	return tlog.Tree{N: n, Hash: hash}
}

func (l log) checkpoint(t *testing.T, n int64) []byte {
	t.Helper()
	tree := l.tree(t, n)
	signer, _ := rt.LogSigner()
	signed, err := note.Sign(&note.Note{Text: string(flog.Checkpoint{Origin: rt.Origin, Size: uint64(n), Hash: tree.Hash[:]}.Marshal())}, signer)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func (l log) prove(n int64) func(int64) (tlog.TreeProof, error) {
	return func(old int64) (tlog.TreeProof, error) { return tlog.ProveTree(n, old, l) }
}

func at(unix int64) func() time.Time { return func() time.Time { return time.Unix(unix, 0) } }

func dial(t *testing.T, w *rt.Witness) *witness.Witness {
	t.Helper()
	c, err := witness.New(w.Name, w.VKey, w.URL+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestACheckpointIsCosigned(t *testing.T) {
	server := rt.NewWitness(t, "w", at(1700000000))
	w, l := dial(t, server), grown(t, 70, "leaf")
	// From what it holds, from less, from more, and the same again.
	for _, ask := range []struct{ old, size int64 }{{0, 1}, {1, 5}, {5, 5}, {0, 6}, {3, 8}, {8, 64}, {0, 64}, {70, 70}} {
		signed := l.checkpoint(t, ask.size)
		c, err := w.AddCheckpoint(t.Context(), ask.old, signed, l.prove(ask.size))
		if err != nil {
			t.Fatalf("from %d to %d: %v", ask.old, ask.size, err)
		}
		if got := server.Held(); got != l.tree(t, ask.size) {
			t.Errorf("it holds %v after size %d", got, ask.size)
		}
		if want := server.Cosign(signed, time.Unix(1700000000, 0)); string(c.Line) != string(want) || c.Time.Unix() != 1700000000 {
			t.Errorf("got %q of %s, want %q", c.Line, c.Time, want)
		}
	}
	if n := server.Requests(); n != 8+4 {
		t.Errorf("%d requests; want one for each, and one more for each wrong size", n)
	}
	// What it has kept outlives it.
	server.Stop()
	if _, err := w.AddCheckpoint(t.Context(), 70, l.checkpoint(t, 70), l.prove(70)); err == nil {
		t.Error("a witness that is gone has cosigned")
	}
	server.Start()
	if _, err := w.AddCheckpoint(t.Context(), 0, l.checkpoint(t, 70), l.prove(70)); err != nil {
		t.Error(err)
	}
}

func TestAnEmptyLogIsCosigned(t *testing.T) {
	server := rt.NewWitness(t, "w", at(1700000000))
	w, l := dial(t, server), grown(t, 3, "leaf")
	if _, err := w.AddCheckpoint(t.Context(), 0, l.checkpoint(t, 0), nil); err != nil {
		t.Error(err)
	}
	server.Hold(l.tree(t, 3))
	_, err := w.AddCheckpoint(t.Context(), 0, l.checkpoint(t, 0), nil)
	if e, ok := errors.AsType[*witness.SizeError](err); !ok || e.Held != 3 || e.Sent != 0 {
		t.Errorf("%v, want that it holds 3", err)
	}
}

func TestAWitnessThatKnowsAnotherLogIsSaidToDoSo(t *testing.T) {
	l, other := grown(t, 9, "leaf"), grown(t, 9, "other")
	for name, test := range map[string]struct {
		held tlog.Tree
		says string
	}{
		"a larger one":            {l.tree(t, 9), "holds a checkpoint of size 9, which is larger than 7"},
		"another of that size":    {other.tree(t, 7), "another checkpoint of size 7"},
		"another, and smaller":    {other.tree(t, 5), "422"},
		"one that grew meanwhile": {l.tree(t, 6), ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := rt.NewWitness(t, "w", at(1700000000))
			server.Hold(test.held)
			_, err := dial(t, server).AddCheckpoint(t.Context(), 3, l.checkpoint(t, 7), l.prove(7))
			if test.says == "" && err != nil || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("%v, want %q", err, test.says)
			}
		})
	}
}

func TestOnlyTheWitnesssOwnCosignatureIsTaken(t *testing.T) {
	l := grown(t, 9, "leaf")
	signed := l.checkpoint(t, 7)
	server, stranger := rt.NewWitness(t, "w", at(1700000000)), rt.NewWitness(t, "stranger", at(1700000000))
	good := string(server.Cosign(signed, time.Unix(1700000000, 0)))
	ok := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
	}
	sized := func(contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, body)
		}
	}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		says   string // "" where it is taken
	}{
		"its own":                      {ok(good), ""},
		"its own beside another key's": {ok(string(stranger.Cosign(signed, time.Unix(1, 0))) + good), ""},
		"nothing":                      {ok(""), "cosignature"},
		"garbage":                      {ok("\x00\xff garbage"), "cosignature"},
		"a page":                       {ok("<html>welcome</html>\n"), "cosignature"},
		"a line and a page":            {ok(good + "<html>\n"), "cosignature"},
		"a line cut short":             {ok(good[:len(good)-9] + "\n"), "cosignature"},
		"a line without its end":       {ok(strings.TrimSuffix(good, "\n")), "cosignature"},
		"another key's alone":          {ok(string(stranger.Cosign(signed, time.Unix(1, 0)))), "cosignature"},
		"over another checkpoint":      {ok(string(server.Cosign(l.checkpoint(t, 6), time.Unix(1, 0)))), "cosignature"},
		"of the time 0":                {ok(string(server.Cosign(signed, time.Unix(0, 0)))), "no time"},
		"of a time before 1970":        {ok(string(server.Cosign(signed, time.Unix(-5, 0)))), "cosignature"},
		"of the year 10000":            {ok(string(server.Cosign(signed, time.Unix(253402300800, 0)))), "no time"},
		"more than is read":            {ok(strings.Repeat(good, 1000)), "more than 65536 bytes"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, stranger.URL, http.StatusTemporaryRedirect)
		}, "307"},
		"404":                          {http.NotFound, "404 Not Found"},
		"500 with much to say":         {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, strings.Repeat("x", 100000), 500) }, strings.Repeat("x", 300) + `"`},
		"409 of no size":               {sized("text/plain", "5\n"), "409 Conflict"},
		"409 of no number":             {sized("text/x.tlog.size", "five\n"), "409 Conflict"},
		"409 of a long number":         {sized("text/x.tlog.size", "99999999999999999999\n"), "409 Conflict"},
		"409 of 2^53":                  {sized("text/x.tlog.size", "9007199254740992\n"), "409 Conflict"},
		"409 of 05":                    {sized("text/x.tlog.size", "05\n"), "409 Conflict"},
		"409 of less than nothing":     {sized("text/x.tlog.size", "-1\n"), "409 Conflict"},
		"409 without end":              {sized("text/x.tlog.size", "5\n"), "when asked from size 5"},
		"409 with parameters":          {sized("text/x.tlog.size; charset=utf-8", "9\n"), "larger than 7"},
		"409 of the size asked from":   {sized("text/x.tlog.size", "3\n"), "when asked from size 3"},
		"409 of the checkpoint's size": {sized("text/x.tlog.size", "7\n"), "another checkpoint of size 7"},
		"204":                          {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, "204"},
		"a connection that is cut":     {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		"a header and nothing behind it": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "90")
			w.WriteHeader(200)
		}, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			server.Answer(test.answer)
			defer server.Answer(nil)
			before := stranger.Requests()
			c, err := dial(t, server).AddCheckpoint(t.Context(), 3, signed, l.prove(7))
			switch {
			case test.says == "" && (err != nil || string(c.Line) != good):
				t.Errorf("%q, %v; want it taken", c.Line, err)
			case test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says) || c.Line != nil):
				t.Errorf("%q, %v; want an error that says %q", c.Line, err, test.says)
			case err != nil && (len(err.Error()) > 1000 || !strings.Contains(err.Error(), "witness w")):
				t.Errorf("the error is too long, or does not name the witness: %v", err)
			}
			if stranger.Requests() != before {
				t.Error("a redirect was followed")
			}
		})
	}
}

// An answer that brings an empty line makes a note of another text, which the
// witness may well have signed.
func TestACosignatureOfAnotherTextIsRefused(t *testing.T) {
	l := grown(t, 2, "leaf")
	signed := string(l.checkpoint(t, 2))
	text, _, _ := strings.Cut(signed, "\n\n")
	skey, vkey, err := note.GenerateKey(rand.Reader, "witness.example/w")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := fnote.NewSignerForCosignatureV1(skey)
	if err != nil {
		t.Fatal(err)
	}
	if vkey, err = fnote.VKeyToCosignatureV1(vkey); err != nil {
		t.Fatal(err)
	}
	forged, err := note.Sign(&note.Note{Text: text + "\n\nmore\n"}, signer)
	if err != nil {
		t.Fatal(err)
	}
	server := rt.NewWitness(t, "w", at(1))
	w, err := witness.New("w", vkey, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	server.Answer(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, strings.TrimPrefix(string(forged), text+"\n\n"))
	})
	if c, err := w.AddCheckpoint(t.Context(), 0, []byte(signed), nil); err == nil || !strings.Contains(err.Error(), "more than signature lines") {
		t.Errorf("%q, %v; want it refused", c.Line, err)
	}
}

func TestRefusalsKeepTheirStatus(t *testing.T) {
	l := grown(t, 2, "leaf")
	server := rt.NewWitness(t, "w", at(1700000000))
	server.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3")
		http.Error(w, "still\x1b[31m catching up", http.StatusServiceUnavailable)
	})
	_, err := dial(t, server).AddCheckpoint(t.Context(), 0, l.checkpoint(t, 2), nil)
	e, ok := errors.AsType[*witness.StatusError](err)
	if !ok || e.Status != 503 || e.RetryAfter != 3*time.Second || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%v", err)
	}
}

func TestAWitnessIsNotAskedAtOnceThatWantsToBeLeftAloneForAges(t *testing.T) {
	l := grown(t, 2, "leaf")
	server := rt.NewWitness(t, "w", at(1700000000))
	for header, want := range map[string]time.Duration{"3600": time.Hour, "3601": time.Hour, "20211507185753197": time.Hour, "-1": 0, "soon": 0} {
		server.Answer(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", header)
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		_, err := dial(t, server).AddCheckpoint(t.Context(), 0, l.checkpoint(t, 2), nil)
		if e, ok := errors.AsType[*witness.StatusError](err); !ok || e.RetryAfter != want {
			t.Errorf("%s: %v, want after %s", header, err, want)
		}
	}
}

func TestASlowWitnessIsNotWaitedForLongerThanTold(t *testing.T) {
	l := grown(t, 2, "leaf")
	server := rt.NewWitness(t, "w", at(1700000000))
	gone := make(chan struct{})
	server.Answer(func(w http.ResponseWriter, _ *http.Request) {
		// One byte a time, for ever.
		for {
			select {
			case <-gone:
				return
			case <-time.After(5 * time.Millisecond):
				fmt.Fprint(w, "x")
				if f, ok := w.(http.Flusher); ok {
					f.Flush()
				}
			}
		}
	})
	defer close(gone)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := dial(t, server).AddCheckpoint(ctx, 0, l.checkpoint(t, 2), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want that its time is over", err)
	}
}

func TestAProofThatCannotBeMadeIsSaid(t *testing.T) {
	l := grown(t, 5, "leaf")
	server := rt.NewWitness(t, "w", at(1700000000))
	server.Hold(l.tree(t, 3))
	broken := errors.New("no such hash")
	_, err := dial(t, server).AddCheckpoint(t.Context(), 0, l.checkpoint(t, 5), func(int64) (tlog.TreeProof, error) { return nil, broken })
	if !errors.Is(err, broken) {
		t.Errorf("%v, want %v", err, broken)
	}
	if _, err := dial(t, server).AddCheckpoint(t.Context(), 0, []byte("no checkpoint"), nil); err == nil {
		t.Error("what is no checkpoint was sent")
	}
}

func TestWhereAWitnessIsHasToBeClear(t *testing.T) {
	vkey := rt.NewWitness(t, "w", time.Now).VKey
	_, logKey := rt.LogSigner()
	sum := sha256.Sum256([]byte("x"))
	for _, bad := range []struct{ vkey, url string }{
		{vkey, ""}, {vkey, "w.example"}, {vkey, "ftp://w.example/"}, {vkey, "https:///x"}, {vkey, "https://w.example/?x=1"},
		{vkey, "https://w.example/#x"}, {vkey, "http://w.example:x/"}, {"", "https://w.example/"}, {logKey, "https://w.example/"}, {fmt.Sprintf("w+%x+AAAA", sum[:4]), "https://w.example/"},
	} {
		if _, err := witness.New("w", bad.vkey, bad.url, nil); err == nil {
			t.Errorf("%q at %q is taken for a witness", bad.vkey, bad.url)
		}
	}
}
