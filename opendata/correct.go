package opendata

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"polity/city"
	"polity/internal/durable"
)

// Request asks for a day to be published anew, with the reason that everyone will read.
type Request struct {
	Set    city.Slug `json:"set"`
	Day    string    `json:"day"`
	Reason string    `json:"reason"`
}

const requests = ".corrections"

// Ask leaves a request in an archive's folder; whoever runs the archive makes the
// correction within a minute.
func Ask(dir string, r Request) error {
	if !slugForm.MatchString(string(r.Set)) {
		return city.Errorf(city.Invalid, "%q is not the id of a set", string(r.Set))
	}
	if _, err := time.Parse(time.DateOnly, r.Day); err != nil {
		return city.Errorf(city.Invalid, "%q is not a day such as 2026-11-29", r.Day)
	}
	if strings.TrimSpace(r.Reason) == "" {
		return city.Errorf(city.Invalid, "a correction needs a reason: everyone reads it beside the data")
	}
	x, err := readIndex(filepath.Join(dir, string(r.Set)), r.Set)
	if err != nil {
		return err
	}
	if find(x.Days, r.Day) < 0 {
		return city.Errorf(city.NotFound, "%s of the set %s is not published in %s; there is nothing to correct", r.Day, r.Set, dir)
	}
	if err := os.MkdirAll(filepath.Join(dir, requests), 0o700); err != nil {
		return err
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, requests, fmt.Sprintf("%s.%s.json", r.Set, r.Day)), text, 0o600)
}

// correct makes the corrections that were asked for.
func (a *Archive) correct(ctx context.Context) error {
	files, err := filepath.Glob(filepath.Join(a.cfg.Dir, requests, "*.json"))
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range files {
		text, err := os.ReadFile(name) //nolint:gosec // of the archive
		if err != nil {
			errs = append(errs, err)
			continue
		}
		var r Request
		err = json.Unmarshal(text, &r)
		if err == nil {
			err = a.correctDay(ctx, r)
		}
		if err != nil && city.KindOf(err) == city.Unavailable {
			errs = append(errs, err) // tried again
			continue
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("the correction %s: %w", filepath.Base(name), err))
		}
		errs = append(errs, os.Remove(name))
	}
	return errors.Join(errs...)
}

func (a *Archive) correctDay(ctx context.Context, r Request) error {
	s, err := a.source(r.Set)
	if err != nil {
		return err
	}
	x, err := a.Index(r.Set)
	if err != nil {
		return err
	}
	i := find(x.Days, r.Day)
	if i < 0 {
		return city.Errorf(city.NotFound, "%s of the set %s is not published", r.Day, r.Set)
	}
	was := x.Days[i]
	p, err := a.publishDay(ctx, s, was.From.In(a.cfg.Zone), was.To.In(a.cfg.Zone), was.Revision+1)
	if err != nil {
		return err
	}
	if p == nil {
		return city.Errorf(city.Conflict, "there are no rows of %s any more; what was published stays", r.Day)
	}
	if same(p.Files, was.Files) {
		a.cfg.Log.Info("a correction changes nothing", slog.String("set", string(r.Set)), slog.String("day", r.Day))
		return nil // the files go when the folder is swept
	}
	p.Corrections = corrected(was, p.At, r.Reason)
	x.Days[i] = *p
	if j := find(x.Month, r.Day[:7]); j >= 0 {
		if err := a.correctMonth(x, j, r); err != nil {
			return err
		}
	}
	return a.keep(x)
}

func (a *Archive) correctMonth(x *Index, j int, r Request) error {
	was := x.Month[j]
	var days []Published
	for _, d := range x.Days {
		if d.Name[:7] == was.Name {
			days = append(days, d)
		}
	}
	p, err := a.publishMonth(x.Set, was.Name, was.From, was.To, days, was.Revision+1)
	if err != nil {
		return err
	}
	p.Corrections = corrected(was, p.At, r.Day+": "+r.Reason)
	x.Month[j] = *p
	return nil
}

func same(a, b map[string]File) bool {
	for _, ending := range Endings {
		if a[ending] != b[ending] {
			return false
		}
	}
	return true
}

func corrected(was Published, at time.Time, reason string) []Correction {
	c := Correction{At: at, Reason: reason, Was: map[string]string{}}
	for ending, f := range was.Files {
		c.Was[ending] = f.SHA256
	}
	return append(append([]Correction(nil), was.Corrections...), c)
}
