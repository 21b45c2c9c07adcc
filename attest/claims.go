package attest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest/identifier"
)

// A Kind is what a statement is about; every kind has a typ of its own, and no
// kind opens as another.
type Kind string

// The kinds of statement.
const (
	// KindRoot says who may sign what.
	KindRoot Kind = "root"
	// KindRegistration says that an entity is established in a country.
	KindRegistration Kind = "registration"
	// KindEntityApproval approves an entity at its sites, for its items.
	KindEntityApproval Kind = "entity"
	// KindDomainApproval approves a project domain, a sandbox.
	KindDomainApproval Kind = "domain"
	// KindConsent lets a transferee receive a retransfer.
	KindConsent Kind = "consent"
	// KindEvent suspends, lifts, revokes or withdraws.
	KindEvent Kind = "event"
	// KindEntityEvent says what happened to an entity.
	KindEntityEvent Kind = "entity-event"
	// KindSuccession passes an approval on to another entity.
	KindSuccession Kind = "succession"
	// KindFreeze takes an authority's own key out of use.
	KindFreeze Kind = "freeze"
)

// VCT is the verifiable credential type that an entity approval names.
const VCT = "urn:safeconduct:entity-approval:1"

// kinds maps each typ to its claims. SD-JWT VC prescribes the one of entity
// approvals.
var kinds = map[string]func() Claims{
	KindRoot.typ():           func() Claims { return new(Root) },
	KindRegistration.typ():   func() Claims { return new(Registration) },
	KindEntityApproval.typ(): func() Claims { return new(EntityApproval) },
	KindDomainApproval.typ(): func() Claims { return new(DomainApproval) },
	KindConsent.typ():        func() Claims { return new(Consent) },
	KindEvent.typ():          func() Claims { return new(Event) },
	KindEntityEvent.typ():    func() Claims { return new(EntityEvent) },
	KindSuccession.typ():     func() Claims { return new(Succession) },
	KindFreeze.typ():         func() Claims { return new(Freeze) },
}

func (k Kind) typ() string {
	if k == KindEntityApproval {
		return "dc+sd-jwt"
	}
	return "safeconduct-" + string(k) + "+jwt"
}

// ChangesTrust reports whether a statement of the kind changes who may sign: it
// stands in the history of root, and is opened with [OpenRoot].
func (k Kind) ChangesTrust() bool { return k == KindRoot || k == KindFreeze }

// NewClaims returns empty claims of the kind, nil for an unknown one.
func NewClaims(k Kind) Claims {
	if f, ok := kinds[k.typ()]; ok {
		return f()
	}
	return nil
}

// Claims are what a statement says: *[Root], *[Registration],
// *[EntityApproval], *[DomainApproval], *[Consent], *[Event], *[EntityEvent],
// *[Succession] or *[Freeze].
type Claims interface {
	// Kind returns the kind of statement.
	Kind() Kind
	// Head returns the claims common to all kinds.
	Head() *Common
	// Subjects returns the subjects whose histories the statement goes into,
	// first its sub.
	Subjects() []string
	// check lists what no statement of the kind may say.
	check() Problems
}

// Common has the claims common to all statements (RFC 7519 names).
type Common struct {
	// Aud is the origin of the register that the statement is for.
	Aud string `json:"aud"`
	// Iss is the authority that makes the statement, "root" for a trust root.
	Iss string `json:"iss"`
	// Sub is the subject whose history the statement belongs to.
	Sub string `json:"sub"`
	// JTI is the statement's name, unique for its issuer.
	JTI string `json:"jti"`
	// IAT is when it was written.
	IAT NumericDate `json:"iat"`
}

// Head returns h.
func (h *Common) Head() *Common { return h }

// Subjects returns the sub alone.
func (h *Common) Subjects() []string { return []string{h.Sub} }

// A NumericDate is a time in seconds since 1970-01-01T00:00:00Z (RFC 7519).
// Zero stands for none.
type NumericDate int64

// Time returns the date as a time in UTC, the zero time for none.
func (d NumericDate) Time() time.Time {
	if d == 0 {
		return time.Time{}
	}
	return time.Unix(int64(d), 0).UTC()
}

// lastDate is 9999-12-31T23:59:59Z, the last one that RFC 3339 can write.
const lastDate NumericDate = 253402300799

