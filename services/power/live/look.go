package live

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"time"

	"polity/city"
	"polity/services/power/grid"
	"polity/services/power/outage"
)

const (
	sure      = 0.9 // of a line, before anything is proposed
	suspected = 0.5 // of a line, before anybody is told
	stale     = 12 * time.Hour
	keepPast  = 366 * 24 * time.Hour
	faultsMax = 200
)

func (s *Service) secure() (*tls.Config, error) {
	if s.cfg.Field == nil {
		return nil, nil //nolint:nilnil // no configuration: no TLS
	}
	return s.cfg.Field.tls()
}

// standing is the network as the switches are told to stand, with every line that failed cut
// out. The lock is held.
func (s *Service) standing() *grid.Network {
	net := s.net.Clone()
	if s.field != nil {
		closed := s.field.positions()
		for i, c := range closed {
			net.Lines[i].SetClosed(c)
		}
	}
	for _, f := range s.kept.Faults {
		if !f.Mended || f.Isolated {
			net.Lines[f.Line].SetClosed(false)
		}
	}
	return net
}

// look infers what failed from what is known now, notes what is new and what is over, and
// proposes what follows.
func (s *Service) look(ctx context.Context) error {
	s.mu.Lock()
	now := s.deps.Now()
	net := s.standing()
	top := net.Topology()
	e := outage.Evidence{Devices: func(line int) bool { return net.Lines[line].Closed() }, Metered: s.metered}
	for load, m := range s.reports {
		live := top.BusLive(net.Loads[load].At.Bus)
		if now.Sub(m.At) > stale || (m.Dark && !live) { // known: it explains nothing new
			if !live {
				continue
			}
			delete(s.reports, load)
			continue
		}
		e.Reports = append(e.Reports, outage.Report{Load: load, Dark: m.Dark, Call: m.Call})
	}
	slices.SortFunc(e.Reports, func(a, b outage.Report) int { return a.Load - b.Load })
	picture, err := outage.Infer(net, e)
	s.looked, s.known, s.problem = now, net, ""
	if err != nil {
		// A network that cannot be looked at as it stands, such as one with a loop, is
		// told of; nothing is proposed meanwhile.
		s.picture, s.problem = nil, err.Error()
		s.mu.Unlock()
		return nil //nolint:nilerr // it stands in the picture of this moment
	}
	s.picture = picture
	fresh := false
	for i := range picture.Outages {
		o := &picture.Outages[i]
		if o.Probability < sure || s.fault(o.Line) != nil || len(s.kept.Faults) >= faultsMax {
			continue
		}
		s.kept.Count++
		f := &Fault{
			ID: fmt.Sprintf("%s-%d", now.UTC().Format("20060102T150405"), s.kept.Count), Line: o.Line, Name: net.Lines[o.Line].Name, Found: s.first(o, now), Customers: o.Customers,
			Probability: o.Probability, Reason: o.Reason, Against: len(o.Against), Buses: o.Buses, Dark: o.Customers,
		}
		for _, c := range o.Others {
			f.Others = append(f.Others, net.Lines[c.Line].Name)
		}
		s.kept.Faults = append(s.kept.Faults, f)
		s.publish(f, time.Time{})
		fresh = true
	}
	if fresh {
		s.known = s.standing()
		err = s.save()
	}
	s.mu.Unlock()
	if err == nil {
		err = s.tell(ctx)
	}
	if err != nil {
		return err
	}
	return s.propose(ctx)
}

func (s *Service) fault(line int) *Fault {
	for _, f := range s.kept.Faults {
		if f.Line == line {
			return f
		}
	}
	return nil
}

// first is when the first report of an outage came.
func (s *Service) first(o *outage.Outage, now time.Time) time.Time {
	first := now
	for _, load := range o.Loads {
		if m, said := s.reports[load]; said && m.Dark && m.At.Before(first) {
			first = m.At
		}
	}
	return first.UTC()
}

// dark counts the customers of buses that no source reaches.
func dark(net *grid.Network, buses []int) (n int) {
	top := net.Topology()
	for i := range net.Loads {
		if l := &net.Loads[i]; slices.Contains(buses, l.At.Bus) && !top.BusLive(l.At.Bus) {
			n += l.Customers
		}
	}
	return n
}

var errStale = city.Errorf(city.Conflict, "the network has changed since this was proposed: it is looked at anew")
