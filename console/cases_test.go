package console_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/access/policy"
	"polity/city"
	"polity/console"
	"polity/console/consoletest"
)

// decided are the shipped policies for one person.
type decided struct {
	*policy.Policies
	as access.Who
}

func (d decided) Who(*http.Request) (access.Who, error) { return d.as, nil }

func (decided) Ended(string) <-chan struct{} { return nil }

func somebody(body city.Slug, roles ...access.Role) access.Who {
	return access.Who{Kind: access.Person, ID: "p1", Name: "Aino", Body: body, Roles: roles, Session: "s1", Areas: []city.Slug{access.AllAreas}, Purpose: "incident"}
}

func newCasePages(t *testing.T, who access.Who) (*console.Console, *consoletest.Cases) {
	t.Helper()
	now := func() time.Time { return afternoon }
	world, err := consoletest.New(consoletest.Config{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	cases := consoletest.NewCases(now)
	pages, err := console.New(console.Config{City: world, Access: decided{p, who}, Looks: &consoletest.Looks{}, Cases: cases, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pages.Close)
	return pages, cases
}

// upload is a form with a file.
func upload(t *testing.T, path, field, name string, content []byte) *http.Request {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part, err := form.CreateFormFile(field, name)
	if err == nil {
		_, err = part.Write(content)
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, path, &b)
	r.Header.Set("Content-Type", form.FormDataContentType())
	return r
}

func do(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestWhoSeesCases(t *testing.T) {
	asked := "/cases/" + consoletest.CaseID("asked")
	for name, c := range map[string]struct {
		who                          access.Who
		list, own, other, draft, put int // status
	}{
		"the office's officer":         {somebody("city", access.EvidenceOfficer), 200, 200, 404, 200, 303},
		"another office's":             {somebody("customs", access.EvidenceOfficer), 200, 404, 200, 200, 303},
		"an auditor":                   {somebody("city", access.Auditor), 200, 200, 200, 403, 403},
		"data protection":              {somebody("city", access.DataProtection), 200, 200, 200, 403, 403},
		"a safety operator":            {somebody("city", access.SafetyOperator), 403, 403, 403, 403, 403},
		"an administrator":             {somebody("city", access.IT), 403, 403, 403, 403, 403},
		"an officer who administers":   {somebody("city", access.IT, access.EvidenceOfficer), 200, 200, 404, 403, 403},
		"an auditor who is an officer": {somebody("city", access.Auditor, access.EvidenceOfficer), 200, 200, 200, 403, 403},
		"the public":                   {access.Who{}, 403, 403, 403, 403, 403},
	} {
		pages, _ := newCasePages(t, c.who)
		for path, want := range map[string]int{
			"/cases": c.list, "/cases.csv": c.list, asked: c.own, "/cases/" + consoletest.CaseID("other"): c.other, "/cases/new": c.draft,
			"/cases/recorded.json?camera=square&from=2026-11-24T10:00:00Z&to=2026-11-24T12:00:00Z": c.draft,
		} {
			if w := get(t, pages, path); w.Code != want {
				t.Errorf("%s: %s: %d, want %d", name, path, w.Code, want)
			}
		}
		if w := do(pages, upload(t, asked+"/answers", "file", "answer.bin", []byte("POLREL"))); w.Code != c.put {
			t.Errorf("%s brings an answer: %d, want %d", name, w.Code, c.put)
		}
		if w := do(pages, upload(t, "/cases", "file", "submission.json", []byte("{}"))); w.Code != c.put {
			t.Errorf("%s hands in: %d, want %d", name, w.Code, c.put)
		}
	}
}

func TestWatchersSeeStatesAndNoScope(t *testing.T) {
	scope := []string{"/cameras/square", "Quay", "yesterday 12:32", "requests/", "polity case"}
	asked := "/cases/" + consoletest.CaseID("asked")
	officer, _ := newCasePages(t, somebody("city", access.EvidenceOfficer))
	own := get(t, officer, asked).Body.String()
	for _, word := range []string{"/cameras/square", "yesterday 12:32", "polity case requests lusab-babad", "/requests/ombudsman", "gutih-tugad-mudof-lusab-babad", "Missing person"} {
		if !strings.Contains(own, word) {
			t.Errorf("the office's page does not say %q", word)
		}
	}
	if strings.Contains(own, "/requests/court") {
		t.Error("a request that is answered is offered again")
	}
	auditor, _ := newCasePages(t, somebody("city", access.Auditor))
	for _, path := range []string{"/cases", "/cases.csv", asked} {
		page := get(t, auditor, path).Body.String()
		for _, word := range scope {
			if strings.Contains(page, word) {
				t.Errorf("an auditor's %s says %q", path, word)
			}
		}
	}
	if page := get(t, auditor, asked).Body.String(); !strings.Contains(page, "2 cameras") || !strings.Contains(page, "Waits for answers") || strings.Contains(page, `type="file"`) {
		t.Error("an auditor does not see how the case stands, or is offered to bring an answer")
	}
}

func TestEveryStateSaysWhatIsNext(t *testing.T) {
	pages, _ := newCasePages(t, somebody("city", access.EvidenceOfficer))
	for name, want := range map[string][]string{
		"logged":  {"Waits for witnesses", "As soon as a quorum", "as soon as its disk is well"},
		"asked":   {"Waits for answers", "take it to the ombudsman", "polity case requests lusab-babad"},
		"granted": {"May be opened", "polity case open fotip-ralug"},
		"refused": {"Refused", "The ombudsman refused: it asks for too much."},
		"opened":  {"Opened", "polity case play kosin-dabub", "Overdue", "polity case disclose kosin-dabub"},
	} {
		page := get(t, pages, "/cases/"+consoletest.CaseID(name)).Body.String()
		for _, words := range want {
			if !strings.Contains(page, words) {
				t.Errorf("%s: the page does not say %q", name, words)
			}
		}
	}
	rows, err := csv.NewReader(get(t, pages, "/cases.csv?state=refused").Body).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][0] != "zasod-mimup" || rows[1][10] != "refused" {
		t.Errorf("CSV %v, %v", rows, err)
	}
	if w := get(t, pages, "/cases?state=lost"); w.Code != http.StatusBadRequest {
		t.Errorf("a state that there is not: %d", w.Code)
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	pages, cases := newCasePages(t, somebody("city", access.EvidenceOfficer))
	asked := "/cases/" + consoletest.CaseID("asked")
	plain := httptest.NewRequest(http.MethodPost, asked+"/answers", strings.NewReader("file=x"))
	plain.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	crossing := upload(t, asked+"/answers", "file", "a.bin", []byte("POLREL"))
	crossing.Header.Set("Sec-Fetch-Site", "cross-site")
	for name, c := range map[string]struct {
		r    *http.Request
		code int
		want string
	}{
		"no form":            {plain, 400, "form"},
		"no file chosen":     {upload(t, asked+"/answers", "file", "", nil), 400, "No file was chosen"},
		"another field":      {upload(t, asked+"/answers", "other", "a.bin", []byte("POLREL")), 400, "No file was chosen"},
		"no file of ours":    {upload(t, asked+"/answers", "file", "a.bin", []byte("PK")), 400, "does not begin with its mark"},
		"a large submission": {upload(t, "/cases", "file", "s.json", append([]byte("{"), make([]byte, 300<<10)...)), 413, "too large"},
		"from another site":  {crossing, 403, ""},
		"of no case":         {upload(t, "/cases/nothing/answers", "file", "a.bin", []byte("PK")), 404, "no such case"},
	} {
		w := do(pages, c.r)
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d, want %d and %q", name, w.Code, c.code, c.want)
		}
	}
	if len(cases.Took) != 0 {
		t.Errorf("%d files were taken", len(cases.Took))
	}
	cases.Err = city.Errorf(city.Conflict, "the court has answered already")
	if w := do(pages, upload(t, asked+"/answers", "file", "a.bin", []byte("POLREL"))); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "the court has answered already") || !strings.Contains(w.Body.String(), "Step by step") {
		t.Errorf("%d: the page does not say why, over the case", w.Code)
	}
}

func TestRecordedTimes(t *testing.T) {
	pages, cases := newCasePages(t, somebody("city", access.EvidenceOfficer))
	const good = "/cases/recorded.json?camera=square&from=2026-11-24T08:00:00Z&to=2026-11-24T12:00:00Z"
	var d console.RecordedData
	w := get(t, pages, good)
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || d.Keeps != 72 || len(d.Spans) != 2 || d.Spans[1][0]-d.Spans[0][1] != 15*60_000 {
		t.Errorf("%s, %v", w.Body, err)
	}
	for path, want := range map[string]int{
		"/cases/recorded.json": 404,
		"/cases/recorded.json?camera=nowhere&from=2026-11-24T08:00:00Z&to=2026-11-24T12:00:00Z": 404,
		"/cases/recorded.json?camera=square&from=2026-11-24T12:00:00Z&to=2026-11-24T08:00:00Z":  400,
		"/cases/recorded.json?camera=square&from=2020-11-24T12:00:00Z&to=2026-11-24T08:00:00Z":  400,
		"/cases/recorded.json?camera=square&from=yesterday&to=today":                            400,
	} {
		if w := get(t, pages, path); w.Code != want || !strings.Contains(w.Header().Get("Content-Type"), "json") {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	cases.Away = map[city.Slug]error{"square": city.Errorf(city.Unavailable, "edge-1 does not answer")}
	if w := get(t, pages, good); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "edge-1 does not answer") {
		t.Errorf("an edge that is away: %d %s", w.Code, w.Body)
	}
}

func TestRequestsAreFetched(t *testing.T) {
	pages, cases := newCasePages(t, somebody("city", access.EvidenceOfficer))
	asked := "/cases/" + consoletest.CaseID("asked")
	w := get(t, pages, asked+"/requests/ombudsman")
	if w.Code != http.StatusOK || w.Body.String() != "POLREL request to ombudsman" || w.Header().Get("Content-Disposition") != `attachment; filename="lusab-babad-ombudsman.request"` {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := get(t, pages, asked+"/requests/mayor"); w.Code != http.StatusNotFound {
		t.Errorf("to a body that there is not: %d", w.Code)
	}
	cases.Err = city.Errorf(city.Unavailable, "the edge edge-1 is not connected")
	if w := get(t, pages, asked+"/requests/ombudsman"); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "the edge edge-1 is not connected") || w.Header().Get("Content-Disposition") != "" || !strings.Contains(w.Body.String(), "Step by step") {
		t.Errorf("%d: the case's page does not say why there is no file", w.Code)
	}
	auditor, _ := newCasePages(t, somebody("city", access.Auditor))
	if w := get(t, auditor, asked+"/requests/ombudsman"); w.Code != http.StatusForbidden {
		t.Errorf("an auditor fetches a request: %d", w.Code)
	}
}

func TestAnAnswerWhoseFileIsMissing(t *testing.T) {
	pages, cases := newCasePages(t, somebody("city", access.EvidenceOfficer))
	cases.Change("granted", func(k *console.Case) { k.Bodies[1].Words = "" })
	page := get(t, pages, "/cases/"+consoletest.CaseID("granted")).Body.String()
	for _, words := range []string{"The ombudsman published its approval itself", "The file of this answer is not here yet", `type="file"`} {
		if !strings.Contains(page, words) {
			t.Errorf("the page does not say %q", words)
		}
	}
	// An answer that was given in time may come after the case expired.
	cases.Change("asked", func(k *console.Case) { k.Expires = afternoon.Add(-time.Hour) })
	page = get(t, pages, "/cases/"+consoletest.CaseID("asked")).Body.String()
	if !strings.Contains(page, "Expired") || !strings.Contains(page, `type="file"`) || strings.Contains(page, "/requests/ombudsman") {
		t.Error("an expired case takes no answer any more, or still offers requests")
	}
}

// No field of the draft has a name, and it stands in no form: a browser cannot send it.
func TestADraftCannotBeSent(t *testing.T) {
	pages, _ := newCasePages(t, somebody("city", access.EvidenceOfficer))
	page := get(t, pages, "/cases/new").Body.String()
	main := page[strings.Index(page, "<main"):strings.Index(page, "</main>")]
	if strings.Contains(main, "<form") || strings.Contains(main, " name=") || !strings.Contains(main, `id="order"`) {
		t.Error("what is typed into the draft could be sent")
	}
}

func TestWithoutALogThereAreNoCases(t *testing.T) {
	pages, _ := newPages(t, everything)
	for _, path := range []string{"/cases", "/cases/new", "/cases/x", "/cases.csv"} {
		if w := get(t, pages, path); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "keeps no public log") {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if strings.Contains(get(t, pages, "/").Body.String(), `href="/cases"`) {
		t.Error("the menu leads to cases that there are not")
	}
}
