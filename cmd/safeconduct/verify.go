package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/internal/exhibit"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
	"github.com/safeconduct/safeconduct/screening"
	"github.com/safeconduct/safeconduct/verify"
	"github.com/safeconduct/safeconduct/verify/highwater"
)

// verifying is what verify is told.
type verifying struct {
	request, trust, compact, seen string
	// lists and disclosures are files; trusted and screened are what is in trust and
	// lists.
	lists, disclosures []string
	trusted            *verify.Trust
	screened           []*screening.List
	// now is when it is asked.
	now                  time.Time
	json, force, explain bool
	times                times
	show                 showing
}

func verifyCommand() *cobra.Command {
	var v verifying
	c := &cobra.Command{
		Use:   "verify EVIDENCE|PRESENTATION --request REQUEST.yaml --trust TRUST [--audience A --nonce N]",
		Short: "Decide offline from evidence, with no network at all",
		Long: "Checks the evidence step by step against what TRUST says to trust, and decides the\n" +
			"request on it. Exit status: 0 PERMIT, 1 DENY, 2 wrong usage, 3 REFER, 4 not decided.\n" +
			"Of a presentation (prove) it checks, too, that its holder made it for you (--audience), for\n" +
			"this once (--nonce) and lately, and decides with what the holder discloses. Of evidence,\n" +
			"--disclosures gives what a holder has disclosed, as check takes it.\n" +
			"--compact writes evidence to hand to others who trust the same mirror: it shows no\n" +
			"approval that this decision does not rest on. Keep the whole evidence yourself.\n" +
			"--seen keeps the newest of the register that you were shown in a file, and refuses older\n" +
			"evidence from then on, such as that of before a revocation, and a clock that was set back.\n" +
			"Leave it out to look into old evidence.",
		Args: exactly("EVIDENCE"),
		RunE: func(c *cobra.Command, args []string) error { return v.run(c, args[0]) },
	}
	c.Flags().StringVar(&v.request, "request", "", "request file")
	c.Flags().StringVar(&v.trust, "trust", "", "trust file")
	c.Flags().StringVar(&v.compact, "compact", "", "file for compact evidence")
	c.Flags().StringVar(&v.seen, "seen", "", "file with the newest that was seen of the register; it need not be there yet")
	v.show.flags(c)
	explainFlag(c, &v.explain)
	listsFlag(c, &v.lists)
	disclosuresFlag(c, &v.disclosures, "")
	forceFlag(c, &v.force)
	v.times.flags(c)
	jsonFlag(c, &v.json)
	return c
}

func (v *verifying) run(c *cobra.Command, file string) error {
	if v.request == "" || v.trust == "" {
		return usage(c, errors.New("verify: --request and --trust are both needed: what is asked, and what is trusted"))
	}
	var err error
	if v.trusted, err = readTrust(v.trust); err != nil {
		return undecided("a trust file says which register and whose cosignatures are trusted; safeconduct root show --trust prints one", fmt.Errorf("read what to trust from %s:\n%w", v.trust, err))
	}
	r, err := v.times.request(c, v.request)
	if err != nil {
		return err
	}
	evidence, err := readFile(file)
	if err != nil {
		return undecided("", fmt.Errorf("verify: %w", err))
	}
	v.now = time.Now()
	if v.screened, err = readLists(v.lists); err != nil {
		return undecided("", fmt.Errorf("verify: %w", err))
	}
	var d *policy.Decision
	switch shown := exhibit.IsPresentation(evidence); {
	case !shown && (v.show.audience != "" || v.show.nonce != ""):
		return usage(c, fmt.Errorf("verify: %s is no presentation, which --audience and --nonce are of; evidence, which anybody may copy, is verified without them", file))
	case shown && (v.compact != "" || v.disclosures != nil):
		return usage(c, errors.New("verify: --compact and --disclosures are for evidence; a presentation has what its holder discloses"))
	case shown:
		d, err = v.decideShown(c, evidence, r)
	case v.compact != "" && v.disclosures != nil:
		return usage(c, errors.New("verify: --compact is for those who are shown nothing of --disclosures; leave one of them out"))
	default:
		d, err = v.decide(evidence, r)
	}
	if _, told := errors.AsType[*failure](err); told {
		return err
	}
	if err != nil {
		return undecided(verifyHint(err), fmt.Errorf("verify %s: %w", file, err))
	}
	if v.compact != "" {
		if err := v.writeCompact(evidence, r, r.Times(v.now)); err != nil {
			return err
		}
	}
	if err := printDecision(c, v.json, r, d); err != nil {
		return undecided("", err)
	}
	return outcome(d)
}

