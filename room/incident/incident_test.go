package incident_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"polity/access"
	"polity/city"
	"polity/room/alert"
	"polity/room/incident"
	"polity/room/queue"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// rules lets operators of a desk see and handle it, and auditors see all.
type rules struct{}

func (rules) Decide(who access.Who, do access.Action, on access.Thing, _ access.Circumstances) access.Decision {
	desk := map[access.Role]city.Slug{access.SafetyOperator: access.Safety, access.TrafficOperator: access.Traffic}
	for _, r := range who.Roles {
		if string(desk[r]) == on.ID || r == access.Auditor && do == access.SeeAlerts {
			return access.Decision{Allowed: true}
		}
	}
	return access.Decision{Why: "only operators of " + on.ID + " may"}
}

var (
	aino  = access.Who{Kind: access.Person, ID: "p-aino", Roles: []access.Role{access.SafetyOperator}}
	tram  = access.Who{Kind: access.Person, ID: "p-tram", Roles: []access.Role{access.TrafficOperator}}
	audit = access.Who{Kind: access.Person, ID: "p-audit", Roles: []access.Role{access.Auditor}}
)

type room struct {
	t *testing.T
	*incident.Book
	q  *queue.Queue
	mu sync.Mutex
	at time.Time
	n  int
}

func newRoom(t *testing.T) *room {
	t.Helper()
	r := &room{t: t, at: noon}
	var err error
	if r.q, err = queue.Open(t.Context(), t.TempDir(), queue.Config{Decider: rules{}, Now: func() time.Time { r.mu.Lock(); defer r.mu.Unlock(); return r.at }}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.q.Close() })
	r.Book = incident.New(r.q)
	return r
}

func (r *room) raise(n int, kind, desk city.Slug, change func(*alert.Situation)) alert.Key {
	r.t.Helper()
	s := alert.Situation{Key: alert.NewKey("test", fmt.Sprint(n)), Kind: kind, Desk: desk, Priority: 2, Title: alert.TitleOf(kind), Start: noon}
	if change != nil {
		change(&s)
	}
	if err := r.q.Take(r.t.Context(), "test", []queue.Report{{Situation: s, Version: 1}}, ""); err != nil {
		r.t.Fatal(err)
	}
	return s.Key
}

func (r *room) ask(w access.Who, q incident.Request) (incident.Answer, error) {
	r.n++
	if q.ID == "" {
		q.ID = fmt.Sprintf("request-%d", r.n)
	}
	return r.Act(r.t.Context(), w, q)
}

func (r *room) open(keys ...alert.Key) incident.Incident {
	r.t.Helper()
	a, err := r.ask(aino, incident.Request{Do: "open", Title: "Flood at the harbour", Items: keys})
	if err != nil {
		r.t.Fatal(err)
	}
	return a.Incident
}

func TestProposals(t *testing.T) {
	at := func(lon float64, minutes int, camera city.Slug) func(*alert.Situation) {
		return func(s *alert.Situation) {
			s.Start = noon.Add(time.Duration(minutes) * time.Minute)
			if s.Camera = camera; lon != 0 {
				s.Place = &city.Point{Lon: lon, Lat: 60.17}
			}
		}
	}
	r := newRoom(t)
	a := r.raise(1, "flood", access.Safety, at(24.95, 0, ""))
	b := r.raise(2, "flood", access.Safety, at(24.953, 5, ""))  // 166 m on
	c := r.raise(3, "flood", access.Safety, at(24.957, 12, "")) // near b in place and time, not to a
	r.raise(4, "flood", access.Safety, at(24.953, 40, ""))      // much later
	r.raise(5, "rain", access.Safety, at(24.95, 0, ""))         // another kind
	r.raise(6, "flood", access.Safety, at(25.2, 1, ""))         // far away
	r.raise(7, "crowding", access.Safety, at(0, 0, "square"))
	r.raise(8, "crowding", access.Safety, at(0, 9, "square"))
	r.raise(9, "crowding", access.Safety, at(0, 9, "harbour"))
	list := r.Proposals(aino)
	if len(list) != 2 || len(list[0].Alerts) != 3 || list[0].Alerts[0] != a || list[0].Alerts[2] != c || list[1].Kind != "crowding" || len(list[1].Alerts) != 2 {
		t.Fatalf("%+v", list)
	}
	r.open(a, b)
	if list := r.Proposals(aino); len(list) != 1 || list[0].Kind != "crowding" {
		t.Errorf("what belongs together already is proposed: %+v", list)
	}
	if list := r.Proposals(tram); len(list) != 0 {
		t.Errorf("another desk's: %+v", list)
	}
}

