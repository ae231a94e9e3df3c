package live

import (
	"time"

	"polity/services/traffic/control"
	"polity/services/traffic/control/adaptive"
	"polity/services/traffic/network"
	"polity/services/traffic/safety"
)

// Upstream is a second detector logic of the same controller further up a lane. With one on
// each of its lanes a junction is known well enough for adaptive control: who passes it is on
// the way, until somebody leaves the stop line.
type Upstream struct {
	Logic  int     `yaml:"logic"`
	Metres float64 `yaml:"metres"` // before the stop line
}

// between is what a lane's two logics tell of who is between them. Nobody is known, only how many
// came in and when.
type between struct {
	since []time.Time // when each passed the upper one, the first at the stop line first
	stop  byte        // letter of the logic at the stop line
}

const (
	overdue   = 8 * time.Second // past the time of arrival, with nobody at the stop line: gone another way
	mostAhead = 100
)

// take counts who comes and who leaves.
func (l *between) take(before, now string, stop, upper int, at time.Time) {
	if letter(before, upper) == '0' && letter(now, upper) == '1' && len(l.since) < mostAhead {
		l.since = append(l.since, at)
	}
	if letter(before, stop) == '1' && letter(now, stop) == '0' && len(l.since) > 0 {
		l.since = l.since[1:]
	}
	l.stop = letter(now, stop)
}

// see places those between the two where they would be: on the way at the limit, or in the
// queue behind those before.
func (l *between) see(metres, speed float64, now time.Time) (list []control.Vehicle) {
	arrives := time.Duration(metres / speed * float64(time.Second))
	for len(l.since) > 0 && l.stop == '0' && now.Sub(l.since[0]) > arrives+overdue {
		l.since = l.since[1:]
	}
	if len(l.since) == 0 && l.stop == '1' {
		return []control.Vehicle{{Length: carSpace}}
	}
	for k, since := range l.since {
		v := control.Vehicle{Distance: metres - speed*now.Sub(since).Seconds(), Speed: speed, Length: carSpace}
		if stands := carSpace * float64(k); v.Distance <= stands {
			v.Distance, v.Speed = stands, 0
		}
		list = append(list, v)
	}
	return list
}

// brain is what decides: adaptive control where detectors tell who comes, actuated elsewhere.
func (s *Service) brain() (control.Controller, error) {
	if s.cfg.Simulate != "" { // these detectors see positions and speeds
		return adaptive.New(s.net, sight, adaptive.Default())
	}
	m := &mixed{actuated: control.NewActuated(s.net), sees: make([]bool, len(s.net.Junctions)), second: make([]control.Decision, len(s.net.Junctions))}
	shortest, any := sight.Before, false
	for i := range s.net.Junctions {
		m.sees[i] = true
		for _, lanes := range s.sites[i].meter.lanes {
			for _, l := range lanes {
				d, had := s.cfg.Detectors[s.net.Lanes[l].ID]
				if !had || d.Before == nil {
					m.sees[i] = false
					continue
				}
				shortest = min(shortest, d.Before.Metres)
			}
		}
		any = any || m.sees[i]
	}
	if !any {
		return m.actuated, nil
	}
	var err error
	m.adaptive, err = adaptive.New(s.net, control.Sight{Before: shortest}, adaptive.Default())
	return m, err
}

// mixed lets adaptive control decide about those junctions that it sees.
type mixed struct {
	adaptive, actuated control.Controller
	sees               []bool
	second             []control.Decision
}

func (m *mixed) Name() string { return m.adaptive.Name() }

func (m *mixed) Decide(now time.Duration, seen *control.Reading, shown []safety.Aspects, out []control.Decision) {
	m.adaptive.Decide(now, seen, shown, out)
	m.actuated.Decide(now, seen, shown, m.second)
	for i, sees := range m.sees {
		if !sees {
			out[i] = m.second[i]
		}
	}
}

// upstream tells of a lane with two logics who is between them. The lock is held.
func (s *Service) upstream(l int, d *Detector) []control.Vehicle {
	x := s.between[l]
	if x == nil {
		return nil
	}
	return x.see(d.Before.Metres, speedOf(s.net, l), s.deps.Now())
}

func speedOf(n *network.Network, l int) float64 { return max(1, n.Lanes[l].Speed) }
