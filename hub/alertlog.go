package hub

import (
	"context"
	"fmt"

	"polity/city"
	"polity/room/alert"
	"polity/room/queue"
)

// lookAtLog raises an alert while the public log's disk takes nothing, and ends it. The log
// itself cannot say so.
func (h *Hub) lookAtLog(ctx context.Context) error {
	const kind city.Slug = "log-disk"
	k, ok := h.alerts.Kinds().Of(kind)
	if h.ledger == nil || !ok || h.kindsOff[kind] {
		return nil
	}
	s, err := h.ledger.log.State(ctx)
	if err != nil {
		return err
	}
	going, err := h.alerts.Going(ctx, recorderSource)
	if err != nil {
		return err
	}
	const about = "hub:log"
	raised := false
	for _, g := range going {
		raised = raised || aboutOf(g.Key) == about
	}
	now := h.now().UTC()
	switch {
	case s.Problem != "" && !raised:
		return h.alerts.Take(ctx, recorderSource, []queue.Report{{Version: version(now, 0), Situation: alert.Situation{
			Key:  alert.NewKey(recorderSource, fmt.Sprintf("%s:%d", about, now.UnixMilli())),
			Kind: k.Name, Desk: k.Desk, Priority: k.Priority, Title: alert.TitleOf(k.Name), Start: now,
		}}}, "")
	case s.Problem == "" && raised:
		return h.endAlarms(ctx, now, func(of string) bool { return of == about })
	}
	return nil
}
