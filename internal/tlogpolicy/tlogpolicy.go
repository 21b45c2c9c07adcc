// Package tlogpolicy reads C2SP tlog-policy: which logs are meant, and which
// cosigners are enough. Verifiers and registers read one format with it.
package tlogpolicy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/internal/vkey"
)

// A Policy says which logs are meant, and which cosigners are enough.
type Policy struct {
	// Logs are the keys of the log lines.
	Logs []vkey.Key
	// Witnesses are the witness lines, in their order, whether the quorum asks
	// for them or not.
	Witnesses []*Witness
	// Quorum is what the quorum line names.
	Quorum Component
}

// A Component is a cosigner or a group of components.
type Component interface {
	// Latest returns the latest T such that the cosignatures dated T or later
	// satisfy the component; ok is false where all of them do not. The time of
	// a cosigner's cosignature is what of says.
	Latest(of func(*Witness) (t time.Time, ok bool)) (t time.Time, ok bool)
	// Cosigners lists those that the component asks for.
	Cosigners() []*Witness
}

// A Witness is a witness line: a cosigner.
type Witness struct {
	// Name is its name in the policy.
	Name string
	vkey.Key
	// VKey is its verifier key as the line has it.
	VKey string
	// URL is where it takes submissions, "" where the line does not say.
	URL string
}

// Latest implements [Component].
func (w *Witness) Latest(of func(*Witness) (time.Time, bool)) (time.Time, bool) { return of(w) }

// Cosigners implements [Component].
func (w *Witness) Cosigners() []*Witness { return []*Witness{w} }

// A group is satisfied by k of its members.
type group struct {
	k       int
	members []Component
}

// Latest: the members being satisfied up to their own latest times, k of them
// are up to the k-th largest of these.
func (g *group) Latest(of func(*Witness) (time.Time, bool)) (time.Time, bool) {
	var times []time.Time
	for _, m := range g.members {
		if t, ok := m.Latest(of); ok {
			times = append(times, t)
		}
	}
	if len(times) < g.k {
		return time.Time{}, false
	}
	slices.SortFunc(times, func(a, b time.Time) int { return b.Compare(a) })
	return times[g.k-1], true
}

// Cosigners implements [Component].
func (g *group) Cosigners() (all []*Witness) {
	for _, m := range g.members {
		all = append(all, m.Cosigners()...)
	}
	return all
}

// policyParser has what the lines read so far define.
type policyParser struct {
	policy  Policy
	defined map[string]Component
	member  map[string]bool
	logs    map[string]bool // public keys
	keys    map[string]bool // public keys of witnesses
	ids     map[vkey.ID]bool
}

// maxPolicyLines bounds a policy. C2SP recommends support for 32 logs,
// witnesses and groups at least.
const maxPolicyLines = 1000

// Parse reads a C2SP tlog-policy. One with "quorum none" is refused: without
// cosignatures nothing tells the time.
func Parse(text string) (*Policy, error) {
	p := &policyParser{
		defined: make(map[string]Component), member: make(map[string]bool),
		logs: make(map[string]bool), keys: make(map[string]bool), ids: make(map[vkey.ID]bool),
	}
	// A final newline begins no further line.
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) > maxPolicyLines {
		return nil, fmt.Errorf("has more than %d lines", maxPolicyLines)
	}
	for i, line := range lines {
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	if p.policy.Quorum == nil {
		return nil, errors.New("has no quorum line: add \"quorum <name>\" after the witness or group that it names")
	}
	return &p.policy, nil
}

// line reads one line: items separated by spaces and tabs, "#" first for a
// comment.
func (p *policyParser) line(line string) error {
	for _, b := range []byte(line) {
		if b < 0x20 && b != '\t' || b == 0x7f {
			return fmt.Errorf("has the control character %#02x", b)
		}
	}
	f := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(f) == 0 || strings.HasPrefix(f[0], "#") {
		return nil
	}
	keyword, args := f[0], f[1:]
	switch keyword {
	case "log":
		return p.log(args)
	case "witness":
		return p.witness(args)
	case "group":
		return p.group(args)
	case "quorum":
		return p.quorum(args)
	default:
		return fmt.Errorf("unknown keyword %q: want log, witness, group or quorum", keyword)
	}
}

