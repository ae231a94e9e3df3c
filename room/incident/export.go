package incident

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"polity/room/alert"
)

//go:embed export.html
var exportHTML string

// Export is how an incident is handed on.
type Export struct {
	// Words are the export's own, by the last part of their key in console/texts
	// (incident.export.KEY), and Title those of an alert.
	Words   func(key string) string
	Title   func(alert.Title) string
	Zone    *time.Location
	City    string
	Version string // of the program
	// People names colleagues by their IDs in place of their roles.
	People bool
}

var exported = template.Must(template.New("export").Parse(exportHTML))

// Write writes a ZIP of incident.html, which needs nothing else, incident.json, and
// SHA256SUMS of both. Of the same incident it is the same bytes. Colleagues stand in it by
// their roles unless IDs were asked for; names never do.
func (x *Export) Write(w io.Writer, d Detail) error {
	d = x.bare(d)
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := exported.Execute(&page, x.view(d)); err != nil {
		return fmt.Errorf("export an incident: %w", err)
	}
	files := []struct {
		name string
		data []byte
	}{{"incident.html", page.Bytes()}, {"incident.json", append(text, '\n')}, {"SHA256SUMS", nil}}
	for _, f := range files[:2] {
		files[2].data = fmt.Appendf(files[2].data, "%x  %s\n", sha256.Sum256(f.data), f.name)
	}
	z := zip.NewWriter(w)
	for _, f := range files {
		part, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Deflate})
		if err != nil {
			return err
		}
		if _, err := part.Write(f.data); err != nil {
			return err
		}
	}
	return z.Close()
}

// bare leaves out whatever names colleagues, or only their names.
func (x *Export) bare(d Detail) Detail {
	d.People = nil
	if x.People {
		return d
	}
	who := func(id string, roles []string) string {
		switch {
		case id == "":
			return ""
		case len(roles) > 0:
			return strings.Join(roles, ", ")
		}
		return "staff"
	}
	var roles []string // of who opened it
	lines := make([]Line, 0, len(d.Timeline))
	for _, l := range d.Timeline {
		if l.What == opened && l.Alert == "" {
			roles = l.Roles
		}
		l.Entry = anonymous(l.Entry, who)
		if l.Item != nil {
			item := *l.Item
			item.By = who(item.By, nil)
			l.Item = &item
		}
		lines = append(lines, l)
	}
	d.Timeline = lines
	d.Incident.By = who(d.Incident.By, roles)
	alerts := make([]*alert.Alert, 0, len(d.Alerts))
	for _, a := range d.Alerts {
		b := *a
		b.Assignee, b.Last = who(a.Assignee, nil), anonymous(a.Last, who)
		alerts = append(alerts, &b)
	}
	d.Alerts = alerts
	return d
}

func anonymous(e alert.Entry, who func(string, []string) string) alert.Entry {
	e.By = who(e.By, e.Roles)
	if e.What == alert.Assign {
		e.To = who(e.To, nil)
	}
	e.Roles = nil
	return e
}

type exportView struct {
	Lang, Title, City, Made string
	Facts                   [][2]string
	Heads                   []string
	Alerts                  [][]string
	TimeHeads               []string
	Lines                   [][]string
	AlertsTitle, LineTitle  string
	Note                    string
}

func (x *Export) view(d Detail) exportView {
	say := x.Words
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(x.zone()).Format("2006-01-02 15:04:05 MST")
	}
	v := exportView{
		Lang: "en", Title: d.Incident.Title, City: x.City, Note: say("note"), AlertsTitle: say("alerts"), LineTitle: say("timeline"),
		Heads:     []string{say("alert"), say("where"), say("begin"), say("end"), say("state")},
		TimeHeads: []string{say("time"), say("what"), say("who"), say("of"), say("text")},
		Facts: [][2]string{
			{say("id"), d.Incident.ID},
			{say("opened"), at(d.Incident.Opened)},
			{say("by"), d.Incident.By},
			{say("closed"), at(d.Incident.Closed)},
			{say("program"), x.Version},
		},
	}
	v.Facts = slices.DeleteFunc(v.Facts, func(f [2]string) bool { return f[1] == "" })
	numbers := map[alert.Key]string{}
	for i, a := range d.Alerts {
		numbers[a.Key] = fmt.Sprint(i + 1)
		where := string(a.Camera)
		if a.Zone != "" {
			where += " " + string(a.Zone)
		}
		if where == "" {
			where = string(a.Asset)
		}
		if a.Place != nil {
			where = strings.TrimSpace(fmt.Sprintf("%s (%.5f, %.5f)", where, a.Place.Lat, a.Place.Lon))
		}
		v.Alerts = append(v.Alerts, []string{numbers[a.Key] + ". " + x.Title(a.Title), where, at(a.Start), at(a.End), strings.TrimSpace(string(a.State) + " " + string(a.Verdict))})
	}
	for _, l := range d.Timeline {
		what, text := string(l.What), l.Text
		if l.Item != nil {
			what, text = string(l.Item.Kind), l.Item.What
		}
		if l.What == alert.Assign && l.To != "" {
			text = l.To
		}
		if l.Verdict != "" {
			text = string(l.Verdict)
		}
		v.Lines = append(v.Lines, []string{at(l.At), what, l.By, numbers[l.Alert], text})
	}
	return v
}

func (x *Export) zone() *time.Location {
	if x.Zone == nil {
		return time.UTC
	}
	return x.Zone
}
