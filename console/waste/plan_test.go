package waste_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"polity/access"
	"polity/console/consoletest"
	"polity/services/waste"
	"polity/services/waste/live"
)

// TestAMoveIsPricedThenMadeThenPutForward: first what it costs and whether it fits; then it
// stands in the address and can be undone; then it replaces the plan that waits.
func TestAMoveIsPricedThenMadeThenPutForward(t *testing.T) {
	desk := consoletest.NewWaste(consoletest.Afternoon)
	pages := consoletest.ServicePages(t, "waste", desk, nil, access.SeeAlerts, access.Decide)
	page := consoletest.Get(t, pages, "/services/waste/plan?container=c1&truck=truck-2").Body.String()
	consoletest.Says(t, page, "c1 from truck-1 to truck-2", "+0.50 km", "+3 min", "+2.50 EUR", "+0.55 kg", "All loads, hours and shifts still hold.", `href="/services/waste/plan?c=c1&amp;t=truck-2"`)
	page = consoletest.Get(t, pages, "/services/waste/plan?container=c2&truck=truck-2").Body.String()
	consoletest.Says(t, page, "This does not fit:", "trip 1 of truck-2 carries 60 kg more than the 3000 kg that it takes")
	if strings.Contains(page, "Make the move") {
		t.Error("a move that does not fit can be made")
	}
	page = consoletest.Get(t, pages, "/services/waste/plan?c=c1&t=truck-2&c=c4&t=truck-1").Body.String()
	consoletest.Says(t, page, "Moves so far", "c4 from truck-2 to truck-1", "+5.00 EUR to the plan that waits", `href="/services/waste/plan?c=c1&amp;t=truck-2">Undo the last`, `name="on" value="plan-0"`)
	for query, want := range map[string]string{"container=c8&truck=truck-1": "the plan has no container", "c=c2&t=truck-2": "carries 60 kg more", "container=c7&truck=truck-1": "c7, which waits, to truck-1", "container=c1&truck=": "c1 off truck-1, for another day"} {
		consoletest.Says(t, consoletest.Get(t, pages, "/services/waste/plan?"+query).Body.String(), want)
	}
	if w := consoletest.Get(t, pages, "/services/waste/plan?c=c1"); w.Code != http.StatusBadRequest {
		t.Errorf("half a move: %d", w.Code)
	}
	form := url.Values{"on": {"plan-0"}, "c": {"c1"}, "t": {"truck-2"}}
	if w := consoletest.Post(t, pages, "/services/waste/plan", form); w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/services/waste/plan?said=forward") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if n := len(desk.View().Tours[1].Calls); n != 5 {
		t.Errorf("truck-2 has %d calls", n)
	}
	if w := consoletest.Post(t, pages, "/services/waste/plan", form); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "meanwhile") {
		t.Errorf("a plan that is no more: %d", w.Code)
	}
}

