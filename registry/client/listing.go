package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/verify"
)

// maxListing is the largest page of ids that is read, in bytes.
const maxListing = 4 << 20

// Health is how a register says that it is.
type Health struct {
	// Origin is the register's, Size how many leaves are durable, and Published
	// how many of them are shown.
	Origin    string `json:"origin"`
	Size      int64  `json:"size"`
	Published int64  `json:"published"`
}

// Health asks how far the register is.
func (c *Client) Health(ctx context.Context) (*Health, error) {
	body, err := c.do(ctx, http.MethodGet, "/healthz", "", nil, maxReceipt)
	if err != nil {
		return nil, err
	}
	h := new(Health)
	if err := json.Unmarshal(body, h); err != nil {
		return nil, fmt.Errorf("read how the register is: %w", err)
	}
	return h, nil
}

// Entities lists ids of entities, a page of those behind one, "" for the first
// page; next is what to ask for the page after with, "" on the last. That no id
// is left out is the register's word.
func (c *Client) Entities(ctx context.Context, after string) (ids []string, next string, err error) {
	path := "/v1/entities"
	if after != "" {
		path += "?after=" + url.QueryEscape(after)
	}
	body, err := c.do(ctx, http.MethodGet, path, "", nil, maxListing)
	if err != nil {
		return nil, "", err
	}
	var page struct {
		Entities []string `json:"entities"`
		Next     string   `json:"next"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, "", fmt.Errorf("read the list of entities: %w", err)
	}
	if page.Next != "" && page.Next <= after {
		return nil, "", fmt.Errorf("read the list of entities: the page behind %q ends at %q, before it", after, page.Next)
	}
	return page.Entities, page.Next, nil
}

// A Change is a statement that was logged, and whom it is about.
type Change struct {
	Index    int64       `json:"index"`
	Time     time.Time   `json:"time"`
	Kind     attest.Kind `json:"kind"`
	Issuer   string      `json:"issuer"`
	JTI      string      `json:"jti"`
	Subjects []string    `json:"subjects"`
}

// follows returns which index is due behind a change, an error where it stands before
// the one that is due, or is not below most.
func (ch *Change) follows(due, most int64) (next int64, err error) {
	switch {
	case ch.Index < due:
		return 0, fmt.Errorf("the register went back: the statement at index %d comes where one at %d or later is due", ch.Index, due)
	case ch.Index >= most:
		return 0, fmt.Errorf("the statement at index %d is not below %d, where this page, or any log, ends", ch.Index, most)
	}
	return ch.Index + 1, nil
}

// Changes lists statements from a log index on, a page of them; next is the index
// to go on from, and the log's size once there is nothing more for now. That nothing
// is left out is the register's word: a decision is checked again by its evidence.
func (c *Client) Changes(ctx context.Context, since int64) (changes []Change, next int64, err error) {
	body, err := c.do(ctx, http.MethodGet, fmt.Sprintf("/v1/changes?since=%d", since), "", nil, maxListing)
	if err != nil {
		return nil, 0, err
	}
	var page struct {
		Changes []Change `json:"changes"`
		Next    int64    `json:"next"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, 0, fmt.Errorf("read the changes: %w", err)
	}
	if page.Next < since || page.Next > verify.MaxSize {
		return nil, 0, fmt.Errorf("read the changes: the page from %d on ends at %d", since, page.Next)
	}
	due := since
	for _, ch := range page.Changes {
		if due, err = ch.follows(due, page.Next); err != nil {
			return nil, 0, fmt.Errorf("read the changes: %w", err)
		}
	}
	return page.Changes, page.Next, nil
}
