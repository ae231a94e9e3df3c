package hub_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"polity/camera/wire"
	"polity/hub"
	"polity/plane"
	"polity/plane/backend"
	"polity/room/alert"
)

// alerts are those that the control room lists.
func (w *town) alerts(query string) []alert.Alert {
	w.t.Helper()
	answer, err := http.Get(w.started.Address + "/room/alerts.json?quiet=all&" + query)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	var page struct{ Alerts []alert.Alert }
	if err == nil && answer.StatusCode == http.StatusOK {
		err = json.Unmarshal(text, &page)
	}
	if err != nil || answer.StatusCode != http.StatusOK {
		w.t.Fatalf("%s: %s, %v", answer.Status, text, err)
	}
	return page.Alerts
}

// alert waits for the one with a key for which is holds.
func (w *town) alert(key string, is func(alert.Alert) bool) (found alert.Alert) {
	w.t.Helper()
	w.eventually("the alert "+key, func() bool {
		for _, a := range w.alerts("q=" + url.QueryEscape(key)) {
			if string(a.Key) == key && is(a) {
				found = a
				return true
			}
		}
		return false
	})
	return found
}

func raised(alert.Alert) bool  { return true }
func over(a alert.Alert) bool  { return !a.End.IsZero() }
func going(a alert.Alert) bool { return a.End.IsZero() }

func TestACamerasEventIsAnAlert(t *testing.T) {
	w := newTown(t)
	w.enter("square", "edge-1")
	w.start()
	e := w.edge("edge-1")
	minute := time.Now().UTC().Truncate(time.Minute).Add(-time.Minute)
	w.keep(e, "square", &wire.Event{Kind: wire.Crowding, Class: wire.Person, Where: 1, Start: minute, Value: 25})
	key := "camera:square:" + keyTime(minute) + "-1-1-1"
	a := w.alert(key, raised)
	if a.Kind != "crowding" || a.Desk != "safety" || a.Camera != "square" || a.Zone != "zone-1" || a.Place == nil || a.Place.Lat != 60.1 || !a.End.IsZero() || a.State != alert.New || *a.Title.Values[0].Number != 25 {
		t.Errorf("%+v", a)
	}
	w.keep(e, "square", &wire.Event{Kind: wire.Crowding, Class: wire.Person, Where: 1, Start: minute, End: minute.Add(40 * time.Second), Value: 31})
	if a := w.alert(key, over); !a.End.Equal(minute.Add(40*time.Second)) || a.State != alert.New {
		t.Errorf("%+v", a)
	}
}

func keyTime(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }

