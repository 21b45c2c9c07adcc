package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/client"
)

// times are the flags that override the times of a request file.
type times struct{ known, checked string }

func (t *times) flags(c *cobra.Command) {
	c.Flags().StringVar(&t.known, "known-at", "", "decide on what was logged by then (default: the request's known_at, else now)")
	c.Flags().StringVar(&t.checked, "checked-at", "", "decide as if asked then (default: the request's checked_at, else now)")
}

// apply puts the flags into the request.
func (t *times) apply(r *policy.Request) error {
	for _, f := range []struct {
		flag, value string
		to          *policy.Instant
	}{{"--known-at", t.known, &r.KnownAt}, {"--checked-at", t.checked, &r.CheckedAt}} {
		if f.value == "" {
			continue
		}
		if err := f.to.UnmarshalText([]byte(f.value)); err != nil {
			return fmt.Errorf("%s: %w", f.flag, err)
		}
	}
	return nil
}

// request reads a request file and applies the flags; its mistakes are wrong
// usage.
func (t *times) request(c *cobra.Command, file string) (*policy.Request, error) {
	r, err := readRequest(file)
	if err != nil {
		return nil, &failure{exitUsage, fmt.Errorf("%s %s:\n%w", c.Name(), file, err), "nothing was decided; mend the request and ask again"}
	}
	if err := t.apply(r); err != nil {
		return nil, usage(c, err)
	}
	return r, nil
}

// checking is what check is told.
type checking struct {
	url               string
	evidence, receipt string
	// disclosures are files; disclosed is what is in them.
	disclosures []string
	disclosed   []attest.Disclosure
	json, force bool
	explain     bool
	holding     holding
	times       times
}

func checkCommand() *cobra.Command {
	var k checking
	c := &cobra.Command{
		Use:   "check REQUEST.yaml --registry URL [--evidence OUT] [--receipt OUT] [--trust TRUST [--held EVIDENCE]]",
		Short: "Decide online, and keep the evidence",
		Long: "Asks the register whether the act of the request may go ahead. --evidence keeps\n" +
			"what proves the answer: anybody can verify it offline, years later.\n" +
			"--receipt keeps the answer as the register has signed it. With --evidence it also keeps\n" +
			"the request as it was asked, beside the receipt (OUT.request.json): the three files, and\n" +
			"the trust file, are what safeconduct receipt verify takes.\n" +
			"--disclosures decides by what the holder of an approval has disclosed to you. The register is\n" +
			"sent all that is in these files, unless --trust decides here. A receipt has their digests\n" +
			"alone; with --evidence they are kept beside it (OUT.disclosures).\n" +
			"With --trust the answer is taken from evidence by what TRUST says to trust, and not on the\n" +
			"register's word; with --held, while the register cannot be reached, from the evidence that\n" +
			"was kept before, and a note says so, and how old it is.\n" +
			"Exit status: 0 PERMIT, 1 DENY, 2 wrong usage, 3 REFER, 4 not decided.",
		Args: exactly("REQUEST.yaml"),
		RunE: func(c *cobra.Command, args []string) error { return k.run(c, args[0]) },
	}
	registryFlag(c, &k.url)
	c.Flags().StringVar(&k.evidence, "evidence", "", "file for the evidence")
	c.Flags().StringVar(&k.receipt, "receipt", "", "file for the signed decision")
	disclosuresFlag(c, &k.disclosures, "; the register is sent it, unless --trust decides here")
	k.holding.flags(c)
	explainFlag(c, &k.explain)
	k.times.flags(c)
	forceFlag(c, &k.force)
	jsonFlag(c, &k.json)
	return c
}

