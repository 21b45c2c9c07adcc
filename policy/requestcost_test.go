package policy_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/policy"
)

// Memory stands for time here: what is done again for each mistake takes
// memory each time, and four times as much of it for twice as many mistakes.
func TestRefusingARequestCostsNoMoreThanItsLength(t *testing.T) {
	members := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"m%d":1`, i)
		}
		return b.String()[1:]
	}
	empties := func(n int) string { return strings.Repeat(`,""`, n)[1:] }
	name := func(n int) string { return strings.Repeat("x", n) }
	for what, document := range map[string]func(n int) string{
		"unknown members":          func(n int) string { return "{" + members(n) + "}" },
		"unknown members of items": func(n int) string { return `{"items":[{}` + strings.Repeat(`,{"x":1}`, n) + "]}" },
		"members under a long name": func(n int) string {
			return `{"` + name(n) + `":{` + members(n) + "}}"
		},
		"strings that do not fit": func(n int) string { return `{"via":[7` + strings.Repeat(",7", n) + "]}" },
		"empty strings":           func(n int) string { return `{"person_nationalities":[` + empties(n) + "]}" },
		"empty strings beside an unknown member": func(n int) string {
			return `{"person_nationalities":[` + empties(n) + `],"x":1}`
		},
		"empty strings in a ledger": func(n int) string {
			return `{"ledger":[{}` + strings.Repeat(`,{"date":"2026-01-01T00:00:00Z","amount":1,"currency":"","unit":"kg"}`, n) + "]}"
		},
		"empty strings under a long name": func(n int) string { return `{"` + name(n) + `":[` + empties(n) + "]}" },
		"countries that are none": func(n int) string {
			return `{"person_nationalities":["x"` + strings.Repeat(`,"x"`, n) + "]}"
		},
		"countries beside many unknown members": func(n int) string {
			return `{"person_nationalities":["x"` + strings.Repeat(`,"x"`, n) + "]," + members(n/100) + "}"
		},
		"what does not fit at the end of a ledger": func(n int) string {
			return `{"ledger":[{}` + strings.Repeat(`,{"date":"2026-01-01T00:00:00Z","amount":1,"unit":"kg"}`, n) + `,{"date":7}]}`
		},
	} {
		t.Run(what, func(t *testing.T) {
			cost := func(n int) uint64 {
				data := []byte(document(n))
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, err := policy.ParseRequest(data)
				runtime.ReadMemStats(&after)
				if err == nil {
					t.Fatal("it is accepted")
				}
				if got := len(pointers(t, err)); got > 64 {
					t.Errorf("it has %d mistakes", got)
				}
				return after.TotalAlloc - before.TotalAlloc
			}
			if once, twice := cost(5000), cost(10000); twice > 3*once {
				t.Errorf("%d bytes are allocated for it, and %d for one twice as long", once, twice)
			}
		})
	}
}
