package notice

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"polity/city"
)

// Channels is the answer of GET at the root of Operations.
type Channels struct {
	Channels []ChannelState `json:"channels"`
}

// Order says which channel is tried, or which dead letters are put back or forgotten.
type Order struct {
	Channel  string `json:"channel,omitempty"`
	Number   int64  `json:"number,omitempty"`
	Receiver string `json:"receiver,omitempty"` // of a desk: CHANNEL or CHANNEL/MAILBOX
	All      bool   `json:"all,omitempty"`
}

// Ordered is how many dead letters it was.
type Ordered struct {
	Letters int64 `json:"letters"`
}

// Operations serves operators at a path (docs/formats/notices.md). Who may ask is the
// caller's to decide.
func (n *Notices) Operations(path string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, err := n.operate(r, strings.TrimPrefix(r.URL.Path, path))
		status := http.StatusOK
		if err != nil {
			status = statusOf(err)
			answer = struct {
				Type   string `json:"type"`
				Title  string `json:"title"`
				Status int    `json:"status"`
				Detail string `json:"detail"`
			}{"about:blank", http.StatusText(status), status, err.Error()}
		}
		text, err := json.Marshal(answer)
		if err != nil {
			http.Error(w, "encoding failed", http.StatusInternalServerError)
			return
		}
		h := w.Header()
		h.Set("Content-Type", map[bool]string{true: "application/json", false: "application/problem+json"}[status == http.StatusOK])
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(status)
		_, _ = w.Write(text) // a reader that left needs no answer
	})
}

func statusOf(err error) int {
	switch city.KindOf(err) {
	case city.Invalid:
		return http.StatusBadRequest
	case city.NotFound:
		return http.StatusNotFound
	case city.Conflict:
		return http.StatusConflict
	case city.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func (n *Notices) operate(r *http.Request, path string) (any, error) {
	switch r.Method + " " + path {
	case "GET ":
		return Channels{n.Channels()}, known(r)
	case "GET /dead":
		return n.deadLetters(r)
	case "POST /test":
		o, err := order(r)
		if err != nil {
			return nil, err
		}
		if o.Channel == "" || o.Number != 0 || o.Receiver != "" || o.All {
			return nil, city.Errorf(city.Invalid, "say which channel: {\"channel\": NAME}")
		}
		return struct{}{}, n.Test(r.Context(), o.Channel)
	case "POST /replay":
		return n.letters(r, n.Replay)
	case "POST /drop":
		return n.letters(r, n.Drop)
	}
	return nil, city.Errorf(city.NotFound, "there is no such operation on notices")
}

func (n *Notices) letters(r *http.Request, do func(ctx context.Context, number int64, receiver string) (int64, error)) (any, error) {
	o, err := order(r)
	if err != nil {
		return nil, err
	}
	given := 0
	for _, is := range []bool{o.Number != 0, o.Receiver != "", o.All} {
		if is {
			given++
		}
	}
	if given != 1 || o.Number < 0 || o.Channel != "" {
		return nil, city.Errorf(city.Invalid, "say which dead letters: number, or receiver, or all")
	}
	letters, err := do(r.Context(), o.Number, o.Receiver)
	return Ordered{letters}, err
}

func (n *Notices) deadLetters(r *http.Request) (any, error) {
	if err := known(r, "receiver", "after", "limit"); err != nil {
		return nil, err
	}
	q := r.URL.Query()
	numbers := map[string]int64{"after": 0, "limit": 100}
	for name := range numbers {
		if !q.Has(name) {
			continue
		}
		x, err := strconv.ParseInt(q.Get(name), 10, 64)
		if err != nil || x < 0 {
			return nil, city.Errorf(city.Invalid, "%s is %.50q; it is a number from 0 on", name, q.Get(name))
		}
		numbers[name] = x
	}
	return n.Dead(r.Context(), q.Get("receiver"), numbers["after"], int(min(numbers["limit"], 1000)))
}

// known refuses parameters that are not among names.
func known(r *http.Request, names ...string) error {
	for name := range r.URL.Query() {
		if !slices.Contains(names, name) {
			return city.Errorf(city.Invalid, "the parameter %.50q is not known here; there are: %v", name, names)
		}
	}
	return nil
}

// order reads the body of a request that changes something. The content type is one that
// no page sends unasked.
func order(r *http.Request) (o Order, err error) {
	if err := known(r); err != nil {
		return o, err
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return o, city.Errorf(city.Invalid, "the content type is %.50q; give application/json", r.Header.Get("Content-Type"))
	}
	from := json.NewDecoder(io.LimitReader(r.Body, 64<<10))
	from.DisallowUnknownFields()
	if err := from.Decode(&o); err != nil {
		return o, city.Errorf(city.Invalid, "the body is no object with channel, number, receiver or all: %w", err)
	}
	if _, err := from.Token(); !errors.Is(err, io.EOF) {
		return o, city.Errorf(city.Invalid, "there is something behind the object")
	}
	return o, nil
}
