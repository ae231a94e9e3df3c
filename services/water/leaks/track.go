package leaks

import (
	"slices"

	"polity/services/water/network"
)

// detector goes through the days, knowing only those before.
type detector struct {
	c       Config
	p       *plant
	rows    rows
	between *network.Between
	noise   *noise
	signs   [][]float64 // whitened signature by link, per m³/h; then of what sensors' faults show, per m
	pipes   int         // links among them
	filter  *filter
	data    [][]float64 // by day: filtered and whitened rows
	blank   []bool      // by day: nothing was measured
	rest    [][]float64 // by day: what known leaks do not explain
	leaks   []*leak
	today   int
}

// leak is one that is tracked.
type leak struct {
	link          int
	course        course
	seen          *seen
	amount        [classes]float64 // m³/h at its greatest: as pressures show it, and its water
	sure          bool             // the detector is convinced of it
	known         bool             // its pipe and its end were told
	fault         bool             // it is none: a sensor reads otherwise than before
	gone          bool             // later days did not bear it out
	left          int              // day on which that was seen
	located       located
	evidence      float64
	anchor, since int // where it has been thought to be, and since what day
}

func (l *leak) runs(day int) bool { return !l.gone && l.course.until > day }

// size is what runs out on a day, in m³/h.
func (l *leak) size(day int) float64 { return l.amount[balances] * l.course.at(day) }

// shift takes a leak's water off the rest, or puts it back with sign 1.
func (d *detector) shift(l *leak, sign float64) {
	g := d.signs[l.link]
	for t := l.seen.from; t <= d.today && t-l.seen.from < len(l.seen.value[modelled]); t++ {
		p, b := sign*l.amount[modelled]*l.seen.value[modelled][t-l.seen.from], sign*l.amount[balances]*l.seen.value[balances][t-l.seen.from]
		row := d.rest[t]
		for i := range d.noise.split {
			row[i] += p * g[i]
		}
		for i := d.noise.split; i < len(row); i++ {
			row[i] += b * g[i]
		}
	}
}

// become changes what is thought of a leak.
func (d *detector) become(l *leak, link int, c course, amount [classes]float64) {
	if l.seen != nil {
		d.shift(l, 1)
	}
	l.link, l.course, l.amount = link, c, amount
	l.seen = d.noise.see(c, d.today)
	d.shift(l, -1)
}

func (d *detector) drop(l *leak) {
	d.shift(l, 1)
	l.gone, l.left, l.amount = true, d.today, [classes]float64{}
}

// begin goes to a day: what is known of leaks goes on.
func (d *detector) begin(day int) {
	d.today = day
	d.rest = append(d.rest, slices.Clone(d.data[day]))
	for _, l := range d.leaks {
		if l.gone {
			continue
		}
		seen := d.noise.see(l.course, day)
		last := len(seen.value[modelled]) - 1
		if last >= 0 {
			l.seen.value = seen.value
			l.seen.power = seen.power
			g := d.signs[l.link]
			row := d.rest[day]
			for i := range row {
				k := d.noise.of(i)
				row[i] -= l.amount[k] * seen.value[k][last] * g[i]
			}
		}
	}
}

// day looks at one day.
func (d *detector) day(day int) {
	d.begin(day)
	if day < d.c.LeastDays+settle || d.blank[day] { // nothing new is known
		return
	}
	for _, l := range d.leaks {
		if l.runs(day) {
			d.refit(l)
			if l.gone || l.known {
				continue
			}
			if gain, part, c, a := d.ending(l); gain > d.c.Repair && part > d.c.RepairPart {
				d.end(l, c, a)
			}
		}
	}
	for range 3 {
		if !d.scan(d.recent()) {
			break
		}
	}
	for _, l := range d.leaks {
		if l.runs(day) {
			d.convince(l)
		}
	}
}

