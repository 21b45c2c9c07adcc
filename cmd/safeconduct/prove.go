package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/signer/keyref"
	"github.com/safeconduct/safeconduct/internal/exhibit"
	"github.com/safeconduct/safeconduct/presentation"
	"github.com/safeconduct/safeconduct/presentation/gate"
	"github.com/safeconduct/safeconduct/verify"
)

// proving is what prove is told.
type proving struct {
	evidence, key, audience, nonce string
	approval, out                  string
	disclosures, disclose          []string
	header, force                  bool
}

func proveCommand() *cobra.Command {
	var p proving
	c := &cobra.Command{
		Use:   "prove --evidence E --key REF --audience A --nonce N --out OUT",
		Short: "Show a counterparty that you are the holder of an approval",
		Long: "Makes a presentation: the evidence, what you like to disclose of the approval's\n" +
			"confidential members, and the proof that you hold the key that the approval names (cnf),\n" +
			"for one verifier and once. The verifier gives audience and nonce.\n" +
			"The approval is the one in the evidence that names the key. --disclose names members, such\n" +
			"as legal_name, VTZ-1/address or caveats/value, of the files of --disclosures, or all.\n" +
			"Whoever screens parties asks for every name that you are known by: those of older versions\n" +
			"and of other authorities' approvals, too, are disclosed as ISSUER/JTI:legal_name.\n\n" + references,
		Example: "  safeconduct prove --evidence e.json --key varuna.key --audience https://dataroom.example.com --nonce n-0S6 \\\n" +
			"    --disclosures tea.disclosures --disclose legal_name --out shown.json",
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error { return p.run(c) },
	}
	f := c.Flags()
	f.StringVar(&p.evidence, "evidence", "", "file of the evidence")
	f.StringVar(&p.key, "key", "", "reference of the holder's key")
	f.StringVar(&p.audience, "audience", "", "the verifier, as it calls itself")
	f.StringVar(&p.nonce, "nonce", "", "what the verifier has given")
	f.StringVar(&p.approval, "approval", "", "ISSUER/JTI of the approval, where the evidence shows several that name the key")
	f.StringArrayVar(&p.disclosures, "disclosures", nil, "file of an approval's disclosures, once for each")
	f.StringArrayVar(&p.disclose, "disclose", nil, "member to disclose, once for each, of another approval behind ISSUER/JTI:; or all")
	f.StringVar(&p.out, "out", "", "file of the presentation; without it, it is printed")
	f.BoolVar(&p.header, "header", false, "print it as the header Authorization, for a service behind a gate")
	forceFlag(c, &p.force)
	return c
}

func (p *proving) run(c *cobra.Command) error {
	for _, f := range [][2]string{{"evidence", p.evidence}, {"key", p.key}, {"audience", p.audience}, {"nonce", p.nonce}} {
		if f[1] == "" {
			return usage(c, fmt.Errorf("prove: --%s is missing", f[0]))
		}
	}
	if p.header && p.out != "" {
		return usage(c, errors.New("prove: --header prints; leave --out out"))
	}
	if len(p.disclose) > 0 && p.disclosures == nil {
		return usage(c, errors.New("prove: --disclose goes with --disclosures, the file that came with the approval"))
	}
	if len(p.disclose) == 0 && p.disclosures != nil {
		return usage(c, errors.New("prove: --disclose says what to show of --disclosures; all shows all"))
	}
	if len(p.disclose) > 1 && slices.Contains(p.disclose, everything) {
		return usage(c, errors.New("prove: --disclose all shows every member; leave the others out"))
	}
	fail := func(hint string, err error) error { return failed(hint, fmt.Errorf("prove: %w", err)) }
	evidence, err := readFile(p.evidence)
	if err != nil {
		return fail("", err)
	}
	evidence = bytes.TrimSuffix(evidence, []byte("\n"))
	if exhibit.IsPresentation(evidence) {
		return fail("--evidence takes what check --evidence has written", fmt.Errorf("%s is a presentation", p.evidence))
	}
	e, err := verify.Parse(evidence)
	if err != nil {
		return fail("is it evidence, and whole? safeconduct check --evidence fetches it", fmt.Errorf("%s: %w", p.evidence, err))
	}
	key, err := keyref.Load(c.Context(), p.key, password)
	if err != nil {
		return fail("", err)
	}
	statement, a, err := p.find(e, key.Key().ID())
	if err != nil {
		return fail("evidence shows the approvals of those whom its request names; is the key that of the holder?", err)
	}
	ds, err := p.choose(e, a)
	if err != nil {
		return fail("nothing was shown", err)
	}
	out, err := presentation.Make(c.Context(), evidence, statement, ds, key, presentation.Binding{Audience: p.audience, Nonce: p.nonce, IssuedAt: time.Now()})
	if err != nil {
		return failed("nothing was shown", err)
	}
	if p.header {
		credentials, err := gate.Credentials(out)
		if err != nil {
			return fail("", err)
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), "Authorization: "+credentials)
		return err
	}
	if p.out == "" {
		_, err = c.OutOrStdout().Write(out)
		return err
	}
	if err := writeSecret(p.out, out, p.force); err != nil {
		return failed("", err)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "wrote %s: approval %s of %s, %s disclosed, for %s\n", p.out, a.JTI, a.Iss, count(len(ds), "member"), p.audience)
	return err
}

