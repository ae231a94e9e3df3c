package rsmp

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// onItsOwn starts a site that never reaches anybody.
func onItsOwn(t *testing.T, b *bench) (site *Site, stop func()) {
	t.Helper()
	site, err := NewSite("alone", "secret", cross(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		site.Run(b.ctx, func(context.Context) (net.Conn, error) { return nil, net.ErrClosed })
		close(done)
	}()
	return site, func() { <-done }
}

// steer wishes for one stage alone, a minute long, which no plan does.
func steer(t *testing.T, b *bench) {
	t.Helper()
	want := b.site.n.Junctions[0].Stages[0].Groups
	for range 60 {
		if err := b.sup.Wish("crossroads", want); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
	}
}

// TestWithoutTheServiceTheJunctionIsAsIfThereNeverWasOne: the service steers and is
// killed, or hangs with its connection open. Soon after, the junction shows second by
// second what its twin shows that never had a service.
func TestWithoutTheServiceTheJunctionIsAsIfThereNeverWasOne(t *testing.T) {
	for name, end := range map[string]func(b *bench){
		"killed": func(b *bench) { b.note(func() { b.down = true; b.cut() }) },
		"hangs":  func(*bench) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				stop := b.run()
				twin, stopTwin := onItsOwn(t, b)
				time.Sleep(5*time.Second + 500*time.Millisecond)
				steer(t, b)
				if own, remote := twin.Showing(); remote || own == shows(b.site) {
					t.Fatalf("the service changed nothing: both show %s", own)
				}
				end(b)
				time.Sleep(wishHolds + 2*time.Second)
				if _, remote := b.site.Showing(); remote {
					t.Fatal("a wish holds without anybody behind it")
				}
				cycle := b.site.n.Junctions[0].Plans[0].Cycle()
				time.Sleep(2 * cycle) // the plan comes round, and differences with it
				for s := range int(cycle / time.Second) {
					own, _ := twin.Showing()
					if got := shows(b.site); got != own {
						t.Fatalf("%d s into the cycle it shows %s, on its plan alone it would show %s", s, got, own)
					}
					time.Sleep(time.Second)
				}
				stop()
				stopTwin()
			})
		})
	}
}

func shows(s *Site) string {
	letters, _ := s.Showing()
	return letters
}