// decide decides on evidence that is not older than what was seen, where that is
// kept, with what is in files of disclosures.
func (v *verifying) decide(evidence []byte, r *policy.Request) (*policy.Decision, error) {
	ds, err := readAllDisclosures(v.disclosures)
	if err != nil {
		return nil, err
	}
	x := v.examiner()
	x.Disclosures = ds
	_, d, err := x.Examine(evidence, r)
	return d, err
}

// examiner is what decides on evidence and presentations alike.
func (v *verifying) examiner() *exhibit.Examiner {
	return &exhibit.Examiner{
		Trust: v.trusted, Lists: v.screened, Now: v.now, Explain: v.explain,
		Accept: func(e *verify.Opened) error { return raise(v.seen, e) },
	}
}

// raise is --seen, where it is given. It goes by the clock, whatever the request says.
func raise(seen string, e *verify.Opened) error {
	if seen == "" {
		return nil
	}
	return highwater.At(seen).Raise(e, time.Now())
}

// writeCompact is --compact.
func (v *verifying) writeCompact(evidence []byte, r *policy.Request, at policy.Times) error {
	if !v.trusted.ReliesOnMirror() {
		return undecided("compact evidence is for those who trust a mirror; hand over the whole evidence", errors.New("verify --compact: the trust file says insecure_unmirrored"))
	}
	small, err := verify.Compact(evidence, v.trusted, r, at)
	if err == nil {
		err = writeNew(v.compact, small, v.force)
	}
	if err != nil {
		return undecided("", fmt.Errorf("verify --compact: %w", err))
	}
	return nil
}

// verifyHint says what to do about the step that refused the evidence.
func verifyHint(err error) string {
	e, ok := errors.AsType[*verify.Error](err)
	if p, shown := errors.AsType[*presentation.Error](err); shown && !ok {
		return presentationHint(p.Step)
	}
	switch {
	case errors.Is(err, highwater.ErrSmaller):
		return "ask for evidence of today; leave --seen out to look into old evidence"
	case errors.Is(err, highwater.ErrForked):
		return "rely on neither; keep both files, and tell those who run witnesses and mirrors of this register"
	case errors.Is(err, highwater.ErrClock):
		return "set the clock; leave --seen out to decide as of another time"
	case !ok:
		return ""
	}
	switch e.Step {
	case verify.StepParse:
		return "the file was changed or is not evidence; fetch it again with safeconduct check --evidence"
	case verify.StepRoot, verify.StepCheckpoint, verify.StepQuorum:
		return "is it evidence of the register that the trust file names?"
	}
	switch {
	case errors.Is(err, verify.ErrNotShown):
		return "evidence speaks for the request that it was fetched for; fetch it again for this one"
	case errors.Is(err, verify.ErrCompact):
		return "compact evidence is for those who trust a mirror; ask for the whole"
	case e.Step == verify.StepHistory:
		return "do not rely on this file: a history in it was cut short or changed, or is damaged; fetch it again, and report it if it fails again"
	default:
		return "do not rely on this file; fetch it again, and report it if it fails again"
	}
}

// presentationHint says what to do about the step that refused a presentation.
func presentationHint(step string) string {
	switch step {
	case presentation.StepForm:
		return "the file was cut or changed, or is no presentation; ask the holder for it again"
	case presentation.StepAudience:
		return "--audience is what you have told the holder to present to, to the letter"
	case presentation.StepNonce, presentation.StepTime:
		return "give the holder a new nonce, and ask for a presentation that answers it"
	case presentation.StepApproval:
		return "ask the holder for one with newer evidence, of an approval that is in force"
	case presentation.StepHolder:
		return "nobody has shown itself who is a party of the request, by the approval that it rests on"
	default:
		return "do not rely on this file: it is not as its holder has made it"
	}
}
