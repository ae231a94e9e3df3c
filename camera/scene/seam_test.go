package scene

import "testing"

// surface is an appearance of one luma, with a step in it.
func surface(luma, step, cb float32) *appearance {
	a := &appearance{used: true, frames: longMean}
	for k := range a.luma {
		a.luma[k] = luma
		if k%side >= side/2 {
			a.luma[k] += step
		}
	}
	for k := range a.cb {
		a.cb[k] = cb
	}
	return a
}

func TestOnlyWhatCannotBeToldApartContinues(t *testing.T) {
	car := surface(160, 0, 0)
	car.looks, car.vehicle = 1, 1
	for name, c := range map[string]struct {
		from, to *appearance
		want     bool
	}{
		"the same ground":               {surface(160, 6, 0), surface(161, 5, 1), true},
		"a little lighter":              {surface(160, 0, 0), surface(160+shade, 0, 0), true},
		"a grey coat before it":         {surface(160, 0, 0), surface(150, 0, 0), false},
		"a coat's edge":                 {surface(160, 2, 0), surface(160, plain+2, 0), false},
		"another colour":                {surface(160, 0, 0), surface(160, 0, 2*tint), false},
		"from texture nothing is known": {surface(160, plain+2, 0), surface(160, 4, 0), false},
		"at night":                      {surface(24, 1, 0), surface(24, 0.5, 0), true},
		"a dark coat at night":          {surface(24, 1, 0), surface(21, 1, 0), false},
		"a coat's edge at night":        {surface(24, 1, 0), surface(20, 5, 0), false},
		"from a mosaic":                 {car, surface(160, 0, 0), false},
	} {
		if got := continues(c.from, c.to); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestSeamlessStepsAreFew(t *testing.T) {
	if worst := plain + seams*shade; worst >= 40 {
		t.Errorf("what is shown for going on from the place may differ from it by %v levels", worst)
	}
	m := &Model{grid: grid{width: 80, height: 8, scale: 2, columns: 10, rows: 1}, time: 60}
	m.cells = make([]cell, 10)
	m.kinds = make([]kind, 10)
	for i := range m.cells {
		m.cells[i] = cell{memory: &[memory]appearance{*surface(160, 0, 0)}, place: -1, fit: same}
	}
	m.cells[0].place = 0 // proven by its own evidence
	shown := 1
	for i := 1; i < 10; i++ {
		steps, ok := m.seamless(i)
		if !ok {
			break
		}
		m.cells[i].place, m.cells[i].seam = 0, steps
		shown++
	}
	if shown != 1+seams {
		t.Errorf("%d cells in a row are shown", shown)
	}
	m.cells[2].place, m.kinds[1], m.kinds[3] = -1, restless, foreign
	if _, ok := m.seamless(2); ok {
		t.Error("from a place that is not trusted now it goes on")
	}
}
