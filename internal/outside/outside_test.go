package outside_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"polity/internal/outside"
)

func TestPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700:4700::1111": true, "::ffff:8.8.8.8": true,
		"127.0.0.1": false, "127.8.8.8": false, "0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "172.16.0.1": false, "192.168.1.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "192.0.0.8": false, "198.18.0.1": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"192.0.2.1": false, "203.0.113.9": false,
		"::": false, "::1": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd12:3456::1": false, "ff02::1": false, "fec0::1": false, "2001:db8::1": false,
		// inner addresses of IPv4 written as IPv6: mapped, compatible, NAT64, 6to4, Teredo
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::127.0.0.1": false, "64:ff9b::7f00:1": false, "64:ff9b:1::a00:1": false, "2002:7f00:1::": false, "2001:0:7f00:1::": false,
	} {
		if got := outside.Public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: public %v, want %v", text, got, want)
		}
	}
	if outside.Public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

// TestWhatANameLeadsToIsLookedAt dials names that lead to this machine, however they are
// written: the check is of the address that is connected to.
func TestWhatANameLeadsToIsLookedAt(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "inner") }))
	defer s.Close()
	_, port, _ := strings.Cut(s.Listener.Addr().String(), ":")
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0", "0.0.0.0"} {
		c := &http.Client{Transport: outside.Transport(nil, 5*time.Second)}
		resp, err := c.Get("http://" + host + ":" + port)
		if err == nil {
			resp.Body.Close()
			t.Errorf("%s was reached", host)
			continue
		}
		if host != "0" && !errors.Is(err, outside.ErrInside) { // some resolvers know no such name
			t.Errorf("%s: %v", host, err)
		}
	}
	c := &http.Client{Transport: outside.Transport([]string{"127.0.0.1"}, 5*time.Second)}
	resp, err := c.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp, err := c.Get("http://localhost:" + port); err == nil {
		resp.Body.Close()
		t.Error("a name that is not listed was reached because its address is")
	}
}
