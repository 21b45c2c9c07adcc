package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/attest/isocode"
	"github.com/safeconduct/safeconduct/attest/signer"
	"github.com/safeconduct/safeconduct/attest/signer/keyref"
	"github.com/safeconduct/safeconduct/internal/durable"
	"github.com/safeconduct/safeconduct/internal/yamldoc"
	"github.com/safeconduct/safeconduct/verify"
)

func rootCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "root",
		Short: "Make, sign and read a trust root",
		Long:  "A trust root says who may sign what. It is the first statement of a register.",
		Args:  exactly("a command"),
		RunE: func(c *cobra.Command, args []string) error {
			return usage(c, fmt.Errorf("root: unknown command %q: want init, log-key, propose, revoke-key, sign, diff, foresee, show or verify", args[0]))
		},
	}
	c.AddCommand(rootInitCommand(), rootLogKeyCommand(), rootProposeCommand(), rootRevokeKeyCommand(), rootSignCommand(), rootDiffCommand(), rootForeseeCommand(), rootShowCommand(), rootVerifyCommand())
	return c
}

// initial is what root init is told.
type initial struct {
	dir, origin string
	officers    []string
	authorities []string
	keys        []string
	decisions   []string
	json        bool
}

func rootInitCommand() *cobra.Command {
	var in initial
	c := &cobra.Command{
		Use:   "init --dir DIR --origin ORIGIN --officer NAME=JWK --authority ID=COUNTRY --authority-officer ID/NAME=JWK",
		Short: "Make the register's own keys and a draft of its trust root",
		Long: "Makes in DIR the key that signs checkpoints and the operator's own cosigner, and\n" +
			"writes DIR/root.yaml, a draft for the root officers to complete and sign.\n" +
			"Every officer counts once; --officer, --authority and --authority-officer may be repeated.\n\n" + references,
		Example: "  safeconduct root init --dir register --origin example.org/register --officer alice=alice.key.pub.jwk \\\n" +
			"    --authority us-bis=US --authority-officer us-bis/bob=bob.key.pub.jwk",
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error { return in.run(c) },
	}
	c.Flags().StringVar(&in.dir, "dir", "", "directory of the register")
	c.Flags().StringVar(&in.origin, "origin", "", "name of the register, a URL without scheme")
	c.Flags().StringArrayVar(&in.officers, "officer", nil, "root officer: NAME=FILE.pub.jwk, or NAME= and the reference of a key")
	c.Flags().StringArrayVar(&in.authorities, "authority", nil, "authority: ID=COUNTRY or ID=COUNTRY,NAME")
	c.Flags().StringArrayVar(&in.keys, "authority-officer", nil, "officer of an authority: ID/NAME=FILE.pub.jwk, or a reference")
	c.Flags().StringArrayVar(&in.decisions, "decision-key", nil, "key that signs decisions (serve --decision-key): FILE.pub.jwk, or a reference")
	jsonFlag(c, &in.json)
	return c
}

func (in *initial) run(c *cobra.Command) error {
	if in.dir == "" || in.origin == "" || len(in.officers) == 0 || len(in.authorities) == 0 {
		return usage(c, errors.New("root init: --dir, --origin, --officer and --authority are all needed"))
	}
	if err := attest.Origin(in.origin); err != nil {
		return usage(c, fmt.Errorf("root init: --origin: %w", err))
	}
	text, err := in.draft(c.Context())
	if err != nil {
		return usage(c, fmt.Errorf("root init: %w", err))
	}
	if err := os.MkdirAll(in.dir, 0o755); err != nil {
		return failed("", fmt.Errorf("root init: %w", err))
	}
	file := filepath.Join(in.dir, "root.yaml")
	if _, err := os.Stat(file); err == nil {
		return failed("choose another --dir; a register's keys are made once", fmt.Errorf("root init: %s exists", file))
	}
	if err := makeRegisterKeys(in.dir, in.origin); err != nil {
		return failed("choose another --dir; a register's keys are made once", fmt.Errorf("root init: %w", err))
	}
	if err := writeFile(file, []byte(text)); err != nil {
		return failed("", fmt.Errorf("root init: %w", err))
	}
	return printAnswer(c, in.json, map[string]string{"draft": file, "log_vkey": filepath.Join(in.dir, logVKeyFile)}, func(p *printer) {
		p.pairs("draft", file+" (complete it, then: safeconduct root sign)", "log key", filepath.Join(in.dir, logKeyFile)+" (keep it)",
			"cosigner", filepath.Join(in.dir, cosignerKeyFile)+" (keep it)")
	})
}

