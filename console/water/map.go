package water

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"polity/service"
	"polity/services/water/live"
)

// Measures of the network's drawing.
const (
	mapWide    = 960.0
	mapPad     = 40.0
	labelsMost = 80 // nodes, beyond which their pressures are not written beside them
)

// shown is what nodes are coloured by: pressure at an hour, or the age of water (h) where
// there are ages.
type shown struct {
	hour int
	age  []float64
}

// drawing draws the network: nodes by pressure at an hour or by age, pipes by how likely a
// leak is there, valves that are closed. Words stand beside what colour says.
func (c *Console) drawing(v *live.View, shows shown) template.HTML {
	hour, size := shows.hour, 8
	if len(v.Nodes) > labelsMost {
		size = 4
	}
	if len(v.Nodes) == 0 {
		return ""
	}
	at, high := scale(v)
	var b strings.Builder
	for i := range v.Links {
		c.drawPipe(&b, &v.Links[i], at)
	}
	for _, x := range v.Valves {
		if !x.Closed {
			continue
		}
		px, py := at(x.Node)
		l := v.Links[x.Link]
		qx, qy := at(l.From + l.To - x.Node)
		fmt.Fprintf(&b, `<rect class="valve" x="%.0f" y="%.0f" width="12" height="12"><title>%s</title></rect>`, px+(qx-px)*.22-6, py+(qy-py)*.22-6,
			template.HTMLEscapeString(c.Say("water.map.valve", "name", x.Name)))
	}
	for i := range v.Nodes {
		n := &v.Nodes[i]
		x, y := at(i)
		node := c.node(n, hour)
		class := "node"
		switch {
		case n.Kind != "junction":
			fmt.Fprintf(&b, `<rect class="source" x="%.0f" y="%.0f" width="20" height="20"><title>%s</title></rect>`, x-10, y-10, template.HTMLEscapeString(n.Name))
			continue
		case n.Dry:
			class += " dry"
		case shows.age != nil:
			class += fmt.Sprintf(" p%d", ageClass(shows.age[i]))
			node.Pressure = fmt.Sprintf("%.0f h", shows.age[i])
		case hour < len(n.Pressure):
			class += fmt.Sprintf(" p%d", pressureClass(n.Pressure[hour]))
		}
		if n.Sensor {
			class += " sensor"
		}
		fmt.Fprintf(&b, `<circle class="%s" cx="%.0f" cy="%.0f" r="%d"><title>%s, %s</title></circle>`, class, x, y, size, template.HTMLEscapeString(n.Name), template.HTMLEscapeString(node.Pressure))
		if len(v.Nodes) <= labelsMost && !n.Dry {
			switch {
			case shows.age != nil:
				fmt.Fprintf(&b, `<text x="%.0f" y="%.0f">%.0f</text>`, x+11, y-8, shows.age[i])
			case hour < len(n.Pressure):
				fmt.Fprintf(&b, `<text x="%.0f" y="%.0f">%.0f</text>`, x+11, y-8, n.Pressure[hour])
			}
		}
	}
	words := c.Say("water.map.words", "nodes", len(v.Nodes), "hour", fmt.Sprintf("%d:00", hour))
	class := "water-map"
	if size < 8 {
		class += " large"
	}
	if shows.age != nil {
		words = c.Say("water.map.words.age", "nodes", len(v.Nodes))
	}
	return template.HTML(fmt.Sprintf(`<svg class="%s" viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">%s</svg>`, class, mapWide, high, template.HTMLEscapeString(words), b.String())) //nolint:gosec // numbers, and names that were escaped
}

func (c *Console) drawPipe(b *strings.Builder, l *live.LinkView, at func(int) (float64, float64)) {
	x1, y1 := at(l.From)
	x2, y2 := at(l.To)
	class, title := "pipe", l.Name
	for k, least := range []float64{0.02, 0.1, 0.3} {
		if l.Chance >= least {
			class = fmt.Sprintf("pipe c%d", k+1)
			title = c.Say("water.map.pipe", "name", l.Name, "percent", service.Chance(l.Chance))
		}
	}
	fmt.Fprintf(b, `<path class="%s" d="M%.0f %.0fL%.0f %.0f"><title>%s</title></path>`, class, x1, y1, x2, y2, template.HTMLEscapeString(title))
	x, y := (x1+x2)/2, (y1+y2)/2
	if l.Leak {
		fmt.Fprintf(b, `<text class="cross" x="%.0f" y="%.0f">×</text><text class="name" x="%.0f" y="%.0f">%s</text>`, x, y+8, x, y-10, template.HTMLEscapeString(l.Name))
	}
	if l.Meter {
		fmt.Fprintf(b, `<rect class="meter" x="%.0f" y="%.0f" width="10" height="10"><title>%s</title></rect>`, x-5, y-5, template.HTMLEscapeString(c.Say("water.map.meter", "name", l.Name)))
	}
}

// scale fits the network into the drawing.
func scale(v *live.View) (at func(node int) (x, y float64), high float64) {
	left, right, low, top := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for i := range v.Nodes {
		left, right = min(left, v.Nodes[i].X), max(right, v.Nodes[i].X)
		low, top = min(low, v.Nodes[i].Y), max(top, v.Nodes[i].Y)
	}
	scale := (mapWide - 2*mapPad) / max(right-left, (top-low)*0.7, 1e-9)
	high = (top-low)*scale + 2*mapPad
	return func(node int) (x, y float64) {
		return mapPad + (v.Nodes[node].X-left)*scale, mapPad + (top-v.Nodes[node].Y)*scale
	}, high
}

// ageClass is the step of an age (h): from 72, from 36, from 18, from 6, and less; colours are
// those of pressures, the oldest as the lowest.
func ageClass(h float64) int {
	for k, from := range []float64{72, 36, 18, 6} {
		if h >= from {
			return k
		}
	}
	return 4
}

// pressureClass is the step of a pressure (m): under 20, 30, 40, 50, and more.
func pressureClass(m float64) int { return int(max(0, min(4, math.Floor(m/10)-1))) }
