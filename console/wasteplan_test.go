package console_test

import (
	"bytes"
	"html"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"polity/access"
	"polity/console/consoletest"
	"polity/services/waste"
	wastelive "polity/services/waste/live"
)

func pageSays(t *testing.T, page string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(page, w) && !strings.Contains(html.UnescapeString(page), w) {
			t.Errorf("the page does not say %q", w)
		}
	}
}

// TestAMoveIsPricedThenMadeThenPutForward: first what it costs and whether it fits; then it
// stands in the address and can be undone; then it replaces the plan that waits.
func TestAMoveIsPricedThenMadeThenPutForward(t *testing.T) {
	desk := consoletest.NewWaste(afternoon)
	pages := servicePages(t, "waste", desk, nil, access.SeeAlerts, access.Decide)
	page := get(t, pages, "/services/waste/plan?container=c1&truck=truck-2").Body.String()
	pageSays(t, page, "c1 from truck-1 to truck-2", "+0.50 km", "+3 min", "+2.50 EUR", "+0.55 kg", "All loads, hours and shifts still hold.", `href="/services/waste/plan?c=c1&amp;t=truck-2"`)
	page = get(t, pages, "/services/waste/plan?container=c2&truck=truck-2").Body.String()
	pageSays(t, page, "This does not fit:", "trip 1 of truck-2 carries 60 kg more than the 3000 kg that it takes")
	if strings.Contains(page, "Make the move") {
		t.Error("a move that does not fit can be made")
	}
	page = get(t, pages, "/services/waste/plan?c=c1&t=truck-2&c=c4&t=truck-1").Body.String()
	pageSays(t, page, "Moves so far", "c4 from truck-2 to truck-1", "+5.00 EUR to the plan that waits", `href="/services/waste/plan?c=c1&amp;t=truck-2">Undo the last`, `name="on" value="plan-0"`)
	for query, want := range map[string]string{"container=c8&truck=truck-1": "the plan has no container", "c=c2&t=truck-2": "carries 60 kg more", "container=c7&truck=truck-1": "c7, which waits, to truck-1", "container=c1&truck=": "c1 off truck-1, for another day"} {
		pageSays(t, get(t, pages, "/services/waste/plan?"+query).Body.String(), want)
	}
	if w := get(t, pages, "/services/waste/plan?c=c1"); w.Code != http.StatusBadRequest {
		t.Errorf("half a move: %d", w.Code)
	}
	form := url.Values{"on": {"plan-0"}, "c": {"c1"}, "t": {"truck-2"}}
	if w := post(t, pages, "/services/waste/plan", form); w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/services/waste/plan?said=forward") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if n := len(desk.View().Tours[1].Calls); n != 5 {
		t.Errorf("truck-2 has %d calls", n)
	}
	if w := post(t, pages, "/services/waste/plan", form); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "meanwhile") {
		t.Errorf("a plan that is no more: %d", w.Code)
	}
}

