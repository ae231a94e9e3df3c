package log

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"polity/city"
)

// publishAll publishes checkpoints until ctx ends: at most one in each interval, and one
// each minute though nothing was appended.
func (l *Log) publishAll(ctx context.Context) {
	told := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.grown:
		case <-time.After(l.cfg.Publish):
		}
		if wait := l.cfg.Publish - time.Since(l.last); !l.last.IsZero() && wait > 0 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
		}
		err := l.publish(ctx)
		if text := errorText(err); text != told && ctx.Err() == nil {
			if told = text; err != nil {
				l.cfg.Log.Error("the public log's disk is not well; entries are refused until it is", slog.Any("error", err))
			} else {
				l.cfg.Log.Info("the public log's disk is well again")
			}
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// publish has the tree on disk signed and cosigned, if that is due. Its error is of the
// disk; that witnesses do not answer stands in their states.
func (l *Log) publish(ctx context.Context) error {
	l.folder.mu.Lock()
	root, known, err := l.folder.open()
	size, hash := l.folder.tree.size(), l.folder.tree.root()
	l.ready(known, err)
	l.folder.mu.Unlock()
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // it is a folder
	l.size.Store(size)
	_, err = root.Stat(pointFile)
	if err == nil && size == l.public && time.Since(l.last) < l.cfg.Republish && !l.last.IsZero() {
		return nil
	}
	point, err := l.sign(ctx, uint64(size), hash[:]) //nolint:gosec // it is not negative
	if err != nil {
		return nil //nolint:nilerr // the witnesses' states say it
	}
	l.folder.mu.Lock()
	err = l.folder.write(root, pointFile, point)
	l.folder.mu.Unlock()
	l.mu.Lock()
	l.failure = err
	l.mu.Unlock()
	if err == nil {
		l.public, l.last = size, time.Now()
		err = l.folder.sweepTiles(root, size)
	}
	return err
}

// reader gives tessera what it asks for to prove to witnesses that the log only grew.
type reader struct{ l *Log }

func (r reader) ReadCheckpoint(context.Context) ([]byte, error) { return r.read(pointFile) }

func (r reader) ReadTile(_ context.Context, level, n uint64, width uint8) ([]byte, error) {
	return r.tile(int(level), n, width) //nolint:gosec // at most 8 levels
}

func (r reader) ReadEntryBundle(_ context.Context, n uint64, width uint8) ([]byte, error) {
	return r.tile(entryLevel, n, width)
}

func (r reader) NextIndex(ctx context.Context) (uint64, error) { return r.IntegratedSize(ctx) }

func (r reader) IntegratedSize(context.Context) (uint64, error) {
	return uint64(r.l.size.Load()), nil //nolint:gosec // it is not negative
}

// tile reads a tile of a width, of which 0 is the whole, or the whole one in its place.
func (r reader) tile(level int, n uint64, width uint8) ([]byte, error) {
	if width > 0 {
		data, err := r.read(tilePath(level, int64(n), int(width))) //nolint:gosec // it stays below 2^48
		if !errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
	}
	return r.read(tilePath(level, int64(n), tileWidth)) //nolint:gosec // it stays below 2^48
}

func (r reader) read(name string) ([]byte, error) {
	root, err := os.OpenRoot(r.l.cfg.Dir)
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // it is a folder
	return root.ReadFile(name)
}

// missing says of a file that is not there whether the whole disk is not.
func (l *Log) missing(err error) error {
	if problem := l.unwell(); problem != nil && city.KindOf(err) == city.NotFound {
		return problem
	}
	return err
}
