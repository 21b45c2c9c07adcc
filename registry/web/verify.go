package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/presentation"
	"github.com/safeconduct/safeconduct/registry/web/verifier"
	"github.com/safeconduct/safeconduct/verify"
)

// verifyScript starts the verifier in the browser, and shows what it finds.
var verifyScript = newScript("verify")

// maxDropped is how many files may be dropped at once: more than are ever of use together.
const maxDropped = 20

// verifyPage is what the page that verifies files shows.
type verifyPage struct {
	verification
	// Trust is what the register's own answers trust, "" where it has none.
	Trust string
	// MaxFile, MaxDocument and MaxList bound what is read, in bytes.
	MaxFile, MaxDocument, MaxList int
	// MaxLists is how many lists are read, MaxDropped how many files may be dropped at once.
	MaxLists, MaxDropped int
	// MaxAge is how old a presentation may be where nothing else is entered, in minutes.
	MaxAge int
	// Titles are of the codes of reasons and warnings, for the script to show.
	Titles []codeTitle
}

// A codeTitle is what a code is called; Key is that of the catalogue.
type codeTitle struct{ Key, Title string }

// titles are those of all codes that a report may have.
func titles() (out []codeTitle) {
	for key, title := range words {
		if strings.HasPrefix(key, "code.") || strings.HasPrefix(key, "warning.") {
			out = append(out, codeTitle{key, title})
		}
	}
	slices.SortFunc(out, func(a, b codeTitle) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// verification is what the verifier in the browser is shown with.
type verification struct {
	// InBrowser is nil where this build has no verifier.
	InBrowser *browserVerifier
	Steps     []verifyStep
}

// A verifyStep is one of a verification.
type verifyStep struct {
	Name string
	// Presentation says that it is of presentations alone.
	Presentation bool
}

// longest is how long the verifier in the browser may take for a file.
const longest = time.Minute

// LongestMillis is how long the verifier may take, in milliseconds.
func (verification) LongestMillis() int64 { return longest.Milliseconds() }

// LongestSeconds is how long the verifier may take, in seconds.
func (verification) LongestSeconds() int { return int(longest.Seconds()) }

// ofFiles is of evidence and of presentations.
func ofFiles() verification {
	v := verification{InBrowser: inBrowser}
	ofEvidence := verifier.Steps(false)
	for _, name := range verifier.Steps(true) {
		if name != verifier.StepAnswer {
			v.Steps = append(v.Steps, verifyStep{name, !slices.Contains(ofEvidence, name)})
		}
	}
	return v
}

// verify serves /verify. Which file is verified, and what is found, it never learns.
func (p *Pages) verify(x *exchange) (*page, error) {
	if err := x.read(false, nil); err != nil {
		return nil, err
	}
	v := &verifyPage{
		verification: ofFiles(), MaxFile: verifier.MaxFile, MaxDocument: verifier.MaxDocument, MaxList: verifier.MaxList,
		MaxLists: verifier.MaxLists, MaxDropped: maxDropped,
		MaxAge: int(presentation.DefaultAge.Minutes()), Titles: titles(),
	}
	if t := p.reg.OwnTrust(); t != nil {
		text, err := readable(t)
		if err != nil {
			return nil, err
		}
		v.Trust = text
	}
	return &page{template: "verify", Title: say("verify.title"), Here: "/verify", Body: v, Scripts: []*asset{verifyScript}}, nil
}

// readable is a trust file for people to read, and for the verifier.
func readable(t *verify.Trust) (string, error) {
	doc, err := t.MarshalJSON()
	var b bytes.Buffer
	if err == nil {
		err = json.Indent(&b, doc, "", "  ")
	}
	if err != nil {
		return "", fmt.Errorf("show what the register trusts: %w", err)
	}
	return b.String(), nil
}
