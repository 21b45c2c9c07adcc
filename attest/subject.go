package attest

import "strings"

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
