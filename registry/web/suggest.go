package web

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/controllist"
	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/finder"
	"github.com/safeconduct/safeconduct/verify"
)

// maxSuggested is how much is suggested for a field at most.
const maxSuggested = 40

// A suggestion is something that may be entered, and why it is suggested.
type suggestion struct{ Value, Label string }

// An offer is what is suggested for a field, each once, and how much more there is.
type offer struct {
	List []suggestion
	More int
}

// add takes in a suggestion; one that is there already has a further reason.
func (o *offer) add(value, label string) {
	i := slices.IndexFunc(o.List, func(s suggestion) bool { return s.Value == value })
	switch {
	case i < 0 && len(o.List) == maxSuggested:
		o.More++
	case i < 0:
		o.List = append(o.List, suggestion{value, label})
	case !strings.Contains(o.List[i].Label, label):
		o.List[i].Label += "; " + label
	}
}

// suggestions are what the approvals that a question may rest on speak of: those of
// the sandbox or programme, and of the receiver, that are in force then. What of them
// is confidential is not in them.
type suggestions struct {
	// fields are offers by the name of the field.
	fields map[string]*offer
	// limited are the attestations of the limitations in words, with these, by
	// statement and pointer.
	limited map[limitation]suggestion
	// terms are those of the sandbox, which bound what others approve.
	terms []*attest.Limits
	// approved says that anything is approved that could be suggested from.
	approved bool
}

// A limitation is where one stands.
type limitation struct {
	index   int64
	pointer string
}

func (s *suggestions) of(field string) *offer {
	if s.fields[field] == nil {
		s.fields[field] = new(offer)
	}
	return s.fields[field]
}

// suggest reads what may be suggested to whoever has entered these fields. What
// cannot be read suggests nothing.
func (p *Pages) suggest(ctx context.Context, fields map[string]string) (*suggestions, error) {
	s := &suggestions{fields: make(map[string]*offer), limited: make(map[limitation]suggestion)}
	e, err := p.reg.Published()
	if err != nil {
		return s, nil //nolint:nilerr // an answer says so, and a form is one without suggestions
	}
	given := func(name string) string { return strings.TrimSpace(fields[name]) }
	at, known := p.now(), time.Time{}
	if t, err := readTime(given("effective_at")); err == nil {
		at = t
	}
	if t, err := readTime(given("known_at")); err == nil {
		known = t
	}
	authorities := []string(nil)
	if id := given("sandbox"); identifier.Sandbox(id) == nil {
		if authorities, err = s.sandbox(ctx, e, id, known, at); err != nil {
			return nil, err
		}
	} else if a := given("authority"); a != "" {
		authorities = []string{a}
	}
	id := given("transferee")
	if _, err := identifier.Parse(id); err != nil {
		return s, nil //nolint:nilerr // an answer says so
	}
	return s, s.party(ctx, e, id, known, at, func(a *attest.EntityApproval) bool {
		return (authorities == nil || slices.Contains(authorities, a.Iss)) && (given("programme") == "" || a.Programme == given("programme"))
	})
}

// unread reports whether there is no more to an error than that nothing can be
// suggested: nothing is logged, or more than anybody could decide on.
func unread(err error) bool {
	return errors.Is(err, registry.ErrNotFound) || errors.Is(err, verify.ErrTooLarge)
}

// sandbox takes in the terms of a sandbox, and returns its authorities.
func (s *suggestions) sandbox(ctx context.Context, e *registry.Edition, id string, known, at time.Time) (authorities []string, err error) {
	list, err := e.History(ctx, attest.SandboxSubject(id), known, at)
	if unread(err) {
		return nil, nil
	}
	for _, r := range list {
		c, ok := r.Statement.Claims().(*attest.DomainApproval)
		if !ok || !inForce(r) {
			continue
		}
		authorities = c.Terms.Authorities
		by := say("suggest.scope", c.Iss)
		s.terms = append(s.terms, &c.Terms.Limits)
		s.limits(&c.Terms.Limits, by)
	}
	return authorities, err
}

// inForce reports whether a statement is one that a question may rest on.
func inForce(r policy.Recorded) bool {
	return !r.Void && r.Standing != nil && r.Standing.State == policy.InForce
}

func (s *suggestions) limits(l *attest.Limits, by string) {
	s.approved = true
	for _, list := range slices.Sorted(maps.Keys(l.InScope)) {
		for _, entry := range l.InScope[list] {
			s.item(list, entry, by, l)
		}
	}
	for _, code := range l.AllowedEndUses {
		s.of("end_use").add(code, by)
	}
	for _, code := range l.Activities {
		s.of("activity").add(code, by)
	}
}

