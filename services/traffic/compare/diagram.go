package compare

import (
	"fmt"
	"html"
	"math"
	"strings"

	"polity/services/traffic/twin"
)

// Measures of a diagram, in pixels.
const (
	diagramWidth  = 900
	diagramHeight = 420
	marginLeft    = 150
	marginTop     = 24
	marginBottom  = 34
	windowSeconds = 600 // of time shown
)

// Diagram draws a corridor's time-space diagram as SVG: time to the right, distance
// upward, red where a junction's signal stops the way along, a grey line per simulated
// vehicle. It shows ten minutes in the middle of the run.
func Diagram(c twin.Corridor, begin, end float64) string {
	from := begin
	if length := end - begin; length > windowSeconds {
		from = begin + math.Floor((length-windowSeconds)/2)
	}
	to := math.Min(end, from+windowSeconds)
	// The record counts seconds from the run's own beginning.
	from, to = from-begin, to-begin
	x := func(t float64) float64 {
		return marginLeft + (t-from)/math.Max(1, to-from)*(diagramWidth-marginLeft-10)
	}
	y := func(d float64) float64 {
		return diagramHeight - marginBottom - d/math.Max(1, c.Length)*(diagramHeight-marginTop-marginBottom)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" font-family="sans-serif" font-size="12">`, diagramWidth, diagramHeight, diagramWidth, diagramHeight)
	fmt.Fprintf(&b, `<title>%s</title><rect width="100%%" height="100%%" fill="#fff"/>`, html.EscapeString("Time-space diagram, simulated: "+title(c)))
	for _, track := range c.Tracks {
		var points strings.Builder
		n := 0
		for _, p := range track {
			if p[0] >= from && p[0] <= to {
				fmt.Fprintf(&points, "%.1f,%.1f ", x(p[0]), y(p[1]))
				n++
			}
		}
		if n > 1 {
			fmt.Fprintf(&b, `<polyline fill="none" stroke="#8a94a6" stroke-width="0.8" points="%s"/>`, strings.TrimSpace(points.String()))
		}
	}
	for _, stop := range c.Junctions {
		red := from
		bar := func(a, z float64, colour string, width float64) {
			if a, z = math.Max(a, from), math.Min(z, to); z > a {
				fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="%s" stroke-width="%g"/>`, x(a), x(z), y(stop.At), y(stop.At), colour, width)
			}
		}
		for _, g := range stop.Greens {
			bar(red, g[0], "#c62828", 5)
			bar(g[0], g[1], "#2e7d32", 2)
			red = math.Max(red, g[1])
		}
		bar(red, to, "#c62828", 5)
		name := stop.Name
		if name == "" {
			name = stop.Junction
		}
		if r := []rune(name); len(r) > 18 {
			name = string(r[:17]) + "…"
		}
		fmt.Fprintf(&b, `<text x="%d" y="%.1f" text-anchor="end">%s</text><text x="%d" y="%.1f" text-anchor="end" fill="#555" font-size="10">%.0f m</text>`, marginLeft-8, y(stop.At)+2, html.EscapeString(name), marginLeft-8, y(stop.At)+14, stop.At)
	}
	bottom := diagramHeight - marginBottom
	for t := from; t <= to+0.5; t += 60 {
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#000"/><text x="%.1f" y="%d" text-anchor="middle">%.0f</text>`, x(t), x(t), bottom, bottom+5, x(t), bottom+18, t)
	}
	fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%d" y2="%d" stroke="#000"/>`, marginLeft, diagramWidth-10, bottom, bottom)
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">seconds of the run</text>`, diagramWidth-10, diagramHeight-2)
	fmt.Fprintf(&b, `<text x="%d" y="14">%s</text></svg>`, marginLeft, html.EscapeString(title(c)))
	return b.String()
}

func title(c twin.Corridor) string {
	if len(c.Junctions) == 0 {
		return "a corridor"
	}
	name := func(s twin.CorridorStop) string {
		if s.Name != "" {
			return s.Name
		}
		return s.Junction
	}
	return name(c.Junctions[0]) + " to " + name(c.Junctions[len(c.Junctions)-1])
}
