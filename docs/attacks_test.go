// Package docs_test holds the pages of this directory against the code.
package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// cells has the rows of a page's tables, whose first cell is not a heading.
func cells(t *testing.T, page string) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		inner, ok := strings.CutPrefix(strings.TrimSpace(line), "|")
		if !ok {
			continue
		}
		row := strings.Split(strings.TrimSuffix(inner, "|"), "|")
		for i := range row {
			row[i] = strings.TrimSpace(row[i])
		}
		rows = append(rows, row)
	}
	return rows
}

var (
	numbered  = regexp.MustCompile(`^([1-9][0-9]?) (\S|$)`)
	commented = regexp.MustCompile(`^Test\w+: ([1-9][0-9]?)[,.]`)
)

// attacked has the numbers of the attacks that a file tests: those that the name of a
// row begins with, and those behind the name of a test in its comment.
func attacked(t *testing.T, file string) []int {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	add := func(pattern *regexp.Regexp, text string) {
		if m := pattern.FindStringSubmatch(text); m != nil {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, n)
		}
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			add(commented, n.Doc.Text())
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil {
				add(numbered, text)
			}
		}
		return true
	})
	slices.Sort(found)
	return slices.Compact(found)
}

// TestEveryAttackIsTestedWhereThePageSays: each number that concerns what comes from
// outside has a row of a test in the files that attacks.md names, and none has one
// that it does not name; or it says why there is none.
func TestEveryAttackIsTestedWhereThePageSays(t *testing.T) {
	said, tested := map[string][]int{}, map[string][]int{}
	var numbers []int
	for _, row := range cells(t, "attacks.md") {
		switch {
		case len(row) == 3 && len(row[0]) == 1:
			tested[row[0]] = attacked(t, filepath.Join("..", filepath.FromSlash(row[2])))
		case len(row) == 4 && row[0] != "no." && !strings.HasPrefix(row[0], "-"):
			n, err := strconv.Atoi(row[0])
			if err != nil {
				t.Fatalf("the row %q has no number", row)
			}
			numbers = append(numbers, n)
			if row[2] == "none" {
				if row[3] == "" {
					t.Errorf("%d has no test, and no reason for it", n)
				}
				continue
			}
			where := strings.Fields(row[2])
			if len(where) == 0 {
				t.Errorf("%d is tested nowhere", n)
			}
			for _, letter := range where {
				said[letter] = append(said[letter], n)
			}
		}
	}
	var want []int
	for n := 1; n <= 60; n++ {
		if n <= 32 || n >= 50 {
			want = append(want, n)
		}
	}
	if diff := cmp.Diff(want, numbers); diff != "" {
		t.Errorf("the numbers of the page (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(tested, said); diff != "" {
		t.Errorf("where attacks are tested (-the tests +the page):\n%s", diff)
	}
}
