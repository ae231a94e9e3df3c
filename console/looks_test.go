package console_test

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"polity/access/look"
	"polity/console"
	"polity/console/consoletest"
)

// looksPages are the pages of looks over a book of four weeks, and the book's folder.
func looksPages(t *testing.T, who *consoletest.Access) (*console.Console, string) {
	t.Helper()
	now := func() time.Time { return afternoon }
	world, err := consoletest.New(consoletest.Config{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	book, err := consoletest.NewBook(dir, now, world.About().Zone)
	if err != nil {
		t.Fatal(err)
	}
	pages, err := console.New(console.Config{City: world, Access: who, Book: book, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		pages.Close()
		if err := book.Close(); err != nil {
			t.Error(err)
		}
	})
	return pages, dir
}

// TestLooksForEveryone: in words, by month, day and camera, and on the camera's page.
func TestLooksForEveryone(t *testing.T) {
	pages, _ := looksPages(t, nobody)
	says(t, pages, "/looks", http.StatusOK, "Yesterday, Monday 23 November: 7 looks, by 2 bodies, for 2 purposes.", "published at", "20:00", "November 2026: 97 looks",
		`href="/looks?month=2026-10"`, "traffic-office", "Last looked through: Yesterday, Monday 23 November.", `href="/looks.csv?month=2026-11"`)
	says(t, pages, "/looks?day=2026-11-20&camera=square", http.StatusOK, "Friday 20 November", `href="/looks?month=2026-11&amp;camera=square"`)
	says(t, pages, "/looks?month=2026-09", http.StatusOK, "No day of this month has been published.", "Nobody looked.")
	says(t, pages, "/looks?camera=none", http.StatusOK, "The city has no such camera.", "November 2026: nobody looked.")
	says(t, pages, "/cameras/square", http.StatusOK, `<a href="/looks?month=2026-11&amp;camera=square">97 times in November</a>: An incident that is going on`)
	says(t, pages, "/looks/check", http.StatusOK, "polity looks verify chain.jsonl", "The newest: Yesterday, Monday 23 November, 7 looks.")
	for _, path := range []string{"/looks?day=yesterday", "/looks?month=11", "/looks?camera=../x", "/looks.csv?month=%27"} {
		if w := get(t, pages, path); w.Code != http.StatusBadRequest {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
}

// TestPublicLooksNameNobody: no answer to everyone holds an ID or a session of whoever
// looked, nor a time closer than a day; details are refused.
func TestPublicLooksNameNobody(t *testing.T) {
	pages, dir := looksPages(t, nobody)
	addresses := []string{"/looks", "/looks?month=2026-10", "/looks?day=2026-11-20", "/looks?camera=square", "/looks.csv", "/looks/check", "/looks/chain.jsonl", "/cameras/square"}
	for _, path := range addresses {
		w := get(t, pages, path)
		if w.Code != http.StatusOK {
			t.Fatalf("%s: status %d", path, w.Code)
		}
		for _, private := range []string{"person-1", "person-2", "session-of"} {
			if strings.Contains(w.Body.String(), private) {
				t.Errorf("%s holds %s", path, private)
			}
		}
	}
	for _, path := range []string{"/looks/details", "/looks/details.csv", "/looks/details?from=2026-11-01&to=2026-11-24"} {
		if w := get(t, pages, path); w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), "person-1") {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
	name := filepath.Join(t.TempDir(), "chain.jsonl")
	chain := get(t, pages, "/looks/chain.jsonl").Body.Bytes()
	if err := os.WriteFile(name, chain, 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := look.Verify(name, nil); err != nil || r.Days != 28 {
		t.Errorf("what everyone can take: %+v, %v", r, err)
	}
	if kept, err := os.ReadFile(filepath.Join(dir, "chain.jsonl")); err != nil || !bytes.Equal(kept, chain) {
		t.Errorf("the chain is not the book's: %v", err)
	}
}

// TestPublicCountsEqualTheAuditorsDetails holds the two tables against one another, as
// anybody with both could.
func TestPublicCountsEqualTheAuditorsDetails(t *testing.T) {
	pages, _ := looksPages(t, everything)
	table := func(path string) [][]string {
		rows, err := csv.NewReader(get(t, pages, path).Body).ReadAll()
		if err != nil || len(rows) < 2 {
			t.Fatalf("%s: %d rows, %v", path, len(rows), err)
		}
		return rows[1:]
	}
	told, audited := map[string][2]int{}, map[string][2]int{}
	for _, row := range table("/looks.csv") {
		looks, _ := strconv.Atoi(row[6])
		minutes, err := strconv.Atoi(row[7])
		if err != nil {
			t.Fatal(err)
		}
		told[strings.Join(row[:6], " ")] = [2]int{looks, minutes}
	}
	for _, row := range table("/looks/details.csv?from=2026-10-01&to=2026-11-23") {
		begun, err := time.Parse(time.RFC3339, row[0])
		if err != nil {
			t.Fatal(err)
		}
		key := strings.Join([]string{begun.Format(time.DateOnly), row[12], row[13], row[11], row[8], row[10]}, " ") // all of them in the afternoon
		minutes, err := strconv.Atoi(row[3])
		if err != nil {
			t.Fatal(err)
		}
		audited[key] = [2]int{audited[key][0] + 1, audited[key][1] + minutes}
	}
	if len(told) < 28 || len(told) != len(audited) {
		t.Fatalf("%d counts are public, %d are audited", len(told), len(audited))
	}
	for key, n := range told {
		if audited[key] != n {
			t.Errorf("%s: %v are public, %v are audited", key, n, audited[key])
		}
	}
}

// TestDetailsForTheAuditor: filters, flags, and who read before.
func TestDetailsForTheAuditor(t *testing.T) {
	pages, _ := looksPages(t, everything)
	says(t, pages, "/looks/details?from=2026-11-20&to=2026-11-20", http.StatusOK, "4 looks by 2 people, on 2026-11-20.", "Looked much", "stands in the book", "3 minutes")
	one := says(t, pages, "/looks/details?from=2026-11-20&to=2026-11-20&purpose=traffic&body=traffic-office&name=square&who=person-2", http.StatusOK, "1 look by 1 person")
	if strings.Contains(one, "person-1") {
		t.Error("filters let somebody else through")
	}
	says(t, pages, "/looks/details", http.StatusOK, "Nobody looked then", "purpose=traffic&amp;to=2026-11-20&amp;who=person-2", "p1")
	for path, want := range map[string]int{
		"/looks/details?from=tomorrow":                 http.StatusBadRequest,
		"/looks/details?from=2026-11-20&to=2026-11-19": http.StatusBadRequest,
		"/looks/details?from=2020-01-01&to=2026-11-19": http.StatusRequestEntityTooLarge,
		"/looks/details?body=%0a":                      http.StatusBadRequest,
		"/looks/details.csv?from=2020-01-01":           http.StatusRequestEntityTooLarge,
		"/looks/details?as=public&from=2026-11-20":     http.StatusForbidden,
		"/looks/details.csv?as=public&from=2026-11-20": http.StatusForbidden,
	} {
		if w := get(t, pages, path); w.Code != want {
			t.Errorf("%s: status %d, want %d", path, w.Code, want)
		}
	}
}

// TestWithoutABook there are no such pages.
func TestWithoutABook(t *testing.T) {
	pages, _ := newPages(t, everything)
	for _, path := range []string{"/looks", "/looks.csv", "/looks/check", "/looks/chain.jsonl", "/looks/details", "/looks/details.csv"} {
		if w := get(t, pages, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
	if strings.Contains(get(t, pages, "/").Body.String(), `href="/looks"`) {
		t.Error("the pages lead to a book that is not there")
	}
}
