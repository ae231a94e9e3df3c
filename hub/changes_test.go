package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"polity/hub"
	"polity/internal/testport"
	"polity/plane/postgres/postgrestest"
	"polity/plane/relay"
	"polity/spine"
)

// heard are notifications, as the values that they carry.
type heard struct {
	*httptest.Server
	mu   sync.Mutex
	said []string
}

func newHeard(t *testing.T) *heard {
	t.Helper()
	h := &heard{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var n struct{ Data []map[string]any }
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &n)
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, e := range n.Data {
			h.said = append(h.said, fmt.Sprintf("%v %v", e["id"], e["level"]))
		}
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *heard) all() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.said, ", ")
}

func (w *town) post(path, body, token string) int {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.started.Address+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func (w *town) subscribe(id, kind, uri string) {
	w.t.Helper()
	body := fmt.Sprintf(`{"id":%q,"type":"Subscription","entities":[{"type":%q}],"notification":{"format":"keyValues","endpoint":{"uri":%q,"timeout":30000}}}`, id, kind, uri)
	if status := w.post("/ngsi-ld/v1/subscriptions", body, ""); status != http.StatusCreated {
		w.t.Fatalf("subscribe: %d", status)
	}
}

// TestDevicesAndCamerasNotify: who subscribed hears of what devices send and of the
// hub's own entities, and only where the configuration lets notifications go.
func TestDevicesAndCamerasNotify(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.sense()
	listed, inside := newHeard(t), newHeard(t)
	w.cfg.NGSILD.Notify.Hosts = []string{"127.0.0.1"}
	w.start()
	w.subscribe("urn:x:level", "WaterLevel", listed.URL)
	w.subscribe("urn:x:inside", "WaterLevel", strings.Replace(inside.URL, "127.0.0.1", "127.0.0.2", 1))
	w.subscribe("urn:x:camera", "Camera", listed.URL)
	for n := range 5 {
		if status := w.post("/ingest/level/w-7", fmt.Sprint(n), "open"); status != http.StatusAccepted {
			t.Fatalf("a message: %d", status)
		}
	}
	w.enter("square", "edge-1")
	w.eventually("devices and cameras are heard of", func() bool {
		all := listed.all()
		return strings.Contains(all, "urn:ngsi-ld:WaterLevel:w-7 4") && strings.Contains(all, "camera:square")
	})
	var levels []string
	for s := range strings.SplitSeq(listed.all(), ", ") {
		if strings.HasPrefix(s, "urn:ngsi-ld:WaterLevel:w-7 ") {
			levels = append(levels, s[len("urn:ngsi-ld:WaterLevel:w-7 "):])
		}
	}
	if got := strings.Join(levels, " "); got != "0 1 2 3 4" {
		t.Errorf("the level was heard as %s", got)
	}
	w.eventually("the metrics tell", func() bool {
		page := w.page("/metrics")
		return strings.Contains(page, "polity_notifications_receivers_failing 1\n") && strings.Contains(page, "polity_notifications_waiting 5\n")
	})
	if list := w.page("/hub/notifications"); !strings.Contains(list, "is an address of this machine or a private network") {
		t.Error(list)
	}
	if said := inside.all(); said != "" {
		t.Errorf("an address that is not listed heard %s", said)
	}
}

func (w *town) page(path string) string {
	w.t.Helper()
	resp, err := http.Get(w.started.Address + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return string(body)
}

// TestProgramsReadEachChangeOnce lets a program read the stream of changes while the hub
// is stopped and started: each is there once and in order.
func TestProgramsReadEachChangeOnce(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.sense()
	file := filepath.Join(w.dir, "password")
	if err := os.WriteFile(file, []byte("a password of programs\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.cfg.Changes = hub.Changes{Publish: true, Listen: testport.Address(t), PasswordFile: file}
	var changes []*relay.Change
	const rounds, each = 3, 20
	for round := range rounds {
		w.start()
		for n := range each {
			if status := w.post("/ingest/level/w-7", fmt.Sprint(round*each+n), "open"); status != http.StatusAccepted {
				t.Fatalf("a message: %d", status)
			}
		}
		changes = append(changes, w.read(t, "urn:ngsi-ld:WaterLevel:w-7", fmt.Sprint((round+1)*each-1))...)
		w.stop()
	}
	var levels []string
	var last uint64
	for _, c := range changes {
		if c.Sequence <= last {
			t.Fatalf("change %d came behind %d", c.Sequence, last)
		}
		last = c.Sequence
		if strings.Contains(c.Tenant, "/") {
			t.Errorf("a document of the program's own: %s in %s", c.ID, c.Tenant)
		}
		if c.ID == "urn:ngsi-ld:WaterLevel:w-7" {
			levels = append(levels, string(c.After.Attribute("level").Value))
		}
	}
	if len(levels) != rounds*each {
		t.Fatalf("%d changes of %d", len(levels), rounds*each)
	}
	for n, level := range levels {
		if level != fmt.Sprint(n) {
			t.Fatalf("change %d is %s", n, level)
		}
	}
}

// read reads what is new, as a program of one name, until an entity has a level.
func (w *town) read(t *testing.T, id, level string) (list []*relay.Change) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r := &spine.Reading{Address: w.cfg.Changes.Listen, Password: "a password of programs", Stream: relay.StreamName, Name: "test"}
	err := r.Read(ctx, func(body []byte) error {
		c, err := relay.Decode(body)
		if err != nil {
			return err
		}
		list = append(list, c)
		if c.ID == id && c.After != nil && string(c.After.Attribute("level").Value) == level {
			cancel() // it counts as read all the same
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("%s with the level %s: %v", id, level, err)
	}
	return list
}

func TestConfigurationOfChanges(t *testing.T) {
	for name, c := range map[string]struct {
		changes hub.Changes
		says    string
	}{
		"reading what is not published": {hub.Changes{Listen: "127.0.0.1:4222", PasswordFile: "x"}, "publish: true"},
		"no password":                   {hub.Changes{Publish: true, Listen: "127.0.0.1:4222"}, "belong together"},
		"no address":                    {hub.Changes{Publish: true, PasswordFile: "x"}, "belong together"},
		"beyond this machine":           {hub.Changes{Publish: true, Listen: "0.0.0.0:4222", PasswordFile: "x"}, "without encryption"},
		"a moment":                      {hub.Changes{Publish: true, Keep: time.Second}, "a minute at least"},
		"a few bytes":                   {hub.Changes{Publish: true, Size: 10}, "1MiB at least"},
	} {
		w := newTown(t)
		w.cfg.Changes = c.changes
		if err := w.cfg.WithDefaults().Check(); err == nil || !strings.Contains(err.Error(), "hub.changes") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w := newTown(t)
	w.cfg.NGSILD.Notifications.Retries = []time.Duration{0}
	if err := w.cfg.WithDefaults().Check(); err == nil || !strings.Contains(err.Error(), "hub.ngsi_ld: notifications: retries") {
		t.Error(err)
	}
	short := filepath.Join(w.dir, "short")
	if err := os.WriteFile(short, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.cfg.Changes = hub.Changes{Publish: true, Listen: "127.0.0.1:4222", PasswordFile: short}
	if _, err := hub.Inspect(w.cfg); err == nil || !strings.Contains(err.Error(), "hub.changes: ") || !strings.Contains(err.Error(), "16 are the least") {
		t.Errorf("a short password: %v", err)
	}
}

// TestNotificationsOverPostgreSQL is the short form of the above on the other store.
func TestNotificationsOverPostgreSQL(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.sense()
	server := postgrestest.Start(t, "")
	w.cfg.Store = server.Database(t)
	listed := newHeard(t)
	w.cfg.NGSILD.Notify.Hosts = []string{"127.0.0.1"}
	w.start()
	w.subscribe("urn:x:level", "WaterLevel", listed.URL)
	const messages = 20
	for n := range messages {
		if n == messages/2 {
			w.stop()
			w.start()
		}
		if status := w.post("/ingest/level/w-7", fmt.Sprint(n), "open"); status != http.StatusAccepted {
			t.Fatalf("a message: %d", status)
		}
	}
	var want []string
	for n := range messages {
		want = append(want, fmt.Sprintf("urn:ngsi-ld:WaterLevel:w-7 %d", n))
	}
	w.eventually("each is heard once, in order", func() bool { return listed.all() == strings.Join(want, ", ") })
	w.stop() // before its server
}
