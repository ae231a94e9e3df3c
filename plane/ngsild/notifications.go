package ngsild

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"polity/internal/delivery"
	"polity/plane/ngsild/problem"
)

// Delivery is a subscription and what became of its notifications, as JSON
// (docs/formats/notifications.md).
type Delivery struct {
	Tenant       string     `json:"tenant,omitempty"`
	Subscription string     `json:"subscription"`
	Endpoint     string     `json:"endpoint"` // without user, password and query, which may be keys
	Status       string     `json:"status"`   // of the subscription: active, paused, expired
	Delivery     string     `json:"delivery"` // ok, failed; empty before the first attempt
	Attempts     int64      `json:"attempts"`
	Failed       int64      `json:"failed"`
	InRow        int        `json:"failedInRow"`
	Success      *time.Time `json:"lastSuccess,omitempty"`
	Failure      *time.Time `json:"lastFailure,omitempty"`
	Reason       string     `json:"reason,omitempty"` // of the last failure
	Waiting      int64      `json:"waiting"`
	WaitingBytes int64      `json:"waitingBytes"`
	Dead         int64      `json:"dead"`
	DeadBytes    int64      `json:"deadBytes"`
	Dropped      int64      `json:"dropped"`
}

// Deliveries is the answer to GET.
type Deliveries struct {
	Subscriptions []Delivery `json:"subscriptions"`
}

// Letter is a dead letter as JSON.
type Letter struct {
	Number       int64           `json:"number"`
	Tenant       string          `json:"tenant,omitempty"`
	Subscription string          `json:"subscription"`
	Made         time.Time       `json:"made"`
	Died         time.Time       `json:"died"`
	Attempts     int             `json:"attempts"`
	Reason       string          `json:"reason"`
	Notification json.RawMessage `json:"notification,omitempty"`
}

// Letters is the answer to GET dead. Next is the number to go on behind; 0 at the end.
type Letters struct {
	Letters []Letter `json:"letters"`
	Next    int64    `json:"next,omitempty"`
}

// Order is what POST replay and POST drop take: exactly one of Number, Subscription
// and All.
type Order struct {
	Number       int64  `json:"number,omitempty"`
	Tenant       string `json:"tenant,omitempty"`
	Subscription string `json:"subscription,omitempty"`
	All          bool   `json:"all,omitempty"`
}

// Ordered is the answer: how many dead letters it was.
type Ordered struct {
	Letters int64 `json:"letters"`
}

// Operations serves what operators ask of notifications, under prefix: GET prefix, GET
// prefix/dead, POST prefix/replay, POST prefix/drop. It is for who may see all of the
// city's data. Requests that change something need the content type application/json,
// which no page of another origin can send unasked.
func (s *Server) Operations(prefix string) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, f func(*http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			answer, err := f(r)
			if err == nil && s.subs.queue == nil {
				err = problem.NotSupported("this server sends no notifications")
			}
			var text []byte
			if err == nil {
				text, err = json.Marshal(answer)
			}
			w.Header().Set("Cache-Control", "no-store")
			if err != nil {
				p := problem.From(err)
				if p.Status >= 500 {
					s.log.Error("a request about notifications could not be answered", slog.Any("error", err))
				}
				w.Header().Set("Content-Type", "application/problem+json")
				w.WriteHeader(p.Status)
				_, _ = w.Write(p.Append(nil))
				return
			}
			w.Header().Set("Content-Type", jsonType)
			_, _ = w.Write(text)
		})
	}
	handle("GET "+prefix, s.deliveries)
	handle("GET "+prefix+"/dead", s.letters)
	handle("POST "+prefix+"/replay", s.order((*delivery.Queue).Replay))
	handle("POST "+prefix+"/drop", s.order((*delivery.Queue).Drop))
	handle(prefix+"/", func(r *http.Request) (any, error) {
		return nil, problem.NotFound("there is no %s %s; there are GET %s, GET dead, POST replay and POST drop below it", r.Method, r.URL.Path, prefix)
	})
	return mux
}

func (s *Server) deliveries(r *http.Request) (any, error) {
	if err := known(r.URL.Query()); err != nil {
		return nil, err
	}
	now := s.now()
	out := Deliveries{Subscriptions: []Delivery{}}
	s.subs.mu.RLock()
	for tenant, list := range s.subs.list {
		for id, x := range list {
			out.Subscriptions = append(out.Subscriptions, Delivery{Tenant: tenant, Subscription: id, Endpoint: bare(x.endpoint.uri), Status: x.status(now)})
		}
	}
	s.subs.mu.RUnlock()
	slices.SortFunc(out.Subscriptions, func(a, b Delivery) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Subscription, b.Subscription))
	})
	for i := range out.Subscriptions {
		d := &out.Subscriptions[i]
		if s.subs.queue != nil {
			d.add(s.subs.queue.State(delivery.Receiver{Tenant: d.Tenant, ID: d.Subscription}))
		}
	}
	return out, nil
}