// The files of a register's directory.
const (
	cosignerKeyFile  = "cosigner.key"
	cosignerVKeyFile = "cosigner.vkey"
	rootFile         = "root.jws"
	trustFile        = "trust.yaml"
	storeDir         = "db"
)

// makeRegisterKeys makes the key that signs checkpoints and, under a key of
// its own, the operator's cosigner.
func makeRegisterKeys(dir, origin string) error {
	if err := makeLogKey(dir, origin, logKeyFile, logVKeyFile); err != nil {
		return err
	}
	cskey, cv, err := note.GenerateKey(rand.Reader, origin+"/operator")
	if err != nil {
		return fmt.Errorf("make the cosigner's key: %w", err)
	}
	cvkey, err := fnote.VKeyToCosignatureV1(cv)
	if err != nil {
		return fmt.Errorf("make the cosigner's key: %w", err)
	}
	for _, f := range []struct {
		name, text string
		mode       os.FileMode
	}{{cosignerKeyFile, cskey, 0o600}, {cosignerVKeyFile, cvkey, 0o644}} {
		if err := durable.Create(filepath.Join(dir, f.name), []byte(f.text+"\n"), f.mode); err != nil {
			return err
		}
	}
	return nil
}

// draft writes root.yaml.
func (in *initial) draft(ctx context.Context) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, `# The trust root of %s: who may sign what.
# Complete it, then: safeconduct root sign %s --key ROOT-OFFICER.key
kind: root
aud: %s
version: 1

# How many of these root officers must sign a trust root. Each counts once,
# however many keys are listed.
threshold: %d
officers:
`, in.origin, filepath.Join(in.dir, "root.yaml"), in.origin, len(in.officers))
	for _, o := range in.officers {
		if err := in.officer(ctx, &b, "  ", o); err != nil {
			return "", fmt.Errorf("--officer: %w", err)
		}
	}
	if len(in.decisions) > 0 {
		b.WriteString("\n# The keys that sign decisions, and nothing else.\ndecision_keys:\n")
	}
	for _, file := range in.decisions {
		key, err := publicKey(ctx, file)
		if err != nil {
			return "", fmt.Errorf("--decision-key: %w", err)
		}
		fmt.Fprintf(&b, "  - %s\n", key)
	}
	fmt.Fprintf(&b, `
# The keys of this register, made beside this file.
log_keys: [%s]
cosigners:
  # The operator's own: it counts only for those who trust the operator's clock.
  - {vkey: %s, role: witness, operator: true}

authorities:
`, logVKeyFile, cosignerVKeyFile)
	if err := in.owners(); err != nil {
		return "", err
	}
	for _, a := range in.authorities {
		if err := in.authority(ctx, &b, a); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// owners refuses an officer of an authority that is not named: it would be
// left out.
func (in *initial) owners() error {
	for _, k := range in.keys {
		id, _, ok := strings.Cut(k, "/")
		if !ok {
			return fmt.Errorf("--authority-officer %q: want ID/NAME=FILE.pub.jwk", k)
		}
		if !slices.ContainsFunc(in.authorities, func(a string) bool { return strings.HasPrefix(a, id+"=") }) {
			return fmt.Errorf("--authority-officer %s: no --authority is named %q", k, id)
		}
	}
	return nil
}

func (in *initial) authority(ctx context.Context, b *strings.Builder, a string) error {
	id, country, ok := strings.Cut(a, "=")
	if !ok || id == "" || country == "" {
		return fmt.Errorf("--authority %q: want ID=COUNTRY, such as us-bis=US", a)
	}
	if err := identifier.Authority(id); err != nil {
		return fmt.Errorf("--authority: %w", err)
	}
	country, name, named := strings.Cut(country, ",")
	if !named {
		name = id
	}
	if err := isocode.Country(country); err != nil {
		return fmt.Errorf("--authority %s: %w", id, err)
	}
	fmt.Fprintf(b, `  - id: %s
    name: %q
    countries: [%s]
    # How many officers must sign what grants, and what takes away.
    thresholds: {granting: 1, revoking: 1}
    # jurisdiction:           # absent members are no limit
    #   countries: [IN]       # whose entities it may approve
    #   lists: [US_CCL]
    #   programmes: [VEU]
    #   sandboxes: [SBX-EXAMPLE]
    officers:
`, id, name, country)
	found := false
	for _, k := range in.keys {
		owner, rest, _ := strings.Cut(k, "/")
		if owner != id {
			continue
		}
		found = true
		if err := in.officer(ctx, b, "      ", rest); err != nil {
			return fmt.Errorf("--authority-officer: %w", err)
		}
	}
	if !found {
		return fmt.Errorf("authority %s has no officer: give --authority-officer %s/NAME=FILE.pub.jwk", id, id)
	}
	return nil
}

func (in *initial) officer(ctx context.Context, b *strings.Builder, indent, o string) error {
	name, file, ok := strings.Cut(o, "=")
	if !ok || name == "" || file == "" {
		return fmt.Errorf("%q: want NAME=FILE.pub.jwk, or NAME= and the reference of a key", o)
	}
	if err := identifier.JTI(name); err != nil {
		return fmt.Errorf("the officer's name: %w", err)
	}
	data, err := publicKey(ctx, file)
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "%s- id: %s\n%s  keys:\n%s    - %s\n", indent, name, indent, indent, strings.TrimSpace(string(data)))
	return nil
}

