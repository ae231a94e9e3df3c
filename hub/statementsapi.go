package hub

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/release/token"
)

// EntriesPath is where anyone hands in entries of the public log (docs/formats/ledger.md).
// An entry counts by its own signature, whoever brings it.
const EntriesPath = "/api/v1/record/entries"

// Bounds of what is handed in.
const (
	maxHanded  = 8192             // entries of one request
	maxRefused = 64               // of them wrong, before the rest is not looked at
	handChunk  = 256              // appended at once
	handPause  = time.Minute      // that a chunk may take to arrive
	handRate   = 2.0              // requests a second from one address
	handBurst  = 120              // at once
	handOpen   = 4                // open requests of one address
	handAll    = 256              // of all
	handForget = 10 * time.Minute // an address that is quiet
)

// Handed is what became of an entry that was handed in.
type Handed struct {
	ID      canonical.Hash `json:"id"`
	Index   *int64         `json:"index,omitempty"`   // in the log
	Refused string         `json:"refused,omitempty"` // why it is not there
}

// HandedIn is the answer, an element for each entry in its order.
type HandedIn struct {
	Entries []Handed `json:"entries"`
	Logged  int      `json:"logged"`
	Refused int      `json:"refused"`
	// Stopped says why what follows was not looked at; empty: all was.
	Stopped string `json:"stopped,omitempty"`
}

// statementsAPI takes entries from anyone.
func (h *Hub) statementsAPI() http.Handler {
	return &handIn{h: h, turns: turns{from: map[netip.Prefix]*turn{}}}
}

type handIn struct {
	h     *Hub
	turns turns
}

// ServeHTTP implements http.Handler.
func (a *handIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != EntriesPath:
		http.NotFound(w, r)
		return
	case a.h.ledger == nil:
		a.h.refuse(w, r, http.StatusNotFound, "This hub keeps no public log.")
		return
	}
	from := sourceOf(r.RemoteAddr)
	if wait, ok := a.turns.take(from, time.Now()); !ok {
		w.Header().Set("Retry-After", strconv.Itoa(1+int(wait.Seconds())))
		a.h.refuse(w, r, http.StatusTooManyRequests, "Too much is handed in from this address at the moment. Nothing of this request was looked at; send it again in a while.")
		return
	}
	defer a.turns.leave(from)
	patience := http.NewResponseController(w)
	next := func() {
		_ = patience.SetReadDeadline(time.Now().Add(handPause)) //nolint:errcheck // a writer without deadlines has none
		_ = patience.SetWriteDeadline(time.Now().Add(2 * handPause))
	}
	next()
	answer, err := a.take(r.Context(), r.Body, next)
	if err != nil {
		status := http.StatusBadRequest
		if city.KindOf(err) == city.Unavailable {
			status = http.StatusServiceUnavailable
		}
		if len(answer.Entries) == 0 {
			a.h.refuse(w, r, status, err.Error())
			return
		}
		answer.Stopped = err.Error()
		a.write(w, status, answer)
		return
	}
	status := http.StatusOK
	if answer.Refused > 0 {
		status = http.StatusUnprocessableEntity
	}
	a.write(w, status, answer)
}

