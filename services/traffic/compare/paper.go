package compare

import (
	"fmt"

	"polity/internal/pdf"
)

// Paper is what stands on a report beside the figures.
type Paper struct {
	Title string
	Lines []string          // paragraphs above the figures
	Names map[string]string // of junctions, by id; others go by their ids
}

const small = 9

// PDF returns the comparison as a report for print and files: the same figures, the same bytes.
func (c *Comparison) PDF(p Paper) []byte {
	w := pdf.New()
	w.Text(p.Title, pdf.TitleSize, true, 0)
	a, b := &c.Before.Report, &c.After.Report
	w.Text(fmt.Sprintf("Before: %s. After: %s. Everything here is simulated by %s, over %.0f minutes; nothing was measured on the street, and no real person or vehicle is in it.", a.Control, b.Control, a.SUMO, (c.Before.Record.End-c.Before.Record.Begin)/60), pdf.TextSize, false, 4)
	for _, l := range append(append([]string(nil), p.Lines...), c.notes()...) {
		w.Text(l, pdf.TextSize, false, 3)
	}
	widths := []float64{62, 62, 52}
	head := func(what string) {
		w.Text(what, pdf.HeadSize, true, 12)
		w.Row([]string{"", "before", "after", "change"}, widths, small, true)
	}
	row := func(name string, before, after float64, form string) {
		w.Row([]string{name, fmt.Sprintf(form, before), fmt.Sprintf(form, after), change(before, after)}, widths, small, false)
	}
	head("All")
	row("Delay of a vehicle on its whole way, s", a.Trips.Delay, b.Trips.Delay, "%.1f")
	row("Vehicles that arrived", float64(a.Trips.Finished), float64(b.Trips.Finished), "%.0f")
	row("Vehicles still on their way at the end", float64(a.Trips.OnTheWay), float64(b.Trips.OnTheWay), "%.0f")
	if a.People > 0 && b.People > 0 {
		row("Wait of a person on foot before a crossing, s", a.WalkWait, b.WalkWait, "%.1f")
	}
	for _, j := range c.Junctions {
		name := j.Junction
		if p.Names[name] != "" {
			name = p.Names[name]
		}
		head(name)
		row("All approaches: delay, s", j.Before.Delay, j.After.Delay, "%.1f")
		for _, r := range c.Approaches {
			if r.Junction != j.Junction {
				continue
			}
			where := r.Edge
			if r.Street != "" {
				where = r.Street + " (" + r.Edge + ")"
			}
			row(where+": delay, s", r.Before.Delay, r.After.Delay, "%.1f")
			row(where+": stops of a vehicle", r.Before.Stops, r.After.Stops, "%.2f")
			row(where+": longest queue", float64(r.Before.QueueMax), float64(r.After.QueueMax), "%.0f")
		}
		for _, k := range c.Walks {
			if k.Junction == j.Junction {
				row("On foot, "+k.Crossing+": wait, s", k.Mean[0], k.Mean[1], "%.1f")
				row("On foot, "+k.Crossing+": longest wait, s", k.Longest[0], k.Longest[1], "%.0f")
			}
		}
	}
	return w.File(p.Title)
}
