package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

func (c *Client) post(ctx context.Context, path, contentType string, body []byte, limit int64) ([]byte, error) {
	return c.do(ctx, http.MethodPost, path, contentType, body, limit)
}

// request makes a request of the register.
func (c *Client) request(ctx context.Context, method, path, contentType string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask the register: %w", err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req, nil
}

// begin begins one exchange through hc and returns the answer where it is a 200,
// with a body to be closed.
func (c *Client) begin(hc *http.Client, req *http.Request) (*http.Response, error) {
	resp, err := hc.Do(req)
	if err != nil {
		return nil, c.unreached(req.Context(), err)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, readProblem(resp)
	}
	return resp, nil
}

// once makes one exchange and returns the body of a 200, of at most limit bytes.
func (c *Client) once(ctx context.Context, method, path, contentType string, body []byte, limit int64) ([]byte, error) {
	req, err := c.request(ctx, method, path, contentType, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.begin(c.http, req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := readAtMost(resp.Body, limit)
	if errors.Is(err, errTooLong) {
		return nil, fmt.Errorf("read the register's answer: %w", err)
	}
	if err != nil {
		return nil, c.unreached(ctx, err)
	}
	return answer, nil
}

// unreached tells a register that cannot be reached from a caller who has
// ended the exchange.
func (c *Client) unreached(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("ask the register: %w", context.Cause(ctx))
	}
	return &UnreachableError{URL: c.base, Err: err}
}

var errTooLong = errors.New("it is longer than any answer of a register")

func readAtMost(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, errTooLong
	}
	return b, nil
}
