package statusmap_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/safeconduct/safeconduct/verify/statusmap"
)

type content = map[[32]byte][]byte

// naiveRoot computes the root as the package comment defines it, bit by bit.
func naiveRoot(c content) [32]byte {
	return naiveTree(slices.Collect(maps.Keys(c)), c, 0)
}

func naiveTree(keys [][32]byte, c content, bit int) [32]byte {
	switch len(keys) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		value := c[keys[0]]
		return sha256.Sum256(slices.Concat([]byte{0, 32}, keys[0][:], uvarint(len(value)), value))
	}
	var side [2][][32]byte
	for _, key := range keys {
		b := key[bit/8] << (bit % 8) >> 7
		side[b] = append(side[b], key)
	}
	if len(side[0]) == 0 || len(side[1]) == 0 {
		return naiveTree(keys, c, bit+1)
	}
	left, right := naiveTree(side[0], c, bit+1), naiveTree(side[1], c, bit+1)
	return sha256.Sum256(slices.Concat([]byte{1}, uvarint(bit), left[:], right[:]))
}

func uvarint(n int) []byte {
	return binary.AppendUvarint(nil, uint64(n))
}

// numbered yields the SHA-256 of the numbers from up to before to, each with a
// value of the 40 bytes that the register uses. It reuses one buffer.
func numbered(from, to int) iter.Seq2[[32]byte, []byte] {
	return func(yield func([32]byte, []byte) bool) {
		var value [40]byte
		for i := from; i < to; i++ {
			binary.BigEndian.PutUint64(value[:], uint64(i))
			if !yield(numberedKey(i), value[:]) {
				return
			}
		}
	}
}

func numberedKey(i int) [32]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
}

// someKey draws from few keys, most of which share long prefixes.
var someKey = rapid.Custom(func(t *rapid.T) (key [32]byte) {
	for _, bit := range rapid.SliceOfN(rapid.SampledFrom([]int{0, 1, 7, 8, 127, 128, 254, 255}), 0, 3).Draw(t, "bits") {
		key[bit/8] ^= 0x80 >> (bit % 8)
	}
	return key
})

var someValue = rapid.OneOf(
	rapid.SliceOfN(rapid.Byte(), 0, 3),
	rapid.SliceOfN(rapid.Byte(), 40, 40),
	rapid.SliceOfN(rapid.Byte(), 127, 200),
)

var someContent = rapid.MapOfN(someKey, someValue, 0, 12)

// checkAnswers fails unless m answers for key as c does, and proves it.
func checkAnswers(t interface{ Fatalf(string, ...any) }, m *statusmap.Map, c content, key [32]byte) {
	want, present := c[key]
	got, ok := m.Get(key)
	if ok != present || !bytes.Equal(got, want) {
		t.Fatalf("Get(%x) = %x, %t; want %x, %t", key, got, ok, want, present)
	}
	proof := m.Prove(key)
	errPresent := statusmap.CheckPresent(m.Root(), key, want, proof)
	errAbsent := statusmap.CheckAbsent(m.Root(), key, proof)
	if (errPresent == nil) != present || (errAbsent == nil) == present {
		t.Fatalf("key %x, present %t: CheckPresent = %v, CheckAbsent = %v", key, present, errPresent, errAbsent)
	}
}

func TestMapAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var versions []*statusmap.Map
		var contents []content
		m, c := (*statusmap.Map)(nil), content{}
		for _, batch := range rapid.SliceOfN(someContent, 0, 4).Draw(t, "batches") {
			m, c = m.Set(maps.All(batch)), maps.Clone(c)
			maps.Copy(c, batch)
			versions, contents = append(versions, m), append(contents, c)
		}
		strangers := rapid.SliceOf(someKey).Draw(t, "strangers")

		// All versions at the end, so that a later one cannot have spoilt them.
		for i, m := range versions {
			if m.Root() != naiveRoot(contents[i]) {
				t.Fatalf("version %d: wrong root", i)
			}
			if m.Len() != len(contents[i]) {
				t.Fatalf("version %d: Len = %d, want %d", i, m.Len(), len(contents[i]))
			}
			for key := range contents[len(contents)-1] {
				checkAnswers(t, m, contents[i], key)
			}
			for _, key := range strangers {
				checkAnswers(t, m, contents[i], key)
			}
		}
	})
}

func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := someContent.Draw(t, "content")
		keys := rapid.Permutation(slices.Collect(maps.Keys(c))).Draw(t, "order")
		var m *statusmap.Map
		for _, key := range keys {
			m = m.Set(maps.All(content{key: c[key]}))
		}
		if m.Root() != naiveRoot(c) {
			t.Fatal("one by one gives another root than all at once")
		}
	})
}

func TestLastValueCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOf(someKey).Draw(t, "keys")
		c := content{}
		var m statusmap.Map
		next := m.Set(func(yield func([32]byte, []byte) bool) {
			for i, key := range keys {
				c[key] = uvarint(i)
				if !yield(key, uvarint(i)) {
					return
				}
			}
		})
		if next.Root() != naiveRoot(c) || m.Len() != 0 {
			t.Fatal("not the last value of each key, or the old version changed")
		}
	})
}

func TestEmptyMap(t *testing.T) {
	nothing := maps.All(content{})
	for _, m := range []*statusmap.Map{nil, {}, (*statusmap.Map)(nil).Set(nothing)} {
		if m.Root() != sha256.Sum256(nil) || m.Len() != 0 {
			t.Errorf("empty map has root %x, Len %d", m.Root(), m.Len())
		}
		checkAnswers(t, m, nil, [32]byte{})
	}
}

// Sets large enough to be worked on in parallel, on a map that has content.
func TestLargeSets(t *testing.T) {
	const size = 20_000
	c := content{}
	for key, value := range numbered(0, size) {
		c[key] = bytes.Clone(value)
	}
	var m *statusmap.Map
	m = m.Set(numbered(0, size/2))
	half := m.Root()
	next := m.Set(numbered(size/4, size))
	if next.Root() != naiveRoot(c) || next.Len() != size {
		t.Errorf("root %x, Len %d after two large Sets", next.Root(), next.Len())
	}
	if m.Root() != half || m.Len() != size/2 {
		t.Error("the older version changed")
	}
	for i := 0; i < size+100; i += 97 {
		checkAnswers(t, next, c, numberedKey(i))
	}
}

func TestValuesAreCopied(t *testing.T) {
	key, value := [32]byte{1}, []byte("old")
	m := (*statusmap.Map)(nil).Set(maps.All(content{key: value}))
	copy(value, "new")
	got, _ := m.Get(key)
	copy(got, "new")
	checkAnswers(t, m, content{key: []byte("old")}, key)
}

// One writer publishes versions, readers prove and check at whichever they see.
func TestConcurrentReaders(t *testing.T) {
	const versions, batch = 30, 50
	var current atomic.Pointer[statusmap.Map]
	current.Store(new(statusmap.Map).Set(numbered(0, batch)))

	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for m := current.Load(); m.Len() < versions*batch; m = current.Load() {
				key := numberedKey(rand.IntN(versions * batch))
				root, proof := m.Root(), m.Prove(key)
				value, ok := m.Get(key)
				err := statusmap.CheckAbsent(root, key, proof)
				if ok {
					err = statusmap.CheckPresent(root, key, value, proof)
				}
				if err != nil {
					t.Errorf("at %d keys: %v", m.Len(), err)
					return
				}
			}
		})
	}
	for i := 1; i < versions; i++ {
		current.Store(current.Load().Set(numbered(i*batch, (i+1)*batch)))
	}
	wg.Wait()
}

// The format must never change. Torchwood's tree gives the same roots.
func TestKnownRoots(t *testing.T) {
	for size, want := range map[int]string{
		0:    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		1:    "531013b9c0a309ec2daf746deed448791ce5aa69dd2206ce1fa8ba420b8461b8",
		2:    "3d21d27ff260449f3caf09620c2660d9fd5fc859b9202c12ad06c7f600c2a045",
		1000: "0ee1cdb6bcf1e6898f1a9c941e3bda2413299b90f67c0cc60fe78755a2884c97",
	} {
		root := (*statusmap.Map)(nil).Set(numbered(0, size)).Root()
		if got := hex.EncodeToString(root[:]); got != want {
			t.Errorf("root over %d keys is %s, want %s", size, got, want)
		}
	}
}

func Example() {
	alice, bob := sha256.Sum256([]byte("alice")), sha256.Sum256([]byte("bob"))

	var m *statusmap.Map
	m = m.Set(maps.All(map[[32]byte][]byte{alice: []byte("approved")}))

	root := m.Root()
	fmt.Println(statusmap.CheckPresent(root, alice, []byte("approved"), m.Prove(alice)))
	fmt.Println(statusmap.CheckPresent(root, alice, []byte("suspended"), m.Prove(alice)))
	fmt.Println(statusmap.CheckAbsent(root, bob, m.Prove(bob)))
	// Output:
	// <nil>
	// path does not lead to the root
	// <nil>
}
