package draft

import (
	"cmp"
	"strconv"
	"strings"
)

// A Member is one of a draft that is written from what somebody has entered. It is
// made by [Text], [Number], [True], [List], [Members] or [Elements], and by nothing
// else: the zero value writes nothing.
type Member struct {
	name string
	// after is what stands after the name and its colon, at an indent.
	after func(indent string) string
}

// Text is a member that is text, or a time.
func Text(name, text string) Member { return inline(name, timeOrText(text)) }

// Number is a member that is a whole number.
func Number(name string, n int64) Member { return inline(name, strconv.FormatInt(n, 10)) }

// True is a member that is true.
func True(name string) Member { return inline(name, "true") }

// List is a member that is a list of text.
func List(name string, texts ...string) Member {
	all := make([]string, len(texts))
	for i, t := range texts {
		all[i] = scalar(t)
	}
	return inline(name, "["+strings.Join(all, ", ")+"]")
}

// Members is a member that has members.
func Members(name string, members ...Member) Member {
	return Member{name, func(indent string) string { return "\n" + write(indent+"  ", members) }}
}

// Elements is a member that is a list of what has members.
func Elements(name string, elements ...[]Member) Member {
	return Member{name, func(indent string) string {
		var b strings.Builder
		b.WriteByte('\n')
		for _, e := range elements {
			within := indent + "    "
			text := strings.TrimPrefix(write(within, e), within)
			b.WriteString(indent + "  - " + cmp.Or(text, "{}\n"))
		}
		return b.String()
	}}
}

func inline(name, value string) Member {
	return Member{name, func(string) string { return " " + value + "\n" }}
}

// Write writes a draft of members, in their order. A name stays a name, and text stays
// text, whatever stands in it. The draft need not be good, which [Parse] says.
func Write(members ...Member) string { return write("", members) }

func write(indent string, members []Member) string {
	var b strings.Builder
	for _, m := range members {
		if m.after != nil {
			b.WriteString(indent + key(m.name, indent) + m.after(indent))
		}
	}
	return b.String()
}

// key writes a name and its colon. YAML reads at most 1,024 characters ahead for that.
func key(name, indent string) string {
	s := scalar(name)
	if len(s) > 1000 {
		return "? " + s + "\n" + indent + ":"
	}
	return s + ":"
}

// timeOrText writes a time as it stands, as officers do.
func timeOrText(s string) string {
	if moment.MatchString(s) {
		return s
	}
	return scalar(s)
}
