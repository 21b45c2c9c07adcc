package httpapi

import (
	"net/http"

	"github.com/safeconduct/safeconduct/verify"
)

// healthz serves GET /healthz.
func (h *handler) healthz(*http.Request, []byte) (answer, error) {
	if err := h.reg.Healthy(); err != nil {
		return answer{}, err
	}
	published, err := verify.ParseCheckpoint(h.reg.Checkpoint())
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(struct {
		Status    string `json:"status"`
		Origin    string `json:"origin"`
		Size      int64  `json:"size"`
		Published int64  `json:"published"`
	}{"ok", h.reg.Origin(), h.reg.Size(), published.Tree.N})
}
