package strictjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gowebpki/jcs"
	"pgregory.net/rapid"

	"github.com/safeconduct/safeconduct/internal/strictjson"
)

var loose = strictjson.Form{MaxBytes: 1 << 16}

// A doc has a member of every type that the formats use.
type doc struct {
	Name  string            `json:"name,omitzero"`
	Count int64             `json:"count,omitzero"`
	On    bool              `json:"on,omitzero"`
	List  []string          `json:"list,omitzero"`
	Map   map[string]string `json:"map,omitzero"`
	Inner *doc              `json:"inner,omitzero"`
	Docs  []doc             `json:"docs,omitzero"`
}

func problems(t testing.TB, err error) strictjson.Problems {
	t.Helper()
	if err == nil {
		return nil
	}
	var ps strictjson.Problems
	if !errors.As(err, &ps) {
		t.Fatalf("got %T: %v, want problems", err, err)
	}
	return ps
}

func TestUnmarshalNamesTheMemberThatIsWrong(t *testing.T) {
	for _, c := range []struct{ in, pointer, message string }{
		{``, "", "JSON"},
		{` `, "", "JSON"},
		{`{`, "", "EOF"},
		{`{"name":"a"} x`, "", "invalid"},
		{`{"name":"a"}{}`, "", "not one JSON document"},
		{`{"name":'a'}`, "/name", "invalid"},
		{`{"name":"a",}`, "", "invalid"},
		{`// x`, "", "invalid"},
		{`[1]`, "", "want an object"},
		{`"x"`, "", "want an object"},
		{`{"name":"a","name":"b"}`, "/name", "stands twice"},
		{`{"inner":{"name":"a","n\u0061me":"b"}}`, "/inner/name", "stands twice"},
		{`{"Name":"a"}`, "/Name", "unknown member"},
		{`{"name":"a","NAME":"b"}`, "/NAME", "unknown member"},
		{`{"naMe":"a"}`, "/naMe", "unknown member"},
		{`{"docs":[{},{"x":1}]}`, "/docs/1/x", "unknown member"},
		{`{"a/b~c":1}`, "/a~1b~0c", "unknown member"},
		{`null`, "", "is null"},
		{`{"name":null}`, "/name", "is null"},
		{`{"list":["a",null]}`, "/list/1", "is null"},
		{`{"name":7}`, "/name", "has a number here; want a string"},
		{`{"count":"7"}`, "/count", "has a string here; want an integer"},
		{`{"on":1}`, "/on", "want true or false"},
		{`{"list":"a"}`, "/list", "want an array"},
		{`{"inner":[]}`, "/inner", "want an object"},
		{`{"count":1.5}`, "/count", "integer"},
		{`{"count":1.0}`, "/count", "integer"},
		{`{"count":1e3}`, "/count", "integer"},
		{`{"count":-0}`, "/count", "integer"},
		{`{"count":01}`, "", "invalid"},
		{`{"count":9007199254740992}`, "/count", "2^53-1"},
		{`{"count":-9007199254740992}`, "/count", "2^53-1"},
		{`{"count":99999999999999999999}`, "/count", "2^53-1"},
		{`{"count":NaN}`, "/count", "invalid"},
		{"{\"name\":\"e\u0301\"}", "/name", "Normalization Form C"},
		{`{"name":"e\u0301"}`, "/name", "Normalization Form C"},
		{"{\"name\":\"\u212b\"}", "/name", "Normalization Form C"},
		{"{\"map\":{\"e\u0301\":\"a\"}}", "/map/e\u0301", "Normalization Form C"},
		{"{\"name\":\"\xff\"}", "/name", "UTF-8"},
		{"{\"name\":\"\xed\xa0\x80\"}", "/name", "UTF-8"},
		{`{"name":"\ud800"}`, "/name", "surrogate"},
		{"{\"name\":\"a\tb\"}", "/name", "invalid"},
		{`{"name":"a\tb"}`, "/name", "control character U+0009"},
		{`{"name":"a\u0000b"}`, "/name", "control character U+0000"},
		{`{"name":"a\u007fb"}`, "/name", "control character U+007F"},
		{`{"name":"a\nb"}`, "/name", "control character U+000A"},
		{`{"map":{"a\nb":"x"}}`, "/map/a\nb", "control character"},
	} {
		t.Run(c.in, func(t *testing.T) {
			ps := problems(t, strictjson.Unmarshal([]byte(c.in), new(doc), loose))
			if len(ps) == 0 {
				t.Fatal("accepted")
			}
			if ps[0].Pointer != c.pointer || !strings.Contains(ps[0].Message, c.message) {
				t.Errorf("got %q at %q, want %q at %q", ps[0].Message, ps[0].Pointer, c.message, c.pointer)
			}
		})
	}
}

