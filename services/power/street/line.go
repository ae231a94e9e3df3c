package street

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"polity/city"
	"polity/services/power/iec104"
)

// line is the way to the cabinets.
type line struct {
	address string
	station uint16
	secure  *tls.Config
	points  map[string]uint32 // set point by group
	log     *slog.Logger
	ring    func()

	mu     sync.Mutex
	client *iec104.Client
	since  time.Time // of the line, or of its loss
}

const (
	lineAgain = time.Second
	lineMost  = time.Minute
	sayTime   = 10 * time.Second // for one order
)

// run keeps the line until ctx ends.
func (l *line) run(ctx context.Context) {
	wait := lineAgain
	for ctx.Err() == nil {
		begun := time.Now()
		err := l.once(ctx)
		l.set(nil)
		if ctx.Err() != nil {
			return
		}
		if time.Since(begun) > lineMost {
			wait = lineAgain
		}
		l.log.Warn("no line to the cabinets; they burn by their own schedule", slog.String("address", l.address), slog.Any("error", err), slog.Duration("again_in", wait))
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, lineMost)
	}
}

func (l *line) once(ctx context.Context) error {
	client, err := iec104.Dial(ctx, l.address, l.secure, iec104.Options{Station: l.station})
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	ran := make(chan error, 1)
	go func() { ran <- client.Run(ctx) }()
	if err := client.Interrogate(ctx); err != nil {
		end()
		return errors.Join(err, <-ran)
	}
	l.set(client)
	return <-ran
}

func (l *line) set(c *iec104.Client) {
	l.mu.Lock()
	if c != nil || l.client != nil || l.since.IsZero() {
		l.since = time.Now()
	}
	l.client = c
	l.mu.Unlock()
	if c != nil {
		l.ring()
	}
}

func (l *line) stands() (bool, time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.client != nil, l.since
}

// allow tells a cabinet which level is enough, selected first, for a recorded decision.
func (l *line) allow(ctx context.Context, group string, level float64, word iec104.Confirmation) error {
	point, has := l.points[group]
	l.mu.Lock()
	client := l.client
	l.mu.Unlock()
	switch {
	case !has:
		return city.Errorf(city.NotFound, "group %q has no set point", group)
	case client == nil:
		return city.Errorf(city.Unavailable, "there is no line to the cabinets")
	}
	ctx, cancel := context.WithTimeout(ctx, sayTime)
	defer cancel()
	selection, err := client.Select(ctx, iec104.Command{Type: iec104.SetPointFloat, Address: point, Value: percent(level)})
	if err != nil {
		return fmt.Errorf("select: %w", err)
	}
	if err := selection.Execute(ctx, word); err != nil {
		return errors.Join(err, selection.Cancel(ctx))
	}
	return nil
}

// percent is a level as set points have it, to a tenth.
func percent(level float64) float64 { return math.Round(1000*level) / 10 }
