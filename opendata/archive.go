package opendata

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"polity/city"
	"polity/internal/durable"
)

// Config is what Open needs.
type Config struct {
	Dir     string
	Sources func() []Source // may become others while the program runs
	Zone    *time.Location  // in which days begin
	// Settle is how long after its end a day is published: what comes late until then
	// is in it.
	Settle time.Duration
	Log    *slog.Logger
	Now    func() time.Time
}

// Back is how many days before today are published when they were not: those before
// the first start, and those of an edge that was cut off.
const Back = 31

// Archive is the files. It is safe for concurrent use.
type Archive struct {
	cfg Config

	mu      sync.Mutex
	indexes map[city.Slug]*Index
	working sync.Mutex // one round at a time
	// empty is when a day was found to have no rows; by set and day, under working.
	empty map[string]time.Time
}

// lookAgain is how long a day without rows is left alone: what was cut off for days comes
// late anyway, and looking costs a walk through all of a set's things.
const lookAgain = 6 * time.Hour

// Open begins with what was published before.
func Open(cfg Config) (*Archive, error) {
	a := &Archive{cfg: cfg, indexes: map[city.Slug]*Index{}, empty: map[string]time.Time{}}
	if a.cfg.Log == nil {
		a.cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the published data: %w", err)
	}
	spools, err := filepath.Glob(filepath.Join(cfg.Dir, ".spool-*"))
	if err != nil {
		return nil, err
	}
	for _, s := range spools { // of a run that was killed
		if err := os.Remove(s); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Sets lists what is published, in the order of the sources.
func (a *Archive) Sets() []Set {
	var list []Set
	for _, s := range a.cfg.Sources() {
		list = append(list, s.Set())
	}
	return list
}

func (a *Archive) source(id city.Slug) (Source, error) {
	for _, s := range a.cfg.Sources() {
		if s.Set().ID == id {
			return s, nil
		}
	}
	return nil, city.Errorf(city.NotFound, "there is no set %.100q; /data lists them", string(id))
}

// Index returns what is published of a set.
func (a *Archive) Index(id city.Slug) (*Index, error) {
	if _, err := a.source(id); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if x := a.indexes[id]; x != nil {
		return x.clone(), nil
	}
	x, err := readIndex(a.dir(id), id)
	if err != nil {
		return nil, err
	}
	a.indexes[id] = x
	return x.clone(), nil
}

func (a *Archive) dir(id city.Slug) string { return filepath.Join(a.cfg.Dir, string(id)) }

// Run publishes what is due, at once and then every minute, until ctx ends.
func (a *Archive) Run(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		if err := a.Round(ctx); err != nil && ctx.Err() == nil {
			a.cfg.Log.Error("open data could not be published; it is tried again in a minute", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Round publishes the days and months that are due, makes the corrections that were
// asked for, and removes what is not kept. A set that fails does not keep the others
// from it.
func (a *Archive) Round(ctx context.Context) error {
	a.working.Lock()
	defer a.working.Unlock()
	var errs []error
	for _, s := range a.cfg.Sources() {
		if err := a.round(ctx, s); err != nil {
			errs = append(errs, fmt.Errorf("the set %s: %w", s.Set().ID, err))
		}
	}
	for key, tried := range a.empty { // of days that are over and of sets that are gone
		if a.cfg.Now().Sub(tried) > 2*lookAgain {
			delete(a.empty, key)
		}
	}
	return errors.Join(append(errs, a.correct(ctx), a.sweep())...)
}

func (a *Archive) today() time.Time { return midnight(a.cfg.Now().In(a.cfg.Zone), 0) }

// midnight is the beginning of a day so many days later.
func midnight(t time.Time, days int) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day()+days, 0, 0, 0, 0, t.Location())
}

func (a *Archive) round(ctx context.Context, s Source) error {
	set := s.Set()
	if err := set.Check(); err != nil {
		return err
	}
	x, err := a.Index(set.ID)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(a.dir(set.ID), 0o700); err != nil {
		return err
	}
	x.Keep = int64(set.Keep / time.Second)
	today, now := a.today(), a.cfg.Now()
	for back := Back; back >= 1; back-- {
		from, to := midnight(today, -back), midnight(today, 1-back)
		if to.Add(a.cfg.Settle).After(now) || find(x.Days, from.Format(time.DateOnly)) >= 0 || a.old(set.Keep, to) {
			continue
		}
		key := string(set.ID) + " " + from.Format(time.DateOnly)
		if tried, ok := a.empty[key]; ok && now.Sub(tried) < lookAgain {
			continue
		}
		p, err := a.publishDay(ctx, s, from, to, 1)
		if err != nil {
			return err
		}
		if p == nil {
			a.empty[key] = now // it may still come
			continue
		}
		delete(a.empty, key)
		x.Days = insert(x.Days, *p)
		if err := a.keep(x); err != nil {
			return err
		}
	}
	if err := a.months(x); err != nil {
		return err
	}
	return a.forget(x)
}

func (a *Archive) old(keep time.Duration, end time.Time) bool {
	return keep > 0 && end.Before(a.cfg.Now().Add(-keep))
}

// keep writes an index; from then on its files are published.
func (a *Archive) keep(x *Index) error {
	if err := x.write(a.dir(x.Set)); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.indexes[x.Set] = x.clone()
	return nil
}

// publishDay writes the files of a day. It returns nil if there are no rows.
func (a *Archive) publishDay(ctx context.Context, s Source, from, to time.Time, revision int) (*Published, error) {
	set := s.Set()
	p := &Published{Name: from.Format(time.DateOnly), From: from, To: to, Revision: revision, At: a.cfg.Now().UTC().Truncate(time.Second), Files: map[string]File{}}
	files := &outputs{}
	defer files.discard()
	for _, ending := range Endings {
		if err := files.create(a.dir(set.ID), ending, set.Columns); err != nil {
			return nil, err
		}
	}
	err := s.Rows(ctx, from, to, true, func(r Row) error {
		p.Rows++
		return files.row(r)
	})
	if err != nil || p.Rows == 0 {
		return nil, err
	}
	return p, files.finish(a.dir(set.ID), p)
}

// outputs are files that are being written.
type outputs struct{ list []*output }

type output struct {
	ending string
	file   *os.File
	digest *digester
	rows   writer
}

type digester struct {
	to  io.Writer
	n   int64
	sum interface {
		io.Writer
		Sum(b []byte) []byte
	}
}

func newDigester(to io.Writer) *digester { return &digester{to: to, sum: sha256.New()} }

func (d *digester) Write(b []byte) (int, error) {
	n, err := d.to.Write(b)
	_, _ = d.sum.Write(b[:n]) // a hash does not fail
	d.n += int64(n)
	return n, err
}

func (d *digester) file() File { return File{Bytes: d.n, SHA256: hex.EncodeToString(d.sum.Sum(nil))} }

func (o *outputs) create(dir, ending string, columns []Column) error {
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	d := newDigester(f)
	o.list = append(o.list, &output{ending, f, d, nil})
	if columns != nil {
		o.list[len(o.list)-1].rows = writers[ending](d, columns)
	}
	return nil
}

func (o *outputs) row(r Row) error {
	for _, x := range o.list {
		if err := x.rows.row(r); err != nil {
			return err
		}
	}
	return nil
}

// finish makes the files durable under their names. They are published by the index
// alone: a crash before leaves nothing that is served.
func (o *outputs) finish(dir string, p *Published) error {
	for _, x := range o.list {
		if x.rows != nil {
			if err := x.rows.end(); err != nil {
				return err
			}
		}
		if err := errors.Join(x.file.Sync(), x.file.Close()); err != nil {
			return err
		}
		if err := os.Rename(x.file.Name(), p.file(dir, x.ending)); err != nil {
			return err
		}
		p.Files[x.ending] = x.digest.file()
	}
	o.list = nil
	return durable.SyncDir(dir)
}

func (o *outputs) discard() {
	for _, x := range o.list {
		_ = x.file.Close()           // it is thrown away
		_ = os.Remove(x.file.Name()) // or was renamed
	}
}

// months puts the days of each month that has settled into one file.
func (a *Archive) months(x *Index) error {
	byMonth := map[string][]Published{}
	for _, d := range x.Days {
		byMonth[d.Name[:7]] = append(byMonth[d.Name[:7]], d)
	}
	for name, days := range byMonth {
		begin, err := time.ParseInLocation("2006-01", name, a.cfg.Zone)
		if err != nil {
			return err
		}
		end := begin.AddDate(0, 1, 0)
		if end.AddDate(0, 0, Back).After(a.cfg.Now()) && end.Add(a.cfg.Settle+a.patience(days, end)).After(a.cfg.Now()) {
			continue
		}
		i := find(x.Month, name)
		if i >= 0 {
			continue
		}
		p, err := a.publishMonth(x.Set, name, begin, end, days, 1)
		if err != nil {
			return err
		}
		x.Month = insert(x.Month, *p)
		if err := a.keep(x); err != nil {
			return err
		}
	}
	return nil
}

// patience is how much longer a month waits: not at all when each of its days is
// there, and else for days that may still come.
func (a *Archive) patience(days []Published, end time.Time) time.Duration {
	if midnight(end.In(a.cfg.Zone), -1).Day() == len(days) {
		return 0
	}
	return Back * 24 * time.Hour
}

func (a *Archive) publishMonth(id city.Slug, name string, from, to time.Time, days []Published, revision int) (*Published, error) {
	p := &Published{Name: name, From: from, To: to, Revision: revision, At: a.cfg.Now().UTC().Truncate(time.Second), Files: map[string]File{}}
	for _, d := range days {
		p.Rows += d.Rows
	}
	files := &outputs{}
	defer files.discard()
	for _, ending := range Endings {
		if err := files.create(a.dir(id), ending, nil); err != nil {
			return nil, err
		}
		var parts []string
		for _, d := range days {
			parts = append(parts, d.file(a.dir(id), ending))
		}
		if err := join(files.list[len(files.list)-1].digest, ending, parts); err != nil {
			return nil, err
		}
	}
	return p, files.finish(a.dir(id), p)
}

// forget removes what is not kept: a day as it says, a month with its first day. The
// files go when no index names them.
func (a *Archive) forget(x *Index) error {
	keep := time.Duration(x.Keep) * time.Second
	days := keepIf(x.Days, func(p Published) bool { return !a.old(keep, p.To) })
	months := keepIf(x.Month, func(p Published) bool { return !a.old(keep, midnight(p.From.In(a.cfg.Zone), 1)) })
	if len(days) == len(x.Days) && len(months) == len(x.Month) {
		return nil
	}
	x.Days, x.Month = days, months
	return a.keep(x)
}

func keepIf(list []Published, ok func(Published) bool) []Published {
	out := []Published{}
	for _, p := range list {
		if ok(p) {
			out = append(out, p)
		}
	}
	return out
}

// sweep removes files that no index names: of crashes, of corrections, of what is not
// kept any longer, and of sets that are gone.
func (a *Archive) sweep() error {
	folders, err := os.ReadDir(a.cfg.Dir)
	if err != nil {
		return err
	}
	for _, f := range folders {
		if !f.IsDir() || strings.HasPrefix(f.Name(), ".") {
			continue
		}
		id := city.Slug(f.Name())
		x, err := readIndex(a.dir(id), id)
		if err != nil {
			return err
		}
		if _, err := a.source(id); err != nil { // a set that is gone
			if err := a.forget(x); err != nil {
				return err
			}
		}
		named := map[string]bool{"index.json": true}
		for _, list := range [][]Published{x.Days, x.Month} {
			for _, p := range list {
				for ending := range p.Files {
					named[filepath.Base(p.file("", ending))] = true
				}
			}
		}
		files, err := os.ReadDir(a.dir(id))
		if err != nil {
			return err
		}
		for _, file := range files {
			if !named[file.Name()] && !file.IsDir() {
				if err := os.Remove(filepath.Join(a.dir(id), file.Name())); err != nil && !errors.Is(err, os.ErrNotExist) {
					return err
				}
			}
		}
	}
	return nil
}
