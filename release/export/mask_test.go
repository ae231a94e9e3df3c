package export

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"polity/city"
)

func noise(seed uint64, width, height int) *picture {
	p, r := newPicture(width, height), rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a picture for a test
	for i := range p.data {
		p.data[i] = byte(r.Uint32())
	}
	return p
}

func anyMark(t *rapid.T) Mark {
	m := Mark{From: rapid.Int64Range(0, 5000).Draw(t, "from")}
	m.To = m.From + rapid.Int64Range(1, 5000).Draw(t, "length")
	at := int64(0)
	for range rapid.IntRange(1, 5).Draw(t, "keys") {
		k := Position{At: at, Left: rapid.Int64Range(0, full-1).Draw(t, "left"), Top: rapid.Int64Range(0, full-1).Draw(t, "top")}
		k.Width = rapid.Int64Range(1, full-k.Left).Draw(t, "width")
		k.Height = rapid.Int64Range(1, full-k.Top).Draw(t, "height")
		m.Keys = append(m.Keys, k)
		at += rapid.Int64Range(1, 3000).Draw(t, "step")
	}
	return m
}

// within says by real numbers whether a pixel lies wholly in a mark: another way to the
// same answer.
func within(m *Mark, ms int64, x, y, width, height int) bool {
	if ms < m.From || ms >= m.To {
		return false
	}
	k := m.Keys[0]
	for i, next := range m.Keys {
		if next.At <= ms {
			k = next
			if i+1 < len(m.Keys) && m.Keys[i+1].At > ms {
				b, part := m.Keys[i+1], float64(ms-k.At)/float64(m.Keys[i+1].At-k.At)
				line := func(a, b int64) float64 { return float64(a) + part*float64(b-a) }
				// A thousandth of a pixel and the unit of a position are forgiven.
				l, tp, w, h := line(k.Left, b.Left), line(k.Top, b.Top), line(k.Width, b.Width), line(k.Height, b.Height)
				return float64(x) >= l*float64(width)/full-2 && float64(x+1) <= (l+w)*float64(width)/full+2 &&
					float64(y) >= tp*float64(height)/full-2 && float64(y+1) <= (tp+h)*float64(height)/full+2
			}
		}
	}
	return int64(x)*full >= k.Left*int64(width) && int64(x+1)*full <= (k.Left+k.Width)*int64(width) &&
		int64(y)*full >= k.Top*int64(height) && int64(y+1)*full <= (k.Top+k.Height)*int64(height)
}

// TestOnlyWhatIsMarkedIsOpen draws marks, and holds every pixel outside of all of them to
// what the mask may tell: nothing that differs within a square or a second.
func TestOnlyWhatIsMarkedIsOpen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width, height := 2*rapid.IntRange(8, 60).Draw(t, "width"), 2*rapid.IntRange(8, 60).Draw(t, "height")
		kind := rapid.SampledFrom([]MaskKind{Mosaic, Grey}).Draw(t, "kind")
		marks := rapid.SliceOfN(rapid.Custom(anyMark), 0, 4).Draw(t, "marks")
		for i := range marks {
			if err := marks[i].Check(); err != nil {
				t.Fatal(err)
			}
		}
		first, then := noise(1, width, height), noise(2, width, height)
		second := rapid.Int64Range(0, 9).Draw(t, "second") * 1000
		ms := second + rapid.Int64Range(1, 999).Draw(t, "ms")
		m := newMasker(kind, marks, width, height)
		m.mask(first, second)
		got := m.mask(then, ms)
		bare := newMasker(kind, nil, width, height).mask(first, second) // what the mask alone tells, of the second's first
		y, u, v := got.planes()
		by, _, _ := bare.planes()
		oy, ou, ov := then.planes()
		for row := range height {
			for col := range width {
				open := false
				for i := range marks {
					open = open || within(&marks[i], ms, col, row, width, height)
				}
				at := row*width + col
				if !open && y[at] != by[at] {
					t.Fatalf("pixel %d,%d is outside of the marks and tells %d, the mask %d", col, row, y[at], by[at])
				}
				if y[at] != by[at] && y[at] != oy[at] {
					t.Fatalf("pixel %d,%d is neither the film's nor the mask's", col, row)
				}
				c := row/2*(width/2) + col/2
				if !open && (u[c] != neutral || v[c] != neutral) {
					t.Fatalf("pixel %d,%d has colour outside of the marks", col, row)
				}
				if (u[c] != neutral && u[c] != ou[c]) || (v[c] != neutral && v[c] != ov[c]) {
					t.Fatalf("pixel %d,%d has a colour that is not the film's", col, row)
				}
			}
		}
	})
}

func TestWhatIsMarkedIsTheFilms(t *testing.T) {
	const width, height = 320, 180
	p := noise(3, width, height)
	m := newMasker(Mosaic, []Mark{{From: 0, To: 10, Keys: []Position{{Left: 2500, Top: 2500, Width: 5000, Height: 5000}}}}, width, height)
	y, _, _ := m.mask(p, 5).planes()
	oy, _, _ := p.planes()
	for row := 46; row < 134; row++ { // 45 to 135, by blocks of 2 x 2 inside
		for col := 80; col < 240; col++ {
			if y[row*width+col] != oy[row*width+col] {
				t.Fatalf("pixel %d,%d in the mark is not the film's", col, row)
			}
		}
	}
}

