package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	fproof "github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/internal/vkey"
	"github.com/safeconduct/safeconduct/registry/tlogtiles"
	"github.com/safeconduct/safeconduct/verify"
)

// proofFlags are those of proof.
type proofFlags struct {
	url, out, leaf, check, statement string
	vkeys                            []string
	json, force                      bool
}

func proofCommand() *cobra.Command {
	var f proofFlags
	c := &cobra.Command{
		Use:   "proof INDEX --registry URL | proof --check PROOF --statement FILE --vkey VKEY",
		Short: "Prove offline that one statement is logged",
		Long: "Makes a C2SP tlog-proof of what stands at INDEX: the published checkpoint, and the\n" +
			"hashes that lead to it, which are computed and checked from the register's tiles.\n" +
			"With --check it checks one, with no network at all. A proof says that a statement is\n" +
			"in the log, not that it still stands: safeconduct check --evidence proves that.\n" +
			"Every key given as --vkey must have signed the checkpoint, and one of them must be the\n" +
			"log's; a log without cosigners can show everybody a log of their own.",
		Example: "  safeconduct proof 2 --registry http://127.0.0.1:8080 --out approval.tlog-proof\n" +
			"  safeconduct proof --check approval.tlog-proof --statement approval.jws --vkey log.vkey",
		Args: func(c *cobra.Command, args []string) error {
			if f.check != "" {
				return exactly()(c, args)
			}
			return exactly("INDEX")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if f.check != "" {
				return f.checkProof(c)
			}
			return f.makeProof(c, args[0])
		},
	}
	registryFlag(c, &f.url)
	c.Flags().StringVar(&f.out, "out", "", "file for the proof, such as approval.tlog-proof (default: standard output)")
	c.Flags().StringVar(&f.leaf, "leaf", "", "file for what stands at INDEX, the statement itself")
	c.Flags().StringVar(&f.check, "check", "", "proof to check")
	c.Flags().StringVar(&f.statement, "statement", "", "with --check: what is to be proven as logged")
	c.Flags().StringArrayVar(&f.vkeys, "vkey", nil, "verifier key of the log, and of each cosigner that is asked for; or a file that holds one")
	forceFlag(c, &f.force)
	jsonFlag(c, &f.json)
	return c
}

// provenLeaf is what a proof proves.
type provenLeaf struct {
	Index    int64     `json:"index"`
	LeafHash tlog.Hash `json:"leaf_hash"`
	Origin   string    `json:"origin"`
	Size     int64     `json:"size"`
	SignedBy []string  `json:"signed_by"`
	File     string    `json:"file,omitzero"`
}

func (p *provenLeaf) print(w *printer) {
	by := strings.Join(p.SignedBy, ", ")
	if by == "" {
		by = "not checked: no --vkey says whose signature to ask for"
	}
	rows := []string{
		"proven", fmt.Sprintf("index %d of %s", p.Index, p.Origin),
		"leaf hash", p.LeafHash.String(), "checkpoint", fmt.Sprintf("of size %d", p.Size), "signed by", by,
	}
	if p.File != "" {
		rows = append(rows, "file", p.File)
	}
	w.pairs(rows...)
}

// makeProof is proof INDEX.
func (f *proofFlags) makeProof(c *cobra.Command, arg string) error {
	index, err := verify.ParseSize(arg)
	if err != nil {
		return usage(c, fmt.Errorf("proof: %q is no index of a log: want a number such as 2, which submit prints", arg))
	}
	if f.url == "" {
		return usage(c, errors.New("proof: --registry is missing: say which register"))
	}
	if f.statement != "" {
		return usage(c, errors.New("proof: --statement goes with --check; --leaf writes what stands at INDEX"))
	}
	keys, err := parseVKeys(f.vkeys)
	if err != nil {
		return usage(c, fmt.Errorf("proof: %w", err))
	}
	client, err := tilesOf(c, f.url)
	if err != nil {
		return err
	}
	text, proven, err := fetchProof(c.Context(), client, index, keys)
	if err != nil {
		return failed(proofHint(err), fmt.Errorf("prove what stands at index %d: %w", index, err))
	}
	if f.leaf != "" {
		leaf, err := client.Leaf(c.Context(), index, proven.Size)
		if err == nil && tlog.RecordHash(leaf) != proven.LeafHash {
			err = errors.New("what the register gives for that index does not have the hash that is proven")
		}
		if err == nil {
			err = writeNew(f.leaf, leaf, f.force)
		}
		if err != nil {
			return failed("", fmt.Errorf("write what stands at index %d: %w", index, err))
		}
	}
	if f.out == "" {
		_, err := c.OutOrStdout().Write(text)
		return err
	}
	if err := writeNew(f.out, text, f.force); err != nil {
		return failed("", err)
	}
	proven.File = f.out
	return printAnswer(c, f.json, proven, proven.print)
}

// errNotYet is an index beyond the published checkpoint.
var errNotYet = errors.New("the published checkpoint does not reach that far")

func proofHint(err error) string {
	switch {
	case errors.Is(err, errNotYet):
		return "what was just logged is published when it has been cosigned; ask again in a moment"
	case errors.Is(err, tlogtiles.ErrUnreachable):
		return "is the register running there? safeconduct serve starts one"
	case errors.Is(err, errVKey):
		return "ask whoever runs the register for its key, on another way than this; it may have changed"
	default:
		return ""
	}
}

