//go:build js && wasm

// Command wasm is package verifier for a worker of a browser: it sets the function
// safeconductVerify, and waits. The worker has no network.
package main

import (
	"fmt"
	"syscall/js"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/safeconduct/safeconduct/registry/web/verifier"
)

func main() {
	js.Global().Set("safeconductVerify", js.FuncOf(func(_ js.Value, args []js.Value) any { return answer(args) }))
	select {}
}

// answer takes a question, an object with the members file, trust, request, answer
// (each a Uint8Array or undefined), lists (an array of objects with name, a string, and data,
// a Uint8Array), disclosures, audience, nonce (strings) and max_age (seconds), and returns a
// report as JSON.
func answer(args []js.Value) (report string) {
	// A question that breaks the verifier is not verified; the worker goes on.
	defer func() {
		if p := recover(); p != nil {
			report = encode(&verifier.Report{Mistake: &verifier.Mistake{Text: fmt.Sprintf("the verifier failed: %v", p)}})
		}
	}()
	q := args[0]
	text := func(name string) string {
		if v := q.Get(name); v.Type() == js.TypeString {
			return v.String()
		}
		return ""
	}
	v := verifier.Question{
		File: bytesOf(q.Get("file"), verifier.MaxFile), Trust: bytesOf(q.Get("trust"), verifier.MaxDocument),
		Request: bytesOf(q.Get("request"), verifier.MaxDocument), Answer: bytesOf(q.Get("answer"), verifier.MaxFile),
		Disclosures: text("disclosures"), Audience: text("audience"), Nonce: text("nonce"), Now: time.Now(),
	}
	if lists := q.Get("lists"); lists.Truthy() {
		// One more than are read is refused for that.
		for i := range min(lists.Length(), verifier.MaxLists+1) {
			l := lists.Index(i)
			v.Lists = append(v.Lists, verifier.List{Name: l.Get("name").String(), Data: bytesOf(l.Get("data"), verifier.MaxList)})
		}
	}
	if age := q.Get("max_age"); age.Type() == js.TypeNumber {
		v.MaxAge = time.Duration(age.Float() * float64(time.Second))
	}
	return encode(verifier.Verify(v))
}

// bytesOf copies what is in an array, of one that is too large as much as is needed
// to be refused.
func bytesOf(v js.Value, bound int) []byte {
	if !v.Truthy() {
		return nil
	}
	b := make([]byte, min(v.Length(), bound+1))
	js.CopyBytesToGo(b, v)
	return b
}

func encode(r *verifier.Report) string {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // a report is made to be written
	}
	return string(b)
}