func (k *checking) run(c *cobra.Command, file string) error {
	cl, err := newClient(c, k.url)
	if err != nil {
		return err
	}
	r, err := k.times.request(c, file)
	if err != nil {
		return err
	}
	doc, err := json.Marshal(r)
	if err != nil {
		return undecided("", fmt.Errorf("encode the request: %w", err))
	}
	if err := k.holding.check(c); err != nil {
		return err
	}
	if k.holding.trust != "" && k.receipt != "" {
		return usage(c, errors.New("check: --receipt keeps the register's answer; --trust decides by itself"))
	}
	if k.disclosed, err = readAllDisclosures(k.disclosures); err != nil {
		return undecided("nothing was asked", fmt.Errorf("check: %w", err))
	}
	for _, f := range k.files(doc, new(registry.Signed)) {
		if err := replaceable(f.name, k.force); err != nil {
			return undecided("", fmt.Errorf("check: nothing was asked: %w", err))
		}
	}
	s, err := k.ask(c, cl, r, doc)
	if err != nil {
		return undecided(checkHint(err), fmt.Errorf("check %s: %w", file, err))
	}
	for _, f := range k.files(doc, s) {
		if f.data == nil {
			// Decided offline: there is no new evidence.
			continue
		}
		write := writeNew
		if f.secret {
			write = writeSecret
		}
		if err := write(f.name, f.data, k.force); err != nil {
			return undecided("the register decided, but what it gave could not be kept", err)
		}
	}
	if err := printDecision(c, k.json, r, s.Decision); err != nil {
		return undecided("", err)
	}
	return outcome(s.Decision)
}

// ask asks for no more than is kept.
func (k *checking) ask(c *cobra.Command, cl *client.Client, r *policy.Request, doc []byte) (*registry.Signed, error) {
	ctx := c.Context()
	if k.holding.trust != "" {
		d, evidence, err := k.holding.decide(c, cl, r, k.disclosed, k.explain)
		return &registry.Signed{Decision: d, Evidence: evidence}, err
	}
	if k.receipt != "" {
		return cl.CheckSigned(ctx, doc, k.explain, k.disclosed...)
	}
	check := cl.Check
	if k.explain {
		check = cl.Explain
	}
	d, evidence, err := check(ctx, doc, k.evidence != "", k.disclosed...)
	return &registry.Signed{Decision: d, Evidence: evidence}, err
}

// A kept file.
type kept struct {
	name string
	data []byte
	// secret says that others on the machine do not read it.
	secret bool
}

// files are those that are kept of an answer.
func (k *checking) files(request []byte, s *registry.Signed) (out []kept) {
	if k.evidence != "" {
		out = append(out, kept{name: k.evidence, data: s.Evidence})
	}
	if k.receipt != "" {
		out = append(out, kept{name: k.receipt, data: s.Receipt})
	}
	if len(out) == 2 {
		stem := strings.TrimSuffix(k.receipt, filepath.Ext(k.receipt))
		out = append(out, kept{name: stem + ".request.json", data: append(slices.Clone(request), '\n')})
		if len(k.disclosed) > 0 {
			out = append(out, kept{name: stem + ".disclosures", data: disclosureText(k.disclosed), secret: true})
		}
	}
	return out
}

func explainFlag(c *cobra.Command, v *bool) {
	c.Flags().BoolVar(v, "explain", false, "say how the answer came about, rule by rule, and what would have to change")
}

func checkHint(err error) string {
	asOf := func(p attest.Problem) bool { return p.Pointer == "/checked_at" }
	p, ok := errors.AsType[*client.Problem](err)
	if ok && slices.ContainsFunc(p.Problems, asOf) {
		return "the register answers as of now: leave checked_at out, or verify evidence that was kept at that time"
	}
	if ok && strings.HasSuffix(p.Type, ":unsigned") {
		return "nothing was decided; without --receipt it is decided and not signed"
	}
	return reachHint(err)
}

func printDecision(c *cobra.Command, asJSON bool, r *policy.Request, d *policy.Decision) error {
	if !asJSON {
		p := &printer{w: c.OutOrStdout()}
		p.decision(r, d)
		return p.err
	}
	b, err := d.Marshal()
	if err != nil {
		return fmt.Errorf("encode the decision: %w", err)
	}
	_, err = c.OutOrStdout().Write(b)
	return err
}
