package hub

import (
	"log/slog"
	"strings"
	"testing"
)

func TestNoReadersAddressIsLogged(t *testing.T) {
	for line, want := range map[string]string{
		"http: TLS handshake error from 192.0.2.7:4000: EOF":                         "",
		"http: panic serving 192.0.2.7:4000: no\ngoroutine 7 [running]:":             "panic serving a reader: no",
		"http: panic serving [2001:db8::7]:4000: no":                                 "panic serving a reader: no",
		"http2: server: error reading preface from client 192.0.2.7:4000: timeout":   "reading preface",
		"http: superfluous response.WriteHeader call from polity/hub.x (serve.go:7)": "superfluous",
	} {
		var out strings.Builder
		newErrorLog(slog.New(slog.NewTextHandler(&out, nil))).Print(line)
		if !strings.Contains(out.String(), want) || (want == "") != (out.Len() == 0) {
			t.Errorf("%q is logged as %q", line, out.String())
		}
		if strings.Contains(out.String(), "192.0.2.7") || strings.Contains(out.String(), "2001:db8") {
			t.Errorf("%q is logged with the address: %q", line, out.String())
		}
	}
}
