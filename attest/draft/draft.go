// Package draft reads statements as officers write them: in YAML, with times
// that people can read, and lists in any order.
//
// [Parse] makes the claims that [attest.Sign] signs, or says everything that
// is wrong with the draft, each mistake with its line. [Template] is a draft
// to begin with, [Amendment] one of a new version. A draft has the members of the statement's payload, and
//
//   - kind: what it is, one of registration, entity, domain, consent, event,
//     entity-event, succession and root;
//   - times as RFC 3339 with an offset, 2026-01-01T00:00:00Z, never a date
//     alone;
//   - entity: <scheme>:<value>, or sandbox: <id>, in place of sub; in an event
//     on an entity's registration also on: registration, and consent: <jti> in
//     one on a consent, whose target that is; a consent has no sub to say;
//   - amounts as text or as plain numbers; both are kept as they stand;
//   - concurrence: ALL for the number of the authorities;
//   - in a trust root, the names of files, relative to the draft, in place of
//     keys: a JWK for an officer's, a verifier key for the others.
//
// It may leave out iat, and what [Options] has a default for; vct is filled
// in, and so are version, jti, iss and sub of a trust root.
package draft

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/strictjson"
	"github.com/safeconduct/safeconduct/internal/yamldoc"
)

// Options are what a draft need not say. The zero Options work.
type Options struct {
	// Now is the iat of a draft that gives none. Zero leaves it missing.
	Now time.Time
	// Aud and Iss are those of a draft that gives none; a trust root's iss is
	// "root" whatever stands here.
	Aud, Iss string
	// ReadFile reads a key file that a trust root names, relative to the
	// draft. Nil reads from the directory of the draft's file.
	ReadFile func(name string) ([]byte, error)
}

// kinds lists the kinds of draft in the order that people are told of them.
var kinds = []attest.Kind{
	attest.KindRegistration, attest.KindEntityApproval, attest.KindDomainApproval, attest.KindConsent,
	attest.KindEvent, attest.KindEntityEvent, attest.KindSuccession, attest.KindFreeze, attest.KindRoot,
}

// maxDocument bounds a draft as JSON, in bytes: far more than the statement may have
// that is made of it.
const maxDocument = 4 * attest.MaxBytes

// Parse reads a draft; file is its name, for messages. What it returns may be
// signed as it stands. The error prints every mistake on a line of its own,
// FILE:LINE: member: message.
//
// What the draft marks as confidential has been taken out of it: [ParseConfidential]
// returns that, too.
func Parse(file string, data []byte, opt Options) (attest.Claims, error) {
	c, _, err := ParseConfidential(file, data, opt)
	return c, err
}

// ParseConfidential is like [Parse], and returns the disclosures of what the draft
// of an entity approval marks as confidential, for its holder. A member is marked by
// confidential: true beside its value, or in the ceiling itself:
//
//	legal_name: {value: Varuna Deepsense Private Limited, confidential: true}
//	caveats:
//	  value: {currency: USD, per_transaction: 250000, confidential: true}
//
// Salts are random, so that the same draft gives another approval each time.
func ParseConfidential(file string, data []byte, opt Options) (attest.Claims, []attest.Disclosure, error) {
	doc, err := yamldoc.Parse(data)
	if err != nil {
		return nil, nil, yamldoc.InFile(file, err)
	}
	if n := len(doc.JSON()); n > maxDocument {
		return nil, nil, doc.Explain(file, attest.Problems{{Message: fmt.Sprintf(
			"has %d bytes, what aliases stand for included; a statement has at most %d", n, attest.MaxBytes)}})
	}
	if opt.ReadFile == nil {
		opt.ReadFile = func(name string) ([]byte, error) {
			return os.ReadFile(filepath.Join(filepath.Dir(file), filepath.FromSlash(name)))
		}
	}
	d := &draft{opt: opt, doc: doc, renamed: make(map[string]string)}
	claims, disclosures, err := d.read()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := doc.Explain(file, d.named()); err != nil {
		return nil, nil, err
	}
	return claims, disclosures, nil
}

// A draft is one that is being read.
type draft struct {
	opt     Options
	doc     *yamldoc.Doc
	kind    attest.Kind
	members map[string]any

	problems attest.Problems
	// silent are pointers whose mistake is reported elsewhere.
	silent []string
	// confidential are the pointers of what is marked so.
	confidential []string
	// renamed maps members of the payload to those that stand for them.
	renamed map[string]string
}

