package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
)

// A Duty is an obligation of whoever relies on a PERMIT.
type Duty struct {
	Kind attest.ObligationKind `json:"kind"`
	// Due is when it has to be done, or until when; absent where that is counted
	// in business days, which the calendar of the authority tells.
	Due Instant `json:"due,omitzero"`
	// Message says it in a sentence.
	Message string `json:"message"`
	// Authority is whose approval asks for it, Statement and Pointer where.
	Authority string `json:"authority"`
	Statement Ref    `json:"statement"`
	Pointer   string `json:"pointer"`
}

// duties are what the approvals that a PERMIT relies on ask for, in calendar
// days in UTC from the act.
func (j *judgement) duties(o *outcome) []Duty {
	var out []Duty
	for _, from := range o.owed {
		for i, ob := range from.obligations {
			d := j.duty(ob)
			d.Statement = refTo(from.by)
			d.Authority = d.Statement.Issuer
			d.Pointer = fmt.Sprintf("/obligations/%d", i)
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b Duty) int {
		return cmp.Or(a.Due.t.Compare(b.Due.t), cmp.Compare(a.Statement.Index, b.Statement.Index), strings.Compare(a.Pointer, b.Pointer))
	})
	return slices.CompactFunc(out, func(a, b Duty) bool { return a.Statement == b.Statement && a.Pointer == b.Pointer })
}

func (j *judgement) duty(o attest.Obligation) Duty {
	t := j.t.UTC()
	d := Duty{Kind: o.Kind}
	switch o.Kind {
	case attest.NotifyBefore:
		if o.Days != 0 {
			d.Due = InstantOf(t.AddDate(0, 0, -int(o.Days)))
		}
		d.Message = fmt.Sprintf("Notify the authority %s before the act.", days(o))
	case attest.ReportWithin:
		if o.Days != 0 {
			d.Due = InstantOf(t.AddDate(0, 0, int(o.Days)))
		}
		d.Message = fmt.Sprintf("Report to the authority within %s after the act.", days(o))
	case attest.ConsigneeStatement:
		d.Due, d.Message = InstantOf(t), "Have the consignee's statement before the act."
	case attest.EndUserCertificate:
		d.Due, d.Message = InstantOf(t), "Have the end user's certificate before the act."
	case attest.KeepRecords:
		d.Due, d.Message = InstantOf(t.AddDate(int(o.Years), 0, 0)), fmt.Sprintf("Keep the records for %s after the act.", counted(o.Years, "year"))
	default:
		d.Message = fmt.Sprintf("This version does not know obligations of kind %q; read the approval.", o.Kind)
	}
	if o.Text != "" {
		d.Message += " " + o.Text
	}
	return d
}

func days(o attest.Obligation) string {
	if o.BusinessDays != 0 {
		return counted(o.BusinessDays, "business day")
	}
	return counted(o.Days, "day")
}

func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
