package console

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
)

//go:embed pages/*.html
var sources embed.FS

var pageNames = []string{"map", "cameras", "camera", "edit", "system", "sensors", "sensor", "services", "waste", "wastedriver", "wasteplan", "wastesheets", "wastetables", "power", "powerlight", "powertry", "powersheet", "water", "wateroperation", "watertell", "traffic", "trafficplan", "check", "data", "dataset", "api", "error", "transit", "wall", "orders", "order", "orderform", "crew", "signin", "enrol", "goon", "account", "people", "person", "room", "alert", "precision", "looks", "lookscheck", "lookdetails", "record", "recordentries", "recordentry", "concerned", "rules", "explain", "policies", "proposal", "propose", "notices", "incidents", "decisions", "incident", "handover", "cases", "case", "casenew", "duties"}

// page is what every template gets.
type page struct {
	Template, Title string
	Data            any

	Lang, Theme         string
	About               About
	SignedIn            string // the name of whoever did
	SignIn              string // where to sign in; empty: nobody can
	Door                bool   // signed in through the demo's door
	AsPublic, Built     bool
	Address, OwnAddress string    // of this page; without ?as=public
	Nav                 []navItem // of everyone
	Work                []navItem // of whoever signed in
	Policies            bool      // there is a page about them
	Themes              []themeItem
}

type themeItem struct {
	Value, Name string
	Here        bool
}

func (c *Console) parsePages() error {
	functions := template.FuncMap{
		"t":     c.say.Say,
		"asset": c.bundle.address,
	}
	c.pages = map[string]*template.Template{}
	for _, name := range pageNames {
		t, err := template.New(name).Funcs(functions).ParseFS(sources, "pages/layout.html", "pages/scene.html", "pages/alertpart.html", "pages/rights.html", "pages/dutypart.html", "pages/"+name+".html")
		if err != nil {
			return fmt.Errorf("page %s: %w", name, err)
		}
		c.pages[name] = t
	}
	return nil
}

// render writes a page whole or not at all.
func (c *Console) render(w http.ResponseWriter, r *request, status int, p page) error {
	p.Lang, p.Theme = c.say.Tag.String(), themeOf(r)
	p.About, p.SignedIn, p.AsPublic = c.about, r.signedIn(), r.asPublic
	if c.cfg.Accounts != nil {
		p.SignIn, p.Door = signInAddress(r), r.who.Door && !r.asPublic
	}
	p.Built, p.Policies = len(c.bundle.named) > 0, c.cfg.Policies != nil
	p.Address, p.OwnAddress = r.URL.RequestURI(), without(r, "as")
	p.Nav, p.Work, p.Themes = c.nav(r), c.work(r), c.themes(p.Theme)
	return c.write(w, r, status, p.Template, "layout", p)
}

// write answers with one template of a page, compressed where the reader takes it.
func (c *Console) write(w http.ResponseWriter, r *request, status int, page, name string, data any) error {
	var b bytes.Buffer
	if err := c.pages[page].ExecuteTemplate(&b, name, data); err != nil {
		return fmt.Errorf("page %s: %w", page, err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept-Encoding, Cookie")
	if !takesGzip(r) || b.Len() < 1400 { // one packet needs no packing
		w.WriteHeader(status)
		_, err := w.Write(b.Bytes())
		return gone(err)
	}
	h.Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	z := gzip.NewWriter(w)
	_, err := z.Write(b.Bytes())
	return gone(errors.Join(err, z.Close()))
}

func takesGzip(r *request) bool { return strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") }

// answer writes JSON.
func (c *Console) answer(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "encoding failed", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a reader that left needs no answer
}

func wantsJSON(r *request) bool {
	return r.Method == http.MethodPut || strings.HasPrefix(r.Header.Get("Accept"), "application/json") || r.URL.Path == "/live" || r.URL.Path == "/room/feed" ||
		strings.HasSuffix(r.URL.Path, ".json") || strings.HasPrefix(r.Header.Get("Content-Type"), "application/json")
}

// html says a message some of whose values are HTML already.
func (c *Console) html(key string, values ...any) template.HTML {
	for i := 1; i < len(values); i += 2 {
		switch v := values[i].(type) {
		case template.HTML, int, int64, uint64, uint32, float64:
		default:
			values[i] = template.HTMLEscapeString(fmt.Sprint(v))
		}
	}
	return template.HTML(c.say.Say(key, values...)) //nolint:gosec // messages are ours, values escaped
}

// without returns the request's address without one parameter.
func without(r *request, parameter string) string { return with(r, parameter, "") }

// with returns the request's address with a parameter set to a value, or removed.
func with(r *request, parameter, value string) string {
	u := *r.URL
	q := u.Query()
	if value == "" {
		q.Del(parameter)
	} else {
		q.Set(parameter, value)
	}
	u.RawQuery = q.Encode()
	return u.RequestURI()
}
