package scenario

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"polity/internal/testport"
)

// subscriber is a program of the city that wants to know.
type subscriber struct {
	*httptest.Server
	mu   sync.Mutex
	deaf bool
	got  []string // levels, as they came
}

func newSubscriber(t *testing.T) *subscriber {
	t.Helper()
	s := &subscriber{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.deaf {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var n struct {
			Data []struct{ CurrentLevel struct{ Value json.Number } }
		}
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			t.Errorf("a notification: %v", err)
		}
		for _, e := range n.Data {
			s.got = append(s.got, e.CurrentLevel.Value.String())
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *subscriber) listen(deaf bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf = deaf
}

func (s *subscriber) heard() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.got, " ")
}

// TestFromASensorToAPage: what a real MQTT client publishes becomes an entity, reaches who
// subscribed even if the hub is killed meanwhile, and stands on everyone's page.
func TestFromASensorToAPage(t *testing.T) {
	t.Parallel()
	publisher, err := exec.LookPath("mosquitto_pub") //nolint:misspell // its name
	if err != nil {
		t.Skip("no mosquitto_pub here: run 'setup/setup test' first") //nolint:misspell // as above
	}
	hash, err := bcrypt.GenerateFromPassword([]byte("a secret of its own"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	w, receiver := newTown(t), newSubscriber(t)
	broker := testport.Address(t)
	w.more = fmt.Sprintf(`  sensors:
    shipped: [water-level]
    mqtt:
      listen: %s
      devices: [{name: underpass-1, password: %q, prefix: water-level/underpass-1/}]
  alarms: {every: 1s}
  access: {trust_loopback: true}
  ngsi_ld:
    notify: {hosts: [127.0.0.1]}
    notifications: {retries: [1s]}
`, broker, hash)
	w.startHub()
	host, port, err := net.SplitHostPort(broker)
	if err != nil {
		t.Fatal(err)
	}
	measured := func(ago time.Duration, level string) {
		t.Helper()
		message := fmt.Sprintf(`{"ts": %q, "level": %s}`, time.Now().Add(-ago).UTC().Format(time.RFC3339), level)
		out, err := exec.CommandContext(t.Context(), publisher, "-h", host, "-p", port, "-u", "underpass-1", "-P", "a secret of its own", "-t", "water-level/underpass-1/up", "-q", "1", "-m", message).CombinedOutput() //nolint:gosec // its own client
		if err != nil {
			t.Fatalf("publish: %v: %s", err, out)
		}
	}
	subscription := fmt.Sprintf(`{"type": "Subscription", "entities": [{"type": "FloodMonitoring"}], "notification": {"attributes": ["currentLevel"], "endpoint": {"uri": %q, "accept": "application/json"}}}`, receiver.URL)
	answer, err := client.Post("http://"+w.hubAt+"/ngsi-ld/v1/subscriptions", "application/json", strings.NewReader(subscription))
	if err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		t.Fatalf("subscribe: %s %s", answer.Status, said)
	}

	measured(3*time.Minute, "0.02")
	w.eventually("the subscriber hears", soon, func() bool { return receiver.heard() == "0.02" })
	receiver.listen(true)
	measured(2*time.Minute, "0.34")
	if entity := w.get(w.hubAt, "/ngsi-ld/v1/entities/urn:ngsi-ld:FloodMonitoring:underpass-1"); !strings.Contains(entity, "0.34") {
		t.Errorf("what was acknowledged is no entity: %s", entity)
	}
	w.hub.kill()
	receiver.listen(false)
	w.startHub()
	w.eventually("the subscriber hears what came before the kill", soon, func() bool { return strings.Contains(receiver.heard(), "0.34") })
	measured(time.Minute, "0.36")
	measured(0, "0.37")
	w.eventually("the subscriber hears on", soon, func() bool { return strings.HasSuffix(receiver.heard(), "0.36 0.37") })
	w.eventually("the page says the level and the alarm", soon, func() bool {
		page := w.get(w.hubAt, "/sensors/water/urn:ngsi-ld:FloodMonitoring:underpass-1?as=public")
		return strings.HasPrefix(page, "200") && strings.Contains(page, "0.37") && strings.Contains(page, "Critical alarm")
	})
}
