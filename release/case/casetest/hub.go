package casetest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"polity/city"
	"polity/ledger/entry"
	"polity/ledger/proof"
	"polity/recording/root"
	"polity/recording/share"
	casefile "polity/release/case"
	"polity/release/token"
)

// Hub is one case's hub, over HTTP. What it gives can be spoilt by Spoil.
type Hub struct {
	// Spoil changes the bytes of a segment on their way; nil: nothing does.
	Spoil func(camera city.Slug, name string, b []byte) []byte
	// Withhold leaves segments out of the list; nil: none.
	Withhold func(*Film) bool
	// Lists are what it gives in place of the true lists of a camera's hours.
	Lists map[city.Slug][]root.List
	// Rosters are the files that follow the first, from version 2 on.
	Rosters [][]byte
	// Unproven is a step of which it gives no proof; empty: none.
	Unproven string
	// Time is the witnesses'.
	Time time.Time

	w *World

	mu      sync.Mutex
	token   *entry.ReleaseRequested
	sent    *token.Submission
	index   map[string]int64
	answers map[share.Body][]byte
}

// NewHub makes the hub of a city.
func NewHub(w *World) *Hub {
	return &Hub{w: w, Time: Asked, index: map[string]int64{}, answers: map[share.Body][]byte{}}
}

// Handler serves it.
func (h *Hub) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, do := range map[string]func(http.ResponseWriter, *http.Request) error{
		"POST /api/v1/cases":                                 h.submit,
		"GET /api/v1/cases/{id}":                             h.state,
		"GET /api/v1/cases/{id}/requests/{body}":             h.request,
		"POST /api/v1/cases/{id}/answers":                    h.answer,
		"GET /api/v1/cases/{id}/answers/{body}":              h.answered,
		"GET /api/v1/cases/{id}/proofs":                      h.proofs,
		"GET /api/v1/cases/{id}/segments":                    h.segments,
		"GET /api/v1/cases/{id}/segments/{camera}/{name...}": h.ciphertext,
		"GET /api/v1/cases/{id}/hours/{camera}":              h.hours,
		"POST /api/v1/record/entries":                        h.publish,
		"GET /log/{path...}":                                 h.log,
		"GET /record/roster/{version}":                       h.roster,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(pattern, "{name...}") { // ciphertext takes its turn by itself
				h.mu.Lock()
				defer h.mu.Unlock()
			}
			if err := do(w, r); err != nil {
				status := map[city.Kind]int{city.NotFound: 404, city.Forbidden: 403, city.Conflict: 409, city.Invalid: 422}[city.KindOf(err)]
				w.Header().Set("Content-Type", "application/problem+json")
				w.WriteHeader(max(status, 400))
				_ = json.NewEncoder(w).Encode(map[string]string{"detail": err.Error()})
			}
		})
	}
	return mux
}

func (h *Hub) append(name string, e entry.Entry) {
	if _, ok := h.index[name]; !ok {
		h.index[name] = h.w.Log.Append(e)
	}
}

func (h *Hub) submit(w http.ResponseWriter, r *http.Request) error {
	s, err := token.ReadSubmission(r.Body)
	if err != nil {
		return err
	}
	e, err := s.Token(&h.w.Roster.Roster, Asked)
	if err != nil {
		return err
	}
	h.token, h.sent = e, s
	h.append("requested", e)
	w.WriteHeader(http.StatusCreated)
	return json.NewEncoder(w).Encode(map[string]any{"id": e.ID})
}

func (h *Hub) films() (list []*Film) {
	for _, c := range h.sent.Cameras {
		begin := len(list)
		for _, f := range h.w.Films[c] {
			if h.sent.Holds(f.Header.Camera, f.Header.Start) != nil {
				continue
			}
			if len(list) > begin && h.sent.Leads(list[begin].Header.Start) { // one of a camera may begin before
				list = list[:begin]
			}
			list = append(list, f)
		}
	}
	return list
}

func (h *Hub) state(w http.ResponseWriter, _ *http.Request) error {
	answers := map[string]any{}
	for _, body := range share.Bodies {
		state := map[string]any{"state": "waiting"}
		if b := h.answers[body]; b != nil {
			said, sum, err := token.ReadAnswer(bytes.NewReader(b), &h.w.Roster.Roster, nil)
			if err != nil {
				return err
			}
			state = map[string]any{"state": "approved", "public": true, "words": token.Words(sum)}
			if e, ok := said.(*entry.ReleaseRefused); ok {
				state["state"], state["reason"] = "refused", e.Reason
			}
		}
		answers[string(body)] = state
	}
	_, opened := h.index["opened"]
	return json.NewEncoder(w).Encode(map[string]any{"id": h.token.ID, "code": token.Code(h.token.ID), "public": true, "index": h.index["requested"], "answers": answers, "opened": opened})
}

