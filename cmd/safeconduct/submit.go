package main

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/registry/client"
)

func submitCommand() *cobra.Command {
	var url string
	var published, asJSON bool
	c := &cobra.Command{
		Use:   "submit FILE.jws… --registry URL",
		Short: "Log statements",
		Long: "Sends each statement to the register and prints where it was logged. Sending one\n" +
			"again is harmless: the answer is the first receipt. It stops at the first refusal.\n" +
			"Of every receipt it is checked that its proof leads from the leaf to the root of its\n" +
			"checkpoint, but nobody's signature on that: who wants more asks for a proof later, with\n" +
			"safeconduct proof --vkey. --json prints receipts whole, with proof and checkpoint, to keep.\n" +
			"What is logged is durable; it is shown to others once the register's witnesses and\n" +
			"mirrors have cosigned it, which --published waits for.",
		Example: "  safeconduct submit approval.jws --registry http://127.0.0.1:8080",
		Args:    atLeastOne("FILE.jws"),
		RunE: func(c *cobra.Command, args []string) error {
			cl, err := newClient(c, url)
			if err != nil {
				return err
			}
			var receipts []*client.Receipt
			rows := [][]string{{"INDEX", "LOGGED AT", "LEAF HASH", "PROVEN AT SIZE", "FILE"}}
			var refused error
			for _, file := range args {
				st, err := readFile(file)
				if err != nil {
					refused = fmt.Errorf("submit: %w", err)
					break
				}
				if err := notDraft(file, st, "sign"); err != nil {
					refused = fmt.Errorf("submit: %w", err)
					break
				}
				submit := cl.Submit
				if published {
					submit = cl.SubmitPublished
				}
				r, err := submit(c.Context(), st)
				if err != nil {
					refused = fmt.Errorf("submit %s: %w", file, err)
					break
				}
				receipts = append(receipts, r)
				name := file
				if !r.Of(st) {
					name += " (the same had been logged under other signatures)"
				}
				rows = append(rows, []string{strconv.FormatInt(r.Index, 10), r.Time, r.LeafHash.String(), strconv.FormatInt(r.Size, 10), name})
			}
			if len(receipts) > 0 {
				if err := printAnswer(c, asJSON, receipts, func(p *printer) { p.table(rows...) }); err != nil {
					return err
				}
			}
			if refused != nil {
				return failed(reachHint(refused), refused)
			}
			return nil
		},
	}
	registryFlag(c, &url)
	c.Flags().BoolVar(&published, "published", false, "wait until the register's cosigners have cosigned what is logged")
	jsonFlag(c, &asJSON)
	return c
}

func reachHint(err error) string {
	if e, ok := errors.AsType[*client.UnreachableError](err); ok {
		if strings.Contains(e.Error(), "server gave HTTP response to HTTPS client") {
			return "what is there speaks http: try --registry http://…"
		}
		return "is the register running there? safeconduct serve starts one"
	}
	return addressHint(err)
}

// addressHint says what to do where something else answers than a register.
func addressHint(err error) string {
	const want = "--registry wants the register's own address, such as http://127.0.0.1:8080: no path of its API behind it"
	p, ok := errors.AsType[*client.Problem](err)
	switch {
	case !ok:
		return ""
	case p.Status == http.StatusBadRequest && p.Type == "about:blank":
		return "what is there may want https: try --registry https://…"
	case p.Type == "about:blank", p.Status == http.StatusNotFound && p.Detail == "there is nothing at this path":
		return want
	default:
		return ""
	}
}
