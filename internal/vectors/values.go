package vectors

// ValueFile is values.json: the syntax of single values.
type ValueFile struct {
	About   string  `json:"about"`
	Vectors []Value `json:"vectors"`
}

// A Value is accepted or not as one of a kind: identifier, authority, sandbox,
// site, jti, origin, amount, country, currency, duration, or a control list.
type Value struct {
	Kind  string `json:"kind"`
	Value string `json:"value"`
	OK    bool   `json:"ok"`
}

func valueFile() ValueFile {
	f := ValueFile{About: "Values as members of statements, requests and trust files have them, and whether they are accepted as of the kind. EU_DU, IN_SCOMET, US_CCL, US_USML and WASSENAAR are entries of that control list."}
	for _, k := range []struct {
		kind    string
		good    []string
		refused []string
	}{
		{"identifier", []string{
			halcyon, varuna, "lei:213800KUD8LAJWSQ9D15", "uei:H4LCYNMRTM26", "cage:9HMS1", "ncage:B1234", alias, "llpin:AAB-4321", "iec:AAVCD1234K", "iec:0123456789",
			"abn:51824753556", "acn:004085616", "eori:DE123456789012345", "eori:XI123", "eori:GB123456789000", "gstin:27AAPFU0939F1ZV", "pan:AAVCD1234K",
			"duns:123456789", "ddtc:M12345", "us-bis-veu:GE-INDIA", "a-b:-",
		}, []string{
			"", "lei", "lei:", ":X", "LEI:213800KUD8LAJWSQ9D15", "lei:213800kud8lajwsq9d15", "lei:213800KUD8LAJWSQ9D16", "lei:213800KUD8LAJWSQ9D1", " lei:213800KUD8LAJWSQ9D15",
			"lie:213800KUD8LAJWSQ9D15", "lei-:X", "-lei:X", "uei:04LCYNMRTM26", "uei:O4LCYNMRTM26", "cage:A9HM1", "cage:9HMSA", "cin:X26515AP2019PTC098765", "llpin:AAB4321",
			"pan:AAVCD0000K", "pan:AAVDD1234K", "iec:AAVCD0000K", "abn:51824753557", "abn:10000000000", "acn:004085617", "eori:UK123456789000", "eori:GB12345678900", "eori:ZZ1",
			"gstin:39AAPFU0939F1ZV", "gstin:27AAPFU0939F1ZW", "duns:12345678", "ddtc:M", "ddtc:X1", "us-bis-veu:ge", "us-bis-veu:A:B",
			"us-bis-veu:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		}},
		{"authority", []string{"auth-us", "a", "0-"}, []string{"", "Auth", "auth_us", "abcdefghijklmnopqrstuvwxyz0123456"}},
		{"sandbox", []string{"SBX-UCOMMS", "1"}, []string{"", "sbx", "SBX_1", "SBX 1"}},
		{"site", []string{"VTZ-1"}, []string{"", "vtz-1", "VTZ.1"}},
		{"jti", []string{"TEA-1", "tea_1.2"}, []string{"", "TEA 1", "TEA/1", "TÉA"}},
		{"origin", []string{"example.org", "example.org/register", "a/b~c/D.e_f"}, []string{"", "https://example.org", "Example.org", "example.org/", "example.org//x", ".org", "-a", "a b", "a/b?c"}},
		{"amount", []string{"0", "1", "250000", "0.5", "10.000000001", "999999999999999999999999999999"}, []string{"", "00", "01", "1.", ".5", "1.0", "0.10", "-1", "+1", "1e3", "1,000", "0.0000000001", "1000000000000000000000000000000", "1 "}},
		{"country", []string{"US", "IN", "GB"}, []string{"", "us", "UK", "EU", "XK", "USA", "ZZ"}},
		{"currency", []string{"USD", "INR", "EUR"}, []string{"", "usd", "XAU", "XXX", "XTS", "US"}},
		{"duration", []string{"PT24H", "P1D", "P1DT12H", "PT1S", "PT90M", "P0DT1S", "P36525D"}, []string{"", "P", "PT", "P1DT", "PT0S", "P1M", "P1Y", "P1W", "PT1.5S", "-PT1H", "PT24h", "24H", "P36526D", "PT1M1H"}},
		{"US_CCL", []string{"5A001", "5A001.b.1", "9A515.a", "EAR99", "3A001.aa.12"}, []string{"", "5A", "5A001.", "5A001.b.", "5A001..b", "5A001.b.01", "5A001.B", "5a001", "5F001", "5A001.a1", "5A001.abc", "5A001.1000", "EAR99.a", "5A001 "}},
		{"IN_SCOMET", []string{"8A501.b.1", "6A001", "0H999"}, []string{"8A5", "9A501", "8I501", "8A501b1"}},
		{"WASSENAAR", []string{"5.A.1.b.1", "ML9.a", "ML22", "5.A.12"}, []string{"5.A", "5.A.0", "5.A.01", "ML0", "ML23", "ML9.1", "5.A.1.b.b", "5.A.1.b.0", "0.A.1", "5A001.b.1"}},
		{"EU_DU", []string{"5A001", "5A001b1", "1C35012", "1C35012a", "5A001a"}, []string{"5A001.b.1", "5A001b01", "5A0011", "5A001ab", "5F001", "1C350012"}},
		{"US_USML", []string{"XI", "XI(a)", "XI(a)(3)(ii)", "XXI(a)(1)(iv)(A)(1)(i)"}, []string{"XXII", "xi", "XI(1)", "XI(a)(0)", "XI(a)(1)(iiii)", "XI(a)(1)(i)(a)", "XI(a", "XI(aa)", "XI*(a)"}},
	} {
		for _, v := range k.good {
			f.Vectors = append(f.Vectors, Value{k.kind, v, true})
		}
		for _, v := range k.refused {
			f.Vectors = append(f.Vectors, Value{k.kind, v, false})
		}
	}
	return f
}
