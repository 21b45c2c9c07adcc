// Package amend says what a new version of a grant changes: a registration, an
// approval or a consent that replaces another one.
//
// [Diff] lists the changes, [Times] says how the two versions follow each other
// in time, and [Joint] what becomes of the concurrence of a joint sandbox when
// one of its authorities changes the terms:
//
//	changes, err := amend.Diff(older, newer)
//	findings := amend.Times(older, newer)
//	findings = append(findings, amend.Joint(newer, logged)...)
//
// All is in words that package prose has made safe to show. The functions are
// pure, and safe for concurrent use.
package amend

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/prose"
)

// A Kind says what a change does.
type Kind string

// The kinds of change.
const (
	// Added: an element is in a list that was not, such as a site, an item or an
	// obligation.
	Added Kind = "added"
	// Ended: an element is no longer in its list.
	Ended Kind = "ended"
	// Narrowed: what stands in both versions has tighter bounds now, such as a
	// lower ceiling, an earlier end, an exclusion, or a limit where there was none.
	Narrowed Kind = "narrowed"
	// Widened: it has looser bounds.
	Widened Kind = "widened"
	// Changed: it says something else, and no machine tells whether that is more
	// or less.
	Changed Kind = "changed"
)

// A Change is one difference between two versions.
type Change struct {
	Kind Kind `json:"kind"`
	// Effect is [Narrowed] where less is allowed than before, [Widened] where more
	// is, and else [Changed]: an item that is added widens, an obligation narrows.
	Effect Kind `json:"effect"`
	// Pointer is the JSON pointer of the member: of what has ended in the older
	// version, of all else in the newer one.
	Pointer string `json:"pointer"`
	// Text says in short what has changed, in ASCII.
	Text string `json:"text"`
	// Was and Is are the words of the member in the older and the newer version,
	// see [prose.Of]; none where it is not there.
	Was []prose.Line `json:"was,omitzero"`
	Is  []prose.Line `json:"is,omitzero"`
}

// Diff lists what the newer version changes, in the order of its members. What
// every version has of its own (jti, iat, supersedes) is no change. It returns an
// error where the two are not grants of one kind.
func Diff(older, newer attest.Claims) ([]Change, error) {
	if attest.GrantOf(older) == nil || attest.GrantOf(newer) == nil {
		return nil, errors.New("compare versions: only registrations, approvals and consents have versions")
	}
	if older.Kind() != newer.Kind() {
		return nil, fmt.Errorf("compare versions: one is of kind %s, the other of kind %s", older.Kind(), newer.Kind())
	}
	d := &differ{was: prose.Of(older), is: prose.Of(newer)}
	o, n := older.Head(), newer.Head()
	d.code("/aud", "It is for another register", o.Aud, n.Aud)
	d.code("/iss", "It is another authority's", o.Iss, n.Iss)
	d.code("/sub", "It is about another subject", o.Sub, n.Sub)
	switch n := newer.(type) {
	case *attest.Registration:
		if o, ok := older.(*attest.Registration); ok {
			d.registration(o, n)
		}
	case *attest.EntityApproval:
		if o, ok := older.(*attest.EntityApproval); ok {
			d.entityApproval(o, n)
		}
	case *attest.DomainApproval:
		if o, ok := older.(*attest.DomainApproval); ok {
			d.domainApproval(o, n)
		}
	case *attest.Consent:
		if o, ok := older.(*attest.Consent); ok {
			d.consent(o, n)
		}
	}
	return d.changes, nil
}

func (d *differ) registration(o, n *attest.Registration) {
	d.code("/legal_name", "It has another legal name", o.LegalName, n.LegalName)
	d.set("/former_names", "former name", o.FormerNames, n.FormerNames, descriptions)
	d.code("/country", "It is established elsewhere", o.Country, n.Country)
	d.set("/identifiers", "identifier", o.Identifiers, n.Identifiers, descriptions)
	d.grant(&o.Grant, &n.Grant)
	d.sites("/sites", o.Sites, n.Sites)
}

