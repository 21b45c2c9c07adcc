package issuing

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/internal/strictjson"
	"github.com/safeconduct/safeconduct/internal/yamldoc"
)

// A Map says which columns of a table go into which members of a statement. It
// does not change.
type Map struct {
	file      string
	doc       *yamldoc.Doc
	kind      attest.Kind
	aud, iss  string
	series    string
	key       template
	delimiter rune
	ignore    []string
	backdated string
	entity    node
	members   object
}

// Kind returns what statements it makes: registrations or entity approvals.
func (m *Map) Kind() attest.Kind { return m.kind }

// Series returns what the jti of every statement that it makes begins with.
func (m *Map) Series() string { return m.series }

// Aud returns the register, and Iss the authority, that the map names; empty
// where it names none.
func (m *Map) Aud() string { return m.aud }

// Iss returns the authority that the map names, empty where it names none.
func (m *Map) Iss() string { return m.iss }

// Delimiter returns what stands between the cells of the table.
func (m *Map) Delimiter() rune { return m.delimiter }

// seriesForm: a jti has room for it, the key and a digest.
var seriesForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`)

// mapMembers are those at the top of a map.
var mapMembers = []string{"aud", "backdated", "delimiter", "ignore", "iss", "key", "kind", "members", "series"}

// own are the members of a statement that no map says: they follow from it.
var own = []string{"aud", "iss", "sub", "jti", "iat", "supersedes", "retroactive", "retroactive_reason", "vct"}

// ParseMap reads a map; file is its name, for messages. The error prints every
// mistake on a line of its own, FILE:LINE: member: message.
func ParseMap(file string, data []byte) (*Map, error) {
	doc, err := yamldoc.Parse(data)
	if err != nil {
		return nil, yamldoc.InFile(file, err)
	}
	dec := json.NewDecoder(bytes.NewReader(doc.JSON()))
	dec.UseNumber()
	var members map[string]any
	if err := dec.Decode(&members); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	p := &mapParser{m: &Map{file: file, doc: doc, delimiter: ','}}
	p.top(members)
	if err := doc.Explain(file, p.problems); err != nil {
		return nil, err
	}
	return p.m, nil
}

// A mapParser reads a map and collects what is wrong with it.
type mapParser struct {
	m *Map
	problems
	// within says that what is read is of an each, which has pieces.
	within bool
}

func (p *mapParser) top(members map[string]any) {
	for _, name := range sorted(members) {
		if !slices.Contains(mapMembers, name) {
			p.Add(pointer("", name), "unknown member; here may stand %s", strings.Join(mapMembers, ", "))
		}
	}
	m := p.m
	var example any
	switch kind, given := p.text(members, "kind"); attest.Kind(kind) {
	case attest.KindEntityApproval:
		m.kind, example = attest.KindEntityApproval, attest.EntityApproval{}
	case attest.KindRegistration:
		m.kind, example = attest.KindRegistration, attest.Registration{}
	default:
		if given {
			p.Add("/kind", "unknown kind %q: want entity or registration", clip(kind))
		} else if _, there := members["kind"]; !there {
			p.Add("/kind", "is missing: want entity or registration")
		}
	}
	m.aud, _ = p.text(members, "aud")
	if m.aud != "" {
		p.is("/aud", attest.Origin(m.aud))
	}
	m.iss, _ = p.text(members, "iss")
	if m.iss != "" {
		p.is("/iss", identifier.Authority(m.iss))
	}
	m.backdated, _ = p.text(members, "backdated")
	if p.needs(members, "series", "a name for what this map makes, of letters, digits, _ and -; every jti begins with it") {
		if m.series, _ = p.text(members, "series"); m.series != "" && !seriesForm.MatchString(m.series) {
			p.Add("/series", "%q is no series: want at most 32 letters, digits, _ and -", clip(m.series))
		}
	}
	if p.needs(members, "key", "what names a row and stays when it changes, such as ${No}") {
		if key, given := p.text(members, "key"); given {
			m.key = p.template(key, "/key")
			if _, constant := m.key.constant(); constant {
				p.Add("/key", "has no ${Column}: every row would have the same key")
			}
		}
	}
	p.delimiter(members)
	p.ignored(members)
	if p.needs(members, "members", "the members of the statement, each with what goes into it") && example != nil {
		p.statement(members["members"], reflect.TypeOf(example))
	}
}

// statement reads the members of the statement. Its entity stands for sub.
func (p *mapParser) statement(v any, t reflect.Type) {
	members, ok := v.(map[string]any)
	if !ok {
		p.Add("/members", "%s", wrong(v, "members"))
		return
	}
	types := strictjson.MemberTypes(t)
	for _, name := range own {
		delete(types, name)
		if _, given := members[name]; given {
			p.Add(pointer("/members", name), "is not for a map to say: %s", ownHint(name))
			delete(members, name)
		}
	}
	if entity, given := members["entity"]; given {
		p.m.entity = p.node(entity, reflect.TypeFor[string](), "/members/entity")
		delete(members, "entity")
	} else {
		p.Add("/members", "has no entity: the entity's id, <scheme>:<value>, such as lei:${LEI}")
	}
	p.m.members = p.members(members, types, "/members")
	for _, name := range needed[p.m.kind] {
		if _, given := members[name]; !given {
			p.Add("/members", "has no %s, which every statement of kind %s has", name, p.m.kind)
		}
	}
}

// needed are the members without which no statement of the kind is good.
var needed = map[attest.Kind][]string{
	attest.KindRegistration:   {"legal_name", "country", "nbf"},
	attest.KindEntityApproval: {"legal_name", "country", "nbf", "legal_effect"},
}

func ownHint(name string) string {
	switch name {
	case "aud", "iss":
		return "it stands at the top of the map"
	case "sub":
		return "it is made of entity"
	case "retroactive", "retroactive_reason":
		return "backdated, at the top, is the reason of what lies before the day of import"
	default:
		return "it is made anew for each statement"
	}
}

func (p *mapParser) needs(members map[string]any, name, what string) bool {
	_, given := members[name]
	if !given {
		p.Add("/"+name, "is missing: %s", what)
	}
	return given
}

func (p *mapParser) is(at string, err error) {
	if err != nil {
		p.Add(at, "%v", err)
	}
}

// text returns a member that is text; given is false where there is none.
func (p *mapParser) text(members map[string]any, name string) (text string, given bool) {
	v, there := members[name]
	if !there {
		return "", false
	}
	return p.str(v, "/"+name)
}

func (p *mapParser) str(v any, at string) (string, bool) {
	s, ok := v.(string)
	switch {
	case !ok:
		p.Add(at, "%s", wrong(v, "text"))
	case s == "":
		p.Add(at, "is empty; leave the member out where there is nothing to say")
	default:
		if err := wellFormed(s); err != nil {
			p.Add(at, "%v", err)
			return "", false
		}
		return s, true
	}
	return "", false
}

func (p *mapParser) template(s, at string) template {
	t, err := parseTemplate(s, at)
	p.is(at, err)
	return t
}

// delimiter is one character that is neither a quote nor a line end.
func (p *mapParser) delimiter(members map[string]any) {
	v, given := members["delimiter"]
	if !given {
		return
	}
	s, _ := v.(string)
	if s == "tab" {
		s = "\t"
	}
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 || n != len(s) || !strings.ContainsRune(",;|\t", r) {
		p.Add("/delimiter", "%s; want one of \",\", \";\", \"|\" and tab", wrong(v, "what stands between two cells"))
		return
	}
	p.m.delimiter = r
}

// ignored are the columns that go nowhere.
func (p *mapParser) ignored(members map[string]any) {
	v, given := members["ignore"]
	if !given {
		return
	}
	list, ok := v.([]any)
	if !ok {
		p.Add("/ignore", "%s", wrong(v, "a list of columns"))
		return
	}
	for i, e := range list {
		if s, ok := p.str(e, fmt.Sprintf("/ignore/%d", i)); ok {
			p.m.ignore = append(p.m.ignore, s)
		}
	}
}
