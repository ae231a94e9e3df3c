package console_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"polity/camera/layout"
	"polity/city"
	"polity/console/frame"
)

func put(t testing.TB, h http.Handler, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPut, "http://localhost/cameras/square/layout", strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	h.ServeHTTP(w, r)
	return w
}

func TestLayoutIsSavedOnce(t *testing.T) {
	h, _ := newPages(t, everything)
	var l layout.Layout
	if err := json.Unmarshal(get(t, h, "/cameras/square/layout").Body.Bytes(), &l); err != nil || l.Revision != 3 {
		t.Fatalf("revision %d, %v", l.Revision, err)
	}
	l.Zones[0].Name = "meadow"
	body, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	w := put(t, h, string(body))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"revision":4`) {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	if page := get(t, h, "/cameras/square").Body.String(); !strings.Contains(page, ">meadow<") {
		t.Error("the camera's page does not show the new name")
	}
	if w := put(t, h, string(body)); w.Code != http.StatusConflict {
		t.Errorf("saved from an old revision: status %d", w.Code)
	}
}

func TestWrongLayoutsSayWhatAndWhere(t *testing.T) {
	h, world := newPages(t, everything)
	square := `{"name":"a","corners":[{"x":0,"y":0},{"x":1,"y":0},{"x":1,"y":1}]}`
	line := `{"name":"b","from":{"x":0,"y":0},"to":{"x":1,"y":1}}`
	for _, c := range []struct {
		body       string
		status     int
		zone, line int
		ground     bool
		says       string
	}{
		{`{"revision":3,"zones":[` + square + `,{"name":"z","corners":[{"x":0,"y":0}]}],"lines":[]}`, 422, 1, -1, false, "1 corners"},
		{`{"revision":3,"zones":[` + square + `,{"name":"Not Good","corners":[{"x":0,"y":0},{"x":1,"y":0},{"x":1,"y":1}]}],"lines":[]}`, 422, 1, -1, false, `must begin with a letter`},
		{`{"revision":3,"zones":[` + square + `],"lines":[{"name":"b","from":{"x":0,"y":0},"to":{"x":0,"y":0}}]}`, 422, -1, 0, false, "no length"},
		{`{"revision":3,"zones":[` + square + `],"lines":[{"name":"a","from":{"x":0,"y":0},"to":{"x":1,"y":1}}]}`, 422, -1, 0, false, "used twice"},
		{`{"revision":3,"zones":[` + square + `],"lines":[` + line + `],"ground":{"picture":[{"x":0,"y":0},{"x":0,"y":0},{"x":0,"y":0},{"x":0,"y":0}],"metres":[{"x":0,"y":0},{"x":0,"y":0},{"x":0,"y":0},{"x":0,"y":0}]}}`, 422, -1, -1, true, "in one line"},
		{`{"revision":3,"zones":[` + strings.TrimSuffix(strings.Repeat(square+",", 65), ",") + `],"lines":[]}`, 422, -1, -1, false, "at most 64"},
		{`{"revision":3,"zones":[],"lines":[],"person":"x"}`, 400, 0, 0, false, "person"},
		{`nonsense`, 400, 0, 0, false, ""},
		{``, 400, 0, 0, false, ""},
		{`{"zones":[` + strings.Repeat(" ", 1<<20) + `]}`, 413, 0, 0, false, ""},
	} {
		w := put(t, h, c.body)
		var p frame.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatalf("%.80s: %v: %s", c.body, err, w.Body)
		}
		if w.Code != c.status || !strings.Contains(p.Message, c.says) || p.Message == "" {
			t.Errorf("%.80s: status %d, %q", c.body, w.Code, p.Message)
		}
		if c.status == 422 && c.says != "at most 64" && (p.Zone != c.zone || p.Line != c.line || p.Ground != c.ground) {
			t.Errorf("%.80s: %+v", c.body, p)
		}
	}
	world.Refuse(city.Errorf(city.Unavailable, "the edge kiosk cannot be reached"))
	if w := put(t, h, `{"revision":3,"zones":[],"lines":[]}`); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "kiosk") {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

// A page of somebody else cannot make a reader's browser save anything.
func TestOtherSitesCannotSave(t *testing.T) {
	h, _ := newPages(t, everything)
	body := `{"revision":3,"zones":[],"lines":[]}`
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
		if w := put(t, h, body, header...); w.Code != http.StatusForbidden {
			t.Errorf("%v: status %d", header, w.Code)
		}
	}
	if w := put(t, h, body, "Sec-Fetch-Site", "same-origin", "Origin", "http://localhost"); w.Code != http.StatusOK {
		t.Errorf("our own page: status %d", w.Code)
	}
}

func FuzzPutLayout(f *testing.F) {
	f.Add(`{"revision":3,"zones":[],"lines":[]}`)
	f.Add(`{"revision":3,"zones":[{"name":"a","corners":[{"x":0,"y":0},{"x":1,"y":0},{"x":1e309,"y":1}]}],"lines":[]}`)
	f.Add(`{"zones":[{"name":3}]}`)
	h, world := newPages(f, everything)
	world.Refuse(city.Errorf(city.Conflict, "not now"))
	f.Fuzz(func(t *testing.T, body string) {
		if w := put(t, h, body); w.Code >= 500 {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
	})
}
