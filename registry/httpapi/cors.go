package httpapi

import (
	"net/http"
	"strings"
)

// What pages of other origins may ask, and read of the answer. They may only
// ask: nothing is logged from a page that its reader did not mean to send, and
// no credentials go with it.
const (
	corsHeaders = "Content-Type, If-None-Match, X-Request-Id, Traceparent, Tracestate"
	corsExposed = "ETag, Retry-After, X-Request-Id"
	// corsMaxAge is a day; browsers keep it for as long as they like.
	corsMaxAge = "86400"
)

// allowOrigins says that a page of any origin may read the answer.
func allowOrigins(head http.Header) {
	head.Set("Access-Control-Allow-Origin", "*")
	head.Set("Access-Control-Expose-Headers", corsExposed)
}

// isPreflight reports whether a browser asks whether it may ask.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// preflight answers it.
func preflight(allowed []string) answer {
	return answer{status: http.StatusNoContent, more: map[string]string{
		"Access-Control-Allow-Methods": strings.Join(allowed, ", "),
		"Access-Control-Allow-Headers": corsHeaders,
		"Access-Control-Max-Age":       corsMaxAge,
	}}
}
