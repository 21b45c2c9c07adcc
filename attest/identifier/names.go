package identifier

import (
	"fmt"
	"strings"
)

// jtiForm: 1 to 128 of [A-Za-z0-9._-].
func jtiForm(s string) bool {
	for _, c := range []byte(s) {
		if c != '.' && c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return 1 <= len(s) && len(s) <= 128
}

// Authority returns nil if s can be the id of an authority, such as "us-bis":
// 1 to 32 of [a-z0-9-]. Else the error says so, with the lower-case form if
// that would do.
func Authority(s string) error {
	if schemeForm(s) {
		return nil
	}
	return fmt.Errorf("authority %s: want 1 to 32 of [a-z0-9-]%s", quote(s), hint(strings.ToLower(s), schemeForm))
}

// Sandbox returns nil if s can be the id of a sandbox, such as "SBX-UCOMMS":
// 1 to 64 of [A-Z0-9-]. Else the error says so, with the upper-case form if
// that would do.
func Sandbox(s string) error { return place("sandbox", s) }

// Site returns nil if s can be the id of an entity's site, such as "VTZ-1":
// 1 to 64 of [A-Z0-9-]. Else the error says so, with the upper-case form if
// that would do.
func Site(s string) error { return place("site", s) }

func place(what, s string) error {
	if valueForm(s) {
		return nil
	}
	return fmt.Errorf("%s %s: want 1 to 64 of [A-Z0-9-]%s", what, quote(s), hint(strings.ToUpper(s), valueForm))
}

// JTI returns nil if s can be the id of a statement among those of its issuer
// (the jti claim of RFC 7519, section 4.1.7): 1 to 128 of [A-Za-z0-9._-].
// Case counts: TEA-1 and tea-1 are two statements.
func JTI(s string) error {
	if jtiForm(s) {
		return nil
	}
	return fmt.Errorf("jti %s: want 1 to 128 of [A-Za-z0-9._-]", quote(s))
}
