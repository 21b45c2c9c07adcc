package policy

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/shopspring/decimal"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/strictjson"
)

// A Request asks whether an act may go ahead. A fact that is absent or null is
// not given; an engaged rule that needs it says MISSING_FACT.
type Request struct {
	EffectiveAt Instant `json:"effective_at"`
	// KnownAt and CheckedAt are of a person who asks about the past.
	KnownAt   Instant `json:"known_at,omitzero"`
	CheckedAt Instant `json:"checked_at,omitzero"`

	// Sandbox, or Authority and Programme in its place (R19).
	Sandbox   string `json:"sandbox,omitzero"`
	Authority string `json:"authority,omitzero"`
	Programme string `json:"programme,omitzero"`

	// Act is export, reexport, retransfer or technology_release.
	Act string `json:"act"`
	// Mode is tangible or intangible.
	Mode string `json:"mode,omitzero"`

	// The parties, as <scheme>:<value>.
	Transferor string   `json:"transferor,omitzero"`
	Transferee string   `json:"transferee,omitzero"`
	Via        []string `json:"via,omitzero"`
	EndUser    string   `json:"end_user,omitzero"`

	// TransfereePresented is how the transferee was shown to the asker.
	TransfereePresented *Presented `json:"transferee_presented,omitzero"`

	DestinationSite string           `json:"destination_site,omitzero"`
	Item            *Classification  `json:"item,omitzero"`
	Items           []Classification `json:"items,omitzero"`
	EndUse          string           `json:"end_use,omitzero"`
	Activity        string           `json:"activity,omitzero"`
	Classification  string           `json:"classification,omitzero"`
	Value           *Value           `json:"value,omitzero"`
	Quantity        *Quantity        `json:"quantity,omitzero"`
	// PersonNationalities are all nationalities held by every person given
	// access; an empty list says that nobody is.
	PersonNationalities []string `json:"person_nationalities,omitzero"`

	// LadenAt is when the item was laden, ContractSignedAt when the contract was
	// signed that the act is under: what savings clauses ask (R11).
	LadenAt          Instant `json:"laden_at,omitzero"`
	ContractSignedAt Instant `json:"contract_signed_at,omitzero"`

	ConsentRef           string `json:"consent_ref,omitzero"`
	OriginatingAuthority string `json:"originating_authority,omitzero"`
	// Attests are the limitations in words that the requester says are met.
	Attests []Attestation `json:"attests,omitzero"`
	// Ledger is what went before, the caller's own.
	Ledger []LedgerEntry `json:"ledger,omitzero"`

	// Reference and RequestedBy are kept and decide nothing.
	Reference   string `json:"reference,omitzero"`
	RequestedBy string `json:"requested_by,omitzero"`
}

// Presented is how a party was shown to the asker.
type Presented struct {
	Name string `json:"name,omitzero"`
	// Identifiers are as <scheme>:<value>.
	Identifiers []string `json:"identifiers,omitzero"`
}

// A Classification is the item under one control list.
type Classification struct {
	List  string `json:"list"`
	Entry string `json:"entry"`
}

// A Value is an amount of money; Currency is ISO 4217.
type Value struct {
	Amount   Number `json:"amount"`
	Currency string `json:"currency"`
}

// A Quantity is a number of units, named by a code.
type Quantity struct {
	Amount Number `json:"amount"`
	Unit   string `json:"unit"`
}

// An Attestation says that the requester meets a limitation: the statement,
// the JSON pointer of the limitation in it, and the SHA-256, base64url, of its
// words in UTF-8.
type Attestation struct {
	Issuer  string `json:"issuer"`
	JTI     string `json:"jti"`
	Pointer string `json:"pointer"`
	SHA256  string `json:"sha256"`
}

// A LedgerEntry is an earlier transaction: money with Currency, or a quantity
// with Unit.
type LedgerEntry struct {
	Date     Instant `json:"date"`
	Amount   Number  `json:"amount"`
	Currency string  `json:"currency,omitzero"`
	Unit     string  `json:"unit,omitzero"`
}

// An Instant is a time as RFC 3339 writes it, with a time of day and offset.
type Instant struct{ t time.Time }

// InstantOf returns t as an Instant.
func InstantOf(t time.Time) Instant { return Instant{t.UTC()} }

// Time returns the instant, in UTC.
func (i Instant) Time() time.Time { return i.t }

// IsZero reports whether no instant is given.
func (i Instant) IsZero() bool { return i.t.IsZero() }

// MarshalText writes the instant in UTC.
func (i Instant) MarshalText() ([]byte, error) {
	return []byte(i.t.UTC().Format(time.RFC3339Nano)), nil
}

// UnmarshalText reads an RFC 3339 time and refuses a date alone.
func (i *Instant) UnmarshalText(b []byte) error {
	t, err := time.Parse(time.RFC3339Nano, string(b))
	if err != nil || t.Year() < 1970 {
		return fmt.Errorf("%q is no time: want date, time and offset, such as 2026-05-04T09:00:00Z", b)
	}
	i.t = t.UTC()
	return nil
}

// A Number is an exact decimal, never negative; in JSON a string, or an
// integer. The zero Number is none.
type Number struct {
	value decimal.Decimal
	given bool
}

var number = regexp.MustCompile(`^[0-9]{1,30}(\.[0-9]{1,9})?$`)

