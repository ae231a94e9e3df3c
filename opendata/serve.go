package opendata

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/plane/rest"
)

// Media types of files.
var media = map[string]string{"csv": "text/csv; charset=utf-8; header=present", "geojson": "application/geo+json"}

// Bounds of what is put together for one reader.
const (
	MaxDays   = 366
	maxSpool  = 256 << 20 // bytes
	maxOpen   = 64        // that are being read
	maxRanges = 20        // of a request; more are answered with the whole file
	chunkTime = 30 * time.Second
	wholeTime = 30 * time.Minute
)

// Handler serves files, schemas, indexes and the catalogue under /data/.
type Handler struct {
	archive *Archive
	about   Catalogue
	log     *slog.Logger
	making  chan struct{} // a place per range that is being put together
	open    chan struct{} // and per one that is being read
}

// NewHandler makes one.
func NewHandler(a *Archive, about Catalogue) *Handler {
	return &Handler{archive: a, about: about, log: a.cfg.Log, making: make(chan struct{}, 4), open: make(chan struct{}, maxOpen)}
}

// ServeHTTP answers GET and HEAD of /data/catalog.ttl, /data/catalog.jsonld and
// /data/SET/FILE. It is the same for everyone, so that every page of the web may read it.
func (s *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "ETag, Last-Modified, Content-Range, Accept-Ranges, Link")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-cache")
	if err := s.serve(w, r); err != nil {
		s.fail(w, r, err)
	}
}

func (s *Handler) serve(w http.ResponseWriter, r *http.Request) error {
	const methods = "GET, HEAD, OPTIONS"
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		w.Header().Set("Allow", methods)
		w.Header().Set("Access-Control-Allow-Methods", methods)
		w.Header().Set("Access-Control-Allow-Headers", "Range, If-None-Match, If-Modified-Since, If-Range")
		w.WriteHeader(http.StatusNoContent)
		return nil
	default:
		w.Header().Set("Allow", methods)
		return &rest.Problem{Status: http.StatusMethodNotAllowed, Detail: "files are read with GET or HEAD"}
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/data/"), "/")
	switch {
	case len(parts) == 1 && (parts[0] == "catalog.ttl" || parts[0] == "catalog.jsonld"):
		return s.catalogue(w, r, parts[0])
	case len(parts) == 2:
		return s.file(w, r, city.Slug(parts[0]), parts[1])
	}
	return city.Errorf(city.NotFound, "there is no such file; /data lists the sets, and each its files")
}

func (s *Handler) file(w http.ResponseWriter, r *http.Request, id city.Slug, name string) error {
	src, err := s.archive.source(id)
	if err != nil {
		return err
	}
	x, err := s.archive.Index(id)
	if err != nil {
		return err
	}
	set := src.Set()
	switch name {
	case "index.json":
		return s.text(w, r, "application/json", public(x), x)
	case "schema.json":
		text, err := Schema(&set, s.about.Base(r), s.about.Licence.URL)
		if err != nil {
			return err
		}
		return s.text(w, r, "application/csvm+json", json.RawMessage(text), nil)
	}
	stem, ending, _ := strings.Cut(name, ".")
	if media[ending] == "" {
		return city.Errorf(city.NotFound, "there is no file %.80q; files of a set end in .csv or .geojson", name)
	}
	w.Header().Set("Link", `<schema.json>; rel="describedby"; type="application/csvm+json", <`+s.about.Licence.URL+`>; rel="license"`)
	if stem == "all" {
		return s.all(w, r, src, x, ending)
	}
	if err := noQuery(r); err != nil {
		return err
	}
	list := x.Days
	if len(stem) == len("2006-01") {
		list = x.Month
	}
	i := find(list, stem)
	if i < 0 {
		return city.Errorf(city.NotFound, "%.80q of %s is not published; /data/%s/index.json lists what is", stem, id, id)
	}
	p := &list[i]
	f, err := os.Open(p.file(s.archive.dir(id), ending))
	if err != nil {
		return err
	}
	defer f.Close()
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-%s.%s"`, id, p.Name, ending))
	s.content(w, r, ending, p.Files[ending].SHA256[:32], p.At, f)
	return nil
}

// public is an index without what is the archive's own.
func public(x *Index) any {
	return struct {
		Set    city.Slug   `json:"set"`
		Days   []Published `json:"days"`
		Months []Published `json:"months"`
	}{x.Set, x.Days, x.Month}
}

func noQuery(r *http.Request) error {
	if r.URL.RawQuery != "" {
		return city.Errorf(city.Invalid, "a file of a day or month has no parameters; all.csv and all.geojson take from and to")
	}
	return nil
}

