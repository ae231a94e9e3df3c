package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"polity/bench/harness"
	"polity/bench/harness/cityhub"
)

// trial is a hub, those who look, and what was posted.
type trial struct {
	dir             string
	open, operators int
	rate            float64
	long            time.Duration

	port    int
	address string
	hub     *cityhub.Hub
	readers []*reader
	poller  *reader
	screen  *screen
	stop    context.CancelFunc
	work    sync.WaitGroup

	mu              sync.Mutex
	sent            map[string]posted // acknowledged, by key
	unanswered      int
	killed, started time.Time
	cpu, cpuTime    float64 // the hub's processor seconds over wall seconds
}

// posted is an alert that was acknowledged.
type posted struct {
	at    time.Time
	took  time.Duration // until it was acknowledged
	early bool          // before the kill
}

const perPost = 5 // alerts of one batch

func (t *trial) begin(ctx context.Context, say func(string, ...any)) error {
	ports, err := cityhub.FreePorts(1)
	if err != nil {
		return err
	}
	t.port = ports[0]
	t.address = fmt.Sprintf("http://localhost:%d", t.port)
	cookies, err := staff(ctx, filepath.Join(t.dir, "data"), t.address, t.operators)
	if err != nil {
		return fmt.Errorf("sign operators in: %w", err)
	}
	if t.hub, err = cityhub.Start(ctx, t.dir, t.port, ""); err != nil {
		return err
	}
	say("%d operators are signed in; %d alerts are made", t.operators, t.open)
	for n := 0; n < t.open; n += 500 {
		var list []any
		for i := n; i < min(n+500, t.open); i++ {
			list = append(list, entity("old", i, []string{"medium", "low", "high"}[i%3]))
		}
		if _, err := t.post(ctx, list); err != nil {
			return err
		}
	}
	following, stop := context.WithCancel(ctx)
	t.stop = stop
	t.poller = newReader(t.address, cookies[0])
	for until := time.Now().Add(2 * time.Minute); ; {
		_, _, total, err := t.poller.page(ctx, "limit=1")
		if err != nil {
			return err
		}
		if total >= t.open {
			break
		}
		if time.Now().After(until) {
			return fmt.Errorf("only %d of %d alerts are in the queue after two minutes", total, t.open)
		}
		time.Sleep(200 * time.Millisecond)
	}
	for _, c := range cookies[1:] {
		r := newReader(t.address, c)
		t.readers = append(t.readers, r)
		t.work.Go(func() { r.follow(following) })
	}
	if t.screen, err = openScreen(ctx, t.dir, t.address, cookies[0]); err != nil {
		return err
	}
	for _, r := range t.readers { // all have the whole list
		for until := time.Now().Add(time.Minute); r.count() < t.open; time.Sleep(100 * time.Millisecond) {
			if time.Now().After(until) {
				return fmt.Errorf("a reader has %d of %d alerts", r.count(), t.open)
			}
		}
	}
	t.work.Go(func() { t.poller.poll(following) })
	return nil
}

func (r *reader) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.seen)
}

func id(run string, n int) string { return fmt.Sprintf("urn:ngsi-ld:Alert:bench:%s-%06d", run, n) }
func key(id string) string        { return "data:" + id }

func entity(run string, n int, severity string) any {
	property := func(v any) any { return map[string]any{"type": "Property", "value": v} }
	return map[string]any{
		"id": id(run, n), "type": "Alert", "category": property("traffic"), "subCategory": property("trafficJam"), "severity": property(severity),
		"dateIssued":  property(time.Now().UTC().Format(time.RFC3339Nano)),
		"location":    map[string]any{"type": "GeoProperty", "value": map[string]any{"type": "Point", "coordinates": []float64{24.9 + float64(n%100)/1000, 60.15 + float64(n/100%100)/1000}}},
		"alertSource": map[string]any{"type": "Relationship", "object": fmt.Sprintf("urn:ngsi-ld:TrafficFlowObserved:%d", n%500)},
	}
}

