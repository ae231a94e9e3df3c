package leaks

import (
	"runtime"
	"sync"
)

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

// fault is what a member thinks of a sensor, as the number of a sign.
type fault struct {
	member, sign, from, until int
	size                      float64 // m
}

// faults are the sensors' faults that members see.
func (all committee) faults() (list []fault) {
	for k, d := range all {
		for _, l := range d.leaks {
			if !l.fault || l.gone {
				continue
			}
			f := fault{member: k, sign: l.link - d.pipes, from: l.course.from, until: l.course.until}
			f.size = l.amount[modelled] * l.course.at(min(d.today, l.course.until-1))
			if f.sign%2 == 1 {
				f.size = -f.size
			}
			list = append(list, f)
		}
	}
	return list
}
