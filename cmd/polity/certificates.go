package main

import (
	"crypto/tls"
	"crypto/x509"
	"net"

	"github.com/spf13/pflag"

	"polity/city"
	"polity/internal/authority"
)

// certificates are the files of a connection on which both sides show who they are. All
// of them are empty for one in the clear.
type certificates struct{ ca, cert, key string }

func (c *certificates) flags(f *pflag.FlagSet, whose string) {
	f.StringVar(&c.ca, "ca", "", "file with "+whose+" certificate authority, PEM: encrypt the connection")
	f.StringVar(&c.cert, "cert", "", "file with our certificate, PEM")
	f.StringVar(&c.key, "key", "", "file with its private key, PEM")
}

// client is for a connection to an address, nil for one in the clear.
func (c *certificates) client(address string) (*tls.Config, error) {
	pool, own, err := c.read()
	if pool == nil || err != nil {
		return nil, err
	}
	name, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "%q is no address like 127.0.0.1:19998", address)
	}
	return &tls.Config{RootCAs: pool, Certificates: own, ServerName: name, MinVersion: tls.VersionTLS12}, nil // substations seldom know 1.3
}

// server is for connections of others, nil for those in the clear.
func (c *certificates) server() (*tls.Config, error) {
	pool, own, err := c.read()
	if pool == nil || err != nil {
		return nil, err
	}
	return &tls.Config{ClientCAs: pool, Certificates: own, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}, nil
}

func (c *certificates) read() (*x509.CertPool, []tls.Certificate, error) {
	if *c == (certificates{}) {
		return nil, nil, nil
	}
	if c.ca == "" || c.cert == "" || c.key == "" {
		return nil, nil, city.Errorf(city.Invalid, "--ca, --cert and --key belong together: both sides show a certificate (IEC 62351-3)")
	}
	pool, err := authority.Read(c.ca)
	if err != nil {
		return nil, nil, city.Errorf(city.Invalid, "--ca: %w", err)
	}
	own, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return nil, nil, city.Errorf(city.Invalid, "--cert and --key: %w", err)
	}
	return pool, []tls.Certificate{own}, nil
}