// read returns the claims, which are good where it has found no problems. Its
// error is none of the draft's.
func (d *draft) read() (attest.Claims, []attest.Disclosure, error) {
	dec := json.NewDecoder(bytes.NewReader(d.doc.JSON()))
	dec.UseNumber()
	if err := dec.Decode(&d.members); err != nil {
		return nil, nil, fmt.Errorf("read draft: %w", err)
	}
	claims := d.claims()
	if claims == nil {
		return nil, nil, nil
	}
	d.marks(d.members, "")
	d.defaults()
	d.subject()
	d.concurrence()
	d.keyFiles()
	fitted, _ := d.fit(d.members, reflect.TypeOf(claims).Elem(), "")
	data, err := json.Marshal(fitted)
	if err != nil {
		return nil, nil, fmt.Errorf("read draft: %w", err)
	}
	// What fit has let through is read once more by the reader of requests.
	unread := strictjson.UnmarshalAll(data, claims, strictjson.Form{MaxBytes: len(data)})
	if err := d.note(unread); err != nil {
		return nil, nil, err
	}
	// Of what could not be read, every member would be said to be missing.
	if unread == nil {
		if err := d.note(attest.Check(claims)); err != nil {
			return nil, nil, err
		}
	}
	if len(d.problems) > 0 {
		return nil, nil, nil
	}
	claims, disclosures, err := d.conceal(claims)
	if err != nil || len(d.problems) > 0 {
		return nil, nil, err
	}
	_, err = attest.Payload(claims)
	return claims, disclosures, d.note(err)
}

// claims takes the kind out of the draft and returns empty claims of it, nil
// where it is not known: then nothing else can be said.
func (d *draft) claims() attest.Claims {
	k, given := d.members["kind"]
	name, _ := k.(string)
	d.kind = attest.Kind(name)
	delete(d.members, "kind")
	for _, k := range kinds {
		if k == d.kind {
			return attest.NewClaims(k)
		}
	}
	if given {
		d.problems.Add("/kind", "unknown kind %v: want one of %s", quote(k), list(kinds))
	} else {
		d.problems.Add("/kind", "is missing: want one of %s", list(kinds))
	}
	return nil
}

// defaults fills in what the draft need not say.
func (d *draft) defaults() {
	fill := func(name string, v any) {
		if _, ok := d.members[name]; !ok && v != "" {
			d.members[name] = v
		}
	}
	fill("aud", d.opt.Aud)
	if !d.opt.Now.IsZero() {
		fill("iat", d.opt.Now.UTC().Format(time.RFC3339))
	}
	switch d.kind {
	case attest.KindRoot:
		fill("version", json.Number("1"))
		if v, ok := d.members["version"].(json.Number); ok {
			fill("jti", "root-"+v.String())
		}
		fill("iss", "root")
		fill("sub", attest.RootSubject)
	case attest.KindFreeze:
		fill("iss", d.opt.Iss)
		fill("sub", attest.RootSubject)
	case attest.KindEntityApproval:
		fill("vct", attest.VCT)
		fill("iss", d.opt.Iss)
	default:
		fill("iss", d.opt.Iss)
	}
}

// note records the problems that a reader of the claims has found, but for
// those with members that are reported already. It returns an error that is
// not problems.
func (d *draft) note(err error) error {
	if err == nil {
		return nil
	}
	found, ok := errors.AsType[attest.Problems](err)
	if !ok {
		return err
	}
	known := slices.Clone(d.silent)
	for _, p := range d.problems {
		known = append(known, p.Pointer)
		for member, rests := range resting {
			if at, ok := strings.CutSuffix(p.Pointer, member); ok {
				known = append(known, at+rests)
			}
		}
	}
	for _, p := range found {
		if !slices.ContainsFunc(known, func(k string) bool { return within(p.Pointer, k) || within(k, p.Pointer) }) {
			d.problems = append(d.problems, p)
		}
	}
	return nil
}

// resting has the members whose check says nothing where another is bad.
var resting = map[string]string{
	"/authorities": "/concurrence",
	"/iss":         "/sub",
	"/officers":    "/threshold",
	"/retroactive": "/retroactive_reason",
}

// within reports whether pointer is at or below another.
func within(pointer, other string) bool {
	return other != "" && (pointer == other || strings.HasPrefix(pointer, other+"/"))
}

// named returns the problems with the members as the draft names them.
func (d *draft) named() attest.Problems {
	out := make(attest.Problems, len(d.problems))
	for i, p := range d.problems {
		out[i] = p
		if name, ok := d.renamed[p.Pointer]; ok {
			out[i].Pointer = name
		}
	}
	return out
}
