package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestOPAsServerPermitsTheSameScenes(t *testing.T) {
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			h, input, err := opaServer(t.Context(), sceneNamed(s.name))
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/data/safeconduct/permit", bytes.NewReader(input)))
			want := `"result":false`
			if s.permitted {
				want = `"result":true`
			}
			if w.Code != http.StatusOK || !bytes.Contains(w.Body.Bytes(), []byte(want)) {
				t.Errorf("%d: %s, want %s", w.Code, w.Body, want)
			}
		})
	}
}
