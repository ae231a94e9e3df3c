package webpush

import (
	"crypto/ecdh"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/internal/outside"
	"polity/room/notice/webhook"
)

func brokenKeys(path string) map[string]func() error {
	return map[string]func() error{
		"readable by others": func() error { return os.Chmod(path, 0o644) },
		"not base64":         func() error { return errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, []byte("%%%"), 0o600)) },
		"no key":             func() error { return os.WriteFile(path, []byte(b64.EncodeToString(make([]byte, 32))), 0o600) },
	}
}

func TestParseRefuses(t *testing.T) {
	key, err := ecdh.P256().GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	point, auth := b64.EncodeToString(key.PublicKey().Bytes()), b64.EncodeToString(make([]byte, 16))
	good := "https://push.example.net/send/abc"
	if _, err := Parse(good, point, auth, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := Parse("https://127.0.0.1:4433/x", point+"=", auth+"==", []string{"127.0.0.1"}); err != nil {
		t.Errorf("a host that is listed: %v", err)
	}
	for _, bad := range [][3]string{
		{"http://push.example.net/x", point, auth},
		{"https://127.0.0.1/x", point, auth},
		{"https://[::1]/x", point, auth},
		{"https://2130706433/x", point, auth},
		{"https://0x7f.1/x", point, auth},
		{"https://127.1/x", point, auth},
		{"https://localhost/x", point, auth},
		{"https://hub.internal/x", point, auth},
		{"https://user@push.example.net/x", point, auth},
		{"https://" + strings.Repeat("x", 3000) + ".net", point, auth},
		{"javascript:alert(1)", point, auth},
		{good, point[:20], auth},
		{good, b64.EncodeToString(make([]byte, 65)), auth},
		{good, point, "AAAA"},
		{good, "%", auth},
		{"", "", ""},
	} {
		if _, err := Parse(bad[0], bad[1], bad[2], nil); err == nil {
			t.Errorf("%.60s is taken", bad)
		}
	}
}

// TestPush is a push service on this machine.
func TestPush(t *testing.T) {
	receiver, err := ecdh.P256().GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	auth := []byte("0123456789abcdef")
	status := http.StatusCreated
	var got string
	var head http.Header
	service := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if text, err := Decrypt(receiver, auth, body); err == nil {
			got = string(text)
		}
		head = r.Header.Clone()
		w.WriteHeader(status)
	}))
	defer service.Close()
	u, _ := url.Parse(service.URL + "/send/secretword")
	to := Subscription{u, Keys{receiver.PublicKey().Bytes(), auth}}
	s, err := OpenSigner(filepath.Join(t.TempDir(), "push.key"), "mailto:it@city.example")
	if err != nil {
		t.Fatal(err)
	}
	client := webhook.Client([]string{"127.0.0.1"})
	transport := client.Transport.(*http.Transport)
	transport.TLSClientConfig = service.Client().Transport.(*http.Transport).TLSClientConfig
	send := func() error {
		return s.Send(t.Context(), client, to, Message{Plain: []byte(`{"title":"Flooding"}`), TTL: time.Hour, Urgent: true}, time.Now())
	}
	if err := send(); err != nil || got != `{"title":"Flooding"}` {
		t.Fatalf("it read %q, %v", got, err)
	}
	token, k, _ := strings.Cut(strings.TrimPrefix(head.Get("Authorization"), "vapid t="), ", k=")
	if head.Get("TTL") != "3600" || head.Get("Urgency") != "high" || head.Get("Content-Encoding") != "aes128gcm" || !verify(token, bytesOf(t, k)) {
		t.Errorf("the head was %v", head)
	}
	for code, want := range map[int]error{http.StatusGone: ErrGone, http.StatusNotFound: ErrGone} {
		status = code
		if err := send(); !errors.Is(err, want) {
			t.Errorf("%d: %v", code, err)
		}
	}
	for _, code := range []int{http.StatusTooManyRequests, http.StatusForbidden, http.StatusFound, http.StatusInternalServerError} {
		status = code
		if err := send(); err == nil || errors.Is(err, ErrGone) || strings.Contains(err.Error(), "secretword") {
			t.Errorf("%d: %v", code, err)
		}
	}
	client = webhook.Client(nil)
	if err := send(); !errors.Is(err, outside.ErrInside) {
		t.Errorf("an endpoint inside: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("https://push.example.net/send/abc", "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4", "BTBZMqHH6r4Tts7J_aSIgg")
	f.Add("https://[::ffff:127.0.0.1]/x", "", "")
	f.Add("https://127.0.0.1.example/x", "A", "A")
	f.Fuzz(func(t *testing.T, endpoint, p256dh, auth string) {
		s, err := Parse(endpoint, p256dh, auth, nil)
		if err != nil {
			return
		}
		if s.Endpoint.Scheme != "https" || len(s.Keys.Auth) != 16 || len(s.Keys.P256DH) != 65 {
			t.Errorf("%+v", s)
		}
		if _, err := netip.ParseAddr(s.Endpoint.Hostname()); err == nil {
			t.Errorf("an address is taken for a name: %s", s.Endpoint.Hostname())
		}
		body, err := Encrypt(s.Keys, []byte("x"))
		if err != nil || len(body) < headSize {
			t.Errorf("%v", err)
		}
	})
}

func FuzzDecrypt(f *testing.F) {
	receiver, err := ecdh.P256().GenerateKey(nil)
	if err != nil {
		f.Fatal(err)
	}
	auth := []byte("0123456789abcdef")
	good, err := Encrypt(Keys{receiver.PublicKey().Bytes(), auth}, []byte("hello"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:headSize])
	f.Fuzz(func(t *testing.T, body []byte) {
		if plain, err := Decrypt(receiver, auth, body); err == nil && string(plain) != "hello" {
			t.Errorf("forged: %q", plain)
		}
	})
}
