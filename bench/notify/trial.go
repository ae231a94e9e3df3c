package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"polity/bench/harness"
	"polity/bench/harness/cityhub"
	"polity/hub"
	"polity/plane/ngsild"
)

const (
	entityPrefix = "urn:ngsi-ld:Meter:"
	deadID       = "urn:ngsi-ld:Subscription:dead"
	workers      = 16
	token        = "bench-notify-token-of-no-worth"
	drainTime    = 3 * time.Minute
)

// trial is a hub, its subscriptions, and what was written.
type trial struct {
	dir           string
	subscriptions int
	rate          float64
	rng           *rand.Rand
	port          int
	more          string // of the hub's configuration
	hub           *cityhub.Hub
	to            *receivers
	http          *http.Client

	mu         sync.Mutex
	changes    map[int]*written // acknowledged, by number
	unanswered int
	refused    error
	survived   int
}

// written is a change that was acknowledged.
type written struct {
	entity int
	sent   time.Time
}

func newTrial(dir string, subscriptions int, rate float64, slow time.Duration, rng *rand.Rand) (*trial, error) {
	ports, err := cityhub.FreePorts(1)
	if err != nil {
		return nil, err
	}
	mappings := filepath.Join(dir, "mappings")
	if err := os.MkdirAll(mappings, 0o700); err != nil {
		return nil, err
	}
	mapping := "name: meter\nroute: meter\nentity: {type: Meter, id: \"" + entityPrefix + "{device}\"}\nattributes:\n  - {name: n, path: n}\n"
	if err := os.WriteFile(filepath.Join(mappings, "meter.yaml"), []byte(mapping), 0o600); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(token))
	to, err := newReceivers(slow)
	if err != nil {
		return nil, err
	}
	return &trial{
		dir: dir, subscriptions: subscriptions, rate: rate, rng: rng, port: ports[0], to: to, changes: map[int]*written{},
		more: "  sensors:\n    mappings: mappings\n    tokens: [{name: bench, sha256: " + hex.EncodeToString(sum[:]) + ", routes: [meter]}]\n" +
			"  ngsi_ld:\n    notify: {hosts: [127.0.0.1]}\n",
		http: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 2 * workers}},
	}, nil
}

func (t *trial) close() {
	if t.hub != nil {
		t.hub.Stop()
	}
	_ = t.to.server.Close()
}

// entities are as many as there are subscriptions to one.
func (t *trial) entities() int { return t.subscriptions - 1 }

func name(entity int) string { return fmt.Sprintf("%s%d", entityPrefix, entity) }

// byMessage says whether an entity is a device's.
func byMessage(entity int) bool { return entity%4 == 3 }

func (t *trial) start(ctx context.Context) (err error) {
	t.hub, err = cityhub.Start(ctx, t.dir, t.port, t.more)
	return err
}

// begin starts the hub, makes the entities and subscribes.
func (t *trial) begin(ctx context.Context) error {
	if err := t.start(ctx); err != nil {
		return err
	}
	for e := range t.entities() {
		if byMessage(e) {
			continue
		}
		if status, err := t.ask(ctx, http.MethodPost, "/ngsi-ld/v1/entities", fmt.Sprintf(`{"id":%q,"type":"Meter","n":{"type":"Property","value":0}}`, name(e))); err != nil || status != http.StatusCreated {
			return fmt.Errorf("create an entity: %d, %w", status, err)
		}
	}
	subscribe := func(id, entity, endpoint string) error {
		body := fmt.Sprintf(`{"id":%q,"type":"Subscription","entities":[{"type":"Meter"%s}],"watchedAttributes":["n"],"notification":{"format":"keyValues","endpoint":{"uri":%q}}}`, id, entity, endpoint)
		status, err := t.ask(ctx, http.MethodPost, "/ngsi-ld/v1/subscriptions", body)
		if err == nil && status != http.StatusCreated {
			err = fmt.Errorf("subscribe: %d", status)
		}
		return err
	}
	for e := range t.entities() {
		to := t.to.root + "/fast"
		if e == 0 {
			to = t.to.root + "/slow"
		}
		if err := subscribe(fmt.Sprintf("urn:ngsi-ld:Subscription:%d", e), fmt.Sprintf(`,"id":%q`, name(e)), to); err != nil {
			return err
		}
	}
	return subscribe(deadID, "", t.to.dead)
}

