package consoletest

import (
	"slices"
	"sync"
	"time"

	"polity/city"
	live "polity/services/waste/live"
)

// WasteCrews is Waste with trucks that people drive: it keeps what they tell, each report once.
type WasteCrews struct {
	*Waste

	mu      sync.Mutex
	has     map[string]string // person by truck
	told    map[string]live.Report
	photos  map[string][]byte
	reports []live.Report
}

// NewWasteCrews adds people to a waste service.
func NewWasteCrews(w *Waste) *WasteCrews {
	return &WasteCrews{Waste: w, has: map[string]string{}, told: map[string]live.Report{}, photos: map[string][]byte{}}
}

// Drive shows the tours of the day, and whoever took one theirs.
func (w *WasteCrews) Drive(person string) live.DriveView {
	day := w.View()
	w.mu.Lock()
	defer w.mu.Unlock()
	v := live.DriveView{At: day.At, Simulated: true, Day: day.Day.Format(time.DateOnly), Phase: live.Driving, Sites: []string{"transfer station"}}
	for i := range day.Tours {
		t := &day.Tours[i]
		mine := person != "" && w.has[t.Truck] == person
		v.Tours = append(v.Tours, live.DriveTour{Truck: t.Truck, Stops: len(t.Calls), Taken: w.has[t.Truck] != "", Mine: mine})
		if !mine {
			continue
		}
		v.Mine = &live.MyTour{Truck: t.Truck, Start: t.Start, End: t.End, Line: t.Line}
		for _, c := range t.Calls {
			x := live.MyCall{Container: c.Container, Site: c.Site, Street: "Mill Lane", Fraction: "mixed", Litres: 660, Near: c.Container == "c1", Place: c.Place, Arrive: c.Arrive, Kilograms: c.Kilograms}
			for _, r := range w.reports {
				if (c.Container != "" && r.Container == c.Container) || (c.Site != "" && r.Site == c.Site) {
					x.Done, x.Missed, x.At = true, r.Reason, r.Told
				}
			}
			v.Mine.Calls = append(v.Mine.Calls, x)
		}
		slices.SortStableFunc(v.Mine.Calls, func(a, b live.MyCall) int {
			switch {
			case a.Done == b.Done:
				return 0
			case a.Done:
				return -1
			}
			return 1
		})
	}
	return v
}

// Take gives somebody a truck that nobody has.
func (w *WasteCrews) Take(person, truck string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.has[truck] != "" && w.has[truck] != person {
		return city.Errorf(city.Conflict, "somebody else drives %s: ask the desk to free it", truck)
	}
	for other, has := range w.has {
		if has == person {
			delete(w.has, other)
		}
	}
	w.has[truck] = person
	return nil
}

// Free forgets who drives, and what was told.
func (w *WasteCrews) Free(truck string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.has, truck)
	w.reports, w.told = nil, map[string]live.Report{}
	return nil
}

// Report keeps what is told.
func (w *WasteCrews) Report(person, truck string, r live.Report) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.has[truck] != person {
		return city.Errorf(city.Forbidden, "the tour of %s is not yours: take it first", truck)
	}
	if _, again := w.told[r.ID]; !again {
		w.told[r.ID], w.reports = r, append(w.reports, r)
	}
	return nil
}

// AddPhoto keeps a photo.
func (w *WasteCrews) AddPhoto(_, _, _, _, id string, jpeg []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.photos[id] = jpeg
	return nil
}

// Photo returns one.
func (w *WasteCrews) Photo(id string) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.photos[id] == nil {
		return nil, city.Errorf(city.NotFound, "there is no such photo")
	}
	return w.photos[id], nil
}
