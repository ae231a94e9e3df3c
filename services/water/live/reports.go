package live

import (
	"math"
	"slices"
	"time"

	"polity/city"
	"polity/services/water/leaks"
)

// Report is what a resident told: what, in which street or near which pipe, and when. Who it
// was is not kept.
type Report struct {
	What   string
	Pipe   string `json:",omitempty"` // what the desk wrote down
	Street string `json:",omitempty"` // what came by the public form
	At     time.Time
	Times  int `json:",omitempty"` // that the form was sent with the same within a quarter of an hour
}

// Where is the street or pipe.
func (r *Report) Where() string {
	if r.Street != "" {
		return r.Street
	}
	return r.Pipe
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
	// tell of the same water. Of the form's, which anybody may send, fewer do.
	reportsMay = 5
	sentMay    = 3
	sentMost   = 300 // of the form's, of reportsMost
	sentWithin = 15 * time.Minute
	timesMost  = 99
)

// Report keeps what a resident told the desk. It is evidence in the ranking of pipes for a
// month, or until the leak near it is over.
func (s *Service) Report(what, pipe string) error {
	if _, is := reportKinds[what]; !is {
		return city.Errorf(city.Invalid, "%.40q is nothing that is reported", what)
	}
	if _, is := s.net.Link(pipe); !is {
		return city.Errorf(city.NotFound, "the network has no pipe %.40q", pipe)
	}
	return s.keepReport(Report{What: what, Pipe: pipe, At: s.deps.Now().UTC().Truncate(time.Minute)})
}

// Tell keeps what somebody sent by the public form: the kind, the street, and the quarter of
// an hour. city.Invalid: no such kind; city.NotFound: no such street.
func (s *Service) Tell(what, street string) error {
	if _, is := reportKinds[what]; !is {
		return city.Errorf(city.Invalid, "%.40q is nothing that is reported", what)
	}
	if s.street(street) == nil {
		return city.Errorf(city.NotFound, "there is no street %.80q", street)
	}
	return s.keepReport(Report{What: what, Street: street, At: s.deps.Now().UTC().Truncate(sentWithin), Times: 1})
}

func (s *Service) keepReport(r Report) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := slices.Clone(s.kept.Reports)
	s.oldReports(s.deps.Now())
	list := s.kept.Reports
	same := slices.IndexFunc(list, func(x Report) bool {
		return r.Street != "" && x.Street == r.Street && x.What == r.What && x.At.Equal(r.At)
	})
	sent := 0
	for i := range list {
		if list[i].Street != "" {
			sent++
		}
	}
	switch {
	case same >= 0:
		list[same].Times = min(list[same].Times+1, timesMost)
	case r.Street != "" && sent >= sentMost: // what is sent in masses pushes nothing of the desk's out
		oldest := slices.IndexFunc(list, func(x Report) bool { return x.Street != "" })
		list = append(slices.Delete(list, oldest, oldest+1), r)
	default:
		list = append(list, r)
	}
	s.kept.Reports = list[max(0, len(list)-reportsMost):]
	if err := s.save(); err != nil {
		s.kept.Reports = was
		return err
	}
	return nil
}

// Forget drops reports of a kind from a street or near a pipe: what they told of is over, or
// they were made up.
func (s *Service) Forget(what, where string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := slices.Clone(s.kept.Reports)
	s.kept.Reports = slices.DeleteFunc(s.kept.Reports, func(r Report) bool { return r.What == what && r.Where() == where })
	if len(s.kept.Reports) == len(was) {
		return city.Errorf(city.NotFound, "there is no such report any more")
	}
	if err := s.save(); err != nil {
		s.kept.Reports = was
		return err
	}
	return nil
}

// oldReports drops those that are older than they may be, and says whether there were any.
// The lock is held.
func (s *Service) oldReports(now time.Time) bool {
	had := len(s.kept.Reports)
	s.kept.Reports = slices.DeleteFunc(s.kept.Reports, func(r Report) bool { return now.Sub(r.At) > reportsKept })
	return len(s.kept.Reports) < had
}

// forgetOld drops them on the disk, too.
func (s *Service) forgetOld() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.oldReports(s.deps.Now()) {
		return nil
	}
	return s.save()
}

// overReports drops those that bore on a leak that is over, and on none that runs. Brown water
// may be of something else. The lock is held.
func (s *Service) overReports(over *Leak) {
	bears := func(r *Report, l *Leak) bool {
		pipe := l.Pipe
		if l.Heard != "" {
			pipe = l.Heard
		}
		at, is := s.net.Link(pipe)
		return is && s.reportedFrom(r, at) < 2*reportKinds[r.What].fades
	}
	s.kept.Reports = slices.DeleteFunc(s.kept.Reports, func(r Report) bool {
		return r.What != "brown-water" && bears(&r, over) &&
			!slices.ContainsFunc(s.kept.Leaks, func(l *Leak) bool { return l.Ended.IsZero() && bears(&r, l) })
	})
}

// reportedFrom is how far a report's pipe, or the nearest of its street, is from a pipe, m.
func (s *Service) reportedFrom(r *Report, link int) float64 {
	far := math.Inf(1)
	if x := s.street(r.Street); x != nil {
		for _, k := range x.Pipes {
			far = min(far, s.between.Links(k, link))
		}
	} else if k, is := s.net.Link(r.Pipe); is {
		far = s.between.Links(k, link)
	}
	return far
}

// bearing are the reports that count for some pipes: the newest, the desk's first.
func (s *Service) bearing(list []leaks.Candidate) (near []Report) {
	now := s.deps.Now()
	for _, sent := range []bool{false, true} {
		most := reportsMay
		if sent {
			most = min(reportsMay, len(near)+sentMay)
		}
		for _, r := range slices.Backward(s.kept.Reports) {
			if (r.Street != "") != sent || now.Sub(r.At) > reportsKept || len(near) == most {
				continue
			}
			if slices.ContainsFunc(list, func(c leaks.Candidate) bool {
				k, is := s.net.Link(c.Pipe)
				return is && s.reportedFrom(&r, k) < 2*reportKinds[r.What].fades
			}) {
				near = append(near, r)
			}
		}
	}
	return near
}

// ranked are the candidates of a leak by what instruments and residents say together
// (Bayes' rule), and how many reports bear on them. What anybody may send counts less: by the
// square root of what the desk heard. The lock is held.
func (s *Service) ranked(l *Leak) (list []leaks.Candidate, reports int) {
	list = slices.Clone(l.Candidates)
	near := s.bearing(list)
	if len(near) == 0 {
		return list, 0
	}
	sum, had := 0.0, 0.0
	for i := range list {
		c := &list[i]
		had += c.Probability
		k, _ := s.net.Link(c.Pipe)
		for _, r := range near {
			kind := reportKinds[r.What]
			if r.Street != "" {
				kind.times = math.Sqrt(kind.times)
			}
			c.Probability *= 1 + (kind.times-1)*math.Exp(-s.reportedFrom(&r, k)/kind.fades)
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
