package leaks

import (
	"math"

	"polity/services/water/network"
)

// detector goes through the days, knowing only those before.
type detector struct {
	c       Config
	p       *plant
	rows    rows
	between *network.Between
	signs   [][]float64 // signature by link, per m³/h
	spread  spread
	windows map[int]*window
	rest    [][]float64 // by day: what known leaks do not explain
	leaks   []*leak
}

// step is a change of a leak's size.
type step struct {
	from   int
	amount float64   // m³/h
	fit    []float64 // evidence by link that the change was here
}

// leak is one that is tracked. Hidden ones are changes that no alarm speaks of: a
// repair of a leak that was never seen.
type leak struct {
	link     int
	start    int
	steps    []step
	alarms   []alarm
	closed   int // first day without it; -1: it runs
	hidden   bool
	located  located
	peak     float64
	evidence float64
}

// alarm is what was told, and when.
type alarm struct {
	day  int
	link int
	mass float64
	size float64
}

func (l *leak) size() float64 {
	sum := 0.0
	for _, s := range l.steps {
		sum += s.amount
	}
	return sum
}

func (l *leak) active() bool { return l.closed < 0 && !l.hidden }

// window returns that of a length, with what belongs to it.
func (d *detector) window(days, base int) *window {
	key := days*1000 + base
	if w, ok := d.windows[key]; ok {
		return w
	}
	w := d.makeWindow(days, base, nil)
	d.windows[key] = w
	return w
}

// makeWindow returns nil where the spread is degenerate.
func (d *detector) makeWindow(days, base int, unsure []float64) *window {
	w := &window{days: days, base: base, signs: make([][]float64, len(d.signs)), norm: make([]float64, len(d.signs))}
	var ok bool
	if w.w, ok = d.spread.whitener(days, base, float64(days+base)/2, unsure); !ok {
		return nil
	}
	for j, g := range d.signs {
		if g == nil {
			continue
		}
		w.signs[j] = w.w.apply(g)
		for _, v := range w.signs[j] {
			w.norm[j] += v * v
		}
	}
	return w
}

// soften looks at a change again, allowing for the error of signatures: that of a
// leak as large as the best place says. Places that differ less than the model may
// be wrong stay equally likely.
func (d *detector) soften(c *change, link int) *change {
	unsure := make([]float64, len(c.raw))
	for i, v := range d.signs[link] {
		if !d.rows.balanceRow(i) { // what flows in is no matter of the model
			unsure[i] = d.c.ModelError * c.amount(link) * v
		}
	}
	w := d.makeWindow(c.window.days, c.window.base, unsure)
	if w == nil {
		return c
	}
	return w.project(c.from, c.raw)
}

// change measures the last n days up to day against those before them.
func (d *detector) change(n, day int) (*change, bool) {
	base := min(d.c.Baseline, day-n+1)
	if base < d.c.LeastDays {
		return nil, false
	}
	if base < d.c.Baseline { // few lengths, so that windows are made once
		base = d.c.LeastDays
	}
	w := d.window(n, base)
	if w == nil {
		return nil, false
	}
	return w.measure(d.rest, day)
}

// shift adds a leak's step to the rest, or takes it off with sign -1.
func (d *detector) shift(link int, s step, sign float64) {
	g := d.signs[link]
	for t := s.from; t < len(d.rest); t++ {
		for i, v := range g {
			d.rest[t][i] += sign * s.amount * v
		}
	}
}

func (d *detector) explain(l *leak, s step) {
	d.shift(l.link, s, -1)
	l.steps = append(l.steps, s)
	l.peak = max(l.peak, l.size())
}

func (d *detector) forget(l *leak, k int) {
	d.shift(l.link, l.steps[k], 1)
	l.steps = append(l.steps[:k], l.steps[k+1:]...)
}

// move puts a leak at another link.
func (d *detector) move(l *leak, link int) {
	if link == l.link {
		return
	}
	for _, s := range l.steps {
		d.shift(l.link, s, 1)
		d.shift(link, s, -1)
	}
	l.link = link
}

// day looks at one day.
func (d *detector) day(day int) {
	for _, l := range d.leaks {
		if l.active() {
			d.refit(l, day)
		}
	}
	for _, l := range d.leaks {
		if l.active() && (day-l.start)%d.c.Audit == d.c.Audit-1 {
			d.audit(l, day)
		}
	}
	for range 3 {
		if !d.scan(day) {
			break
		}
	}
	for _, l := range d.leaks {
		if l.active() {
			d.tell(l, day)
		}
	}
}

