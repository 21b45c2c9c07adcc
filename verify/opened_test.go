package verify_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/verify"
)

func TestEvidenceThatIsOpenedOnceDecidesTheSame(t *testing.T) {
	r := story()
	data := marshal(t, r.evidence(r.checkpoint(quorum(cosign)...), touched...))
	tr := trust(t, r, bothMirrors(), verify.Insecure{})
	want, err := verify.Explain(data, tr, programme(), times())
	if err != nil {
		t.Fatal(err)
	}
	e, err := verify.Open(data, tr, times().CheckedAt)
	if err != nil {
		t.Fatal(err)
	}
	q, err := policy.Ask(programme())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, err := e.Explain(q, times())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(must(want.Marshal()), must(got.Marshal())); diff != "" {
			t.Errorf("(-at once +opened):\n%s", diff)
		}
	}
}

func TestOpenedEvidenceIsNotAskedAboutTheTimeBefore(t *testing.T) {
	r := story()
	data := marshal(t, r.evidence(r.checkpoint(quorum(cosign)...), touched...))
	e, err := verify.Open(data, trust(t, r, bothMirrors(), verify.Insecure{}), times().CheckedAt)
	if err != nil {
		t.Fatal(err)
	}
	q, err := policy.Ask(programme())
	if err != nil {
		t.Fatal(err)
	}
	at := times()
	at.CheckedAt = at.CheckedAt.Add(-time.Second)
	if d, err := e.Decide(q, at); err == nil || d.Permitted() {
		t.Errorf("Decide = %v, %v, want an error", d, err)
	}
	var zero verify.Opened
	if d, err := zero.Decide(q, times()); err == nil || d.Permitted() {
		t.Errorf("the zero Opened: %v, %v, want an error", d, err)
	}
	other := programme()
	other.Transferee = "x-any:1"
	if q, err = policy.Ask(other); err != nil {
		t.Fatal(err)
	}
	if d, err := e.Decide(q, times()); !errors.Is(err, verify.ErrNotShown) || d.Permitted() {
		t.Errorf("of whom nothing is shown: %v, %v, want ErrNotShown", d, err)
	}
}
