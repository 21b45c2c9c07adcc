package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/draft"
	"github.com/safeconduct/safeconduct/attest/rootdiff"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/tlogtiles"
	"github.com/safeconduct/safeconduct/verify"
)

func rootProposeCommand() *cobra.Command {
	var t trusted
	var out string
	var force bool
	c := &cobra.Command{
		Use:   "propose [--root root.jws | --registry URL] --out ROOT.yaml",
		Short: "Draft the next version of a trust root",
		Long: "Writes the draft of the version after the one in force, which says the same. Change in\n" +
			"it what is to be another; root diff says what that comes to, root sign signs it, and\n" +
			"the signed file goes from officer to officer.",
		Example: "  safeconduct root propose --root root.jws --out root-2.yaml",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			root, err := t.need(c)
			if err != nil {
				return err
			}
			text, err := draft.Successor(root)
			if err != nil {
				return failed("", fmt.Errorf("root propose: %w", err))
			}
			return writeDraft(c, out, text, force)
		},
	}
	t.flags(c)
	c.Flags().StringVar(&out, "out", "", "file of the draft; without it, it is printed")
	forceFlag(c, &force)
	return c
}

// need is load for those who cannot do without.
func (t *trusted) need(c *cobra.Command) (*attest.TrustRoot, error) {
	root, _, err := t.load(c)
	if err == nil && root == nil {
		err = usage(c, fmt.Errorf("%s: give the trust root in force: --root root.jws, or --registry URL", c.Name()))
	}
	return root, err
}

func writeDraft(c *cobra.Command, out, text string, force bool) error {
	if out == "" {
		_, err := fmt.Fprint(c.OutOrStdout(), text)
		return err
	}
	if err := writeNew(out, []byte(text), force); err != nil {
		return failed("", err)
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), "wrote %s\n", out)
	return err
}

// withKeyID puts the key id of revoke-key behind --, where it begins with a dash, as
// one in 64 does: it is no flag.
func withKeyID(args []string) []string {
	i := slices.Index(args, "revoke-key") + 1
	if i == 0 || i == len(args) || len(args[i]) != keyIDLength || args[i][0] != '-' || slices.Contains(args, "--") {
		return args
	}
	return append(slices.Delete(slices.Clone(args), i, i+1), "--", args[i])
}

// keyIDLength is that of a JWK thumbprint (RFC 7638, SHA-256) in base64url.
const keyIDLength = 43

func rootRevokeKeyCommand() *cobra.Command {
	var t trusted
	var out string
	var since int64
	var falsely []string
	var allFalse, force bool
	c := &cobra.Command{
		Use:   "revoke-key KID --since INDEX [--root root.jws | --registry URL] --out ROOT.yaml",
		Short: "Draft the version of a trust root that declares a key compromised",
		Long: "Writes the draft of the next version, in which an authority's key is declared compromised\n" +
			"since a log index: what it signed from there on is void, whatever time it claims. What\n" +
			"it took away has to be made again by another key before (reissue), or is declared false\n" +
			"with --false or --all-false. root foresee says what becomes void, before anybody signs.",
		Example: "  safeconduct root revoke-key NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs --since 120 --root root.jws --out root-2.yaml",
		Args:    exactly("KID"),
		RunE: func(c *cobra.Command, args []string) error {
			if since < 1 {
				return usage(c, errors.New("root revoke-key: --since is missing: the log index of the first statement that the key is not to be trusted for"))
			}
			root, err := t.need(c)
			if err != nil {
				return err
			}
			if err := withinLog(c, t.url, since); err != nil {
				return err
			}
			next, err := root.Successor()
			if err != nil {
				return failed("", fmt.Errorf("root revoke-key: %w", err))
			}
			if err := compromise(next, attest.Compromised{Kid: args[0], Since: since, False: falsely, AllFalse: allFalse}); err != nil {
				return failed("", fmt.Errorf("root revoke-key: %w", err))
			}
			return writeDraft(c, out, draft.Root(next, fmt.Sprintf("It declares the key %s compromised since log index %d, and says else what version %d does", args[0], since, next.Version-1)), force)
		},
	}
	t.flags(c)
	c.Flags().Int64Var(&since, "since", 0, "log index from which on the key's signatures are disregarded")
	c.Flags().StringArrayVar(&falsely, "false", nil, "jti of what the thief took away, and the authority did not; once for each")
	c.Flags().BoolVar(&allFalse, "all-false", false, "declare all false that it took away, and that is not made again by another key")
	c.Flags().StringVar(&out, "out", "", "file of the draft; without it, it is printed")
	forceFlag(c, &force)
	return c
}

