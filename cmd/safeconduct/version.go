package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// A build is what this program was made of.
type build struct {
	// Version is the module's, "(devel)" of one that was built from a work tree.
	Version string `json:"version"`
	// Revision is the commit, where it is known, and Modified says that files have
	// been changed since.
	Revision string `json:"revision,omitzero"`
	Time     string `json:"time,omitzero"`
	Modified bool   `json:"modified,omitzero"`
	Go       string `json:"go"`
}

// thisBuild reads what the compiler has kept.
func thisBuild() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return build{Version: "unknown"}
	}
	b := build{Version: info.Main.Version, Go: info.GoVersion}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (b build) String() string {
	text := b.Version
	if b.Revision != "" {
		text += ", revision " + b.Revision
	}
	if b.Time != "" {
		text += " of " + b.Time
	}
	if b.Modified {
		text += ", changed since"
	}
	return fmt.Sprintf("%s, %s", text, b.Go)
}

func versionCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Say which version of the program this is",
		Args:  exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			b := thisBuild()
			return printAnswer(c, asJSON, b, func(p *printer) { p.line("safeconduct %s", b.String()) })
		},
	}
	jsonFlag(c, &asJSON)
	return c
}
