package draft_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/draft"
)

const everythingWrong = `kind: entity
aud: Register.Example
issuer: auth-us
jti: T 1
entity: lei:999900VARUNADEEP0175
legal_name:
country: IND
legal_effekt: authorization
programme: 42
authorised_roles: [transferee, pilot, transferee]
approved_sites:
  - id: vtz-1
    adress: Plot 14
    country: IN
eligible_items:
  - {list: US_CCL, entry: 5A01}
  - list: US_CCL
    entry: 5A001
    sites: []
    limitation: >
      two
      lines
  - 5A002
nbf: 2026-01-01
exp: 1798761600
retroactive: "yes"
publication: {url: ""}
`

func TestEveryMistakeIsNamedAtOnceWithItsLine(t *testing.T) {
	_, err := draft.Parse("tea.yaml", []byte(everythingWrong), options)
	if err == nil {
		t.Fatal("was accepted")
	}
	want := `tea.yaml:1: iss: is missing
tea.yaml:2: aud: "Register.Example" is no origin: want a schema-less URL such as example.org/register
tea.yaml:3: issuer: unknown member; here may stand …
tea.yaml:4: jti: …
tea.yaml:5: entity: …
tea.yaml:6: legal_name: has no value; give one, or leave the member out
tea.yaml:7: country: country "IND" is no ISO 3166-1 alpha-2 code
tea.yaml:8: legal_effekt: unknown member; is legal_effect meant?
tea.yaml:9: programme: is a number; want text: write it in quotes, "42"
tea.yaml:10: authorised_roles/2: stands twice, first on line 10
tea.yaml:10: authorised_roles/1: unknown value "pilot": want one of …
tea.yaml:12: approved_sites/0/id: …
tea.yaml:13: approved_sites/0/adress: unknown member; is address meant?
tea.yaml:16: eligible_items/0/entry: parse US_CCL entry "5A01": …
tea.yaml:19: eligible_items/1/sites: is an empty list; leave the member out where there is no limit
tea.yaml:20: eligible_items/1/limitation: has more than one line; begin a long text with >- to join its lines
tea.yaml:23: eligible_items/2: is the text "5A002"; want members
tea.yaml:24: nbf: "2026-01-01" is a date without time and offset: write from when on and where, such as 2026-01-01T00:00:00Z
tea.yaml:25: exp: is a number; want a time, such as 2026-01-01T00:00:00Z
tea.yaml:26: retroactive: is the text "yes"; want true or false
tea.yaml:27: publication/citation: is missing
tea.yaml:27: publication/url: is empty; leave the member out where there is nothing to say`
	if diff := match(want, err.Error()); diff != "" {
		t.Errorf("%s\n%v", diff, err)
	}
}

// match compares line by line, in any order within one line of the file; … at
// the end of a wanted line stands for anything.
func match(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i, line := range w {
		prefix, open := strings.CutSuffix(line, "…")
		if !open {
			continue
		}
		for j := range g {
			if strings.HasPrefix(g[j], prefix) {
				w[i] = g[j]
			}
		}
	}
	set := func(lines []string) map[string]int {
		m := make(map[string]int)
		for _, l := range lines {
			m[l]++
		}
		return m
	}
	return cmp.Diff(set(w), set(g))
}

