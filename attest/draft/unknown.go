package draft

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// unknown reports a member, one of those below at, that is not known, with the
// name that was perhaps meant.
func (d *draft) unknown(at, name string, members map[string]any, types map[string]reflect.Type) {
	ptr := at + token(name)
	names := slices.Collect(maps.Keys(types))
	if at == "" {
		names = append(names, "kind")
		names = append(names, subjectMembers[d.kind]...)
	}
	slices.Sort(names)
	best, least := "", 3
	for _, n := range names {
		if k := edits(strings.ToLower(name), n); k < least && k < len(n)-1 {
			best, least = n, k
		}
	}
	if best == "" {
		d.problems.Add(ptr, "unknown member; here may stand %s", strings.Join(names, ", "))
		return
	}
	d.problems.Add(ptr, "unknown member; is %s meant?", best)
	if _, given := members[best]; !given {
		d.silent = append(d.silent, at+"/"+best)
	}
}

// edits counts the letters to insert, delete or replace between a and b
// (Levenshtein's distance), up to 9.
func edits(a, b string) int {
	if len(a) > len(b)+8 || len(b) > len(a)+8 {
		return 9
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return min(row[len(b)], 9)
}
