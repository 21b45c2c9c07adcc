package verify_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/verify"
)

func TestEvidenceHasOneByteForm(t *testing.T) {
	r := story()
	e := r.evidence(r.checkpoint(quorum(cosign)...), touched...)
	data := marshal(t, e)
	back, err := verify.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, back); diff != "" {
		t.Errorf("marshal and parse (-want +got):\n%s", diff)
	}
	// Marshal sorts.
	e.Histories[0], e.Histories[1] = e.Histories[1], e.Histories[0]
	e.Statements[0], e.Statements[1] = e.Statements[1], e.Statements[0]
	if !bytes.Equal(marshal(t, e), data) {
		t.Error("the order in the struct changes the bytes")
	}
	if canonical, err := attest.Canonical([]byte(`{"a":` + string(data) + `}`)); err != nil || len(canonical) != len(data)+6 {
		t.Errorf("not of the length of its RFC 8785 form: %v", err)
	}

	text := string(data)
	for name, other := range map[string]string{
		"white space":       strings.Replace(text, ":", ": ", 1),
		"a final newline":   text + "\n",
		"an unknown member": strings.Replace(text, `{"checkpoint"`, `{"a":1,"checkpoint"`, 1),
		"another case":      strings.Replace(text, `"checkpoint"`, `"Checkpoint"`, 1),
		"a member twice":    strings.Replace(text, `"type":`, `"type":"safeconduct/evidence/v1","type":`, 1),
		"another type":      strings.Replace(text, "evidence/v1", "evidence/v2", 1),
		"no type":           strings.Replace(text, `,"type":"safeconduct/evidence/v1"`, "", 1),
		"an escape":         strings.Replace(text, `"root"`, `"\u0072oot"`, 1),
		"an empty array":    strings.Replace(text, `"histories":[{`, `"histories":[{"entries":[],`, 1),
		"a zero tag":        strings.Replace(text, `"index":0,"time"`, `"index":0,"tag":"`+base64.StdEncoding.EncodeToString(make([]byte, 32))+`","time"`, 1),
		"null":              strings.Replace(text, `"index":0,"time"`, `"index":null,"time"`, 1),
		"a fraction":        strings.Replace(text, `"index":0,"time"`, `"index":0.0,"time"`, 1),
		"a leading zero":    strings.Replace(text, `"index":0,"time"`, `"index":00,"time"`, 1),
		"not UTF-8":         strings.Replace(text, `"checkpoint":"`, "\"checkpoint\":\"\xff", 1),
		"another order":     strings.Replace(text, `{"index":0,`, `{"time":0,"index":0,`, 1),
		"nothing":           "",
		"not an object":     "[]",
	} {
		if other == text {
			t.Errorf("%s: the test changes nothing", name)
		}
		if _, err := verify.Parse([]byte(other)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Scanning is what makes evidence cheap to read.
func TestEvidenceOfARegisterIsReadInOnePass(t *testing.T) {
	r := prime(3)
	e := whole(r)
	hide(r, e, approvals, tagged("TEA-US-X-0"))
	for _, x := range []*verify.Evidence{whole(r), e} {
		data := marshal(t, x)
		got, ok := verify.Scan(data)
		if !ok {
			t.Fatal("it is read as any JSON")
		}
		if diff := cmp.Diff(x, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestArraysAscend(t *testing.T) {
	text := string(marshal(t, whole(prime(1))))
	for _, element := range []string{
		`\{(?:"entries":\[[^\]]*\],)?"proof":"[^"]*","subject":"[^"]*"\}`,
		`\{"index":\d+(?:,"tag":"[^"]*")?,"time":\d+\}`,
		`\{"index":\d+,"proof":"[^"]*","statement":"[^"]*"\}`,
	} {
		two := regexp.MustCompile("(" + element + "),(" + element + ")")
		at := two.FindStringSubmatchIndex(text)
		if at == nil {
			t.Fatalf("%s: not in the evidence", element)
		}
		other := text[:at[0]] + string(two.ExpandString(nil, "$2,$1", text, at)) + text[at[1]:]
		if _, err := verify.Parse([]byte(other)); err == nil {
			t.Errorf("accepted in another order: %s", element)
		}
	}
}

func TestNonStrictBase64IsRefused(t *testing.T) {
	e := &verify.Evidence{Histories: []verify.History{{Subject: "root", Proof: []byte{0}}}, Statements: []verify.LoggedStatement{{Proof: []tlog.Hash{{}}, Statement: "x"}}}
	text := string(marshal(t, e))
	if _, err := verify.Parse([]byte(text)); err != nil {
		t.Fatal(err)
	}
	zero := tlog.Hash{}.String()
	for _, other := range []string{
		strings.Replace(text, `"proof":"AA=="`, `"proof":"AB=="`, 1),
		strings.Replace(text, `"proof":"AA=="`, `"proof":"AA"`, 1),
		strings.Replace(text, `"proof":"AA=="`, `"proof":"AA==\n"`, 1),
		strings.Replace(text, zero, zero[:42]+"B=", 1),
	} {
		if other == text {
			t.Fatal("the test changes nothing")
		}
		if _, err := verify.Parse([]byte(other)); err == nil {
			t.Errorf("accepted: %s", other)
		}
	}
}

func TestEvidenceIsBounded(t *testing.T) {
	many := func(n int) (e verify.Evidence) {
		for i := range n {
			e.Histories = append(e.Histories, verify.History{Subject: fmt.Sprintf("sandbox:%d", i)})
		}
		return e
	}
	statements := func(n int) (e verify.Evidence) {
		for i := range n {
			e.Statements = append(e.Statements, verify.LoggedStatement{Index: int64(i)})
		}
		return e
	}
	stubs := func(n int) (e verify.Evidence) {
		e.Histories = []verify.History{{Subject: "root"}}
		for i := range n {
			e.Histories[0].Stubs = append(e.Histories[0].Stubs, verify.Stub{Index: int64(i)})
		}
		return e
	}
	hashes := make([]tlog.Hash, 65)
	for name, e := range map[string]verify.Evidence{
		"histories":        many(1001),
		"statements":       statements(10001),
		"stubs":            stubs(40001),
		"proof hashes":     {Statements: []verify.LoggedStatement{{Proof: hashes}}},
		"status hashes":    {Status: verify.StatusProof{Proof: hashes}},
		"bytes":            {Checkpoint: strings.Repeat("x", 4<<20)},
		"a subject twice":  {Histories: []verify.History{{Subject: "root"}, {Subject: "root"}}},
		"an index twice":   {Statements: []verify.LoggedStatement{{Index: 1}, {Index: 1}}},
		"an entry twice":   {Histories: []verify.History{{Subject: "root", Entries: []verify.Entry{{Index: 1}, {Index: 1}}}}},
		"no subject":       {Histories: []verify.History{{Subject: "a b"}}},
		"a negative index": {Statements: []verify.LoggedStatement{{Index: -1}}},
		"a large index":    {Status: verify.StatusProof{Index: 1 << 53}},
		"a stub twice":     {Histories: []verify.History{{Subject: "root", Stubs: verify.Stubs{{Index: 1}, {Index: 1}}}}},
		"a negative stub":  {Histories: []verify.History{{Subject: "root", Stubs: verify.Stubs{{Index: -1}}}}},
		"entry and stub":   {Histories: []verify.History{{Subject: "root", Entries: []verify.Entry{{Index: 1}}, Stubs: verify.Stubs{{Index: 1}}}}},
		"a negative time":  {Histories: []verify.History{{Subject: "root", Entries: []verify.Entry{{Time: -1}}}}},
	} {
		_, err := e.Marshal()
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
		large := slices.Contains([]string{"histories", "statements", "stubs", "bytes"}, name)
		if errors.Is(err, verify.ErrTooLarge) != large {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, e := range []verify.Evidence{many(1000), statements(10000), stubs(39000)} {
		if data, err := e.Marshal(); err != nil {
			t.Error(err)
		} else if _, err := verify.Parse(data); err != nil {
			t.Error(err)
		}
	}
	if _, err := verify.Parse(bytes.Repeat([]byte("["), 4<<20)); err == nil {
		t.Error("deep nesting: accepted")
	}
}

func TestASizeHasOneSpelling(t *testing.T) {
	for _, want := range []int64{0, 1, 10, verify.MaxSize} {
		if got, err := verify.ParseSize(fmt.Sprint(want)); err != nil || got != want {
			t.Errorf("%d is read as %d, %v", want, got, err)
		}
	}
	for _, bad := range []string{"", "-1", "-0", "+1", "01", "1.0", "1e3", "0x1", "1_000", " 1", "1\n", "9007199254740992", "4611686018427387905", "9223372036854775808"} {
		if got, err := verify.ParseSize(bad); err == nil {
			t.Errorf("%q is read as %d", bad, got)
		}
	}
}

// Beyond, package tlog does not come to an end, and JSON readers differ.
func TestACheckpointIsOfNoLargerSizeThanJSONCanWrite(t *testing.T) {
	note := func(size uint64) []byte {
		return fmt.Appendf(nil, "example.org/register\n%d\n%s\n\n\u2014 x AAAAAAAA\n", size, tlog.Hash{})
	}
	if c, err := verify.ParseCheckpoint(note(verify.MaxSize)); err != nil || c.Tree.N != 1<<53-1 {
		t.Errorf("the largest size is read as %d, %v", c.Tree.N, err)
	}
	for _, size := range []uint64{verify.MaxSize + 1, 1 << 62, 1<<62 + 1, 1<<63 - 1, 1 << 63} {
		if c, err := verify.ParseCheckpoint(note(size)); err == nil {
			t.Errorf("size %d is read as %d", size, c.Tree.N)
		}
	}
}

func TestStatusLeavesHaveOneSpelling(t *testing.T) {
	root := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	good := "safeconduct/status/v1\n9\n1767225600000\n" + root + "\n4\n"
	want := verify.StatusLeaf{Index: 9, Time: time.UnixMilli(1767225600000).UTC(), MapRoot: [32]byte(bytes.Repeat([]byte{7}, 32)), Previous: 4}
	got, err := verify.ParseStatusLeaf([]byte(good))
	if err != nil || got != want || !verify.IsStatusLeaf([]byte(good)) {
		t.Fatalf("%+v, %v", got, err)
	}
	first, err := verify.ParseStatusLeaf([]byte("safeconduct/status/v1\n1\n0\n" + root + "\n-\n"))
	if err != nil || first.Previous != verify.NoPrevious {
		t.Errorf("the first: %+v, %v", first, err)
	}
	for name, bad := range map[string]string{
		"no final newline": strings.TrimSuffix(good, "\n"),
		"one more":         good + "\n",
		"leading zero":     strings.Replace(good, "\n9\n", "\n09\n", 1),
		"sign":             strings.Replace(good, "\n9\n", "\n+9\n", 1),
		"negative":         strings.Replace(good, "\n9\n", "\n-9\n", 1),
		"too large":        strings.Replace(good, "\n9\n", "\n9007199254740992\n", 1),
		"space":            strings.Replace(good, "\n9\n", "\n9 \n", 1),
		"carriage return":  strings.ReplaceAll(good, "\n", "\r\n"),
		"version 2":        strings.Replace(good, "v1", "v2", 1),
		"stray bits":       strings.Replace(good, "c=\n", "d=\n", 1),
		"a short root":     strings.Replace(good, root, "AAAA", 1),
		"no padding":       strings.Replace(good, "=\n", "\n", 1),
		"previous is own":  strings.Replace(good, "\n4\n", "\n9\n", 1),
		"nothing":          "",
	} {
		if bad == good {
			t.Errorf("%s: the test changes nothing", name)
		}
		if s, err := verify.ParseStatusLeaf([]byte(bad)); err == nil {
			t.Errorf("%s: accepted as %+v", name, s)
		}
	}
}

func TestStatusLeavesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := verify.StatusLeaf{
			Index:    rapid.Int64Range(0, 1<<53-1).Draw(t, "index"),
			Time:     time.UnixMilli(rapid.Int64Range(0, 1<<53-1).Draw(t, "time")).UTC(),
			MapRoot:  [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "root")),
			Previous: verify.NoPrevious,
		}
		if s.Index > 0 && rapid.Bool().Draw(t, "has previous") {
			s.Previous = rapid.Int64Range(0, s.Index-1).Draw(t, "previous")
		}
		if got, err := verify.ParseStatusLeaf(s.Marshal()); err != nil || got != s {
			t.Fatalf("%+v became %+v, %v", s, got, err)
		}
	})
}

// The expected values were computed with another program (Python's hashlib).
func TestMapKeysChainsAndValuesAreAsTheFormatSays(t *testing.T) {
	if got := fmt.Sprintf("%x", verify.MapKey("root")); got != "4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2" {
		t.Errorf("MapKey: %s", got)
	}
	var prev [32]byte
	for i := range prev {
		prev[i] = byte(i)
	}
	leaf, tag := tlog.RecordHash([]byte("leaf")), attest.TagOf("auth-us", "TEA-1")
	chain := verify.Chain(prev, 258, 1767225600000, leaf, tag)
	if got := fmt.Sprintf("%x", chain); got != "7eedeb5138d328bf5f15a6043de5a247b197e9a7c31698673a2a8376f16d989c" {
		t.Errorf("Chain: %s", got)
	}
	whole := verify.MapValue{Count: 3, Chain: chain}
	value := whole.Bytes()
	if got := fmt.Sprintf("%x", value); got != fmt.Sprintf("0000000000000003%x", chain) {
		t.Errorf("MapValue.Bytes: %x", value)
	}
	if v, err := verify.ParseMapValue(value); v != whole || err != nil {
		t.Errorf("ParseMapValue: %+v, %v", v, err)
	}
	if v := (verify.MapValue{Count: 2, Chain: prev}).Next(258, 1767225600000, leaf, tag); !bytes.Equal(v.Bytes(), value) {
		t.Errorf("MapValue.Next: %+v", v)
	}
	for _, bad := range [][]byte{nil, value[1:], append(value, 0), verify.MapValue{Chain: chain}.Bytes(), verify.MapValue{Count: -1, Chain: chain}.Bytes()} {
		if _, err := verify.ParseMapValue(bad); err == nil {
			t.Errorf("ParseMapValue accepts %x", bad)
		}
	}
	if got := verify.EvidenceDigest("o\n1\nh\n", map[string]verify.MapValue{"sandbox:B": whole, "root": whole, "entity:x:A": {}}); got != "iQ25NJx5VBSA0_R4M7ngIsPUytYF_97YNzFhHAR-zxY" {
		t.Errorf("EvidenceDigest: %s", got)
	}
}
