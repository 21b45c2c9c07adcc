package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/spf13/cobra"
)

// certificates are a server's, and of those who sign its clients', by file.
type certificates struct {
	cert, key, clientCA string
	optional            bool

	// current is what stood in the files when they were read last.
	current atomic.Pointer[tls.Config]
}

func (t *certificates) flags(c *cobra.Command) {
	c.Flags().StringVar(&t.cert, "tls-cert", "", "certificate to serve under, PEM, with those between it and its root")
	c.Flags().StringVar(&t.key, "tls-key", "", "its private key, PEM")
	c.Flags().StringVar(&t.clientCA, "client-ca", "", "who signs the certificates that clients must have, PEM")
	c.Flags().BoolVar(&t.optional, "client-cert-optional", false, "let clients in that have no certificate; one that they show must be good")
}

func (t *certificates) check() error {
	switch {
	case (t.cert == "") != (t.key == ""):
		return errors.New("--tls-cert and --tls-key go together")
	case t.clientCA != "" && t.cert == "":
		return errors.New("--client-ca goes with --tls-cert: without TLS nobody shows a certificate")
	case t.optional && t.clientCA == "":
		return errors.New("--client-cert-optional goes with --client-ca")
	}
	return nil
}

// read reads the files. Connections that are made from then on are made by it.
func (t *certificates) read() error {
	if t.cert == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(t.cert, t.key)
	if err != nil {
		return fmt.Errorf("read the certificate %s with the key %s: %w", t.cert, t.key, err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if t.clientCA != "" {
		if c.ClientCAs, err = readPool(t.clientCA); err != nil {
			return err
		}
		c.ClientAuth = tls.RequireAndVerifyClientCert
		if t.optional {
			c.ClientAuth = tls.VerifyClientCertIfGiven
		}
		// A session that is resumed would outlive who may vouch for clients.
		c.SessionTicketsDisabled = true
	}
	t.current.Store(c)
	return nil
}

// config is the server's, nil where it serves without TLS.
func (t *certificates) config() *tls.Config {
	if t.cert == "" {
		return nil
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return t.current.Load(), nil
		},
	}
}

// readPool reads certificates that others are verified by.
func readPool(name string) (*x509.CertPool, error) {
	pem, err := readFile(name)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read %s: it has no certificate in PEM", name)
	}
	return pool, nil
}
