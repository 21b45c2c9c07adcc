package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/client"
	"github.com/safeconduct/safeconduct/registry/tlogtiles"
	"github.com/safeconduct/safeconduct/screening"
	"github.com/safeconduct/safeconduct/verify"
)

func recheckCommand() *cobra.Command {
	r := new(rechecking)
	var asJSON bool
	var trust string
	var lists []string
	c := &cobra.Command{
		Use:   "recheck REQUEST.yaml… --registry URL --since SIZE [--trust TRUST]",
		Short: "What has changed for standing requests since a size of the log",
		Long: "Decides each request twice: on what the log had at SIZE, and on all that it has now,\n" +
			"and lists those whose answer differs, with the statements that make the difference. A\n" +
			"directory stands for the .yaml files in it. SIZE is that of a checkpoint, such as one\n" +
			"that an earlier answer names. With a trust file every answer is taken from evidence,\n" +
			"without one the register's word is.\n" +
			"Exit status: 0 nothing changed, 1 something did, 2 wrong usage, 4 not decided.",
		Example: "  safeconduct recheck partners/ --registry http://127.0.0.1:8080 --since 1042 --trust trust.yaml",
		Args:    atLeastOne("REQUEST.yaml"),
		RunE: func(c *cobra.Command, args []string) error {
			size, err := verify.ParseSize(r.since)
			if err != nil || size == 0 {
				return usage(c, fmt.Errorf("recheck: --since %q: want the size of a checkpoint, such as 1042", r.since))
			}
			if r.cl, err = newClient(c, r.url); err != nil {
				return err
			}
			if r.tiles, err = tilesOf(c, r.url); err != nil {
				return err
			}
			if trust != "" {
				if r.trust, err = readTrust(trust); err != nil {
					return undecided("", fmt.Errorf("recheck: read what to trust from %s:\n%w", trust, err))
				}
			}
			if r.lists, err = readLists(lists); err != nil {
				return undecided("", fmt.Errorf("recheck: %w", err))
			}
			if len(r.lists) > 0 && r.trust == nil {
				return usage(c, errors.New("recheck: --screen goes with --trust: without evidence it is the register that screens"))
			}
			if err := r.fetchLeaf(c.Context(), size); err != nil {
				return undecided(reachHint(err), fmt.Errorf("recheck: --since %d: %w", size, err))
			}
			answer, err := r.all(c, args)
			if err != nil {
				return err
			}
			if err := printAnswer(c, asJSON, answer, answer.print); err != nil {
				return undecided("", err)
			}
			if len(answer.Changed) > 0 {
				return &failure{code: exitFailed}
			}
			return nil
		},
	}
	registryFlag(c, &r.url)
	c.Flags().StringVar(&r.since, "since", "", "size of the log to compare with")
	c.Flags().StringVar(&trust, "trust", "", "trust file, to decide on evidence")
	listsFlag(c, &lists)
	jsonFlag(c, &asJSON)
	return c
}

// rechecking is a recheck under way.
type rechecking struct {
	url, since string
	cl         *client.Client
	tiles      *tlogtiles.Client
	trust      *verify.Trust
	lists      []*screening.List
	// size is that of since, leaf the hash of the leaf that ends its tree, and then
	// the time in it; proven says that evidence has shown it there.
	size   int64
	leaf   tlog.Hash
	then   time.Time
	proven bool
}

// rechecked is what recheck answers.
type rechecked struct {
	Since   time.Time        `json:"since"`
	Checked int              `json:"checked"`
	Changed []changedRequest `json:"changed"`
}

// changedRequest is a request whose answer differs.
type changedRequest struct {
	Request    string        `json:"request"`
	Reference  string        `json:"reference,omitzero"`
	Then       policy.Result `json:"then"`
	ThenCodes  []policy.Code `json:"then_codes"`
	Now        policy.Result `json:"now"`
	NowCodes   []policy.Code `json:"now_codes"`
	Statements []policy.Ref  `json:"statements"`
}

// fetchLeaf fetches the status leaf that ends a tree of the size asked about, and
// takes its time. It is the register's word until it is proven.
func (r *rechecking) fetchLeaf(ctx context.Context, size int64) error {
	if shown, err := logSize(ctx, r.cl); err != nil {
		return err
	} else if size > shown {
		return fmt.Errorf("the log has size %d, and no more", shown)
	}
	leaf, err := r.tiles.Leaf(ctx, size-1, size)
	if err != nil {
		return err
	}
	s, err := verify.ParseStatusLeaf(leaf)
	if err != nil {
		return errors.New("no batch ended there: name the size of a checkpoint")
	}
	r.size, r.leaf, r.then = size, tlog.RecordHash(leaf), s.Time
	return nil
}

