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
	// Shared are statements of which some stand in several histories.
	Shared []Shared `json:"shared"`
	Chains []Chain  `json:"chains"`
}

// A Lineage is what is said about one subject, and the tag of each statement.
type Lineage struct {
	Name       string   `json:"name"`
	Statements []Saying `json:"statements"`
	// Tags are in hexadecimal; there are fewer than statements where the next
	// one is refused.
	Tags []string `json:"tags"`
}

// Shared are statements in log order, each with the history that its sub is in
// and the others that it goes into.
type Shared struct {
	Name       string   `json:"name"`
	Statements []string `json:"statements"`
	// Tags are those of the history of each subject, in hexadecimal.
	Tags map[string][]string `json:"tags"`
}

// A Saying is the part of a statement that its tag rests on. Kind is grant
// (approval, registration or consent), event, entity-event, succession or root.
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
	case "entity-event":
		return &attest.EntityEvent{Common: c}
	case "succession":
		return &attest.Succession{Common: c, Target: s.Target}
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
	f := HistoryFile{About: "Lineages: the statements of one subject in log order and the tag of each; where there are fewer tags than statements, the next statement is refused. Shared: statements in log order, and the tags in each history that they stand in. Chains: what the status map holds of a subject after each of its statements. Hashes are in hexadecimal."}
	grant := func(iss, jti, supersedes string) Saying { return Saying{"grant", iss, jti, supersedes, ""} }
	event := func(iss, jti, target string) Saying { return Saying{"event", iss, jti, "", target} }
	happens := func(iss, jti string) Saying { return Saying{"entity-event", iss, jti, "", ""} }
	passes := func(iss, jti, target string) Saying { return Saying{"succession", iss, jti, "", target} }
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
		{"an event on an entity", []Saying{grant("a", "1", ""), happens("a", "2"), grant("a", "3", "1"), event("a", "4", "3"), happens("b", "1")}, 5},
		{"an event on an entity, a name twice", []Saying{grant("a", "1", ""), happens("a", "1")}, 1},
		{"an event on an event on an entity", []Saying{happens("a", "1"), event("a", "2", "1")}, 1},
		{"supersedes an event on an entity", []Saying{happens("a", "1"), grant("a", "2", "1")}, 1},
		{"successions", []Saying{grant("a", "1", ""), grant("a", "2", "1"), passes("a", "3", "1"), passes("a", "4", "2"), event("a", "5", "1"), grant("a", "6", "2")}, 6},
		{"a succession of what is unknown", []Saying{grant("a", "1", ""), passes("a", "2", "9")}, 1},
		{"a succession of another issuer's", []Saying{grant("a", "1", ""), passes("b", "2", "1")}, 1},
		{"a succession of a succession", []Saying{grant("a", "1", ""), passes("a", "2", "1"), passes("a", "3", "2")}, 2},
		{"a succession of an event", []Saying{grant("a", "1", ""), event("a", "2", "1"), passes("a", "3", "2")}, 2},
		{"an event on a succession", []Saying{grant("a", "1", ""), passes("a", "2", "1"), event("a", "3", "2")}, 2},
		{"supersedes a succession", []Saying{grant("a", "1", ""), passes("a", "2", "1"), grant("a", "3", "2")}, 2},
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
	f.Shared = []Shared{
		shared("an approval that passes on", tea1, passed(nil), sign(atCorvus("TEA-US-9"), us1), revoke1),
		shared("an approval that comes back", tea1, passed(nil), sign(atCorvus("TEA-US-9"), us1), sign(backAgain(), us1)),
		shared("a merger", regUS, sign(entityEvent(attest.Merger, "ENT-US-1"), us1), sign(intoVaruna(), us1)),
		shared("a registration under several identifiers", regUS, sign(renamed(), us1)),
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

// shared sorts statements into histories.
func shared(name string, statements ...string) Shared {
	r := newRegister()
	r.batch(begin, statements...)
	out := Shared{Name: name, Statements: statements, Tags: make(map[string][]string)}
	for subject, entries := range r.histories {
		for _, e := range entries {
			out.Tags[subject] = append(out.Tags[subject], hex32(e.Tag))
		}
	}
	return out
}