// recent are the courses of leaks that may have begun lately. Those of long ago change
// little from day to day and are not looked at every day.
func (d *detector) recent() []course {
	var all []course
	for _, n := range d.c.Ages {
		if n > d.today-settle {
			break
		}
		if d.today%max(1, n/8) != 0 {
			continue
		}
		all = append(all, course{from: d.today - n + 1, until: never})
		if n >= 8 {
			all = append(all, course{from: d.today - n + 1, grows: n, until: never}, course{from: d.today - n + 1, grows: n / 2, until: never})
		}
	}
	return all
}

// scan looks for the leak that is best borne out over all courses, and takes it into
// account. It says whether there was one.
func (d *detector) scan(courses []course) bool {
	var found *look
	var at course
	greatest, faulty := 0.0, -1
	for _, c := range courses {
		s := d.noise.see(c, d.today)
		if s.power[modelled] < 0.5 {
			continue
		}
		l := d.look(s, d.today, nil)
		p, link := d.profile(l)
		sensor, fault := d.fault(l)
		if link >= 0 && p[link] > fault-d.c.FaultMargin {
			sensor = -1
			fault = p[link]
		}
		if sensor < 0 && (link < 0 || d.remains(link, c)) {
			continue
		}
		if v := fault / l.misfit(fault); v > greatest {
			found, at, greatest, faulty = l, c, v, sensor
		}
	}
	if found == nil || greatest < d.c.Evidence {
		return false
	}
	if at.from > d.today-20 && d.ends(greatest) {
		return true
	}
	if faulty >= 0 {
		return d.suspect(found, at, faulty, greatest)
	}
	evidence, link := d.softProfile(found)
	if link < 0 || evidence[link] < d.c.Evidence {
		return false
	}
	e := found.estimate(d.signs[link], d.c.GainError)
	size := e.amount[balances] * at.at(d.today)
	if size < d.c.Smallest || size > d.c.Largest {
		return false
	}
	l := &leak{evidence: evidence[link]}
	d.leaks = append(d.leaks, l)
	d.become(l, link, at, e.amount)
	d.replace(l, evidence)
	return true
}

// suspect takes a sensor's fault into account, and says whether it is large enough.
func (d *detector) suspect(found *look, at course, sign int, evidence float64) bool {
	e := found.estimate(d.signs[sign], 0)
	if e.amount[modelled]*at.at(d.today) < d.c.Off {
		return false
	}
	// A drift is found early and again as it goes on: one course for all of it.
	for _, l := range d.leaks {
		if l.fault && l.runs(d.today) && (l.link-d.pipes)/2 == (sign-d.pipes)/2 {
			d.drop(l)
			at.from = min(at.from, l.course.from)
			at.grows = max(at.grows, d.today-at.from)
			x := d.look(d.noise.see(at, d.today), d.today, nil)
			if sign, evidence = d.fault(x); sign < 0 {
				return false
			}
			e = x.estimate(d.signs[sign], 0)
		}
	}
	l := &leak{fault: true, evidence: evidence}
	d.leaks = append(d.leaks, l)
	d.become(l, sign, at, e.amount)
	return true
}

// remains says whether a leak at a link would be what is left of one that was there
// and was repaired: it began while that one ran.
func (d *detector) remains(link int, c course) bool {
	for _, l := range d.leaks {
		if l.known && c.from >= l.course.from-d.c.Span && c.from <= l.course.until+2 && d.between.Links(l.link, link) <= d.c.Near {
			return true
		}
	}
	return false
}

// replace puts a leak where its evidence says.
func (d *detector) replace(l *leak, evidence []float64) {
	l.located = d.locate(evidence)
	if l.located.link < 0 {
		return
	}
	l.evidence = evidence[l.located.link]
	if l.since <= 0 || d.between.Links(l.anchor, l.located.link) > d.c.Radius {
		l.anchor, l.since = l.located.link, d.today
	}
	e := d.look(l.seen, d.today, l).estimate(d.signs[l.located.link], d.c.GainError)
	d.become(l, l.located.link, l.course, e.amount)
}

