package vectors

import (
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/verify"
)

// HistoryFile is histories.json: tags and chains.
type HistoryFile struct {
	About    string    `json:"about"`
	Lineages []Lineage `json:"lineages"`
	Chains   []Chain   `json:"chains"`
}

// A Lineage is what is said about one subject, and the tag of each statement.
type Lineage struct {
	Name       string   `json:"name"`
	Statements []Saying `json:"statements"`
	// Tags are in hexadecimal; there are fewer than statements where the next
	// one is refused.
	Tags []string `json:"tags"`
}

// A Saying is the part of a statement that its tag rests on. Kind is grant
// (approval or registration), event or root.
type Saying struct {
	Kind       string `json:"kind"`
	Iss        string `json:"iss"`
	JTI        string `json:"jti"`
	Supersedes string `json:"supersedes,omitzero"`
	Target     string `json:"target,omitzero"`
}

// Claims returns claims that say no more than that.
func (s Saying) Claims() attest.Claims {
	c := attest.Common{Iss: s.Iss, JTI: s.JTI}
	switch s.Kind {
	case "root":
		return &attest.Root{Common: c}
	case "event":
		return &attest.Event{Common: c, Target: s.Target}
	default:
		return &attest.EntityApproval{Common: c, Grant: attest.Grant{Supersedes: s.Supersedes}}
	}
}

// A Chain is the history of a subject in the status map.
type Chain struct {
	Subject string `json:"subject"`
	// Key is SHA-256(subject), in hexadecimal.
	Key   string `json:"key"`
	Links []Link `json:"links"`
}

// A Link is an entry and what the map holds after it; hashes are in
// hexadecimal.
type Link struct {
	Index    int64  `json:"index"`
	Time     int64  `json:"time"`
	LeafHash string `json:"leaf_hash"`
	Tag      string `json:"tag"`
	Chain    string `json:"chain"`
	Value    string `json:"value"`
}

func historyFile() HistoryFile {
	f := HistoryFile{About: "Lineages: the statements of one subject in log order and the tag of each; where there are fewer tags than statements, the next statement is refused. Chains: what the status map holds of a subject after each of its statements. Hashes are in hexadecimal."}
	grant := func(iss, jti, supersedes string) Saying { return Saying{"grant", iss, jti, supersedes, ""} }
	event := func(iss, jti, target string) Saying { return Saying{"event", iss, jti, "", target} }
	for _, l := range []struct {
		name string
		said []Saying
		tags int
	}{
		{"one lineage", []Saying{grant("a", "1", ""), grant("a", "2", "1"), event("a", "3", "1"), event("a", "4", "2"), grant("a", "5", "2")}, 5},
		{"two lineages", []Saying{grant("a", "1", ""), grant("a", "2", ""), event("a", "3", "2"), grant("a", "4", "1")}, 4},
		{"two issuers with the same names", []Saying{grant("a", "1", ""), grant("b", "1", ""), event("b", "2", "1")}, 3},
		{"roots", []Saying{{"root", "root", "root-1", "", ""}, {"root", "root", "root-2", "", ""}}, 2},
		{"a statement twice", []Saying{grant("a", "1", ""), grant("a", "1", "")}, 1},
		{"a name twice", []Saying{grant("a", "1", ""), event("a", "1", "1")}, 1},
		{"an unknown target", []Saying{grant("a", "1", ""), event("a", "2", "9")}, 1},
		{"another issuer's target", []Saying{grant("a", "1", ""), event("b", "2", "1")}, 1},
		{"an event on an event", []Saying{grant("a", "1", ""), event("a", "2", "1"), event("a", "3", "2")}, 2},
		{"supersedes what is unknown", []Saying{grant("a", "2", "1")}, 0},
		{"supersedes an event", []Saying{grant("a", "1", ""), event("a", "2", "1"), grant("a", "3", "2")}, 2},
		{"supersedes another issuer's", []Saying{grant("a", "1", ""), grant("b", "2", "1")}, 1},
		{"supersedes an old version", []Saying{grant("a", "1", ""), grant("a", "2", "1"), grant("a", "3", "1")}, 2},
	} {
		v := Lineage{Name: l.name, Statements: l.said, Tags: []string{}}
		var lineage attest.Lineage
		for i, s := range l.said {
			if i == l.tags {
				break
			}
			v.Tags = append(v.Tags, hex32(must(lineage.Next(s.Claims()))))
		}
		f.Lineages = append(f.Lineages, v)
	}
	for _, subject := range []string{"root", approvals} {
		c := Chain{Subject: subject, Key: hex32(verify.MapKey(subject))}
		var value verify.MapValue
		for i, tag := range []attest.Tag{attest.TagOf("auth-us", "TEA-US-1"), {}, attest.TagOf("auth-us", "TEA-US-2")} {
			l := Link{Index: int64(3*i) + 1, Time: begin.UnixMilli() + int64(i), LeafHash: hex32(tlog.RecordHash([]byte("leaf " + strconv.Itoa(i)))), Tag: hex32(tag)}
			value = value.Next(l.Index, l.Time, tlog.RecordHash([]byte("leaf "+strconv.Itoa(i))), tag)
			l.Chain, l.Value = hex32(value.Chain), hexOf(value.Bytes())
			c.Links = append(c.Links, l)
		}
		f.Chains = append(f.Chains, c)
	}
	return f
}
