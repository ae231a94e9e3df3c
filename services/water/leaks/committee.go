package leaks

import (
	"runtime"
	"slices"
	"sync"

	"polity/services/water/network"
)

// claim is an alarm of one member of the committee.
type claim struct {
	member, day, link int
	from, until       int // of the leak
	ended             int // day on which its end was seen
	size              float64
	located           located
	used              bool
}

// holds says whether a claim still counts on a day.
func (c *claim) holds(day, expire int) bool {
	return !c.used && day-c.day <= expire && day < c.ended
}

// committee is detectors that believe the model more or less and go through the same days.
// Which pipe a single one names hangs on small things; what many name is there
// (L. Breiman, Bagging predictors, Machine Learning 24, 1996).
type committee []*detector

// gather makes a detector for each member.
func gather(c Config, member func(c Config) *detector) committee {
	all := make(committee, len(c.Members))
	for k, m := range c.Members {
		own := c
		own.ModelError, own.GainError, own.Wander = m.ModelError, m.GainError, m.Wander
		all[k] = member(own)
	}
	return all
}

// each lets all detectors do something, as many at a time as there are processors.
func (all committee) each(do func(d *detector)) {
	var wait sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for _, d := range all {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			do(d)
		})
	}
	wait.Wait()
}

// claims are the alarms that members have given, and the sensors' faults that they see, whose
// link is that of the sign.
func (all committee) claims() (claims, faults []claim) {
	for k, d := range all {
		for _, l := range d.leaks {
			if l.fault && !l.gone {
				sign := l.link - d.pipes
				size := l.amount[modelled] * l.course.at(min(d.today, l.course.until-1))
				if sign%2 == 1 {
					size = -size
				}
				faults = append(faults, claim{member: k, link: sign, from: l.course.from, until: l.course.until, size: size})
			}
			for _, a := range l.alarms {
				claims = append(claims, claim{member: k, day: a.day, link: a.link, from: l.course.from, until: l.course.until, ended: l.ended, size: a.size, located: a.located})
			}
		}
	}
	return claims, faults
}

// council goes through claims in the order of their days.
type council struct {
	c       Config
	before  int // days of history
	between *network.Between
	heard   []claim
	issued  []claim
}

// agree returns the alarms that enough members gave: places near each other, for leaks
// that began near each other.
func agree(claims []claim, between *network.Between, c Config, before int) []claim {
	slices.SortStableFunc(claims, func(a, b claim) int { return a.day - b.day })
	k := &council{c: c, before: before, between: between}
	for i, x := range claims {
		x.used = slices.ContainsFunc(k.issued, func(y claim) bool { return k.same(&x, &y) })
		k.heard = append(k.heard, x)
		if i+1 < len(claims) && claims[i+1].day == x.day {
			continue
		}
		for k.vote(x.day) {
		}
	}
	return k.issued
}

// same says whether two claims speak of one leak.
func (k *council) same(a, b *claim) bool {
	span := k.c.Span
	if a.from < k.before || b.from < k.before {
		span *= 5 // the beginnings of old leaks are hardly known
	}
	return k.between.Links(a.link, b.link) <= k.c.Near && max(a.from-b.from, b.from-a.from) <= span
}

// vote issues the alarm that most members are for, if enough are.
func (k *council) vote(day int) bool {
	best, votes := -1, 0
	for i := range k.heard {
		if !k.heard[i].holds(day, k.c.Expire) {
			continue
		}
		members := map[int]bool{}
		for j := range k.heard {
			if k.heard[j].holds(day, k.c.Expire) && k.same(&k.heard[i], &k.heard[j]) {
				members[k.heard[j].member] = true
			}
		}
		if len(members) > votes || len(members) == votes && best >= 0 && k.heard[i].located.mass > k.heard[best].located.mass {
			best, votes = i, len(members)
		}
	}
	if votes < k.c.Quorum {
		return false
	}
	alarm := k.heard[best]
	alarm.day = day
	var ends []int
	chance, count := make([]float64, len(alarm.located.chance)), 0.0
	for j := range k.heard {
		x := &k.heard[j]
		if !k.same(&alarm, x) {
			continue
		}
		if x.holds(day, k.c.Expire) {
			count++
			ends = append(ends, x.until)
			for i, v := range x.located.chance {
				chance[i] += v
			}
		}
		x.used = true
	}
	for i := range chance {
		chance[i] /= count
	}
	if at := densest(chance, k.between, k.c.Radius); at.link >= 0 {
		alarm.link, alarm.located = at.link, at
	}
	slices.Sort(ends)
	alarm.until = ends[len(ends)/2] // what most members think in the end
	k.issued = append(k.issued, alarm)
	return true
}