func TestUnmarshalReadsStrictJSON(t *testing.T) {
	const in = ` {"name":"Ångström ☃","count":-9007199254740991,"on":true,"list":["b","a","a"],"map":{"":"x"},
		"inner":{"count":9007199254740991},"docs":[]} `
	var got doc
	if err := strictjson.Unmarshal([]byte(in), &got, loose); err != nil {
		t.Fatal(err)
	}
	want := doc{
		Name: "Ångström ☃", Count: -9007199254740991, On: true, List: []string{"b", "a", "a"},
		Map: map[string]string{"": "x"}, Inner: &doc{Count: 9007199254740991}, Docs: []doc{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFormsAskForMoreOrLess(t *testing.T) {
	canonical := strictjson.Form{MaxBytes: 100, Canonical: true}
	sets := strictjson.Form{MaxBytes: 100, Sets: true}
	lines := strictjson.Form{MaxBytes: 100, Lines: true}
	nulls := strictjson.Form{MaxBytes: 100, Nulls: true}
	for _, c := range []struct {
		name    string
		form    strictjson.Form
		in      string
		pointer string
		message string // "" where it is accepted
	}{
		{"the zero form accepts nothing", strictjson.Form{}, `1`, "", "at most 0"},
		{"as many bytes", strictjson.Form{MaxBytes: 12}, `{"name":"a"}`, "", ""},
		{"one too many", strictjson.Form{MaxBytes: 11}, `{"name":"a"}`, "", "has 12 bytes; at most 11"},
		{"canonical", canonical, `{"count":1,"list":[],"name":"a"}`, "", ""},
		{"zeros in canonical", canonical, `{"count":0,"inner":{},"name":"","on":false}`, "", ""},
		{"white space", canonical, `{"count": 1}`, "", "canonical"},
		{"order", canonical, `{"name":"a","count":1}`, "", "canonical"},
		{"escape", canonical, `{"name":"\u0061"}`, "", "canonical"},
		{"a newline behind", canonical, "{}\n", "", "canonical"},
		{"sets", sets, `{"list":["a","b"]}`, "", ""},
		{"sets are canonical", sets, `{"list":["a", "b"]}`, "", "canonical"},
		{"out of order", sets, `{"list":["b","a"]}`, "/list/1", "out of order"},
		{"twice", sets, `{"list":["a","a"]}`, "/list/1", "stands twice"},
		{"empty", sets, `{"list":[]}`, "/list", "empty set"},
		{"an object out of order", sets, `{"docs":[{"name":"b"},{"name":"a"}]}`, "/docs/1", "out of order"},
		{"an empty string", sets, `{"name":""}`, "/name", "leave it out"},
		{"an empty element", sets, `{"list":["","a"]}`, "/list/0", "leave it out"},
		{"zero", sets, `{"count":0}`, "/count", "leave it out"},
		{"false", sets, `{"on":false}`, "/on", "leave it out"},
		{"an empty object", sets, `{"inner":{}}`, "/inner", "leave it out"},
		{"line feed", lines, `{"name":"a\nb"}`, "", ""},
		{"carriage return", lines, `{"name":"a\rb"}`, "/name", "U+000D"},
		{"line feed in a name", lines, `{"map":{"a\n":"b"}}`, "/map/a\n", "U+000A"},
		{"null", nulls, `{"name":null}`, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ps := problems(t, strictjson.Unmarshal([]byte(c.in), new(doc), c.form))
			if c.message == "" {
				if len(ps) != 0 {
					t.Errorf("refused: %v", ps)
				}
				return
			}
			if len(ps) == 0 {
				t.Fatal("accepted")
			}
			if ps[0].Pointer != c.pointer || !strings.Contains(ps[0].Message, c.message) {
				t.Errorf("got %q at %q, want %q at %q", ps[0].Message, ps[0].Pointer, c.message, c.pointer)
			}
		})
	}
}

func TestNestingIsBoundedBeforeAnythingRecurses(t *testing.T) {
	form := strictjson.Form{MaxBytes: 1 << 24}
	for _, in := range []string{
		strings.Repeat("[", 1<<22),
		strings.Repeat(`{"a":`, 1<<20),
		strings.Repeat("[", 17) + strings.Repeat("]", 17),
	} {
		ps := problems(t, strictjson.Check([]byte(in), form))
		if len(ps) == 0 || !strings.Contains(ps[0].Message, "nested deeper than 16") {
			t.Errorf("%.20s: got %v", in, ps)
		}
	}
	if err := strictjson.Check([]byte(strings.Repeat("[", 16)+strings.Repeat("]", 16)), form); err != nil {
		t.Error(err)
	}
}

func TestUnmarshalAllNamesEveryMemberThatDoesNotFit(t *testing.T) {
	const in = `{"name":7,"count":"x","list":["a",5,"b",6],"inner":{"nmae":"x","on":3},"docs":[{"x":1},{"name":true}],"nam/e":1}`
	ps := problems(t, strictjson.UnmarshalAll([]byte(in), new(doc), loose))
	var got []string
	for _, p := range ps {
		got = append(got, p.Pointer)
	}
	slices.Sort(got)
	want := []string{"/count", "/docs/0/x", "/docs/1/name", "/inner/nmae", "/inner/on", "/list/1", "/list/3", "/name", "/nam~1e"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pointers (-want +got):\n%s\n%v", diff, ps)
	}
	var d doc
	if err := strictjson.UnmarshalAll([]byte(`{"name":"a","list":["b"]}`), &d, loose); err != nil || d.Name != "a" || len(d.List) != 1 {
		t.Errorf("read %+v, %v", d, err)
	}
	if ps := problems(t, strictjson.UnmarshalAll([]byte(`[]`), new(doc), loose)); len(ps) != 1 {
		t.Errorf("got %v", ps)
	}
}

func TestUnmarshalAllEnds(t *testing.T) {
	var in strings.Builder
	in.WriteString(`{"x":0`)
	for i := range 500 {
		fmt.Fprintf(&in, `,"x%d":1`, i)
	}
	in.WriteString("}")
	if ps := problems(t, strictjson.UnmarshalAll([]byte(in.String()), new(doc), loose)); len(ps) == 0 || len(ps) > 64 {
		t.Errorf("%d problems", len(ps))
	}
}

func TestProblemsReadAsOneSentence(t *testing.T) {
	var ps strictjson.Problems
	if ps.Err() != nil {
		t.Error("no problem is an error")
	}
	ps.Add("/a", "is %d", 7)
	ps.Add("", "is not JSON")
	if got := ps.Err().Error(); got != "/a: is 7; is not JSON" {
		t.Errorf("got %q", got)
	}
}

func TestCanonicalFormIsThatOfRFC8785(t *testing.T) {
	form := strictjson.Form{MaxBytes: 1 << 16, Canonical: true}
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.MapOf(rapid.StringMatching(`[a-zA-Z0-9"\\/€𐍈éz-]{0,6}`), rapid.Int64Range(-1<<53+1, 1<<53-1)).Draw(t, "document")
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		canon, err := jcs.Transform(data)
		if err != nil {
			t.Fatal(err)
		}
		if err := strictjson.Check(canon, form); err != nil {
			t.Fatalf("%s: %v", canon, err)
		}
		if err := strictjson.Check(append(canon, ' '), form); err == nil {
			t.Fatalf("%s with white space behind it", canon)
		}
	})
}

