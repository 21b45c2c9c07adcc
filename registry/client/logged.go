package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/safeconduct/safeconduct/attest"
)

// maxLogged bounds a page of statements.
const maxLogged = 16 << 20

// A Logged is a statement at its place in the log, as the register shows it: on
// its word, without signatures.
type Logged struct {
	// Index is its log index, Time when it was logged.
	Index int64
	Time  time.Time
	// Claims are what it says. They have been checked by [attest.Check].
	Claims attest.Claims
}

// TrustRoot fetches the newest trust root, as it was signed.
func (c *Client) TrustRoot(ctx context.Context) ([]byte, error) {
	return c.do(ctx, http.MethodGet, "/v1/trust-root", "", nil, attest.MaxBytes)
}

// Entity lists all that is logged of an entity, by one of its identifiers, and
// of what authorities said of it, in log order. A *[Problem] with the status 404
// says that nothing is.
func (c *Client) Entity(ctx context.Context, id string) ([]Logged, error) {
	return c.logged(ctx, "/v1/entities/"+url.PathEscape(id))
}

// Sandbox is like [Client.Entity] for a sandbox.
func (c *Client) Sandbox(ctx context.Context, id string) ([]Logged, error) {
	return c.logged(ctx, "/v1/sandboxes/"+url.PathEscape(id))
}

func (c *Client) logged(ctx context.Context, path string) (all []Logged, err error) {
	page := path
	for {
		body, err := c.do(ctx, http.MethodGet, page, "", nil, maxLogged)
		if err != nil {
			return nil, err
		}
		var answer struct {
			Statements []struct {
				Index  int64          `json:"index"`
				Time   time.Time      `json:"time"`
				Kind   attest.Kind    `json:"kind"`
				Claims jsontext.Value `json:"claims"`
			} `json:"statements"`
			Next *int64 `json:"next"`
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			return nil, fmt.Errorf("read what is logged: %w", err)
		}
		for _, s := range answer.Statements {
			claims := attest.NewClaims(s.Kind)
			if claims == nil {
				return nil, fmt.Errorf("read what is logged: the statement at index %d is of an unknown kind %q", s.Index, s.Kind)
			}
			err := json.Unmarshal(s.Claims, claims, json.RejectUnknownMembers(true))
			if err == nil {
				err = attest.Check(claims)
			}
			if err != nil {
				return nil, fmt.Errorf("read what is logged: the statement at index %d: %w", s.Index, err)
			}
			// A register that does not ascend would be asked for ever.
			if n := len(all); n > 0 && s.Index <= all[n-1].Index {
				return nil, fmt.Errorf("read what is logged: index %d comes after %d", s.Index, all[n-1].Index)
			}
			all = append(all, Logged{s.Index, s.Time, claims})
		}
		switch n := len(all); {
		case answer.Next == nil:
			return all, nil
		case len(answer.Statements) == 0 || *answer.Next != all[n-1].Index:
			return nil, fmt.Errorf("read what is logged: the next page does not follow")
		}
		page = path + "?after=" + strconv.FormatInt(*answer.Next, 10)
	}
}
