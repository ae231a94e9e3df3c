package monitor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"slices"
	"time"
)

// Alert is something that is or was wrong.
type Alert struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`
	Subject  string    `json:"subject"`
	Severity string    `json:"severity"`
	Text     string    `json:"text"`
	Begins   time.Time `json:"begins"`
	Ended    time.Time `json:"ended"` // zero while it lasts
	// Told is how much each sink has taken: 1 its beginning, 2 its end.
	Told map[string]int `json:"told"`
}

// Sink tells people. Send returns nil only if the message was taken; it may then come a
// second time after a crash.
type Sink interface {
	Name() string // the same after a restart, and without secrets
	Send(ctx context.Context, m Message) error
}

// Message is an alert's beginning or its end.
type Message struct {
	Alert    string    `json:"alert"`
	At       time.Time `json:"at"`
	Begins   time.Time `json:"begins"`
	Ended    bool      `json:"ended"`
	ID       string    `json:"id"`
	Log      string    `json:"log"`
	Severity string    `json:"severity"`
	Text     string    `json:"text"`
}

const (
	keptAlerts = 500 // that ended
	keptTime   = 90 * 24 * time.Hour
)

// settle compares what is wrong now with the alerts so far: new ones begin, those that
// are not wrong any more end.
func settle(alerts []*Alert, now time.Time, wrongs []wrong) []*Alert {
	open := map[string]*Alert{}
	for _, a := range alerts {
		if a.Ended.IsZero() {
			open[a.ID] = a
		}
	}
	for _, w := range wrongs {
		id := alertID(w)
		if a := open[id]; a != nil {
			a.Text = w.text
			delete(open, id)
			continue
		}
		if slices.ContainsFunc(alerts, func(a *Alert) bool { return a.ID == id && a.Ended.IsZero() }) {
			continue // said twice
		}
		alerts = append(alerts, &Alert{ID: id, Kind: w.kind, Subject: w.subject, Severity: severity[w.kind], Text: w.text, Begins: now.UTC().Truncate(time.Second), Told: map[string]int{}})
	}
	for _, a := range open {
		a.Ended = now.UTC().Truncate(time.Second)
	}
	return slices.DeleteFunc(alerts, func(a *Alert) bool {
		return !a.Ended.IsZero() && (now.Sub(a.Ended) > keptTime || len(alerts) > keptAlerts && now.Sub(a.Ended) > time.Hour)
	})
}

func alertID(w wrong) string {
	sum := sha256.Sum256([]byte(w.kind + "\n" + w.subject))
	return hex.EncodeToString(sum[:8])
}

// tell sends what was not taken yet, in order. A sink that fails is left alone until
// the next time. It says whether anything was taken.
func tell(ctx context.Context, alerts []*Alert, sinks []Sink, origin string, now time.Time, log *slog.Logger) (taken bool) {
	for _, s := range sinks {
		for _, a := range alerts {
			done := 1
			if !a.Ended.IsZero() {
				done = 2
			}
			if a.Told[s.Name()] >= done {
				continue
			}
			if done == 2 && a.Told[s.Name()] == 0 && a.Severity != critical {
				a.Told[s.Name()] = 2 // over before anyone was told of it
				continue
			}
			err := s.Send(ctx, Message{Alert: a.Kind, At: now.UTC().Truncate(time.Second), Begins: a.Begins, Ended: done == 2, ID: a.ID, Log: origin, Severity: a.Severity, Text: a.Text})
			if err != nil {
				log.Warn("an alert could not be told; it is tried again", slog.String("to", s.Name()), slog.Any("error", err))
				break
			}
			a.Told[s.Name()] = done
			taken = true
		}
	}
	return taken
}
