package handover_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/city"
	"polity/room/alert"
	"polity/room/handover"
	"polity/room/queue"
)

// rules lets operators see and handle safety, and auditors see it.
type rules struct{}

func (rules) Decide(who access.Who, do access.Action, on access.Thing, _ access.Circumstances) access.Decision {
	ok := on.ID == string(access.Safety) && (who.Has(access.SafetyOperator) || who.Has(access.Auditor) && do == access.SeeAlerts)
	return access.Decision{Allowed: ok, Why: "only operators of " + on.ID + " may"}
}

var (
	aino  = access.Who{Kind: access.Person, ID: "p-aino", Roles: []access.Role{access.SafetyOperator}}
	bo    = access.Who{Kind: access.Person, ID: "p-bo", Roles: []access.Role{access.SafetyOperator}}
	audit = access.Who{Kind: access.Person, ID: "p-audit", Roles: []access.Role{access.Auditor}}
	it    = access.Who{Kind: access.Person, ID: "p-it", Roles: []access.Role{access.IT}}
)

func TestAShiftTellsTheNext(t *testing.T) {
	folder, at := t.TempDir(), time.Date(2026, 11, 30, 22, 0, 0, 0, time.UTC)
	cfg := queue.Config{Decider: rules{}, Now: func() time.Time { return at }, Name: func(id string) string { return strings.ToUpper(id) }}
	q, err := queue.Open(t.Context(), folder, cfg)
	if err != nil {
		t.Fatal(err)
	}
	var reports []queue.Report
	for n := range 3 {
		reports = append(reports, queue.Report{Situation: alert.Situation{
			Key: alert.NewKey("test", fmt.Sprint(n)), Kind: "flood", Desk: access.Safety, Priority: 3 - n, Title: alert.TitleOf("flood"), Start: at,
		}})
	}
	if err := q.Take(t.Context(), "test", reports, ""); err != nil {
		t.Fatal(err)
	}
	snooze := queue.Request{ID: "snooze-until-morning", Operation: alert.Operation{Do: alert.Snooze, Until: at.Add(8 * time.Hour)}, Items: []queue.Item{{Key: "test:0", Revision: 1}}}
	if _, err := q.Act(t.Context(), aino, snooze); err != nil {
		t.Fatal(err)
	}
	book := handover.New(q)
	write := handover.Request{ID: "write-2026-11-30", Do: "write", Desk: access.Safety, To: "p-bo", Text: "The pump at the harbour is watched."}
	h, err := book.Act(t.Context(), aino, write)
	if err != nil || h.Total != 3 || h.Open[0].Key != "test:2" || h.Open[2].State != alert.Snoozed || !h.Open[2].Until.Equal(at.Add(8*time.Hour)) {
		t.Fatalf("%+v, %v", h, err)
	}
	if again, err := book.Act(t.Context(), aino, write); err != nil || again.ID != h.ID {
		t.Errorf("sent again: %+v, %v", again, err)
	}
	read := func(w access.Who, word string) error {
		_, err := book.Act(t.Context(), w, handover.Request{ID: word, Do: "read", Of: h.ID})
		return err
	}
	if err := read(bo, "read-by-bo-1"); err != nil {
		t.Fatal(err)
	}
	if err := read(bo, "read-by-bo-2"); err != nil {
		t.Fatal(err)
	}
	if err := read(audit, "read-by-audit"); city.KindOf(err) != city.Forbidden {
		t.Errorf("an auditor takes over: %v", err)
	}
	if err := read(it, "read-by-it-1"); city.KindOf(err) != city.NotFound {
		t.Errorf("another desk: %v", err)
	}
	if err := q.Close(); err != nil { // it is kept
		t.Fatal(err)
	}
	if q, err = queue.Open(t.Context(), folder, cfg); err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	book = handover.New(q)
	p, err := book.List(t.Context(), audit, "")
	if err != nil || len(p.Handovers) != 1 || len(p.Handovers[0].Read) != 1 || p.Handovers[0].Read[0].By != "p-bo" || p.People["p-aino"] != "P-AINO" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := book.List(t.Context(), it, access.Safety); city.KindOf(err) != city.Forbidden {
		t.Errorf("%v", err)
	}
	if p, err := book.List(t.Context(), it, ""); err != nil || len(p.Handovers) != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	at = at.Add(handover.Keep + time.Hour)
	next := write
	next.ID = "write-years-later"
	if _, err := book.Act(t.Context(), aino, next); err != nil {
		t.Fatal(err)
	}
	if p, err := book.List(t.Context(), aino, ""); err != nil || len(p.Handovers) != 1 || p.Handovers[0].ID == h.ID {
		t.Errorf("the old one stays: %+v, %v", p, err)
	}
}

func TestWhatIsNoHandover(t *testing.T) {
	q, err := queue.Open(t.Context(), t.TempDir(), queue.Config{Decider: rules{}})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	for name, c := range map[string]struct {
		who  access.Who
		r    handover.Request
		kind city.Kind
	}{
		"nobody":     {access.Who{}, handover.Request{Do: "write", Desk: access.Safety}, city.Forbidden},
		"only reads": {audit, handover.Request{Do: "write", Desk: access.Safety}, city.Forbidden},
		"no desk":    {aino, handover.Request{Do: "write"}, city.Invalid},
		"not theirs": {aino, handover.Request{Do: "write", Desk: access.Water}, city.Forbidden},
		"with id":    {aino, handover.Request{Do: "write", Desk: access.Safety, Of: "h-1"}, city.Invalid},
		"too long":   {aino, handover.Request{Do: "write", Desk: access.Safety, Text: strings.Repeat("x", 2001)}, city.TooLarge},
		"whom":       {aino, handover.Request{Do: "write", Desk: access.Safety, To: "a b"}, city.Invalid},
		"which":      {aino, handover.Request{Do: "read"}, city.Invalid},
		"unknown":    {aino, handover.Request{Do: "read", Of: "h-none"}, city.NotFound},
		"nothing":    {aino, handover.Request{}, city.Invalid},
	} {
		c.r.ID = "request-" + strings.ReplaceAll(name, " ", "-")
		if _, err := handover.New(q).Act(t.Context(), c.who, c.r); city.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}
