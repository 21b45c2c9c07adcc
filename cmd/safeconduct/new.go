package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/draft"
	"github.com/safeconduct/safeconduct/registry/client"
)

// An origin is what a new version is drafted from.
type origin struct {
	from, url, iss, jti string
}

// kindRequest is what new prints a template of that is no statement.
const kindRequest = "request"

//go:embed template/request.yaml
var requestTemplate string

func newCommand() *cobra.Command {
	kinds := []string{"registration", "entity", "domain", "consent", "event", "entity-event", "succession", "freeze", "root", kindRequest}
	var o origin
	c := &cobra.Command{
		Use:   "new KIND [--from FILE.jws | --from ID --registry URL --iss AUTHORITY]",
		Short: "Print a commented draft of a statement to fill in, or of a new version",
		Long: "Prints a commented draft of a statement, or of a request to check. --from drafts a new version of one instead,\n" +
			"which supersedes it and says the same until you change it: of the statement in a file,\n" +
			"or with --registry of the newest that the authority has made of an entity or sandbox.",
		Example: "  safeconduct new entity > approval.yaml\n" +
			"  safeconduct new domain --from SBX-UCOMMS --registry http://127.0.0.1:8080 --iss auth-us > approval.yaml",
		ValidArgs: kinds,
		Args:      exactly("kind"),
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(kinds, args[0]) {
				return usage(c, fmt.Errorf("new: unknown kind %q: want one of %v", args[0], kinds))
			}
			text := draft.Template(attest.Kind(args[0]))
			switch {
			case args[0] == kindRequest && o != origin{}:
				return usage(c, errors.New("new request: it has no versions: it goes without --from"))
			case args[0] == kindRequest:
				text = requestTemplate
			case o.from != "":
				old, err := o.load(c, attest.Kind(args[0]))
				if err != nil {
					return err
				}
				if text, err = draft.Amendment(old, time.Now()); err != nil {
					return usage(c, fmt.Errorf("new %s: %w", args[0], err))
				}
			case o != origin{}:
				return usage(c, errors.New("new: --registry, --iss and --jti go with --from"))
			}
			_, err := fmt.Fprint(c.OutOrStdout(), text)
			return err
		},
	}
	c.Flags().StringVar(&o.from, "from", "", "statement to draft a new version of: a .jws file, or with --registry the id of an entity or sandbox")
	registryFlag(c, &o.url)
	serverFlag(c, &o.url)
	c.Flags().StringVar(&o.iss, "iss", "", "with --registry: the authority whose statement it is")
	c.Flags().StringVar(&o.jti, "jti", "", "with --registry: the statement, where the authority has several")
	return c
}

// load returns the statement that a new version is drafted from.
func (o *origin) load(c *cobra.Command, kind attest.Kind) (attest.Claims, error) {
	if o.url == "" {
		if o.iss != "" || o.jti != "" {
			return nil, usage(c, errors.New("new: --iss and --jti go with --registry"))
		}
		u, err := readStatement(o.from)
		if err != nil {
			return nil, failed("", fmt.Errorf("new: %w", err))
		}
		if k := u.ClaimsUnsafe().Kind(); k != kind {
			return nil, failed("", fmt.Errorf("new %s: %s is of kind %s", kind, o.from, k))
		}
		return u.ClaimsUnsafe(), nil
	}
	cl, err := newClient(c, o.url)
	if err != nil {
		return nil, err
	}
	sub := attest.EntitySubject(o.from)
	if kind == attest.KindDomainApproval {
		sub = attest.SandboxSubject(o.from)
	}
	logged, err := loggedOf(c.Context(), cl, sub)
	if err != nil {
		return nil, failed(reachHint(err), fmt.Errorf("new %s: what is logged of %s: %w", kind, o.from, err))
	}
	found := newest(logged, func(c attest.Claims) bool {
		return c.Kind() == kind && (o.iss == "" || c.Head().Iss == o.iss) && (o.jti == "" || c.Head().JTI == o.jti)
	})
	switch len(found) {
	case 0:
		return nil, failed("", fmt.Errorf("new %s: nothing of that kind is logged of %s by that name", kind, o.from))
	case 1:
		return found[0], nil
	}
	var names []string
	for _, f := range found {
		names = append(names, f.Head().JTI+" of "+f.Head().Iss)
	}
	return nil, failed("name one with --iss and --jti", fmt.Errorf("new %s: %s has several: %s", kind, o.from, strings.Join(names, ", ")))
}

// loggedOf lists what a register has of a subject, on its word.
func loggedOf(ctx context.Context, cl *client.Client, sub string) ([]attest.Claims, error) {
	fetch, id := cl.Sandbox, strings.TrimPrefix(sub, "sandbox:")
	if rest, ok := strings.CutPrefix(sub, "entity:"); ok {
		fetch = cl.Entity
		id, _, _ = strings.Cut(rest, "/")
	}
	logged, err := fetch(ctx, id)
	if err != nil {
		return nil, err
	}
	var out []attest.Claims
	for _, l := range logged {
		out = append(out, l.Claims)
	}
	return out, nil
}

// newest returns those statements, among which no other supersedes.
func newest(logged []attest.Claims, wanted func(attest.Claims) bool) (out []attest.Claims) {
	superseded := func(c attest.Claims) bool {
		return slices.ContainsFunc(logged, func(d attest.Claims) bool {
			g := attest.GrantOf(d)
			return g != nil && g.Supersedes == c.Head().JTI && d.Head().Iss == c.Head().Iss
		})
	}
	for _, c := range logged {
		if wanted(c) && attest.GrantOf(c) != nil && !superseded(c) {
			out = append(out, c)
		}
	}
	return out
}
