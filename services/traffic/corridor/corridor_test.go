package corridor_test

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"polity/services/traffic/control"
	"polity/services/traffic/corridor"
	"polity/services/traffic/network"
	"polity/services/traffic/plan"
	"polity/services/traffic/rsmp"
	"polity/services/traffic/street"
)

func world(t *testing.T, c corridor.Config) (*corridor.World, *network.Network) {
	t.Helper()
	n, err := street.Corridor("Harbour Street", "Mill Lane", "Church Lane", "Market Lane")
	if err != nil {
		t.Fatal(err)
	}
	c.Network, c.Seed, c.Before, c.Beyond, c.Log = n, 5, 200, 50, slog.New(slog.DiscardHandler)
	w, err := corridor.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return w, n
}

func nobody(context.Context) (net.Conn, error) { return nil, net.ErrClosed }

// run lets a corridor go on until the returned function is called.
func run(t *testing.T, w *corridor.World, dial func(context.Context) (net.Conn, error)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { w.Run(ctx, dial) })
	return func() {
		cancel()
		work.Wait()
	}
}

// served runs a supervisor for the corridor, over TLS on pipes; connected counts lines.
func served(t *testing.T, w *corridor.World, n *network.Network) (sup *rsmp.Supervisor, dial func(context.Context) (net.Conn, error), timing func(site string) rsmp.Timing) {
	t.Helper()
	var mu sync.Mutex
	heard := map[string]rsmp.Timing{}
	sup = &rsmp.Supervisor{Sites: map[string]int{}, Name: "polity", Code: corridor.Code, Log: slog.New(slog.DiscardHandler)}
	sup.Events.Timing = func(site string, now rsmp.Timing) {
		mu.Lock()
		defer mu.Unlock()
		heard[site] = now
	}
	for _, j := range n.Junctions {
		sup.Sites[j.ID] = len(j.Groups)
	}
	dial = func(ctx context.Context) (net.Conn, error) {
		here, there := net.Pipe()
		go sup.Attend(ctx, tls.Server(there, w.Server()))
		return here, nil
	}
	return sup, dial, func(site string) rsmp.Timing {
		mu.Lock()
		defer mu.Unlock()
		return heard[site]
	}
}

// TestAloneBothStreetsAreOne: while nobody leads, the street and its twin have the same people
// under the same signals, and fare the same.
func TestAloneBothStreetsAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := world(t, corridor.Config{})
		if r, age := w.Seen(); r.Lanes != nil || age != 0 {
			t.Error("detectors see something before the start")
		}
		stop := run(t, w, nobody)
		defer stop()
		time.Sleep(20*time.Minute + 500*time.Millisecond)
		w.Watch(func(now, fixed *street.Street) {
			a, b := now.Figures(), fixed.Figures()
			if a.Trips.Count < 200 || a.Walks.Count == 0 || a.Buses.Count == 0 {
				t.Errorf("hardly anybody came: %+v", a)
			}
			// A second of difference in when signals are seen to change is all there may be.
			if d := a.Trips.Mean - b.Trips.Mean; d > 2 || d < -2 || a.Trips.Count-b.Trips.Count > 5 || b.Trips.Count-a.Trips.Count > 5 {
				t.Errorf("led by nobody %+v, on its plans %+v", a, b)
			}
		})
		for i := range 3 {
			if letters, remote := w.Showing(i); remote || len(letters) != 6 {
				t.Errorf("junction %d shows %q, led: %v", i, letters, remote)
			}
		}
	})
}

