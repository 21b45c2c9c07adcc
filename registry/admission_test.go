package registry_test

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

func date(t time.Time) attest.NumericDate { return attest.NumericDate(t.Unix()) }

// stage logs what the refusals below speak of.
func stage(t *testing.T) *rt.Register {
	t.Helper()
	r := rt.New(t)
	reg := rt.Registration("REG-1", rt.IN, rt.Varuna, "IN")
	reg.Identifiers = []string{"iec:AAVCD1234K"}
	reg.Sites = []attest.Site{{ID: "BLR-1", Address: "42 Outer Ring Road, Bengaluru 560037", Country: "IN"}}
	r.MustSubmit(reg)
	r.MustSubmit(rt.Approval("TEA-1", rt.US, rt.Varuna, "IN"))
	second := rt.Approval("TEA-2", rt.US, rt.Varuna, "IN")
	second.Supersedes = "TEA-1"
	r.MustSubmit(second)
	r.MustSubmit(rt.Event("EV-1", rt.US, attest.ApprovalSubject(rt.Varuna, rt.US), "TEA-2", attest.Suspend, rt.Start))
	r.MustSubmit(rt.Domain("PDA-1", rt.US))
	r.MustSubmit(rt.Approval("TEA-9", rt.US, rt.Corvus, "AU"))
	return r
}

// changed applies a change to fresh claims.
func changed[C any](c C, change func(C)) C {
	change(c)
	return c
}

