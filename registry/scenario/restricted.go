package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/screening"
)

// readRestricted makes screening lists of the restricted parties of a scenario.
func readRestricted(n *node) (out []*screening.List) {
	lists := make(map[string]*strings.Builder)
	for _, p := range n.list() {
		name := p.get("list").text()
		if name == "" {
			name = "restricted parties"
		}
		b, ok := lists[name]
		if !ok {
			b = new(strings.Builder)
			fmt.Fprintf(b, "# list: %s\n# version: scenario\n", oneLine(name))
			lists[name] = b
		}
		b.WriteString(oneLine(p.get("name").need()))
		for _, id := range identifiers(p.first("ids", "identifiers")) {
			if _, err := identifier.Parse(id); err != nil {
				p.get("ids").wrong("%v", err)
				continue
			}
			b.WriteString("\tid=" + id)
		}
		for _, also := range p.get("former_names").texts() {
			b.WriteString("\talso=" + oneLine(also))
		}
		for _, free := range []string{"country", "id", "note"} {
			p.get(free)
		}
		b.WriteByte('\n')
		p.done()
	}
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		l, err := screening.Parse(name, strings.NewReader(lists[name].String()))
		if err != nil {
			n.wrong("%v", err)
			continue
		}
		out = append(out, l)
	}
	return out
}

// oneLine keeps a name on its line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
