package certs

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// encrypted marks requests that reached a proxy encrypted.
type encrypted struct{}

// Encrypted reports whether a request came by HTTPS, here or at the proxy in front.
func Encrypted(r *http.Request) bool {
	return r.TLS != nil || r.Context().Value(encrypted{}) != nil
}

// Handler stands before all pages. Browsers learn to ask for them encrypted alone from
// then on (HSTS, RFC 6797), except by the name localhost, which other programs of that
// machine share.
//
// Behind a proxy it answers the proxy, and this machine itself where the proxy is on
// another. RemoteAddr becomes the address that the proxy saw, by X-Forwarded-For as that
// proxy wrote it: what stood there before it is the browser's own word and not believed.
// The headers stay, so that nobody passes for this machine itself (access.OnLoopback).
func (f *Front) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(f.proxy) > 0 {
			var status int
			var why string
			if r, status, why = f.behind(r); why != "" {
				http.Error(w, why, status)
				return
			}
		}
		if Encrypted(r) && named(r.Host) {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// behind returns the request as the proxy saw it, or why it is not answered.
func (f *Front) behind(r *http.Request) (_ *http.Request, status int, why string) {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r, http.StatusForbidden, "This request comes from nowhere."
	}
	peer := at.Addr().Unmap().WithZone("")
	if !f.proxy[peer] {
		if peer.IsLoopback() {
			return r, 0, ""
		}
		return r, http.StatusForbidden, "This hub is reached through its proxy alone."
	}
	from, err := f.client(r.Header.Values("X-Forwarded-For"))
	if err != nil {
		return r, http.StatusBadRequest, err.Error()
	}
	schemes := strings.Split(strings.Join(r.Header.Values("X-Forwarded-Proto"), ","), ",")
	if !strings.EqualFold(strings.TrimSpace(schemes[len(schemes)-1]), "https") {
		return r, http.StatusForbidden, "The proxy was asked without encryption, or does not say how it was asked: it has to lead on to https:// and set X-Forwarded-Proto."
	}
	r = r.WithContext(context.WithValue(r.Context(), encrypted{}, true))
	r.RemoteAddr = netip.AddrPortFrom(from, 0).String()
	return r, 0, ""
}

// client is the last address that is none of the proxies'.
func (f *Front) client(forwarded []string) (netip.Addr, error) {
	list := strings.Split(strings.Join(forwarded, ","), ",")
	for _, text := range slices.Backward(list) {
		text = strings.TrimSpace(text)
		a, err := netip.ParseAddr(strings.Trim(text, "[]"))
		if err != nil {
			with, err := netip.ParseAddrPort(text)
			if err != nil {
				break
			}
			a = with.Addr()
		}
		if a = a.Unmap().WithZone(""); !f.proxy[a] {
			return a, nil
		}
	}
	return netip.Addr{}, errors.New("The proxy does not say for whom it asks: it has to set X-Forwarded-For.") //nolint:staticcheck,revive // a sentence for a browser
}

// named reports whether a host is a name that is one site's.
func named(host string) bool {
	host = bare(host)
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err != nil && host != "localhost"
}
