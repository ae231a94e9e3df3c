// Package consoletest is a small city in memory that the pages can be tried
// against: a square with people, bicycles and a lane, whose days and minutes follow
// from the clock alone, so that two runs show the same. Tests take its lines down,
// move its marks and refuse its layouts.
package consoletest

import (
	"context"
	"slices"
	"sync"
	"time"

	"polity/camera/layout"
	"polity/camera/wire"
	"polity/city"
	"polity/console"
	"polity/console/counts"
)

// City implements console.City. Its methods are safe for concurrent use.
type City struct {
	about console.About
	now   func() time.Time

	mu      sync.Mutex
	cameras []console.Camera
	edges   []console.Edge
	streets map[city.Slug]*street
	refuse  error // of SetLayout
	broken  error // of everything else
	changed chan struct{}
}

// street is what a camera looks at.
type street struct {
	picture *picture
	layout  layout.Layout
	events  []console.Event
	marks   *wire.Marks // fixed by a test; nil: people walk
	cut     bool
	sent    []wire.Message
	// phase is how far its people are ahead of the clock; a restless street's place
	// changes, each number in its own way.
	phase    time.Duration
	restless int
}

// Config is what New needs.
type Config struct {
	Now  func() time.Time // nil: time.Now
	Map  console.Map
	JPEG []byte // of the place; nil for a drawn one
	Demo bool
}

// New makes a city with one camera, "square", whose day so far is behind it.
func New(cfg Config) (*City, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	zone, err := time.LoadLocation("Europe/Helsinki")
	if err != nil {
		zone = time.FixedZone("EET", 2*3600)
	}
	p, err := newPicture(cfg.JPEG)
	if err != nil {
		return nil, err
	}
	c := &City{
		about:   console.About{Name: "Helsinki", Zone: zone, Demo: cfg.Demo, Map: cfg.Map},
		now:     cfg.Now,
		streets: map[city.Slug]*street{},
		changed: make(chan struct{}),
	}
	c.add(square(cfg.Now(), p), p)
	c.edges = []console.Edge{{Name: "kiosk", Connected: true, Since: cfg.Now().Add(-26 * time.Hour), Version: "0.1.0", Heard: cfg.Now(), Free: 41_300_000_000, Detector: true}}
	return c, nil
}

func square(now time.Time, p *picture) console.Camera {
	return console.Camera{
		Name: "square", Edge: "kiosk",
		Entry: console.Entry{
			Title:   "Railway Square, north side",
			Purpose: "To know how many people cross the square and when it is crowded, so that buses and cleaning fit the day.",
			View:    "The north half of the square and the path along its edge; no windows and no doors of homes.",
			Body:    "City of Helsinki, Urban Environment Division", Contact: "cameras@city.example",
			Decision: "KYMP 2026-0417 § 12", DecidedOn: time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC),
			From: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2028, 3, 31, 0, 0, 0, 0, time.UTC), Retention: 90 * 24 * time.Hour, PlaceRetention: 30 * 24 * time.Hour,
			Events: []wire.EventKind{wire.Crowding, wire.Stopped, wire.Intrusion, wire.WrongWay}, CrowdAtLeast: 12,
			Position: city.Point{Lon: 24.943655, Lat: 60.171880}, Heading: 150, Field: 62, Reach: 85,
			PublicDelay: 10 * time.Minute, Threshold: 5, SignedBy: "7c1f 90aa 3be2 41d8", Simulated: true,
		},
		State: wire.State{
			At: now, Condition: wire.Live, Shields: wire.NoDump | wire.SwapSafe | wire.Seccomp | wire.Landlock | wire.MemoryBounded,
			Decoded: 861_204, Analysed: 430_602, Detected: 318_007, Delay: 148 * time.Millisecond, PerSecond: 5, Wanted: 5, Unknown: p.unknown(),
		},
		Heard: now, PlaceAt: now.Add(-3 * time.Minute), Width: p.width, Height: p.height,
	}
}

func (c *City) add(k console.Camera, p *picture) {
	c.cameras = append(c.cameras, k)
	s := &street{picture: p, layout: squareLayout()}
	s.events = squareEvents(k.Name, c.now().In(c.about.Zone))
	c.streets[k.Name] = s
}

func squareLayout() layout.Layout {
	return layout.Layout{
		Revision: 3,
		Zones: []layout.Zone{
			{Name: "lawn", Corners: []layout.Point{{X: .04, Y: .3}, {X: .42, Y: .2}, {X: .56, Y: .42}, {X: .08, Y: .68}}, Crowd: 12},
			{Name: "bus-lane", Corners: []layout.Point{{X: .62, Y: .2}, {X: .76, Y: .18}, {X: .99, Y: .55}, {X: .99, Y: .78}}, NoStop: true},
		},
		Lines: []layout.Line{{Name: "north-path", From: layout.Point{X: .33, Y: .97}, To: layout.Point{X: .47, Y: .5}}},
	}
}

