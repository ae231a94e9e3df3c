package page

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/release/custodian"
	"polity/release/token"
)

//go:embed page.html style.css
var files embed.FS

var pages = template.Must(template.ParseFS(files, "page.html"))

// Idle is after how long without a request the device is locked.
const Idle = 15 * time.Minute

// Server is a device as pages. It locks itself when nobody asks.
type Server struct {
	dir    string
	anchor custodian.Anchor
	secret string // of the address that begins a visit
	clock  func() time.Time

	mu      sync.Mutex // held while a page is made
	device  *custodian.Device
	timer   *time.Timer
	request *custodian.Request
	upload  *os.File
	name    string // of the file that was made
	made    *os.File
	picture []byte
}

// New makes the pages of the device in a state folder, locked.
func New(dir string, anchor custodian.Anchor) *Server {
	b := make([]byte, 18)
	_, _ = rand.Read(b) // never fails: the program ends first
	return &Server{dir: dir, anchor: anchor, secret: base64.RawURLEncoding.EncodeToString(b), clock: time.Now}
}

// Path begins a visit: whoever has it may see the pages.
func (s *Server) Path() string { return "/enter/" + s.secret }

// Close locks the device and removes what was uploaded and made.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lock()
}

func (s *Server) lock() {
	if s.device != nil {
		s.device.Close()
		s.device = nil
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	s.drop()
	s.forget()
}

// drop forgets the request that waits for a decision.
func (s *Server) drop() {
	remove(s.upload)
	s.request, s.upload = nil, nil
}

func (s *Server) forget() {
	remove(s.made)
	s.made, s.name, s.picture = nil, "", nil
}

func remove(f *os.File) {
	if f != nil {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}
}

// Handler serves the pages, to loopback only.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /enter/{secret}", s.enter)
	mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, files, "style.css") })
	for pattern, do := range map[string]func(http.ResponseWriter, *http.Request){
		"GET /{$}": s.home, "POST /unlock": s.unlock, "POST /lock": s.locked, "POST /request": s.examine, "POST /approve": s.approve,
		"POST /refuse": s.refuse, "POST /audit": s.audit, "POST /keys": s.keys, "POST /destroy": s.destroy, "GET /file": s.file, "GET /qr.png": s.qr,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if c, err := r.Cookie(cookie); err != nil || subtle.ConstantTimeCompare([]byte(c.Value), []byte(s.secret)) != 1 {
				http.Error(w, "Open the address that 'polity custodian serve' printed.", http.StatusForbidden)
				return
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			do(w, r)
		})
	}
	return http.NewCrossOriginProtection().Handler(guarded(mux))
}

const cookie = "custodian"

// guarded refuses other names than loopback's (rebinding), and sets what a page may do.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			http.Error(w, "Open the address that 'polity custodian serve' printed.", http.StatusMisdirectedRequest)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func (s *Server) enter(w http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(r.PathValue("secret")), []byte(s.secret)) != 1 {
		http.Error(w, "Open the address that 'polity custodian serve' printed.", http.StatusForbidden)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: s.secret, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode}) //nolint:gosec // loopback has no TLS
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// view is what a page shows.
type view struct {
	Title, Wrong, Check, Code, File string
	Open, Back, Picture             bool
	Status                          custodian.Status
	Lines                           []custodian.Line
}

