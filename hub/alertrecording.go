package hub

import (
	"context"
	"fmt"
	"strings"
	"time"

	"polity/city"
	"polity/hub/entries"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/room/alert"
	"polity/room/queue"
	"polity/spine"
)

// recorderSource raises alerts of what edges say of their recordings to the public log.
const recorderSource city.Slug = "recorder"

// daysLow is the number of days with epoch keys up to which there is an alarm.
const daysLow = 30

// raiseAlarm raises the alert of an alarm of an edge in the control room, or ends those
// that it ends. The same alarm again is the same alert.
func (h *Hub) raiseAlarm(ctx context.Context, a *entry.Alarm) error {
	if h.alerts == nil {
		return nil
	}
	at := a.At.Time()
	kind, id := city.Slug(a.What), fmt.Sprintf("%s:keys:%s.%s", a.Edge, a.Body, a.Class)
	values := []alert.Value{alert.Word("edge", a.Edge)}
	switch a.What {
	case "recording-resumed":
		return h.endAlarms(ctx, at, func(about string) bool { return about == fmt.Sprintf("%s:recording:%s", a.Edge, a.Camera) })
	case "epoch-keys-few", "epoch-keys-none":
		values = append(values, alert.Word("body", a.Body), alert.Word("class", a.Class))
	case "recording-stopped", "disk-full", "disk-failed", "clock":
		kind, id = "recording-stopped", fmt.Sprintf("%s:recording:%s", a.Edge, a.Camera)
		values = append(values, alert.Word("why", city.Slug(a.What)))
	default:
		return nil
	}
	k, ok := h.alerts.Kinds().Of(kind)
	if !ok || h.kindsOff[kind] {
		return nil
	}
	s := alert.Situation{
		Key:  alert.NewKey(recorderSource, fmt.Sprintf("%s:%d", id, at.UnixMilli())),
		Kind: k.Name, Desk: k.Desk, Priority: k.Priority, Title: alert.TitleOf(k.Name, values...), Camera: a.Camera, Start: at,
	}
	if c, err := h.camera(a.Camera); err == nil && a.Camera != "" {
		c.mu.Lock()
		v := c.entry.View
		c.mu.Unlock()
		s.Place = place(v.Lon, v.Lat)
	}
	return h.alerts.Take(ctx, recorderSource, []queue.Report{{Situation: s, Version: version(at, 0)}}, "")
}

// aboutOf is what an alert of recordings is about: its key without source and time.
func aboutOf(k alert.Key) string {
	_, id, _ := strings.Cut(string(k), ":")
	return id[:max(0, strings.LastIndexByte(id, ':'))]
}

// endAlarms ends alerts of recordings by what they are about.
func (h *Hub) endAlarms(ctx context.Context, at time.Time, ends func(about string) bool) error {
	going, err := h.alerts.Going(ctx, recorderSource)
	if err != nil {
		return err
	}
	var reports []queue.Report
	for _, s := range going {
		if ends(aboutOf(s.Key)) {
			if s.End = at; s.End.Before(s.Start) {
				s.End = s.Start
			}
			reports = append(reports, queue.Report{Situation: s, Version: version(s.End, 1)})
		}
	}
	if len(reports) == 0 {
		return nil
	}
	return h.alerts.Take(ctx, recorderSource, reports, "")
}

// endKeyAlarms ends alerts of epoch keys of which the log has enough by now.
func (h *Hub) endKeyAlarms(ctx context.Context) error {
	if h.alerts == nil || h.ledger == nil {
		return nil
	}
	now := h.now()
	return h.endAlarms(ctx, now, func(about string) bool {
		_, of, ok := strings.Cut(about, ":keys:")
		body, class, both := strings.Cut(of, ".")
		return ok && both && h.ledger.daysLeft(city.Slug(body), city.Slug(class), now) > daysLow
	})
}

// daysLeft is for how many days, today included, the log has epoch keys of a body and
// class.
func (l *ledger) daysLeft(body, class city.Slug, now time.Time) (days int) {
	l.look(func(x *entries.Index) {
		for days < keysAhead {
			if _, ok := x.Key(body, class, canonical.Day(now.UTC().AddDate(0, 0, days).Format(time.DateOnly))); !ok {
				return
			}
			days++
		}
	})
	return days
}

// diskSteady is how long an edge's disk takes everything again before that is over, so that
// a disk at its limit is one alarm.
const diskSteady = time.Minute

// lookAtDisks raises an alert for each edge whose store takes nothing more, with an alarm
// in the public log: the edge itself has no room to say so.
func (h *Hub) lookAtDisks(ctx context.Context) error {
	const kind city.Slug = "edge-disk"
	k, ok := h.alerts.Kinds().Of(kind)
	if !ok || h.kindsOff[kind] {
		return nil
	}
	going, err := h.alerts.Going(ctx, recorderSource)
	if err != nil {
		return err
	}
	raised := map[string]bool{}
	for _, s := range going {
		raised[aboutOf(s.Key)] = true
	}
	now := h.now().UTC().Truncate(time.Second)
	for _, e := range h.allEdges() {
		about := string(e.name) + ":disk"
		what, roomy := e.disk()
		switch {
		case what != "" && !raised[about]:
			a := &entry.Alarm{At: canonical.At(now), Edge: e.name, What: what}
			if h.ledger != nil && !h.ledger.add(ctx, a) {
				continue // the log's own disk; it is tried again
			}
			s := alert.Situation{
				Key: alert.NewKey(recorderSource, fmt.Sprintf("%s:%d", about, now.UnixMilli())), Kind: k.Name, Desk: k.Desk, Priority: k.Priority,
				Title: alert.TitleOf(k.Name, alert.Word("edge", e.name), alert.Word("why", city.Slug(what))), Start: now,
			}
			if err := h.alerts.Take(ctx, recorderSource, []queue.Report{{Situation: s, Version: version(now, 0)}}, ""); err != nil {
				return err
			}
		case what == "" && raised[about] && roomy > diskSteady:
			if err := h.endAlarms(ctx, now, func(of string) bool { return of == about }); err != nil {
				return err
			}
		}
	}
	return nil
}

// disk is the alarm that an edge's disk is; empty: none, since how long.
func (e *edge) disk() (what entry.Word, roomy time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case spine.Space(e.state.Space) == spine.Full:
		what = "disk-full"
	case spine.Space(e.state.Space) == spine.StoreBroken:
		what = "disk-failed"
	}
	if what != "" || e.roomy.IsZero() || time.Since(e.heard) > quietEdge {
		e.roomy = time.Now()
	}
	return what, time.Since(e.roomy)
}
