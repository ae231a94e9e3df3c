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

// Run polls until ctx ends.
func Run(ctx context.Context, c Config) (err error) {
	if err := os.MkdirAll(c.Folder, 0o700); err != nil {
		return fmt.Errorf("folder of the monitor: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(c.Folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("folder of the monitor: %w", err)
	}
	defer lock.Close()
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return city.Errorf(city.Conflict, "another monitor runs on %s; give each a folder of its own", c.Folder)
	}
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
