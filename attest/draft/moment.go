package draft

import (
	"encoding/json"
	"regexp"
	"strconv"
	"time"

	"github.com/safeconduct/safeconduct/attest"
)

var (
	moment     = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})$`)
	dateOnly   = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	noOffset   = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?$`)
	fractional = regexp.MustCompile(`^[0-9T:-]+[.,][0-9]+(Z|[+-][0-9:]+)$`)
)

const momentForm = "want date, time and offset, such as 2026-01-01T00:00:00Z or 2026-01-01T00:00:00+05:30"

// date reads an RFC 3339 time as a NumericDate.
func (d *draft) date(v any, at string) (any, bool) {
	s, ok := v.(string)
	if !ok {
		d.problems.Add(at, "%s", d.wrong(v, "a time, such as 2026-01-01T00:00:00Z"))
		return nil, false
	}
	t, err := time.Parse(time.RFC3339, s)
	switch {
	case dateOnly.MatchString(s):
		d.problems.Add(at, "%q is a date without time and offset: write from when on and where, such as %sT00:00:00Z", s, s)
	case noOffset.MatchString(s):
		d.problems.Add(at, "%q has no offset: %s", s, momentForm)
	case fractional.MatchString(s):
		d.problems.Add(at, "%q has fractions of a second, which are not kept: %s", s, momentForm)
	case err != nil && moment.MatchString(s):
		d.problems.Add(at, "%q is on no calendar or clock", s)
	case err != nil || !moment.MatchString(s):
		d.problems.Add(at, "%q is no time: %s", s, momentForm)
	case t.Unix() <= 0 || attest.NumericDate(t.Unix()) > lastDate:
		d.problems.Add(at, "%q is not between 1970 and 9999", s)
	default:
		return json.Number(strconv.FormatInt(t.Unix(), 10)), true
	}
	return nil, false
}

// lastDate is 9999-12-31T23:59:59Z.
const lastDate attest.NumericDate = 253402300799
