package look

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"polity/access"
)

// details is one day of details as its lines say, in their order.
type details struct {
	day   string
	first Hash      // that the first line follows
	since time.Time // before which no line is
	size  int64
	head  Hash  // of the last line, or first
	n     int64 // of the last line
	at    time.Time
	looks []*Detail
	reads []Reading
	flags []Flag
	gone  []removed
	byN   map[int64]*Detail
	open  map[int64]*Detail // have not ended
}

// follow begins a day after another's last line.
func follow(day string, head Hash, since time.Time) *details {
	return &details{day: day, first: head, since: since, head: head, at: since, byN: map[int64]*Detail{}, open: map[int64]*Detail{}}
}

// readDetails reads a day's file, which may be missing.
func readDetails(dir, day string, head Hash, since time.Time) (*details, error) {
	d := follow(day, head, since)
	data, err := os.ReadFile(detailsPath(dir, day))
	if errors.Is(err, os.ErrNotExist) {
		return d, nil
	}
	if err != nil {
		return nil, err
	}
	if err := d.read(data); err != nil {
		return nil, fmt.Errorf("%s: %w", detailsPath(dir, day), err)
	}
	return d, nil
}

func (d *details) read(data []byte) error {
	return eachLine(data, func(_ int, line []byte) error {
		var r record
		if err := decode(line, &r); err != nil {
			return err
		}
		return d.add(&r, line)
	})
}

// add takes the next line, or says why it cannot be the next.
func (d *details) add(r *record, line []byte) error {
	switch {
	case r.Prev != d.head:
		return errors.New("it does not follow the line before: one of them was changed, dropped, added or moved")
	case r.N != d.n+1:
		return fmt.Errorf("its number is %d, not %d", r.N, d.n+1)
	case r.At.Before(d.at):
		return errors.New("it is of an earlier time than the line before")
	case r.parts() != 1:
		return errors.New("it says none or several things")
	}
	if err := d.take(r); err != nil {
		return err
	}
	d.head, d.n, d.at, d.size = hashOf(line), r.N, r.At.Time, d.size+int64(len(line))
	return nil
}

func (d *details) take(r *record) error {
	switch {
	case r.Look != nil:
		if err := r.Look.check(); err != nil {
			return err
		}
		l := r.Look
		v := &Detail{
			Salt: l.Salt, Look: r.N, Continues: l.Continues, Who: l.Who, Kind: l.Kind, Session: l.Session, Body: l.Body, Roles: l.Roles, Purpose: l.Purpose,
			Do: l.Do, On: l.On, Name: l.Name, From: l.From, To: l.To, Begun: r.At, noted: r.At.Time,
		}
		d.looks, d.byN[r.N], d.open[r.N] = append(d.looks, v), v, v
	case r.Again != nil:
		l, err := d.going(r.Again.Look)
		if err != nil {
			return err
		}
		l.From, l.To, l.noted = r.Again.From, r.Again.To, r.At.Time
	case r.Seen != nil:
		for _, n := range r.Seen.But {
			if _, err := d.going(n); err != nil {
				return err
			}
		}
		for n, l := range d.open {
			if !slices.Contains(r.Seen.But, n) {
				l.noted = r.At.Time
			}
		}
	case r.End != nil:
		l, err := d.going(r.End.Look)
		switch {
		case err != nil:
			return err
		case r.End.At.Before(l.noted) || r.End.At.After(r.At.Time):
			return errors.New("a look ends before it was last noted, or later than it is said")
		case !slices.Contains([]string{left, overDay, restart}, r.End.Why):
			return fmt.Errorf("a look ends for %q", r.End.Why)
		}
		l.Ended, l.Why = r.End.At, r.End.Why
		delete(d.open, l.Look)
	case r.Read != nil:
		d.reads = append(d.reads, Reading{r.At.Time, r.Read.Who, r.Read.Body, r.Read.Session, r.Read.About})
	case r.Flag != nil:
		f := *r.Flag
		f.At = r.At
		d.flags = append(d.flags, f)
	default:
		d.gone = append(d.gone, *r.Removed)
	}
	return nil
}

func (d *details) going(n int64) (*Detail, error) {
	l := d.open[n]
	if l == nil {
		return nil, fmt.Errorf("look %d did not begin that day, or was over", n)
	}
	return l, nil
}

func (b *begun) check() error {
	for _, name := range []interface{ Check() error }{b.Body, b.Purpose, b.Name} {
		if err := name.Check(); err != nil {
			return err
		}
	}
	switch {
	case !b.Do.IsLook() || (b.Do == access.LookData) != (b.On == access.AService) || (b.On != access.ACamera && b.On != access.AService):
		return fmt.Errorf("%s at a %s is no look", b.Do, b.On)
	case len(b.Salt) != 32 || b.Who == "" || b.Session == "" || (b.Kind != person && b.Kind != program):
		return errors.New("salt, who, kind or session is missing")
	}
	return nil
}

// Kinds of those who look.
const (
	person  = "person"
	program = "program"
)

// flagged says whether a day has a person's flag by a rule.
func (d *details) flagged(who string, rule Rule) bool {
	return slices.ContainsFunc(d.flags, func(f Flag) bool { return f.Who == who && f.Rule == rule })
}

// sums are a day's counts and the root of its looks, all of which are over.
func (d *details) sums() ([]Count, Hash, error) {
	var counts []Count
	leaves := make([]Hash, 0, len(d.looks))
	for _, l := range d.looks {
		if l.Ended.IsZero() {
			return nil, Hash{}, fmt.Errorf("look %d is not over, but its day is", l.Look)
		}
		leaves = append(leaves, leaf(l))
		c := Count{Day: d.day, On: l.On, Name: l.Name, Do: l.Do, Body: l.Body, Purpose: l.Purpose}
		i, there := slices.BinarySearchFunc(counts, c, compareCounts)
		if !there {
			counts = slices.Insert(counts, i, c)
		}
		counts[i].Looks++
		counts[i].Minutes += l.Minutes()
	}
	return counts, root(leaves), nil
}
