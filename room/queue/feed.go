package queue

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"polity/city"
	"polity/room/alert"
)

// Bounds of the feed.
const (
	feedEvery = 100 * time.Millisecond // between two updates of one reader
	feedBatch = 500                    // alerts of one update
	heartbeat = 15 * time.Second
	writeTime = 10 * time.Second // for a reader to take an update
	askRights = 2 * time.Second
)

// errReload says that a reader's cursor cannot be followed.
type errReload struct{ why string }

func (e errReload) Error() string { return "reload: " + e.why }

// cursor is a place in the order of changes; the caller holds mu or has it.
func (q *Queue) cursor(sequence uint64) string {
	return q.db.Origin() + "-" + strconv.FormatUint(sequence, 10)
}

// Newest is the place behind the newest change.
func (q *Queue) Newest() string {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return q.cursor(q.last)
}

func (q *Queue) parseCursor(s string) (uint64, error) {
	if s == "" {
		q.mu.RLock()
		defer q.mu.RUnlock()
		return q.last, nil
	}
	origin, text, _ := strings.Cut(s, "-")
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || len(origin) != 16 {
		return 0, city.Errorf(city.Invalid, "from: this is no cursor of a list or feed; leave it out to begin now")
	}
	q.mu.RLock()
	defer q.mu.RUnlock()
	if origin != q.db.Origin() || n > q.last || n < q.floor {
		return 0, errReload{"old"}
	}
	return n, nil
}

// since returns the alerts of desks that changed behind a sequence number, as they are
// now, and the number to go on from. An error of the reader's own says that it has to begin anew.
func (q *Queue) since(after uint64, desks map[city.Slug]bool, most int) (list []*held, next uint64, err error) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if after < q.floor {
		return nil, after, errReload{"slow"}
	}
	// Older states are nil: the search passes over them to the right.
	i := sort.Search(len(q.log), func(i int) bool {
		for ; i < len(q.log); i++ {
			if q.log[i] != nil {
				return q.log[i].alert.Sequence > after
			}
		}
		return true
	})
	next = after
	for ; i < len(q.log); i++ {
		h := q.log[i]
		if h == nil || h.alert.Sequence <= after {
			continue
		}
		if desks[h.alert.Desk] {
			if len(list) == most {
				return list, next, nil
			}
			list = append(list, h)
		}
		next = h.alert.Sequence
	}
	return list, q.last, nil
}

// Changes is the feed for programs of the hub, which see every desk: it returns what
// changed behind a cursor, and waits until there is something. "" begins now. A cursor
// that cannot be followed is an error of kind Conflict: begin with OpenAlerts.
func (q *Queue) Changes(ctx context.Context, cursor string) (list []*alert.Alert, next string, err error) {
	after, err := q.parseCursor(cursor)
	if err == nil {
		all := map[city.Slug]bool{}
		for _, k := range q.cfg.Kinds {
			all[k.Desk] = true
		}
		for {
			rung := q.bell.Wait()
			var found []*held
			var to uint64
			if found, to, err = q.since(after, all, feedBatch); err != nil {
				break
			}
			if after = to; len(found) > 0 {
				for _, h := range found {
					list = append(list, h.alert)
				}
				return list, q.cursor(to), nil
			}
			select {
			case <-ctx.Done():
				return nil, cursor, ctx.Err()
			case <-rung:
			}
		}
	}
	if r, ok := errors.AsType[errReload](err); ok {
		return nil, "", city.Errorf(city.Conflict, "the changes behind this cursor are not known any more (%s)", r.why)
	}
	return nil, "", err
}

// Following is what a reader of the feed asks for.
type Following struct {
	Cursor string // of a list or of an id of the feed; empty: now
	// Desks are those that the reader may see and asks for. It is asked again while the
	// reader follows; when the answer changes the reader is told to begin anew.
	Desks func() []city.Slug
}

