package live_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"polity/camera/live"
	"polity/camera/wire"
	"polity/city"
)

var at = time.Date(2026, 11, 22, 14, 2, 0, 0, time.UTC)

// street is cameras whose messages a test sends by hand.
type street struct {
	mu      sync.Mutex
	each    map[city.Slug]func(wire.Message)
	fail    map[city.Slug]chan error
	watches int
}

func newStreet() *street {
	return &street{each: map[city.Slug]func(wire.Message){}, fail: map[city.Slug]chan error{}}
}

func (s *street) watch(ctx context.Context, camera city.Slug, each func(wire.Message)) error {
	s.mu.Lock()
	s.watches++
	s.each[camera] = each
	fail := make(chan error, 1)
	s.fail[camera] = fail
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.each, camera)
		s.mu.Unlock()
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-fail:
		return err
	}
}

func (s *street) send(camera city.Slug, m wire.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if each := s.each[camera]; each != nil {
		each(m)
	}
}

func (s *street) watched() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.each)
}

func check(_ context.Context, camera city.Slug) error {
	if camera == "nowhere" {
		return city.Errorf(city.NotFound, "there is no camera %s", camera)
	}
	return nil
}

// reader is a viewer that can be made slow.
type reader struct {
	*httptest.ResponseRecorder
	mu   sync.Mutex
	slow chan struct{} // a write waits until it is closed
}

func (r *reader) Write(b []byte) (int, error) {
	r.mu.Lock()
	slow := r.slow
	r.mu.Unlock()
	if slow != nil {
		<-slow
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ResponseRecorder.Write(b)
}

func (r *reader) setSlow(c chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.slow = c
}

type event struct {
	name string
	data map[string]any
}

// events parses what the reader got so far, and forgets it.
func (r *reader) events(t *testing.T) []event {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []event
	for chunk := range strings.SplitSeq(r.Body.String(), "\n\n") {
		var e event
		for line := range strings.SplitSeq(chunk, "\n") {
			if name, ok := strings.CutPrefix(line, "event: "); ok {
				e.name = name
			} else if data, ok := strings.CutPrefix(line, "data: "); ok {
				if err := json.Unmarshal([]byte(data), &e.data); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
			}
		}
		if e.name != "" {
			out = append(out, e)
		}
	}
	r.Body.Reset()
	return out
}

func names(events []event) string {
	var out []string
	for _, e := range events {
		out = append(out, e.name)
	}
	return strings.Join(out, " ")
}

// look opens a feed and returns its reader and what ends it.
func look(t *testing.T, l *live.Live, cameras string) (*reader, func()) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	r := &reader{ResponseRecorder: httptest.NewRecorder()}
	serve, err := l.Open(httptest.NewRequestWithContext(ctx, http.MethodGet, "/live?cameras="+cameras, nil))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := serve(r); err != nil {
			t.Errorf("serve: %v", err)
		}
	}()
	return r, func() { leave(); <-done }
}

func marks(n int) *wire.Marks {
	return &wire.Marks{At: at, Marks: []wire.Mark{{Class: wire.Person, Column: uint16(n), Row: 2}}}
}

func tiles(t *testing.T, whole bool, sequence uint32, numbers ...uint16) *wire.Place {
	t.Helper()
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, image.NewGray(image.Rect(0, 0, 16*len(numbers), 16)), nil); err != nil {
		t.Fatal(err)
	}
	p := &wire.Place{At: at, Sequence: sequence, Width: 32, Height: 32, Whole: whole, Tiles: numbers, Atlas: buf.Bytes()}
	for range numbers {
		p.Known = append(p.Known, 0xf)
	}
	return p
}

func TestOneWatchForManyViewersAndNoneAfterThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreet()
		l := live.New(live.Config{Watch: s.watch, Check: check})
		defer l.Close()
		var leave []func()
		for range 20 {
			_, off := look(t, l, "square,harbour")
			leave = append(leave, off)
		}
		synctest.Wait()
		if s.watches != 2 || s.watched() != 2 {
			t.Fatalf("%d watches for 2 cameras", s.watches)
		}
		if got := l.Stats(); got.Viewers != 20 || got.Views != 2 {
			t.Fatalf("%+v", got)
		}
		for _, off := range leave {
			off()
		}
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if s.watched() != 2 {
			t.Fatal("a page that is loaded again finds no watch")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if s.watched() != 0 {
			t.Fatal("watched although nobody looks")
		}
	})
}

func TestNewcomerGetsWholePlaceAndLatestOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreet()
		l := live.New(live.Config{Watch: s.watch, Check: check})
		defer l.Close()
		_, off := look(t, l, "square")
		defer off()
		synctest.Wait()
		s.send("square", tiles(t, true, 1, 0, 1, 2, 3))
		s.send("square", tiles(t, false, 2, 3))
		for i := range 50 {
			s.send("square", marks(i))
		}
		s.send("square", &wire.State{At: at, Condition: wire.Live})
		r, off2 := look(t, l, "harbour,square")
		defer off2()
		synctest.Wait()
		got := r.events(t)
		if names(got) != "hello line state place marks" {
			t.Fatalf("got %s", names(got))
		}
		place, m := got[3].data, got[4].data
		if place["whole"] != true || place["known"] != "ffff" || place["c"] != 1.0 {
			t.Errorf("place %v", place)
		}
		if fmt.Sprint(m["marks"]) != "[1 49 2]" {
			t.Errorf("marks %v", m)
		}
		s.send("square", tiles(t, false, 3, 1))
		time.Sleep(time.Second)
		if got := r.events(t); names(got) != "place" || got[0].data["whole"] != false || fmt.Sprint(got[0].data["tiles"]) != "[1]" {
			t.Errorf("after a change: %v", got)
		}
	})
}