// refit fits a leak's last step anew, with the days that have come since, and with
// it the leak's place.
func (d *detector) refit(l *leak, day int) {
	k := len(l.steps) - 1
	last := l.steps[k]
	if last.amount < 0 || day-last.from+1 > d.c.Refit {
		return
	}
	d.forget(l, k)
	c, ok := d.change(day-last.from+1, day)
	if !ok {
		d.explain(l, last)
		return
	}
	c, profile := d.softProfile(c, 1)
	last.fit = profile
	l.steps = append(l.steps, step{from: last.from, fit: profile})
	l.located = d.locateLeak(l)
	l.steps = l.steps[:k]
	if l.located.link >= 0 {
		d.move(l, l.located.link)
	}
	last.amount = max(0, c.amount(l.link))
	d.explain(l, last)
	if len(l.alarms) == 0 && l.evidence < d.c.Evidence/2 || last.amount == 0 {
		d.drop(l)
	}
}

// audit asks whether a leak is still there: the last days against those before it
// began, all other leaks being as they are thought to be. One whose water does not
// show any more was repaired without being seen to.
func (d *detector) audit(l *leak, day int) {
	const recent = 7
	base := min(d.c.Baseline, l.start)
	if base < d.c.LeastDays || day-l.start < recent {
		return
	}
	after, ok1 := meanOf(d.rest[day-recent+1 : day+1])
	before, ok2 := meanOf(d.rest[l.start-base : l.start])
	if !ok1 || !ok2 {
		return
	}
	size := l.size()
	for i, v := range d.signs[l.link] {
		after[i] += size*v - before[i]
		if math.IsNaN(after[i]) {
			after[i] = 0
		}
	}
	unsure := make([]float64, len(after))
	for i, v := range d.signs[l.link] {
		if !d.rows.balanceRow(i) {
			unsure[i] = d.c.ModelError * size * v
		}
	}
	white, ok := d.spread.whitener(recent, base, float64(day-l.start), unsure)
	if !ok {
		return
	}
	g, x := white.apply(d.signs[l.link]), white.apply(after)
	fit, norm := 0.0, 0.0
	for i, v := range g {
		fit, norm = fit+v*x[i], norm+v*v
	}
	// Closed when what is left is far below its size, by more than chance.
	if left := fit / norm; left < 0.3*size && (size-left)*math.Sqrt(norm) > 4 {
		d.explain(l, step{from: day - recent + 1, amount: -size})
		l.closed = day - recent + 1
	}
}

// drop takes back a step that later days did not bear out.
func (d *detector) drop(l *leak) {
	d.forget(l, len(l.steps)-1)
	if len(l.steps) == 0 {
		l.hidden, l.closed = true, l.start
	}
}

// softProfile is the evidence of every link with the model's error allowed for, and
// scaled down where even the best place fits badly.
func (d *detector) softProfile(c *change, sign float64) (*change, []float64) {
	profile, best := d.profile(c, sign)
	for j, v := range profile {
		if v == best && best > 0 {
			soft := d.soften(c, j)
			profile, best = d.profile(soft, sign)
			for k := range profile {
				profile[k] /= soft.misfit(best)
			}
			return soft, profile
		}
	}
	return c, profile
}

// profile is the evidence of every link for a change of a sign, and the greatest.
func (d *detector) profile(c *change, sign float64) (profile []float64, best float64) {
	profile = make([]float64, len(c.fit))
	for j, g := range c.window.signs {
		if g == nil || c.fit[j]*sign <= 0 {
			continue
		}
		profile[j] = c.evidence(j)
		best = max(best, profile[j])
	}
	return profile, best
}

func (d *detector) locateLeak(l *leak) located {
	sum := make([]float64, len(d.signs))
	for _, s := range l.steps {
		for j, v := range s.fit {
			sum[j] += v
		}
	}
	at := d.locate(sum, 1)
	if at.link >= 0 {
		l.evidence = sum[at.link]
	}
	return at
}

// scan looks for the change that is best borne out over all windows, and takes it
// into account. It says whether there was one.
func (d *detector) scan(day int) bool {
	var found *change
	greatest, sign, link := 0.0, 0.0, -1
	for _, n := range d.c.Windows {
		c, ok := d.change(n, day)
		if !ok {
			continue
		}
		for _, s := range []float64{1, -1} {
			p, best := d.profile(c, s)
			if best/c.misfit(best) <= greatest {
				continue
			}
			for j, v := range p {
				if v == best {
					found, greatest, sign, link = c, best/c.misfit(best), s, j
				}
			}
		}
	}
	if found == nil || greatest < d.c.Evidence {
		return false
	}
	amount := math.Abs(found.amount(link))
	if amount < d.c.Smallest || amount > d.c.Largest {
		return false
	}
	found, profile := d.softProfile(found, sign)
	for j, v := range profile {
		if v > profile[link] {
			link = j
		}
	}
	if sign > 0 {
		d.grown(found, profile, link)
	} else {
		d.shrunk(found, profile, link)
	}
	return true
}

