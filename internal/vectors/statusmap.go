package vectors

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/verify"
	"github.com/safeconduct/safeconduct/verify/statusmap"
)

func hexOf(b []byte) string { return hex.EncodeToString(b) }

func hex32(b [32]byte) string { return hexOf(b[:]) }

// MapFile is statusmap.json; all bytes are in hexadecimal.
type MapFile struct {
	About string      `json:"about"`
	Maps  []StatusMap `json:"maps"`
	// Refused are proofs that prove nothing.
	Refused []MapProof `json:"refused"`
}

// A StatusMap is a map with its root and proofs in it.
type StatusMap struct {
	Name    string     `json:"name"`
	Entries []MapEntry `json:"entries"`
	Root    string     `json:"root"`
	Proofs  []MapProof `json:"proofs"`
}

// A MapEntry is a key and its value.
type MapEntry struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// A MapProof proves that a key has a value, or, where Absent, none.
type MapProof struct {
	Name   string `json:"name,omitzero"`
	Root   string `json:"root"`
	Key    string `json:"key"`
	Absent bool   `json:"absent,omitzero"`
	Value  string `json:"value,omitzero"`
	Proof  string `json:"proof"`
}

type mapKey = [32]byte

func statusMapOf(entries map[mapKey][]byte) *statusmap.Map {
	return new(statusmap.Map).Set(func(yield func(mapKey, []byte) bool) {
		for k, v := range entries {
			if !yield(k, v) {
				return
			}
		}
	})
}

// bits is a key that begins with those bits, and is zero then.
func bits(s string) (k mapKey) {
	for i, c := range s {
		if c == '1' {
			k[i/8] |= 0x80 >> (i % 8)
		}
	}
	return k
}

func mapFile() MapFile {
	f := MapFile{About: "Status maps with their roots and with proofs that hold, and proofs that do not. Values of any length are shown; those of a register have 40 bytes. All in hexadecimal."}
	value := func(i int) []byte {
		return verify.MapValue{Count: int64(i + 1), Chain: sha256.Sum256([]byte(strconv.Itoa(i)))}.Bytes()
	}
	add := func(name string, keys, absent []mapKey) *statusmap.Map {
		entries := make(map[mapKey][]byte)
		for i, k := range keys {
			entries[k] = value(i)
		}
		m := statusMapOf(entries)
		v := StatusMap{Name: name, Root: hex32(m.Root()), Entries: []MapEntry{}}
		for _, k := range keys {
			v.Entries = append(v.Entries, MapEntry{hex32(k), hexOf(entries[k])})
			v.Proofs = append(v.Proofs, MapProof{Root: v.Root, Key: hex32(k), Value: hexOf(entries[k]), Proof: hexOf(m.Prove(k))})
		}
		for _, k := range absent {
			v.Proofs = append(v.Proofs, MapProof{Root: v.Root, Key: hex32(k), Absent: true, Proof: hexOf(m.Prove(k))})
		}
		f.Maps = append(f.Maps, v)
		return m
	}
	add("empty", nil, []mapKey{{}, bits("1")})
	add("one key", []mapKey{bits("1010")}, []mapKey{bits("1011"), {}})
	last := mapKey{}
	last[31] = 1
	add("keys that differ in the last bit", []mapKey{{}, last}, []mapKey{bits("1")})
	add("indices of one and two bytes", []mapKey{{}, bits("1"), bits(strings.Repeat("0", 127) + "1"), bits(strings.Repeat("0", 128) + "1"), bits(strings.Repeat("0", 200) + "1")}, []mapKey{bits("01"), bits(strings.Repeat("0", 128) + "11")})
	var keys, none []mapKey
	for i := range 20 {
		keys = append(keys, verify.MapKey("entity:duns:"+strconv.Itoa(100000000+i)))
		none = append(none, verify.MapKey("entity:duns:"+strconv.Itoa(200000000+i)))
	}
	m := add("twenty subjects", keys, none[:5])

	key, absent := keys[3], none[0]
	held, _ := m.Get(key)
	proof, gone := m.Prove(key), m.Prove(absent)
	root := hex32(m.Root())
	present := func(name string, key mapKey, value, proof []byte) {
		f.Refused = append(f.Refused, MapProof{Name: name, Root: root, Key: hex32(key), Value: hexOf(value), Proof: hexOf(proof)})
	}
	notThere := func(name string, key mapKey, proof []byte) {
		f.Refused = append(f.Refused, MapProof{Name: name, Root: root, Key: hex32(key), Absent: true, Proof: hexOf(proof)})
	}
	cat := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	present("another value", key, value(9), proof)
	present("another key", keys[4], held, proof)
	present("no path", key, held, nil)
	present("cut short", key, held, proof[:len(proof)-1])
	present("a byte too many", key, held, cat(proof, []byte{0}))
	present("the topmost step left out", key, held, proof[:len(proof)-33])
	present("an index in two bytes", key, held, cat([]byte{proof[0] | 0x80, 0}, proof[1:]))
	present("an index of 256", key, held, cat([]byte{0x80, 0x02}, proof[1:]))
	present("an index that does not decrease", key, held, cat(proof[:33], proof))
	changed := cat(proof)
	changed[10] ^= 1
	present("another sibling", key, held, changed)
	present("a proof of absence", absent, held, gone)
	notThere("a key that is there, by a path", key, proof)
	notThere("a key that is there, by its own leaf", key, cat([]byte{32}, key[:], []byte{40}, held, proof))
	notThere("nothing, of a map that is not empty", absent, nil)
	notThere("another key's end", none[1], gone)
	notThere("a value of another length than it says", absent, cat(gone[:33], []byte{41}, gone[34:]))
	notThere("a key of 31 bytes", absent, cat([]byte{31}, gone[1:32], gone[33:]))
	notThere("a length in two bytes", absent, cat([]byte{0xa0, 0}, gone[1:]))
	notThere("cut short", absent, gone[:len(gone)-1])
	notThere("a leaf that is not in the map", absent, cat([]byte{32}, none[2][:], gone[33:]))
	return f
}

