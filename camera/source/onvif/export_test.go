package onvif

import (
	"net"
	"net/http"
	"net/url"
)

// Matches reads an answer as if it came from 192.0.2.1.
func Matches(b []byte, id string) []Found { return matches(b, net.IPv4(192, 0, 2, 1), id) }

// AnswerChallenge returns the header that answers a challenge.
func AnswerChallenge(challenge string) (string, bool) {
	var d digest
	ok := d.take([]string{challenge})
	req := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: "/onvif"}, Header: http.Header{}}
	d.answer(req, "user", "xyzzy")
	return req.Header.Get("Authorization"), ok
}
