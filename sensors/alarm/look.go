package alarm

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"polity/city"
	"polity/plane"
	"polity/sensors"
	"polity/sensors/series"
)

// ahead is how far a value's time may lie before our clock and still be read.
const ahead = 5 * time.Minute

// attributes whose history measures of a kind are made of.
var attributes = map[sensors.Kind][]string{
	sensors.Water: {"currentLevel"}, sensors.Weather: {"precipitation"}, sensors.Air: {"pm25", "pm10", "no2", "o3", "so2"},
	sensors.Noise: {"LAeq"}, sensors.Garage: {"occupiedSpotNumber", "availableSpotNumber"},
}

// judge looks at one sensor and brings its alarms up to date.
func (w *Watch) judge(ctx context.Context, x *looked, now time.Time) (*State, error) {
	s := &x.sensor
	if s.Kind == sensors.Homes {
		return w.homes(ctx, x, now)
	}
	rules := w.rulesOf(s)
	in, err := w.read(ctx, s, rules, now)
	if err != nil {
		return nil, err
	}
	state := &State{Sensor: *s}
	stale := w.staleOf(s.Kind, in)
	x.next = s.Seen.Add(stale)
	silent := !now.Before(x.next)
	if silent {
		state.Doubt, x.next = Silent, now.Add(24*time.Hour)
	} else if hour := now.Truncate(time.Hour).Add(time.Hour); s.Kind == sensors.Air && hour.Before(x.next) {
		x.next = hour
	}
	samples, doubts := map[Measure][]series.Point{}, map[Measure]Doubt{}
	for _, m := range measuresOf(s.Kind, rules) {
		samples[m], doubts[m] = measures[m].derive(in.of(m, rules))
		if list := samples[m]; len(list) > 0 {
			last := list[len(list)-1]
			state.Figures = append(state.Figures, Figure{m, last.Value, last.At, doubts[m]})
		}
		if silent {
			doubts[m] = Silent
		} else if len(shown[s.Kind]) > 0 && shown[s.Kind][0] == m && hasMain(s) {
			state.Doubt = doubts[m]
		}
	}
	ruled := map[city.Slug]bool{}
	for i := range rules {
		r := &rules[i]
		ruled[r.Name] = true
		if w.apply(x, r, samples[r.Measure], doubts[r.Measure], now, stale) {
			x.next, state.Pending = now, true // not held for long enough yet
		}
	}
	for key, a := range w.active {
		switch {
		case key.sensor != s.ID:
		case !ruled[key.rule]: // the configuration has it no more
			a.End, a.Gone = now, true
			w.keep(a)
			w.settle(key)
		default:
			now := *a // as it is, which is not stored every time
			if list := samples[a.Measure]; len(list) > 0 && !a.Unknown {
				now.Value = list[len(list)-1].Value
			}
			state.Alarms = append(state.Alarms, now)
		}
	}
	slices.SortFunc(state.Alarms, worst)
	return state, nil
}

// hasMain says whether a sensor measures what is said of its kind first. A weather station
// without a rain gauge is in order without it.
func hasMain(s *sensors.Sensor) bool {
	if s.Kind != sensors.Weather {
		return true
	}
	_, ok := s.Number("precipitation")
	return ok
}

// staleOf is how old the newest value may be: as the configuration says of the kind; else
// as is usual for the kind, or two and a half of the sensor's own usual gaps if that is
// longer, half a day at most. A gauge that speaks once an hour is not silent in between.
func (w *Watch) staleOf(k sensors.Kind, in *input) time.Duration {
	stale := w.cfg.stale(k)
	if w.cfg.Stale[k] > 0 {
		return stale
	}
	var usual time.Duration
	for _, points := range in.points {
		usual = max(usual, series.Gap(points))
	}
	return max(stale, min(usual*5/2, 12*time.Hour))
}

func worst(a, b Alarm) int {
	return cmp.Or(-cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID))
}

