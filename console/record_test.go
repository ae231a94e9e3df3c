package console_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/console"
	"polity/console/consoletest"
	"polity/ledger/entry"
	"polity/ledger/proof"
	"polity/ledger/summary/summarytest"
)

// recordPages are the pages over a log, for the public.
func recordPages(t *testing.T, w summarytest.Writer) (*console.Console, *consoletest.Record, *consoletest.City) {
	t.Helper()
	now := func() time.Time { return afternoon }
	world, err := consoletest.New(consoletest.Config{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	record := consoletest.NewRecord(w, afternoon)
	pages, err := console.New(console.Config{City: world, Access: nobody, Record: record, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pages.Close)
	return pages, record, world
}

func TestTheRecordInWords(t *testing.T) {
	pages, _, _ := recordPages(t, summarytest.Year())
	body := says(t, pages, "/record", http.StatusOK,
		"Footage has been opened 3 times since", "by police, for: a missing person", "216 entries", "witness-1, witness-3",
		"November 2026", "1 police: a missing person.", "1 Parliamentary Ombudsman: asks for too much.", "August 2026",
		"Waiting</span>", "Expired", "Approved, not opened", "Parliamentary Ombudsman: refused, asks for too much",
		"They had to be public on 10 November 2026 and are not.", "square: 10 September 2026, 21:00 to 23:00.", "Order HEL 2026-012345, case R 2026/1234",
		"2 of 3 witnesses must sign", "does not answer", "Not among its signatures", "17 days, to 10 December 2026", "Few left",
		"300 checked so far, 0 wrong: at most 0.99% of all.", "300 checked so far, 1 wrong: at most 1.57% of all.", "Keys for fewer than 30 days are left: Parliamentary Ombudsman, class usual",
		"3 cameras are registered; sealed footage is kept of 2", "polity verify log http://example.com/log --roster city.roster --summary", `href="/record/entry/`, `data-to="/api/v1/record/entries"`)
	for _, sealed := range []string{"quay: 8 November", "2026-11-08T20", "Something does not fit"} {
		if strings.Contains(body, sealed) {
			t.Errorf("the page says %q", sealed)
		}
	}
}

func TestTheFrontPageSaysHowOften(t *testing.T) {
	pages, record, _ := recordPages(t, summarytest.Year())
	says(t, pages, "/", http.StatusOK, "Footage opened this year: 3 times.")
	record.Break(city.Errorf(city.Unavailable, "being read"))
	says(t, pages, "/", http.StatusOK, `<a href="/record">Public record</a>`)
}

func TestAnEmptyRecordSaysSo(t *testing.T) {
	w := summarytest.New("empty")
	w.Append(&entry.Roster{Roster: w.City.Roster.File(), Version: 1})
	pages, record, _ := recordPages(t, w)
	says(t, pages, "/record", http.StatusOK, "No footage has been opened since the record began on 1 March 2026.", "1 entry", "Nothing has been approved, refused or opened yet.", "Nobody has asked for footage.", "No body has published keys", "No body has audited yet.", "No alarm stands in the log.")
	says(t, pages, "/record/concerned", http.StatusOK, "0 openings since", "No details of an opening are public yet.", "The details of every opening are public.")
	says(t, pages, "/cameras/square", http.StatusOK, "None is kept of this camera.", "Never, as far as details are public.")
	record.Break(city.Errorf(city.NotFound, "the public log has no checkpoint yet"))
	says(t, pages, "/record", http.StatusNotFound, "the public log has no checkpoint yet")
	says(t, pages, "/cameras/square", http.StatusOK, "The public record cannot be read just now.")
}

func TestARecordThatWaitsSaysSo(t *testing.T) {
	pages, record, _ := recordPages(t, summarytest.Year())
	record.SetWatch(func(w *console.RecordWatch) { w.Size, w.Waiting = w.Size+4, afternoon.Add(-time.Hour) })
	says(t, pages, "/record", http.StatusOK, "4 entries are not public yet: since", "Nothing can be opened meanwhile.")
}

func TestWhatContradictsIsShown(t *testing.T) {
	w := summarytest.New("strange")
	w.Ask(summarytest.Told)
	w.Open(summarytest.Told, "2026-09-14T11:00:00Z")
	pages, _, _ := recordPages(t, w)
	says(t, pages, "/record", http.StatusOK, "Something does not fit", "1 entry contradicts", "Opened without both bodies&#39; approval", `href="/record/entry/1"`)
}

// TestEveryEntryHasAPage in words, with its bytes and a proof that holds.
func TestEveryEntryHasAPage(t *testing.T) {
	w := summarytest.Year()
	pages, _, _ := recordPages(t, w)
	seen := map[entry.Type]bool{}
	for i, data := range w.Entries {
		e, err := entry.Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if seen[entry.TypeOf(e)] && i%29 != 0 {
			continue
		}
		seen[entry.TypeOf(e)] = true
		path := "/record/entry/" + strconv.Itoa(i)
		body := says(t, pages, path, http.StatusOK, "Entry "+strconv.Itoa(i))
		if strings.Contains(body, "record.") || strings.Contains(body, "{") && !strings.Contains(body, `{&#34;`) {
			t.Errorf("%s: a message is not filled in: %s", path, body)
		}
		if raw := get(t, pages, path+"/entry.json"); raw.Code != http.StatusOK || !bytes.Equal(raw.Body.Bytes(), data) {
			t.Errorf("%s: the bytes are not the log's", path)
		}
		p, err := proof.ParseInclusion(get(t, pages, path+"/proof").Body.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if _, c, err := p.Check(&w.City.Roster.Roster); err != nil || p.Index != int64(i) || c.Size != int64(len(w.Entries)) {
			t.Errorf("%s: the proof: %v", path, err)
		}
	}
	if len(seen) < 16 {
		t.Errorf("only %d types were tried", len(seen))
	}
	for path, want := range map[string]int{"/record/entry/216": 404, "/record/entry/-1": 404, "/record/entry/01": 404, "/record/entry/x/proof": 404, "/record/entry/216/proof": 404, "/record/roster/2": 404, "/record/roster/x": 404, "/record/entry/999/entry.json": 404, "/record/entries?from=x": 400, "/record/entries?from=-1": 400, "/record/entries?from=99999": 200, "/record/entries?from=0": 200} {
		if w := get(t, pages, path); w.Code != want {
			t.Errorf("%s: status %d, want %d", path, w.Code, want)
		}
	}
	says(t, pages, "/record/entry/2", http.StatusOK, "Camera square is registered at edge-1", "216 entries")
	says(t, pages, "/record/entries", http.StatusOK, "216 entries are public", "asks for footage of 1 camera, 1 hour, for: an accident", `href="/record/entries?from=116"`)
}

// TestOpeningsAreTheSameForEveryone: whatever is asked along, the answer is one, and holds
// nothing of details that are not public.
func TestOpeningsAreTheSameForEveryone(t *testing.T) {
	pages, _, _ := recordPages(t, summarytest.Year())
	all := get(t, pages, "/record/openings.json").Body.String()
	for _, path := range []string{"/record/openings.json?camera=square", "/record/openings.json?from=2026-09-10&lat=60.1"} {
		if get(t, pages, path).Body.String() != all {
			t.Errorf("%s: another answer", path)
		}
	}
	var d console.OpeningsData
	if err := json.Unmarshal([]byte(all), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Openings) != 1 || len(d.Unknown) != 3 || d.Openings[0].From != "2026-09-10T18:00:00Z" || d.Openings[0].Cameras[0] != "square" || d.Zone == "" || len(d.Cameras) == 0 {
		t.Errorf("%+v", d)
	}
	if strings.Contains(all, "quay") || strings.Contains(all, "2026-11-08") {
		t.Errorf("details that are not public: %s", all)
	}
	for _, u := range d.Unknown {
		if u.Overdue != (u.PublicOn == "2026-11-10") || u.Before == "" {
			t.Errorf("%+v", u)
		}
	}
	body := says(t, pages, "/record/concerned", http.StatusOK, "Was I concerned?", "4 openings since", "Of 3 the cameras", "Railway Square, north side", "10 September 2026, 21:00 to 23:00", "30 metres")
	form := body[strings.Index(body, `<form class="concerned-form"`):]
	form = form[:strings.Index(form, "</form>")]
	if strings.Contains(form, " name=") || strings.Contains(form, " action=") || strings.Contains(form, " method=") {
		t.Errorf("the question could be sent: %s", form)
	}
}

func TestTheRecordAsFiles(t *testing.T) {
	w := summarytest.Year()
	pages, _, _ := recordPages(t, w)
	rows, err := csv.NewReader(get(t, pages, "/record/openings.csv").Body).ReadAll()
	if err != nil || len(rows) != 8 || len(rows[0]) != len(rows[1]) {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows[1:] {
		if row[7] == "refused" && (row[8] != "approved" || row[11] != "refused" || row[13] != "scope-too-wide") {
			t.Errorf("%v", row)
		}
	}
	if sum := get(t, pages, "/record/summary.json"); !strings.HasPrefix(sum.Body.String(), `{"alarms":`) || sum.Header().Get("Content-Type") != "application/json" {
		t.Errorf("summary %.80s", sum.Body)
	}
	if file := get(t, pages, "/record/roster/1").Body.Bytes(); !bytes.Equal(file, w.City.Roster.File()) {
		t.Error("the roster is another one")
	}
}

// TestACamerasFootage: how long it is kept, until when it can be opened, how often it was.
func TestACamerasFootage(t *testing.T) {
	pages, _, world := recordPages(t, summarytest.Year())
	says(t, pages, "/cameras/square", http.StatusOK, `kept for 7 days</a>`, "can be opened until", "2 December 02:00", "1 time: ", "10 September 2026, 21:00 to 23:00", "police, for: a serious crime", "3 openings of some cameras")
	world.AddUnseen("garden", "Botanic garden, gate")
	says(t, pages, "/cameras/garden", http.StatusOK, "None is kept of this camera.", "Never, as far as details are public. 3 openings")
}

// TestWithoutALog there are no such pages.
func TestWithoutALog(t *testing.T) {
	pages, _ := newPages(t, everything)
	for _, path := range []string{"/record", "/record/concerned", "/record/openings.json", "/record/openings.csv", "/record/summary.json", "/record/roster/1", "/record/entries", "/record/entry/0", "/record/entry/0/proof", "/record/entry/0/entry.json"} {
		if w := get(t, pages, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
	if strings.Contains(get(t, pages, "/").Body.String(), `href="/record"`) {
		t.Error("the pages lead to a log that is not there")
	}
}
