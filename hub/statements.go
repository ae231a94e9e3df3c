package hub

import (
	"bytes"
	"context"
	"log/slog"

	"polity/camera/uplink"
	"polity/city"
	"polity/ledger/entry"
	"polity/spine"
)

// takeStatements brings what an edge has to say to the public log into it, and tells the
// edge of each where it stands or why not. After an error all of it comes again.
func (e *edge) takeStatements(ctx context.Context, batch []spine.Message) error {
	answers := make([]uplink.Logged, len(batch))
	var list []entry.Entry
	var at []int // of list in batch
	for i, m := range batch {
		answers[i].Entry = entry.ID(m.Body)
		s, reason, index := e.statement(m)
		switch {
		case reason != 0:
			answers[i].Reason = reason
		case index > 0:
			answers[i].Index = index - 1
		default:
			list, at = append(list, s), append(at, i)
		}
	}
	if len(list) > 0 {
		e.h.ledger.named(ctx, list)
		indexes, err := e.h.ledger.log.AppendAll(ctx, list)
		if err != nil {
			return err
		}
		for i, index := range indexes {
			answers[at[i]].Index = index
		}
		e.h.ledger.readOwn(ctx)
	}
	for _, s := range list {
		if a, ok := s.(*entry.Alarm); ok {
			if err := e.h.raiseAlarm(ctx, a); err != nil {
				return err
			}
		}
	}
	for i, m := range batch {
		if err := e.line.Tell(spine.Logged, m.Camera, uplink.Encode(answers[i])); err != nil {
			e.log.Debug("an edge was not told of a statement; it sends it again", slog.Any("error", err))
		}
	}
	return nil
}

// statement reads one and says why the log does not take it, or one more than the index
// at which the log has said the same already.
func (e *edge) statement(m spine.Message) (s entry.Entry, reason uplink.Unlogged, logged int64) {
	l := e.h.ledger
	if l == nil {
		e.refused(m, "the hub keeps no public log (hub.ledger)")
		return nil, uplink.NoLog, 0
	}
	s, err := uplink.DecodeStatement(m.Body)
	if err != nil {
		e.refused(m, err.Error())
		return nil, uplink.NotTaken, 0
	}
	if reason, why := e.mayState(m.Camera, s); reason != 0 {
		e.refused(m, why)
		return nil, reason, 0
	}
	if p, ok := s.(*entry.Software); ok {
		l.mu.Lock()
		index, same := l.index.Runs(p)
		l.mu.Unlock()
		if same {
			return nil, 0, index + 1
		}
	}
	if err := l.log.Check(s); err != nil {
		e.refused(m, err.Error())
		return nil, uplink.NotTaken, 0
	}
	return s, 0, 0
}

// mayState says why an edge may not make a statement: it speaks of itself and of its
// cameras, whose register entries name who signs their segments.
func (e *edge) mayState(camera city.Slug, s entry.Entry) (reason uplink.Unlogged, why string) {
	of, edge := city.Slug(""), e.name
	switch s := s.(type) {
	case *entry.Segments:
		of = s.Camera
	case *entry.Alarm:
		of, edge = s.Camera, s.Edge
	case *entry.Software:
		edge = s.Edge
		if s.Component != "edge" && s.Component != "recorder" && s.Component != "camera" {
			return uplink.NotTaken, "it is of no program of an edge"
		}
	}
	if edge != e.name || of != camera {
		return uplink.NotTaken, "it is of another edge, or of another camera than it came for"
	}
	if of == "" {
		return 0, ""
	}
	c, _ := e.mine(of)
	if c == nil {
		return uplink.NotRegistered, "the camera has no register entry for this edge"
	}
	c.mu.Lock()
	recorder := c.entry.Recorder
	c.mu.Unlock()
	if h, ok := s.(*entry.Segments); ok && (len(recorder) == 0 || !bytes.Equal(recorder, h.Recorder)) {
		return uplink.OtherRecorder, "the camera's register entry names another recorder, or none: register it with what 'polity edge recorder' prints there"
	}
	return 0, ""
}

// refused logs once why a statement of a camera, or of the edge, is not taken.
func (e *edge) refused(m spine.Message, why string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if key := "statement " + m.Camera; e.warned[key] != why {
		e.warned[key] = why
		e.log.Warn("a statement of an edge is not taken into the public log; the edge keeps it", slog.String("camera", string(m.Camera)), slog.String("why", why))
	}
}