// NumberOf returns the number that the text writes.
func NumberOf(text string) (Number, error) {
	if !number.MatchString(text) {
		return Number{}, fmt.Errorf("%q is no amount: want a decimal such as 100000 or 0.5, without sign or exponent", text)
	}
	d, err := decimal.NewFromString(text)
	if err != nil {
		return Number{}, fmt.Errorf("read amount %q: %w", text, err)
	}
	return Number{d, true}, nil
}

// MarshalJSONTo writes the number as a string; the zero Number is refused.
func (n Number) MarshalJSONTo(enc *jsontext.Encoder) error {
	if !n.given {
		return errors.New("no amount is given")
	}
	return enc.WriteToken(jsontext.String(n.value.String()))
}

// UnmarshalJSONFrom reads a string or an integer.
func (n *Number) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	v, err := dec.ReadValue()
	if err != nil {
		return err
	}
	text := string(v)
	if v.Kind() == '"' {
		b, err := jsontext.AppendUnquote(nil, v)
		if err != nil {
			return err
		}
		text = string(b)
	}
	*n, err = NumberOf(text)
	return err
}

// maxRequest bounds a request document, its ledger included.
const maxRequest = 1 << 20

// maxMistakes is how many of a request's mistakes are looked for.
const maxMistakes = strictjson.MaxProblems + 1

// ParseRequest reads a request document (JSON) and returns its mistakes, all of
// them where they are not dozens, as [attest.Problems].
func ParseRequest(data []byte) (*Request, error) {
	r := new(Request)
	form := strictjson.Form{MaxBytes: maxRequest, Nulls: true, Lines: true}
	if err := strictjson.UnmarshalAll(data, r, form); err != nil {
		return nil, withChecks(err, data, form, r)
	}
	if err := r.mistakes(data).Err(); err != nil {
		return nil, err
	}
	return r, nil
}

// mistakes are those of a request that was read, and the strings that are
// present and empty where nothing else is wrong with them: a member that is not
// known is left out, or null. It looks no further than for one more than are
// named, so that what it costs is bounded by the length of the document.
func (r *Request) mistakes(data []byte) attest.Problems {
	p := r.check()
	p = p[:min(len(p), maxMistakes)]
	// An empty string is nowhere spelt otherwise.
	if !bytes.Contains(data, []byte(`""`)) {
		return p
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true))
	for empty := 0; empty < maxMistakes; {
		t, err := dec.ReadToken()
		if err != nil {
			return p
		}
		if t.Kind() != '"' || t.String() != "" {
			continue
		}
		empty++
		ptr := string(dec.StackPointer())
		if !slices.ContainsFunc(p, func(q attest.Problem) bool { return related(q.Pointer, ptr) }) {
			p.Add(ptr, "is empty; leave it out")
		}
	}
	return p
}

// withChecks adds to the members that do not fit what is wrong with the others,
// so that all is named at once. Of what is not strict JSON nothing was read.
func withChecks(err error, data []byte, form strictjson.Form, r *Request) error {
	var all attest.Problems
	if strictjson.Check(data, form) != nil || !errors.As(err, &all) {
		return err
	}
	unread := slices.Clone(all)
	for _, p := range r.mistakes(data) {
		if !slices.ContainsFunc(unread, func(u attest.Problem) bool { return related(u.Pointer, p.Pointer) }) {
			all = append(all, p)
		}
	}
	return all.Err()
}

// related reports whether one of two JSON pointers is the other, or above it.
func related(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return strings.HasPrefix(b, a) && (len(a) == len(b) || b[len(a)] == '/')
}

// Times returns the times of the request: known_at and checked_at are now
// unless it gives them. It is for a person who asks about the past. Whatever
// lets an act go ahead uses [Request.TimesNow]: whoever may choose an old
// known_at escapes every revocation logged since.
func (r *Request) Times(now time.Time) Times {
	t := r.TimesNow(now)
	if !r.KnownAt.IsZero() {
		t.KnownAt = r.KnownAt.t
	}
	if !r.CheckedAt.IsZero() {
		t.CheckedAt = r.CheckedAt.t
	}
	return t
}

// TimesNow returns the legal time of the request, and now as known_at and
// checked_at, whatever the request says. It is for gates: whatever lets an act
// go ahead on the answer.
func (r *Request) TimesNow(now time.Time) Times { return Times{r.EffectiveAt.t, now, now} }

// Digest names the request for replay: SHA-256, base64url, over its RFC 8785
// form without the three times, which a decision gives beside it.
func (r *Request) Digest() string {
	c := *r
	c.EffectiveAt, c.KnownAt, c.CheckedAt = Instant{}, Instant{}, Instant{}
	return digestOf(struct {
		Request
		EffectiveAt Instant `json:"effective_at,omitzero"`
	}{Request: c})
}

// AskedDigest names the request as it was asked, its times included: SHA-256,
// base64url, over its RFC 8785 form. Whatever the spelling of its amounts and
// times, one request has one digest.
func (r *Request) AskedDigest() string { return digestOf(r) }

func (r *Request) ledgerDigest() string {
	if r.Ledger == nil {
		return ""
	}
	return digestOf(r.Ledger)
}

func digestOf(v any) string {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err == nil {
		err = (*jsontext.Value)(&b).Canonicalize()
	}
	if err != nil {
		return ""
	}
	return digest(b)
}

func (r *Request) items() []Classification {
	if r.Item != nil {
		return []Classification{*r.Item}
	}
	return r.Items
}

func (r *Request) retransfers() bool { return r.Act == actReexport || r.Act == actRetransfer }
