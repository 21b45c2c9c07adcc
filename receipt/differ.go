package receipt

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/safeconduct/safeconduct/policy"
)

// maxDifferences is how many are named of each.
const maxDifferences = 16

// A difference tells two decisions apart: by JSON pointers, the first of them of what
// they say, and of the words that they say it in.
type difference struct{ facts, words []string }

// differences returns in what two decisions are not the same to the byte.
func differences(a, b *policy.Decision) (d difference, err error) {
	same, err := a.Same(b)
	if err != nil || same {
		return d, err
	}
	x, err := tree(a)
	if err != nil {
		return d, err
	}
	y, err := tree(b)
	if err != nil {
		return d, err
	}
	d.differ("", x, y)
	if d.facts == nil && d.words == nil {
		d.facts = []string{""}
	}
	return d, nil
}

func tree(d *policy.Decision) (v any, err error) {
	data, err := d.Marshal()
	if err == nil {
		err = json.Unmarshal(data, &v)
	}
	return v, err
}

func (d *difference) differ(at string, a, b any) {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok {
			break
		}
		names := slices.Concat(slices.Collect(maps.Keys(x)), slices.Collect(maps.Keys(y)))
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			d.differ(at+"/"+name, x[name], y[name])
		}
		return
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			break
		}
		for i := range x {
			d.differ(fmt.Sprintf("%s/%d", at, i), x[i], y[i])
		}
		return
	default:
		if a == b {
			return
		}
	}
	list := &d.facts
	if isWords(at) {
		list = &d.words
	}
	if len(*list) < maxDifferences {
		*list = append(*list, at)
	}
}

// isWords reports whether a member is for people, so that another release may put it
// otherwise: sentences, notes, and how it came about. What it says is in the codes,
// places and times beside it.
func isWords(pointer string) bool {
	last := pointer[strings.LastIndexByte(pointer, '/')+1:]
	return last == "message" || pointer == "/notes" || strings.HasPrefix(pointer, "/notes/") || strings.HasPrefix(pointer, "/explanation/")
}