func TestWhoOnlySeesPlansNothing(t *testing.T) {
	pages := consoletest.ServicePages(t, "waste", consoletest.NewWaste(consoletest.Afternoon), nil, access.SeeAlerts)
	page := consoletest.Get(t, pages, "/services/waste/plan?c=c1&t=truck-2").Body.String()
	for _, not := range []string{"Put these tours forward", "Find out"} {
		if strings.Contains(page, not) {
			t.Errorf("who may not decide is offered %q", not)
		}
	}
	for _, path := range []string{"/services/waste/plan", "/services/waste/whatif", "/services/waste/tables"} {
		if w := consoletest.Post(t, pages, path, url.Values{}); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	public := consoletest.ServicePages(t, "waste", consoletest.NewWaste(consoletest.Afternoon), nil)
	for _, path := range []string{"/services/waste/plan", "/services/waste/sheets", "/services/waste/tables", "/services/waste/whatif/truck-1.gpx"} {
		if w := consoletest.Get(t, public, path); w.Code != http.StatusForbidden {
			t.Errorf("%s for everyone: %d", path, w.Code)
		}
	}
}

func TestADayAsItCouldBe(t *testing.T) {
	pages := consoletest.ServicePages(t, "waste", consoletest.NewWaste(consoletest.Afternoon), nil, access.SeeAlerts, access.Decide)
	if w := consoletest.Post(t, pages, "/services/waste/whatif", url.Values{"day": {"2026-11-25"}, "without": {"truck-1"}}); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	page := consoletest.Get(t, pages, "/services/waste/plan").Body.String()
	consoletest.Says(t, page, "Wed 25 Nov, without truck-1", "4.2 km", "−1.8 km", "2 containers (c4, c5): each: every truck&#39;s day is full. Lengthen a shift.", "/services/waste/whatif/truck-1.gpx")
	if w := consoletest.Get(t, pages, "/services/waste/whatif/truck-1.gpx"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "<trkpt") {
		t.Errorf("%d", w.Code)
	}
	if w := consoletest.Post(t, pages, "/services/waste/whatif", url.Values{"day": {"tomorrow"}}); w.Code != http.StatusBadRequest {
		t.Errorf("no day: %d", w.Code)
	}
}

func TestSheets(t *testing.T) {
	pages := consoletest.ServicePages(t, "waste", consoletest.NewWaste(consoletest.Afternoon), nil, access.SeeAlerts)
	page := consoletest.Get(t, pages, "/services/waste/sheets").Body.String()
	consoletest.Says(t, page, "truck-1, Tuesday 24 November 2026", "truck-2, ", "own side", "660 l mixed", "unload at transfer station", "Not agreed to yet.")
	if page = consoletest.Get(t, pages, "/services/waste/sheets?truck=truck-2").Body.String(); strings.Contains(page, "<h2>truck-1") {
		t.Error("another truck's sheet is there")
	}
	if w := consoletest.Get(t, pages, "/services/waste/sheets?truck=x"); w.Code != http.StatusNotFound {
		t.Errorf("%d", w.Code)
	}
}

// bring sends tables, containers as a file.
func bring(t *testing.T, pages http.Handler, do, containers, typed string) *httptest.ResponseRecorder {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	_ = m.WriteField("do", do)
	_ = m.WriteField("containers", typed)
	f, err := m.CreateFormFile("containers-file", "c.csv")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.Write([]byte(containers))
	_ = m.Close()
	r := httptest.NewRequest(http.MethodPost, "/services/waste/tables", &b)
	r.Header.Set("Content-Type", m.FormDataContentType())
	r.Header.Set("Origin", "http://example.com")
	w := httptest.NewRecorder()
	pages.ServeHTTP(w, r)
	return w
}

// TestTablesAreCheckedBeforeTheyAreTaken: errors by line, the text kept to be corrected,
// nothing taken before a person says so.
func TestTablesAreCheckedBeforeTheyAreTaken(t *testing.T) {
	desk := consoletest.NewWaste(consoletest.Afternoon)
	pages := consoletest.ServicePages(t, "waste", desk, nil, access.SeeAlerts, access.Decide)
	consoletest.Says(t, consoletest.Get(t, pages, "/services/waste/tables").Body.String(), "Needed: id, lat, lon, litres.", "Check, keep nothing")
	w := bring(t, pages, "check", "id,lat,lon,litres,colour\na,60,25,660,red\nb,60,<i>,660,red\n", "")
	consoletest.Says(t, w.Body.String(), "1 line is wrong", "line 3, lon: &#34;&lt;i&gt;&#34; is not a number", "1 line understood, 1 wrong", "Columns not used: colour.", "b,60,&lt;i&gt;,660,red")
	if w.Code != http.StatusOK || strings.Contains(w.Body.String(), "Take them over") {
		t.Errorf("%d", w.Code)
	}
	w = bring(t, pages, "take", "", "id,lat,lon,litres\na,x,25,660\n")
	if len(desk.Taken()) != 0 || w.Code != http.StatusBadRequest {
		t.Errorf("a wrong line was taken: %d", w.Code)
	}
	w = bring(t, pages, "check", "", "id,lat,lon,litres\na,60,25,660\n")
	consoletest.Says(t, w.Body.String(), "Containers: 1 new, 0 changed, 0 as they are, 0 gone.", "Container far: no street lies within 150 m. Correct its position.", "Take them over", "See what tours they would have")
	if len(desk.Taken()) != 0 || w.Code != http.StatusOK {
		t.Errorf("checking kept something: %d", w.Code)
	}
	w = bring(t, pages, "check", "lat,lon\n1,2\n", "")
	consoletest.Says(t, w.Body.String(), "there is no column &#34;id&#34;")
	if w := bring(t, pages, "check", "", ""); w.Code != http.StatusBadRequest {
		t.Errorf("nothing: %d", w.Code)
	}
	if w := bring(t, pages, "try", "", "id,lat,lon,litres\na,60,25,660\n"); w.Code != http.StatusSeeOther {
		t.Errorf("%d", w.Code)
	}
	if a, asked := desk.Answer(); !asked || a.Tables == nil {
		t.Error("the tables are not tried")
	}
	if w := bring(t, pages, "take", "id,lat,lon,litres\na,60,25,660\n", "typed before"); w.Code != http.StatusSeeOther || len(desk.Taken()) != 1 {
		t.Errorf("%d, %d taken", w.Code, len(desk.Taken()))
	}
}

// TestProgressOfAPlanIsShown: while the day is planned, and to who may see it alone.
func TestProgressOfAPlanIsShown(t *testing.T) {
	day := wasteDesk{live.View{Planning: true, Progress: waste.Progress{Step: waste.Searching, Share: 0.4}}}
	pages := consoletest.ServicePages(t, "waste", day, nil, access.SeeAlerts)
	consoletest.Says(t, consoletest.Get(t, pages, "/services/waste").Body.String(), "Tours are being searched for.", `max="100" value="40"`)
	if strings.Contains(consoletest.Get(t, consoletest.ServicePages(t, "waste", day, nil), "/services/waste").Body.String(), "<progress") {
		t.Error("everyone sees the progress")
	}
}
