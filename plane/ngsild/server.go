// Package ngsild is the NGSI-LD API (ETSI GS CIM 009 v1.8.1, with purge and order of
// 1.9.1) over the city's data. Entities that other parts of Polity keep are read
// through it, under names of the default vocabulary, and never changed by it.
package ngsild

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"polity/internal/delivery"
	"polity/plane"
	"polity/plane/ngsild/forward"
	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/jsontext"
	"polity/plane/ngsild/problem"
)

// Root is the path under which the API is.
const Root = "/ngsi-ld/v1"

// MaxBody bounds a request's body.
const MaxBody = 16 << 20

// own begins the ids of entities that the rest of Polity writes.
const own = "urn:polity:"

// Config is what a Server needs.
type Config struct {
	Store    plane.Store
	Contexts Remote // where @contexts may be fetched from
	Notify   Remote // where notifications may be sent to
	// Notifications is what they need; nil: no subscription is taken.
	Notifications *Notifications
	Sources       Sources
	// Instances is how many instances of attributes one answer about the past has;
	// 0 is 5000. What is beyond is told by the status 206 (clause 6.3.10).
	Instances int
	Log       *slog.Logger
	Now       func() time.Time // nil: time.Now
}

// Notifications is where changes come from and where notifications wait.
type Notifications struct {
	Feed   plane.Feed // of the store
	Path   string     // of the file that keeps them until their receivers have them
	Limits delivery.Limits
}

// Server answers the API. It is safe for concurrent use.
type Server struct {
	cfg      Config
	store    plane.Store
	contexts *contexts
	cache    *jsonld.Cache
	log      *slog.Logger
	now      func() time.Time
	started  time.Time
	subs     *subscriptions
	tenants  sync.Map // names of tenants that are known to be there
	surveys  sync.Map // by tenant, *turns[*survey]
	registry *registry
	client   *forward.Client
}

// New makes a Server and reads its subscriptions. Close ends what it does in the
// background.
func New(ctx context.Context, cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, store: cfg.Store, log: cfg.Log, now: cfg.Now}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.started = s.now()
	alias := cfg.Sources.Alias
	if alias == "" {
		alias = "polity-" + newID()[:12]
	}
	s.registry, s.client = &registry{s: s}, forward.NewClient(cfg.Sources.Hosts, alias, s.now)
	s.contexts = newContexts(cfg.Store, cfg.Contexts, s.now)
	var err error
	if s.cache, err = jsonld.NewCache(s.contexts.fetch); err != nil {
		return nil, err
	}
	s.contexts.cache = s.cache
	if s.subs, err = openSubscriptions(ctx, s); err != nil {
		return nil, err
	}
	return s, nil
}

// Close ends the sending of notifications. What waits is sent after the next New.
func (s *Server) Close() error { return s.subs.close() }

// NotificationCounts is what all notifications come to; false where there are none.
func (s *Server) NotificationCounts() (delivery.Counts, bool) {
	if s.subs.queue == nil {
		return delivery.Counts{}, false
	}
	return s.subs.queue.Counts(), true
}

// Wanted says whether somebody asks for changes: while it is false, the store need not
// note them in its feed.
func (s *Server) Wanted() bool { return s.subs.wanted.Load() }

// request is one request being answered.
type request struct {
	*http.Request
	s       *Server
	w       http.ResponseWriter
	tenant  string
	path    []string // behind Root, decoded
	query   url.Values
	context *jsonld.Context // of the Link header, or else of the body
	linked  bool            // the context came by a Link header
	link    string          // address of the context that came by a Link header
	given   string          // media type of the body
	asked   asked           // what a query asks for, as it was written

	askedNames []string // attributes that the answer depends on, as stored; nil for any
	accept     string   // what is answered with
}

// ServeHTTP answers a request whose path begins with Root.
func (s *Server) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	r := &request{Request: hr, s: s, w: w}
	if err := r.serve(); err != nil {
		r.refuse(err)
	}
}

