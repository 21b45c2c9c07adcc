package receipt

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/safeconduct/safeconduct/policy"
)

// maxDifferences is how many are named.
const maxDifferences = 16

// differences returns the JSON pointers of what is not the same in two decisions,
// the first of them, nil where they are the same to the byte.
func differences(a, b *policy.Decision) ([]string, error) {
	same, err := a.Same(b)
	if err != nil || same {
		return nil, err
	}
	x, err := tree(a)
	if err != nil {
		return nil, err
	}
	y, err := tree(b)
	if err != nil {
		return nil, err
	}
	var out []string
	differ("", x, y, &out)
	if out == nil {
		out = []string{""}
	}
	return out, nil
}

func tree(d *policy.Decision) (v any, err error) {
	data, err := d.Marshal()
	if err == nil {
		err = json.Unmarshal(data, &v)
	}
	return v, err
}

func differ(at string, a, b any, out *[]string) {
	if len(*out) >= maxDifferences {
		return
	}
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok {
			break
		}
		names := slices.Concat(slices.Collect(maps.Keys(x)), slices.Collect(maps.Keys(y)))
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			differ(at+"/"+name, x[name], y[name], out)
		}
		return
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			break
		}
		for i := range x {
			differ(fmt.Sprintf("%s/%d", at, i), x[i], y[i], out)
		}
		return
	default:
		if a == b {
			return
		}
	}
	*out = append(*out, at)
}

// inWords says where nothing differs but sentences, which another release may put
// in other words.
func inWords(differs []string) string {
	for _, p := range differs {
		last := p[strings.LastIndexByte(p, '/')+1:]
		if last != "message" && last != "found" && last != "change" && !strings.HasPrefix(p, "/notes") {
			return ""
		}
	}
	if len(differs) >= maxDifferences {
		return ""
	}
	return ", though in its words alone, which are those of the release that decided"
}