// item offers an entry, unless what bounds it leaves nothing of it.
func (s *suggestions) item(list, entry, by string, own *attest.Limits) {
	e, err := controllist.Parse(list, entry)
	if err != nil || own != nil && !own.Leaves(e) || slices.ContainsFunc(s.terms, func(t *attest.Limits) bool { return !t.Leaves(e) }) {
		return
	}
	s.of("items").add(list+" "+entry, by)
}

// party takes in the approvals of an entity for which wanted holds.
func (s *suggestions) party(ctx context.Context, e *registry.Edition, id string, known, at time.Time, wanted func(*attest.EntityApproval) bool) error {
	subjects, err := e.Subjects(id)
	if err != nil {
		return err
	}
	reading := e.NewReading()
	v, err := finder.EntityAt(ctx, reading, id, subjects, known, at)
	if unread(err) {
		return nil
	}
	if err != nil {
		return err
	}
	read := make(map[string]bool)
	for _, g := range v.Approvals {
		subject := attest.ApprovalSubject(cmp.Or(g.GivenTo, id), g.Issuer)
		if read[subject] {
			continue
		}
		read[subject] = true
		list, err := reading.History(ctx, subject, known, at)
		if unread(err) {
			continue
		}
		if err != nil {
			return err
		}
		for _, r := range list {
			if c, ok := r.Statement.Claims().(*attest.EntityApproval); ok && inForce(r) && cmp.Or(r.Standing.Holder, c.Entity()) == id && wanted(c) {
				sites := c.ApprovedSites
				if r.Standing.Sites != nil {
					sites = r.Standing.Sites
				}
				s.approval(c, sites, r.Index)
			}
		}
	}
	return nil
}

func (s *suggestions) approval(c *attest.EntityApproval, sites []attest.Site, index int64) {
	s.approved = true
	by := say("suggest.approved", c.Iss)
	for _, site := range sites {
		label := by
		if site.Address != "" {
			label = cutLabel(plain(site.Address)) + " · " + by
		}
		s.of("destination_site").add(site.ID, label)
	}
	for i, it := range c.EligibleItems {
		label := by
		if it.Limitation != "" {
			label = say("suggest.limited", c.Iss)
			s.limited[limitation{index, "/eligible_items/" + strconv.Itoa(i) + "/limitation"}] = attestationOf(c, i)
		}
		s.item(it.List, it.Entry, label, c.Caveats)
	}
	if c.Caveats != nil {
		s.limits(c.Caveats, by)
	}
}

// attestationOf is the line that attests the limitation of an item, and its words.
func attestationOf(c *attest.EntityApproval, i int) suggestion {
	words := c.EligibleItems[i].Limitation
	digest := sha256.Sum256([]byte(words))
	line := c.Iss + " " + c.JTI + " /eligible_items/" + strconv.Itoa(i) + "/limitation " + base64.RawURLEncoding.EncodeToString(digest[:])
	return suggestion{line, words}
}

// cutLabel is text cut to what stands beside a suggestion.
func cutLabel(text string) string {
	if r := []rune(text); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return text
}

// A box is a line that is entered by ticking it.
type box struct {
	Name string
	suggestion
}

// boxName is the name of the nth box that adds to a field.
func boxName(field string, n int) string { return "tick_" + field + "_" + strconv.Itoa(n) }

// boxed are the fields whose lines may be ticked.
var boxed = []string{"items", "attests"}

// boxes makes boxes of what is suggested for the lines of a field, without those that
// it has.
func boxes(field, given string, list []suggestion) (out []box) {
	have := make(map[string]bool)
	for l := range strings.Lines(given) {
		have[strings.Join(strings.Fields(l), " ")] = true
	}
	for _, s := range list {
		if !have[s.Value] && len(out) < maxSuggested {
			out = append(out, box{boxName(field, len(out)), s})
		}
	}
	return out
}

// attestable are the boxes that attest the limitations that a decision leaves to a
// person, and no others: whoever ticks one has been shown its words.
func (s *suggestions) attestable(d *policy.Decision) (out []suggestion) {
	for _, r := range d.Reasons {
		if r.Code != policy.LimitationReviewRequired || r.Statement == nil {
			continue
		}
		if a, ok := s.limited[limitation{r.Statement.Index, r.Pointer}]; ok && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}
