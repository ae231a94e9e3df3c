package console

import (
	"fmt"
	"math"
	"net/url"
	"strings"
	"time"

	"polity/camera/wire"
	"polity/city"
	"polity/console/counts"
	"polity/console/frame"
)

// lookStep is the step in which people with the right to look see counts.
const lookStep = counts.PublicStep

// day is one day of one camera as the one who asks may see it.
type day struct {
	from, to time.Time // midnights
	latest   time.Time // the last moment that can be shown
	at       time.Time // the moment asked for, zero for the newest
	query    counts.Query
	series   []counts.Series
}

const (
	dayForm  = "2006-01-02"
	timeForm = "2006-01-02T15:04"
)

// dayOf reads ?at= and ?day= of a request.
func (c *Console) dayOf(k Camera, r *frame.Request) (day, error) {
	d := day{latest: r.Clock.Now}
	if !r.Viewer.Counts {
		d.latest = r.Clock.Now.Add(-k.Entry.PublicDelay)
	}
	values := r.URL.Query()
	moment := d.latest
	switch {
	case values.Get("at") != "":
		t, err := time.ParseInLocation(timeForm, values.Get("at"), c.Zone)
		if err != nil {
			return day{}, city.Errorf(city.Invalid, "%s", c.Say("error.at"))
		}
		if t.Before(d.latest) {
			d.at, moment = t, t
		}
	case values.Get("day") != "":
		t, err := time.ParseInLocation(dayForm, values.Get("day"), c.Zone)
		if err != nil {
			return day{}, city.Errorf(city.Invalid, "%s", c.Say("error.day"))
		}
		if r.Clock.Midnight(t).Before(r.Clock.Midnight(d.latest)) {
			d.at, moment = t.Add(12*time.Hour), t // a past day begins with its noon
		}
	}
	d.from = r.Clock.Midnight(moment)
	d.to = r.Clock.Midnight(d.from.Add(36 * time.Hour))
	d.query = counts.Query{From: d.from, To: d.to, Step: lookStep}
	if !r.Viewer.Counts {
		d.query.Step = counts.PublicStep
	}
	return d, nil
}

// load gets the day's counts, by the public rules for the public.
func (c *Console) load(k Camera, r *frame.Request, d *day) error {
	all, err := c.counts.get(r.Context(), r.Clock.Now, k.Name, d.query)
	if err != nil {
		return err
	}
	if remembers, ok := c.cfg.City.(PublishedCounts); ok && !r.Viewer.Counts {
		if published, ok, err := remembers.PublishedCounts(r.Context(), k.Name, d.query); ok || err != nil {
			d.series = published
			return err
		}
	}
	if !r.Viewer.Counts {
		l, err := c.cfg.City.Layout(r.Context(), k.Name)
		if err != nil {
			return err
		}
		rule := counts.Rule{Delay: k.Entry.PublicDelay, Threshold: k.Entry.Threshold, Inside: inside(l.Zones)}
		all = rule.Public(d.query, r.Clock.Now, all)
	}
	d.series = all
	return nil
}

// A camera that has been measuring for less than young today is shown by its first
// hours, minute by minute: in a whole day nobody could see them.
const young = 2 * time.Hour

// enlarge narrows the counts of such a day, and with them its slider, for people with
// the right to look.
func (c *Console) enlarge(k Camera, r *frame.Request, d *day) error {
	begun, ok := d.begun()
	if !ok || !r.Viewer.Counts || !d.to.After(r.Clock.Now) || r.Clock.Now.Sub(begun) >= young {
		return nil
	}
	from := begun.Truncate(time.Hour)
	if from.Before(d.from) {
		from = d.from
	}
	to := from.Add(young)
	if !r.Clock.Now.Before(to) {
		to = to.Add(time.Hour)
	}
	if !d.at.IsZero() && d.at.Before(from) || to.After(d.to) {
		return nil
	}
	d.query = counts.Query{From: from, To: to, Step: time.Minute}
	all, err := c.counts.get(r.Context(), r.Clock.Now, k.Name, d.query)
	d.series = all
	return err
}

// begun is when the first step of the day began in which something was measured.
func (d day) begun() (time.Time, bool) {
	people, _ := d.wholeView(wire.Person)
	for i, p := range people.Points {
		if p.Covered > 0 {
			return d.query.From.Add(time.Duration(i) * d.query.Step), true
		}
	}
	return time.Time{}, false
}

