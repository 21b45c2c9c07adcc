package attest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/safeconduct/safeconduct/internal/strictjson"
)

// Confidential members of an entity approval are salted digests in the log (RFC
// 9901), and their names stand in clear beside them. The issuer hands the
// disclosures to the holder, who shows those that it likes.

// digestAlgorithm is the one _sd_alg.
const digestAlgorithm = "sha-256"

// A Concealment stands in an object some of whose members are confidential.
type Concealment struct {
	// Digests are those of the members, as many as Confidential has names.
	Digests []string `json:"_sd,omitzero" draft:"-"`
	// Confidential are the names of the members.
	Confidential []string `json:"confidential,omitzero" draft:"-"`
}

// The members that may be confidential, by the object that they are of: none
// that restricts or identifies. Whoever needs one that is not disclosed cannot
// decide.
var (
	confidentialInApproval = []string{"case_number", "contacts", "legal_name"}
	confidentialInSite     = []string{"address", "name"}
	confidentialInCaveats  = []string{"quantity", "value"}
)

// Confirmation is the holder's key (RFC 7800, cnf).
type Confirmation struct {
	JWK JWK `json:"jwk"`
}

// Hides reports whether a member is confidential and has not been disclosed;
// pointer is its JSON pointer, in the claims.
func (a *EntityApproval) Hides(pointer string) bool {
	for _, o := range a.objects() {
		for _, name := range o.hidden() {
			if o.pointer(name) == pointer {
				return true
			}
		}
	}
	return false
}

// Hidden returns the JSON pointers, in the claims, of the confidential members
// that have not been disclosed, sorted.
func (a *EntityApproval) Hidden() (pointers []string) {
	for _, o := range a.objects() {
		for _, name := range o.hidden() {
			pointers = append(pointers, o.pointer(name))
		}
	}
	slices.Sort(pointers)
	return pointers
}

// Hidden returns the names of the confidential limits that have not been
// disclosed.
func (l *Limits) Hidden() []string {
	if len(l.Confidential) == 0 {
		return nil
	}
	o := (&EntityApproval{Caveats: l}).objects()
	return o[len(o)-1].hidden()
}

// Concealed returns the digests of all members that the approval conceals, disclosed
// or not: for whoever has digests, or many disclosures, to find what is of which
// approval. It does not tell whether the member's name fits; [Disclosure.Of] does.
func (a *EntityApproval) Concealed() (digests []string) {
	for _, o := range a.objects() {
		digests = append(digests, o.Digests...)
	}
	return digests
}

// A concealing is one object of an approval that may have confidential members.
type concealing struct {
	*Concealment
	// within is its JSON pointer, but for the index that a site, the nth, has behind it.
	within string
	nth    int
	closed []string
	// at are where the members are kept, in the order of their names in closed.
	at [3]any
}

// objects are those of an approval that may have confidential members.
func (a *EntityApproval) objects() []concealing {
	out := append(make([]concealing, 0, 2+len(a.ApprovedSites)), concealing{
		&a.Concealment, "", -1, confidentialInApproval, [3]any{&a.CaseNumber, &a.Contacts, &a.LegalName},
	})
	for i := range a.ApprovedSites {
		s := &a.ApprovedSites[i]
		out = append(out, concealing{
			&s.Concealment, "/approved_sites/", i, confidentialInSite, [3]any{&s.Address, &s.Name},
		})
	}
	if l := a.Caveats; l != nil {
		out = append(out, concealing{&l.Concealment, "/caveats", -1, confidentialInCaveats, [3]any{&l.Quantity, &l.Value}})
	}
	return out
}

// pointer is the JSON pointer of a member. It is made when it is asked for: objects are
// walked for every decision, and mostly nothing of them is confidential.
func (o *concealing) pointer(member string) string {
	if o.nth < 0 {
		return o.within + "/" + member
	}
	return o.within + strconv.Itoa(o.nth) + "/" + member
}

// member returns where a member is kept, nil where it may not be confidential.
func (o *concealing) member(name string) any {
	if i := slices.Index(o.closed, name); i >= 0 {
		return o.at[i]
	}
	return nil
}

// has reports whether a member is there.
func (o *concealing) has(name string) bool {
	switch m := o.member(name).(type) {
	case *string:
		return *m != ""
	case *[]string:
		return len(*m) > 0
	case **ValueCeiling:
		return *m != nil
	case **QuantityCeiling:
		return *m != nil
	default:
		return false
	}
}

