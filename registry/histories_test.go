package registry_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

func TestEvidenceOfSubjectsIsTheirWholeHistories(t *testing.T) {
	r := joint(t)
	subject := attest.ApprovalSubject(rt.Varuna, rt.US)
	ev := rt.Event("EV-1", rt.US, subject, "TEA-1", attest.Suspend, rt.Start)
	r.MustSubmit(ev)
	r.Clock.Add(time.Minute)
	absent := attest.ApprovalSubject(rt.Corvus, rt.IN)
	data, err := r.EvidenceOf(t.Context(), []string{subject, absent, subject})
	if err != nil {
		t.Fatal(err)
	}
	e, err := verify.Open(data, r.Trust, r.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string][]string)
	for _, s := range e.Report().Subjects {
		h, err := e.History(s.Subject, time.Time{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		got[s.Subject] = []string{}
		for _, x := range h {
			got[s.Subject] = append(got[s.Subject], x.Statement.Claims().Head().JTI)
		}
	}
	want := map[string][]string{"root": {"root-1"}, subject: {"TEA-1", "EV-1"}, absent: {}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEvidenceOfSubjectsIsBounded(t *testing.T) {
	r := joint(t)
	var many []string
	for i := range verify.MaxHistories {
		many = append(many, attest.SandboxSubject(fmt.Sprintf("SBX-%d", i)))
	}
	if _, err := r.EvidenceOf(t.Context(), many); !errors.Is(err, verify.ErrTooLarge) {
		t.Errorf("with root, of %d subjects: %v, want ErrTooLarge", len(many)+1, err)
	}
	if _, err := r.EvidenceOf(t.Context(), many[1:]); err != nil {
		t.Errorf("of as many as have room: %v", err)
	}
	for _, s := range []string{"", "x", "entity:", "sandbox:a b"} {
		_, err := r.EvidenceOf(t.Context(), []string{s})
		if x, ok := errors.AsType[*attest.Refusal](err); !ok || x.Class != attest.Invalid {
			t.Errorf("subject %q: %v", s, err)
		}
	}
}

func TestAStatementIsFoundByItsName(t *testing.T) {
	r := joint(t)
	receipt := r.MustSubmit(rt.Event("EV-1", rt.US, attest.ApprovalSubject(rt.Varuna, rt.US), "TEA-1", attest.Suspend, rt.Start))
	got, err := r.Statement(t.Context(), rt.US, "EV-1")
	if err != nil {
		t.Fatal(err)
	}
	if got.Index != receipt.Index || !got.Time.Equal(receipt.Time) || got.Statement.Claims().Head().JTI != "EV-1" {
		t.Errorf("found %+v, want that at index %d", got, receipt.Index)
	}
	for _, name := range [][2]string{{rt.IN, "EV-1"}, {rt.US, "EV-2"}, {"", ""}} {
		if _, err := r.Statement(t.Context(), name[0], name[1]); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", name, err)
		}
	}
}