// content writes a file or the ranges of it that are asked for (RFC 9110, 14). Who
// reads slowly gets time for each part, within bounds.
func (s *Handler) content(w http.ResponseWriter, r *http.Request, ending, tag string, at time.Time, f io.ReadSeeker) {
	h := w.Header()
	h.Set("Content-Type", media[ending])
	h.Set("ETag", `"`+tag+`"`)
	if strings.Count(r.Header.Get("Range"), ",") >= maxRanges {
		r = r.Clone(r.Context())
		r.Header.Del("Range")
	}
	http.ServeContent(&patient{ResponseWriter: w, until: time.Now().Add(wholeTime)}, r, "", at, f)
}

// patient gives each part of an answer its own time to be read.
type patient struct {
	http.ResponseWriter
	until time.Time
}

func (p *patient) Write(b []byte) (n int, err error) {
	for len(b) > 0 {
		next := time.Now().Add(chunkTime)
		if next.After(p.until) {
			next = p.until
		}
		_ = http.NewResponseController(p.ResponseWriter).SetWriteDeadline(next) // a test's writer has none
		part := b[:min(len(b), 32<<10)]
		m, err := p.ResponseWriter.Write(part)
		n += m
		if err != nil {
			return n, err
		}
		b = b[m:]
	}
	return n, nil
}

// Unwrap is for http.ResponseController.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// text writes a small document.
func (s *Handler) text(w http.ResponseWriter, r *http.Request, kind string, v any, x *Index) error {
	if err := noQuery(r); err != nil {
		return err
	}
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	at := time.Time{}
	if x != nil {
		for _, p := range slices.Concat(x.Days, x.Month) {
			if p.At.After(at) {
				at = p.At
			}
		}
	}
	return s.document(w, r, kind, append(body, '\n'), at)
}

func (s *Handler) document(w http.ResponseWriter, r *http.Request, kind string, body []byte, at time.Time) error {
	sum := sha256.Sum256(body)
	w.Header().Set("Content-Type", kind)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
	http.ServeContent(w, r, "", at, strings.NewReader(string(body)))
	return nil
}

// all puts days together: those that are published, and what there is of those that
// are not yet.
func (s *Handler) all(w http.ResponseWriter, r *http.Request, src Source, x *Index, ending string) error {
	set := src.Set()
	from, to, err := s.days(r.URL.RawQuery, x)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s.%s"`, set.ID, ending))
	if !enter(s.open) {
		return errBusy(w)
	}
	defer leave(s.open)
	if !enter(s.making) {
		return errBusy(w)
	}
	f, tag, at, err := s.spool(r.Context(), src, x, from, to, ending)
	leave(s.making)
	if err != nil {
		return err
	}
	defer f.Close()
	s.content(w, r, ending, tag, at, f)
	return nil
}

func enter(places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
		return false
	}
}

func leave(places chan struct{}) { <-places }

func errBusy(w http.ResponseWriter) error {
	w.Header().Set("Retry-After", "5")
	return city.Errorf(city.Unavailable, "too many ranges are being put together now; try again in some seconds, or take the files of days and months")
}

// days reads from and to, days of the city, of which the last is not meant itself.
func (s *Handler) days(raw string, x *Index) (from, to time.Time, err error) {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return from, to, city.Errorf(city.Invalid, "the query string is not percent-encoded right: %w", err)
	}
	tomorrow := midnight(s.archive.today(), 1)
	from, to = x.since().In(s.archive.cfg.Zone), tomorrow
	if x.since().IsZero() {
		from = s.archive.today()
	}
	for name, given := range q {
		t, err := time.ParseInLocation(time.DateOnly, given[0], s.archive.cfg.Zone)
		switch {
		case name != "from" && name != "to":
			return from, to, city.Errorf(city.Invalid, "there is no parameter %.40q here; there are: from, to", name)
		case err != nil || len(given) > 1 || t.Year() < 1970 || t.Year() > 9998:
			return from, to, city.Errorf(city.Invalid, "%s is %.40q; write one day such as 2026-11-29", name, given[0])
		case name == "from":
			from = t
		default:
			to = t
		}
	}
	if to.After(tomorrow) {
		to = tomorrow
	}
	if !from.Before(to) {
		return from, to, city.Errorf(city.Invalid, "from is %s and to is %s; from must come before to, and to is not later than tomorrow", from.Format(time.DateOnly), to.Format(time.DateOnly))
	}
	if midnight(from, MaxDays).Before(to) {
		return from, to, city.Errorf(city.TooLarge, "%s to %s is more than %d days; take the files of months that /data/%s/index.json lists", from.Format(time.DateOnly), to.Format(time.DateOnly), MaxDays, x.Set)
	}
	return from, to, nil
}

