package draft

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/safeconduct/safeconduct/attest"
)

// Amendment returns the draft of a new version of a registration or an approval,
// which supersedes it and says the same: what is to change is for whoever
// completes it. It parses as it stands. The new version has a name of its own
// and begins at the next midnight in UTC, or when the old one ends if that is
// sooner, so that there is no gap; where the old one has ended, its exp stands
// there as a remark. now is the present time.
func Amendment(c attest.Claims, now time.Time) (string, error) {
	if err := attest.Check(c); err != nil {
		return "", fmt.Errorf("draft a new version: %w", err)
	}
	var members []string
	switch c := c.(type) {
	case *attest.Registration:
		members = append(members, "entity: "+scalar(strings.TrimPrefix(c.Sub, "entity:")))
	case *attest.EntityApproval:
		members = append(members, "entity: "+scalar(c.Entity()))
	case *attest.DomainApproval:
		members = append(members, "sandbox: "+scalar(c.Sandbox()))
	default:
		return "", errors.New("draft a new version: only registrations and approvals of entities and sandboxes have one")
	}
	h, g := c.Head(), attest.GrantOf(c)
	nbf := nextBeginning(g, now)
	ended := g.EXP != 0 && g.EXP <= nbf
	var b strings.Builder
	fmt.Fprintf(&b, `# A new version of %s of %s. It says the same; change what is to be another.
# Then: safeconduct diff shows what you have changed, and whether a gap is left.
kind: %s
aud: %s
iss: %s

# The name of the new version, which you choose and use once.
jti: %s
# The version that it replaces. What was suspended or revoked stays so.
supersedes: %s

`, h.JTI, h.Iss, c.Kind(), scalar(h.Aud), scalar(h.Iss), scalar(nextName(h.JTI)), scalar(h.JTI))
	fmt.Fprintf(&b, "%s\n\n# From when on it takes over. The old version began at %s.\n", members[0], moment3339(g.NBF))
	fmt.Fprintf(&b, "nbf: %s\n", moment3339(nbf))
	switch {
	case ended:
		fmt.Fprintf(&b, "# Until when it holds: the old version's end has come.\n# exp: %s\n", moment3339(g.EXP))
	case g.EXP != 0:
		fmt.Fprintf(&b, "exp: %s\n", moment3339(g.EXP))
	default:
		b.WriteString("# The old version has no end of its own.\n# exp: 2030-01-01T00:00:00Z\n")
	}
	b.WriteByte('\n')
	for _, m := range rest(c, []string{"nbf", "exp", "supersedes", "retroactive", "retroactive_reason"}) {
		if m.name == "expiry_savings" && ended {
			b.WriteString("# " + strings.ReplaceAll(strings.TrimSuffix(m.text, "\n"), "\n", "\n# ") + "\n")
			continue
		}
		b.WriteString(m.text)
	}
	return b.String(), nil
}

// Rest writes those members of claims that say something, but for some, as a draft
// has them: such as those that a form has no fields for.
func Rest(c attest.Claims, but ...string) string {
	var b strings.Builder
	for _, m := range rest(c, but) {
		b.WriteString(m.text)
	}
	return b.String()
}

// A written member is one as a draft has it.
type written struct{ name, text string }

// rest are those that no draft says in another way, but for some.
func rest(c attest.Claims, but []string) (out []written) {
	but = append(slices.Clone(but), "aud", "iss", "sub", "jti", "iat", "vct")
	v := reflect.ValueOf(c).Elem()
	for _, f := range reflect.VisibleFields(v.Type()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		// The members of what is embedded come by themselves.
		if len(f.Index) > 2 || f.Anonymous || name == "" || slices.Contains(but, name) || v.FieldByIndex(f.Index).IsZero() {
			continue
		}
		var text strings.Builder
		member(&text, "", name, v.FieldByIndex(f.Index))
		out = append(out, written{name, text.String()})
	}
	return out
}

// nextBeginning is when a new version takes over.
func nextBeginning(g *attest.Grant, now time.Time) attest.NumericDate {
	midnight := attest.NumericDate(now.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1).Unix())
	if g.EXP > attest.NumericDate(now.Unix()) && g.EXP < midnight {
		return g.EXP
	}
	return max(midnight, g.NBF)
}

var counted = regexp.MustCompile(`^(.*-v?)([1-9][0-9]{0,3})$`)

// nextName is a name for the version after one of that name: PDA-US-2 after
// PDA-US, PDA-US-3 after PDA-US-2. A number with a leading zero is part of the
// name.
func nextName(jti string) string {
	if m := counted.FindStringSubmatch(jti); m != nil {
		if n, err := strconv.Atoi(m[2]); err == nil {
			return m[1] + strconv.Itoa(n+1)
		}
	}
	const most = 128 - len("-2")
	return jti[:min(len(jti), most)] + "-2"
}

func moment3339(d attest.NumericDate) string { return d.Time().Format(time.RFC3339) }

// member writes a member in YAML.
func member(b *strings.Builder, indent, name string, v reflect.Value) {
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch {
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.String:
		words := make([]string, v.Len())
		for i := range words {
			words[i] = scalar(v.Index(i).String())
		}
		fmt.Fprintf(b, "%s%s: [%s]\n", indent, name, strings.Join(words, ", "))
	case v.Kind() == reflect.Slice:
		fmt.Fprintf(b, "%s%s:\n", indent, name)
		for i := range v.Len() {
			var e strings.Builder
			object(&e, indent+"    ", v.Index(i))
			b.WriteString(indent + "  - " + strings.TrimPrefix(e.String(), indent+"    "))
		}
	case v.Kind() == reflect.Map:
		fmt.Fprintf(b, "%s%s:\n", indent, name)
		lists, _ := v.Interface().(attest.Scope)
		for _, l := range slices.Sorted(maps.Keys(lists)) {
			member(b, indent+"  ", l, reflect.ValueOf(lists[l]))
		}
	case v.Kind() == reflect.Struct:
		fmt.Fprintf(b, "%s%s:\n", indent, name)
		object(b, indent+"  ", v)
	case v.Type() == dateType:
		fmt.Fprintf(b, "%s%s: %s\n", indent, name, moment3339(attest.NumericDate(v.Int())))
	case v.Type() == amountType:
		fmt.Fprintf(b, "%s%s: %s\n", indent, name, v.String())
	case v.Kind() == reflect.String:
		fmt.Fprintf(b, "%s%s: %s\n", indent, name, scalar(v.String()))
	default:
		fmt.Fprintf(b, "%s%s: %v\n", indent, name, v.Interface())
	}
}

// object writes the members of a struct that say something.
func object(b *strings.Builder, indent string, v reflect.Value) {
	for _, f := range reflect.VisibleFields(v.Type()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || name == "" || v.FieldByIndex(f.Index).IsZero() {
			continue
		}
		member(b, indent, name, v.FieldByIndex(f.Index))
	}
}

var (
	plainWord = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._/-]*(:[A-Za-z0-9._/-]+)*$`)
	yamlWord  = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null)$`)
)

// scalar writes text in YAML: a word as it stands, all else in quotation marks
// with what cannot be seen escaped.
func scalar(s string) string {
	if plainWord.MatchString(s) && !yamlWord.MatchString(s) {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == ' ' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
