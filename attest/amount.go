package attest

import (
	"fmt"
	"regexp"

	"github.com/shopspring/decimal"
)

// An Amount is a decimal number in its shortest form, never a float, never
// negative: "250000", "0.5". The empty Amount stands for none.
type Amount string

var amount = regexp.MustCompile(`^(0|[1-9][0-9]{0,29})(\.[0-9]{0,8}[1-9])?$`)

// ParseAmount reads the shortest form of an amount: no sign, no exponent, no
// leading or trailing zeros; at most 30 digits before the point and 9 behind.
func ParseAmount(s string) (Amount, error) {
	if !amount.MatchString(s) {
		return "", fmt.Errorf("%q is no amount: want the shortest decimal form, such as 250000 or 0.5", s)
	}
	return Amount(s), nil
}

// Decimal returns the amount as an exact number, zero for none.
func (a Amount) Decimal() decimal.Decimal {
	d, err := decimal.NewFromString(string(a))
	if err != nil {
		return decimal.Zero
	}
	return d
}