// ask sends a request and reads its answer away.
func (t *trial) ask(ctx context.Context, method, path, body string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+t.hub.Address+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	if err := t.show(req); err != nil {
		return 0, err
	}
	resp, err := t.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// show puts a token on a request, where the hub asks for one: a device's own, or that of the
// hub's machine for its operators' commands.
func (t *trial) show(req *http.Request) error {
	switch {
	case strings.HasPrefix(req.URL.Path, "/ingest/"):
		req.Header.Set("Authorization", "Bearer "+token)
	case strings.HasPrefix(req.URL.Path, hub.OperationsPath):
		secret, err := os.ReadFile(filepath.Join(t.dir, "data", hub.MachineTokenFile))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(secret)))
	}
	return nil
}

// play makes changes at an even pace, and kills the hub twice. Each entity has one
// worker, so that the changes of one come one after the other.
func (t *trial) play(ctx context.Context, say func(format string, args ...any), d time.Duration) error {
	var work [workers]chan [2]int // entity, number
	var group sync.WaitGroup
	for w := range work {
		work[w] = make(chan [2]int, 1<<16)
		group.Go(func() {
			for c := range work[w] {
				t.change(ctx, c[0], c[1])
			}
		})
	}
	killed := make(chan error, 1)
	go func() { killed <- t.kills(ctx, say, d/3) }()
	began, number := time.Now(), 0
	for time.Since(began) < d && ctx.Err() == nil {
		for float64(number) < t.rate*time.Since(began).Seconds() {
			number++
			e := t.rng.IntN(t.entities())
			work[e%workers] <- [2]int{e, number}
		}
		time.Sleep(5 * time.Millisecond)
	}
	for w := range work {
		close(work[w])
	}
	group.Wait()
	if err := <-killed; err != nil {
		return err
	}
	if t.refused != nil {
		return t.refused
	}
	return ctx.Err()
}

// kills ends the hub by force after a while, starts it again, and once more.
func (t *trial) kills(ctx context.Context, say func(format string, args ...any), each time.Duration) error {
	for range 2 {
		select {
		case <-time.After(each):
		case <-ctx.Done():
			return ctx.Err()
		}
		began := time.Now()
		if err := t.hub.Kill(); err != nil {
			return err
		}
		address := t.hub.Address
		if err := t.start(ctx); err != nil {
			return fmt.Errorf("after a kill: %w", err)
		}
		if t.hub.Address != address {
			return errors.New("the hub has another address after a kill")
		}
		t.survived++
		say("killed and started again within %.1f s", time.Since(began).Seconds())
	}
	return nil
}

// change makes one change and notes whether it was acknowledged.
func (t *trial) change(ctx context.Context, e, number int) {
	began := time.Now()
	method, path, body, want := http.MethodPatch, "/ngsi-ld/v1/entities/"+name(e)+"/attrs/n", fmt.Sprintf(`{"type":"Property","value":%d}`, number), http.StatusNoContent
	if byMessage(e) {
		method, path, body, want = http.MethodPost, fmt.Sprintf("/ingest/meter/%d", e), fmt.Sprintf(`{"n":%d}`, number), http.StatusAccepted
	}
	status, err := t.ask(ctx, method, path, body)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err != nil, status == http.StatusServiceUnavailable:
		t.unanswered++
		time.Sleep(10 * time.Millisecond) // the hub is away
	case status != want:
		t.refused = fmt.Errorf("%s %s: %d", method, path, status)
	default:
		t.changes[number] = &written{e, began}
	}
}

// missing counts acknowledged changes that have not come.
func (t *trial) missing(among map[int]arrival) (n int) {
	t.to.mu.Lock()
	defer t.to.mu.Unlock()
	for number := range t.changes {
		if among[number].times == 0 {
			n++
		}
	}
	return n
}

