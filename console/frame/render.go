package frame

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
)

//go:embed error.html layout.html purposes.html
var sources embed.FS

// Page is what a handler says of its page. The rest, which every template gets beside, is
// filled in by Render.
type Page struct {
	Template, Title string // as Parse names it: "cameras", or "waste/plan"
	Data            any
	shell
}

// shell is what the layout shows around every page.
type shell struct {
	Lang, Theme         string
	City                string
	Demo                bool
	SignedIn            string // the name of whoever did
	SignIn              string // where to sign in; empty: nobody can
	Door                bool   // signed in through the demo's door
	AsPublic, Built     bool
	Address, OwnAddress string    // of this page; without ?as=public
	Nav                 []NavItem // of everyone
	Work                []NavItem // of whoever signed in
	Policies            bool      // there is a page about them
	Themes              []themeItem
}

// parts are parsed into every page.
var parts = []string{"layout.html", "purposes.html"}

// Parse reads the templates of a group of pages: each HTML file of files is one, named
// after it without its ending, behind "GROUP/" unless the group has no name; those in shared
// are parts of all the others. A template "main" is what the layout holds, "head" what it puts
// into the page's head.
func (f *Frame) Parse(group string, files fs.FS, shared ...string) error {
	names, err := fs.Glob(files, "*.html")
	if err != nil {
		return err
	}
	functions := template.FuncMap{"t": f.Say, "asset": f.Asset}
	for _, file := range names {
		if slices.Contains(shared, file) || slices.Contains(parts, file) {
			continue
		}
		name := path.Join(group, strings.TrimSuffix(file, ".html"))
		t, err := template.New(name).Funcs(functions).ParseFS(sources, parts...)
		if err == nil {
			t, err = t.ParseFS(files, append(slices.Clone(shared), file)...)
		}
		if err != nil {
			return fmt.Errorf("page %s: %w", name, err)
		}
		f.pages[name] = t
	}
	return nil
}

// Render writes a page whole or not at all.
func (f *Frame) Render(w http.ResponseWriter, r *Request, status int, p Page) error {
	p.Lang, p.Theme = f.Tag.String(), themeOf(r)
	p.City, p.Demo, p.SignedIn, p.AsPublic = f.cfg.City, f.cfg.Demo, r.SignedIn(), r.AsPublic
	if f.cfg.Accounts {
		p.SignIn, p.Door = signInAddress(r), r.Who.Door && !r.AsPublic
	}
	p.Built, p.Policies = len(f.bundle.named) > 0, f.cfg.Policies
	p.Address, p.OwnAddress = r.URL.RequestURI(), Without(r, "as")
	p.Nav, p.Work = f.cfg.Nav(r)
	here(r, p.Nav)
	here(r, p.Work)
	p.Themes = f.themes(p.Theme)
	return f.Fragment(w, r, status, p.Template, "layout", p)
}

// Fragment answers with one template of a page, compressed where the reader takes it.
func (f *Frame) Fragment(w http.ResponseWriter, r *Request, status int, page, name string, data any) error {
	var b bytes.Buffer
	if err := f.pages[page].ExecuteTemplate(&b, name, data); err != nil {
		return fmt.Errorf("page %s: %w", page, err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept-Encoding, Cookie")
	if !TakesGzip(r) || b.Len() < 1400 { // one packet needs no packing
		w.WriteHeader(status)
		_, err := w.Write(b.Bytes())
		return Gone(err)
	}
	h.Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	z := gzip.NewWriter(w)
	_, err := z.Write(b.Bytes())
	return Gone(errors.Join(err, z.Close()))
}

// TakesGzip reports whether the reader takes what is compressed by gzip.
func TakesGzip(r *Request) bool { return strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") }

// Answer writes JSON.
func (f *Frame) Answer(w http.ResponseWriter, status int, v any) {
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

func wantsJSON(r *Request) bool {
	return r.Method == http.MethodPut || strings.HasPrefix(r.Header.Get("Accept"), "application/json") || r.URL.Path == "/live" || r.URL.Path == "/room/feed" ||
		strings.HasSuffix(r.URL.Path, ".json") || strings.HasPrefix(r.Header.Get("Content-Type"), "application/json")
}

// HTML says a message some of whose values are HTML already.
func (f *Frame) HTML(key string, values ...any) template.HTML {
	for i := 1; i < len(values); i += 2 {
		switch v := values[i].(type) {
		case template.HTML, int, int64, uint64, uint32, float64:
		default:
			values[i] = template.HTMLEscapeString(fmt.Sprint(v))
		}
	}
	return template.HTML(f.Say(key, values...)) //nolint:gosec // messages are ours, values escaped
}
