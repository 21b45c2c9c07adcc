package isocode_test

import (
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/attest/isocode"
)

func TestCountry(t *testing.T) {
	for _, code := range strings.Fields("AD AU AX BY CN DE FR GB GR IN IR JP KP RU SG SS SX TW UM US ZA ZW") {
		if err := isocode.Country(code); err != nil {
			t.Error(err)
		}
	}
	for code, hint := range map[string]string{
		"in": "IN", "In": "IN", "UK": "GB", "EL": "GR",
		"": "", "I": "", "IND": "", "XX": "", "EU": "", "XK": "", "AN": "", "SU": "", "IN ": "", "I\x00": "", "356": "",
		strings.Repeat("I", 1<<16): "",
	} {
		refused(t, code, hint, isocode.Country(code))
	}
}

func TestCurrency(t *testing.T) {
	for _, code := range strings.Fields("AUD CHF CNY EUR GBP INR JPY SGD SLE TWD USD VED XAF XCG XOF XPF ZWG") {
		if err := isocode.Currency(code); err != nil {
			t.Error(err)
		}
	}
	for code, hint := range map[string]string{
		"usd": "USD", "Inr": "INR",
		"": "", "US": "", "USDT": "", "RS": "", "XAU": "", "XDR": "", "XTS": "", "XXX": "", "CHE": "", "DEM": "", "840": "", "$": "",
		strings.Repeat("U", 1<<16): "",
	} {
		refused(t, code, hint, isocode.Currency(code))
	}
}

// ISO assigned 249 country codes; every one is two letters.
func TestTables(t *testing.T) {
	count := func(length int, check func(string) error) (n int) {
		var try func(prefix string)
		try = func(prefix string) {
			if len(prefix) == length {
				if check(prefix) == nil {
					n++
				}
				return
			}
			for c := 'A'; c <= 'Z'; c++ {
				try(prefix + string(c))
			}
		}
		try("")
		return n
	}
	if n := count(2, isocode.Country); n != 249 {
		t.Errorf("%d countries, want 249", n)
	}
	if n := count(3, isocode.Currency); n != 154 {
		t.Errorf("%d currencies, want 154", n)
	}
}

func refused(t *testing.T, code, hint string, err error) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("%.20q is accepted", code)
	case !strings.Contains(err.Error(), hint):
		t.Errorf("error %q does not hint at %s", err, hint)
	case len(err.Error()) > 120:
		t.Errorf("error of %d bytes: hostile input is to be cut short", len(err.Error()))
	}
}
