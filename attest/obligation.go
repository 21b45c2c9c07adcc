package attest

// An Obligation is what an approval asks of whoever relies on it.
type Obligation struct {
	// Kind is what is to be done.
	Kind ObligationKind `json:"kind"`
	// Days are calendar days, BusinessDays those of the authority, Years
	// calendar years, as the kind has them; at most one is given.
	Days         int64 `json:"days,omitzero"`
	BusinessDays int64 `json:"business_days,omitzero"`
	Years        int64 `json:"years,omitzero"`
	// Text says to whom, in which form, or what else is to be known.
	Text string `json:"text,omitzero"`
}

// An ObligationKind is what is to be done.
type ObligationKind string

// The kinds of obligation.
const (
	// NotifyBefore: tell the authority so long before the act.
	NotifyBefore ObligationKind = "notify_before"
	// ReportWithin: tell the authority within so long after the act.
	ReportWithin ObligationKind = "report_within"
	// ConsigneeStatement and EndUserCertificate: have it before the act.
	ConsigneeStatement ObligationKind = "consignee_statement"
	EndUserCertificate ObligationKind = "end_user_certificate"
	// KeepRecords: for so many years after the act.
	KeepRecords ObligationKind = "keep_records"
)

var obligationKinds = []ObligationKind{NotifyBefore, ReportWithin, ConsigneeStatement, EndUserCertificate, KeepRecords}

// The largest periods of an obligation.
const (
	maxObligationDays  = 36525
	maxObligationYears = 100
)

func checkObligations(p *checker, obligations []Obligation) {
	if len(obligations) > 32 {
		p.Add("/obligations", "has %d elements; at most 32 are accepted", len(obligations))
	}
	for i, o := range obligations {
		at := p.element("/obligations", i)
		oneOf(at, "/kind", o.Kind, obligationKinds)
		at.text("/text", o.Text)
		o.checkPeriod(at)
	}
}

func (o *Obligation) checkPeriod(p *checker) {
	bounded := func(pointer string, n, most int64) {
		if n < 0 || n > most {
			p.Add(pointer, "is %d; want 1 to %d", n, most)
		}
	}
	bounded("/days", o.Days, maxObligationDays)
	bounded("/business_days", o.BusinessDays, maxObligationDays)
	bounded("/years", o.Years, maxObligationYears)
	without := func(pointer string, n int64, why string) {
		if n != 0 {
			p.Add(pointer, "%s %s", o.Kind, why)
		}
	}
	switch o.Kind {
	case NotifyBefore, ReportWithin:
		if (o.Days != 0) == (o.BusinessDays != 0) {
			p.Add("/days", "%s wants either days or business_days", o.Kind)
		}
		without("/years", o.Years, "is counted in days or business_days")
	case KeepRecords:
		if o.Years == 0 {
			p.Add("/years", "%s wants years", o.Kind)
		}
		without("/days", o.Days, "is counted in years")
		without("/business_days", o.BusinessDays, "is counted in years")
	case ConsigneeStatement, EndUserCertificate:
		const none = "is to be had before the act and has no period"
		without("/days", o.Days, none)
		without("/business_days", o.BusinessDays, none)
		without("/years", o.Years, none)
	}
}