// proveLeaf proves that the leaf stands in the tree of evidence that was
// checked: a register that names another time would hide what has changed.
func (r *rechecking) proveLeaf(ctx context.Context, evidence []byte) error {
	e, err := verify.Parse(evidence)
	if err != nil {
		return err
	}
	cp, err := verify.ParseCheckpoint([]byte(e.Checkpoint))
	if err != nil {
		return err
	}
	if r.size > cp.Tree.N {
		return fmt.Errorf("the evidence is of size %d, which is less than --since %d", cp.Tree.N, r.size)
	}
	// What is read is checked against the tree's hash.
	hashes, err := r.tiles.Hashes(ctx, cp.Tree).ReadHashes([]int64{tlog.StoredHashIndex(0, r.size-1)})
	if err != nil {
		return fmt.Errorf("prove the time of size %d: %w", r.size, err)
	}
	if hashes[0] != r.leaf {
		return fmt.Errorf("the log of the evidence has another leaf at the end of size %d than the register showed: do not rely on this register", r.size)
	}
	return nil
}

func (r *rechecking) all(c *cobra.Command, args []string) (*rechecked, error) {
	out := &rechecked{Since: r.then, Changed: []changedRequest{}}
	var files []string
	for _, a := range args {
		in, err := requestsIn(a)
		if err != nil {
			return nil, &failure{exitUsage, fmt.Errorf("recheck: %w", err), "nothing was decided"}
		}
		files = append(files, in...)
	}
	for _, file := range files {
		req, err := readRequest(file)
		if err != nil {
			return nil, &failure{exitUsage, fmt.Errorf("recheck %s:\n%w", file, err), "nothing was decided; mend the request and ask again"}
		}
		d, by, err := r.decide(c.Context(), req)
		if err != nil {
			return nil, undecided(reachHint(err), fmt.Errorf("recheck %s: %w", file, err))
		}
		out.Checked++
		if h := d.Hindsight; h != nil {
			out.Changed = append(out.Changed, changedRequest{file, req.Reference, d.Decision, d.Codes(), h.Decision, h.Codes, by})
		}
	}
	return out, nil
}

// requestsIn are the .yaml files of a directory, or the file itself. A pattern
// in a name is no pattern: the directory is called so.
func requestsIn(name string) ([]string, error) {
	entries, err := os.ReadDir(name)
	if err != nil {
		return []string{name}, nil //nolint:nilerr // what it is, reading it tells
	}
	var files []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".yaml" {
			files = append(files, filepath.Join(name, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no .yaml files", name)
	}
	return files, nil
}

// decide decides on what was logged by then; hindsight says what has come since,
// and by which statements.
func (r *rechecking) decide(ctx context.Context, req *policy.Request) (d *policy.Decision, by []policy.Ref, err error) {
	req.KnownAt, req.CheckedAt = policy.InstantOf(r.then), policy.Instant{}
	doc, err := json.Marshal(req)
	if err != nil {
		return nil, nil, err
	}
	if r.trust == nil {
		d, _, err := r.cl.Check(ctx, doc, false)
		if err != nil || d.Hindsight == nil {
			return d, nil, err
		}
		evidence, err := r.cl.Evidence(ctx, doc)
		if err != nil {
			return nil, nil, err
		}
		e, err := openEvidence(evidence, nil)
		if err != nil {
			// Without it, all that the answer rests on is named.
			return d, d.Hindsight.Statements, nil //nolint:nilerr // it is the register's word in any case
		}
		by, err = blame(e, req, d.Hindsight, r.then, time.Now(), nil)
		return d, by, err
	}
	evidence, err := r.cl.Evidence(ctx, doc)
	if err != nil {
		return nil, nil, err
	}
	e, err := verify.Open(evidence, r.trust, time.Now())
	if err != nil {
		return nil, nil, err
	}
	q, err := policy.Ask(req)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	if d, err = e.Decide(q, req.Times(now), r.lists...); err == nil && !r.proven {
		err = r.proveLeaf(ctx, evidence)
		r.proven = err == nil
	}
	if err != nil || d.Hindsight == nil {
		return d, nil, err
	}
	by, err = blame(e, req, d.Hindsight, r.then, now, r.lists)
	return d, by, err
}

func (a *rechecked) print(p *printer) {
	if len(a.Changed) == 0 {
		p.line("of %s none has another answer since %s", count(a.Checked, "request"), a.Since.Format(time.RFC3339))
		return
	}
	has := "have"
	if len(a.Changed) == 1 {
		has = "has"
	}
	p.line("%d of %s "+has+" another answer since %s", len(a.Changed), count(a.Checked, "request"), a.Since.Format(time.RFC3339))
	rows := [][]string{{"REQUEST", "THEN", "NOW", "BY"}}
	for _, c := range a.Changed {
		var by []string
		for _, s := range c.Statements {
			by = append(by, s.Issuer+" "+s.JTI+" (log index "+strconv.FormatInt(s.Index, 10)+")")
		}
		rows = append(rows, []string{
			strings.TrimSpace(c.Request + " " + c.Reference),
			strings.TrimSpace(string(c.Then) + " " + words(c.ThenCodes)), strings.TrimSpace(string(c.Now) + " " + words(c.NowCodes)), strings.Join(by, ", "),
		})
	}
	p.table(rows...)
}
