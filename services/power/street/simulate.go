package street

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"sync"
	"time"

	"polity/city"
	"polity/plane"
	"polity/plane/ingest/mapping"
	"polity/services/power/cabinets"
	"polity/services/power/lighting"
)

// played is lamps that are made up: their cabinets are made of software, and what they say goes
// the way that a device's messages go, through the mapping that comes with the program.
type played struct {
	s        *Service
	field    *cabinets.Field
	mappings *mapping.Set

	mu   sync.Mutex
	said []mapping.Message
}

// What is made up: broken lamps by group, how often cabinets speak, and the nights before.
var (
	playBroken = map[string]int{"mikonkatu": 2, "kirkkokatu": 1}
	playEvery  = 30 * time.Second
	playBefore = 7
)

const saidMost = 10_000

// begin starts the made-up lamps.
func (s *Service) begin(ctx context.Context) (*played, error) {
	p := &played{s: s}
	var list []*mapping.Mapping
	for _, name := range []string{"street-cabinet", "street-cabinet-gasp"} {
		m, err := mapping.ReadShipped(name)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	var err error
	if p.mappings, err = mapping.NewSet(list...); err != nil {
		return nil, err
	}
	s.mu.Lock()
	if len(s.kept.Energy) == 0 {
		s.before(s.deps.Now().In(s.zone))
	}
	s.mu.Unlock()
	s.crowd = func(_ context.Context, a *lighting.Area, from time.Time) (float64, bool, error) {
		return madeUp(a.Name, from.Add(lighting.Quarter/2).In(s.zone)), true, nil
	}
	if p.field, err = cabinets.Start(ctx, cabinets.Config{Groups: s.town.Groups, Zone: s.zone, Now: s.deps.Now, Every: playEvery, Broken: playBroken, Say: p.say}); err != nil {
		return nil, err
	}
	s.line.address, s.play = p.field.Address(), p
	return p, nil
}

func (p *played) say(topic string, payload []byte) {
	p.mu.Lock()
	if len(p.said) < saidMost {
		p.said = append(p.said, mapping.Message{Topic: topic, Payload: payload, Received: p.s.deps.Now()})
	}
	p.mu.Unlock()
	p.s.ring()
}

// store brings what cabinets said into the city's data, in one commit.
func (p *played) store(ctx context.Context) error {
	p.mu.Lock()
	said := p.said
	p.said = nil
	p.mu.Unlock()
	var b plane.Batch
	for _, x := range said {
		_, r, err := p.mappings.Apply(x)
		if err != nil {
			return fmt.Errorf("what a made-up cabinet says: %w", err)
		}
		g := p.s.group[r.Device]
		where, err := json.Marshal(map[string]any{"type": "Point", "coordinates": []float64{g.Lon, g.Lat}})
		if err != nil {
			return err
		}
		r.Entity.Set(plane.Attribute{Name: "simulated", Kind: plane.Property, Value: json.RawMessage("true")})
		r.Entity.Set(plane.Attribute{Name: plane.Location, Kind: plane.Geo, Value: where})
		b.Changes, b.Observations = append(b.Changes, r.Change()), append(b.Observations, r.Observations()...)
	}
	if len(b.Changes) == 0 {
		return nil
	}
	result, err := p.s.deps.Data.Write(ctx, &b)
	if err == nil {
		err = result.Err()
	}
	if err != nil {
		return fmt.Errorf("write what made-up cabinets say: %w", err)
	}
	return nil
}

// madeUp is how many are out in an area at a local time: many in the evening, few after two, at
// the end of the week longer.
func madeUp(area city.Slug, t time.Time) float64 {
	size := 0.0
	for _, r := range area {
		size += float64(r)
	}
	size = 0.6 + math.Mod(size, 9)/10
	hour := float64(t.Hour()) + float64(t.Minute())/60
	if hour < 12 {
		hour += 24
	}
	late := 23.2 // when half of the evening's people are home
	if night := t.Add(-12 * time.Hour).Weekday(); night == time.Friday || night == time.Saturday {
		late = 25.5
	}
	people := 34 / (1 + math.Exp(1.6*(hour-late)))
	if hour > 29 {
		people += 6 * (hour - 29)
	}
	wave := 1 + 0.25*math.Sin(float64(t.Unix())/1700+size*7)
	return size * people * wave
}

// before fills the nights before the start, as the same lamps and people would have had them.
// The lock is held.
func (s *Service) before(now time.Time) {
	today := nightOf(now)
	for back := playBefore; back > 0; back-- {
		day := today.AddDate(0, 0, -back)
		begin := time.Date(day.Year(), day.Month(), day.Day(), 12, 0, 0, 0, s.zone)
		e := Energy{Day: day, Simulated: true}
		watches := map[city.Slug]*lighting.Watch{}
		for i := range s.town.Areas {
			watches[s.town.Areas[i].Name] = lighting.NewWatch(&s.town.Areas[i])
		}
		for t := begin; t.Before(begin.Add(24 * time.Hour)); t = t.Add(lighting.Quarter) {
			for name, w := range watches {
				w.See(t.Add(-lighting.Quarter), madeUp(name, t.Add(-lighting.Quarter/2)), true)
			}
			for i := range s.town.Groups {
				g := &s.town.Groups[i]
				p := g.Plan(t)
				if p.Most == 0 {
					continue
				}
				level := 1.0
				if a := s.areaOf[g.Name]; a != nil && p.Least < 1 {
					n, _ := watches[a.Name].Step(t)
					level = g.StepLevel(n)
				}
				e.Used += g.Watts(level, playBroken[g.Name]) * lighting.Quarter.Hours()
				e.Full += g.Watts(1, playBroken[g.Name]) * lighting.Quarter.Hours()
			}
		}
		s.kept.Energy = append(s.kept.Energy, e)
	}
}
