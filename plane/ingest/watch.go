package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"polity/city"
	"polity/internal/durable"
	"polity/plane"
	"polity/plane/ingest/sums"
	"polity/plane/ingest/twin"
)

// RoundEvery is how often Run looks for silent devices and ended intervals.
const RoundEvery = 5 * time.Second

// roundSize is how many twins are stored in one commit.
const roundSize = 200

// Run keeps rounds until ctx ends, and a last one then.
func (k *Intake) Run(ctx context.Context) {
	tick := time.NewTicker(RoundEvery)
	defer tick.Stop()
	failing := false
	for {
		last := false
		select {
		case <-ctx.Done():
			last = true
		case <-tick.C:
		}
		round, stop := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		err := k.Round(round)
		stop()
		if err != nil && !failing {
			k.log.Error("what is known of devices could not be stored; it is tried again", slog.Any("error", err))
		}
		if failing = err != nil; last {
			return
		}
	}
}

// Round looks once: it stores sums whose interval is over, twins whose state changed,
// with their alarms, and refused payloads.
func (k *Intake) Round(ctx context.Context) error {
	k.rounds.Lock()
	defer k.rounds.Unlock()
	errs := []error{k.sums.Ended(k.now(), func(b *plane.Batch) error {
		r, err := k.store.Write(ctx, b)
		return errors.Join(err, r.Err())
	})}
	k.mu.Lock()
	list := slices.Collect(maps.Values(k.devices))
	unknown := k.unknown
	k.unknown = map[city.Slug]*rejection{}
	k.mu.Unlock()
	for part := range slices.Chunk(list, roundSize) {
		errs = append(errs, k.storeTwins(ctx, part))
	}
	for name, r := range unknown {
		errs = append(errs, k.keep(name, "", r))
	}
	return errors.Join(errs...)
}

// storeTwins brings some twins up to date, in one commit. They wait meanwhile: Take
// holds one of them at most, and this alone holds several.
func (k *Intake) storeTwins(ctx context.Context, list []*device) error {
	var b plane.Batch
	var errs []error
	now := k.now()
	next := map[*device]twin.Twin{}
	for _, d := range list {
		d.mu.Lock()
		defer d.mu.Unlock()
		t := d.twin
		changes := t.Step(now, k.started)
		if t.Heard.IsZero() || (t == d.twin && len(changes) == 0 && !d.dirty) {
			continue
		}
		change, err := t.Change()
		if err != nil {
			return err
		}
		b.Changes = append(append(b.Changes, changes...), change)
		next[d] = t
		if d.refused != nil {
			if err := k.keep(t.Mapping, t.Device, d.refused); err != nil {
				errs = append(errs, err)
				continue
			}
			d.refused = nil
		}
	}
	if len(next) == 0 {
		return errors.Join(errs...)
	}
	r, err := k.store.Write(ctx, &b)
	if err = errors.Join(err, r.Err()); err != nil {
		return errors.Join(append(errs, err)...)
	}
	for d, t := range next {
		if t.State != d.twin.State && (t.State == twin.Silent || d.twin.State == twin.Silent) {
			k.log.Info("a device's silence changed", slog.String("mapping", string(t.Mapping)), slog.String("device", t.Device), slog.String("state", string(t.State)))
		}
		d.twin, d.dirty = t, false
	}
	return errors.Join(errs...)
}

// kept is a refused message as the operator finds it.
type kept struct {
	At      time.Time `json:"at"`
	Where   string    `json:"where"` // topic or route
	Why     string    `json:"why"`
	Text    string    `json:"text,omitempty"`  // of the payload, if it is text
	Bytes   []byte    `json:"bytes,omitempty"` // base64, if it is not
	Cut     bool      `json:"cut,omitempty"`   // the payload was longer
	Private bool      `json:"private,omitempty"`
}

// keep writes the last refused message of a device to FOLDER/MAPPING/DEVICE.json.
func (k *Intake) keep(m city.Slug, device string, r *rejection) error {
	if k.refused == "" {
		return nil
	}
	x := kept{At: r.at, Where: r.where, Why: r.why, Cut: len(r.payload) == maxKept, Private: r.payload == nil}
	if utf8.Valid(r.payload) {
		x.Text = string(r.payload)
	} else {
		x.Bytes = r.payload
	}
	text, err := json.MarshalIndent(x, "", "  ")
	if err != nil {
		return err
	}
	if m == "" {
		m = "no-mapping"
	}
	if device == "" {
		device = "no-device"
	}
	dir := filepath.Join(k.refused, string(m))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, device+".json"), append(text, '\n'), 0o600)
}

// Twins lists what is known of the devices, as of now.
func (k *Intake) Twins() []twin.Twin {
	k.mu.Lock()
	list := slices.Collect(maps.Values(k.devices))
	k.mu.Unlock()
	out := make([]twin.Twin, 0, len(list))
	for _, d := range list {
		d.mu.Lock()
		out = append(out, d.twin)
		d.mu.Unlock()
	}
	slices.SortFunc(out, func(a, b twin.Twin) int {
		return strings.Compare(string(a.Mapping)+"\x00"+a.Device, string(b.Mapping)+"\x00"+b.Device)
	})
	return out
}

// Counts returns what happened to messages since the start, by mapping; those that
// belong to none stand under the empty name.
func (k *Intake) Counts() map[city.Slug]Counts {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make(map[city.Slug]Counts, len(k.counts))
	for name, c := range k.counts {
		out[name] = *c
	}
	return out
}

// Sums returns what happened to values of homes since the start.
func (k *Intake) Sums() sums.Counts { return k.sums.Counts() }