func TestWhoOnlySeesPlansNothing(t *testing.T) {
	pages := servicePages(t, "waste", consoletest.NewWaste(afternoon), nil, access.SeeAlerts)
	page := get(t, pages, "/services/waste/plan?c=c1&t=truck-2").Body.String()
	for _, not := range []string{"Put these tours forward", "Find out"} {
		if strings.Contains(page, not) {
			t.Errorf("who may not decide is offered %q", not)
		}
	}
	for _, path := range []string{"/services/waste/plan", "/services/waste/whatif", "/services/waste/tables"} {
		if w := post(t, pages, path, url.Values{}); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	public := servicePages(t, "waste", consoletest.NewWaste(afternoon), nil)
	for _, path := range []string{"/services/waste/plan", "/services/waste/sheets", "/services/waste/tables", "/services/waste/whatif/truck-1.gpx"} {
		if w := get(t, public, path); w.Code != http.StatusForbidden {
			t.Errorf("%s for everyone: %d", path, w.Code)
		}
	}
}

func TestADayAsItCouldBe(t *testing.T) {
	pages := servicePages(t, "waste", consoletest.NewWaste(afternoon), nil, access.SeeAlerts, access.Decide)
	if w := post(t, pages, "/services/waste/whatif", url.Values{"day": {"2026-11-25"}, "without": {"truck-1"}}); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	page := get(t, pages, "/services/waste/plan").Body.String()
	pageSays(t, page, "Wed 25 Nov, without truck-1", "4.2 km", "−1.8 km", "2 containers (c4, c5): each: every truck&#39;s day is full. Lengthen a shift.", "/services/waste/whatif/truck-1.gpx")
	if w := get(t, pages, "/services/waste/whatif/truck-1.gpx"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "<trkpt") {
		t.Errorf("%d", w.Code)
	}
	if w := post(t, pages, "/services/waste/whatif", url.Values{"day": {"tomorrow"}}); w.Code != http.StatusBadRequest {
		t.Errorf("no day: %d", w.Code)
	}
}

func TestSheets(t *testing.T) {
	pages := servicePages(t, "waste", consoletest.NewWaste(afternoon), nil, access.SeeAlerts)
	page := get(t, pages, "/services/waste/sheets").Body.String()
	pageSays(t, page, "truck-1, Tuesday 24 November 2026", "truck-2, ", "own side", "660 l mixed", "unload at transfer station", "Not agreed to yet.")
	if page = get(t, pages, "/services/waste/sheets?truck=truck-2").Body.String(); strings.Contains(page, "<h2>truck-1") {
		t.Error("another truck's sheet is there")
	}
	if w := get(t, pages, "/services/waste/sheets?truck=x"); w.Code != http.StatusNotFound {
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
	desk := consoletest.NewWaste(afternoon)
	pages := servicePages(t, "waste", desk, nil, access.SeeAlerts, access.Decide)
	pageSays(t, get(t, pages, "/services/waste/tables").Body.String(), "Needed: id, lat, lon, litres.", "Check, keep nothing")
	w := bring(t, pages, "check", "id,lat,lon,litres,colour\na,60,25,660,red\nb,60,<i>,660,red\n", "")
	pageSays(t, w.Body.String(), "1 line is wrong", "line 3, lon: &#34;&lt;i&gt;&#34; is not a number", "1 line understood, 1 wrong", "Columns not used: colour.", "b,60,&lt;i&gt;,660,red")
	if w.Code != http.StatusOK || strings.Contains(w.Body.String(), "Take them over") {
		t.Errorf("%d", w.Code)
	}
	w = bring(t, pages, "take", "", "id,lat,lon,litres\na,x,25,660\n")
	if len(desk.Taken()) != 0 || w.Code != http.StatusBadRequest {
		t.Errorf("a wrong line was taken: %d", w.Code)
	}
	w = bring(t, pages, "check", "", "id,lat,lon,litres\na,60,25,660\n")
	pageSays(t, w.Body.String(), "Containers: 1 new, 0 changed, 0 as they are, 0 gone.", "Container far: no street lies within 150 m. Correct its position.", "Take them over", "See what tours they would have")
	if len(desk.Taken()) != 0 || w.Code != http.StatusOK {
		t.Errorf("checking kept something: %d", w.Code)
	}
	w = bring(t, pages, "check", "lat,lon\n1,2\n", "")
	pageSays(t, w.Body.String(), "there is no column &#34;id&#34;")
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
	day := wasteDesk{wastelive.View{Planning: true, Progress: waste.Progress{Step: waste.Searching, Share: 0.4}}}
	pages := servicePages(t, "waste", day, nil, access.SeeAlerts)
	pageSays(t, get(t, pages, "/services/waste").Body.String(), "Tours are being searched for.", `max="100" value="40"`)
	if strings.Contains(get(t, servicePages(t, "waste", day, nil), "/services/waste").Body.String(), "<progress") {
		t.Error("everyone sees the progress")
	}
}
