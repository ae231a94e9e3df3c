// Package play shows a case on the officer's own machine: pages on loopback, over
// segments that stay encrypted on disk and are decrypted in memory as they are looked at.
package play

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/subtle"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"polity/city"
	casefile "polity/release/case"
)

//go:embed page
var files embed.FS

var shell = template.Must(template.ParseFS(files, "page/index.html"))

// Idle is after how long without a request the pages end.
const Idle = 30 * time.Minute

// Server is a case as a page. It may be used by many goroutines.
type Server struct {
	c     *casefile.Case
	shelf *casefile.Shelf
	views *casefile.Views

	once string // of the address
	key  string // of each request

	mu       sync.Mutex // of what follows
	used     bool       // the address was
	saving   sync.Mutex // one change of notes at a time
	problems []string
	complete bool
	idle     *time.Timer
}

// New makes the pages of a case that is unlocked. ended is called when nobody asked for
// Idle; nil: nothing is.
func New(c *casefile.Case, shelf *casefile.Shelf, views *casefile.Views, ended func()) *Server {
	s := &Server{c: c, shelf: shelf, views: views, once: secret(), key: secret(), complete: true}
	if ended != nil {
		s.idle = time.AfterFunc(Idle, ended)
	}
	return s
}

func secret() string {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails: the program ends first
	return base64.RawURLEncoding.EncodeToString(b)
}

// Path begins a visit, once.
func (s *Server) Path() string { return "/enter/" + s.once }

// Coming says whether segments still come, and what is wrong with those that came.
func (s *Server) Coming(more bool, problems []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.complete, s.problems = !more, problems
}

const wrongAddress = "This address works once, and was used or is wrong. Run 'polity case play' again for a new one. If you did not open it yourself, somebody else on this machine did."

// Handler serves the pages, to loopback only.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /enter/{once}", s.enter)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { page(w, "") })
	for _, name := range []string{"main.js", "clip.js", "clock.js", "marks.js", "notes.js", "timeline.js", "words.js", "style.css"} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, files, "page/"+name) })
	}
	for pattern, do := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /api/case": s.about, "GET /api/segment/{camera}/{sequence}": s.segment, "GET /api/notes": s.notes, "PUT /api/notes": s.saveNotes,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if !ok || subtle.ConstantTimeCompare([]byte(given), []byte(s.key)) != 1 {
				refuse(w, http.StatusForbidden, wrongAddress)
				return
			}
			if s.idle != nil {
				s.idle.Reset(Idle)
			}
			if err := do(w, r); err != nil {
				status := map[city.Kind]int{city.NotFound: http.StatusNotFound, city.Invalid: http.StatusUnprocessableEntity, city.TooLarge: http.StatusRequestEntityTooLarge, city.Conflict: http.StatusConflict}
				refuse(w, cmp.Or(status[city.KindOf(err)], http.StatusInternalServerError), err.Error())
			}
		})
	}
	return guarded(mux)
}

func refuse(w http.ResponseWriter, status int, words string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "detail": words})
}

// guarded refuses other names than loopback's (rebinding), and sets what a page may do.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			http.Error(w, "Open the address that 'polity case play' printed.", http.StatusMisdirectedRequest)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), display-capture=()")
		next.ServeHTTP(w, r)
	})
}

// enter gives the key of this visit to whoever has the address first.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	right := !s.used && subtle.ConstantTimeCompare([]byte(r.PathValue("once")), []byte(s.once)) == 1
	s.used = s.used || right
	s.mu.Unlock()
	if !right {
		http.Error(w, wrongAddress, http.StatusForbidden)
		return
	}
	page(w, s.key)
}

