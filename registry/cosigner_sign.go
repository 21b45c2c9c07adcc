package registry

import (
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/verify"
)

// Name returns the cosigner's name, as its signature lines begin.
func (c *Cosigner) Name() string { return c.name }

// Cosign returns the cosigner's signature line, with its newline, for a signed
// checkpoint. It is dated to the second, down from at. What the cosignature
// says is for the caller to have checked.
func (c *Cosigner) Cosign(checkpoint []byte, at time.Time) (line []byte, err error) {
	p, err := verify.ParseCheckpoint(checkpoint)
	if err != nil {
		return nil, fmt.Errorf("cosign as %s: %w", c.name, err)
	}
	signed, err := note.Sign(&note.Note{Text: p.Text}, c.at(at))
	if err != nil {
		return nil, fmt.Errorf("cosign as %s: %w", c.name, err)
	}
	return signed[len(p.Text)+1:], nil
}
