package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"time"

	"polity/access"
	"polity/city"
)

// officer is the demo's evidence officer at the hub's pages, come in by its door.
type officer struct {
	at     string // of the hub
	client *http.Client
}

// enter signs the officer in.
func enter(ctx context.Context, at string) (*officer, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	o := &officer{at: at, client: &http.Client{Jar: jar, Timeout: commandTime}}
	_, err = o.ask(ctx, http.MethodPost, "/door", url.Values{"as": {evidence}, "then": {"/cases"}})
	return o, err
}

func (o *officer) ask(ctx context.Context, method, path string, form url.Values) ([]byte, error) {
	q, err := http.NewRequestWithContext(ctx, method, o.at+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	if method == http.MethodPost {
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r, err := o.client.Do(q)
	if err != nil {
		return nil, city.Errorf(city.Unavailable, "the demo's hub does not answer at %s: %w", o.at, err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(io.LimitReader(r.Body, 8<<20))
	if err == nil && r.StatusCode >= http.StatusBadRequest {
		err = city.Errorf(city.Unavailable, "%s %s answered %s", method, path, r.Status)
	}
	return b, err
}

var tokenText = regexp.MustCompile(`polity_[A-Za-z0-9_-]+`)

// token makes a token for the programs of the officer's machine, for a day.
func (o *officer) token(ctx context.Context) (string, error) {
	page, err := o.ask(ctx, http.MethodPost, "/account/tokens", url.Values{
		"name": {"guided release"}, "scope": {string(access.SeeCases), string(access.CarryCase)}, "days": {"1"},
	})
	if err != nil {
		return "", err
	}
	secret := tokenText.Find(page)
	if secret == nil {
		return "", city.Errorf(city.Internal, "the hub's page shows no token")
	}
	return string(secret), nil
}

// recorded is the last span in which the camera was recorded without a gap.
func (o *officer) recorded(ctx context.Context, now time.Time) (from, to time.Time, err error) {
	const since = time.Hour
	query := url.Values{"camera": {cameraName}, "from": {now.Add(-since).UTC().Format(time.RFC3339)}, "to": {now.UTC().Format(time.RFC3339)}}
	text, err := o.ask(ctx, http.MethodGet, "/cases/recorded.json?"+query.Encode(), nil)
	if err != nil {
		return from, to, err
	}
	var found struct {
		Spans [][2]int64 `json:"spans"` // milliseconds since 1970
	}
	if err := json.Unmarshal(text, &found); err != nil {
		return from, to, fmt.Errorf("what is recorded when: %w", err)
	}
	if n := len(found.Spans); n > 0 {
		from, to = time.UnixMilli(found.Spans[n-1][0]), time.UnixMilli(found.Spans[n-1][1])
	}
	return from, to, nil
}