// hidden are the confidential members that are not there.
func (o *concealing) hidden() []string {
	if len(o.Confidential) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(o.Confidential), o.has)
}

// checkConfidential checks what an approval conceals: it says by name what, each
// name is of the closed list and stands for one digest, and nothing of it stands
// in clear.
func (a *EntityApproval) checkConfidential(p *checker) {
	seen := make(map[string]bool)
	for _, o := range a.objects() {
		for i, name := range o.Confidential {
			at := o.pointer("confidential/" + strconv.Itoa(i))
			switch {
			case !slices.Contains(o.closed, name):
				p.Add(at, "%q may not be confidential here: want one of %q", name, o.closed)
			case o.has(name):
				p.Add(o.pointer(name), "is confidential, and stands in clear")
			}
		}
		if n, want := len(o.Digests), len(o.Confidential); n != want {
			p.Add(o.pointer("_sd"), "has %d digests for the %d names in confidential", n, want)
		}
		for i, d := range o.Digests {
			at := o.pointer("_sd/" + strconv.Itoa(i))
			if !isThumbprint(d) {
				p.Add(at, "is %q; want a SHA-256, base64url", d)
			} else if seen[d] {
				p.Add(at, "stands twice")
			}
			seen[d] = true
		}
	}
	switch {
	case len(seen) == 0 && a.DigestAlgorithm != "":
		p.Add("/_sd_alg", "goes with _sd")
	case len(seen) > 0 && a.DigestAlgorithm != digestAlgorithm:
		p.Add("/_sd_alg", "is %q; want %q", a.DigestAlgorithm, digestAlgorithm)
	}
}

// notConfidential: outside an entity approval nothing is.
func (c *Concealment) notConfidential(p *checker) {
	if len(c.Digests) > 0 || len(c.Confidential) > 0 {
		p.Add("/confidential", "only an approval of an entity conceals members, and of limits only its caveats")
	}
}

func (c *Confirmation) check(p *checker) {
	if c == nil {
		return
	}
	if _, err := c.JWK.Key(); err != nil {
		p.Add("/jwk", "%v", err)
	}
}

// A Disclosure is a confidential member of an approval, in clear (RFC 9901,
// section 4.2.1): base64url of ["salt","name",value], with a salt of 128 bits,
// in the RFC 8785 form.
type Disclosure struct {
	name         string
	value        jsontext.Value
	text, digest string
}

// maxDisclosure bounds a disclosure: contacts of some pages.
const maxDisclosure = 24 << 10

// ParseDisclosure reads a disclosure. That it is of any approval, its digest
// tells: [EntityApproval.Disclose].
func ParseDisclosure(text string) (Disclosure, error) {
	d, err := readDisclosure(text)
	if err != nil {
		return Disclosure{}, fmt.Errorf("the disclosure %w", err)
	}
	return d, nil
}

