package consoletest

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"polity/city"
	"polity/service"
	"polity/services/waste"
	live "polity/services/waste/live"
)

// Waste stands in for the waste service in a morning: a plan of two tours waits for a decision.
// What a move costs is made up: each adds half a kilometre.
type Waste struct {
	at time.Time

	mu        sync.Mutex
	view      live.View
	on        int
	answer    *live.Answer
	taken     []live.Tables
	unfitting string // container that fits nowhere else
}

// NewWaste returns it as of a time.
func NewWaste(at time.Time) *Waste {
	day := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
	w := &Waste{at: at, unfitting: "c2"}
	v := live.View{
		At: day.Add(330 * time.Minute), Simulated: true, Pace: 60, Day: day, Phase: live.Proposed, Waiting: []string{"plan-0"}, LeftOut: 1, Currency: "EUR",
		Trucks: []live.TruckView{{ID: "truck-1"}, {ID: "truck-2"}, {ID: "truck-3", Out: true}}, Sites: []live.SiteView{{ID: "transfer station"}},
		Problems: []waste.Problem{{Container: "c9", What: "no truck in service takes glass", Help: "Put a truck for it into service"}},
		Fewer:    []live.Fewer{{Without: "truck-1", Tours: 1, Left: 2, Cost: -20, Metres: -1500, KgCO2: -1.4}},
	}
	for i := range 2 {
		t := live.Tour{Tour: waste.Tour{Truck: fmt.Sprintf("truck-%d", i+1), Start: 6 * time.Hour, End: 7 * time.Hour}}
		y := 60.168 + 0.004*float64(i)
		for k := range 3 {
			id := fmt.Sprintf("c%d", 3*i+k+1)
			at := city.Point{Lon: 24.940 + 0.004*float64(k), Lat: y}
			v.Containers = append(v.Containers, live.ContainerView{ID: id, Street: "Mill Lane", Place: at, Fraction: "mixed", Litres: 660, Class: live.NearlyFull, Fill: 0.85, At: v.At, Overflow: 0.4, Truck: t.Truck, Near: k == 0})
			t.Calls = append(t.Calls, waste.Call{Container: id, Place: at, Arrive: 6*time.Hour + time.Duration(10*k+5)*time.Minute, Kilograms: 40, Metres: 400})
			t.Line = append(t.Line, at)
		}
		t.Calls = append(t.Calls, waste.Call{Site: "transfer station", Place: city.Point{Lon: 24.952, Lat: 60.171}, Arrive: 6*time.Hour + 45*time.Minute, Kilograms: 120})
		t.Line = append(t.Line, city.Point{Lon: 24.952, Lat: 60.171})
		t.Metres, t.Kilograms, t.Cost, t.KgCO2 = 3000, 120, 45, 3.3
		v.Tours = append(v.Tours, t)
		v.Metres, v.Cost, v.KgCO2 = v.Metres+t.Metres, v.Cost+t.Cost, v.KgCO2+t.KgCO2
	}
	v.Containers = append(v.Containers, live.ContainerView{ID: "c7", Street: "Harbour Street", Place: city.Point{Lon: 24.946, Lat: 60.170}, Litres: 660, Fraction: "mixed", Class: live.Low, Fill: 0.3, At: v.At, Overflow: 0.02})
	v.Streets = []live.StreetView{{Name: "Mill Lane", Containers: 6, Planned: 6, Classes: map[string]int{live.NearlyFull: 6}}}
	w.view = v
	return w
}

// Run does nothing.
func (w *Waste) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// State is one line.
func (w *Waste) State() service.State {
	return service.State{Health: service.Well, Message: "state.proposed", Values: []any{"n", 6}, Simulated: true, At: w.at}
}

// View is a morning.
func (w *Waste) View() live.View {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.view
}

// Draft moves containers; c2 fits into no other tour.
func (w *Waste) Draft(moves []live.Move, asked live.Move) (live.Draft, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := live.Draft{Decision: fmt.Sprintf("plan-%d", w.on), Waiting: []string{"c7"}, Problems: w.view.Problems, Cost: w.view.Cost, Metres: w.view.Metres, KgCO2: w.view.KgCO2, Working: 2 * time.Hour}
	for _, t := range w.view.Tours {
		t.Calls = slices.Clone(t.Calls)
		d.Tours = append(d.Tours, t)
	}
	for _, m := range moves {
		price, err := w.move(&d, m)
		if err != nil {
			return live.Draft{}, err
		}
		if !price.Fits {
			return live.Draft{}, city.Errorf(city.Conflict, "%s", price.Broken[0])
		}
		d.Moves = append(d.Moves, price)
		d.Cost, d.Metres, d.KgCO2, d.Working = d.Cost+price.Cost, d.Metres+price.Metres, d.KgCO2+price.KgCO2, d.Working+price.Working
	}
	if asked.Container == "" {
		return d, nil
	}
	tried := d
	tried.Tours = slices.Clone(d.Tours)
	price, err := w.move(&tried, asked)
	d.Asked = &price
	return d, err
}

