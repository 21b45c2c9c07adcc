package verify_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/verify"
)

// opened is evidence of the subjects that has been checked.
func opened(t *testing.T, e *verify.Evidence, r *register) *verify.Opened {
	t.Helper()
	o, err := verify.Open(marshal(t, e), trust(t, r, bothMirrors(), verify.Insecure{}), asked)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// names are the jtis of a history.
func names(t *testing.T, e *verify.Opened, subject string, known time.Time) []string {
	t.Helper()
	list, err := e.History(subject, known, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range list {
		out = append(out, r.Statement.Claims().Head().JTI)
	}
	return out
}

func TestAProvenHistoryIsRead(t *testing.T) {
	r := story()
	e := opened(t, r.evidence(r.checkpoint(quorum(cosign)...), touched...), r)
	if diff := cmp.Diff([]string{"REG-IN-1", "REG-IN-2"}, names(t, e, "entity:"+varuna, time.Time{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// What was logged at that very time was known.
	if diff := cmp.Diff([]string{"REG-IN-1", "REG-IN-2"}, names(t, e, "entity:"+varuna, logged)); diff != "" {
		t.Errorf("known when it was logged (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"REG-IN-1"}, names(t, e, "entity:"+varuna, logged.Add(-time.Millisecond))); diff != "" {
		t.Errorf("known before (-want +got):\n%s", diff)
	}
	if list, err := e.History("entity:"+varuna+"/auth-in", time.Time{}, time.Time{}); err != nil || list == nil || len(list) != 0 {
		t.Errorf("what has no statements: %v, %v", list, err)
	}
	report, err := verify.Check(marshal(t, r.evidence(r.checkpoint(quorum(cosign)...), touched...)), trust(t, r, bothMirrors(), verify.Insecure{}), asked)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(report, e.Report(), cmp.AllowUnexported(verify.Cosignature{})); diff != "" {
		t.Errorf("report (-checked +opened):\n%s", diff)
	}
	if got := e.Tree().N; got != int64(len(r.leaves)) {
		t.Errorf("the tree has %d leaves", got)
	}
}

func TestAHistoryThatIsNotShownWholeIsNotRead(t *testing.T) {
	r := prime(3)
	subject := "entity:" + varuna + "/auth-us"
	e := whole(r)
	whole := opened(t, e, r)
	if n := len(names(t, whole, subject, time.Time{})); n != 5 {
		t.Fatalf("of 5 statements %d are read", n)
	}
	hide(r, e, subject, func(x verify.Entry) bool { return x.Index == r.histories[subject][0].Index })
	part := opened(t, e, r)
	for _, row := range []struct {
		subject string
		why     error
	}{{subject, verify.ErrPartly}, {"sandbox:SBX-OTHER", verify.ErrNotShown}} {
		list, err := part.History(row.subject, time.Time{}, time.Time{})
		at, _ := errors.AsType[*verify.Error](err)
		missing, _ := errors.AsType[*policy.Unproven](err)
		if !errors.Is(err, row.why) || list != nil || at == nil || at.Step != verify.StepHistory || missing == nil || missing.Subject != row.subject {
			t.Errorf("%s: %v, %v, want %v", row.subject, list, err, row.why)
		}
	}
	var zero verify.Opened
	if list, err := zero.History(subject, time.Time{}, time.Time{}); err == nil || list != nil || zero.Report() != nil || zero.Tree().N != 0 {
		t.Errorf("the zero Opened: %v, %v", list, err)
	}
}