func (t *trial) figures(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	if err := t.wait(ctx, t.to.came); err != nil {
		return nil, err
	}
	dead, err := t.dead(ctx)
	if err != nil {
		return nil, err
	}
	r.Say("the dead receiver comes to life: %d notifications wait for it, %d are dead letters", dead.Waiting, dead.Dead)
	began := time.Now()
	stop, err := t.to.revive()
	if err != nil {
		return nil, err
	}
	defer stop()
	if status, err := t.ask(ctx, http.MethodPost, "/hub/notifications/replay", `{"subscription":"`+deadID+`"}`); err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("put dead letters back: %d, %w", status, err)
	}
	if err := t.wait(ctx, t.to.revived); err != nil {
		return nil, err
	}
	revived, unrevived := time.Since(began).Seconds(), t.missing(t.to.revived)
	floor, err := t.floor(ctx)
	if err != nil {
		return nil, err
	}
	var fast, slow []float64
	lost, doubled := 0, 0
	t.to.mu.Lock()
	defer t.to.mu.Unlock()
	for number, c := range t.changes {
		a := t.to.came[number]
		if a.times == 0 {
			lost++
			continue
		}
		doubled += a.times - 1
		took := a.first.Sub(c.sent).Seconds() * 1000
		if c.entity == 0 {
			slow = append(slow, took)
		} else {
			fast = append(fast, took)
		}
	}
	if t.to.odd > 0 {
		return nil, fmt.Errorf("%d requests were no notifications", t.to.odd)
	}
	r.Say("%d changes were acknowledged, %d lost, %d came twice", len(t.changes), lost, doubled)
	return harness.Figures{
		{Name: "lost", Value: lost},
		{Name: "p50_ms", Value: quantile(fast, 0.5)},
		{Name: "p99_ms", Value: quantile(fast, 0.99)},
		{Name: "kills_survived", Value: t.survived},
		{Name: "doubled", Value: doubled},
		{Name: "acknowledged", Value: len(t.changes)},
		{Name: "unanswered", Value: t.unanswered},
		{Name: "dead_letters", Value: dead.Dead},
		{Name: "dead_waiting", Value: dead.Waiting},
		{Name: "dead_lost", Value: unrevived},
		{Name: "dead_revived_s", Value: float64(int(revived*10)) / 10},
		{Name: "slow_p99_ms", Value: quantile(slow, 0.99)},
		{Name: "floor_p50_ms", Value: floor},
	}, nil
}

// wait lets notifications arrive.
func (t *trial) wait(ctx context.Context, among map[int]arrival) error {
	for end := time.Now().Add(drainTime); t.missing(among) > 0 && time.Now().Before(end) && ctx.Err() == nil; time.Sleep(200 * time.Millisecond) {
		continue
	}
	return ctx.Err()
}

// dead is what the hub says of the dead receiver's notifications.
func (t *trial) dead(ctx context.Context) (ngsild.Delivery, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.hub.Address+"/hub/notifications", nil)
	if err != nil {
		return ngsild.Delivery{}, err
	}
	if err := t.show(req); err != nil {
		return ngsild.Delivery{}, err
	}
	resp, err := t.http.Do(req)
	if err != nil {
		return ngsild.Delivery{}, err
	}
	defer resp.Body.Close()
	var all ngsild.Deliveries
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		return ngsild.Delivery{}, err
	}
	for _, d := range all.Subscriptions {
		if d.Subscription == deadID {
			return d, nil
		}
	}
	return ngsild.Delivery{}, errors.New("the hub no longer knows the dead receiver's subscription")
}

// floor is how long a request like a notification takes from here.
func (t *trial) floor(ctx context.Context) (any, error) {
	body := bytes.Repeat([]byte("x"), 400)
	var took []float64
	for range 500 {
		began := time.Now()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.to.root+"/floor", bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		resp, err := t.http.Do(req)
		if err != nil {
			return nil, err
		}
		resp.Body.Close()
		took = append(took, time.Since(began).Seconds()*1000)
	}
	return quantile(took, 0.5), nil
}

// quantile of values, rounded to hundredths; null where there are none.
func quantile(values []float64, q float64) any {
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	v := values[min(int(q*float64(len(values))), len(values)-1)]
	return float64(int(v*100+0.5)) / 100
}