func (r *request) serve() error {
	if r.s.CameRound(r.Request) {
		return problem.Loop("the request came back to where it had been: %s stands in its header Via", r.s.client.Alias())
	}
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), Root+"/")
	if !ok {
		return problem.NotFound("the API is under %s", Root)
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(path, "/"), "/") {
		text, err := url.PathUnescape(part)
		if err != nil {
			return problem.BadRequest("the path is not percent-encoded right: %v", err)
		}
		r.path = append(r.path, text)
	}
	var err error
	if r.query, err = parseQuery(r.URL.RawQuery); err != nil {
		return problem.InvalidRequest("the query string is not percent-encoded right: %v", err)
	}
	r.tenant = r.Header.Get("NGSILD-Tenant")
	if !isTenant(r.tenant) {
		return problem.BadRequest("the header NGSILD-Tenant is not a name of at most 40 letters, digits, - and _")
	}
	if r.tenant != "" {
		r.w.Header().Set("NGSILD-Tenant", r.tenant)
	}
	h, methods := find(r.path, r.Method)
	if methods == "" {
		return problem.NotFound("there is no resource %s", r.URL.Path)
	}
	if h.serve == nil {
		r.w.Header().Set("Allow", methods)
		return problem.Method("%s knows the methods %s, not %s", r.URL.Path, methods, r.Method)
	}
	if err := r.checkParameters(h.params); err != nil {
		return err
	}
	if err := r.negotiate(h.geoJSON); err != nil {
		return err
	}
	if err := r.linkContext(); err != nil {
		return err
	}
	return h.serve(r)
}

// parseQuery is url.ParseQuery, but takes the semicolons of NGSI-LD's query languages
// as they are.
func parseQuery(raw string) (url.Values, error) {
	q := url.Values{}
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, err
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, err
		}
		q[name] = append(q[name], value)
	}
	return q, nil
}

func isTenant(s string) bool {
	if len(s) > 40 {
		return false
	}
	return !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
	})
}

// checkParameters refuses parameters that the operation does not know (clause 6.3.20).
func (r *request) checkParameters(known string) error {
	for name := range r.query {
		if !strings.Contains(" "+known+" ", " "+name+" ") {
			return problem.InvalidRequest("the parameter %q is not known here; there are: %s", name, known)
		}
	}
	return nil
}

const contextRel = "http://www.w3.org/ns/json-ld#context"

// linkContext reads the @context of the Link header (clause 6.3.5).
func (r *request) linkContext() error {
	r.context = r.s.cache.Core()
	var found string
	for _, line := range r.Header.Values("Link") {
		for _, link := range splitLinks(line) {
			target, params, ok := strings.Cut(link, ">")
			target = strings.TrimPrefix(strings.TrimSpace(target), "<")
			if !ok || !strings.Contains(params, contextRel) {
				continue
			}
			if found != "" {
				return problem.BadRequest("there is more than one Link header with a @context")
			}
			found = target
		}
	}
	if found == "" {
		return nil
	}
	c, err := r.s.useContext(r.Context(), jsontext.AppendString(nil, found))
	if err != nil {
		return err
	}
	r.context, r.linked, r.link = c, true, found
	return nil
}

// splitLinks splits at commas that are not inside < >.
func splitLinks(s string) []string {
	var out []string
	start, inside := 0, false
	for i := range len(s) {
		switch s[i] {
		case '<':
			inside = true
		case '>':
			inside = false
		case ',':
			if !inside {
				out = append(out, s[start:i])
				start = i + 1
			}
		}
	}
	return append(out, s[start:])
}

// refuse answers with a problem.
func (r *request) refuse(err error) {
	p := problem.From(err)
	if p.Status >= 500 && p.Kind == "InternalError" {
		r.s.log.Error("a request could not be answered", slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Any("error", err))
	}
	h := r.w.Header()
	h.Del("Link")
	h.Set("Content-Type", r.problemType())
	r.w.WriteHeader(p.Status)
	_, _ = r.w.Write(p.Append(nil))
}

// problemType is the media type of a refusal: application/json for those who accept
// that and no problem (RFC 9457), as clause 6.3.2 has it.
func (r *request) problemType() string {
	plain := false
	for part := range strings.SplitSeq(strings.ToLower(strings.Join(r.Header.Values("Accept"), ",")), ",") {
		switch name, _, _ := strings.Cut(part, ";"); strings.TrimSpace(name) {
		case "*/*", "application/*", problemJSON:
			return problemJSON
		case jsonType:
			plain = true
		}
	}
	if plain {
		return jsonType
	}
	return problemJSON
}