func (w *Waste) move(d *live.Draft, m live.Move) (live.Moved, error) {
	i := slices.IndexFunc(w.view.Containers, func(k live.ContainerView) bool { return k.ID == m.Container })
	to := slices.IndexFunc(d.Tours, func(t live.Tour) bool { return t.Truck == m.Truck })
	if i < 0 || (to < 0 && m.Truck != "") {
		return live.Moved{}, city.Errorf(city.NotFound, "the plan has no container %q or no truck %q", m.Container, m.Truck)
	}
	x := live.Moved{Move: m, Price: waste.Price{Cost: 2.5, Metres: 500, Working: 3 * time.Minute, KgCO2: 0.55, Fits: m.Container != w.unfitting}}
	if !x.Fits {
		x.Broken = []string{fmt.Sprintf("trip 1 of %s carries 60 kg more than the 3000 kg that it takes", m.Truck)}
	}
	call := waste.Call{Container: m.Container, Place: w.view.Containers[i].Place, Arrive: 6 * time.Hour, Kilograms: 40}
	for k := range d.Tours {
		if at := slices.IndexFunc(d.Tours[k].Calls, func(c waste.Call) bool { return c.Container == m.Container }); at >= 0 {
			x.From = d.Tours[k].Truck
			d.Tours[k].Calls = slices.Delete(slices.Clone(d.Tours[k].Calls), at, at+1)
		}
	}
	if to >= 0 {
		d.Tours[to].Calls = slices.Insert(slices.Clone(d.Tours[to].Calls), 0, call)
	} else {
		d.Waiting = append(slices.Clone(d.Waiting), m.Container)
	}
	return x, nil
}

// PutForward takes the moves.
func (w *Waste) PutForward(_ context.Context, on string, moves []live.Move) error {
	d, err := w.Draft(moves, live.Move{})
	if err != nil {
		return err
	}
	if d.Decision != on {
		return city.Errorf(city.Conflict, "the plan was answered, or changed, meanwhile: look at it again")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.on++
	w.view.Tours, w.view.Cost, w.view.Metres, w.view.KgCO2 = d.Tours, d.Cost, d.Metres, d.KgCO2
	return nil
}

// Ask has an answer at once: the same tours.
func (w *Waste) Ask(c live.Case) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.Day.IsZero() {
		c.Day = w.view.Day
	}
	w.answer = &live.Answer{
		Case: c, Asked: w.at, Containers: 7, Tours: w.view.Tours[:1], Currency: "EUR", Working: time.Hour, Cost: 60, Metres: 4200, KgCO2: 4.6,
		Problems: []waste.Problem{{Container: "c4", What: "every truck's day is full", Help: "Lengthen a shift"}, {Container: "c5", What: "every truck's day is full", Help: "Lengthen a shift"}},
	}
	return nil
}

// Answer is the one to what was asked last.
func (w *Waste) Answer() (live.Answer, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.answer == nil {
		return live.Answer{}, false
	}
	return *w.answer, true
}

// WriteAnswerGPX writes a tour of the answer.
func (w *Waste) WriteAnswerGPX(out io.Writer, truck string) error { return w.WriteGPX(out, truck) }

// WriteGPX writes a tour.
func (w *Waste) WriteGPX(out io.Writer, truck string) error {
	for _, t := range w.View().Tours {
		if t.Truck == truck {
			return waste.WriteGPX(out, &t.Tour, t.Line)
		}
	}
	return city.Errorf(city.NotFound, "%q has no tour today", truck)
}

// Preview reads containers as the service does.
func (w *Waste) Preview(t live.Tables) (live.TablesPreview, error) { return readTables(t) }

// TakeOver notes what is taken over.
func (w *Waste) TakeOver(t live.Tables) (bool, error) {
	p, err := readTables(t)
	if err != nil {
		return false, err
	}
	if p.Wrong() > 0 {
		return false, city.Errorf(city.Invalid, "%d lines are wrong: nothing was taken over", p.Wrong())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.taken = append(w.taken, t)
	return false, nil
}

// Taken is what was taken over.
func (w *Waste) Taken() []live.Tables {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.taken)
}

func readTables(t live.Tables) (p live.TablesPreview, err error) {
	if t == (live.Tables{}) {
		return p, city.Errorf(city.Invalid, "there is no table: give one of containers")
	}
	p.Unreadable = map[string]string{}
	if t.Containers != "" {
		if p.Containers, err = waste.ReadContainers(strings.NewReader(t.Containers)); err != nil {
			p.Unreadable["containers"] = err.Error()
		}
	}
	if t.Places != "" {
		if p.Places, err = waste.ReadPlaces(strings.NewReader(t.Places)); err != nil {
			p.Unreadable["places"] = err.Error()
		} else if p.Trucks, err = waste.ReadTrucks(strings.NewReader(t.Trucks), p.Places.Depots); err != nil {
			p.Unreadable["trucks"] = err.Error()
		}
	}
	if p.Containers != nil {
		p.New = len(p.Containers.Containers)
		p.Problems = []waste.Problem{{Container: "far", What: "no street lies within 150 m", Help: "Correct its position"}}
	}
	return p, nil
}
