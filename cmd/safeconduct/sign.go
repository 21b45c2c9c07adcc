package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/draft"
	"github.com/safeconduct/safeconduct/attest/signer"
)

func signCommand() *cobra.Command {
	var s signing
	c := &cobra.Command{
		Use:   "sign FILE.yaml|FILE.jws… --key REF [--key REF …] [--out FILE.jws]",
		Short: "Check and sign a statement, or sign beside others",
		Long: "Reads the draft of a statement, names every mistake in it with line and member,\n" +
			"and signs it with each key.\n" +
			"Of a statement that others have signed it says in words what it says, asks, and adds a\n" +
			"signature to the file; with --root or --registry it refuses to sign beside signatures\n" +
			"that are not good, and with keys that may not sign. Of several it says what each says,\n" +
			"and asks once.\n\n" + references,
		Example: "  safeconduct sign approval.yaml --key alice.key --out approval.jws\n" +
			"  safeconduct sign approval.jws --key bob.key --root root.jws",
		Args: atLeastOne("FILE"),
		RunE: func(c *cobra.Command, args []string) error { return s.run(c, args, "") },
	}
	s.flags(c)
	return c
}

// signing is the work of sign and of root sign.
type signing struct {
	keys        []string
	disclosures string
	out         string
	aud, iss    string
	trusted     trusted
	json        bool
	force       bool
	yes         bool
}

func (s *signing) flags(c *cobra.Command) {
	c.Flags().StringArrayVar(&s.keys, "key", nil, "reference of a key; once for each signature")
	c.Flags().StringVar(&s.out, "out", "", "file of the statement (default: FILE.jws, in place where it is signed already)")
	c.Flags().StringVar(&s.aud, "aud", "", "origin of the register, where the draft does not say it")
	c.Flags().StringVar(&s.iss, "iss", "", "authority, where the draft does not say it")
	c.Flags().BoolVar(&s.yes, "yes", false, "sign beside others without asking")
	c.Flags().StringVar(&s.disclosures, "disclosures", "", "file of the disclosures of what is confidential: written for a draft (default: FILE.disclosures), read to sign beside others")
	s.trusted.flags(c)
	forceFlag(c, &s.force)
	jsonFlag(c, &s.json)
}

func (s *signing) run(c *cobra.Command, files []string, only attest.Kind) error {
	if len(s.keys) == 0 {
		return usage(c, errors.New("sign: --key is missing: say which key signs"))
	}
	if len(files) > 1 && s.out != "" {
		return usage(c, errors.New("sign: --out is for one file; several are signed in place"))
	}
	var all []*countersigning
	for _, f := range files {
		data, err := readFile(f)
		if err != nil {
			return failed("", fmt.Errorf("sign: %w", err))
		}
		if !isStatement(f, data) {
			if len(files) > 1 {
				return usage(c, fmt.Errorf("sign: %s is a draft: several files at once have to be statements that others have signed", f))
			}
			return s.draft(c, f, data, only)
		}
		all = append(all, &countersigning{file: f, out: cmp.Or(s.out, f), data: data})
	}
	return s.add(c, all, only)
}

