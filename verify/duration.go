package verify

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// duration is the part of ISO 8601 durations whose length does not depend on
// the calendar; a day has 24 hours.
var duration = regexp.MustCompile(`^P(?:([0-9]{1,6})D)?(?:T(?:([0-9]{1,6})H)?(?:([0-9]{1,8})M)?(?:([0-9]{1,9})S)?)?$`)

// ParseDuration reads an ISO 8601 duration as a trust file has it: days, hours,
// minutes and seconds, such as PT24H or P1DT12H.
func ParseDuration(s string) (time.Duration, error) {
	m := duration.FindStringSubmatch(s)
	if m == nil || strings.HasSuffix(s, "P") || strings.HasSuffix(s, "T") {
		return 0, fmt.Errorf("%q is no duration: want PnDTnHnMnS, such as PT24H or P1DT12H", s)
	}
	var d time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if m[i+1] == "" {
			continue
		}
		n, err := strconv.ParseInt(m[i+1], 10, 64)
		if err != nil {
			return 0, err
		}
		// A sum of four terms cannot overflow after this.
		if n > int64(maxDuration/unit) {
			return 0, fmt.Errorf("%q is longer than a hundred years", s)
		}
		d += time.Duration(n) * unit
	}
	if d <= 0 || d > maxDuration {
		return 0, fmt.Errorf("%q is not between a second and a hundred years", s)
	}
	return d, nil
}

// maxDuration leaves room for a sum of two in a time.Duration.
const maxDuration = 36525 * 24 * time.Hour

// formatDuration writes whole seconds; a fraction is dropped.
func formatDuration(d time.Duration) string {
	h, m, s := d/time.Hour, d%time.Hour/time.Minute, d%time.Minute/time.Second
	out := "PT"
	if h > 0 {
		out += fmt.Sprintf("%dH", h)
	}
	if m > 0 {
		out += fmt.Sprintf("%dM", m)
	}
	if s > 0 || out == "PT" {
		out += fmt.Sprintf("%dS", s)
	}
	return out
}