// around are courses like one.
func (d *detector) around(c course) []course {
	age := d.today - c.from + 1
	all := []course{c}
	for _, shift := range []int{-5, -2, -1, 1, 2, 5} {
		if from := c.from + shift; from > settle && from < d.today && from < c.until {
			all = append(all, course{from: from, grows: max(0, c.grows-shift), until: c.until})
		}
	}
	for _, grows := range []int{0, c.grows * 3 / 4, c.grows * 5 / 4, c.grows + 10, age, age / 2} {
		if grows != c.grows && (grows == 0 || grows >= 8) && grows <= d.c.Slowest && grows < c.until-c.from {
			all = append(all, course{from: c.from, grows: grows, until: c.until})
		}
	}
	return all
}

// refit fits a leak's course, size and place anew, all others being as they are
// thought to be.
func (d *detector) refit(l *leak) {
	age := d.today - l.course.from
	if age > d.c.Refit && (d.today+l.link)%7 != 0 {
		return
	}
	best, at := -1.0, l.course
	var kept *look
	for _, c := range d.around(l.course) {
		if age > 2*d.c.Refit && c != l.course && c.from != l.course.from {
			continue
		}
		s := d.noise.see(c, d.today)
		x := d.look(s, d.today, l)
		if e := x.estimate(d.signs[l.link], d.c.GainError); e.evidence > best {
			best, at, kept = e.evidence, c, x
		}
	}
	if !l.known && best < d.c.Keep && !l.sure {
		d.drop(l)
		return
	}
	e := kept.estimate(d.signs[l.link], d.c.GainError)
	d.become(l, l.link, at, e.amount)
	if !l.known && !l.fault {
		if evidence, link := d.softProfile(kept); link >= 0 {
			d.replace(l, evidence)
		}
	}
}

// ending is the likeliest end of a leak: by how much it is likelier than that it goes
// on, also as a part of what speaks for the leak at all.
func (d *detector) ending(l *leak) (gain, part float64, at course, amount [classes]float64) {
	if d.today-l.course.from < 5 {
		return 0, 0, l.course, l.amount
	}
	x := d.look(l.seen, d.today, l)
	running := x.estimate(d.signs[l.link], d.c.GainError)
	for n := 1; n <= 14; n++ {
		c := l.course
		c.until = d.today - n + 1
		if c.until <= c.from+1 {
			break
		}
		e := d.ended(l, x, c).estimate(d.signs[l.link], d.c.GainError)
		if v := e.evidence - running.evidence; v > gain {
			gain, at, amount = v, c, e.amount
		}
	}
	return gain, gain / max(running.evidence, 1), at, amount
}

func (d *detector) end(l *leak, at course, amount [classes]float64) {
	d.become(l, l.link, at, amount)
}

// ends takes the end of the leak that explains a change better than a new leak of some
// evidence would, and says whether there was one.
func (d *detector) ends(evidence float64) bool {
	var best *leak
	var at course
	var amount [classes]float64
	for _, l := range d.leaks {
		if l.known || !l.runs(d.today) {
			continue
		}
		if gain, _, c, a := d.ending(l); gain > evidence {
			best, evidence, at, amount = l, gain, c, a
		}
	}
	if best != nil {
		d.end(best, at, amount)
	}
	return best != nil
}

// ended is a look at a leak's course as it is when it ends, from that as it runs.
func (d *detector) ended(l *leak, running *look, c course) *look {
	s := d.noise.see(c, d.today)
	x := &look{sum: append([]float64(nil), running.sum...), weight: running.weight, power: s.power, split: running.split}
	for t := c.until; t <= d.today; t++ {
		k := t - c.from
		for i, g := range d.signs[l.link] {
			class := d.noise.of(i)
			was := l.seen.value[class][k]
			x.sum[i] += (s.value[class][k] - was) * (d.rest[t][i] + l.amount[class]*was*g)
		}
	}
	return x
}

