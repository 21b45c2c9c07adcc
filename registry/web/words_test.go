package web_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func catalogue(t *testing.T) (words map[string]string) {
	t.Helper()
	data, err := os.ReadFile("words/en.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &words); err != nil {
		t.Fatal(err)
	}
	return words
}

// Every key that a page or the code says is in the catalogue, and nothing else is.
func TestTheCatalogueHasAllWordsAndNoOthers(t *testing.T) {
	words := catalogue(t)
	var sources []string
	for _, pattern := range []string{"template/*.html", "*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if !strings.HasSuffix(name, "_test.go") {
				b, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				sources = append(sources, string(b))
			}
		}
	}
	all := strings.Join(sources, "\n")
	used := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?:\bsay[( ]|wrong\([\w.]+, |\{)"([a-z_]+(?:\.[a-z_0-9]+)*)"`).FindAllStringSubmatch(all, -1) {
		used[m[1]] = true
		if _, ok := words[m[1]]; !ok && strings.Contains(m[1], ".") && !strings.HasSuffix(m[1], ".json") {
			t.Errorf("the catalogue lacks %q", m[1])
		}
	}
	made := regexp.MustCompile(`^(nav|state|field|hint|act|mode|class|decision|warning|kind|event|signature|role|code|rule|param|effect|weight|draftkind|step)\.`)
	for key := range words {
		if !used[key] && !made.MatchString(key) {
			t.Errorf("nobody says %q", key)
		}
	}
	for _, name := range regexp.MustCompile(`index \.Fields "(\w+)"`).FindAllStringSubmatch(all, -1) {
		if words["field."+name[1]] == "" || words["hint."+name[1]] == "" {
			t.Errorf("the field %s has no words", name[1])
		}
	}
}
