package hub

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"polity/camera/canvas"
	"polity/camera/uplink"
	"polity/camera/wire"
	"polity/city"
	"polity/console"
	"polity/console/counts"
	"polity/plane"
	"polity/register"
)

var _ console.City = (*Hub)(nil)

// About implements console.City.
func (h *Hub) About() console.About { return h.about }

// Cameras implements console.City.
func (h *Hub) Cameras(context.Context) ([]console.Camera, error) {
	var list []console.Camera
	for _, c := range h.all() {
		list = append(list, c.view())
	}
	return list, nil
}

func (c *camera) view() console.Camera {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := console.Camera{Name: c.name, Edge: c.edge, Entry: entryWords(c.entry), State: c.state, Heard: c.heard, Refused: register.Reason(c.report.Reason)}
	newest := c.kept
	if !c.live.Empty() && c.live.At().After(newest.at) {
		newest.at = c.live.At()
		newest.width, newest.height = c.live.Size()
	}
	k.PlaceAt, k.Width, k.Height = newest.at, newest.width, newest.height
	return k
}

func entryWords(e *register.Signed) console.Entry {
	decided, _ := e.DecidedOn() // Check has read it
	return console.Entry{
		Title: e.Title, Purpose: e.Purpose, View: e.View.Words, Body: e.Body, Contact: e.Contact, Decision: e.Decision.Reference, DecidedOn: decided,
		From: e.From, Until: e.Until, Retention: time.Duration(e.Retention.CountsDays) * 24 * time.Hour,
		PlaceRetention: time.Duration(e.Retention.PlaceDays) * 24 * time.Hour, Events: situations(&e.Entry), CrowdAtLeast: e.CrowdAtLeast,
		Position: e.Position(), Heading: e.View.Heading, Field: e.View.Field, Reach: e.View.Reach,
		PublicDelay: time.Duration(e.Public.DelayMinutes) * time.Minute, Threshold: e.Public.Threshold, SignedBy: e.Key, Simulated: e.Simulated,
	}
}

// situations are those in the street that the entry allows: what a camera tells of
// itself goes without saying.
func situations(e *register.Entry) []wire.EventKind {
	return slices.DeleteFunc(uplink.Allowed(e), func(k wire.EventKind) bool { return k > wire.ObjectLeft })
}

// Edges implements console.City.
func (h *Hub) Edges(context.Context) ([]console.Edge, error) {
	h.mu.Lock()
	edges := make([]*edge, 0, len(h.edges))
	for _, e := range h.edges {
		edges = append(edges, e)
	}
	h.mu.Unlock()
	slices.SortFunc(edges, func(a, b *edge) int { return strings.Compare(string(a.name), string(b.name)) })
	var list []console.Edge
	for _, e := range edges {
		list = append(list, e.view())
	}
	return list, nil
}

func (e *edge) view() console.Edge {
	on, since, heard, state := e.connected()
	k := console.Edge{
		Name: e.name, Connected: on, Since: since, Waiting: -1, Heard: heard,
		Lost: state.Lost, Free: int64(min(state.Free, math.MaxInt64)), Disk: console.Disk(state.Space), Detector: state.Detector == 1,
	}
	if on {
		k.Waiting = int64(min(state.Waiting, math.MaxInt64))
	}
	if state.Version != ([3]uint16{}) {
		k.Version = fmt.Sprintf("%d.%d.%d", state.Version[0], state.Version[1], state.Version[2])
	}
	return k
}

// Place implements console.City.
func (h *Hub) Place(_ context.Context, name city.Slug, at time.Time) (console.Place, error) {
	c, err := h.camera(name)
	if err != nil {
		return console.Place{}, err
	}
	if at.IsZero() {
		if p, ok, err := c.livePlace(); ok || err != nil {
			return p, err
		}
	}
	kept, err := h.places.At(name, at)
	if err != nil {
		return console.Place{}, err
	}
	return toPlace(kept)
}

// livePlace is the place as those who look see it now, if that is newer than what
// is kept.
func (c *camera) livePlace() (console.Place, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live.Empty() || c.live.At().Before(c.kept.at) {
		return console.Place{}, false, nil
	}
	p, err := toPlace(&c.live)
	return p, err == nil, err
}

func toPlace(c *canvas.Canvas) (console.Place, error) {
	picture, err := c.JPEG()
	if err != nil {
		return console.Place{}, err
	}
	p := console.Place{At: c.At(), Sequence: c.Sequence(), Known: c.Known(), JPEG: picture}
	p.Width, p.Height = c.Size()
	return p, nil
}

// Counts implements console.City.
func (h *Hub) Counts(ctx context.Context, name city.Slug, q counts.Query) ([]counts.Series, error) {
	if _, err := h.camera(name); err != nil {
		return nil, err
	}
	var failed error
	all := counts.Aggregate(q, func(yield func(counts.Observed) bool) {
		each := func(p plane.Observation) error {
			if o, ok := fromPlane(p); ok && !yield(o) {
				return errEnough
			}
			return nil
		}
		key := cameraKey(name)
		failed = h.minutes.Join(func() error {
			if err := h.store.History(ctx, plane.HistoryQuery{Key: key, From: q.From, To: q.To}, each); err != nil {
				return err
			}
			return h.minutes.History(ctx, key.ID, q.From, q.To, each)
		})
	})
	if failed != nil {
		return nil, failed
	}
	return all, nil
}

var errEnough = city.Errorf(city.Internal, "enough")