func TestAdmissionRefuses(t *testing.T) {
	r := stage(t)
	now := rt.Start
	varuna := attest.ApprovalSubject(rt.Varuna, rt.US)
	approval := func(change func(*attest.EntityApproval)) attest.Claims {
		return changed(rt.Approval("NEW", rt.US, rt.Varuna, "IN"), change)
	}
	domain := func(change func(*attest.DomainApproval)) attest.Claims {
		return changed(rt.Domain("NEW", rt.IN), change)
	}
	registration := func(entity string, change func(*attest.Registration)) attest.Claims {
		return changed(rt.Registration("NEW", rt.IN, entity, "IN"), change)
	}
	event := func(sub, target string, what attest.EventType, change func(*attest.Event)) attest.Claims {
		return changed(rt.Event("NEW", rt.US, sub, target, what, now), change)
	}
	same := func(*attest.Event) {}
	for _, test := range []struct {
		name    string
		claims  attest.Claims
		signers []attest.Signer
		class   attest.Class
		pointer string
	}{
		{"another register", approval(func(a *attest.EntityApproval) { a.Aud = "example.org/other" }), nil, attest.Forbidden, "/aud"},
		{"a stranger's signature", approval(func(*attest.EntityApproval) {}), rt.Signers(rt.IN), attest.Forbidden, ""},
		{"too few officers", approval(func(*attest.EntityApproval) {}), rt.Signers(rt.US)[:1], attest.Forbidden, ""},
		{"a lift by the revoking threshold", event(varuna, "TEA-2", attest.Lift, same), rt.Signers(rt.US)[:1], attest.Forbidden, ""},
		{"another country's registration", registration(rt.Corvus, func(r *attest.Registration) { r.Country = "AU" }), nil, attest.Forbidden, "/country"},
		{"written 14 days ago", approval(func(a *attest.EntityApproval) { a.IAT = date(now.AddDate(0, 0, -15)) }), nil, attest.Invalid, "/iat"},
		{"written ahead of time", approval(func(a *attest.EntityApproval) { a.IAT = date(now.Add(6 * time.Minute)) }), nil, attest.Invalid, "/iat"},
		{"a grant that reaches back", approval(func(a *attest.EntityApproval) {
			a.NBF, a.Retroactive, a.RetroactiveReason = date(now.Add(-time.Hour)), false, ""
		}), nil, attest.Invalid, "/retroactive"},
		{"a lift that reaches back", event(varuna, "TEA-2", attest.Lift, func(e *attest.Event) { e.EffectiveAt = date(now.Add(-time.Hour)) }), nil, attest.Invalid, "/retroactive"},

		{"a taken name", changed(rt.Approval("TEA-1", rt.US, rt.Varuna, "IN"), func(a *attest.EntityApproval) { a.LegalName = "Other" }), nil, attest.Conflict, "/jti"},
		{"supersedes nothing known", approval(func(a *attest.EntityApproval) { a.Supersedes = "NONE" }), nil, attest.NotFound, "/supersedes"},
		{"supersedes another entity's", approval(func(a *attest.EntityApproval) { a.Supersedes = "TEA-9" }), nil, attest.Conflict, "/sub"},
		{"supersedes an old version", approval(func(a *attest.EntityApproval) { a.Supersedes = "TEA-1" }), nil, attest.Conflict, "/supersedes"},
		{"supersedes another kind", approval(func(a *attest.EntityApproval) { a.Supersedes = "PDA-1" }), nil, attest.Conflict, "/supersedes"},
		{"supersedes an event", approval(func(a *attest.EntityApproval) { a.Supersedes = "EV-1" }), nil, attest.Conflict, "/supersedes"},
		{"supersedes another issuer's", domain(func(d *attest.DomainApproval) { d.Supersedes = "PDA-1" }), nil, attest.Forbidden, "/supersedes"},

		{"an event on nothing known", event(varuna, "NONE", attest.Revoke, same), nil, attest.NotFound, "/target"},
		{"an event on another issuer's", event(attest.EntitySubject(rt.Varuna), "REG-1", attest.Revoke, same), nil, attest.Forbidden, "/target"},
		{"an event on an event", event(varuna, "EV-1", attest.Revoke, same), nil, attest.Conflict, "/target"},
		{"an event of another subject", event(attest.ApprovalSubject(rt.Corvus, rt.US), "TEA-2", attest.Revoke, same), nil, attest.Conflict, "/sub"},

		{"other authorities for a sandbox", domain(func(d *attest.DomainApproval) {
			d.Terms.Authorities, d.Terms.Concurrence = []string{rt.IN}, 1
		}), nil, attest.Conflict, "/terms/authorities"},
		{"another concurrence", domain(func(d *attest.DomainApproval) { d.Terms.Concurrence = 1 }), nil, attest.Conflict, "/terms/concurrence"},
		{"an unknown authority", domain(func(d *attest.DomainApproval) {
			d.Sub, d.Terms.Authorities = "sandbox:SBX-NEW", []string{rt.IN, "auth-xx"}
		}), nil, attest.Invalid, "/terms/authorities/1"},

		{"an identifier of another entity", registration(rt.Halcyon, func(r *attest.Registration) { r.Identifiers = []string{"abn:51824753556", "iec:AAVCD1234K"} }), nil, attest.Conflict, "/identifiers/1"},
		{"an entity under another's identifier", registration("iec:AAVCD1234K", func(*attest.Registration) {}), nil, attest.Conflict, "/sub"},
		{"an identifier that is an entity", registration(rt.Halcyon, func(r *attest.Registration) { r.Identifiers = []string{rt.Varuna} }), nil, attest.Conflict, "/identifiers/0"},
		{"a site that moved, in an approval", approval(func(a *attest.EntityApproval) { a.ApprovedSites[0].Address = "Elsewhere" }), nil, attest.Conflict, "/approved_sites/0"},
		{"a site that moved, in a registration", registration(rt.Varuna, func(r *attest.Registration) {
			r.Sites = []attest.Site{{ID: "BLR-1", Address: "Elsewhere", Country: "IN"}}
		}), nil, attest.Conflict, "/sites/0"},
		{"a site that moved, from registration to approval", changed(rt.Approval("NEW", rt.IN, rt.Varuna, "IN"), func(a *attest.EntityApproval) {
			a.ApprovedSites = []attest.Site{{ID: "BLR-1", Address: "Elsewhere", Country: "IN"}}
		}), nil, attest.Conflict, "/approved_sites/0"},

		{"a trust root out of turn", changed(successor(t, r), func(r *attest.Root) { r.Version, r.JTI = 3, "root-3" }), nil, attest.Conflict, "/version"},
		{"a trust root without the register's key", changed(successor(t, r), func(r *attest.Root) { r.LogKeys = []string{otherLogKey} }), nil, attest.Conflict, "/log_keys"},
		{"a trust root by strangers", successor(t, r), rt.Signers(rt.US), attest.Forbidden, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := r.Checkpoint()
			_, err := r.Submit(context.Background(), r.Sign(test.claims, test.signers...))
			wantRefusal(t, err, test.class, test.pointer)
			if diff := cmp.Diff(string(before), string(r.Checkpoint())); diff != "" {
				t.Errorf("the log changed (-before +after):\n%s", diff)
			}
		})
	}
	t.Run("the service goes on", func(t *testing.T) {
		third := rt.Approval("TEA-3", rt.US, rt.Varuna, "IN")
		third.Supersedes = "TEA-2"
		r.MustSubmit(third)
		r.MustSubmit(rt.Event("EV-2", rt.US, attest.ApprovalSubject(rt.Varuna, rt.US), "TEA-1", attest.Revoke, now))
		r.MustSubmit(rt.Domain("PDA-2", rt.IN))
	})
}