func page(w http.ResponseWriter, key string) {
	var b bytes.Buffer
	if err := shell.Execute(&b, map[string]string{"Key": key}); err != nil {
		http.Error(w, "this page could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(b.Bytes())
}

// piece is a segment as the page has it: sequence, start and end in milliseconds, 1 where
// no key is there.
type piece [4]int64

// camera is one as the page has it.
type camera struct {
	Camera city.Slug `json:"camera"`
	Codec  string    `json:"codec"` // in words
	Rate   float64   `json:"rate"`  // pictures a second
	Pieces []piece   `json:"pieces"`
	Gaps   []gap     `json:"gaps"`
}

type gap struct {
	From int64  `json:"from"`
	To   int64  `json:"to"`
	Why  string `json:"why"`
}

// unknownEnd is how long a cut segment may go on, where nothing follows it.
const unknownEnd = 12 * time.Second

func (s *Server) about(w http.ResponseWriter, _ *http.Request) error {
	s.mu.Lock()
	complete, problems := s.complete, s.problems
	s.mu.Unlock()
	d := s.c.Details
	cameras := make([]camera, 0, len(d.Cameras))
	for _, name := range d.Cameras {
		cameras = append(cameras, s.camera(name))
	}
	return answer(w, map[string]any{
		"code": s.c.Code(), "office": s.c.Token.Body, "purpose": s.c.Token.Purpose, "order": d.Order, "case": d.Case, "token": s.c.Token.ID,
		"from": d.From.Time().UnixMilli(), "to": d.To.Time().UnixMilli(), "cameras": cameras, "complete": complete, "problems": problems, "version": s.shelf.Version(),
	})
}

func (s *Server) camera(name city.Slug) camera {
	c := camera{Camera: name, Rate: 25, Pieces: []piece{}, Gaps: []gap{}}
	pieces := s.shelf.Pieces(name)
	for i, p := range pieces {
		end := p.End
		if p.Cut {
			end = p.Start.Add(unknownEnd)
			if i+1 < len(pieces) && pieces[i+1].Start.Before(end) {
				end = pieces[i+1].Start
			}
		} else if long := p.End.Sub(p.Start).Seconds(); i == 0 && long > 0 {
			c.Rate = float64(p.Trailer.Pictures) / long
		}
		one := piece{int64(p.Header.Sequence), p.Start.UnixMilli(), end.UnixMilli()}
		if s.shelf.Lacks(p) != "" {
			one[3] = 1
		}
		c.Pieces = append(c.Pieces, one)
		c.Codec = map[bool]string{true: "H.264", false: "H.265"}[p.Header.Media == 1]
		if h := p.Header; h.Gap != 0 {
			c.Gaps = append(c.Gaps, gap{h.GapStart.UnixMilli(), h.Start.UnixMilli(), casefile.Why(h.Gap)})
		}
	}
	return c
}

func answer(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(v)
}

// segment decrypts one for the browser. That it was looked at is on disk before.
func (s *Server) segment(w http.ResponseWriter, r *http.Request) error {
	n, err := strconv.ParseUint(r.PathValue("sequence"), 10, 64)
	if err != nil {
		return city.Errorf(city.NotFound, "there is no such segment")
	}
	p, err := s.shelf.Piece(city.Slug(r.PathValue("camera")), n)
	if err != nil {
		return err
	}
	f, err := s.shelf.Film(p)
	if err != nil {
		return city.Errorf(city.Invalid, "%w", err)
	}
	defer f.Wipe()
	if err := s.views.Add(casefile.View{What: casefile.Looked, Camera: p.Camera(), Sequence: n, Start: p.Start.UnixMilli()}); err != nil {
		return err
	}
	w.Header().Set("Content-Type", fmt.Sprintf("video/mp4; codecs=%q", f.Codec))
	w.Header().Set("Content-Length", strconv.Itoa(len(f.MP4)))
	w.Header().Set("First-Picture", strconv.FormatInt(f.First.Microseconds(), 10)) // after the beginning of the file's time
	_, _ = w.Write(f.MP4)                                                          //nolint:gosec // no page; and where the browser did not wait for it, nobody is to be told
	return nil
}

const maxNotes = 2 << 20

func (s *Server) notes(w http.ResponseWriter, _ *http.Request) error {
	n, revision, err := s.c.Notes()
	if err != nil {
		return err
	}
	return answer(w, map[string]any{"revision": revision, "notes": n})
}

func (s *Server) saveNotes(w http.ResponseWriter, r *http.Request) error {
	s.saving.Lock()
	defer s.saving.Unlock()
	var in struct {
		Revision uint64
		Notes    casefile.Notes
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxNotes))
	d.DisallowUnknownFields()
	err := d.Decode(&in)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			err = nil
		} else if err == nil {
			err = city.Errorf(city.Invalid, "something follows")
		}
	}
	if err != nil {
		return city.Errorf(city.Invalid, "the notes are in no form that this version reads")
	}
	if err := s.views.Add(casefile.View{What: casefile.Noted}); err != nil {
		return err
	}
	revision, err := s.c.SaveNotes(&in.Notes, in.Revision)
	if err != nil {
		return err
	}
	return answer(w, map[string]any{"revision": revision})
}
