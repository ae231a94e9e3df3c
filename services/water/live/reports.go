package live

import (
	"math"
	"slices"
	"time"

	"polity/city"
	"polity/services/water/leaks"
)

// Report is what a resident told the desk: what, near which pipe, and when. Who it was is
// not kept.
type Report struct {
	What string
	Pipe string
	At   time.Time
}

// What residents report, and what it says of a leak near: how much likelier it is told right
// beside one than where there is none, and the distance along pipes (m) over which that
// fades. All are assumed.
var reportKinds = map[string]struct{ times, fades float64 }{
	"street-wet":   {20, 80},
	"no-water":     {4, 200},
	"low-pressure": {3, 300},
	"brown-water":  {2, 300},
}

// ReportKinds lists what may be reported, what says most first.
func ReportKinds() []string { return []string{"street-wet", "no-water", "low-pressure", "brown-water"} }

const (
	reportsMost = 500
	reportsKept = 30 * 24 * time.Hour
	// reportsMay is how often several reports count in the ranking of one leak: neighbours
	// tell of the same water.
	reportsMay = 5
)

// Report keeps what a resident told. It is evidence in the ranking of pipes for a month.
func (s *Service) Report(what, pipe string) error {
	if _, is := reportKinds[what]; !is {
		return city.Errorf(city.Invalid, "%.40q is nothing that is reported", what)
	}
	if _, is := s.net.Link(pipe); !is {
		return city.Errorf(city.NotFound, "the network has no pipe %.40q", pipe)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.deps.Now().UTC()
	s.kept.Reports = slices.DeleteFunc(append(s.kept.Reports, Report{what, pipe, now.Truncate(time.Minute)}), func(r Report) bool { return now.Sub(r.At) > reportsKept })
	s.kept.Reports = s.kept.Reports[max(0, len(s.kept.Reports)-reportsMost):]
	return s.save()
}

// ranked are the candidates of a leak by what instruments and residents say together
// (Bayes' rule), and how many reports bear on them. The lock is held.
func (s *Service) ranked(l *Leak) (list []leaks.Candidate, reports int) {
	list = slices.Clone(l.Candidates)
	now := s.deps.Now()
	var near []Report
	for _, r := range slices.Backward(s.kept.Reports) {
		at, is := s.net.Link(r.Pipe)
		if !is || now.Sub(r.At) > reportsKept || len(near) == reportsMay {
			continue
		}
		if slices.ContainsFunc(list, func(c leaks.Candidate) bool {
			k, is := s.net.Link(c.Pipe)
			return is && s.between.Links(at, k) < 2*reportKinds[r.What].fades
		}) {
			near = append(near, r)
		}
	}
	if len(near) == 0 {
		return list, 0
	}
	sum, had := 0.0, 0.0
	for i := range list {
		c := &list[i]
		had += c.Probability
		k, _ := s.net.Link(c.Pipe)
		for _, r := range near {
			at, _ := s.net.Link(r.Pipe)
			kind := reportKinds[r.What]
			c.Probability *= 1 + (kind.times-1)*math.Exp(-s.between.Links(at, k)/kind.fades)
		}
		sum += c.Probability
	}
	for i := range list { // what is not among them keeps its part
		list[i].Probability *= had / sum
	}
	slices.SortStableFunc(list, func(a, b leaks.Candidate) int {
		switch {
		case a.Probability > b.Probability:
			return -1
		case a.Probability < b.Probability:
			return 1
		}
		return 0
	})
	return list, len(near)
}
