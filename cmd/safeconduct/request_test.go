package main

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/internal/yamldoc"
	"github.com/safeconduct/safeconduct/policy"
)

// Whoever fills in the template begins with something that is read, and may take
// up every remark that shows a member.
func TestTheTemplateOfARequestIsOne(t *testing.T) {
	if _, err := yamldoc.Read("request.yaml", []byte(requestTemplate), policy.ParseRequest); err != nil {
		t.Error(err)
	}
	shown := regexp.MustCompile(`(?m)^# (([a-z_]+:|  [a-z]+: [A-Z\[]|  - \{).*)$`)
	all := shown.ReplaceAllStringFunc(requestTemplate, func(l string) string {
		if strings.HasPrefix(l, "#   authority") || strings.HasPrefix(l, "#   programme") {
			return l
		}
		return strings.TrimPrefix(l, "# ")
	})
	r, err := yamldoc.Read("request.yaml", []byte(all), policy.ParseRequest)
	if err != nil {
		t.Fatalf("%v\n%s", err, all)
	}
	if len(r.Ledger) != 1 || len(r.Attests) != 1 || r.TransfereePresented == nil || r.RequestedBy == "" || r.KnownAt.IsZero() {
		t.Errorf("not all was taken up: %+v", r)
	}
}

func TestWhoeverAsksInPlainTextWhatIsEncryptedIsToldSo(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	file := filepath.Join(t.TempDir(), "a.jws")
	if err := os.WriteFile(file, []byte("eyJ"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	run(t.Context(), []string{"submit", file, "--registry", "http" + strings.TrimPrefix(s.URL, "https")}, &out, &errs)
	has(t, errs.String(), "hint: what is there may want https: try --registry https://")
}

func TestWhoInterruptsIsToldNoMoreThanThat(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "a.key")
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"keygen", "--out", key}, &out, &errs); code != 0 {
		t.Fatal(errs.String())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	errs.Reset()
	code := run(ctx, []string{"sign", "../../examples/veu-2015/ge-india.yaml", "--aud", "example.org/register", "--key", key, "--out", filepath.Join(dir, "a.jws")}, &out, &errs)
	if code != exitFailed || errs.String() != "safeconduct: error: sign: interrupted\n" {
		t.Errorf("status %d: %s", code, errs.String())
	}
}
