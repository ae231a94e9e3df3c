package hub

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"polity/access"
	"polity/city"
	"polity/console"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/log"
	"polity/recording/root"
	"polity/recording/share"
	"polity/release/token"
)

// logFile is the log without what the docket does not need.
type logFile = *log.Log

// statuses are the HTTP statuses of kinds of error.
var statuses = map[city.Kind]int{
	city.Internal: http.StatusInternalServerError, city.Invalid: http.StatusBadRequest, city.NotFound: http.StatusNotFound, city.Conflict: http.StatusConflict,
	city.Forbidden: http.StatusForbidden, city.Unavailable: http.StatusServiceUnavailable, city.TooLarge: http.StatusRequestEntityTooLarge,
}

// caseServer answers one request of the interface for cases.
type caseServer func(c *cases, w http.ResponseWriter, r *http.Request, who access.Who) error

// caseRoutes are the interface for cases (docs/formats/docket.md, "Over HTTP").
var caseRoutes = []struct {
	Route
	serve caseServer
}{
	{Route{"POST " + console.CasesPath, access.CarryCase}, (*cases).postCase},
	{Route{"GET " + console.CasesPath + "/{case}", access.SeeCases}, (*cases).getCase},
	{Route{"GET " + console.CasesPath + "/{case}/requests/{body}", access.CarryCase}, (*cases).getRequest},
	{Route{"POST " + console.CasesPath + "/{case}/answers", access.CarryCase}, (*cases).postAnswer},
	{Route{"GET " + console.CasesPath + "/{case}/answers/{body}", access.CarryCase}, (*cases).getAnswer},
	{Route{"GET " + console.CasesPath + "/{case}/proofs", access.SeeCases}, (*cases).getProofs},
	{Route{"GET " + console.CasesPath + "/{case}/segments", access.CarryCase}, (*cases).getSegments},
	{Route{"GET " + console.CasesPath + "/{case}/segments/{camera}/{segment}", access.CarryCase}, (*cases).getSegment},
	{Route{"GET " + console.CasesPath + "/{case}/hours/{camera}", access.CarryCase}, (*cases).getHours},
	{Route{"GET " + AuditsPath + "/{body}", access.SeeCases}, (*cases).getAudit},
	{Route{"POST " + AuditsPath, access.SeeCases}, (*cases).postAudit},
	{Route{"POST " + HoldsPath + "/{body}", access.CarryCase}, (*cases).postHold},
	{Route{"POST " + HoldsPath, access.CarryCase}, (*cases).postHeld},
}

// noCaseRoute answers what is below the interface's root and nothing of it.
func noCaseRoute(_ *cases, _ http.ResponseWriter, r *http.Request, _ access.Who) error {
	return city.Errorf(city.NotFound, "the interface for cases has no %s %s", r.Method, r.URL.Path)
}

// caseHandler serves one route. Where there are no cases, it says so.
func (h *Hub) caseHandler(serve caseServer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.cases == nil {
			h.refuse(w, r, http.StatusNotFound, "this city keeps no public log, so that nobody can ask for footage here (hub.ledger)")
			return
		}
		who, err := h.atGate(r)
		if err == nil {
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			out := &begun{ResponseWriter: w}
			if err = serve(h.cases, out, r, who); err != nil && out.begun {
				panic(http.ErrAbortHandler) // what was sent is no whole file, and must not pass for one
			}
		}
		if err != nil {
			h.failCase(w, r, err)
		}
	})
}

// begun knows whether an answer has begun.
type begun struct {
	http.ResponseWriter
	begun bool
}

func (b *begun) WriteHeader(status int) {
	b.begun = true
	b.ResponseWriter.WriteHeader(status)
}

func (b *begun) Write(p []byte) (int, error) {
	b.begun = true
	return b.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach what is beneath.
func (b *begun) Unwrap() http.ResponseWriter { return b.ResponseWriter }

func (h *Hub) failCase(w http.ResponseWriter, r *http.Request, err error) {
	status, why := statuses[city.KindOf(err)], err.Error()
	if often, ok := errors.AsType[*tooMany](err); ok {
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", often.seconds())
	}
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		status, why = http.StatusRequestEntityTooLarge, "at most "+strconv.FormatInt(large.Limit, 10)+" bytes are taken here"
	}
	if status == http.StatusInternalServerError {
		h.log.Error("a request about a case failed", slog.String("path", r.URL.Path), slog.Any("error", err))
		why = "the hub failed; its log says why"
	}
	for _, name := range []string{"Content-Length", "Content-Range", "Content-Disposition", "Accept-Ranges"} {
		w.Header().Del(name)
	}
	h.refuse(w, r, status, why)
}

func answerJSON(w http.ResponseWriter, status int, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, err = w.Write(append(text, '\n'))
	return err
}

