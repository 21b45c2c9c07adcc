package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/open-policy-agent/opa/v1/plugins"
	"github.com/open-policy-agent/opa/v1/server"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

// opaServed are the rules for a server: what is known stands in its store, and
// the input is the request alone, as ours is. JSON has no sets: what is looked up
// in are objects.
var opaServed = strings.NewReplacer(
	"input.fresh", "data.known.fresh", "input.max_age", "data.known.max_age",
	"input.sandbox", "data.known.sandbox", "input.terms", "data.known.terms",
	"input.transferor.", "data.known.entities[input.transferor].", "input.transferee.", "data.known.entities[input.transferee].",
	"count(input.nationalities - input.terms.permitted) == 0",
	"every n in input.nationalities { data.known.terms.permitted[n] }",
	"count(input.nationalities & input.terms.prohibited) == 0",
	"every n in input.nationalities { not data.known.terms.prohibited[n] }",
).Replace(opaRules)

// opaServer returns OPA's server, as it comes but for its log, with the rules
// and what is known in a scene, and the document that asks it.
func opaServer(ctx context.Context, s *scene) (http.Handler, []byte, error) {
	known, input, err := s.opaDocuments()
	if err != nil {
		return nil, nil, err
	}
	// Values that need no conversion when they are read are the quicker ones.
	store := inmem.NewWithOpts(inmem.OptRoundTripOnWrite(false), inmem.OptReturnASTValuesOnRead(true))
	err = storage.Txn(ctx, store, storage.WriteParams, func(txn storage.Transaction) error {
		return errors.Join(
			store.Write(ctx, txn, storage.AddOp, storage.MustParsePath("/known"), known),
			store.UpsertPolicy(ctx, txn, "safeconduct.rego", []byte(opaServed)),
		)
	})
	if err != nil {
		return nil, nil, err
	}
	m, err := plugins.New(nil, "bench", store)
	if err != nil {
		return nil, nil, err
	}
	if err := m.Start(ctx); err != nil {
		return nil, nil, err
	}
	o, err := server.New().WithAddresses([]string{"127.0.0.1:0"}).WithStore(store).WithManager(m).Init(ctx)
	if err != nil {
		return nil, nil, err
	}
	return o.Handler, input, nil
}

// opaDocuments are what is known, and the request.
func (s *scene) opaDocuments() (known any, input []byte, err error) {
	f, req := s.facts(), s.request()
	t := f.terms
	entities := make(map[string]any)
	for id, e := range f.entities {
		entities[id] = map[string]any{"registrations": servedHoldings(e.registrations), "approvals": servedHoldings(e.approvals)}
	}
	terms := map[string]any{
		"authorities": f.authorities, "digest": f.digest,
		"in_scope": itemPaths(t.InScope), "excluded": itemPaths(t.Excluded), "end_uses": servedSet(t.AllowedEndUses),
		"max_level": levelNumber(string(t.MaxClassification)),
		"permitted": servedSet(t.Nationality.Permitted), "prohibited": servedSet(t.Nationality.Prohibited),
		"currency": t.Value.Currency, "ceiling": fixedPoint(string(t.Value.PerTransaction)),
	}
	doc, err := json.Marshal(map[string]any{
		"fresh": s.fresh.Unix(), "max_age": int64(maxStatusAge.Seconds()),
		"sandbox": servedHoldings(f.sandbox), "terms": terms, "entities": entities,
	})
	if err != nil {
		return nil, nil, err
	}
	// As the store reads it.
	d := json.NewDecoder(strings.NewReader(string(doc)))
	d.UseNumber()
	if err := d.Decode(&known); err != nil {
		return nil, nil, err
	}
	input, err = json.Marshal(map[string]any{"input": map[string]any{
		"at": s.at.Unix(), "checked_at": s.checked.Unix(), "transferor": req.Transferor, "transferee": req.Transferee,
		"site": req.DestinationSite, "item": itemPath(req.Item.List, req.Item.Entry),
		"end_use": req.EndUse, "level": levelNumber(req.Classification), "nationalities": req.PersonNationalities,
		"currency": req.Value.Currency, "amount": fixedPoint(s.amount),
	}})
	return known, input, err
}

func servedSet(of []string) map[string]bool {
	out := make(map[string]bool)
	for _, x := range of {
		out[x] = true
	}
	return out
}

func servedHoldings(of map[string]*held) map[string]any {
	return holdings(of, servedSet)
}
