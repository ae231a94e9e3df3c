package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"polity/city"
	"polity/ledger/roster"
)

// Config is what an operator decides.
type Config struct {
	Roster *roster.Signed
	Deps
	Every  time.Duration // between polls
	Listen string        // host:port for others and for the page; empty: nobody is served
	Ready  func(address string)
	// Polled is called after each poll; nil: nobody is told.
	Polled func([]Alert)
}

// lock holds a folder for this process alone.
func lock(folder string) (unlock func(), err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("folder of the monitor: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("folder of the monitor: %w", err)
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return nil, errors.Join(city.Errorf(city.Conflict, "another monitor runs on %s; give each a folder of its own", folder), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// Run polls until ctx ends.
func Run(ctx context.Context, c Config) (err error) {
	unlock, err := lock(c.Folder)
	if err != nil {
		return err
	}
	defer unlock()
	m, err := Open(c.Roster, c.Deps)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	if c.Listen != "" {
		stop, err := m.serve(c)
		if err != nil {
			return err
		}
		defer stop()
	}
	tick := time.NewTicker(c.Every)
	defer tick.Stop()
	for {
		if err := m.Poll(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		if c.Polled != nil && ctx.Err() == nil {
			c.Polled(m.Alerts())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (m *Monitor) serve(c Config) (stop func(), err error) {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, city.Errorf(city.Unavailable, "listen: %w", err)
	}
	srv := &http.Server{
		Handler: m.Handler(), ReadHeaderTimeout: askTime, ReadTimeout: askTime, WriteTimeout: askTime, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	go func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			c.Log.Error("others cannot be served any more", slog.Any("error", err))
		}
	}()
	if c.Ready != nil {
		c.Ready(l.Addr().String())
	}
	return func() { _ = srv.Close() }, nil
}

// Once looks at the log one time. What people are told only after a while is told at
// once: nobody looks again.
func Once(ctx context.Context, first *roster.Signed, d Deps) (alerts []Alert, size int64, err error) {
	unlock, err := lock(d.Folder)
	if err != nil {
		return nil, 0, err
	}
	defer unlock()
	m, err := Open(first, d)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	m.patience = 0
	if err := m.Poll(ctx); err != nil {
		return nil, 0, err
	}
	return m.Alerts(), m.state.Size, nil
}
