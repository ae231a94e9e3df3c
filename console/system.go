package console

import (
	"cmp"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"polity/camera/wire"
	"polity/city"
	"polity/console/names"
)

type systemRow struct {
	Name                        city.Slug
	Title                       string
	State                       sign
	What                        template.HTML
	ToDo                        string
	Rate, Delay, Unknown, Clock string
	Frames, Restarts            string
	Heard                       template.HTML
	Shields                     []shieldRow
}

type shieldRow struct {
	State sign
	Words string
}

type edgeRow struct {
	Name             city.Slug
	State            sign
	Since            template.HTML
	Waiting, Version string
	Disk             string
	ToDo             []string
}

func (c *Console) systemPage(w http.ResponseWriter, r *request) error {
	all, err := c.cfg.City.Cameras(r.Context())
	if err != nil {
		return err
	}
	edges, err := c.cfg.City.Edges(r.Context())
	if err != nil {
		return err
	}
	data := struct {
		Summary string
		Cameras []systemRow
		Edges   []edgeRow
	}{}
	troubled := 0
	for _, k := range all {
		row := c.systemRow(k, r.clock)
		if row.State.Sign != "live" {
			troubled++
		}
		data.Cameras = append(data.Cameras, row)
	}
	for _, e := range edges {
		row := c.edgeRow(e, r.clock)
		if row.State.Sign != "live" {
			troubled++
		}
		data.Edges = append(data.Edges, row)
	}
	data.Summary = c.say.Say("system.well")
	if troubled > 0 {
		data.Summary = c.say.Say("system.troubled", "n", troubled)
	}
	return c.render(w, r, http.StatusOK, page{Template: "system", Title: c.say.Say("system.title"), Data: data})
}

func (c *Console) systemRow(k Camera, at clock) systemRow {
	now := c.doing(k, at)
	row := systemRow{
		Name: k.Name, Title: k.title(), State: now.State, What: now.What, ToDo: now.ToDo,
		Heard: at.Time(k.Heard), Rate: "–", Delay: "–", Unknown: "–", Clock: "–", Frames: "–", Restarts: "–",
	}
	if k.Heard.IsZero() {
		return row
	}
	s := k.State
	row.Rate = c.say.Say("system.ratewords", "now", round1(float64(s.PerSecond)), "wanted", round1(float64(s.Wanted)))
	row.Delay = c.say.Say("system.ms", "n", int(s.Delay.Milliseconds()))
	row.Unknown = c.say.Say("counts.percent", "n", int(s.Unknown*100+.5))
	row.Frames = c.say.Say("system.frameswords", "analysed", s.Analysed, "decoded", s.Decoded)
	row.Restarts = c.say.Number(float64(s.Restarts), 0)
	row.Clock = c.skew(s.ClockSkew)
	for bit := wire.NoDump; bit <= wire.MemoryBounded; bit <<= 1 {
		on := sign{"live", c.say.Say("shield.on")}
		if s.Shields&bit == 0 {
			on = sign{"attention", c.say.Say("shield.off")}
		}
		row.Shields = append(row.Shields, shieldRow{on, c.say.Say("shield." + names.Shields[bit])})
	}
	return row
}

// skew is worth telling from a second on.
func (c *Console) skew(d time.Duration) string {
	switch {
	case d >= time.Second:
		return c.say.Say("system.clock.ahead", "n", int(d.Seconds()+.5))
	case d <= -time.Second:
		return c.say.Say("system.clock.behind", "n", int(-d.Seconds()+.5))
	}
	return c.say.Say("system.clock.right")
}

func (c *Console) edgeRow(e Edge, at clock) edgeRow {
	row := edgeRow{Name: e.Name, Since: at.Time(e.Since), Version: cmp.Or(e.Version, "–"), Waiting: "–", Disk: "–"}
	if e.Waiting >= 0 {
		row.Waiting = fmt.Sprint(c.say.Number(float64(e.Waiting), 0))
	}
	key, shape := "connected", "live"
	switch {
	case !e.Connected:
		key, shape = "lost", "stopped"
	case e.Waiting > behind:
		key, shape = "catchingup", "attention"
	}
	if todo := c.todo("edge." + key + ".todo"); todo != "" {
		row.ToDo = append(row.ToDo, todo)
	}
	if !e.Heard.IsZero() {
		row.Disk = c.say.Say("edge.free", "gb", round1(float64(e.Free)/1e9))
	}
	for _, trouble := range []struct {
		is    bool
		shape string
		words string
	}{
		{e.Disk == DiskShort, "attention", c.say.Say("edge.disk.short")},
		{e.Disk == DiskFull, "stopped", c.say.Say("edge.disk.full")},
		{e.Disk == DiskBroken, "stopped", c.say.Say("edge.disk.broken")},
		{e.Lost > 0, "attention", c.say.Say("edge.gaveup", "n", e.Lost)},
		{e.Connected && !e.Heard.IsZero() && !e.Detector, "attention", c.say.Say("edge.nodetector")},
	} {
		if trouble.is {
			row.ToDo = append(row.ToDo, trouble.words)
			if key == "connected" {
				key, shape = "trouble", trouble.shape
			}
		}
	}
	row.State = sign{shape, c.say.Say("edge." + key)}
	return row
}