func TestAnIncidentHoldsWhatBelongsToIt(t *testing.T) {
	r := newRoom(t)
	a, b := r.raise(1, "flood", access.Safety, nil), r.raise(2, "flood", access.Safety, nil)
	jam := r.raise(3, "traffic", access.Traffic, nil)
	i := r.open(a)
	if out, err := r.ask(aino, incident.Request{Do: "join", Incident: i.ID, Items: []alert.Key{a, b, jam, "test:none"}}); err != nil ||
		out.Outcomes[0].Status != queue.Unchanged || out.Outcomes[1].Status != queue.Done || out.Outcomes[2].Status != queue.Missing || out.Outcomes[3].Status != queue.Missing {
		t.Fatalf("%+v, %v", out, err)
	}
	if _, err := r.ask(aino, incident.Request{Do: "note", Incident: i.ID, Text: "the pumps run"}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ask(aino, incident.Request{Do: "open", Title: "Another", Items: []alert.Key{a}}); city.KindOf(err) != city.Conflict {
		t.Errorf("an alert of two incidents: %v", err)
	}
	d, err := r.Incident(t.Context(), audit, i.ID)
	if err != nil || len(d.Alerts) != 2 {
		t.Fatalf("%+v, %v", d, err)
	}
	var what []string
	for _, l := range d.Timeline {
		what = append(what, string(l.What))
	}
	if got := strings.Join(what, " "); !strings.Contains(got, "open-incident") || !strings.Contains(got, "note") || strings.Count(got, "raised") != 2 || strings.Count(got, "join-incident") != 2 {
		t.Errorf("the timeline is %s", got)
	}
	for name, bad := range map[string]struct {
		who  access.Who
		q    incident.Request
		kind city.Kind
	}{
		"not theirs":   {tram, incident.Request{Do: "note", Incident: i.ID, Text: "x"}, city.NotFound},
		"only reads":   {audit, incident.Request{Do: "note", Incident: i.ID, Text: "x"}, city.Forbidden},
		"nobody":       {access.Who{}, incident.Request{Do: "note", Incident: i.ID, Text: "x"}, city.Forbidden},
		"unknown":      {aino, incident.Request{Do: "note", Incident: "i-none", Text: "x"}, city.NotFound},
		"old revision": {aino, incident.Request{Do: "close", Incident: i.ID, Revision: 1}, city.Conflict},
		"no title":     {aino, incident.Request{Do: "open", Title: "\n", Items: []alert.Key{b}}, city.Invalid},
		"no operation": {aino, incident.Request{Do: "delete", Incident: i.ID}, city.Invalid},
	} {
		if _, err := r.ask(bad.who, bad.q); city.KindOf(err) != bad.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Incident(t.Context(), tram, i.ID); city.KindOf(err) != city.NotFound {
		t.Errorf("another desk sees it: %v", err)
	}
	closing := incident.Request{ID: "close-it-once", Do: "close", Incident: i.ID, Revision: d.Incident.Revision}
	first, err := r.ask(aino, closing)
	if err != nil || first.Incident.Open {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := r.ask(aino, closing)
	if err != nil || again.Incident.Revision != first.Incident.Revision {
		t.Errorf("sent again: %+v, %v", again, err)
	}
	if _, err := r.ask(aino, incident.Request{Do: "join", Incident: i.ID, Items: []alert.Key{b}}); city.KindOf(err) != city.Conflict {
		t.Errorf("joined a closed one: %v", err)
	}
	if out, err := r.ask(aino, incident.Request{Do: "leave", Incident: i.ID, Items: []alert.Key{b}}); err != nil || out.Outcomes[0].Alert.Incident != "" {
		t.Errorf("%+v, %v", out, err)
	}
	r.mu.Lock()
	r.at = r.at.Add(200 * 24 * time.Hour)
	r.mu.Unlock()
	if err := r.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Incident(t.Context(), aino, i.ID); city.KindOf(err) != city.NotFound {
		t.Errorf("kept for ever: %v", err)
	}
	if x, err := r.q.Lookup(t.Context(), a); err != nil || x.Incident != "" {
		t.Errorf("its alert stays bound: %+v, %v", x, err)
	}
}

func TestAnExportNamesRolesAndIsWhole(t *testing.T) {
	r := newRoom(t)
	i := r.open(r.raise(1, "flood", access.Safety, nil))
	if _, err := r.ask(aino, incident.Request{Do: "note", Incident: i.ID, Text: "<script>alert(1)</script>"}); err != nil {
		t.Fatal(err)
	}
	assign := queue.Request{ID: "assign-it-now", Operation: alert.Operation{Do: alert.Assign, To: queue.Me}, Items: []queue.Item{{Key: "test:1", Revision: 1}}}
	if out, err := r.q.Act(t.Context(), aino, assign); err != nil || out[0].Status != queue.Done {
		t.Fatal(out, err)
	}
	r.Related = func(context.Context, access.Who, incident.Detail) ([]incident.Item, error) {
		return []incident.Item{{At: noon.Add(time.Minute), Kind: "order", ID: "o-1", What: "clear the drain", By: "p-aino"}}, nil
	}
	d, err := r.Incident(t.Context(), aino, i.ID)
	if err != nil {
		t.Fatal(err)
	}
	write := func(people bool) map[string]string {
		var b, again bytes.Buffer
		x := incident.Export{Words: func(key string) string { return key }, Title: func(a alert.Title) string { return a.Text }, City: "Town", People: people}
		if err := x.Write(&b, d); err != nil {
			t.Fatal(err)
		}
		if err := x.Write(&again, d); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
			t.Errorf("the same incident makes other bytes, %v", err)
		}
		z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]string{}
		for _, f := range z.File {
			in, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(in)
			if err != nil {
				t.Fatal(err)
			}
			files[f.Name] = string(text)
		}
		return files
	}
	files := write(false)
	for name, text := range files {
		if strings.Contains(text, "p-aino") {
			t.Errorf("%s names a colleague", name)
		}
	}
	html := files["incident.html"]
	if strings.Contains(html, "<script") || !strings.Contains(html, "&lt;script&gt;") || strings.Contains(html, "src=") || strings.Contains(html, "href=") {
		t.Error("the page runs or fetches something")
	}
	if !strings.Contains(files["incident.json"], "safety-operator") || !strings.Contains(html, "clear the drain") {
		t.Error("roles or what else belongs to it are missing")
	}
	for _, name := range []string{"incident.html", "incident.json"} {
		if line := fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(files[name])), name); !strings.Contains(files["SHA256SUMS"], line) {
			t.Errorf("SHA256SUMS does not hold %s", line)
		}
	}
	var back incident.Detail
	if err := json.Unmarshal([]byte(files["incident.json"]), &back); err != nil || len(back.Timeline) != len(d.Timeline) {
		t.Errorf("%d lines of %d, %v", len(back.Timeline), len(d.Timeline), err)
	}
	if !strings.Contains(write(true)["incident.json"], "p-aino") {
		t.Error("IDs that were asked for are missing")
	}
}
