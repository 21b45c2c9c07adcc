// Package interop_test holds the project against test vectors and programs of
// others: Wycheproof's signatures, Tessera's client and fsck, the witness of
// transparency-dev, torchwood's client, policies and proofs, merkle's verification,
// and for JavaScript @sd-jwt/core and jose. It is a module of its own, so that those
// who import the project import none of that.
package interop_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"

	"github.com/safeconduct/safeconduct/internal/jws"
)

// A vectors file is Wycheproof's, as schemas/json_web_*_schema_v1.json has it.
type vectors struct {
	Tests  int `json:"numberOfTests"`
	Groups []struct {
		Comment string          `json:"comment"`
		Private json.RawMessage `json:"private"`
		Public  json.RawMessage `json:"public"` // absent for symmetric keys
		Tests   []struct {
			ID      int    `json:"tcId"`
			Comment string `json:"comment"`
			JWS     string `json:"jws"`
			Result  string `json:"result"`
		} `json:"tests"`
	} `json:"testGroups"`
}

func read(t *testing.T, name string) vectors {
	t.Helper()
	data, err := fs.ReadFile(wycheproof.TestVectors, name)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// The reasons why a valid vector may be refused. Each is checked: a vector
// that is refused for another reason fails the test.
const (
	hmac  = "HMAC: whoever verifies could sign; none of our algorithms"
	rsa   = "RSA is none of our algorithms"
	es512 = "ES512 is none of our algorithms; these keys even say ES521"
	highS = "s is the larger of the two that verify; its low-s twin is accepted"
)

// The exceptions of a file are the valid vectors, by tcId, that our stricter
// form refuses, each with its reason.
type exceptions map[int]string

func (e exceptions) add(reason string, ids ...int) exceptions {
	for _, id := range ids {
		e[id] = reason
	}
	return e
}

func span(from, to int) (ids []int) {
	for id := from; id <= to; id++ {
		ids = append(ids, id)
	}
	return ids
}

// A verdict is what became of a vector.
type verdict struct {
	alg string // that the key says, "" where there are several keys
	err error
}

func TestWycheproofJSONWebSignature(t *testing.T) {
	known := exceptions{}.
		add(hmac, 1, 348, 352, 357, 358, 359, 372, 373, 376, 377).
		add(highS, 18).
		add(rsa, 33, 287, 288, 345, 346, 349, 350).
		add(rsa, span(259, 275)...).
		add(rsa, span(320, 323)...).
		add(rsa, span(325, 328)...).
		add(es512, 347, 351)
	check(t, "json_web_signature_test.json", known, func(key json.RawMessage, token string) verdict {
		alg := algOf(t, key)
		k, err := jws.ParseKey(key)
		if err != nil {
			return verdict{alg, err}
		}
		_, err = k.Verify(token)
		return verdict{alg, err}
	})
}

func TestWycheproofJSONWebKey(t *testing.T) {
	known := exceptions{}.
		add(hmac, 2, 13, 14, 15).
		add(rsa, 5)
	check(t, "json_web_key_test.json", known, func(set json.RawMessage, token string) verdict {
		keys, alg, err := parseSet(t, set)
		if err != nil {
			return verdict{alg, err}
		}
		_, err = pick(keys, token)
		return verdict{alg, err}
	})
}

// check runs every vector of a file and compares.
func check(t *testing.T, file string, known exceptions, verify func(key json.RawMessage, token string) verdict) {
	v := read(t, file)
	ran, accepted := 0, 0
	for _, g := range v.Groups {
		key := g.Public
		if key == nil {
			key = g.Private
		}
		for _, test := range g.Tests {
			ran++
			name := fmt.Sprintf("%s tcId %d, %s %s", file, test.ID, g.Comment, test.Comment)
			got := verify(key, test.JWS)
			reason, exception := known[test.ID]
			delete(known, test.ID)
			switch {
			case test.Result == "valid" && exception:
				if err := holds(t, reason, got, key, test.JWS); err != nil {
					t.Errorf("%s is no exception any more (%s): %v", name, reason, err)
				}
			case test.Result == "valid" && got.err != nil:
				t.Errorf("%s is valid, and refused without being named an exception: %v", name, got.err)
			case test.Result == "valid":
				accepted++
			case exception:
				t.Errorf("%s is %s, and named an exception for valid vectors", name, test.Result)
			case got.err == nil:
				t.Errorf("%s is %s, and accepted", name, test.Result)
			}
		}
	}
	for id, reason := range known {
		t.Errorf("%s has no tcId %d, which is named an exception (%s)", file, id, reason)
	}
	if ran != v.Tests || ran == 0 {
		t.Errorf("%s: ran %d of %d vectors", file, ran, v.Tests)
	}
	t.Logf("%s: %d vectors, %d valid ones accepted", file, ran, accepted)
}

// holds returns an error unless the vector is refused, and for that reason.
func holds(t *testing.T, reason string, got verdict, key json.RawMessage, token string) error {
	if got.err == nil {
		return errors.New("it is accepted")
	}
	ours := slices.Contains(jws.Algorithms(), got.alg)
	switch reason {
	case highS:
		if !strings.Contains(got.err.Error(), "low-s") {
			return fmt.Errorf("it is refused for another reason: %w", got.err)
		}
		return twin(key, token)
	case hmac:
		if ours || !strings.HasPrefix(got.alg, "HS") {
			return fmt.Errorf("its key is for %q", got.alg)
		}
	case rsa:
		if ours || !strings.HasPrefix(got.alg, "RS") && !strings.HasPrefix(got.alg, "PS") {
			return fmt.Errorf("its key is for %q", got.alg)
		}
	case es512:
		if ours || got.alg != "ES521" {
			return fmt.Errorf("its key is for %q", got.alg)
		}
	default:
		t.Fatalf("no such reason: %s", reason)
	}
	return nil
}

// twin verifies the token with n-s for s.
func twin(key json.RawMessage, token string) error {
	k, err := jws.ParseKey(key)
	if err != nil {
		return err
	}
	i := strings.LastIndexByte(token, '.')
	sig, err := base64.RawURLEncoding.DecodeString(token[i+1:])
	if err != nil {
		return err
	}
	r, s := new(big.Int).SetBytes(sig[:len(sig)/2]), new(big.Int).SetBytes(sig[len(sig)/2:])
	low, err := k.FromRS(r, s)
	if err != nil {
		return err
	}
	_, err = k.Verify(token[:i+1] + base64.RawURLEncoding.EncodeToString(low))
	return err
}

func algOf(t *testing.T, key json.RawMessage) string {
	t.Helper()
	var k struct {
		Alg string `json:"alg"`
	}
	if err := json.Unmarshal(key, &k); err != nil {
		t.Fatal(err)
	}
	return k.Alg
}

// parseSet reads a JWK set as a trust root reads its keys: every key must be
// one of ours, so that a set that has a symmetric key beside a public one is
// refused whole, and one key id stands for one key. It returns the alg of the
// keys where they have the same.
func parseSet(t *testing.T, data json.RawMessage) (keys map[string]jws.Key, alg string, err error) {
	t.Helper()
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		t.Fatal(err)
	}
	keys = make(map[string]jws.Key)
	for i, raw := range set.Keys {
		if a := algOf(t, raw); i == 0 || a == alg {
			alg = a
		} else {
			alg = ""
		}
	}
	for _, raw := range set.Keys {
		k, err := jws.ParseKey(raw)
		if err != nil {
			return nil, alg, err
		}
		var named struct {
			Kid string `json:"kid"`
		}
		if err := json.Unmarshal(raw, &named); err != nil {
			t.Fatal(err)
		}
		if _, ok := keys[named.Kid]; ok {
			return nil, alg, fmt.Errorf("kid %s stands for two keys", named.Kid)
		}
		keys[named.Kid] = k
	}
	return keys, alg, nil
}

