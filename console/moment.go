package console

import (
	"slices"
	"strings"
	"time"

	"polity/camera/wire"
	"polity/console/counts"
)

// momentWords says what was counted in the whole view at the moment that is shown,
// or in the last step that has a count: "3 people, 1 bicycle on average from 14:00 to
// 14:15." The slider's script says the same in the same words.
func (c *Console) momentWords(k Camera, d day) string {
	at := d.at
	if at.IsZero() {
		at = d.query.From.Add(time.Duration(d.lastCounted()) * d.query.Step)
	}
	i := int(at.Sub(d.query.From) / d.query.Step)
	from := d.query.From.Add(time.Duration(i) * d.query.Step).In(c.Zone)
	values := []any{"from", from.Format("15:04"), "to", from.Add(d.query.Step).Format("15:04")}
	var parts []string
	for _, class := range classes {
		s, ok := d.wholeView(class)
		if !ok || i < 0 || i >= len(s.Points) || s.Points[i].Covered <= 0 {
			continue
		}
		v := s.Points[i].Value
		switch {
		case v == counts.Withheld && class == wire.Person:
			return c.Say("scene.fewer", append(values, "n", k.Entry.Threshold)...)
		case v == counts.Withheld:
		case round1(v) > 0 || class == wire.Person:
			parts = append(parts, c.Say(countKey(class), "n", round1(v)))
		}
	}
	if len(parts) == 0 {
		return c.Say("scene.nocount", values...)
	}
	return c.Say("scene.mean", append(values, "counts", strings.Join(parts, ", "))...)
}

// lastCounted is the last step in which people were counted, 0 when none was.
func (d day) lastCounted() int {
	s, _ := d.wholeView(wire.Person)
	for i, p := range slices.Backward(s.Points) {
		if p.Covered > 0 {
			return i
		}
	}
	return 0
}
