package log

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"polity/city"
	"polity/ledger/checkpoint"
)

// State is how the log is doing, in what pages show.
type State struct {
	Size      int64     // entries on disk
	Public    int64     // entries under the newest public checkpoint
	Published time.Time // by the witnesses' clocks; zero: nothing is public yet
	Witnesses []WitnessState
	// Waiting says that entries are not public yet since this time, for want of a quorum.
	Waiting time.Time
	Problem string // of the disk; empty: none
}

// WitnessState is how a witness answered last.
type WitnessState struct {
	Name     city.Slug
	Answered time.Time // when it cosigned last, by this machine's clock
	Problem  string    // empty: none
	// Remembers is how many entries it says it cosigned, when that is not what the log
	// thought; more than the log has: the log's folder is from an older backup.
	Remembers int64
}

// slow is how many times the interval of publishing may pass before entries count as
// waiting.
const slow = 5

// State says how the log is doing.
func (l *Log) State(ctx context.Context) (State, error) {
	s := State{Witnesses: l.watched.list()}
	size, err := l.reader.IntegratedSize(ctx)
	if err != nil {
		return s, city.Errorf(city.Unavailable, "read the log's size: %w", err)
	}
	s.Size = int64(size) //nolint:gosec // it stays below 2^48
	for i, w := range s.Witnesses {
		if w.Remembers > s.Size {
			s.Witnesses[i].Problem = fmt.Sprintf("cosigned %d entries of this log, which has only %d: its folder is from an older backup", w.Remembers, s.Size)
		}
	}
	l.mu.Lock()
	if l.failure != nil {
		s.Problem = "the last entry could not be written: " + l.failure.Error()
	}
	l.mu.Unlock()
	info, err := os.Stat(filepath.Join(l.cfg.Dir, "checkpoint"))
	if errors.Is(err, fs.ErrNotExist) {
		s.Waiting = l.since(time.Time{})
		return s, nil
	}
	if err != nil {
		return s, city.Errorf(city.Unavailable, "read the log's checkpoint: %w", err)
	}
	c, err := published(l.cfg.Dir, l.cfg.Roster)
	if city.KindOf(err) == city.NotFound {
		s.Waiting = l.since(info.ModTime()) // published under the roster before
		return s, nil
	}
	if err != nil {
		return s, err
	}
	s.Public, s.Published = c.Size, c.Time
	if s.Public < s.Size || time.Since(info.ModTime()) > 2*l.cfg.Republish {
		s.Waiting = l.since(info.ModTime())
	}
	return s, nil
}

// since is when the last checkpoint was published, if that is too long ago.
func (l *Log) since(t time.Time) time.Time {
	if !t.IsZero() && time.Since(t) < slow*l.cfg.Publish {
		return time.Time{}
	}
	if t.IsZero() {
		info, err := os.Stat(filepath.Join(l.cfg.Dir, ".state", "version"))
		if err != nil {
			return time.Now()
		}
		return info.ModTime()
	}
	return t
}

// tend puts right what would keep checkpoints from being published: a clock that was
// set back leaves the last one in the future, and tessera waits until then.
func (l *Log) tend() {
	t := time.NewTicker(l.cfg.Publish)
	defer t.Stop()
	path := filepath.Join(l.cfg.Dir, "checkpoint")
	for {
		select {
		case <-l.closing:
			return
		case <-t.C:
		}
		info, err := os.Stat(path)
		if now := time.Now(); err == nil && info.ModTime().After(now.Add(l.cfg.Publish)) {
			if err := os.Chtimes(path, now, now); err != nil {
				l.cfg.Log.Error("the clock went back, and the log's checkpoint cannot be put right", slog.Any("error", err))
			}
		}
	}
}

// Checkpoint is the newest public one. An error of kind NotFound says that there is none
// yet.
func (l *Log) Checkpoint() (*checkpoint.Checkpoint, error) {
	return published(l.cfg.Dir, l.cfg.Roster)
}
