package examples_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/draft"
	"github.com/safeconduct/safeconduct/examples"
	"github.com/safeconduct/safeconduct/internal/proven"
	"github.com/safeconduct/safeconduct/internal/yamldoc"
	"github.com/safeconduct/safeconduct/policy"
)

const origin = "register.example/examples"

// The times that the READMEs and the demo pretend, and what is logged then.
var logged = []struct {
	at    string
	files []string
}{
	{"2015-01-05", []string{
		"veu-2015/ge-india.yaml", "veu-2015/samsung-china.yaml", "veu-2015/sk-hynix-china.yaml",
		"veu-2015/intel-dalian.yaml", "veu-2015/smic.yaml",
	}},
	{"2025-09-02", []string{
		"veu-2015/removal-samsung-china.yaml", "veu-2015/removal-sk-hynix-china.yaml", "veu-2015/removal-intel-dalian.yaml",
	}},
	{"2026-01-20", []string{
		"underwater-comms/registration-halcyon.yaml", "underwater-comms/registration-varuna.yaml",
		"underwater-comms/approval-us-varuna.yaml", "underwater-comms/approval-in-halcyon.yaml",
		"underwater-comms/domain-us.yaml",
	}},
	{"2026-02-10", []string{"underwater-comms/domain-in.yaml"}},
}

// An officer signs with a key made from its name.
type officer struct {
	private ed25519.PrivateKey
	jwk     attest.JWK
	key     attest.Key
}

func newOfficer(t *testing.T, name string) officer {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	private := ed25519.NewKeyFromSeed(seed[:])
	public := private.Public().(ed25519.PublicKey) //nolint:forcetypeassert // is what ed25519 returns
	o := officer{private: private, jwk: attest.JWK{Alg: "EdDSA", Crv: "Ed25519", Kty: "OKP", X: base64.RawURLEncoding.EncodeToString(public)}}
	var err error
	if o.key, err = o.jwk.Key(); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o officer) Key() attest.Key { return o.key }

func (o officer) Sign(_ context.Context, input []byte) ([]byte, error) {
	return ed25519.Sign(o.private, input), nil
}

func date(t *testing.T, s string) time.Time {
	t.Helper()
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		t.Fatal(err)
	}
	// Later than the requests that are asked at midnight.
	return d.Add(10 * time.Hour)
}

