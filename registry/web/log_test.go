package web_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/net/html"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// rows are those of the table under a heading, each of its cells in words.
func (d *document) rows(heading string) (out [][]string) {
	d.t.Helper()
	for _, section := range d.find("section", func(n *html.Node) bool {
		for c := range n.ChildNodes() {
			if attr(c, "id") == heading {
				return true
			}
		}
		return false
	}) {
		for tr := range section.Descendants() {
			if tr.Data != "tr" || tr.Parent.Data != "tbody" {
				continue
			}
			var row []string
			for td := range tr.ChildNodes() {
				if td.Type == html.ElementNode {
					row = append(row, textOf(td))
				}
			}
			out = append(out, row)
		}
	}
	return out
}

func TestTheLogShowsItsLatestCheckpoint(t *testing.T) {
	s := newJointSandbox(t)
	d := s.get("/log").shown(http.StatusOK)
	signed := string(s.Checkpoint())
	pre := d.find("pre", nil)
	if len(pre) != 1 {
		t.Fatalf("%d texts are shown as they are, want the checkpoint alone", len(pre))
	}
	if got := strings.TrimSpace(pre[0].FirstChild.FirstChild.Data); got+"\n" != signed {
		t.Errorf("the checkpoint is shown as\n%s\nand is\n%s", got, signed)
	}
	c, err := verify.ParseCheckpoint([]byte(signed))
	if err != nil {
		t.Fatal(err)
	}
	d.has("Register "+registrytest.Origin, fmt.Sprintf("Size %d entries", c.Tree.N), "Root hash "+c.Tree.Hash.String(), "Last logged 2026-01-05 09:00")
	if !links(s.get("/").shown(http.StatusOK), "/log") {
		t.Error("the navigation does not lead to the log")
	}
}

func TestALogWithoutStatementsIsAPage(t *testing.T) {
	reg, log, err := registrytest.Serve(t.TempDir(), registrytest.NewClock(registrytest.Start).Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(reg.Close(), log.Close()); err != nil {
			t.Error(err)
		}
	})
	s := serving(t, reg, reg, nil)
	s.get("/log").shown(http.StatusOK).has("No checkpoint is published yet")
	s.get("/log?before=5").shown(http.StatusOK).has("No checkpoint is published yet")
	// Nor is one with the trust root alone anything but a log.
	root := newSite(t, httpapi.Options{}).get("/log").shown(http.StatusOK).has("All that is logged was logged at once.", "Size 2 entries")
	if rows := root.rows("recent"); len(rows) != 1 || rows[0][2] != "root root-1" || rows[0][4] != "the trust root" {
		t.Errorf("the trust root is not listed: %q", rows)
	}
}

