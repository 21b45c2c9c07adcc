package draft

import (
	"slices"
	"strconv"

	"github.com/safeconduct/safeconduct/attest"
)

// marks takes the marks of what is to be confidential out of a draft: beside the
// value of a member, or in a ceiling.
func (d *draft) marks(v any, at string) any {
	switch v := v.(type) {
	case map[string]any:
		mark, marked := v["confidential"]
		if _, list := mark.([]any); !marked || list {
			for name, m := range v {
				v[name] = d.marks(m, at+"/"+name)
			}
			return v
		}
		yes, ok := mark.(bool)
		if !ok {
			d.problems.Add(at+"/confidential", "%s", d.wrong(mark, "true or false"))
			return bad{}
		}
		delete(v, "confidential")
		if yes {
			d.confidential = append(d.confidential, at)
		}
		if inner, only := v["value"]; only && len(v) == 1 {
			return inner
		}
		return v
	case []any:
		for i, e := range v {
			v[i] = d.marks(e, at+"/"+strconv.Itoa(i))
		}
	}
	return v
}

// conceal takes what is marked out of the claims, which are good in clear.
func (d *draft) conceal(c attest.Claims) (attest.Claims, []attest.Disclosure, error) {
	if len(d.confidential) == 0 {
		return c, nil, nil
	}
	slices.Sort(d.confidential)
	a, ok := c.(*attest.EntityApproval)
	if !ok {
		for _, at := range d.confidential {
			d.problems.Add(at, "may not be confidential: only an approval of an entity conceals members")
		}
		return c, nil, nil
	}
	out, disclosures, err := a.Conceal(d.confidential)
	if p, ok := err.(attest.Problems); ok { //nolint:errorlint // Conceal says so
		for _, problem := range p {
			d.problems.Add(problem.Pointer, "%s: want legal_name, case_number, contacts, the name or address of a site, or value or quantity of caveats", problem.Message)
		}
		return c, nil, nil
	}
	return out, disclosures, err
}
