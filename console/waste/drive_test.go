package waste_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/city"
	"polity/console/consoletest"
	console "polity/console/waste"
	"polity/room/order"
	"polity/services/waste"
	"polity/services/waste/live"
)

// wasteCrews is a waste service that keeps what it is told.
type wasteCrews struct {
	wasteDesk
	has     string // who drives t<2>
	reports []live.Report
	photos  map[string][]byte
}

func (w *wasteCrews) Drive(person string) live.DriveView {
	at := city.Point{Lon: 24.94, Lat: 60.17}
	v := live.DriveView{At: consoletest.Afternoon, Day: "2026-11-24", Phase: live.Driving, Sites: []string{"landfill"}, Tours: []live.DriveTour{{Truck: "t<2>", Stops: 2, Taken: w.has != ""}}}
	if person != "" && person == w.has {
		v.Mine = &live.MyTour{Truck: "t<2>", End: 8 * time.Hour, Line: []city.Point{at, at}, Calls: []live.MyCall{{Container: "c1", Street: "Katu <A>", Place: at, Near: true, Arrive: 6 * time.Hour}, {Site: "landfill", Place: at}}}
	}
	return v
}

func (w *wasteCrews) Take(person, truck string) error {
	switch {
	case truck != "t<2>":
		return city.Errorf(city.NotFound, "%s has no tour today", truck)
	case w.has != "" && w.has != person:
		return city.Errorf(city.Conflict, "somebody else drives %s", truck)
	}
	w.has = person
	return nil
}

func (w *wasteCrews) Free(string) error { w.has = ""; return nil }

func (w *wasteCrews) Report(person, truck string, r live.Report) error {
	if person != w.has || truck != "t<2>" {
		return city.Errorf(city.Forbidden, "the tour of %s is not yours", truck)
	}
	w.reports = append(w.reports, r)
	return nil
}

func (w *wasteCrews) AddPhoto(_, _, _, _, id string, jpeg []byte) error {
	w.photos[id] = jpeg
	return nil
}

func (w *wasteCrews) Photo(id string) ([]byte, error) {
	if w.photos[id] == nil {
		return nil, city.Errorf(city.NotFound, "there is no such photo")
	}
	return w.photos[id], nil
}

const driveAt = "/services/waste/drive"

// TestADriverTakesATourAndReports: as the crew's right alone allows, in the closed form alone.
func TestADriverTakesATourAndReports(t *testing.T) {
	crews := &wasteCrews{photos: map[string][]byte{}}
	pages := consoletest.ServicePages(t, "waste", crews, nil, access.DoOrder)
	for name, may := range map[string][]access.Action{"everyone": nil, "the desk": {access.SeeAlerts, access.GiveOrder}} {
		others := consoletest.ServicePages(t, "waste", crews, nil, may...)
		for path, method := range map[string]string{driveAt: http.MethodGet, driveAt + ".json": http.MethodGet, driveAt + "/t1/reports": http.MethodPost, driveAt + "/t1/photos": http.MethodPost} {
			if a := consoletest.Send(others, method, path, consoletest.JSON, "{}"); a.Code != http.StatusForbidden {
				t.Errorf("%s %s for %s: %d", method, path, name, a.Code)
			}
		}
	}
	page := consoletest.Get(t, pages, driveAt).Body.String()
	if !strings.Contains(page, "Drive t&lt;2&gt;") || strings.Contains(page, "<2>") || strings.Contains(page, "<A>") {
		t.Errorf("the page: %s", page)
	}
	report := `{"id":"report-000000000001","day":"2026-11-24","what":"collected","container":"c1","told":"2026-11-24T06:00:00Z"}`
	at := driveAt + "/t%3C2%3E"
	if a := consoletest.Send(pages, http.MethodPost, at+"/reports", consoletest.JSON, report); a.Code != http.StatusForbidden || !strings.Contains(a.Body.String(), "not yours") {
		t.Errorf("before it is taken: %d %s", a.Code, a.Body)
	}
	if a := consoletest.Send(pages, http.MethodPost, driveAt, consoletest.Form, "truck=t1"); a.Code != http.StatusNotFound || !strings.Contains(a.Body.String(), "t1 has no tour today") {
		t.Errorf("a truck that is not out: %d", a.Code)
	}
	if a := consoletest.Send(pages, http.MethodPost, driveAt, consoletest.Form, "truck=t%3C2%3E"); a.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", a.Code, a.Body)
	}
	var d console.DriverData
	if err := json.Unmarshal(consoletest.Get(t, pages, driveAt+".json").Body.Bytes(), &d); err != nil || d.Mine == nil || len(d.Mine.Calls) != 2 || d.Mine.Calls[0].Arrive != "06:00" || d.Person == "" || !slices.Contains(d.Reasons, "blocked") {
		t.Fatalf("%+v, %v", d, err)
	}
	for _, bad := range []string{`{"what":"collected","person":"p1"}`, `{"position":{"lat":60,"lon":25}}`, report + report, `[]`} {
		if a := consoletest.Send(pages, http.MethodPost, at+"/reports", consoletest.JSON, bad); a.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, a.Code)
		}
	}
	if a := consoletest.Send(pages, http.MethodPost, at+"/reports", consoletest.JSON, report); a.Code != http.StatusNoContent || len(crews.reports) != 1 || crews.reports[0].Container != "c1" || crews.reports[0].Told.Hour() != 6 {
		t.Errorf("%d %s %+v", a.Code, a.Body, crews.reports)
	}
	if a := consoletest.Get(t, pages, driveAt); strings.Contains(a.Header().Get("Permissions-Policy"), "geolocation=(self)") {
		t.Error("the page may ask where the crew is")
	}
	if a := consoletest.Send(pages, http.MethodPost, "/services/waste/tours/t%3C2%3E/free", consoletest.Form, ""); a.Code != http.StatusForbidden || crews.has == "" {
		t.Errorf("a crew frees a tour: %d", a.Code)
	}
	desk := consoletest.ServicePages(t, "waste", crews, nil, access.SeeAlerts, access.GiveOrder)
	if a := consoletest.Send(desk, http.MethodPost, "/services/waste/tours/t%3C2%3E/free", consoletest.Form, ""); a.Code != http.StatusSeeOther || crews.has != "" {
		t.Errorf("the desk frees a tour: %d", a.Code)
	}
}

