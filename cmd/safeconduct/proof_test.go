package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	flog "github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	fproof "github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry/tlogtiles"
)

// testProof is a proof of leaf 5 of 11, and the verifier keys of its log and
// of a witness that has cosigned it.
func testProof(t *testing.T, leaf []byte, extension string) (p fproof.TLogProof, logKey, witnessKey string) {
	t.Helper()
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range indexes {
			out = append(out, hashes[i])
		}
		return out, nil
	})
	for i := range int64(11) {
		data := leaf
		if i != 5 {
			data = fmt.Append(nil, i)
		}
		h, err := tlog.StoredHashes(i, data, reader)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, h...)
	}
	root, err := tlog.TreeHash(11, reader)
	if err != nil {
		t.Fatal(err)
	}
	path, err := tlog.ProveRecord(11, 5, reader)
	if err != nil {
		t.Fatal(err)
	}
	skey, logKey, err := note.GenerateKey(rand.Reader, "example.org/log")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	wskey, wvkey, err := note.GenerateKey(rand.Reader, "example.net/witness")
	if err != nil {
		t.Fatal(err)
	}
	witness, err := fnote.NewSignerForCosignatureV1(wskey)
	if err != nil {
		t.Fatal(err)
	}
	if witnessKey, err = fnote.VKeyToCosignatureV1(wvkey); err != nil {
		t.Fatal(err)
	}
	text := string(flog.Checkpoint{Origin: "example.org/log", Size: 11, Hash: root[:]}.Marshal()) + extension
	p.Index = 5
	for _, h := range path {
		p.Hashes = append(p.Hashes, h)
	}
	if p.Checkpoint, err = note.Sign(&note.Note{Text: text}, signer, witness); err != nil {
		t.Fatal(err)
	}
	return p, logKey, witnessKey
}

func TestAProofThatWasChangedIsRefused(t *testing.T) {
	leaf := []byte("a statement")
	p, logKey, witnessKey := testProof(t, leaf, "")
	keys, err := parseVKeys([]string{logKey, witnessKey})
	if err != nil {
		t.Fatal(err)
	}
	open := func(text []byte) error {
		_, err := openProof(text, tlog.RecordHash(leaf), keys)
		return err
	}
	good := p.Marshal()
	if err := open(good); err != nil {
		t.Fatal(err)
	}
	extra := p
	extra.ExtraData = []byte("nothing vouches for this")
	if err := open(extra.Marshal()); err != nil {
		t.Errorf("with extra data: %v", err)
	}
	for i := range bytes.Index(good, []byte("\n— ")) {
		for _, change := range []byte{1, 0x20, 0x80} {
			bad := bytes.Clone(good)
			if bad[i] ^= change; open(bad) == nil {
				t.Errorf("with byte %d changed from %q to %q it is accepted", i, good[i], bad[i])
			}
		}
	}
	for i := range good {
		if open(good[:i]) == nil {
			t.Errorf("cut to %d bytes it is accepted", i)
		}
	}
	for name, bad := range map[string]string{
		"a byte after it":              string(good) + "x",
		"a line after it":              string(good) + "\n",
		"carriage returns":             strings.ReplaceAll(string(good), "\n", "\r\n"),
		"index with a zero":            strings.Replace(string(good), "index 5", "index 05", 1),
		"index beyond the log":         strings.Replace(string(good), "index 5", "index 11", 1),
		"index beyond all":             strings.Replace(string(good), "index 5", "index 18446744073709551615", 1),
		"a hash too many":              strings.Replace(string(good), "\n\n", "\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n", 1),
		"a hash with stray bits":       strings.Replace(string(good), "=\n", "=\n\r", 1),
		"nothing":                      "",
		"the checkpoint alone":         string(p.Checkpoint),
		"extra data that is no base64": strings.Replace(string(good), "index", "extra ?\nindex", 1),
	} {
		if open([]byte(bad)) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Package tlog does not come to an end at the size.
func TestALogOfAnEndlessSizeIsRefused(t *testing.T) {
	checkpoint := fmt.Sprintf("example.org/log\n%d\n%s\n\n\u2014 x AAAAAAAA\n", 1<<62+1, tlog.Hash{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/checkpoint" {
			_, _ = w.Write([]byte(checkpoint))
			return
		}
		tile, err := tlogtiles.ParsePath(strings.TrimPrefix(r.URL.Path, "/"))
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(make([]byte, tile.W*tlog.HashSize))
	}))
	defer server.Close()
	if _, _, err := fetchProof(t.Context(), &tlogtiles.Client{BaseURL: server.URL}, 0, nil); err == nil || !strings.Contains(err.Error(), "beyond 2^53-1") {
		t.Errorf("make a proof: %v", err)
	}
	p := fproof.TLogProof{Hashes: make([][32]byte, 63), Checkpoint: []byte(checkpoint)}
	if _, err := openProof(p.Marshal(), tlog.Hash{}, nil); err == nil || !strings.Contains(err.Error(), "beyond 2^53-1") {
		t.Errorf("check a proof: %v", err)
	}
}

func TestAProofIsSignedByEveryKeyThatIsAskedFor(t *testing.T) {
	leaf := []byte("a statement")
	p, logKey, witnessKey := testProof(t, leaf, "")
	_, stranger, otherWitness := testProof(t, leaf, "")
	extended, extendedKey, _ := testProof(t, leaf, "an extension line\n")
	for name, row := range map[string]struct {
		proof fproof.TLogProof
		vkeys []string
		says  string
	}{
		"the log":                      {p, []string{logKey}, ""},
		"the log and a witness":        {p, []string{witnessKey, logKey}, ""},
		"another key of the same name": {p, []string{stranger}, "not signed as was asked for"},
		"another witness":              {p, []string{logKey, otherWitness}, "not signed as was asked for"},
		"a witness alone":              {p, []string{witnessKey}, `no --vkey is a key of the log "example.org/log"`},
		"an extension line":            {extended, []string{extendedKey}, "extension line"},
	} {
		keys, err := parseVKeys(row.vkeys)
		if err != nil {
			t.Fatal(err)
		}
		got, err := openProof(row.proof.Marshal(), tlog.RecordHash(leaf), keys)
		if row.says == "" {
			if err != nil || len(got.SignedBy) != len(row.vkeys) || got.Index != 5 || got.Size != 11 {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v, want it to say %q", name, err, row.says)
		}
	}
}
