package webhook_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/internal/delivery"
	"polity/internal/outside"
	"polity/room/notice/webhook"
)

// TestExampleOfTheStandard is the example of the Standard Webhooks' libraries.
func TestExampleOfTheStandard(t *testing.T) {
	s, err := webhook.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	at, id, body := time.Unix(1614265330, 0), "msg_p5jXN8AQM9LWM0D4loKWxJek", []byte(`{"test": 2432232314}`)
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	if got := webhook.Sign(s, id, at, body); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	h := http.Header{}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", "1614265330")
	h.Set("webhook-signature", "v1,AAAA "+want)
	if err := webhook.Verify(s, h, body, at.Add(time.Minute)); err != nil {
		t.Error(err)
	}
	for name, verify := range map[string]func() error{
		"late":       func() error { return webhook.Verify(s, h, body, at.Add(6*time.Minute)) },
		"early":      func() error { return webhook.Verify(s, h, body, at.Add(-6*time.Minute)) },
		"other body": func() error { return webhook.Verify(s, h, []byte("{}"), at) },
		"other key":  func() error { return webhook.Verify(webhook.Secret("another secret of 24 bytes"), h, body, at) },
		"no header":  func() error { return webhook.Verify(s, http.Header{}, body, at) },
	} {
		if verify() == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
}

func TestSecrets(t *testing.T) {
	good := "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	for _, bad := range []string{"", "secret", "whsec_", "whsec_AAAA", "whsec_%%%", good + "\n" + good + "\n" + good} {
		_, err := webhook.ParseSecrets(bad)
		if city.KindOf(err) != city.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	two, err := webhook.ParseSecrets(good + "\n\n" + good + "\n")
	if err != nil || len(two) != 2 {
		t.Fatal(two, err)
	}
	if text := fmt.Sprintf("%v %s %#v %+v", two[0], two[0], two[0], two); strings.Contains(text, "MfKQ") || strings.Contains(text, "49") {
		t.Errorf("the secret is printed: %s", text)
	}
}

func TestAddresses(t *testing.T) {
	for text, good := range map[string]bool{
		"https://duty.city.example/alerts": true, "http://10.0.0.7:8080/x": true,
		"http://duty.city.example": false, "ftp://x": false, "https://": false, "https://user:secretword@x.example/": false, "x": false, "https://x.example/#a": false, "file:///etc/passwd": false, "https:x": false,
	} {
		_, err := webhook.ParseURL(text, []string{"10.0.0.7"})
		if (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "secretword") {
			t.Errorf("the password is shown: %v", err)
		}
	}
}

func post(t *testing.T, url string, hosts ...string) error {
	t.Helper()
	u, err := webhook.ParseURL(url, []string{"127.0.0.1", "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := webhook.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	return webhook.Send(t.Context(), webhook.Client(hosts), webhook.Receiver{URL: u, Secrets: []webhook.Secret{s}, KeyID: "2026"}, "ntc_1", []byte(`{"a":1}`), time.Now())
}

func TestHostileReceivers(t *testing.T) {
	inner := 0
	private := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inner++ }))
	defer private.Close()
	_, innerPort, _ := net.SplitHostPort(private.Listener.Addr().String())
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, private.URL, http.StatusTemporaryRedirect)
		case "/huge":
			w.WriteHeader(http.StatusOK)
			chunk := strings.Repeat("x", 1<<20)
			for range 1 << 20 {
				if _, err := io.WriteString(w, chunk); err != nil {
					return
				}
			}
		case "/heads":
			for n := range 1000 {
				w.Header().Set(fmt.Sprintf("X-%d", n), strings.Repeat("y", 1000))
			}
		case "/later":
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer s.Close()
	if err := post(t, s.URL+"/redirect", "127.0.0.1"); err == nil || !strings.Contains(err.Error(), "redirect") || inner != 0 {
		t.Errorf("a redirect: %v, the inner server was asked %d times", err, inner)
	}
	if err := post(t, s.URL+"/huge", "127.0.0.1"); err != nil {
		t.Errorf("a huge answer with status 200: %v", err)
	}
	if err := post(t, s.URL+"/heads?token=secretword", "127.0.0.1"); err == nil || strings.Contains(err.Error(), "secretword") {
		t.Errorf("a huge head: %v", err)
	}
	err := post(t, s.URL+"/later", "127.0.0.1")
	if later, ok := errors.AsType[*delivery.Later](err); !ok || later.For != 2*time.Minute {
		t.Errorf("a receiver that asks for time: %v", err)
	}
	for _, address := range []string{"http://localhost:" + innerPort, private.URL} {
		if err := post(t, address); !errors.Is(err, outside.ErrInside) || inner != 0 {
			t.Errorf("%s that is not listed: %v, asked %d times", address, err, inner)
		}
	}
}
