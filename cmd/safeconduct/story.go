package main

import (
	"time"

	"github.com/safeconduct/safeconduct/policy"
)

// A scene is a pretended moment at which statements are logged, and questions
// asked after it.
type scene struct {
	at     time.Time
	title  string
	log    []string
	checks []question
}

// A question is a request of the examples, asked at a pretended time.
type question struct {
	at      time.Time
	text    string
	request string
	want    policy.Result
}

// on is nine in the morning of a day, UTC.
func on(y int, m time.Month, d int) time.Time {
	return time.Date(y, m, d, 9, 0, 0, 0, time.UTC)
}

// story is what the demo tells.
var story = []scene{
	{
		at: on(2015, 1, 5), title: "Five Validated End-Users, as the 2015 edition lists them",
		log: []string{
			"veu-2015/ge-india.yaml", "veu-2015/samsung-china.yaml", "veu-2015/sk-hynix-china.yaml",
			"veu-2015/intel-dalian.yaml", "veu-2015/smic.yaml",
		},
		checks: []question{
			{on(2015, 6, 1), "GE India, 1C002.a.1, Bangalore", "veu-2015/request-ge-india-1c002.yaml", policy.PERMIT},
			{on(2015, 6, 1), "GE India, 1C010", "veu-2015/request-ge-india-1c010.yaml", policy.DENY},
			{on(2015, 6, 1), "GE India, 1C002.a.1, a site not listed", "veu-2015/request-ge-india-unlisted-site.yaml", policy.DENY},
			{on(2015, 6, 1), "SMIC, 5E002", "veu-2015/request-smic-5e002.yaml", policy.REFER},
		},
	},
	{
		at: on(2025, 9, 2), title: "Removals are published, with effect from 2025-12-31 (90 FR 42321)",
		log: []string{
			"veu-2015/removal-samsung-china.yaml", "veu-2015/removal-sk-hynix-china.yaml", "veu-2015/removal-intel-dalian.yaml",
		},
		checks: []question{
			{on(2025, 10, 1), "Samsung China: published, not effective", "veu-2015/request-samsung-2025-10-01.yaml", policy.PERMIT},
			{on(2026, 1, 1), "Samsung China: effective", "veu-2015/request-samsung-2026-01-01.yaml", policy.DENY},
		},
	},
	{
		at: on(2026, 1, 20), title: "A fictional joint sandbox: the US authority has signed, India's has not",
		log: []string{
			"underwater-comms/registration-halcyon.yaml", "underwater-comms/registration-varuna.yaml",
			"underwater-comms/approval-us-varuna.yaml", "underwater-comms/approval-in-halcyon.yaml",
			"underwater-comms/domain-us.yaml",
		},
		checks: []question{
			{on(2026, 2, 9), "Halcyon to Varuna, 5A001.b.1", "underwater-comms/request-joint-before.yaml", policy.DENY},
		},
	},
	{
		at: on(2026, 2, 10), title: "India's authority signs the same terms",
		log: []string{"underwater-comms/domain-in.yaml"},
		checks: []question{
			{on(2026, 5, 4), "Halcyon to Varuna, 5A001.b.1", "underwater-comms/request-joint-after.yaml", policy.PERMIT},
			{on(2026, 5, 4), "the same, to another site", "underwater-comms/request-joint-other-site.yaml", policy.DENY},
		},
	},
}