func (c *cases) postCase(w http.ResponseWriter, r *http.Request, who access.Who) error {
	id, err := c.Submit(r.Context(), who, http.MaxBytesReader(w, r.Body, token.MaxSubmission))
	if err != nil {
		return err
	}
	w.Header().Set("Location", console.CasesPath+"/"+id)
	return answerJSON(w, http.StatusCreated, map[string]string{"id": id})
}

// caseState is what a program reads of a case. Members that are empty are of no meaning
// yet, or not for whoever asks.
type caseState struct {
	ID              string                     `json:"id"`
	Code            string                     `json:"code"`
	Office          city.Slug                  `json:"office"`
	Purpose         entry.Word                 `json:"purpose"`
	CamerasCount    int                        `json:"cameras_count"`
	HoursCount      int                        `json:"hours_count"`
	Cameras         []city.Slug                `json:"cameras,omitempty"`
	From            *time.Time                 `json:"from,omitempty"`
	To              *time.Time                 `json:"to,omitempty"`
	Submitted       time.Time                  `json:"submitted"`
	Expires         time.Time                  `json:"expires"`
	DetailsPublicOn canonical.Day              `json:"details_public_on"`
	Index           *int64                     `json:"index"` // null: the log has not taken it yet
	Public          bool                       `json:"public"`
	Answers         map[share.Body]answerState `json:"answers"`
	Opened          bool                       `json:"opened"`
	Disclosed       bool                       `json:"disclosed"`
}

type answerState struct {
	State  console.CaseAnswer `json:"state"`
	Reason entry.Word         `json:"reason,omitempty"`
	At     *time.Time         `json:"at,omitempty"`
	Count  int64              `json:"count,omitempty"`
	Public bool               `json:"public"`
	Words  string             `json:"words,omitempty"`
}

func (c *cases) getCase(w http.ResponseWriter, r *http.Request, who access.Who) error {
	k, err := c.Case(r.Context(), who, r.PathValue("case"))
	if err != nil {
		return err
	}
	s := caseState{
		ID: k.ID, Code: k.Code, Office: k.Office, Purpose: k.Purpose, CamerasCount: k.Count, HoursCount: k.Hours, Cameras: k.Cameras, Submitted: k.Logged,
		Expires: k.Expires, DetailsPublicOn: canonical.Day(k.DetailsPublicOn.Format(time.DateOnly)), Public: k.Public, Answers: map[share.Body]answerState{}, Opened: k.Opened, Disclosed: k.Disclosed,
	}
	if k.Own {
		s.From, s.To = &k.From, &k.To
	}
	if k.Index >= 0 {
		s.Index = &k.Index
	}
	for i := range k.Bodies {
		b := &k.Bodies[i]
		a := answerState{State: b.State, Reason: b.Reason, Count: b.Shares, Public: b.Public, Words: b.Words}
		if !b.At.IsZero() {
			a.At = &b.At
		}
		s.Answers[b.Body] = a
	}
	return answerJSON(w, http.StatusOK, s)
}

// carrying prepares for a file that may be large, one of few at once.
func (c *cases) carrying(w http.ResponseWriter, r *http.Request) (done func(), err error) {
	select {
	case c.out <- struct{}{}:
	case <-r.Context().Done():
		return nil, city.Errorf(city.Unavailable, "many files are fetched at once: try again")
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(carryTime)) // a server without deadlines has none to move
	return func() { <-c.out }, nil
}

// carryTime is how long one file may take.
const carryTime = 30 * time.Minute

func bodyOf(r *http.Request) (share.Body, error) {
	b := share.Body(r.PathValue("body"))
	if b.Check() != nil {
		return "", city.Errorf(city.NotFound, "there are requests to and answers of court and ombudsman")
	}
	return b, nil
}

func attach(w http.ResponseWriter, name string) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
}

func (c *cases) getRequest(w http.ResponseWriter, r *http.Request, who access.Who) error {
	body, err := bodyOf(r)
	if err != nil {
		return err
	}
	id, err := c.own(r.Context(), who, r.PathValue("case"))
	if err != nil {
		return err
	}
	if err := c.pace.take(fetching, who); err != nil {
		return err
	}
	done, err := c.carrying(w, r)
	if err != nil {
		return err
	}
	defer done()
	sizes, err := seen(r)
	if err != nil {
		return err
	}
	attach(w, token.Code(id)+"-"+string(body)+".request")
	_, err = c.docket.Request(r.Context(), id, body, w, sizes...)
	return err
}

func (c *cases) postAnswer(w http.ResponseWriter, r *http.Request, who access.Who) error {
	until := time.Now().Add(carryTime)
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(until)                   // a server without deadlines has none to move
	_ = control.SetWriteDeadline(until.Add(time.Minute)) // as above
	if err := c.Answer(r.Context(), who, r.PathValue("case"), http.MaxBytesReader(w, r.Body, token.MaxFile)); err != nil {
		return err
	}
	return c.getCase(w, r, who)
}

