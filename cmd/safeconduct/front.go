package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/registry/httpapi"
)

// A front is how a register or a mirror is served to others: where, under which
// certificate, and how much each client may ask.
type front struct {
	listen, monitor string
	rate            float64
	burst           int
	proxies         []string
	header          string
	certificates    certificates
	drain           time.Duration

	ending atomic.Bool
}

const frontHelp = "With a certificate it is served over TLS, and --client-ca asks clients for one of theirs.\n" +
	"--rate bounds what each client asks: an address (of IPv6 its network of 64 bits), whom a\n" +
	"trusted proxy names, or the certificate; go doc ./registry/httpapi Limits has what costs\n" +
	"how much. /metrics (Prometheus) and /readyz are served beside the API, or with\n" +
	"--metrics-listen at another address alone."

// flags says what the command takes.
func (f *front) flags(c *cobra.Command, listen string) {
	c.Flags().StringVar(&f.listen, "listen", listen, "address to listen at")
	c.Flags().StringVar(&f.monitor, "metrics-listen", "", "address to serve /metrics and /readyz at, without TLS, in place of --listen")
	c.Flags().Float64Var(&f.rate, "rate", 0, "tokens that each client gets in a second (0: no limit)")
	c.Flags().IntVar(&f.burst, "burst", 0, "tokens that a client may have saved up (0: those of ten seconds)")
	c.Flags().StringArrayVar(&f.proxies, "trusted-proxy", nil, "network of proxies, such as 10.0.0.0/8, that are believed whom they ask for")
	c.Flags().StringVar(&f.header, "client-header", httpapi.ForwardedFor, "header that trusted proxies name the client in")
	c.Flags().DurationVar(&f.drain, "drain", 0, "how long to go on answering after being told to end, while /readyz says no")
	f.certificates.flags(c)
}

// options are the API's.
func (f *front) options(c *cobra.Command, logger *slog.Logger) (httpapi.Options, error) {
	o := httpapi.Options{
		Logger: logger, Metrics: httpapi.NewMetrics(), Apart: f.monitor != "",
		Limits:  httpapi.Limits{Rate: f.rate, Burst: f.burst},
		Proxies: httpapi.Proxies{Header: f.header},
		Ready:   f.ready,
	}
	if f.rate < 0 || f.burst < 0 || f.drain < 0 {
		return o, usage(c, fmt.Errorf("%s: --rate, --burst and --drain are not below zero", c.Name()))
	}
	if f.burst > 0 && f.rate == 0 {
		return o, usage(c, fmt.Errorf("%s: --burst goes with --rate", c.Name()))
	}
	for _, text := range f.proxies {
		network, err := readNetwork(text)
		if err != nil {
			return o, usage(c, fmt.Errorf("%s: --trusted-proxy %q: want an address or a network such as 10.0.0.0/8", c.Name(), text))
		}
		o.Proxies.Trusted = append(o.Proxies.Trusted, network)
	}
	if c.Flags().Changed("client-header") && len(f.proxies) == 0 {
		return o, usage(c, fmt.Errorf("%s: --client-header goes with --trusted-proxy: anybody can send a header", c.Name()))
	}
	if err := f.certificates.check(); err != nil {
		return o, usage(c, fmt.Errorf("%s: %w", c.Name(), err))
	}
	if err := f.certificates.read(); err != nil {
		return o, failed("--tls-cert and --tls-key are PEM files: the certificate with those between it and its root, and its key", fmt.Errorf("%s: %w", c.Name(), err))
	}
	return o, nil
}

// readNetwork reads a network, or an address that stands for itself.
func readNetwork(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return a.Prefix(a.BitLen())
	}
	return netip.ParsePrefix(text)
}

func (f *front) ready() error {
	if f.ending.Load() {
		return errors.New("the service is about to end")
	}
	return nil
}

// before puts the front before a service, and sees to it that what may be
// replaced is read again.
func (f *front) before(s *service, logger *slog.Logger, again ...reread) {
	s.front = &fronted{front: f, tls: f.certificates.config(), logger: logger}
	if s.front.tls != nil {
		again = append(again, reread{"the certificates", f.certificates.read})
	}
	if len(again) > 0 {
		s.meanwhile = append(s.meanwhile, rereading(logger, again...))
	}
}

// fronted is a service's front; the zero value is plain.
type fronted struct {
	front  *front
	tls    *tls.Config
	logger *slog.Logger
}

// watch serves what is for the operator alone, where it has an address of its
// own, until it is closed.
func (f *fronted) watch(monitor http.Handler) (io.Closer, error) {
	if f.front == nil || f.front.monitor == "" {
		return io.NopCloser(nil), nil
	}
	ln, err := net.Listen("tcp", f.front.monitor)
	if err != nil {
		return nil, err
	}
	srv := httpapi.NewServer(monitor, f.logger)
	go func() {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			f.logger.Error("metrics are served no more", slog.Any("error", err))
		}
	}()
	return srv, nil
}

// drained goes on for as long as those who send requests here need to see that
// they should not.
func (f *fronted) drained(failed <-chan error) error {
	if f.front == nil {
		return nil
	}
	f.front.ending.Store(true)
	select {
	case err := <-failed:
		return err
	case <-time.After(f.front.drain):
		return nil
	}
}
