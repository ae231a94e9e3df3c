package link

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"polity/camera/wire"
	"polity/internal/durable"
)

// spoolAll appends messages to the spool and syncs it.
func spoolAll(s Spool, messages []wire.Message) error {
	if s == nil {
		return fmt.Errorf("%d observations and events are lost: there is no spool", len(messages))
	}
	w := bufio.NewWriter(s)
	for _, m := range messages {
		if err := wire.Write(w, m); err != nil {
			return fmt.Errorf("write the spool: %w", err)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the spool: %w", err)
	}
	if err := s.Sync(); err != nil {
		return fmt.Errorf("sync the spool: %w", err)
	}
	return nil
}

// damaged ends the name of a spool that could not be read to its end.
const damaged = "-damaged"

// lockWait is how often a lock that another holds is tried again.
const lockWait = 50 * time.Millisecond

// openSpool opens the spool at path and locks it, which waits for a camera process
// of an earlier edge to end. What it finds there it moves aside; leftovers lists
// all files so moved, oldest first.
func openSpool(ctx context.Context, path string, log *slog.Logger) (*os.File, error) {
	for {
		f, err := lockFile(ctx, path, log)
		if err != nil {
			return nil, err
		}
		info, err := f.Stat()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if info.Size() == 0 {
			return f, nil
		}
		aside := fmt.Sprintf("%s.%d", path, time.Now().UnixNano())
		if err := errors.Join(os.Rename(path, aside), durable.SyncDir(filepath.Dir(path)), f.Close()); err != nil {
			return nil, fmt.Errorf("move the spool aside: %w", err)
		}
	}
}

func lockFile(ctx context.Context, path string, log *slog.Logger) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the spool: %w", err)
	}
	slow := time.AfterFunc(3*time.Second, func() {
		log.Warn("waiting for a camera process of an earlier run to end", slog.String("spool", path))
	})
	defer slow.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("%s is held by a camera process of an earlier edge: %w", path, ctx.Err()), f.Close())
		case <-time.After(lockWait):
		}
	}
}

// leftovers lists the spools that were moved aside, oldest first.
func leftovers(path string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(path)) // sorted by name, and so by time
	if err != nil {
		return nil, fmt.Errorf("list spools: %w", err)
	}
	var found []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filepath.Base(path)+".") && !strings.HasSuffix(e.Name(), damaged) {
			found = append(found, filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
	return found, nil
}

// readSpool calls store with every message of a spool. A last message that was cut
// short ends it without an error; anything else that is not a message is one.
func readSpool(path string, store func(wire.Message) error) (n int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("read the spool: %w", err)
	}
	defer f.Close()
	r := bufio.NewReader(f)
	for {
		m, err := wire.Read(r)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return n, nil
		case err != nil:
			return n, fmt.Errorf("read the spool %s: %w", path, err)
		}
		if !record(m) {
			continue // only observations and events are kept
		}
		if err := store(m); err != nil {
			return n, err
		}
		n++
	}
}