// Feed checks what a reader asks for without writing anything, so that the caller can
// answer an error in its own form. Serve the result: it writes until ctx ends, the queue
// closes, or the reader is gone.
func (q *Queue) Feed(f Following) (func(ctx context.Context, w http.ResponseWriter) error, error) {
	desks := f.Desks()
	if len(desks) == 0 {
		return nil, city.Errorf(city.Forbidden, "there is no desk whose alerts you may see")
	}
	after, err := q.parseCursor(f.Cursor)
	reload, again := errors.AsType[errReload](err)
	if err != nil && !again {
		return nil, err
	}
	return func(ctx context.Context, w http.ResponseWriter) error {
		r := &reader{q: q, w: w, control: http.NewResponseController(w), after: after, names: desks, desks: map[city.Slug]bool{}, ask: f.Desks}
		for _, d := range desks {
			r.desks[d] = true
		}
		q.count(func(c *Counts) { c.Readers++ })
		defer q.count(func(c *Counts) { c.Readers-- })
		head := w.Header()
		head.Set("Content-Type", "text/event-stream")
		head.Set("Cache-Control", "no-store")
		head.Set("X-Accel-Buffering", "no")
		if again {
			return r.reload(reload.why)
		}
		return r.follow(ctx)
	}, nil
}

// reader is one response of the feed.
type reader struct {
	q       *Queue
	w       http.ResponseWriter
	control *http.ResponseController
	after   uint64
	names   []city.Slug
	desks   map[city.Slug]bool
	ask     func() []city.Slug
	asked   time.Time
	buf     bytes.Buffer
}

func (r *reader) follow(ctx context.Context) error {
	r.q.mu.RLock()
	cursor := r.q.cursor(r.after)
	r.q.mu.RUnlock()
	hello := struct {
		Cursor string      `json:"cursor"`
		Desks  []city.Slug `json:"desks"`
	}{cursor, r.names}
	if err := r.event("hello", cursor, hello); err != nil {
		return err
	}
	r.asked = time.Now()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		rung := r.q.bell.Wait() // before looking, so that none is missed
		if r.q.db.Closed() {
			return nil
		}
		if why := r.rights(); why != "" {
			return r.reload(why)
		}
		list, next, err := r.q.since(r.after, r.desks, feedBatch)
		if e, ok := errors.AsType[errReload](err); ok {
			return r.reload(e.why)
		}
		r.after = next
		if len(list) > 0 {
			if err := r.alerts(list, next); err != nil {
				return err
			}
			beat.Reset(heartbeat)
			if err := pause(ctx, feedEvery); err != nil {
				return nil //nolint:nilerr // the hub stops, or the reader is gone
			}
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-rung:
		case <-time.After(askRights):
		case <-beat.C:
			r.buf.WriteString(":\n\n")
			if err := r.flush(); err != nil {
				return err
			}
		}
	}
}

// rights asks again what the reader may see.
func (r *reader) rights() string {
	if time.Since(r.asked) < askRights {
		return ""
	}
	r.asked = time.Now()
	if slices.Equal(r.ask(), r.names) {
		return ""
	}
	return "rights"
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func (r *reader) reload(why string) error {
	return r.event("reload", "", struct {
		Why string `json:"why"`
	}{why})
}

func (r *reader) event(name, id string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	if name == "hello" {
		r.buf.WriteString("retry: 2000\n")
	}
	if id != "" {
		fmt.Fprintf(&r.buf, "id: %s\n", id)
	}
	fmt.Fprintf(&r.buf, "event: %s\ndata: %s\n\n", name, text)
	return r.flush()
}

// alerts writes an update of bodies that were encoded once for all readers.
func (r *reader) alerts(list []*held, next uint64) error {
	fmt.Fprintf(&r.buf, "id: %s-%d\nevent: alerts\ndata: {\"alerts\":[", r.q.db.Origin(), next)
	var people []*alert.Alert
	for i, h := range list {
		if i > 0 {
			r.buf.WriteByte(',')
		}
		r.buf.Write(h.body)
		people = append(people, h.alert)
	}
	r.buf.WriteByte(']')
	if names := r.q.people(people); len(names) > 0 {
		text, err := json.Marshal(names)
		if err != nil {
			return err
		}
		fmt.Fprintf(&r.buf, `,"people":%s`, text)
	}
	r.buf.WriteString("}\n\n")
	return r.flush()
}

func (r *reader) flush() error {
	if err := r.control.SetWriteDeadline(time.Now().Add(writeTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := r.w.Write(r.buf.Bytes()); err != nil {
		return err
	}
	if r.buf.Reset(); r.buf.Cap() > 1<<20 {
		r.buf = bytes.Buffer{}
	}
	return r.control.Flush()
}
