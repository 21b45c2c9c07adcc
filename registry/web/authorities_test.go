package web_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// hasRow expects a row that begins so in the table under a heading.
func (d *document) hasRow(heading, begins string) {
	d.t.Helper()
	rows := d.rows(heading)
	if !slices.ContainsFunc(rows, func(r []string) bool { return strings.HasPrefix(strings.Join(r, " "), begins) }) {
		d.t.Errorf("no row begins with %q: %q", begins, rows)
	}
}

// nextRoot logs a version of the trust root that is changed.
func (s *site) nextRoot(change func(r *attest.Root)) {
	s.t.Helper()
	next, err := s.Root().Successor()
	if err != nil {
		s.t.Fatal(err)
	}
	next.IAT = attest.NumericDate(s.Clock.Now().Unix())
	change(next)
	s.MustSubmit(next)
}

// authorityOf returns an authority of a trust root, whose order is not the test's.
func authorityOf(r *attest.Root, id string) *attest.Authority {
	i := slices.IndexFunc(r.Authorities, func(a attest.Authority) bool { return a.ID == id })
	return &r.Authorities[i]
}

func TestTheTrustRootIsShownInWords(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	kid := registrytest.SignerNamed("us-2").Key().ID()
	s.MustSubmit(&attest.Freeze{Common: attest.Common{Iss: us, Sub: attest.RootSubject, JTI: "freeze-1"}, Kid: kid, Cause: "lost", CauseText: "Left in a train."})
	s.Clock.Add(24 * time.Hour)
	s.nextRoot(func(r *attest.Root) {
		a := authorityOf(r, in)
		a.Officers = append(a.Officers, registrytest.SignerNamed("in-2").Officer())
		a.Jurisdiction.Lists = []string{"IN_SCOMET"}
		a.Compromised = []attest.Compromised{{Kid: registrytest.SignerNamed("in-1").Key().ID(), Since: 5}}
	})
	s.Clock.Add(time.Minute)
	d := s.get("/authorities").shown(http.StatusOK)
	d.has(
		"Version 2 is in force. It was logged on 2026-01-06 09:00", "It has no end of its own",
		"Registers the entities of: US", "To grant, and to lift: 2 of 2 officers sign", "To take away, freeze or report a change of control: 1 of 2 officers sign",
		"May approve items of: IN_SCOMET", "May approve items of: every list",
		"A trust root is signed by: 2 of 2 root officers", "Role: witness, checks that the log only grows", "It is: that of whoever runs the register", "example.org/register+",
		"auth-us freeze-1: key "+kid, "Left in a train.",
		"Version 2 Logged 2026-01-06", "widens The officer in-2 of auth-in comes", "narrows auth-in is bounded to the control lists IN_SCOMET", "Version 1 Logged 2026-01-05", "It is the first.",
	)
	d.hasRow("signed", "root-1 "+registrytest.SignerNamed("root-1").Key().ID()+" EdDSA version 1, 2026-01-05 09:00")
	if !links(d, "/authorities/auth-us") || !links(d, "/compose") {
		t.Error("the page does not lead on")
	}
	a := s.get("/authorities/auth-us").shown(http.StatusOK).has("Export authority of the US (fictional)", "Keys that it has frozen", "Left in a train.")
	a.hasRow("keys", "us-2 "+kid+" EdDSA version 1, 2026-01-05 09:00 UTC frozen It signs nothing more.")
	a.hasRow("keys", "us-1 "+registrytest.SignerNamed("us-1").Key().ID()+" EdDSA version 1, 2026-01-05 09:00 UTC trusted")
	b := s.get("/authorities/auth-in").shown(http.StatusOK)
	b.hasRow("keys", "in-1 "+registrytest.SignerNamed("in-1").Key().ID()+" EdDSA version 1, 2026-01-05 09:00 UTC compromised Nothing that it signed at log index 5 or later counts.")
	b.hasRow("keys", "in-2 "+registrytest.SignerNamed("in-2").Key().ID()+" EdDSA version 2, 2026-01-06 09:00")
	s.get("/authorities/auth-au").shown(http.StatusNotFound)
	s.get("/authorities/AUTH").shown(http.StatusNotFound)
}

func TestOldVersionsOfTheTrustRootAreCutWithACount(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	for range 21 {
		s.Clock.Add(time.Minute)
		s.nextRoot(func(*attest.Root) {})
	}
	s.get("/authorities").shown(http.StatusOK).has("Version 22 is in force.", "Version 3 Logged", "It says the same as the one before.", "The 2 versions before these are left out").lacks("Version 2 Logged")
}

func TestAnAuthorityIsToldWhatWaitsForIt(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	s.MustSubmit(registrytest.Domain("domain-us", us))
	s.Clock.Add(50 * time.Hour)
	title := "Joint sandbox: high-bandwidth underwater communications"
	mine := s.get("/authorities/auth-in").shown(http.StatusOK).has("Waiting for this authority", title+" "+registrytest.Sandbox+" waiting on auth-in for 2 days", "Nothing of it waits for others.", "The register has never seen it")
	if !links(mine, "/sandboxes/"+registrytest.Sandbox) {
		t.Error("the page does not lead to the sandbox")
	}
	s.get("/authorities/auth-us").shown(http.StatusOK).has("Nothing waits for it.", "Waiting for others "+title+" "+registrytest.Sandbox+" waiting on auth-in for 2 days")
	s.get("/authorities").shown(http.StatusOK).has("What waits now " + title)
	s.MustSubmit(registrytest.Domain("domain-in", in))
	s.Clock.Add(time.Minute)
	s.get("/authorities/auth-in").shown(http.StatusOK).has("Nothing waits for it.").lacks("waits for auth-in")
	s.get("/authorities").shown(http.StatusOK).has("No terms of a sandbox wait for anybody.")
}