func (a *handIn) write(w http.ResponseWriter, status int, answer *HandedIn) {
	text, err := json.Marshal(answer)
	if err != nil {
		text, status = []byte("{}"), http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(text) //nolint:errcheck // a reader that left needs no answer
}

// take reads entries and appends those that are right, a chunk at a time. An error says
// why the rest was not looked at; what the answer has by then holds.
func (a *handIn) take(ctx context.Context, body io.Reader, next func()) (*HandedIn, error) {
	answer := &HandedIn{Entries: []Handed{}}
	read, err := entriesOf(body)
	if err != nil {
		return answer, err
	}
	defer a.h.ledger.nudge()
	for {
		var chunk [][]byte
		var failed error
		for len(chunk) < handChunk && failed == nil {
			var text []byte
			if text, failed = read(); failed == nil {
				chunk = append(chunk, text)
			}
		}
		if err := a.append(ctx, chunk, answer); err != nil {
			return answer, err
		}
		switch {
		case errors.Is(failed, io.EOF) && len(answer.Entries) == 0:
			return answer, city.Errorf(city.Invalid, "there is no entry: send entries of the public log, a line each, or a file of statements")
		case errors.Is(failed, io.EOF):
			return answer, nil
		case failed != nil:
			return answer, failed
		case answer.Refused >= maxRefused:
			return answer, city.Errorf(city.Invalid, "%d entries are wrong; what follows was not looked at", answer.Refused)
		case len(answer.Entries) >= maxHanded:
			return answer, city.Errorf(city.TooLarge, "a request has %d entries at most; send what follows in another", maxHanded)
		}
		next()
	}
}

// append appends the entries of a chunk that are right.
func (a *handIn) append(ctx context.Context, chunk [][]byte, answer *HandedIn) error {
	l := a.h.ledger
	var list []entry.Entry
	var at []int
	for _, text := range chunk {
		one := Handed{ID: entry.ID(text)}
		e, err := l.handed(text)
		if err != nil {
			one.Refused = err.Error()
			answer.Refused++
		} else {
			list, at = append(list, e), append(at, len(answer.Entries))
		}
		answer.Entries = append(answer.Entries, one)
	}
	if len(list) == 0 {
		return nil
	}
	l.named(ctx, list)
	indexes, err := l.log.AppendAll(ctx, list)
	if err != nil {
		answer.Entries = answer.Entries[:len(answer.Entries)-len(chunk)]
		return err
	}
	for i := range indexes {
		answer.Entries[at[i]].Index = &indexes[i]
	}
	answer.Logged += len(indexes)
	return nil
}

// handed reads an entry from a stranger and says why the log does not take it: it counts by
// the signature of a device of the roster, or of the recorder that the camera's register
// entry names. What nobody signs, the hub alone writes.
func (l *ledger) handed(text []byte) (entry.Entry, error) {
	e, err := token.SignedEntry(text)
	if err != nil {
		return nil, err
	}
	if s, ok := e.(*entry.Segments); ok {
		c, err := l.hub.camera(s.Camera)
		if err != nil {
			return nil, city.Errorf(city.Invalid, "entry segments: its camera is not registered")
		}
		c.mu.Lock()
		recorder := c.entry.Recorder
		c.mu.Unlock()
		if len(recorder) == 0 || !bytes.Equal(recorder, s.Recorder) {
			return nil, city.Errorf(city.Invalid, "entry segments: the camera's register entry names another recorder, or none")
		}
	}
	if err := l.log.Check(e); err != nil {
		return nil, err
	}
	return e, nil
}

// nudge has the hub look at what was appended.
func (l *ledger) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// entriesOf reads entries one by one: of a file of statements (formats/token.md, kind 4), or
// a line each. The reader ends with io.EOF; what it returns is good until the end.
func entriesOf(body io.Reader) (func() ([]byte, error), error) {
	in := bufio.NewReaderSize(body, 2*entry.MaxSize)
	begin, err := in.Peek(8)
	if err == nil && string(begin) == token.Mark {
		f, err := token.Open(in, token.Statements)
		if err != nil {
			return nil, err
		}
		return func() ([]byte, error) {
			_, content, err := f.Next()
			return bytes.Clone(content), err
		}, nil
	}
	return func() ([]byte, error) {
		for {
			line, err := in.ReadSlice('\n')
			text := bytes.TrimRight(line, "\r\n")
			switch {
			case errors.Is(err, bufio.ErrBufferFull) || len(text) > entry.MaxSize:
				return nil, city.Errorf(city.TooLarge, "a line has more than %d bytes: no entry that is handed in is so long", entry.MaxSize)
			case len(text) > 0 && (err == nil || errors.Is(err, io.EOF)):
				return bytes.Clone(text), nil
			case errors.Is(err, io.EOF):
				return nil, io.EOF
			case err != nil:
				return nil, city.Errorf(city.Invalid, "the request ended early: %w", err)
			}
		}
	}, nil
}

// turns bounds how often and how much an address hands in.
type turns struct {
	mu   sync.Mutex
	from map[netip.Prefix]*turn
	open int
}

type turn struct {
	left float64
	at   time.Time
	open int
}

// take says whether a request may be looked at, and otherwise when it may be tried again.
func (t *turns) take(from netip.Prefix, now time.Time) (wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, x := range t.from {
		if len(t.from) < 1024 {
			break
		}
		if x.open == 0 && now.Sub(x.at) > handForget {
			delete(t.from, key)
		}
	}
	x := t.from[from]
	if x == nil {
		if len(t.from) >= 1<<16 {
			return handForget, false
		}
		x = &turn{left: handBurst, at: now}
		t.from[from] = x
	}
	x.left = min(handBurst, x.left+handRate*max(0, now.Sub(x.at).Seconds()))
	x.at = now
	switch {
	case x.left < 1:
		return time.Duration((1 - x.left) / handRate * float64(time.Second)), false
	case x.open >= handOpen || t.open >= handAll:
		return time.Second, false
	}
	x.left--
	x.open++
	t.open++
	return 0, true
}

func (t *turns) leave(from netip.Prefix) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open--
	if x := t.from[from]; x != nil {
		x.open--
	}
}

// sourceOf is what counts as one address: of IPv6 a /64, which one connection has.
func sourceOf(remote string) netip.Prefix {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	addr := at.Addr().Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
