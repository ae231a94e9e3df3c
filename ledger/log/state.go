package log

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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
func (l *Log) State(context.Context) (State, error) {
	s := State{Witnesses: l.watched.list()}
	s.Size = l.size.Load()
	for i, w := range s.Witnesses {
		if w.Remembers > s.Size {
			s.Witnesses[i].Problem = fmt.Sprintf("cosigned %d entries of this log, which has only %d: its folder is from an older backup", w.Remembers, s.Size)
		}
	}
	l.mu.Lock()
	seen := l.seen
	l.mu.Unlock()
	if err := l.unwell(); err != nil {
		if s.Problem = err.Error(); seen != nil {
			s.Public, s.Published = seen.Size, seen.Time
		}
		return s, nil
	}
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
	l.mu.Lock()
	l.seen = c
	l.mu.Unlock()
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

// Checkpoint is the newest public one. An error of kind NotFound says that there is none
// yet.
func (l *Log) Checkpoint() (*checkpoint.Checkpoint, error) {
	c, err := published(l.cfg.Dir, l.cfg.Roster)
	return c, l.missing(err)
}
