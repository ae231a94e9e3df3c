package console_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/access/policy"
	"polity/console"
	"polity/console/consoletest"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/roster"
	"polity/ledger/summary/summarytest"
)

// dutyPages are the pages over a log for somebody with a role.
func dutyPages(t *testing.T, w summarytest.Writer, who access.Who) *console.Console {
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
	pages, err := console.New(console.Config{City: world, Access: decided{p, who}, Looks: &consoletest.Looks{}, Cases: consoletest.NewCases(now), Record: consoletest.NewRecord(w, afternoon), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pages.Close)
	return pages
}

// section is what stands under a heading, without tags.
func section(body, id string) string {
	_, rest, _ := strings.Cut(body, `id="`+id+`"`)
	rest, _, _ = strings.Cut(rest, "</section>")
	return strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(rest, " ")), " ")
}

// TestWhatIsOwedIsShown to everybody, and to those who can do something about it with how.
func TestWhatIsOwedIsShown(t *testing.T) {
	pages := dutyPages(t, summarytest.Year(), somebody("police", access.EvidenceOfficer))
	own := says(t, pages, "/cases/duties", http.StatusOK, "1 disclosure is overdue. 1 hold is in effect.", "polity case disclose CODE", `href="/api/v1/audits/court"`, `href="/api/v1/audits/ombudsman"`)
	public := says(t, pages, "/record", http.StatusOK)
	if strings.Contains(public, "/api/v1/audits/") || strings.Contains(public, "polity case disclose") {
		t.Error("the page for everybody tells what only some can do")
	}
	for name, body := range map[string]string{"own": own, "public": public} {
		if got := section(body, "overdue-title"); !strings.Contains(got, "10 November 2026 14 days") || strings.Count(got, "Overdue</span>")+strings.Count(got, " Overdue ") < 1 {
			t.Errorf("%s: overdue: %s", name, got)
		}
		if got := section(body, "holds-title"); !strings.Contains(got, "an appeal 1 camera 13 November 2026 1 June 2027") || !strings.Contains(got, "days left") {
			t.Errorf("%s: held: %s", name, got)
		}
	}
	audits := section(own, "weeks-title")
	for _, want := range []string{"2026-W48, until Sunday Not yet Not yet", "Right 100 checked, 0 wrong", "Wrong keys found 100 checked, 1 wrong"} {
		if !strings.Contains(audits, want) {
			t.Errorf("no %q in %s", want, audits)
		}
	}
	says(t, pages, "/cases", http.StatusOK, `href="/cases/duties"`)
}

// TestWhatIsOwedIsFound: a week without an audit, and a hold that is over.
func TestWhatIsOwedIsFound(t *testing.T) {
	w := summarytest.New("owed")
	w.Append(&entry.Roster{Roster: w.City.Roster.File(), Version: 1})
	w.Sign(&entry.Audit{At: "2026-11-17T10:00:00Z", Body: roster.Court, Checked: 60, Device: "court-1", Week: "2026-W47"})
	w.Sign(&entry.Audit{At: "2026-11-18T10:00:00Z", Body: roster.Court, Checked: 40, Device: "court-2", Week: "2026-W47", Wrong: 2})
	hold := func(until string, name string) {
		b := summarytest.Bytes(name)
		w.Sign(&entry.Hold{At: "2026-11-13T10:00:00Z", Body: roster.Ombudsman, CamerasCount: 2, Count: 6, Device: "ombudsman-1", Hold: [32]byte(b[:32]), HoldKey: b, Reason: "complaint", Until: canonical.Day(until)})
	}
	hold("2026-11-23", "over")
	hold("2026-11-24", "today")
	pages := dutyPages(t, w, somebody("audit", access.Auditor))
	body := says(t, pages, "/cases/duties", http.StatusOK, "No disclosure is overdue: all details whose day has come are public.", "1 hold is in effect.", "1 earlier hold is over.", "0 days left")
	if got := section(body, "weeks-title"); !strings.Contains(got, "2026-W47 Wrong keys found 100 checked, 2 wrong No audit") || !strings.Contains(got, "2026-W46 No audit No audit") {
		t.Errorf("audits: %s", got)
	}

	empty := summarytest.New("nothing")
	empty.Append(&entry.Roster{Roster: empty.City.Roster.File(), Version: 1})
	says(t, dutyPages(t, empty, somebody("audit", access.Auditor)), "/cases/duties", http.StatusOK, "Nothing is held beyond its time.")
	if got := get(t, dutyPages(t, empty, somebody("water", access.WaterOperator)), "/cases/duties").Code; got == http.StatusOK {
		t.Errorf("whoever may not see cases gets the page: %d", got)
	}
}
