package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/prose"
)

// isStatement tells a signed statement from a draft: no draft begins like a
// compact JWS.
func isStatement(file string, data []byte) bool {
	return strings.HasSuffix(file, ".jws") || bytes.HasPrefix(data, []byte("eyJ"))
}

// add adds signatures to a statement that others have signed.
func (s *signing) add(c *cobra.Command, file string, data []byte, only attest.Kind) error {
	if s.aud != "" || s.iss != "" {
		return usage(c, fmt.Errorf("sign %s: --aud and --iss are for drafts; what is signed already says both", file))
	}
	out := s.out
	if out == "" {
		out = file
	}
	const nothing = "nothing was signed"
	u, err := parseStatement(file, data)
	if err != nil {
		return failed(nothing, fmt.Errorf("sign: %w", err))
	}
	claims := u.ClaimsUnsafe()
	if only != "" && claims.Kind() != only {
		return failed("safeconduct sign signs other statements", fmt.Errorf("sign %s: it is a %s, not a %s", file, claims.Kind(), only))
	}
	root, _, err := s.trusted.load(c)
	if err != nil {
		return err
	}
	signing := u.Signing(root)
	if err := mayGoOn(signing, root); err != nil {
		return failed(nothing, fmt.Errorf("sign %s: %w", file, err))
	}
	signers, err := loadKeys(c.Context(), s.keys)
	if err != nil {
		return failed(nothing, fmt.Errorf("sign %s: %w", file, err))
	}
	added, err := newcomers(u, root, signers)
	if err != nil {
		return failed(nothing, fmt.Errorf("sign %s: %w", file, err))
	}
	words := prose.Of(claims)
	if len(words) == 0 {
		return failed(nothing, fmt.Errorf("sign %s: there are no words for a %s", file, claims.Kind()))
	}
	shown := &printer{w: c.OutOrStdout()}
	if s.json {
		shown.w = c.ErrOrStderr()
	}
	shown.line("%s", strings.TrimSuffix(prose.Text(words...), "\n"))
	shown.line("")
	shown.signatures("signed by", signing.Signatures)
	shown.signatures("you sign with", added)
	shown.line("")
	if shown.err != nil {
		return failed(nothing, shown.err)
	}
	if err := s.confirm(c); err != nil {
		return err
	}
	st, err := u.Sign(c.Context(), signers...)
	if err != nil {
		return failed(nothing, fmt.Errorf("sign %s: %w", file, err))
	}
	if out == file && file != "-" {
		err = replace(file, data, st)
	} else {
		err = writeNew(out, st, s.force)
	}
	if err != nil {
		return failed("", err)
	}
	return s.added(c, st, root, out, added)
}

// mayGoOn refuses to sign beside a signature that the trust root refuses, and
// what no signature helps.
func mayGoOn(s *attest.Signing, root *attest.TrustRoot) error {
	for _, sig := range s.Signatures {
		if sig.Err != nil && (root != nil || sig.Officer != "") {
			return fmt.Errorf("the signature by key %s is not good: it %w", sig.Kid, sig.Err)
		}
	}
	return s.Problems.Err()
}

// newcomers says who adds signatures: none that is there already, and none by a
// key that the trust root, where it is known, does not let sign.
func newcomers(u *attest.Unopened, root *attest.TrustRoot, signers []attest.Signer) ([]attest.Signature, error) {
	var out []attest.Signature
	kids := u.Signers()
	for _, s := range signers {
		kid := s.Key().ID()
		if slices.Contains(kids, kid) {
			return nil, fmt.Errorf("key %s has signed it already; another officer has to", kid)
		}
		kids = append(kids, kid)
		sig := u.Signer(kid, root)
		if sig.Err != nil && (root != nil || sig.Officer != "") {
			return nil, fmt.Errorf("key %s may not sign this: a signature %w", kid, sig.Err)
		}
		out = append(out, sig)
	}
	return out, nil
}

// signatures writes who has signed, one a row.
func (p *printer) signatures(name string, of []attest.Signature) {
	var rows [][]string
	for _, s := range of {
		who := "somebody: no trust root is given"
		if s.Officer != "" {
			who = s.Officer + " of " + s.Authority
		}
		rows = append(rows, []string{name, who, "key " + s.Kid})
		name = ""
	}
	p.table(rows...)
}

// confirm asks whoever is at the terminal, unless --yes says it.
func (s *signing) confirm(c *cobra.Command) error {
	if s.yes {
		return nil
	}
	if info, err := os.Stdin.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return failed("nothing was signed; where no one can be asked, --yes signs what is shown", errors.New("sign: nobody is at a terminal to confirm"))
	}
	fmt.Fprint(c.ErrOrStderr(), "Type yes to sign this: ")
	answer, err := readAnswer(c.Context(), os.Stdin)
	if err != nil {
		return failed("nothing was signed", fmt.Errorf("sign: %w", err))
	}
	if answer != "yes" {
		return failed("nothing was signed", errors.New("sign: it was not confirmed"))
	}
	return nil
}

// readAnswer reads a line, or ends with the context: who interrupts does not
// have to answer first.
func readAnswer(ctx context.Context, r io.Reader) (string, error) {
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := bufio.NewReader(io.LimitReader(r, 1024)).ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
		read <- line{strings.TrimSpace(text), err}
	}()
	select {
	case l := <-read:
		return l.text, l.err
	case <-ctx.Done():
		return "", errors.New("it was interrupted")
	}
}

// replace writes a statement in place of one that is still what was read: two
// who sign at once do not undo each other.
func replace(file string, was, st []byte) error {
	now, err := readFile(file)
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	if !bytes.Equal(now, was) {
		return fmt.Errorf("write %s: somebody has changed it meanwhile; sign again", file)
	}
	return writeFile(file, st)
}

// added answers what was done, and what is still missing.
func (s *signing) added(c *cobra.Command, st []byte, root *attest.TrustRoot, out string, added []attest.Signature) error {
	u, err := attest.Parse(st)
	if err != nil {
		return failed("", err)
	}
	claims, signing := u.ClaimsUnsafe(), u.Signing(root)
	h := claims.Head()
	kids := make([]string, len(added))
	for i, a := range added {
		kids[i] = a.Kid
	}
	answer := map[string]any{
		"kind": claims.Kind(), "iss": h.Iss, "sub": h.Sub, "jti": h.JTI, "aud": h.Aud, "signed_by": kids, "signatures": len(u.Signers()), "out": out,
	}
	still := ""
	if known(claims, root) {
		answer["missing"] = signing.Missing()
		still = missing(signing)
	}
	return printAnswer(c, s.json, answer, func(p *printer) {
		p.pairs("signed", fmt.Sprintf("%s %s of %s", claims.Kind(), h.JTI, h.Iss), "by key", strings.Join(kids, ", "),
			"signatures", fmt.Sprint(len(u.Signers())), "file", out)
		if still != "" {
			p.line("%s", still)
		}
		for _, sig := range added {
			if n := keysOf(signing, sig); sig.Officer != "" && n > 1 {
				p.line("note: %s has signed with %d keys, and counts once", sig.Officer, n)
			}
		}
	})
}

// keysOf counts the signatures of the officer.
func keysOf(s *attest.Signing, of attest.Signature) (n int) {
	for _, sig := range s.Signatures {
		if sig.Officer == of.Officer && sig.Authority == of.Authority {
			n++
		}
	}
	return n
}
