package scenario_test

import (
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// submitted are the statements that a register was given, opened by the trust
// root in force and put into the histories of their subjects: what evidence has
// to prove, made without a log, a status map and evidence.
type submitted struct {
	next      int64
	last      time.Time
	root      *attest.TrustRoot
	histories map[string][]proven.Entry
	lineages  map[string]*attest.Lineage
}

func newSubmitted() *submitted {
	return &submitted{histories: make(map[string][]proven.Entry), lineages: make(map[string]*attest.Lineage)}
}

// follows is the time of a batch that is logged now: after the last one.
func (s *submitted) follows(now time.Time) time.Time {
	if at := now.Truncate(time.Millisecond); at.After(s.last) {
		return at
	}
	return s.last.Add(time.Millisecond)
}

// batch takes statements that are logged together. A status leaf follows them.
func (s *submitted) batch(at time.Time, statements ...[]byte) error {
	for _, data := range statements {
		open := attest.Open
		if s.root == nil {
			open = attest.OpenRoot
		}
		opened, err := open(data, s.root)
		if err != nil {
			return err
		}
		c := opened.Claims()
		l := s.lineages[c.Head().Sub]
		if l == nil {
			l = new(attest.Lineage)
			s.lineages[c.Head().Sub] = l
		}
		tag, err := l.Next(c)
		if err != nil {
			return err
		}
		for _, sub := range c.Subjects() {
			s.histories[sub] = append(s.histories[sub], proven.Entry{Index: s.next, Time: at, Tag: tag, Statement: opened})
		}
		if root := opened.TrustRoot(); root != nil {
			s.root = root
		}
		s.next++
	}
	s.next++
	s.last = at
	return nil
}

// prove has the histories of all subjects, and says of those that the request
// touches beside them that they have none.
func (s *submitted) prove(req *policy.Request, fresh time.Time, warnings ...string) *proven.Set {
	set := &proven.Set{Origin: registrytest.Origin, Size: s.next, Fresh: fresh, MaxAge: maxAge, Warnings: warnings}
	for sub, h := range s.histories {
		set.Prove(sub, h)
	}
	for _, sub := range policy.Touched(req, set) {
		if _, ok := set.History(sub); !ok {
			set.Prove(sub, nil)
		}
	}
	return set
}
