package receipt

import (
	"errors"
	"fmt"
	"time"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/verify"
)

// at is the checkpoint of the evidence: the receipt has its text, and the
// decision its origin and size.
func (r *Receipt) at(e *verify.Opened) error {
	c := e.Checkpoint()
	switch replay := r.Decision.Replay; {
	case r.Issuer != c.Origin:
		return fmt.Errorf("the receipt is of the register %q; the evidence and the trust file are of %q", r.Issuer, c.Origin)
	case r.Checkpoint != c.Text:
		return fmt.Errorf("the receipt has another checkpoint than the evidence, whose log has %d leaves", c.Tree.N)
	case replay.Origin != c.Origin || replay.Size != c.Tree.N:
		return fmt.Errorf("it was decided at size %d of %q; the checkpoint is of size %d of %q", replay.Size, replay.Origin, c.Tree.N, c.Origin)
	}
	return nil
}

// on is the evidence: the very file, and in it the histories that were decided on.
func (r *Receipt) on(e *verify.Opened) error {
	if got, want := r.Decision.Replay.Evidence, e.Report().EvidenceDigest; got != want {
		return fmt.Errorf("it was decided on other evidence: its digest is %s, that of the evidence given %s", got, want)
	}
	if got := digest(e.Bytes()); got != r.Evidence {
		return fmt.Errorf("the evidence proves the same as what was decided on, but is another file: its SHA-256 is %s, in the receipt %s; give the file that came with the receipt, which is neither compact nor whole where that one was not", got, r.Evidence)
	}
	return nil
}

// trusts is the trust.
func (r *Receipt) trusts(e *verify.Opened) error {
	if got, want := r.Decision.Replay.Trust, e.Report().TrustDigest; got != want {
		return fmt.Errorf("it was decided with another trust: its digest is %s, that of the trust file given %s; give the trust file of that time, which the service itself has", got, want)
	}
	return nil
}

// agreesWith: the disclosures in the evidence given are those of the decision.
func (r *Receipt) agreesWith(e *verify.Opened) error {
	if _, got := e.Disclosed(); got != r.Decision.Replay.Disclosures {
		return fmt.Errorf("it was decided by other disclosures: their digest is %q, that of those in the evidence given %q", r.Decision.Replay.Disclosures, got)
	}
	return nil
}

// madeOn is at, on and trusts.
func (r *Receipt) madeOn(e *verify.Opened) error {
	return errors.Join(r.at(e), r.on(e), r.trusts(e))
}

// of is the request, as it was asked.
func (r *Receipt) of(req *policy.Request) error {
	if got, want := r.Decision.Replay.Request, req.Digest(); got != want || got == "" {
		return fmt.Errorf("it is the decision of another request: its digest is %s, that of the request given %s", got, want)
	}
	if got := req.AskedDigest(); got != r.Request || got == "" {
		return fmt.Errorf("the request was asked with other times: its digest with them is %s, in the receipt %s", got, r.Request)
	}
	return nil
}

// timely: the decision's times are those that the request gives. What it leaves
// out was now, and now is when the receipt was made: so that nobody decides as of
// a time that nobody asked for. Nor is a receipt older than its evidence.
func (r *Receipt) timely(req *policy.Request) error {
	d, made := r.Decision, r.IssuedAt.Time()
	if !d.EffectiveAt.Time().Equal(req.EffectiveAt.Time()) {
		return fmt.Errorf("it was decided as of effective_at %s; the request says %s", utc(d.EffectiveAt.Time()), utc(req.EffectiveAt.Time()))
	}
	for _, t := range []struct {
		name             string
		decided, request policy.Instant
	}{{"known_at", d.KnownAt, req.KnownAt}, {"checked_at", d.CheckedAt, req.CheckedAt}} {
		switch {
		case t.request.IsZero():
			if gap := made.Sub(t.decided.Time()); gap.Abs() > verify.MaxSkew {
				return fmt.Errorf("it was decided as of %s %s, and signed at %s; the request leaves %s out, which says now", t.name, utc(t.decided.Time()), utc(made), t.name)
			}
		case !t.request.Time().Equal(t.decided.Time()):
			return fmt.Errorf("it was decided as of %s %s; the request says %s", t.name, utc(t.decided.Time()), utc(t.request.Time()))
		}
	}
	return r.later()
}

// later: the receipt was signed after what its evidence has.
func (r *Receipt) later() error {
	if made, e := r.IssuedAt.Time(), r.Decision.StatusEvidenceAt.Time(); made.Add(verify.MaxSkew).Before(e) {
		return fmt.Errorf("it was signed at %s, before the cosignatures of its evidence, %s", utc(made), utc(e))
	}
	return nil
}

func utc(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
