package look

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"polity/access"
	"polity/city"
)

// batch is lines of today's details that become durable together or not at all.
type batch struct {
	b     *Book
	at    time.Time
	size  int64 // of the file before
	lines []byte
	undo  []func()
	err   error
}

func (b *Book) begin(at time.Time) *batch { return &batch{b: b, at: at, size: b.today.size} }

// add says one more thing.
func (x *batch) add(r record) {
	r.Prev, r.N, r.At = x.b.today.head, x.b.today.n+1, at(x.at)
	line := encode(&r)
	if err := x.b.today.add(&r, line); err != nil && x.err == nil {
		x.err = fmt.Errorf("the book of looks would have been given a line that it refuses: %w", err)
	}
	x.lines = append(x.lines, line...)
}

// change remembers what a look that goes on was, in case the batch fails.
func (x *batch) change(g *going) {
	was := *g
	x.undo = append(x.undo, func() { *g = was })
}

// commit makes the lines durable. After an error everything is as it was before the batch,
// or, if nobody knows what is on the disk, the book is broken.
func (x *batch) commit() error {
	b, err := x.b, x.err
	if err == nil && len(x.lines) == 0 {
		return nil
	}
	path := detailsPath(b.cfg.Dir, b.today.day)
	if err == nil {
		err = b.append(path, x.size, x.lines)
	}
	if err == nil {
		return nil
	}
	for _, undo := range slices.Backward(x.undo) {
		undo()
	}
	was, again := readDetails(b.cfg.Dir, b.today.day, b.today.first, b.today.since)
	switch {
	case again != nil:
		b.broken = errors.Join(b.broken, again)
	case was.size != x.size:
		b.broken = errors.Join(b.broken, fmt.Errorf("%s has %d bytes, not %d", path, was.size, x.size))
	default:
		b.relink(was)
	}
	return err
}

// relink takes today's details as they were read again.
func (b *Book) relink(d *details) {
	for _, g := range b.going {
		if l := d.byN[g.of.Look]; g.day == d.day && l != nil {
			g.of = l
		}
	}
	b.today = d
}

// append writes to a file, and takes back what a failure left of it.
func (b *Book) append(path string, size int64, data []byte) error {
	err := b.cfg.disk.Append(path, size, data)
	if err == nil {
		return nil
	}
	if errors.Is(err, errSync) {
		b.broken = err
		return err
	}
	if cut := b.cfg.disk.Cut(path, size); cut != nil {
		b.broken = cut
		return errors.Join(err, cut)
	}
	return err
}

// commit is the writer of the queue.
func (b *Book) commit(group []*task) error {
	tell, err := b.write(group)
	if b.cfg.Flag != nil {
		for _, f := range tell {
			b.cfg.Flag(f)
		}
	}
	return err
}

// write commits a group, and returns the flags that are in the book since the last call.
func (b *Book) write(group []*task) (tell []Flag, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer func() { tell, b.tell = b.tell, nil }()
	if b.broken != nil {
		return nil, fmt.Errorf("the hub must be started again: %w", b.broken)
	}
	now := b.now()
	if err := b.turn(now); err != nil {
		return nil, err
	}
	x := b.begin(now)
	ticks := false
	for _, t := range group {
		switch {
		case t.look != nil:
			t.opened = x.record(t.look)
		case t.read != nil:
			x.add(record{Read: t.read})
		default:
			ticks = true
		}
	}
	if ticks {
		x.note()
	}
	if err := x.commit(); err != nil {
		return nil, err
	}
	for _, t := range group {
		if t.opened != nil {
			t.gone = t.opened.gone
		}
	}
	if ticks {
		return nil, b.forget()
	}
	return nil, nil
}

// record opens a look: a new one, or one that goes on or was over a moment ago.
func (x *batch) record(l *Look) *going {
	key := sameness{l.Who.Session, l.Do, l.On.Kind, city.Slug(l.On.ID), l.Purpose}
	from, to := at(l.From), at(l.To)
	g := x.b.going[key]
	if g != nil && g.open == 0 && x.at.Sub(g.ended) > grace {
		x.over(key, g, g.ended, left)
		g = nil
	}
	if g == nil {
		return x.fresh(key, l, from, to)
	}
	x.change(g)
	g.open++
	wider := !from.IsZero() && (g.of.From.IsZero() || from.Before(g.of.From.Time) || to.After(g.of.To.Time))
	if g.open > 1 && !wider && !g.isGone && x.at.Sub(g.noted) < grace {
		return g
	}
	if g.isGone {
		g.gone, g.isGone = make(chan struct{}), false
	}
	if !from.IsZero() && !g.of.From.IsZero() {
		from, to = earlier(from, g.of.From), later(to, g.of.To)
	}
	if from.IsZero() {
		from, to = g.of.From, g.of.To
	}
	x.add(record{Again: &again{g.of.Look, from, to}})
	g.noted = x.at
	return g
}

func earlier(a, b Stamp) Stamp {
	if a.Before(b.Time) {
		return a
	}
	return b
}

func later(a, b Stamp) Stamp {
	if a.After(b.Time) {
		return a
	}
	return b
}

