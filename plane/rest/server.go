package rest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"polity/plane"
	"polity/plane/ngsild/jsonld"
)

// Root is the path under which the API is.
const Root = "/api/v1"

// own begins the ids of entities that the rest of Polity writes.
const own = "urn:polity:"

// Patience bounds how long one answer may take to be found.
const Patience = 20 * time.Second

// Config is what New needs.
type Config struct {
	Store plane.Store
	// Public are the types that everyone may see, Sources those that are kept
	// elsewhere. Types of neither do not exist for who is not trusted.
	Public  []Public
	Sources []Source
	// Trusted says who sees everything and may write; nil: nobody.
	Trusted func(*http.Request) bool
	Zone    *time.Location // in which days begin; nil: UTC
	Title   string         // of the API, such as "Helsinki"
	Licence Licence
	Log     *slog.Logger
	Now     func() time.Time // nil: time.Now
}

// Licence is under which terms data are published.
type Licence struct{ Name, URL string }

// Server answers the API. It is safe for concurrent use.
type Server struct {
	cfg   Config
	store plane.Store
	log   *slog.Logger
	now   func() time.Time
	zone  *time.Location
	names *jsonld.Context // of attributes in conditions
	doc   []byte          // OpenAPI
}

// New checks a configuration and makes a Server.
func New(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, store: cfg.Store, log: cfg.Log, now: cfg.Now, zone: cfg.Zone}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.zone == nil {
		s.zone = time.UTC
	}
	if err := Check(s.public()); err != nil {
		return nil, err
	}
	cache, err := jsonld.NewCache(func(context.Context, string) ([]byte, error) { return nil, errors.New("nothing is fetched") })
	if err != nil {
		return nil, err
	}
	s.names = cache.Core()
	s.doc, err = Document(cfg.Title, cfg.Licence)
	return s, err
}

// public lists the public types, those of sources included.
func (s *Server) public() []Public {
	list := append([]Public(nil), s.cfg.Public...)
	for _, source := range s.cfg.Sources {
		list = append(list, source.Public())
	}
	return list
}

// request is one request being answered.
type request struct {
	*http.Request
	s      *Server
	w      http.ResponseWriter
	route  *route
	id     string // of the entity that the path names
	values *values
	view   view
	accept string // media type of the answer
}

// Serves says whether a path is of the API.
func Serves(path string) bool { return path == Root || strings.HasPrefix(path, Root+"/") }

// ServeHTTP answers a request whose path is Root or begins with it.
func (s *Server) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	ctx, stop := context.WithTimeout(hr.Context(), Patience)
	defer stop()
	r := &request{Request: hr.WithContext(ctx), s: s, w: w}
	r.head()
	if err := r.serve(); err != nil {
		r.fail(err)
	}
}

// head sets what every answer has. Who is trusted by where they sit must not be read
// by a page of others in their browser: such a page sees what everyone sees.
func (r *request) head() {
	h := r.w.Header()
	trusted := r.s.cfg.Trusted != nil && !fromElsewhere(r.Request) && r.s.cfg.Trusted(r.Request)
	r.view = view{all: trusted, public: r.s.public()}
	h.Set("Vary", "Accept, Accept-Encoding, Origin, Sec-Fetch-Site")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	if trusted {
		h.Set("Cache-Control", "private, no-cache")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		return
	}
	h.Set("Cache-Control", "no-cache")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "ETag, Link, Last-Modified")
}

// fromElsewhere says whether a browser sent the request for a page of others.
func fromElsewhere(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || u.Host != r.Host
}

func (r *request) serve() error {
	methods, err := r.find()
	if err != nil {
		return err
	}
	h := r.w.Header()
	if r.Method == http.MethodOptions {
		h.Set("Allow", methods)
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
		h.Set("Access-Control-Allow-Headers", "Accept, If-None-Match")
		h.Set("Access-Control-Max-Age", "86400")
		r.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if r.route == nil {
		h.Set("Allow", methods)
		return refuse(http.StatusMethodNotAllowed, "%s knows the methods %s, not %.20s", r.URL.Path, methods, r.Method)
	}
	if r.values, err = read(r.URL.RawQuery, r.route.parameters, r.s.zone); err != nil {
		return err
	}
	if r.values.words["as"] == "public" {
		r.view.all = false
	}
	if r.route.writes && !r.view.all {
		return refuse(http.StatusForbidden, "changing the city's data needs a token for it: Authorization: Bearer polity_...")
	}
	if r.accept, err = r.negotiate(); err != nil {
		return err
	}
	return r.route.serve(r)
}

// find sets the route, and returns the methods that the path knows.
func (r *request) find() (methods string, err error) {
	path := strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(r.URL.EscapedPath(), Root), "/"), "/")
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if parts[i], err = url.PathUnescape(p); err != nil {
			return "", bad("the path is not percent-encoded right: %v", err)
		}
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var list []string
	for i := range routes {
		id, ok := routes[i].matches(parts)
		if !ok {
			continue
		}
		r.id = id
		list = append(list, routes[i].method)
		if routes[i].method == http.MethodGet {
			list = append(list, http.MethodHead)
		}
		if routes[i].method == method {
			r.route = &routes[i]
		}
	}
	if list == nil {
		return "", refuse(http.StatusNotFound, "there is nothing at this address; %s/openapi.json lists what there is", Root)
	}
	return strings.Join(append(list, http.MethodOptions), ", "), nil
}

func (rt *route) matches(path []string) (id string, ok bool) {
	want := strings.Split(strings.TrimPrefix(rt.path, "/"), "/")
	if len(want) != len(path) {
		return "", false
	}
	for i, part := range want {
		if strings.HasPrefix(part, "{") {
			id = path[i]
			if id == "" {
				return "", false
			}
			continue
		}
		if part != path[i] {
			return "", false
		}
	}
	return id, true
}
