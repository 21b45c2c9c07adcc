package verifier

import (
	"strings"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
	"github.com/safeconduct/safeconduct/registry/web/display"
	"github.com/safeconduct/safeconduct/verify"
)

// most is how many of anything a report lists; it counts the rest.
const most = 100

// first returns the first ones, each as it is shown, and how many are left out.
func first[S, T any](list []S, show func(S) T) (out []T, more int) {
	for i, x := range list {
		if i == most {
			return out, len(list) - most
		}
		out = append(out, show(x))
	}
	return out, 0
}

// Evidence is what evidence that stands shows.
type Evidence struct {
	// Origin is the register, Size that of its log.
	Origin string `json:"origin"`
	Size   int64  `json:"size"`
	// RootVersion is that of the trust root in force.
	RootVersion int64 `json:"root_version"`
	// LastBatch is when the last was logged, ProvenUntil up to when the cosigners attest
	// that nothing came after.
	LastBatch     display.Moment `json:"last_batch"`
	ProvenUntil   display.Moment `json:"proven_until"`
	Cosigners     []Cosigner     `json:"cosigners,omitempty"`
	MoreCosigners int            `json:"more_cosigners,omitzero"`
	// Subjects are those whose histories are proven.
	Subjects     []Subject `json:"subjects,omitempty"`
	MoreSubjects int       `json:"more_subjects,omitzero"`
	// Warnings are what the trust leaves unchecked, by their codes.
	Warnings []string `json:"warnings,omitempty"`
}

// A Cosigner has cosigned the checkpoint, counted or not.
type Cosigner struct {
	Name     string         `json:"name"`
	Role     string         `json:"role"`
	Operator bool           `json:"operator"`
	Time     display.Moment `json:"time"`
}

// A Subject is one whose history is proven: of how many statements, how many of
// which are not shown.
type Subject struct {
	Name       string `json:"name"`
	Statements int    `json:"statements"`
	Stubs      int    `json:"stubs,omitzero"`
}

func evidenceOf(o *verify.Opened) *Evidence {
	r := o.Report()
	e := &Evidence{
		Origin: display.Text(r.Origin), Size: r.Size, RootVersion: r.RootVersion,
		LastBatch: display.MomentOf(r.LastBatch), ProvenUntil: display.MomentOf(r.ProvenUntil), Warnings: r.Warnings,
	}
	e.Cosigners, e.MoreCosigners = first(r.Cosignatures, func(c verify.Cosignature) Cosigner {
		return Cosigner{display.Text(c.Name), display.Text(string(c.Role)), c.Operator, display.MomentOf(c.Time)}
	})
	e.Subjects, e.MoreSubjects = first(r.Subjects, func(s verify.SubjectReport) Subject {
		return Subject{display.Text(s.Subject), s.Statements, s.Stubs}
	})
	return e
}

// Shown is who has shown itself by a presentation.
type Shown struct {
	Holder   string         `json:"holder"`
	Name     string         `json:"name,omitzero"`
	Issuer   string         `json:"issuer"`
	JTI      string         `json:"jti"`
	IssuedAt display.Moment `json:"issued_at"`
	// Hidden are the confidential members of the approval that it does not disclose.
	Hidden     []string `json:"hidden,omitempty"`
	MoreHidden int      `json:"more_hidden,omitzero"`
}

func shownOf(o *presentation.Opened) *Shown {
	a := o.Claims()
	s := &Shown{Holder: display.Text(o.Holder), Name: display.Text(a.LegalName), Issuer: display.Text(a.Iss), JTI: display.Text(a.JTI), IssuedAt: display.MomentOf(o.IssuedAt)}
	s.Hidden, s.MoreHidden = first(a.Hidden(), display.Text)
	return s
}

// Decision is a decision as a page shows it.
type Decision struct {
	Decision        policy.Result `json:"decision"`
	ReplacesLicence bool          `json:"replaces_licence"`
	// KnownThen says that it is by what was known at a time that was asked for, CheckedThen
	// that it is by evidence that was fresh at one: nothing may go ahead on either.
	KnownThen   bool           `json:"known_then,omitzero"`
	CheckedThen bool           `json:"checked_then,omitzero"`
	EffectiveAt display.Moment `json:"effective_at"`
	KnownAt     display.Moment `json:"known_at"`
	CheckedAt   display.Moment `json:"checked_at"`
	RecheckBy   display.Moment `json:"recheck_by"`
	NextChange  display.Moment `json:"next_change,omitzero"`

	Reasons         []Reason `json:"reasons,omitempty"`
	MoreReasons     int      `json:"more_reasons,omitzero"`
	Obligations     []Duty   `json:"obligations,omitempty"`
	MoreObligations int      `json:"more_obligations,omitzero"`
	Notes           []string `json:"notes,omitempty"`
	MoreNotes       int      `json:"more_notes,omitzero"`
	// Hindsight is what it would be by what was logged since, "" where that is the same.
	Hindsight    policy.Result `json:"hindsight,omitzero"`
	AsFarAsShown bool          `json:"as_far_as_shown,omitzero"`
	// Screened are the lists that the parties were screened against, by name and version.
	Screened     []string `json:"screened,omitempty"`
	MoreScreened int      `json:"more_screened,omitzero"`
	// Replay are the digests of what it was made of.
	Replay policy.Replay `json:"replay"`
}

// A Reason of a decision.
type Reason struct {
	Class   policy.Class `json:"class"`
	Code    policy.Code  `json:"code"`
	Message string       `json:"message"`
	// About is whom and which statement it is about.
	About string `json:"about,omitzero"`
}

// A Duty is an obligation.
type Duty struct {
	Message string         `json:"message"`
	Due     display.Moment `json:"due,omitzero"`
}

func decisionOf(d *policy.Decision) *Decision {
	out := &Decision{
		Decision: d.Decision, ReplacesLicence: d.ReplacesLicence, AsFarAsShown: d.AsFarAsShown, Replay: d.Replay,
		EffectiveAt: display.MomentOf(d.EffectiveAt.Time()), KnownAt: display.MomentOf(d.KnownAt.Time()), CheckedAt: display.MomentOf(d.CheckedAt.Time()),
		RecheckBy: display.MomentOf(d.RecheckBy.Time()), NextChange: display.MomentOf(d.NextChange.Time()),
	}
	out.Reasons, out.MoreReasons = first(d.Reasons, func(r policy.Reason) Reason {
		about := r.Authority
		for _, more := range []string{r.Party, statementOf(r.Statement)} {
			if about != "" && more != "" {
				about += " · "
			}
			about += more
		}
		return Reason{r.Class, r.Code, words(r.Message), display.Text(about)}
	})
	out.Obligations, out.MoreObligations = first(d.Obligations, func(o policy.Duty) Duty {
		return Duty{words(o.Message), display.MomentOf(o.Due.Time())}
	})
	out.Notes, out.MoreNotes = first(d.Notes, words)
	out.Screened, out.MoreScreened = first(d.Screened, func(s policy.Screened) string {
		return display.Text(strings.TrimSpace(s.Name + " " + s.Version))
	})
	if d.Hindsight != nil {
		out.Hindsight = d.Hindsight.Decision
	}
	return out
}

func statementOf(r *policy.Ref) string {
	if r == nil {
		return ""
	}
	return r.Issuer + " " + r.JTI
}
