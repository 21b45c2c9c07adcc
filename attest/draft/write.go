package draft

import (
	"fmt"
	"strings"
)

// A Member is one of a draft that is written from what somebody has entered.
type Member struct {
	Name string
	// Value is text, a whole number (int64), a bool, a list of text ([]string),
	// members ([]Member), or a list of such ([][]Member).
	Value any
}

// Write writes a draft of members, in their order. What is text stays text,
// whatever stands in it: only names and the kind of a value make the document. It
// need not be good, which [Parse] says.
func Write(members ...Member) string {
	var b strings.Builder
	write(&b, "", members)
	return b.String()
}

func write(b *strings.Builder, indent string, members []Member) {
	for _, m := range members {
		switch v := m.Value.(type) {
		case string:
			fmt.Fprintf(b, "%s%s: %s\n", indent, m.Name, timeOrText(v))
		case []string:
			words := make([]string, len(v))
			for i, w := range v {
				words[i] = scalar(w)
			}
			fmt.Fprintf(b, "%s%s: [%s]\n", indent, m.Name, strings.Join(words, ", "))
		case []Member:
			fmt.Fprintf(b, "%s%s:\n", indent, m.Name)
			write(b, indent+"  ", v)
		case [][]Member:
			fmt.Fprintf(b, "%s%s:\n", indent, m.Name)
			for _, e := range v {
				var of strings.Builder
				write(&of, indent+"    ", e)
				b.WriteString(indent + "  - " + strings.TrimPrefix(of.String(), indent+"    "))
			}
		default:
			fmt.Fprintf(b, "%s%s: %v\n", indent, m.Name, v)
		}
	}
}

// timeOrText writes a time as it stands, as officers do.
func timeOrText(s string) string {
	if moment.MatchString(s) {
		return s
	}
	return scalar(s)
}
