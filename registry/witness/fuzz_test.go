package witness_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/registry/witness"
)

// answering is a network on which everybody answers the same.
type answering struct {
	status      int
	contentType string
	body        []byte
	requests    int
}

func (a *answering) RoundTrip(*http.Request) (*http.Response, error) {
	a.requests++
	return &http.Response{
		StatusCode: a.status, Header: http.Header{"Content-Type": {a.contentType}, "Retry-After": {string(a.body)}},
		Body: io.NopCloser(bytes.NewReader(a.body)),
	}, nil
}

// FuzzAnswer: whatever a witness answers, what comes of it is either an error
// or one line by its key over the very checkpoint that was sent.
func FuzzAnswer(f *testing.F) {
	skey, vkey, err := note.GenerateKey(bytes.NewReader(make([]byte, 64)), "witness.example/w")
	if err != nil {
		f.Fatal(err)
	}
	key, err := registry.NewCosigner(skey)
	if err != nil {
		f.Fatal(err)
	}
	if vkey, err = fnote.VKeyToCosignatureV1(vkey); err != nil {
		f.Fatal(err)
	}
	verifier, err := fnote.NewVerifierForCosignatureV1(vkey)
	if err != nil {
		f.Fatal(err)
	}
	signer, _ := rt.LogSigner()
	text := rt.Origin + "\n7\n" + tlog.Hash{1}.String() + "\n"
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		f.Fatal(err)
	}
	line := func(unix int64) []byte {
		l, err := key.Cosign(signed, time.Unix(unix, 0))
		if err != nil {
			f.Fatal(err)
		}
		return l
	}
	good := line(1700000000)
	f.Add(200, "", good)
	f.Add(200, "text/plain", append(bytes.Clone(good), good...))
	f.Add(200, "", append([]byte("\n"), good...))
	f.Add(200, "", bytes.TrimSuffix(good, []byte("\n")))
	f.Add(200, "", line(0))
	f.Add(200, "", line(-1))
	f.Add(200, "", bytes.Repeat([]byte("\u2014 a b\n"), 200))
	for _, size := range []string{"0\n", "3\n", "5\n", "7\n", "8\n", "05\n", "-1\n", "9223372036854775808\n", "5"} {
		f.Add(409, "text/x.tlog.size", []byte(size))
	}
	f.Add(409, "text/x.tlog.size; charset=utf-8", []byte("5\n"))
	f.Add(503, "text/plain", []byte("3"))
	f.Add(404, "text/html", []byte("<html>\x1b[31m\xff"))
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		network := &answering{status: status, contentType: contentType, body: body}
		w, err := witness.New("w", vkey, "https://w.example/", &http.Client{Transport: network})
		if err != nil {
			t.Fatal(err)
		}
		c, err := w.AddCheckpoint(context.Background(), 3, signed, func(old int64) (tlog.TreeProof, error) {
			if old <= 0 || old >= 7 {
				t.Errorf("a proof from %d to 7 is asked for", old)
			}
			return tlog.TreeProof{{2}}, nil
		})
		if network.requests < 1 || network.requests > 3 {
			t.Errorf("%d requests", network.requests)
		}
		if err != nil {
			if e, ok := errors.AsType[*witness.SizeError](err); ok && e.Held < e.Sent {
				t.Errorf("%v: a smaller size is none that a log cannot follow", e)
			}
			if e, ok := errors.AsType[*witness.StatusError](err); ok && (e.RetryAfter < 0 || e.RetryAfter > time.Hour) {
				t.Errorf("ask again after %s", e.RetryAfter)
			}
			if len(err.Error()) > 4000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		n, err := note.Open(append([]byte(text+"\n"), c.Line...), note.VerifierList(verifier))
		if err != nil || n.Text != text || len(n.Sigs) != 1 || len(n.UnverifiedSigs) > 0 || c.Time.Unix() < 1 {
			t.Errorf("%q of %s: %v", c.Line, c.Time, err)
		}
	})
}
