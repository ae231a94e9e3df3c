package queue_test

import (
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/room/alert"
	"polity/room/queue"
	"polity/room/verdict"
)

// judged closes n alerts with a verdict and lets the queue settle.
func (r *room) judged(from, n int, v alert.Verdict) {
	r.t.Helper()
	var list []*alert.Alert
	for i := from; i < from+n; i++ {
		r.take(report(i))
		list = append(list, r.one(i))
	}
	r.closeAs(v, list...)
	if err := r.Settle(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

func TestAKindThatIsMostlyWrongGoesQuietByItself(t *testing.T) {
	r := newRoom(t)
	place := verdict.Place{Kind: "crowding", Camera: "square"}
	r.take(report(900), report(901))
	r.act(aino, request(alert.Acknowledge, r.one(901)))
	r.judged(0, 19, alert.False)
	if len(r.Quiet()) != 0 || r.one(900).Quiet {
		t.Fatal("quiet after 19")
	}
	r.judged(19, 1, alert.False)
	if _, is := r.Quiet()[place]; !is {
		t.Fatal("not quiet after 20")
	}
	if !r.one(900).Quiet || r.one(901).Quiet {
		t.Error("a new alert becomes quiet with its kind; one that somebody has taken on stays")
	}
	r.restart()
	r.take(report(902))
	if !r.one(902).Quiet {
		t.Error("raised later, it is loud")
	}
	elsewhere := report(903)
	elsewhere.Camera = "harbour"
	r.take(elsewhere)
	if r.one(903).Quiet {
		t.Error("another camera went quiet too")
	}
	if p := r.list(aino, queue.Query{}); p.Counts.Quiet != 2 || p.Total != 2 {
		t.Errorf("%d listed, %d quiet", p.Total, p.Counts.Quiet)
	}
	if p := r.list(aino, queue.Query{Quiet: "only"}); p.Total != 2 {
		t.Errorf("%d apart", p.Total)
	}
	if line, err := r.Timeline(t.Context(), queue.Subject(place)); err != nil || len(line) != 1 || line[0].What != alert.WentQuiet || line[0].By != "" {
		t.Errorf("%+v, %v", line, err)
	}
	from, rows, err := r.Precision(t.Context())
	if err != nil || from != "2025-11-30" || len(rows) != 2 || !rows[1].Quiet || rows[1].N != 20 {
		t.Errorf("%s %+v, %v", from, rows, err)
	}
	// Registered anew, verdicts from before no longer count.
	kinds := alert.Kinds(alert.Shipped())
	for i := range kinds {
		if kinds[i].Name == "crowding" {
			kinds[i].Registered = start.AddDate(0, 0, 1)
		}
	}
	r.cfg.Kinds = kinds
	r.restart()
	if err := r.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(r.Quiet()) != 0 || r.one(902).Quiet {
		t.Error("registered anew, it stays quiet")
	}
}

func TestAVerdictThatIsTakenBack(t *testing.T) {
	r := newRoom(t)
	r.judged(0, 20, alert.False)
	r.act(aino, request(alert.Reopen, r.one(3)))
	if err := r.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(r.Quiet()) != 0 {
		t.Error("19 verdicts, and quiet")
	}
	if _, rows, err := r.Precision(t.Context()); err != nil || rows[0].N != 19 {
		t.Errorf("%+v, %v", rows, err)
	}
}

func TestQuietAlertsLapseAndOldOnesGo(t *testing.T) {
	r := newRoom(t)
	r.judged(0, 20, alert.False)
	over := report(100)
	over.End = start.Add(time.Minute)
	r.take(over, report(101))
	r.pass(26 * time.Hour)
	if err := r.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := r.one(100); a.State != alert.Closed || a.Verdict != "" || a.Last.What != alert.Lapsed {
		t.Errorf("%+v", a)
	}
	if r.one(101).State != alert.New {
		t.Error("it lapsed though it goes on")
	}
	ends := report(5)
	ends.Version, ends.End = 2, start.Add(time.Hour)
	r.take(ends)
	r.pass(100 * 24 * time.Hour)
	if err := r.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n, gone := range map[int]bool{5: true, 100: true, 6: false, 101: false} { // 6 goes on: its source may speak of it again
		_, err := r.Lookup(t.Context(), report(n).Key)
		if (city.KindOf(err) == city.NotFound) != gone {
			t.Errorf("%d: %v", n, err)
		}
	}
	if line, err := r.Timeline(t.Context(), "alert:"+string(report(5).Key)); err != nil || len(line) != 0 {
		t.Errorf("its timeline stays: %+v, %v", line, err)
	}
	if _, rows, err := r.Precision(t.Context()); err != nil || rows[0].N != 20 {
		t.Errorf("counts went with it: %+v, %v", rows, err)
	}
}

// TestWhatIsPublishedNamesNobody looks for people and alerts in the published figures.
func TestWhatIsPublishedNamesNobody(t *testing.T) {
	r := newRoom(t)
	r.judged(0, 20, alert.False)
	_, rows, err := r.Precision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := verdict.CSV(&b, rows); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"p-aino", "test:", "safety-operator"} {
		if strings.Contains(b.String(), word) {
			t.Errorf("%s stands in %s", word, b.String())
		}
	}
}
