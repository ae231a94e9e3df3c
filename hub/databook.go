package hub

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"polity/camera/wire"
	"polity/city"
	"polity/console"
	"polity/console/counts"
	"polity/internal/durable"
	"polity/opendata"
	"polity/opendata/suppress"
)

// book remembers what was published of cameras' counts, a file per camera and day, so
// that API and files say the same, and what comes late or is decided anew cannot be
// subtracted from what was said before. What was said never changes. It holds numbers
// that are withheld, an hour's in common as the archive does, and is kept as long.
type book struct {
	h     *Hub
	dir   string
	swept time.Time // of run

	mu   sync.Mutex
	kept map[bookKey]*bookDay
}

type bookKey struct {
	camera city.Slug
	day    string // 2026-11-29
}

// bookDay is one day of one camera. Intervals are by their beginning, ms since 1970.
type bookDay struct {
	mu    sync.Mutex
	read  bool
	tried time.Time // when the store was last asked
	until time.Time // up to where it was

	Threshold int                  `json:"threshold"` // the greatest that held that day
	KeepDays  int                  `json:"keep_days"`
	Steps     map[int64][]bookCell `json:"steps"`
	Hours     map[int64][]bookCell `json:"hours"`
	Day       []bookCell           `json:"day"`
	Closed    bool                 `json:"closed"` // nothing is added any more
}

// bookCell is one number.
type bookCell struct {
	Metric    wire.Metric    `json:"m"`
	Class     wire.Class     `json:"c"`
	Where     city.Slug      `json:"w,omitempty"`
	Direction wire.Direction `json:"d,omitempty"`
	Value     float64        `json:"v"`
	Seen      float64        `json:"s"` // seconds
	Withheld  bool           `json:"h,omitempty"`
	Steps     int            `json:"n"` // that are in it
}

func (c *bookCell) series() bookCell {
	return bookCell{Metric: c.Metric, Class: c.Class, Where: c.Where, Direction: c.Direction}
}

func compareCells(a, b bookCell) int {
	return cmp.Or(cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Where, b.Where), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Direction, b.Direction))
}

// The store is asked for steps that are not written down: when another has become public,
// and again for those that may come late.
const (
	askAgain = 5 * time.Second   // of a day that is over
	askToday = counts.PublicStep // of one that goes on
)

// openMost bounds the days that are kept in memory beside today and yesterday.
const openMost = 2000

// day returns what is published of a day, which the caller does not change. Closing
// ends it: what comes later is left out.
func (b *book) day(ctx context.Context, camera city.Slug, from, to time.Time, closing bool) (*bookDay, error) {
	key := bookKey{camera, from.Format(time.DateOnly)}
	b.mu.Lock()
	d := b.kept[key]
	if d == nil {
		if len(b.kept) >= openMost {
			yesterday := b.h.now().In(b.h.about.Zone).AddDate(0, 0, -1).Format(time.DateOnly)
			maps.DeleteFunc(b.kept, func(k bookKey, _ *bookDay) bool { return k.day < yesterday })
		}
		d = &bookDay{}
		b.kept[key] = d
	}
	b.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.read {
		if err := b.open(key, d); err != nil {
			return nil, err
		}
	}
	now := b.h.now()
	if d.Closed || b.tooOld(to, now) {
		return d.copy(), nil
	}
	c, err := b.h.camera(camera)
	if err != nil {
		return nil, err
	}
	entry := c.view().Entry
	public := now.Add(-entry.PublicDelay).Truncate(time.Minute) // steps that ended by then
	patience := askAgain
	if public.Before(to) {
		patience = askToday
	}
	again := now.Sub(d.tried) >= patience || now.Before(d.tried)
	another := !public.Before(d.until.Add(counts.PublicStep)) && d.until.Before(to)
	if !closing && !again && !another {
		return d.copy(), nil
	}
	if err := b.extend(ctx, key, d, from, to, closing, &entry); err != nil {
		return nil, err
	}
	d.tried, d.until = now, lastStep(from, to, public)
	return d.copy(), nil
}

// lastStep is the end of the last step of a day that ended by a time.
func lastStep(from, to, by time.Time) time.Time {
	if by.After(to) {
		by = to
	}
	if by.Before(from) {
		return from
	}
	return from.Add(by.Sub(from).Truncate(counts.PublicStep))
}

