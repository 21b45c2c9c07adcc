package httpapi

import (
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// Limits bound how much each client may ask. The zero value bounds nothing.
//
// A client has a bucket of tokens, which is full at first. Every request takes
// as many out of it as its route costs, roughly one for each tenth of a
// millisecond of work: 1 for checkpoints, tiles and what is at no path, 2 for
// one statement, 5 for a page of a list, 10 for a submission, a decision or
// evidence, 50 to foresee what a trust root would change
// or to open a presentation, 500 for a batch. /healthz, /readyz and
// /metrics cost nothing. What is served beside the API takes out of the same
// buckets, see [Beside]. Where there are too few, the answer is 429, with the
// seconds until there are enough in Retry-After.
type Limits struct {
	// Rate is how many tokens come back in a second; zero or less bounds
	// nothing.
	Rate float64
	// Burst is how many a bucket holds; zero is what comes back in ten seconds,
	// at least 50. A route that costs more takes all of them.
	Burst int
	// Clients is how many buckets are kept, those of who asked last; zero is
	// 65,536, a few megabytes. Whoever is forgotten has a full bucket again.
	Clients int
}

// The costs of what is not of the API alone, see [Beside], in tokens.
const (
	CostRead     = 1
	CostPage     = 5
	CostDecision = 10
)

// The costs of routes, in tokens.
const (
	costFree    = -1
	costOne     = 2
	costSubmit  = 10
	costForesee = 50
	costPresent = 50
	costBatch   = 500
)

// A limiter keeps the buckets.
type limiter struct {
	limits Limits
	now    func() time.Time

	mu      sync.Mutex
	buckets *simplelru.LRU[string, *rate.Limiter]
}

// newLimiter returns nil, which bounds nothing, where nothing is to be bounded.
func newLimiter(l Limits, now func() time.Time) *limiter {
	if l.Rate <= 0 {
		return nil
	}
	if l.Burst <= 0 {
		l.Burst = int(math.Min(max(10*l.Rate, costForesee), math.MaxInt32))
	}
	if l.Clients <= 0 {
		l.Clients = 1 << 16
	}
	buckets, err := simplelru.NewLRU[string, *rate.Limiter](l.Clients, nil)
	if err != nil {
		panic(err) // the size is above zero
	}
	return &limiter{limits: l, now: now, buckets: buckets}
}

// take takes tokens out of a client's bucket, or returns how long it is until
// there are enough.
func (l *limiter) take(client string, cost int) (wait time.Duration) {
	if l == nil || cost <= 0 {
		return 0
	}
	now, cost := l.now(), min(cost, l.limits.Burst)
	b := l.bucket(client)
	if b.AllowN(now, cost) {
		return 0
	}
	missing := float64(cost) - b.TokensAt(now)
	seconds := math.Min(math.Max(missing, 0)/l.limits.Rate, time.Hour.Seconds())
	return max(time.Duration(seconds*float64(time.Second)), time.Millisecond)
}

func (l *limiter) bucket(client string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.buckets.Get(client)
	if !ok {
		b = rate.NewLimiter(rate.Limit(l.limits.Rate), l.limits.Burst)
		l.buckets.Add(client, b)
	}
	return b
}

// tooOften is the answer to whoever has to wait.
func tooOften(wait time.Duration) error {
	s := seconds(wait)
	return &problem{
		kind: tooManyRequests, more: map[string]string{"Retry-After": s},
		detail: fmt.Sprintf("this client has asked for more than it may; ask again in %s s", s),
	}
}

// seconds are as Retry-After has them.
func seconds(wait time.Duration) string {
	return strconv.FormatInt(int64(math.Ceil(wait.Seconds())), 10)
}
