package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/prose"
	"github.com/safeconduct/safeconduct/internal/durable"
)

// isStatement tells a signed statement from a draft: no draft begins like a
// compact JWS.
func isStatement(file string, data []byte) bool {
	return strings.HasSuffix(file, ".jws") || bytes.HasPrefix(data, []byte("eyJ"))
}

const nothing = "nothing was signed"

// A countersigning is a statement that others have signed, and who signs it now.
type countersigning struct {
	file, out string
	data      []byte
	u         *attest.Unopened
	signing   *attest.Signing
	added     []attest.Signature
	// claims are what it says, with what was disclosed.
	claims attest.Claims
}

// add adds signatures to statements that others have signed, in place, or in out
// of a single one. All are shown before anybody is asked, and none is signed
// unless all may be.
func (s *signing) add(c *cobra.Command, all []*countersigning, only attest.Kind) error {
	if s.aud != "" || s.iss != "" {
		return usage(c, fmt.Errorf("sign %s: --aud and --iss are for drafts; what is signed already says both", all[0].file))
	}
	root, _, err := s.trusted.load(c)
	if err != nil {
		return err
	}
	if s.disclosures != "" && len(all) > 1 {
		return usage(c, errors.New("sign: --disclosures is for one file; several are looked for beside theirs (FILE.disclosures)"))
	}
	for _, one := range all {
		err := one.read(root, only)
		if err == nil {
			err = one.disclose(s.disclosures)
		}
		if err != nil {
			return failed(nothing, fmt.Errorf("sign %s: %w", one.file, err))
		}
	}
	signers, err := loadKeys(c.Context(), s.keys)
	if err != nil {
		return failed(nothing, fmt.Errorf("sign %s: %w", all[0].file, err))
	}
	shown := &printer{w: c.OutOrStdout()}
	if s.json {
		shown.w = c.ErrOrStderr()
	}
	for _, one := range all {
		if err := one.show(shown, root, signers, len(all) > 1); err != nil {
			return failed(nothing, fmt.Errorf("sign %s: %w", one.file, err))
		}
	}
	if err := s.confirm(c, len(all)); err != nil {
		return err
	}
	for i, one := range all {
		if err := s.sign(c.Context(), one, signers); err != nil {
			if i > 0 {
				err = failed(fmt.Sprintf("%d of the %d files are signed, up to %s; sign the rest again", i, len(all), all[i-1].out), err)
			}
			return err
		}
	}
	return s.answer(c, all, root)
}

// read reads a statement, and refuses it where nobody may sign on.
func (one *countersigning) read(root *attest.TrustRoot, only attest.Kind) (err error) {
	if one.u, err = attest.Parse(one.data); err != nil {
		return err
	}
	if k := one.u.ClaimsUnsafe().Kind(); only != "" && k != only {
		return fmt.Errorf("it is of kind %s, not %s; safeconduct sign signs other statements", k, only)
	}
	one.signing = one.u.Signing(root)
	return mayGoOn(one.signing, known(one.u.ClaimsUnsafe(), root))
}

// disclose reads what is confidential: nobody signs what is not to be read.
func (one *countersigning) disclose(file string) error {
	one.claims = one.u.ClaimsUnsafe()
	a, ok := one.claims.(*attest.EntityApproval)
	if !ok || len(a.Hidden()) == 0 {
		return nil
	}
	if file == "" {
		file = strings.TrimSuffix(one.file, ".jws") + ".disclosures"
	}
	ds, err := readDisclosures(file)
	if err != nil {
		return fmt.Errorf("it conceals %s, which has to be read before it is signed: give --disclosures, the file that came with it: %w", strings.Join(a.Hidden(), ", "), err)
	}
	disclosed, err := a.Disclose(ds)
	if err != nil {
		return err
	}
	if hidden := disclosed.Hidden(); len(hidden) > 0 {
		return fmt.Errorf("%s does not disclose %s, which has to be read before it is signed", file, strings.Join(hidden, ", "))
	}
	one.claims = disclosed
	return nil
}

// show says in words what is signed, by whom it is, and by whom it will be.
func (one *countersigning) show(p *printer, root *attest.TrustRoot, signers []attest.Signer, named bool) (err error) {
	if one.added, err = newcomers(one.u, root, signers); err != nil {
		return err
	}
	words := prose.Of(one.claims)
	if len(words) == 0 {
		return fmt.Errorf("there are no words for a %s", one.claims.Kind())
	}
	if named {
		p.line("%s:", one.file)
	}
	p.line("%s", strings.TrimSuffix(prose.Text(words...), "\n"))
	p.line("")
	p.signatures("signed by", one.signing.Signatures)
	p.signatures("you sign with", one.added)
	if text := tooEarly(one.claims, time.Now()); text != "" {
		p.line("warning: %s", text)
	}
	p.line("")
	return p.err
}

