// Package webpush sends short messages to browsers through their push services: RFC 8030
// with the encryption of RFC 8291 and the sender's identification of RFC 8292. A push
// service sees when something is sent to whom, never what.
package webpush

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/city"
	"polity/room/notice/webhook"
)

// Keys are a browser's, by which only it reads what is sent.
type Keys struct {
	P256DH []byte // 65 bytes, an uncompressed point of P-256
	Auth   []byte // 16 bytes
}

// Subscription is where a browser's messages go. Its endpoint is a secret: whoever knows
// it can send.
type Subscription struct {
	Endpoint *url.URL
	Keys     Keys
}

// maxEndpoint is the longest address of an endpoint, bytes.
const maxEndpoint = 2000

// Parse checks what a browser says of its subscription: the endpoint, and both keys in
// base64url. Endpoints are https://, and their host is a name or among hosts; where it
// leads is looked at again with each message.
func Parse(endpoint, p256dh, auth string, hosts []string) (Subscription, error) {
	var s Subscription
	u, err := url.Parse(endpoint)
	if err != nil || len(endpoint) > maxEndpoint || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return s, city.Errorf(city.Invalid, "the push service's address is none that begins with https://")
	}
	if !slices.Contains(hosts, u.Hostname()) && !isName(u.Hostname()) {
		return s, city.Errorf(city.Invalid, "the push service's address names no host of the internet")
	}
	s.Endpoint = u
	if s.Keys.P256DH, err = decode(p256dh); err == nil {
		_, err = ecdh.P256().NewPublicKey(s.Keys.P256DH)
	}
	if err != nil {
		return s, city.Errorf(city.Invalid, "the subscription's key p256dh is no point of P-256 in base64url")
	}
	if s.Keys.Auth, err = decode(auth); err != nil || len(s.Keys.Auth) != 16 {
		return s, city.Errorf(city.Invalid, "the subscription's secret auth is no 16 bytes in base64url")
	}
	return s, nil
}

// decode reads base64url with or without padding.
func decode(s string) ([]byte, error) {
	if len(s) > 200 {
		return nil, errors.New("too long")
	}
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
}

// isName says whether a host is a name with a dot whose last part is no number: not an
// address in any notation, and no name of an inner machine.
func isName(host string) bool {
	dot := strings.LastIndexByte(strings.TrimSuffix(host, "."), '.')
	last := strings.ToLower(strings.TrimSuffix(host[dot+1:], "."))
	return dot > 0 && last != "" && last[0] >= 'a' && last[0] <= 'z' && !slices.Contains([]string{"local", "localhost", "internal", "home", "lan", "arpa"}, last)
}

// ErrGone is Send's for a subscription that the push service no longer knows: forget it.
var ErrGone = errors.New("the browser's subscription is no more")

// Message is what is sent.
type Message struct {
	Plain  []byte        // MaxPlain bytes at most
	TTL    time.Duration // for so long the push service keeps it for a browser that is away
	Urgent bool
}

// Send encrypts a message and hands it to the push service.
func (s *Signer) Send(ctx context.Context, client *http.Client, to Subscription, m Message, now time.Time) error {
	body, err := Encrypt(to.Keys, m.Plain)
	if err != nil {
		return err
	}
	authorization, err := s.Authorization(to.Endpoint, now)
	if err != nil {
		return fmt.Errorf("sign for the push service: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.Endpoint.String(), bytes.NewReader(body))
	if err != nil {
		return errors.New("the push service's address cannot be asked")
	}
	req.Header.Set("Authorization", authorization)
	req.Header.Set("Content-Encoding", "aes128gcm")
	req.Header.Set("Content-Type", "application/octet-stream")
	req.Header.Set("TTL", strconv.Itoa(int(m.TTL.Seconds())))
	req.Header.Set("Urgency", "normal")
	if m.Urgent {
		req.Header.Set("Urgency", "high")
	}
	answer, err := webhook.Do(client, req)
	if err != nil {
		return err
	}
	if answer.Status == http.StatusNotFound || answer.Status == http.StatusGone {
		return ErrGone
	}
	return answer.Judge()
}
