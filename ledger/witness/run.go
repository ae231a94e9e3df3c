package witness

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"polity/city"
)

// Config is what an operator decides.
type Config struct {
	Key    *Signer
	Logs   []note.Verifier
	Folder string      // what it remembers; no other process may use it
	Second string      // a second folder, on another disk; empty: none
	Listen string      // host:port
	TLS    *tls.Config // nil: in the clear
	// Public are addresses of logs as everyone reads them. At the start and each hour the
	// witness looks there for checkpoints that it cosigned itself and does not remember.
	Public []string
	Log    *slog.Logger
	Clock  Clock
	Ready  func(address string)
}

const (
	learnTime  = time.Hour
	answerTime = 15 * time.Second
)

// Run serves until ctx ends.
func Run(ctx context.Context, c Config) (err error) {
	names := []string{c.Folder}
	if c.Second != "" {
		names = append(names, c.Second)
	}
	store, err := openFolders(names...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	w, err := New(c.Key, c.Logs, Deps{Store: store, Clock: c.Clock, Log: c.Log})
	if err != nil {
		return err
	}
	w.lookup(ctx, c.Public) // before anything is cosigned
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return city.Errorf(city.Unavailable, "listen: %w", err)
	}
	srv := &http.Server{
		Handler: w.Handler(), TLSConfig: c.TLS, ReadHeaderTimeout: answerTime, ReadTimeout: answerTime, WriteTimeout: answerTime,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	done := make(chan error, 1)
	go func() {
		if c.TLS != nil {
			done <- srv.ServeTLS(l, "", "")
			return
		}
		done <- srv.Serve(l)
	}()
	if c.Ready != nil {
		c.Ready(l.Addr().String())
	}
	tick := time.NewTicker(learnTime)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			w.lookup(ctx, c.Public)
		case <-ctx.Done():
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			return errors.Join(srv.Shutdown(end), ctxErr(<-done))
		}
	}
}

func ctxErr(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// lookup reads the public checkpoints of logs. A log that cannot be reached is no reason
// not to start: what it does not show cannot be told.
func (w *Witness) lookup(ctx context.Context, addresses []string) {
	client := &http.Client{Timeout: answerTime}
	for _, a := range addresses {
		signed, err := fetch(ctx, client, strings.TrimSuffix(a, "/")+"/checkpoint")
		if err == nil {
			err = w.Learn(signed)
		}
		if err != nil {
			w.log.Info("a log's public checkpoint taught nothing", slog.String("address", a), slog.Any("error", err))
		}
	}
}

func fetch(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, city.Errorf(city.Unavailable, "%s", resp.Status)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, MaxCheckpoint+1))
	if err == nil && len(data) > MaxCheckpoint {
		err = city.Errorf(city.TooLarge, "the checkpoint has more than %d bytes", MaxCheckpoint)
	}
	return data, err
}
