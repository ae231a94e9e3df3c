package waste

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/services/waste/roads"
)

// gridTown is a town of streets 200 m apart; the street north of row 3, column 2
// is narrow.
func gridTown(t *testing.T, vehicles ...roads.Vehicle) Streets {
	t.Helper()
	const side = 8
	var b strings.Builder
	b.WriteString(`<osm version="0.6">`)
	id := func(x, y int) int { return 1 + y*side + x }
	for y := range side {
		for x := range side {
			fmt.Fprintf(&b, `<node id="%d" lat="%.6f" lon="%.6f"/>`, id(x, y), 60+float64(y)*0.0018, 25+float64(x)*0.0036)
		}
	}
	fmt.Fprintf(&b, `<node id="900" lat="60.0128" lon="25.0072"/>`)
	way := 100
	line := func(tags string, nodes ...int) {
		way++
		fmt.Fprintf(&b, `<way id="%d">`, way)
		for _, n := range nodes {
			fmt.Fprintf(&b, `<nd ref="%d"/>`, n)
		}
		fmt.Fprintf(&b, `<tag k="highway" v="residential"/><tag k="name" v="Street %d"/>%s</way>`, way, tags)
	}
	for i := range side {
		var row, column []int
		for j := range side {
			row, column = append(row, id(j, i)), append(column, id(i, j))
		}
		line("", row...)
		line("", column...)
	}
	line(`<tag k="maxwidth" v="2.3"/>`, id(2, 7), 900)
	b.WriteString(`</osm>`)
	m, err := roads.Read(context.Background(), strings.NewReader(strings.Replace(b.String(), `lat="60.0128"`, `lat="60.0146"`, 1)), true)
	if err != nil {
		t.Fatal(err)
	}
	streets := Streets{}
	for _, v := range vehicles {
		if streets[v.Name], err = m.Build(v); err != nil {
			t.Fatal(err)
		}
	}
	return streets
}

func town(t *testing.T, n int) (*Planner, []Container) {
	t.Helper()
	pl := &Planner{Streets: gridTown(t, roads.RefuseTruck, roads.NarrowTruck), Seconds: 0.3, Seed: 1, OverflowCost: 30}
	depot := city.Point{Lat: 60.0001, Lon: 25.0018}
	for i := range 2 {
		pl.Fleet.Trucks = append(pl.Fleet.Trucks, Truck{
			ID: fmt.Sprintf("truck-%d", i+1), Depot: depot, Kilograms: 900, Litres: 12_000, Fractions: []Fraction{"mixed"}, Vehicle: roads.RefuseTruck,
			Shift: Hours{6 * time.Hour, 14 * time.Hour}, Break: Hours{9 * time.Hour, 11 * time.Hour}, BreakLength: 30 * time.Minute,
			PerKm: 1.2, PerHour: 60, PerDay: 100, GramsCO2Km: 900,
		})
	}
	pl.Fleet.Sites = []Site{{ID: "landfill", Place: city.Point{Lat: 60.0126, Lon: 25.0234}, Open: Hours{7 * time.Hour, 18 * time.Hour}, Service: 15 * time.Minute}}
	r := rand.New(rand.NewPCG(5, 5))
	var all []Container
	for i := range n {
		all = append(all, Container{
			ID: fmt.Sprintf("c%d", i+1), Place: city.Point{Lat: 60 + 0.0018*float64(r.IntN(8)) + 0.00005, Lon: 25 + 0.0252*r.Float64()},
			Fraction: "mixed", Litres: 660, Density: 0.12, Fill: 0.3 + 0.7*r.Float64(), Overflow: 1, Service: 40 * time.Second,
		})
	}
	return pl, all
}

