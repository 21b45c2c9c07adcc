package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/safeconduct/safeconduct/attest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"safeconduct": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, params("testdata"))
}

// params runs scripts beside the examples and what a company filed, with $ADDR, $ADDR2 and
// $ADDR3 free to listen at, and $LATER in an hour.
func params(dir string) testscript.Params {
	return testscript.Params{
		Dir: dir,
		Setup: func(e *testscript.Env) error {
			wd, err := os.Getwd()
			if err != nil {
				return err
			}
			for _, name := range []string{"ADDR", "ADDR2", "ADDR3"} {
				addr, err := freeAddr()
				if err != nil {
					return err
				}
				e.Setenv(name, addr)
			}
			e.Setenv("LATER", time.Now().UTC().Add(time.Hour).Format(time.RFC3339))
			return errors.Join(
				os.Symlink(filepath.Join(wd, "../../examples"), filepath.Join(e.WorkDir, "examples")),
				os.Symlink(filepath.Join(wd, "../../receipt/testdata/filed"), filepath.Join(e.WorkDir, "filed")),
			)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"waitfor": waitFor, "waitsick": waitSick, "eventually": eventually, "flip": flip, "rot": rot, "status": exitStatus,
			"postdate": postdate, "thumbprint": thumbprint, "issue": issue, "get": get, "edit": edit,
		},
	}
}

func freeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

// waitFor ADDR waits until a register answers there.
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	for range 200 {
		resp, err := http.Get("http://" + args[0] + "/healthz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(25 * time.Millisecond)
	}
	ts.Fatalf("no register answers at %s", args[0])
}

// waitSick ADDR[/PATH] TEXT waits until what answers there, by default at /healthz,
// says that it is not well, and why.
func waitSick(ts *testscript.TestScript, _ bool, args []string) {
	at := args[0]
	if !strings.Contains(at, "/") {
		at += "/healthz"
	}
	for range 200 {
		resp, err := http.Get("http://" + at)
		if err == nil {
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err == nil && resp.StatusCode == http.StatusServiceUnavailable && strings.Contains(string(body), args[1]) {
				return
			}
		}
		time.Sleep(25 * time.Millisecond)
	}
	ts.Fatalf("nothing at %s says %q", args[0], args[1])
}

// issue NAME writes NAME-ca.pem, NAME.pem and NAME-key.pem: an issuer's
// certificate, one that it has signed for 127.0.0.1, and that one's key.
func issue(ts *testscript.TestScript, _ bool, args []string) {
	i, err := newIssuer(args[0])
	ts.Check(err)
	ts.Check(i.write(ts.MkAbs(args[0]+"-ca.pem"), ts.MkAbs(args[0]+".pem"), ts.MkAbs(args[0]+"-key.pem")))
}

// get STATUS URL FILE fetches what must be answered with the status.
func get(ts *testscript.TestScript, _ bool, args []string) {
	resp, err := http.Get(args[1])
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if strconv.Itoa(resp.StatusCode) != args[0] {
		ts.Fatalf("%s is answered with %d: %s", args[1], resp.StatusCode, body)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), body, 0o644))
}

// eventually COMMAND… runs a command until it succeeds.
func eventually(ts *testscript.TestScript, _ bool, args []string) {
	var err error
	for range 100 {
		if err = ts.Exec(args[0], args[1:]...); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("%s goes on failing: %v", strings.Join(args, " "), err)
}

// thumbprint FILE NAME sets NAME to the id of the public key in FILE.
func thumbprint(ts *testscript.TestScript, _ bool, args []string) {
	k, err := attest.ParseKey([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	ts.Setenv(args[1], k.ID())
}

// postdate ADDR ADDR2 serves at the second address what the register at the
// first does, with every batch of the log an hour later.
func postdate(ts *testscript.TestScript, _ bool, args []string) {
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: args[0]})
		r.Out.Header.Del("Accept-Encoding") // it is read here
	}}
	batch := regexp.MustCompile(`(safeconduct/status/v1\n\d+\n)(\d{13})\n`)
	proxy.ModifyResponse = func(r *http.Response) error {
		if !strings.HasPrefix(r.Request.URL.Path, "/tile/entries/") {
			return nil
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		body = batch.ReplaceAllFunc(body, func(m []byte) []byte {
			at, _ := strconv.ParseInt(string(m[len(m)-14:len(m)-1]), 10, 64)
			return fmt.Appendf(m[:len(m)-14], "%d\n", at+time.Hour.Milliseconds())
		})
		r.Body = io.NopCloser(bytes.NewReader(body))
		return nil
	}
	ln, err := net.Listen("tcp", args[1])
	ts.Check(err)
	srv := &http.Server{Handler: proxy, ReadHeaderTimeout: time.Minute}
	go srv.Serve(ln) // it ends with the script
	ts.Defer(func() { srv.Close() })
}

