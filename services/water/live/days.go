package live

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"polity/service"
	"polity/services/water/balance"
	"polity/services/water/epanet"
	"polity/services/water/leaks"
	"polity/services/water/network"
	"polity/services/water/scada"
	"polity/services/water/season"
)

const (
	near      = 400.0 // m along pipes within which a second alarm is of the same leak
	span      = 25 * 24 * time.Hour
	doubt     = 7 * 24 * time.Hour // about an end that nobody brought about
	sawEnd    = 20                 // days behind a repair after which a residual must be free
	leaksMost = 200
	weekDays  = 7 // of a balance
	shutMost  = 500
)

// shown is what the last day looked like.
type shown struct {
	date      time.Time
	day       int // of the time that is watched, from 1
	pressures [][]float64
	residuals []leaks.Residual
	suspects  []leaks.Suspect
	lacks     []string       // what instruments in the city's data do not say, in sentences
	zones     [][]leaks.Zone // of the last days that nothing disturbed
	at        time.Time
}

// day takes a day's measurements, what crews said on it, and what instruments did not.
func (s *Service) day(ctx context.Context, d *scada.Data, words []season.Word, lacks []string) error {
	if err := s.heard(ctx, words); err != nil {
		return err
	}
	s.mu.Lock()
	known := s.known()
	s.mu.Unlock()
	disturbed := len(words) > 0 || s.disturbed(d.Pressures.Start)
	if disturbed { // valves are not as in the model
		s.watch.Skip()
	} else if err := s.watch.Add(ctx, epanet.Native, d); err != nil {
		return err
	}
	found, err := s.watch.Detect(ctx)
	if err != nil {
		return err
	}
	hours := make([]int, 24)
	for h := range hours {
		hours[h] = h
	}
	pressures, err := s.watch.Pressures(ctx, epanet.Native, d, hours, known)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.shown.date, s.shown.day, s.shown.at, s.shown.pressures = d.Pressures.Start, s.watch.Days(), s.deps.Now(), pressures
	s.shown.residuals, s.shown.suspects, s.shown.lacks = s.watch.Residuals(), found.Suspects, lacks
	s.problem = ""
	if !disturbed {
		s.shown.zones = append(s.shown.zones, s.watch.Zones(d))
		s.shown.zones = s.shown.zones[max(0, len(s.shown.zones)-weekDays):]
	}
	changed := s.note(found.Leaks)
	var told []Leak
	for _, l := range changed {
		told = append(told, *l)
		s.publish(l)
	}
	if len(changed) > 0 {
		err = s.save()
	}
	s.mu.Unlock()
	if err == nil {
		err = s.tell(ctx)
	}
	for i := range told {
		if err == nil && !told[i].Ended.IsZero() {
			err = s.deps.Moot(ctx, told[i].Waiting, "The leak has ended.")
		}
	}
	if err != nil {
		return err
	}
	s.nudge()
	return errors.Join(s.measured(ctx, d), s.propose(ctx))
}

// known is what is otherwise than in the model. The lock is held.
func (s *Service) known() leaks.Known {
	k := leaks.Known{Leaks: map[int]float64{}}
	for v := range s.closed {
		k.Shut = append(k.Shut, s.valves[v].Link)
	}
	slices.Sort(k.Shut)
	k.Shut = slices.Compact(k.Shut)
	for _, l := range s.kept.Leaks {
		if link, is := s.net.Link(l.Pipe); is && l.Ended.IsZero() && !l.Cut && !l.Mended {
			k.Leaks[link] += l.Flow
		}
		if l.Cut {
			k.Dry = append(k.Dry, l.Dry...)
		}
	}
	return k
}

