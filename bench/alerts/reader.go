package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// reader follows the feed as one operator's program does.
type reader struct {
	address string
	cookie  *http.Cookie
	client  *http.Client

	mu      sync.Mutex
	seen    map[string]time.Time
	reloads int
	lines   []time.Time // when the feed answered
}

func newReader(address string, cookie *http.Cookie) *reader {
	return &reader{address: address, cookie: cookie, client: &http.Client{}, seen: map[string]time.Time{}}
}

type listed struct {
	Key string `json:"key"`
}

func (r *reader) note(list []listed) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range list {
		if _, there := r.seen[a.Key]; !there {
			r.seen[a.Key] = now
		}
	}
}

func (r *reader) get(ctx context.Context, path string) (*http.Response, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, r.address+path, nil)
	if err != nil {
		return nil, err
	}
	q.Header.Set("Accept", "application/json")
	q.AddCookie(r.cookie)
	a, err := r.client.Do(q)
	if err == nil && a.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(a.Body, 500))
		a.Body.Close()
		return nil, fmt.Errorf("%s: %s: %s", path, a.Status, said)
	}
	return a, err
}

// page fetches a page of the list.
func (r *reader) page(ctx context.Context, query string) (cursor, next string, total int, err error) {
	a, err := r.get(ctx, "/room/alerts.json?"+query)
	if err != nil {
		return "", "", 0, err
	}
	defer a.Body.Close()
	var p struct {
		Cursor, Next string
		Total        int
		Alerts       []listed
	}
	if err := json.NewDecoder(a.Body).Decode(&p); err != nil {
		return "", "", 0, err
	}
	r.note(p.Alerts)
	return p.Cursor, p.Next, p.Total, nil
}

// load fetches the whole list, and returns where the feed goes on.
func (r *reader) load(ctx context.Context) (from string, err error) {
	next := ""
	for {
		cursor, following, _, err := r.page(ctx, "limit=500&after="+url.QueryEscape(next))
		if err != nil {
			return "", err
		}
		if from == "" {
			from = cursor
		}
		if next = following; next == "" {
			return from, nil
		}
	}
}

// follow loads the list and follows until ctx ends, over lost lines too.
func (r *reader) follow(ctx context.Context) {
	cursor := ""
	for ctx.Err() == nil {
		var err error
		if cursor == "" {
			cursor, err = r.load(ctx)
		}
		if err == nil {
			cursor, _ = r.stream(ctx, cursor)
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// stream reads until the line is lost, and returns where to go on; "": begin anew.
func (r *reader) stream(ctx context.Context, cursor string) (string, error) {
	a, err := r.get(ctx, "/room/feed?from="+url.QueryEscape(cursor))
	if err != nil {
		return cursor, err
	}
	defer a.Body.Close()
	r.mu.Lock()
	r.lines = append(r.lines, time.Now())
	r.mu.Unlock()
	lines := bufio.NewScanner(a.Body)
	lines.Buffer(nil, 16<<20)
	name, id := "", ""
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "event":
			name = value
		case "id":
			id = value
		case "data":
			if name == "reload" {
				r.mu.Lock()
				r.reloads++
				r.mu.Unlock()
				return "", nil
			}
			if name == "alerts" {
				var u struct{ Alerts []listed }
				if err := json.Unmarshal([]byte(value), &u); err != nil {
					return "", err
				}
				r.note(u.Alerts)
			}
			if id != "" {
				cursor = id
			}
		}
	}
	return cursor, lines.Err()
}

// poll is the baseline: the newest of the list, every five seconds.
func (r *reader) poll(ctx context.Context) {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		_, _, _, _ = r.page(ctx, "priority=1&limit=500") // one that fails is a poll without news
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
