package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"polity/city"
	"polity/internal/durable"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/recording/recorder"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/recording/store"
)

// alarms are what this edge tells everybody of its recordings: an entry of the public log
// when recording stops for a reason that people can do something about, when it goes on,
// and when epoch keys run short. Each is told once, over restarts too. It may be used by
// many goroutines.
type alarms struct {
	edge city.Slug
	path string // of what was told
	log  *slog.Logger
	now  func() time.Time
	say  func(name string, e entry.Entry) error

	mu      sync.Mutex
	told    told
	pending map[city.Slug]pendingStop // cameras that stopped, not told yet
	good    map[city.Slug]time.Time   // since when a camera that was told of records again
	low     map[string]time.Time      // since when keys of a body and class are short
}

// told is what was told and is not over, as its file has it.
type told struct {
	Recording map[city.Slug]entry.Word `json:"recording"` // by camera
	Keys      map[string]entry.Word    `json:"keys"`      // by body/class
}

type pendingStop struct {
	what  entry.Word
	class city.Slug
	since time.Time
}

const (
	// keysGrace is how long keys may be short, or recording stopped for want of one, before
	// that is an alarm: proofs come from the hub soon after a start.
	keysGrace = time.Minute
	// steady is how long recording goes on before that is told, so that a disk at its
	// limit does not fill the log.
	steady = 5 * time.Minute
)

// publicStops are the reasons of gaps that are alarms. A camera that sends no picture is
// told of elsewhere.
var publicStops = map[segment.Gap]entry.Word{
	segment.NoEpochKey: "recording-stopped", segment.DiskFull: "disk-full", segment.DiskFailed: "disk-failed",
	segment.ClockBack: "clock", segment.Refused: "recording-stopped", segment.BadStream: "recording-stopped",
}

func openAlarms(e *edge) (*alarms, error) {
	a := &alarms{
		edge: e.cfg.Name, path: e.cfg.path("alarms.json"), log: e.log, now: e.now, say: e.carry.put,
		pending: map[city.Slug]pendingStop{}, good: map[city.Slug]time.Time{}, low: map[string]time.Time{},
	}
	text, err := os.ReadFile(a.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read which alarms were told: %w", err)
	}
	if err == nil && json.Unmarshal(text, &a.told) != nil {
		e.log.Warn("which alarms were told cannot be read; some may be told again", slog.String("file", a.path))
	}
	if a.told.Recording == nil {
		a.told.Recording = map[city.Slug]entry.Word{}
	}
	if a.told.Keys == nil {
		a.told.Keys = map[string]entry.Word{}
	}
	return a, nil
}

// stopped notes that a camera is not recorded, and why.
func (a *alarms) stopped(camera, class city.Slug, reason segment.Gap) {
	what, ok := publicStops[reason]
	if !ok {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.good, camera)
	if a.told.Recording[camera] == what || a.pending[camera].what == what {
		return
	}
	p := pendingStop{what, class, a.now()}
	if reason == segment.NoEpochKey {
		a.pending[camera] = p
		return
	}
	delete(a.pending, camera)
	a.tellStop(camera, p)
}

// tellStop tells that a camera is not recorded. The lock is held.
func (a *alarms) tellStop(camera city.Slug, p pendingStop) {
	a.tell(&entry.Alarm{At: canonical.At(p.since), Camera: camera, Class: p.class, Edge: a.edge, What: p.what}, string(camera))
	a.told.Recording[camera] = p.what
	a.save()
}

// recorded notes that a segment of a camera was completed.
func (a *alarms) recorded(camera, class city.Slug) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.pending, camera)
	if a.told.Recording[camera] == "" {
		return
	}
	now := a.now()
	since, ok := a.good[camera]
	if !ok || now.Before(since) {
		a.good[camera] = now
		return
	}
	if now.Sub(since) < steady {
		return
	}
	delete(a.good, camera)
	delete(a.told.Recording, camera)
	a.tell(&entry.Alarm{At: canonical.At(since), Camera: camera, Class: class, Edge: a.edge, What: "recording-resumed"}, string(camera))
	a.save()
}