// Verifier keys of a log, the same one under two names.
const (
	otherLogKey    = "example.org/register+8e366f89+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
	otherOriginKey = "example.org/other+c20e8cdf+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
)

func wantRefusal(t *testing.T, err error, class attest.Class, pointer string) {
	t.Helper()
	refusal, ok := errors.AsType[*attest.Refusal](err)
	if !ok {
		t.Fatalf("got %v, want a refusal", err)
	}
	if refusal.Class != class {
		t.Errorf("class %d (%v), want %d", refusal.Class, err, class)
	}
	if pointer == "" {
		return
	}
	problems, ok := errors.AsType[attest.Problems](err)
	if !ok || len(problems) != 1 || problems[0].Pointer != pointer {
		t.Errorf("problems %v, want one at %s", err, pointer)
	}
}

func TestMalformedStatementsAreRefused(t *testing.T) {
	r := stage(t)
	good := string(r.Sign(rt.Approval("NEW", rt.US, rt.Varuna, "IN")))
	lines := strings.Split(good, "\n")
	flipped := []byte(lines[1])
	flipped[len(flipped)-2] ^= 1
	for _, test := range []struct {
		name, statement string
		class           attest.Class
	}{
		{"empty", "", attest.Malformed},
		{"an end of line", good + "\n", attest.Malformed},
		{"lines swapped", lines[1] + "\n" + lines[0], attest.Malformed},
		{"a line twice", lines[0] + "\n" + lines[0], attest.Malformed},
		{"a status leaf", "safeconduct/status/v1\n1\n2\n3\n-\n", attest.Malformed},
		{"too large", strings.Repeat("A", attest.MaxBytes+1), attest.TooLarge},
		{"a signature that does not verify", lines[0] + "\n" + string(flipped), attest.Forbidden},
		{"an unknown member", lines[0][:strings.Index(lines[0], ".")+1] + base64.RawURLEncoding.EncodeToString([]byte(`{"x":1}`)) + ".AA", attest.Malformed},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := r.Submit(context.Background(), []byte(test.statement))
			wantRefusal(t, err, test.class, "")
		})
	}
}

func TestARefusedStatementDoesNotDisturbItsBatch(t *testing.T) {
	r, g := gated(t)
	errs := submitBatch(t, r, g,
		rt.Approval("GOOD-1", rt.US, rt.Halcyon, "US"),
		changed(rt.Approval("BAD", rt.US, rt.Halcyon, "US"), func(a *attest.EntityApproval) { a.Supersedes = "NONE" }),
		rt.Approval("GOOD-2", rt.IN, rt.Halcyon, "US"),
	)
	wantRefusal(t, errs[1], attest.NotFound, "/supersedes")
	if errs[0] != nil || errs[2] != nil {
		t.Errorf("the others of the batch: %v, %v", errs[0], errs[2])
	}
	checkLog(t, r)
}