// openRoot returns a trust root with one officer of each authority.
func openRoot(t *testing.T) *attest.TrustRoot {
	t.Helper()
	public := newOfficer(t, "log").private.Public().(ed25519.PublicKey) //nolint:forcetypeassert // is what ed25519 returns
	logKey, err := note.NewEd25519VerifierKey(origin, public)
	if err != nil {
		t.Fatal(err)
	}
	r := &attest.Root{
		Version: 1, Threshold: 1, LogKeys: []string{logKey},
		Officers: []attest.Officer{{ID: "o", Keys: []attest.JWK{newOfficer(t, "root").jwk}}},
	}
	h := r.Head()
	h.Aud, h.Iss, h.Sub, h.JTI = origin, "root", "root", "root-1"
	h.IAT = attest.NumericDate(date(t, "2015-01-05").Unix())
	for id, country := range map[string]string{"us-bis": "US", "auth-us": "US", "auth-in": "IN"} {
		r.Authorities = append(r.Authorities, attest.Authority{
			ID: id, Name: id, Countries: []string{country}, Thresholds: attest.Thresholds{Granting: 1, Revoking: 1},
			Officers: []attest.Officer{{ID: "o", Keys: []attest.JWK{newOfficer(t, id).jwk}}},
		})
	}
	data, err := attest.Sign(t.Context(), r, newOfficer(t, "root"))
	if err != nil {
		t.Fatal(err)
	}
	st, err := attest.OpenRoot(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	return st.TrustRoot()
}

// entry signs an example's draft and returns its place in the log.
func entry(t *testing.T, root *attest.TrustRoot, name string, index int64, at time.Time, lineages map[string]*attest.Lineage) proven.Entry {
	t.Helper()
	data, err := fs.ReadFile(examples.Files, name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := draft.Parse(name, data, draft.Options{Now: at, Aud: origin})
	if err != nil {
		t.Fatal(err)
	}
	if g := attest.GrantOf(c); g != nil && g.NBF.Time().Before(at) != g.Retroactive {
		t.Errorf("%s: logged at %s, in force from %s, retroactive: %t", name, at, g.NBF.Time(), g.Retroactive)
	}
	h := c.Head()
	signed, err := attest.Sign(t.Context(), c, newOfficer(t, h.Iss))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := attest.Open(signed, root)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if lineages[h.Sub] == nil {
		lineages[h.Sub] = new(attest.Lineage)
	}
	tag, err := lineages[h.Sub].Next(opened.Claims())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return proven.Entry{Index: index, Time: at, Tag: tag, Statement: opened}
}

// know returns what a register with the examples has proven by a time; every
// subject that it does not know it has proven empty.
func know(t *testing.T, root *attest.TrustRoot, by time.Time, req *policy.Request) *proven.Set {
	t.Helper()
	set := &proven.Set{Origin: origin, Fresh: by, MaxAge: 24 * time.Hour}
	set.Prove(attest.RootSubject, []proven.Entry{{Time: date(t, "2015-01-05"), Statement: root.Statement()}})
	histories := make(map[string][]proven.Entry)
	lineages := make(map[string]*attest.Lineage)
	index := int64(1)
	for _, l := range logged {
		at := date(t, l.at)
		for _, name := range l.files {
			e := entry(t, root, name, index, at, lineages)
			index++
			for _, sub := range e.Statement.Claims().Subjects() {
				if !at.After(by) {
					histories[sub] = append(histories[sub], e)
				}
			}
		}
	}
	for sub, h := range histories {
		set.Prove(sub, h)
	}
	for range 3 {
		for _, sub := range policy.Touched(req, set) {
			if _, ok := set.History(sub); !ok {
				set.Prove(sub, nil)
			}
		}
	}
	set.Size = index
	return set
}

var expected = regexp.MustCompile(`(?m)^# Expected: (PERMIT|REFER|DENY)\b(.*)$`)

func TestEveryRequestIsAnsweredAsItSays(t *testing.T) {
	root := openRoot(t)
	files, err := fs.Glob(examples.Files, "*/request-*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no requests: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(name, ".yaml"), func(t *testing.T) {
			data, err := fs.ReadFile(examples.Files, name)
			if err != nil {
				t.Fatal(err)
			}
			doc, err := yamldoc.Parse(data)
			if err != nil {
				t.Fatal(err)
			}
			req, err := policy.ParseRequest(doc.JSON())
			if err != nil {
				t.Fatal(err)
			}
			// Asked at the time of the act, as the demo does.
			at := req.Times(req.EffectiveAt.Time())
			got, err := policy.Decide(req, know(t, root, at.KnownAt, req), at)
			if err != nil {
				t.Fatal(err)
			}
			m := expected.FindStringSubmatch(string(data))
			if m == nil {
				t.Fatalf("expects nothing; the answer is %s, %s", got.Decision, got.Codes())
			}
			var want []string
			for _, code := range regexp.MustCompile(`\b[A-Z]+(_[A-Z]+)+\b`).FindAllString(strings.SplitN(m[2], ":", 2)[0], -1) {
				// The name of a list is no reason.
				if code != "US_CCL" {
					want = append(want, code)
				}
			}
			var codes []string
			for _, c := range got.Codes() {
				codes = append(codes, string(c))
			}
			if diff := cmp.Diff(m[1]+" "+strings.Join(want, " "), string(got.Decision)+" "+strings.Join(codes, " ")); diff != "" {
				t.Errorf("%s\n%+v", diff, got.Reasons)
			}
		})
	}
}

func TestEveryExampleIsLoggedOnce(t *testing.T) {
	files, err := fs.Glob(examples.Files, "*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	times := make(map[string]int)
	for _, l := range logged {
		for _, name := range l.files {
			times[name]++
		}
	}
	for _, name := range files {
		if strings.Contains(name, "/request-") || path.Base(name) == "scenario.yaml" {
			continue
		}
		if times[name] != 1 {
			t.Errorf("%s is logged %d times", name, times[name])
		}
	}
}