func TestSlowReaderGetsTheLatestAndNoQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreet()
		l := live.New(live.Config{Watch: s.watch, Check: check})
		defer l.Close()
		slow, off := look(t, l, "square")
		defer off()
		fast, off2 := look(t, l, "square")
		defer off2()
		synctest.Wait()
		s.send("square", tiles(t, true, 1, 0, 1, 2, 3))
		synctest.Wait()
		time.Sleep(time.Second)
		slow.events(t)
		fast.events(t)

		block := make(chan struct{})
		slow.setSlow(block)
		for i := range 1000 {
			s.send("square", marks(i))
			s.send("square", tiles(t, false, uint32(i+2), uint16(i%4)))
			time.Sleep(250 * time.Millisecond) // longer than a viewer's 200 ms: each has a turn of its own
		}
		if got := strings.Count(names(fast.events(t)), "marks"); got != 1000 {
			t.Errorf("a slow reader held up a fast one: %d of 1000 updates", got)
		}
		slow.setSlow(nil)
		close(block)
		time.Sleep(time.Second)
		synctest.Wait()
		got := slow.events(t)
		if len(got) > 4 || fmt.Sprint(got[len(got)-1].data["marks"]) != "[1 999 2]" {
			t.Fatalf("after catching up: %d events, %s, last %v", len(got), names(got), got[len(got)-1])
		}
		if place := got[len(got)-2]; place.name != "place" || place.data["whole"] != true {
			t.Errorf("the place after a gap: %v", place)
		}
	})
}

func TestUpdatesAreAtMostFiveASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreet()
		l := live.New(live.Config{Watch: s.watch, Check: check})
		defer l.Close()
		r, off := look(t, l, "square,harbour")
		defer off()
		synctest.Wait()
		for i := range 500 { // 10 s at 50 a second, two cameras
			s.send("square", marks(i))
			s.send("harbour", marks(i))
			time.Sleep(20 * time.Millisecond)
		}
		if got := l.Stats().Updates; got < 45 || got > 52 {
			t.Errorf("%d updates in 10 s", got)
		}
		if n := strings.Count(names(r.events(t)), "marks"); n > 104 {
			t.Errorf("%d marks in 10 s for two cameras", n)
		}
	})
}

func TestLostLineIsSaidAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreet()
		l := live.New(live.Config{Watch: s.watch, Check: check})
		defer l.Close()
		r, off := look(t, l, "square")
		defer off()
		synctest.Wait()
		s.send("square", marks(1))
		time.Sleep(time.Second)
		s.fail["square"] <- errors.New("edge is gone")
		time.Sleep(5 * time.Second)
		s.send("square", marks(2))
		time.Sleep(time.Second)
		var lines []string
		for _, e := range r.events(t) {
			if e.name == "line" {
				lines = append(lines, fmt.Sprint(e.data["up"]))
			}
		}
		if strings.Join(lines, " ") != "true false true" || s.watches < 2 {
			t.Fatalf("lines %v, %d watches", lines, s.watches)
		}
	})
}

func TestQuietFeedBeatsAndCloseEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreet()
		l := live.New(live.Config{Watch: s.watch, Check: check})
		r, off := look(t, l, "square")
		time.Sleep(40 * time.Second)
		r.mu.Lock()
		beats := strings.Count(r.Body.String(), "\n:\n")
		r.mu.Unlock()
		if beats != 2 {
			t.Errorf("%d beats in 40 quiet seconds", beats)
		}
		l.Close()
		synctest.Wait()
		if l.Stats().Viewers != 0 || s.watched() != 0 {
			t.Errorf("after Close: %+v, watched %d", l.Stats(), s.watched())
		}
		off()
	})
}

func TestForeignPictureIsNotPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreet()
		l := live.New(live.Config{Watch: s.watch, Check: check})
		defer l.Close()
		r, off := look(t, l, "square")
		defer off()
		synctest.Wait()
		p := tiles(t, true, 1, 0, 1, 2, 3)
		p.Atlas = wire.Picture{0xff, 0xd8, 'x', 0xff, 0xd9}
		s.send("square", p)
		time.Sleep(time.Second)
		if got := names(r.events(t)); strings.Contains(got, "place") {
			t.Errorf("got %s", got)
		}
	})
}

func TestWrongRequests(t *testing.T) {
	l := live.New(live.Config{Watch: newStreet().watch, Check: check})
	defer l.Close()
	var many []string
	for i := range live.MaxCameras + 1 {
		many = append(many, fmt.Sprintf("c%d", i))
	}
	for query, kind := range map[string]city.Kind{
		"":                                    city.Invalid,
		"?cameras=":                           city.Invalid,
		"?cameras=UP":                         city.Invalid,
		"?cameras=../x":                       city.Invalid,
		"?cameras=square,nowhere":             city.NotFound,
		"?cameras=" + strings.Join(many, ","): city.Invalid,
	} {
		if _, err := l.Open(httptest.NewRequest(http.MethodGet, "/live"+query, nil)); city.KindOf(err) != kind || err == nil {
			t.Errorf("%q: %v", query, err)
		}
	}
}