// missing lists the steps that ended by a time and are not written down, those that
// follow one another as one query.
func (d *bookDay) missing(from, to, by time.Time) (list []counts.Query) {
	end := lastStep(from, to, by)
	for at := from; at.Before(end); at = at.Add(counts.PublicStep) {
		if d.Steps[at.UnixMilli()] != nil {
			continue
		}
		if n := len(list); n > 0 && list[n-1].To.Equal(at) {
			list[n-1].To = at.Add(counts.PublicStep)
			continue
		}
		list = append(list, counts.Query{From: at, To: at.Add(counts.PublicStep), Step: counts.PublicStep})
	}
	return list
}

// tooOld says whether a day ended so long ago that it is not begun any more.
func (*book) tooOld(to, now time.Time) bool { return to.AddDate(0, 0, opendata.Back+1).Before(now) }

func (d *bookDay) copy() *bookDay {
	return &bookDay{Threshold: d.Threshold, KeepDays: d.KeepDays, Steps: maps.Clone(d.Steps), Hours: maps.Clone(d.Hours), Day: d.Day, Closed: d.Closed}
}

func (b *book) path(key bookKey) string {
	return filepath.Join(b.dir, string(key.camera), key.day+".json")
}

func (b *book) open(key bookKey, d *bookDay) error {
	text, err := os.ReadFile(b.path(key))
	switch {
	case err == nil:
		err = json.Unmarshal(text, d)
	case errors.Is(err, os.ErrNotExist):
		err = nil
	default:
		return city.Errorf(city.Unavailable, "what was published of cameras cannot be read; see to the hub's disk: %w", err)
	}
	if err != nil {
		return fmt.Errorf("%s, which says what was published, cannot be read; put it back from a backup: %w", b.path(key), err)
	}
	if d.Steps == nil {
		d.Steps, d.Hours = map[int64][]bookCell{}, map[int64][]bookCell{}
	}
	d.read = true
	return nil
}

// extend writes down what may be published by now and was not.
func (b *book) extend(ctx context.Context, key bookKey, d *bookDay, from, to time.Time, closing bool, entry *console.Entry) error {
	l, err := b.h.Layout(ctx, key.camera)
	if err != nil {
		return err
	}
	now := b.h.now()
	next := d.copy()
	next.Threshold = max(d.Threshold, entry.Threshold)
	next.KeepDays = int(entry.Retention / (24 * time.Hour))
	rule := counts.Rule{Delay: entry.PublicDelay, Threshold: next.Threshold, Inside: console.Inside(l.Zones)}
	for _, q := range next.missing(from, to, now.Add(-entry.PublicDelay)) {
		all, err := b.h.Counts(ctx, key.camera, q)
		if err != nil {
			return err
		}
		next.addSteps(q, all, rule.Public(q, now, all))
	}
	if err := next.addSums(from, to, now.Add(-entry.PublicDelay), closing); err != nil {
		return err
	}
	next.Closed = closing && len(next.Steps) > 0
	blurred := next.blur(now.Add(-entry.PublicDelay - counts.Fine))
	if len(next.Steps) == len(d.Steps) && len(next.Hours) == len(d.Hours) && next.Closed == d.Closed && !blurred {
		return nil
	}
	text, err := json.Marshal(next)
	if err != nil {
		return err
	}
	err = os.MkdirAll(filepath.Dir(b.path(key)), 0o700)
	if err == nil {
		err = durable.WriteFile(b.path(key), text, 0o600)
	}
	if err != nil { // nothing is said that could not be remembered
		return city.Errorf(city.Unavailable, "what is published of cameras cannot be written down; see to the hub's disk: %w", err)
	}
	d.Threshold, d.KeepDays, d.Steps, d.Hours, d.Day, d.Closed = next.Threshold, next.KeepDays, next.Steps, next.Hours, next.Day, next.Closed
	return nil
}

