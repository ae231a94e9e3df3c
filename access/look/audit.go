package look

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"polity/access"
	"polity/city"
)

// Query says which details somebody wants. Empty fields ask for all.
type Query struct {
	From, To string // days, 2026-11-30, both included
	Who      string
	Name     city.Slug // of a camera or service
	Body     city.Slug
	Purpose  city.Slug
}

// String is the query as the book keeps it.
func (q Query) String() string {
	v := url.Values{}
	for name, text := range map[string]string{"from": q.From, "to": q.To, "who": q.Who, "name": string(q.Name), "body": string(q.Body), "purpose": string(q.Purpose)} {
		if text != "" {
			v.Set(name, text)
		}
	}
	return v.Encode()
}

func (q Query) check() error {
	if !isDay(q.From) || !isDay(q.To) || q.To < q.From {
		return city.Errorf(city.Invalid, "say from which day to which, such as from=2026-11-01 and to=2026-11-30")
	}
	if next(q.From, daysMost) <= q.To {
		return city.Errorf(city.TooLarge, "details are shown for %d days at a time; ask for less", daysMost)
	}
	if !plain(q.Who) {
		return city.Errorf(city.Invalid, "there is nobody with such an ID")
	}
	for _, name := range []city.Slug{q.Name, q.Body, q.Purpose} {
		if name != "" {
			if err := name.Check(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (q Query) wants(l *Detail) bool {
	return (q.Who == "" || q.Who == l.Who) && (q.Name == "" || q.Name == l.Name) && (q.Body == "" || q.Body == l.Body) && (q.Purpose == "" || q.Purpose == l.Purpose)
}

// Bounds of one answer.
const (
	daysMost    = 366
	detailsMost = 50_000
)

// Details are what an auditor reads.
type Details struct {
	Looks []Detail // the latest first
	Reads []Reading
	Flags []Flag
	// Kept is the oldest day of which details are kept; empty: none.
	Kept string
}

// Details reads the book. That somebody reads is written down first; after an error
// nothing may be shown.
func (b *Book) Details(ctx context.Context, by access.Who, q Query) (*Details, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	if by.ID == "" || by.Session == "" || !plain(by.ID) || !plain(by.Session) || by.Body.Check() != nil {
		return nil, city.Errorf(city.Forbidden, "who reads the details must be signed in, with a body that they work for")
	}
	if err := b.do(ctx, &task{read: &read{by.ID, by.Body, by.Session, q.String()}}); err != nil {
		return nil, err
	}
	days, err := daysIn(b.cfg.Dir)
	if err != nil {
		return nil, err
	}
	out := &Details{}
	if len(days) > 0 {
		out.Kept = days[0]
	}
	for _, day := range slices.Backward(days) {
		if day < q.From || day > q.To {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := b.detailsOf(day, q, out); err != nil {
			return nil, err
		}
		if len(out.Looks) > detailsMost {
			return nil, city.Errorf(city.TooLarge, "these are more than %d looks; ask for fewer days, or for one camera, body or person", detailsMost)
		}
	}
	return out, nil
}

func (b *Book) detailsOf(day string, q Query, out *Details) error {
	b.mu.Lock()
	if day == b.today.day {
		out.take(b.today, q)
		b.mu.Unlock()
		return nil
	}
	p, published := b.chain.day(day)
	before, _ := b.chain.day(next(day, -1))
	b.mu.Unlock()
	d, err := readDetails(b.cfg.Dir, day, before.Head, before.Until.Time)
	if err == nil && d.size > 0 && (!published || d.head != p.Head) { // size 0: it was removed this moment
		err = fmt.Errorf("details of %s are not those that were published", day)
	}
	if err != nil {
		return altered(err)
	}
	out.take(d, q)
	return nil
}

func (o *Details) take(d *details, q Query) {
	for _, l := range slices.Backward(d.looks) {
		if q.wants(l) {
			o.Looks = append(o.Looks, *l)
		}
	}
	for _, r := range slices.Backward(d.reads) {
		if q.Who == "" || q.Who == r.Who {
			o.Reads = append(o.Reads, r)
		}
	}
	for _, f := range slices.Backward(d.flags) {
		if q.Who == "" || q.Who == f.Who {
			o.Flags = append(o.Flags, f)
		}
	}
}

// Days are the days that everyone may know of, the oldest first, and the one that goes on,
// which is published when it ends.
func (b *Book) Days(ctx context.Context) (days []Published, today string, until time.Time) {
	b.mu.Lock()
	due := !b.now().Before(b.calendar.until(b.today.day))
	b.mu.Unlock()
	if due {
		_ = b.Tick(ctx) // what could not be published is not in the answer
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clip(b.chain.days), b.today.day, b.calendar.until(b.today.day)
}

// Chain is the public lines.
func (b *Book) Chain() (io.ReadCloser, error) {
	b.mu.Lock()
	size := b.chain.size
	b.mu.Unlock()
	if size == 0 {
		return io.NopCloser(strings.NewReader("")), nil
	}
	f, err := os.Open(filepath.Join(b.cfg.Dir, chainName))
	if err != nil {
		return nil, city.Errorf(city.Unavailable, "the public counts of looks cannot be read; see to the hub's disk: %w", err)
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(f, size), f}, nil
}

// Purposes are those that a look can be for.
func (b *Book) Purposes() []access.Purpose { return b.cfg.Purposes }

// Settings are the city's rules, with defaults filled in.
func (b *Book) Settings() Settings { return b.cfg.Settings }