// Request is the request file to a body.
func (h *Hub) Request(body share.Body) ([]byte, error) {
	checkpoint := h.w.Log.Checkpoint(h.Time, 0, 1)
	var b bytes.Buffer
	_, err := token.WriteRequest(&b, token.Request, token.Parts{
		Body: body, Consistency: h.w.Log.Consistency(h.w.seen[body], checkpoint), Proof: h.w.Log.Inclusion(h.index["requested"], checkpoint), Secret: h.sent.Details,
	}, func(yield func([]byte, error) bool) {
		for _, f := range h.films() {
			if !yield(f.record(h.w.t, body), nil) {
				return
			}
		}
	})
	h.w.seen[body] = h.w.Log.Tree()
	return b.Bytes(), err
}

func (h *Hub) request(w http.ResponseWriter, r *http.Request) error {
	b, err := h.Request(share.Body(r.PathValue("body")))
	if err != nil {
		return err
	}
	_, err = w.Write(b) //nolint:gosec // no page
	return err
}

func (h *Hub) answer(_ http.ResponseWriter, r *http.Request) error {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	said, _, err := token.ReadAnswer(bytes.NewReader(b), &h.w.Roster.Roster, nil)
	if err != nil {
		return err
	}
	owner, _ := said.By()
	h.append(string(owner), said)
	h.answers[share.Body(owner)] = b
	return nil
}

func (h *Hub) answered(w http.ResponseWriter, r *http.Request) error {
	b, ok := h.answers[share.Body(r.PathValue("body"))]
	if !ok {
		return city.Errorf(city.NotFound, "there is no answer yet")
	}
	_, err := w.Write(b)
	return err
}

func (h *Hub) proofs(w http.ResponseWriter, _ *http.Request) error {
	checkpoint := h.w.Log.Checkpoint(h.Time, 0, 1)
	for name, i := range h.index {
		if name == h.Unproven {
			continue
		}
		if _, err := w.Write(h.w.Log.Inclusion(i, checkpoint)); err != nil {
			return err
		}
	}
	return nil
}

func (h *Hub) approved() error {
	if len(h.answers) < 2 {
		return city.Errorf(city.Forbidden, "both approvals are not public yet")
	}
	return nil
}

func (h *Hub) segments(w http.ResponseWriter, _ *http.Request) error {
	list := []casefile.Offered{}
	for _, f := range h.films() {
		if h.Withhold != nil && h.Withhold(f) {
			continue
		}
		list = append(list, casefile.Offered{Camera: f.Header.Camera, Name: f.Name(), Sequence: f.Header.Sequence, Start: f.Header.Start, Size: f.Size, HeaderHash: f.Header.Hash()})
	}
	return json.NewEncoder(w).Encode(list)
}

// hours are those of a camera: Lists, or those of the films.
func (h *Hub) hours(w http.ResponseWriter, r *http.Request) error {
	if err := h.approved(); err != nil {
		return err
	}
	camera := city.Slug(r.PathValue("camera"))
	lists, ok := h.Lists[camera]
	if !ok {
		lists = h.w.Lists(camera, h.sent.From.Time(), h.sent.To.Time())
	}
	_, err := w.Write(root.AppendLists(nil, lists...)) //nolint:gosec // no page
	return err
}

func (h *Hub) ciphertext(w http.ResponseWriter, r *http.Request) error {
	h.mu.Lock()
	err := h.approved()
	h.mu.Unlock()
	if err != nil {
		return err
	}
	for _, f := range h.w.Films[city.Slug(r.PathValue("camera"))] {
		if f.Name() != r.PathValue("name") {
			continue
		}
		if h.Spoil == nil {
			http.ServeFile(w, r, f.File)
			return nil
		}
		b, err := os.ReadFile(f.File)
		if err != nil {
			return err
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(h.Spoil(f.Header.Camera, f.Name(), b)))
		return nil
	}
	return city.Errorf(city.NotFound, "the recorder does not have this segment any more")
}

func (h *Hub) publish(w http.ResponseWriter, r *http.Request) error {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	e, err := token.SignedEntry(bytes.TrimSpace(b))
	if err == nil {
		err = entry.Verify(e, &h.w.Roster.Roster)
	}
	if err != nil {
		return err
	}
	name := map[entry.Type]string{"release-opened": "opened", "release-details": "details"}[entry.TypeOf(e)]
	h.append(name, e)
	return json.NewEncoder(w).Encode(map[string]any{"entries": []any{map[string]any{"index": h.index[name]}}})
}

func (h *Hub) roster(w http.ResponseWriter, r *http.Request) error {
	n, err := strconv.Atoi(r.PathValue("version"))
	if err != nil || n < 2 || n-2 >= len(h.Rosters) {
		return city.Errorf(city.NotFound, "the city has no such roster")
	}
	_, err = w.Write(h.Rosters[n-2]) //nolint:gosec // no page
	return err
}

func (h *Hub) log(w http.ResponseWriter, r *http.Request) error {
	b, err := h.w.Source(h.Time).Read(r.Context(), r.PathValue("path"), 1<<24)
	if err != nil {
		return err
	}
	_, err = w.Write(b) //nolint:gosec // no page
	return err
}

// Source is the city's log as files, as of a time.
func (w *World) Source(now time.Time) proof.Source { return w.Log.Source(w.Log.Checkpoint(now, 0, 1)) }
