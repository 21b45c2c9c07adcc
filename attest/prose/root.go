package prose

import (
	"fmt"

	"github.com/safeconduct/safeconduct/attest"
)

func (w *writer) root(r *attest.Root) {
	w.titled(fmt.Sprintf("Trust root of %s, version %d: who may sign what", Code(r.Aud), r.Version), &r.Common, func() {
		w.say("/version", "Version: %d", r.Version)
		if r.Previous == "" {
			w.say("/previous", "Version before: none")
		} else {
			w.say("/previous", "Version before: the one with the leaf hash %s", Code(r.Previous))
		}
		w.say("/threshold", "A trust root is signed by: %d of %d root officers", r.Threshold, len(r.Officers))
		each(w, "/officers", "Root officers", r.Officers, "none", w.officer)
		each(w, "/log_keys", "Keys that sign checkpoints", r.LogKeys, "none", func(k string) { w.say("", "%s", Code(k)) })
		each(w, "/cosigners", "Cosigners", r.Cosigners, "none", w.cosigner)
		each(w, "/authorities", "Authorities", r.Authorities, "none", w.authority)
		each(w, "/decision_keys", "Keys that sign decisions", r.DecisionKeys, "none", w.key)
	})
}

func (w *writer) officer(o attest.Officer) {
	w.say("/id", "Officer: %s", Code(o.ID))
	w.in("", func() { each(w, "/keys", "Keys", o.Keys, "none", w.key) })
}

// key says a key by its id, which officers compare, and its parts.
func (w *writer) key(j attest.JWK) {
	id := "without an id: it is no good key"
	if k, err := j.Key(); err == nil {
		id = k.ID()
	}
	w.say("", "Key: %s", id)
	w.in("", func() {
		w.id("/alg", "Algorithm", j.Alg)
		w.say("/kty", "Type: %s", Code(j.Kty))
		w.say("/crv", "Curve: %s", Code(j.Crv))
		w.id("/x", "x", j.X)
		w.id("/y", "y", j.Y)
	})
}

func (w *writer) cosigner(c attest.Cosigner) {
	w.say("/vkey", "Cosigner: %s", Code(c.VKey))
	w.in("", func() {
		w.say("/role", "Role: %s%s", Code(string(c.Role)), meaning(cosigners, c.Role))
		whose := "somebody else's"
		if c.Operator {
			whose = "that of whoever runs the register"
		}
		w.say("/operator", "It is: %s", whose)
	})
}

var cosigners = map[attest.CosignerRole]string{
	attest.Witness: "checks that the log only grows",
	attest.Mirror:  "checks all of the log and its map",
}

func (w *writer) authority(a attest.Authority) {
	w.say("/id", "Authority: %s", Code(a.ID))
	w.in("", func() {
		w.text("/name", "Name", a.Name)
		w.ids("/countries", "Registers the entities of", a.Countries, "no country")
		w.say("/thresholds/granting", "To grant, and to lift: %d of %d officers sign", a.Thresholds.Granting, len(a.Officers))
		w.say("/thresholds/revoking", "To take away, freeze or report a change of control: %d of %d officers sign", a.Thresholds.Revoking, len(a.Officers))
		each(w, "/officers", "Officers", a.Officers, "none", w.officer)
		w.in("/jurisdiction", func() {
			w.depth--
			j := a.Jurisdiction
			w.ids("/countries", "May approve entities of", j.Countries, "every country")
			w.ids("/lists", "May approve items of", j.Lists, "every list")
			w.ids("/programmes", "May approve under the programmes", j.Programmes, "every programme, and none")
			w.ids("/sandboxes", "May approve the sandboxes", j.Sandboxes, "every sandbox")
		})
		each(w, "/compromised", "Keys that are not to be trusted", a.Compromised, "none", func(c attest.Compromised) {
			w.say("/kid", "Key: %s", Code(c.Kid))
			w.in("", func() {
				w.say("/since", "For whatever is logged at: index %d and after", c.Since)
				w.ids("/false", "What it took away and the authority never made", c.False, "")
				if c.AllFalse {
					w.say("/all_false", "All that it took away, and that is not made again, the authority never made")
				}
			})
		})
		w.ids("/thawed", "Keys whose freeze this version ends", a.Thawed, "")
	})
}
