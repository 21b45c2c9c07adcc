package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/screening"
)

// The exit statuses of screen.
const (
	exitIdentifier = 1
	exitName       = 3
	exitUnread     = 4
)

// screened is what screen answers.
type screened struct {
	Lists []listed        `json:"lists"`
	Hits  []screening.Hit `json:"hits"`
}

// listed is a list that was looked into.
type listed struct {
	Name        string `json:"name"`
	Version     string `json:"version,omitzero"`
	Digest      string `json:"digest"`
	Entries     int    `json:"entries"`
	Identifiers int    `json:"identifiers"`
}

func screenCommand() *cobra.Command {
	var ids, files []string
	var asJSON bool
	c := &cobra.Command{
		Use:   "screen [NAME…] [--id SCHEME:VALUE]… --list FILE…",
		Short: "Look a party up in lists of restricted parties",
		Long: "Looks for entries that have one of the party's identifiers, or else one of its\n" +
			"names, whatever their case, punctuation and legal form. All names and identifiers\n" +
			"given are one party's. A list is CSV as the US Consolidated Screening List, JSON as\n" +
			"FollowTheMoney, or a plain list that begins with \"# list: NAME\".\n" +
			"Exit status: 0 nothing found, 1 an entry has an identifier of the party, 2 wrong\n" +
			"usage, 3 one has only a name of it, 4 a list could not be read.",
		Example: "  safeconduct screen \"Varuna Deep Pvt Ltd\" --list consolidated.csv\n" +
			"  safeconduct screen --id lei:999900VARUNADEEP0174 --list partners.txt --list entities.ftm.json",
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case len(args)+len(ids) == 0:
				return usage(c, errors.New("screen: say whom to look up: a NAME, or --id SCHEME:VALUE"))
			case len(files) == 0:
				return usage(c, errors.New("screen: --list is missing: a file of restricted parties"))
			}
			return screenable(c, args, ids)
		},
		RunE: func(c *cobra.Command, args []string) error {
			answer := screened{Hits: []screening.Hit{}}
			for _, file := range files {
				l, err := readList(file)
				if err != nil {
					return &failure{exitUnread, fmt.Errorf("screen: %w", err), "nothing was looked up: a list that is left out finds nobody"}
				}
				answer.Lists = append(answer.Lists, listed{l.Name(), l.Version(), l.Digest(), l.Len(), l.Identifiers()})
				answer.Hits = append(answer.Hits, l.Screen(screening.Party{IDs: ids, Names: args})...)
			}
			if err := printAnswer(c, asJSON, answer, answer.print); err != nil {
				return &failure{code: exitUnread, err: err}
			}
			return answer.outcome()
		},
	}
	c.Flags().StringArrayVar(&ids, "id", nil, "identifier of the party, such as lei:999900VARUNADEEP0174 (repeatable)")
	c.Flags().StringArrayVar(&files, "list", nil, "file of restricted parties; - is standard input (repeatable)")
	jsonFlag(c, &asJSON)
	return c
}

// screenable refuses what no list could have: it would be found nowhere.
func screenable(c *cobra.Command, names, ids []string) error {
	for _, id := range ids {
		if _, err := identifier.Parse(id); err != nil {
			return usage(c, fmt.Errorf("screen: --id: %w", err))
		}
	}
	for _, name := range names {
		if screening.Normalise(name) == "" {
			return usage(c, fmt.Errorf("screen: %q names nobody: nothing is left of it without punctuation", name))
		}
	}
	return nil
}

func readList(file string) (*screening.List, error) {
	if file == "-" {
		return screening.Parse("standard input", os.Stdin)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return screening.Parse(filepath.Base(file), f)
}

// listsFlag is for commands that decide: their parties are screened.
func listsFlag(c *cobra.Command, files *[]string) {
	c.Flags().StringArrayVar(files, "screen", nil, "file of restricted parties to screen against (repeatable)")
}

func readLists(files []string) (lists []*screening.List, err error) {
	for _, file := range files {
		l, err := readList(file)
		if err != nil {
			return nil, fmt.Errorf("read the restricted parties of %s: %w", file, err)
		}
		lists = append(lists, l)
	}
	return lists, nil
}

func (s *screened) print(p *printer) {
	switch n := len(s.Hits); n {
	case 0:
		p.line("nothing found")
	case 1:
		p.line("1 hit")
	default:
		p.line("%d hits", n)
	}
	p.line("")
	if len(s.Hits) > 0 {
		rows := [][]string{{"BY", "LIST", "ENTRY", "REF", "MATCHED", "FROM"}}
		for _, h := range s.Hits {
			rows = append(rows, []string{string(h.By), h.List, h.Entry, h.Ref, h.Matched, from(h)})
		}
		p.table(rows...)
		p.line("")
	}
	for _, l := range s.Lists {
		version := "which does not say its version"
		if l.Version != "" {
			version = "version " + l.Version
		}
		p.line("looked into %s, %s: %d entries, %d identifiers, digest %s", l.Name, version, l.Entries, l.Identifiers, l.Digest)
		if l.Identifiers == 0 {
			p.line("note: %s has no identifiers, so that only names can be found in it", l.Name)
		}
	}
}

// from says where an entry comes from, and why it is restricted.
func from(h screening.Hit) string {
	switch {
	case h.Programme == "":
		return h.Source
	case h.Source == "":
		return h.Programme
	default:
		return h.Source + ", " + h.Programme
	}
}

// outcome turns an answer that has been printed into the exit status.
func (s *screened) outcome() error {
	switch {
	case len(s.Hits) == 0:
		return nil
	case slices.ContainsFunc(s.Hits, func(h screening.Hit) bool { return h.By == screening.Identifier }):
		return &failure{code: exitIdentifier}
	default:
		return &failure{code: exitName}
	}
}