// publicKey reads the JWK of a file, or asks whoever keeps the key that a
// reference names.
func publicKey(ctx context.Context, ref string) ([]byte, error) {
	if keyref.IsFile(ref) {
		data, err := readFile(ref)
		if err != nil {
			return nil, err
		}
		if _, err := attest.ParseKey(data); err != nil {
			return nil, fmt.Errorf("%s is no public key (keygen writes one beside the private key): %w", ref, err)
		}
		return data, nil
	}
	key, err := keyref.Load(ctx, ref, password)
	if err != nil {
		return nil, err
	}
	return signer.PublicJWK(key.Key())
}

func rootSignCommand() *cobra.Command {
	var s signing
	c := &cobra.Command{
		Use:   "sign ROOT.yaml|root.jws --key REF [--key REF …] [--out root.jws]",
		Short: "Check and sign a trust root, or sign beside others",
		Long: "Reads the draft of a trust root, names every mistake in it with line and member, and\n" +
			"signs it with each key. To one that others have signed it adds a signature.\n\n" + references,
		Args: exactly("ROOT.yaml"),
		RunE: func(c *cobra.Command, args []string) error { return s.run(c, args, attest.KindRoot) },
	}
	s.flags(c)
	return c
}

func rootShowCommand() *cobra.Command {
	var asJSON, asTrust bool
	c := &cobra.Command{
		Use:   "show root.jws",
		Short: "Say in words what a trust root says, or print a trust file that pins it",
		Args:  exactly("root.jws"),
		RunE: func(c *cobra.Command, args []string) error {
			st, err := openRoot(args[0])
			if err != nil {
				return failed("", err)
			}
			if asTrust {
				text, err := trustText(st)
				if err != nil {
					return failed("", err)
				}
				_, err = fmt.Fprint(c.OutOrStdout(), text)
				return err
			}
			return printAnswer(c, asJSON, map[string]any{"leaf_hash": leafHash(st), "root": st.TrustRoot().Root(), "keys": heldKeys(st.TrustRoot().Root())}, func(p *printer) { showRoot(p, st) })
		},
	}
	c.Flags().BoolVar(&asTrust, "trust", false, "print a trust file that pins this root")
	jsonFlag(c, &asJSON)
	return c
}

func openRoot(file string) (*attest.Statement, error) {
	data, err := readFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the trust root: %w", err)
	}
	if err := notDraft(file, data, "root sign"); err != nil {
		return nil, fmt.Errorf("read the trust root: %w", err)
	}
	st, err := attest.OpenRoot(data, nil)
	if err != nil {
		return nil, fmt.Errorf("read the trust root %s: %w", file, err)
	}
	return st, nil
}

