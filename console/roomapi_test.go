package console_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"polity/access"
	"polity/console/consoletest"
	"polity/room/alert"
	"polity/room/queue"
)

// sendJSON sends a body as a script of the pages does, with what change makes of it.
func sendJSON(h http.Handler, path, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if change != nil {
		change(r)
	}
	h.ServeHTTP(w, r)
	return w
}

const acknowledgeKiosk = `{"request":"ack-0001","do":"acknowledge","items":[{"key":"hub:kiosk","revision":1}]}`

func TestScriptsHandleAlerts(t *testing.T) {
	pages, _, _ := newControlRoom(t, everything)
	w := sendJSON(pages, "/room/alerts", acknowledgeKiosk, nil)
	var answer queue.Outcomes
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK || answer.Outcomes[0].Status != queue.Done || answer.Outcomes[0].Alert.State != alert.Acknowledged || answer.Cursor == "" {
		t.Fatalf("%d %s, %v", w.Code, w.Body, err)
	}
	if w := sendJSON(pages, "/room/alerts", acknowledgeKiosk, nil); !strings.Contains(w.Body.String(), `"status":"done"`) {
		t.Errorf("sent again: %s", w.Body)
	}
	if w := sendJSON(pages, "/room/alerts", strings.Replace(acknowledgeKiosk, "0001", "0002", 1), nil); !strings.Contains(w.Body.String(), `"status":"conflict"`) {
		t.Errorf("an old revision: %s", w.Body)
	}
}

// TestOthersPagesHandleNothing: what another site, or a form, can have a browser send.
func TestOthersPagesHandleNothing(t *testing.T) {
	pages, room, _ := newControlRoom(t, everything)
	for _, path := range []string{"/room/alerts", "/room/incidents", "/room/handovers"} {
		for name, change := range map[string]func(*http.Request){
			"another site": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
			"another origin": func(r *http.Request) {
				r.Header.Del("Sec-Fetch-Site")
				r.Header.Set("Origin", "https://evil.example")
			},
			"a form":  func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") },
			"text":    func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
			"no type": func(r *http.Request) { r.Header.Del("Content-Type") },
		} {
			if w := sendJSON(pages, path, acknowledgeKiosk, change); w.Code != http.StatusForbidden && w.Code != http.StatusBadRequest {
				t.Errorf("%s, %s: %d", path, name, w.Code)
			}
		}
	}
	if a, err := room.Lookup(t.Context(), "hub:kiosk"); err != nil || a.State != alert.New {
		t.Errorf("it was changed: %+v, %v", a, err)
	}
}

func TestBodiesThatAreNoRequest(t *testing.T) {
	pages, room, _ := newControlRoom(t, everything)
	for name, c := range map[string]struct {
		body string
		want int
	}{
		"empty":          {"", http.StatusBadRequest},
		"no JSON":        {"{", http.StatusBadRequest},
		"two":            {acknowledgeKiosk + acknowledgeKiosk, http.StatusBadRequest},
		"state by name":  {`{"request":"ack-0001","do":"acknowledge","state":"closed","items":[{"key":"hub:kiosk","revision":1}]}`, http.StatusBadRequest},
		"by another":     {`{"request":"ack-0001","do":"acknowledge","by":"p-2","items":[{"key":"hub:kiosk","revision":1}]}`, http.StatusBadRequest},
		"item's state":   {`{"request":"ack-0001","do":"acknowledge","items":[{"key":"hub:kiosk","revision":1,"state":"closed"}]}`, http.StatusBadRequest},
		"large":          {`{"request":"` + strings.Repeat("x", 300<<10) + `"}`, http.StatusRequestEntityTooLarge},
		"machine's step": {`{"request":"ack-0001","do":"lapsed","items":[{"key":"hub:kiosk","revision":1}]}`, http.StatusBadRequest},
	} {
		w := sendJSON(pages, "/room/alerts", c.body, nil)
		if w.Code != c.want || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if a, err := room.Lookup(t.Context(), "hub:kiosk"); err != nil || a.Revision != 1 {
		t.Errorf("%+v, %v", a, err)
	}
	for _, query := range []string{"?states=closed", "?limit=x", "?limit=0", "?priority=high", "?desk=police", "?after=%21"} {
		if w := get(t, pages, "/room/alerts.json"+query); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", query, w.Code)
		}
	}
}

