package iec104

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"sync"
	"time"

	"polity/city"
)

// lineMost is the longest wait before a line is begun again, and how long one has to have
// stood for the next wait to be short.
const lineMost = time.Minute

// Line is the way to an outstation, begun again whenever it breaks, later and later. It is
// safe for concurrent use.
type Line struct {
	Dial  func(context.Context) (*Client, error)
	Again time.Duration // before it is begun again for the first time
	// Changed is called when the line stands, after the general interrogation, and when it
	// does not, or still does not.
	Changed func(stands bool)
	// Broke is told why the line does not stand, and when it is begun again.
	Broke func(err error, again time.Duration)

	mu     sync.Mutex
	client *Client
	since  time.Time // of the line, or of its loss
}

// Run keeps the line until ctx ends.
func (l *Line) Run(ctx context.Context) {
	wait := l.Again
	for ctx.Err() == nil {
		begun := time.Now()
		err := l.once(ctx)
		l.set(nil)
		if ctx.Err() != nil {
			return
		}
		if time.Since(begun) > lineMost {
			wait = l.Again
		}
		l.Broke(err, wait)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, lineMost)
	}
}

func (l *Line) once(ctx context.Context) error {
	client, err := l.Dial(ctx)
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	ran := make(chan error, 1)
	go func() { ran <- client.Run(ctx) }()
	if err := client.Interrogate(ctx); err != nil {
		end()
		return errors.Join(err, <-ran)
	}
	l.set(client)
	return <-ran
}

func (l *Line) set(c *Client) {
	l.mu.Lock()
	if c != nil || l.client != nil || l.since.IsZero() {
		l.since = time.Now()
	}
	l.client = c
	l.mu.Unlock()
	l.Changed(c != nil)
}

// Client is nil while the line does not stand.
func (l *Line) Client() *Client {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.client
}

// Stands says whether it does, and since when it does or does not.
func (l *Line) Stands() (bool, time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.client != nil, l.since
}

// ClientTLS is TLS with a certificate of this end, and authorities for the other's. Without
// a certificate it is nil: no TLS.
func ClientTLS(caFile, certFile, keyFile string) (*tls.Config, error) {
	if certFile == "" {
		return nil, nil //nolint:nilnil // no configuration: no TLS
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	authorities, readErr := os.ReadFile(caFile)
	if err = errors.Join(err, readErr); err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authorities) {
		return nil, city.Errorf(city.Invalid, "ca_file %s has no certificate", caFile)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, RootCAs: pool}, nil
}
