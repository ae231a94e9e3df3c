package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// receivers take notifications and keep when each value came, and how often.
type receivers struct {
	server *http.Server
	root   string        // http://host:port
	dead   string        // an address where nobody listens
	slow   time.Duration // what the slow receiver takes for an answer

	mu      sync.Mutex
	came    map[int]arrival // by the number of the change
	revived map[int]arrival // what the dead receiver got once it was there
	odd     int             // requests that are no notification
}

type arrival struct {
	first time.Time
	times int
}

func newReceivers(slow time.Duration) (*receivers, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	none, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		l.Close()
		return nil, err
	}
	r := &receivers{slow: slow, root: "http://" + l.Addr().String(), dead: "http://" + none.Addr().String(), came: map[int]arrival{}, revived: map[int]arrival{}}
	none.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/fast", func(_ http.ResponseWriter, req *http.Request) { r.take(req, r.came) })
	mux.HandleFunc("/floor", func(_ http.ResponseWriter, req *http.Request) { _, _ = io.Copy(io.Discard, req.Body) })
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, req *http.Request) {
		r.take(req, r.came)
		select {
		case <-time.After(slow):
		case <-req.Context().Done():
		}
	})
	r.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = r.server.Serve(l) }()
	return r, nil
}

// revive lets somebody listen where nobody did. It returns what ends that.
func (r *receivers) revive() (stop func(), err error) {
	l, err := net.Listen("tcp", strings.TrimPrefix(r.dead, "http://"))
	if err != nil {
		return nil, err
	}
	s := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { r.take(req, r.revived) }), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.Serve(l) }()
	return func() { _ = s.Close() }, nil
}

// take reads a notification: each entity in it has the number of its last change.
func (r *receivers) take(req *http.Request, into map[int]arrival) {
	now := time.Now()
	body, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	var n struct {
		Type string
		Data []struct {
			ID string
			N  *float64
		}
	}
	bad := err != nil || json.Unmarshal(body, &n) != nil || n.Type != "Notification" || len(n.Data) == 0
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range n.Data {
		if e.N == nil || !strings.HasPrefix(e.ID, entityPrefix) {
			bad = true
			continue
		}
		a := into[int(*e.N)]
		if a.times++; a.times == 1 {
			a.first = now
		}
		into[int(*e.N)] = a
	}
	if bad {
		r.odd++
	}
}
