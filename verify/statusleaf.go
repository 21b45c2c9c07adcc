package verify

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// statusMagic is the first line of a status leaf, with its end.
const statusMagic = "safeconduct/status/v1\n"

// NoPrevious stands in [StatusLeaf] for a log's first status leaf.
const NoPrevious = -1

// A StatusLeaf closes a batch, and with it every checkpoint: it is the last
// leaf of its tree. Its text is five lines:
//
//	safeconduct/status/v1
//	<its own index, decimal>
//	<time of the batch, Unix milliseconds, decimal>
//	<standard base64 of the root of the status map>
//	<index of the previous status leaf, decimal, or ->
//
// each ended by a newline. Decimals have no sign and no leading zero.
type StatusLeaf struct {
	// Index is its own log index.
	Index int64
	// Time is when its batch was logged, to the millisecond.
	Time time.Time
	// MapRoot is the root of the status map after the batch.
	MapRoot [32]byte
	// Previous is the index of the status leaf before it, [NoPrevious] for the
	// first.
	Previous int64
}

// Marshal returns the text of the leaf.
func (s StatusLeaf) Marshal() []byte {
	previous := "-"
	if s.Previous != NoPrevious {
		previous = strconv.FormatInt(s.Previous, 10)
	}
	return fmt.Appendf(nil, "%s%d\n%d\n%s\n%s\n", statusMagic, s.Index, s.Time.UnixMilli(),
		base64.StdEncoding.EncodeToString(s.MapRoot[:]), previous)
}

// IsStatusLeaf tells status leaves from statements, which never begin so.
func IsStatusLeaf(leaf []byte) bool { return bytes.HasPrefix(leaf, []byte(statusMagic)) }

// ParseStatusLeaf reads the text of a status leaf and refuses every other
// spelling of it.
func ParseStatusLeaf(leaf []byte) (StatusLeaf, error) {
	s, err := readStatusLeaf(string(leaf))
	if err != nil {
		return StatusLeaf{}, fmt.Errorf("status leaf: %w", err)
	}
	if !bytes.Equal(s.Marshal(), leaf) {
		return StatusLeaf{}, errors.New("status leaf: is not in its one byte form")
	}
	return s, nil
}

func readStatusLeaf(text string) (s StatusLeaf, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 6 || lines[0]+"\n" != statusMagic || lines[5] != "" {
		return s, fmt.Errorf("is not five lines, the first %q", strings.TrimSuffix(statusMagic, "\n"))
	}
	if s.Index, err = ParseSize(lines[1]); err != nil {
		return s, fmt.Errorf("index: %w", err)
	}
	ms, err := ParseSize(lines[2])
	if err != nil {
		return s, fmt.Errorf("time: %w", err)
	}
	s.Time = time.UnixMilli(ms).UTC()
	root, err := strict64.DecodeString(lines[3])
	if err != nil || len(root) != len(s.MapRoot) {
		return s, errors.New("map root: is not the standard base64 of 32 bytes")
	}
	s.MapRoot = [32]byte(root)
	s.Previous = NoPrevious
	if lines[4] == "-" {
		return s, nil
	}
	if s.Previous, err = ParseSize(lines[4]); err != nil {
		return s, fmt.Errorf("previous index: %w", err)
	}
	if s.Previous >= s.Index {
		return s, fmt.Errorf("previous index: %d is not before its own, %d", s.Previous, s.Index)
	}
	return s, nil
}
