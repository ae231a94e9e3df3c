package witness

import (
	_ "embed"
	"html/template"
	"net/http"
	"time"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// State is what a witness says of a log.
type State struct {
	Origin, Hash string
	Size         int64
	Root         string
	At           time.Time // of the newest cosignature; zero if there is none
	Forks        int       // roots of one size that the log signed since the start
	Trouble      bool      // what is on the disk is not known
}

// States says how each log stands.
func (w *Witness) States() (out []State) {
	for _, name := range w.names {
		l := w.logs[name]
		l.mu.Lock()
		s := State{Origin: name, Hash: Hash(name), Size: l.last.Size, At: l.at, Forks: l.forks, Trouble: !l.known}
		if l.signed != nil {
			s.Root = l.last.Root.String()
		}
		l.mu.Unlock()
		out = append(out, s)
	}
	return out
}

// page says in words what this witness does and how its logs stand.
func (w *Witness) page(rw http.ResponseWriter, _ *http.Request) {
	now := w.watch.Now().UTC()
	type row struct {
		State
		When, Ago string
	}
	var rows []row
	var newest time.Time
	for _, s := range w.States() {
		r := row{State: s}
		if !s.At.IsZero() {
			r.When, r.Ago = s.At.UTC().Format("2 January 2006, 15:04:05 UTC"), ago(now.Sub(s.At))
		}
		if s.At.After(newest) {
			newest = s.At
		}
		rows = append(rows, r)
	}
	_, clock := w.watch.time(newest)
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	rw.Header().Set("Cache-Control", "no-store")
	_ = pageTemplate.Execute(rw, map[string]any{"Name": w.key.name, "Key": w.key.String(), "Logs": rows, "Clock": clock, "Now": now.Format("2 January 2006, 15:04:05 UTC")})
}

func ago(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return "just now"
	case d < 2*time.Hour:
		return d.Round(time.Minute).String()[:len(d.Round(time.Minute).String())-2] + " ago"
	}
	return d.Round(time.Hour).String()[:len(d.Round(time.Hour).String())-4] + " ago"
}
