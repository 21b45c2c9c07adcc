package httpapi

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gorilla/mux"
	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/internal/vkey"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/tlogtiles"
	"github.com/safeconduct/safeconduct/verify"
)

// How long answers may be kept. C2SP tlog-tiles asks for a short lifetime of
// the checkpoint and a long one of tiles. A checkpoint of a size gains
// cosignatures.
const (
	moment  = "public, max-age=5"
	minutes = "public, max-age=300"
	forGood = "public, max-age=31536000, immutable"
)

const plainText = "text/plain; charset=utf-8"

// checkpoint serves GET /checkpoint.
func (h *handler) checkpoint(*http.Request, []byte) (answer, error) {
	c := h.reg.Checkpoint()
	if len(c) == 0 {
		// It says who is waited for.
		return answer{}, cmp.Or(h.reg.Healthy(), registry.ErrNoRoot)
	}
	return answer{contentType: plainText, cache: moment, body: c}, nil
}

// checkpointAt serves GET /checkpoint/{size}.
func (h *handler) checkpointAt(r *http.Request, _ []byte) (answer, error) {
	given := mux.Vars(r)["size"]
	size, err := verify.ParseSize(given)
	if err != nil || strings.Contains(r.URL.EscapedPath(), "%") {
		return answer{}, &problem{kind: notFound, detail: fmt.Sprintf("%q is not the size of a log; want a decimal number within 2^53-1", given)}
	}
	c, err := h.reg.CheckpointAt(size)
	if errors.Is(err, registry.ErrNotFound) {
		return answer{}, &problem{kind: notFound, detail: fmt.Sprintf("a checkpoint of size %d is not in the log", size)}
	}
	if err != nil {
		return answer{}, err
	}
	return answer{contentType: plainText, cache: moment, body: c}, nil
}

// tile serves GET /tile/….
func (h *handler) tile(r *http.Request, _ []byte) (answer, error) {
	path := "tile/" + mux.Vars(r)["tile"]
	// A slash that was sent as %2F is no separator.
	if strings.Contains(r.URL.EscapedPath(), "%") {
		return answer{}, &problem{kind: notFound, detail: "a tile's path has no percent sign"}
	}
	t, err := tlogtiles.ParsePath(path)
	if err != nil {
		return answer{}, &problem{kind: notFound, detail: err.Error()}
	}
	data, err := tlogtiles.Read(h.reg, h.reg.Size(), t)
	if errors.Is(err, tlogtiles.ErrNotFound) {
		return answer{}, &problem{kind: notFound, detail: fmt.Sprintf("the log has not grown to %s", path)}
	}
	if err != nil {
		// A leaf that is missing below the size is a fault and no answer.
		return answer{}, errors.New("serve a tile: " + err.Error())
	}
	a := answer{contentType: tlogtiles.ContentType, cache: forGood, body: data}
	if t.L != tlogtiles.Entries {
		a.more = neverPacked
	}
	return a, nil
}

// logVKey serves GET /log.vkey.
func (h *handler) logVKey(*http.Request, []byte) (answer, error) {
	root, signed := h.reg.Root(), h.reg.Checkpoint()
	if root == nil || len(signed) == 0 {
		return answer{}, registry.ErrNoRoot
	}
	for _, text := range root.Root().LogKeys {
		k, err := vkey.ParseLog(text)
		if err != nil {
			return answer{}, fmt.Errorf("read the trust root: a log key %w", err)
		}
		if _, err := note.Open(signed, note.VerifierList(k.Verifier)); err == nil {
			return answer{contentType: plainText, cache: minutes, body: []byte(text + "\n")}, nil
		}
	}
	return answer{}, errors.New("no log key of the trust root in force has signed the published checkpoint")
}