// look tells what has lasted long enough, and how many days of epoch keys are left of each
// class. It is to be called each minute.
func (a *alarms) look(ctx context.Context, keys share.KeySource, classes []city.Slug) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	for camera, p := range a.pending {
		if now.Sub(p.since) >= keysGrace {
			delete(a.pending, camera)
			a.tellStop(camera, p)
		}
	}
	for _, class := range classes {
		for _, body := range share.Bodies {
			a.lookAtKeys(body, class, daysLeft(ctx, keys, body, class, now), now)
		}
	}
}

func (a *alarms) lookAtKeys(body share.Body, class city.Slug, days int, now time.Time) {
	id := string(body) + "/" + string(class)
	what := entry.Word("epoch-keys-few")
	switch {
	case days > recorder.DaysLow:
		delete(a.low, id)
		if a.told.Keys[id] != "" {
			delete(a.told.Keys, id)
			a.save()
		}
		return
	case days == 0:
		what = "epoch-keys-none"
	}
	if since, ok := a.low[id]; !ok || now.Before(since) {
		a.low[id] = now
		return
	} else if now.Sub(since) < keysGrace {
		return
	}
	if was := a.told.Keys[id]; was != what {
		a.told.Keys[id] = what
		if was != "epoch-keys-none" { // from none to few is no news
			a.tell(&entry.Alarm{At: canonical.At(now), Body: city.Slug(body), Class: class, Edge: a.edge, What: what}, string(body)+"-"+string(class))
		}
		a.save()
	}
}

// daysLeft is for how many days from a moment on a body has keys of a class, its own day
// included. It looks 90 days ahead.
func daysLeft(ctx context.Context, keys share.KeySource, body share.Body, class city.Slug, from time.Time) int {
	for days := range keysAhead {
		if _, err := keys.Key(ctx, body, class, share.Day(from.AddDate(0, 0, days))); err != nil {
			return days
		}
	}
	return keysAhead
}

func (a *alarms) tell(e *entry.Alarm, about string) {
	a.log.Error("an alarm for the public log", slog.String("what", string(e.What)), slog.String("about", about))
	name := fmt.Sprintf("alarm-%s-%s-%s%s", e.What, about, e.At.Time().Format("20060102T150405"), statementSuffix)
	if err := a.say(name, e); err != nil {
		a.log.Error("an alarm could not be written down; it is kept in memory", slog.Any("error", err))
	}
}

// save writes what was told. Where the disk does not take it, a restart may tell again.
func (a *alarms) save() {
	text, err := json.Marshal(a.told)
	if err == nil {
		err = durable.WriteFile(a.path, text, 0o600)
	}
	if err != nil {
		a.log.Warn("which alarms were told could not be written down", slog.Any("error", err))
	}
}

// place lets alarms hear of what is recorded and what is not.
type place struct {
	recorder.Place

	alarms        *alarms
	camera, class city.Slug
}

// Begin implements recorder.Place.
func (p *place) Begin() (recorder.Pending, error) {
	pending, err := p.Place.Begin()
	if err != nil {
		p.alarms.stopped(p.camera, p.class, store.Reason(err))
		return pending, err
	}
	return &placePending{pending, p}, nil
}

// Stop implements recorder.Place.
func (p *place) Stop(reason segment.Gap, since time.Time) error {
	p.alarms.stopped(p.camera, p.class, reason)
	return p.Place.Stop(reason, since)
}

type placePending struct {
	recorder.Pending

	place *place
}

// Commit implements recorder.Pending.
func (p *placePending) Commit() error {
	err := p.Pending.Commit()
	if err != nil {
		p.place.alarms.stopped(p.place.camera, p.place.class, store.Reason(err))
		return err
	}
	p.place.alarms.recorded(p.place.camera, p.place.class)
	return nil
}

// Abort implements recorder.Pending.
func (p *placePending) Abort(reason segment.Gap) error {
	p.place.alarms.stopped(p.place.camera, p.place.class, reason)
	return p.Pending.Abort(reason)
}
