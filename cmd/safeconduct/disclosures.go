package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
)

// A file of disclosures has one a line, as the issuer hands it to the holder.

func disclosureText(ds []attest.Disclosure) []byte {
	var b bytes.Buffer
	for _, d := range ds {
		b.WriteString(d.String() + "\n")
	}
	return b.Bytes()
}

func readDisclosures(file string) (ds []attest.Disclosure, err error) {
	data, err := readFile(file)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, fmt.Errorf("%s is empty", file)
	}
	if ds, err = attest.ParseDisclosures(strings.Split(strings.TrimRight(string(data), "\n"), "\n")); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return ds, nil
}

// readAllDisclosures reads several files, whose disclosures are handed on together.
func readAllDisclosures(files []string) (all []attest.Disclosure, err error) {
	var texts []string
	in := make(map[string]string)
	for _, file := range files {
		ds, err := readDisclosures(file)
		if err != nil {
			return nil, err
		}
		for i, d := range ds {
			if first, twice := in[d.String()]; twice {
				return nil, fmt.Errorf("%s: number %d is in %s already; give each once", file, i+1, first)
			}
			in[d.String()] = file
			texts = append(texts, d.String())
		}
	}
	if all, err = attest.ParseDisclosures(texts); err != nil {
		return nil, fmt.Errorf("%s, together: %w", strings.Join(files, ", "), err)
	}
	return all, nil
}

// disclosuresFlag is that of a command that decides.
func disclosuresFlag(c *cobra.Command, files *[]string, more string) {
	c.Flags().StringArrayVar(files, "disclosures", nil, "file of confidential members that a holder has disclosed, to decide by, once for each"+more)
}