// spool writes days into a file that is gone when it is closed.
func (s *Handler) spool(ctx context.Context, src Source, x *Index, from, to time.Time, ending string) (f *os.File, tag string, at time.Time, err error) {
	f, err = os.CreateTemp(s.archive.cfg.Dir, ".spool-*")
	if err != nil {
		return nil, "", at, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, "", at, errors.Join(err, f.Close())
	}
	d := newDigester(&bounded{f, maxSpool})
	if at, err = s.write(ctx, d, src, x, from, to, ending); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, "", at, errors.Join(err, f.Close())
	}
	return f, d.file().SHA256[:32], at, nil
}

type bounded struct {
	to   io.Writer
	left int64
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, city.Errorf(city.TooLarge, "that is more than %d MiB; ask for fewer days, or take the files of days and months", int64(maxSpool)>>20)
	}
	return b.to.Write(p)
}

// write puts published days and others together in the order of time.
func (s *Handler) write(ctx context.Context, to io.Writer, src Source, x *Index, from, until time.Time, ending string) (at time.Time, err error) {
	set := src.Set()
	var parts []string
	open := false // there are days that may still change
	defer func() {
		if open {
			at = time.Time{}
		}
		for _, p := range parts {
			if strings.Contains(p, "/.spool-") {
				err = errors.Join(err, os.Remove(p))
			}
		}
	}()
	for day := from; day.Before(until); day = midnight(day, 1) {
		if err := ctx.Err(); err != nil {
			return at, city.Errorf(city.Unavailable, "the reader left: %w", err)
		}
		if i := find(x.Days, day.Format(time.DateOnly)); i >= 0 {
			parts = append(parts, x.Days[i].file(s.archive.dir(set.ID), ending))
			if x.Days[i].At.After(at) {
				at = x.Days[i].At
			}
			continue
		}
		if midnight(day, Back+1).Before(s.archive.today()) || s.archive.old(set.Keep, midnight(day, 1)) {
			continue // nothing was observed, or it is not kept
		}
		open = true
		name, err := s.day(ctx, src, day, ending)
		if name != "" {
			parts = append(parts, name)
		}
		if err != nil {
			return at, err
		}
	}
	if len(parts) == 0 {
		return at, writers[ending](to, set.Columns).end()
	}
	return at, join(to, ending, parts)
}

// day writes what there is of a day that is not published into a file.
func (s *Handler) day(ctx context.Context, src Source, day time.Time, ending string) (name string, err error) {
	f, err := os.CreateTemp(s.archive.cfg.Dir, ".spool-*")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := writers[ending](&bounded{f, maxSpool}, src.Set().Columns)
	if err := src.Rows(ctx, day, midnight(day, 1), false, w.row); err != nil {
		return f.Name(), err
	}
	return f.Name(), w.end()
}

func (s *Handler) catalogue(w http.ResponseWriter, r *http.Request, name string) error {
	if err := noQuery(r); err != nil {
		return err
	}
	g, at, err := s.about.Graph(s.archive, s.about.Base(r))
	if err != nil {
		return err
	}
	if name == "catalog.ttl" {
		return s.document(w, r, "text/turtle; charset=utf-8", g.Turtle(), at)
	}
	text, err := g.JSONLD()
	if err != nil {
		return err
	}
	return s.document(w, r, "application/ld+json", text, at)
}

var statuses = map[city.Kind]int{
	city.Invalid: http.StatusBadRequest, city.NotFound: http.StatusNotFound, city.Unavailable: http.StatusServiceUnavailable, city.TooLarge: http.StatusRequestEntityTooLarge,
}

func (s *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := &rest.Problem{}
	if !errors.As(err, &p) {
		p.Status, p.Detail = statuses[city.KindOf(err)], err.Error()
		if p.Status == 0 {
			s.log.Error("open data could not be served", slog.String("path", r.URL.Path), slog.Any("error", err))
			p.Status, p.Detail = http.StatusInternalServerError, "this is a fault of Polity; the hub's log says more"
		}
	}
	p.Type, p.Title = "about:blank", http.StatusText(p.Status)
	body, _ := json.Marshal(p) //nolint:errchkjson // texts and a number
	h := w.Header()
	for _, name := range []string{"Content-Disposition", "ETag", "Last-Modified", "Link"} {
		h.Del(name)
	}
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a reader that left needs no answer
	}
}

// Serves says whether a path is of a Handler and not of a page.
func Serves(path string) bool {
	rest, ok := strings.CutPrefix(path, "/data/")
	return ok && (rest == "catalog.ttl" || rest == "catalog.jsonld" || strings.Contains(rest, "/"))
}
