package console

import (
	"fmt"
	"strings"

	"polity/city"
	"polity/console/frame"
	"polity/room/alert"
)

// The words of alerts on pages; islands/roomwords.ts says the same of what comes later.

func (c *Console) kindWords(kind city.Slug) string {
	key := "alert.kind." + string(kind)
	if c.Forms(key) == nil {
		return readable(kind)
	}
	return c.Say(key)
}

// AlertWords is an alert's title in words, for searches and messages.
func (c *Console) AlertWords(t alert.Title) string {
	of := strings.TrimPrefix(t.Text, "alert.kind.")
	kind := c.kindWords(city.Slug(of))
	var values []string
	for _, v := range t.Values {
		if words := c.alertValue(of, v); words != "" {
			values = append(values, words)
		}
	}
	if len(values) == 0 {
		return kind
	}
	return c.Say("room.titled", "kind", kind, "values", strings.Join(values, ", "))
}

func (c *Console) alertTitle(a *alert.Alert) string { return c.AlertWords(a.Title) }

func (c *Console) alertValue(kind string, v alert.Value) string {
	if v.Number == nil {
		return readable(v.Word)
	}
	words := c.quantity(*v.Number, v.Unit, 1)
	if key := "alert.value." + kind + "." + string(v.Name); c.Forms(key) != nil {
		return c.Say(key, "value", words, "n", *v.Number)
	}
	if v.Unit == "C62" {
		return "" // a bare count says nothing
	}
	return words
}

func (c *Console) alertWhere(a *alert.Alert, d RoomData) string {
	var parts []string
	if a.Camera != "" {
		title := string(a.Camera)
		if k, ok := d.Cameras[title]; ok {
			title = k.Title
		}
		parts = append(parts, title)
	}
	if a.Zone != "" {
		parts = append(parts, readable(a.Zone))
	}
	if a.Camera == "" && a.Asset != "" {
		parts = append(parts, assetWords(a.Asset))
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, ", ")
	case a.Place != nil:
		return c.Say("room.somewhere", "lat", fmt.Sprintf("%.4f", a.Place.Lat), "lon", fmt.Sprintf("%.4f", a.Place.Lon))
	}
	return c.Say("room.nowhere")
}

func assetWords(a alert.Asset) string {
	s := strings.TrimPrefix(strings.TrimPrefix(string(a), "urn:ngsi-ld:"), "urn:polity:")
	return strings.ReplaceAll(s, ":", " ")
}

func (c *Console) alertPriority(a *alert.Alert) frame.Sign {
	shape := "unknown"
	switch a.Rank() {
	case 1:
		shape = "stopped"
	case 2:
		shape = "attention"
	}
	return frame.Sign{Sign: shape, Word: c.Say(fmt.Sprintf("room.priority.%d", a.Rank()))}
}

func (c *Console) alertState(a *alert.Alert, r *frame.Request, d RoomData) string {
	words := c.Say("room.state." + string(a.State))
	switch {
	case a.State == alert.Assigned && a.Assignee == r.Who.ID:
		words = c.Say("room.state.mine")
	case a.State == alert.Assigned:
		words = c.Say("room.state.assignedto", "name", c.personWords(a.Assignee, r, d.People))
	case a.State == alert.Snoozed:
		words = c.Say("room.state.until", "time", r.Clock.Words(a.Until))
	case a.State == alert.Closed && a.Verdict != "":
		words = c.Say("room.verdict." + string(a.Verdict))
	case a.State == alert.Closed:
		words = c.Say("room.verdict.none")
	}
	if a.Quiet {
		words = c.Say("room.isquiet", "state", words)
	}
	return words
}

func (c *Console) personWords(id string, r *frame.Request, people map[string]string) string {
	switch {
	case id == "":
		return c.Say("room.nobody")
	case id == r.Who.ID:
		return c.Say("room.you")
	case people[id] != "":
		return people[id]
	}
	return c.Say("room.colleague")
}

// entryWords says who did what: "Aino acknowledged it."
func (c *Console) entryWords(e alert.Entry, r *frame.Request, people map[string]string) string {
	key := "room.did." + string(e.What)
	if c.Forms(key) == nil {
		return readable(city.Slug(e.What))
	}
	priority := ""
	if e.Priority > 0 {
		priority = c.Say(fmt.Sprintf("room.priority.%d", e.Priority))
	}
	verdict := ""
	if e.Verdict != "" {
		verdict = c.Say("room.verdict." + string(e.Verdict))
	}
	return c.Say(key, "name", c.personWords(e.By, r, people), "to", c.personWords(e.To, r, people), "time", r.Clock.Words(e.At),
		"until", r.Clock.Words(e.Until), "priority", priority, "verdict", verdict)
}
