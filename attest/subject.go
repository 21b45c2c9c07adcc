package attest

import (
	"fmt"
	"strings"

	"github.com/safeconduct/safeconduct/attest/identifier"
)

// RootSubject is the subject of trust roots and freezes.
const RootSubject = "root"

// EntitySubject is the subject of an entity by one of its identifiers,
// <scheme>:<value>.
func EntitySubject(id string) string { return "entity:" + id }

// ApprovalSubject is the subject of what an authority said of an entity.
func ApprovalSubject(id, authority string) string { return "entity:" + id + "/" + authority }

// SandboxSubject is the subject of a sandbox.
func SandboxSubject(id string) string { return "sandbox:" + id }

// ConsentSubject is the subject of a consent.
func ConsentSubject(authority, jti string) string { return "consent:" + authority + "/" + jti }

// splitApprovalSubject cuts an entity:<id>/<authority>.
func splitApprovalSubject(sub string) (id, authority string, ok bool) {
	id, authority, ok = strings.Cut(strings.TrimPrefix(sub, "entity:"), "/")
	return id, authority, ok && strings.HasPrefix(sub, "entity:")
}

// CheckSubject reports whether statements may have the subject.
func CheckSubject(sub string) error {
	if sub == RootSubject {
		return nil
	}
	kind, about, _ := strings.Cut(sub, ":")
	switch kind {
	case "sandbox":
		return identifier.Sandbox(about)
	case "consent":
		iss, jti, ok := strings.Cut(about, "/")
		if !ok {
			break
		}
		if err := identifier.Authority(iss); err != nil {
			return err
		}
		return identifier.JTI(jti)
	case "entity":
		id, authority, approvals := strings.Cut(about, "/")
		if _, err := identifier.Parse(id); err != nil {
			return err
		}
		if approvals {
			return identifier.Authority(authority)
		}
		return nil
	}
	return fmt.Errorf("%q is no subject: want root, entity:<scheme>:<value>, entity:<scheme>:<value>/<authority>, sandbox:<id> or consent:<authority>/<jti>", sub)
}
