package draft

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
)

// vkey is the shape of a verifier key (C2SP signed-note): name, hash and key.
var vkey = regexp.MustCompile(`^[^+\s]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$`)

// bad is in the place of a value whose mistake is reported.
type bad struct{}

// keyFiles puts the keys of a trust root in the place of the names of their
// files.
func (d *draft) keyFiles() {
	if cnf, ok := d.members["cnf"].(map[string]any); ok && d.kind == attest.KindEntityApproval && cnf["jwk"] != nil {
		jwk := cnf["jwk"]
		d.publicKey(&jwk, "/cnf/jwk")
		cnf["jwk"] = jwk
	}
	if d.kind != attest.KindRoot {
		return
	}
	d.officers(d.members, "")
	for i, a := range elements(d.members, "authorities") {
		d.officers(a, fmt.Sprintf("/authorities/%d", i))
	}
	decisionKeys := elements(d.members, "decision_keys")
	for i := range decisionKeys {
		d.publicKey(&decisionKeys[i], fmt.Sprintf("/decision_keys/%d", i))
	}
	logKeys, _ := d.members["log_keys"].([]any)
	for i := range logKeys {
		d.verifierKey(&logKeys[i], fmt.Sprintf("/log_keys/%d", i))
	}
	for i, c := range elements(d.members, "cosigners") {
		if m, ok := c.(map[string]any); ok {
			v := m["vkey"]
			d.verifierKey(&v, fmt.Sprintf("/cosigners/%d/vkey", i))
			if v != nil {
				m["vkey"] = v
			}
		}
	}
}

// elements returns the list that is the member of v with that name, or none:
// what has another shape is reported later.
func elements(v any, name string) []any {
	m, _ := v.(map[string]any)
	list, _ := m[name].([]any)
	return list
}

func (d *draft) officers(of any, at string) {
	for i, o := range elements(of, "officers") {
		keys := elements(o, "keys")
		for j := range keys {
			d.publicKey(&keys[j], fmt.Sprintf("%s/officers/%d/keys/%d", at, i, j))
		}
	}
}

// publicKey puts a JWK in the place of the name of its file.
func (d *draft) publicKey(v *any, at string) {
	name, ok := (*v).(string)
	if !ok {
		return
	}
	*v = bad{}
	data, err := d.opt.ReadFile(name)
	if err != nil {
		d.problems.Add(at, "is no key file that can be read: %v", err)
		return
	}
	key, err := attest.ParseKey(data)
	if err != nil {
		d.problems.Add(at, "key file %s: %v; want a public key in JWK form with alg, as keygen writes it (FILE.pub.jwk)", name, err)
		return
	}
	var jwk map[string]any
	if data, err = key.MarshalJSON(); err == nil {
		err = json.Unmarshal(data, &jwk)
	}
	if err != nil {
		d.problems.Add(at, "key file %s: %v", name, err)
		return
	}
	*v = jwk
}

// verifierKey puts a verifier key in the place of the name of its file.
func (d *draft) verifierKey(v *any, at string) {
	name, ok := (*v).(string)
	if !ok || name == "" || vkey.MatchString(name) {
		return
	}
	*v = bad{}
	data, err := d.opt.ReadFile(name)
	if err != nil {
		d.problems.Add(at, "is neither a verifier key (name+hash+key) nor a file that can be read: %v", err)
		return
	}
	text := strings.TrimSpace(string(data))
	if !vkey.MatchString(text) {
		d.problems.Add(at, "file %s has no verifier key; want one line, name+hash+key", name)
		return
	}
	*v = text
}
