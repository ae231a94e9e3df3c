package street

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
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

	kept iec104.Line
}

const (
	lineAgain = time.Second
	sayTime   = 10 * time.Second // for one order
)

func newLine(station uint16, log *slog.Logger, ring func()) *line {
	l := &line{station: station, points: map[string]uint32{}}
	l.kept = iec104.Line{
		Again: lineAgain,
		Dial: func(ctx context.Context) (*iec104.Client, error) {
			return iec104.Dial(ctx, l.address, l.secure, iec104.Options{Station: l.station})
		},
		Changed: func(stands bool) {
			if stands {
				ring()
			}
		},
		Broke: func(err error, again time.Duration) {
			log.Warn("no line to the cabinets; they burn by their own schedule", slog.String("address", l.address), slog.Any("error", err), slog.Duration("again_in", again))
		},
	}
	return l
}

// allow tells a cabinet which level is enough, selected first, for a recorded decision.
func (l *line) allow(ctx context.Context, group string, level float64, word iec104.Confirmation) error {
	point, has := l.points[group]
	client := l.kept.Client()
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
