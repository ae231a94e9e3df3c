package certs

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"polity/access"
)

func TestBehindAProxy(t *testing.T) {
	for name, c := range map[string]struct {
		peer, host string
		forwarded  []string
		proto      string
		status     int
		from       string
	}{
		"somebody":                        {"10.0.0.5:4000", "hub.city.example", []string{"203.0.113.9"}, "https", 200, "203.0.113.9:0"},
		"by IPv6":                         {"[::ffff:10.0.0.5]:4000", "hub.city.example", []string{"2001:db8::1"}, "HTTPS", 200, "[2001:db8::1]:0"},
		"with a port":                     {"10.0.0.5:4000", "hub.city.example", []string{"203.0.113.9:51000"}, "https", 200, "203.0.113.9:0"},
		"with a port, IPv6":               {"10.0.0.5:4000", "hub.city.example", []string{"[2001:db8::1]:51000"}, "https", 200, "[2001:db8::1]:0"},
		"through two proxies":             {"10.0.0.5:4000", "hub.city.example", []string{"203.0.113.9, 10.0.0.6"}, "http, https", 200, "203.0.113.9:0"},
		"who lies about who they are":     {"10.0.0.5:4000", "hub.city.example", []string{"127.0.0.1, 10.0.0.6, 203.0.113.9"}, "https", 200, "203.0.113.9:0"},
		"who lies in a header of its own": {"10.0.0.5:4000", "hub.city.example", []string{"127.0.0.1", "203.0.113.9"}, "https", 200, "203.0.113.9:0"},
		"who says to be this machine":     {"10.0.0.5:4000", "127.0.0.1", []string{"127.0.0.1"}, "https", 200, "127.0.0.1:0"},
		"past the proxy":                  {"203.0.113.9:4000", "hub.city.example", []string{"203.0.113.9"}, "https", 403, ""},
		"past the proxy, from inside":     {"10.0.0.7:4000", "hub.city.example", nil, "", 403, ""},
		"a proxy that says nothing":       {"10.0.0.5:4000", "127.0.0.1:8080", nil, "https", 400, ""},
		"a proxy that says rubbish":       {"10.0.0.5:4000", "hub.city.example", []string{"203.0.113.9, unknown"}, "https", 400, ""},
		"a proxy that names itself alone": {"10.0.0.5:4000", "hub.city.example", []string{"10.0.0.5, 10.0.0.6"}, "https", 400, ""},
		"asked in the clear":              {"10.0.0.5:4000", "hub.city.example", []string{"203.0.113.9"}, "http", 403, ""},
		"asked it does not say how":       {"10.0.0.5:4000", "hub.city.example", []string{"203.0.113.9"}, "", 403, ""},
		"the end of a lie counts":         {"10.0.0.5:4000", "hub.city.example", []string{"203.0.113.9"}, "https, http", 403, ""},
		"this machine, past the proxy":    {"127.0.0.1:4000", "127.0.0.1:8080", nil, "", 200, "127.0.0.1:4000"},
	} {
		f, err := Open(Config{BehindProxy: []netip.Addr{netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("10.0.0.6")}}, Deps{Listen: "10.0.0.1:8080"})
		if err != nil {
			t.Fatal(err)
		}
		if f.TLS() != nil {
			t.Fatal("it has a certificate")
		}
		r := httptest.NewRequest(http.MethodGet, "http://x/", nil)
		r.RemoteAddr, r.Host = c.peer, c.host
		for _, v := range c.forwarded {
			r.Header.Add("X-Forwarded-For", v)
		}
		if c.proto != "" {
			r.Header.Set("X-Forwarded-Proto", c.proto)
		}
		var got *http.Request
		w := httptest.NewRecorder()
		f.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r })).ServeHTTP(w, r)
		if w.Code != c.status || (got != nil) != (c.status == 200) {
			t.Errorf("%s: %d, reached the pages: %v", name, w.Code, got != nil)
			continue
		}
		if got == nil {
			continue
		}
		if got.RemoteAddr != c.from {
			t.Errorf("%s: comes from %s, want %s", name, got.RemoteAddr, c.from)
		}
		own := name == "this machine, past the proxy"
		if access.OnLoopback(got) != own || Encrypted(got) == own {
			t.Errorf("%s: from this machine %v, encrypted %v", name, access.OnLoopback(got), Encrypted(got))
		}
		if hsts := w.Header().Get("Strict-Transport-Security") != ""; hsts != (c.host == "hub.city.example" && !own) {
			t.Errorf("%s: HSTS %v", name, hsts)
		}
	}
}

// A proxy on the hub's own machine has the address of everybody there: whoever asks from
// it is asked for through the proxy, or not at all.
func TestAProxyOnTheSameMachine(t *testing.T) {
	f, err := Open(Config{BehindProxy: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}, Deps{Listen: "127.0.0.1:8080"})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8080/", nil)
	r.RemoteAddr = "127.0.0.1:4000" // a proxy that passes neither the host nor whom it asks for
	w := httptest.NewRecorder()
	f.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the public passes for this machine") })).ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest {
		t.Errorf("answers %d", w.Code)
	}
}

// Without a proxy nobody's headers are believed.
func TestHeadersWithoutAProxy(t *testing.T) {
	f, err := Open(Config{}, Deps{Listen: "127.0.0.1:8080"})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8080/", nil)
	r.RemoteAddr = "127.0.0.1:4000"
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	r.Header.Set("X-Forwarded-Proto", "https")
	f.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.RemoteAddr != "127.0.0.1:4000" || Encrypted(r) || access.OnLoopback(r) {
			t.Errorf("from %s, encrypted %v", r.RemoteAddr, Encrypted(r))
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
}

func FuzzForwardedFor(f *testing.F) {
	f.Add("203.0.113.9, 10.0.0.6")
	f.Add("[2001:db8::1]:1, ::ffff:10.0.0.5")
	f.Add(",,, [")
	proxy := netip.MustParseAddr("10.0.0.5")
	front, err := Open(Config{BehindProxy: []netip.Addr{proxy}}, Deps{Listen: "10.0.0.1:8080"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header string) {
		a, err := front.client([]string{header})
		if (err == nil) != a.IsValid() || a == proxy || a.Zone() != "" || a.Is4In6() {
			t.Errorf("%q comes from %v, %v", header, a, err)
		}
	})
}