func (s *signing) sign(ctx context.Context, one *countersigning, signers []attest.Signer) error {
	st, err := one.u.Sign(ctx, signers...)
	if err != nil {
		return failed(nothing, fmt.Errorf("sign %s: %w", one.file, err))
	}
	if one.out == one.file && one.file != "-" {
		err = replace(one.file, one.data, st)
	} else {
		err = writeNew(one.out, st, s.force)
	}
	if err != nil {
		return failed("", err)
	}
	one.u, err = attest.Parse(st)
	return err
}

// mayGoOn refuses to sign beside a signature that the trust root refuses, and
// what no signature helps.
func mayGoOn(s *attest.Signing, judged bool) error {
	for _, sig := range s.Signatures {
		if sig.Err != nil && (judged || sig.Officer != "") {
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
		if sig.Err != nil && (known(u.ClaimsUnsafe(), root) || sig.Officer != "") {
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
func (s *signing) confirm(c *cobra.Command, files int) error {
	if s.yes {
		return nil
	}
	if info, err := os.Stdin.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return failed("nothing was signed; where no one can be asked, --yes signs what is shown", errors.New("sign: nobody is at a terminal to confirm"))
	}
	what := "this"
	if files > 1 {
		what = fmt.Sprintf("these %d", files)
	}
	fmt.Fprintf(c.ErrOrStderr(), "Type yes to sign %s: ", what)
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
// who sign at once do not undo each other. Where the file is a link, what it
// leads to is replaced.
func replace(file string, was, st []byte) error {
	fail := func(err error) error { return fmt.Errorf("write %s: %w", file, err) }
	changed := errors.New("somebody has changed it meanwhile; sign again")
	target, err := filepath.EvalSymlinks(file)
	if err != nil {
		return fail(err)
	}
	locked, err := lockedfile.Edit(target)
	if err != nil {
		return fail(err)
	}
	defer locked.Close()
	info, err := locked.Stat()
	if err != nil {
		return fail(err)
	}
	// Who waited for the lock may hold that of a file which is replaced already.
	if there, err := os.Stat(target); err != nil || !os.SameFile(info, there) {
		return fail(errors.Join(changed, err))
	}
	now, err := io.ReadAll(io.LimitReader(locked, maxFile))
	if err != nil {
		return fail(err)
	}
	if !bytes.Equal(now, was) {
		return fail(changed)
	}
	if runtime.GOOS == "windows" {
		// There an open file is not replaced.
		if err := locked.Close(); err != nil {
			return fail(err)
		}
	}
	return durable.WriteFile(target, st, info.Mode().Perm())
}

// An added is what was done with a statement, and what is still missing.
type added struct {
	Kind       attest.Kind `json:"kind"`
	Iss        string      `json:"iss"`
	Sub        string      `json:"sub"`
	JTI        string      `json:"jti"`
	Aud        string      `json:"aud"`
	SignedBy   []string    `json:"signed_by"`
	Signatures int         `json:"signatures"`
	Out        string      `json:"out"`
	// Missing is there where it is known who has to sign.
	Missing *int `json:"missing,omitzero"`

	still string
	notes []string
}

func (one *countersigning) answer(root *attest.TrustRoot) *added {
	claims, signing := one.u.ClaimsUnsafe(), one.u.Signing(root)
	h := claims.Head()
	a := &added{Kind: claims.Kind(), Iss: h.Iss, Sub: h.Sub, JTI: h.JTI, Aud: h.Aud, Signatures: len(one.u.Signers()), Out: one.out}
	for _, sig := range one.added {
		a.SignedBy = append(a.SignedBy, sig.Kid)
		if n := keysOf(signing, sig); sig.Officer != "" && n > 1 {
			a.notes = append(a.notes, fmt.Sprintf("note: %s has signed with %d keys, and counts once", sig.Officer, n))
		}
	}
	if known(claims, root) {
		n := signing.Missing()
		a.Missing, a.still = &n, missing(signing)
	}
	return a
}

// answer says what was done: of one file an object, of several an array.
func (s *signing) answer(c *cobra.Command, all []*countersigning, root *attest.TrustRoot) error {
	var out []*added
	for _, one := range all {
		out = append(out, one.answer(root))
	}
	var doc any = out
	if len(out) == 1 {
		doc = out[0]
	}
	return printAnswer(c, s.json, doc, func(p *printer) {
		for _, a := range out {
			p.pairs("signed", fmt.Sprintf("%s %s of %s", a.Kind, a.JTI, a.Iss), "by key", strings.Join(a.SignedBy, ", "),
				"signatures", fmt.Sprint(a.Signatures), "file", a.Out)
			for _, line := range slices.Concat([]string{a.still}, a.notes) {
				if line != "" {
					p.line("%s", line)
				}
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