// noise is a picture with something in every corner; masked outside a frame if that is set.
func noise(t *testing.T, f order.Frame, masked bool) string {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 640, 640))
	for y := range 640 {
		for x := range 640 {
			c := color.RGBA{uint8(x * y % 251), uint8(x % 251), uint8(y % 251), 255}
			if masked && !(image.Point{x, y}).In(image.Rect(f.X, f.Y, f.X+f.W, f.Y+f.H)) {
				c = color.RGBA{90, 120, 60, 255}
			}
			m.Set(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestAPhotoOfAContainerIsMaskedOrRefused: and the desk alone sees it.
func TestAPhotoOfAContainerIsMaskedOrRefused(t *testing.T) {
	crews := &wasteCrews{has: "p9", photos: map[string][]byte{}}
	pages := consoletest.ServicePages(t, "waste", crews, nil, access.DoOrder)
	frame := order.Frame{X: 192, Y: 192, W: 256, H: 256}
	const asJPEG = "image/jpeg"
	at := driveAt + "/t%3C2%3E/photos?id=photo-000000000001&day=2026-11-24&container=c1&x=192&y=192&w=256&h=256"
	if a := consoletest.Send(pages, http.MethodPost, at, asJPEG, noise(t, frame, false)); a.Code != http.StatusBadRequest || len(crews.photos) > 0 {
		t.Errorf("a photo that is not masked: %d %s", a.Code, a.Body)
	}
	if a := consoletest.Send(pages, http.MethodPost, strings.Replace(at, "2%3E", "1%3E", 1), asJPEG, noise(t, frame, true)); a.Code != http.StatusForbidden {
		t.Errorf("of another's tour: %d", a.Code)
	}
	if a := consoletest.Send(pages, http.MethodPost, at, asJPEG, noise(t, frame, true)); a.Code != http.StatusNoContent || len(crews.photos) != 1 {
		t.Fatalf("%d %s", a.Code, a.Body)
	}
	if a := consoletest.Get(t, pages, "/services/waste/photos/photo-000000000001"); a.Code != http.StatusForbidden {
		t.Errorf("a crew sees photos: %d", a.Code)
	}
	desk := consoletest.ServicePages(t, "waste", crews, nil, access.SeeAlerts)
	if a := consoletest.Get(t, desk, "/services/waste/photos/photo-000000000001"); a.Code != http.StatusOK || a.Header().Get("Content-Type") != asJPEG {
		t.Errorf("the desk: %d", a.Code)
	}
}

// TestTheDeskFollowsCrews: missed pickups with their photos, loads, and since when a crew
// reports; residents see none of it.
func TestTheDeskFollowsCrews(t *testing.T) {
	day := consoletest.Afternoon.Add(-14 * time.Hour)
	crews := &wasteCrews{wasteDesk: wasteDesk{live.View{
		At: consoletest.Afternoon, Day: day, Phase: live.Driving, Tours: []live.Tour{{Tour: waste.Tour{Truck: "t<2>"}}}, Taken: map[string]time.Time{"t<2>": consoletest.Afternoon},
		Unloads: []live.Unload{{Truck: "t<2>", Site: "landfill", Kilograms: 5400}},
		Misses:  []live.Miss{{Container: "c1", Street: "Katu <A>", Day: day, At: consoletest.Afternoon, Reason: "locked", Photo: "photo-000000000001"}},
	}}}
	page := consoletest.Get(t, consoletest.ServicePages(t, "waste", crews, nil, access.SeeAlerts, access.GiveOrder), "/services/waste").Body.String()
	for _, want := range []string{"Missed pickups", "A door or gate is locked", "/services/waste/photos/photo-000000000001", "Unloaded once, 5400 kg.", "Its crew reports since", "t%3C2%3E/free"} {
		if !strings.Contains(page, want) {
			t.Errorf("the desk's page does not say %q", want)
		}
	}
	public := consoletest.Get(t, consoletest.ServicePages(t, "waste", crews, nil), "/services/waste").Body.String()
	if strings.Contains(public, "locked") || strings.Contains(public, "photo") || strings.Contains(public, "5400") || strings.Contains(public, "/drive") {
		t.Error("residents see what crews tell")
	}
}
