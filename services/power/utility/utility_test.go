package utility_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/city"
	"polity/plane/sqlite"
	"polity/room/decision"
	"polity/service"
	"polity/services/power/street"
	"polity/services/power/utility"
)

type allow struct{}

func (allow) Decide(access.Who, access.Action, access.Thing, access.Circumstances) access.Decision {
	return access.Decision{Allowed: true}
}

func deps(t *testing.T) (service.Deps, *decision.Book) {
	t.Helper()
	dir := t.TempDir()
	book, err := decision.Open(t.Context(), decision.Config{Path: filepath.Join(dir, "decisions.db"), Decider: allow{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { book.Close() })
	store, err := sqlite.Open(t.Context(), filepath.Join(dir, "city.db"), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return service.Deps{Data: store, Decisions: book.For("power"), Dir: dir, Log: slog.New(slog.DiscardHandler), Now: time.Now}, book
}

// TestEachHalfHasItsOwnDecisions: lighting leaves the network's decisions alone and the other
// way round; both run as one service.
func TestEachHalfHasItsOwnDecisions(t *testing.T) {
	d, book := deps(t)
	s, err := utility.New([]byte("simulate: storm\nlighting:\n  simulate: streets\n"), d)
	if err != nil {
		t.Fatal(err)
	}
	if v, has := s.Lights(); !has || !v.Simulated || len(s.Evening().Plans) != 96 {
		t.Fatalf("%+v", v)
	}
	now := time.Now()
	propose := func(id string) {
		t.Helper()
		if err := d.Decisions.Propose(t.Context(), service.Proposal{
			Decision: service.Decision{ID: id, Service: "power", Level: service.Bounded, Algorithm: "test", At: now, Reason: "To see who takes it.", Inputs: []service.Input{{Entity: "urn:x:1", At: now}}},
			Do:       "Nothing.", Until: now.Add(time.Hour), Detail: []byte(`{"area": "nowhere", "kind": "restore"}`),
		}); err != nil {
			t.Fatal(err)
		}
	}
	propose(street.Prefix + "nowhere-20200101")
	propose("restore-x-1")
	ctx, end := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	notes := map[string]string{}
	for stop := time.Now().Add(time.Minute); len(notes) < 2 && time.Now().Before(stop); time.Sleep(20 * time.Millisecond) {
		list, _, err := book.Find(t.Context(), decision.Asker{}, decision.Query{Services: []city.Slug{"power"}, Steps: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range list {
			if x.State == decision.Failed {
				notes[x.ID] = x.Steps[len(x.Steps)-1].Note
			}
		}
	}
	end()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !strings.Contains(notes[street.Prefix+"nowhere-20200101"], "night is over") || notes["restore-x-1"] == "" || strings.Contains(notes["restore-x-1"], "night") {
		t.Errorf("%q", notes)
	}
}

// TestConfigurationsOfBothHalves: errors name the line of the whole, whichever half is wrong.
func TestConfigurationsOfBothHalves(t *testing.T) {
	d, _ := deps(t)
	for config, want := range map[string]string{
		"lighting:\n  simulate: streets\nsimulat: storm\n":             "services.power:3: ",
		"simulate: storm\nlighting:\n  simulate: streets\n  lamp: x\n": "services.power:4: ",
		"simulate: storm\nlighting:\n  simulate: storms\n":             "nothing that can be played",
		"{simulate: storm, lighting: {simulate: streets}}\n":           "lines of its own",
		"lighting: {simulate: streets\n":                               "services.power",
	} {
		if _, err := utility.New([]byte(config), d); city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", config, err)
		}
	}
	for _, config := range []string{"", "simulate: storm\n", "lighting: {simulate: streets}\n", "# none\nlighting:\n  simulate: streets\n# behind\nsimulate: storm\n"} {
		s, err := utility.New([]byte(config), d)
		if err != nil {
			t.Errorf("%q: %v", config, err)
			continue
		}
		if _, has := s.Lights(); has != strings.Contains(config, "lighting") || s.View().Simulated != strings.Contains(config, "storm") {
			t.Errorf("%q: %v", config, err)
		}
	}
}
