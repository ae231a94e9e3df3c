package power

import (
	"fmt"
	"html/template"
	"strings"

	"polity/services/power/live"
)

// Measures of the one-line diagram.
const (
	oneLineX, oneLineY = 44, 56
	oneLinePad         = 28
)

// class is how a line is drawn; colour is never alone: what is open is dashed, what
// failed is crossed out, what has a tag has a mark.
func class(l *live.LineView) string {
	switch {
	case l.Faulty:
		return "line faulty"
	case !l.Closed:
		return "line open"
	case l.Live && l.Loading > 1:
		return "line on over"
	case l.Live:
		return "line on"
	}
	return "line"
}

// oneLine draws the network: buses from the source to the right, a branch to a row. With
// links a line leads to where its switch is tried.
func (c *Console) oneLine(p *live.Picture, link func(l *live.LineView) string) template.HTML {
	var b strings.Builder
	wide, high := 0, 0
	at := func(bus int) (x, y int) {
		return oneLinePad + p.Buses[bus].Depth*oneLineX, oneLinePad + p.Buses[bus].Row*oneLineY
	}
	for i := range p.Buses {
		x, y := at(i)
		wide, high = max(wide, x), max(high, y)
	}
	for i := range p.Lines {
		l := &p.Lines[i]
		x1, y1 := at(l.From)
		x2, y2 := at(l.To)
		path := fmt.Sprintf("M%d %dL%d %d", x1, y1, x2, y2)
		switch {
		case l.Tie && y1 == y2:
			path = fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, x1, y1-30, x2, y2-30, x2, y2)
		case y1 != y2 && !l.Tie:
			path = fmt.Sprintf("M%d %dV%dH%d", x1, y1, y2, x2)
		}
		c.stroke(&b, l, path, (x1+x2)/2, (y1+y2)/2, link)
	}
	for i := range p.Buses {
		x, y := at(i)
		c.bus(&b, &p.Buses[i], x, y, 7)
	}
	return c.drawing(p, "oneline", fmt.Sprintf("0 -16 %d %d", wide+oneLinePad, high+oneLinePad+32), b.String(), link != nil)
}

// stroke is one line of a drawing.
func (c *Console) stroke(b *strings.Builder, l *live.LineView, path string, x, y int, link func(l *live.LineView) string) {
	words := template.HTMLEscapeString(c.words(l))
	to := ""
	if link != nil {
		to = link(l)
	}
	if to != "" {
		fmt.Fprintf(b, `<a href="%s" aria-label="%s"><path class="touch" d="%s"/>`, template.HTMLEscapeString(to), template.HTMLEscapeString(c.moveOf(l)), path)
	}
	fmt.Fprintf(b, `<path class="%s" d="%s"><title>%s</title></path>`, class(l), path, words)
	switch {
	case l.Faulty:
		fmt.Fprintf(b, `<text class="cross" x="%d" y="%d">×</text>`, x, y+7)
	case l.Tagged:
		fmt.Fprintf(b, `<path class="tag" d="M%d %dh12v8l-6 5l-6 -5z"/>`, x-6, y-7)
	}
	if to != "" {
		b.WriteString("</a>")
	}
}

func (c *Console) bus(b *strings.Builder, bus *live.BusView, x, y, r int) {
	class, words := "bus on", bus.Name
	if !bus.Live {
		class = "bus off"
	}
	if bus.PU > 0 {
		words = fmt.Sprintf("%s, %.1f %%", bus.Name, 100*bus.PU)
		if bus.PU < lowVoltage {
			class += " low"
		}
	}
	fmt.Fprintf(b, `<circle class="%s" cx="%d" cy="%d" r="%d"><title>%s</title></circle>`, class, x, y, r, template.HTMLEscapeString(words))
}

// lowVoltage is the least that EN 50160 allows, as a part of the nominal.
const lowVoltage = 0.9

func (c *Console) drawing(p *live.Picture, class, box, inside string, linked bool) template.HTML {
	dead := 0
	for i := range p.Buses {
		if !p.Buses[i].Live {
			dead++
		}
	}
	role := "img"
	if linked { // what can be pressed must be found
		role = "group"
	}
	words := c.Say("power.diagram.words", "buses", len(p.Buses), "dead", dead)
	svg := fmt.Sprintf(`<svg class="%s" viewBox="%s" role="%s" aria-label="%s">%s</svg>`, class, box, role, template.HTMLEscapeString(words), inside)
	return template.HTML(svg) //nolint:gosec // numbers, and names that were escaped
}

// words is a line in words: "branch.7, closed, 412 kW, 38 % of its emergency rating".
func (c *Console) words(l *live.LineView) string {
	words := l.Name + ", " + c.lineRow(l).Position
	if l.Live && l.Amperes > 0 {
		words += ", " + flow(l)
	}
	return words
}

// moveOf is what pressing a line's switch would do.
func (c *Console) moveOf(l *live.LineView) string {
	if l.Closed {
		return c.Say("power.try.open", "line", l.Name)
	}
	return c.Say("power.try.close", "line", l.Name)
}

func flow(l *live.LineView) string {
	words := fmt.Sprintf("%.0f kW", max(l.KW, -l.KW))
	if l.Loading > 0 {
		words += fmt.Sprintf(", %.0f %%", 100*l.Loading)
	}
	return words
}

// mapOf draws the network over the city's picture, cut to where its buses are; empty
// where their places are not known.
func (c *Console) mapOf(p *live.Picture, link func(l *live.LineView) string) (drawn template.HTML, known int) {
	var dots []dot
	at := make([]*dot, len(p.Buses))
	for i := range p.Buses {
		if spot := c.Ground.Placed(p.Buses[i].Place, ""); spot.OnMap {
			at[i] = &dot{X: spot.X, Y: spot.Y}
			dots = append(dots, *at[i])
		}
	}
	if len(dots) == 0 {
		return "", 0
	}
	least, most := dots[0], dots[0]
	for _, d := range dots {
		least.X, least.Y, most.X, most.Y = min(least.X, d.X), min(least.Y, d.Y), max(most.X, d.X), max(most.Y, d.Y)
	}
	const margin = 60
	g := c.Ground
	x0, y0 := max(0, least.X-margin), max(0, least.Y-margin)
	wide, high := min(g.Width, most.X+margin)-x0, min(g.Height, most.Y+margin)-y0
	var b strings.Builder
	for _, x := range [][2]string{{"ground-light", g.Light}, {"ground-dark", g.Dark}} {
		fmt.Fprintf(&b, `<image class="%s" href="%s" width="%d" height="%d"/>`, x[0], x[1], g.Width, g.Height)
	}
	for i := range p.Lines {
		l := &p.Lines[i]
		one, other := at[l.From], at[l.To]
		if one == nil || other == nil {
			continue
		}
		c.stroke(&b, l, fmt.Sprintf("M%d %dL%d %d", one.X, one.Y, other.X, other.Y), (one.X+other.X)/2, (one.Y+other.Y)/2, link)
	}
	for i := range p.Buses {
		if at[i] != nil {
			c.bus(&b, &p.Buses[i], at[i].X, at[i].Y, 9)
		}
	}
	return c.drawing(p, "power-map", fmt.Sprintf("%d %d %d %d", x0, y0, wide, high), b.String(), link != nil), len(dots)
}

// dot is a bus on the picture of the map.
type dot struct{ X, Y int }
