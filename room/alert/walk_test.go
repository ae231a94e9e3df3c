package alert_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/city"
	"polity/room/alert"
)

// TestWhatAMachineSaysHasNoRoomForAPerson walks the types of a Situation: no free text, no
// map, no type that is not on the list.
func TestWhatAMachineSaysHasNoRoomForAPerson(t *testing.T) {
	closed := map[reflect.Type]bool{
		reflect.TypeFor[city.Slug](): true, reflect.TypeFor[alert.Key](): true, reflect.TypeFor[alert.Asset](): true,
		reflect.TypeFor[time.Time](): true, reflect.TypeFor[city.Point](): true,
	}
	texts := map[string]bool{"Title.Text": true, "Value.Unit": true} // check holds them to lists
	var walk func(reflect.Type, string)
	walk = func(x reflect.Type, where string) {
		if closed[x] {
			return
		}
		switch x.Kind() {
		case reflect.Pointer, reflect.Slice:
			walk(x.Elem(), where)
		case reflect.Struct:
			for f := range x.Fields() {
				for _, word := range []string{"person", "face", "plate", "name", "who", "text"} {
					if n := strings.ToLower(f.Name); strings.Contains(n, word) && n != "text" && n != "name" {
						t.Errorf("%s.%s", where, f.Name)
					}
				}
				walk(f.Type, x.Name()+"."+f.Name)
			}
		case reflect.String:
			if !texts[where] {
				t.Errorf("%s is free text", where)
			}
		case reflect.Bool, reflect.Int, reflect.Float64:
		default:
			t.Errorf("%s is %s", where, x)
		}
	}
	walk(reflect.TypeFor[alert.Situation](), "Situation")
}

func good() alert.Situation {
	return alert.Situation{
		Key: "camera:square:1", Kind: "crowding", Desk: access.Safety, Priority: 2, Title: alert.TitleOf("crowding", alert.Number("value", 3, "C62")),
		Camera: "square", Place: &city.Point{Lon: 24.9, Lat: 60.2}, Start: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC),
	}
}

func TestFreeTextIsRefused(t *testing.T) {
	s := good()
	if err := s.Check(alert.Shipped()); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*alert.Situation){
		"title":       func(s *alert.Situation) { s.Title.Text = "Mr Smith stands there" },
		"other title": func(s *alert.Situation) { s.Title.Text = "alert.kind.flood" },
		"word":        func(s *alert.Situation) { s.Title.Values = []alert.Value{{Name: "zone", Word: "Mr Smith"}} },
		"unit":        func(s *alert.Situation) { s.Title.Values[0].Unit = "smith" },
		"kind":        func(s *alert.Situation) { s.Kind = "suspicious-person" },
		"desk":        func(s *alert.Situation) { s.Desk = "police" },
		"person":      func(s *alert.Situation) { s.Asset = "urn:ngsi-ld:Person:smith" },
		"no urn":      func(s *alert.Situation) { s.Asset = "smith" },
		"spaces":      func(s *alert.Situation) { s.Asset = "urn:ngsi-ld:Building:Mr Smith" },
		"key":         func(s *alert.Situation) { s.Key = "no source" },
		"priority":    func(s *alert.Situation) { s.Priority = 0 },
		"place":       func(s *alert.Situation) { s.Place.Lat = 91 },
		"never":       func(s *alert.Situation) { s.Start = time.Time{} },
		"camera":      func(s *alert.Situation) { s.Camera = "../square" },
	} {
		s := good()
		spoil(&s)
		if err := s.Check(alert.Shipped()); city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOnlyThingsAreAssets(t *testing.T) {
	for id, want := range map[string]bool{
		"urn:ngsi-ld:Streetlight:12": true, "urn:polity:device:air:7": true, "urn:ngsi-ld:Person:12": false, "urn:ngsi-ld:Vehicle:ABC-123": false,
		"urn:ngsi-ld:Streetlight:": false, "https://example.org/p": false, "urn:ngsi-ld:Streetlight:" + strings.Repeat("x", 300): false, "": false,
	} {
		if got := alert.NewAsset(id) != ""; got != want {
			t.Errorf("%.60s: %v", id, got)
		}
	}
}

func TestOperations(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for name, bad := range map[string]alert.Operation{
		"none": {}, "unknown": {Do: "delete"}, "machine's": {Do: alert.Lapsed}, "mass": {Do: alert.Acknowledge, Verdict: alert.Useful}, "no verdict": {Do: alert.Close},
		"no such verdict": {Do: alert.Close, Verdict: "perhaps"}, "past": {Do: alert.Snooze, Until: now}, "for ever": {Do: alert.Snooze, Until: now.AddDate(1, 0, 0)},
		"empty note": {Do: alert.Note, Text: " \n"}, "long note": {Do: alert.Note, Text: strings.Repeat("ä", 2001)}, "control": {Do: alert.Note, Text: "a\x00b"},
		"no UTF-8": {Do: alert.Note, Text: "a\xff"}, "id": {Do: alert.Assign, To: "a b"},
	} {
		if err := bad.Check(now); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if err := (&alert.Operation{Do: alert.Note, Text: strings.Repeat("ä", 2000)}).Check(now); err != nil {
		t.Error(err)
	}
	who := access.Who{Kind: access.Person, ID: "p-1", Roles: []access.Role{access.SafetyOperator}}
	a := &alert.Alert{Situation: good(), Handling: alert.Handling{State: alert.New}, Revision: 1}
	step := func(o alert.Operation, want alert.State, revision uint64) {
		t.Helper()
		after, e, changed, err := a.Apply(&o, who, now)
		if err != nil || !changed || after.State != want || after.Revision != revision || e.By != "p-1" || e.Roles[0] != "safety-operator" {
			t.Fatalf("%s: %+v, %v, %v", o.Do, after.Handling, changed, err)
		}
		a = after
	}
	step(alert.Operation{Do: alert.Acknowledge}, alert.Acknowledged, 2)
	step(alert.Operation{Do: alert.Assign, To: "p-2"}, alert.Assigned, 3)
	step(alert.Operation{Do: alert.Snooze, Until: now.Add(time.Hour)}, alert.Snoozed, 4)
	step(alert.Operation{Do: alert.Snooze, Until: now.Add(2 * time.Hour)}, alert.Snoozed, 5)
	step(alert.Operation{Do: alert.Note, Text: "seen"}, alert.Snoozed, 5)
	if w, _ := a.Wake(now); w.State != alert.Assigned || w.Assignee != "p-2" || !w.Until.IsZero() {
		t.Errorf("awake: %+v", w.Handling)
	}
	step(alert.Operation{Do: alert.Escalate}, alert.Snoozed, 6)
	if a.Rank() != 1 {
		t.Error("escalated, it stands no higher")
	}
	step(alert.Operation{Do: alert.Close, Verdict: alert.False}, alert.Closed, 7)
	if _, _, _, err := a.Apply(&alert.Operation{Do: alert.Assign, To: "p-1"}, who, now); city.KindOf(err) != city.Conflict {
		t.Error("a closed alert is assigned")
	}
	step(alert.Operation{Do: alert.Reopen}, alert.New, 8)
	if a.Verdict != "" || a.Assignee != "" || !a.Handling.Closed.IsZero() {
		t.Errorf("reopened: %+v", a.Handling)
	}
	if _, _, changed, err := a.Apply(&alert.Operation{Do: alert.Renew}, who, now); changed || err != nil {
		t.Error("new, it was made new")
	}
}