// convince notes that place and evidence of a leak suffice: later days alone take it away no
// more.
func (d *detector) convince(l *leak) {
	if l.known || l.fault || l.located.link < 0 || d.today-l.course.from < d.c.Wait || l.size(d.today) < sureFlow || d.today-l.since < d.c.Stable {
		return
	}
	l.sure = l.sure || l.located.mass >= d.c.Mass && l.evidence >= d.c.Evidence || l.located.mass >= d.c.MassLate && l.evidence >= d.c.Certain
}

// sureFlow is the least leak of which a detector is convinced, m³/h.
const sureFlow = 3.0

// dropped is the day on which later days were seen not to bear it out; never: they do.
func (l *leak) dropped() int {
	if l.gone {
		return l.left
	}
	return never
}

// repair is a leak that was repaired: where it was is known.
type repair struct{ link, day int }

// past goes through a time that is over, with its repairs known, as a whole.
func (d *detector) past(days int, repairs []repair) {
	for day := range days {
		d.begin(day)
	}
	for _, r := range repairs {
		if r.day <= settle+2 || r.day >= days || d.signs[r.link] == nil {
			continue
		}
		l := &leak{known: true}
		d.leaks = append(d.leaks, l)
		d.become(l, r.link, course{from: max(settle+1, r.day-30), until: r.day}, [classes]float64{})
	}
	for range 3 {
		for _, l := range d.leaks {
			d.settle(l)
		}
	}
	for range 12 {
		if !d.scan(d.whole()) {
			break
		}
		for range 2 {
			for _, l := range d.leaks {
				if !l.gone {
					d.settle(l)
				}
			}
		}
	}
	for range 2 {
		for _, l := range d.leaks {
			if !l.gone {
				d.settle(l)
			}
		}
	}
	for _, l := range d.leaks {
		if !l.known && !l.fault && !l.gone && d.remains(l.link, l.course) {
			d.drop(l)
		}
		if l.runs(d.today) {
			d.convince(l)
		}
	}
}

// whole are the courses of leaks that may have begun at any time and run.
func (d *detector) whole() []course {
	var all []course
	for from := settle + 1; from < d.today-8; from += 6 {
		for _, grows := range []int{0, 20, 40, 70, 100} {
			all = append(all, course{from: from, grows: grows, until: never})
		}
	}
	return all
}

// settle fits the course of a leak of the past over all that it may have been, and
// its place if that is not known.
func (d *detector) settle(l *leak) {
	last := min(l.course.until, d.today+1)
	best, at := -1.0, l.course
	var kept *look
	try := func(c course) {
		x := d.look(d.noise.see(c, d.today), d.today, l)
		if e := x.estimate(d.signs[l.link], d.c.GainError); e.evidence > best {
			best, at, kept = e.evidence, c, x
		}
	}
	first := max(settle+1, last-d.c.Longest)
	if !l.known {
		first = max(settle+1, l.course.from-60)
		last = min(last, l.course.from+60)
	}
	for from := first; from < last-3; from += 4 {
		for _, grows := range []int{0, 15, 30, 50, 70, 100} {
			if !l.known || grows <= last-from {
				try(course{from: from, grows: grows, until: l.course.until})
			}
		}
	}
	for _, shift := range []int{-3, -2, -1, 1, 2, 3} {
		if c := at; c.from+shift > settle && c.from+shift < last-2 {
			c.from += shift
			try(c)
		}
	}
	if kept == nil {
		return
	}
	if !l.known && best < d.c.Keep {
		d.drop(l)
		return
	}
	e := kept.estimate(d.signs[l.link], d.c.GainError)
	d.become(l, l.link, at, e.amount)
	if l.known || l.fault {
		return
	}
	if evidence, link := d.softProfile(kept); link >= 0 {
		d.replace(l, evidence)
	}
}
