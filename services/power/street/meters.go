package street

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/plane"
	"polity/service"
	"polity/services/power/lighting"
)

// Entities that the service reads and writes.
const (
	cabinetPrefix = "urn:ngsi-ld:StreetlightControlCabinet:"
	groupPrefix   = "urn:ngsi-ld:StreetlightGroup:"
	groupType     = "StreetlightGroup"
)

func groupID(group string) string { return groupPrefix + group }

// lamp is what is known of a group from what its cabinet says.
type lamp struct {
	at      time.Time // of what it said last
	level   float64
	watts   float64
	metered bool
	by      string
	lost    bool // its supply

	samples  []lighting.Metered
	sampled  time.Time
	finding  lighting.Finding
	same     int // findings in a row that say the same
	told     lighting.Finding
	reckoned bool
}

// account is what a group drew in a night, and what all its lamps would have in full light.
type account struct {
	Used float64 `json:"used"` // Wh
	Full float64 `json:"full"`
}

// Energy is a night's, of all lamps.
type Energy struct {
	Day       time.Time `json:"day"`  // on which the night began
	Used      float64   `json:"used"` // Wh
	Full      float64   `json:"full"` // what full light from dusk to dawn would have drawn
	Simulated bool      `json:"simulated,omitempty"`
}

const (
	silentAfter  = 20 * time.Minute // a cabinet that is not heard for so long is unknown
	nightsKept   = 400
	samplesKept  = 12
	samplesLeast = 3
	sampleEach   = 5 * time.Minute
	saveEach     = 5 * time.Minute // what lamps drew since then is lost in a crash
	page         = 500
)

// hear reads what cabinets said since the last look.
func (s *Service) hear(ctx context.Context, now time.Time) error {
	if err := s.rollOver(now); err != nil {
		return err
	}
	var ids []string
	for i := range s.town.Groups {
		ids = append(ids, cabinetPrefix+s.town.Groups[i].Name)
	}
	for some := range slices.Chunk(ids, page) {
		found, err := s.deps.Data.Find(ctx, plane.Query{IDs: some, Limit: page})
		if err != nil {
			return fmt.Errorf("read cabinets: %w", err)
		}
		s.mu.Lock()
		for _, e := range found.Entities {
			name := strings.TrimPrefix(e.ID, cabinetPrefix)
			if l := s.lamps[name]; l != nil {
				s.said(s.group[name], l, e)
			}
		}
		s.mu.Unlock()
	}
	if now.Sub(s.saved) < saveEach && !now.Before(s.saved) {
		return nil
	}
	s.saved = now
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.save()
}

// said takes what a cabinet said. The lock is held.
func (s *Service) said(g *lighting.Group, l *lamp, e *plane.Entity) {
	var lost bool
	if a := e.Attribute("supplyLost"); a != nil && json.Unmarshal(a.Value, &lost) == nil {
		l.lost = lost && !a.ObservedAt.Before(l.at)
	}
	a := e.Attribute("illuminanceLevel")
	var level, watts float64
	if a == nil || !a.ObservedAt.After(l.at) || json.Unmarshal(a.Value, &level) != nil {
		return
	}
	at := a.ObservedAt
	metered := false
	if w := e.Attribute("activePower"); w != nil && w.ObservedAt.Equal(at) {
		metered = json.Unmarshal(w.Value, &watts) == nil
	}
	if gap := at.Sub(l.at); l.metered && metered && gap <= silentAfter {
		used, full := g.Energy([]lighting.Span{{From: l.at, To: at, Watts: l.watts}})
		full *= float64(g.Lamps-min(l.told.Broken, g.Lamps)) / float64(g.Lamps) // a broken lamp saves nothing
		x := s.kept.Used[g.Name]
		s.kept.Used[g.Name] = account{x.Used + used, x.Full + full}
	}
	changed := !l.at.IsZero() && level != l.level
	l.at, l.level, l.watts, l.metered, l.by = at, level, watts, metered, ""
	if b := e.Attribute("decidedBy"); b != nil && b.ObservedAt.Equal(at) {
		_ = json.Unmarshal(b.Value, &l.by) // a word of the mapping's list, or nothing
	}
	each := sampleEach
	if s.play != nil {
		each = playEvery // nobody looks at made-up lamps for long
	}
	if metered && (changed || at.Sub(l.sampled) >= each) {
		l.sampled = at
		l.samples = append(l.samples, lighting.Metered{Level: level, Watts: watts})
		l.samples = l.samples[max(0, len(l.samples)-samplesKept):]
		l.judge(g, s.cfg.Precision)
	}
}