// What stands earlier in a batch counts for what stands later in it.
func TestStatementsOfOneBatchCountInOrder(t *testing.T) {
	r, g := gated(t)
	second := rt.Approval("TEA-2", rt.US, rt.Varuna, "IN")
	second.Supersedes = "TEA-1"
	fork := rt.Approval("TEA-2B", rt.US, rt.Varuna, "IN")
	fork.Supersedes = "TEA-1"
	event := rt.Event("EV-1", rt.US, second.Sub, "TEA-2", attest.Suspend, rt.Start)
	errs := submitBatch(t, r, g, rt.Approval("TEA-1", rt.US, rt.Varuna, "IN"), second, fork, event)
	for i, err := range errs {
		if i == 2 {
			wantRefusal(t, err, attest.Conflict, "/supersedes")
		} else if err != nil {
			t.Errorf("statement %d: %v", i, err)
		}
	}
	entries, err := r.History(context.Background(), second.Sub)
	if err != nil {
		t.Fatal(err)
	}
	var lineage attest.Lineage
	for _, e := range entries {
		// That the tags are these, the replay of a mirror and verify check.
		if _, err := lineage.Next(e.Statement.Claims()); err != nil {
			t.Errorf("index %d: %v", e.Index, err)
		}
	}
	if len(entries) != 3 {
		t.Errorf("%d entries, want 3", len(entries))
	}
}

func TestANewTrustRootIsInForceFromItsIndex(t *testing.T) {
	r := rt.New(t)
	next := successor(t, r)
	in := authority(t, next, rt.IN)
	in.Officers = []attest.Officer{rt.SignerNamed("in-2").Officer()}
	old := r.Sign(rt.Approval("TEA-1", rt.IN, rt.Halcyon, "US"))
	r.MustSubmit(next)
	if got := r.Root().Root().Version; got != 2 {
		t.Errorf("version %d is in force, want 2", got)
	}
	_, err := r.Submit(context.Background(), old)
	wantRefusal(t, err, attest.Forbidden, "")
	fresh := r.Sign(rt.Approval("TEA-1", rt.IN, rt.Halcyon, "US"), rt.SignerNamed("in-2"))
	if _, err := r.Submit(context.Background(), fresh); err != nil {
		t.Errorf("by the new key: %v", err)
	}
	r.Restart()
	if got := r.Root().Root().Version; got != 2 {
		t.Errorf("version %d is in force after a restart, want 2", got)
	}
}

// A sandbox's first approval that a stolen key made fixes nothing, and neither
// does what else it says.
func TestVoidStatementsBindNobody(t *testing.T) {
	r := rt.New(t)
	forged := rt.Domain("PDA-1", rt.IN)
	forged.Terms.Authorities, forged.Terms.Concurrence = []string{rt.IN}, 1
	since := r.MustSubmit(forged).Index
	next := successor(t, r)
	stolen := rt.SignerNamed("in-1")
	in := authority(t, next, rt.IN)
	in.Officers = []attest.Officer{rt.SignerNamed("in-2").Officer()}
	in.Compromised = []attest.Compromised{{Kid: stolen.Key().ID(), Since: since}}
	r.MustSubmit(next)
	r.MustSubmit(rt.Domain("PDA-1", rt.US))
}

// successor drafts the next trust root of a register.
func successor(t *testing.T, r *rt.Register) *attest.Root {
	t.Helper()
	next, err := r.Root().Successor()
	if err != nil {
		t.Fatal(err)
	}
	next.IAT = attest.NumericDate(r.Clock.Now().Unix())
	return next
}

func authority(t *testing.T, r *attest.Root, id string) *attest.Authority {
	t.Helper()
	i := slices.IndexFunc(r.Authorities, func(a attest.Authority) bool { return a.ID == id })
	if i < 0 {
		t.Fatalf("no authority %s", id)
	}
	return &r.Authorities[i]
}
