// Command dataroom serves the files of a folder to whoever shows that it may have
// technology of one item within a sandbox, and to nobody else:
//
//	dataroom --trust trust.yaml --audience https://dataroom.example.com --sandbox SBX-UCOMMS \
//	  --transferor lei:999900HALCYONAC0174 --list US_CCL --entry 5A001.b.1 --end-use sea_trial drawings
//
// The counterparty gets 401 with audience and nonce, and comes back with what
// `safeconduct prove --header` prints. It is an example: it has no TLS of its own,
// and keeps no record of who had what beyond its log.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation/gate"
	"github.com/safeconduct/safeconduct/verify"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("dataroom: ")
	var (
		trust    = flag.String("trust", "trust.yaml", "trust file")
		audience = flag.String("audience", "", "this service's name, which presentations are bound to")
		sandbox  = flag.String("sandbox", "", "the sandbox that the files belong to")
		listen   = flag.String("listen", "127.0.0.1:8090", "where to listen")
		ask      = policy.Request{Act: "technology_release", Mode: "intangible", PersonNationalities: []string{}, Item: new(policy.Classification)}
	)
	flag.StringVar(&ask.Transferor, "transferor", "", "the id of whoever releases the files")
	flag.StringVar(&ask.DestinationSite, "site", "", "the site that they are released to")
	flag.StringVar(&ask.Item.List, "list", "", "the list that the files are classified on")
	flag.StringVar(&ask.Item.Entry, "entry", "", "their entry on it")
	flag.StringVar(&ask.EndUse, "end-use", "", "what they are released for")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("name the one folder to serve")
	}
	h, err := room(*trust, *audience, *sandbox, ask, flag.Arg(0), time.Now)
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("http://%s serves %s within %s", *listen, flag.Arg(0), *sandbox)
	srv := &http.Server{Addr: *listen, Handler: h, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(srv.ListenAndServe())
}

// room serves a folder behind a gate.
func room(trustFile, audience, sandbox string, ask policy.Request, folder string, now func() time.Time) (http.Handler, error) {
	trust, err := readTrust(trustFile)
	if err != nil {
		return nil, err
	}
	files, err := os.OpenRoot(folder) // no link leads out of it
	if err != nil {
		return nil, err
	}
	g, err := gate.New(gate.Config{Trust: trust, Audience: audience, Request: gate.Within(sandbox, ask), Now: now})
	if err != nil {
		return nil, err
	}
	serve := http.FileServerFS(files.FS())
	return g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a, ok := gate.From(r.Context()); ok {
			log.Printf("%s has %s, on what was known at %s", a.Holder, r.URL.Path, a.Decision.KnownAt.Time().Format(time.RFC3339))
		}
		serve.ServeHTTP(w, r)
	})), nil
}

func readTrust(name string) (*verify.Trust, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var doc map[string]any
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if data, err = json.Marshal(doc); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return verify.ParseTrust(data)
}
