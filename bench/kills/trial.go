package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"polity/bench/harness/cityhub"
)

// trial is a hub's data and what clients know of it.
type trial struct {
	dir     string
	more    string // of the hub's configuration
	rng     *rand.Rand
	clients []*client
	http    *http.Client

	acknowledged, unanswered, lost, invented int
}

// client writes entities of its own, one request after the other.
type client struct {
	id   int
	rng  *rand.Rand
	made []*thing

	acknowledged, unanswered int
	err                      error // an answer that should not be
}

// thing is an entity: the last number that was acknowledged, and the last that was
// sent. A creation sends 0; acked is -1 before it is acknowledged.
type thing struct{ acked, sent int }

func newTrial(dir, more string, clients int, rng *rand.Rand) *trial {
	t := &trial{dir: dir, more: more, rng: rng, http: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: clients}}}
	for k := range clients {
		t.clients = append(t.clients, &client{id: k, rng: rand.New(rand.NewPCG(rng.Uint64(), uint64(k)))}) //nolint:gosec // the same each time
	}
	return t
}

// round starts the hub, looks at what is there, and kills it while clients write.
func (t *trial) round(ctx context.Context) error {
	hub, err := cityhub.Start(ctx, t.dir, 0, t.more)
	if err != nil {
		return err
	}
	root := "http://" + hub.Address + "/ngsi-ld/v1/entities"
	if err := t.look(ctx, root); err != nil {
		hub.Stop()
		return err
	}
	end := make(chan struct{})
	var group sync.WaitGroup
	for _, c := range t.clients {
		group.Go(func() { c.write(ctx, t.http, root, end) })
	}
	time.Sleep(time.Duration(20+t.rng.IntN(480)) * time.Millisecond)
	err = hub.Kill()
	close(end)
	group.Wait()
	t.http.CloseIdleConnections()
	t.acknowledged, t.unanswered = 0, 0
	for _, c := range t.clients {
		if err == nil {
			err = c.err
		}
		t.acknowledged, t.unanswered = t.acknowledged+c.acknowledged, t.unanswered+c.unanswered
	}
	return err
}

// write creates and changes until a request is not answered or end is closed.
func (c *client) write(ctx context.Context, h *http.Client, root string, end <-chan struct{}) {
	for {
		select {
		case <-end:
			return
		default:
		}
		k := len(c.made)
		method, path, want := http.MethodPost, root, http.StatusCreated
		body := fmt.Sprintf(`{"id":%q,"type":"Thing","n":{"type":"Property","value":0}}`, c.name(k))
		if k > 0 && c.rng.IntN(4) > 0 {
			k = c.rng.IntN(k)
			method, path, want = http.MethodPatch, root+"/"+c.name(k)+"/attrs/n", http.StatusNoContent
			body = fmt.Sprintf(`{"type":"Property","value":%d}`, c.made[k].sent+1)
		}
		if k == len(c.made) {
			c.made = append(c.made, &thing{acked: -1})
		} else {
			c.made[k].sent++
		}
		status, answer, err := ask(ctx, h, method, path, body)
		switch {
		case err != nil:
			c.unanswered++
			return
		case status == http.StatusNotFound && c.made[k].acked < 0: // its creation was never answered
			c.made[k].sent = 0
		case status != want:
			c.err = fmt.Errorf("%s %s: %d: %.300s", method, path, status, answer)
			return
		default:
			c.made[k].acked = c.made[k].sent
			c.acknowledged++
		}
	}
}

func (c *client) name(k int) string { return fmt.Sprintf("urn:ngsi-ld:Thing:%d-%d", c.id, k) }

// look compares what is there with what the clients know, and goes on from what is
// there.
func (t *trial) look(ctx context.Context, root string) error {
	there, err := t.all(ctx, root)
	if err != nil {
		return err
	}
	for _, c := range t.clients {
		for k, x := range c.made {
			n, ok := there[c.name(k)]
			delete(there, c.name(k))
			switch {
			case !ok && x.acked >= 0, ok && n < x.acked:
				t.lost++
			case ok && n > x.sent:
				t.invented++
			}
			if ok {
				x.acked, x.sent = n, n
			} else {
				x.acked, x.sent = -1, 0
			}
		}
	}
	t.invented += len(there)
	return nil
}

// all reads every entity's number.
func (t *trial) all(ctx context.Context, root string) (map[string]int, error) {
	out := map[string]int{}
	for {
		status, body, err := ask(ctx, t.http, http.MethodGet, fmt.Sprintf("%s?type=Thing&limit=1000&format=simplified&offset=%d", root, len(out)), "")
		if err != nil {
			return nil, err
		}
		if status != http.StatusOK {
			return nil, fmt.Errorf("reading entities: %d: %.300s", status, body)
		}
		var page []struct {
			ID string `json:"id"`
			N  int    `json:"n"`
		}
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			return nil, err
		}
		for _, e := range page {
			out[e.ID] = e.N
		}
		if len(page) < 1000 {
			return out, nil
		}
	}
}

func ask(ctx context.Context, h *http.Client, method, address, body string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := h.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}
