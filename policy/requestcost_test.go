package policy_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/policy"
)

// Memory stands for time here: what is done again for each mistake takes
// memory each time.
func TestRefusingARequestCostsNoMoreThanItsLength(t *testing.T) {
	members := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"m%d":1`, i)
		}
		return b.String()[1:]
	}
	const n = 10000
	empties, name := strings.Repeat(`,""`, n)[1:], strings.Repeat("x", n)
	for what, document := range map[string]string{
		"unknown members":                          "{" + members(n) + "}",
		"unknown members of items":                 `{"items":[{}` + strings.Repeat(`,{"x":1}`, n) + "]}",
		"members under a long name":                `{"` + name + `":{` + members(n) + "}}",
		"strings that do not fit":                  `{"via":[7` + strings.Repeat(",7", n) + "]}",
		"empty strings":                            `{"person_nationalities":[` + empties + "]}",
		"empty strings beside an unknown member":   `{"person_nationalities":[` + empties + `],"x":1}`,
		"empty strings in a ledger":                `{"ledger":[{}` + strings.Repeat(`,{"date":"2026-01-01T00:00:00Z","amount":1,"currency":"","unit":"kg"}`, n) + "]}",
		"empty strings under a long name":          `{"` + name + `":[` + empties + "]}",
		"countries that are none":                  `{"person_nationalities":["x"` + strings.Repeat(`,"x"`, n) + "]}",
		"countries beside many unknown members":    `{"person_nationalities":["x"` + strings.Repeat(`,"x"`, n) + "]," + members(100) + "}",
		"what does not fit at the end of a ledger": `{"ledger":[{}` + strings.Repeat(`,{"date":"2026-01-01T00:00:00Z","amount":1,"unit":"kg"}`, n) + `,{"date":7}]}`,
	} {
		t.Run(what, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := policy.ParseRequest([]byte(document))
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Fatal("it is accepted")
			}
			if got := len(pointers(t, err)); got > 64 {
				t.Errorf("it has %d mistakes", got)
			}
			if got := (after.TotalAlloc - before.TotalAlloc) / uint64(len(document)); got > 400 {
				t.Errorf("it takes %d bytes for each of its %d", got, len(document))
			}
		})
	}
}
