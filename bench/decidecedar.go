package main

import (
	"fmt"
	"strings"

	"github.com/cedar-policy/cedar-go"
)

// cedarRules writes the rules in Cedar, which has neither loops nor functions:
// it names the authorities of the sandbox, as whoever writes a policy for one
// does.
func cedarRules(authorities []string) string {
	inForce := func(held string) string {
		return strings.NewReplacer("H", held).Replace(
			`H.from <= context.at && context.at < H.until && (context.at < H.suspended || H.resumed <= context.at)`)
	}
	var when []string
	for _, a := range authorities {
		of := func(who, what string) (has, held string) {
			return fmt.Sprintf("%s.%s has %q", who, what, a), fmt.Sprintf("%s.%s[%q]", who, what, a)
		}
		has, held := of("resource", "approvals")
		when = append(when, has, held+".terms == resource.terms", inForce(held))
		for _, who := range []string{"principal", "context.transferee"} {
			registered, r := of(who, "registrations")
			approved, h := of(who, "approvals")
			site := ""
			if who != "principal" {
				site = " && " + h + ".sites.contains(context.site)"
			}
			when = append(when, fmt.Sprintf("(%s && %s || %s && %s%s)", registered, inForce(r), approved, inForce(h), site))
		}
	}
	return `
permit (principal is Entity, action == Action::"export", resource is Sandbox)
when {
	` + strings.Join(when, "\n\t&& ") + `
	&& context.fresh >= context.oldest
	&& resource.inScope.containsAny(context.itemAndAbove)
	&& !resource.excluded.containsAny(context.itemAndAbove)
	&& !resource.aboveExcluded.contains(context.item)
	&& resource.endUses.contains(context.endUse)
	&& context.level <= resource.maxLevel
	&& resource.permitted.containsAll(context.nationalities)
	&& !resource.prohibited.containsAny(context.nationalities)
	&& context.currency == resource.currency
	&& context.amount.lessThanOrEqual(resource.ceiling)
};
`
}

// prepareCedar makes the entities and the request. Items are strings: as entities
// in those that cover them, which is Cedar's own way, they take longer.
func prepareCedar(s *scene) (func() (bool, error), error) {
	f, req := s.facts(), s.request()
	policies, err := cedar.NewPolicySetFromBytes("safeconduct.cedar", []byte(cedarRules(f.authorities)))
	if err != nil {
		return nil, err
	}
	c := cedarWorld{entities: make(cedar.EntityMap)}
	for id, e := range f.entities {
		c.add("Entity", id, cedar.RecordMap{"registrations": c.holdings(e.registrations), "approvals": c.holdings(e.approvals)})
	}
	t := f.terms
	excluded := itemPaths(t.Excluded)
	var aboveExcluded []string
	for _, p := range excluded {
		aboveExcluded = append(aboveExcluded, ancestors(p)...)
	}
	item := itemPath(req.Item.List, req.Item.Entry)
	resource := c.add("Sandbox", req.Sandbox, cedar.RecordMap{
		"approvals": c.holdings(f.sandbox), "terms": cedar.String(f.digest),
		"inScope": c.strings(itemPaths(t.InScope)), "excluded": c.strings(excluded), "aboveExcluded": c.strings(aboveExcluded),
		"endUses": c.strings(t.AllowedEndUses), "maxLevel": cedar.Long(levelNumber(string(t.MaxClassification))),
		"permitted": c.strings(t.Nationality.Permitted), "prohibited": c.strings(t.Nationality.Prohibited),
		"currency": cedar.String(t.Value.Currency), "ceiling": c.decimal(string(t.Value.PerTransaction)),
	})
	r := cedar.Request{
		Principal: cedar.NewEntityUID("Entity", cedar.String(req.Transferor)),
		Action:    cedar.NewEntityUID("Action", cedar.String(req.Act)),
		Resource:  resource,
		Context: cedar.NewRecord(cedar.RecordMap{
			"transferee": cedar.NewEntityUID("Entity", cedar.String(req.Transferee)), "site": cedar.String(req.DestinationSite),
			"item": cedar.String(item), "itemAndAbove": c.strings(append(ancestors(item), item)), "endUse": cedar.String(req.EndUse),
			"level":         cedar.Long(levelNumber(req.Classification)),
			"nationalities": c.strings(req.PersonNationalities),
			"currency":      cedar.String(req.Value.Currency), "amount": c.decimal(s.amount),
			"at": cedar.Long(s.at.Unix()), "fresh": cedar.Long(s.fresh.Unix()), "oldest": cedar.Long(s.checked.Add(-maxStatusAge).Unix()),
		}),
	}
	return func() (bool, error) {
		decision, diagnostic := cedar.Authorize(policies, c.entities, r)
		if len(diagnostic.Errors) > 0 {
			return false, fmt.Errorf("the rules do not fit: %v", diagnostic.Errors)
		}
		return decision == cedar.Allow, nil
	}, c.err
}

// cedarWorld collects entities.
type cedarWorld struct {
	entities cedar.EntityMap
	err      error
}

func (c *cedarWorld) add(kind cedar.EntityType, id string, attributes cedar.RecordMap) cedar.EntityUID {
	uid := cedar.NewEntityUID(kind, cedar.String(id))
	c.entities[uid] = cedar.Entity{UID: uid, Attributes: cedar.NewRecord(attributes)}
	return uid
}

func (c *cedarWorld) holdings(of map[string]*held) cedar.Value {
	out := make(cedar.RecordMap)
	for a, h := range of {
		out[cedar.String(a)] = cedar.NewRecord(cedar.RecordMap{
			"from": cedar.Long(h.from), "until": cedar.Long(h.until), "suspended": cedar.Long(h.suspended), "resumed": cedar.Long(h.resumed),
			"terms": cedar.String(h.digest), "sites": c.strings(h.sites),
		})
	}
	return cedar.NewRecord(out)
}

func (c *cedarWorld) strings(of []string) cedar.Value {
	var out []cedar.Value
	for _, s := range of {
		out = append(out, cedar.String(s))
	}
	return cedar.NewSet(out...)
}

// ancestors are the paths above a path, the nearest first. The list itself is
// none.
func ancestors(path string) (out []string) {
	for {
		i := strings.LastIndexByte(path[:len(path)-1], '/')
		if strings.Count(path[:i+1], "/") < 2 {
			return out
		}
		path = path[:i+1]
		out = append(out, path)
	}
}

func (c *cedarWorld) decimal(amount string) cedar.Value {
	d, err := cedar.NewDecimal(fixedPoint(amount), -4)
	if err != nil {
		c.err = err
	}
	return d
}
