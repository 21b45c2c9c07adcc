package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json"
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
