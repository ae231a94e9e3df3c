package consoletest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"polity/access"
	"polity/city"
	"polity/room/alert"
	"polity/room/queue"
)

// Room is a control room with some alerts of the small city.
type Room struct {
	*queue.Queue
	now func() time.Time
	end context.CancelFunc
	ran chan struct{}
}

// Bo is a colleague of Everything's person.
var Bo = access.Who{Kind: access.Person, ID: "p2", Name: "Bo", Body: "city", Roles: []access.Role{access.SafetyOperator}}

// NewRoom opens a queue in a folder and raises ten alerts. Close it.
func NewRoom(folder string, who access.Decider, now func() time.Time) (*Room, error) {
	if now == nil {
		now = time.Now
	}
	ctx, end := context.WithCancel(context.Background())
	names := map[string]string{"p1": "Aino", Bo.ID: Bo.Name}
	q, err := queue.Open(ctx, folder, queue.Config{Decider: who, Now: now, Name: func(id string) string { return names[id] }})
	if err != nil {
		end()
		return nil, err
	}
	r := &Room{Queue: q, now: now, end: end, ran: make(chan struct{})}
	go func() {
		defer close(r.ran)
		q.Run(ctx)
	}()
	if err := r.begin(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Close ends the queue.
func (r *Room) Close() error {
	r.end()
	<-r.ran
	return r.Queue.Close()
}

func (r *Room) begin() error {
	ago := func(minutes int) time.Time { return r.now().Add(-time.Duration(minutes) * time.Minute) }
	at := func(lon, lat float64) *city.Point { return &city.Point{Lon: lon, Lat: lat} }
	value := func(kind city.Slug, v float64, unit string) alert.Title {
		return alert.TitleOf(kind, alert.Number("value", v, unit))
	}
	square := at(24.943655, 60.17188)
	list := []alert.Situation{
		{Key: "camera:square:e1", Kind: "crowding", Desk: access.Safety, Priority: 2, Title: value("crowding", 14, "C62"), Place: square, Camera: "square", Zone: "lawn", Start: ago(12)},
		{Key: "camera:square:e4", Kind: "intrusion", Desk: access.Safety, Priority: 2, Title: alert.TitleOf("intrusion"), Place: square, Camera: "square", Zone: "bus-lane", Start: ago(31), End: ago(30)},
		{Key: "camera:square:e2", Kind: "stopped", Desk: access.Safety, Priority: 3, Title: alert.TitleOf("stopped"), Place: square, Camera: "square", Zone: "bus-lane", Start: ago(4)},
		{Key: "sensor:underpass", Kind: "flood", Desk: access.Safety, Priority: 1, Title: value("flood", .62, "MTR"), Place: at(24.9362, 60.1712), Asset: "urn:ngsi-ld:FloodMonitoring:underpass", Start: ago(2), Simulated: true},
		{Key: "sensor:air-3", Kind: "air", Desk: access.Safety, Priority: 3, Title: value("air", 58.4, "GQ"), Place: at(24.9519, 60.1697), Asset: "urn:ngsi-ld:AirQualityObserved:kallio", Start: ago(95), Simulated: true},
		{Key: "sensor:garage-1", Kind: "garage-full", Desk: access.Traffic, Priority: 4, Title: alert.TitleOf("garage-full"), Place: at(24.9402, 60.1689), Asset: "urn:ngsi-ld:OffStreetParking:forum", Start: ago(40)},
		{Key: "program:signals", Kind: "traffic", Desk: access.Traffic, Priority: 3, Title: alert.TitleOf("traffic"), Place: at(24.9331, 60.1688), Start: ago(18)},
		{Key: "program:feeder-7", Kind: "power", Desk: access.Power, Priority: 2, Title: alert.TitleOf("power"), Place: at(24.9559, 60.1751), Asset: "urn:ngsi-ld:Feeder:7", Start: ago(7), Simulated: true},
		{Key: "program:leak-2", Kind: "water", Desk: access.Water, Priority: 3, Title: alert.TitleOf("water"), Place: at(24.9487, 60.1668), Start: ago(66), Simulated: true},
		{Key: "hub:kiosk", Kind: "edge-lost", Desk: access.System, Priority: 2, Title: alert.TitleOf("edge-lost"), Start: ago(3)},
	}
	return r.take(list)
}

func (r *Room) take(list []alert.Situation) error {
	reports := make([]queue.Report, len(list))
	for i, s := range list {
		reports[i] = queue.Report{Situation: s, Version: uint64(r.now().UnixMilli())}
	}
	return r.Take(context.Background(), "camera", reports, "")
}

// Raise raises n alerts of the lowest priorities; from numbers them.
func (r *Room) Raise(from, n int) error {
	kinds := alert.Shipped()
	var list []alert.Situation
	for i := from; i < from+n; i++ {
		k := kinds[i%len(kinds)]
		list = append(list, alert.Situation{
			Key: alert.NewKey("test", fmt.Sprint(i)), Kind: k.Name, Desk: k.Desk, Priority: 3 + i%2, Title: alert.TitleOf(k.Name),
			Place: &city.Point{Lon: 24.92 + float64(i%97)*.0005, Lat: 60.16 + float64(i%61)*.0004}, Start: r.now().Add(-time.Duration(i%7200) * time.Second),
		})
	}
	return r.take(list)
}

// Urgent raises one alert of the highest priority.
func (r *Room) Urgent(id string) error {
	return r.take([]alert.Situation{{
		Key: alert.NewKey("test", id), Kind: "flood", Desk: access.Safety, Priority: 1, Title: alert.TitleOf("flood"), Place: &city.Point{Lon: 24.94, Lat: 60.17}, Start: r.now(),
	}})
}

// As lets a colleague do something about an alert, as it is now.
func (r *Room) As(who access.Who, key alert.Key, o alert.Operation) error {
	a, err := r.Lookup(context.Background(), key)
	if err != nil {
		return err
	}
	_, err = r.Act(context.Background(), who, queue.Request{ID: fmt.Sprintf("request-%d", time.Now().UnixNano()), Operation: o, Items: []queue.Item{{Key: key, Revision: a.Revision}}})
	return err
}

// Quiet makes a kind at a camera so imprecise that it goes quiet: it raises alerts that
// the colleague closes as false.
func (r *Room) Quiet(kind city.Slug, camera city.Slug) error {
	for i := range 24 {
		key := alert.NewKey("quiet", fmt.Sprint(i))
		if err := r.take([]alert.Situation{{Key: key, Kind: kind, Desk: access.Safety, Priority: 2, Title: alert.TitleOf(kind), Camera: camera, Start: r.now()}}); err != nil {
			return err
		}
		if err := r.As(Bo, key, alert.Operation{Do: alert.Close, Verdict: alert.False}); err != nil {
			return err
		}
	}
	if err := r.Settle(context.Background()); err != nil {
		return err
	}
	return r.take([]alert.Situation{{Key: alert.NewKey("quiet", "now"), Kind: kind, Desk: access.Safety, Priority: 2, Title: alert.TitleOf(kind), Camera: camera, Start: r.now()}})
}
