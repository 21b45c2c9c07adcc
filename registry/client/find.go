package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-json-experiment/json"

	"github.com/safeconduct/safeconduct/registry/finder"
)

// The bounds of a search.
const (
	// maxFound bounds a page, in bytes: a hundred entities of a thousand approvals.
	maxFound = 32 << 20
	// maxEmpty is how many pages in a row may have nothing and yet go on. A register
	// looks into 300 things for one: it comes to that in five million.
	maxEmpty = 1 << 14
)

// FindEntities yields the entities that are looked for, the best first, or by id
// where the query has no text; it asks for page after page, of q.Limit or else
// [finder.MaxLimit], from q.After on. An error is the last that is yielded. What is
// found is the register's word, and no screening.
func (c *Client) FindEntities(ctx context.Context, q finder.Query) iter.Seq2[finder.Entity, error] {
	return findAll(ctx, c.FindEntitiesPage, q)
}

// FindSandboxes is like [Client.FindEntities] for sandboxes.
func (c *Client) FindSandboxes(ctx context.Context, q finder.Query) iter.Seq2[finder.Sandbox, error] {
	return findAll(ctx, c.FindSandboxesPage, q)
}

// FindEntitiesPage is one page of [Client.FindEntities]; q.After of the next one is
// its Next, which is behind this one's. The legal time of a status is the register's
// own: q.Now has to be zero. A query that looks for nothing is an error: that is
// [Client.Entities].
func (c *Client) FindEntitiesPage(ctx context.Context, q finder.Query) (finder.Page[finder.Entity], error) {
	return findPage[finder.Entity](ctx, c, "/v1/entities", q)
}

// FindSandboxesPage is like [Client.FindEntitiesPage] for sandboxes.
func (c *Client) FindSandboxesPage(ctx context.Context, q finder.Query) (finder.Page[finder.Sandbox], error) {
	return findPage[finder.Sandbox](ctx, c, "/v1/sandboxes", q)
}

func findAll[T any](ctx context.Context, page func(context.Context, finder.Query) (finder.Page[T], error), q finder.Query) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		q := q
		if q.Limit == 0 {
			q.Limit = finder.MaxLimit
		}
		var none T
		for empty := 0; ; empty++ {
			p, err := page(ctx, q)
			if err == nil && len(p.Found) == 0 && empty == maxEmpty {
				err = fmt.Errorf("read what was found: %d pages in a row had nothing; look for less", empty)
			}
			if err != nil {
				yield(none, err)
				return
			}
			for _, found := range p.Found {
				if empty = 0; !yield(found, nil) {
					return
				}
			}
			if q.After = p.Next; q.After == "" {
				return
			}
		}
	}
}

func findPage[T any](ctx context.Context, c *Client, path string, q finder.Query) (finder.Page[T], error) {
	none := finder.Page[T]{}
	ask, err := searching(q)
	if err != nil {
		return none, err
	}
	body, err := c.do(ctx, http.MethodGet, path+"?"+ask, "", nil, maxFound)
	if err != nil {
		return none, err
	}
	var page struct {
		Size  int64  `json:"size"`
		Found *[]T   `json:"found"`
		Next  string `json:"next"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return none, fmt.Errorf("read what was found: %w", err)
	}
	switch {
	case page.Found == nil:
		return none, errors.New("read what was found: the answer is that of no search")
	case len(*page.Found) > finder.MaxLimit:
		return none, fmt.Errorf("read what was found: the page has %d; at most %d are accepted", len(*page.Found), finder.MaxLimit)
	case page.Next != "" && !q.Behind(page.Next):
		// It would be asked for ever.
		return none, fmt.Errorf("read what was found: the page behind %q ends at %q, which is not behind it", q.After, page.Next)
	}
	return finder.Page[T]{Size: page.Size, Found: *page.Found, Next: page.Next}, nil
}

// searching writes a query's parameters.
func searching(q finder.Query) (string, error) {
	if !q.Now.IsZero() {
		return "", errors.New("find: a register says what an approval comes to at its own time; leave Now zero")
	}
	v := make(url.Values)
	for name, value := range map[string]string{
		"q": q.Text, "authority": q.Authority, "programme": q.Programme, "sandbox": q.Sandbox, "country": q.Country, "status": string(q.Status),
	} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if len(v) == 0 {
		return "", errors.New("find: the query looks for nothing; give it a text, or what narrows it")
	}
	if q.After != "" {
		v.Set("after", q.After)
	}
	if q.Limit != 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return v.Encode(), nil
}
