package policy_test

import (
	"github.com/safeconduct/safeconduct/attest"
)

// The entities by the names that tests call them.
var ids = map[string]string{
	"halcyon":  "lei:999900HALCYONMAR0134",
	"varuna":   "lei:999900VARUNADEEP0174",
	"sagarnet": "lei:999900SAGARNETAC0179",
	"corvus":   "lei:999900CORVUSPACF0114",
	"meridian": "lei:999900MERIDIANFW0115",
	"oriole":   "lei:999900ORIOLECAPH0141",
	"kestrel":  "lei:999900KESTRELMER0115",
}

func idOf(name string) string {
	if id, ok := ids[name]; ok {
		return id
	}
	return name
}

// ucomms are the terms of the joint sandbox for underwater communications.
func ucomms(with ...func(*attest.Terms)) attest.Terms {
	t := attest.Terms{
		Authorities: []string{"auth-us", "auth-in"}, Concurrence: 2,
		Limits: attest.Limits{
			InScope: attest.Scope{
				"US_CCL":    {"5A001.b.1", "5D001", "5E001", "6A001.a.1", "8A002.r"},
				"IN_SCOMET": {"8A501.b.1", "8A601.a.1"},
			},
			Excluded:          attest.Scope{"US_CCL": {"6A001.a.1.e"}},
			AllowedEndUses:    []string{"joint_challenge_prototype", "sea_trial", "test_and_evaluation"},
			MaxClassification: "UNCLASSIFIED",
			Nationality: &attest.Nationality{
				Permitted: []string{"US", "IN", "AU", "GB", "FR"}, Prohibited: []string{"BY", "CN", "IR", "KP", "RU"},
			},
			Value: &attest.ValueCeiling{Currency: "USD", PerTransaction: "250000", Cumulative: "1000000"},
		},
	}
	apply(&t, with)
	return t
}

// misr are the terms of the joint sandbox for maritime surveillance.
func misr() attest.Terms {
	return attest.Terms{
		Authorities: []string{"auth-us", "auth-in"}, Concurrence: 2,
		Limits: attest.Limits{
			InScope: attest.Scope{
				"US_CCL":    {"6A003.b.4", "6A008.d", "6E001"},
				"IN_SCOMET": {"8A603.b.4", "8A608.d"},
			},
			AllowedEndUses:    []string{"joint_challenge_prototype", "flight_trial", "test_and_evaluation"},
			MaxClassification: "RESTRICTED",
			Nationality: &attest.Nationality{
				Permitted: []string{"US", "IN", "GB", "FR"}, Prohibited: []string{"BY", "CN", "IR", "KP", "RU"},
			},
			Value: &attest.ValueCeiling{Currency: "USD", PerTransaction: "500000", Cumulative: "2000000"},
		},
	}
}

// parties logs who is who and who is approved: what every joint stage starts
// from.
func parties(t tb, granting int64) *stage {
	t.Helper()
	st := newStage(t, granting)
	for _, us := range []string{"halcyon", "kestrel"} {
		st.register("auth-us", "REG-"+us, us)
	}
	for _, in := range []string{"varuna", "sagarnet", "meridian"} {
		st.register("auth-in", "REG-"+in, in)
	}
	st.entity("auth-us", "TEA-US-0001", "varuna", "2026-01-01", "2029-01-01", "VTZ-1")
	st.entity("auth-us", "TEA-US-0002", "sagarnet", "2026-03-01", "2028-03-01", "COK-1")
	st.entity("auth-us", "TEA-US-0003", "corvus", "2026-01-01", "2029-01-01", "ADL-1")
	st.entity("auth-in", "TEA-IN-0001", "halcyon", "2026-01-01", "2029-01-01", "NPT-1")
	st.entity("auth-in", "TEA-IN-0002", "corvus", "2026-01-01", "2029-01-01", "ADL-1")
	return st
}

// joint is the whole stage of the joint sandboxes.
func joint(t tb) *stage {
	t.Helper()
	st := parties(t, 1)
	st.domain("auth-us", "PDA-US-UC", "SBX-UCOMMS", "2026-02-01", "2027-02-01", ucomms())
	st.domain("auth-in", "PDA-IN-UC", "SBX-UCOMMS", "2026-02-15", "2027-02-01", ucomms())
	st.domain("auth-us", "PDA-US-MI", "SBX-MISR", "2026-02-01", "2026-08-01", misr())
	st.domain("auth-in", "PDA-IN-MI", "SBX-MISR", "2026-02-01", "2027-02-01", misr())
	return st
}

// supersedes makes an approval the next version of another.
func supersedes[T attest.EntityApproval | attest.DomainApproval | attest.Registration](jti string) func(*T) {
	return func(v *T) {
		switch c := any(v).(type) {
		case *attest.EntityApproval:
			c.Supersedes = jti
		case *attest.DomainApproval:
			c.Supersedes = jti
		case *attest.Registration:
			c.Supersedes = jti
		}
	}
}

func caveats(l attest.Limits) func(*attest.DomainApproval) {
	return func(d *attest.DomainApproval) { d.Caveats = &l }
}
