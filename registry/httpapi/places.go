package httpapi

import (
	"fmt"
	"sync"
)

// The part of all places that one client may hold. The rate of a client bounds
// how many it begins, where there is a rate at all, and not how long it holds
// them: without a share, one that reads slowly would keep everybody else out.
const (
	// A batch is minutes of work: of eight, a client has two.
	batchShare = 4
	// A stream is idle, and an office has one for each desk that watches: of 256, a
	// client has sixteen.
	streamShare = 16
	// An opening is over in milliseconds, and a counterparty opens for all who call
	// on it: of eight, a client has four.
	openingShare = 2
)

// places bounds how many do something at once, and how many of them are one
// client.
type places struct {
	what      string
	all, each int

	mu    sync.Mutex
	taken int
	// by has who holds places, and nobody else.
	by map[string]int
}

// newPlaces returns n places; one client may have one in share of them, and always
// one.
func newPlaces(what string, n, share int) *places {
	return &places{what: what, all: n, each: max(n/share, 1), by: make(map[string]int)}
}

// take takes a place for a client, to be given back once by leave; it does not
// wait for one.
func (p *places) take(client string) (leave func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	later := map[string]string{"Retry-After": retryAfter}
	switch {
	case p.by[client] >= p.each:
		return nil, &problem{kind: tooManyRequests, more: later, detail: fmt.Sprintf("this client has %d %s already, which is all that one may have; try again once one of them has ended", p.by[client], p.what)}
	case p.taken >= p.all:
		return nil, &problem{kind: overloaded, more: later, detail: fmt.Sprintf("there are %d %s already; try again later", p.taken, p.what)}
	}
	p.taken++
	p.by[client]++
	return func() { p.leave(client) }, nil
}

func (p *places) leave(client string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.by[client]--; p.by[client] == 0 {
		delete(p.by, client)
	}
}
