package hub_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"polity/city"
	"polity/hub"
	"polity/internal/strictyaml"
	"polity/service"
)

// signals is a service that wants one thing done, and falls over at its first start.
type signals struct {
	deps    service.Deps
	starts  atomic.Int32
	applied atomic.Int32
}

func (s *signals) Run(ctx context.Context) error {
	if s.starts.Add(1) == 1 {
		panic("a fault of its own")
	}
	at := s.deps.Now()
	err := s.deps.Decisions.Propose(ctx, service.Proposal{
		Decision: service.Decision{
			ID: "plan-3", Service: "traffic", Level: service.Confirm, Algorithm: "signal-plans", At: at, Reason: "The queue grows.",
			Inputs: []service.Input{{Entity: "urn:ngsi-ld:TrafficFlowObserved:1", At: at}},
		},
		Do: "Switch to plan 3.", Until: at.Add(time.Hour),
	})
	for err == nil {
		changed := s.deps.Decisions.Changed()
		var due []service.Due
		if due, err = s.deps.Decisions.Due(ctx); err != nil {
			break
		}
		for _, d := range due {
			s.applied.Add(1)
			err = errors.Join(err, s.deps.Decisions.Done(ctx, d))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
	return err
}

func (*signals) State() service.State { return service.State{Health: service.Well} }

func TestAServiceActsOnlyOnceAPersonAgreed(t *testing.T) {
	w := newTown(t)
	l := withLedger(t, w)
	var s signals
	w.modules = []service.Module{{Name: "traffic", New: func(config []byte, d service.Deps) (service.Service, error) {
		if strings.TrimSpace(string(config)) != "plans: 4" {
			return nil, city.Errorf(city.Invalid, "config %q", config)
		}
		s.deps = d
		return &s, nil
	}}}
	w.cfg.Services = hub.Services{"traffic": hub.ServiceConfig("plans: 4\n")}
	w.start()
	page := func() string {
		answer, err := http.Get(w.started.Address + "/decisions")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	w.eventually("the service begins again after its panic, and proposes", func() bool { return strings.Contains(page(), "Switch to plan 3.") })
	if !strings.Contains(w.log.String(), "a fault of its own") || s.applied.Load() != 0 {
		t.Fatalf("applied %d times before anyone agreed; log: %s", s.applied.Load(), w.log)
	}
	answer, err := http.PostForm(w.started.Address+"/decisions/traffic/plan-3", url.Values{"revision": {"1"}, "to": {"accepted"}})
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK { // of the page that it leads to
		t.Fatalf("agreeing: %d", answer.StatusCode)
	}
	w.eventually("the service does it", func() bool { return s.applied.Load() == 1 && !strings.Contains(page(), "Agree: the service") })
	w.stop()
	w.start() // the log takes what it has not
	if report := verified(t, w.started.Address, l.Roster, 4); report.Types["decision"] != 3 {
		t.Errorf("%+v", report.Types)
	}
}

func TestAnUnknownServiceIsRefused(t *testing.T) {
	w := newTown(t)
	w.cfg.Services = hub.Services{"trafick": nil}
	err := hub.Run(t.Context(), w.cfg, hub.WithAccess(hub.Deps{Services: []service.Module{{Name: "traffic"}, {Name: "water"}}}, w.access, nil))
	if city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), "hub.services.trafick: there is no such service; there are: traffic, water") {
		t.Fatal(err)
	}
}

func TestAServicesSettingsStayAsTheyStand(t *testing.T) {
	var c struct {
		Services hub.Services `yaml:"services"`
	}
	if err := strictyaml.Decode("x", []byte("services:\n  traffic:\n    plans: 4\n    corridors:\n      - a\n  water:\n"), &c); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Plans     int      `yaml:"plans"`
		Corridors []string `yaml:"corridors"`
	}
	if err := strictyaml.Decode("x", c.Services["traffic"], &got); err != nil || got.Plans != 4 || len(got.Corridors) != 1 {
		t.Errorf("%+v, %v, %q", got, err, c.Services["traffic"])
	}
	if _, ok := c.Services["water"]; !ok {
		t.Error("a service without settings is not there")
	}
}
