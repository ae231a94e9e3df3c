package forecast

import (
	"math"
	"slices"
	"sort"
	"time"
)

// rise is what came between two readings with no collection between them.
type rise struct {
	from, to time.Time
	delta    float64
	expected float64 // by the factors so far, in rate 1
	weight   float64
}

const (
	rounds      = 12               // of sharing rises among hours
	halfLife    = 30 * 24          // hours after which a rise counts half for the rate
	longestRise = 72 * time.Hour   // rises over longer gaps say little about days
	shortest    = 30 * time.Minute // and over shorter ones are mostly noise
	ownDays     = 4.0              // weekdays of a kind until own and group's factors weigh the same
	fullEnough  = 0.97             // above this a sensor sees no more coming
)

// held is how much of the past is held back to see how wrong the model is about
// what it has not seen.
const held = 21 * 24 * time.Hour

// Fit learns from histories up to now. Readings after now are not looked at. The
// spread of its forecasts is that of the errors which a model fitted three weeks
// earlier made since.
func Fit(histories []History, calendar Calendar, now time.Time) *Model {
	m, groups := fit(histories, calendar, now)
	earlier, _ := fit(histories, calendar, now.Add(-held))
	misses := map[*group][]miss{}
	for id, f := range m.containers {
		if was := earlier.containers[id]; was != nil {
			misses[f.group] = earlier.misses(was, f, now.Add(-held), misses[f.group])
		}
	}
	for _, g := range groups {
		g.errors = spread(misses[g])
	}
	for _, f := range m.containers {
		m.filter(f, now)
	}
	return m
}

func fit(histories []History, calendar Calendar, now time.Time) (*Model, map[string]*group) {
	m := &Model{calendar: calendar, containers: map[string]*fitted{}}
	groups := map[string]*group{}
	members := map[string][]*fitted{}
	rises := map[*fitted][]rise{}
	for i := range histories {
		h := &histories[i]
		f := m.prepare(h, now)
		if f == nil {
			continue
		}
		g := groups[h.Group]
		if g == nil {
			g = newGroup()
			groups[h.Group] = g
		}
		f.group = g
		m.containers[h.ID] = f
		if f.suspect != nil {
			f.suspect.Container = h.ID
			m.Suspicions = append(m.Suspicions, *f.suspect)
		}
		rises[f] = m.rises(f, now)
		members[h.Group] = append(members[h.Group], f)
	}
	for name, g := range groups {
		m.learn(g, members[name], rises)
		m.disperse(g, members[name], rises)
	}
	m.trend(rises, now)
	return m, groups
}

