package ngsild_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// receiver takes notifications; while down it refuses them.
type receiver struct {
	*httptest.Server
	down atomic.Bool
	got  chan delivered
}

type delivered struct {
	header http.Header
	body   string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{got: make(chan delivered, 100)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		if r.down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		r.got <- delivered{req.Header, string(body)}
	}))
	t.Cleanup(r.Close)
	return r
}

// take waits for a notification.
func (r *receiver) take(t *testing.T) delivered {
	t.Helper()
	select {
	case d := <-r.got:
		return d
	case <-time.After(time.Minute):
		t.Fatal("no notification came")
		return delivered{}
	}
}

// next waits for a notification and returns its data.
func (r *receiver) next(t *testing.T) (string, delivered) {
	t.Helper()
	d := r.take(t)
	var n struct {
		Type           string
		SubscriptionID string
		Data           json.RawMessage
	}
	if err := json.Unmarshal([]byte(d.body), &n); err != nil || n.Type != "Notification" || n.SubscriptionID == "" {
		t.Fatalf("%v: %s", err, d.body)
	}
	return string(n.Data), d
}

func (r *receiver) subscribe(a *api, more, notification string) {
	a.t.Helper()
	a.must(201, "POST", "/subscriptions", `{"id":"urn:x:s","type":"Subscription","entities":[{"type":"Room"}],`+more+
		`"notification":{"format":"keyValues",`+notification+`"endpoint":{"uri":"`+r.URL+`/in","accept":"application/json","receiverInfo":[{"key":"X-Key","value":"7"}]}}}`)
}

func TestNotifications(t *testing.T) {
	r := newReceiver(t)
	a := newAPI(t)
	r.subscribe(a, `"watchedAttributes":["temperature"],"q":"temperature>20",`, `"attributes":["temperature"],`)
	a.must(201, "POST", "/entities", room)
	data, d := r.next(t)
	same(t, data, `[{"id":"urn:x:Room:1","type":"Room","temperature":21.5}]`)
	if d.header.Get("X-Key") != "7" || !strings.Contains(d.header.Get("Link"), "ngsi-ld-core-context") || d.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", d.header)
	}
	// None of these is watched, or meets q; the one behind them is and does.
	a.must(204, "PATCH", "/entities/urn:x:Room:1/attrs", `{"in":{"object":"urn:x:House:2"}}`)
	a.must(204, "PATCH", "/entities/urn:x:Room:1/attrs", `{"temperature":19}`)
	a.must(201, "POST", "/entities", `{"id":"urn:x:House:1","type":"House","temperature":30}`)
	a.must(204, "POST", "/entities/urn:x:Room:1/attrs", `{"temperature":25}`)
	data, _ = r.next(t)
	same(t, data, `[{"id":"urn:x:Room:1","type":"Room","temperature":25}]`)
	a.must(204, "PATCH", "/subscriptions/urn:x:s", `{"isActive":false}`)
	a.must(204, "POST", "/entities/urn:x:Room:1/attrs", `{"temperature":26}`)
	a.must(204, "PATCH", "/subscriptions/urn:x:s", `{"isActive":true}`)
	a.must(204, "POST", "/entities/urn:x:Room:1/attrs", `{"temperature":27}`)
	data, _ = r.next(t)
	same(t, data, `[{"id":"urn:x:Room:1","type":"Room","temperature":27}]`)
}

func TestNotificationsOfWhatIsGone(t *testing.T) {
	r := newReceiver(t)
	a := newAPI(t)
	r.subscribe(a, `"notificationTrigger":["attributeDeleted","entityDeleted"],`, "")
	a.must(201, "POST", "/entities", `{"id":"urn:x:1","type":"Room","a":1,"b":2}`)
	a.must(204, "DELETE", "/entities/urn:x:1/attrs/a", "")
	data, _ := r.next(t)
	same(t, data, `[{"id":"urn:x:1","type":"Room","a":"urn:ngsi-ld:null","b":2}]`)
	a.must(204, "DELETE", "/entities/urn:x:1", "")
	data, _ = r.next(t)
	if !strings.Contains(data, `"deletedAt":`) || !strings.Contains(data, `"b":"urn:ngsi-ld:null"`) {
		t.Errorf("5.8.6: %s", data)
	}
}

// TestNotificationsOutliveTheProgram stops the API while a receiver is away, and
// begins again over the same store.
func TestNotificationsOutliveTheProgram(t *testing.T) {
	r := newReceiver(t)
	a := newAPI(t)
	r.subscribe(a, "", "")
	r.down.Store(true)
	a.must(201, "POST", "/entityOperations/create", `[{"id":"urn:x:1","type":"Room","a":1},{"id":"urn:x:2","type":"Room","a":2},{"id":"urn:x:3","type":"House"}]`)
	a.close()
	r.down.Store(false)
	a.open()
	data, _ := r.next(t)
	same(t, data, `[{"id":"urn:x:1","type":"Room","a":1},{"id":"urn:x:2","type":"Room","a":2}]`)
	if got := a.must(200, "GET", "/subscriptions/urn:x:s", ""); !strings.Contains(got.body, `"status":"active"`) {
		t.Error(got.body)
	}
}

func TestSubscriptionsAreShownWithTheNamesAskedFor(t *testing.T) {
	a := newAPI(t)
	path := a.must(201, "POST", "/jsonldContexts", `{"@context":{"Room":"https://example.org/Room","heat":"https://example.org/heat"}}`).header.Get("Location")
	a.must(201, "POST", "/subscriptions", `{"id":"urn:x:s","type":"Subscription","entities":[{"type":"Room"}],"watchedAttributes":["heat"],"q":"heat>1","notification":{"attributes":["heat"],"endpoint":{"uri":"http://127.0.0.1:1/"}},"@context":"`+path+`"}`, "Content-Type: application/ld+json")
	want := `{"id":"urn:x:s","type":"Subscription","entities":[{"type":"https://example.org/Room"}],"watchedAttributes":["https://example.org/heat"],"q":"heat>1","notification":{"attributes":["https://example.org/heat"],"endpoint":{"uri":"http://127.0.0.1:1/"}},"status":"active","notificationTrigger":["attributeCreated","attributeUpdated"]}`
	same(t, a.must(200, "GET", "/subscriptions/urn:x:s", "").body, want)
	a.must(204, "DELETE", "/subscriptions/urn:x:s", "")
	a.must(404, "GET", "/subscriptions/urn:x:s", "")
}
