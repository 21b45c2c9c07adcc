package policy

import (
	"fmt"
	"strings"
	"time"
)

func utc(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// inWords writes a duration as people say it, in days from two days on. A
// fraction of a second counts as one, so that what is too old never reads as
// just fresh.
func inWords(d time.Duration) string {
	left := int64((d + time.Second - 1) / time.Second)
	var parts []string
	for _, unit := range []struct {
		name             string
		seconds, atLeast int64
	}{{"day", 86400, 2 * 86400}, {"hour", 3600, 3600}, {"minute", 60, 60}, {"second", 1, 1}} {
		if left < unit.atLeast {
			continue
		}
		n := left / unit.seconds
		left -= n * unit.seconds
		word := fmt.Sprintf("%d %s", n, unit.name)
		if n != 1 {
			word += "s"
		}
		parts = append(parts, word)
	}
	if parts == nil {
		return "0 seconds"
	}
	return strings.Join(parts, " ")
}
