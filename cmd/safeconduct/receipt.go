package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/internal/yamldoc"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/receipt"
	"github.com/safeconduct/safeconduct/verify"
)

func receiptCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "receipt",
		Short: "Verify a signed decision, years later, from files alone",
		Long:  "A receipt is a decision that the register has signed (check --receipt).",
		Args:  exactly("a command"),
		RunE: func(c *cobra.Command, args []string) error {
			return usage(c, fmt.Errorf("receipt: unknown command %q: want verify or show", args[0]))
		},
	}
	c.AddCommand(receiptVerifyCommand(), receiptShowCommand())
	return c
}

// filed is what receipt verify is told.
type filed struct {
	request, evidence, trust, newer string
	lists, disclosures              []string
	json                            bool
}

func receiptVerifyCommand() *cobra.Command {
	var f filed
	c := &cobra.Command{
		Use:   "verify RECEIPT --request REQUEST --evidence EVIDENCE --trust TRUST [--screen LIST…] [--disclosures FILE…] [--newer EVIDENCE]",
		Short: "Check a receipt, and decide again from the files",
		Long: "Checks the evidence, whose key signed the receipt, every digest, and decides again at the\n" +
			"receipt's own times: all of it comes out the same, but for words, or the step is named that\n" +
			"does not. TRUST is the trust file of that time. Lists that the parties were screened\n" +
			"against are given with --screen, and what a holder had disclosed, which check --receipt has\n" +
			"kept beside the receipt, with --disclosures. Without --request, what needs it is left unchecked.\n" +
			"--newer, evidence of a later day (history root --out), says whether the key has been left\n" +
			"out or declared compromised since; that takes nothing away from the receipt.\n" +
			"Exit status: 0 where every step has passed, whatever was decided, 1 where not, 2 wrong usage.",
		Example: "  safeconduct receipt verify po-4711.jws --request po-4711.request.json --evidence po-4711.evidence.json --trust trust.yaml",
		Args:    exactly("RECEIPT"),
		RunE:    func(c *cobra.Command, args []string) error { return f.verify(c, args[0]) },
	}
	c.Flags().StringVar(&f.request, "request", "", "request, as it was asked")
	c.Flags().StringVar(&f.evidence, "evidence", "", "evidence that came with the receipt")
	c.Flags().StringVar(&f.trust, "trust", "", "trust file of the time of the receipt")
	c.Flags().StringVar(&f.newer, "newer", "", "newer evidence of the register, to look up the key in")
	listsFlag(c, &f.lists)
	disclosuresFlag(c, &f.disclosures, "")
	jsonFlag(c, &f.json)
	return c
}

func (f *filed) verify(c *cobra.Command, name string) error {
	if f.evidence == "" || f.trust == "" {
		return usage(c, errors.New("receipt verify: --evidence and --trust are both needed: what it was decided on, and what is trusted"))
	}
	t, err := readTrust(f.trust)
	if err != nil {
		return failed(trustHint, fmt.Errorf("read what to trust from %s:\n%w", f.trust, err))
	}
	signed, err := readFile(name)
	if err != nil {
		return failed("", fmt.Errorf("receipt verify: %w", err))
	}
	evidence, err := readFile(f.evidence)
	if err != nil {
		return failed("", fmt.Errorf("receipt verify: %w", err))
	}
	req, request, err := f.asked()
	if err != nil {
		return failed("", fmt.Errorf("receipt verify: %w", err))
	}
	lists, err := readLists(f.lists)
	if err != nil {
		return failed("", fmt.Errorf("receipt verify: %w", err))
	}
	disclosures, err := readAllDisclosures(f.disclosures)
	if err != nil {
		return failed("", fmt.Errorf("receipt verify: %w", err))
	}
	// What is refused is in the result.
	result, refused := receipt.Verify(signed, request, evidence, disclosures, t, lists...)
	standing, err := f.standing(result, t)
	if err != nil {
		return failed(verifyHint(err), fmt.Errorf("receipt verify: --newer %s: %w", f.newer, err))
	}
	if err := printAnswer(c, f.json, answerOf(result, standing), func(p *printer) { p.verified(result, req, standing) }); err != nil {
		return err
	}
	if refused != nil {
		return failed(receiptHint(refused), fmt.Errorf("receipt verify %s: %w", name, refused))
	}
	return nil
}

// asked reads the request, and returns it also as the document that the receipt
// has the digest of. What cannot be read is handed on, so that the step is named
// at which it is refused.
func (f *filed) asked() (*policy.Request, []byte, error) {
	if f.request == "" {
		return nil, nil, nil
	}
	data, err := readFile(f.request)
	if err != nil {
		return nil, nil, err
	}
	req, err := yamldoc.Read(f.request, data, policy.ParseRequest)
	if err != nil {
		return nil, append(data, '\n'), nil //nolint:nilerr // see above
	}
	doc, err := json.Marshal(req)
	return req, doc, err
}

func (f *filed) standing(r *receipt.Result, t *verify.Trust) (*receipt.Standing, error) {
	if f.newer == "" || r.Receipt == nil {
		return nil, nil
	}
	data, err := readFile(f.newer)
	if err != nil {
		return nil, err
	}
	e, err := verify.Open(data, t, time.Now())
	if err != nil {
		return nil, err
	}
	s, err := r.KeyIn(e)
	if err != nil {
		return nil, err
	}
	return &s, nil
}