// rulesOf are the rules that hold for a sensor, with its own thresholds where it has some.
func (w *Watch) rulesOf(s *sensors.Sensor) []Rule {
	var out []Rule
	named := map[Measure]bool{}
	for _, r := range w.rules {
		if r.Measure.Kind() == s.Kind && slices.Contains(r.Sensors, s.ID) {
			out = append(out, r)
			named[r.Measure] = true
		}
	}
	for _, r := range w.rules {
		if r.Measure.Kind() == s.Kind && len(r.Sensors) == 0 && !named[r.Measure] {
			if r.Measure == WaterLevel {
				r.Levels = ownLevels(s, r.Levels)
			}
			out = append(out, r)
		}
	}
	return out
}

// ownLevels are levels with the thresholds that a water level sensor says of itself: its
// alertLevel for the mildest, its dangerLevel for the worst, each cleared as far below as
// the rule has it. What would put the levels out of order is left as the rule has it.
func ownLevels(s *sensors.Sensor, levels []Level) []Level {
	own := slices.Clone(levels)
	for name, i := range map[string]int{"alertLevel": 0, "dangerLevel": len(own) - 1} {
		if v, ok := s.Number(name); ok {
			own[i].Raise, own[i].Clear = v, v-(own[i].Raise-own[i].Clear)
		}
	}
	r := Rule{Name: "own", Measure: WaterLevel, Levels: own}
	if r.check() != nil {
		return levels
	}
	return own
}

// measuresOf are those that are worked out of a sensor.
func measuresOf(k sensors.Kind, rules []Rule) []Measure {
	out := slices.Clone(shown[k])
	for _, r := range rules {
		if !slices.Contains(out, r.Measure) {
			out = append(out, r.Measure)
		}
	}
	return out
}

// read fetches the window of a sensor's history that its measures and rules need.
func (w *Watch) read(ctx context.Context, s *sensors.Sensor, rules []Rule, now time.Time) (*input, error) {
	in := &input{sensor: s, points: map[string][]series.Point{}, now: now}
	var window, hold time.Duration
	for _, m := range measuresOf(s.Kind, rules) {
		window = max(window, measures[m].window)
	}
	for _, r := range rules {
		hold = max(hold, r.Hold, r.ClearHold)
	}
	if s.Kind == sensors.Water {
		window = max(window, stuckFor+time.Hour)
	}
	if s.Seen.IsZero() || now.Sub(s.Seen) > w.cfg.stale(s.Kind)+max(window, 12*time.Hour) {
		return in, nil // nothing of it says anything of now
	}
	from, to := s.Seen, now.Add(ahead)
	if from.After(to) {
		from = to
	}
	from = from.Add(-window - hold - max(w.cfg.stale(s.Kind), 6*time.Hour))
	for _, name := range attributes[s.Kind] {
		if _, ok := s.Number(name); !ok && !convertible(s, name) {
			continue
		}
		q := plane.HistoryQuery{Key: plane.Key{ID: s.ID}, Attribute: name, From: from, To: to}
		if err := w.store.History(ctx, q, func(o plane.Observation) error {
			if len(o.Detail) == 0 {
				in.points[name] = append(in.points[name], series.Point{At: o.Start, Length: o.Length, Value: o.Value})
			}
			return nil
		}); err != nil {
			return nil, err
		}
		series.Sort(in.points[name])
	}
	return in, nil
}

// convertible says whether a value in another unit than the listed one can be used.
func convertible(s *sensors.Sensor, name string) bool {
	v, ok := s.Value(name)
	return ok && s.Kind == sensors.Air && v.Unit == sensors.PPB
}

// of is the input with the time from which a measure's samples are wanted: as long as its
// rules hold a level, and three usual gaps.
func (in *input) of(m Measure, rules []Rule) *input {
	var hold time.Duration
	for _, r := range rules {
		if r.Measure == m {
			hold = max(hold, r.Hold, r.ClearHold)
		}
	}
	one := *in
	one.since = in.now
	for _, points := range in.points {
		if n := len(points); n > 0 {
			last := points[n-1].At
			if since := last.Add(-hold - 3*series.Gap(points[max(0, n-20):])); since.Before(one.since) {
				one.since = since
			}
		}
	}
	return &one
}