// known returns the tracked leak that explains a change almost as well as the best
// place does, or nil.
func (d *detector) known(profile []float64, link int) *leak {
	var best *leak
	for _, l := range d.leaks {
		if !l.active() || profile[link]-profile[l.link] > d.c.Same {
			continue
		}
		if d.between.Links(l.link, link) > 2*d.c.Merge {
			continue
		}
		if best == nil || profile[l.link] > profile[best.link] {
			best = l
		}
	}
	return best
}

func (d *detector) grown(c *change, profile []float64, link int) {
	if l := d.known(profile, link); l != nil && c.amount(l.link) < max(d.c.Burst, 0.5*l.size()) {
		d.explain(l, step{from: c.from, amount: c.amount(l.link), fit: profile})
		return
	}
	l := &leak{link: link, start: c.from, closed: -1}
	d.leaks = append(d.leaks, l)
	s := step{from: c.from, fit: profile}
	l.steps = []step{s}
	l.located = d.locateLeak(l)
	l.steps = nil
	if l.located.link >= 0 {
		l.link = l.located.link
	}
	s.amount = max(0, c.amount(l.link))
	d.explain(l, s)
}

func (d *detector) shrunk(c *change, profile []float64, link int) {
	var best *leak
	for _, l := range d.leaks {
		if !l.active() || profile[link]-profile[l.link] > 2*d.c.Same {
			continue
		}
		if size := l.size(); size < d.c.Smallest/2 || -c.amount(l.link) < 0.4*size {
			continue
		}
		if best == nil || profile[l.link] > profile[best.link] {
			best = l
		}
	}
	if best == nil {
		l := &leak{link: link, start: c.from, closed: c.from, hidden: true}
		d.leaks = append(d.leaks, l)
		d.explain(l, step{from: c.from, amount: c.amount(link)})
		return
	}
	amount := max(c.amount(best.link), -best.size())
	d.explain(best, step{from: c.from, amount: amount})
	if best.size() < 0.35*best.peak || best.size() < d.c.Smallest/2 {
		best.closed = c.from
	}
}

// tell gives the alarm when place and evidence suffice, and another when the place
// has moved away.
func (d *detector) tell(l *leak, day int) {
	if l.located.link < 0 {
		return
	}
	if day-l.start < d.c.Wait || l.size() < d.c.AlarmFlow {
		return // the first day's place is often another than the third's
	}
	enough := l.located.mass >= d.c.Mass && l.evidence >= d.c.Evidence || l.located.mass >= d.c.MassLate && l.evidence >= d.c.Certain
	if !enough {
		return
	}
	// Grown much since the last alarm: worth another look, and perhaps a second leak
	// beside the first.
	if n := len(l.alarms); n > 0 && n < 4 && l.size() >= l.alarms[n-1].size+d.c.Growth {
		l.alarms = append(l.alarms, alarm{day: day, link: l.link, mass: l.located.mass, size: l.size()})
		return
	}
	if n := len(l.alarms); n > 0 && (n >= 2 || d.between.Links(l.alarms[n-1].link, l.link) <= d.c.Radius || l.located.mass < d.c.Mass) {
		return
	}
	l.alarms = append(l.alarms, alarm{day: day, link: l.link, mass: l.located.mass, size: l.size()})
}

// repaired takes a repair at a known pipe into account, days after it: the leak
// there is the one whose size left.
func (d *detector) repaired(link, repair, day int) {
	c, ok := d.change(day-repair, day)
	if !ok || d.signs[link] == nil {
		return
	}
	left := -c.amount(link)
	if left <= 0 {
		return
	}
	// Of the leaks in question that one closed whose end explains most of the change,
	// if it explains half of what an end at the pipe itself does.
	gain := func(link int, size float64) float64 {
		rest := 0.0
		for i, v := range c.window.signs[link] {
			x := c.white[i] + size*v
			rest += x * x
		}
		return c.size - rest
	}
	var nearest *leak
	best := 0.5 * gain(link, left)
	for _, l := range d.leaks {
		if !l.active() || l.start > repair || d.between.Links(l.link, link) > d.c.RepairWithin {
			continue
		}
		for part := 1.0; part > 0.3; part -= 0.1 { // its size may be thought too great
			if g := gain(l.link, part*l.size()); g > best {
				nearest, best = l, g
			}
		}
	}
	if nearest == nil {
		nearest = &leak{link: link, start: repair, hidden: true}
		d.leaks = append(d.leaks, nearest)
		d.explain(nearest, step{from: repair, amount: -left})
	} else {
		d.move(nearest, link)
		d.explain(nearest, step{from: repair, amount: -nearest.size()})
	}
	nearest.closed = repair
}
