package edge

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"polity/camera/uplink"
	"polity/camera/wire"
	"polity/register"
	"polity/spine"
)

const (
	lookEvery   = 500 * time.Millisecond
	reportEvery = 2 * time.Second
	touchEvery  = 10 * time.Second
)

// report tells the hub how the edge and its cameras are, and ends watches.
func (e *edge) report(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var reported, touched time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, c := range e.cameras {
			c.endWatch()
		}
		if time.Since(reported) >= reportEvery {
			reported = time.Now()
			e.reportOnce(ctx)
		}
		if time.Since(touched) >= touchEvery {
			touched = time.Now()
			for _, c := range e.cameras {
				c.open.touch(e.now())
			}
		}
	}
}

func (e *edge) reportOnce(ctx context.Context) {
	asking, stop := context.WithTimeout(ctx, reportEvery)
	defer stop()
	stock, err := e.spine.Stock(asking)
	if err != nil {
		if ctx.Err() == nil {
			e.log.Debug("what the store holds cannot be told now", slog.Any("error", err))
		}
	} else {
		e.note(stock)
	}
	for _, c := range e.cameras {
		c.report()
	}
	if err := e.spine.Tell(spine.EdgeState, "", uplink.Encode(e.state())); err != nil {
		e.log.Warn("the edge's state was not sent", slog.Any("error", err))
	}
}

// note keeps what the store holds, and says once when it had to give up
// observations that the hub does not have.
func (e *edge) note(s spine.Stock) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s.Lost > e.stock.Lost {
		more := s.Lost - e.stock.Lost
		e.lost += more
		e.log.Error("the store is full of observations that the hub does not have; the oldest were given up", slog.Uint64("lost", more))
	}
	e.stock = s
}

func (e *edge) counted() (stock spine.Stock, lost uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stock, e.lost
}

func (e *edge) state() uplink.EdgeState {
	stock, lost := e.counted()
	s := uplink.EdgeState{
		At: uplink.Milliseconds(e.now()), Started: uplink.Milliseconds(e.started), Waiting: stock.Waiting, Lost: lost,
		Stored: stock.Bytes, Places: stock.Archive, Cameras: uplink.Clamp(len(e.cameras)), Space: uint8(e.spine.Space()),
	}
	if free, err := e.spine.Free(); err == nil {
		s.Free = uint64(max(0, free))
	}
	if e.detector != nil && e.detector.Running() {
		s.Detector = 1
	}
	for _, c := range e.cameras {
		if c.link.Status().PID != 0 {
			s.Running++
		}
	}
	s.Running = min(s.Running, s.Cameras)
	_, _ = fmt.Sscanf(e.version, "%d.%d.%d", &s.Version[0], &s.Version[1], &s.Version[2]) // a version of another form counts as 0
	return s
}

// report tells the hub how a camera is, and speaks for one whose process does not.
func (c *camera) report() {
	status := c.link.Status()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := uplink.CameraState{
		At: uplink.Milliseconds(c.e.now()), Since: uplink.Milliseconds(status.Since), Starts: uint32(status.Starts),
		Layout: c.layout.Revision, Reason: uint8(register.ReasonOf(c.refused)),
	}
	if status.PID != 0 {
		s.Running = 1
	}
	if err := c.e.spine.Tell(spine.CameraState, c.cfg.Name, uplink.Encode(s)); err != nil {
		c.log.Warn("the camera's state was not sent", slog.Any("error", err))
	}
	if status.PID != 0 || time.Since(c.told) < stateEvery {
		return
	}
	c.told = time.Now()
	c.state = wire.State{At: c.e.now(), Condition: wire.Ended, Wanted: float32(c.cfg.PerSecond), Restarts: c.state.Restarts}
	if c.refused != nil {
		c.state.Condition = wire.Refused
	}
	c.tell(spine.LiveState, &c.state)
}
