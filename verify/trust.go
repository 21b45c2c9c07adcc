package verify

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/strictjson"
	"github.com/safeconduct/safeconduct/internal/tlogpolicy"
	"github.com/safeconduct/safeconduct/internal/vkey"
)

// A Trust is what a verifier trusts: one version of a register's trust root by
// its hash, cosigners, and how old a status may be. It comes from [ParseTrust]
// or [TrustFor]; the zero Trust trusts nothing. What it trusts does not change;
// it may be used concurrently, and is worth keeping between checks, since it
// remembers the trust roots that it has verified.
type Trust struct {
	doc    trustDocument
	pin    tlog.Hash
	maxAge time.Duration
	policy *tlogpolicy.Policy
	digest string
	roots  rootMemory
}

// trustDocument has its members in the order of RFC 8785.
type trustDocument struct {
	InsecureOperatorClock bool     `json:"insecure_operator_clock,omitzero"`
	InsecureUnmirrored    bool     `json:"insecure_unmirrored,omitzero"`
	MaxStatusAge          string   `json:"max_status_age"`
	Origin                string   `json:"origin"`
	Policy                string   `json:"policy"`
	Root                  rootHash `json:"root"`
}

// rootHash pins a version of the trust root by the RFC 6962 leaf hash of its
// statement.
type rootHash struct {
	LeafHash string `json:"leaf_hash"`
	Version  int64  `json:"version"`
}

// Insecure are what a trust may do without, at a risk that every decision
// then repeats.
type Insecure struct {
	// OperatorClock lets cosigners of the register's own operator count for
	// quorum and freshness: nobody else bounds its clock, nor that it shows
	// everybody the same log.
	OperatorClock bool
	// Unmirrored does without a mirror: nobody else has checked that the
	// register left nothing out of the status map.
	Unmirrored bool
}

// The warnings that a decision repeats.
const (
	WarningOperatorClock = "insecure_operator_clock"
	WarningUnmirrored    = "insecure_unmirrored"
)

// maxTrust bounds a trust document.
const maxTrust = 256 << 10

// ParseTrust reads a trust document, strict JSON:
//
//	{"insecure_operator_clock": true, "insecure_unmirrored": true,
//	 "max_status_age": "PT24H", "origin": "example.org/register",
//	 "policy": "witness w example.org/w+…\nquorum w\n",
//	 "root": {"leaf_hash": "…", "version": 1}}
//
// The insecure members may be absent, which says false. Policy is a C2SP
// tlog-policy; where it lists logs, one of their keys must have signed. It
// returns [attest.Problems] where members are at fault.
func ParseTrust(data []byte) (*Trust, error) {
	var d trustDocument
	if err := strictjson.Unmarshal(data, &d, strictjson.Form{MaxBytes: maxTrust, Lines: true}); err != nil {
		return nil, fmt.Errorf("read trust: %w", err)
	}
	t, err := newTrust(d)
	if err != nil {
		return nil, fmt.Errorf("read trust: %w", err)
	}
	return t, nil
}

// TrustFor makes a trust that pins the given trust root and asks for the
// cosignatures of a C2SP tlog-policy. MaxAge is in whole seconds.
func TrustFor(root *attest.Statement, policy string, maxAge time.Duration, insecure Insecure) (*Trust, error) {
	if root == nil || root.TrustRoot() == nil {
		return nil, errors.New("make trust: the statement is no trust root")
	}
	r, leaf := root.TrustRoot().Root(), root.LeafHash()
	t, err := newTrust(trustDocument{
		InsecureOperatorClock: insecure.OperatorClock,
		InsecureUnmirrored:    insecure.Unmirrored,
		MaxStatusAge:          formatDuration(maxAge),
		Origin:                r.Aud,
		Policy:                policy,
		Root:                  rootHash{leaf.String(), r.Version},
	})
	if err != nil {
		return nil, fmt.Errorf("make trust: %w", err)
	}
	return t, nil
}

func newTrust(d trustDocument) (*Trust, error) {
	var p strictjson.Problems
	t := &Trust{doc: d}
	missing := func(ptr string, absent bool) bool {
		if absent {
			p.Add(ptr, "is missing")
		}
		return absent
	}
	if !missing("/origin", d.Origin == "") {
		if err := attest.Origin(d.Origin); err != nil {
			p.Add("/origin", "%v", err)
		}
	}
	if !missing("/max_status_age", d.MaxStatusAge == "") {
		var err error
		if t.maxAge, err = ParseDuration(d.MaxStatusAge); err != nil {
			p.Add("/max_status_age", "%v", err)
		}
	}
	if !missing("/policy", d.Policy == "") {
		var err error
		if t.policy, err = tlogpolicy.Parse(d.Policy); err != nil {
			p.Add("/policy", "%v", err)
		} else if logs := t.policy.Logs; len(logs) > 0 && !slices.ContainsFunc(logs, func(k vkey.Key) bool { return k.Verifier.Name() == d.Origin }) {
			p.Add("/policy", "lists logs, but none that is named as the origin, %s", d.Origin)
		}
	}
	if !missing("/root/leaf_hash", d.Root.LeafHash == "") {
		b, err := strict64.DecodeString(d.Root.LeafHash)
		if err != nil || len(b) != tlog.HashSize {
			p.Add("/root/leaf_hash", "is not the standard base64 of 32 bytes; safeconduct root show prints it")
		} else {
			t.pin = tlog.Hash(b)
		}
	}
	if d.Root.Version < 1 {
		p.Add("/root/version", "is missing; versions count from 1")
	}
	if len(p) > 0 {
		return nil, p
	}
	data, err := json.Marshal(t.doc)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	t.digest = base64.RawURLEncoding.EncodeToString(sum[:])
	return t, nil
}

// Origin returns the origin of the register.
func (t *Trust) Origin() string { return t.doc.Origin }

// Pin returns the version of the trust root that the trust pins, and its leaf
// hash.
func (t *Trust) Pin() (version int64, leaf tlog.Hash) { return t.doc.Root.Version, t.pin }

// MaxStatusAge returns how old a status may be.
func (t *Trust) MaxStatusAge() time.Duration { return t.maxAge }

// Insecure returns what the trust does without.
func (t *Trust) Insecure() Insecure {
	return Insecure{t.doc.InsecureOperatorClock, t.doc.InsecureUnmirrored}
}

// Cosigners returns the verifier keys of the cosigners that the policy's quorum
// names, in the order of its witness lines.
func (t *Trust) Cosigners() []string {
	if t.policy == nil {
		return nil
	}
	named := t.policy.Quorum.Cosigners()
	var vkeys []string
	for _, w := range t.policy.Witnesses {
		if slices.Contains(named, w) {
			vkeys = append(vkeys, w.VKey)
		}
	}
	return vkeys
}

// MarshalJSON returns the document that [ParseTrust] reads, in its RFC 8785
// form, without the insecure members that are false.
func (t *Trust) MarshalJSON() ([]byte, error) {
	if t.policy == nil {
		return nil, errors.New("marshal trust: it is empty")
	}
	return json.Marshal(t.doc)
}

// Digest names the trust for replay: SHA-256, base64url without padding, of
// what [Trust.MarshalJSON] returns.
func (t *Trust) Digest() string { return t.digest }

// ReliesOnMirror reports whether a check fails where the policy could be
// satisfied without a mirror that is not the operator's own; with [Insecure]
// Unmirrored it does not. Evidence may then leave out what a mirror has checked:
// see [Compact].
func (t *Trust) ReliesOnMirror() bool { return t.policy != nil && !t.doc.InsecureUnmirrored }
