package frame

import (
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

// Without returns the request's address without one parameter.
func Without(r *Request, parameter string) string { return With(r, parameter, "") }

// With returns the request's address with a parameter set to a value, or removed.
func With(r *Request, parameter, value string) string {
	u := *r.URL
	q := u.Query()
	if value == "" {
		q.Del(parameter)
	} else {
		q.Set(parameter, value)
	}
	u.RawQuery = q.Encode()
	return u.RequestURI()
}

// LocalPath returns an address on this site, or the front page: a form must not be
// able to send a reader elsewhere. Browsers take a backslash for a slash and leave out tabs
// and ends of lines (WHATWG URL, 4.4), so that "/\t/host" would be another site.
func LocalPath(p string) string {
	odd := func(r rune) bool { return r == '\\' || unicode.IsControl(r) }
	if !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || strings.ContainsFunc(p, odd) {
		return "/"
	}
	return p
}

// Saying adds to an address what the page there is to say.
func Saying(address, said string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "/room"
	}
	q := u.Query()
	q.Set("said", said)
	u.RawQuery = q.Encode()
	return u.RequestURI()
}

// signInAddress is where to sign in and come back from.
func signInAddress(r *Request) string {
	if r.Method != http.MethodGet {
		return "/sign-in"
	}
	return "/sign-in?then=" + url.QueryEscape(r.URL.RequestURI())
}
