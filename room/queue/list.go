package queue

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"polity/access"
	"polity/city"
	"polity/room/alert"
	"polity/room/store"
)

// Query narrows a list. Every field that is set does; the zero Query is all open alerts
// that are not quiet.
type Query struct {
	Desks      []city.Slug
	Kinds      []city.Slug
	States     []alert.State // Closed stands alone: closed ones are listed apart
	Priorities []int         // the rank that counts
	Quiet      string        // "": no; "only"; "all"
	Text       string        // words that all stand in title, kind, key, camera, zone or asset
	Incident   string
	Assignee   string
	Limit      int    // 0: 100; at most MaxLimit
	After      string // Page.Next of the page before
}

// MaxLimit is the most alerts of a page.
const MaxLimit = 500

// Page is a part of a list.
type Page struct {
	Cursor string         `json:"cursor"` // where the feed goes on
	Alerts []*alert.Alert `json:"alerts"`
	Total  int            `json:"total"` // of all that match, of open ones only
	Next   string         `json:"next"`  // empty: this is the last page
	Counts Census         `json:"counts"`
	People People         `json:"people,omitempty"`
}

// People are names of colleagues by their IDs.
type People map[string]string

// Census counts the open alerts that somebody may see; all but Quiet leave quiet ones out.
type Census struct {
	Desk     map[city.Slug]int   `json:"desk"`
	Kind     map[city.Slug]int   `json:"kind"`
	State    map[alert.State]int `json:"state"`
	Priority map[int]int         `json:"priority"` // by rank
	Quiet    int                 `json:"quiet"`
}

func (s *Query) check() error {
	bad := func(format string, args ...any) error { return city.Errorf(city.Invalid, format, args...) }
	for _, d := range s.Desks {
		if !slices.Contains(access.Desks(), d) {
			return bad("desk: there is no desk %.50q; there are %v", string(d), access.Desks())
		}
	}
	for _, k := range s.Kinds {
		if err := k.Check(); err != nil {
			return bad("kind: %w", err)
		}
	}
	for _, x := range s.States {
		if !slices.Contains(alert.States(), x) {
			return bad("state: there is no state %.50q; there are %v", string(x), alert.States())
		}
	}
	if len(s.States) > 1 && slices.Contains(s.States, alert.Closed) {
		return bad("state: closed alerts are listed apart from open ones")
	}
	for _, p := range s.Priorities {
		if p < alert.Highest || p > alert.Lowest {
			return bad("priority: %d is not between %d and %d", p, alert.Highest, alert.Lowest)
		}
	}
	if !slices.Contains([]string{"", "no", "only", "all"}, s.Quiet) {
		return bad("quiet: give no, only or all")
	}
	if len(s.Text) > 200 {
		return bad("q: give at most 200 bytes")
	}
	if s.Limit < 0 || s.Limit > MaxLimit {
		return bad("limit: %d is not between 1 and %d", s.Limit, MaxLimit)
	}
	if s.Limit == 0 {
		s.Limit = 100
	}
	return nil
}

// match says whether an alert is asked for.
func (s *Query) match(h *held, words []string) bool {
	a := h.alert
	has := func(n int, is bool) bool { return n == 0 || is }
	if !has(len(s.Desks), slices.Contains(s.Desks, a.Desk)) || !has(len(s.Kinds), slices.Contains(s.Kinds, a.Kind)) ||
		!has(len(s.States), slices.Contains(s.States, a.State)) || !has(len(s.Priorities), slices.Contains(s.Priorities, a.Rank())) {
		return false
	}
	if (s.Quiet == "" || s.Quiet == "no") && a.Quiet && a.Open() || s.Quiet == "only" && !a.Quiet {
		return false
	}
	if s.Incident != "" && a.Incident != s.Incident || s.Assignee != "" && a.Assignee != s.Assignee {
		return false
	}
	for _, w := range words {
		if !strings.Contains(h.text, w) {
			return false
		}
	}
	return true
}

// mark is a place in a list.
type mark struct {
	Rank  int       `json:"r,omitempty"`
	Start int64     `json:"s"`
	Key   alert.Key `json:"k"`
}

func markOf(a *alert.Alert) mark {
	if !a.Open() {
		return mark{Start: a.Handling.Closed.UnixMilli(), Key: a.Key}
	}
	return mark{a.Rank(), a.Start.UnixMilli(), a.Key}
}

// compare is the order of lists: the most urgent first, then the newest.
func (m mark) compare(n mark) int {
	return cmp.Or(cmp.Compare(m.Rank, n.Rank), cmp.Compare(n.Start, m.Start), cmp.Compare(m.Key, n.Key))
}

func (m mark) String() string {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // numbers and a text
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func parseMark(s string) (*mark, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // the beginning
	}
	text, err := base64.RawURLEncoding.DecodeString(s)
	m := new(mark)
	if err == nil {
		err = json.Unmarshal(text, m)
	}
	if err != nil {
		return nil, city.Errorf(city.Invalid, "after: this is no \"next\" of a list; leave it out to begin anew")
	}
	return m, nil
}

