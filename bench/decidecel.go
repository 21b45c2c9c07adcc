package main

import (
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
)

// celRules writes the rules in the Common Expression Language. A program is one
// expression without functions of its own, so that what is in force is put in as
// text, and so are the authorities: to iterate over them takes a third longer.
func celRules(authorities []string) string {
	var rules strings.Builder
	for _, a := range authorities {
		rules.WriteString(strings.NewReplacer(
			"inForce", "h.from <= at && at < h.until && (at < h.suspended || h.resumed <= at)", "AUTHORITY", strconv.Quote(a),
		).Replace(`
AUTHORITY in sandbox && cel.bind(h, sandbox[AUTHORITY], h.terms == terms.digest && inForce)
&& (AUTHORITY in transferor.registrations && cel.bind(h, transferor.registrations[AUTHORITY], inForce)
	|| AUTHORITY in transferor.approvals && cel.bind(h, transferor.approvals[AUTHORITY], inForce))
&& (AUTHORITY in transferee.registrations && cel.bind(h, transferee.registrations[AUTHORITY], inForce)
	|| AUTHORITY in transferee.approvals && cel.bind(h, transferee.approvals[AUTHORITY], inForce && site in h.sites))
&&`))
	}
	return rules.String() + `
checked_at - fresh <= max_age
&& terms.in_scope.exists(e, item.startsWith(e))
&& !terms.excluded.exists(e, item.startsWith(e) || e.startsWith(item))
&& end_use in terms.end_uses
&& level <= terms.max_level
&& nationalities.all(n, n in terms.permitted && !(n in terms.prohibited))
&& currency == terms.currency
&& amount <= terms.ceiling
`
}

// celVariables are what a request is, and what is known.
var celVariables = map[string]*cel.Type{
	"at": cel.IntType, "checked_at": cel.IntType, "fresh": cel.IntType, "max_age": cel.IntType,
	"site": cel.StringType, "item": cel.StringType, "end_use": cel.StringType, "level": cel.IntType,
	"nationalities": cel.ListType(cel.StringType), "currency": cel.StringType, "amount": cel.IntType,
	"terms":      cel.MapType(cel.StringType, cel.DynType),
	"sandbox":    cel.MapType(cel.StringType, cel.DynType),
	"transferor": cel.MapType(cel.StringType, cel.DynType),
	"transferee": cel.MapType(cel.StringType, cel.DynType),
}

// celProgram compiles the rules.
func celProgram(rules string) (cel.Program, error) {
	options := []cel.EnvOption{ext.Bindings()}
	for name, t := range celVariables {
		options = append(options, cel.Variable(name, t))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(rules)
	if err := issues.Err(); err != nil {
		return nil, err
	}
	return env.Program(ast, cel.EvalOptions(cel.OptOptimize))
}

// prepareCEL makes the variables, as CEL's own values: what is looked up in or
// iterated over needs no conversion.
func prepareCEL(s *scene) (func() (bool, error), error) {
	program, err := celProgram(celRules(s.facts().authorities))
	if err != nil {
		return nil, err
	}
	vars, err := cel.NewActivation(s.celVars())
	if err != nil {
		return nil, err
	}
	return func() (bool, error) {
		out, _, err := program.Eval(vars)
		if err != nil {
			return false, err
		}
		return out == types.True, nil
	}, nil
}

func (s *scene) celVars() map[string]any {
	f, req, t := s.facts(), s.request(), s.facts().terms
	known := celMap{
		"digest":   types.String(f.digest),
		"in_scope": celList(itemPaths(t.InScope)), "excluded": celList(itemPaths(t.Excluded)), "end_uses": celList(t.AllowedEndUses),
		"max_level": types.Int(levelNumber(string(t.MaxClassification))),
		"permitted": celList(t.Nationality.Permitted), "prohibited": celList(t.Nationality.Prohibited),
		"currency": types.String(t.Value.Currency), "ceiling": types.Int(fixedPoint(string(t.Value.PerTransaction))),
	}
	party := func(id string) ref.Val {
		e := f.entities[id]
		return celMap{"registrations": celHoldings(e.registrations), "approvals": celHoldings(e.approvals)}.val()
	}
	return map[string]any{
		"at": types.Int(s.at.Unix()), "checked_at": types.Int(s.checked.Unix()),
		"fresh": types.Int(s.fresh.Unix()), "max_age": types.Int(maxStatusAge.Seconds()),
		"site": types.String(req.DestinationSite), "item": types.String(itemPath(req.Item.List, req.Item.Entry)),
		"end_use": types.String(req.EndUse), "level": types.Int(levelNumber(req.Classification)),
		"nationalities": celList(req.PersonNationalities),
		"currency":      types.String(req.Value.Currency), "amount": types.Int(fixedPoint(s.amount)),
		"terms": known.val(), "sandbox": celHoldings(f.sandbox),
		"transferor": party(req.Transferor), "transferee": party(req.Transferee),
	}
}

type celMap map[string]any

func (m celMap) val() ref.Val { return types.NewStringInterfaceMap(types.DefaultTypeAdapter, m) }

func celList(of []string) ref.Val {
	out := make([]ref.Val, len(of))
	for i, s := range of {
		out[i] = types.String(s)
	}
	return types.NewRefValList(types.DefaultTypeAdapter, out)
}

func celHoldings(of map[string]*held) ref.Val {
	out := make(celMap)
	for a, h := range of {
		out[a] = celMap{
			"from": types.Int(h.from), "until": types.Int(h.until), "suspended": types.Int(h.suspended), "resumed": types.Int(h.resumed),
			"terms": types.String(h.digest), "sites": celList(h.sites),
		}.val()
	}
	return out.val()
}
