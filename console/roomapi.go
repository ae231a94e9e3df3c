package console

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"polity/access"
	"polity/city"
	"polity/console/frame"
	"polity/room/alert"
	"polity/room/queue"
	"polity/room/verdict"
)

// The control room's interface for its own scripts and for programs of the city with a
// token: docs/formats/alerts.md.

// maxRequest bounds a request's body, bytes.
const maxRequest = 256 << 10

// values are the parts of a parameter that may be repeated or hold commas.
func values[T ~string](q url.Values, name string) (out []T) {
	for _, v := range q[name] {
		for part := range strings.SplitSeq(v, ",") {
			if part != "" && !slices.Contains(out, T(part)) {
				out = append(out, T(part))
			}
		}
	}
	return out
}

// alertsQuery reads what a list is narrowed to. Parameters that nobody knows are an error:
// a list that is narrower than it says misleads.
func (c *Console) alertsQuery(q url.Values) (s queue.Query, err error) {
	for name := range q {
		if !slices.Contains([]string{"desk", "kind", "state", "priority", "quiet", "q", "incident", "assignee", "limit", "after", "as"}, name) {
			return s, city.Errorf(city.Invalid, "%s", c.Say("roomapi.unknown", "name", name))
		}
	}
	s = queue.Query{
		Desks: values[city.Slug](q, "desk"), Kinds: values[city.Slug](q, "kind"), States: values[alert.State](q, "state"),
		Quiet: q.Get("quiet"), Text: q.Get("q"), Incident: q.Get("incident"), Assignee: q.Get("assignee"), After: q.Get("after"),
	}
	for _, text := range values[string](q, "priority") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return s, city.Errorf(city.Invalid, "%s", c.Say("roomapi.number", "name", "priority"))
		}
		s.Priorities = append(s.Priorities, n)
	}
	if text := q.Get("limit"); text != "" {
		if s.Limit, err = strconv.Atoi(text); err != nil || s.Limit == 0 {
			return s, city.Errorf(city.Invalid, "%s", c.Say("roomapi.number", "name", "limit"))
		}
	}
	return s, nil
}

func (c *Console) alertsJSON(w http.ResponseWriter, r *frame.Request) error {
	if err := c.hasRoom(); err != nil {
		return err
	}
	s, err := c.alertsQuery(r.URL.Query())
	if err != nil {
		return err
	}
	page, err := c.cfg.Alerts.List(r.Context(), r.Who, s)
	if err != nil {
		return err
	}
	c.Answer(w, http.StatusOK, page)
	return nil
}

func (c *Console) alertJSON(w http.ResponseWriter, r *frame.Request) error {
	if err := c.hasRoom(); err != nil {
		return err
	}
	d, err := c.cfg.Alerts.Alert(r.Context(), r.Who, alert.Key(r.URL.Query().Get("key")))
	if err != nil {
		return err
	}
	c.Answer(w, http.StatusOK, d)
	return nil
}

// handleAlerts does what a script asks about alerts.
func (c *Console) handleAlerts(w http.ResponseWriter, r *frame.Request) error {
	if err := c.hasRoom(); err != nil {
		return err
	}
	var q queue.Request
	if err := c.readRequest(w, r, &q); err != nil {
		return err
	}
	out, err := c.cfg.Alerts.Act(r.Context(), r.Who, q)
	if err != nil {
		return err
	}
	c.Answer(w, http.StatusOK, c.cfg.Alerts.Answer(out))
	return nil
}

// readRequest reads a body that is JSON and says so: a form of another site cannot, without
// asking first. Members that nobody knows, and whatever follows, are errors.
func (c *Console) readRequest(w http.ResponseWriter, r *frame.Request, into any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return city.Errorf(city.Invalid, "%s", c.Say("roomapi.type"))
	}
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	in.DisallowUnknownFields()
	err := in.Decode(into)
	if err == nil && in.More() {
		err = errors.New("something follows it")
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return city.Errorf(city.TooLarge, "%s", c.Say("roomapi.toolarge", "n", maxRequest>>10))
	}
	if err != nil {
		return city.Errorf(city.Invalid, "%s", c.Say("roomapi.unreadable", "why", err.Error()))
	}
	return nil
}

// alertsFeed carries changes of alerts until the reader leaves, their sign-in ends, or the
// hub stops.
func (c *Console) alertsFeed(w http.ResponseWriter, r *frame.Request) error {
	if err := c.hasRoom(); err != nil {
		return err
	}
	leave, err := c.feeds.enter(r.Who.ID)
	if err != nil {
		return c.tooManyFeeds(w, err)
	}
	defer leave()
	ended, err := c.endOf(r)
	if err != nil {
		return err
	}
	asked := values[city.Slug](r.URL.Query(), "desk")
	for _, d := range asked {
		if !slices.Contains(access.Desks(), d) {
			return city.Errorf(city.Invalid, "%s", c.Say("roomapi.desk", "name", string(d)))
		}
	}
	f := queue.Following{Cursor: r.Header.Get("Last-Event-ID"), Desks: func() (desks []city.Slug) {
		for _, d := range access.Desks() {
			if (len(asked) == 0 || slices.Contains(asked, d)) && c.Allowed(r, access.SeeAlerts, access.Service(d)) {
				desks = append(desks, d)
			}
		}
		return desks
	}}
	if f.Cursor == "" {
		f.Cursor = r.URL.Query().Get("from")
	}
	feed, err := c.cfg.Alerts.Feed(f)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	defer context.AfterFunc(c.closing, stop)()
	go func() {
		select {
		case <-ended:
			stop()
		case <-ctx.Done():
		}
	}()
	return frame.Gone(feed(ctx, w))
}

// precision is what everyone may see of verdicts.
type precision struct {
	From  string        `json:"from"`
	Kinds []verdict.Row `json:"kinds"`
}

func (c *Console) precision(ctx context.Context) (precision, error) {
	if c.cfg.Alerts == nil {
		return precision{Kinds: []verdict.Row{}}, nil
	}
	from, rows, err := c.cfg.Alerts.Precision(ctx)
	return precision{from, rows}, err
}

func (c *Console) precisionJSON(w http.ResponseWriter, r *frame.Request) error {
	p, err := c.precision(r.Context())
	if err != nil {
		return err
	}
	c.Answer(w, http.StatusOK, p)
	return nil
}

func (c *Console) precisionCSV(w http.ResponseWriter, r *frame.Request) error {
	p, err := c.precision(r.Context())
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="precision.csv"`)
	return frame.Gone(verdict.CSV(w, p.Kinds))
}