// compromise declares a key of an authority compromised.
func compromise(next *attest.Root, what attest.Compromised) error {
	has := func(os []attest.Officer) bool {
		return slices.ContainsFunc(os, func(o attest.Officer) bool { return o.HasKey(what.Kid) })
	}
	if has(next.Officers) {
		return fmt.Errorf("%s is a root officer's key: leave it out of the next version (root propose), which takes it away", what.Kid)
	}
	for i := range next.Authorities {
		a := &next.Authorities[i]
		same := func(c attest.Compromised) bool { return c.Kid == what.Kid }
		if j := slices.IndexFunc(a.Compromised, same); j >= 0 {
			old := &a.Compromised[j]
			if what.Since > old.Since {
				return fmt.Errorf("%s is declared compromised since log index %d already; to trust it for longer is for a draft by hand (root propose)", what.Kid, old.Since)
			}
			old.Since, old.AllFalse = what.Since, old.AllFalse || what.AllFalse
			for _, jti := range what.False {
				if !slices.Contains(old.False, jti) {
					old.False = append(old.False, jti)
				}
			}
			return nil
		}
		if has(a.Officers) {
			a.Compromised = append(a.Compromised, what)
			return nil
		}
	}
	return fmt.Errorf("%s is no key of the trust root; root show lists them", what.Kid)
}

func rootDiffCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "diff OLD.jws NEW.yaml|NEW.jws",
		Short: "Say what a new trust root changes, and who still has to sign",
		Long: "Says in words what the new version changes, what widens who may sign first; and of a\n" +
			"signed file which officers of both versions have signed and how many are missing.\n" +
			"Exit status: 0 nothing widens, 3 something does, 1 it cannot follow, 2 wrong usage.",
		Example: "  safeconduct root diff root.jws root-2.yaml",
		Args:    exactly("OLD.jws", "NEW.yaml"),
		RunE: func(c *cobra.Command, args []string) error {
			old, err := openRoot(args[0])
			if err != nil {
				return failed("", err)
			}
			next, u, err := readRoot(args[1])
			if err != nil {
				return failed("", fmt.Errorf("root diff: %w", err))
			}
			if err := old.TrustRoot().Precedes(next); err != nil {
				return failed("a version follows the one that it names; safeconduct root propose drafts one from the version in force", fmt.Errorf("root diff: %s cannot follow %s: %w", args[1], args[0], err))
			}
			d := rootChanges{
				Version: next.Version, Register: next.Aud, Changes: rootdiff.Worst(rootdiff.Of(old.TrustRoot(), next)),
				Quorums: quorums(rootSigning(u, old.TrustRoot(), next)), drafted: u == nil,
			}
			if err := printAnswer(c, asJSON, d, d.print); err != nil {
				return err
			}
			if slices.ContainsFunc(d.Changes, func(x rootdiff.Change) bool { return x.Weight == rootdiff.Widens }) {
				return &failure{code: exitWidens}
			}
			return nil
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

// exitWidens is the status of root diff where more people may sign, or less is
// enough.
const exitWidens = 3

// rootChanges is what root diff answers.
type rootChanges struct {
	Version  int64             `json:"version"`
	Register string            `json:"register"`
	Changes  []rootdiff.Change `json:"changes"`
	// Quorums are the root officers who have to sign, of both versions.
	Quorums []quorum `json:"quorums"`
	drafted bool
}

// rootSigning says who has to sign a version, and who has; of a draft, nobody.
func rootSigning(u *attest.Unopened, old *attest.TrustRoot, next *attest.Root) []attest.Quorum {
	if u != nil {
		return u.Signing(old).Quorums
	}
	var out []attest.Quorum
	for _, r := range []*attest.Root{next, old.Root()} {
		q := attest.Quorum{Authority: "root", Version: r.Version, Needed: int(r.Threshold)}
		for _, o := range r.Officers {
			q.Absent = append(q.Absent, o.ID)
		}
		out = append(out, q)
	}
	return out
}

func (d *rootChanges) print(p *printer) {
	p.line("Version %d of the trust root of %s, beside version %d:", d.Version, d.Register, d.Version-1)
	if len(d.Changes) == 0 {
		p.line("  It changes nothing.")
	}
	for _, c := range d.Changes {
		p.line("  %-7s  %s", c.Weight.String(), c.Text)
	}
	p.line("")
	if d.drafted {
		p.line("Nobody has signed it yet.")
	}
	for _, q := range d.Quorums {
		p.line("Of version %d, %s needed: signed %s; missing %d (%s).",
			q.Version, are(q.Needed, "root officer"), listOr(q.Signed, "nobody"), q.Missing, listOr(q.Absent, "nobody is left"))
	}
}

func listOr(names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	return strings.Join(names, ", ")
}

// readRoot reads a trust root that is drafted or signed, of which nothing is
// checked; u is nil for a draft.
func readRoot(file string) (r *attest.Root, u *attest.Unopened, err error) {
	var c attest.Claims
	if ext := filepath.Ext(file); ext == ".yaml" || ext == ".yml" {
		data, err := readFile(file)
		if err != nil {
			return nil, nil, err
		}
		if c, err = draft.Parse(file, data, draft.Options{Now: time.Now()}); err != nil {
			return nil, nil, fmt.Errorf("read %s:\n%w", file, err)
		}
	} else {
		if u, err = readStatement(file); err != nil {
			return nil, nil, err
		}
		c = u.ClaimsUnsafe()
	}
	r, ok := c.(*attest.Root)
	if !ok {
		return nil, nil, fmt.Errorf("%s is a %s, not a trust root", file, c.Kind())
	}
	return r, u, nil
}

func rootVerifyCommand() *cobra.Command {
	var trust string
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify ROOT-1.jws ROOT-2.jws … [--trust TRUST]",
		Short: "Check that versions of a trust root follow one another",
		Long: "Opens each version with the one before: a version that goes back, leaves one out, or\n" +
			"has not the thresholds of both is refused. With a trust file, the version that it pins\n" +
			"has to be among them; without one, the first is taken on its own officers' word.",
		Example: "  safeconduct root verify root.jws root-2.jws --trust trust.yaml",
		Args:    atLeastOne("ROOT.jws"),
		RunE: func(c *cobra.Command, args []string) error {
			walked, err := walkRoots(args, trust)
			if err != nil {
				return failed("", fmt.Errorf("root verify: %w", err))
			}
			return printAnswer(c, asJSON, walked, func(p *printer) {
				for _, w := range walked {
					p.line("version %d  %s  %s", w.Version, w.LeafHash, w.File)
				}
				p.line("Each version is signed by the thresholds of the one before and its own.")
			})
		},
	}
	c.Flags().StringVar(&trust, "trust", "", "trust file, which pins a version")
	jsonFlag(c, &asJSON)
	return c
}

type walkedRoot struct {
	Version  int64  `json:"version"`
	LeafHash string `json:"leaf_hash"`
	File     string `json:"file"`
}

func walkRoots(files []string, trust string) (out []walkedRoot, err error) {
	var last *attest.TrustRoot
	var pin *verify.Trust
	if trust != "" {
		if pin, err = readTrust(trust); err != nil {
			return nil, fmt.Errorf("read what to trust from %s:\n%w", trust, err)
		}
	}
	pinned := pin == nil
	for _, file := range files {
		data, err := readFile(file)
		if err != nil {
			return nil, err
		}
		st, err := attest.OpenRoot(data, last)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		last = st.TrustRoot()
		w := walkedRoot{last.Root().Version, leafHash(st), file}
		if pin != nil {
			if version, leaf := pin.Pin(); version == w.Version {
				if leaf != st.LeafHash() {
					return nil, fmt.Errorf("%s: version %d is another one than the trust file pins (%v)", file, version, leaf)
				}
				pinned = true
			}
		}
		out = append(out, w)
	}
	if !pinned {
		return nil, errors.New("the version that the trust file pins is not among them")
	}
	return out, nil
}