// note makes leaks of the detector's alarms, and returns those that are new or over. The
// lock is held.
func (s *Service) note(found []leaks.Found) (changed []*Leak) {
	now := s.deps.Now().UTC()
	for i := range found {
		f := &found[i]
		key := f.At.Format(time.RFC3339) + " " + f.Pipe
		l := s.byID(s.kept.Alarms[key])
		switch {
		case l != nil && l.has(key):
			if s.ripe(l, key, f) {
				l = s.fresh(f, now)
				s.kept.Alarms[key] = l.ID
				changed = append(changed, l)
			}
			continue
		case l != nil:
		case s.kept.Alarms[key] != "": // of one that was forgotten
			continue
		default:
			if l = s.alike(f); l == nil {
				if l = s.partOf(f); l != nil {
					s.kept.Alarms[key] = l.ID
					l.Parts = append(l.Parts, Part{Alarm: key, Pipe: likeliest(f), Since: f.Since, Flow: f.Flow})
					changed = append(changed, l)
					continue
				}
				l = s.fresh(f, now)
			} else if l.Waiting == "" && !l.Mended {
				s.describe(l, f)
			}
			s.kept.Alarms[key] = l.ID
			changed = append(changed, l)
		}
		if l.Ended.IsZero() && !l.Cut && !l.Sent && !f.Until.IsZero() && (!l.Opened.IsZero() || s.shown.date.Sub(f.Until) > doubt) {
			l.Ended, l.Over, l.Note = now, s.shown.date, ""
			s.overReports(l)
			changed = append(changed, l)
		}
	}
	for _, l := range s.kept.Leaks {
		if l.Ended.IsZero() && !l.Opened.IsZero() && l.Note == "" && s.shown.date.Sub(l.Opened) > sawEnd*24*time.Hour {
			l.Note = "It was mended, and what the instruments show has not gone back: look for another leak near."
		}
	}
	slices.SortFunc(changed, func(a, b *Leak) int { return strings.Compare(a.ID, b.ID) })
	return slices.Compact(changed)
}

// fresh is a leak that was not known. The lock is held.
func (s *Service) fresh(f *leaks.Found, now time.Time) *Leak {
	if len(s.kept.Leaks) >= leaksMost {
		s.kept.Leaks = slices.Delete(s.kept.Leaks, 0, 1)
	}
	s.kept.Count++
	l := &Leak{ID: fmt.Sprintf("%s-%d", now.Format("20060102T150405"), s.kept.Count), Found: now}
	s.kept.Leaks = append(s.kept.Leaks, l)
	s.describe(l, f)
	return l
}

// describe says of a leak what an alarm says.
func (s *Service) describe(l *Leak, f *leaks.Found) {
	l.Pipe, l.Since, l.Flow, l.Within, l.Candidates = likeliest(f), f.Since, f.Flow, f.Within, f.Candidates
	l.Reason = s.reason(f, l)
}

// likeliest is the pipe with the highest probability: the detector names the middle of them.
func likeliest(f *leaks.Found) string {
	if len(f.Candidates) > 0 {
		return f.Candidates[0].Pipe
	}
	return f.Pipe
}

// alike is a known leak that an alarm may be of.
func (s *Service) alike(f *leaks.Found) *Leak {
	where, _ := s.net.Link(f.Pipe)
	for _, l := range s.kept.Leaks {
		link, _ := s.net.Link(l.Pipe)
		if l.Ended.IsZero() && s.between.Links(where, link) <= near && f.Since.Sub(l.Since).Abs() <= span {
			return l
		}
	}
	return nil
}

func (s *Service) byID(id string) *Leak {
	for _, l := range s.kept.Leaks {
		if l.ID == id {
			return l
		}
	}
	return nil
}

// reason says in one sentence what instruments show of a leak.
func (s *Service) reason(f *leaks.Found, l *Leak) string {
	pipe := l.Pipe
	for _, other := range s.kept.Leaks { // what is measured is of both
		if other != l && other.Ended.IsZero() && !other.Mended && other.Flow > f.Flow {
			return service.Sentence(fmt.Sprintf("Since %s, beside the leak near %s, another of about %.0f m³/h near %s fits what instruments show best; it may be a part of the other.", s.when(f.Since), other.Pipe, f.Flow, pipe), 300)
		}
	}
	before := int(f.Since.Sub(s.first()) / (24 * time.Hour))
	var parts []string
	say := func(balance bool, most float64, words string) {
		best, change := -1, 0.0
		for i, r := range s.shown.residuals {
			last, first := mean(lastKnown(r.Days, 3)), mean(r.Days[max(0, min(before, len(r.Days))-7):max(0, min(before, len(r.Days)))])
			if math.IsNaN(first) {
				first = 0
			}
			if x := (last - first) / r.Spread; r.Balance == balance && x*most > change*most {
				best, change = i, x
			}
		}
		if best >= 0 {
			r := &s.shown.residuals[best]
			parts = append(parts, fmt.Sprintf(words, r.Instrument, math.Abs(change)*r.Spread, math.Abs(change)))
		}
	}
	say(true, 1, "more flows in by %s at night than is used, by %.1f m³/h (%.0f times the usual spread)")
	say(false, -1, "pressure at %s is lower by %.2f m than the model expects (%.0f times)")
	if len(parts) == 0 {
		parts = []string{"many instruments show a little together"}
	}
	return service.Sentence(fmt.Sprintf("Since %s %s: a leak of about %.0f m³/h near %s fits best.", s.when(f.Since), strings.Join(parts, " and "), f.Flow, pipe), 300)
}

