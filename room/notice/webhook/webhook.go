// Package webhook posts signed JSON to receivers that a city named, as Standard Webhooks
// 1.0 describes it: HMAC-SHA256 over id, time and body.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/city"
	"polity/internal/delivery"
	"polity/internal/outside"
)

// Secret is what sender and receiver share, 24 to 64 bytes. It prints as what it is for.
type Secret []byte

const prefix = "whsec_"

// String keeps the secret out of logs.
func (Secret) String() string { return prefix + "..." }

// GoString keeps the secret out of logs.
func (s Secret) GoString() string { return s.String() }

// ParseSecret reads whsec_ and base64, as it stands in files.
func ParseSecret(text string) (Secret, error) {
	coded, ok := strings.CutPrefix(strings.TrimSpace(text), prefix)
	if !ok {
		return nil, city.Errorf(city.Invalid, "a webhook's secret begins with %s", prefix)
	}
	s, err := base64.StdEncoding.DecodeString(coded)
	if err != nil || len(s) < 24 || len(s) > 64 {
		return nil, city.Errorf(city.Invalid, "a webhook's secret is %s and base64 of 24 to 64 bytes; make one with: echo %s$(openssl rand -base64 32)", prefix, prefix)
	}
	return s, nil
}

// ParseSecrets reads a file of one or two secrets, a line each: the one that counts, and
// the one before.
func ParseSecrets(text string) ([]Secret, error) {
	var out []Secret
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		s, err := ParseSecret(line)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	if len(out) == 0 || len(out) > 2 {
		return nil, city.Errorf(city.Invalid, "a webhook's file has one secret, or two while they are exchanged; there are %d", len(out))
	}
	return out, nil
}

// Sign returns the signature of a message: "v1," and base64.
func Sign(s Secret, id string, at time.Time, body []byte) string {
	m := hmac.New(sha256.New, s)
	fmt.Fprintf(m, "%s.%d.", id, at.Unix())
	m.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// Tolerance is how far a timestamp may be off.
const Tolerance = 5 * time.Minute

// Verify checks a message that came in, as receivers should.
func Verify(s Secret, h http.Header, body []byte, now time.Time) error {
	seconds, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err != nil {
		return errors.New("there is no webhook-timestamp")
	}
	at := time.Unix(seconds, 0)
	if d := now.Sub(at); d > Tolerance || d < -Tolerance {
		return errors.New("the message is too old, or of the future")
	}
	want := Sign(s, h.Get("webhook-id"), at, body)
	for got := range strings.FieldsSeq(h.Get("webhook-signature")) {
		if hmac.Equal([]byte(got), []byte(want)) {
			return nil
		}
	}
	return errors.New("no signature fits")
}

// Receiver is where messages go.
type Receiver struct {
	URL     *url.URL
	Secrets []Secret // the first is the one that counts
	KeyID   string   // of the first; may be empty
}

// ParseURL checks an address for webhooks. http:// is for hosts that the configuration
// lists.
func ParseURL(text string, listed []string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Opaque != "" || u.Fragment != "" {
		return nil, city.Errorf(city.Invalid, "the webhook's url is no address such as https://duty.city.example/alerts")
	}
	if u.User != nil {
		return nil, city.Errorf(city.Invalid, "the webhook's url holds a user or password; the signature says who sends")
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && slices.Contains(listed, u.Hostname()):
	default:
		return nil, city.Errorf(city.Invalid, "the webhook's url begins with https://, or with http:// where hosts lists %s", u.Hostname())
	}
	return u, nil
}

const answerTime = 15 * time.Second

// Client returns an HTTP client that follows no redirect and reaches no inner address
// that is not listed.
func Client(hosts []string) *http.Client {
	return &http.Client{
		Timeout:       answerTime,
		Transport:     outside.Transport(hosts, answerTime),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Send posts a message and returns nil once the receiver took it, with a status of 2xx.
func Send(ctx context.Context, client *http.Client, to Receiver, id string, body []byte, now time.Time) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL.String(), bytes.NewReader(body))
	if err != nil {
		return errors.New("the address cannot be asked")
	}
	var signatures []string
	for _, s := range to.Secrets {
		signatures = append(signatures, Sign(s, id, now, body))
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Polity")
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("Webhook-Signature", strings.Join(signatures, " "))
	if to.KeyID != "" {
		req.Header.Set("Polity-Key-Id", to.KeyID)
	}
	answer, err := Do(client, req)
	if err != nil {
		return err
	}
	return answer.Judge()
}

// Answer is what counts of a receiver's answer.
type Answer struct {
	Status int
	Later  time.Duration // for so long it wants to be left alone; 0: it did not say
}

// Do sends a request and reads what it may of the answer. Errors do not show the address,
// which may hold a key.
func Do(client *http.Client, req *http.Request) (Answer, error) {
	resp, err := client.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			if e.Timeout() {
				return Answer{}, fmt.Errorf("no answer within %v", client.Timeout)
			}
			err = e.Err
		}
		return Answer{}, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, outside.AnswerMost)) // so that the connection can be used again
	a := Answer{Status: resp.StatusCode}
	if seconds, no := strconv.Atoi(resp.Header.Get("Retry-After")); no == nil && seconds > 0 && seconds < 1e6 {
		a.Later = time.Duration(seconds) * time.Second
	}
	return a, nil
}

// Judge says what an answer means.
func (a Answer) Judge() error {
	switch {
	case a.Status >= 200 && a.Status <= 299:
		return nil
	case a.Status >= 300 && a.Status <= 399:
		return fmt.Errorf("the receiver answered %d, a redirect, and none is followed: configure the address it leads to", a.Status)
	}
	err := fmt.Errorf("the receiver answered %d %s", a.Status, http.StatusText(a.Status))
	if a.Later > 0 {
		return &delivery.Later{Err: err, For: a.Later}
	}
	return err
}
