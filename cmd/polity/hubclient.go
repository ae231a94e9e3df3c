package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/hub"
)

// hubAddress is where a hub listens, and how to be let in.
type hubAddress struct {
	text, config string
	path         string // of what is asked
	token        string
}

const (
	hubTime       = 30 * time.Second
	tokenVariable = "POLITY_TOKEN"
	usualConfig   = "/etc/polity/polity.yaml"
	usualHub      = "http://127.0.0.1:8080"
)

// add gives a command and those below it the flags of a hub that is asked at path.
func (h *hubAddress) add(cmd *cobra.Command, path string) {
	h.path = path
	cmd.PersistentFlags().StringVar(&h.text, "hub", "", "address of the hub's pages (default: as the configuration says, or "+usualHub+")")
	cmd.PersistentFlags().StringVar(&h.config, "config", "", "the hub's configuration (default "+usualConfig+", where that is)")
}

// find completes the address and finds a token.
func (h *hubAddress) find() error {
	h.token = os.Getenv(tokenVariable)
	file := h.config
	if file == "" {
		if _, err := os.Stat(usualConfig); err == nil {
			file = usualConfig
		}
	}
	if file != "" {
		c, err := readConfig(file)
		if err != nil {
			return err
		}
		if c.Hub == nil {
			return city.Errorf(city.Invalid, "%s has no section hub", file)
		}
		if h.text == "" {
			h.text = "http://" + c.Hub.Listen
		}
		if h.token == "" {
			text, err := os.ReadFile(filepath.Join(c.Hub.Data, hub.MachineTokenFile))
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return city.Errorf(city.Forbidden, "the hub's token for this machine cannot be read; run this as who runs the hub: %w", err)
			}
			h.token = strings.TrimSpace(string(text))
		}
	}
	if h.text == "" {
		h.text = usualHub
	}
	return nil
}

// ask sends a request and reads the answer into out.
func (h *hubAddress) ask(ctx context.Context, method, path string, query url.Values, in, out any) error {
	if err := h.find(); err != nil {
		return err
	}
	u, err := url.Parse(h.text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return usageError{fmt.Errorf("--hub %q is no address such as %s", h.text, usualHub)}
	}
	u.Path, u.RawQuery = strings.TrimSuffix(u.Path, "/")+h.path+path, query.Encode()
	ctx, cancel := context.WithTimeout(ctx, hubTime)
	defer cancel()
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if h.token != "" {
		req.Header.Set("Authorization", "Bearer "+h.token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return city.Errorf(city.Unavailable, "no hub answers at %s: is 'polity hub' running? Name another address with --hub: %w", h.text, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<30))
	if err != nil {
		return err
	}
	if resp.StatusCode == http.StatusOK {
		return json.Unmarshal(text, out)
	}
	return h.refusal(u, resp, text)
}

// refusal is an answer that is none, as an error that says what to do.
func (h *hubAddress) refusal(u *url.URL, resp *http.Response, text []byte) error {
	var p struct{ Detail string }
	switch {
	case (resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden) && h.token == "":
		return city.Errorf(city.Forbidden, "the hub at %s asks who you are: name its configuration with --config, as who runs it, or put a token into %s", h.text, tokenVariable)
	case resp.StatusCode == http.StatusUnauthorized:
		return city.Errorf(city.Forbidden, "the hub at %s does not take this token; the one of this machine changes with every start and counts at its own address on loopback alone", h.text)
	case json.Unmarshal(text, &p) != nil || p.Detail == "":
		return city.Errorf(city.Unavailable, "%s answered %s; is it a hub of this version?", u.Redacted(), resp.Status)
	}
	kind := city.Unavailable
	switch resp.StatusCode {
	case http.StatusNotFound:
		kind = city.NotFound
	case http.StatusBadRequest:
		kind = city.Invalid
	case http.StatusForbidden:
		kind = city.Forbidden
	}
	return city.Errorf(kind, "%s", p.Detail)
}
