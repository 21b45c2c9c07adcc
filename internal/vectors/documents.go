package vectors

import "strings"

// DocumentFile is json.json: strict JSON.
type DocumentFile struct {
	About   string     `json:"about"`
	Vectors []Document `json:"vectors"`
}

// A Document is JSON, or not, and the forms that it is of.
type Document struct {
	Name     string `json:"name"`
	Document Text   `json:"document"`
	// Forms are those of payload, trust and request that accept it, whatever
	// its members are called.
	Forms []string `json:"forms"`
}

func documentFile() DocumentFile {
	f := DocumentFile{About: "Documents, and which forms of strict JSON accept them, whatever their members are called: payload (of a statement), trust (a trust file), request."}
	all, open, nulls := []string{"payload", "trust", "request"}, []string{"trust", "request"}, []string{"request"}
	for _, d := range []struct {
		name, text string
		forms      []string
	}{
		{"an object", `{"a":"b"}`, all},
		{"several members", `{"a":1,"b":["x","y"],"c":{"d":true}}`, all},
		{"members out of order", `{"b":1,"a":2}`, open},
		// U+1F600 is D83D DE00 in UTF-16, and so stands before U+FF21.
		{"members ordered by UTF-16", "{\"\U0001F600\":1,\"\uff21\":2}", all},
		{"white space", "{ \"a\":\t1 }\n", open},
		{"a needless escape", `{"a":"\u0062"}`, open},
		{"an escaped solidus", `{"a":"\/"}`, open},
		{"an integer of 2^53-1", `{"a":9007199254740991}`, all},
		{"an integer of 2^53", `{"a":9007199254740992}`, nil},
		{"a negative integer", `{"a":-1}`, all},
		{"minus zero", `{"a":-0}`, nil},
		{"zero", `{"a":0}`, open},
		{"a fraction", `{"a":1.5}`, nil},
		{"a fraction of zero", `{"a":1.0}`, nil},
		{"an exponent", `{"a":1e2}`, nil},
		{"a leading zero", `{"a":01}`, nil},
		{"null", `{"a":null}`, nulls},
		{"true", `{"a":true}`, all},
		{"false", `{"a":false}`, open},
		{"an empty string", `{"a":""}`, open},
		{"an empty object", `{"a":{}}`, open},
		{"an empty array", `{"a":[]}`, open},
		{"a set out of order", `{"a":["y","x"]}`, open},
		{"a set with one element twice", `{"a":["x","x"]}`, open},
		{"a set of numbers, by their bytes", `{"a":[10,9]}`, all},
		{"a set of numbers, by their values", `{"a":[9,10]}`, open},
		{"a member twice", `{"a":1,"a":1}`, nil},
		{"a member twice, once escaped", `{"a":1,"\u0061":1}`, nil},
		{"a line feed", `{"a":"x\ny"}`, open},
		{"a tab", `{"a":"x\ty"}`, nil},
		{"a NUL", `{"a":"\u0000"}`, nil},
		{"a DEL", "{\"a\":\"\x7f\"}", nil},
		{"a control character of C1", "{\"a\":\"\u0085\"}", nil},
		{"a raw line feed", "{\"a\":\"x\ny\"}", nil},
		{"not in NFC", "{\"a\":\"e\u0301\"}", nil},
		{"in NFC", "{\"a\":\"\u00e9\"}", all},
		{"a member's name not in NFC", "{\"e\u0301\":1}", nil},
		{"a line feed in a member's name", `{"a\nb":1}`, nil},
		{"a lone surrogate", `{"a":"\ud800"}`, nil},
		{"a pair of surrogates", `{"a":"\ud83d\ude00"}`, open},
		{"beyond the BMP", `{"a":"😀"}`, all},
		{"invalid UTF-8", "{\"a\":\"\xff\"}", nil},
		{"overlong UTF-8", "{\"a\":\"\xc0\xaf\"}", nil},
		// U+1E5EE is of Unicode 16.0.
		{"a code point that Unicode 15.0 does not know", "{\"a\":\"\U0001e5ee\"}", nil},
		{"a code point that Unicode 15.0 does not know, escaped", `{"a":"\ud839\uddee"}`, nil},
		{"a code point that Unicode 15.0 does not know in a member's name", "{\"\U0001e5ee\":1}", nil},
		{"a code point that no Unicode knows", "{\"a\":\"\uffff\"}", nil},
		{"a code point of Unicode 15.0", "{\"a\":\"\U00031350\"}", all},
		{"a code point for private use", "{\"a\":\"\ue000\"}", all},
		{"a byte order mark", "\ufeff{}", nil},
		{"two documents", `{"a":1}{"a":1}`, nil},
		{"a trailing comma", `{"a":1,}`, nil},
		{"a comment", `{"a":1/**/}`, nil},
		{"single quotes", `{'a':1}`, nil},
		{"nothing", ``, nil},
		{"cut short", `{"a":`, nil},
		{"16 levels", strings.Repeat(`{"a":`, 15) + `{"a":1}` + strings.Repeat("}", 15), all},
		{"17 levels", strings.Repeat(`{"a":`, 16) + `{"a":1}` + strings.Repeat("}", 16), nil},
	} {
		if d.forms == nil {
			d.forms = []string{}
		}
		f.Vectors = append(f.Vectors, Document{d.name, Text(d.text), d.forms})
	}
	return f
}
