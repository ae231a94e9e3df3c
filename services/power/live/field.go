package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"polity/city"
	"polity/services/power/iec104"
)

// field is the line to the outstation: positions of switches as last told, and commands,
// which need a person's word.
type field struct {
	address  string
	station  uint16
	switches map[int]Switch // by line
	lines    map[uint32]int // by address of the position
	dial     func(ctx context.Context, receive func(iec104.Type, iec104.Cause, iec104.Object)) (*iec104.Client, error)
	log      *slog.Logger
	changed  func() // something was told

	mu     sync.Mutex
	closed map[int]bool // positions as told

	kept iec104.Line
}

const fieldAgain = 2 * time.Second

// keep readies the line. Its log and what is told of it are the field's.
func (f *field) keep() {
	f.kept = iec104.Line{
		Again: fieldAgain,
		Dial:  func(ctx context.Context) (*iec104.Client, error) { return f.dial(ctx, f.receive) },
		Changed: func(stands bool) {
			if stands {
				f.log.Info("the outstation answers", slog.String("address", f.address))
			}
			f.changed()
		},
		Broke: func(err error, again time.Duration) {
			f.log.Warn("no line to the outstation; what is known of its switches may be old", slog.String("address", f.address), slog.Any("error", err), slog.Duration("again_in", again))
		},
	}
}

func (f *field) receive(t iec104.Type, _ iec104.Cause, o iec104.Object) {
	line, known := f.lines[o.Address]
	if !known || (t != iec104.DoublePoint && t != iec104.DoublePointTime) || o.Quality&(iec104.Invalid|iec104.NotTopical) != 0 {
		return
	}
	if o.Value != iec104.On && o.Value != iec104.Off {
		return // on its way
	}
	f.mu.Lock()
	was, had := f.closed[line]
	f.closed[line] = o.Value == iec104.On
	moved := !had || was != f.closed[line]
	f.mu.Unlock()
	if moved {
		f.changed()
	}
}

// positions are those that were told.
func (f *field) positions() map[int]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.closed)
}

const moves = 15 * time.Second // the longest that a switch takes

// operate selects and executes one command for a person who agreed, and waits until the
// switch says that it stands there.
func (f *field) operate(ctx context.Context, line int, closed bool, word iec104.Confirmation) error {
	where, has := f.switches[line]
	client := f.kept.Client()
	switch {
	case !has:
		return city.Errorf(city.Invalid, "line %d has no switch that can be operated from here", line)
	case client == nil:
		return city.Errorf(city.Unavailable, "there is no line to the outstation")
	}
	value := float64(iec104.Off)
	if closed {
		value = iec104.On
	}
	ctx, cancel := context.WithTimeout(ctx, 2*moves)
	defer cancel()
	selection, err := client.Select(ctx, iec104.Command{Type: iec104.DoubleCommand, Address: where.Command, Value: value})
	if err != nil {
		return fmt.Errorf("select: %w", err)
	}
	if err := selection.Execute(ctx, word); err != nil {
		return errors.Join(fmt.Errorf("operate: %w", err), selection.Cancel(ctx))
	}
	for end := time.Now().Add(moves); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		f.mu.Lock()
		there := f.closed[line] == closed
		f.mu.Unlock()
		if there {
			return nil
		}
	}
	return city.Errorf(city.Unavailable, "the command was executed, and the switch does not say that it moved: look at it")
}
