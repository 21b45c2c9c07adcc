package vectors

import (
	"fmt"
	"strings"
)

// PolicyFile is policies.json.
type PolicyFile struct {
	About    string   `json:"about"`
	Policies []Policy `json:"policies"`
}

// A Policy is C2SP tlog-policy text that reads or not.
type Policy struct {
	Name   string   `json:"name"`
	Policy Text     `json:"policy"`
	OK     bool     `json:"ok"`
	Quorum []Quorum `json:"quorum,omitempty"`
}

// A Quorum is what makes one or not. Cosigned are the times of cosignatures,
// Unix seconds, by the names of the policy. Latest is the latest T such that
// those dated T or later are enough, 0 where all are not.
type Quorum struct {
	Cosigned map[string]int64 `json:"cosigned"`
	Latest   int64            `json:"latest"`
}

// policyOf is a policy that asks for one cosigner.
func policyOf(k noteKey) string { return "witness w " + k.vkey() + "\nquorum w\n" }

func policyFile() PolicyFile {
	f := PolicyFile{About: "Policies that read or not; with times of cosignatures (Unix seconds), the latest T such that those dated T or later satisfy the quorum, 0 for none."}
	a, b, c, d := "witness a "+usMirror.vkey(), "witness b "+inMirror.vkey(), "witness c "+aWitness.vkey(), "witness d "+ownMirror.vkey()
	add := func(name, policy string, ok bool, quorum ...Quorum) {
		f.Policies = append(f.Policies, Policy{name, Text(policy), ok, quorum})
	}
	q := func(latest int64, times ...int64) Quorum {
		v := Quorum{make(map[string]int64), latest}
		for i, t := range times {
			if t > 0 {
				v.Cosigned["abcd"[i:i+1]] = t
			}
		}
		return v
	}
	text := func(lines ...string) string { return strings.Join(lines, "\n") + "\n" }
	add("one", text(a, "quorum a"), true, q(5, 5), q(0), q(0, 0, 5))
	add("all of two", text(a, b, "group g all a b", "quorum g"), true, q(3, 5, 3), q(0, 5))
	add("any of two", text(a, b, "group g any a b", "quorum g"), true, q(5, 5, 3), q(5, 5), q(0))
	add("two of three", text(a, b, c, "group g 2 a b c", "quorum g"), true, q(5, 5, 3, 9), q(3, 0, 3, 9), q(0, 0, 0, 9))
	add("a group in a group", text(a, b, c, d, "group g any a b", "group h all g c d", "quorum h"), true, q(4, 5, 3, 9, 4), q(3, 0, 3, 9, 4), q(0, 5, 3, 9))
	add("a witness that no quorum asks for", text(a, b, "quorum b"), true, q(0, 5), q(7, 5, 7))
	add("comments, blank lines, tabs, URLs", text("# what", "", "  # more", "log "+logKey.vkey()+"\thttps://log.example.org", a+" https://w.example.org/", "\tquorum   a "), true, q(5, 5))
	add("no newline behind", a+"\nquorum a", true, q(5, 5))
	add("a URL of http", text("log "+logKey.vkey()+" http://log.example.org", a+" http://w.example.org/", "quorum a"), true, q(5, 5))
	add("a comment beyond ASCII", text("# Wächter\u00a0\u0085", a, "quorum a"), true, q(5, 5))
	long := strings.Repeat("\n", 998) + a + "\nquorum a"
	add("1,000 lines", long, true, q(5, 5))
	add("1,000 lines, a newline behind", long+"\n", true, q(5, 5))
	for _, x := range []struct{ name, policy string }{
		{"nothing", ""},
		{"no quorum", text(a)},
		{"quorum none", text("quorum none")},
		{"two quorums", text(a, "quorum a", "quorum a")},
		{"a quorum of what is not defined", text("quorum a")},
		{"a quorum before its witness", text("quorum a", a)},
		{"an unknown keyword", text(a, "quorum a", "timeout 5")},
		{"a comment behind", text(a+" # mine", "quorum a")},
		{"a carriage return", a + "\r\nquorum a\r\n"},
		{"a NUL in a comment", text("# what\x00", a, "quorum a")},
		{"a vertical tab in a comment", text("# what\v", a, "quorum a")},
		{"a form feed in a comment", text("# what\f", a, "quorum a")},
		{"a U+001F in a comment", text("# what\x1f", a, "quorum a")},
		{"a DEL in a comment", text("# what\x7f", a, "quorum a")},
		{"a no-break space between items", text(a, "quorum\u00a0a")},
		{"1,001 lines", "\n" + long},
		{"1,001 lines, the last of them empty", long + "\n\n"},
		{"a witness's URL of another scheme", text(a+" ftp://w.example.org/", "quorum a")},
		{"a witness's URL without scheme", text(a+" w.example.org", "quorum a")},
		{"a log's URL of another scheme", text("log "+logKey.vkey()+" ftp://log.example.org", a, "quorum a")},
		{"a log line without key", text("log", a, "quorum a")},
		{"an item too many in a log line", text("log "+logKey.vkey()+" https://log.example.org https://log.example.org", a, "quorum a")},
		{"an item too many in a witness line", text(a+" https://w.example.org/ https://w.example.org/", "quorum a")},
		{"an item too many in a quorum line", text(a, b, "quorum a b")},
		{"a name twice", text(a, strings.Replace(b, " b ", " a ", 1), "quorum a")},
		{"a key under two names", text(a, strings.Replace(a, " a ", " b ", 1), "group g all a b", "quorum g")},
		{"a public key under two key names", text(a, "witness b "+noteKey{name: "example.com/x", seed: usMirror.seed, typ: 4}.vkey(), "group g all a b", "quorum g")},
		{"a witness called none", text(strings.Replace(a, " a ", " none ", 1), "quorum none")},
		{"a key with a false id", text(strings.Replace(a, fmt.Sprintf("+%08x+", usMirror.KeyHash()), "+00000000+", 1), "quorum a")},
		{"a key with an id in upper case", text("witness a "+upperID(usMirror.vkey()), "quorum a")},
		{"two keys of one name and id", text("witness a "+alikeVKeys[0], "witness b "+alikeVKeys[1], "quorum a")},
		{"a witness key of small order", text("witness a "+smallOrderVKey("example.com/x", 4), "quorum a")},
		{"a log key of small order", text("log "+smallOrderVKey(Origin, 1), a, "quorum a")},
		{"a witness with a log's key", text("witness a "+logKey.vkey(), "quorum a")},
		{"a log with a cosigner's key", text("log "+usMirror.vkey(), a, "quorum a")},
		{"a log key twice", text("log "+logKey.vkey(), "log "+logKey.vkey(), a, "quorum a")},
		{"a group without members", text(a, "group g all", "quorum a")},
		{"more of a group than it has", text(a, b, "group g 3 a b", "quorum g")},
		{"none of a group", text(a, b, "group g 0 a b", "quorum g")},
		{"a threshold with a leading zero", text(a, b, "group g 01 a b", "quorum g")},
		{"a member twice in a group", text(a, "group g 2 a a", "quorum g")},
		{"a member of two groups", text(a, b, "group g any a b", "group h any a g", "quorum h")},
		{"a group of itself", text(a, "group g any a g", "quorum g")},
	} {
		add(x.name, x.policy, false)
	}
	return f
}