// addSteps writes down the steps of which something was measured, each once and as a
// whole.
func (d *bookDay) addSteps(q counts.Query, all, public []counts.Series) {
	fresh := map[int64][]bookCell{}
	for _, p := range public {
		i := slices.IndexFunc(all, func(s counts.Series) bool {
			return s.Metric == p.Metric && s.Class == p.Class && s.Where == p.Where && s.Direction == p.Direction
		})
		for n, point := range p.Points {
			at := q.From.Add(time.Duration(n) * q.Step).UnixMilli()
			if point.Covered <= 0 || d.Steps[at] != nil {
				continue
			}
			cell := bookCell{Metric: p.Metric, Class: p.Class, Where: p.Where, Direction: p.Direction, Value: point.Value, Seen: point.Covered.Seconds(), Steps: 1}
			if point.Value == counts.Withheld {
				cell.Value, cell.Withheld = all[i].Points[n].Value, true
			}
			fresh[at] = append(fresh[at], cell)
		}
	}
	for at, cells := range fresh {
		slices.SortFunc(cells, compareCells)
		d.Steps[at] = cells
	}
}

// blur gives the numbers of an hour that are withheld the same value, series by series, once
// it ended before a time: what is remembered of them then tells no more than the archive
// (counts.Rule.Archive), and their sum stays. It says whether anything changed.
func (d *bookDay) blur(before time.Time) (changed bool) {
	type place struct{ at, n int }
	hours := map[int64]map[bookCell][]place{}
	times := sortedKeys(d.Steps)
	for i, at := range times {
		hour := at - at%time.Hour.Milliseconds()
		if time.UnixMilli(hour).Add(time.Hour).After(before) {
			continue
		}
		if hours[hour] == nil {
			hours[hour] = map[bookCell][]place{}
		}
		for n := range d.Steps[at] {
			if c := &d.Steps[at][n]; c.Withheld {
				hours[hour][c.series()] = append(hours[hour][c.series()], place{i, n})
			}
		}
	}
	for _, series := range hours {
		for s, places := range series {
			values, weights := make([]float64, len(places)), make([]float64, len(places))
			for i, p := range places {
				c := d.Steps[times[p.at]][p.n]
				values[i], weights[i] = c.Value, c.Seen
			}
			if counts.IsMean(s.Metric) {
				counts.ShareMean(values, weights)
			} else {
				counts.ShareSum(values)
			}
			for i, p := range places {
				cells := d.Steps[times[p.at]]
				if math.Abs(cells[p.n].Value-values[i]) > 1e-9 {
					cells = slices.Clone(cells) // others may read these
					cells[p.n].Value, changed = values[i], true
					d.Steps[times[p.at]] = cells
				}
			}
		}
	}
	return changed
}

// addSums decides on sums: of an hour when all of its steps are written down, of
// whatever is left and of the day when the day is closed.
func (d *bookDay) addSums(from, to, public time.Time, closing bool) error {
	for hour := from; hour.Before(to); hour = hour.Add(time.Hour) {
		at := hour.UnixMilli()
		if _, done := d.Hours[at]; done {
			continue
		}
		steps := 0
		for s := hour; s.Before(hour.Add(time.Hour)); s = s.Add(counts.PublicStep) {
			if len(d.Steps[s.UnixMilli()]) > 0 {
				steps++
			}
		}
		whole := steps == int(time.Hour/counts.PublicStep) && !hour.Add(time.Hour).After(public)
		if steps == 0 || (!whole && !closing) {
			continue
		}
		cells, err := d.sum(at, time.Hour)
		if err != nil {
			return err
		}
		d.Hours[at] = cells
	}
	if !closing || len(d.Steps) == 0 {
		return nil
	}
	var err error
	d.Day, err = d.sum(from.UnixMilli(), to.Sub(from))
	return err
}

// sum adds every series up over an interval, and withholds sums that would reveal a
// number that is withheld.
func (d *bookDay) sum(at int64, length time.Duration) ([]bookCell, error) {
	inside := func(t int64) bool { return t >= at && t < at+length.Milliseconds() }
	bySeries := map[bookCell]*bookCell{}
	var order []bookCell
	for _, t := range sortedKeys(d.Steps) {
		if !inside(t) {
			continue
		}
		for _, c := range d.Steps[t] {
			key := c.series()
			s := bySeries[key]
			if s == nil {
				s = &bookCell{Metric: c.Metric, Class: c.Class, Where: c.Where, Direction: c.Direction}
				bySeries[key] = s
				order = append(order, key)
			}
			s.take(&c)
		}
	}
	slices.SortFunc(order, compareCells)
	out := make([]bookCell, 0, len(order))
	for _, key := range order {
		s := bySeries[key]
		if !counts.IsMean(s.Metric) {
			withheld, err := d.reveals(key, inside, int(math.Round(s.Value)))
			if err != nil {
				return nil, err
			}
			s.Withheld = withheld
		}
		out = append(out, *s)
	}
	return out, nil
}

