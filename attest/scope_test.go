package attest_test

import (
	"testing"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/controllist"
)

func TestLimitsLeaveWhatIsInScopeAndNotExcludedAsAWhole(t *testing.T) {
	in, out := attest.Scope{"US_CCL": {"5A001.b"}}, attest.Scope{"US_CCL": {"5A001.b.1"}}
	for _, row := range []struct {
		limits      attest.Limits
		list, entry string
		want        bool
	}{
		{attest.Limits{}, "US_CCL", "5A001.b", true},
		{attest.Limits{Excluded: out}, "US_CCL", "5A001.b.1", false},
		{attest.Limits{Excluded: out}, "US_CCL", "5A001.b.1.a", false},
		{attest.Limits{Excluded: out}, "US_CCL", "5A001.b.10", true},
		{attest.Limits{Excluded: out}, "US_CCL", "5A001.b", true},
		{attest.Limits{InScope: in}, "US_CCL", "5A001", true},
		{attest.Limits{InScope: in}, "US_CCL", "5A001.b.2", true},
		{attest.Limits{InScope: in}, "US_CCL", "5A001.c", false},
		{attest.Limits{InScope: in}, "IN_SCOMET", "8A501", false},
		{attest.Limits{InScope: in, Excluded: out}, "US_CCL", "5A001.b.1", false},
		{attest.Limits{InScope: out, Excluded: in}, "US_CCL", "5A001.b.1", false},
	} {
		e, err := controllist.Parse(row.list, row.entry)
		if err != nil {
			t.Fatal(err)
		}
		if got := row.limits.Leaves(e); got != row.want {
			t.Errorf("%v without %v leaves %s: %t", row.limits.InScope, row.limits.Excluded, row.entry, got)
		}
	}
}
