package finder

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/safeconduct/safeconduct/screening"
)

// An index has the names and identifiers of things, and what narrows a search
// of them. It proposes; what a thing is and has, its histories say.
type index struct {
	things []*thing
	byID   map[string]int32
	// sorted are the things by their ids; those from len(sorted) on are not in yet.
	sorted []int32

	names []name
	// grams are the names that have three characters in a row, ascending.
	grams map[gram][]int32
	// identified are things by what an identifier is found by, and others those beside
	// the first where there are such.
	identified map[string]int32
	others     map[string][]int32
	// once has short strings that many things have in common, numbers what they are
	// numbered.
	once    map[string]string
	numbers map[string]int32
}

// A thing is an entity or a sandbox.
type thing struct {
	id string
	// names are places in those of the index.
	names []int32
	// authorities have approved it, registrars registered it; of a sandbox, members
	// are those of its terms.
	authorities, registrars, members []string
	programmes, countries            []string
	// heir says that it may have an approval that was given to another, under any
	// programme.
	heir bool
	// listed is what its approvals that may be found by cover, nil where it never had
	// one.
	listed *coverage
	// holds are those of its grants that end, and of a sandbox all; crowded says that
	// there are more.
	holds   []held
	crowded bool
}

// A name is one that a thing has or had.
type name struct {
	text string
	// grams is how many it has.
	grams int32
}

// A gram is three characters in a row.
type gram uint64

func newIndex() *index {
	return &index{
		byID: make(map[string]int32), grams: make(map[gram][]int32),
		identified: make(map[string]int32), others: make(map[string][]int32),
		once: make(map[string]string), numbers: make(map[string]int32),
	}
}

// thing returns the thing with that id, which is made where it is not there.
func (x *index) thing(id string) (int32, *thing) {
	if i, ok := x.byID[id]; ok {
		return i, x.things[i]
	}
	t := &thing{id: strings.Clone(id)}
	i := int32(len(x.things))
	x.things = append(x.things, t)
	x.byID[t.id] = i
	x.identify(i, t.id)
	return i, t
}

// identify has a thing found by an identifier.
func (x *index) identify(i int32, id string) {
	for _, key := range keysOf(strings.Clone(id)) {
		switch first, ok := x.identified[key]; {
		case key == "" || ok && first == i || slices.Contains(x.others[key], i):
		case ok:
			x.others[key] = append(x.others[key], i)
		default:
			x.identified[key] = i
		}
	}
}

// identifiedBy are the things that a key finds.
func (x *index) identifiedBy(key string) []int32 {
	first, ok := x.identified[key]
	if !ok {
		return nil
	}
	return append([]int32{first}, x.others[key]...)
}

// name has a thing found by a name.
func (x *index) name(i int32, text string) {
	t := x.things[i]
	if text == "" || slices.ContainsFunc(t.names, func(n int32) bool { return x.names[n].text == text }) {
		return
	}
	gs := gramsOf(text)
	at := int32(len(x.names))
	x.names = append(x.names, name{strings.Clone(text), int32(len(gs))})
	t.names = append(t.names, at)
	for _, g := range gs {
		x.grams[g] = append(x.grams[g], at)
	}
}

// add adds to a set of few strings.
func (x *index) add(set *[]string, s string) {
	if s == "" || slices.Contains(*set, s) {
		return
	}
	*set = append(*set, x.kept(s))
}

// kept is the one copy of a short string.
func (x *index) kept(s string) string {
	kept, ok := x.once[s]
	if !ok {
		kept = strings.Clone(s)
		x.once[kept] = kept
	}
	return kept
}

// number is what a short string is numbered by.
func (x *index) number(s string) int32 {
	n, ok := x.numbers[s]
	if !ok {
		n = int32(len(x.numbers))
		x.numbers[strings.Clone(s)] = n
	}
	return n
}

// sort brings in the things that are new since the last time.
func (x *index) sort() {
	if len(x.sorted) == len(x.things) {
		return
	}
	less := func(a, b int32) int { return strings.Compare(x.things[a].id, x.things[b].id) }
	all := slices.Clone(x.sorted)
	for i := len(x.sorted); i < len(x.things); i++ {
		all = append(all, int32(i))
	}
	slices.SortFunc(all[len(x.sorted):], less)
	merged := make([]int32, 0, len(all))
	a, b := all[:len(x.sorted)], all[len(x.sorted):]
	for len(a) > 0 && len(b) > 0 {
		if less(a[0], b[0]) < 0 {
			merged, a = append(merged, a[0]), a[1:]
		} else {
			merged, b = append(merged, b[0]), b[1:]
		}
	}
	x.sorted = append(append(merged, a...), b...)
}

// A proposal is a thing that a search may be about.
type proposal struct {
	thing *thing
	// score is from 0 to MaxScore; by and value say in what it equals the query.
	score int
	by    string
	value string
}

// leastShared is how many of a query's grams a name has at least, in thousandths:
// of a word of six letters four are left where one in the middle is wrong.
const leastShared = 400

// propose proposes the things that a query may mean, each once, in no order.
func (x *index) propose(query string, to func(proposal)) {
	var identified []int32
	for _, key := range keysIn(query) {
		for _, i := range x.identifiedBy(key) {
			if !slices.Contains(identified, i) {
				identified = append(identified, i)
				to(proposal{x.things[i], MaxScore, ByIdentifier, key})
			}
		}
	}
	gs := gramsOf(query)
	if len(gs) == 0 {
		return
	}
	shared := make([]int32, len(x.names))
	for _, g := range gs {
		for _, n := range x.grams[g] {
			shared[n]++
		}
	}
	for i, t := range x.things {
		score, text := 0, ""
		for _, n := range t.names {
			has := &x.names[n]
			if s, ok := scoreOf(int(shared[n]), len(gs), int(has.grams)); ok && (text == "" || s > score) {
				score, text = s, has.text
			}
		}
		if text != "" && !slices.Contains(identified, int32(i)) {
			to(proposal{t, score, ByName, text})
		}
	}
}

// scoreOf scores a name of which so many grams are shared with the query. It is
// not ok where they are too few. A name that has all of the query is found, and
// one that is the query comes first.
func scoreOf(shared, query, name int) (score int, ok bool) {
	if shared == 0 {
		return 0, false
	}
	held := MaxScore * shared / query
	return (7*held + 3*MaxScore*2*shared/(query+name)) / 10, held >= leastShared
}

// nearest returns the name that is most like the query, "" where none is.
func nearest(query string, names []string) (best string, score int) {
	gs := gramsOf(query)
	for _, n := range names {
		has := gramsOf(n)
		shared := 0
		for _, g := range gs {
			if _, ok := slices.BinarySearch(has, g); ok {
				shared++
			}
		}
		if s, ok := scoreOf(shared, len(gs), len(has)); ok && s > score {
			best, score = n, s
		}
	}
	return best, score
}

// gramsOf returns the grams of the words of a name, each once. Case, legal forms
// and accents do not matter.
func gramsOf(text string) []gram {
	folded := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(screening.Normalise(text)))
	var out []gram
	for word := range strings.FieldsSeq(folded) {
		// Where a word begins counts for more than where it ends.
		g := gram(' ')<<21 | ' '
		for _, r := range word + " " {
			if r == utf8.RuneError {
				continue
			}
			g = (g<<21 | gram(r)) & (1<<63 - 1)
			out = append(out, g)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