func TestThePublicSeesPrecisionAlone(t *testing.T) {
	pages, _, _ := newControlRoom(t, consoletest.Nobody())
	for _, path := range []string{"/room/alerts.json", "/room/alert.json?key=hub:kiosk", "/room/feed", "/room/incidents.json", "/room/incidents/i-1/data.json", "/room/incidents/i-1/export.zip", "/room/handovers.json"} {
		if w := get(t, pages, path); w.Code != http.StatusForbidden && w.Code != http.StatusUnauthorized || strings.Contains(w.Body.String(), "kiosk") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	for _, path := range []string{"/room/alerts", "/room/incidents", "/room/handovers"} {
		if w := sendJSON(pages, path, acknowledgeKiosk, nil); w.Code != http.StatusForbidden && w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	for path, kind := range map[string]string{"/precision.json": "application/json", "/precision.csv": "text/csv"} {
		if w := get(t, pages, path); w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), kind) {
			t.Errorf("%s: %d %s", path, w.Code, w.Header().Get("Content-Type"))
		}
	}
}

// TestTheFeedEndsWithTheSignIn, and is not heard by whoever may not.
func TestTheFeedEndsWithTheSignIn(t *testing.T) {
	who := consoletest.Everything()
	pages, room, _ := newControlRoom(t, who)
	server := httptest.NewServer(pages)
	defer server.Close()
	answer, err := http.Get(server.URL + "/room/feed?desk=" + string(access.Safety))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if kind := answer.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("%s", kind)
	}
	lines := bufio.NewScanner(answer.Body)
	await := func(part string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), part) {
				return
			}
		}
		t.Fatalf("the feed ended without %s", part)
	}
	await(`"desks":["safety"]`)
	if err := room.Urgent("1"); err != nil {
		t.Fatal(err)
	}
	await(`"priority":1`)
	who.Revoke()
	for lines.Scan() {
		continue // it ends
	}
	if w := get(t, pages, "/room/feed?desk=police"); w.Code != http.StatusBadRequest {
		t.Errorf("a desk that is none: %d", w.Code)
	}
	if w := get(t, pages, "/room/feed?from=nonsense"); w.Code != http.StatusBadRequest {
		t.Errorf("a cursor that is none: %d", w.Code)
	}
}

func TestIncidentsAndHandoversOfScripts(t *testing.T) {
	pages, _, _ := newControlRoom(t, everything)
	w := sendJSON(pages, "/room/incidents", `{"request":"open-0001","do":"open","title":"At the kiosk","items":["hub:kiosk","sensor:underpass"]}`, nil)
	var opened struct{ Incident struct{ ID string } }
	if err := json.Unmarshal(w.Body.Bytes(), &opened); err != nil || w.Code != http.StatusOK || opened.Incident.ID == "" {
		t.Fatalf("%d %s, %v", w.Code, w.Body, err)
	}
	at := "/room/incidents/" + opened.Incident.ID
	if w := get(t, pages, at+"/data.json"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "At the kiosk") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := get(t, pages, "/room/incidents.json"); !strings.Contains(w.Body.String(), opened.Incident.ID) || !strings.Contains(w.Body.String(), `"proposed":[`) {
		t.Errorf("%s", w.Body)
	}
	w = get(t, pages, at+"/export.zip")
	z, err := zip.NewReader(bytes.NewReader(w.Body.Bytes()), int64(w.Body.Len()))
	if err != nil || len(z.File) != 3 || w.Header().Get("Content-Type") != "application/zip" {
		t.Errorf("%d %s, %v", w.Code, w.Header(), err)
	}
	if w := get(t, pages, at+"/export.zip?people=names"); w.Code != http.StatusBadRequest {
		t.Errorf("names: %d", w.Code)
	}
	w = sendJSON(pages, "/room/handovers", `{"request":"hand-0001","do":"write","desk":"safety","text":"Quiet night."}`, nil)
	var h struct{ ID string }
	if err := json.Unmarshal(w.Body.Bytes(), &h); err != nil || h.ID == "" {
		t.Fatalf("%d %s, %v", w.Code, w.Body, err)
	}
	if w := sendJSON(pages, "/room/handovers", `{"request":"hand-0002","do":"read","id":"`+h.ID+`"}`, nil); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"read":[{`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := get(t, pages, "/room/handovers.json?desk=safety"); !strings.Contains(w.Body.String(), "Quiet night.") {
		t.Errorf("%s", w.Body)
	}
}
