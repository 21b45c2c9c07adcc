package screening

import (
	"regexp"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/safeconduct/safeconduct/attest/identifier"
)

// A number is one that lists have of parties, and what it is here.
type number struct {
	// own is the scheme by the list's own word, used where no other fits.
	own string
	// schemes are those that it certainly has if the value has their form.
	schemes []string
	// company says that it is a number of a company register or a tax office,
	// which has a scheme in some countries.
	company bool
}

// cslNumbers are the words of the Consolidated Screening List for numbers that
// identify a party. Its column ids has remarks, too: those are no identifiers.
var cslNumbers = func() map[string]number {
	all := map[string]number{
		"D-U-N-S Number":                     {"csl-duns", []string{"duns"}, false},
		"Legal Entity Number":                {"csl-legal-entity-number", []string{"lei"}, false},
		"SWIFT/BIC":                          {"csl-swift-bic", []string{"swift-bic"}, false},
		"Unified Social Credit Code (USCC)":  {"csl-uscc", []string{"cn-uscc"}, false},
		"Vessel Registration Identification": {"csl-vessel-registration", []string{"imo-ship"}, false},
	}
	for _, word := range []string{
		"Registration ID", "Registration Number", "Business Registration Number", "Public Registration Number", "Commercial Registry Number",
		"Company Number", "UK Company Number", "Business Number", "Enterprise Number", "Chamber of Commerce Number", "Matricula Mercantil No",
		"Tax ID No.", "V.A.T. Number", "Fiscal Code", "Trade License No.", "Organization Code", "US FEIN", "RUC #", "RIF #", "NIT #", "R.F.C.",
	} {
		all[word] = number{own: "csl-" + slug(word), company: true}
	}
	for _, word := range []string{
		"Passport", "Diplomatic Passport", "National ID No.", "Identification Number", "Personal ID Card", "Cedula No.", "C.U.R.P.", "D.N.I.", "SSN",
		"Residency Number", "Driver's License No.", "Birth Certificate Number", "Travel Document Number", "Registered Charity No.", "MMSI",
		"Aircraft Tail Number", "BIK (RU)",
	} {
		all[word] = number{own: "csl-" + slug(word)}
	}
	return all
}()

// cslIDs reads an identifier of the list, such as "Passport, 836238033, KP".
func cslIDs(s string) []string {
	word, value, ok := strings.Cut(s, ", ")
	n, known := cslNumbers[word]
	if !ok || !known {
		return nil
	}
	country := ""
	if m := inCountry.FindStringSubmatch(value); m != nil {
		value, country = m[1], m[2]
	}
	return n.ids(value, country, country)
}

var inCountry = regexp.MustCompile(`^(.+), ([A-Z]{2})$`)

// ftmNumbers are the properties of FollowTheMoney that identify a party.
var ftmNumbers = []ftmNumber{
	{"leiCode", number{schemes: []string{"lei"}}}, {"uniqueEntityId", number{schemes: []string{"uei"}}},
	{"cageCode", number{schemes: []string{"cage", "ncage"}}}, {"dunsCode", number{schemes: []string{"duns"}}},
	{"innCode", number{schemes: []string{"ru-inn"}}}, {"ogrnCode", number{schemes: []string{"ru-ogrn"}}},
	{"uscCode", number{schemes: []string{"cn-uscc"}}}, {"swiftBic", number{schemes: []string{"swift-bic"}}},
	{"imoNumber", number{schemes: []string{"imo-ship"}}},
	{"registrationNumber", number{company: true}}, {"taxNumber", number{company: true}}, {"vatCode", number{company: true}},
	{"idNumber", number{}}, {"passportNumber", number{}}, {"licenseNumber", number{}}, {"npiCode", number{}}, {"giiNumber", number{}},
	{"irsCode", number{}}, {"cikCode", number{}}, {"jibCode", number{}}, {"voenCode", number{}}, {"bikCode", number{}},
	{"isinCode", number{}}, {"mmsi", number{}}, {"socialSecurityNumber", number{}}, {"wikidataId", number{}},
}

type ftmNumber struct {
	property string
	number
}

func (f ftmNumber) ids(value, country string) []string {
	f.own = "ftm-" + kebab(f.property)
	return f.number.ids(value, "", country)
}

// ids returns the identifiers that a value is, with the country that the value
// comes with and the one that the party is of.
func (n number) ids(value, with, of string) []string {
	var ids []string
	value = strings.ToUpper(norm.NFKC.String(value))
	for _, scheme := range n.schemes {
		if id := certain(scheme, value); id != "" {
			return []string{id}
		}
	}
	if n.company {
		for _, scheme := range national[of] {
			if id := certain(scheme, value); id != "" {
				ids = append(ids, id)
			}
		}
	}
	if with != "" {
		value = with + "-" + value
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r >= 0x80 }) {
		return ids
	}
	if id, err := identifier.New(n.own, strings.Trim(others.ReplaceAllString(value, "-"), "-")); err == nil {
		ids = append(ids, id.String())
	}
	return ids
}

var others = regexp.MustCompile(`[^A-Z0-9]+`)

// national are the schemes of countries' registers and tax offices whose
// numbers cannot be another's: by their form or check digits, given the country.
var national = map[string][]string{
	"IN": {"cin", "llpin", "gstin", "pan"},
	"AU": {"abn", "acn"},
	"RU": {"ru-inn", "ru-ogrn"},
	"CN": {"cn-uscc"},
}

// ownForms are the forms of schemes that package identifier does not know.
var ownForms = map[string]*regexp.Regexp{
	"ru-inn":    regexp.MustCompile(`^([0-9]{10}|[0-9]{12})$`),
	"ru-ogrn":   regexp.MustCompile(`^([0-9]{13}|[0-9]{15})$`),
	"cn-uscc":   regexp.MustCompile(`^[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}$`),
	"swift-bic": regexp.MustCompile(`^[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?$`),
	"imo-ship":  regexp.MustCompile(`^[0-9]{7}$`),
}

// certain returns the identifier of a scheme, "" if the value does not have
// its form. Spaces, full stops and hyphens inside are as people write it.
func certain(scheme, value string) string {
	if scheme == "imo-ship" {
		value = strings.TrimPrefix(value, "IMO")
	}
	bare := strings.NewReplacer(" ", "", ".", "", "-", "").Replace(value)
	for _, v := range []string{strings.TrimSpace(value), bare} {
		if f, ok := ownForms[scheme]; ok && !f.MatchString(v) {
			continue
		}
		if id, err := identifier.New(scheme, v); err == nil {
			return id.String()
		}
	}
	return ""
}

// slug makes a scheme of a word of the list.
func slug(word string) string {
	return strings.Trim(notSlug.ReplaceAllString(strings.ToLower(strings.NewReplacer(".", "", "'", "").Replace(word)), "-"), "-")
}

var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

// kebab makes a scheme of a property: registrationNumber is
// registration-number.
func kebab(property string) string {
	return strings.ToLower(humps.ReplaceAllString(property, "-$0"))
}

var humps = regexp.MustCompile(`[A-Z]`)
