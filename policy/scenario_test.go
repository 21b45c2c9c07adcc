package policy_test

import (
	"testing"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
)

// The checks of the joint sandbox, told once more by hand: the scenario file
// is played by the registry.
func TestJointSandbox(t *testing.T) {
	surveillance := ask{"sandbox": "SBX-MISR", "item": item("US_CCL", "6A008.d")}
	for _, story := range []struct {
		name   string
		events func(*stage)
		checks []check
	}{
		{
			"happy path, and the edges of time, site and party", nil,
			[]check{
				{"S01-a", nil, policy.PERMIT, ""},
				{"S01-b", ask{"effective_at": "2026-02-10T00:00:00Z"}, policy.DENY, "APPROVAL_NOT_YET_EFFECTIVE AUTHORITY_CONCURRENCE_MISSING"},
				{"S01-c", ask{"effective_at": "2026-02-15T00:00:00Z"}, policy.PERMIT, ""},
				{"S01-d", ask{"effective_at": "2027-02-01T00:00:00Z"}, policy.DENY, "APPROVAL_EXPIRED AUTHORITY_CONCURRENCE_MISSING"},
				{"S01-e", ask{"destination_site": "BLR-1"}, policy.DENY, "SITE_NOT_APPROVED"},
				{"S01-f", ask{"via": []string{"meridian"}}, policy.DENY, "ENTITY_NOT_APPROVED"},
				{"S01-g", ask{"end_use": nil}, policy.REFER, "MISSING_FACT"},
				{"S01-h", ask{"classification": "RESTRICTED", "end_use": "production"}, policy.DENY, "CLASSIFICATION_LEVEL_EXCEEDED END_USE_NOT_PERMITTED"},
			},
		},
		{
			"one of two authorities revokes its domain approval",
			func(st *stage) { st.at("2026-05-25").event(attest.Revoke, "PDA-IN-UC", "2026-06-01") },
			[]check{
				{"S03-a", ask{"effective_at": "2026-05-31T23:59:59Z"}, policy.PERMIT, ""},
				{"S03-b", ask{"effective_at": "2026-06-01T00:00:00Z"}, policy.DENY, "APPROVAL_REVOKED AUTHORITY_CONCURRENCE_MISSING"},
				{"S03-c", surveillance.with(ask{"effective_at": "2026-06-01T00:00:00Z"}), policy.PERMIT, ""},
			},
		},
		{
			"an expired domain approval",
			nil,
			[]check{
				{"S06, the last instant", surveillance.with(ask{"effective_at": "2026-07-31T23:59:59Z"}), policy.PERMIT, ""},
				{"S06, without savings", surveillance.with(ask{"effective_at": "2026-09-15T00:00:00Z"}), policy.DENY, "APPROVAL_EXPIRED AUTHORITY_CONCURRENCE_MISSING"},
				{"S06-e, without savings", surveillance.with(ask{"effective_at": "2026-09-15T00:00:00Z", "destination_site": "BLR-1"}), policy.DENY, "APPROVAL_EXPIRED AUTHORITY_CONCURRENCE_MISSING SITE_NOT_APPROVED"},
			},
		},
		{
			"backdated revocation",
			func(st *stage) { st.at("2026-05-15").event(attest.Revoke, "TEA-US-0001", "2026-04-01") },
			[]check{
				{"S07-a", ask{"known_at": "2026-05-04T09:00:00Z"}, policy.PERMIT, ""},
				{"S07-b", ask{"known_at": "2026-05-20T00:00:00Z"}, policy.DENY, "APPROVAL_REVOKED RETROACTIVE_STATUS_CHANGE"},
				{"S07-c", ask{"effective_at": "2026-03-31T23:59:59Z", "known_at": "2026-05-20T00:00:00Z"}, policy.PERMIT, ""},
				{"S07-d", ask{"effective_at": "2026-05-16T00:00:00Z"}, policy.DENY, "APPROVAL_REVOKED"},
			},
		},
		{
			"wrong control-list entry", nil,
			[]check{
				{"S09-a", ask{"item": item("US_CCL", "5A001.b.1.a")}, policy.PERMIT, ""},
				{"S09-b", ask{"item": item("US_CCL", "5A001.b.10")}, policy.DENY, "ITEM_NOT_IN_SCOPE"},
				{"S09-c", ask{"item": item("US_CCL", "6A001.a.2")}, policy.DENY, "ITEM_NOT_IN_SCOPE"},
				{"S09-d", ask{"item": item("US_CCL", "6A001.a.1.e")}, policy.DENY, "ITEM_EXCLUDED"},
				{"S09-e", ask{"item": item("US_CCL", "5A001")}, policy.REFER, "CLASSIFICATION_TOO_COARSE"},
				{"S09-f", ask{"item": item("US_CCL", "6A01")}, policy.REFER, "CLASSIFICATION_INVALID"},
				{"S09-g", ask{"item": item("IN_SCOMET", "8A501.b.1")}, policy.PERMIT, ""},
				{"S09-h", ask{"item": item("US_USML", "XI(a)(1)")}, policy.DENY, "ITEM_NOT_IN_SCOPE"},
			},
		},
	} {
		t.Run(story.name, func(t *testing.T) {
			st := joint(t)
			if story.events != nil {
				story.events(st)
			}
			st.checks(t, story.checks...)
		})
	}
}
