package web

import (
	"archive/zip"
	"bytes"
	"fmt"
	"time"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
)

// give decides, and gives one of the files.
func (p *Pages) give(x *exchange, pg *page, q *question, what string) (*page, error) {
	_, sign := p.reg.DecisionKey()
	if what == giveEvidence || what == giveRequest {
		sign = false
	}
	if what == giveReceipt {
		sign = true // and says why not where it cannot
	}
	s, err := p.decide(x, q, sign)
	if err != nil {
		return nil, err
	}
	switch what {
	case giveEvidence:
		pg.file = &file{name: "evidence.json", contentType: verify.MediaType, body: s.Evidence}
	case giveRequest:
		pg.file = &file{name: "request.json", contentType: "application/json", body: q.document}
	case giveReceipt:
		pg.file = &file{name: "receipt.jws", contentType: "application/jose", body: s.Receipt}
	default:
		body, err := archive(q, s, p.now())
		if err != nil {
			return nil, err
		}
		pg.file = &file{name: "check.zip", contentType: "application/zip", body: body}
	}
	return pg, nil
}

// decide has the question decided, without an explanation, and signed where sign says
// so.
func (p *Pages) decide(x *exchange, q *question, sign bool) (*registry.Signed, error) {
	at := q.req.Times(p.now())
	if sign {
		return p.reg.DecideSigned(x.Context(), q.req, at, false, q.disclosed...)
	}
	d, evidence, err := p.reg.Explain(x.Context(), q.req, at, q.disclosed...)
	if err != nil {
		return nil, err
	}
	d.Explanation = nil
	return &registry.Signed{Decision: d, Evidence: evidence}, nil
}

// archive has all files of one decision, which verify each other: a decision and its
// evidence that were asked for one after the other need not.
func archive(q *question, s *registry.Signed, now time.Time) ([]byte, error) {
	decision, err := s.Decision.Marshal()
	if err != nil {
		return nil, err
	}
	var disclosed []byte
	for _, d := range q.disclosed {
		disclosed = append(disclosed, d.String()+"\n"...)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range []struct {
		name string
		body []byte
	}{
		{name: "request.json", body: q.document}, {name: "evidence.json", body: s.Evidence}, {name: "decision.json", body: decision},
		{name: "receipt.jws", body: s.Receipt}, {name: "disclosures", body: disclosed},
	} {
		if len(f.body) == 0 {
			continue
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: now.UTC()})
		if err == nil {
			_, err = w.Write(f.body)
		}
		if err != nil {
			return nil, fmt.Errorf("put %s into the archive: %w", f.name, err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("end the archive: %w", err)
	}
	return b.Bytes(), nil
}
