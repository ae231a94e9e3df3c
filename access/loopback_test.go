package access

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestOnlyTheMachineItselfIsOnLoopback(t *testing.T) {
	for _, c := range []struct {
		remote, host, header string
		rights               bool
	}{
		{"127.0.0.1:4000", "127.0.0.1:8080", "", true},
		{"127.0.0.1:4000", "localhost:8080", "", true},
		{"127.0.0.1:4000", "LOCALHOST", "", true},
		{"[::1]:4000", "[::1]:8080", "", true},
		{"[::ffff:127.0.0.1]:4000", "localhost", "", true},
		{"192.0.2.7:4000", "localhost:8080", "", false},
		{"127.0.0.1:4000", "city.example:8080", "", false}, // a name that was made to resolve to 127.0.0.1
		{"127.0.0.1:4000", "localhost.city.example", "", false},
		{"127.0.0.1:4000", "", "", false},
		{"127.0.0.1:4000", "localhost:8080", "X-Forwarded-For", false},
		{"127.0.0.1:4000", "localhost:8080", "Forwarded", false},
		{"", "localhost:8080", "", false},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr, r.Host = c.remote, c.host
		if c.header != "" {
			r.Header.Set(c.header, "192.0.2.7")
		}
		if got := OnLoopback(r); got != c.rights {
			t.Errorf("%+v: got %v", c, got)
		}
	}
}

// TestAProxyThatSaysLittleIsNotTheMachineItself: else everyone whom it serves would be.
func TestAProxyThatSaysLittleIsNotTheMachineItself(t *testing.T) {
	for name, change := range map[string]func(*http.Request){
		"nginx as it comes":        func(r *http.Request) { r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.0", 1, 0 },
		"an empty X-Forwarded-For": func(r *http.Request) { r.Header.Set("X-Forwarded-For", "") },
		"a scheme alone":           func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") },
		"a host of proxies":        func(r *http.Request) { r.Header.Set("CF-Connecting-IP", "192.0.2.7") },
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr, r.Host = "127.0.0.1:4000", "127.0.0.1:8080"
		if !OnLoopback(r) {
			t.Fatal("the machine itself is not on loopback")
		}
		if change(r); OnLoopback(r) {
			t.Errorf("%s passes for the machine itself", name)
		}
	}
}
