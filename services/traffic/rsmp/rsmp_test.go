package rsmp

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"polity/services/traffic/network"
)

func cross(t testing.TB) *network.Network {
	t.Helper()
	f, err := os.Open("../network/testdata/cross.net.xml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n, err := network.ReadSUMO(f, "cross.net.xml")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// tap is one end of a pipe that keeps every message that is written to it.
type tap struct {
	net.Conn
	kept *tape
}

type tape struct {
	mu   sync.Mutex
	text []byte
}

func (c tap) Write(b []byte) (int, error) {
	c.kept.mu.Lock()
	c.kept.text = append(c.kept.text, b...)
	c.kept.mu.Unlock()
	return c.Conn.Write(b)
}

func (k *tape) messages() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return strings.Split(strings.TrimSuffix(string(k.text), "\f"), "\f")
}

// bench is a supervisor and a site on a pipe, in a bubble of synctest.
type bench struct {
	t     testing.TB
	sup   *Supervisor
	site  *Site
	tape  *tape
	ctx   context.Context
	stop  func()
	cut   func() // ends the present connection
	down  bool   // the supervisor does not answer
	mu    sync.Mutex
	says  []string // letters, in order
	old   int
	alarm []Alarm
	up    []bool
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, tape: &tape{}}
	n := cross(t)
	log := slog.New(slog.DiscardHandler)
	site, err := NewSite("crossroads", "secret", n, log)
	if err != nil {
		t.Fatal(err)
	}
	b.site = site
	b.sup = &Supervisor{Sites: map[string]int{"crossroads": len(n.Junctions[0].Groups)}, Name: "polity", Code: "secret", Log: log, Events: Events{
		Connected: func(_ string, up bool, _ string) { b.note(func() { b.up = append(b.up, up) }) },
		Groups: func(_, letters string, _ time.Time, old bool) {
			b.note(func() {
				b.says = append(b.says, letters)
				if old {
					b.old++
				}
			})
		},
		Alarm: func(_ string, a Alarm) { b.note(func() { b.alarm = append(b.alarm, a) }) },
	}}
	b.ctx, b.stop = context.WithCancel(t.Context())
	return b
}

func (b *bench) note(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

func (b *bench) dial(context.Context) (net.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down {
		return nil, net.ErrClosed
	}
	here, there := net.Pipe()
	b.cut = func() { there.Close() }
	go b.sup.Attend(b.ctx, tap{there, b.tape})
	return tap{here, b.tape}, nil
}

// run starts the site; the returned function ends everything.
func (b *bench) run() func() {
	done := make(chan struct{})
	go func() {
		b.site.Run(b.ctx, b.dial)
		close(done)
	}()
	return func() {
		b.stop()
		<-done
		synctest.Wait()
	}
}

func TestAWishIsFollowedAndReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.run()()
		time.Sleep(10 * time.Second)
		j := b.site.n.Junctions[0]
		want := j.Stages[0].Groups
		for _, st := range j.Stages {
			letters, _ := b.site.Showing()
			if letters[first1(st.Groups)] != '1' { // one that is red now
				want = st.Groups
				break
			}
		}
		for range 90 {
			if err := b.sup.Wish("crossroads", want); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		letters, remote := b.site.Showing()
		if !remote {
			t.Fatal("the wish is not followed")
		}
		for g := range want.All() {
			if letters[g] != '1' {
				t.Errorf("group %d shows %c, it was wished green", g, letters[g])
			}
		}
		b.note(func() {
			if len(b.says) == 0 || b.says[len(b.says)-1] != letters {
				t.Errorf("the supervisor knows %v, shown is %s", b.says, letters)
			}
		})
	})
}

func first1(s network.Set) int {
	for g := range s.All() {
		return g
	}
	return 0
}

// TestKillingTheServiceLeavesTheJunctionOnItsPlan: the supervisor vanishes while it
// steers; ten seconds later the site shows what it would have shown without it.
func TestKillingTheServiceLeavesTheJunctionOnItsPlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		stop := b.run()
		time.Sleep(5 * time.Second)
		for range 60 {
			if err := b.sup.Wish("crossroads", b.site.n.Junctions[0].Stages[0].Groups); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		b.note(func() { b.down = true; b.cut() })
		time.Sleep(wishHolds + 2*time.Second)
		if _, remote := b.site.Showing(); remote {
			t.Fatal("a wish holds without its supervisor")
		}
		seen := map[string]bool{}
		for range int(2 * b.site.n.Junctions[0].Plans[0].Cycle() / time.Second) {
			time.Sleep(time.Second)
			letters, _ := b.site.Showing()
			seen[letters] = true
		}
		greens := 0
		for letters := range seen {
			if strings.ContainsRune(letters, '1') {
				greens++
			}
		}
		if greens < 4 {
			t.Errorf("alone the junction showed %d different greens, its plan has more", greens)
		}
		stop()
	})
}