// post creates alerts, and says whether that was acknowledged.
func (t *trial) post(ctx context.Context, list []any) (bool, error) {
	text, err := json.Marshal(list)
	if err != nil {
		return false, err
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, t.address+"/ngsi-ld/v1/entityOperations/create", bytes.NewReader(text))
	if err != nil {
		return false, err
	}
	q.Header.Set("Content-Type", "application/json")
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		return false, nil //nolint:nilerr // the hub is away
	}
	defer a.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(a.Body, 2000))
	if a.StatusCode != http.StatusCreated {
		return false, fmt.Errorf("creating alerts: %s: %.300s", a.Status, said)
	}
	return true, nil
}

// play posts at an even pace and kills the hub half way.
func (t *trial) play(ctx context.Context, say func(string, ...any)) error {
	say("%.0f alerts a second for %v, with %d readers and a page", t.rate, t.long, len(t.readers))
	begun := time.Now()
	ticks := int(t.long.Seconds() * t.rate / perPost)
	var posts sync.WaitGroup
	var refused error
	restarted := make(chan error, 1)
	cpu := processor(t.hub.PID)
	for n := range ticks {
		due := begun.Add(time.Duration(float64(n) * perPost / t.rate * float64(time.Second)))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(due)):
		}
		if n == ticks/2 {
			t.cpu, t.cpuTime = processor(t.hub.PID)-cpu, time.Since(begun).Seconds()
			say("the hub is killed")
			t.mu.Lock()
			t.killed = time.Now()
			t.mu.Unlock()
			if err := t.hub.Kill(); err != nil {
				return err
			}
			go func() {
				hub, err := cityhub.Start(ctx, t.dir, t.port, "")
				t.mu.Lock()
				t.hub, t.started = hub, time.Now()
				t.mu.Unlock()
				restarted <- err
			}()
		}
		posts.Go(func() {
			var list []any
			at := time.Now()
			for i := range perPost {
				list = append(list, entity("new", n*perPost+i, "critical"))
			}
			ok, err := t.post(ctx, list)
			took := time.Since(at)
			t.mu.Lock()
			defer t.mu.Unlock()
			if err != nil && refused == nil {
				refused = err
			}
			if !ok {
				t.unanswered += perPost
				return
			}
			for i := range perPost {
				t.sent[key(id("new", n*perPost+i))] = posted{at, took, t.killed.IsZero()}
			}
		})
	}
	posts.Wait()
	return errors.Join(<-restarted, refused)
}

// processor is the processor time of a process, seconds (proc(5), stat).
func processor(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return math.NaN()
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	user, _ := strconv.ParseFloat(f[11], 64) //nolint:errcheck // the kernel's own
	kernel, _ := strconv.ParseFloat(f[12], 64)
	return (user + kernel) / 100
}

func resident(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return math.NaN()
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kib, _ := strconv.ParseFloat(strings.Fields(rest + " 0")[0], 64)
	return kib / 1024
}

func (t *trial) end() {
	if t.stop != nil {
		t.stop()
	}
	if t.hub != nil {
		t.hub.Stop()
	}
	t.work.Wait()
}

