package leaks

import (
	"slices"

	"polity/services/water/network"
)

// council decides what is told. Each member of the committee says of every pipe how likely a
// leak that it thinks of is near; their mean is the probability that one runs there, all
// members being as likely to be right (J. A. Hoeting et al., Bayesian Model Averaging,
// Statistical Science 14, 1999). An alarm is given where it exceeds a threshold: the member
// that thinks of nothing there counts against it, and so does a place that scatters.
type council struct {
	c       Config
	before  int // days of history
	between *network.Between
	issued  []alarm
	likely  []likely
}

// alarm is a leak that was told.
type alarm struct {
	day, link, from int
	size            float64 // m³/h, on that day
	located         located
	of              []*leak // what members think it is
}

// likely is a place that exceeded the threshold, on days since one.
type likely struct{ link, since, last int }

// until is the day on which the leak ended, as most members think in the end.
func (a *alarm) until() int {
	var ends []int
	for _, l := range a.of {
		ends = append(ends, min(l.course.until, l.dropped()))
	}
	slices.Sort(ends)
	return ends[len(ends)/2]
}

// view is a leak that a member thinks of, with the pipes where it may be.
type view struct {
	member int
	leak   *leak
	pipes  []int
}

// within is the probability of a view within the radius of a pipe.
func (k *council) within(v *view, pipe int) (sum float64) {
	for _, j := range v.pipes {
		if k.between.Links(pipe, j) <= k.c.Near {
			sum += v.leak.located.chance[j]
		}
	}
	return sum
}

// hear goes to the members' next day, and tells what is certain enough.
func (k *council) hear(members committee) {
	today := members[0].today
	if today < 0 {
		return
	}
	views := k.views(members, today)
	for range roundsMost {
		pipe, chance := k.best(views, len(members))
		if pipe < 0 || chance < k.c.Sure {
			break
		}
		if !k.stays(pipe, today) {
			views = slices.DeleteFunc(views, func(v view) bool { return k.between.Links(pipe, v.leak.link) <= k.c.Near })
			continue
		}
		a := k.alarm(views, pipe, today)
		k.issued = append(k.issued, a)
		views = slices.DeleteFunc(views, func(v view) bool { return k.told(&v, &a) })
	}
}

// roundsMost is how many places are looked at on a day.
const roundsMost = 4

// pipesLeast is the probability from which on a pipe counts.
const pipesLeast = 5e-4

// views are the leaks that may be told.
func (k *council) views(members committee, today int) (list []view) {
	for m, d := range members {
		for _, l := range d.leaks {
			if l.known || l.fault || !l.runs(today) || l.located.link < 0 || l.located.chance == nil || l.size(today) < k.c.AlarmFlow || today-l.course.from < k.c.Wait || l.evidence < k.c.Evidence {
				continue
			}
			v := view{member: m, leak: l}
			if slices.ContainsFunc(k.issued, func(a alarm) bool { return k.told(&v, &a) }) {
				continue
			}
			for j, p := range l.located.chance {
				if p > pipesLeast {
					v.pipes = append(v.pipes, j)
				}
			}
			list = append(list, v)
		}
	}
	return list
}

// told says whether a view is of a leak that was told: it counted for that alarm, or is near it
// and began with it. The beginnings of leaks that are older than the data are hardly known.
func (k *council) told(v *view, a *alarm) bool {
	span := k.c.One
	if v.leak.course.from < k.before || a.from < k.before {
		span = k.c.OneOld
	}
	apart := max(a.from-v.leak.course.from, v.leak.course.from-a.from)
	return slices.Contains(a.of, v.leak) || k.between.Links(a.link, v.leak.link) <= k.c.Near && apart <= span
}

// best is the pipe near which a leak is the likeliest, and the probability; -1: none is.
func (k *council) best(views []view, members int) (pipe int, chance float64) {
	pipe = -1
	seen := map[int]bool{}
	var pipes []int
	for i := range views {
		for _, j := range views[i].pipes {
			if !seen[j] {
				seen[j] = true
				pipes = append(pipes, j)
			}
		}
	}
	slices.Sort(pipes)
	each := make([]float64, members)
	for _, j := range pipes {
		clear(each)
		for i := range views {
			v := &views[i]
			each[v.member] = min(1, each[v.member]+k.within(v, j))
		}
		sum := 0.0
		for _, p := range each {
			sum += p / float64(members)
		}
		if sum > chance+1e-12 {
			pipe, chance = j, sum
		}
	}
	return pipe, chance
}

// stays says whether a place has been likely for some days. At the end of the earlier time all
// was looked at as a whole, and nothing has to wait.
func (k *council) stays(pipe, today int) bool {
	k.likely = slices.DeleteFunc(k.likely, func(x likely) bool { return today-x.last > likelyKept })
	i := slices.IndexFunc(k.likely, func(x likely) bool { return k.between.Links(x.link, pipe) <= k.c.Near })
	if i < 0 {
		i = len(k.likely)
		k.likely = append(k.likely, likely{link: pipe, since: today})
	}
	k.likely[i].last = today
	return today < k.before || today-k.likely[i].since >= k.c.Stable
}

// likelyKept is how many days a place may be less likely meanwhile.
const likelyKept = 30

// alarm puts together what members think of the leak near a pipe.
func (k *council) alarm(views []view, pipe, today int) alarm {
	a := alarm{day: today, link: pipe}
	var from []int
	var size []float64
	chance, sum := make([]float64, len(views[0].leak.located.chance)), 0.0
	for i := range views {
		v := &views[i]
		part := k.within(v, pipe)
		if part > 0.2 || k.between.Links(pipe, v.leak.link) < k.c.Near {
			a.of = append(a.of, v.leak)
		}
		if part <= 0.2 {
			continue
		}
		from, size = append(from, v.leak.course.from), append(size, v.leak.size(today))
		for j, p := range v.leak.located.chance {
			chance[j] += p
			sum += p
		}
	}
	slices.Sort(from)
	slices.Sort(size)
	a.from, a.size = from[len(from)/2], size[len(size)/2]
	for j := range chance {
		chance[j] /= sum
	}
	a.located = around(chance, k.between, pipe, k.c.Near)
	return a
}