func (w *town) ngsi(method, path, body string, want int) {
	w.t.Helper()
	q, err := http.NewRequestWithContext(w.t.Context(), method, w.started.Address+"/ngsi-ld/v1/"+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if body != "" {
		q.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != want {
		said, _ := io.ReadAll(answer.Body)
		w.t.Fatalf("%s %s: %s: %s", method, path, answer.Status, said)
	}
}

const jam = `{"id":"urn:ngsi-ld:Alert:other:1","type":"Alert","category":{"type":"Property","value":"traffic"},"severity":{"type":"Property","value":"low"},
"description":{"type":"Property","value":"a man in a red jacket, Mr Smith"},"name":{"type":"Property","value":"Smith"},"alertSource":{"type":"Relationship","object":"urn:ngsi-ld:Person:smith"},
"dateIssued":{"type":"Property","value":"2026-11-30T12:00:00Z"},"location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[24.95,60.17]}}}`

func TestAnyProgramsAlertIsOne(t *testing.T) {
	w := newTown(t)
	w.cfg.Access.TrustLoopback = true
	w.start()
	w.ngsi(http.MethodPost, "entities", jam, http.StatusCreated)
	const key = "data:urn:ngsi-ld:Alert:other:1"
	a := w.alert(key, raised)
	if a.Kind != "traffic" || a.Desk != "traffic" || a.Priority != 4 || a.Place == nil || a.Place.Lon != 24.95 {
		t.Errorf("%+v", a)
	}
	if text, err := json.Marshal(a); err != nil || strings.Contains(strings.ToLower(string(text)), "smith") || strings.Contains(string(text), "jacket") {
		t.Errorf("free text reached the alert: %s", text)
	}
	w.ngsi(http.MethodPatch, "entities/urn:ngsi-ld:Alert:other:1/attrs", `{"severity":{"type":"Property","value":"critical"}}`, http.StatusNoContent)
	w.alert(key, func(a alert.Alert) bool { return a.Priority == 1 && a.Last.What == alert.Worsened })
	w.ngsi(http.MethodDelete, "entities/urn:ngsi-ld:Alert:other:1", "", http.StatusNoContent)
	w.alert(key, over)
}

// TestWhatHappenedWhileNobodyListened: alerts that were brought in, and taken away, while
// there was no hub.
func TestWhatHappenedWhileNobodyListened(t *testing.T) {
	w := newTown(t)
	w.cfg.Access.TrustLoopback = true
	w.start()
	w.ngsi(http.MethodPost, "entities", jam, http.StatusCreated)
	w.alert("data:urn:ngsi-ld:Alert:other:1", going)
	w.stop()
	store, err := backend.Open(t.Context(), w.cfg.Data, backend.Config{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := store.Write(t.Context(), &plane.Batch{Changes: []plane.Change{
		{Key: plane.Key{ID: "urn:ngsi-ld:Alert:other:1"}, Edit: func(*plane.Entity) (*plane.Entity, error) { return nil, nil }},
		plane.Create(&plane.Entity{Key: plane.Key{ID: "urn:ngsi-ld:Alert:other:2"}, Types: []string{"Alert"}}),
	}})
	if err != nil || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
	store.Close()
	w.start()
	w.alert("data:urn:ngsi-ld:Alert:other:1", over)
	if a := w.alert("data:urn:ngsi-ld:Alert:other:2", going); a.Kind != alert.Other {
		t.Errorf("%+v", a)
	}
}

func TestALostEdgeIsAnAlert(t *testing.T) {
	w := newTown(t)
	w.cfg.Room = hub.Room{EdgeLost: 7 * time.Second}
	w.start()
	lost := func(name string, is func(alert.Alert) bool) func() bool {
		return func() bool {
			for _, a := range w.alerts("kind=edge-lost") {
				if strings.HasPrefix(string(a.Key), "edge:"+name+":") && is(a) {
					return true
				}
			}
			return false
		}
	}
	w.eventually("edges that were never heard", func() bool { return lost("edge-1", going)() && lost("edge-2", going)() })
	w.report(w.edge("edge-1"), "square", func() uint32 { return 0 })
	w.eventually("the edge is back", lost("edge-1", over))
	if n := len(w.alerts("kind=edge-lost")); n != 2 || lost("edge-2", over)() {
		t.Errorf("%d alerts of lost edges", n)
	}
}

func TestRoomsConfiguration(t *testing.T) {
	for name, c := range map[string]struct {
		room hub.Room
		want string
	}{
		"unknown kind":   {hub.Room{Kinds: []hub.AlertKind{{Name: "crowdin"}}}, "did you mean crowding"},
		"twice":          {hub.Room{Kinds: []hub.AlertKind{{Name: "flood"}, {Name: "flood"}}}, "twice"},
		"desk":           {hub.Room{Kinds: []hub.AlertKind{{Name: "flood", Desk: "police"}}}, "no desk"},
		"precision":      {hub.Room{Kinds: []hub.AlertKind{{Name: "flood", Precision: 1.5}}}, "precision"},
		"registered":     {hub.Room{Kinds: []hub.AlertKind{{Name: "flood", Registered: "yesterday"}}}, "no day"},
		"keeps too long": {hub.Room{KeepDays: 100_000}, "keep_days"},
		"edge":           {hub.Room{EdgeLost: time.Second}, "edge_lost"},
	} {
		cfg := newTown(t).cfg
		cfg.Room = c.room
		if err := cfg.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
