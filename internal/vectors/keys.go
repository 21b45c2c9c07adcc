package vectors

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/safeconduct/safeconduct/attest"
)

// Origin names the register of the vectors.
const Origin = "example.org/register"

// KeyFile is keys.json.
type KeyFile struct {
	About    string         `json:"about"`
	Officers []OfficerKey   `json:"officers"`
	Notes    []CosigningKey `json:"notes"`
}

// An OfficerKey signs statements, or decisions.
type OfficerKey struct {
	Name string `json:"name"`
	// Private is the Ed25519 seed or the ECDSA scalar, in hexadecimal.
	Private string         `json:"private"`
	JWK     jsontext.Value `json:"jwk"`
	Kid     string         `json:"kid"`
}

// A CosigningKey signs checkpoints.
type CosigningKey struct {
	Name    string `json:"name"`
	Private string `json:"private"`
	VKey    string `json:"vkey"`
}

func keyFile() KeyFile {
	f := KeyFile{About: "The keys of all vectors. An Ed25519 key is the SHA-256 of \"safeconduct vector key \" and its name, an ECDSA key the SHA-256 or SHA-384 of it, the first byte zero."}
	for _, o := range []officer{root1, root2, root3, us1, us2, us2b, us3, us9, in1, mallory, notary, notary2} {
		k := o.Key()
		f.Officers = append(f.Officers, OfficerKey{o.name, hex.EncodeToString(o.private()), must(json.Marshal(k)), k.ID()})
	}
	for _, k := range []noteKey{logKey, nextLogKey, usMirror, inMirror, aWitness, ownMirror, stranger} {
		f.Notes = append(f.Notes, CosigningKey{k.name, hex.EncodeToString(seed(k.seed).Seed()), k.vkey()})
	}
	return f
}

func keySum(name string) []byte {
	sum := sha256.Sum256([]byte("safeconduct vector key " + name))
	return sum[:]
}

func seed(name string) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(keySum(name)) }

func public(name string) ed25519.PublicKey { return seed(name).Public().(ed25519.PublicKey) }

// An officer has one key.
type officer struct{ name, alg string }

// The officers: of the root, of two authorities, and somebody else. us2 has a
// second key.
var (
	root1   = officer{"root-1", "EdDSA"}
	root2   = officer{"root-2", "EdDSA"}
	root3   = officer{"root-3", "EdDSA"}
	us1     = officer{"us-1", "EdDSA"}
	us2     = officer{"us-2", "ES256"}
	us2b    = officer{"us-2b", "ES384"}
	us3     = officer{"us-3", "EdDSA"}
	us9     = officer{"us-9", "EdDSA"} // declared compromised
	in1     = officer{"in-1", "EdDSA"}
	mallory = officer{"mallory", "EdDSA"}
)

// private is the seed or scalar.
func (o officer) private() []byte {
	switch o.alg {
	case "ES256":
		b := keySum(o.name)
		b[0] = 0
		return b
	case "ES384":
		b := sha512.Sum384([]byte("safeconduct vector key " + o.name))
		b[0] = 0
		return b[:]
	default:
		return keySum(o.name)
	}
}

func (o officer) ecdsa() (key *ecdsa.PrivateKey, hash crypto.Hash) {
	if o.alg == "ES384" {
		return must(ecdsa.ParseRawPrivateKey(elliptic.P384(), o.private())), crypto.SHA384
	}
	return must(ecdsa.ParseRawPrivateKey(elliptic.P256(), o.private())), crypto.SHA256
}

func (o officer) jwk() attest.JWK {
	enc := base64.RawURLEncoding
	if o.alg == "EdDSA" {
		return attest.JWK{Alg: o.alg, Crv: "Ed25519", Kty: "OKP", X: enc.EncodeToString(public(o.name))}
	}
	key, _ := o.ecdsa()
	point := must(key.PublicKey.Bytes())[1:]
	half := len(point) / 2
	return attest.JWK{Alg: o.alg, Crv: key.Params().Name, Kty: "EC", X: enc.EncodeToString(point[:half]), Y: enc.EncodeToString(point[half:])}
}

