package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// client asks the hub.
type client struct {
	root     string
	entities int // that were there at first
	created  atomic.Int64
	http     *http.Client
}

// worker is one of several that ask at once.
type worker struct {
	rng *rand.Rand
	buf bytes.Buffer
}

func newClient(address string, entities int) *client {
	return &client{
		root: "http://" + address + "/ngsi-ld/v1", entities: entities,
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}, Timeout: time.Minute},
	}
}

const kind = "AirQualityObserved"

func id(n int) string { return fmt.Sprintf("urn:ngsi-ld:%s:%08d", kind, n) }

// station writes an entity somewhere in a city of some 10 km.
func station(b *bytes.Buffer, rng *rand.Rand, n int) {
	fmt.Fprintf(b, `{"id":%q,"type":%q,"location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[%.6f,%.6f]}}`,
		id(n), kind, 24.85+0.2*rng.Float64(), 60.15+0.1*rng.Float64())
	for _, name := range []string{"pm10", "pm25", "no2", "temperature"} {
		fmt.Fprintf(b, `,%q:{"type":"Property","value":%.2f,"unitCode":"GQ","observedAt":"2026-11-22T14:00:00Z"}`, name, 40*rng.Float64())
	}
	b.WriteByte('}')
}

// fill creates the entities, a thousand to a request.
func (c *client) fill(ctx context.Context) error {
	w := &worker{rng: rand.New(rand.NewPCG(1, 2))} //nolint:gosec // the same each time
	for from := 0; from < c.entities; from += 1000 {
		w.buf.Reset()
		w.buf.WriteByte('[')
		for n := from; n < min(from+1000, c.entities); n++ {
			if n > from {
				w.buf.WriteByte(',')
			}
			station(&w.buf, w.rng, n)
		}
		w.buf.WriteByte(']')
		if err := c.send(ctx, w, http.MethodPost, "/entityOperations/create", http.StatusCreated); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) create(ctx context.Context, w *worker) error {
	w.buf.Reset()
	station(&w.buf, w.rng, c.entities+int(c.created.Add(1)))
	return c.send(ctx, w, http.MethodPost, "/entities", http.StatusCreated)
}

func (c *client) update(ctx context.Context, w *worker) error {
	w.buf.Reset()
	fmt.Fprintf(&w.buf, `{"type":"Property","value":%.2f,"observedAt":"2026-11-22T14:01:00Z"}`, 40*w.rng.Float64())
	return c.send(ctx, w, http.MethodPatch, "/entities/"+id(w.rng.IntN(c.entities))+"/attrs/pm10", http.StatusNoContent)
}

func (c *client) list(ctx context.Context, w *worker) error {
	w.buf.Reset()
	return c.send(ctx, w, http.MethodGet, fmt.Sprintf("/entities?type=%s&limit=20&offset=%d", kind, 20*w.rng.IntN(5)), http.StatusOK)
}

func (c *client) filter(ctx context.Context, w *worker) error {
	w.buf.Reset()
	return c.send(ctx, w, http.MethodGet, fmt.Sprintf("/entities?type=%s&limit=20&q=pm25%%3E%.1f%%3Btemperature%%3C20", kind, 20+10*w.rng.Float64()), http.StatusOK)
}

func (c *client) near(ctx context.Context, w *worker) error {
	w.buf.Reset()
	at := fmt.Sprintf("%%5B%.5f,%.5f%%5D", 24.85+0.2*w.rng.Float64(), 60.15+0.1*w.rng.Float64())
	return c.send(ctx, w, http.MethodGet, fmt.Sprintf("/entities?type=%s&limit=20&georel=near%%3BmaxDistance==500&geometry=Point&coordinates=%s", kind, at), http.StatusOK)
}

// send makes a request with what is in the worker's buffer and reads the answer.
func (c *client) send(ctx context.Context, w *worker, method, path string, want int) error {
	var body io.Reader
	if w.buf.Len() > 0 {
		body = bytes.NewReader(w.buf.Bytes())
	}
	req, err := http.NewRequestWithContext(ctx, method, c.root+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != want {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// timing is how fast something went: a second, and milliseconds.
type timing struct{ rate, p50, p99 float64 }

// run lets so many clients do something for a while.
func (c *client) run(ctx context.Context, clients int, d time.Duration, do func(context.Context, *worker) error) (timing, error) {
	end := time.Now().Add(d)
	all := make([][]float64, clients)
	errs := make([]error, clients)
	began := time.Now()
	var group sync.WaitGroup
	for k := range clients {
		group.Go(func() {
			w := &worker{rng: rand.New(rand.NewPCG(uint64(k), 7))} //nolint:gosec // the same each time
			for time.Now().Before(end) && errs[k] == nil {
				start := time.Now()
				errs[k] = do(ctx, w)
				all[k] = append(all[k], time.Since(start).Seconds()*1000)
			}
		})
	}
	group.Wait()
	took := time.Since(began).Seconds()
	for _, err := range errs {
		if err != nil {
			return timing{}, err
		}
	}
	times := slices.Concat(all...)
	slices.Sort(times)
	return timing{rate: float64(len(times)) / took, p50: times[len(times)/2], p99: times[len(times)*99/100]}, nil
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peak is the most memory that a process held, MiB.
func peak(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	found := highWater.FindSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("/proc/%d/status does not tell VmHWM", pid)
	}
	kib, err := strconv.ParseFloat(string(found[1]), 64)
	return kib / 1024, err
}
