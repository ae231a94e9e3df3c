package look

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"time"

	"polity/city"
)

// Published is a day that everyone may know of, with its counts in their order.
type Published struct {
	Day
	Of []Count
}

func compareCounts(a, b Count) int {
	return cmp.Or(cmp.Compare(a.On, b.On), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Do, b.Do), cmp.Compare(a.Body, b.Body), cmp.Compare(a.Purpose, b.Purpose))
}

// chain is the public lines.
type chain struct {
	size int64
	head Hash
	days []Published
	open []Count // of a day that no line has closed
	book bool    // the first line was read
	safe int64   // size after the first line, or after the last day
}

// read takes more lines. A day that is not closed stays in open.
func (c *chain) read(data []byte) error {
	return eachLine(data, func(_ int, line []byte) error {
		var e entry
		if err := decode(line, &e); err != nil {
			return err
		}
		if e.Prev != c.head {
			return errors.New("it does not follow the line before: one of them was changed, dropped, added or moved")
		}
		if err := c.take(&e); err != nil {
			return err
		}
		c.head, c.size = hashOf(line), c.size+int64(len(line))
		if e.Count == nil {
			c.safe = c.size
		}
		return nil
	})
}

func (c *chain) take(e *entry) error {
	switch {
	case (e.Book != nil) == c.book:
		return errors.New("the first line, and no other, says what book it is")
	case e.Book != nil && *e.Book != title{format}:
		return fmt.Errorf("its format is %q, which a later version wrote; this one knows %s", short(e.Book.Format), format)
	case (e.Count != nil) && (e.Day != nil):
		return errors.New("it says several things")
	case e.Book != nil:
		c.book = true
		return nil
	case e.Count != nil:
		return c.takeCount(*e.Count)
	case e.Day != nil:
		return c.takeDay(*e.Day)
	}
	return errors.New("it says nothing")
}

func (c *chain) takeCount(n Count) error {
	like := begun{Salt: string(bytes.Repeat([]byte("0"), 32)), Who: "0", Session: "0", Kind: person, Body: n.Body, Purpose: n.Purpose, Do: n.Do, On: n.On, Name: n.Name}
	if err := like.check(); err != nil {
		return err
	}
	last := len(c.open) - 1
	switch {
	case n.Looks < 1 || n.Minutes < n.Looks:
		return errors.New("each count has looks, and each look a minute at least")
	case last >= 0 && (c.open[last].Day != n.Day || compareCounts(c.open[last], n) >= 0):
		return errors.New("counts stand in another order, or one stands twice")
	}
	c.open = append(c.open, n)
	return nil
}

func (c *chain) takeDay(d Day) error {
	looks := 0
	for _, n := range c.open {
		if n.Day != d.Day {
			return fmt.Errorf("counts of %s are closed by %s", n.Day, d.Day)
		}
		looks += n.Looks
	}
	switch {
	case !isDay(d.Day) || !d.From.Before(d.Until.Time):
		return errors.New("it names no day")
	case looks != d.Looks || len(c.open) != d.Counts:
		return fmt.Errorf("it closes %d counts of %d looks, and there are %d of %d", d.Counts, d.Looks, len(c.open), looks)
	}
	if n := len(c.days); n > 0 {
		if last := c.days[n-1]; d.Day != next(last.Day.Day, 1) || !d.From.Equal(last.Until.Time) {
			return fmt.Errorf("it is of %s, and does not follow %s", d.Day, last.Day.Day)
		}
	}
	c.days = append(c.days, Published{d, c.open})
	c.open = nil
	return nil
}

// lines are those that publish a day after the chain so far.
func (c *chain) lines(d Day, counts []Count) []byte {
	var out []byte
	head := c.head
	add := func(e entry) {
		e.Prev = head
		line := encode(e)
		head, out = hashOf(line), append(out, line...)
	}
	if !c.book {
		add(entry{Book: &title{format}})
	}
	for _, n := range counts {
		add(entry{Count: &n})
	}
	add(entry{Day: &d})
	return out
}

// last is the last day that is published.
func (c *chain) last() (Day, bool) {
	if n := len(c.days); n > 0 {
		return c.days[n-1].Day, true
	}
	return Day{}, false
}

// day finds a published day.
func (c *chain) day(name string) (Published, bool) {
	if len(c.days) == 0 || !isDay(name) {
		return Published{}, false
	}
	first, _ := time.Parse(time.DateOnly, c.days[0].Day.Day)
	asked, _ := time.Parse(time.DateOnly, name)
	if i := int(asked.Sub(first).Hours() / 24); i >= 0 && i < len(c.days) {
		return c.days[i], true
	}
	return Published{}, false
}

// altered is the error of a book that cannot be trusted.
func altered(err error) error {
	return city.Errorf(city.Unavailable, "the book of looks was changed or is damaged, and nobody can look until it is put back from a backup; 'polity looks verify' says where: %w", err)
}