func rootForeseeCommand() *cobra.Command {
	var url string
	var requests []string
	var asJSON bool
	c := &cobra.Command{
		Use:   "foresee ROOT.yaml|ROOT.jws --registry URL [--requests DIR]",
		Short: "What a next trust root would void and change, before anybody signs it",
		Long: "Asks a register which statements the next version would void, which of them have to be\n" +
			"made again first or declared false, and how it would change the decisions on standing\n" +
			"requests. The answer is the register's word.\n" +
			"Exit status: 0 the register would take it, 1 something has to be settled first, or is\n" +
			"not so, 2 wrong usage, 4 not answered.",
		Example: "  safeconduct root foresee root-2.yaml --registry http://127.0.0.1:8080 --requests partners/",
		Args:    exactly("ROOT.yaml"),
		RunE: func(c *cobra.Command, args []string) error {
			next, _, err := readRoot(args[0])
			if err != nil {
				return undecided("", fmt.Errorf("root foresee: %w", err))
			}
			f, files, err := foresee(c, url, next, requests)
			if err != nil {
				return undecided(reachHint(err), fmt.Errorf("root foresee: %w", err))
			}
			cl, err := newClient(c, url)
			if err != nil {
				return err
			}
			wrong, err := mistaken(c.Context(), cl, next, f)
			if err != nil {
				return undecided(reachHint(err), fmt.Errorf("root foresee: %w", err))
			}
			if err := printAnswer(c, asJSON, f, func(p *printer) { printForesight(p, f, files) }); err != nil {
				return err
			}
			for _, text := range wrong {
				fmt.Fprintf(c.ErrOrStderr(), "safeconduct: warning: %s\n", fmt.Sprint(clean([]any{text})...))
			}
			if len(wrong) > 0 || len(f.Refused) > 0 || slices.ContainsFunc(f.Voided, func(v registry.VoidedStatement) bool { return !v.Settled() }) {
				return &failure{code: exitFailed}
			}
			return nil
		},
	}
	registryFlag(c, &url)
	c.Flags().StringArrayVar(&requests, "requests", nil, "standing requests: a file, or a directory of .yaml files")
	jsonFlag(c, &asJSON)
	return c
}

func foresee(c *cobra.Command, url string, next *attest.Root, requests []string) (*registry.Foresight, []string, error) {
	cl, err := newClient(c, url)
	if err != nil {
		return nil, nil, err
	}
	payload, err := attest.Payload(next)
	if err != nil {
		return nil, nil, err
	}
	var files []string
	for _, r := range requests {
		in, err := requestsIn(r)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, in...)
	}
	var docs [][]byte
	for _, file := range files {
		req, err := readRequest(file)
		if err != nil {
			return nil, nil, fmt.Errorf("%s:\n%w", file, err)
		}
		doc, err := json.Marshal(req)
		if err != nil {
			return nil, nil, err
		}
		docs = append(docs, doc)
	}
	f, err := cl.Foresee(c.Context(), payload, docs...)
	return f, files, err
}