func (c *cases) getAnswer(w http.ResponseWriter, r *http.Request, who access.Who) error {
	body, err := bodyOf(r)
	if err != nil {
		return err
	}
	id, done, err := c.handing(w, r, who)
	if err != nil {
		return err
	}
	defer done()
	attach(w, token.Code(id)+"-"+string(body)+".answer")
	return c.docket.WriteAnswer(r.Context(), id, body, w)
}

// getProofs writes the proof files one after the other.
func (c *cases) getProofs(w http.ResponseWriter, r *http.Request, who access.Who) error {
	k, err := c.Case(r.Context(), who, r.PathValue("case"))
	if err != nil {
		return err
	}
	var id canonical.Hash
	if err := id.UnmarshalText([]byte(k.ID)); err != nil {
		return err
	}
	files, err := c.docket.Proofs(r.Context(), id)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for _, f := range files {
		if _, err := w.Write(f); err != nil {
			return err
		}
	}
	return nil
}

type segmentListed struct {
	Camera     city.Slug      `json:"camera"`
	Name       string         `json:"name"`
	Sequence   uint64         `json:"sequence"`
	Start      time.Time      `json:"start"`
	Size       int64          `json:"size"`
	HeaderHash canonical.Hash `json:"header_hash"`
}

// handing begins to hand something of a case to whoever may have it. done ends it.
func (c *cases) handing(w http.ResponseWriter, r *http.Request, who access.Who) (id canonical.Hash, done func(), err error) {
	if id, err = c.own(r.Context(), who, r.PathValue("case")); err != nil {
		return id, nil, err
	}
	done, err = c.carrying(w, r)
	return id, done, err
}

func (c *cases) getSegments(w http.ResponseWriter, r *http.Request, who access.Who) error {
	id, done, err := c.handing(w, r, who)
	if err != nil {
		return err
	}
	defer done()
	all, err := c.docket.Segments(r.Context(), id)
	if err != nil {
		return err
	}
	list := make([]segmentListed, 0, len(all))
	for _, s := range all {
		list = append(list, segmentListed{s.Camera, s.Name, s.Sequence, s.Start.UTC(), s.Size, s.HeaderHash})
	}
	return answerJSON(w, http.StatusOK, list)
}

// getHours hands out the segment hashes of a camera's hours that the case touches.
func (c *cases) getHours(w http.ResponseWriter, r *http.Request, who access.Who) error {
	id, done, err := c.handing(w, r, who)
	if err != nil {
		return err
	}
	defer done()
	camera := city.Slug(r.PathValue("camera"))
	attach(w, string(camera)+root.ListFile)
	return c.docket.Hours(r.Context(), id, camera, w)
}

// getSegment hands out ciphertext, from an offset on where the header Range says so
// (RFC 9110, 14.2): one range, open at its end, which is what going on needs.
func (c *cases) getSegment(w http.ResponseWriter, r *http.Request, who access.Who) error {
	id, done, err := c.handing(w, r, who)
	if err != nil {
		return err
	}
	defer done()
	camera, name := city.Slug(r.PathValue("camera")), r.PathValue("segment")
	offset := rangeFrom(r.Header.Get("Range"))
	w.Header().Set("Accept-Ranges", "bytes")
	attach(w, name)
	if offset == 0 {
		return c.docket.Ciphertext(r.Context(), id, camera, name, 0, w)
	}
	return c.segmentFrom(w, r, id, camera, name, offset)
}

// segmentFrom hands out the rest of a segment. How long all of it is, its edge is asked
// when the first byte has come: then it was found to be for this case.
func (c *cases) segmentFrom(w http.ResponseWriter, r *http.Request, id canonical.Hash, camera city.Slug, name string, offset int64) error {
	p := &partly{w: w, begin: func() error {
		size, err := c.docket.Size(r.Context(), camera, name)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Range", "bytes "+strconv.FormatInt(offset, 10)+"-"+strconv.FormatInt(size-1, 10)+"/"+strconv.FormatInt(size, 10))
		w.Header().Set("Content-Length", strconv.FormatInt(size-offset, 10))
		w.WriteHeader(http.StatusPartialContent)
		return nil
	}}
	if err := c.docket.Ciphertext(r.Context(), id, camera, name, offset, p); err != nil || p.begun {
		return err
	}
	size, err := c.docket.Size(r.Context(), camera, name)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
	w.Header().Del("Content-Disposition")
	w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
	return nil
}

// partly begins an answer with the first byte of a part.
type partly struct {
	w     http.ResponseWriter
	begin func() error
	begun bool
}

func (p *partly) Write(b []byte) (int, error) {
	if !p.begun {
		if err := p.begin(); err != nil {
			return 0, err
		}
		p.begun = true
	}
	return p.w.Write(b)
}

// rangeFrom is N of "bytes=N-"; 0 for every other range, which is answered with all.
func rangeFrom(header string) int64 {
	text, ok := strings.CutPrefix(header, "bytes=")
	if !ok {
		return 0
	}
	text, ok = strings.CutSuffix(text, "-")
	n, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil || n < 0 || n >= 1<<40 {
		return 0
	}
	return n
}
