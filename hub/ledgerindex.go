package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"polity/city"
	"polity/hub/entries"
	"polity/internal/durable"
	"polity/internal/program"
	"polity/ledger/canonical"
	"polity/ledger/entry"
)

// indexFile caches what the hub needs of its log, in its data folder.
const indexFile = "log-index.json"

// openIndex takes in what the log says. A cache that is not of this log is left aside.
// A log that has fewer entries than this hub saw is refused: nothing may be acknowledged
// into an empty folder where the log's disk is not mounted.
func (l *ledger) openIndex(ctx context.Context) error {
	l.index = entries.NewIndex()
	file := l.hub.dataPath(indexFile)
	if text, err := os.ReadFile(file); err == nil {
		x := entries.ReadIndex(text)
		s, err := l.log.State(ctx)
		if err != nil {
			return err
		}
		if x.Next > s.Size {
			return city.Errorf(city.Conflict, "hub.ledger: the public log in %s has %d entries, and this hub has seen %d: its disk is not mounted, or the folder is from an older backup. Bring back the right one; if a new log is meant, remove %s", l.folder, s.Size, x.Next, file)
		}
		if l.isOf(ctx, x) {
			l.index = x
		}
	}
	l.readOwn(ctx)
	return nil
}

// isOf says whether an index is of this log.
func (l *ledger) isOf(ctx context.Context, x *entries.Index) bool {
	if x.Next == 0 {
		return true
	}
	found, enough := false, errors.New("enough")
	_, err := l.log.Entries(ctx, x.Next-1, func(_ int64, data []byte) error {
		found = entry.ID(data) == x.Last
		return enough
	})
	return errors.Is(err, enough) && found
}

func (h *Hub) dataPath(name string) string { return filepath.Join(h.cfg.Data, name) }

// readOwn takes in what was appended since the last time.
func (l *ledger) readOwn(ctx context.Context) {
	l.mu.Lock()
	_, err := l.log.Entries(ctx, l.index.Next, l.index.Take)
	l.mu.Unlock()
	if ctx.Err() == nil {
		l.complain("the hub's own look at it", err)
	}
}

// saveIndex writes the cache.
func (l *ledger) saveIndex() {
	l.mu.Lock()
	l.index.Forget(l.hub.now())
	text, err := json.Marshal(l.index)
	l.mu.Unlock()
	if err == nil {
		err = durable.WriteFile(l.hub.dataPath(indexFile), text, 0o600)
	}
	if err != nil {
		l.hub.log.Warn("what the hub knows of its log was not written; the next start reads all of it", slog.Any("error", err))
	}
}

// look reads the index.
func (l *ledger) look(read func(*entries.Index)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	read(l.index)
}

// wasRegistered says whether the log names a camera, though its entry may be withdrawn:
// what is published later of a release may be about it.
func (l *ledger) wasRegistered(name city.Slug) (known bool) {
	l.look(func(x *entries.Index) { known = x.Cameras[name] != nil })
	return known
}

// bringRegister appends what is new in the register: entries, those withdrawn, changes of
// retention.
func (l *ledger) bringRegister(ctx context.Context) {
	l.bringing.Lock()
	defer l.bringing.Unlock()
	l.add(ctx, &entry.Roster{Roster: l.roster.File(), Version: int64(l.roster.Version)}) // classes are the roster's
	l.readOwn(ctx)
	cameras, _, err := l.hub.folder.All()
	if err != nil {
		l.complain("the register of cameras", err)
		return
	}
	var list []entry.Entry
	l.look(func(x *entries.Index) {
		for _, c := range cameras {
			list = append(list, x.News(entries.Registered(c), l.roster.ValidFrom.Time(), l.hub.now())...)
		}
		list = append(list, x.Withdrawn(l.gone, l.hub.now())...)
	})
	for _, e := range list {
		l.add(ctx, e)
	}
	if len(list) > 0 {
		l.readOwn(ctx)
	}
}

// named has the log name the recorders of hours before the hours themselves: whoever reads
// it in order knows then who may have signed them.
func (l *ledger) named(ctx context.Context, list []entry.Entry) {
	missing := false
	l.look(func(x *entries.Index) {
		for _, e := range list {
			if s, ok := e.(*entry.Segments); ok {
				c := x.Cameras[s.Camera]
				missing = missing || c == nil || !bytes.Equal(c.Recorder, s.Recorder)
			}
		}
	})
	if missing {
		l.bringRegister(ctx)
	}
}

// gone says that a camera's entry was taken out of the register: a file that cannot be read
// is no such thing.
func (l *ledger) gone(camera city.Slug) bool {
	_, err := os.Lstat(l.hub.folder.Path(camera))
	return errors.Is(err, os.ErrNotExist)
}

// bringSoftware appends which program the hub runs, where the log names another.
func (l *ledger) bringSoftware(ctx context.Context) {
	if l.hub.version == "" || l.software {
		return
	}
	e := &entry.Software{At: canonical.At(l.hub.started), Component: "hub", Version: entry.Version("v" + l.hub.version)}
	hash, err := program.Hash()
	if err != nil {
		l.complain("the hub's own program", err)
		return
	}
	e.Hash = hash
	l.software = true
	same := false
	l.look(func(x *entries.Index) { _, same = x.Runs(e) })
	if !same {
		l.software = l.add(ctx, e)
	}
}

// saveEach is how often the cache is written.
const saveEach = 15 * time.Minute
