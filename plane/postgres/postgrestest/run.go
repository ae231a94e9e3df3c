package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

func patience() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 60*time.Second)
}

// run starts the server and waits until it answers.
func (s *Server) run() error {
	log, err := os.OpenFile(filepath.Join(s.folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), "-D", s.data(), //nolint:gosec // the programs found above
		"-c", "listen_addresses=", "-c", "unix_socket_directories="+s.folder, "-c", "max_connections=200", "-c", "shared_buffers=32MB", "-c", "autovacuum=off",
		"-c", "fsync=on", "-c", "synchronous_commit=on", "-c", "log_min_messages=warning")
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, s.folder
	// The server ends with the test, however that ends.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner, Pdeathsig: syscall.SIGQUIT, Setpgid: true}
	started := make(chan error)
	ended := make(chan struct{})
	go func() {
		runtime.LockOSThread() // Pdeathsig is about the thread that started it
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ends is in its log
		}
		close(ended)
	}()
	if err := <-started; err != nil {
		return err
	}
	s.process, s.ended = cmd.Process, ended
	return s.await()
}

func (s *Server) await() error {
	ctx, cancel := patience()
	defer cancel()
	for {
		err := s.exec(ctx, "postgres", "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-s.ended:
		case <-time.After(20 * time.Millisecond):
			continue
		}
		words, _ := os.ReadFile(filepath.Join(s.folder, "log"))
		return fmt.Errorf("the server does not answer: %w\n%s", err, words)
	}
}

func (s *Server) exec(ctx context.Context, database, statement string) error {
	return execAt(ctx, s.Address(database), statement)
}

func execAt(ctx context.Context, address, statement string) error {
	c, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, statement)
	return errors.Join(err, c.Close(ctx))
}
