// Package identifier reads the identifiers of entities, <scheme>:<value>, and
// of what a register names: authorities, sandboxes, sites and statements.
//
// Start with [Parse]:
//
//	id, err := identifier.Parse("lei:213800KUD8LAJWSQ9D15")
//	id.Scheme() // "lei"
//	id.Value()  // "213800KUD8LAJWSQ9D15"
//
// A scheme is of [a-z0-9-], a value of [A-Z0-9-]. Nothing is folded, trimmed
// or normalised, so one identifier has one spelling and can be compared as a
// string; an error says what the right case would be. Names are never
// identifiers.
//
// # Schemes
//
// Strongest first: an entity that has several is known by the first that it
// has here, or by an authority's own where it has none of them.
//
//	lei    Legal Entity Identifier, ISO 17442   check digits, ISO 7064 MOD 97-10
//	uei    Unique Entity ID, SAM.gov            12, no I or O, no leading 0
//	cage   CAGE code, United States             5, a digit first and last, no I or O
//	ncage  NATO CAGE code, all other nations    5 letters or digits
//	cin    Corporate Identity Number, India     21, by position
//	llpin  LLP Identification Number, India     AAB-4321
//	iec    Importer-Exporter Code, India        10 digits, or a PAN
//	abn    Australian Business Number           check digits, modulus 89
//	acn    Australian Company Number            check digit, modulus 10
//	eori   EU and UK economic operators         country, up to 15; GB and 12 digits
//	gstin  GST Identification Number, India     state, PAN, check character, Luhn mod 36
//	pan    Permanent Account Number, India      10, by position
//	duns   D-U-N-S number                       9 digits
//	ddtc   DDTC registration, United States     M, B, F or K and digits
//
// A scheme with a hyphen, such as us-bis-veu:GE-INDIA, is an authority's own:
// its values are whatever that authority says. Any other scheme is refused, so
// that a typo (lie:) is an error and not a new scheme.
//
// # What is checked
//
// The form, and the checksum where one is published. The last character of a
// UEI and of a PAN is a checksum too, but an unpublished one. Not checked: that
// an identifier was ever issued, and to whom. Some do not last: a CIN changes
// when its company is listed or moves to another state.
//
// All functions are pure and safe for concurrent use.
package identifier

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// The bounds of an identifier in bytes; [Parse] refuses what exceeds either.
const (
	MaxScheme = 32
	MaxValue  = 64
)

// ID is the identifier of an entity. It is comparable: two IDs are equal if
// and only if they have the same scheme and value. The zero ID identifies
// nothing.
type ID struct{ scheme, value string }

// Parse reads <scheme>:<value>, as [ID.String] writes it. The error names the
// part that is wrong and what is expected there.
func Parse(s string) (ID, error) {
	scheme, value, found := strings.Cut(s, ":")
	if !found {
		return ID{}, fmt.Errorf("parse identifier %s: no colon: want <scheme>:<value>, such as lei:213800KUD8LAJWSQ9D15", quote(s))
	}
	return New(scheme, value)
}

// New returns the ID of a scheme and a value given apart. It checks the same
// as [Parse].
func New(scheme, value string) (ID, error) {
	if err := checkScheme(scheme); err != nil {
		return ID{}, fmt.Errorf("parse identifier: %w", err)
	}
	if err := checkValue(scheme, value); err != nil {
		return ID{}, fmt.Errorf("parse identifier: %s %s: %w", scheme, quote(value), err)
	}
	return ID{scheme, value}, nil
}

// Scheme returns the scheme, "" for the zero ID.
func (id ID) Scheme() string { return id.scheme }

// Value returns the value, "" for the zero ID.
func (id ID) Value() string { return id.value }

// String returns <scheme>:<value>, which [Parse] reads back; "" for the zero ID.
func (id ID) String() string {
	if id == (ID{}) {
		return ""
	}
	return id.scheme + ":" + id.value
}

// An authority's own scheme: a hyphen inside, so that neither lei- nor -lei is one.
var ownForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*-[a-z0-9-]*[a-z0-9]$`)

// schemeForm: 1 to 32 of [a-z0-9-].
func schemeForm(s string) bool {
	for _, c := range []byte(s) {
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return 1 <= len(s) && len(s) <= MaxScheme
}

// valueForm: 1 to 64 of [A-Z0-9-].
func valueForm(s string) bool {
	for _, c := range []byte(s) {
		if c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return 1 <= len(s) && len(s) <= MaxValue
}

func checkScheme(scheme string) error {
	if !schemeForm(scheme) {
		return fmt.Errorf("scheme %s: want 1 to %d of [a-z0-9-]%s",
			quote(scheme), MaxScheme, hint(strings.ToLower(scheme), schemeForm))
	}
	if _, ok := lookup(scheme); ok || ownForm.MatchString(scheme) {
		return nil
	}
	similar := near(scheme)
	if len(similar) == 0 {
		return fmt.Errorf("unknown scheme %q: want one of %s, or an authority's own, which has a hyphen inside (us-bis-veu)",
			scheme, strings.Join(Schemes(), ", "))
	}
	return fmt.Errorf("unknown scheme %q: did you mean %s? An authority's own has a hyphen inside (us-bis-veu)",
		scheme, strings.Join(similar, " or "))
}

func checkValue(scheme, value string) error {
	if !valueForm(value) {
		return fmt.Errorf("want 1 to %d of [A-Z0-9-]%s", MaxValue, hint(strings.ToUpper(value), valueForm))
	}
	s, ok := lookup(scheme)
	if !ok {
		return nil
	}
	if !s.form(value) {
		return fmt.Errorf("want %s, such as %s", s.want, s.example)
	}
	if s.check != nil {
		return s.check(value)
	}
	return nil
}

// hint names the right spelling where only the case is wrong. It is never
// used: an identifier that was signed in another case is another identifier.
func hint(folded string, form func(string) bool) string {
	if !form(folded) {
		return ""
	}
	return fmt.Sprintf("; did you mean %q? Case is never folded", folded)
}

// quote is %q, cut short: errors are logged and shown, and input may be hostile.
func quote(s string) string {
	if len(s) > MaxValue {
		return fmt.Sprintf("%q...", s[:MaxValue])
	}
	return fmt.Sprintf("%q", s)
}

var errCheckDigit = errors.New("the check digits do not fit the rest: a typo?")