// take adds a step. A mean is one of published numbers, and none if one of them is
// withheld: so it tells nothing that they do not.
func (c *bookCell) take(o *bookCell) {
	if counts.IsMean(c.Metric) {
		c.Value += (o.Value - c.Value) * o.Seen / (c.Seen + o.Seen)
		c.Withheld = c.Withheld || o.Withheld
	} else {
		c.Value += math.Round(o.Value)
	}
	c.Seen += o.Seen
	c.Steps++
}

// reveals says whether the sum of a series over an interval has to be withheld, beside
// its steps and hours that were published.
func (d *bookDay) reveals(key bookCell, inside func(int64) bool, total int) (bool, error) {
	var t suppress.Table
	add := func(c bookCell, given bool) int {
		t.Cells = append(t.Cells, suppress.Cell{Value: int(math.Round(c.Value)), Given: given, Withheld: c.Withheld})
		return len(t.Cells) - 1
	}
	in := map[int64]int{} // index of each step
	var all suppress.Sum
	for _, at := range sortedKeys(d.Steps) {
		if i := slices.IndexFunc(d.Steps[at], func(c bookCell) bool { return c.series() == key }); i >= 0 && inside(at) {
			in[at] = add(d.Steps[at][i], true)
			all.Parts = append(all.Parts, in[at])
		}
	}
	for _, hour := range sortedKeys(d.Hours) {
		i := slices.IndexFunc(d.Hours[hour], func(c bookCell) bool { return c.series() == key })
		if i < 0 || !inside(hour) {
			continue
		}
		s := suppress.Sum{}
		for at := hour; at < hour+time.Hour.Milliseconds(); at += counts.PublicStep.Milliseconds() {
			if n, ok := in[at]; ok {
				s.Parts = append(s.Parts, n)
			}
		}
		s.Total = add(d.Hours[hour][i], true)
		t.Sums = append(t.Sums, s)
	}
	all.Total = add(bookCell{Value: float64(total)}, false)
	t.Sums = append(t.Sums, all)
	withheld, _, err := suppress.Protect(t, d.Threshold)
	if err != nil {
		return true, err
	}
	return withheld[all.Total], nil
}

func sortedKeys(m map[int64][]bookCell) []int64 {
	keys := make([]int64, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// run writes down what becomes public, whether anybody asks for it or not, and removes
// what is not kept any longer.
func (b *book) run(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		if err := b.round(ctx); err != nil && ctx.Err() == nil {
			b.h.log.Error("what is published of cameras could not be written down; it is tried again in a minute", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (b *book) round(ctx context.Context) error {
	var errs []error
	now := b.h.now().In(b.h.about.Zone)
	for _, c := range b.h.all() {
		from := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
		for _, start := range []time.Time{from.AddDate(0, 0, -1), from} {
			_, err := b.day(ctx, c.name, start, start.AddDate(0, 0, 1), false)
			errs = append(errs, err)
		}
	}
	if now.Sub(b.swept) >= time.Hour {
		b.swept = now
		errs = append(errs, b.forget(now))
	}
	return errors.Join(errs...)
}

// forget removes days as each camera's entry says, or said when it was still there.
func (b *book) forget(now time.Time) error {
	files, err := filepath.Glob(filepath.Join(b.dir, "*", "*.json"))
	if err != nil {
		return err
	}
	for _, name := range files {
		day, err := time.ParseInLocation(time.DateOnly+".json", filepath.Base(name), now.Location())
		if err != nil {
			continue
		}
		key := bookKey{city.Slug(filepath.Base(filepath.Dir(name))), day.Format(time.DateOnly)}
		keep, err := b.keepDays(key)
		if err != nil {
			return err
		}
		if day.AddDate(0, 0, keep+1).After(now) {
			continue
		}
		b.mu.Lock()
		delete(b.kept, key)
		b.mu.Unlock()
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (b *book) keepDays(key bookKey) (int, error) {
	if c, err := b.h.camera(key.camera); err == nil {
		return int(c.view().Entry.Retention / (24 * time.Hour)), nil
	}
	var d bookDay
	err := b.open(key, &d)
	return d.KeepDays, err
}
