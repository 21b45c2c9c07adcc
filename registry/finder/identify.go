package finder

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/safeconduct/safeconduct/attest/identifier"
)

// keysOf are what an identifier is found by: itself, its value alone, and both
// without the hyphens in the value. They are parts of two strings at most.
func keysOf(id string) []string {
	scheme, value, _ := strings.Cut(id, ":")
	keys := []string{id, value}
	if !strings.Contains(value, "-") {
		return keys
	}
	whole := scheme + ":" + compact(value)
	return append(keys, whole, whole[len(scheme)+1:])
}

// schemed is an identifier with the name of its scheme before it, as people write
// it: LEI 9999 …, CAGE code: 9HMS1, D-U-N-S No. 12-345-6789.
var schemed = regexp.MustCompile(`^(?i)([a-z][a-z0-9.-]*?)[\s:#.]+(?:(?:code|number|no|nr|id)[\s:#.]+)?([^\s:#.].*)$`)

// keysIn are the keys that a text may mean as an identifier, the one first that it
// is spelled as.
func keysIn(text string) []string {
	text = strings.TrimSpace(text)
	var keys []string
	add := func(scheme, value string) {
		if value == "" {
			return
		}
		if scheme != "" {
			value = scheme + ":" + value
		}
		if !slices.Contains(keys, value) {
			keys = append(keys, value)
		}
	}
	scheme, value, colon := strings.Cut(text, ":")
	if !colon {
		add("", strings.ToUpper(text))
	} else {
		scheme = strings.ToLower(strings.TrimSpace(scheme))
		add(scheme, strings.ToUpper(strings.TrimSpace(value)))
		add(scheme, compact(value))
	}
	add("", compact(text))
	if m := schemed.FindStringSubmatch(text); m != nil {
		if known := strings.ToLower(compact(m[1])); slices.Contains(identifier.Schemes(), known) {
			add(known, compact(m[2]))
		} else if strings.Contains(m[1], "-") {
			// An authority's own.
			add(strings.ToLower(m[1]), compact(m[2]))
		}
	}
	return keys
}

// compact is a value in capitals, without what people put between its parts.
func compact(value string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || r == '.' || r == '/' {
			return -1
		}
		return unicode.ToUpper(r)
	}, value)
}