// A Grant has what registrations, approvals and consents have in common.
type Grant struct {
	// NBF is when it comes into force, EXP when it ends (half-open); no EXP
	// means that it has no end of its own.
	NBF NumericDate `json:"nbf"`
	EXP NumericDate `json:"exp,omitzero"`
	// Supersedes is the jti of the version that this one replaces.
	Supersedes string `json:"supersedes,omitzero"`
	// Retroactive says that NBF lies before the time of logging, and
	// RetroactiveReason why.
	Retroactive       bool   `json:"retroactive,omitzero"`
	RetroactiveReason string `json:"retroactive_reason,omitzero"`
	// LegalBasis is the law that the issuer acts under.
	LegalBasis string `json:"legal_basis,omitzero"`
	// Publication is where it was published officially.
	Publication *Publication `json:"publication,omitzero"`
}

// GrantOf returns the grant of a registration, approval or consent, nil for
// others.
func GrantOf(c Claims) *Grant {
	switch c := c.(type) {
	case *Registration:
		return &c.Grant
	case *EntityApproval:
		return &c.Grant
	case *DomainApproval:
		return &c.Grant
	case *Consent:
		return &c.Grant
	default:
		return nil
	}
}

// A Publication is an official one.
type Publication struct {
	// Citation is how the journal is cited, such as "74 FR 31620".
	Citation string `json:"citation"`
	// URL is where it can be read.
	URL string `json:"url,omitzero"`
}

// A LegalEffect says what an approval does (RULES R17).
type LegalEffect string

// The legal effects.
const (
	// Authorization stands in for a licence.
	Authorization LegalEffect = "authorization"
	// Eligibility: the party is vetted, other tests still apply.
	Eligibility LegalEffect = "eligibility"
	// PolicyBaseline expedites only.
	PolicyBaseline LegalEffect = "policy_baseline"
)

// legalEffects lists them, the strongest first.
var legalEffects = []LegalEffect{Authorization, Eligibility, PolicyBaseline}

// LegalEffects lists the legal effects, the strongest first.
func LegalEffects() []LegalEffect { return slices.Clone(legalEffects) }

// maxText bounds the words of one member, in bytes.
const maxText = 4096

// isCode reports whether s is a code: a lower-case letter, then up to 63 of
// [a-z0-9_].
func isCode(s string) bool {
	return 0 < len(s) && len(s) <= 64 && lower(s[0]) && all(s, func(c byte) bool { return lower(c) || digit(c) || c == '_' })
}

// isProgramme: programmes have names that people use: "VEU", "JCP", "126.7".
func isProgramme(s string) bool {
	return 0 < len(s) && len(s) <= 64 && alphanumeric(s[0]) &&
		all(s, func(c byte) bool { return alphanumeric(c) || c == '.' || c == '_' || c == '-' })
}

// isOrigin: a host name, then path elements that are not empty.
func isOrigin(s string) bool {
	host, path, found := strings.Cut(s, "/")
	if host == "" || host[0] == '.' || host[0] == '-' ||
		!all(host, func(c byte) bool { return lower(c) || digit(c) || c == '.' || c == '-' }) {
		return false
	}
	for found {
		var element string
		element, path, found = strings.Cut(path, "/")
		if element == "" || !all(element, func(c byte) bool {
			return alphanumeric(c) || c == '.' || c == '_' || c == '~' || c == '-'
		}) {
			return false
		}
	}
	return true
}

func all(s string, is func(byte) bool) bool {
	for _, c := range []byte(s) {
		if !is(c) {
			return false
		}
	}
	return true
}

func lower(c byte) bool        { return 'a' <= c && c <= 'z' }
func digit(c byte) bool        { return '0' <= c && c <= '9' }
func alphanumeric(c byte) bool { return lower(c) || digit(c) || 'A' <= c && c <= 'Z' }

// Origin reports whether s may be the origin of a register: a URL without
// scheme, as C2SP tlog-checkpoint asks.
func Origin(s string) error {
	if len(s) > 128 || !isOrigin(s) {
		return fmt.Errorf("%q is no origin: want a schema-less URL such as example.org/register", s)
	}
	return nil
}