// StatusLeafFile is statusleaf.json.
type StatusLeafFile struct {
	About   string       `json:"about"`
	Vectors []StatusLeaf `json:"vectors"`
}

// A StatusLeaf is one, or where not OK none.
type StatusLeaf struct {
	Name string `json:"name"`
	Leaf string `json:"leaf"`
	OK   bool   `json:"ok"`
	// Where OK; MapRoot is in hexadecimal, Previous -1 for none.
	Index    int64  `json:"index,omitzero"`
	Time     int64  `json:"time,omitzero"`
	MapRoot  string `json:"map_root,omitzero"`
	Previous int64  `json:"previous,omitzero"`
	LeafHash string `json:"leaf_hash,omitzero"`
}

func statusLeafFile() StatusLeafFile {
	f := StatusLeafFile{About: "Status leaves. Absent numbers are 0, a previous of -1 is none."}
	root := sha256.Sum256([]byte("root"))
	good := func(name string, s verify.StatusLeaf) string {
		leaf := string(s.Marshal())
		f.Vectors = append(f.Vectors, StatusLeaf{name, leaf, true, s.Index, s.Time.UnixMilli(), hex32(s.MapRoot), s.Previous, leafHash(leaf)})
		return leaf
	}
	good("the first", verify.StatusLeaf{Index: 1, Time: begin, MapRoot: root, Previous: verify.NoPrevious})
	later := good("a later one", verify.StatusLeaf{Index: 41, Time: logged.Add(7 * time.Millisecond), MapRoot: root, Previous: 1})
	good("the largest numbers", verify.StatusLeaf{Index: 1<<53 - 1, Time: time.UnixMilli(1<<53 - 1), MapRoot: root, Previous: 1<<53 - 2})
	for _, c := range []struct{ name, from, to string }{
		{"another version", "status/v1", "status/v2"},
		{"a leading zero", "\n41\n", "\n041\n"},
		{"a sign", "\n41\n", "\n+41\n"},
		{"a negative index", "\n41\n", "\n-41\n"},
		{"an index beyond 2^53-1", "\n41\n", "\n9007199254740992\n"},
		{"previous is itself", "\n1\n", "\n41\n"},
		{"no previous", "\n1\n", "\n"},
		{"previous in words", "\n1\n", "\nnone\n"},
		{"a root without padding", "=\n", "\n"},
		{"a root of 31 bytes", b64(root[:]), b64(root[:31])},
		{"a root with unused bits", b64(root[:])[42:43] + "=\n", nextLetter(b64(root[:])[42]) + "=\n"},
		{"a carriage return", "=\n", "=\r\n"},
		{"a sixth line", "\n1\n", "\n1\nx\n"},
		{"a space", "\n41\n", "\n41 \n"},
	} {
		f.Vectors = append(f.Vectors, StatusLeaf{Name: c.name, Leaf: strings.Replace(later, c.from, c.to, 1)})
	}
	f.Vectors = append(f.Vectors, StatusLeaf{Name: "no newline behind", Leaf: later[:len(later)-1]})
	f.Vectors = append(f.Vectors, StatusLeaf{Name: "a newline too many", Leaf: later + "\n"})
	return f
}
