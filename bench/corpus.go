package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// A corpus is a file of signed statements, each about a subject of its own:
// registrations and approvals of as many entities, in turns, by an authority of
// one officer, the payload about a KiB. Each stands behind its length, a u32be.
// The same size is always the same file.

// corpus returns the corpus of a size, made where there is none yet.
func (b *bench) corpus(ctx context.Context, size int) (string, error) {
	if at, ok := b.corpora[size]; ok {
		return at, nil
	}
	saying("sign %s statements", thousands(float64(size)))
	at := filepath.Join(b.dir, fmt.Sprintf("corpus-%d", size))
	if _, err := isolated[bool](ctx, "corpus", corpusInput{at, size}); err != nil {
		return "", err
	}
	b.corpora[size] = at
	return at, nil
}

type corpusInput struct {
	Path string
	Size int
}

// corpusStage signs the statements on all cores, a portion at a time, and
// writes them in order.
func corpusStage(_ context.Context, in corpusInput) (ok bool, err error) {
	f, err := os.Create(in.Path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	cores := runtime.GOMAXPROCS(0)
	portion := make([][]byte, 4096)
	errs := make([]error, cores)
	for from := 0; from < in.Size; from += len(portion) {
		n := min(len(portion), in.Size-from)
		var wg sync.WaitGroup
		for core := range cores {
			wg.Go(func() {
				for i := core; i < n && errs[core] == nil; i += cores {
					portion[i], errs[core] = statementNumber(from + i)
				}
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			return false, err
		}
		for _, st := range portion[:n] {
			if _, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(st))), st...)); err != nil {
				return false, err
			}
		}
	}
	return true, w.Flush()
}

// statementNumber signs the n-th statement: the registration of an entity, or
// the approval of the one registered before.
func statementNumber(n int) ([]byte, error) {
	entity := entityNumber(n / 2)
	var c attest.Claims
	if n%2 == 0 {
		r := registrytest.Registration(fmt.Sprintf("REG-%07d", n/2), registrytest.IN, entity, "IN")
		r.LegalName = fmt.Sprintf("Entity %d Precision Instruments Private Limited", n/2)
		r.Sites = sites
		r.LegalBasis = "Foreign Trade (Development and Regulation) Act, 1992, section 8 (fictional entity)"
		r.Publication = publication
		c = r
	} else {
		a := registrytest.Approval(fmt.Sprintf("TEA-%07d", n/2), registrytest.IN, entity, "IN")
		a.LegalName = fmt.Sprintf("Entity %d Precision Instruments Private Limited", n/2)
		a.ApprovedSites = sites
		a.Publication = publication
		a.EligibleItems = []attest.Item{
			{List: "IN_SCOMET", Entry: "8A501.b.1"}, {List: "IN_SCOMET", Entry: "8A601.a.1"},
			{List: "US_CCL", Entry: "5A001.b.1"}, {List: "US_CCL", Entry: "6A001.a.1", Sites: []string{"VTZ-1"}},
		}
		c = a
	}
	return signed(c)
}

// sites and publication are of all entities, for their size.
var (
	sites = []attest.Site{
		{ID: "BLR-1", Address: "42 Outer Ring Road, Bellandur, Bengaluru 560037", Country: "IN"},
		{ID: "VTZ-1", Address: "Plot 14, Ocean Tech Park, Visakhapatnam 530016", Country: "IN"},
	}
	publication = &attest.Publication{Citation: "Public Notice 27/2026 (fictional), paragraph 10.14"}
)

// signed signs claims as of the start of the bench's clock.
func signed(c attest.Claims) ([]byte, error) {
	h := c.Head()
	h.Aud, h.IAT = registrytest.Origin, attest.NumericDate(registrytest.Start.Unix())
	return registrytest.Sign(c)
}

// entityNumber returns a well-formed LEI under the prefix of those that stand
// for nobody.
func entityNumber(n int) string {
	body := fmt.Sprintf("999900BENCH%07d", n)
	// ISO 7064 MOD 97-10, letters as 10 to 35.
	rest := 0
	for _, c := range body + "00" {
		if c >= 'A' {
			rest = (rest*100 + int(c-'A') + 10) % 97
		} else {
			rest = (rest*10 + int(c-'0')) % 97
		}
	}
	return fmt.Sprintf("lei:%s%02d", body, 98-rest)
}

// statements yields those of a corpus. It ends after the first error.
func statements(path string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		r := bufio.NewReaderSize(f, 1<<20)
		for {
			var length [4]byte
			if _, err := io.ReadFull(r, length[:]); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				yield(nil, err)
				return
			}
			st := make([]byte, binary.BigEndian.Uint32(length[:]))
			if _, err := io.ReadFull(r, st); err != nil {
				yield(nil, err)
				return
			}
			if !yield(st, nil) {
				return
			}
		}
	}
}

// corpusSignatures returns the signatures of the first statements of a corpus.
func corpusSignatures(path string) ([]signature, error) {
	var sigs []signature
	for st, err := range statements(path) {
		if err != nil {
			return nil, err
		}
		s, err := statementSignatures(st)
		if err != nil {
			return nil, err
		}
		if sigs = append(sigs, s...); len(sigs) >= 512 {
			break
		}
	}
	return sigs, nil
}

// statementSignatures takes a statement apart into what the standard library
// verifies.
func statementSignatures(statement []byte) ([]signature, error) {
	enc := base64.RawURLEncoding
	var sigs []signature
	for line := range bytes.SplitSeq(statement, []byte("\n")) {
		header, _, _ := bytes.Cut(line, []byte("."))
		dot := bytes.LastIndexByte(line, '.')
		head, err := enc.DecodeString(string(header))
		if err != nil || dot < 0 {
			return nil, errors.New("take a statement apart: it is none")
		}
		var h struct{ Kid string }
		if err := json.Unmarshal(head, &h); err != nil {
			return nil, err
		}
		key, ok := keys()[h.Kid]
		if !ok {
			return nil, fmt.Errorf("take a statement apart: no officer has the key %s", h.Kid)
		}
		sig, err := enc.DecodeString(string(line[dot+1:]))
		if err != nil {
			return nil, err
		}
		sigs = append(sigs, signature{key, line[:dot], sig})
	}
	return sigs, nil
}

// keys are those of all officers of the register, by their kid.
var keys = sync.OnceValue(func() map[string]ed25519.PublicKey {
	out := make(map[string]ed25519.PublicKey)
	for _, iss := range []string{"root", registrytest.US, registrytest.IN} {
		for _, s := range registrytest.Signers(iss) {
			out[s.Key().ID()] = s.Key().Public().(ed25519.PublicKey)
		}
	}
	return out
})

// A clock runs from a moment after the start of the corpus, so that statements
// signed once are always new.
func clock(after time.Duration) func() time.Time {
	begun := time.Now()
	return func() time.Time { return registrytest.Start.Add(after + time.Since(begun)) }
}
