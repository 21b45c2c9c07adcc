package identifier

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/safeconduct/safeconduct/attest/isocode"
)

// A scheme is one row of the package comment's table. form sees only values of
// [A-Z0-9-], and check, if any, only those that fit the form.
type scheme struct {
	name, want, example string
	form                func(value string) bool
	check               func(value string) error
}

const pan = `[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z]`

// Strongest first.
var schemes = []scheme{
	{"lei", "18 letters or digits and 2 check digits", "213800KUD8LAJWSQ9D15",
		formLEI, checkLEI},
	{"uei", "12 letters or digits without I and O, the first not 0", "H4LCYNMRTM26",
		form(`[1-9A-HJ-NP-Z][0-9A-HJ-NP-Z]{11}`), nil},
	{"cage", "5 letters or digits without I and O, the first and the last a digit (other nations' codes are scheme ncage)", "9HMS1",
		form(`[0-9][0-9A-HJ-NP-Z]{3}[0-9]`), nil},
	{"ncage", "5 letters or digits", "B1234",
		form(`[A-Z0-9]{5}`), nil},
	{"cin", "L or U, 5 digits, state, year, class and 6 digits", "U26515AP2019PTC098765",
		form(`[LU][0-9]{5}[A-Z]{2}[0-9]{4}[A-Z]{3}[0-9]{6}`), nil},
	{"llpin", "3 letters, a hyphen and 4 digits", "AAB-4321",
		form(`[A-Z]{3}-[0-9]{4}`), nil},
	{"iec", "10 digits, or a PAN", "AAVCD1234K",
		form(`[0-9]{10}|` + pan), checkIEC},
	{"abn", "11 digits, the first two of them check digits from 11 to 99", "51824753556",
		form(`[0-9]{11}`), checkABN},
	{"acn", "9 digits, the last a check digit", "004085616",
		form(`[0-9]{9}`), checkACN},
	{"eori", "an ISO 3166 country (or XI) and 1 to 15 letters or digits; GB and 12 digits", "DE123456789012345",
		form(`[A-Z]{2}[A-Z0-9]{1,15}`), checkEORI},
	{"gstin", "a state, a PAN, an entity number, Z and a check character", "27AAPFU0939F1ZV",
		form(`[0-9]{2}` + pan + `[1-9A-Z]Z[0-9A-Z]`), checkGSTIN},
	{"pan", "3 letters, the holder's kind (one of ABCFGHJLPT), a letter, 4 digits and a letter", "AAVCD1234K",
		form(pan), checkPAN},
	{"duns", "9 digits", "123456789",
		form(`[0-9]{9}`), nil},
	{"ddtc", "M, B, F or K and 1 to 10 digits", "M12345",
		form(`[MBFK][0-9]{1,10}`), nil},
}

func form(re string) func(string) bool { return regexp.MustCompile(`^(?:` + re + `)$`).MatchString }

// formLEI is form(`[A-Z0-9]{18}[0-9]{2}`), written out because nearly every
// subject is an LEI.
func formLEI(value string) bool {
	return len(value) == 20 && !strings.Contains(value, "-") && base36(value[18]) < 10 && base36(value[19]) < 10
}

func lookup(name string) (scheme, bool) {
	i := slices.IndexFunc(schemes, func(s scheme) bool { return s.name == name })
	if i < 0 {
		return scheme{}, false
	}
	return schemes[i], true
}

// Schemes returns the names of the known schemes, strongest first. The slice is the caller's own.
func Schemes() []string {
	names := make([]string, len(schemes))
	for i, s := range schemes {
		names[i] = s.name
	}
	return names
}

// checkLEI follows ISO 17442 with ISO 7064 MOD 97-10: letters count as 10 to
// 35, and the whole number is 1 modulo 97. Generated check digits are 02 to 98;
// 00, 01 and 99 would be a second spelling of 97, 98 and 02.
func checkLEI(value string) error {
	sum := 0
	for _, c := range []byte(value) {
		if n := base36(c); n < 10 {
			sum = (sum*10 + n) % 97
		} else {
			sum = (sum*100 + n) % 97
		}
	}
	if check := value[18:]; sum != 1 || check < "02" || check > "98" {
		return errCheckDigit
	}
	return nil
}

// checkABN follows the Australian Business Register: subtract 1 from the first
// digit, weigh, and the sum is a multiple of 89. The two leading check digits
// are generated as 11 to 99; 10 would be a second spelling of 99.
func checkABN(value string) error {
	sum := -10
	for i, w := range []int{10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19} {
		sum += w * base36(value[i])
	}
	if value[:2] < "11" || sum%89 != 0 {
		return errCheckDigit
	}
	return nil
}

// checkACN follows the Australian Securities and Investments Commission:
// weights 8 to 1, and the last digit complements the sum to a multiple of 10.
func checkACN(value string) error {
	sum := base36(value[8])
	for i := range 8 {
		sum += (8 - i) * base36(value[i])
	}
	if sum%10 != 0 {
		return errCheckDigit
	}
	return nil
}

// checkGSTIN checks the state's code, the PAN within, and the last character:
// Luhn's algorithm modulo 36, weights 1 and 2 from the left. Only the regular
// form, with Z as the fourteenth character, gets this far.
func checkGSTIN(value string) error {
	// 01 to 38 are states and territories, former ones included; 97 is other
	// territory, 99 the centre.
	if state := value[:2]; state == "00" || state > "38" && state != "97" && state != "99" {
		return fmt.Errorf("state %s: want 01 to 38, 97 or 99", state)
	}
	if err := checkPAN(value[2:12]); err != nil {
		return err
	}
	sum := base36(value[14])
	for i := range 14 {
		n := base36(value[i]) * (1 + i%2)
		sum += n/36 + n%36
	}
	if sum%36 != 0 {
		return errCheckDigit
	}
	return nil
}

func checkPAN(value string) error {
	if value[5:9] == "0000" {
		return errors.New("serial number 0000 of a PAN is never issued")
	}
	return nil
}

func checkIEC(value string) error {
	if base36(value[0]) < 10 {
		return nil
	}
	return checkPAN(value)
}

var ukEORI = form(`GB[0-9]{12}`)

// checkEORI checks the prefix. XI is Northern Ireland.
func checkEORI(value string) error {
	switch prefix := value[:2]; {
	case prefix == "XI":
		return nil
	case prefix == "GB" && !ukEORI(value):
		return errors.New("want GB and 12 digits, such as GB123456789000")
	default:
		return isocode.Country(prefix)
	}
}

// base36 returns 0 to 35 for the characters 0 to 9 and A to Z.
func base36(c byte) int {
	if c <= '9' {
		return int(c - '0')
	}
	return int(c-'A') + 10
}