func TestAlarmsWaitForTheSupervisor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.down = true
		defer b.run()()
		time.Sleep(3 * time.Second)
		at := time.Now().Truncate(time.Millisecond)
		b.site.Raise(Alarm{Component: "crossroads", Code: "A0201", Active: true, At: at})
		b.site.Raise(Alarm{Component: "crossroads", Code: "A0201", Active: false, At: at.Add(time.Second)})
		time.Sleep(20 * time.Second)
		b.note(func() { b.down = false })
		time.Sleep(2 * time.Minute)
		b.note(func() {
			if len(b.alarm) != 2 || !b.alarm[0].Active || b.alarm[1].Active || !b.alarm[0].At.Equal(at) {
				t.Errorf("alarms %+v", b.alarm)
			}
		})
	})
}

func TestStatesOfABreakComeMarkedOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.run()()
		time.Sleep(10 * time.Second)
		b.note(func() { b.down = true; b.cut() })
		time.Sleep(2 * time.Minute)
		b.note(func() { b.down = false })
		time.Sleep(2 * time.Minute)
		b.note(func() {
			if b.old == 0 {
				t.Error("nothing of the break arrived")
			}
			if want := []bool{true, false, true}; len(b.up) != 3 || b.up[1] != want[1] {
				t.Errorf("connected: %v, want %v", b.up, want)
			}
		})
	})
}

// TestANewerConnectionCounts: the end of an older one, which a site left behind, is not told as
// the end of the line.
func TestANewerConnectionCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.run()()
		time.Sleep(10 * time.Second)
		here, there := net.Pipe()
		go b.sup.Attend(b.ctx, there)
		go func() {
			buf := make([]byte, 4096)
			for {
				if _, err := here.Read(buf); err != nil {
					return
				}
			}
		}()
		for _, l := range []string{hello, watchdog} {
			if _, err := here.Write([]byte(l + "\f")); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		b.note(func() {
			if n := len(b.up); n == 0 || !b.up[n-1] {
				t.Errorf("with the newer connection up the line is told as %v", b.up)
			}
		})
		here.Close()
	})
}

func TestWishToNobody(t *testing.T) {
	b := newBench(t)
	defer b.stop()
	if err := b.sup.Wish("crossroads", 0); err == nil || !strings.Contains(err.Error(), "own plan") {
		t.Errorf("a wish to a site that is not connected: %v", err)
	}
}

// talk plays one end by hand against a supervisor and returns its answers.
func talk(t *testing.T, sup *Supervisor, lines ...string) []Message {
	t.Helper()
	here, there := net.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		sup.Attend(ctx, there)
		close(done)
	}()
	var got []Message
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		var rest []byte
		buf := make([]byte, 4096)
		for {
			n, err := here.Read(buf)
			rest = append(rest, buf[:n]...)
			for {
				i := bytes.IndexByte(rest, '\f')
				if i < 0 {
					break
				}
				var m Message
				if json.Unmarshal(rest[:i], &m) == nil {
					got = append(got, m)
				}
				rest = rest[i+1:]
			}
			if err != nil {
				return
			}
		}
	}()
	for _, l := range lines {
		if _, err := here.Write([]byte(l + "\f")); err != nil {
			break
		}
		synctest.Wait()
	}
	time.Sleep(2 * time.Second)
	stop()
	here.Close()
	<-done
	<-heard
	return got
}

const (
	hello    = `{"mType":"rSMsg","type":"Version","mId":"a1a1a1a1-b2b2-4c3c-8d4d-e5e5e5e5e5e5","RSMP":[{"vers":"3.1.5"},{"vers":"3.2.1"}],"SXL":"1.1.0","siteId":[{"sId":"crossroads"}]}`
	watchdog = `{"mType":"rSMsg","type":"Watchdog","mId":"a1a1a1a1-b2b2-4c3c-8d4d-e5e5e5e5e5e6","wTs":"2026-01-01T00:00:00.000Z"}`
)