func squareEvents(camera city.Slug, now time.Time) []console.Event {
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	at := func(hour, minute int) time.Time {
		return midnight.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
	}
	all := []console.Event{
		{ID: "e1", Kind: wire.Crowding, Where: "lawn", Class: wire.Person, Start: at(8, 12), End: at(8, 31), Value: 14, Place: true},
		{ID: "e2", Kind: wire.Stopped, Where: "bus-lane", Class: wire.Vehicle, Start: at(10, 3), End: at(10, 9), Value: 1, Place: true},
		{ID: "e3", Kind: wire.CameraBlind, Start: at(5, 40), End: at(5, 44)},
		{ID: "e4", Kind: wire.Intrusion, Where: "bus-lane", Class: wire.Person, Start: at(12, 21), End: at(12, 22), Value: 1, Place: true},
	}
	var past []console.Event
	for _, e := range all {
		e.Camera = camera
		if e.Start.Before(now) {
			if e.End.After(now) {
				e.End = time.Time{}
			}
			past = append(past, e)
		}
	}
	slices.SortFunc(past, func(a, b console.Event) int { return b.Start.Compare(a.Start) })
	return past
}

// About implements console.City.
func (c *City) About() console.About { return c.about }

// Cameras implements console.City.
func (c *City) Cameras(context.Context) ([]console.Camera, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return nil, c.broken
	}
	all := slices.Clone(c.cameras)
	for i := range all {
		if s := c.streets[all[i].Name]; !s.cut && !all[i].Heard.IsZero() {
			all[i].Heard = c.now()
			all[i].State.At = all[i].Heard
		}
	}
	return all, nil
}

// Edges implements console.City.
func (c *City) Edges(context.Context) ([]console.Edge, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.edges), c.broken
}

func (c *City) street(camera city.Slug) (*street, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	if s := c.streets[camera]; s != nil {
		return s, nil
	}
	return nil, city.Errorf(city.NotFound, "there is no camera %q", string(camera))
}

// Place implements console.City. The place was learned a day ago and has not
// changed since, except for the hour in its sequence.
func (c *City) Place(_ context.Context, camera city.Slug, at time.Time) (console.Place, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := c.street(camera)
	if err != nil {
		return console.Place{}, err
	}
	if at.IsZero() {
		at = c.now()
	}
	if s.picture == nil || at.Before(c.now().Add(-30*24*time.Hour)) {
		return console.Place{}, city.Errorf(city.NotFound, "no place was kept by then")
	}
	return s.picture.place(at.Truncate(10*time.Minute), 1), nil
}

// EventPlace implements console.City.
func (c *City) EventPlace(_ context.Context, camera city.Slug, id string) (console.Event, wire.Picture, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := c.street(camera)
	if err != nil {
		return console.Event{}, nil, err
	}
	i := slices.IndexFunc(s.events, func(e console.Event) bool { return e.ID == id && e.Place })
	if i < 0 {
		return console.Event{}, nil, city.Errorf(city.NotFound, "there is no event %q with a picture", id)
	}
	return s.events[i], s.picture.jpeg, nil
}

// Events implements console.City.
func (c *City) Events(_ context.Context, q console.EventQuery) ([]console.Event, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := c.street(q.Camera)
	if err != nil {
		return nil, err
	}
	var found []console.Event
	for _, e := range s.events {
		if e.Start.Before(q.To) && (e.End.IsZero() || e.End.After(q.From)) {
			found = append(found, e)
		}
	}
	return found, nil
}

// Counts implements console.City.
func (c *City) Counts(_ context.Context, camera city.Slug, q counts.Query) ([]counts.Series, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := c.street(camera)
	if err != nil {
		return nil, err
	}
	if s.picture == nil {
		return nil, nil // never heard of
	}
	return counts.Aggregate(q, observed(s.layout, q, c.now(), c.about.Zone)), nil
}

// Layout implements console.City.
func (c *City) Layout(_ context.Context, camera city.Slug) (layout.Layout, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := c.street(camera)
	if err != nil {
		return layout.Layout{}, err
	}
	return clone(s.layout), nil
}

// SetLayout implements console.City.
func (c *City) SetLayout(_ context.Context, camera city.Slug, l layout.Layout) (layout.Layout, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := c.street(camera)
	switch {
	case err != nil:
		return layout.Layout{}, err
	case c.refuse != nil:
		return layout.Layout{}, c.refuse
	case l.Revision != s.layout.Revision:
		return layout.Layout{}, city.Errorf(city.Conflict, "the camera has revision %d by now, not %d", s.layout.Revision, l.Revision)
	}
	if err := l.Check(); err != nil {
		return layout.Layout{}, err
	}
	s.layout = clone(l)
	s.layout.Revision++
	return clone(s.layout), nil
}

func clone(l layout.Layout) layout.Layout {
	l.Zones = slices.Clone(l.Zones)
	for i := range l.Zones {
		l.Zones[i].Corners = slices.Clone(l.Zones[i].Corners)
	}
	l.Lines = slices.Clone(l.Lines)
	if l.Ground != nil {
		g := *l.Ground
		l.Ground = &g
	}
	return l
}
