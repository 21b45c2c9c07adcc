package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/safeconduct/safeconduct/registry/badgerlog"
	"github.com/safeconduct/safeconduct/registry/httpapi"
)

// How long requests may still take when the service ends: for a moment as they
// are, and after that told that it is over.
const (
	moment = 2 * time.Second
	grace  = 10 * time.Second
)

// serveUntilDone serves until ctx is done, then lets requests end. When it
// returns, no handler runs any more.
func serveUntilDone(ctx context.Context, s *service, addr string, started func(url string)) error {
	badgerlog.LimitMemory()
	f := s.front
	if f == nil {
		f = new(fronted)
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	watched, err := f.watch(s.monitor)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	defer watched.Close()
	// Who waits for the quorum would else hold the end up.
	requests, endRequests := context.WithCancel(context.WithoutCancel(ctx))
	defer endRequests()
	ctx, cancel := context.WithCancel(ctx)
	h := &ending{handler: s.handler}
	srv := httpapi.NewServer(h, f.logger)
	srv.BaseContext = func(net.Listener) context.Context { return requests }
	failed := make(chan error, 1+len(s.meanwhile))
	scheme := "http://"
	if f.tls != nil {
		scheme, srv.TLSConfig = "https://", f.tls
	}
	go func() {
		if f.tls != nil {
			failed <- srv.ServeTLS(ln, "", "")
			return
		}
		failed <- srv.Serve(ln)
	}()
	var meanwhile sync.WaitGroup
	for _, do := range s.meanwhile {
		meanwhile.Go(func() {
			if err := do(ctx); err != nil && ctx.Err() == nil {
				failed <- err
			}
		})
	}
	started(scheme + ln.Addr().String())
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = f.drained(failed)
	}
	cancel()
	meanwhile.Wait()
	defer time.AfterFunc(moment, endRequests).Stop()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	// Who reads an answer too slowly is cut off, which is no failure.
	stopped := srv.Shutdown(end)
	if errors.Is(stopped, context.DeadlineExceeded) {
		stopped = srv.Close()
	}
	h.wait()
	return errors.Join(err, stopped)
}

// An ending handler can be waited for: what it reads is closed after it.
type ending struct {
	handler http.Handler
	// running is held for reading by each request.
	running sync.RWMutex
}

func (e *ending) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !e.running.TryRLock() {
		httpapi.Unavailable(w, "the service has ended")
		return
	}
	defer e.running.RUnlock()
	e.handler.ServeHTTP(w, r)
}

// wait returns when no request runs any more; none begins after it.
func (e *ending) wait() { e.running.Lock() }

// listenHint says what to do where nothing could be listened to.
func listenHint(err error) string {
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "listen" {
		return "--listen takes HOST:PORT where nothing else listens; port 0 is any that is free"
	}
	return ""
}
