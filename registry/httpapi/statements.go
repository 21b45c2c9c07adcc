package httpapi

import (
	"net/http"
	"time"

	"github.com/safeconduct/safeconduct/registry/client"
)

// logged is how times of the log are written.
const logged = "2006-01-02T15:04:05.000Z07:00"

// submit serves POST /v1/statements.
func (h *handler) submit(r *http.Request, statement []byte) (answer, error) {
	rc, err := h.reg.Submit(r.Context(), statement)
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(client.Receipt{
		Index: rc.Index, Time: writeTime(rc.Time), LeafHash: rc.LeafHash,
		Size: rc.Size, Proof: rc.Proof, Checkpoint: string(rc.Checkpoint),
	})
}

func writeTime(t time.Time) string { return t.UTC().Format(logged) }