// judge looks for broken lamps in the last readings. What two findings in a row say counts.
func (l *lamp) judge(g *lighting.Group, precision float64) {
	on := slices.ContainsFunc(l.samples, func(m lighting.Metered) bool { return m.Level > 0 })
	if len(l.samples) < samplesLeast {
		return
	}
	f := lighting.Faults(g, l.samples, precision)
	if !f.Sure && f.Broken < 2 {
		f.Broken = 0 // the meter cannot tell one lamp
	}
	if l.same++; f.Broken != l.finding.Broken || f.Burning != l.finding.Burning {
		l.same = 1
	}
	l.finding = f
	switch {
	case l.same < 2:
	case on:
		l.told, l.reckoned = f, true
	default: // by day nobody can say which lamps would burn
		if l.told.Burning = f.Burning; f.Burning > 0 {
			l.told.Reason = f.Reason
		}
	}
}

// rollOver ends the accounts of a night that is over.
func (s *Service) rollOver(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	day := nightOf(now)
	if s.kept.Night.Equal(day) {
		return nil
	}
	var total account
	for _, x := range s.kept.Used {
		total = account{total.Used + x.Used, total.Full + x.Full}
	}
	if total.Full > 0 {
		s.kept.Energy = append(s.kept.Energy, Energy{Day: s.kept.Night, Used: total.Used, Full: total.Full, Simulated: s.cfg.Simulate != ""})
		s.kept.Energy = s.kept.Energy[max(0, len(s.kept.Energy)-nightsKept):]
	}
	s.kept.Night, s.kept.Used = day, map[string]account{}
	return s.save()
}

// alert is a situation that lasts.
type alert struct {
	ID    string    `json:"id"`
	Group string    `json:"group"`
	Start time.Time `json:"start"`
}

const (
	broken = "/lamps"
	dark   = "/supply"
)

// alarm tells the control room of broken lamps and of cabinets without supply, and of the end.
func (s *Service) alarm(ctx context.Context, now time.Time) error {
	s.mu.Lock()
	lasting := map[string]bool{}
	for name, l := range s.lamps {
		lasting[name+broken] = l.told.Broken > 0 || l.told.Burning > 0
		lasting[name+dark] = l.lost
	}
	changed := false
	for _, key := range slices.Sorted(maps.Keys(lasting)) {
		name, what, _ := strings.Cut(key, "/")
		a, told := s.kept.Alerts[key]
		if lasts := lasting[key]; lasts == told || (!lasts && what == broken[1:] && !s.lamps[name].reckoned) {
			continue // after a start nothing is over before there are readings
		}
		end := now.UTC()
		if !told {
			end = time.Time{}
			a = alert{ID: fmt.Sprintf("urn:ngsi-ld:Alert:power:lamps-%s-%s-%s", what, name, now.UTC().Format("20060102T150405")), Group: name, Start: now.UTC()}
		}
		s.kept.Untold.Put(s.alertOf(key, a, end))
		changed = true
		if told {
			delete(s.kept.Alerts, key)
		} else {
			s.kept.Alerts[key] = a
		}
	}
	return s.note(ctx, changed)
}

