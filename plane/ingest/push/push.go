// Package push takes devices' messages over HTTP: POST /ingest/ROUTE, or
// /ingest/ROUTE/DEVICE where the payload does not name the device, with a bearer token.
// 202 says that the message is committed. Errors are problem details (RFC 9457).
package push

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"polity/city"
	"polity/plane/ingest/mapping"
)

// Taker takes messages: *ingest.Intake.
type Taker interface {
	// Take commits a message. Errors of kind Invalid refuse it for good.
	Take(ctx context.Context, m mapping.Message, again bool) error
}

// Token is who may push.
type Token struct {
	Name   string      `yaml:"name"`
	SHA256 string      `yaml:"sha256"` // of the token, in hex, as 'polity ingest secret' prints it
	Routes []city.Slug `yaml:"routes"` // to which
	// Devices are those of which it may push; empty: any.
	Devices []string `yaml:"devices"`
}

// Check reports what is wrong with a token's entry.
func (t Token) Check() error {
	if b, err := hex.DecodeString(t.SHA256); err != nil || len(b) != sha256.Size {
		return city.Errorf(city.Invalid, "token %s: sha256 is not 64 digits of hex; 'polity ingest secret' prints it", t.Name)
	}
	if len(t.Routes) == 0 {
		return city.Errorf(city.Invalid, "token %s: no route is named; it would open nothing", t.Name)
	}
	return nil
}

// Handler takes messages. Mount it at POST /ingest/{route} and
// POST /ingest/{route}/{device}.
func Handler(taker Taker, tokens []Token) http.Handler {
	return &handler{taker, tokens}
}

type handler struct {
	taker  Taker
	tokens []Token
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	route, device := city.Slug(r.PathValue("route")), r.PathValue("device")
	if status, why := h.allowed(r, route, device); status != 0 {
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="ingest"`)
		}
		problem(w, status, why)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mapping.MaxPayload))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		problem(w, http.StatusRequestEntityTooLarge, "a message has at most 262144 bytes")
		return
	case err != nil:
		problem(w, http.StatusBadRequest, "the message did not come whole")
		return
	}
	err = h.taker.Take(r.Context(), mapping.Message{Route: route, Device: device, Payload: body}, false)
	switch {
	case err == nil:
		w.WriteHeader(http.StatusAccepted)
	case city.KindOf(err) == city.Invalid:
		problem(w, http.StatusUnprocessableEntity, err.Error())
	default:
		w.Header().Set("Retry-After", "10")
		problem(w, http.StatusServiceUnavailable, "the message is not stored; send it again later")
	}
}

// allowed says with which status a request is turned away, or 0. Which routes there
// are is told only to who has a token for them.
func (h *handler) allowed(r *http.Request, route city.Slug, device string) (status int, why string) {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || given == "" {
		return http.StatusUnauthorized, "a bearer token is missing"
	}
	sum := sha256.Sum256([]byte(given))
	text := []byte(hex.EncodeToString(sum[:]))
	var token *Token
	for i := range h.tokens {
		if subtle.ConstantTimeCompare(text, []byte(strings.ToLower(h.tokens[i].SHA256))) == 1 {
			token = &h.tokens[i]
		}
	}
	switch {
	case token == nil:
		return http.StatusUnauthorized, "the token is not known"
	case !slices.Contains(token.Routes, route):
		return http.StatusForbidden, "the token is not for this route"
	case len(token.Devices) > 0 && device == "":
		return http.StatusForbidden, "the token is for some devices only; name the device: /ingest/ROUTE/DEVICE"
	case len(token.Devices) > 0 && !slices.Contains(token.Devices, device):
		return http.StatusForbidden, "the token is not for this device"
	}
	return 0, ""
}

// problem answers with problem details.
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail})
}