func plan(t *testing.T, pl *Planner, containers []Container, keep *Plan, stay float64) *Plan {
	t.Helper()
	p, err := pl.Plan(context.Background(), containers, keep, stay)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// drive checks a plan as its crews would find it.
func drive(t *testing.T, containers []Container, p *Plan) map[string]string {
	t.Helper()
	byID := map[string]*Container{}
	for i := range containers {
		byID[containers[i].ID] = &containers[i]
	}
	with := map[string]string{}
	for _, tour := range p.Tours {
		load, now := 0.0, tour.Start
		if len(tour.Calls) == 0 || tour.Calls[len(tour.Calls)-1].Site == "" {
			t.Errorf("%s does not unload at the end", tour.Truck)
		}
		if tour.Break == 0 || tour.Break < 9*time.Hour || tour.Break > 11*time.Hour {
			if tour.End > 11*time.Hour {
				t.Errorf("%s has its break at %v", tour.Truck, tour.Break)
			}
		}
		for _, c := range tour.Calls {
			if c.Arrive < now || c.Leave < c.Arrive {
				t.Errorf("%s reaches %s%s at %v, after %v", tour.Truck, c.Container, c.Site, c.Arrive, now)
			}
			now = c.Leave
			if c.Site != "" {
				if math.Abs(load-c.Kilograms) > 1e-6 || load > 900 {
					t.Errorf("%s unloads %.0f kg of %.0f", tour.Truck, c.Kilograms, load)
				}
				load = 0
				continue
			}
			if with[c.Container] != "" {
				t.Errorf("%s is emptied twice", c.Container)
			}
			with[c.Container] = tour.Truck
			load += byID[c.Container].kilograms()
		}
		if tour.End > 14*time.Hour || tour.End < now {
			t.Errorf("%s is home at %v", tour.Truck, tour.End)
		}
		line := p.Line(&tour)
		length := 0.0
		for i := 1; i < len(line); i++ {
			length += line[i].Metres(line[i-1])
		}
		if math.Abs(length-tour.Metres) > 0.01*tour.Metres+20 {
			t.Errorf("%s: the line is %.0f m long, the tour %.0f m", tour.Truck, length, tour.Metres)
		}
	}
	if len(with)+len(p.LeftOut)+len(p.Problems) < len(containers) {
		t.Errorf("%d containers are planned, %d left out, %d are problems; there are %d", len(with), len(p.LeftOut), len(p.Problems), len(containers))
	}
	return with
}

func TestPlanIsDrivable(t *testing.T) {
	pl, containers := town(t, 60)
	p := plan(t, pl, containers, nil, 0)
	if len(p.Problems) > 0 {
		t.Fatalf("problems: %v", p.Problems)
	}
	if with := drive(t, containers, p); len(with) != 60 {
		t.Errorf("%d of 60 containers are emptied", len(with))
	}
	var gpx, table bytes.Buffer
	if err := p.WriteGPX(&gpx, &p.Tours[0]); err != nil {
		t.Fatal(err)
	}
	var back gpxFile
	if err := xml.Unmarshal(gpx.Bytes(), &back); err != nil || len(back.Points) != len(p.Tours[0].Calls) || len(back.Track.Segment.Points) < 10 {
		t.Errorf("GPX: %v, %d waypoints, %d track points", err, len(back.Points), len(back.Track.Segment.Points))
	}
	if err := p.WriteCSV(&table); err != nil || strings.Count(table.String(), "\n") < 61 {
		t.Errorf("CSV: %v, %d lines", err, strings.Count(table.String(), "\n"))
	}
}

func TestOptionalContainersWait(t *testing.T) {
	pl, containers := town(t, 40)
	for i := range containers {
		containers[i].Overflow = 0.001
	}
	containers[3].Must = true
	p := plan(t, pl, containers, nil, 0)
	with := drive(t, containers, p)
	if with["c4"] == "" || len(with) > 20 {
		t.Errorf("the one that must be emptied is with %q, and %d of 40 are emptied", with["c4"], len(with))
	}
}

func TestBreakdownChangesLittle(t *testing.T) {
	pl, containers := town(t, 60)
	pl.Fleet.Trucks = append(pl.Fleet.Trucks, pl.Fleet.Trucks[0])
	pl.Fleet.Trucks[2].ID = "truck-3"
	for i := range pl.Fleet.Trucks {
		pl.Fleet.Trucks[i].PerDay, pl.Fleet.Trucks[i].Shift = 0, Hours{6 * time.Hour, 9 * time.Hour}
		pl.Fleet.Trucks[i].BreakLength = 0
	}
	first := plan(t, pl, containers, nil, 0)
	before := drive(t, containers, first)
	broken := first.Tours[0].Truck
	for i := range pl.Fleet.Trucks {
		if pl.Fleet.Trucks[i].ID == broken {
			pl.Fleet.Trucks[i].Out = true
		} else {
			pl.Fleet.Trucks[i].Shift.To = 14 * time.Hour
		}
	}
	moved := func(stay float64) int {
		n := 0
		for id, truck := range drive(t, containers, plan(t, pl, containers, first, stay)) {
			if before[id] != broken && before[id] != truck {
				n++
			}
		}
		return n
	}
	if n := moved(50); n > 0 {
		t.Errorf("%d containers changed truck whose truck did not break down", n)
	}
}

func TestBalance(t *testing.T) {
	pl, containers := town(t, 60)
	for i := range pl.Fleet.Trucks {
		pl.Fleet.Trucks[i].BreakLength = 0
	}
	pl.Balance = 0.2
	p := plan(t, pl, containers, nil, 0)
	drive(t, containers, p)
	if len(p.Tours) == 2 {
		a, b := (p.Tours[0].End - p.Tours[0].Start).Hours(), (p.Tours[1].End - p.Tours[1].Start).Hours()
		if math.Abs(a-b) > 0.5*(a+b)*0.45 {
			t.Errorf("working days of %.1f and %.1f hours", a, b)
		}
	}
}

func TestMovePricesAsReplanningWould(t *testing.T) {
	pl, containers := town(t, 30)
	p := plan(t, pl, containers, nil, 0)
	with := drive(t, containers, p)
	same, err := p.Move("c1", with["c1"])
	if err != nil || !same.Fits || same.Cost > 1e-9 || same.Cost < -1 {
		t.Errorf("to where it is: %+v, %v", same, err)
	}
	other := "truck-1"
	if with["c1"] == other {
		other = "truck-2"
	}
	if moved, err := p.Move("c1", other); err != nil || moved.Cost < -1e-9 {
		t.Errorf("to another truck: %+v, %v: the plan was not as good as it could be", moved, err)
	}
	if _, err := p.Move("nobody", other); city.KindOf(err) != city.NotFound {
		t.Errorf("a container that is not there: %v", err)
	}
}

func TestWhatCannotBeDoneIsSaid(t *testing.T) {
	for _, c := range []struct {
		name      string
		change    func(*Planner, []Container)
		want      string
		container string
	}{
		{"no truck fits", func(_ *Planner, c []Container) { c[2].Litres, c[2].Fill = 20_000, 1 }, "more than any truck for mixed takes", "c3"},
		{"no truck for a fraction", func(_ *Planner, c []Container) { c[2].Fraction = "glass" }, "no truck in service takes glass", "c3"},
		{"landfill closed", func(pl *Planner, _ []Container) { pl.Fleet.Sites[0].Closed = true }, "no site that takes mixed is open today. landfill would take it but is closed", ""},
		{"landfill open at night", func(pl *Planner, _ []Container) {
			pl.Fleet.Sites[0].Open = Hours{2 * time.Hour, 3 * time.Hour}
		}, "no truck can unload mixed: sites are open (landfill 02:00-03:00) when no truck for it works (truck-1 06:00-14:00, truck-2 06:00-14:00)", ""},
		{"street out of reach", func(_ *Planner, c []Container) { c[2].Place.Lon = 26 }, "lies within 150 m", "c3"},
		{"street too narrow for the trucks there are", func(_ *Planner, c []Container) {
			c[2].Place = city.Point{Lat: 60.0146, Lon: 25.0072}
		}, "no street that a refuse truck may use", "c3"},
		{"nobody works", func(pl *Planner, _ []Container) { pl.Fleet.Trucks[0].Out, pl.Fleet.Trucks[1].Out = true, true }, "no truck is in service today", ""},
		{"open when nobody works", func(_ *Planner, c []Container) { c[2].Open = Hours{3 * time.Hour, 4 * time.Hour} }, "even a truck that did nothing else could not collect it (03:00 to 04:00)", "c3"},
		{"day too short", func(pl *Planner, _ []Container) {
			for i := range pl.Fleet.Trucks {
				pl.Fleet.Trucks[i].Shift = Hours{7 * time.Hour, 7*time.Hour + 45*time.Minute}
			}
		}, "every truck's day is full", ""},
	} {
		pl, containers := town(t, 40)
		pl.Seconds = 0.05
		c.change(pl, containers)
		p := plan(t, pl, containers, nil, 0)
		said := ""
		for _, problem := range p.Problems {
			if problem.Help == "" {
				t.Errorf("%s: %v does not say what would help", c.name, problem)
			}
			if problem.Container == c.container || c.container == "" {
				said += problem.String() + "\n"
			}
		}
		if c.name == "landfill open at night" && len(p.Problems) != 1 {
			t.Errorf("it is said %d times", len(p.Problems))
		}
		if !strings.Contains(said, c.want) {
			t.Errorf("%s: said %q, want %q", c.name, said, c.want)
		}
	}
}

func TestNarrowTruckReachesNarrowStreet(t *testing.T) {
	pl, containers := town(t, 10)
	containers[2].Place = city.Point{Lat: 60.0143, Lon: 25.0072}
	pl.Fleet.Trucks[1].Vehicle = roads.NarrowTruck
	p := plan(t, pl, containers, nil, 0)
	if with := drive(t, containers, p); with["c3"] != "truck-2" {
		t.Errorf("the container in the narrow street is with %q: %v", with["c3"], p.Problems)
	}
}

func TestReadContainers(t *testing.T) {
	p, err := ReadContainers(strings.NewReader("\ufeffNr;Latitude;lon;Volume;fraction;fill;must;colour\nA1;60,17;24.94;660;Paper;80%;yes;red\nA2;60.17;24.95;1100;;0.4;;\nA1;60.17;24.95;1100;;;;\nA4;160;24.95;;;;maybe;\n;60;24;5;;;;\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Containers) != 2 || p.Containers[0].Fill != 0.8 || p.Containers[0].Fraction != "paper" || !p.Containers[0].Must || p.Containers[0].Place.Lat != 60.17 || p.Containers[1].Fraction != "mixed" {
		t.Errorf("containers: %+v", p.Containers)
	}
	var got []string
	for _, e := range p.Errors {
		got = append(got, e.Error())
	}
	want := []string{`line 4, id: "A1" stands on line 2 already`, `line 5, lat: "160" is not a number from -90 to 90`, `line 5, litres: "" is not a number from 1 to 100000`, `line 5, must: "maybe" is neither yes nor no`, `line 6, id: it is empty`}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("errors:\n%s", strings.Join(got, "\n"))
	}
	if len(p.Ignored) != 1 || p.Ignored[0] != "colour" {
		t.Errorf("ignored: %v", p.Ignored)
	}
	for text, want := range map[string]string{"": "no header line", "id,lat,lon\n": `no column "litres"`, "id,lat,lon,litres,volume\n": "two columns mean litres"} {
		if _, err := ReadContainers(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) || city.KindOf(err) != city.Invalid {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func FuzzReadContainers(f *testing.F) {
	f.Add("id,lat,lon,litres\na,60,25,660\n")
	f.Add("id;lat;lon;litres;open_from;open_to\n\"a;60;25;660;6:00;7\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ReadContainers(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, c := range p.Containers {
			if c.ID == "" || c.Place.Check() != nil || !(c.Litres >= 1) || !(c.Fill >= 0 && c.Fill <= 1.2) {
				t.Fatalf("taken: %+v", c)
			}
		}
	})
}

func TestProblemsAreGathered(t *testing.T) {
	list := Gather([]Problem{{"a", "x", "h"}, {"", "y", "h"}, {"b", "x", "h"}, {"c", "z", "h"}, {"", "y", "h"}})
	var said []string
	for _, g := range list {
		said = append(said, g.String())
	}
	if got := strings.Join(said, "\n"); got != "2 containers (a, b): each: x. h.\ny. h.\nContainer c: z. h.\ny. h." {
		t.Error(got)
	}
	if got := (Gathered{Containers: strings.Split("abcdefg", ""), What: "x", Help: "h"}).String(); !strings.Contains(got, "7 containers (a, b, c, d, e and 2 more)") {
		t.Error(got)
	}
}