// cosignedSite is a site whose register asks a witness, and lists another that
// nobody asks.
func cosignedSite(t *testing.T) (s *site, asked, silent *registrytest.Witness, clock *registrytest.Clock) {
	t.Helper()
	clock = registrytest.NewClock(registrytest.Start)
	asked, silent = registrytest.NewWitness(t, "asked", clock.Now), registrytest.NewWitness(t, "silent", clock.Now)
	claims := registrytest.Root(registrytest.Start)
	claims.Cosigners = append(claims.Cosigners, attest.Cosigner{VKey: asked.VKey, Role: attest.Mirror}, attest.Cosigner{VKey: silent.VKey, Role: attest.Witness})
	root, err := registrytest.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	reg, log, err := registrytest.Serve(t.TempDir(), clock.Now, nil, func(c *registry.Config) {
		c.Cosigning = registry.Cosigning{Policy: fmt.Sprintf("witness asked %s %s\nquorum asked\n", asked.VKey, asked.URL), Refresh: time.Hour}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(reg.Close(), log.Close()); err != nil {
			t.Error(err)
		}
	})
	if _, err := reg.Init(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	if err := reg.WaitQuorum(t.Context(), reg.Size()); err != nil {
		t.Fatal(err)
	}
	return serving(t, reg, reg, clock.Now), asked, silent, clock
}

func TestWitnessesAreShownWithTheAgeOfTheirCosignatures(t *testing.T) {
	s, _, _, clock := cosignedSite(t)
	for _, c := range []struct {
		after        time.Duration
		status, says string
	}{
		{0, "good", "less than a minute ago"}, {3 * time.Minute, "good", "3 minutes ago"}, {time.Hour, "good", "1 hour ago"},
		{time.Hour + time.Second, "old", "1 hour ago"}, {50 * time.Hour, "old", "2 days ago"},
		{-4 * time.Minute, "good", "less than a minute ago"}, {-time.Hour, "from the future", "dated 60 minutes ahead"},
	} {
		clock.Set(registrytest.Start.Add(c.after))
		rows := s.get("/log").shown(http.StatusOK).rows("signatures")
		if len(rows) != 4 {
			t.Fatalf("%d lines, want one of the log and three of cosigners: %q", len(rows), rows)
		}
		if r := rows[0]; !strings.HasPrefix(r[0], registrytest.Origin+"+") || r[1] != "key of the log" || r[2] != "good" {
			t.Errorf("the log's own line is %q", r)
		}
		if r := rows[1]; r[1] != "witness, the operator's own" {
			t.Errorf("the operator's own line is %q", r)
		}
		if r := rows[2]; r[1] != "mirror, somebody else's" || r[2] != c.status || !strings.HasPrefix(r[3], c.says+" 2026-01-05 09:00") {
			t.Errorf("after %v the mirror's line is %q, want %s, %s", c.after, r, c.status, c.says)
		}
		if r := rows[3]; r[1] != "witness, somebody else's" || r[2] != "missing" || r[3] != "none on this checkpoint" {
			t.Errorf("the line of the witness that was not asked is %q", r)
		}
	}
}

// TestALineThatAnybodyCouldHaveWrittenIsNotShownAsGood: what an unlisted key of a
// listed name has signed, in a log that keeps lines as they are.
func TestALineThatAnybodyCouldHaveWrittenIsNotShownAsGood(t *testing.T) {
	s := newJointSandbox(t)
	// The name is one that turns the direction, too.
	name := "witness.example/\u202eb"
	skey, _, err := note.GenerateKey(nil, name)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	signed := s.Checkpoint()
	text, _, _ := strings.Cut(string(signed), "\n\n")
	line, err := note.Sign(&note.Note{Text: text + "\n"}, stranger)
	if err != nil {
		t.Fatal(err)
	}
	forged := append(signed[:len(signed):len(signed)], line[len(text)+2:]...)
	if err := s.Log().Keep(t.Context(), registry.Standing{Checkpoint: registry.Head{Size: s.Size(), Checkpoint: forged}}); err != nil {
		t.Fatal(err)
	}
	s.Restart()
	s.serve(httpapi.Options{})
	d := s.get("/log").shown(http.StatusOK)
	rows := d.rows("signatures")
	if r := rows[len(rows)-1]; len(rows) != 3 || r[1] != "not listed by the trust root" || r[2] != "not checked" {
		t.Errorf("the lines are %q", rows)
	}
	if strings.Contains(d.body, "\u202e") {
		t.Error("the name of a key turns the direction")
	}
}

func TestRecentStatementsComeInPagesThatMissNothing(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	s.MustSubmit(registrytest.Domain("domain-us", us))
	for i := range 117 {
		s.MustSubmit(registrytest.Event(fmt.Sprintf("ev-%d", i), us, attest.SandboxSubject(registrytest.Sandbox), "domain-us", attest.Suspend, registrytest.Start))
	}
	s.Clock.Add(time.Hour)
	var seen []string
	last := int64(1 << 40)
	path := "/log"
	for page := 1; path != ""; page++ {
		d := s.get(path).shown(http.StatusOK)
		rows := d.rows("recent")
		if page <= 2 && len(rows) != 50 || page == 3 && len(rows) != 19 || page > 3 {
			t.Fatalf("page %d has %d statements", page, len(rows))
		}
		for _, r := range rows {
			index, err := strconv.ParseInt(r[0], 10, 64)
			if err != nil || index >= last {
				t.Fatalf("%q stands below index %d", r, last)
			}
			last, seen = index, append(seen, r[2])
			logged, err := s.Statement(t.Context(), strings.Fields(r[2])[0], strings.Fields(r[2])[1])
			if err != nil || logged.Index != index || !strings.HasPrefix(r[1], logged.Time.Format("2006-01-02 15:04:05")[:16]) {
				t.Errorf("%q is logged as %d on %v, %v", r, logged.Index, logged.Time, err)
			}
		}
		path = ""
		for _, n := range d.find("a", func(n *html.Node) bool { return attr(n, "rel") == "next" }) {
			path = attr(n, "href")
		}
	}
	if len(seen) != 119 || seen[0] != "auth-us ev-116" || seen[118] != "root root-1" {
		t.Errorf("%d statements, from %s to %s", len(seen), seen[0], seen[len(seen)-1])
	}
	d := s.get("/log").shown(http.StatusOK).has("suspension of domain-us")
	if !links(d, "/statements/auth-us/ev-116") || !links(d, "/sandboxes/"+registrytest.Sandbox) {
		t.Error("a statement is not linked, or not what it is about")
	}
	for _, bad := range []string{"0", "-1", "1.5", "", "x", "9007199254740993"} {
		s.get("/log?before=" + bad).shown(http.StatusBadRequest)
	}
	s.get("/log?before=1").shown(http.StatusOK).has("root root-1").lacks("Older statements")
	s.get("/log?before=9007199254740991").shown(http.StatusOK).has("ev-116")
}

func TestTheGrowthIsDrawnAndToldInTheSameNumbers(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	for i := range 90 {
		s.Clock.Add(24 * time.Hour)
		s.MustSubmit(registrytest.Registration(fmt.Sprintf("reg-%d", i), us, fmt.Sprintf("us-own:E-%d", i), "US"))
	}
	d := s.get("/log").shown(http.StatusOK)
	rows := d.rows("growth")
	if len(rows) < 50 || len(rows) > 60 || rows[0][1] != "2" || rows[len(rows)-1][1] != "182" {
		t.Fatalf("the growth is %q", rows)
	}
	for _, r := range rows {
		size, err := strconv.ParseInt(r[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := s.Leaf(size - 1)
		if err != nil {
			t.Fatal(err)
		}
		status, err := verify.ParseStatusLeaf(leaf)
		if err != nil || !strings.HasPrefix(r[0], status.Time.Format("2006-01-02 15:04")) {
			t.Errorf("%q, but the batch that ends at %d is of %v, %v", r, size, status.Time, err)
		}
	}
	lines := d.find("path", func(n *html.Node) bool { return attr(n, "class") == "line" })
	if len(lines) != 1 {
		t.Fatalf("%d lines are drawn", len(lines))
	}
	steps := regexp.MustCompile(`[MV] ?([\d.]+)(?: ([\d.]+))?`).FindAllString(attr(lines[0], "d"), -1)
	if len(steps) != len(rows) {
		t.Errorf("%d sizes are drawn, and %d told", len(steps), len(rows))
	}
	// 200 is the top: 182 stands at a tenth and 18 thousandths below it.
	if end := steps[len(steps)-1]; end != "V90.0" {
		t.Errorf("the last is drawn at %s", end)
	}
	s.MustSubmit(registrytest.Registration("reg-more", us, "us-own:MORE", "US"))
	if rows := s.get("/log").rows("growth"); rows[len(rows)-1][1] != "184" {
		t.Errorf("what was logged since is not there: %q", rows[len(rows)-1])
	}
}

// proofOf is what the page of a statement shows of its path.
func (d *document) proofOf() (leaf tlog.Hash, sides []string, siblings, made []tlog.Hash) {
	d.t.Helper()
	parse := func(text string) tlog.Hash {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(b) != tlog.HashSize {
			d.t.Fatalf("%q is no hash", text)
		}
		return tlog.Hash(b)
	}
	for i, r := range d.rows("path") {
		if i == 0 {
			leaf = parse(r[3])
			continue
		}
		sides, siblings, made = append(sides, r[1]), append(siblings, parse(r[2])), append(made, parse(r[3]))
	}
	return leaf, sides, siblings, made
}

func TestAStatementsProofLeadsToTheRootOfTheCheckpoint(t *testing.T) {
	s := newJointSandbox(t)
	for i := range 9 {
		s.MustSubmit(registrytest.Registration(fmt.Sprintf("reg-%d", i), us, fmt.Sprintf("us-own:E-%d", i), "US"))
		s.Clock.Add(time.Minute)
	}
	for _, row := range s.get("/log").shown(http.StatusOK).rows("recent") {
		iss, jti, _ := strings.Cut(row[2], " ")
		d := s.get("/statements/" + iss + "/" + jti).shown(http.StatusOK)
		logged, err := s.Statement(t.Context(), iss, jti)
		if err != nil {
			t.Fatal(err)
		}
		c, err := verify.ParseCheckpoint(s.Checkpoint())
		if err != nil {
			t.Fatal(err)
		}
		leaf, sides, siblings, made := d.proofOf()
		if leaf != logged.Statement.LeafHash() {
			t.Errorf("%s: the path begins at %v", jti, leaf)
		}
		if err := tlog.CheckRecord(siblings, c.Tree.N, c.Tree.Hash, logged.Index, leaf); err != nil {
			t.Errorf("%s: %v", jti, err)
		}
		at := leaf
		for i, side := range sides {
			if side == "left" {
				at = tlog.NodeHash(siblings[i], at)
			} else {
				at = tlog.NodeHash(at, siblings[i])
			}
			if at != made[i] {
				t.Fatalf("%s: step %d, with the sibling on the %s, makes %v and not %v", jti, i+1, side, at, made[i])
			}
		}
		if at != c.Tree.Hash {
			t.Errorf("%s: the path leads to %v, the checkpoint has the root %v", jti, at, c.Tree.Hash)
		}
		// What is drawn is the same.
		nodes := d.find("div", func(n *html.Node) bool { return strings.HasPrefix(attr(n, "class"), "node") })
		if len(nodes) != 2*len(sides)+1 {
			t.Fatalf("%s: %d nodes are drawn, of a path of %d steps", jti, len(nodes), len(sides))
		}
		for i, side := range sides {
			left, right := nodes[2*i], nodes[2*i+1]
			if side == "left" {
				left, right = right, left
			}
			if attr(left, "class") != "node on" || attr(right, "class") != "node" || attr(right, "title") != siblings[i].String() {
				t.Errorf("%s: step %d is drawn with %s and %s", jti, i+1, textOf(left), textOf(right))
			}
		}
		if root := nodes[len(nodes)-1]; attr(root, "title") != c.Tree.Hash.String() {
			t.Errorf("%s: the path is drawn to %s", jti, attr(root, "title"))
		}
		d.has("It leads there.", fmt.Sprintf("index %d", logged.Index))
	}
}

// lying is a log that gives other hashes than it was given, once it is told to.
type lying struct {
	*badgerlog.Log
	lies *bool
}

func (l lying) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes, err := l.Log.ReadHashes(indexes)
	if *l.lies && err == nil {
		hashes[0][7] ^= 1
	}
	return hashes, err
}

func TestAPathThatLeadsElsewhereIsNotShown(t *testing.T) {
	var lies bool
	reg := registrytest.New(t, func(c *registry.Config) { c.Log = lying{c.Log.(*badgerlog.Log), &lies} })
	s := &site{t: t, Register: reg}
	s.serve(httpapi.Options{})
	s.MustSubmit(registrytest.Domain("domain-us", us))
	s.Clock.Add(time.Minute)
	s.get("/statements/auth-us/domain-us").shown(http.StatusOK)
	lies = true
	s.get("/statements/auth-us/domain-us").shown(http.StatusInternalServerError).lacks("It leads there.")
	if d := s.get("/statements/auth-us/domain-us?give=proof"); d.status != http.StatusInternalServerError {
		t.Errorf("a false proof is handed out: %d", d.status)
	}
}
