package httpapi

import (
	"net/http"

	"github.com/safeconduct/safeconduct/verify"
)

// healthz serves GET /healthz.
func (h *handler) healthz(*http.Request, []byte) (answer, error) {
	if err := h.healthy(); err != nil {
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

// readyz serves GET /readyz.
func (h *handler) readyz(*http.Request, []byte) (answer, error) {
	if err := h.healthy(); err != nil {
		return answer{}, err
	}
	if err := shown(h.options.Ready); err != nil {
		return answer{}, err
	}
	return jsonAnswer(struct {
		Status string `json:"status"`
	}{"ready"})
}

// healthy is why something may not be relied on, nil where it may.
func (h *handler) healthy() error {
	if err := shown(h.options.Healthy); err != nil {
		return err
	}
	return h.reg.Healthy()
}

// shown is what a question of the options is answered with, as the problem that
// says it.
func shown(ask func() error) error {
	if ask == nil {
		return nil
	}
	err := ask()
	if err == nil {
		return nil
	}
	// What the register's own errors wrap is for the log only.
	if p := problemOf(err); p.kind.status == http.StatusServiceUnavailable {
		return p
	}
	return &problem{kind: unavailable, detail: err.Error()}
}