// find finds the newest approval in the evidence that names the key.
func (p *proving) find(e *verify.Evidence, kid string) (statement []byte, a *attest.EntityApproval, err error) {
	lineages := make(map[string]bool)
	for _, s := range e.Statements {
		u, err := attest.Parse([]byte(s.Statement))
		if err != nil {
			return nil, nil, err
		}
		c, ok := u.ClaimsUnsafe().(*attest.EntityApproval)
		if !ok || c.Confirmation == nil || p.approval != "" && c.JTI != p.approval && c.Iss+"/"+c.JTI != p.approval {
			continue
		}
		if k, err := c.Confirmation.JWK.Key(); err != nil || k.ID() != kid {
			continue
		}
		delete(lineages, c.Iss+"/"+c.Supersedes)
		lineages[c.Iss+"/"+c.JTI] = true
		statement, a = []byte(s.Statement), c
	}
	switch {
	case a == nil && p.approval != "":
		return nil, nil, fmt.Errorf("the evidence shows no approval %s that names the key %s in cnf", p.approval, kid)
	case a == nil:
		return nil, nil, fmt.Errorf("the evidence shows no approval that names the key %s in cnf", kid)
	case len(lineages) > 1:
		return nil, nil, fmt.Errorf("the evidence shows several approvals that name the key; --approval says which: %s", strings.Join(slices.Sorted(maps.Keys(lineages)), ", "))
	}
	return statement, a, nil
}

// everything is what --disclose says for all that is concealed.
const everything = "all"

// choose picks the disclosures.
func (p *proving) choose(e *verify.Evidence, shown *attest.EntityApproval) (out []attest.Disclosure, err error) {
	if p.disclosures == nil {
		return nil, nil
	}
	all, err := readAllDisclosures(p.disclosures)
	if err != nil {
		return nil, err
	}
	own, err := presentation.Approvals(e, shown)
	if err != nil {
		return nil, err
	}
	var known []string
	for _, d := range all {
		names := memberNames(own, d)
		if names == nil {
			return nil, fmt.Errorf("a disclosure of %q is not of approval %s of %s, nor of another in the evidence that names %s: is its file that of another approval?", d.Name(), shown.JTI, shown.Iss, shown.Entity())
		}
		known = append(known, names...)
		if p.disclose[0] == everything || slices.ContainsFunc(names, func(n string) bool { return slices.Contains(p.disclose, n) }) {
			out = append(out, d)
		}
	}
	for _, want := range p.disclose {
		if want != everything && !slices.Contains(known, want) {
			return nil, fmt.Errorf("--disclose %s: --disclosures has no such member; it has %s", want, strings.Join(known, ", "))
		}
	}
	return out, nil
}

// memberNames are how people name what is disclosed: of the first approval, which is
// shown, by the member alone.
func memberNames(own []*attest.EntityApproval, d attest.Disclosure) (names []string) {
	for i, a := range own {
		pointer, ok := d.Of(a)
		switch {
		case !ok:
		case i == 0:
			names = append(names, memberName(a, pointer))
		default:
			names = append(names, a.Iss+"/"+a.JTI+":"+memberName(a, pointer))
		}
	}
	return names
}

// memberName is how people name a confidential member: a site's by its id.
func memberName(a *attest.EntityApproval, pointer string) string {
	pointer = strings.TrimPrefix(pointer, "/")
	for i, s := range a.ApprovedSites {
		if rest, ok := strings.CutPrefix(pointer, fmt.Sprintf("approved_sites/%d/", i)); ok {
			return s.ID + "/" + rest
		}
	}
	return pointer
}