// fetchProof makes the proof of an index from a log's tiles.
func fetchProof(ctx context.Context, client *tlogtiles.Client, index int64, keys []vkey.Key) ([]byte, *provenLeaf, error) {
	signed, err := client.Latest(ctx)
	if err != nil {
		return nil, nil, err
	}
	cp, err := verify.ParseCheckpoint(signed)
	if err != nil {
		return nil, nil, err
	}
	if index >= cp.Tree.N {
		return nil, nil, fmt.Errorf("%w: it is of size %d", errNotYet, cp.Tree.N)
	}
	hashes := client.Hashes(ctx, cp.Tree)
	leaf, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
	if err != nil {
		return nil, nil, err
	}
	path, err := tlog.ProveRecord(cp.Tree.N, index, hashes)
	if err != nil {
		return nil, nil, err
	}
	p := fproof.TLogProof{Index: uint64(index), Checkpoint: signed}
	for _, h := range path {
		p.Hashes = append(p.Hashes, h)
	}
	text := p.Marshal()
	proven, err := openProof(text, leaf[0], keys)
	return text, proven, err
}

// checkProof is proof --check.
func (f *proofFlags) checkProof(c *cobra.Command) error {
	switch {
	case f.statement == "" || len(f.vkeys) == 0:
		return usage(c, errors.New("proof: --check needs --statement and --vkey too: what is to be logged, and the key of the log that is trusted"))
	case f.url != "" || f.out != "" || f.leaf != "":
		return usage(c, errors.New("proof: --check is offline: --registry, --out and --leaf go with INDEX"))
	}
	keys, err := parseVKeys(f.vkeys)
	if err != nil {
		return usage(c, fmt.Errorf("proof: %w", err))
	}
	text, err := readFile(f.check)
	if err != nil {
		return failed("", fmt.Errorf("proof: %w", err))
	}
	statement, err := readFile(f.statement)
	if err != nil {
		return failed("", fmt.Errorf("proof: %w", err))
	}
	proven, err := openProof(text, tlog.RecordHash(statement), keys)
	if err != nil {
		hint := "do not rely on this proof; safeconduct proof INDEX makes a new one"
		if errors.Is(err, errVKey) {
			hint = "is each --vkey a key of the log, or of a cosigner, that this proof is of?"
		}
		return failed(hint, fmt.Errorf("check %s: %w", f.check, err))
	}
	proven.File = f.statement
	return printAnswer(c, f.json, proven, proven.print)
}

// openProof reads a C2SP tlog-proof, in its one byte form, and checks that it
// leads from the leaf to a checkpoint that all keys have signed. Extra data,
// which nothing vouches for, is left unread.
func openProof(text []byte, leaf tlog.Hash, keys []vkey.Key) (*provenLeaf, error) {
	var p fproof.TLogProof
	if err := p.Unmarshal(text); err != nil {
		return nil, err
	}
	if !bytes.Equal(p.Marshal(), text) {
		return nil, errors.New("the proof is not in its one byte form")
	}
	cp, err := verify.ParseCheckpoint(p.Checkpoint)
	if err != nil {
		return nil, err
	}
	signers, err := signedByAll(p.Checkpoint, cp.Origin, keys)
	if err != nil {
		return nil, err
	}
	if p.Index >= uint64(cp.Tree.N) {
		return nil, fmt.Errorf("index %d lies outside of the %d leaves of its checkpoint", p.Index, cp.Tree.N)
	}
	var path tlog.RecordProof
	for _, h := range p.Hashes {
		path = append(path, h)
	}
	if err := tlog.CheckRecord(path, cp.Tree.N, cp.Tree.Hash, int64(p.Index), leaf); err != nil {
		return nil, fmt.Errorf("it does not prove that the statement is at index %d: %w", p.Index, err)
	}
	return &provenLeaf{Index: int64(p.Index), LeafHash: leaf, Origin: cp.Origin, Size: cp.Tree.N, SignedBy: signers}, nil
}

var errVKey = errors.New("the checkpoint is not signed as was asked for")

// parseVKeys reads verifier keys of logs and of cosigners.
func parseVKeys(given []string) ([]vkey.Key, error) {
	var out []vkey.Key
	for _, text := range given {
		if !strings.Contains(text, "+") {
			b, err := readFile(text)
			if err != nil {
				return nil, fmt.Errorf("--vkey: want <name>+<id>+<key>, or a file that holds one: %w", err)
			}
			text = strings.TrimSpace(string(b))
		}
		k, err := vkey.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("--vkey %q %w", text, err)
		}
		out = append(out, k)
	}
	return out, nil
}

// signedByAll names the keys, each of which must have signed the checkpoint;
// one must be the log's own where there are any.
func signedByAll(signed []byte, origin string, keys []vkey.Key) ([]string, error) {
	names := []string{}
	byLog := false
	for _, k := range keys {
		if _, err := note.Open(signed, note.VerifierList(k.Verifier)); err != nil {
			return nil, fmt.Errorf("%w: it has no valid signature by %s", errVKey, k.ID())
		}
		names = append(names, k.ID().String())
		byLog = byLog || k.Log && k.ID().Name == origin
	}
	if len(keys) > 0 && !byLog {
		return nil, fmt.Errorf("%w: no --vkey is a key of the log %q", errVKey, origin)
	}
	return names, nil
}
