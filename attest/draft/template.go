package draft

import (
	"embed"

	"github.com/safeconduct/safeconduct/attest"
)

//go:embed template/*.yaml
var templates embed.FS

// Template returns a draft of the kind to fill in: it says of every member in
// an officer's words what it means and whether it may be left out, and with
// its fictional example it parses as it stands, but for the iat, which is
// [Options].Now. For an unknown kind it returns "".
func Template(kind attest.Kind) string {
	text, err := templates.ReadFile("template/" + string(kind) + ".yaml")
	if err != nil {
		return ""
	}
	return string(text)
}
