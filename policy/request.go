package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
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
//
// Members stand in the order of RFC 8785, here and in what a request has in it, so
// that what is marshalled has its form.
type Request struct {
	// Act is export, reexport, retransfer or technology_release.
	Act      string `json:"act"`
	Activity string `json:"activity,omitzero"`
	// Attests are the limitations in words that the requester says are met.
	Attests []Attestation `json:"attests,omitzero"`
	// Authority and Programme stand in the place of Sandbox (R19).
	Authority string `json:"authority,omitzero"`
	// CheckedAt and KnownAt are of a person who asks about the past.
	CheckedAt      Instant `json:"checked_at,omitzero"`
	Classification string  `json:"classification,omitzero"`
	ConsentRef     string  `json:"consent_ref,omitzero"`
	// ContractSignedAt is when the contract was signed that the act is under: what
	// savings clauses ask (R11).
	ContractSignedAt Instant `json:"contract_signed_at,omitzero"`
	DestinationSite  string  `json:"destination_site,omitzero"`
	// EffectiveAt must be given.
	EffectiveAt Instant `json:"effective_at,omitzero"`
	EndUse      string  `json:"end_use,omitzero"`
	// EndUser is a party, as are Transferor, Transferee and Via: <scheme>:<value>.
	EndUser string           `json:"end_user,omitzero"`
	Item    *Classification  `json:"item,omitzero"`
	Items   []Classification `json:"items,omitzero"`
	KnownAt Instant          `json:"known_at,omitzero"`
	// LadenAt is when the item was laden (R11).
	LadenAt Instant `json:"laden_at,omitzero"`
	// Ledger is what went before, the caller's own.
	Ledger []LedgerEntry `json:"ledger,omitzero"`
	// Mode is tangible or intangible.
	Mode                 string `json:"mode,omitzero"`
	OriginatingAuthority string `json:"originating_authority,omitzero"`
	// PersonNationalities are all nationalities held by every person given
	// access; an empty list says that nobody is.
	PersonNationalities []string  `json:"person_nationalities,omitzero"`
	Programme           string    `json:"programme,omitzero"`
	Quantity            *Quantity `json:"quantity,omitzero"`
	// Reference and RequestedBy are kept and decide nothing.
	Reference   string `json:"reference,omitzero"`
	RequestedBy string `json:"requested_by,omitzero"`
	Sandbox     string `json:"sandbox,omitzero"`
	Transferee  string `json:"transferee,omitzero"`
	// TransfereePresented is how the transferee was shown to the asker.
	TransfereePresented *Presented `json:"transferee_presented,omitzero"`
	Transferor          string     `json:"transferor,omitzero"`
	Value               *Value     `json:"value,omitzero"`
	Via                 []string   `json:"via,omitzero"`
}

// Presented is how a party was shown to the asker.
type Presented struct {
	// Identifiers are as <scheme>:<value>.
	Identifiers []string `json:"identifiers,omitzero"`
	Name        string   `json:"name,omitzero"`
}

// A Classification is the item under one control list.
type Classification struct {
	Entry string `json:"entry"`
	List  string `json:"list"`
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
	Amount   Number  `json:"amount"`
	Currency string  `json:"currency,omitzero"`
	Date     Instant `json:"date"`
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
func (i Instant) MarshalText() ([]byte, error) { return i.AppendText(nil) }

// AppendText appends what [Instant.MarshalText] returns.
func (i Instant) AppendText(b []byte) ([]byte, error) {
	return i.t.UTC().AppendFormat(b, time.RFC3339Nano), nil
}

// UnmarshalText reads an RFC 3339 time and refuses a date alone.
func (i *Instant) UnmarshalText(b []byte) error {
	t, err := time.Parse(time.RFC3339Nano, string(b))
	// An offset may lead out of the years that can be written in UTC.
	if t = t.UTC(); err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return fmt.Errorf("%q is no time: want date, time and offset, such as 2026-05-04T09:00:00Z", b)
	}
	i.t = t
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

// UnmarshalText reads what a string says.
func (n *Number) UnmarshalText(b []byte) (err error) {
	*n, err = NumberOf(string(b))
	return err
}

// UnmarshalJSONFrom reads a string or an integer.
func (n *Number) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	v, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if v.Kind() == '"' {
		if v, err = jsontext.AppendUnquote(nil, v); err != nil {
			return err
		}
	}
	return n.UnmarshalText(v)
}

// MaxRequest bounds a request document, its ledger included, in bytes.
const MaxRequest = 1 << 20

// maxMistakes is how many of a request's mistakes are looked for.
const maxMistakes = strictjson.MaxProblems + 1

// ParseRequest reads a request document (JSON) and returns its mistakes, all of
// them where they are not dozens, as [attest.Problems].
func ParseRequest(data []byte) (*Request, error) {
	r := new(Request)
	form := strictjson.Form{MaxBytes: MaxRequest, Nulls: true, Lines: true}
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
	return c.untimed()
}

// untimed is [Request.Digest] of a copy that nobody else has, which has its times
// again afterwards.
func (r *Request) untimed() string {
	effective, known, checked := r.EffectiveAt, r.KnownAt, r.CheckedAt
	r.EffectiveAt, r.KnownAt, r.CheckedAt = Instant{}, Instant{}, Instant{}
	d := digestOf(r)
	r.EffectiveAt, r.KnownAt, r.CheckedAt = effective, known, checked
	return d
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

// digestOf names a request, or what has its members in the same order.
func digestOf(v any) string {
	h := sha256.New()
	if err := json.MarshalWrite(h, v); err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func (r *Request) items() []Classification {
	if r.Item != nil {
		return []Classification{*r.Item}
	}
	return r.Items
}

func (r *Request) retransfers() bool { return r.Act == actReexport || r.Act == actRetransfer }
