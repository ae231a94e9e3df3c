package detect

import (
	"image"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func regionsOf(t *rapid.T, width, height int) []image.Rectangle {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) image.Rectangle {
		x, y := 2*rapid.IntRange(0, width/2-8).Draw(t, "x"), 2*rapid.IntRange(0, height/2-8).Draw(t, "y")
		w, h := 2*rapid.IntRange(1, (width-x)/2).Draw(t, "w"), 2*rapid.IntRange(1, (height-y)/2).Draw(t, "h")
		return image.Rect(x, y, x+w, y+h)
	}), 1, 12).Draw(t, "regions")
}

func TestPackedPartsLieApartInThePicture(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		regions := regionsOf(t, 768, 576)
		parts, size, ok := pack(regions, 0.5)
		if !ok {
			return
		}
		if !size.valid() || len(parts) != len(regions) {
			t.Fatalf("%d parts of %d in %v", len(parts), len(regions), size)
		}
		for i, p := range parts {
			if !p.to.In(image.Rect(0, 0, size.Width, size.Height)) || p.to.Min.X%2+p.to.Min.Y%2+p.to.Dx()%2+p.to.Dy()%2 != 0 {
				t.Fatalf("%v in %v", p.to, size)
			}
			for _, q := range parts[:i] {
				if p.to.Inset(-gap / 2).Overlaps(q.to.Inset(-gap / 2)) {
					t.Fatalf("%v touches %v", p.to, q.to)
				}
			}
		}
	})
}

func TestUnpackReturnsToTheFrame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		regions := regionsOf(t, 768, 576)
		parts, _, ok := pack(regions, 0.5)
		if !ok {
			return
		}
		p := rapid.SampledFrom(parts).Draw(t, "part")
		if p.to.Dx() < 20 || p.to.Dy() < 20 {
			return
		}
		x := rapid.Float32Range(float32(p.to.Min.X)+3, float32(p.to.Max.X)-13).Draw(t, "bx")
		y := rapid.Float32Range(float32(p.to.Min.Y)+3, float32(p.to.Max.Y)-13).Draw(t, "by")
		got := unpack([]Box{{Score: 1, X0: x, Y0: y, X1: x + 10, Y1: y + 10}}, parts, image.Pt(768, 576))
		if len(got) != 1 {
			t.Fatalf("%d boxes of one inside %v", len(got), p.to)
		}
		wantX := float64(p.region.Min.X) + float64(x-float32(p.to.Min.X))*float64(p.region.Dx())/float64(p.to.Dx())
		if math.Abs(float64(got[0].X0)-wantX) > 0.1 {
			t.Fatalf("at %g, want %g", got[0].X0, wantX)
		}
	})
}

func TestUnpackLeavesOutWhatIsCutThrough(t *testing.T) {
	inside := part{region: image.Rect(100, 100, 300, 300), to: image.Rect(0, 0, 100, 100)}
	corner := part{region: image.Rect(0, 0, 200, 200), to: image.Rect(120, 0, 220, 100)}
	parts := []part{inside, corner}
	boxes := []Box{
		{X0: 0, Y0: 20, X1: 30, Y1: 60},    // at an edge inside the frame
		{X0: 120, Y0: 20, X1: 150, Y1: 60}, // at the frame's own edge
		{X0: 104, Y0: 20, X1: 114, Y1: 60}, // in the grey
		{X0: 40, Y0: 20, X1: 60, Y1: 60},
	}
	got := unpack(boxes, parts, image.Pt(768, 576))
	if len(got) != 2 || got[0].X0 != 0 || got[0].Y0 != 40 || got[1].X0 != 180 {
		t.Fatalf("%v", got)
	}
}
