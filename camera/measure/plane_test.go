package measure

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"polity/camera/layout"
)

// A camera that looks down a street: the far side is half as wide in the picture.
var street = layout.Ground{
	Picture: [4]layout.Point{{X: .3, Y: .4}, {X: .7, Y: .4}, {X: .9, Y: .9}, {X: .1, Y: .9}},
	Metres:  [4]layout.Metres{{X: 0, Y: 40}, {X: 10, Y: 40}, {X: 10, Y: 0}, {X: 0, Y: 0}},
}

func TestPlane(t *testing.T) {
	p, err := NewPlane(&street)
	if err != nil {
		t.Fatal(err)
	}
	for i, q := range street.Picture {
		if m, ok := p.Metres(q); !ok || math.Hypot(m.X-street.Metres[i].X, m.Y-street.Metres[i].Y) > 1e-9 {
			t.Errorf("point %d is at %v", i, m)
		}
	}
	// The diagonals of a rectangle meet in its middle, in the picture as on the ground.
	if m, ok := p.Metres(layout.Point{X: .5, Y: .4 + .5/3}); !ok || math.Hypot(m.X-5, m.Y-20) > 1e-9 {
		t.Errorf("the diagonals meet at %v", m)
	}
	if _, ok := p.Metres(layout.Point{X: .5, Y: -.2}); ok {
		t.Error("a point in the sky is on the ground")
	}
	if a, ok := p.Area(layout.Zone{Corners: street.Picture[:]}); !ok || math.Abs(a-400) > 1e-6 {
		t.Errorf("400 square metres are %g", a)
	}
	if _, ok := p.Area(layout.Zone{Corners: []layout.Point{{X: 0, Y: -.3}, {X: 1, Y: -.3}, {X: .5, Y: 1}}}); ok {
		t.Error("a zone that reaches into the sky has an area")
	}
	if none, err := NewPlane(nil); none != nil || err != nil {
		t.Error("no ground is a plane")
	}
	twisted := street
	twisted.Metres[0], twisted.Metres[1] = twisted.Metres[1], twisted.Metres[0]
	if _, err := NewPlane(&twisted); err == nil {
		t.Error("crossed points passed")
	}
}

func TestAssignIsCheapest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, m := rapid.IntRange(1, 5).Draw(t, "rows"), rapid.IntRange(1, 5).Draw(t, "columns")
		cost := make([][]float64, n)
		for i := range cost {
			cost[i] = rapid.SliceOfN(rapid.Float64Range(0, 1.5), m, m).Draw(t, "cost")
		}
		got := assign(cost)
		taken := map[int]bool{}
		sum := 0.0
		for i, j := range got {
			if j < 0 {
				sum += apart
				continue
			}
			if taken[j] || cost[i][j] >= apart {
				t.Fatalf("%v of %v", got, cost)
			}
			taken[j] = true
			sum += cost[i][j]
		}
		if best := cheapest(cost, 0, map[int]bool{}); sum > best+1e-9 {
			t.Fatalf("%v costs %g, %g was possible: %v", got, sum, best, cost)
		}
	})
}

// cheapest tries everything.
func cheapest(cost [][]float64, i int, taken map[int]bool) float64 {
	if i == len(cost) {
		return 0
	}
	best := apart + cheapest(cost, i+1, taken)
	for j, c := range cost[i] {
		if !taken[j] && c < apart {
			taken[j] = true
			best = math.Min(best, c+cheapest(cost, i+1, taken))
			delete(taken, j)
		}
	}
	return best
}

func TestAxisFollowsASteadyWalk(t *testing.T) {
	a := newAxis(100, 4, 400, 100)
	for i := 1; i <= 30; i++ {
		a.predict(0.4)
		noise := 2 * math.Sin(float64(i)*12.9898)
		a.correct(100+20*float64(i)*0.4+noise, 4)
	}
	if math.Abs(a.at-340) > 3 || math.Abs(a.speed-20) > 3 {
		t.Errorf("at %g with speed %g, want 340 with 20", a.at, a.speed)
	}
}
