package verify_test

import (
	"bytes"
	"slices"
	"testing"

	flog "github.com/transparency-dev/formats/log"

	"github.com/safeconduct/safeconduct/verify"
)

func FuzzParse(f *testing.F) {
	r := prime(2)
	tr := trust(f, r, bothMirrors(), verify.Insecure{})
	good := marshal(f, whole(r))
	compact := must(verify.Compact(good, tr, joint(), times()))
	f.Add(good)
	f.Add(compact)
	f.Add(marshal(f, r.evidence(r.checkpoint(quorum(cosign)...), "root")))
	f.Add(marshal(f, &verify.Evidence{}))
	none := *must(verify.Parse(good))
	none.Statements = nil
	f.Add(marshal(f, &none))
	// With stubs alone, or without inclusion proofs alone.
	stubs, unplaced := must(verify.Parse(compact)), must(verify.Parse(good))
	for i, s := range stubs.Statements {
		whole := slices.IndexFunc(unplaced.Statements, func(b verify.LoggedStatement) bool { return b.Index == s.Index })
		stubs.Statements[i].Proof = unplaced.Statements[whole].Proof
	}
	unplace(unplaced)
	f.Add(marshal(f, stubs))
	known := [][]byte{good, compact, must(verify.Compact(good, tr, programme(), times())), marshal(f, stubs), marshal(f, unplaced)}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := verify.Parse(data)
		if err != nil {
			return
		}
		if again, err := e.Marshal(); err != nil || !bytes.Equal(again, data) {
			t.Errorf("read, but marshals otherwise: %v", err)
		}
		d, err := verify.Decide(data, tr, joint(), times())
		if err == nil && d.Permitted() && !slices.ContainsFunc(known, func(k []byte) bool { return bytes.Equal(k, data) }) {
			t.Errorf("other evidence permits: %s", data)
		}
	})
}

func FuzzStatusLeaf(f *testing.F) {
	f.Add([]byte("safeconduct/status/v1\n9\n1767225600000\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n4\n"))
	f.Add([]byte("safeconduct/status/v1\n1\n0\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n-\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := verify.ParseStatusLeaf(data); err == nil && !bytes.Equal(s.Marshal(), data) {
			t.Errorf("read, but marshals otherwise: %q", data)
		}
	})
}

// FuzzCheckpoint parses checkpoints and merges their signature lines.
func FuzzCheckpoint(f *testing.F) {
	r := story()
	good := r.checkpoint(append(quorum(cosign), cosigner("witness", cosign))...)
	f.Add([]byte(good))
	f.Add([]byte(r.checkpoint(quorum(asked)...)))
	f.Add([]byte(origin + "\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n"))
	tr := trust(f, r, bothMirrors(), verify.Insecure{})
	e := r.evidence("", "root")
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := verify.ParseCheckpoint(data)
		if err == nil {
			text := flog.Checkpoint{Origin: c.Origin, Size: uint64(c.Tree.N), Hash: c.Tree.Hash[:]}.Marshal()
			if c.Text != string(text) || !bytes.HasPrefix(data, append(text, '\n')) {
				t.Errorf("%q is read from %q", text, data)
			}
		}
		merged, err := verify.MergeCheckpoint(data)
		if err != nil {
			return
		}
		if again, err := verify.MergeCheckpoint(merged, merged[bytes.LastIndex(merged, []byte("\n\n"))+2:]); err != nil || !bytes.Equal(again, merged) {
			t.Errorf("merged %q, and again %q: %v", merged, again, err)
		}
		shown := *e
		shown.Checkpoint = string(data)
		file, err := shown.Marshal()
		if err != nil {
			return
		}
		if rep, err := verify.Check(file, tr, asked); err == nil && (!bytes.Equal(merged, data) || rep.Size != int64(len(r.leaves))) {
			t.Errorf("accepted: %q", data)
		}
	})
}

func FuzzParseTrust(f *testing.F) {
	f.Add(must(trust(f, story(), bothMirrors(), verify.Insecure{OperatorClock: true}).MarshalJSON()))
	f.Add([]byte(`{"max_status_age":"PT24H","origin":"example.org/register","policy":"quorum none\n","root":{"leaf_hash":"","version":1}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		tr, err := verify.ParseTrust(data)
		if err != nil {
			return
		}
		again, err := tr.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := verify.ParseTrust(again); err != nil || back.Digest() != tr.Digest() {
			t.Errorf("does not read back: %v\n%s", err, again)
		}
	})
}