// figures waits for the readers, and compares what they have with what was acknowledged.
func (t *trial) figures(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until) && len(t.missing(nil)) > 0; {
		time.Sleep(200 * time.Millisecond)
	}
	select { // the page has what the readers have within an update or two
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(2 * time.Second):
	}
	memory := resident(t.hub.PID)
	shown, err := t.screen.end(r.Say)
	if err != nil {
		return nil, err
	}
	all := map[string]bool{}
	for _, k := range shown.All {
		all[k] = true
	}
	lost := t.missing(all)
	for i, k := range lost {
		if i == 5 {
			r.Say("and %d others", len(lost)-i)
			break
		}
		r.Say("lost: %s, sent %v before the kill", k, t.killed.Sub(t.sent[k].at).Round(time.Millisecond))
	}
	back := math.NaN()
	for _, at := range shown.Lines {
		if at > float64(t.killed.UnixMilli()) && math.IsNaN(back) {
			back = at
		}
	}
	var live, around, feed, polled, stored []float64
	painted, hidden := shown.painted(t.sent)
	for k, p := range t.sent {
		stored = append(stored, float64(p.took.Microseconds())/1000)
		if at, there := painted[k]; there {
			took := at - float64(p.at.UnixMicro())/1000
			if p.early && at < float64(t.killed.UnixMilli()) || !p.early && float64(p.at.UnixMilli()) > back {
				live = append(live, took)
			} else {
				around = append(around, took)
			}
		}
		for _, x := range t.readers {
			if at, there := x.seen[k]; there && (at.Before(t.killed) || p.at.After(x.back(t.killed))) {
				feed = append(feed, float64(at.Sub(p.at).Microseconds())/1000)
			}
		}
		if at, there := t.poller.seen[k]; there && (at.Before(t.killed) || float64(p.at.UnixMilli()) > back) {
			polled = append(polled, float64(at.Sub(p.at).Microseconds())/1000)
		}
	}
	reloads := 0
	for _, x := range t.readers {
		reloads += x.reloads
	}
	r.Say("%d acknowledged, %d unanswered while the hub was away; %d on the screen as they came, %d beneath what was in sight, %d rows at the end; %d readers began anew",
		len(t.sent), t.unanswered, len(live)+len(around)-hidden, hidden, shown.Rows-1, reloads)
	return harness.Figures{
		{Name: "open", Value: t.open},
		{Name: "acknowledged", Value: len(t.sent)},
		{Name: "unanswered", Value: t.unanswered},
		{Name: "lost", Value: len(lost)},
		{Name: "event_to_screen_p50_ms", Value: quantile(live, .5)},
		{Name: "event_to_screen_p99_ms", Value: quantile(live, .99)},
		{Name: "measured", Value: len(live)},
		{Name: "beneath", Value: hidden},
		{Name: "restart_p99_ms", Value: quantile(around, .99)},
		{Name: "restart_alerts", Value: len(around)},
		{Name: "stored_p50_ms", Value: quantile(stored, .5)},
		{Name: "stored_p99_ms", Value: quantile(stored, .99)},
		{Name: "feed_p50_ms", Value: quantile(feed, .5)},
		{Name: "feed_p99_ms", Value: quantile(feed, .99)},
		{Name: "line_back_s", Value: number((back - float64(t.started.UnixMilli())) / 1000)},
		{Name: "polling_p50_ms", Value: quantile(polled, .5)},
		{Name: "polling_p99_ms", Value: quantile(polled, .99)},
		{Name: "page_cpu_s_per_s", Value: number(shown.PageCPU)},
		{Name: "browser_cpu_s_per_s", Value: number(shown.BrowserCPU)},
		{Name: "hub_cpu_s_per_s", Value: number(t.cpu / t.cpuTime)},
		{Name: "hub_rss_mib", Value: number(memory)},
	}, nil
}

// back is when the feed answered first after the kill.
func (r *reader) back(killed time.Time) time.Time {
	for _, at := range r.lines {
		if at.After(killed) {
			return at
		}
	}
	return time.Now()
}

// missing lists what was acknowledged and a reader, or the page, has not.
func (t *trial) missing(page map[string]bool) (out []string) {
	for k := range t.sent {
		gone := page != nil && !page[k]
		for _, r := range t.readers {
			r.mu.Lock()
			_, there := r.seen[k]
			r.mu.Unlock()
			gone = gone || !there
		}
		if gone {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// quantile is of values in milliseconds; nil where there is none.
func quantile(list []float64, q float64) any {
	if len(list) == 0 {
		return nil
	}
	slices.Sort(list)
	return number(list[min(len(list)-1, int(math.Ceil(q*float64(len(list))))-1)])
}

func number(v float64) any {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return math.Round(v*100) / 100
}
