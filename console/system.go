package console

import (
	"cmp"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"polity/camera/wire"
	"polity/city"
	"polity/console/frame"
	"polity/console/names"
)

type systemRow struct {
	Name                        city.Slug
	Title                       string
	State                       frame.Sign
	What                        template.HTML
	ToDo                        string
	Rate, Delay, Unknown, Clock string
	Frames, Restarts            string
	Heard                       template.HTML
	Shields                     []shieldRow
}

type shieldRow struct {
	State frame.Sign
	Words string
}

type edgeRow struct {
	Name             city.Slug
	State            frame.Sign
	Since            template.HTML
	Waiting, Version string
	Disk             string
	ToDo             []string
}

func (c *Console) systemPage(w http.ResponseWriter, r *frame.Request) error {
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
		row := c.systemRow(k, r.Clock)
		if row.State.Sign != "live" {
			troubled++
		}
		data.Cameras = append(data.Cameras, row)
	}
	for _, e := range edges {
		row := c.edgeRow(e, r.Clock)
		if row.State.Sign != "live" {
			troubled++
		}
		data.Edges = append(data.Edges, row)
	}
	data.Summary = c.Say("system.well")
	if troubled > 0 {
		data.Summary = c.Say("system.troubled", "n", troubled)
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "system", Title: c.Say("system.title"), Data: data})
}

func (c *Console) systemRow(k Camera, at frame.Clock) systemRow {
	now := c.doing(k, at)
	row := systemRow{
		Name: k.Name, Title: k.title(), State: now.State, What: now.What, ToDo: now.ToDo,
		Heard: at.Time(k.Heard), Rate: "–", Delay: "–", Unknown: "–", Clock: "–", Frames: "–", Restarts: "–",
	}
	if k.Heard.IsZero() {
		return row
	}
	s := k.State
	row.Rate = c.Say("system.ratewords", "now", round1(float64(s.PerSecond)), "wanted", round1(float64(s.Wanted)))
	row.Delay = c.Say("system.ms", "n", int(s.Delay.Milliseconds()))
	row.Unknown = c.Say("counts.percent", "n", int(s.Unknown*100+.5))
	row.Frames = c.Say("system.frameswords", "analysed", s.Analysed, "decoded", s.Decoded)
	row.Restarts = c.Number(float64(s.Restarts), 0)
	row.Clock = c.skew(s.ClockSkew)
	for bit := wire.NoDump; bit <= wire.MemoryBounded; bit <<= 1 {
		on := frame.Live(c.Say("shield.on"))
		if s.Shields&bit == 0 {
			on = frame.Attention(c.Say("shield.off"))
		}
		row.Shields = append(row.Shields, shieldRow{on, c.Say("shield." + names.Shields[bit])})
	}
	return row
}

// skew is worth telling from a second on.
func (c *Console) skew(d time.Duration) string {
	switch {
	case d >= time.Second:
		return c.Say("system.clock.ahead", "n", int(d.Seconds()+.5))
	case d <= -time.Second:
		return c.Say("system.clock.behind", "n", int(-d.Seconds()+.5))
	}
	return c.Say("system.clock.right")
}

func (c *Console) edgeRow(e Edge, at frame.Clock) edgeRow {
	row := edgeRow{Name: e.Name, Since: at.Time(e.Since), Version: cmp.Or(e.Version, "–"), Waiting: "–", Disk: "–"}
	if e.Waiting >= 0 {
		row.Waiting = fmt.Sprint(c.Number(float64(e.Waiting), 0))
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
		row.Disk = c.Say("edge.free", "gb", round1(float64(e.Free)/1e9))
	}
	for _, trouble := range []struct {
		is    bool
		shape string
		words string
	}{
		{e.Disk == DiskShort, "attention", c.Say("edge.disk.short")},
		{e.Disk == DiskFull, "stopped", c.Say("edge.disk.full")},
		{e.Disk == DiskBroken, "stopped", c.Say("edge.disk.broken")},
		{e.Lost > 0, "attention", c.Say("edge.gaveup", "n", e.Lost)},
		{e.Connected && !e.Heard.IsZero() && !e.Detector, "attention", c.Say("edge.nodetector")},
	} {
		if trouble.is {
			row.ToDo = append(row.ToDo, trouble.words)
			if key == "connected" {
				key, shape = "trouble", trouble.shape
			}
		}
	}
	row.State = frame.Sign{Sign: shape, Word: c.Say("edge." + key)}
	return row
}