// TestBadTalkIsNamed: messages out of order, of another version, from a stranger or
// malformed are refused with the reason.
func TestBadTalkIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		lines  []string
		reason string
	}{
		"order":     {[]string{watchdog}, "before the versions are exchanged"},
		"order too": {[]string{hello, strings.Replace(watchdog, `"type":"Watchdog"`, `"type":"AggregatedStatusRequest","cId":"x"`, 1)}, "before the first watchdog"},
		"version":   {[]string{strings.NewReplacer("3.1.5", "2.0", "3.2.1", "4.0").Replace(hello)}, "none of the RSMP versions"},
		"stranger":  {[]string{strings.Replace(hello, "crossroads", "elsewhere", 1)}, "is not known here"},
		"no time":   {[]string{hello, strings.Replace(watchdog, "2026-01-01T00", "yesterday", 1)}, "wTs is missing or malformed"},
		"kind":      {[]string{hello, watchdog, strings.Replace(watchdog, `"Watchdog"`, `"Gossip"`, 1)}, "no type of message"},
		"role":      {[]string{hello, watchdog, `{"mType":"rSMsg","type":"CommandRequest","mId":"a1a1a1a1-b2b2-4c3c-8d4d-e5e5e5e5e5e7","cId":"x","arg":[{"cCI":"M0012","n":"status","cO":"setStart","v":"1,1,0"}]}`}, "does not send"},
		"groups":    {[]string{hello, watchdog, `{"mType":"rSMsg","type":"StatusUpdate","mId":"a1a1a1a1-b2b2-4c3c-8d4d-e5e5e5e5e5e7","cId":"x","sTs":"2026-01-01T00:00:00.000Z","sS":[{"sCI":"S0001","n":"signalgroupstatus","s":"11","q":"recent"}]}`}, "has 2 signal groups"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				defer b.stop()
				for _, m := range talk(t, b.sup, c.lines...) {
					if m.Kind == KindNotAck && strings.Contains(m.Reason, c.reason) {
						return
					}
				}
				t.Errorf("no refusal that says %q", c.reason)
			})
		})
	}
}

func TestTheNewestCommonVersionIsChosen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.stop()
		for _, m := range talk(t, b.sup, hello) {
			if m.Kind == KindVersion {
				if len(m.Versions) != 1 || m.Versions[0].Version != "3.2.1" {
					t.Errorf("chosen: %v", m.Versions)
				}
				return
			}
		}
		t.Error("no answer to the version")
	})
}

// TestASilentSiteIsGivenUp: without acknowledgements a connection does not last.
func TestASilentSiteIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.stop()
		here, there := net.Pipe()
		done := make(chan struct{})
		go func() {
			b.sup.Attend(b.ctx, there)
			close(done)
		}()
		go func() { // takes everything, says nothing more
			buf := make([]byte, 4096)
			for {
				if _, err := here.Read(buf); err != nil {
					return
				}
			}
		}()
		for _, l := range []string{hello, watchdog} {
			if _, err := here.Write([]byte(l + "\f")); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		<-done
		if took := time.Since(start); took < ackWithin || took > 2*ackWithin {
			t.Errorf("given up after %v, the limit is %v", took, ackWithin)
		}
		here.Close()
	})
}

func TestSeriesSaysWhatItMeans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		groups := rapid.IntRange(1, network.MaxGroups).Draw(t, "groups")
		all := ^network.Set(0) >> (network.MaxGroups - groups)
		want := network.Set(rapid.Uint64().Draw(t, "want")) & all
		before := network.Set(rapid.Uint64().Draw(t, "before")) & all
		got, err := parseSeries(series(groups, want), groups, before)
		if err != nil || got != want {
			t.Fatalf("%b became %b, %v", want, got, err)
		}
	})
	for text, problem := range map[string]string{
		"": "not three", "1,2": "not three", "1,x,0": "not a number", "1,1,1": "starts and stops", "9,1,0": "no signal group 9", "0,1,0": "no signal group 0", "1,70000,0": "not a number",
	} {
		if _, err := parseSeries(text, 8, 0); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%q: %v, want %q", text, err, problem)
		}
	}
	// The specification's own example.
	got, err := parseSeries("5,4134,65", 32, network.SetOf(4, 10))
	if err != nil || got != network.SetOf(5, 6, 9, 16) {
		t.Errorf("5,4134,65 gives %b, %v", got, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(hello))
	f.Add([]byte(watchdog))
	f.Add([]byte(`{"mType":"rSMsg","type":"MessageAck","oMId":"x"}`))
	f.Add([]byte(`{"mType":"rSMsg","type":"Alarm","mId":"a1a1a1a1-b2b2-4c3c-8d4d-e5e5e5e5e5e5","rvs":[1]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Decode(text)
		if err != nil {
			return
		}
		again, err := m.encode()
		if err != nil {
			t.Fatalf("%q was read but cannot be written: %v", text, err)
		}
		if _, err := Decode(bytes.TrimSuffix(again, []byte("\f"))); err != nil {
			t.Fatalf("%q was read, written as %q, and then not read: %v", text, again, err)
		}
	})
}