func TestMistakesAreNamed(t *testing.T) {
	const (
		event   = "kind: event\naud: r.example\niss: auth-us\njti: E-1\ntarget: T-1\nevent: revoke\nentity: cage:9HMS1\n"
		at      = "effective_at: 2026-01-01T00:00:00Z\n"
		domain  = "kind: domain\naud: r.example\niss: auth-us\njti: D-1\ntitle: T\nlegal_effect: eligibility\nnbf: 2026-01-01T00:00:00Z\nsandbox: SBX-1\n"
		entity  = "kind: entity\naud: r.example\niss: auth-us\njti: A-1\nentity: cage:9HMS1\nlegal_name: N\ncountry: US\nlegal_effect: eligibility\nnbf: 2026-01-01T00:00:00Z\n"
		consent = "kind: consent\naud: r.example\niss: auth-us\njti: C-1\ntransferee: cage:9HMS1\nnbf: 2026-01-01T00:00:00Z\n"
		change  = "kind: entity-event\naud: r.example\niss: auth-us\njti: E-1\nentity: cage:9HMS1\n"
		passes  = "kind: succession\naud: r.example\niss: auth-us\njti: S-1\nentity: cage:9HMS1\ntarget: T-1\nlegal_name: N\ncountry: US\n"
		terms   = "terms:\n  authorities: [auth-us]\n  concurrence: 1\n  in_scope: {US_CCL: [5A001]}\n"
	)
	for _, c := range []struct{ name, text, want string }{
		{"no kind", "jti: 1\n", "f:1: kind: is missing: want one of registration, entity, domain, consent, event, entity-event, succession, freeze, root"},
		{"unknown kind", "\nkind: licence\n", `f:2: kind: unknown kind "licence": want one of registration, entity, domain, consent, event, entity-event, succession, freeze, root`},
		{"kind that is a list", "kind: [event]\n", `f:1: kind: unknown kind ["event"]: want one of registration, entity, domain, consent, event, entity-event, succession, freeze, root`},
		{"not YAML", "kind: event\n\tjti: x\n", "f:2:1: a tab indents this line: indent with spaces"},
		{"member twice", event + at + "jti: E-2\n", `f:9:1: member "jti" stands twice, first on line 4`},

		{"date alone", event + "effective_at: 2026-01-01\n", `f:8: effective_at: "2026-01-01" is a date without time and offset: write from when on and where, such as 2026-01-01T00:00:00Z`},
		{"no offset", event + "effective_at: 2026-01-01T00:00:00\n", `f:8: effective_at: "2026-01-01T00:00:00" has no offset: want date, time and offset, such as 2026-01-01T00:00:00Z or 2026-01-01T00:00:00+05:30`},
		{"fractions", event + "effective_at: 2026-01-01T00:00:00.5Z\n", `f:8: effective_at: "2026-01-01T00:00:00.5Z" has fractions of a second, which are not kept: want date, time and offset, such as 2026-01-01T00:00:00Z or 2026-01-01T00:00:00+05:30`},
		{"no such day", event + "effective_at: 2026-02-30T00:00:00Z\n", `f:8: effective_at: "2026-02-30T00:00:00Z" is on no calendar or clock`},
		{"words", event + "effective_at: tomorrow\n", `f:8: effective_at: "tomorrow" is no time: want date, time and offset, such as 2026-01-01T00:00:00Z or 2026-01-01T00:00:00+05:30`},
		{"too early", event + "effective_at: 1970-01-01T00:00:00Z\n", `f:8: effective_at: "1970-01-01T00:00:00Z" is not between 1970 and 9999`},

		{"no entity", strings.Replace(event, "entity: cage:9HMS1\n", "", 1) + at, "f:1: entity: is missing: whose approval or registration it is about, entity: <scheme>:<value>, or sandbox: <id>, or consent: <jti>"},
		{"entity and sandbox", event + at + "sandbox: SBX-1\n", "f:9: sandbox: stands beside entity; give one of them"},
		{"entity and sub", event + at + "sub: sandbox:SBX-1\n", "f:7: entity: stands beside sub; give one of them"},
		{"entity that is a number", strings.Replace(event, "cage:9HMS1", "7", 1) + at, `f:7: entity: is a number; want text: write it in quotes, "7"`},
		{"unknown scheme", strings.Replace(event, "cage:", "lie:", 1) + at, "f:7: entity: parse identifier: unknown scheme …"},
		{"a challenge that is text", domain + terms + "challenge: Underwater\n", `f:13: challenge: is the text "Underwater"; want members`},
		{"a challenge without name", domain + terms + "challenge:\n  citation: Joint statement\n", "f:13: challenge/name: is missing"},
		{"a challenge with another member", domain + terms + "challenge:\n  name: N\n  cite: Joint statement\n", "f:15: challenge/cite: unknown member; here may stand citation, name"},
		{"a challenge on which to concur", domain + terms + "  challenge: {name: N}\n", "f:13: terms/challenge: unknown member; here may stand …"},
		{"a mentor of a sandbox", domain + terms + "mentor: cage:9HMS1\n", "f:13: mentor: unknown member; here may stand …"},
		{"a mentor that is the holder", entity + "mentor: cage:9HMS1\n", "f:10: mentor: is the holder itself; want another entity"},
		{"a mentor by name", entity + "mentor: Halcyon\n", "f:10: mentor: parse identifier \"Halcyon\": …"},
		{"a mentor that is confidential", entity + "mentor: {value: cage:1ABC5, confidential: true}\n", "f:10: mentor: …"},
		{"entity in a domain approval", domain + terms + "entity: cage:9HMS1\n", "f:13: entity: unknown member; here may stand …"},
		{"no issuer", strings.Replace(event, "iss: auth-us\n", "", 1) + at, "f:1: iss: is missing"},
		{"on what", event + at + "on: licence\n", `f:9: on: unknown value "licence": want approval or registration`},
		{"on a sandbox", strings.Replace(event, "entity: cage:9HMS1", "sandbox: SBX-1", 1) + at + "on: approval\n", "f:9: on: goes with entity only"},
		{"unknown event", strings.Replace(event, "revoke", "cancel", 1) + at, `f:6: event: unknown value "cancel": want one of …`},
		{"until of a revocation", event + at + "until: 2026-02-01T00:00:00Z\n", "f:9: until: goes with suspend only"},

		{"a lift that does not say what it ends", strings.Replace(event, "revoke", "lift", 1) + at, "f:1: ends: is missing: what the lift ends, of …"},
		{"ends that are text", strings.Replace(event, "revoke", "lift", 1) + at + "ends: suspension\n", `f:9: ends: is the text "suspension"; want a list`},
		{"ends of nothing", strings.Replace(event, "revoke", "lift", 1) + at + "ends: [all]\n", `f:9: ends/0: unknown value "all": want one of …`},
		{"ends of a revocation", event + at + "ends: [suspension]\n", "f:9: ends: goes with lift only"},
		{"savings of a lift", strings.Replace(event, "revoke", "lift", 1) + at + "ends: [suspension]\nsavings:\n  - kind: in_transit\n    deliver_before: 2026-02-01T00:00:00Z\n",
			"f:10: savings: goes with suspend, revoke and withdraw only"},
		{"savings that are one clause", event + at + "savings: {kind: in_transit, deliver_before: 2026-02-01T00:00:00Z}\n", "f:9: savings: has members; want a list"},
		{"savings without a time", event + at + "savings:\n  - kind: in_transit\n  - kind: wind_down\n",
			"f:10: savings/0/deliver_before: is missing\nf:11: savings/1/until: is missing"},
		{"savings until a date", event + at + "savings:\n  - kind: wind_down\n    until: 2026-02-01\n", `f:11: savings/0/until: "2026-02-01" is a date without time and offset: …`},
		{"savings of an unknown kind", event + at + "savings:\n  - kind: grace\n    until: 2026-02-01T00:00:00Z\n", `f:10: savings/0/kind: unknown value "grace": want one of …`},
		{"savings of another kind", event + at + "savings:\n  - kind: wind_down\n    until: 2026-02-01T00:00:00Z\n    deliver_before: 2026-02-01T00:00:00Z\n",
			"f:12: savings/0/deliver_before: goes with in_transit only"},
		{"savings twice", event + at + "savings:\n  - {kind: wind_down, until: 2026-02-01T00:00:00Z}\n  - {kind: wind_down, until: 2026-03-01T00:00:00Z}\n",
			"f:11: savings/1/kind: stands twice; an end has one clause of a kind"},
		{"a mode that is none", event + at + "savings:\n  - kind: wind_down\n    until: 2026-02-01T00:00:00Z\n    modes: [virtual]\n",
			`f:12: savings/0/modes/0: unknown value "virtual": want one of …`},
		{"expiry savings of what has no end", domain + terms + "expiry_savings:\n  - {kind: wind_down, until: 2026-02-01T00:00:00Z}\n", "f:13: expiry_savings: goes with exp: what has no end needs no savings"},
		{"an obligation without a period", domain + terms + "obligations:\n  - kind: notify_before\n", "f:14: obligations/0/days: notify_before wants either days or business_days"},

		{"a consent with a subject of its own", consent + "sub: consent:auth-us/C-2\n", `f:7: sub: is "consent:auth-us/C-2"; want consent:auth-us/C-1`},
		{"a consent for an entity", consent + "entity: cage:9HMS1\n", "f:7: entity: unknown member; here may stand …"},
		{"a consent that names itself", consent + "consent: C-1\n", "f:7: consent: unknown member; here may stand …"},
		{"a consent without a name", strings.Replace(consent, "jti: C-1\n", "", 1), "f:1: jti: is missing"},
		{"a consent without an issuer", strings.Replace(consent, "iss: auth-us\n", "", 1), "f:1: iss: is missing"},
		{"a consent without a transferee", strings.Replace(consent, "transferee: cage:9HMS1\n", "", 1), "f:1: transferee: is missing"},
		{"a consent that supersedes", consent + "supersedes: C-0\n", "f:7: supersedes: does not go with a consent; revoke it and give another one"},
		{"an event on a consent and an entity", event + at + "consent: C-1\n", "f:9: consent: stands beside entity; give one of them"},
		{"an event on another consent than its target", strings.Replace(event, "entity: cage:9HMS1", "consent: C-1", 1) + at, `f:7: consent: is "consent:auth-us/C-1"; want consent:auth-us/T-1, the consent in target`},
		{"an event on a consent that is a number", strings.Replace(event, "entity: cage:9HMS1", "consent: 7", 1) + at, `f:7: consent: is a number; want text: write it in quotes, "7"`},

		{"what happens to nobody", strings.Replace(change, "entity: cage:9HMS1\n", "", 1) + at + "event: change_of_control\n", "f:1: entity: is missing: the id of the entity that it happens to, <scheme>:<value>"},
		{"a rename without a name", change + at + "event: rename\n", "f:1: new_name: is missing"},
		{"a merger without a survivor", change + at + "event: merger\n", "f:1: survivor: is missing"},
		{"a merger with itself", change + at + "event: merger\nsurvivor: cage:9HMS1\n", "f:8: survivor: is the absorbed entity itself"},
		{"a percentage with a sign", change + at + "event: change_of_control\npercent: 51%\n", `f:8: percent: "51%" is no amount: want …`},
		{"a succession of an entity's", strings.Replace(passes, "entity: cage:9HMS1\n", "", 1) + at + "successor: cage:0ABC1\n", "f:1: entity: is missing: the id of the entity that the approval was given to, <scheme>:<value>"},
		{"a succession to itself", passes + at + "successor: cage:9HMS1\n", "f:10: successor: is the entity that has the approval"},
		{"a succession to nobody", passes + at, "f:1: successor: is missing"},

		{"no terms", domain, "f:1: terms/authorities: is missing\nf:1: terms/concurrence: is 0; …\nf:1: terms/in_scope: is missing; …"},
		{"ALL of nobody", domain + strings.Replace(strings.Replace(terms, "concurrence: 1", "concurrence: ALL", 1), "  authorities: [auth-us]\n", "", 1), "f:9: terms/authorities: is missing"},
		{"all", domain + strings.Replace(terms, "concurrence: 1", "concurrence: all", 1), `f:11: terms/concurrence: is "all"; want ALL, or how many of the authorities must concur`},
		{"terms that are text", domain + "terms: none\n", `f:9: terms: is the text "none"; want members`},
		{"unknown list", domain + terms + "  excluded: {UK_ML: [ML1]}\n", `f:13: terms/excluded/UK_ML: unknown control list "UK_ML": want one of …`},
		{"empty table", domain + terms + "  excluded: {}\n", "f:13: terms/excluded: is empty; leave the member out where there is no limit"},
		{"duplicates over lines", domain + terms + "  activities:\n    - a\n    - b\n    - a\n", "f:16: terms/activities/2: stands twice, first on line 14"},
		{"long amount", domain + terms + "  value: {currency: USD, cumulative: 1.50}\n", `f:13: terms/value/cumulative: "1.50" is no amount: want the shortest decimal form, such as 250000 or 0.5`},
		{"amount that is a list", domain + terms + "  value: {currency: USD, cumulative: [1]}\n", "f:13: terms/value/cumulative: is a list; want text"},
		{"huge number", domain + strings.Replace(terms, "concurrence: 1", "concurrence: 9007199254740993", 1), "f:11: terms/concurrence: is too large a number"},
		{"decomposed letters", strings.Replace(domain, "title: T", "title: Cafe\u0301", 1) + terms, "f:5: title: has letters and accents apart; write it in Unicode Normalization Form C"},
		{"tab in text", strings.Replace(domain, "title: T", `title: "a\tb"`, 1) + terms, "f:5: title: has a control character, such as a tab"},
		{"later elements keep their places", domain + terms + "  activities: [1, x Y, true]\n", `f:13: terms/activities/0: is a number; want text: write it in quotes, "1"` + "\n" +
			`f:13: terms/activities/1: "x Y" is no code: …` + "\n" + `f:13: terms/activities/2: is true; want text: write it in quotes, "true"`},
		{"too large a statement", strings.Replace(domain, "title: T", "title: T\nlegal_basis: L", 1) + terms + "  activities: [" + manyCodes() + "]\n", "f:1: has …"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := draft.Parse("f", []byte(c.text), options)
			if err == nil {
				t.Fatal("was accepted")
			}
			if diff := match(c.want, err.Error()); diff != "" {
				t.Errorf("%s\n%v", diff, err)
			}
		})
	}
}