// first and end are the minutes of the day that the slider spans.
func (d day) first() int { return int(d.query.From.Sub(d.from) / time.Minute) }

func (d day) end() int { return int(d.query.To.Sub(d.from) / time.Minute) }

func (d day) minutes() int { return int(d.to.Sub(d.from) / time.Minute) }

func (d day) minute(t time.Time) int {
	return min(max(int(t.Sub(d.from)/time.Minute), 0), d.minutes()-1)
}

// wholeView returns the series of one class in the whole view.
func (d day) wholeView(class wire.Class) (counts.Series, bool) {
	for _, s := range d.series {
		if s.Metric == wire.Occupancy && s.Class == class && s.Where == "" {
			return s, true
		}
	}
	return counts.Series{}, false
}

// slider is the day's strip: people in view as an area, events as ticks.
type slider struct {
	Words, Previous, Next       string
	AtInput, MinInput, MaxInput string
	First, Length, AtMinute     int // the minutes that the strip spans, and the one shown
	Hours                       []string
	Area, Gaps, Future          string
	Ticks                       []int
	StripWords                  string
}

func (c *Console) slider(k Camera, r *frame.Request, d day, events []Event) slider {
	at := d.at
	if at.IsZero() {
		at = d.latest
	}
	s := slider{
		Words: r.Clock.Day(d.from), AtInput: at.In(c.Zone).Format(timeForm), MaxInput: d.latest.In(c.Zone).Format(timeForm),
		MinInput: r.Clock.Now.Add(-k.Entry.Retention).In(c.Zone).Format(timeForm),
		First:    d.first(), Length: d.end() - d.first(), Hours: d.hours(c.Zone), AtMinute: d.minute(at),
	}
	address := func(t time.Time) string {
		q := url.Values{"day": {t.In(c.Zone).Format(dayForm)}}
		for _, keep := range []string{"show", "as"} {
			if v := r.URL.Query().Get(keep); v != "" {
				q.Set(keep, v)
			}
		}
		return r.URL.Path + "?" + q.Encode()
	}
	s.Previous = address(d.from.Add(-12 * time.Hour))
	if d.to.Before(d.latest) {
		s.Next = address(d.to)
	}
	people, _ := d.wholeView(wire.Person)
	s.Area, s.Gaps = strip(people, d)
	if end := d.minute(d.latest); d.query.To.After(d.latest) {
		s.Future = fmt.Sprintf("M%d 0H%dV48H%dz", end, d.end(), end)
	}
	for _, e := range events {
		if !e.Start.Before(d.from) {
			s.Ticks = append(s.Ticks, d.minute(e.Start))
		}
	}
	s.StripWords = c.Say("slider.strip", "n", len(s.Ticks), "summary", c.occupancySummary(r, d, ""))
	return s
}

// hours are the words beneath the strip: at its ends and quarters.
func (d day) hours(zone *time.Location) []string {
	if d.first() == 0 && d.end() == d.minutes() {
		return []string{"0", "6", "12", "18", "24"}
	}
	var words []string
	for i := range time.Duration(5) {
		words = append(words, d.query.From.Add(i*d.query.To.Sub(d.query.From)/4).In(zone).Format("15:04"))
	}
	return words
}

// strip draws a series over the day, 48 high, and the gaps where nothing was
// measured or is shown.
func strip(s counts.Series, d day) (area, gaps string) {
	top := 1.0
	for _, p := range s.Points {
		top = math.Max(top, p.Value)
	}
	var a, g strings.Builder
	step := int(d.query.Step / time.Minute)
	first, last := d.first(), min(d.minute(d.latest), d.end())
	open := false
	for i := 0; first+i*step < last; i++ {
		from, to := first+i*step, min(first+(i+1)*step, last)
		if i >= len(s.Points) || s.Points[i].Covered <= 0 || s.Points[i].Value < 0 {
			if open {
				fmt.Fprintf(&a, "V48z")
			}
			open = false
			fmt.Fprintf(&g, "M%d 44H%dV48H%dz", from, to, from)
			continue
		}
		y := 48 - 44*s.Points[i].Value/top
		if !open {
			fmt.Fprintf(&a, "M%d 48", from)
		}
		open = true
		fmt.Fprintf(&a, "V%.1fH%d", y, to)
	}
	if open {
		fmt.Fprintf(&a, "V48z")
	}
	return a.String(), g.String()
}
