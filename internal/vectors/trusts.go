package vectors

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/verify"
)

// TrustFile is trusts.json.
type TrustFile struct {
	About  string  `json:"about"`
	Trusts []Trust `json:"trusts"`
}

// A Trust is a trust document that reads or not.
type Trust struct {
	Name  string `json:"name"`
	Trust Text   `json:"trust"`
	OK    bool   `json:"ok"`
	// Where OK.
	MaxAgeSeconds int64  `json:"max_age_seconds,omitzero"`
	Digest        string `json:"digest,omitzero"`
	// Pointer names a member at fault.
	Pointer string `json:"pointer,omitzero"`
}

// trustOf pins a root statement.
func trustOf(root, policy string, insecure verify.Insecure) *verify.Trust {
	opened := must(attest.OpenRoot([]byte(root), nil))
	return must(verify.TrustFor(opened, policy, 24*time.Hour, insecure))
}

func trustFile() TrustFile {
	f := TrustFile{About: "Trust files that read or not; where not by a member, its JSON pointer."}
	good := func(name, text string) {
		t := must(verify.ParseTrust([]byte(text)))
		f.Trusts = append(f.Trusts, Trust{name, Text(text), true, int64(t.MaxStatusAge() / time.Second), t.Digest(), ""})
	}
	text := string(must(json.Marshal(trustOf(rootV1, policyOf(usMirror), verify.Insecure{}))))
	good("plain", text)
	good("with white space, members in another order", "{ \"root\" : "+text[strings.Index(text, `{"leaf_hash"`):len(text)-1]+",\n"+text[1:strings.Index(text, `,"root"`)]+"}\n")
	good("insecure", string(must(json.Marshal(trustOf(rootV1, policyOf(aWitness), verify.Insecure{OperatorClock: true, Unmirrored: true})))))
	good("insecure members that are false", `{"insecure_operator_clock":false,"insecure_unmirrored":false,`+text[1:])
	good("another duration", strings.Replace(text, "PT24H", "P1DT30M", 1))
	good("with a log line", strings.Replace(text, `"policy":"`, `"policy":"log `+logKey.vkey()+`\n`, 1))
	for _, x := range []struct{ name, pointer, from, to string }{
		{"an unknown member", "/note", `{`, `{"note":"x",`},
		{"a member twice", "/origin", `"origin"`, `"origin":"x","origin"`},
		{"null", "/insecure_unmirrored", `{`, `{"insecure_unmirrored":null,`},
		{"no origin", "/origin", `"origin":"` + Origin + `",`, ""},
		{"an origin with a scheme", "/origin", `"origin":"`, `"origin":"https://`},
		{"no age", "/max_status_age", `"max_status_age":"PT24H",`, ""},
		{"an age of months", "/max_status_age", "PT24H", "P1M"},
		{"no policy", "/policy", `"policy":"` + strings.ReplaceAll(policyOf(usMirror), "\n", `\n`) + `",`, ""},
		{"a policy without quorum", "/policy", `quorum w\n`, ""},
		{"a policy with the logs of another register", "/policy", `"policy":"`, `"policy":"log ` + noteKey{name: "example.com/other", seed: "log", typ: 1}.vkey() + `\n`},
		{"no leaf hash", "/root/leaf_hash", `"leaf_hash":"` + leafHash(rootV1) + `",`, ""},
		{"a leaf hash that is none", "/root/leaf_hash", leafHash(rootV1), "AAAA"},
		{"no version", "/root/version", `,"version":1`, ""},
		{"version 0", "/root/version", `"version":1`, `"version":0`},
	} {
		f.Trusts = append(f.Trusts, Trust{Name: x.name, Trust: Text(strings.Replace(text, x.from, x.to, 1)), Pointer: x.pointer})
	}
	return f
}
