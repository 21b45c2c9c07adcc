package main

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/yamldoc"
	"github.com/safeconduct/safeconduct/verify"
)

// A trusted is the trust root that a statement is judged by: one in a file, or
// the newest of a register, on its word.
type trusted struct {
	file, url, trust string
}

func (t *trusted) flags(c *cobra.Command) {
	c.Flags().StringVar(&t.file, "root", "", "trust root in force, a root.jws, to tell who has signed")
	c.Flags().StringVar(&t.trust, "trust", "", "trust file, to take the trust root of --registry, with all freezes, from evidence")
	registryFlag(c, &t.url)
	serverFlag(c, &t.url)
}

// serverFlag takes --server for --registry, too.
func serverFlag(c *cobra.Command, v *string) {
	c.Flags().StringVar(v, "server", "", "")
	if err := c.Flags().MarkHidden("server"); err != nil {
		panic(err) // there is no such flag
	}
}

// load returns the trust root, nil where none is given, and how it is known.
func (t *trusted) load(c *cobra.Command) (*attest.TrustRoot, string, error) {
	switch {
	case t.file != "" && t.url != "":
		return nil, "", usage(c, fmt.Errorf("%s: --root and --registry: give one of them", c.Name()))
	case t.file != "" && t.trust != "":
		return nil, "", usage(c, fmt.Errorf("%s: --trust goes with --registry; --root is taken as it is", c.Name()))
	case t.file != "":
		st, err := openRoot(t.file)
		if err != nil {
			return nil, "", failed("", err)
		}
		return st.TrustRoot(), t.file + ", which tells of no freeze since (--registry with --trust does)", nil
	case t.url != "":
		return t.fetch(c)
	case t.trust != "":
		return nil, "", usage(c, fmt.Errorf("%s: --trust goes with --registry", c.Name()))
	default:
		return nil, "", nil
	}
}

// fetch asks a register for its trust root. Without a trust file it is its word,
// and what was frozen since that version is not known.
func (t *trusted) fetch(c *cobra.Command) (*attest.TrustRoot, string, error) {
	cl, err := newClient(c, t.url)
	if err != nil {
		return nil, "", err
	}
	if t.trust != "" {
		trust, err := readTrust(t.trust)
		if err != nil {
			return nil, "", failed(trustHint, fmt.Errorf("read what to trust from %s:\n%w", t.trust, err))
		}
		evidence, err := cl.EvidenceOf(c.Context(), []string{attest.RootSubject})
		if err != nil {
			return nil, "", failed(reachHint(err), fmt.Errorf("fetch the history of root: %w", err))
		}
		opened, err := verify.Open(evidence, trust, time.Now())
		if err != nil {
			return nil, "", failed(verifyHint(err), fmt.Errorf("the history of root from %s: %w", t.url, err))
		}
		return opened.TrustRoot(), "proven by " + t.url, nil
	}
	data, err := cl.TrustRoot(c.Context())
	if err != nil {
		return nil, "", failed(reachHint(err), fmt.Errorf("fetch the trust root: %w", err))
	}
	st, err := attest.OpenRoot(data, nil)
	if err != nil {
		return nil, "", failed("", fmt.Errorf("read the trust root of %s: %w", t.url, err))
	}
	return st.TrustRoot(), "on the word of " + t.url + ", which tells of no freeze since (--trust proves it)", nil
}

// readStatement reads a signed statement.
func readStatement(file string) (*attest.Unopened, error) {
	data, err := readFile(file)
	if err != nil {
		return nil, err
	}
	return parseStatement(file, data)
}

// notDraft says so where a file is the draft of a statement, and which command
// signs it.
func notDraft(file string, data []byte, sign string) error {
	if isStatement("", data) {
		return nil
	}
	switch draftKind(data) {
	case "":
		return nil
	case attest.KindRoot:
		sign = "root sign"
	}
	return fmt.Errorf("%s is a draft; sign it first: safeconduct %s %s --key …", file, sign, file)
}

// draftKind is the kind of a draft, "" of what is none.
func draftKind(data []byte) attest.Kind {
	doc, err := yamldoc.Parse(data)
	if err != nil {
		return ""
	}
	var d struct {
		Kind attest.Kind `json:"kind"`
	}
	if err := json.Unmarshal(doc.JSON(), &d); err != nil {
		return ""
	}
	return d.Kind
}

func parseStatement(file string, data []byte) (*attest.Unopened, error) {
	if err := notDraft(file, data, "sign"); err != nil {
		return nil, err
	}
	u, err := attest.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return u, nil
}