// draft signs a draft.
func (s *signing) draft(c *cobra.Command, file string, data []byte, only attest.Kind) error {
	if s.trusted != (trusted{}) {
		return usage(c, fmt.Errorf("sign %s: --root and --registry are for statements that others have signed; safeconduct status looks at what a draft has become", file))
	}
	if s.out == "" {
		s.out = strings.TrimSuffix(strings.TrimSuffix(file, ".yaml"), ".yml") + ".jws"
	}
	claims, disclosures, err := draft.ParseConfidential(file, data, draft.Options{Now: time.Now(), Aud: s.aud, Iss: s.iss})
	if err != nil {
		return failed("nothing was signed; mend the draft and sign again", fmt.Errorf("sign %s:\n%w", file, err))
	}
	if only != "" && claims.Kind() != only {
		return failed("safeconduct sign signs other statements", fmt.Errorf("sign %s: it is of kind %s, not %s", file, claims.Kind(), only))
	}
	signers, err := loadKeys(c.Context(), s.keys)
	if err != nil {
		return failed("", fmt.Errorf("sign %s: %w", file, err))
	}
	if err := ownOfficers(claims, signers); err != nil {
		return failed(nothing+"; the draft lists who signs the first version", fmt.Errorf("sign %s: %w", file, err))
	}
	if text := tooEarly(claims, time.Now()); text != "" {
		fmt.Fprintf(c.ErrOrStderr(), "safeconduct: warning: %s\n", text)
	}
	st, err := attest.Sign(c.Context(), claims, signers...)
	if err != nil {
		return failed("", fmt.Errorf("sign %s: %w", file, err))
	}
	// First what nobody can make again: a statement whose disclosures are lost has
	// confidential members that nobody ever reads.
	if s.disclosures == "" {
		s.disclosures = strings.TrimSuffix(s.out, ".jws") + ".disclosures"
	}
	if len(disclosures) > 0 {
		if err := writeSecret(s.disclosures, disclosureText(disclosures), s.force); err != nil {
			return failed("", err)
		}
	}
	if err := writeNew(s.out, st, s.force); err != nil {
		return failed("", err)
	}
	h := claims.Head()
	var kids []string
	for _, k := range signers {
		kids = append(kids, k.Key().ID())
	}
	answer := map[string]any{"kind": claims.Kind(), "iss": h.Iss, "sub": h.Sub, "jti": h.JTI, "aud": h.Aud, "signed_by": kids, "out": s.out}
	if len(disclosures) > 0 {
		answer["disclosures"] = s.disclosures
	}
	return printAnswer(c, s.json, answer, func(p *printer) {
		p.pairs("signed", fmt.Sprintf("%s %s of %s", claims.Kind(), h.JTI, h.Iss), "subject", h.Sub, "register", h.Aud,
			"by key", strings.Join(kids, ", "), "file", s.out)
		if len(disclosures) > 0 {
			p.pairs("confidential", fmt.Sprintf("%s, for the holder, and for who signs next: %s", count(len(disclosures), "member"), s.disclosures))
		}
	})
}

// ownOfficers refuses keys that a first trust root does not list: it names its own
// officers. Of a later version, those of the one before sign, too.
func ownOfficers(claims attest.Claims, signers []attest.Signer) error {
	r, ok := claims.(*attest.Root)
	if !ok || r.Version != 1 {
		return nil
	}
	for _, s := range signers {
		kid := s.Key().ID()
		if !slices.ContainsFunc(r.Officers, func(o attest.Officer) bool { return o.HasKey(kid) }) {
			return fmt.Errorf("key %s is of none of its root officers", kid)
		}
	}
	return nil
}

// soon is how long it may take from signing a statement to logging it.
const soon = 10 * time.Minute

// tooEarly says that a statement will hardly be logged before it takes effect, and
// does not say that it reaches back: then a register refuses it. It is "" where
// all is well.
func tooEarly(c attest.Claims, now time.Time) string {
	from, retroactive := attest.NumericDate(0), true
	switch c := c.(type) {
	case *attest.Event:
		if !c.Event.Revokes() {
			from, retroactive = c.EffectiveAt, c.Retroactive
		}
	case *attest.Succession:
		from, retroactive = c.EffectiveAt, c.Retroactive
	default:
		if g := attest.GrantOf(c); g != nil {
			from, retroactive = g.NBF, g.Retroactive
		}
	}
	if retroactive || from.Time().After(now.Add(soon)) {
		return ""
	}
	when := "which is past"
	if from.Time().After(now) {
		when = "in less than ten minutes"
	}
	return fmt.Sprintf("it takes effect at %s, %s: a register that logs it later than that refuses it unless it says retroactive: true, and why",
		from.Time().UTC().Format(time.RFC3339), when)
}

func loadKeys(ctx context.Context, refs []string) ([]attest.Signer, error) {
	var out []attest.Signer
	for _, ref := range refs {
		s, err := loadKey(ctx, ref)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// password is asked for only where a key is encrypted.
func password(bool) ([]byte, error) {
	p := os.Getenv(signer.PasswordVariable)
	if p == "" {
		return nil, fmt.Errorf("the key is encrypted: set %s", signer.PasswordVariable)
	}
	return []byte(p), nil
}
