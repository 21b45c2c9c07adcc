package main

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/registry/client"
	"github.com/safeconduct/safeconduct/registry/tlogtiles"
)

// registryFlag is the register's address, and how it is reached.
func registryFlag(c *cobra.Command, v *string) {
	c.Flags().StringVar(v, "registry", "", "URL of the register, such as http://127.0.0.1:8080")
	reachFlags(c)
}

// The flags that say by what certificates a register is reached.
const (
	caFlag         = "ca"
	clientCertFlag = "client-cert"
	clientKeyFlag  = "client-key"
)

func reachFlags(c *cobra.Command) {
	c.Flags().String(caFlag, "", "to reach it: who signs the certificate of the other side, PEM (default: whom this system trusts)")
	c.Flags().String(clientCertFlag, "", "to reach it: certificate to show, PEM")
	c.Flags().String(clientKeyFlag, "", "to reach it: private key of that certificate, PEM")
}

// asking is how often a command asks what may pass: twice where nobody is
// there, which is rather a wrong address.
var asking = client.Retry{Attempts: 3, Unreached: 2}

func newClient(c *cobra.Command, url string) (*client.Client, error) {
	if url == "" {
		return nil, usage(c, fmt.Errorf("%s: --registry is missing: say which register", c.Name()))
	}
	by, err := transportOf(c)
	if err != nil {
		return nil, err
	}
	// Longer than a register waits for its cosigners.
	cl, err := client.New(url, &http.Client{Timeout: time.Minute, Transport: by})
	if err != nil {
		return nil, usage(c, fmt.Errorf("--registry %s: want a URL such as http://127.0.0.1:8080: %w", url, err))
	}
	return cl.Retrying(asking), nil
}

// reachedBy reports whether the flags name any certificate.
func reachedBy(c *cobra.Command) bool {
	return c.Flags().Changed(caFlag) || c.Flags().Changed(clientCertFlag) || c.Flags().Changed(clientKeyFlag)
}

// tilesOf reads the log of a register at a URL.
func tilesOf(c *cobra.Command, url string) (*tlogtiles.Client, error) {
	by, err := transportOf(c)
	if err != nil {
		return nil, err
	}
	return &tlogtiles.Client{BaseURL: url, HTTP: &http.Client{Transport: by}}, nil
}

// transportOf reaches a register as the command's flags say. It keeps as many
// connections as a command uses at a time.
func transportOf(c *cobra.Command) (*http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // is what net/http has
	t.MaxIdleConns, t.MaxIdleConnsPerHost = workers, workers
	given := func(flag string) string {
		if f := c.Flags().Lookup(flag); f != nil {
			return f.Value.String()
		}
		return ""
	}
	ca, cert, key := given(caFlag), given(clientCertFlag), given(clientKeyFlag)
	if (cert == "") != (key == "") {
		return nil, usage(c, fmt.Errorf("%s: --client-cert and --client-key go together", c.Name()))
	}
	if !reachedBy(c) {
		return t, nil
	}
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		pool, err := readPool(ca)
		if err != nil {
			return nil, failed("", fmt.Errorf("%s: --ca: %w", c.Name(), err))
		}
		t.TLSClientConfig.RootCAs = pool
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, failed("", fmt.Errorf("%s: read the certificate %s with the key %s: %w", c.Name(), cert, key, err))
		}
		t.TLSClientConfig.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}