func readDisclosure(text string) (Disclosure, error) {
	fail := func(format string, args ...any) (Disclosure, error) {
		return Disclosure{}, fmt.Errorf(format, args...)
	}
	if len(text) > maxDisclosure {
		return fail("has %d bytes; at most %d are accepted", len(text), maxDisclosure)
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	// The decoder passes over line ends.
	if err != nil || base64.RawURLEncoding.EncodeToString(data) != text {
		return fail("is not base64url without padding")
	}
	if err := strictjson.Check(data, strictjson.Form{MaxBytes: maxDisclosure, Canonical: true}); err != nil {
		return fail("is not canonical JSON: %w", err)
	}
	var parts []jsontext.Value
	if err := json.Unmarshal(data, &parts); err != nil || len(parts) != 3 {
		return fail("is not [salt, name, value]")
	}
	var salt string
	sum := sha256.Sum256([]byte(text))
	d := Disclosure{value: parts[2], text: text, digest: base64.RawURLEncoding.EncodeToString(sum[:])}
	if json.Unmarshal(parts[0], &salt) != nil || json.Unmarshal(parts[1], &d.name) != nil {
		return fail("is not [salt, name, value]")
	}
	if b, err := base64.RawURLEncoding.Strict().DecodeString(salt); err != nil || len(b) < 16 || len(b) > 64 {
		return fail("has a salt that is not 16 to 64 bytes in base64url")
	}
	return d, nil
}

// The bounds of disclosures that are handed on together: an approval with a hundred
// sites has two hundred.
const (
	MaxDisclosures     = 512
	MaxDisclosureBytes = 256 << 10
)

// ParseDisclosures reads disclosures that are handed on together: at most
// [MaxDisclosures], of [MaxDisclosureBytes] in all, and none twice. The error names
// the first that is wrong by its number, from 1.
func ParseDisclosures(texts []string) ([]Disclosure, error) {
	if len(texts) > MaxDisclosures {
		return nil, fmt.Errorf("there are %d disclosures; at most %d are accepted", len(texts), MaxDisclosures)
	}
	var ds []Disclosure
	first, size := make(map[string]int, len(texts)), 0
	for i, text := range texts {
		if size += len(text); size > MaxDisclosureBytes {
			return nil, fmt.Errorf("the disclosures have more than %d bytes; no more are accepted", MaxDisclosureBytes)
		}
		if n, twice := first[text]; twice {
			return nil, fmt.Errorf("disclosure %d of %d is disclosure %d again; give each once", i+1, len(texts), n)
		}
		d, err := readDisclosure(text)
		if err != nil {
			return nil, fmt.Errorf("disclosure %d of %d %w", i+1, len(texts), err)
		}
		first[text] = i + 1
		ds = append(ds, d)
	}
	return ds, nil
}

// Name returns the name of the member.
func (d Disclosure) Name() string { return d.name }

// String returns the disclosure as it is handed on.
func (d Disclosure) String() string { return d.text }

// Digest returns what stands for it in _sd (RFC 9901, section 4.2.3): it tells
// nothing of the member, whose salt nobody guesses. It is "" for the zero Disclosure.
func (d Disclosure) Digest() string { return d.digest }

func disclosureOf(name string, value any) (Disclosure, error) {
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return Disclosure{}, err
	}
	data, err := json.Marshal([]any{base64.RawURLEncoding.EncodeToString(salt), name, value})
	if err == nil {
		err = (*jsontext.Value)(&data).Canonicalize()
	}
	if err != nil {
		return Disclosure{}, fmt.Errorf("conceal %s: %w", name, err)
	}
	return ParseDisclosure(base64.RawURLEncoding.EncodeToString(data))
}

// Conceal returns the approval with members taken out, and the disclosures that
// the holder gets, in the order of the pointers. pointers are JSON pointers into
// the claims, each of a member that is there and may be confidential. The approval
// that is given is not changed. Salts are random: two calls give two approvals.
func (a *EntityApproval) Conceal(pointers []string) (*EntityApproval, []Disclosure, error) {
	out := a.clone()
	var ds []Disclosure
	objects := out.objects()
	for _, pointer := range pointers {
		o, name, ok := find(objects, pointer)
		switch {
		case !ok:
			return nil, nil, Problems{{Pointer: pointer, Message: "may not be confidential"}}
		case slices.Contains(o.Confidential, name):
			return nil, nil, Problems{{Pointer: pointer, Message: "is confidential already"}}
		case !o.has(name):
			return nil, nil, Problems{{Pointer: pointer, Message: "is to be confidential, and is not there"}}
		}
		d, err := disclosureOf(name, o.member(name))
		if err != nil {
			return nil, nil, err
		}
		ds = append(ds, d)
		o.set(name, nil)
		o.Digests = append(slices.Clone(o.Digests), d.digest)
		o.Confidential = append(slices.Clone(o.Confidential), name)
		slices.Sort(o.Digests)
		slices.Sort(o.Confidential)
		out.DigestAlgorithm = digestAlgorithm
	}
	return out, ds, nil
}

func find(objects []concealing, pointer string) (o *concealing, name string, ok bool) {
	for i := range objects {
		for _, name := range objects[i].closed {
			if objects[i].pointer(name) == pointer {
				return &objects[i], name, true
			}
		}
	}
	return nil, "", false
}

