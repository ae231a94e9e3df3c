package detect

import (
	"bytes"
	"image"
	"testing"
	"time"

	"polity/camera/frame"
)

// street is a picture to be looked at, in which squares move.
type street struct {
	f     *frame.Frame
	empty []byte
	now   time.Time
}

func newStreet() *street {
	s := &street{f: frame.New(768, 576), now: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)}
	s.f.Stream = 1
	s.empty = bytes.Repeat([]byte{90}, len(s.f.Y))
	return s
}

// after returns the picture d later, with the given rectangles brighter.
func (s *street) after(d time.Duration, bright ...image.Rectangle) *frame.Frame {
	s.now = s.now.Add(d)
	s.f.Taken = s.now
	copy(s.f.Y, s.empty)
	for _, r := range bright {
		for y := r.Min.Y; y < r.Max.Y; y++ {
			row := s.f.Y[y*s.f.Width+r.Min.X:][:r.Dx()]
			for i := range row {
				row[i] = 160
			}
		}
	}
	return s.f
}

func attend(t *testing.T) (*Attention, *fake) {
	n := &fake{}
	l := &line{server: NewServer(n, [32]byte{}, 1)}
	c := NewClient(l.dial, DefaultTuning)
	t.Cleanup(func() { c.Close() })
	return NewAttention(c, DefaultAttending, false), n
}

const tick = 200 * time.Millisecond

func look(t *testing.T, a *Attention, f *frame.Frame, expected ...Box) Sight {
	t.Helper()
	s, err := a.Look(t.Context(), f, expected)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAttentionFollowsWhatChanges(t *testing.T) {
	a, n := attend(t)
	s := newStreet()
	whole := image.Rect(0, 0, 768, 576)
	if got := look(t, a, s.after(0)); len(got.Looked) != 1 || got.Looked[0] != whole {
		t.Fatalf("first it looks at %v", got.Looked)
	}
	for range 10 {
		if got := look(t, a, s.after(tick)); len(got.Looked) != 0 {
			t.Fatalf("nothing stirs, and it looks at %v", got.Looked)
		}
	}
	if n.runs.Load() != 1 {
		t.Fatalf("%d runs for one picture", n.runs.Load())
	}
	walker := image.Rect(300, 200, 340, 290)
	var at Sight
	for len(at.Looked) == 0 {
		at = look(t, a, s.after(tick, walker))
	}
	if len(at.Looked) != 1 || !walker.In(at.Looked[0]) || at.Looked[0].Dx()*at.Looked[0].Dy() > whole.Dx()*whole.Dy()/10 {
		t.Errorf("it looks at %v for something at %v", at.Looked, walker)
	}
	if !at.Covers(Box{X0: 300, Y0: 200, X1: 340, Y1: 290}) || at.Covers(Box{X0: 600, Y0: 200, X1: 640, Y1: 290}) {
		t.Error("Covers does not know where it looked")
	}
	if got := look(t, a, s.after(2*tick, walker)); len(got.Looked) != 0 {
		t.Errorf("it has seen that, and looks at %v", got.Looked)
	}
	if got := look(t, a, s.after(2*tick, walker), Box{X0: 500, Y0: 400, X1: 540, Y1: 490}); len(got.Looked) != 1 || !image.Rect(500, 400, 540, 490).In(got.Looked[0]) {
		t.Errorf("expecting something at 500, 400 it looks at %v", got.Looked)
	}
}

func TestAttentionLooksAtEverythingNowAndThen(t *testing.T) {
	a, _ := attend(t)
	s := newStreet()
	wholes, idle := 0, 0
	for i := range 300 { // a minute: something moves in the first half
		walker := image.Rect(2*i, 200, 2*i+40, 290)
		if i >= 150 {
			walker = image.Rect(400, 200, 440, 290)
		}
		for _, r := range look(t, a, s.after(tick, walker)).Looked {
			if r.Dx() == 768 {
				wholes++
				if i >= 160 {
					idle++
				}
			}
		}
	}
	if wholes < 10 || wholes > 16 || idle < 2 || idle > 4 {
		t.Errorf("%d looks at everything, %d of them while nothing stirs", wholes, idle)
	}
}

func TestAttentionBearsLightAndNoise(t *testing.T) {
	a, _ := attend(t)
	s := newStreet()
	look(t, a, s.after(0))
	f := s.after(2 * tick)
	for i := range f.Y {
		f.Y[i] += 40 // a cloud goes by
	}
	if got := look(t, a, f); len(got.Looked) != 0 {
		t.Errorf("the light changed, and it looks at %v", got.Looked)
	}
	f = s.after(2 * tick)
	for i := range f.Y {
		f.Y[i] += byte(i * 7919 % 9)
	}
	if got := look(t, a, f); len(got.Looked) != 0 {
		t.Errorf("there is noise, and it looks at %v", got.Looked)
	}
}

func TestAttentionStartsAnewWithAStream(t *testing.T) {
	a, _ := attend(t)
	s := newStreet()
	look(t, a, s.after(0))
	s.f.Stream = 2
	if got := look(t, a, s.after(tick)); len(got.Looked) != 1 {
		t.Error("a new stream was not looked at")
	}
	s.now = s.now.Add(-time.Hour)
	if got := look(t, a, s.after(0)); len(got.Looked) != 1 {
		t.Error("a clock that went back stopped it")
	}
	other := frame.New(320, 240)
	other.Stream, other.Taken = 3, s.now.Add(time.Second)
	if got := look(t, a, other); len(got.Looked) != 1 || got.Size != image.Pt(320, 240) {
		t.Error("another size was not looked at")
	}
}

func TestAttentionTellsThatItCannotLook(t *testing.T) {
	a, n := attend(t)
	s := newStreet()
	n.fail.Store(true)
	if _, err := a.Look(t.Context(), s.after(0), nil); err == nil {
		t.Fatal("no error without a detector")
	}
	n.fail.Store(false)
	if got := look(t, a, s.after(tick)); len(got.Looked) != 1 {
		t.Error("it did not try again")
	}
}

func TestLoadLengthensTheTimeBetweenLooks(t *testing.T) {
	a := NewAttention(nil, DefaultAttending, true)
	now, wanted := a.Rate()
	if now != wanted {
		t.Fatalf("%g of %g", now, wanted)
	}
	for range 20 {
		a.load.took(400*time.Millisecond, nil)
	}
	if now, _ := a.Rate(); now > 1/0.8 || now < 1/fewest.Seconds() {
		t.Errorf("answers take 400 ms, and it looks %g times a second", now)
	}
	for range 100 {
		a.load.took(10*time.Millisecond, nil)
	}
	if now, wanted := a.Rate(); now != wanted {
		t.Errorf("the load is gone, and it looks %g times a second, not %g", now, wanted)
	}
	film := NewAttention(nil, DefaultAttending, false)
	film.load.took(time.Hour, nil)
	if now, wanted := film.Rate(); now != wanted {
		t.Error("a film is looked at less under load")
	}
}

func TestChangeOfOddSizes(t *testing.T) {
	for _, size := range []image.Point{{16, 16}, {17, 33}, {1921, 1081}, {99, 7000}} {
		f := frame.New(size.X, size.Y)
		var c Change
		c.watch(f)
		if c.Share(image.Rect(-10, -10, 9000, 9000)) != 1 {
			t.Errorf("%v: a first picture is all new", size)
		}
		c.looked(image.Rect(0, 0, size.X, size.Y))
		c.watch(f)
		if c.Share(image.Rect(0, 0, size.X, size.Y)) != 0 || len(c.regions()) != 0 {
			t.Errorf("%v: the same picture has changed", size)
		}
	}
}
