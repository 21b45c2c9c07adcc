package tlogtiles

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Timeout bounds an exchange where the [http.Client] does not.
const Timeout = time.Minute

const (
	attempts   = 5
	firstPause = 250 * time.Millisecond
	longPause  = 10 * time.Second
)

// plain keeps as many connections as a client uses at once.
var plain = func() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 2 * ahead
	return &http.Client{Transport: t}
}()

// A temporary error may be gone when the exchange is made again.
type temporary struct {
	err   error
	after time.Duration
}

func (t *temporary) Error() string { return t.err.Error() }
func (t *temporary) Unwrap() error { return t.err }

// get fetches what stands at a path, at most limit bytes, and does so again
// after what may pass.
func (c *Client) get(ctx context.Context, path string, limit int64) ([]byte, error) {
	at, err := c.address(path)
	if err != nil {
		return nil, err
	}
	pause := firstPause
	for n := 1; ; n++ {
		b, err := c.once(ctx, at, limit)
		var t *temporary
		switch {
		case err == nil:
			return b, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case !errors.As(err, &t):
			return nil, err
		case n == attempts:
			return nil, fmt.Errorf("%w at %s, tried %d times: %w", ErrUnreachable, c.BaseURL, n, t.err)
		}
		// Clients that failed together do not come back together.
		wait := max(pause/2+rand.N(pause/2), t.after)
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(min(wait, longPause)):
		}
		pause *= 2
	}
}

// address is the URL of a path.
func (c *Client) address(path string) (string, error) {
	u, err := url.Parse(c.BaseURL)
	if err != nil {
		return "", fmt.Errorf("the log's address: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("the log's address %q: want a URL such as https://register.example.org", c.BaseURL)
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", fmt.Errorf("the log's address %q: want no user, query or fragment in it", u.Redacted())
	}
	return strings.TrimRight(u.String(), "/") + "/" + path, nil
}

// once makes one exchange.
func (c *Client) once(ctx context.Context, at string, limit int64) ([]byte, error) {
	hc := *plain
	if c.HTTP != nil {
		hc = *c.HTTP
	}
	if hc.Timeout == 0 {
		hc.Timeout = Timeout
	}
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	// Said by ourselves, so that net/http leaves the answer as it is: a log may
	// compress unasked, and what is unpacked has to be bounded.
	req.Header.Set("Accept-Encoding", "gzip, identity")
	resp, err := hc.Do(req)
	if err != nil {
		// The message of url.Error repeats the address.
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, &temporary{err: err}
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, refusal(resp)
	}
	// Packed, random bytes are longer than they were.
	b, err := readAtMost(resp.Body, limit+limit/100+1024)
	switch {
	case errors.Is(err, errTooLong):
		return nil, err
	case err != nil:
		return nil, &temporary{err: fmt.Errorf("read the answer: %w", err)}
	}
	return unpack(b, resp.Header.Values("Content-Encoding"), limit)
}

// refusal makes an error of an answer other than 200.
func refusal(resp *http.Response) error {
	err := fmt.Errorf("the log answers with status %d", resp.StatusCode)
	switch s := resp.StatusCode; {
	case s == http.StatusNotFound, s == http.StatusGone:
		return ErrNotFound
	case slices.Contains([]int{429, 500, 502, 503, 504}, s):
		var after time.Duration
		if n, e := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 16); e == nil {
			after = time.Duration(n) * time.Second
		}
		return &temporary{err, after}
	case s/100 == 3:
		return fmt.Errorf("%w and points to %q, which is not followed; ask there if that is the log", err, resp.Header.Get("Location"))
	}
	return err
}

// unpack undoes the encoding of an answer, of at most limit bytes.
func unpack(b []byte, encoding []string, limit int64) ([]byte, error) {
	switch e := strings.ToLower(strings.Join(encoding, ",")); e {
	case "", "identity":
		return readAtMost(bytes.NewReader(b), limit)
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err == nil {
			b, err = readAtMost(z, limit)
		}
		if err != nil {
			return nil, fmt.Errorf("unpack the answer: %w", err)
		}
		return b, nil
	default:
		return nil, fmt.Errorf("the answer is encoded as %q, which was not asked for", e)
	}
}

var errTooLong = errors.New("the answer is longer than what was asked for can be")

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