// buffers are reused for answers.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 16<<10); return &b }}

// answer writes a body that write appends.
func (r *request) answer(status int, write func(b []byte) []byte) error {
	p := buffers.Get().(*[]byte)
	b := write((*p)[:0])
	h := r.w.Header()
	h.Set("Content-Type", r.accept)
	if r.accept == jsonType {
		if err := r.setLink(); err != nil {
			return err
		}
	}
	r.w.WriteHeader(status)
	_, _ = r.w.Write(b)
	if cap(b) <= 1<<20 {
		*p = b
		buffers.Put(p)
	}
	return nil
}

// setLink names the @context of an answer in application/json.
func (r *request) setLink() error {
	address, err := r.contextAddress()
	if err != nil {
		return err
	}
	r.w.Header().Add("Link", "<"+address+`>; rel="`+contextRel+`"; type="application/ld+json"`)
	return nil
}

// contextAddress is where the @context in use can be had; one that came inside a
// body is kept for it (clause 5.13.1).
func (r *request) contextAddress() (string, error) {
	if r.context.Link != "" {
		return r.absolute(r.context.Link), nil
	}
	id, err := r.s.contexts.keepImplicit(r.Context(), r.context.Source)
	if err != nil {
		return "", err
	}
	return r.absolute(contextsPath + id), nil
}

// absolute is a path of this server as a whole address.
func (r *request) absolute(path string) string {
	if !strings.HasPrefix(path, "/") {
		return path
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return scheme + r.Host + path
}

// inside is the @context for the body of an answer, nil where the Link header has it.
func (r *request) inside() []byte {
	if r.accept == jsonType {
		return nil
	}
	return r.context.Source
}

// readBody reads a body with one of the content types. One without is taken for JSON
// (RFC 9110, section 8.3).
func (r *request) readBody(types ...string) ([]byte, string, error) {
	given, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	given = cmp.Or(strings.ToLower(strings.TrimSpace(given)), jsonType)
	known := false
	for _, t := range types {
		known = known || t == given
	}
	if !known {
		return nil, "", problem.MediaType("the content type is %q; give one of %s", given, strings.Join(types, ", "))
	}
	body, err := io.ReadAll(http.MaxBytesReader(r.w, r.Body, MaxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, "", problem.TooLarge("the body has more than %d bytes", MaxBody)
		}
		return nil, "", problem.InvalidRequest("the body could not be read: %v", err)
	}
	if err := jsontext.Valid(body); err != nil {
		return nil, "", problem.InvalidRequest("the body is not JSON: %v", err)
	}
	return body, given, nil
}

const (
	jsonType  = "application/json"
	ldType    = "application/ld+json"
	geoType   = "application/geo+json"
	mergeType = "application/merge-patch+json"

	problemJSON = "application/problem+json"
)

// object reads a body that is one object, and its @context.
func (r *request) object(types ...string) (jsontext.Object, error) {
	body, given, err := r.readBody(types...)
	if err != nil {
		return nil, err
	}
	r.given = given
	o, ok := jsontext.Parse(body)
	if !ok {
		return nil, problem.InvalidRequest("the body is not a JSON object")
	}
	r.context, err = r.bodyContext(o, given)
	return o, err
}

// bodyContext returns the @context of an object of a body (clause 6.3.5): inside it
// for JSON-LD, in the Link header for JSON.
func (r *request) bodyContext(o jsontext.Object, given string) (*jsonld.Context, error) {
	source := o.Get("@context")
	switch {
	case given == ldType && r.linked:
		return nil, problem.BadRequest("a body in application/ld+json brings its @context; a Link header cannot give another")
	case given == ldType && source == nil:
		return nil, problem.BadRequest("a body in application/ld+json needs a member @context")
	case given != ldType && source != nil:
		return nil, problem.BadRequest("a body in %s has no member @context; name it in a Link header, or use application/ld+json", given)
	case given != ldType:
		return r.context, nil
	}
	return r.s.useContext(r.Context(), source)
}
