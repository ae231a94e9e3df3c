package look

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"polity/access"
)

// load reads what is on the disk, puts right what a crash left half done, and ends the
// looks that went on.
func (b *Book) load() error {
	if err := b.loadChain(); err != nil {
		return err
	}
	days, err := daysIn(b.cfg.Dir)
	if err != nil {
		return err
	}
	day, head, since := b.dayThatGoesOn(days)
	if n := len(days); n > 0 && days[n-1] > day {
		return altered(fmt.Errorf("there are details of %s, and nothing was published of %s", days[n-1], day))
	}
	if err := b.loadRecent(days); err != nil {
		return err
	}
	if _, err := b.mend(detailsPath(b.cfg.Dir, day)); err != nil {
		return err
	}
	if b.today, err = readDetails(b.cfg.Dir, day, head, since); err != nil {
		return altered(err)
	}
	b.clock = b.today.at
	return b.endOrphans()
}

func (b *Book) loadChain() error {
	path := filepath.Join(b.cfg.Dir, chainName)
	data, err := b.mend(path)
	if err != nil {
		return err
	}
	b.chain = &chain{}
	if err := b.chain.read(data); err != nil {
		return altered(fmt.Errorf("%s: %w", path, err))
	}
	if safe := b.chain.safe; b.chain.size > safe { // a day that was being published; it is again
		if err := b.cfg.disk.Cut(path, safe); err != nil {
			return fmt.Errorf("book of looks: %w", err)
		}
		b.chain = &chain{}
		return b.chain.read(data[:safe])
	}
	return nil
}

// mend cuts off what was being written when the machine stopped. It is kept beside, so
// that nothing goes unseen.
func (b *Book) mend(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("book of looks: %w", err)
	}
	n := whole(data)
	if n == len(data) {
		return data, nil
	}
	beside := fmt.Sprintf("%s.cut-%d", path, n)
	if err := os.WriteFile(beside, data[n:], 0o600); err != nil {
		return nil, fmt.Errorf("book of looks: %w", err)
	}
	if err := b.cfg.disk.Cut(path, int64(n)); err != nil {
		return nil, fmt.Errorf("book of looks: %w", err)
	}
	b.log.Warn("the book of looks ended in a line that was not written to its end; it was cut off and is kept beside", slog.String("file", beside), slog.Int("bytes", len(data)-n))
	return data[:n], nil
}

// daysIn lists the days of which details are kept, the oldest first.
func daysIn(dir string) (days []string, err error) {
	list, err := os.ReadDir(detailsDir(dir))
	if err != nil {
		return nil, fmt.Errorf("book of looks: %w", err)
	}
	for _, f := range list {
		if day, ok := strings.CutSuffix(f.Name(), ".jsonl"); ok && isDay(day) {
			days = append(days, day)
		}
	}
	slices.Sort(days)
	return days, nil
}

// dayThatGoesOn is the day that goes on, what its first line follows, and since when.
func (b *Book) dayThatGoesOn(days []string) (day string, head Hash, since time.Time) {
	if last, ok := b.chain.last(); ok {
		return next(last.Day, 1), last.Head, last.Until.Time
	}
	day = b.calendar.of(b.cfg.Now())
	if len(days) > 0 {
		day = days[0]
	}
	return day, Hash{}, time.Time{}
}

// loadRecent reads the days that heavy looking is judged by.
func (b *Book) loadRecent(days []string) error {
	n := len(b.chain.days)
	for i := max(0, n-b.cfg.Settings.Heavy.Days+1); i < n; i++ {
		d := b.chain.days[i].Day
		head, since := b.chain.before(i)
		if d.Head != head && !slices.Contains(days, d.Day) {
			b.log.Error("details of looks are missing; 'polity looks verify' says whether they were removed in order", slog.String("day", d.Day))
			continue
		}
		t, err := readDetails(b.cfg.Dir, d.Day, head, since)
		if err == nil && t.head != d.Head {
			err = fmt.Errorf("details of %s are not those that were published", d.Day)
		}
		if err != nil {
			return altered(err)
		}
		b.recent = append(b.recent, tallyOf(t))
	}
	return nil
}

// before is what the first line of details of a published day follows, and since when.
func (c *chain) before(i int) (Hash, time.Time) {
	if i == 0 {
		return Hash{}, time.Time{}
	}
	return c.days[i-1].Head, c.days[i-1].Until.Time
}

// endOrphans ends looks that went on when the program stopped, where they were last noted.
func (b *Book) endOrphans() error {
	now, until := b.now(), at(b.calendar.until(b.today.day)).Time
	if now.After(until) {
		now = until
	}
	if now.Before(b.today.at) {
		now = b.today.at
	}
	x := b.begin(now)
	for _, l := range b.today.looks {
		if l.Ended.IsZero() {
			x.add(record{End: &end{l.Look, at(l.noted), restart}})
		} else if l.On == access.ACamera && now.Sub(l.Begun.Time) < time.Hour {
			b.cams[l.Who] = append(b.cams[l.Who], sighting{l.Begun.Time, l.Name})
		}
	}
	if err := x.commit(); err != nil {
		return fmt.Errorf("book of looks: %w", err)
	}
	return nil
}