func (p *policyParser) log(args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return errors.New("want log <vkey> [<url>]")
	}
	k, err := vkey.ParseLog(args[0])
	if err != nil {
		return fmt.Errorf("the log key %w", err)
	}
	if p.logs[k.Public] {
		return errors.New("the log key stands twice")
	}
	p.logs[k.Public] = true
	if err := p.identify(k); err != nil {
		return err
	}
	p.policy.Logs = append(p.policy.Logs, k)
	return isURL(args[1:])
}

func (p *policyParser) witness(args []string) error {
	if len(args) < 2 || len(args) > 3 {
		return errors.New("want witness <name> <vkey> [<url>]")
	}
	k, err := vkey.ParseCosigner(args[1])
	if err != nil {
		return fmt.Errorf("the key %w", err)
	}
	if p.keys[k.Public] {
		return errors.New("the key stands twice; one cosigner counts once, whatever its name")
	}
	p.keys[k.Public] = true
	if err := p.identify(k); err != nil {
		return err
	}
	w := &Witness{Name: args[0], Key: k, VKey: args[1], URL: strings.Join(args[2:], "")}
	if err := p.define(w.Name, w); err != nil {
		return err
	}
	p.policy.Witnesses = append(p.policy.Witnesses, w)
	return isURL(args[2:])
}

// identify refuses another key that signature lines would call the same.
func (p *policyParser) identify(k vkey.Key) error {
	if p.ids[k.ID()] {
		return fmt.Errorf("another key has the name and id %s; one of the two needs a new key", k.ID())
	}
	p.ids[k.ID()] = true
	return nil
}

func (p *policyParser) group(args []string) error {
	if len(args) < 3 {
		return errors.New("want group <name> all|any|<k> and one or more members")
	}
	g := &group{}
	for _, name := range args[2:] {
		c, ok := p.defined[name]
		if !ok {
			return fmt.Errorf("member %q is not defined on a line before", name)
		}
		if p.member[name] {
			return fmt.Errorf("%q is a member already; a name is a member once", name)
		}
		p.member[name] = true
		g.members = append(g.members, c)
	}
	switch args[1] {
	case "all":
		g.k = len(g.members)
	case "any":
		g.k = 1
	default:
		k, err := strconv.Atoi(args[1])
		if err != nil || k < 1 || k > len(g.members) || strconv.Itoa(k) != args[1] {
			return fmt.Errorf("the threshold is %q; want all, any, or 1 to %d", args[1], len(g.members))
		}
		g.k = k
	}
	return p.define(args[0], g)
}

func (p *policyParser) quorum(args []string) error {
	if len(args) != 1 {
		return errors.New("want quorum <name>")
	}
	if p.policy.Quorum != nil {
		return errors.New("is a second quorum line; there is exactly one")
	}
	if args[0] == "none" {
		return errors.New("quorum none asks for no cosignature, and then nothing tells how fresh a status is: name a witness or group")
	}
	c, ok := p.defined[args[0]]
	if !ok {
		return fmt.Errorf("%q is not defined on a line before", args[0])
	}
	p.policy.Quorum = c
	return nil
}

func (p *policyParser) define(name string, c Component) error {
	if _, ok := p.defined[name]; ok || name == "none" {
		return fmt.Errorf("the name %s is defined already", strconv.Quote(name))
	}
	p.defined[name] = c
	return nil
}

// isURL catches a comment at the end of a line, which the format does not have.
func isURL(args []string) error {
	for _, u := range args {
		if !strings.HasPrefix(u, "https://") && !strings.HasPrefix(u, "http://") {
			return fmt.Errorf("%q is no URL (a comment has a line of its own)", u)
		}
	}
	return nil
}