func (s *Server) show(w http.ResponseWriter, name string, v view, err error) {
	status := http.StatusOK
	if err != nil {
		v.Wrong, status = err.Error(), http.StatusUnprocessableEntity
		if r, ok := errors.AsType[*custodian.Refused](err); ok {
			v.Check, v.Wrong = string(r.Check), r.Err.Error()
		}
	}
	if s.device != nil {
		st, err := s.device.Status(s.clock())
		if err == nil {
			v.Status = st
		}
		v.Open = true
		s.timer.Reset(Idle)
	}
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, v); err != nil {
		http.Error(w, "this page could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// start is the page of a locked or an open device, with what went wrong.
func (s *Server) start(w http.ResponseWriter, err error) {
	if s.device == nil {
		s.show(w, "locked", view{Title: "Locked"}, err)
		return
	}
	st, failed := s.device.Status(s.clock())
	if failed != nil {
		err = failed
	}
	seen := "never"
	if st.Seen.Size > 0 {
		seen = fmt.Sprintf("%d entries, %s", st.Seen.Size, st.Seen.Time.Format("2 January 2006, 15:04 UTC"))
	}
	r := "none yet: 'polity custodian roster' takes one"
	if st.Roster > 0 {
		r = fmt.Sprintf("number %d, of %s", st.Roster, st.City)
	}
	s.show(w, "home", view{Title: "What is to be done", Lines: []custodian.Line{{Label: "Log last seen", Text: seen}, {Label: "Roster", Text: r}, {Label: "Protected by", Text: st.Anchor}}}, err)
}

func (s *Server) home(w http.ResponseWriter, _ *http.Request) {
	s.drop()
	s.start(w, nil)
}

func (s *Server) unlock(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	if s.device == nil {
		d, err := custodian.Unlock(s.dir, s.anchor, r.PostFormValue("passphrase"))
		if err != nil {
			s.start(w, err)
			return
		}
		s.device = d
		s.timer = time.AfterFunc(Idle, s.Close)
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *Server) locked(w http.ResponseWriter, r *http.Request) {
	s.lock()
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

var errLocked = city.Errorf(city.Forbidden, "the device was locked; unlock it and begin again")

// received streams the uploaded file to one of its own.
func (s *Server) received(w http.ResponseWriter, r *http.Request) (*os.File, error) {
	if s.device == nil {
		return nil, errLocked
	}
	r.Body = http.MaxBytesReader(w, r.Body, token.MaxFile+1<<20)
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, city.Errorf(city.Invalid, "no file came")
	}
	part, err := parts.NextPart()
	if err != nil || part.FormName() != "file" {
		return nil, city.Errorf(city.Invalid, "no file came")
	}
	f, err := os.CreateTemp("", "custodian-*")
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(f, part); err != nil {
		remove(f)
		return nil, city.Errorf(city.Invalid, "the file could not be read to its end")
	}
	return f, nil
}

func (s *Server) examine(w http.ResponseWriter, r *http.Request) {
	s.drop()
	f, err := s.received(w, r)
	if err != nil {
		s.start(w, err)
		return
	}
	req, err := s.device.Examine(f)
	if err != nil {
		remove(f)
		s.start(w, err)
		return
	}
	s.request, s.upload = req, f
	s.asked(w, nil)
}

func (s *Server) asked(w http.ResponseWriter, err error) {
	s.show(w, "request", view{Title: "A request for footage", Lines: s.device.Describe(s.request, s.clock()), Code: s.request.Code(), Back: true}, err)
}

// making writes a file that the person then saves.
func (s *Server) making(name string, write func(io.Writer) error) error {
	s.forget()
	f, err := os.CreateTemp("", "custodian-*")
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		remove(f)
		return err
	}
	if err := f.Sync(); err != nil {
		remove(f)
		return err
	}
	s.made, s.name = f, name
	return nil
}

func (s *Server) decide(w http.ResponseWriter, r *http.Request, title string, do func(io.Writer) (*custodian.Answered, error)) {
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	if s.device == nil || s.request == nil {
		s.start(w, city.Errorf(city.Conflict, "there is no request to decide on; choose its file again"))
		return
	}
	var a *custodian.Answered
	err := s.making("answer-"+s.request.Code()+".bin", func(out io.Writer) (err error) {
		a, err = do(out)
		return err
	})
	if err != nil {
		s.asked(w, err)
		return
	}
	s.drop()
	s.picture, err = custodian.QR(a.Entry)
	s.show(w, "result", view{Title: title, Lines: custodian.DescribeAnswer(a), File: s.name, Picture: err == nil, Back: true}, nil)
}

func (s *Server) approve(w http.ResponseWriter, r *http.Request) {
	s.decide(w, r, "Approved", func(out io.Writer) (*custodian.Answered, error) {
		return s.device.Approve(s.request, r.PostFormValue("code"), out)
	})
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request) {
	s.decide(w, r, "Refused", func(out io.Writer) (*custodian.Answered, error) {
		return s.device.Refuse(s.request, entry.Word(r.PostFormValue("reason")), out)
	})
}

func (s *Server) audit(w http.ResponseWriter, r *http.Request) {
	f, err := s.received(w, r)
	if err != nil {
		s.start(w, err)
		return
	}
	defer remove(f)
	var a *custodian.Answered
	var found []custodian.Finding
	err = s.making("audited.bin", func(out io.Writer) (err error) {
		a, found, err = s.device.Audit(f, out)
		return err
	})
	if err != nil {
		s.start(w, err)
		return
	}
	lines := custodian.DescribeAnswer(a)
	for i, x := range found {
		if i == 50 {
			lines = append(lines, custodian.Line{Label: "And more", Text: fmt.Sprint(len(found) - i)})
			break
		}
		lines = append(lines, custodian.Line{Label: "Wrong", Text: fmt.Sprintf("camera %s, segment %d of %s: the share is %s", x.Camera, x.Sequence, x.Start, x.State)})
	}
	s.show(w, "result", view{Title: "Audited", Lines: lines, File: s.name, Back: true}, nil)
}

// keys makes keys of every class for the days ahead, and the file for the log.
func (s *Server) keys(w http.ResponseWriter, _ *http.Request) {
	if s.device == nil {
		s.start(w, errLocked)
		return
	}
	today := canonical.Day(s.clock().UTC().Format(time.DateOnly))
	st, err := s.device.Status(s.clock())
	made, published := 0, 0
	var sum [32]byte
	for _, c := range st.Classes {
		if err == nil {
			var n int
			n, err = s.device.MakeKeys(c.Class, today, 90)
			made += n
		}
	}
	if err == nil {
		err = s.making("keys.statements", func(out io.Writer) (err error) {
			published, sum, err = s.device.Publish(out, today)
			return err
		})
	}
	if err != nil {
		s.start(w, err)
		return
	}
	s.show(w, "result", view{Title: "Keys", File: s.name, Back: true, Lines: []custodian.Line{
		{Label: "Made", Text: fmt.Sprintf("%d key pairs", made)},
		{Label: "For the log", Text: fmt.Sprintf("%d public halves, signed", published)},
		{Label: "Other device", Text: "hand it the keys: 'polity custodian keys share'"},
		{Label: "Words of this file", Text: token.Words(sum)},
	}}, nil)
}

func (s *Server) destroy(w http.ResponseWriter, _ *http.Request) {
	if s.device == nil {
		s.start(w, errLocked)
		return
	}
	st, err := s.device.Status(s.clock())
	if err == nil && st.Seen.Size == 0 {
		err = city.Errorf(city.Conflict, "this device never saw the log, and does not know the day; audit or check a request first")
	}
	n := 0
	var sum [32]byte
	if err == nil {
		err = s.making("destroyed.statements", func(out io.Writer) (err error) {
			n, sum, err = s.device.Destroy(st.Seen.Time, out)
			return err
		})
	}
	if err != nil {
		s.start(w, err)
		return
	}
	s.show(w, "result", view{Title: "Destroyed", File: s.name, Back: true, Lines: []custodian.Line{
		{Label: "Destroyed", Text: fmt.Sprintf("%d epoch keys, as of %s by the log", n, st.Seen.Time.Format("2 January 2006"))},
		{Label: "What this disk cannot promise", Text: "a disk that journals or levels wear may keep old blocks; its encryption covers them"},
		{Label: "Words of this file", Text: token.Words(sum)},
	}}, nil)
}

func (s *Server) file(w http.ResponseWriter, r *http.Request) {
	if s.made == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", s.name))
	http.ServeContent(w, r, "", time.Time{}, s.made)
}

func (s *Server) qr(w http.ResponseWriter, r *http.Request) {
	if s.picture == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	_, _ = w.Write(s.picture)
}
