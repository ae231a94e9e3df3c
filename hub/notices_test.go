package hub_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"polity/room/alert"
	"polity/room/notice"
	"polity/room/notice/webhook"
)

// TestAnAlertReachesADesk is from a program's alert to a desk's webhook, through a restart:
// signed, in words, once, and without what somebody typed.
func TestAnAlertReachesADesk(t *testing.T) {
	const text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	secret, err := webhook.ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var got []notice.Message
	var raw strings.Builder
	desk := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var m notice.Message
		mu.Lock()
		defer mu.Unlock()
		if err := json.Unmarshal(body, &m); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		if at := m.Timestamp; webhook.Verify(secret, r.Header, body, at) != nil {
			t.Errorf("the signature of %s is wrong", body)
		}
		got = append(got, m)
		raw.Write(body)
	}))
	defer desk.Close()
	w := newTown(t)
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w.cfg.Access.TrustLoopback = true
	w.cfg.Notices = notice.Config{
		Address: "https://polity.city.example", Hosts: []string{"127.0.0.1"},
		Channels: []notice.Channel{{Name: "traffic-duty", Rule: notice.Rule{Priority: 4, When: []notice.Reason{notice.Opened}}, Webhook: &notice.Webhook{URL: desk.URL, SecretFile: file}}},
	}
	w.start()
	w.ngsi(http.MethodPost, "entities", jam, http.StatusCreated)
	const key = "data:urn:ngsi-ld:Alert:other:1"
	w.alert(key, raised)
	heard := func(n int) func() bool {
		return func() bool { mu.Lock(); defer mu.Unlock(); return len(got) >= n }
	}
	w.eventually("the desk hears of it", heard(1))
	w.stop()
	w.start()
	w.ngsi(http.MethodPost, "entities", strings.ReplaceAll(jam, "other:1", "other:2"), http.StatusCreated)
	w.alert("data:urn:ngsi-ld:Alert:other:2", func(a alert.Alert) bool { return a.Open() })
	w.eventually("the desk hears of another", heard(2))
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 2 || got[0].Data.Key != key || got[1].Data.Key == key {
		t.Fatalf("%+v", got)
	}
	if m := got[0]; m.Type != "alert.opened" || m.Channel != "traffic-duty" || m.Data.Title != "Traffic" || m.Data.Priority != 4 || m.Data.Place == "" ||
		m.Data.Link != "https://polity.city.example/room?alert=data%3Aurn%3Angsi-ld%3AAlert%3Aother%3A1" {
		t.Errorf("%+v", m)
	}
	if s := strings.ToLower(raw.String()); strings.Contains(s, "smith") || strings.Contains(s, "jacket") {
		t.Errorf("what somebody typed is told: %s", s)
	}
	if status, page := w.get("/room/notices"); status != http.StatusOK || !strings.Contains(page, "traffic-duty") {
		t.Errorf("%d %s", status, page)
	}
}
