package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
)

// exitUnknown is the status of status where no trust root tells.
const exitUnknown = 3

func statusCommand() *cobra.Command {
	var t trusted
	var asJSON bool
	c := &cobra.Command{
		Use:   "status FILE.jws [--root root.jws | --registry URL [--trust TRUST]]",
		Short: "Who has signed a statement, and who is missing",
		Long: "Says whose the signatures are by the trust root in force, how many officers this kind\n" +
			"of statement needs, who has not signed yet, and how many it takes to revoke. Of a trust\n" +
			"root it says the same by its own officers, and with --root or --registry by those of\n" +
			"the version before, who have to agree.\n" +
			"Exit status: 0 enough have signed, 1 too few or not good, 2 wrong usage, 3 without a\n" +
			"trust root nobody can tell.",
		Example: "  safeconduct status approval.jws --root root.jws",
		Args:    exactly("FILE.jws"),
		RunE: func(c *cobra.Command, args []string) error {
			root, from, err := t.load(c)
			if err != nil {
				return err
			}
			u, err := readStatement(args[0])
			if err != nil {
				return failed("", fmt.Errorf("status: %w", err))
			}
			s := newStanding(u, root, from)
			if err := printAnswer(c, asJSON, s, s.print); err != nil {
				return err
			}
			switch {
			case !s.Known:
				return &failure{code: exitUnknown}
			case !s.Enough:
				return &failure{code: exitFailed}
			}
			return nil
		},
	}
	t.flags(c)
	jsonFlag(c, &asJSON)
	return c
}

// A standing is the answer of status.
type standing struct {
	Kind attest.Kind `json:"kind"`
	Iss  string      `json:"iss"`
	JTI  string      `json:"jti"`
	Sub  string      `json:"sub"`
	Aud  string      `json:"aud"`
	// Root is how the trust root is known.
	Root string `json:"root,omitzero"`
	// Known says that there is one; then Enough says that it accepts the
	// statement as it is.
	Known      bool     `json:"known"`
	Enough     bool     `json:"enough"`
	Signatures []signed `json:"signatures"`
	Quorums    []quorum `json:"quorums,omitzero"`
	// Revoking is how many officers it takes to suspend or revoke what it grants.
	Revoking int              `json:"revoking,omitzero"`
	Problems []attest.Problem `json:"problems,omitzero"`
	// Refused is why it is not accepted.
	Refused string `json:"refused,omitzero"`
	// Warnings are what a register may refuse beside that.
	Warnings []string `json:"warnings,omitzero"`

	signing *attest.Signing
}

type signed struct {
	Kid       string `json:"kid"`
	Authority string `json:"authority,omitzero"`
	Officer   string `json:"officer,omitzero"`
	// Problem says why it does not count.
	Problem string `json:"problem,omitzero"`
}

type quorum struct {
	Of      string   `json:"of"`
	Version int64    `json:"version,omitzero"`
	Needed  int      `json:"needed"`
	Missing int      `json:"missing"`
	Signed  []string `json:"signed,omitzero"`
	Absent  []string `json:"absent,omitzero"`
	// Barred are officers whose keys are all frozen or declared compromised.
	Barred []string `json:"barred,omitzero"`
}

// known reports whether it can be told who may sign: a first trust root says it
// itself.
func known(c attest.Claims, root *attest.TrustRoot) bool {
	r, ok := c.(*attest.Root)
	return root != nil || ok && r.Version == 1
}

