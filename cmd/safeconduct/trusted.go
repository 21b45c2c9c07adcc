package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
)

// A trusted is the trust root that a statement is judged by: one in a file, or
// the newest of a register, on its word.
type trusted struct {
	file, url string
}

func (t *trusted) flags(c *cobra.Command) {
	c.Flags().StringVar(&t.file, "root", "", "trust root in force, a root.jws, to tell who has signed")
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
	case t.file != "":
		st, err := openRoot(t.file)
		if err != nil {
			return nil, "", failed("", err)
		}
		return st.TrustRoot(), t.file, nil
	case t.url != "":
		cl, err := newClient(c, t.url)
		if err != nil {
			return nil, "", err
		}
		data, err := cl.TrustRoot(c.Context())
		if err != nil {
			return nil, "", failed(reachHint(err), fmt.Errorf("fetch the trust root: %w", err))
		}
		st, err := attest.OpenRoot(data, nil)
		if err != nil {
			return nil, "", failed("", fmt.Errorf("read the trust root of %s: %w", t.url, err))
		}
		return st.TrustRoot(), "on the word of " + t.url, nil
	default:
		return nil, "", nil
	}
}

// readStatement reads a signed statement.
func readStatement(file string) (*attest.Unopened, error) {
	data, err := readFile(file)
	if err != nil {
		return nil, err
	}
	return parseStatement(file, data)
}

func parseStatement(file string, data []byte) (*attest.Unopened, error) {
	u, err := attest.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return u, nil
}