// set sets a member to what the parsed value says, or takes it out.
func (o *concealing) set(name string, from *clearMembers) {
	if from == nil {
		from = new(clearMembers)
	}
	switch name {
	case "address":
		*o.member(name).(*string) = from.Address //nolint:forcetypeassert // of objects
	case "case_number":
		*o.member(name).(*string) = from.CaseNumber //nolint:forcetypeassert // of objects
	case "contacts":
		*o.member(name).(*[]string) = from.Contacts //nolint:forcetypeassert // of objects
	case "legal_name":
		*o.member(name).(*string) = from.LegalName //nolint:forcetypeassert // of objects
	case "name":
		*o.member(name).(*string) = from.Name //nolint:forcetypeassert // of objects
	case "quantity":
		*o.member(name).(**QuantityCeiling) = from.Quantity //nolint:forcetypeassert // of objects
	case "value":
		*o.member(name).(**ValueCeiling) = from.Value //nolint:forcetypeassert // of objects
	}
}

// clearMembers are all members that may be confidential.
type clearMembers struct {
	Address    string           `json:"address,omitzero"`
	CaseNumber string           `json:"case_number,omitzero"`
	Contacts   []string         `json:"contacts,omitzero"`
	LegalName  string           `json:"legal_name,omitzero"`
	Name       string           `json:"name,omitzero"`
	Quantity   *QuantityCeiling `json:"quantity,omitzero"`
	Value      *ValueCeiling    `json:"value,omitzero"`
}

// read reads the value of a disclosure as strictly as a payload.
func (d Disclosure) read() (*clearMembers, error) {
	name, err := json.Marshal(d.name)
	if err != nil {
		return nil, err
	}
	doc := slices.Concat([]byte("{"), name, []byte(":"), d.value, []byte("}"))
	m := new(clearMembers)
	if err := strictjson.Unmarshal(doc, m, payloadForm); err != nil {
		return nil, fmt.Errorf("the disclosure of %s: %w", d.name, err)
	}
	p := new(checker)
	m.check(p)
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("the disclosure of %s: %w", d.name, err)
	}
	return m, nil
}

func (m *clearMembers) check(p *checker) {
	for pointer, s := range map[string]string{"/address": m.Address, "/case_number": m.CaseNumber, "/legal_name": m.LegalName, "/name": m.Name} {
		p.text(pointer, s)
	}
	checkContacts(p, m.Contacts)
	(&Limits{Value: m.Value, Quantity: m.Quantity}).check(p)
}

func checkContacts(p *checker, contacts []string) {
	for i, c := range contacts {
		p.element("/contacts", i).text("", c)
	}
}

// Disclose returns the approval with confidential members in clear, for whoever
// has their disclosures. Each has to be of a member that the approval conceals, of
// its very name, and none is given twice. The approval that is given is not
// changed.
func (a *EntityApproval) Disclose(ds []Disclosure) (*EntityApproval, error) {
	out := a.clone()
	objects := out.objects()
	for _, d := range ds {
		i := slices.IndexFunc(objects, func(o concealing) bool { return slices.Contains(o.Digests, d.digest) })
		if i < 0 {
			return nil, fmt.Errorf("a disclosure of %s is of no member of approval %s of %s", d.name, a.JTI, a.Iss)
		}
		o := &objects[i]
		if !slices.Contains(o.Confidential, d.name) {
			return nil, fmt.Errorf("a disclosure of approval %s of %s is of %s, which %s does not name as confidential", a.JTI, a.Iss, d.name, o.pointer("confidential"))
		}
		if o.has(d.name) {
			return nil, fmt.Errorf("%s of approval %s of %s is disclosed twice", o.pointer(d.name), a.JTI, a.Iss)
		}
		m, err := d.read()
		if err != nil {
			return nil, err
		}
		o.set(d.name, m)
	}
	return out, nil
}

// Of reports whether the approval conceals what the disclosure discloses, under its very
// name, and at which pointer in the claims: for whoever wants to name the member. Who has
// the digest alone looks for it in [EntityApproval.Concealed].
func (d Disclosure) Of(a *EntityApproval) (pointer string, ok bool) {
	for _, o := range a.objects() {
		if slices.Contains(o.Digests, d.digest) && slices.Contains(o.Confidential, d.name) {
			return o.pointer(d.name), true
		}
	}
	return "", false
}

// clone copies the approval as deep as confidential members are.
func (a *EntityApproval) clone() *EntityApproval {
	out := *a
	out.ApprovedSites = slices.Clone(a.ApprovedSites)
	if a.Caveats != nil {
		l := *a.Caveats
		out.Caveats = &l
	}
	return &out
}