func printForesight(p *printer, f *registry.Foresight, files []string) {
	for _, r := range f.Refused {
		p.line("The register would refuse it: %s %s", strings.TrimPrefix(r.Pointer, "/"), r.Message)
	}
	if len(f.Voided) == 0 {
		p.line("It voids nothing.")
	} else {
		p.line("It voids %s:", count(len(f.Voided), "statement"))
		rows := [][]string{{"INDEX", "STATEMENT", "WHAT", "ABOUT", "FIRST"}}
		for _, v := range f.Voided {
			first := "nothing"
			switch {
			case v.Declared:
				first = "declared false"
			case v.Reissued:
				first = "made again already"
			case v.Takes:
				first = "MAKE IT AGAIN with another key (reissue), or declare it false"
			}
			rows = append(rows, []string{fmt.Sprint(v.Index), v.Issuer + " " + v.JTI, v.What, v.Subject, first})
		}
		p.table(rows...)
	}
	if len(files) == 0 {
		return
	}
	p.line("")
	if len(f.Changed) == 0 {
		p.line("None of %s would have another answer.", count(len(files), "request"))
		return
	}
	p.line("%d of %s would have another answer:", len(f.Changed), count(len(files), "request"))
	for _, d := range f.Changed {
		p.line("  %s  %s %v, then %s %v", files[d.Request], d.Now, d.NowCodes, d.Then, d.ThenCodes)
	}
}

func reissueCommand() *cobra.Command {
	var url, out string
	var all bool
	c := &cobra.Command{
		Use:   "reissue ROOT.yaml|ROOT.jws --registry URL --out DIR",
		Short: "Draft again what a next trust root would void, for another key to sign",
		Long: "Writes into DIR a draft of each statement that the version would void and that took\n" +
			"something away, but for those that it declares false or that have been made again; with\n" +
			"--all of every one; a draft that is there already stays. Which these are is the register's\n" +
			"word. Read each before signing it: the thief may have made it.",
		Example: "  safeconduct reissue root-2.yaml --registry http://127.0.0.1:8080 --out again",
		Args:    exactly("ROOT.yaml"),
		RunE: func(c *cobra.Command, args []string) error {
			if out == "" {
				return usage(c, errors.New("reissue: --out is missing: a directory for the drafts"))
			}
			next, _, err := readRoot(args[0])
			if err != nil {
				return failed("", fmt.Errorf("reissue: %w", err))
			}
			f, _, err := foresee(c, url, next, nil)
			if err != nil {
				return failed(reachHint(err), fmt.Errorf("reissue: %w", err))
			}
			log, err := tilesOf(c, url)
			if err != nil {
				return err
			}
			files, err := reissue(c.Context(), log, f, out, all)
			if err != nil {
				return failed("", fmt.Errorf("reissue: %w", err))
			}
			for _, file := range files {
				if _, err := fmt.Fprintf(c.OutOrStdout(), "wrote %s\n", file); err != nil {
					return err
				}
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s to read and sign\n", count(len(files), "draft"))
			return err
		},
	}
	registryFlag(c, &url)
	c.Flags().StringVar(&out, "out", "", "directory of the drafts")
	c.Flags().BoolVar(&all, "all", false, "draft what grants, too")
	return c
}

func reissue(ctx context.Context, log *tlogtiles.Client, f *registry.Foresight, dir string, all bool) (files []string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for _, v := range f.Voided {
		if v.Declared || v.Settled() && !all || v.Reissued {
			continue
		}
		leaf, err := log.Leaf(ctx, v.Index, v.Index+1)
		if err != nil {
			return files, fmt.Errorf("fetch the statement at index %d: %w", v.Index, err)
		}
		u, err := attest.Parse(leaf)
		if err != nil {
			return files, fmt.Errorf("read the statement at index %d: %w", v.Index, err)
		}
		h := u.ClaimsUnsafe().Head()
		if h.Iss != v.Issuer || h.JTI != v.JTI {
			return files, fmt.Errorf("the register says that %s of %s is at index %d; there is %s of %s", v.JTI, v.Issuer, v.Index, h.JTI, h.Iss)
		}
		text, err := draft.Reissue(u.ClaimsUnsafe(), time.Now())
		if err != nil {
			return files, err
		}
		// Its form is checked, so that it is no path.
		file := filepath.Join(dir, h.Iss+"-"+h.JTI+".yaml")
		if err := writeNew(file, []byte(text), false); errors.Is(err, os.ErrExist) {
			// An earlier run has drafted it, and somebody may have gone on with it.
			continue
		} else if err != nil {
			return files, err
		}
		files = append(files, file)
	}
	return files, nil
}
