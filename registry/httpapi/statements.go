package httpapi

import (
	"net/http"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// logged is how times of the log are written.
const logged = "2006-01-02T15:04:05.000Z07:00"

// submit serves POST /v1/statements.
func (h *handler) submit(r *http.Request, statement []byte) (answer, error) {
	rc, err := h.reg.Submit(r.Context(), statement)
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(struct {
		Index      int64       `json:"index"`
		Time       string      `json:"time"`
		LeafHash   tlog.Hash   `json:"leaf_hash"`
		Size       int64       `json:"size"`
		Proof      []tlog.Hash `json:"proof"`
		Checkpoint string      `json:"checkpoint"`
	}{rc.Index, writeTime(rc.Time), rc.LeafHash, rc.Size, rc.Proof, string(rc.Checkpoint)})
}

func writeTime(t time.Time) string { return t.UTC().Format(logged) }