func newStanding(u *attest.Unopened, root *attest.TrustRoot, from string) *standing {
	c := u.ClaimsUnsafe()
	h := c.Head()
	s := &standing{
		Kind: c.Kind(), Iss: h.Iss, JTI: h.JTI, Sub: h.Sub, Aud: h.Aud, Root: from,
		Known: known(c, root), signing: u.Signing(root),
	}
	for _, sig := range s.signing.Signatures {
		out := signed{Kid: sig.Kid, Authority: sig.Authority, Officer: sig.Officer}
		if sig.Err != nil && (s.Known || sig.Officer != "") {
			out.Problem = sig.Err.Error()
		}
		s.Signatures = append(s.Signatures, out)
	}
	s.Quorums = quorums(s.signing.Quorums)
	if text := tooEarly(c, time.Now()); text != "" {
		s.Warnings = append(s.Warnings, text)
	}
	if s.Known {
		s.Enough = s.signing.Err == nil
		s.Problems = s.signing.Problems
		if s.signing.Err != nil {
			s.Refused = s.signing.Err.Error()
		}
	}
	if root != nil && (attest.GrantOf(c) != nil || c.Kind() == attest.KindSuccession) {
		if a, ok := root.Authority(h.Iss); ok {
			s.Revoking = int(a.Thresholds.Revoking)
		}
	}
	return s
}

func quorums(of []attest.Quorum) (out []quorum) {
	for _, q := range of {
		out = append(out, quorum{quorumName(q), q.Version, q.Needed, q.Missing(), q.Signed, q.Absent, q.Barred})
	}
	return out
}

func quorumName(q attest.Quorum) string {
	if q.Version > 0 {
		return fmt.Sprintf("root officers of version %d", q.Version)
	}
	return "officers of " + q.Authority
}

// missing says who has still to sign, "" where nobody has.
func missing(s *attest.Signing) string {
	var out []string
	for _, q := range s.Quorums {
		if n := q.Missing(); n > 0 {
			out = append(out, fmt.Sprintf("%d more of the %s must sign: %s", n, quorumName(q), listOr(anyOf(q.Absent), "nobody is left")))
		}
	}
	return strings.Join(out, "; ")
}

func anyOf(officers []string) []string {
	if len(officers) == 0 {
		return nil
	}
	return []string{"any of " + strings.Join(officers, ", ")}
}

func (s *standing) print(p *printer) {
	rows := [][]string{{"statement", fmt.Sprintf("%s %s of %s", s.Kind, s.JTI, s.Iss)}, {"subject", s.Sub}, {"register", s.Aud}}
	if s.Root != "" {
		rows = append(rows, []string{"trust root", s.Root})
	}
	for _, q := range s.Quorums {
		rows = append(rows, []string{"needed", fmt.Sprintf("%d of the %d %s", q.Needed, len(q.Signed)+len(q.Absent)+len(q.Barred), q.Of)})
		if len(q.Signed) > 0 {
			rows = append(rows, []string{"have signed", strings.Join(q.Signed, ", ")})
		}
		if len(q.Absent) > 0 {
			rows = append(rows, []string{"have not", strings.Join(q.Absent, ", ")})
		}
		if len(q.Barred) > 0 {
			rows = append(rows, []string{"cannot", strings.Join(q.Barred, ", ") + " (no key that is neither frozen nor declared compromised)"})
		}
	}
	if n := s.Revoking; n > 0 {
		fewer := ""
		if q := s.Quorums; len(q) > 0 && n < q[0].Needed {
			fewer = ", fewer than to grant it"
		}
		rows = append(rows, []string{"to revoke it", fmt.Sprintf("%d of the officers of %s%s", n, s.Iss, fewer)})
	}
	p.table(rows...)
	p.line("")
	for _, sig := range s.Signatures {
		who := "somebody"
		if sig.Officer != "" {
			who = sig.Officer + " of " + sig.Authority
		}
		switch {
		case sig.Problem != "":
			p.line("key %s, %s: does not count, it %s", sig.Kid, who, sig.Problem)
		case sig.Officer == "":
			p.line("key %s, %s: not checked", sig.Kid, who)
		default:
			p.line("key %s, %s: good", sig.Kid, who)
		}
	}
	p.line("")
	for _, q := range s.Problems {
		p.line("problem: %s %s", q.Pointer, q.Message)
	}
	for _, w := range s.Warnings {
		p.line("warning: %s", w)
	}
	switch still := missing(s.signing); {
	case !s.Known:
		p.line("Who may sign it, a trust root tells: give --root or --registry.")
	case s.Enough:
		p.line("Enough have signed.")
	case still != "":
		p.line("Not enough have signed: %s.", still)
	default:
		p.line("It is refused: %s", s.Refused)
	}
}
