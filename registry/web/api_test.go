package web_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/safeconduct/safeconduct/registry/httpapi"
)

// documented are the routes of the document, their answers by "METHOD path".
func (s *site) documented() map[string]map[string]any {
	s.t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string
			Responses   map[string]any
		}
	}
	if err := json.Unmarshal([]byte(s.get("/openapi.json").body), &doc); err != nil {
		s.t.Fatal(err)
	}
	out := make(map[string]map[string]any)
	for path, methods := range doc.Paths {
		for method, o := range methods {
			out[strings.ToUpper(method)+" "+path] = o.Responses
		}
	}
	return out
}

// A shownLine is a line of curl of the page.
type shownLine struct {
	route, line string
	unfit       bool
}

func (d *document) lines() (out []shownLine) {
	for _, n := range d.find("pre", nil) {
		card := n.Parent
		heading := slices.Collect(card.ChildNodes())[slices.IndexFunc(slices.Collect(card.ChildNodes()), func(n *html.Node) bool { return n.Data == "h3" })]
		var line strings.Builder
		for c := range n.Descendants() {
			if c.Type == html.TextNode {
				line.WriteString(c.Data)
			}
		}
		unfit := slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "data-unfit" })
		out = append(out, shownLine{textOf(heading), line.String(), unfit})
	}
	return out
}

// words are those of a line, as a shell reads them, with | as one.
func words(t *testing.T, line string) (out []string) {
	t.Helper()
	for line = strings.TrimLeft(line, " "); line != ""; line = strings.TrimLeft(line, " ") {
		if line[0] != '\'' {
			word, rest, _ := strings.Cut(line, " ")
			out, line = append(out, word), rest
			continue
		}
		word, rest, ok := strings.Cut(line[1:], "'")
		if !ok || strings.HasPrefix(rest, `\`) {
			t.Fatalf("cannot read %s", line)
		}
		out, line = append(out, word), rest
	}
	return out
}

// curl does what a line of curl says, and returns what was answered last.
func (s *site) curl(line string) (status int, body []byte) {
	s.t.Helper()
	var piped []byte
	for {
		command, rest, more := strings.Cut(line, " | ")
		status, body = s.request(words(s.t, command), piped)
		if !more {
			return status, body
		}
		piped, line = body, rest
	}
}

func (s *site) request(args []string, piped []byte) (int, []byte) {
	s.t.Helper()
	method, url, header, body := http.MethodGet, "", http.Header{}, io.Reader(nil)
	if args[0] != "curl" {
		s.t.Fatalf("%q is no line of curl", args)
	}
	for i := 1; i < len(args); i++ {
		switch args[i] {
		case "-s":
		case "-o":
			i++
		case "-X":
			i++
			method = args[i]
		case "-H":
			i++
			name, value, _ := strings.Cut(args[i], ": ")
			header.Set(name, value)
		case "-d", "--data-binary":
			i++
			method, body = http.MethodPost, strings.NewReader(args[i])
			if args[i] == "@-" {
				body = bytes.NewReader(piped)
			}
		default:
			if strings.HasPrefix(args[i], "-") || url != "" {
				s.t.Fatalf("%q: what is %s?", args, args[i])
			}
			url = args[i]
		}
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, url, body)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// Of every route of the document, and of a register with and without anything logged:
// what is shown is answered with 200, but for what is said to be refused, and that with
// what is documented.
func TestEveryLineOfTheAPIPageWorksOnThisRegister(t *testing.T) {
	for name, s := range map[string]*site{"empty": newSite(t, httpapi.Options{}), "of a sandbox": newJointSandbox(t)} {
		t.Run(name, func(t *testing.T) {
			s.t = t
			documented := s.documented()
			shown := s.get("/api").shown(http.StatusOK).lines()
			if len(shown) != len(documented) {
				t.Errorf("%d lines for %d routes", len(shown), len(documented))
			}
			for _, l := range shown {
				answers, ok := documented[l.route]
				if !ok {
					t.Errorf("%s is not documented", l.route)
				}
				delete(documented, l.route)
				status, body := s.curl(l.line)
				if !l.unfit && status != http.StatusOK {
					t.Errorf("%s\n%d %s", l.line, status, body)
				}
				if answers[strconv.Itoa(status)] == nil {
					t.Errorf("%s\nis answered %d, which is not documented", l.line, status)
				}
				if l.unfit && (status < 400 || status >= 500) {
					t.Errorf("%s\nis said to be refused, and is answered %d", l.line, status)
				}
			}
			for route := range documented {
				t.Errorf("%s has no line", route)
			}
		})
	}
}

// The lines are those of a shell and of curl itself.
func TestEveryLineOfTheAPIPageWorksWithCurlItself(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	s := newJointSandbox(t)
	for _, l := range s.get("/api").shown(http.StatusOK).lines() {
		c := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(l.line, "curl ", "curl --noproxy '*' -sS --fail-with-body ", 2))
		c.Dir = t.TempDir()
		if out, err := c.CombinedOutput(); (err != nil) != l.unfit {
			t.Errorf("%s\n%v: %s", l.line, err, out)
		}
	}
}

func TestTheLinesOfTheAPIPageAskAboutWhatIsLogged(t *testing.T) {
	s := newJointSandbox(t)
	d := s.get("/api").shown(http.StatusOK)
	d.has("/v1/sandboxes/SBX-UCOMMS'", "/v1/entities/lei:999900VARUNADEEP0174'", s.url+"/checkpoint/14'").lacks("are made up")
	newSite(t, httpapi.Options{}).get("/api").shown(http.StatusOK).has("are made up")
	if !links(d, "/openapi.json") {
		t.Error("nothing leads to the document itself")
	}
}

// Every reference of the document leads somewhere on the page, and all that it says of
// members is there.
func TestTheAPIPageHasEverySchemaOfTheDocument(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	d := s.get("/api").shown(http.StatusOK)
	var doc struct {
		Components struct {
			Schemas map[string]struct{ Properties map[string]any }
		}
	}
	if err := json.Unmarshal([]byte(s.get("/openapi.json").body), &doc); err != nil {
		t.Fatal(err)
	}
	ids := make(map[string]bool)
	for _, n := range d.find("", nil) {
		ids[attr(n, "id")] = true
	}
	for name, schema := range doc.Components.Schemas {
		if !ids["schema-"+name] {
			t.Errorf("the schema %s is not there", name)
			continue
		}
		section := textOf(d.find("section", func(n *html.Node) bool {
			return attr(n, "class") == "schema" && strings.HasPrefix(textOf(n), name+" ")
		})[0])
		for p := range schema.Properties {
			if !strings.Contains(section, p) {
				t.Errorf("%s lacks %s", name, p)
			}
		}
	}
	for _, n := range d.find("a", nil) {
		if to, ok := strings.CutPrefix(attr(n, "href"), "#"); ok && !ids[to] {
			t.Errorf("a link leads to %s, which is not there", to)
		}
	}
}