// FuzzUnmarshal: no input makes it panic, refusals are Problems, what is
// accepted as canonical is written with the same bytes, and what one reading
// accepts the other reads alike.
func FuzzUnmarshal(f *testing.F) {
	for _, s := range []string{
		``, `{}`, `null`, `{"name":"a","list":["a","b"],"docs":[{"count":1}]}`, `{"list":["a","b"],"name":"a"}`,
		"{\"name\":\"\xff\"}", `{"name":"\ud800"}`, `{"a/b":{"c":[[]]}}`, `{"name":7,"list":[1,2,3]}`, `{"count":1e400}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var one, all doc
		err := strictjson.Unmarshal(data, &one, loose)
		problems(t, err)
		errAll := strictjson.UnmarshalAll(data, &all, loose)
		problems(t, errAll)
		if (err == nil) != (errAll == nil) || err == nil && !cmp.Equal(one, all) {
			t.Fatalf("read %+v, %v and %+v, %v", one, err, all, errAll)
		}
		var set doc
		if strictjson.Unmarshal(data, &set, strictjson.Form{MaxBytes: 1 << 16, Sets: true}) != nil {
			return
		}
		written, err := json.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		if written, err = jcs.Transform(written); err != nil || string(written) != string(data) {
			t.Fatalf("read %s, written %s, %v", data, written, err)
		}
	})
}