// pick verifies a token with the one key that its header names.
func pick(keys map[string]jws.Key, token string) ([]byte, error) {
	head, _, _, err := jws.Split(token)
	if err != nil {
		return nil, err
	}
	var h struct {
		Kid string `json:"kid"`
	}
	if err := json.Unmarshal(head, &h); err != nil {
		return nil, err
	}
	k, ok := keys[h.Kid]
	if !ok {
		return nil, fmt.Errorf("no key %q", h.Kid)
	}
	return k.Verify(token)
}

// The vectors have no valid key set in our algorithms, so that the rules of
// sets are shown on keys of theirs: alone it verifies, beside itself or beside
// a symmetric key it does not.
func TestAKeyOfWycheproofVerifiesInASetOfPublicKeysOnly(t *testing.T) {
	var key json.RawMessage
	var token string
	for _, g := range read(t, "json_web_signature_test.json").Groups {
		for _, test := range g.Tests {
			if test.Result == "valid" && g.Public != nil && algOf(t, g.Public) == "ES256" {
				key, token = g.Public, test.JWS
			}
		}
	}
	const symmetric = `{"kty":"oct","alg":"HS256","kid":"other","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}`
	for name, c := range map[string]struct {
		set string
		ok  bool
	}{
		"alone":                  {`{"keys":[` + string(key) + `]}`, true},
		"twice":                  {`{"keys":[` + string(key) + `,` + string(key) + `]}`, false},
		"beside a symmetric key": {`{"keys":[` + string(key) + `,` + symmetric + `]}`, false},
		"missing":                {`{"keys":[]}`, false},
	} {
		keys, _, err := parseSet(t, json.RawMessage(c.set))
		if err == nil {
			_, err = pick(keys, token)
		}
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
