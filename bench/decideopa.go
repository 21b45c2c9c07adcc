package main

import (
	"context"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// opaRules are the rules in Rego. Of several ways to write them that we have
// measured it is the quickest: sets are looked up in, not searched, and no rule
// negates a function.
const opaRules = `package safeconduct

default permit := false

permit if {
	input.checked_at - input.fresh <= input.max_age
	every a in input.terms.authorities {
		input.sandbox[a].terms == input.terms.digest
		in_force(input.sandbox[a])
		gives(a)
		takes(a)
	}
	strings.any_prefix_match(input.item, input.terms.in_scope)
	not excluded
	input.terms.end_uses[input.end_use]
	input.level <= input.terms.max_level
	count(input.nationalities - input.terms.permitted) == 0
	count(input.nationalities & input.terms.prohibited) == 0
	input.currency == input.terms.currency
	input.amount <= input.terms.ceiling
}

in_force(h) if {
	h.from <= input.at
	input.at < h.until
	input.at < h.suspended
}

in_force(h) if {
	h.resumed <= input.at
	h.from <= input.at
	input.at < h.until
}

gives(a) if in_force(input.transferor.registrations[a])

gives(a) if in_force(input.transferor.approvals[a])

takes(a) if in_force(input.transferee.registrations[a])

takes(a) if {
	in_force(input.transferee.approvals[a])
	input.transferee.approvals[a].sites[input.site]
}

excluded if strings.any_prefix_match(input.item, input.terms.excluded)

excluded if strings.any_prefix_match(input.terms.excluded, input.item)
`

// prepareOPA compiles the rules and makes the input, in the form that the engine
// reads. What a caller without a deadline can spare the engine, it is spared: a
// goroutine that waits for one, and its metrics.
func prepareOPA(s *scene) (func() (bool, error), error) {
	ctx := context.Background()
	query, err := rego.New(rego.Query("data.safeconduct.permit"), rego.Module("safeconduct.rego", opaRules)).PrepareForEval(ctx)
	if err != nil {
		return nil, err
	}
	input, err := s.opaInput()
	if err != nil {
		return nil, err
	}
	options := []rego.EvalOption{
		rego.EvalParsedInput(input), rego.EvalExternalCancel(topdown.NewCancel()), rego.EvalMetrics(metrics.NoOp()),
	}
	return func() (bool, error) {
		out, err := query.Eval(ctx, options...)
		return out.Allowed(), err
	}, nil
}

// opaInput is the request and what is known. As input it is quicker than in the
// store.
func (s *scene) opaInput() (ast.Value, error) {
	f, req, t := s.facts(), s.request(), s.facts().terms
	party := func(id string) map[string]any {
		e := f.entities[id]
		return map[string]any{"registrations": opaHoldings(e.registrations), "approvals": opaHoldings(e.approvals)}
	}
	return ast.InterfaceToValue(map[string]any{
		"at": s.at.Unix(), "checked_at": s.checked.Unix(), "fresh": s.fresh.Unix(), "max_age": int64(maxStatusAge.Seconds()),
		"site": req.DestinationSite, "item": itemPath(req.Item.List, req.Item.Entry),
		"end_use": req.EndUse, "level": levelNumber(req.Classification), "nationalities": opaSet(req.PersonNationalities),
		"currency": req.Value.Currency, "amount": fixedPoint(s.amount),
		"sandbox": opaHoldings(f.sandbox), "transferor": party(req.Transferor), "transferee": party(req.Transferee),
		"terms": map[string]any{
			"authorities": f.authorities, "digest": f.digest,
			"in_scope": opaSet(itemPaths(t.InScope)), "excluded": opaSet(itemPaths(t.Excluded)), "end_uses": opaSet(t.AllowedEndUses),
			"max_level": levelNumber(string(t.MaxClassification)),
			"permitted": opaSet(t.Nationality.Permitted), "prohibited": opaSet(t.Nationality.Prohibited),
			"currency": t.Value.Currency, "ceiling": fixedPoint(string(t.Value.PerTransaction)),
		},
	})
}

func opaSet(of []string) ast.Value {
	set := ast.NewSet()
	for _, x := range of {
		set.Add(ast.StringTerm(x))
	}
	return set
}

func opaHoldings(of map[string]*held) map[string]any {
	return holdings(of, opaSet)
}

// holdings are statements by their authority, with sets of the form that is asked for.
func holdings[S any](of map[string]*held, set func([]string) S) map[string]any {
	out := make(map[string]any)
	for a, h := range of {
		out[a] = map[string]any{
			"from": h.from, "until": h.until, "suspended": h.suspended, "resumed": h.resumed,
			"terms": h.digest, "sites": set(h.sites),
		}
	}
	return out
}