func (d *Delivery) add(x delivery.State) {
	switch {
	case x.Failing():
		d.Delivery = "failed"
	case x.Sent > 0:
		d.Delivery = "ok"
	}
	d.Attempts, d.Failed, d.InRow, d.Reason = x.Sent, x.Failed, x.InRow, x.Reason
	d.Waiting, d.WaitingBytes, d.Dead, d.DeadBytes, d.Dropped = x.Waiting, x.WaitingBytes, x.Dead, x.DeadBytes, x.Dropped
	if !x.Success.IsZero() {
		d.Success = &x.Success
	}
	if !x.Failure.IsZero() {
		d.Failure = &x.Failure
	}
}

// bare is an address without what may be a key.
func bare(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// known refuses parameters that are not among names.
func known(q url.Values, names ...string) error {
	for name := range q {
		if !slices.Contains(names, name) {
			return problem.InvalidRequest("the parameter %q is not known here; there are: %v", name, names)
		}
	}
	return nil
}

func (s *Server) letters(r *http.Request) (any, error) {
	q := r.URL.Query()
	if err := known(q, "tenant", "subscription", "after", "limit", "bodies"); err != nil {
		return nil, err
	}
	var which delivery.Which
	if id := q.Get("subscription"); id != "" {
		which.To = &delivery.Receiver{Tenant: q.Get("tenant"), ID: id}
	} else if q.Has("tenant") {
		return nil, problem.InvalidRequest("tenant belongs to subscription: give both")
	}
	number := func(name string, least, otherwise, most int64) (int64, error) {
		if !q.Has(name) {
			return otherwise, nil
		}
		n, err := strconv.ParseInt(q.Get(name), 10, 64)
		if err != nil || n < least || n > most {
			return 0, problem.InvalidRequest("%s is %q; it is a number from %d to %d", name, q.Get(name), least, most)
		}
		return n, nil
	}
	after, err := number("after", 0, 0, 1<<62)
	if err != nil {
		return nil, err
	}
	limit, err := number("limit", 1, 100, delivery.MaxLetters)
	if err != nil {
		return nil, err
	}
	if s.subs.queue == nil {
		return nil, nil //nolint:nilnil // the caller says so
	}
	list, err := s.subs.queue.Letters(r.Context(), which, after, int(limit), q.Get("bodies") == "true")
	if err != nil {
		return nil, err
	}
	out := Letters{Letters: []Letter{}}
	for _, l := range list {
		out.Letters = append(out.Letters, Letter{l.Number, l.To.Tenant, l.To.ID, l.Made, l.Died, l.Attempts, l.Reason, l.Body})
	}
	if len(list) == int(limit) {
		out.Next = list[len(list)-1].Number
	}
	return out, nil
}

// order carries out replay or drop.
func (s *Server) order(do func(*delivery.Queue, context.Context, delivery.Which) (int64, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		if err := known(r.URL.Query()); err != nil {
			return nil, err
		}
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != jsonType {
			return nil, problem.MediaType("the content type is %q; give %s", r.Header.Get("Content-Type"), jsonType)
		}
		var o Order
		from := json.NewDecoder(io.LimitReader(r.Body, 64<<10))
		from.DisallowUnknownFields()
		if err := from.Decode(&o); err != nil {
			return nil, problem.InvalidRequest("the body is not an object with number, or subscription and tenant, or all: %v", err)
		}
		if _, err := from.Token(); !errors.Is(err, io.EOF) {
			return nil, problem.InvalidRequest("there is something behind the object")
		}
		which, err := o.which()
		if err != nil || s.subs.queue == nil {
			return nil, err
		}
		n, err := do(s.subs.queue, r.Context(), which)
		return Ordered{n}, err
	}
}

func (o *Order) which() (delivery.Which, error) {
	given := 0
	for _, is := range []bool{o.Number != 0, o.Subscription != "", o.All} {
		if is {
			given++
		}
	}
	switch {
	case given != 1 || o.Tenant != "" && o.Subscription == "":
		return delivery.Which{}, problem.BadRequest("say which dead letters: number, or subscription (with its tenant, if it has one), or all")
	case o.Number < 0:
		return delivery.Which{}, problem.BadRequest("number is %d; 'polity notifications dead' lists them", o.Number)
	case o.Subscription != "":
		return delivery.Which{To: &delivery.Receiver{Tenant: o.Tenant, ID: o.Subscription}}, nil
	}
	return delivery.Which{Number: o.Number}, nil
}