// Key implements [attest.Signer].
func (o officer) Key() attest.Key { return must(o.jwk().Key()) }

// Sign implements [attest.Signer], ECDSA as RFC 6979 has it.
func (o officer) Sign(_ context.Context, input []byte) ([]byte, error) {
	if o.alg == "EdDSA" {
		return ed25519.Sign(seed(o.name), input), nil
	}
	r, s, err := o.signRS(input)
	if err != nil {
		return nil, err
	}
	return o.Key().FromRS(r, s)
}

// signRS returns the two numbers of an ECDSA signature.
func (o officer) signRS(input []byte) (r, s *big.Int, err error) {
	key, hash := o.ecdsa()
	h := hash.New()
	h.Write(input)
	der, err := key.Sign(nil, h.Sum(nil), hash)
	if err != nil {
		return nil, nil, err
	}
	var n struct{ R, S *big.Int }
	_, err = asn1.Unmarshal(der, &n)
	return n.R, n.S, err
}

// A noteKey signs checkpoints: as the log (type 0x01), or as a cosigner (type
// 0x04), then dated.
type noteKey struct {
	name, seed string
	typ        byte
	dated      time.Time
}

// The keys of the log and its cosigners.
var (
	logKey     = noteKey{name: Origin, seed: "log", typ: 1}
	nextLogKey = noteKey{name: Origin, seed: "next log", typ: 1}
	usMirror   = noteKey{name: "example.net/us-mirror", seed: "us-mirror", typ: 4}
	inMirror   = noteKey{name: "example.net/in-mirror", seed: "in-mirror", typ: 4}
	aWitness   = noteKey{name: "example.net/witness", seed: "witness", typ: 4}
	ownMirror  = noteKey{name: "example.org/own", seed: "own", typ: 4}
	stranger   = noteKey{name: "example.net/stranger", seed: "stranger", typ: 4}
)

// at returns the key dating its cosignatures.
func (k noteKey) at(t time.Time) noteKey {
	k.dated = t
	return k
}

func (k noteKey) public() []byte { return append([]byte{k.typ}, public(k.seed)...) }

// Name implements note.Signer.
func (k noteKey) Name() string { return k.name }

// KeyHash implements note.Signer.
func (k noteKey) KeyHash() uint32 { return keyHash(k.name, k.public()) }

func keyHash(name string, key []byte) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n"), key...))
	return binary.BigEndian.Uint32(sum[:])
}

// Sign implements note.Signer.
func (k noteKey) Sign(text []byte) ([]byte, error) {
	if k.typ == 1 {
		return ed25519.Sign(seed(k.seed), text), nil
	}
	sig := binary.BigEndian.AppendUint64(nil, uint64(k.dated.Unix()))
	return append(sig, ed25519.Sign(seed(k.seed), fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", k.dated.Unix(), text))...), nil
}

func (k noteKey) vkey() string {
	return fmt.Sprintf("%s+%08x+%s", k.name, k.KeyHash(), base64.StdEncoding.EncodeToString(k.public()))
}

// upperID returns a verifier key with its id in upper case.
func upperID(vkey string) string {
	part := strings.SplitN(vkey, "+", 3)
	return part[0] + "+" + strings.ToUpper(part[1]) + "+" + part[2]
}

// alikeVKeys are verifier keys of cosigners with one name and one id.
var alikeVKeys = func() (vkeys [2]string) {
	for i, n := range []uint64{4770, 110299} {
		key := append(binary.BigEndian.AppendUint64([]byte{4}, n), bytes.Repeat([]byte{7}, 24)...)
		vkeys[i] = fmt.Sprintf("example.net/w+%08x+%s", keyHash("example.net/w", key), base64.StdEncoding.EncodeToString(key))
	}
	return vkeys
}()
