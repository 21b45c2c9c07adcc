package strictjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
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
		{"{\"name\":\"\U0001e5ee\"}", "/name", "Unicode 15.0"},
		{`{"name":"\ud801\uddd2"}`, "/name", "Unicode 15.0"},
		{"{\"name\":\"\ufffe\"}", "/name", "Unicode 15.0"},
		{"{\"map\":{\"\u0378\":\"a\"}}", "/map/\u0378", "Unicode 15.0"},
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

func TestUnmarshalAllNamesEveryMemberThatDoesNotFitInOrder(t *testing.T) {
	const in = `{"name":7,"count":"x","list":["a",5,"b",6],"inner":{"nmae":"x","on":3},"docs":[{"x":1},{"name":true}],"nam/e":1}`
	ps := problems(t, strictjson.UnmarshalAll([]byte(in), new(doc), loose))
	var got []string
	for _, p := range ps {
		got = append(got, p.Pointer)
	}
	want := []string{"/name", "/count", "/list/1", "/list/3", "/inner/nmae", "/inner/on", "/docs/0/x", "/docs/1/name", "/nam~1e"}
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

// What fits is read beside what does not.
func TestUnmarshalAllReadsWhatFits(t *testing.T) {
	var got doc
	ps := problems(t, strictjson.UnmarshalAll([]byte(`{"count":"x","name":"a","list":["b",5,"c"],"docs":[{"name":"d","x":1}],"inner":{"on":true}}`), &got, loose))
	if len(ps) != 3 || got.Name != "a" || got.Count != 0 || !slices.Equal(got.List, []string{"b", "", "c"}) || len(got.Docs) != 1 || got.Docs[0].Name != "d" || !got.Inner.On {
		t.Errorf("read %+v, %v", got, ps)
	}
}

func TestUnmarshalAllEnds(t *testing.T) {
	var in strings.Builder
	in.WriteString(`{"x":0`)
	for i := range 500 {
		fmt.Fprintf(&in, `,"x%d":1`, i)
	}
	in.WriteString("}")
	ps := problems(t, strictjson.UnmarshalAll([]byte(in.String()), new(doc), loose))
	if len(ps) != strictjson.MaxProblems {
		t.Fatalf("%d problems", len(ps))
	}
	if first := ps[0].Pointer; first != "/x" {
		t.Errorf("the first is at %s", first)
	}
	if last := ps[len(ps)-1]; last.Pointer != "" || !strings.Contains(last.Message, "more mistakes") {
		t.Errorf("the last does not say that there are more: %v", last)
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
	for len(ps) < strictjson.MaxProblems {
		ps.Add("/b", "is 8")
	}
	if got := ps.Err().Error(); strings.Contains(got, "more mistakes") {
		t.Errorf("got %q", got)
	}
	ps.Add("/c", "is 9")
	if got := problems(t, ps.Err()); len(got) != strictjson.MaxProblems || !strings.HasSuffix(got.Error(), "more mistakes; these are the first 63") {
		t.Errorf("got %d problems, %v", len(got), got)
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

type word string

type part struct {
	Value word   `json:"value"`
	More  []word `json:"more,omitzero"`
}

// Part is embedded in a deed, which has what claims have and a doc has not.
type Part struct {
	ID string `json:"id"`
	At int64  `json:"at,omitzero"`
}

// A mark reads itself, from words that it knows.
type mark struct{ word string }

func (m *mark) UnmarshalText(b []byte) error {
	if m.word = string(b); !strings.HasPrefix(m.word, "m") {
		return errors.New("is no mark")
	}
	return nil
}

// An amount reads itself from other values, too.
type amount struct{ mark }

func (a *amount) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	v, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if v.Kind() == '0' {
		a.word = "m" + string(v)
		return nil
	}
	if v, err = jsontext.AppendUnquote(nil, v); err != nil {
		return err
	}
	return a.UnmarshalText(v)
}

func (m mark) Equal(n mark) bool { return m == n }

func (a amount) Equal(b amount) bool { return a == b }

type deed struct {
	Part
	Mark    mark              `json:"mark,omitzero"`
	Marks   []*mark           `json:"marks,omitzero"`
	Amounts []amount          `json:"amounts,omitzero"`
	Kind    word              `json:"kind,omitempty"`
	Parts   []part            `json:"parts,omitzero"`
	Ref     *part             `json:"ref,omitzero"`
	Scope   map[word][]string `json:"scope,omitzero"`
}

var forms = []strictjson.Form{
	loose, {MaxBytes: 1 << 16, Canonical: true}, {MaxBytes: 1 << 16, Sets: true}, {MaxBytes: 1 << 16, Lines: true},
	{MaxBytes: 1 << 16, Sets: true, Lines: true}, {MaxBytes: 1 << 16, Nulls: true}, {MaxBytes: 20, Canonical: true},
}

// alike checks that what is read in one pass is what the slow reading reads,
// and that nothing is left behind otherwise.
func alike[T any](t interface {
	Helper()
	Fatalf(string, ...any)
}, data []byte) {
	t.Helper()
	for _, form := range forms {
		var fast, slow, zero T
		ok := strictjson.Read(data, &fast, form)
		err := strictjson.ReadSlow(data, &slow, form)
		if ok && (err != nil || !cmp.Equal(fast, slow)) {
			t.Fatalf("%s is read as %+v in one pass, and else as %+v, %v", data, fast, slow, err)
		}
		if !ok && !cmp.Equal(fast, zero) {
			t.Fatalf("%s is not read, and leaves %+v", data, fast)
		}
	}
}

func TestOnePassReadsWhatDocumentsAreMadeOf(t *testing.T) {
	for _, in := range []string{
		`{"count":9007199254740991,"docs":[{"name":"a"},{"name":"b"}],"inner":{"on":true},"list":["Ångström","☃"],"map":{"a":"x","b":"y"}}`,
		`{"count":-1,"list":["\"a\\"]}`,
	} {
		var d doc
		if !strictjson.Read([]byte(in), &d, strictjson.Form{MaxBytes: 1 << 10, Sets: true}) {
			t.Errorf("%s is not read", in)
		}
		alike[doc](t, []byte(in))
	}
	const in = `{"at":5,"id":"x","kind":"k","parts":[{"more":["a","b"],"value":"v"}],"ref":{"value":"w"},"scope":{"L":["1"]}}`
	var d deed
	if !strictjson.Read([]byte(in), &d, strictjson.Form{MaxBytes: 1 << 10, Sets: true}) {
		t.Errorf("%s is not read", in)
	}
	want := deed{
		Part: Part{"x", 5}, Kind: "k", Parts: []part{{"v", []word{"a", "b"}}}, Ref: &part{Value: "w"}, Scope: map[word][]string{"L": {"1"}},
	}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// In any order, with line ends and white space, where the form lets them.
	if !strictjson.Read([]byte(`{"name":"a\nb","count":0,"list":[],"docs":[],"inner":{},"on":false}`), new(doc), strictjson.Form{MaxBytes: 100, Lines: true}) {
		t.Error("a loose document is not read")
	}
	const spaced = " {\n\t\"name\" : \"a\" ,\r\n\"list\": [ \"b\" , \"c\" ], \"docs\": [ ], \"inner\": { }, \"on\": true } \n"
	if !strictjson.Read([]byte(spaced), new(doc), strictjson.Form{MaxBytes: 100}) {
		t.Error("a document with white space is not read")
	}
	alike[doc](t, []byte(spaced))
	// And what reads itself from strings.
	d = deed{}
	if !strictjson.Read([]byte(`{"amounts":["m5"],"mark":"m\"","marks":["m1","m2"]}`), &d, strictjson.Form{MaxBytes: 100, Sets: true}) {
		t.Error("what reads itself is not read")
	}
	if diff := cmp.Diff(deed{Mark: mark{`m"`}, Marks: []*mark{{"m1"}, {"m2"}}, Amounts: []amount{{mark{"m5"}}}}, d); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What this reads in one pass, the slow reading reads alike, and what only the
// slow one takes is left to it.
func TestOnePassReadsWhatReadsItselfAlike(t *testing.T) {
	for _, in := range []string{
		`{"mark":"m"}`, `{"mark":"x"}`, `{"mark":""}`, `{"mark":null}`, `{"mark":5}`, `{"mark":{}}`, `{"mark":"\u006d"}`, `{"mark":"m\n"}`,
		`{"amounts":["m"]}`, `{"amounts":[5]}`, `{"amounts":["m",null]}`, `{"amounts":["x"]}`, `{"marks":["m",null]}`, "{\"mark\":\"me\u0301\"}",
	} {
		alike[deed](t, []byte(in))
	}
}

// What reads itself, or has other types, is left to the slow reading, and so
// is a value that is not empty.
func TestOnePassLeavesOtherTypesAlone(t *testing.T) {
	form := strictjson.Form{MaxBytes: 100}
	for _, v := range []any{
		nil, doc{}, (*doc)(nil), new(string), new(any), new(map[string]string), &doc{Name: "a"},
		&struct {
			T time.Time `json:"t"`
		}{},
		&struct {
			D time.Duration `json:"d"`
		}{},
		&struct {
			F float64 `json:"f"`
		}{},
		&struct {
			B []byte `json:"b"`
		}{},
		&struct {
			N int64 `json:"n,string"`
		}{},
		&struct{ Name string }{},
		&struct {
			A string `json:"a"`
			B struct {
				Raw jsontext.Value `json:"raw"`
			} `json:"b"`
		}{},
		&struct {
			*Part
		}{},
		&struct {
			Part
			ID string `json:"id"`
		}{},
	} {
		if strictjson.Read([]byte(`{}`), v, form) {
			t.Errorf("a %T is read", v)
		}
	}
	if got := (doc{Name: "a"}); strictjson.Unmarshal([]byte(`{"count":1}`), &got, form) != nil || got.Name != "a" || got.Count != 1 {
		t.Errorf("read %+v into what was not empty", got)
	}
}

func TestOnePassReadsAsTheSlowReadingDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching(`[ab\\"\n]{0,3}`), rapid.SampledFrom([]string{"é", "e\u0301", "\u0085", "\x7f", "🙂", "\u2028"}))
		var one func(depth int) *rapid.Generator[doc]
		one = func(depth int) *rapid.Generator[doc] {
			return rapid.Custom(func(t *rapid.T) doc {
				d := doc{
					Name: text.Draw(t, "name"), Count: rapid.Int64Range(-1<<53, 1<<53+1).Draw(t, "count"), On: rapid.Bool().Draw(t, "on"),
					List: rapid.SliceOfN(text, 0, 3).Draw(t, "list"), Map: rapid.MapOfN(text, text, 0, 2).Draw(t, "map"),
				}
				if depth > 0 && rapid.Bool().Draw(t, "deeper") {
					inner := one(depth-1).Draw(t, "inner")
					d.Inner, d.Docs = &inner, rapid.SliceOfN(one(depth-1), 0, 2).Draw(t, "docs")
				}
				return d
			})
		}
		data, err := json.Marshal(one(2).Draw(t, "document"))
		if err != nil {
			t.Fatal(err)
		}
		alike[doc](t, data)
		if spaced, err := json.MarshalIndent(jsontext.Value(data), " ", "\t"); err == nil {
			alike[doc](t, spaced)
		}
		if data, err = jcs.Transform(data); err == nil {
			alike[doc](t, data)
		}
	})
}

// FuzzUnmarshal: no input makes it panic, refusals are Problems, what is
// accepted as canonical is written with the same bytes, what one reading
// accepts the other reads alike, and the reading in one pass accepts nothing
// that the slow one does not.
func FuzzUnmarshal(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		alike[doc](t, data)
		alike[deed](t, data)
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
