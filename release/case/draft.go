package casefile

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/release/token"
)

// DraftFormat is the version of drafts that this package reads.
const DraftFormat = "polity-draft/1"

const maxDraft = 16 << 10

// Draft is what an officer wants to ask for, before anything was signed.
type Draft struct {
	Format          string          `json:"format"`
	Hub             string          `json:"hub"` // its address; empty where files are carried
	Purpose         entry.Word      `json:"purpose"`
	Cameras         []city.Slug     `json:"cameras"`
	From            canonical.Time  `json:"from"` // included
	To              canonical.Time  `json:"to"`   // excluded
	Order           entry.Reference `json:"order"`
	Case            entry.Reference `json:"case"`
	Expires         canonical.Time  `json:"expires"`
	DetailsPublicOn canonical.Day   `json:"details_public_on"`
}

var draftMembers = []string{"case", "cameras", "details_public_on", "expires", "format", "from", "hub", "order", "purpose", "to"}

// ParseDraft reads a draft. The error is of kind Invalid and names what is wrong; it
// repeats no reference.
func ParseDraft(data []byte) (*Draft, error) {
	if len(data) > maxDraft {
		return nil, city.Errorf(city.TooLarge, "the draft has more than %d bytes", maxDraft)
	}
	if err := members(data, draftMembers); err != nil {
		return nil, err
	}
	d := new(Draft)
	if err := json.Unmarshal(data, d); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, city.Errorf(city.Invalid, "draft: %s is of another kind than it must be", wrong.Field)
		}
		return nil, city.Errorf(city.Invalid, "the draft is no JSON object")
	}
	return d, d.check()
}

// members refuses an object whose members are not exactly these, each once.
func members(data []byte, want []string) error {
	r := json.NewDecoder(bytes.NewReader(data))
	if t, err := r.Token(); err != nil || t != json.Delim('{') {
		return city.Errorf(city.Invalid, "this is no draft: a JSON object with the format %s", DraftFormat)
	}
	seen := map[string]bool{}
	for r.More() {
		t, err := r.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return city.Errorf(city.Invalid, "the draft is no JSON object")
		}
		switch {
		case !slices.Contains(want, name):
			return city.Errorf(city.Invalid, "draft: the member %.40q is not known to this version", name)
		case seen[name]:
			return city.Errorf(city.Invalid, "draft: the member %s stands twice", name)
		}
		seen[name] = true
		var skipped json.RawMessage
		if err := r.Decode(&skipped); err != nil {
			return city.Errorf(city.Invalid, "the draft is cut off or no JSON, in %s", name)
		}
	}
	if _, err := r.Token(); err != nil {
		return city.Errorf(city.Invalid, "the draft is cut off")
	}
	if _, err := r.Token(); !errors.Is(err, io.EOF) {
		return city.Errorf(city.Invalid, "something follows the draft")
	}
	for _, name := range want {
		if !seen[name] {
			return city.Errorf(city.Invalid, "draft: %s is missing", name)
		}
	}
	return nil
}

func (d *Draft) check() error {
	if d.Format != DraftFormat {
		return city.Errorf(city.Invalid, "draft: format is %.40q; this version reads %s", d.Format, DraftFormat)
	}
	if err := checkHub(d.Hub); err != nil {
		return err
	}
	for _, m := range []struct {
		name string
		err  error
	}{
		{"from", d.From.Check()},
		{"to", d.To.Check()},
		{"expires", d.Expires.Check()},
		{"details_public_on", d.DetailsPublicOn.Check()},
		{"order", d.Order.Check()},
		{"case", d.Case.Check()},
	} {
		if m.err != nil {
			return city.Errorf(city.Invalid, "draft: %s: %w", m.name, m.err)
		}
	}
	if n := len(d.Cameras); n < 1 || n > token.MaxCameras {
		return city.Errorf(city.Invalid, "draft: %d cameras; 1 to %d may be asked for with one token", n, token.MaxCameras)
	}
	seen := map[city.Slug]bool{}
	for _, c := range d.Cameras {
		if err := c.Check(); err != nil {
			return city.Errorf(city.Invalid, "draft: camera: %w", err)
		}
		if seen[c] {
			return city.Errorf(city.Invalid, "draft: camera %s stands twice", c)
		}
		seen[c] = true
	}
	if !d.From.Time().Before(d.To.Time()) {
		return city.Errorf(city.Invalid, "draft: to is not after from")
	}
	return nil
}

func checkHub(address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(address, " \n") {
		return city.Errorf(city.Invalid, "draft: hub is no address such as https://helsinki.example")
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return city.Errorf(city.Invalid, "draft: hub is reached without encryption: write https, since the officer's token goes with each request")
	}
	return nil
}

// late says that bodies could not answer any more.
func (d *Draft) late(now time.Time) error {
	if !now.Before(d.Expires.Time()) {
		return city.Errorf(city.Invalid, "draft: expires at %s, which is past: bodies could not answer", d.Expires)
	}
	return nil
}