// flip FILE TEXT changes the character after the first TEXT in FILE.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	file := ts.MkAbs(args[0])
	b := []byte(ts.ReadFile(args[0]))
	i := strings.Index(string(b), args[1]) + len(args[1])
	if b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	ts.Check(os.WriteFile(file, b, 0o644))
}

// edit FILE REGEXP TEXT puts TEXT, in which \n is a line end, in the place of what
// matches in FILE.
func edit(ts *testscript.TestScript, _ bool, args []string) {
	pattern, old := regexp.MustCompile(args[1]), ts.ReadFile(args[0])
	text := pattern.ReplaceAllString(old, strings.ReplaceAll(args[2], `\n`, "\n"))
	if text == old {
		ts.Fatalf("nothing in %s matches %s", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644))
}

// rot DIR PREFIX changes a bit of the first value that a store in DIR has under
// a key with that prefix.
func rot(ts *testscript.TestScript, _ bool, args []string) {
	db, err := badger.Open(badger.DefaultOptions(ts.MkAbs(args[0])).WithLogger(nil))
	ts.Check(err)
	err = db.Update(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.DefaultIteratorOptions)
		defer it.Close()
		it.Seek([]byte(args[1]))
		if !it.ValidForPrefix([]byte(args[1])) {
			return fmt.Errorf("nothing is stored under %s", args[1])
		}
		value, err := it.Item().ValueCopy(nil)
		if err != nil {
			return err
		}
		value[len(value)-1] ^= 1
		return txn.Set(it.Item().KeyCopy(nil), value)
	})
	ts.Check(errors.Join(err, db.Close()))
}

// exitStatus N COMMAND… runs a command that must end with the status N.
func exitStatus(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("%s ended with status %s, want %s", strings.Join(args[1:], " "), got, args[0])
	}
}

var console = regexp.MustCompile("(?s)```console\n(.*?)```")

// statuses are what a comment behind a README line says of its exit status.
var statuses = map[string]string{"DENY": "1", "REFER": "3"}

// TestREADMEJourney runs the README's console lines, one after another.
func TestREADMEJourney(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	lines := 0
	for _, block := range console.FindAllStringSubmatch(string(readme), -1) {
		for _, l := range strings.Split(strings.TrimSpace(block[1]), "\n") {
			cmd, ok := strings.CutPrefix(l, "$ ")
			if !ok {
				t.Fatalf("README: the line %q has no prompt", l)
			}
			if strings.HasPrefix(cmd, "make build") {
				continue // the test's own safeconduct is on the PATH
			}
			lines++
			script.WriteString(scriptLine(strings.ReplaceAll(cmd, "127.0.0.1:8080", "$ADDR")))
		}
	}
	if lines < 10 {
		t.Fatalf("found only %d lines to run", lines)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "readme.txtar"), []byte(script.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, params(dir))
}

func scriptLine(cmd string) string {
	if bg, _, ok := strings.Cut(cmd, " & echo $! > "); ok {
		return fmt.Sprintf("exec %s &\nwaitfor $ADDR\n", bg)
	}
	if c, comment, ok := strings.Cut(cmd, "   # "); ok {
		return fmt.Sprintf("status %s %s\n", statuses[comment], c)
	}
	if c, file, ok := strings.Cut(cmd, " > "); ok {
		return fmt.Sprintf("exec %s\ncp stdout %s\n", c, file)
	}
	return "exec " + cmd + "\n"
}