// trend carries rates on to now where all containers together bring more, or
// less, from week to week, as with the seasons: a line through the weeks' ratios
// of what came to what was expected, less steep the less sure it is.
func (m *Model) trend(rises map[*fitted][]rise, now time.Time) {
	const weeks = 16
	var got, due [weeks]float64
	lag := map[*fitted]float64{}
	for f, list := range rises {
		sum, weight := 0.0, 0.0
		for i := range list {
			r := &list[i]
			days := now.Sub(r.to).Hours() / 24
			sum += days * r.weight * r.expected
			weight += r.weight * r.expected
			if w := int(days / 7); w >= 0 && w < weeks {
				got[w] += r.delta
				due[w] += f.rate * r.expected
			}
		}
		if weight > 0 {
			lag[f] = sum / weight
		}
	}
	n, sx, sy, sxx, sxy := 0.0, 0.0, 0.0, 0.0, 0.0
	for w := range weeks {
		if due[w] < 1 {
			continue
		}
		x, y := -7*(float64(w)+0.5), got[w]/due[w]
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	spread := sxx - sx*sx/math.Max(n, 1)
	if n < 5 {
		return
	}
	slope := (sxy - sx*sy/n) / spread
	rest := 0.0
	for w := range weeks {
		if due[w] >= 1 {
			x, y := -7*(float64(w)+0.5), got[w]/due[w]
			e := y - sy/n - slope*(x-sx/n)
			rest += e * e
		}
	}
	slope *= slope * slope / (slope*slope + rest/(n-2)/spread)
	for f := range rises {
		f.rate *= min(1.5, max(0.67, 1+slope*lag[f]))
	}
}

func newGroup() *group {
	g := &group{}
	for i := range g.day {
		g.day[i] = 1
	}
	for i := range g.hour {
		g.hour[i] = 1
	}
	return g
}

// prepare cleans one container's readings and looks for a sensor that lies.
func (m *Model) prepare(h *History, now time.Time) *fitted {
	f := &fitted{}
	var readings []Reading
	for _, r := range h.Readings {
		if !r.At.After(now) && r.Fill >= 0 && r.Fill <= 1 {
			readings = append(readings, r)
		}
	}
	for _, e := range h.Emptied {
		if !e.After(now) {
			f.emptied = append(f.emptied, e)
		}
	}
	if len(readings) < 8 {
		return nil
	}
	slices.SortStableFunc(readings, func(a, b Reading) int { return a.At.Compare(b.At) })
	slices.SortFunc(f.emptied, time.Time.Compare)
	f.suspect = suspect(readings, f.emptied)
	f.clean = withoutEchoes(readings, f.emptied)
	if f.suspect != nil {
		// What a liar says counts up to where it began to lie.
		kept := f.clean[:0]
		for _, r := range f.clean {
			if r.At.Before(f.suspect.Since) {
				kept = append(kept, r)
			}
		}
		f.clean = kept
	}
	if len(f.clean) < 8 {
		return nil
	}
	f.noise = noise(f.clean, f.emptied)
	return f
}

// emptiedBetween says whether a crew came between two moments.
func emptiedBetween(emptied []time.Time, from, to time.Time) bool {
	i := sort.Search(len(emptied), func(i int) bool { return emptied[i].After(from) })
	return i < len(emptied) && !emptied[i].After(to)
}

// withoutEchoes drops readings far from both neighbours, where those agree with
// one another.
func withoutEchoes(readings []Reading, emptied []time.Time) []Reading {
	var kept []Reading
	for i, r := range readings {
		if i > 0 && i+1 < len(readings) {
			a, b := readings[i-1], readings[i+1]
			if !emptiedBetween(emptied, a.At, b.At) && math.Abs(a.Fill-b.Fill) < 0.3 && (r.Fill < min(a.Fill, b.Fill)-0.12 || r.Fill > max(a.Fill, b.Fill)+0.12) {
				continue
			}
		}
		kept = append(kept, r)
	}
	return kept
}

// noise estimates a reading's variance from how far it lies off the line between
// its neighbours, robustly.
func noise(readings []Reading, emptied []time.Time) float64 {
	var off []float64
	for i := 1; i+1 < len(readings); i++ {
		a, r, b := readings[i-1], readings[i], readings[i+1]
		gap := b.At.Sub(a.At)
		if gap <= 0 || gap > 24*time.Hour || emptiedBetween(emptied, a.At, b.At) {
			continue
		}
		w := float64(r.At.Sub(a.At)) / float64(gap)
		e := r.Fill - a.Fill*(1-w) - b.Fill*w
		off = append(off, math.Abs(e)/math.Sqrt(1+w*w+(1-w)*(1-w)))
	}
	if len(off) < 5 {
		return 0.02 * 0.02
	}
	slices.Sort(off)
	sd := 1.4826 * quantile(off, 0.5)
	return max(sd*sd, 0.005*0.005)
}

// rises lists what came between clean readings. Pairs are a few hours apart, so
// that noise does not drown them.
func (m *Model) rises(f *fitted, now time.Time) []rise {
	var all []rise
	for i := 0; i < len(f.clean); i++ {
		for j := i + 1; j < len(f.clean); j++ {
			gap := f.clean[j].At.Sub(f.clean[i].At)
			if gap > longestRise || f.clean[i].Fill > fullEnough || f.clean[j].Fill > fullEnough ||
				emptiedBetween(f.emptied, f.clean[i].At, f.clean[j].At) || f.clean[j].Fill < f.clean[i].Fill-0.25 {
				break
			}
			if gap >= shortest {
				age := now.Sub(f.clean[j].At).Hours()
				all = append(all, rise{from: f.clean[i].At, to: f.clean[j].At, delta: f.clean[j].Fill - f.clean[i].Fill, weight: math.Exp2(-age / halfLife)})
				break
			}
		}
	}
	return all
}

// learn finds rates and factors of a group.
func (m *Model) learn(g *group, members []*fitted, rises map[*fitted][]rise) {
	for _, f := range members {
		f.day = g.day
		sum, days := 0.0, 0.0
		for _, r := range rises[f] {
			sum += r.delta
			days += r.to.Sub(r.from).Hours() / 24
		}
		f.rate = max(1e-4, sum/max(days, 0.5))
	}
	for range rounds {
		m.share(g, members, rises)
	}
	for _, f := range members {
		m.own(f, rises[f])
		f.rate, f.rateVar = m.rate(f, rises[f])
	}
}

// share is one round: rises are shared among the hours they span in proportion
// to what is expected of each; factors are what hours got over what they should
// have.
func (m *Model) share(g *group, members []*fitted, rises map[*fitted][]rise) {
	var dayGot, dayDue [dayFactors]float64
	var hourGot, hourDue [hourFactors]float64
	for _, f := range members {
		got, due := 0.0, 0.0
		for i := range rises[f] {
			r := &rises[f][i]
			expected := 0.0
			m.hours(r.from, r.to, func(_ time.Time, d, h int, share float64) {
				expected += f.rate * share / 24 * g.day[d] * g.hour[h]
			})
			if expected <= 0 {
				continue
			}
			ratio := r.delta / expected
			m.hours(r.from, r.to, func(_ time.Time, d, h int, share float64) {
				base := f.rate * share / 24
				part := base * g.day[d] * g.hour[h]
				dayGot[d] += part * ratio
				dayDue[d] += base * g.hour[h]
				hourGot[h] += part * ratio
				hourDue[h] += base * g.day[d]
			})
			got += r.delta * r.weight
			due += expected / f.rate * r.weight
		}
		if due > 0.2 {
			f.rate = max(1e-4, got/due)
		}
	}
	for d := range g.day {
		// A factor seen for less than a container-day or so stays near 1.
		g.day[d] = max(0.02, (dayGot[d]+0.2)/(dayDue[d]+0.2))
	}
	for h := range g.hour {
		g.hour[h] = max(0.01, (hourGot[h]+0.02)/(hourDue[h]+0.02))
	}
	g.normalise()
}

// normalise keeps the mean weekday and hour at 1, so that rate is a mean day's.
func (g *group) normalise() {
	days, hours := 0.0, 0.0
	for _, v := range g.day[:7] {
		days += v / 7
	}
	for _, v := range g.hour {
		hours += v / hourFactors
	}
	for i := range g.day {
		g.day[i] /= days
	}
	for i := range g.hour {
		g.hour[i] /= hours
	}
}

// own finds a container's own day factors, shrunk to its group's.
func (m *Model) own(f *fitted, rises []rise) {
	var got, due [dayFactors]float64
	for i := range rises {
		r := &rises[i]
		expected := 0.0
		m.hours(r.from, r.to, func(_ time.Time, d, h int, share float64) {
			expected += share / 24 * f.group.day[d] * f.group.hour[h]
		})
		if expected <= 0 {
			continue
		}
		ratio := r.delta / (expected * f.rate)
		m.hours(r.from, r.to, func(_ time.Time, d, h int, share float64) {
			part := share / 24 * f.group.hour[h]
			got[d] += part * f.group.day[d] * ratio
			due[d] += part
		})
	}
	for d := range f.day {
		f.day[d] = max(0.02, (got[d]+ownDays*f.group.day[d])/(due[d]+ownDays))
	}
}

// rate is a container's rate with its own factors, recent rises counting most,
// and its uncertainty.
func (m *Model) rate(f *fitted, rises []rise) (rate, variance float64) {
	got, due, due2 := 0.0, 0.0, 0.0
	for i := range rises {
		r := &rises[i]
		r.expected = 0
		m.hours(r.from, r.to, func(_ time.Time, d, h int, share float64) {
			r.expected += share / 24 * f.day[d] * f.group.hour[h]
		})
		got += r.weight * r.delta
		due += r.weight * r.expected
		due2 += r.weight * r.weight * r.expected
	}
	if due < 0.2 {
		return f.rate, f.rate * f.rate
	}
	rate = max(1e-4, got/due)
	// A day's luck, of a third, over as many days as were seen.
	return rate, rate * rate * 0.1 * due2 / (due * due)
}