// TestDetectorsFailAsTold: one lane's detector shows the same for its time and then sees
// again; in the silence all of them say nothing new.
func TestDetectorsFailAsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n := world(t, corridor.Config{
			Faults:   []corridor.Fault{{Lane: "east-1", After: 5 * time.Minute, For: 3 * time.Minute}, {Lane: "nowhere", After: 0, For: time.Hour}},
			Silences: []corridor.Silence{{After: 12 * time.Minute, For: time.Minute}},
		})
		stop := run(t, w, nobody)
		defer stop()
		time.Sleep(5*time.Minute + 1500*time.Millisecond)
		lane := n.Lane("east-1")
		frozen, _ := w.Seen()
		changes := func(lane int, seconds int) (n int) {
			var last []control.Vehicle
			for range seconds {
				r, _ := w.Seen()
				if !slices.Equal(r.Lanes[lane], last) {
					n++
				}
				last = r.Lanes[lane]
				time.Sleep(time.Second)
			}
			return n
		}
		if k := changes(lane, 170); k > 1 {
			t.Errorf("a frozen detector changed %d times", k)
		}
		if r, _ := w.Seen(); !slices.Equal(r.Lanes[lane], frozen.Lanes[lane]) || slices.Equal(r.Passed, frozen.Passed) {
			t.Error("it shows something new, or nobody passes meanwhile")
		}
		time.Sleep(20 * time.Second)
		if k := changes(lane, 60); k < 10 {
			t.Errorf("after its fault it changed %d times in a minute", k)
		}
		time.Sleep(12*time.Minute + 40*time.Second - 9*time.Minute - 11*time.Second)
		if _, age := w.Seen(); age < 30*time.Second {
			t.Errorf("in the silence the newest reading is %v old", age)
		}
		time.Sleep(time.Minute)
		if _, age := w.Seen(); age > 2*time.Second {
			t.Errorf("after it the newest is %v old", age)
		}
	})
}

// TestControllersSpeakWithTheirAuthorityAlone: they follow a supervisor with the corridor's
// own certificate, and never talk to another.
func TestControllersSpeakWithTheirAuthorityAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n := world(t, corridor.Config{})
		other, _ := world(t, corridor.Config{})
		sup, dial, _ := served(t, w, n)
		strange, toStranger, _ := served(t, other, n)
		var mu sync.Mutex
		next := toStranger
		stop := run(t, w, func(ctx context.Context) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			return next(ctx)
		})
		defer stop()
		time.Sleep(30 * time.Second)
		if err := strange.Wish("corridor-1", 0); err == nil {
			t.Error("a supervisor with another authority's certificate is listened to")
		}
		mu.Lock()
		next = dial
		mu.Unlock()
		time.Sleep(2 * time.Minute)
		for range 30 {
			if err := sup.Wish("corridor-2", network.SetOf(street.North, street.South, street.Main)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if letters, remote := w.Showing(1); !remote || letters != "BB111B" {
			t.Errorf("corridor-2 shows %s, led: %v", letters, remote)
		}
		if _, remote := w.Showing(0); remote {
			t.Error("corridor-1 is led, and nobody does")
		}
	})
}

// TestAChangedPlanIsOfBothStreets: what "fixed plans" stands for follows the controllers.
func TestAChangedPlanIsOfBothStreets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n := world(t, corridor.Config{})
		sup, dial, timing := served(t, w, n)
		stop := run(t, w, dial)
		defer stop()
		time.Sleep(10 * time.Second)
		j := n.Junctions[1]
		c := plan.Present(j, &j.Plans[0], nil)
		c.Bands[0], c.Bands[2] = 7, 99
		p, err := c.Apply(j)
		if err != nil || len(c.Check(j)) > 0 {
			t.Fatalf("%v, %q", err, c.Check(j))
		}
		r := rsmp.Retiming{Plan: 1, Offset: c.Offset, Cycle: int(p.Cycle() / time.Second), Bands: c.Bands}
		if _, err := sup.Retime(j.ID, r); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Minute)
		if now := timing(j.ID); !now.InEffect(&r) || now.Now != 1 {
			t.Errorf("the controller tells %+v", now)
		}
		w.Watch(func(now, fixed *street.Street) {
			lane := n.Lane("east-2")
			a, b := now.Approach(lane), fixed.Approach(lane)
			if a.Mean < 60 || b.Mean < 60 {
				t.Errorf("along the main street the delay is %.0f s, and %.0f s on fixed plans: one of them has not changed", a.Mean, b.Mean)
			}
		})
	})
}
