package verify

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/tlogpolicy"
)

// MaxSkew is how far clocks may differ: a cosignature that is dated further ahead of
// the verifier's does not count (docs/format.md, step quorum).
const MaxSkew = 5 * time.Minute

// quorum: the cosignatures satisfy the trust policy. E is the latest T such
// that those dated T or later do, where those later than checked_at and five
// minutes are ignored, and those of the operator's own cosigners unless the
// trust says insecure_operator_clock. A policy that can be satisfied without a
// mirror needs insecure_unmirrored.
func (in *inspection) quorum() error {
	if err := in.mirrored(); err != nil {
		return err
	}
	var missing []string
	at := func(c *tlogpolicy.Witness) (time.Time, bool) {
		t, why := in.counted(c)
		if why != "" {
			missing = append(missing, c.Name+" ("+why+")")
		}
		return t, why == ""
	}
	fresh, ok := in.trust.policy.Quorum.Latest(at)
	if !ok {
		return fmt.Errorf("the cosignatures do not satisfy the trust policy; missing: %s; fetch newer evidence, or evidence with more cosignatures", strings.Join(missing, ", "))
	}
	in.fresh = fresh
	for _, c := range in.trust.policy.Quorum.Cosigners() {
		if _, operator := in.signers.role(c.Public); operator && in.trust.doc.InsecureOperatorClock {
			in.warnings = append(in.warnings, WarningOperatorClock)
			break
		}
	}
	if in.trust.doc.InsecureUnmirrored && in.unmirrored() {
		in.warnings = append(in.warnings, WarningUnmirrored)
	}
	return nil
}

// counted returns the time of the cosigner's cosignature, or why there is none
// that counts.
func (in *inspection) counted(c *tlogpolicy.Witness) (t time.Time, why string) {
	if !in.counts(c) {
		return t, "the operator's own, which counts only with insecure_operator_clock: true"
	}
	why = "has not cosigned"
	for _, s := range in.cosigned {
		switch {
		case s.public != c.Public:
		case s.Time.After(in.checkedAt.Add(MaxSkew)):
			if why != "" {
				why = "its cosignature is later than checked_at"
			}
		case why != "" || s.Time.After(t):
			t, why = s.Time, ""
		}
	}
	return t, why
}

// counts reports whether the trust lets the cosigner count at all.
func (in *inspection) counts(c *tlogpolicy.Witness) bool {
	_, operator := in.signers.role(c.Public)
	return !operator || in.trust.doc.InsecureOperatorClock
}

// unmirrored reports whether the policy can be satisfied without a mirror. One
// of the operator's own checks the register's word by the register's word, and
// so is none.
func (in *inspection) unmirrored() bool {
	_, ok := in.trust.policy.Quorum.Latest(func(c *tlogpolicy.Witness) (time.Time, bool) {
		role, operator := in.signers.role(c.Public)
		return time.Time{}, in.counts(c) && (operator || role != attest.Mirror)
	})
	return ok
}

func (in *inspection) mirrored() error {
	if !in.trust.doc.InsecureUnmirrored && in.unmirrored() {
		return errors.New("the trust policy can be satisfied without a mirror that is not the operator's own, and then nobody has checked the status map: ask for one in the policy, or say insecure_unmirrored: true in the trust file")
	}
	return nil
}
