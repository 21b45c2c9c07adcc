package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/controllist"
)

// A Question is a request that was checked, to be decided once or a thousand
// times. It may be used concurrently.
type Question struct {
	req     *Request
	parties []party
	items   []item
	cast    Cast
	// digest and ledger name the request and its ledger for replay.
	digest, ledger string
}

// Ask checks a request that [ParseRequest] may not have read. It returns what
// is wrong with it as [attest.Problems]. The times of the request are not read:
// a decision is given its own. Nothing that the request points at may change
// afterwards.
func Ask(req *Request) (*Question, error) {
	if req == nil {
		return nil, errors.New("there is no request")
	}
	if err := req.checkFacts().Err(); err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	r := *req
	q := &Question{req: &r, parties: r.parties(), cast: r.cast(), digest: r.untimed(), ledger: r.ledgerDigest()}
	for _, c := range r.items() {
		q.items = append(q.items, itemOf(c))
	}
	return q, nil
}

// Involves reports whether the request names the entity, by this very id, as a party.
func (q *Question) Involves(id string) bool {
	return q != nil && slices.ContainsFunc(q.parties, func(p party) bool { return p.id == id })
}

// An item is a classification as the request gives it, read.
type item struct {
	Classification
	read controllist.Entry
	// err says why it cannot be read.
	err error
}

func itemOf(c Classification) item {
	e, err := controllist.Parse(c.List, c.Entry)
	return item{c, e, err}
}

// Cast is what of the question names histories.
func (q *Question) Cast() Cast {
	if q == nil {
		return Cast{}
	}
	return q.cast
}

// A Cast is what of a request names histories: two with the same one are about the
// same approvals, and touch the same subjects. Casts are compared with ==.
type Cast struct {
	sandbox, authority, programme        string
	transferor, transferee, via, endUser string
	consentRef, originating              string
}

func (r *Request) cast() Cast {
	c := Cast{
		sandbox: r.Sandbox, authority: r.Authority, programme: r.Programme,
		// No identifier has a space.
		transferor: r.Transferor, transferee: r.Transferee, via: strings.Join(r.Via, " "), endUser: r.EndUser,
	}
	if r.retransfers() {
		c.consentRef, c.originating = r.ConsentRef, r.OriginatingAuthority
	}
	return c
}

// A party is an entity in a role; n is its place among the parties.
type party struct {
	role attest.Role
	id   string
	n    int
}

func (p party) String() string { return string(p.role) + " " + p.id }

func (r *Request) parties() []party {
	var ps []party
	add := func(role attest.Role, id string) {
		if id != "" {
			ps = append(ps, party{role, id, len(ps)})
		}
	}
	add(attest.Transferor, r.Transferor)
	add(attest.Transferee, r.Transferee)
	for _, v := range r.Via {
		add(attest.Via, v)
	}
	add(attest.EndUser, r.EndUser)
	return ps
}