// lastKnown are the last values that are known.
func lastKnown(list []float64, most int) (known []float64) {
	for _, v := range slices.Backward(list) {
		if !math.IsNaN(v) && len(known) < most {
			known = append(known, v)
		}
	}
	return known
}

func mean(list []float64) float64 {
	sum, n := 0.0, 0.0
	for _, v := range list {
		if !math.IsNaN(v) {
			sum, n = sum+v, n+1
		}
	}
	return sum / n
}

// first is the first day that is watched.
func (s *Service) first() time.Time { return s.shown.date.AddDate(0, 0, 1-s.shown.day) }

// when is a time of the measurements' clock in words: of made-up days, their number.
func (s *Service) when(t time.Time) string {
	if s.cfg.Simulate == "" {
		return t.Format("2 January 2006")
	}
	return fmt.Sprintf("day %d", 1+int(t.Sub(s.first())/(24*time.Hour)))
}

// homeLitres is what a home uses a day, where homes are not counted.
const homeLitres = 300

func (s *Service) homes(nodes []int) int {
	sum := 0.0
	for _, i := range nodes {
		if s.net.Nodes[i].Kind == network.Junction {
			sum += s.net.Nodes[i].BaseDemand() * s.net.CubicMetresPerHour()
		}
	}
	return int(math.Round(sum * 24 * 1000 / homeLitres))
}

// Balance is a zone's over the last days.
type Balance struct {
	Zone       string
	Days       int
	Input, Use balance.Estimate // m³
	*balance.Balance
}

// balances draws up those of zones with homes enough. The lock is held.
func (s *Service) balances() (list []Balance) {
	if len(s.shown.zones) == 0 {
		return nil
	}
	for z, zone := range s.shown.zones[0] {
		b := Balance{Zone: zone.Name}
		for _, day := range s.shown.zones {
			if !math.IsNaN(day[z].Used) && !math.IsNaN(day[z].Expected) {
				b.Days++
				b.Input.M3 += day[z].Used
				b.Use.M3 += day[z].Expected
			}
		}
		inside := map[int]bool{}
		for _, i := range zone.Nodes {
			inside[i] = true
		}
		length, pressure, n := 0.0, 0.0, 0.0
		for _, l := range s.net.Links {
			if l.Kind == network.Pipe && inside[l.From] && inside[l.To] {
				length += l.Length
			}
		}
		for _, hour := range s.shown.pressures {
			for _, i := range zone.Nodes {
				if hour != nil && s.net.Nodes[i].Kind == network.Junction {
					pressure, n = pressure+hour[i], n+1
				}
			}
		}
		d := balance.District{
			Name: zone.Name, Days: float64(b.Days), MainsKm: length / 1000, Connections: s.homes(zone.Nodes), PressureM: pressure / n,
			Input: balance.Amount{M3: b.Input.M3, PlusPct: inputPct}, BilledMetered: balance.Amount{M3: b.Use.M3, PlusPct: usePct},
			Unauthorised: balance.Amount{M3: 0.0025 * b.Input.M3, PlusPct: 100}, MeterErrors: balance.Amount{M3: 0.02 * b.Use.M3, PlusPct: 50},
		}
		b.Input.Plus, b.Use.Plus = b.Input.M3*inputPct/100, b.Use.M3*usePct/100
		var err error
		if b.Balance, err = d.Draw(); err == nil { // else it would tell of few homes, or a meter is wrong
			list = append(list, b)
		}
	}
	return list
}

// Intervals of 95 % that are assumed, per cent: a zone's meter, and the use of a zone of
// which some homes are read.
const inputPct, usePct = 2, 10