func TestALongListOfWhatWaitsComesInPages(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	for i := range 25 {
		c := registrytest.Domain(fmt.Sprintf("domain-%02d", i), us)
		c.Sub = attest.SandboxSubject(fmt.Sprintf("SBX-%02d", i))
		s.MustSubmit(c)
	}
	s.Clock.Add(time.Minute)
	for _, path := range []string{"/authorities", "/authorities/auth-in"} {
		first := s.get(path).shown(http.StatusOK).has("Up to 5 more sandboxes have not been looked into here.")
		next := first.find("a", func(n *html.Node) bool { return attr(n, "rel") == "next" })
		if len(next) != 1 || links(first, "/sandboxes/SBX-20") {
			t.Fatalf("the first page of %s:\n%s", path, first.text())
		}
		second := s.get(attr(next[0], "href")).shown(http.StatusOK)
		if links(second, "/sandboxes/SBX-19") || !links(second, "/sandboxes/SBX-20") || !links(second, "/sandboxes/SBX-24") {
			t.Errorf("the second page of %s:\n%s", path, second.text())
		}
		s.get(path + "?after=SBX-NONE").shown(http.StatusBadRequest)
	}
}

func TestAnAuthorityIsToldWhatOfItEndsSoon(t *testing.T) {
	s := newJointSandbox(t)
	s.get("/authorities/auth-us").shown(http.StatusOK).has("What it gave that ends within 90 days There is nothing.")
	s.Clock.Set(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	s.MustSubmit(registrytest.Event("revoke-1", us, attest.SandboxSubject(registrytest.Sandbox), "domain-us", attest.Revoke, s.Clock.Now()))
	s.Clock.Add(time.Minute)
	d := s.get("/authorities/auth-us").shown(http.StatusOK).has("Varuna Deepsense Private Limited approval approval-varuna, in force, ends 2027-01-05 09:00 UTC", "registration reg-halcyon")
	if d.lacks("domain-us"); !links(d, "/compose?from=auth-us/approval-varuna") {
		t.Error("the page does not lead to a new version")
	}
}

func TestOldFreezesOfAnAuthorityAreCutWithACount(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	s.Clock.Add(time.Minute)
	s.nextRoot(func(r *attest.Root) {
		a := authorityOf(r, us)
		for i := range 21 {
			a.Officers = append(a.Officers, registrytest.SignerNamed(fmt.Sprintf("us-x%d", i)).Officer())
		}
	})
	for i := range 21 {
		s.MustSubmit(&attest.Freeze{
			Common: attest.Common{Iss: us, Sub: attest.RootSubject, JTI: fmt.Sprintf("freeze-%02d", i)},
			Kid:    registrytest.SignerNamed(fmt.Sprintf("us-x%d", i)).Key().ID(), Cause: "lost", CauseText: "Left in a train.",
		})
	}
	s.Clock.Add(time.Minute)
	s.get("/authorities/auth-us").shown(http.StatusOK).has("Keys that it has frozen The 1 before these are left out.", "freeze-01", "freeze-20").lacks("freeze-00")
}

// What authorities and sandboxes are called is hostile, too.
func TestAHostileNameIsTextOnThePagesOfAuthorities(t *testing.T) {
	for _, name := range hostile {
		s := newSite(t, httpapi.Options{})
		s.MustSubmit(titled("domain-us", us, name))
		a := registrytest.Approval("approval-varuna", us, registrytest.Varuna, "IN")
		a.LegalName = name
		s.MustSubmit(a)
		s.MustSubmit(&attest.Freeze{Common: attest.Common{Iss: in, Sub: attest.RootSubject, JTI: "freeze-1"}, Kid: registrytest.SignerNamed("in-1").Key().ID(), Cause: "lost", CauseText: name})
		s.nextRoot(func(r *attest.Root) {
			authorityOf(r, us).Name = name
			authorityOf(r, in).Thawed = []string{registrytest.SignerNamed("in-1").Key().ID()}
		})
		s.Clock.Set(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
		for _, path := range []string{"/authorities", "/authorities/auth-us", "/authorities/auth-in", "/compose", "/compose?from=auth-us/domain-us"} {
			d := s.get(path).shown(http.StatusOK)
			if path != "/compose?from=auth-us/domain-us" {
				d.has(strings.NewReplacer("\u202e", `\u202e`, "\u202c", `\u202c`, "\u2066", `\u2066`, "\u2069", `\u2069`).Replace(name))
			}
			if strings.ContainsAny(d.body, "\u202e\u202c\u2066\u2069") {
				t.Errorf("%s has a mark that turns the direction", path)
			}
			if n := len(d.find("img", nil)); n > 0 {
				t.Errorf("%s has %d images", path, n)
			}
		}
	}
}
