// Package refusal is the vocabulary of problems (RFC 9457): the register's API and
// the gate of package presentation/gate refuse by the same words, so that whoever
// reads one reads the other.
package refusal

import (
	"maps"
	"slices"
)

// A Kind of problem.
type Kind string

// The kinds. Which status a kind has, is for whoever answers.
const (
	Malformed        Kind = "malformed"
	Forbidden        Kind = "forbidden"
	NotFound         Kind = "not-found"
	MethodNotAllowed Kind = "method-not-allowed"
	Conflict         Kind = "conflict"
	TooLarge         Kind = "too-large"
	MediaType        Kind = "unsupported-media-type"
	Invalid          Kind = "invalid"
	Undecided        Kind = "undecided"
	NotShown         Kind = "not-shown"
	NotPermitted     Kind = "not-permitted"
	TooManyRequests  Kind = "too-many-requests"
	Internal         Kind = "internal"
	Unsigned         Kind = "unsigned"
	NoTrust          Kind = "no-trust"
	Overloaded       Kind = "overloaded"
	ReadOnly         Kind = "read-only"
	Full             Kind = "full"
	NoQuorum         Kind = "no-quorum"
	Unavailable      Kind = "unavailable"
)

var titles = map[Kind]string{
	Malformed:        "Cannot be read",
	Forbidden:        "Not permitted by the trust root",
	NotFound:         "Not found",
	MethodNotAllowed: "Method not allowed",
	Conflict:         "Contradicts what is logged",
	TooLarge:         "Too large",
	MediaType:        "Unsupported media type",
	Invalid:          "Not valid",
	Undecided:        "Not decided",
	NotShown:         "Not shown",
	NotPermitted:     "Not permitted",
	TooManyRequests:  "Too many requests",
	Internal:         "Internal error",
	Unsigned:         "Not signed",
	NoTrust:          "Without a trust",
	Overloaded:       "Overloaded",
	ReadOnly:         "Read-only",
	Full:             "No room left",
	NoQuorum:         "Without a quorum",
	Unavailable:      "Unavailable",
}

// Kinds returns all of them, ascending.
func Kinds() []Kind { return slices.Sorted(maps.Keys(titles)) }

// Type is the kind's URI.
func (k Kind) Type() string { return "urn:safeconduct:problem:" + string(k) }

// Title names the kind in words.
func (k Kind) Title() string { return titles[k] }