// apply applies a rule, and says whether a level waits to be held for long enough.
func (w *Watch) apply(x *looked, r *Rule, samples []series.Point, doubt Doubt, now time.Time, stale time.Duration) (pending bool) {
	key := situation{x.sensor.ID, r.Name}
	a := w.active[key]
	current := levelOf(a, r.Levels)
	v := judge(r, r.Levels, samples, now, stale, current)
	if doubt != Sure {
		v.level = max(v.level, current) // what is doubtful clears nothing
	}
	unsure := !v.sure || doubt == Silent || doubt == Stuck
	switch {
	case a == nil && v.level == 0:
		return v.pending
	case a == nil:
		w.active[key] = w.raise(x, r, v, now, unsure)
	case v.level == 0:
		a.End, a.Changed, a.Value, a.Unknown = v.at, now, v.value, false
		if a.End.Before(a.Start) {
			a.End = a.Start
		}
		w.settle(key)
		w.keep(a)
		w.tell(a, "an alarm is over", &w.counts.Cleared)
	default:
		w.update(key, a, r, v, now, unsure, current)
	}
	return v.pending
}

// levelOf is the level of an alarm by its severity: that, or the next lower one if the
// rule has it no more.
func levelOf(a *Alarm, levels []Level) (level int) {
	if a == nil {
		return 0
	}
	level = 1
	for i, l := range levels {
		if l.Severity.Rank() <= a.Severity.Rank() {
			level = i + 1
		}
	}
	return level
}

func (w *Watch) raise(x *looked, r *Rule, v verdict, now time.Time, unsure bool) *Alarm {
	l := r.Levels[v.level-1]
	a := &Alarm{
		ID: idOf(x.sensor.ID, r.Name, v.since), Rule: r.Name, Measure: r.Measure, Sensor: x.sensor.ID, Severity: l.Severity, Start: v.since.UTC(), Changed: now,
		Value: v.value, Threshold: l.Raise, Peak: v.value, Unknown: unsure, Simulated: x.sensor.Simulated,
	}
	w.keep(a)
	w.tell(a, "an alarm is raised", &w.counts.Raised)
	return a
}

// peakEvery is how often a new peak alone is stored.
const peakEvery = time.Minute

// update brings an alarm that goes on up to date.
func (w *Watch) update(key situation, a *Alarm, r *Rule, v verdict, now time.Time, unsure bool, before int) {
	l := r.Levels[v.level-1]
	worse := v.sure && ((l.below() && v.value < a.Peak) || (!l.below() && v.value > a.Peak))
	if worse {
		a.Peak = v.value
	}
	switch {
	case v.level != before || l.Severity != a.Severity:
		a.Severity, a.Threshold, a.Changed, a.Value, a.Unknown = l.Severity, l.Raise, now, v.value, unsure
		w.tell(a, "an alarm changed its severity", &w.counts.Changed)
	case unsure != a.Unknown:
		a.Unknown = unsure
		if !unsure {
			a.Value = v.value
		}
	case worse && now.Sub(w.peaked[key]) >= peakEvery:
		a.Value = v.value
	default:
		return
	}
	w.peaked[key] = now
	w.keep(a)
}

func (w *Watch) tell(a *Alarm, what string, count *uint64) {
	w.mu.Lock()
	*count++
	w.mu.Unlock()
	w.log.Info("a sensor's alarm", slog.String("what", what), slog.String("rule", string(a.Rule)), slog.String("sensor", a.Sensor), slog.String("severity", string(a.Severity)))
}

// lookAt reads a sensor, judges it, and makes what was found readable.
func (w *Watch) lookAt(ctx context.Context, id string, x *watched, now time.Time) error {
	e, err := w.store.Entity(ctx, plane.Key{ID: id})
	if city.KindOf(err) == city.NotFound {
		return nil // the next round finds it gone
	}
	if err != nil {
		return err
	}
	one := looked{}
	m := &memo{version: e.Version, modified: e.Modified.UnixMilli()}
	var told []Alarm
	var ok bool
	if one.sensor, ok = sensors.Read(e); ok {
		s, err := w.judge(ctx, &one, now)
		if err != nil {
			return err
		}
		if s != nil {
			m, told = pack(s), s.Alarms
		}
	} else {
		w.end(id, now)
		one.next = now.Add(24 * time.Hour)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	x.memo, x.told, x.changed, x.next = m, told, false, one.next.UnixMilli()
	return nil
}
