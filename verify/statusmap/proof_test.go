package statusmap_test

import (
	"bytes"
	"crypto/sha256"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/safeconduct/safeconduct/verify/statusmap"
)

func TestDamagedProofs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := someContent.Draw(t, "content")
		key := someKey.Draw(t, "key")
		m := (*statusmap.Map)(nil).Set(maps.All(c))
		proof := m.Prove(key)

		refuse := func(what string, damaged []byte) {
			if statusmap.CheckPresent(m.Root(), key, c[key], damaged) == nil ||
				statusmap.CheckAbsent(m.Root(), key, damaged) == nil {
				t.Fatalf("%s: accepted %x for %x", what, damaged, proof)
			}
		}
		flip := rapid.ByteRange(1, 255).Draw(t, "flip")
		for i := range proof {
			damaged := bytes.Clone(proof)
			damaged[i] ^= flip
			refuse("flipped", damaged)
			refuse("cut short", proof[:i])
			refuse("begun late", proof[i+1:])
		}
		refuse("trailing byte", append(bytes.Clone(proof), flip))
	})
}

// What the arithmetic alone would accept, mostly under roots that no map has.
func TestRefusedThoughHashesAgree(t *testing.T) {
	hash := func(parts ...[]byte) []byte {
		sum := sha256.Sum256(slices.Concat(parts...))
		return sum[:]
	}
	var (
		key     = bytes.Repeat([]byte{0x00}, 32)
		other   = append([]byte{0x80}, key[1:]...)
		value   = []byte("value")
		sibling = bytes.Repeat([]byte{0xaa}, 32)
		leaf    = slices.Concat([]byte{32}, key, []byte{5}, value)
		foreign = slices.Concat([]byte{32}, other, []byte{5}, value)

		one    = []byte{1}
		start  = hash([]byte{0}, leaf)
		absent = hash([]byte{0}, foreign)
	)
	tests := []struct {
		name           string
		root           []byte
		present, proof []byte // present is nil where absence is claimed
	}{
		{"index in two bytes", hash(one, []byte{3}, start, sibling),
			value, slices.Concat([]byte{0x83, 0x00}, sibling)},
		{"index 256", hash(one, []byte{0x80, 0x02}, start, sibling),
			value, slices.Concat([]byte{0x80, 0x02}, sibling)},
		{"index repeated", hash(one, []byte{3}, hash(one, []byte{3}, start, sibling), sibling),
			value, slices.Concat([]byte{3}, sibling, []byte{3}, sibling)},
		{"index increasing", hash(one, []byte{4}, hash(one, []byte{3}, start, sibling), sibling),
			value, slices.Concat([]byte{3}, sibling, []byte{4}, sibling)},
		{"sibling cut short", hash(one, []byte{3}, start, sibling[1:]),
			value, slices.Concat([]byte{3}, sibling[1:])},
		{"absent though it is the key", start, nil, leaf},
		{"absent elsewhere", hash(one, []byte{0}, sibling, absent),
			nil, slices.Concat(foreign, []byte{0}, sibling)},
		{"absent by a misplaced leaf", hash(one, []byte{0}, absent, sibling),
			nil, slices.Concat(foreign, []byte{0}, sibling)},
		{"absent by a shorter key", hash([]byte{0, 31}, other[1:], []byte{5}, value),
			nil, slices.Concat([]byte{31}, other[1:], []byte{5}, value)},
		{"absent by a longer key", hash([]byte{0, 33}, other, []byte{9, 5}, value),
			nil, slices.Concat([]byte{33}, other, []byte{9, 5}, value)},
		{"key length in two bytes", absent, nil, slices.Concat([]byte{0xa0, 0}, foreign[1:])},
		{"value length in two bytes", absent, nil, slices.Concat(foreign[:33], []byte{0x85, 0}, value)},
		{"value length beyond the proof", absent, nil, slices.Concat(foreign[:33], []byte{6}, value)},
		{"value length of all 64 bits", absent, nil,
			slices.Concat(foreign[:33], bytes.Repeat([]byte{0xff}, 9), one, value)},
		{"value length beyond 64 bits", absent, nil,
			slices.Concat(foreign[:33], bytes.Repeat([]byte{0xff}, 10), value)},
		{"absent from an empty map, by a proof", hash(), nil, foreign},
		{"present in an empty map", hash(), []byte{}, []byte{}},
		{"empty proof of absence", start, nil, []byte{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var err error
			if test.present != nil {
				err = statusmap.CheckPresent([32]byte(test.root), [32]byte(key), test.present, test.proof)
			} else {
				err = statusmap.CheckAbsent([32]byte(test.root), [32]byte(key), test.proof)
			}
			if err == nil {
				t.Error("accepted")
			}
		})
	}
}

// A path through all 256 bits, the longest there is.
func TestLongestPath(t *testing.T) {
	c := content{{}: []byte("deepest")}
	for bit := range 256 {
		var key [32]byte
		key[bit/8] = 0x80 >> (bit % 8)
		c[key] = nil
	}
	m := (*statusmap.Map)(nil).Set(maps.All(c))
	if m.Root() != naiveRoot(c) {
		t.Fatal("wrong root")
	}
	if got, want := len(m.Prove([32]byte{})), 128*33+128*34; got != want {
		t.Errorf("proof has %d bytes, want %d", got, want)
	}
	for key := range c {
		checkAnswers(t, m, c, key)
		key[31] ^= 0x03
		checkAnswers(t, m, c, key)
	}
}

func FuzzProof(f *testing.F) {
	c := content{}
	for key, value := range numbered(0, 40) {
		c[key] = bytes.Clone(value)
	}
	c[[32]byte{}] = nil
	var m *statusmap.Map
	roots := []*statusmap.Map{m, m.Set(numbered(0, 1)), m.Set(maps.All(c))}
	for i := range roots {
		for _, key := range [][32]byte{{}, numberedKey(0), numberedKey(7), numberedKey(99)} {
			value, _ := roots[i].Get(key)
			f.Add(uint8(i), key[:], value, roots[i].Prove(key))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, k, value, proof []byte) {
		if len(k) != 32 {
			return
		}
		key, m := [32]byte(k), roots[int(which)%len(roots)]
		want, present := m.Get(key)

		isPresent := statusmap.CheckPresent(m.Root(), key, value, proof) == nil
		isAbsent := statusmap.CheckAbsent(m.Root(), key, proof) == nil
		if isPresent && (!present || !bytes.Equal(value, want)) || isAbsent && present {
			t.Errorf("false claim proven: present %t, absent %t", isPresent, isAbsent)
		}
		if (isPresent || isAbsent) && !bytes.Equal(proof, m.Prove(key)) {
			t.Errorf("second proof for one claim: %x", proof)
		}
	})
}
