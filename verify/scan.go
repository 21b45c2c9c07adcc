package verify

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/safeconduct/safeconduct/attest"
)

// scan reads evidence that is in its one byte form, as far as the spelling
// goes, in one pass: what it reads marshals to the same bytes, arrays that do
// not ascend aside. It does not take all such evidence, and never says why:
// what it does not take, [Parse] reads as JSON.
func scan(data []byte) (*Evidence, bool) {
	if len(data) > MaxEvidence {
		return nil, false
	}
	s := scanner{rest: string(data)}
	e := new(Evidence)
	s.is(`{"checkpoint":`)
	e.Checkpoint = s.text()
	s.is(`,"histories":[`)
	for s.more(len(e.Histories)) {
		e.Histories = append(e.Histories, s.history())
	}
	s.is(`,"statements":[`)
	for s.more(len(e.Statements)) {
		e.Statements = append(e.Statements, s.statement())
	}
	s.is(`,"status":{"index":`)
	e.Status.Index = s.number()
	s.is(`,"leaf":`)
	e.Status.Leaf = s.text()
	e.Status.Proof = s.inclusion()
	s.is(`},"type":"` + evidenceType + `"}`)
	return e, !s.failed && s.rest == ""
}

// strict64 is base64 as the formats have it.
var strict64 = base64.StdEncoding.Strict()

// A scanner cuts off what it expects, or fails.
type scanner struct {
	rest   string
	failed bool
}

func (s *scanner) history() (h History) {
	s.is(`{`)
	if s.has(`"entries":[`) {
		for s.more(len(h.Entries)) {
			h.Entries = append(h.Entries, s.entry())
		}
		s.is(`,`)
	}
	s.is(`"proof":"`)
	h.Proof = s.base64()
	if s.has(`,"stubs":"`) {
		text := s.raw()
		s.failed = s.failed || h.Stubs.UnmarshalText([]byte(text)) != nil
	}
	s.is(`,"subject":`)
	h.Subject = s.text()
	s.is(`}`)
	return h
}

func (s *scanner) entry() (e Entry) {
	s.is(`{"index":`)
	e.Index = s.number()
	if s.has(`,"tag":"`) {
		e.Tag = s.hash()
		s.failed = s.failed || e.Tag == attest.Tag{}
	}
	s.is(`,"time":`)
	e.Time = s.number()
	s.is(`}`)
	return e
}

func (s *scanner) statement() (l LoggedStatement) {
	s.is(`{"index":`)
	l.Index = s.number()
	l.Proof = s.inclusion()
	s.is(`,"statement":`)
	l.Statement = s.text()
	s.is(`}`)
	return l
}

// inclusion reads a member proof of a leaf where there is one.
func (s *scanner) inclusion() (p InclusionProof) {
	if s.has(`,"proof":"`) {
		s.failed = p.UnmarshalText([]byte(s.raw())) != nil || s.failed
	}
	return p
}

// is cuts the text off.
func (s *scanner) is(text string) {
	if !s.has(text) {
		s.failed, s.rest = true, ""
	}
}

// has cuts the text off where it comes next.
func (s *scanner) has(text string) bool {
	rest, ok := strings.CutPrefix(s.rest, text)
	if ok {
		s.rest = rest
	}
	return ok
}

// more reports whether another element of an array comes after the n read. An
// array without elements it does not take.
func (s *scanner) more(n int) bool {
	if n == 0 || s.failed {
		return !s.failed
	}
	if s.has(`]`) {
		return false
	}
	s.is(`,`)
	return !s.failed
}

// number reads a natural number within 2^53-1, or a little beyond it.
func (s *scanner) number() int64 {
	n, i := int64(0), 0
	for i < len(s.rest) && i < 17 && '0' <= s.rest[i] && s.rest[i] <= '9' {
		n = 10*n + int64(s.rest[i]-'0')
		i++
	}
	if i == 0 || i == 17 || i > 1 && s.rest[0] == '0' {
		s.failed, s.rest = true, ""
		return 0
	}
	s.rest = s.rest[i:]
	return n
}

// raw reads a string up to and with its closing quotation mark, whose opening
// one has been read, and which has no escapes.
func (s *scanner) raw() string {
	text, rest, ok := strings.Cut(s.rest, `"`)
	if !ok {
		s.failed, rest = true, ""
	}
	s.rest = rest
	return text
}

// base64 reads the strict base64 of some bytes as raw reads a string. The
// decoder skips line ends, but the string may not have them.
func (s *scanner) base64() []byte {
	text := s.raw()
	b, err := strict64.DecodeString(text)
	if err != nil || len(text) != base64.StdEncoding.EncodedLen(len(b)) {
		s.failed = true
	}
	return b
}

// hash reads the strict base64 of 32 bytes as raw reads a string.
func (s *scanner) hash() (h [32]byte) {
	text := s.raw()
	var in [44]byte
	var out [33]byte
	if copy(in[:], text) != len(text) {
		s.failed = true
	}
	if n, err := strict64.Decode(out[:], in[:]); err != nil || n != len(h) {
		s.failed = true
	}
	return [32]byte(out[:32])
}

// plain are the ASCII characters that stand for themselves in a string.
var plain = func() (t [256]bool) {
	for c := 0x20; c < 0x80; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// text reads a string whose only escape is that of the line feed.
func (s *scanner) text() string {
	s.is(`"`)
	end, lines, ascii := 0, false, true
	for rest := s.rest; ; {
		for end < len(rest) && plain[rest[end]] {
			end++
		}
		switch {
		case end >= len(rest) || rest[end] == '"':
		case rest[end] >= 0x80:
			ascii = false
			end++
			continue
		case strings.HasPrefix(rest[end:], `\n`):
			lines = true
			end += 2
			continue
		default:
			end = len(rest)
		}
		break
	}
	if end >= len(s.rest) {
		s.failed, s.rest = true, ""
		return ""
	}
	text := s.rest[:end]
	s.rest = s.rest[end+1:]
	if lines {
		text = strings.ReplaceAll(text, `\n`, "\n")
	}
	s.failed = s.failed || !ascii && !utf8.ValidString(text)
	return text
}