// check checks the common claims; prefix is what sub must begin with.
func (h *Common) check(p *checker, prefix string) {
	p.missing("/aud", h.Aud)
	p.missing("/iss", h.Iss)
	p.missing("/sub", h.Sub)
	p.missing("/jti", h.JTI)
	p.is("/aud", h.Aud, Origin)
	p.is("/iss", h.Iss, identifier.Authority)
	p.is("/jti", h.JTI, identifier.JTI)
	if h.Iss == "root" && prefix != "root" {
		p.Add("/iss", "\"root\" is no authority; it issues trust roots only")
	}
	p.date("/iat", h.IAT)
	if h.Sub != "" && !strings.HasPrefix(h.Sub, prefix) {
		p.Add("/sub", "is %q; want %s…", h.Sub, prefix)
	}
}

func (g *Grant) check(p *checker, jti string) {
	p.date("/nbf", g.NBF)
	if g.EXP != 0 {
		p.date("/exp", g.EXP)
		if g.EXP <= g.NBF {
			p.Add("/exp", "is not after nbf")
		}
	}
	p.is("/supersedes", g.Supersedes, identifier.JTI)
	if g.Supersedes != "" && g.Supersedes == jti {
		p.Add("/supersedes", "names the statement itself")
	}
	checkRetroactive(p, g.Retroactive, g.RetroactiveReason)
	p.text("/legal_basis", g.LegalBasis)
	g.Publication.check(p)
}

func checkRetroactive(p *checker, retroactive bool, reason string) {
	if retroactive != (reason != "") {
		p.Add("/retroactive_reason", "goes with retroactive: true, and must say why")
	}
	p.text("/retroactive_reason", reason)
}

func (u *Publication) check(p *checker) {
	if u == nil {
		return
	}
	p.missing("/publication/citation", u.Citation)
	p.text("/publication/citation", u.Citation)
	p.text("/publication/url", u.URL)
}

func (e LegalEffect) check(p *checker) {
	oneOf(p, "/legal_effect", e, legalEffects)
}

// A checker collects problems; it has the checks that the kinds share. Its
// pointers are relative to where it stands, so that a pointer is written in
// full only when something is wrong there.
type checker struct {
	Problems // those of the outermost checker are all

	up   *checker
	name string
	i    int // the element of name, -1 for name itself
}

// in returns a checker that stands at a member.
func (p *checker) in(name string) *checker { return &checker{up: p, name: name, i: -1} }

// element returns a checker that stands at an element of an array.
func (p *checker) element(name string, i int) *checker { return &checker{up: p, name: name, i: i} }

// Add records a problem with the member at pointer, as seen from where p stands.
func (p *checker) Add(pointer, format string, args ...any) {
	pointer = p.pointer(pointer)
	for p.up != nil {
		p = p.up
	}
	p.Problems.Add(pointer, format, args...)
}

// pointer returns the full pointer of a member.
func (p *checker) pointer(member string) string {
	for ; p.up != nil; p = p.up {
		if p.i >= 0 {
			member = "/" + strconv.Itoa(p.i) + member
		}
		member = p.name + member
	}
	return member
}

func (p *checker) missing(pointer, value string) {
	if value == "" {
		p.Add(pointer, "is missing")
	}
}

// is reports what check says of value, where there is one.
func (p *checker) is(pointer, value string, check func(string) error) {
	if value == "" {
		return
	}
	if err := check(value); err != nil {
		p.Add(pointer, "%v", err)
	}
}

func (p *checker) date(pointer string, d NumericDate) {
	switch {
	case d == 0:
		p.Add(pointer, "is missing")
	case d < 0 || d > lastDate:
		p.Add(pointer, "is not a time between 1970 and 9999 in seconds")
	}
}

func (p *checker) text(pointer, s string) {
	if len(s) > maxText {
		p.Add(pointer, "has %d bytes; at most %d are accepted", len(s), maxText)
	}
}

func (p *checker) code(pointer, s string) {
	if s != "" && !isCode(s) {
		p.Add(pointer, "%q is no code: want lower-case letters, digits and _", s)
	}
}

// oneOf reports a value, which must be there, that is not in a closed list.
func oneOf[T ~string](p *checker, pointer string, v T, list []T) {
	if v == "" {
		p.Add(pointer, "is missing")
	} else if !slices.Contains(list, v) {
		p.Add(pointer, "unknown value %q: want one of %q", string(v), list)
	}
}