func (x *batch) fresh(key sameness, l *Look, from, to Stamp) *going {
	kind := person
	if l.Who.Kind == access.Program {
		kind = program
	}
	x.add(record{Look: &begun{
		Salt: newSalt(), Who: l.Who.ID, Kind: kind, Session: l.Who.Session, Body: l.Who.Body, Roles: slices.Clone(l.Who.Roles), Purpose: l.Purpose,
		Do: l.Do, On: l.On.Kind, Name: city.Slug(l.On.ID), From: from, To: to,
	}})
	g := &going{of: x.last(), day: x.b.today.day, open: 1, noted: x.at, gone: make(chan struct{})}
	x.put(key, g)
	x.wide(g.of)
	return g
}

// last is the look that was just begun.
func (x *batch) last() *Detail {
	if n := len(x.b.today.looks); n > 0 {
		return x.b.today.looks[n-1]
	}
	return &Detail{} // it was refused, and the batch fails
}

func (x *batch) put(key sameness, g *going) {
	was := x.b.going[key]
	x.b.going[key] = g
	x.undo = append(x.undo, func() {
		if delete(x.b.going, key); was != nil {
			x.b.going[key] = was
		}
	})
}

// over ends a look for good.
func (x *batch) over(key sameness, g *going, when time.Time, why string) {
	x.add(record{End: &end{g.of.Look, at(when), why}})
	delete(x.b.going, key)
	x.undo = append(x.undo, func() { x.b.going[key] = g })
}

// note says which looks go on, and which were over a minute ago.
func (x *batch) note() {
	var goesOn seen
	any := false
	for _, key := range x.b.keys() {
		switch g := x.b.going[key]; {
		case g.open > 0:
			any = true
			x.change(g)
			g.noted = x.at
		case x.at.Sub(g.ended) > grace:
			x.over(key, g, g.ended, left)
		default:
			goesOn.But = append(goesOn.But, g.of.Look)
		}
	}
	if any {
		x.add(record{Seen: &goesOn})
	}
}

// keys are the looks that are not over for good, in the order of their beginning.
func (b *Book) keys() []sameness {
	return slices.SortedFunc(maps.Keys(b.going), func(x, y sameness) int { return int(b.going[x].of.Look - b.going[y].of.Look) })
}

// turn closes days that are over and publishes them. What failed halfway is gone on with
// at the next call.
func (b *Book) turn(now time.Time) error {
	for {
		if err := b.beginAnew(); err != nil {
			return err
		}
		until := at(b.calendar.until(b.today.day)).Time
		if now.Before(until) {
			return nil
		}
		if err := b.endDay(until); err != nil {
			return err
		}
		if err := b.publish(until); err != nil {
			return err
		}
		b.recent = append(b.recent, tallyOf(b.today))
		if n := len(b.recent) - b.cfg.Settings.Heavy.Days; n > 0 {
			b.recent = slices.Delete(b.recent, 0, n)
		}
		b.today = follow(next(b.today.day, 1), b.today.head, until)
	}
}

// endDay ends the day's looks; those that were seen at its end begin anew after it.
func (b *Book) endDay(until time.Time) error {
	x := b.begin(until)
	for _, key := range b.keys() {
		switch g := b.going[key]; {
		case g.anew:
		case g.open == 0 && !g.ended.After(until):
			x.over(key, g, g.ended, left)
		default:
			x.change(g)
			x.add(record{End: &end{g.of.Look, at(until), overDay}})
			g.anew = true
		}
	}
	x.many()
	return x.commit()
}

// beginAnew begins the looks that went on when their day ended.
func (b *Book) beginAnew() error {
	x := b.begin(b.today.since)
	for _, key := range b.keys() {
		g := b.going[key]
		if !g.anew || g.day == b.today.day {
			continue
		}
		x.change(g)
		o := g.of
		x.add(record{Look: &begun{
			Salt: newSalt(), Continues: o.Look, Who: o.Who, Kind: o.Kind, Session: o.Session, Body: o.Body, Roles: o.Roles, Purpose: o.Purpose,
			Do: o.Do, On: o.On, Name: o.Name, From: o.From, To: o.To,
		}})
		g.of, g.day, g.anew, g.noted = x.last(), b.today.day, false, x.at
	}
	return x.commit()
}

// publish adds today to the chain.
func (b *Book) publish(until time.Time) error {
	counts, root, err := b.today.sums()
	if err != nil {
		return err
	}
	from := at(b.calendar.until(next(b.today.day, -1)))
	if last, ok := b.chain.last(); ok {
		from = last.Until
	}
	d := Day{Day: b.today.day, From: from, Until: at(until), Counts: len(counts), Root: root, Head: b.today.head}
	for _, n := range counts {
		d.Looks += n.Looks
	}
	lines := b.chain.lines(d, counts)
	if err := b.append(filepath.Join(b.cfg.Dir, chainName), b.chain.size, lines); err != nil {
		return err
	}
	if err := b.chain.read(lines); err != nil {
		b.broken = err
		return err
	}
	b.log.Info("looks of a day are published", slog.String("day", d.Day), slog.Int("looks", d.Looks))
	return nil
}
