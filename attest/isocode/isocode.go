// Package isocode knows the codes of countries (ISO 3166-1 alpha-2) and of
// currencies (ISO 4217).
//
// [Country] and [Currency] check one code each. Codes are case-exact: "in" is
// refused, never folded to "IN".
//
// A code that this package once accepted stays accepted, also after ISO has
// withdrawn it: a statement signed while it was current must be readable for
// as long as the log is kept. New codes are added.
//
// Both functions are pure and safe for concurrent use.
package isocode

import (
	"fmt"
	"strings"
)

// Country returns nil if code is an officially assigned ISO 3166-1 alpha-2
// code, such as "IN"; else an error that names the code and, where it can be
// guessed, the right one. Reserved and user-assigned codes (UK, EU, XK) are
// not countries here.
func Country(code string) error {
	if countries[code] {
		return nil
	}
	hint := ""
	switch up := upper(code); {
	case up == "UK":
		hint = ": the United Kingdom is GB"
	case up == "EL":
		hint = ": Greece is GR"
	case countries[up]:
		hint = fmt.Sprintf(": codes are upper-case, %s", up)
	}
	return fmt.Errorf("country %s is no ISO 3166-1 alpha-2 code%s", quote(code), hint)
}

// Currency returns nil if code is an ISO 4217 code of a currency that a value
// can be stated in, such as "USD"; else an error that names the code and,
// where it can be guessed, the right one. Precious metals, units of account
// between banks, funds codes and the codes for testing and for no currency
// (XAU, XDR, CHE, XTS, XXX) are refused.
func Currency(code string) error {
	if currencies[code] {
		return nil
	}
	hint := ""
	if up := upper(code); currencies[up] {
		hint = fmt.Sprintf(": codes are upper-case, %s", up)
	}
	return fmt.Errorf("currency %s is no ISO 4217 currency code%s", quote(code), hint)
}

// upper returns the upper-case form of a code short enough to be guessed at,
// else "".
func upper(code string) string {
	if len(code) > 3 {
		return ""
	}
	return strings.ToUpper(code)
}

// quote is %q, cut short: codes may be hostile, and errors are shown.
func quote(s string) string {
	if len(s) > 16 {
		return fmt.Sprintf("%q...", s[:16])
	}
	return fmt.Sprintf("%q", s)
}

func set(codes string) map[string]bool {
	m := make(map[string]bool)
	for _, c := range strings.Fields(codes) {
		m[c] = true
	}
	return m
}