func (d *differ) entityApproval(o, n *attest.EntityApproval) {
	d.code("/vct", "It is another type of credential", o.VCT, n.VCT)
	d.concealed("", "", &o.Concealment, &n.Concealment)
	d.code("/_sd_alg", "Confidential members are digested otherwise", o.DigestAlgorithm, n.DigestAlgorithm)
	d.code("/legal_name", "It has another legal name", o.LegalName, n.LegalName)
	d.code("/case_number", "It has another case number", o.CaseNumber, n.CaseNumber)
	d.set("/contacts", "contact", o.Contacts, n.Contacts, descriptions)
	if o.Listed != n.Listed {
		d.add(Changed, "/listed", "/listed", "Whether partners may find the holder by it")
	}
	if !reflect.DeepEqual(o.Confirmation, n.Confirmation) {
		d.add(Changed, "/cnf", "/cnf", "The holder proves itself with another key")
	}
	d.code("/country", "It is established elsewhere", o.Country, n.Country)
	d.set("/identifiers", "identifier", o.Identifiers, n.Identifiers, descriptions)
	d.effect(o.LegalEffect, n.LegalEffect)
	d.code("/programme", "It is given under another programme", o.Programme, n.Programme)
	d.code("/mentor", "It has another mentor", o.Mentor, n.Mentor)
	d.grant(&o.Grant, &n.Grant)
	d.limited("/authorised_roles", "role", strs(o.AuthorisedRoles), strs(n.AuthorisedRoles))
	d.sites("/approved_sites", o.ApprovedSites, n.ApprovedSites)
	d.items(o.EligibleItems, n.EligibleItems)
	d.caveats(o.Caveats, n.Caveats)
	d.conditions(o.Conditions, n.Conditions)
	d.savings(o.ExpirySavings, n.ExpirySavings)
	d.obligations(o.Obligations, n.Obligations)
}

func (d *differ) domainApproval(o, n *attest.DomainApproval) {
	d.code("/title", "It has another title", o.Title, n.Title)
	d.effect(o.LegalEffect, n.LegalEffect)
	d.code("/programme", "It is given under another programme", o.Programme, n.Programme)
	var oc, nc attest.Challenge
	if o.Challenge != nil {
		oc = *o.Challenge
	}
	if n.Challenge != nil {
		nc = *n.Challenge
	}
	d.code("/challenge/name", "It belongs to another joint challenge", oc.Name, nc.Name)
	d.code("/challenge/citation", "The joint challenge is announced elsewhere", oc.Citation, nc.Citation)
	d.grant(&o.Grant, &n.Grant)
	const fixed = ", which the first approval of a sandbox has fixed: a register refuses it"
	d.set("/terms/authorities", "authority"+fixed, o.Terms.Authorities, n.Terms.Authorities, descriptions)
	if o.Terms.Concurrence != n.Terms.Concurrence {
		d.add(Changed, "/terms/concurrence", "/terms/concurrence", "How many authorities have to concur"+fixed)
	}
	d.limits("/terms", &o.Terms.Limits, &n.Terms.Limits)
	d.caveats(o.Caveats, n.Caveats)
	d.savings(o.ExpirySavings, n.ExpirySavings)
	d.obligations(o.Obligations, n.Obligations)
}

func (d *differ) consent(o, n *attest.Consent) {
	d.code("/transferee", "It is for another transferee", o.Transferee, n.Transferee)
	d.grant(&o.Grant, &n.Grant)
	d.scope("/in_scope", o.InScope, n.InScope)
	d.limited("/sites", "site", o.Sites, n.Sites)
	d.value("/value", o.Value, n.Value)
	d.obligations(o.Obligations, n.Obligations)
}

func (d *differ) grant(o, n *attest.Grant) {
	if o.NBF != n.NBF {
		d.add(Changed, "/nbf", "/nbf", "It begins at another time")
	}
	switch {
	case o.EXP == n.EXP:
	case n.EXP == 0 || o.EXP != 0 && n.EXP > o.EXP:
		d.add(Widened, "/exp", "/exp", "It holds for longer")
	default:
		d.add(Narrowed, "/exp", "/exp", "It ends earlier")
	}
	if o.Retroactive != n.Retroactive {
		d.add(Changed, "/retroactive", "/retroactive", "Whether it begins before it is logged")
	}
	d.code("/retroactive_reason", "Why it begins before it is logged", o.RetroactiveReason, n.RetroactiveReason)
	d.code("/legal_basis", "It has another legal basis", o.LegalBasis, n.LegalBasis)
	var op, np attest.Publication
	if o.Publication != nil {
		op = *o.Publication
	}
	if n.Publication != nil {
		np = *n.Publication
	}
	d.code("/publication/citation", "It is published elsewhere", op.Citation, np.Citation)
	d.code("/publication/url", "It is to be read elsewhere", op.URL, np.URL)
}

var effects = map[attest.LegalEffect]int{attest.PolicyBaseline: 1, attest.Eligibility: 2, attest.Authorization: 3}

func (d *differ) effect(o, n attest.LegalEffect) {
	if o != n {
		d.bound("/legal_effect", "/legal_effect", "It does less", "It does more", effects[n]-effects[o])
	}
}

func strs[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}