// note keeps alerts that changed, and tells the city's data of them. It lets go of the lock.
func (s *Service) note(ctx context.Context, changed bool) (err error) {
	if changed {
		err = s.save()
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.deps.Tell(ctx, &s.mu, &s.kept.Untold, s.save)
}

func (s *Service) alertOf(key string, a alert, end time.Time) service.Alert {
	x := service.Alert{ID: a.ID, Category: "power", SubCategory: "streetLight", Severity: "low", Asset: cabinetPrefix + a.Group, Start: a.Start, End: end, Simulated: s.cfg.Simulate != ""}
	if strings.HasSuffix(key, dark) {
		x.SubCategory, x.Severity = "streetLightSupply", "high"
	}
	if g := s.group[a.Group]; g != nil {
		x.Place = &city.Point{Lon: g.Lon, Lat: g.Lat}
	}
	return x
}

// endForeign ends alerts of groups that the configuration names no more.
func (s *Service) endForeign(ctx context.Context) error {
	s.mu.Lock()
	changed := false
	for _, key := range slices.Sorted(maps.Keys(s.kept.Alerts)) {
		a := s.kept.Alerts[key]
		if s.group[a.Group] != nil {
			continue
		}
		s.kept.Untold.Put(s.alertOf(key, a, s.deps.Now().UTC()))
		delete(s.kept.Alerts, key)
		changed = true
	}
	return s.note(ctx, changed)
}

// publish writes each group as an entity, when something of it changed.
func (s *Service) publish(ctx context.Context, _ time.Time) error {
	var changes []plane.Change
	for i := range s.town.Groups {
		g := &s.town.Groups[i]
		s.mu.Lock()
		l := *s.lamps[g.Name]
		s.mu.Unlock()
		if l.at.IsZero() {
			continue
		}
		status, state := "ok", "on"
		if l.told.Broken > 0 || l.told.Burning > 0 || l.lost {
			status = "defectiveLamp"
		}
		switch {
		case l.level <= 0 || l.lost:
			state = "off"
		case l.level < 1:
			state = "low"
		}
		is := fmt.Sprintf("%.3f %s %s", l.level, state, status)
		if s.shown[g.Name] == is {
			continue
		}
		c, err := s.groupChange(g, &l, state, status)
		if err != nil {
			return err
		}
		changes = append(changes, c)
		s.shown[g.Name] = is
	}
	if err := s.write(ctx, "groups of lamps", changes); err != nil {
		clear(s.shown)
		return err
	}
	return nil
}

func (s *Service) groupChange(g *lighting.Group, l *lamp, state, status string) (plane.Change, error) {
	key := plane.Key{ID: groupID(g.Name)}
	set := map[string]any{"powerState": state, "status": status, "illuminanceLevel": l.level, "lightingClass": g.Class, "refStreetlightControlCabinet": cabinetPrefix + g.Name}
	if s.cfg.Simulate != "" {
		set["simulated"] = true
	}
	set[plane.Location] = map[string]any{"type": "Point", "coordinates": []float64{g.Lon, g.Lat}}
	var list []plane.Attribute
	for _, name := range slices.Sorted(maps.Keys(set)) {
		text, err := json.Marshal(set[name])
		if err != nil {
			return plane.Change{}, err
		}
		a := plane.Attribute{Name: name, Kind: plane.Property, Value: text}
		switch name {
		case plane.Location:
			a.Kind = plane.Geo
		case "refStreetlightControlCabinet":
			a.Kind = plane.Relationship
		case "powerState", "illuminanceLevel":
			a.ObservedAt = l.at
		}
		list = append(list, a)
	}
	return plane.Change{Key: key, Edit: func(old *plane.Entity) (*plane.Entity, error) {
		if old == nil {
			old = &plane.Entity{Key: key, Types: []string{groupType}}
		}
		for _, a := range list {
			old.Set(a)
		}
		return old, nil
	}}, nil
}
