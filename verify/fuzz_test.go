package verify_test

import (
	"bytes"
	"testing"

	"github.com/safeconduct/safeconduct/verify"
)

func FuzzParse(f *testing.F) {
	r := story()
	f.Add(marshal(f, r.evidence(r.checkpoint(quorum(cosign)...), touched...)))
	f.Add(marshal(f, &verify.Evidence{}))
	f.Add([]byte(`{"checkpoint":"","histories":[],"statements":[],"status":{"index":0,"leaf":""},"type":"safeconduct/evidence/v1"}`))
	tr := trust(f, r, bothMirrors(), verify.Insecure{})
	good := marshal(f, r.evidence(r.checkpoint(quorum(cosign)...), touched...))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := verify.Parse(data)
		if err != nil {
			return
		}
		if again, err := e.Marshal(); err != nil || !bytes.Equal(again, data) {
			t.Errorf("read, but marshals otherwise: %v", err)
		}
		d, err := verify.Decide(data, tr, joint(), times())
		if err == nil && d.Permitted() && !bytes.Equal(data, good) {
			t.Errorf("other evidence permits: %s", data)
		}
	})
}

func FuzzParseStatusLeaf(f *testing.F) {
	f.Add([]byte("safeconduct/status/v1\n9\n1767225600000\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n4\n"))
	f.Add([]byte("safeconduct/status/v1\n1\n0\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n-\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := verify.ParseStatusLeaf(data); err == nil && !bytes.Equal(s.Marshal(), data) {
			t.Errorf("read, but marshals otherwise: %q", data)
		}
	})
}

func FuzzParsePolicy(f *testing.F) {
	f.Add(bothMirrors())
	f.Add("# x\nlog " + logKey().vkey() + "\nwitness a " + vkey("a") + " https://a.example\ngroup g 1 a\nquorum g")
	f.Add("quorum none\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, cosigners, err := verify.ParsePolicy(text)
		if err == nil && len(cosigners) == 0 {
			t.Errorf("a policy that asks for nobody: %q", text)
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
