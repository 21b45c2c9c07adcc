package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/safeconduct/safeconduct/policy"
)

// batchTimeout bounds a batch of a client whose own timeout is shorter: a register
// takes five minutes at most.
const batchTimeout = 6 * time.Minute

// A Checked is the answer to one request of a batch: a decision, or the register's
// refusal to decide that one. The zero Checked is neither.
type Checked struct {
	Decision *policy.Decision
	Problem  *Problem
}

// CheckBatch has request documents (JSON) decided, 10,000 at most, all at one size
// of the log and one now, and yields an answer to each in their order, while the
// register still decides the others. An error is the last that is yielded: what is
// behind it is not answered. It is asked once, whatever the client's [Retry]; what
// it takes may exceed the client's timeout. A loop that is left early ends it.
func (c *Client) CheckBatch(ctx context.Context, requests [][]byte) iter.Seq2[Checked, error] {
	return func(yield func(Checked, error) bool) {
		ctx, cancel := context.WithTimeout(ctx, batchTimeout)
		defer cancel()
		if err := c.checkBatch(ctx, requests, func(a Checked) bool { return yield(a, nil) }); err != nil {
			yield(Checked{}, err)
		}
	}
}

func (c *Client) checkBatch(ctx context.Context, requests [][]byte, yield func(Checked) bool) error {
	var lines bytes.Buffer
	for i, r := range requests {
		line := jsontext.Value(bytes.Clone(r))
		if err := line.Compact(); err != nil {
			return fmt.Errorf("check a batch: request %d: %w", i+1, err)
		}
		lines.Write(append(line, '\n'))
	}
	patient := *c.http
	patient.Timeout = max(patient.Timeout, batchTimeout)
	req, err := c.request(ctx, http.MethodPost, "/v1/check/batch", linesType, lines.Bytes())
	if err != nil {
		return err
	}
	resp, err := c.begin(&patient, req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answers := bufio.NewScanner(resp.Body)
	answers.Buffer(nil, maxDecision)
	next := func() ([]byte, error) {
		if answers.Scan() {
			return answers.Bytes(), nil
		}
		switch err := answers.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			return nil, fmt.Errorf("read the register's answer: %w", errTooLong)
		case err != nil:
			return nil, c.unreached(ctx, err)
		default:
			return nil, io.ErrUnexpectedEOF
		}
	}
	// The first line says where the log was.
	if _, err := next(); err != nil {
		return fmt.Errorf("check a batch: %w", err)
	}
	for i := range requests {
		line, err := next()
		if err != nil {
			return fmt.Errorf("check a batch: %d of %d requests were answered: %w", i, len(requests), err)
		}
		a, err := readChecked(line, i+1)
		if err != nil {
			return fmt.Errorf("check a batch: request %d: %w", i+1, err)
		}
		if !yield(a) {
			return nil
		}
	}
	// To the end, so that the batch is over for the register, too, which counts how
	// many a client has at once. All answers are there, however it ends.
	if answers.Scan() {
		return fmt.Errorf("check a batch: there are more than the %d answers that were asked for", len(requests))
	}
	return nil
}

// readChecked reads the answer to the n-th request.
func readChecked(line []byte, n int) (a Checked, err error) {
	var one struct {
		Line     int            `json:"line"`
		Decision jsontext.Value `json:"decision"`
		Problem  *Problem       `json:"problem"`
	}
	if err := json.Unmarshal(line, &one); err != nil {
		return a, fmt.Errorf("read the answer: %w", err)
	}
	// An answer to another request would be taken for this one's.
	if one.Line != n {
		return a, fmt.Errorf("read the answer: it is to line %d", one.Line)
	}
	if (one.Decision == nil) == (one.Problem == nil) {
		return a, errors.New("read the answer: want a decision or a problem")
	}
	a.Problem = one.Problem
	if one.Decision != nil {
		a.Decision, err = readDecision(one.Decision)
	}
	return a, err
}