// manyCodes are more than a statement holds.
func manyCodes() string {
	var b strings.Builder
	for i := range 26 * 26 * 26 {
		b.WriteString(string([]byte{'a' + byte(i/676), 'a' + byte(i/26%26), 'a' + byte(i%26), ','}))
		b.WriteString(" ")
	}
	return strings.TrimSuffix(b.String(), ", ")
}

func TestNoMistakeNamesAGoType(t *testing.T) {
	goType := regexp.MustCompile(`\bint64\b|\bstruct\b|attest\.|\[\]|reflect|interface|map\[|%!`)
	for _, value := range []string{"1", "true", "text", "[1, x, {a: 1}]", "{a: {b: 1}}", "~", `""`, "[]", "{}", "[[x]]", "99999999999999999999"} {
		for _, kind := range kinds {
			for l := range strings.Lines(draft.Template(kind)) {
				name, _, ok := strings.Cut(l, ":")
				if !ok || !regexp.MustCompile(`^[a-z_]+$`).MatchString(name) || name == "kind" {
					continue
				}
				text := without(draft.Template(kind), name+":", "  ") + name + ": " + value + "\n"
				if _, err := draft.Parse("f", []byte(text), options); err != nil && goType.MatchString(err.Error()) {
					t.Errorf("%s: %s: %v", name, value, err)
				}
			}
		}
	}
}

// Of claims that cannot be read for what stands in a text, nothing is said to be missing.
func TestAnUnknownCharacterIsTheOnlyMistakeThatIsTold(t *testing.T) {
	good := draft.Template(attest.KindDomainApproval)
	for place, line := range map[string]string{
		"title: \"": "new.yaml:27: title: has U+0378, which Unicode 15.0 does not know", "    US_CCL: [\"": "new.yaml:55: terms/in_scope/US_CCL/0: has U+0378, which Unicode 15.0 does not know",
	} {
		text := strings.Replace(strings.Replace(good, "[5A001.b.1", `["5A001.b.1"`, 1), place, place+"\u0378", 1)
		if _, err := draft.Parse("new.yaml", []byte(text), options); err == nil || err.Error() != line {
			t.Errorf("%v; want %s alone", err, line)
		}
	}
}