// showRoot says a trust root in words, with the ids of the keys: by these, people
// speak of them.
func showRoot(p *printer, st *attest.Statement) {
	r := st.TrustRoot().Root()
	h := st.LeafHash()
	p.pairs("trust root of", r.Aud, "version", fmt.Sprint(r.Version), "leaf hash", h.String(), "written at", r.IAT.Time().Format(time.RFC3339),
		"signed by", fmt.Sprintf("%d of %s; %d needed", len(st.Signers()), count(len(r.Officers), "root officer"), r.Threshold))
	p.officers(r.Officers)
	for _, a := range r.Authorities {
		p.line("")
		p.line("%s, %s", a.ID, a.Name)
		p.line("  registers entities of %s", strings.Join(a.Countries, ", "))
		p.line("  granting needs %d of %s, revoking %d", a.Thresholds.Granting, count(len(a.Officers), "officer"), a.Thresholds.Revoking)
		for _, l := range []struct {
			what string
			of   []string
		}{{"entities of", a.Jurisdiction.Countries}, {"lists", a.Jurisdiction.Lists}, {"programmes", a.Jurisdiction.Programmes}, {"sandboxes", a.Jurisdiction.Sandboxes}} {
			if l.of != nil {
				p.line("  may approve only %s %s", l.what, strings.Join(l.of, ", "))
			}
		}
		p.officers(a.Officers)
		for _, c := range a.Compromised {
			p.line("  key %s is declared compromised since log index %d", c.Kid, c.Since)
			if c.False != nil {
				p.line("    declared false: %s", strings.Join(c.False, ", "))
			}
		}
	}
	p.line("")
	for _, k := range r.LogKeys {
		p.line("log key %s", k)
	}
	for _, c := range r.Cosigners {
		who := ""
		if c.Operator {
			who = ", of the operator's own"
		}
		p.line("cosigner %s (%s%s)", c.VKey, string(c.Role), who)
	}
	for _, j := range r.DecisionKeys {
		p.line("decisions may be signed by key %s", keyID(j))
	}
	p.line("")
	p.line("note: which keys have been frozen since is not known from a file; safeconduct history root shows it")
}

// officers writes officers with the ids of their keys.
func (p *printer) officers(of []attest.Officer) {
	var rows [][]string
	for _, o := range of {
		name := "  " + o.ID
		for _, j := range o.Keys {
			rows = append(rows, []string{name, "key " + keyID(j), j.Alg})
			name = ""
		}
	}
	p.table(rows...)
}

// keyID is the id of a key of a trust root, all of whose keys have been read.
func keyID(j attest.JWK) string {
	k, err := j.Key()
	if err != nil {
		return "that is no good key"
	}
	return k.ID()
}

// A heldKey is one of an officer, Authority "root" for a root officer.
type heldKey struct {
	Authority string `json:"authority"`
	Officer   string `json:"officer"`
	Kid       string `json:"kid"`
}

// heldKeys are all keys of officers.
func heldKeys(r *attest.Root) []heldKey {
	out := []heldKey{}
	add := func(authority string, of []attest.Officer) {
		for _, o := range of {
			for _, j := range o.Keys {
				out = append(out, heldKey{authority, o.ID, keyID(j)})
			}
		}
	}
	add("root", r.Officers)
	for _, a := range r.Authorities {
		add(a.ID, a.Officers)
	}
	return out
}

// trustText is a trust file that pins a root and asks for the cosignatures of
// all whom it lists. What it leaves unchecked, it says: an operator's own clock,
// and a map that no mirror of somebody else has checked.
func trustText(st *attest.Statement) (string, error) {
	r := st.TrustRoot().Root()
	if len(r.Cosigners) == 0 {
		return "", errors.New("the trust root lists no cosigner: without one nobody attests a time; list the operator's own at least")
	}
	var b strings.Builder
	h := st.LeafHash()
	fmt.Fprintf(&b, `# What a verifier trusts. Get the root's leaf_hash from the register's officers,
# not from the register.
origin: %s
root:
  version: %d
  leaf_hash: %s
max_status_age: PT24H
# Whose cosignatures are needed (C2SP tlog-policy). The log's own keys are those
# of the root in force: a log line here would end with the key that it names.
policy: |
`, r.Aud, r.Version, h.String())
	var names []string
	mirrored, operator := false, false
	for i, c := range r.Cosigners {
		names = append(names, fmt.Sprintf("cosigner-%d", i+1))
		fmt.Fprintf(&b, "  witness %s %s\n", names[i], c.VKey)
		mirrored = mirrored || c.Role == attest.Mirror && !c.Operator
		operator = operator || c.Operator
	}
	fmt.Fprintf(&b, "  group everybody all %s\n  quorum everybody\n", strings.Join(names, " "))
	if operator {
		b.WriteString("# A cosigner above is the operator's own: its clock is the operator's word.\ninsecure_operator_clock: true\n")
	}
	if !mirrored {
		b.WriteString("# No mirror is asked whether the register's map leaves something out.\ninsecure_unmirrored: true\n")
	}
	if _, err := parseTrustText(b.String()); err != nil {
		return "", fmt.Errorf("make a trust file: %w", err)
	}
	return b.String(), nil
}

func parseTrustText(text string) (*verify.Trust, error) {
	return yamldoc.Read("trust.yaml", []byte(text), verify.ParseTrust)
}

func leafHash(st *attest.Statement) string {
	h := st.LeafHash()
	return h.String()
}
