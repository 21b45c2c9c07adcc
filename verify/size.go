package verify

import (
	"fmt"
	"strconv"

	"github.com/safeconduct/safeconduct/internal/strictjson"
)

// MaxSize is the largest size of a log, and bounds indexes and times in
// milliseconds with it. Every JSON reader reads what is within it as it is, and
// Merkle arithmetic in 64 bits does not overflow: package tlog does not come to
// an end above 2^62.
const MaxSize = strictjson.MaxInteger

// ParseSize reads a size or an index as the formats write it: decimal, without
// sign and leading zeros, at most [MaxSize].
func ParseSize(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > MaxSize || strconv.FormatInt(n, 10) != text {
		return 0, fmt.Errorf("%.32q is no decimal within 2^53-1 without sign and leading zeros", text)
	}
	return n, nil
}