// verifiedReceipt is what receipt verify answers.
type verifiedReceipt struct {
	Holds       bool              `json:"holds"`
	Steps       []receipt.Step    `json:"steps"`
	Key         string            `json:"key,omitzero"`
	RootVersion int64             `json:"root_version,omitzero"`
	Receipt     *receipt.Receipt  `json:"receipt,omitzero"`
	Differs     []string          `json:"differs,omitzero"`
	Reworded    []string          `json:"reworded,omitzero"`
	Newer       *receipt.Standing `json:"newer,omitzero"`
}

func answerOf(r *receipt.Result, s *receipt.Standing) verifiedReceipt {
	a := verifiedReceipt{Holds: r.Holds(), Steps: r.Steps, Key: r.Kid, Receipt: r.Receipt, Differs: r.Differs, Reworded: r.Reworded, Newer: s}
	if r.Evidence != nil {
		a.RootVersion = r.Evidence.RootVersion
	}
	return a
}

// verified writes what was verified of a receipt, and what was not.
func (p *printer) verified(r *receipt.Result, req *policy.Request, s *receipt.Standing) {
	if r.Holds() {
		p.line("the receipt holds: every step has passed")
	} else {
		p.line("the receipt does NOT hold")
	}
	p.line("")
	for _, step := range r.Steps {
		p.line("  %-16s %s", step.Name, string(step.Outcome))
		if step.Why != "" {
			p.paragraph("      ", step.Why)
		}
	}
	if r.Receipt == nil {
		return
	}
	if len(r.Reworded) > 0 {
		p.line("")
		p.line("note: this release writes otherwise, in sentences, notes or the explanation, by which nothing is decided: %s", strings.Join(r.Reworded, ", "))
	}
	p.line("")
	p.pairs("signed by key", r.Kid, "listed in", fmt.Sprintf("version %d of the trust root", r.Evidence.RootVersion))
	p.receipt(r.Receipt, req)
	if s != nil {
		p.line("")
		p.line("%s", standingOf(s))
	}
}

// receipt writes what a receipt says; req is nil where it is not known.
func (p *printer) receipt(r *receipt.Receipt, req *policy.Request) {
	size, root := "", ""
	if c, err := verify.ParseCheckpoint([]byte(r.Checkpoint + "\n")); err == nil {
		size, root = fmt.Sprint(c.Tree.N), c.Tree.Hash.String()
	}
	p.pairs("signed at", r.IssuedAt.Time().UTC().Format(time.RFC3339), "register", r.Issuer, "checkpoint", "size "+size+", root hash "+root)
	if n := len(r.Disclosures); n > 0 {
		p.pairs("goes by", count(n, "disclosure")+", named by digest")
	}
	p.line("")
	p.decision(req, r.Decision)
}

func standingOf(s *receipt.Standing) string {
	where := fmt.Sprintf("at size %d, by version %d of the trust root,", s.Size, s.RootVersion)
	switch {
	case s.Compromised:
		return fmt.Sprintf("warning: %s the key is declared compromised since log index %d: whoever had it may have signed receipts and dated them back. What was decided again from the files stands.", where, s.Since)
	case !s.Listed:
		return "note: " + where + " the key signs decisions no more, which takes nothing away from what it signed before"
	default:
		return "note: " + where + " the key still signs decisions"
	}
}

// receiptHint says what to do about the step that refused the receipt.
func receiptHint(err error) string {
	e, ok := errors.AsType[*receipt.Error](err)
	if !ok {
		return ""
	}
	switch {
	case e.Step == receipt.StepLists && e.Unchecked:
		return "give the lists of that time with --screen"
	case e.Step == receipt.StepDisclosures && e.Unchecked:
		return "give what the holder had disclosed with --disclosures; check --receipt keeps it beside the receipt"
	case e.Step == receipt.StepRequest && e.Unchecked:
		return "give the request with --request"
	case e.Step == receipt.StepForm:
		return "is it a receipt? safeconduct check --receipt writes one; one that was changed is not to be relied on"
	case e.Step == receipt.StepEvidence:
		return "old evidence is verified with the trust file of its time; evidence that was changed is not to be relied on"
	case e.Step == receipt.StepRequest:
		return "check --receipt keeps the request as it was asked, beside the receipt"
	default:
		return "do not rely on this receipt for what it says of these files"
	}
}

func receiptShowCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show RECEIPT",
		Short: "Say what a receipt says, without verifying it",
		Args:  exactly("RECEIPT"),
		RunE: func(c *cobra.Command, args []string) error {
			data, err := readFile(args[0])
			if err != nil {
				return failed("", fmt.Errorf("receipt show: %w", err))
			}
			u, err := receipt.Parse(data)
			if err != nil {
				return failed("check --receipt writes one", fmt.Errorf("receipt show %s: %w", args[0], err))
			}
			r := u.ReceiptUnsafe()
			return printAnswer(c, asJSON, map[string]any{"verified": false, "key": u.Kid(), "receipt": r}, func(p *printer) {
				p.line("nothing of this is verified: receipt verify does that")
				p.line("")
				p.pairs("names the key", u.Kid())
				p.receipt(r, nil)
			})
		},
	}
	jsonFlag(c, &asJSON)
	return c
}