// List returns a page of the alerts that somebody may see.
func (q *Queue) List(ctx context.Context, who access.Who, s Query) (Page, error) {
	if err := s.check(); err != nil {
		return Page{}, err
	}
	after, err := parseMark(s.After)
	if err != nil {
		return Page{}, err
	}
	desks, err := q.see(who)
	if err != nil {
		return Page{}, err
	}
	words := strings.Fields(strings.ToLower(s.Text))
	page := Page{Alerts: []*alert.Alert{}}
	found := q.survey(&s, words, desks, &page)
	if len(s.States) == 1 && s.States[0] == alert.Closed {
		err := q.closed(ctx, &s, words, desks, after, &page)
		page.People = q.people(page.Alerts)
		return page, err
	}
	page.Total = len(found)
	slices.SortFunc(found, func(a, b *alert.Alert) int { return markOf(a).compare(markOf(b)) })
	if after != nil {
		i, _ := slices.BinarySearchFunc(found, *after, func(a *alert.Alert, m mark) int {
			if markOf(a).compare(m) <= 0 {
				return -1
			}
			return 1
		})
		found = found[i:]
	}
	if len(found) > s.Limit {
		found = found[:s.Limit]
		page.Next = markOf(found[s.Limit-1]).String()
	}
	page.Alerts = append(page.Alerts, found...)
	page.People = q.people(page.Alerts)
	return page, nil
}

// see returns the desks that somebody may see, or says which right is missing.
func (q *Queue) see(who access.Who) (map[city.Slug]bool, error) {
	desks := map[city.Slug]bool{}
	for _, d := range q.Desks(who) {
		desks[d] = true
	}
	if len(desks) == 0 {
		return nil, forbidden(q.may(who, access.SeeAlerts, access.Safety))
	}
	return desks, nil
}

// survey counts what is open, and returns what is asked for.
func (q *Queue) survey(s *Query, words []string, desks map[city.Slug]bool, page *Page) (found []*alert.Alert) {
	c := Census{Desk: map[city.Slug]int{}, Kind: map[city.Slug]int{}, State: map[alert.State]int{}, Priority: map[int]int{}}
	q.mu.RLock()
	defer q.mu.RUnlock()
	page.Cursor = q.cursor(q.last)
	for _, h := range q.open {
		if !desks[h.alert.Desk] {
			continue
		}
		if h.alert.Quiet {
			c.Quiet++
		} else {
			c.Desk[h.alert.Desk]++
			c.Kind[h.alert.Kind]++
			c.State[h.alert.State]++
			c.Priority[h.alert.Rank()]++
		}
		if s.match(h, words) {
			found = append(found, h.alert)
		}
	}
	page.Counts = c
	return found
}

// mostRead bounds how many closed alerts one page looks at.
const mostRead = 20_000

// closed reads a page of closed alerts, the newest first. It may be short of its limit and
// have a next all the same: the search goes on there.
func (q *Queue) closed(ctx context.Context, s *Query, words []string, desks map[city.Slug]bool, after *mark, page *Page) error {
	from := mark{Start: 1 << 62}
	if after != nil {
		from = *after
	}
	rows, err := q.db.Read().QueryContext(ctx, "SELECT body FROM alert WHERE closed > 0 AND (closed < ? OR closed = ? AND key > ?) ORDER BY closed DESC, key LIMIT ?", from.Start, from.Start, string(from.Key), mostRead+1)
	if err != nil {
		return store.Kind(err)
	}
	defer rows.Close()
	looked := 0
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return store.Kind(err)
		}
		if looked == mostRead || len(page.Alerts) == s.Limit {
			page.Next = from.String()
			return nil
		}
		looked++
		a, err := read(body)
		if err != nil {
			return err
		}
		from = markOf(a)
		if desks[a.Desk] && s.match(q.hold(a, body), words) {
			page.Alerts = append(page.Alerts, a)
		}
	}
	return store.Kind(rows.Err())
}

// Detail is an alert with all that happened to it.
type Detail struct {
	Alert    *alert.Alert  `json:"alert"`
	Timeline []alert.Entry `json:"timeline"`
	People   People        `json:"people,omitempty"`
}

// Alert returns one that somebody may see; NotFound, too, for one that they may not.
func (q *Queue) Alert(ctx context.Context, who access.Who, key alert.Key) (Detail, error) {
	if err := key.Check(); err != nil {
		return Detail{}, err
	}
	desks, err := q.see(who)
	if err != nil {
		return Detail{}, err
	}
	a, err := q.Lookup(ctx, key)
	if err == nil && !desks[a.Desk] {
		err = noAlert()
	}
	if err != nil {
		return Detail{}, err
	}
	d := Detail{Alert: a}
	if d.Timeline, err = q.Timeline(ctx, "alert:"+string(key)); err != nil {
		return Detail{}, err
	}
	d.People = q.people([]*alert.Alert{a}, d.Timeline...)
	return d, nil
}

