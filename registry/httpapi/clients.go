package httpapi

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ForwardedFor is the header that proxies name a client in, unless
// [Proxies.Header] says another.
const ForwardedFor = "X-Forwarded-For"

// Proxies are those that stand before the handler. The zero value trusts none.
type Proxies struct {
	// Trusted are the networks that the proxies ask from. Nobody else is
	// believed what a header says.
	Trusted []netip.Prefix
	// Header is where they say who asked them: a list of addresses, separated by
	// commas, to which each proxy adds the one that asked it at the end. A header
	// with one address is such a list. "" is [ForwardedFor].
	Header string
}

// maxForwards bounds how many proxies a request may have come through.
const maxForwards = 16

// clients tells clients apart.
type clients struct {
	proxies Proxies
	// secret keeps names in logs from being guessed; it lasts as long as the
	// process.
	secret [32]byte
}

func newClients(p Proxies) *clients {
	if p.Header == "" {
		p.Header = ForwardedFor
	}
	c := &clients{proxies: p}
	_, _ = rand.Read(c.secret[:]) // it never fails
	return c
}

// of returns who asks: behind a trusted proxy, whom that names; else, where a
// client certificate was verified, its SHA-256; else the address, of IPv6 the
// network of 64 bits, which is what one subscriber has.
func (c *clients) of(r *http.Request) string {
	var addr netip.Addr
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		addr = plain(at.Addr())
	}
	if c.trusts(addr) {
		// The proxy's own certificate would make one client of all.
		return network(c.forwarded(addr, r.Header.Values(c.proxies.Header)))
	}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 && len(r.TLS.PeerCertificates) > 0 {
		fingerprint := sha256.Sum256(r.TLS.PeerCertificates[0].Raw)
		return "certificate " + hex.EncodeToString(fingerprint[:])
	}
	return network(addr)
}

func (c *clients) trusts(a netip.Addr) bool {
	return a.IsValid() && slices.ContainsFunc(c.proxies.Trusted, func(p netip.Prefix) bool { return p.Contains(a) })
}

// forwarded is the last address of the list that is not a trusted proxy's: what
// stands before it is whatever the client has sent. Where the list cannot be
// read, the last proxy that could is the client.
func (c *clients) forwarded(proxy netip.Addr, lines []string) netip.Addr {
	left := maxForwards
	for _, line := range slices.Backward(lines) {
		for more := true; more; left-- {
			var last string
			if left == 0 {
				return proxy
			}
			if i := strings.LastIndexByte(line, ','); i >= 0 {
				line, last = line[:i], line[i+1:]
			} else {
				last, more = line, false
			}
			a, ok := address(strings.TrimSpace(last))
			if !ok {
				return proxy
			}
			if proxy = a; !c.trusts(a) {
				return a
			}
		}
	}
	return proxy
}

// address reads an address, with a port or without.
func address(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		return plain(a), true
	}
	at, err := netip.ParseAddrPort(s)
	return plain(at.Addr()), err == nil
}

// plain is an address without what makes two of one.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// network is who has an address.
func network(a netip.Addr) string {
	if !a.IsValid() {
		return "unknown"
	}
	if a.Is6() {
		p, err := a.Prefix(64)
		if err == nil {
			return p.String()
		}
	}
	return a.String()
}

// shown is how logs name a client: the same as long as the process lasts, and
// nothing that leads back to an address or a certificate.
func (c *clients) shown(client string) string {
	m := hmac.New(sha256.New, c.secret[:])
	m.Write([]byte(client))
	return hex.EncodeToString(m.Sum(nil)[:8])
}