// TestAMosaicTellsFourBitsASquareAndSecond counts the pictures that a masked place can
// show.
func TestAMosaicTellsFourBitsASquareAndSecond(t *testing.T) {
	const width, height = 256, 192
	block := Block(width, height)
	m := newMasker(Mosaic, nil, width, height)
	seen := map[byte]bool{}
	var before []byte
	for ms := int64(0); ms < 4000; ms += 40 {
		p := noise(uint64(ms), width, height)
		for i := range p.data[:width*height] {
			p.data[i] = byte(int64(p.data[i])/8 + ms/16) // brighter with time
		}
		got := m.mask(p, ms)
		y, u, v := got.planes()
		for row := range height {
			for col := range width {
				if y[row*width+col] != y[row/block*block*width+col/block*block] {
					t.Fatal("a square is not of one brightness")
				}
			}
			seen[y[row*width]] = true
		}
		if !allOf(u, neutral) || !allOf(v, neutral) {
			t.Fatal("a mosaic has colour")
		}
		if ms%1000 > 0 && !bytes.Equal(y, before) {
			t.Fatal("a mosaic changes within a second")
		}
		before = bytes.Clone(y)
	}
	if len(seen) > levels || len(seen) < 3 {
		t.Errorf("%d levels of brightness", len(seen))
	}
}

func allOf(b []byte, v byte) bool {
	for _, c := range b {
		if c != v {
			return false
		}
	}
	return true
}

func TestBlockIsCoarse(t *testing.T) {
	for _, c := range [][3]int{{1920, 1080, 80}, {3840, 2160, 144}, {768, 576, 48}, {96, 64, 32}, {64, 96, 32}, {1280, 720, 48}} {
		if got := Block(c[0], c[1]); got != c[2] {
			t.Errorf("%d x %d: %d, want %d", c[0], c[1], got, c[2])
		}
	}
}

func TestMarksThatSayNothingClearAreRefused(t *testing.T) {
	good := Position{At: 1, Left: 0, Top: 0, Width: full, Height: full}
	for name, m := range map[string]Mark{
		"backwards":   {From: 2, To: 1, Keys: []Position{good}},
		"no position": {From: 1, To: 2},
		"falling":     {From: 1, To: 2, Keys: []Position{good, good}},
		"too wide":    {From: 1, To: 2, Keys: []Position{{Left: 1, Width: full, Height: 1}}},
		"negative":    {From: 1, To: 2, Keys: []Position{{Left: -1, Width: 2, Height: 1}}},
		"overflowing": {From: 1, To: 2, Keys: []Position{{Left: 1, Width: 1<<63 - 1, Height: 1}}},
		"empty":       {From: 1, To: 2, Keys: []Position{{Width: 0, Height: 1}}},
		"far":         {From: 1, To: 1<<63 - 1, Keys: []Position{good}},
		"many":        {From: 1, To: 2, Keys: make([]Position, MaxKeys+1)},
	} {
		if err := m.Check(); city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAMarkGoesLinearly(t *testing.T) {
	m := Mark{From: 0, To: 5000, Keys: []Position{{At: 1000, Left: 0, Top: 1000, Width: 1000, Height: 1000}, {At: 2000, Left: 500, Top: 0, Width: 2000, Height: 1000}}}
	for ms, want := range map[int64][4]int64{0: {0, 1000, 1000, 1000}, 1500: {250, 500, 1500, 1000}, 2000: {500, 0, 2000, 1000}, 4999: {500, 0, 2000, 1000}} {
		if p, ok := m.at(ms); !ok || [4]int64{p.Left, p.Top, p.Width, p.Height} != want {
			t.Errorf("%d: %+v", ms, p)
		}
	}
	if _, ok := m.at(5000); ok {
		t.Error("it holds at its end")
	}
}

// TestTheMaskTellsNothingElse changes everything that the mosaic does not take: the
// places of pixels within each square, colours, and all pictures but the first of each
// second. What is shown stays the same to the bit, so that no way of putting pictures
// together can bring back what differs.
func TestTheMaskTellsNothingElse(t *testing.T) {
	const width, height = 256, 192
	block := Block(width, height)
	r := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // pictures for a test
	shuffled := func(p *picture) *picture {
		q := noise(r.Uint64(), width, height)
		from, _, _ := p.planes()
		to, _, _ := q.planes()
		for top := 0; top < height; top += block {
			for left := 0; left < width; left += block {
				var pixels []byte
				for row := top; row < min(top+block, height); row++ {
					pixels = append(pixels, from[row*width+left:row*width+min(left+block, width)]...)
				}
				r.Shuffle(len(pixels), func(i, j int) { pixels[i], pixels[j] = pixels[j], pixels[i] })
				for row := top; row < min(top+block, height); row++ {
					n := copy(to[row*width+left:row*width+min(left+block, width)], pixels)
					pixels = pixels[n:]
				}
			}
		}
		return q
	}
	a, b := newMasker(Mosaic, nil, width, height), newMasker(Mosaic, nil, width, height)
	for ms := int64(0); ms < 3000; ms += 40 {
		p := noise(uint64(ms)+9, width, height) //nolint:gosec // small
		q := noise(r.Uint64(), width, height)
		if ms%1000 == 0 {
			q = shuffled(p)
		}
		if bytes.Equal(p.data, q.data) {
			t.Fatal("the two films are one")
		}
		if !bytes.Equal(a.mask(p, ms).data, b.mask(q, ms).data) {
			t.Fatalf("at %d ms the mask tells two films apart", ms)
		}
	}
}