func noAlert() error { return city.Errorf(city.NotFound, "there is no such alert") }

// Lookup returns an alert, whoever asks: for programs of the hub.
func (q *Queue) Lookup(ctx context.Context, key alert.Key) (*alert.Alert, error) {
	q.mu.RLock()
	h := q.open[key]
	q.mu.RUnlock()
	if h != nil {
		return h.alert, nil
	}
	var body []byte
	if err := q.db.Read().QueryRowContext(ctx, "SELECT coalesce((SELECT body FROM alert WHERE key = ?), '')", string(key)).Scan(&body); err != nil {
		return nil, store.Kind(err)
	}
	if len(body) == 0 {
		return nil, noAlert()
	}
	return read(body)
}

// OfIncident returns the alerts of an incident, the first to begin first, whoever asks.
func (q *Queue) OfIncident(ctx context.Context, id string) (out []*alert.Alert, err error) {
	rows, err := q.db.Read().QueryContext(ctx, "SELECT body FROM alert WHERE incident = ? AND incident <> ''", id)
	if err != nil {
		return nil, store.Kind(err)
	}
	defer rows.Close()
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return nil, store.Kind(err)
		}
		a, err := read(body)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b *alert.Alert) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Key, b.Key))
	})
	return out, store.Kind(rows.Err())
}

// May says whether somebody may do something about the alerts of a desk.
func (q *Queue) May(who access.Who, do access.Action, desk city.Slug) access.Decision {
	return q.may(who, do, desk)
}

// Now is the queue's clock.
func (q *Queue) Now() time.Time { return q.cfg.Now().UTC().Truncate(time.Millisecond) }

// Keep is how long closed alerts are kept.
func (q *Queue) Keep() time.Duration { return q.cfg.Keep }

// Words is a title in words.
func (q *Queue) Words(t alert.Title) string { return q.cfg.Words(t) }

// Timeline returns the entries of a subject, the oldest first.
func (q *Queue) Timeline(ctx context.Context, subject string) ([]alert.Entry, error) {
	rows, err := q.db.Read().QueryContext(ctx, "SELECT body FROM entry WHERE subject = ? ORDER BY n", subject)
	if err != nil {
		return nil, store.Kind(err)
	}
	defer rows.Close()
	out := []alert.Entry{}
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return nil, store.Kind(err)
		}
		var e alert.Entry
		if err := json.Unmarshal(body, &e); err != nil {
			return nil, fmt.Errorf("a timeline as stored: %w", err)
		}
		out = append(out, e)
	}
	return out, store.Kind(rows.Err())
}

// OpenAlerts returns what is open now at a desk, whoever asks: for handovers.
func (q *Queue) OpenAlerts(match func(*alert.Alert) bool) (out []*alert.Alert) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	for _, h := range q.open {
		if match(h.alert) {
			out = append(out, h.alert)
		}
	}
	slices.SortFunc(out, func(a, b *alert.Alert) int { return markOf(a).compare(markOf(b)) })
	return out
}

// Outcomes adds to what came of a request the names of those who stand in it.
type Outcomes struct {
	Cursor   string    `json:"cursor"`
	Outcomes []Outcome `json:"outcomes"`
	People   People    `json:"people,omitempty"`
}

// Answer is what a client is told of outcomes.
func (q *Queue) Answer(list []Outcome) Outcomes {
	var alerts []*alert.Alert
	for _, o := range list {
		if o.Alert != nil {
			alerts = append(alerts, o.Alert)
		}
	}
	q.mu.RLock()
	defer q.mu.RUnlock()
	return Outcomes{q.cursor(q.last), list, q.people(alerts)}
}

// people names those who stand in alerts and entries.
func (q *Queue) people(list []*alert.Alert, entries ...alert.Entry) People {
	if q.cfg.Name == nil {
		return nil
	}
	out := People{}
	add := func(ids ...string) {
		for _, id := range ids {
			if _, there := out[id]; id == "" || there {
				continue
			}
			if name := q.cfg.Name(id); name != "" {
				out[id] = name
			}
		}
	}
	for _, a := range list {
		add(a.Assignee, a.Last.By, a.Last.To)
	}
	for _, e := range entries {
		add(e.By, e.To)
	}
	return out
}

// Names names people by their IDs.
func (q *Queue) Names(entries ...alert.Entry) People { return q.people(nil, entries...) }

// Roles are somebody's, as entries keep them.
func Roles(who access.Who) (out []string) {
	for _, r := range who.Roles {
		out = append(out, string(r))
	}
	return out
}

// Stamp is an entry of somebody now.
func (q *Queue) Stamp(who access.Who, what alert.What) alert.Entry {
	return alert.Entry{At: q.cfg.Now().UTC().Truncate(time.Millisecond), What: what, By: who.ID, Roles: Roles(who)}
}
