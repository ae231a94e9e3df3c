package spine

import (
	"context"
	"fmt"
	"log/slog"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"polity/city"
)

const (
	keepTime = 5 * time.Second // for one attempt to store
	mindTime = time.Second     // between looks at the disk
	shedPart = 8               // an eighth of the archive goes at a time

	forgetTicks = 5 // of mindTime, between removals of what the hub has
)

// Keep stores an observation, an event, a statement or a place of the archive. For the
// first three it returns nil when they are on disk and synced, and tries until then or
// until ctx ends. A place of the archive is tried once.
func (e *Edge) Keep(ctx context.Context, c Channel, camera city.Slug, body []byte) error {
	if !c.kept() {
		return fmt.Errorf("%s is not a channel that is stored", c)
	}
	if err := e.cfg.Check(c, body); err != nil {
		return err
	}
	to := subject(e.cfg.Name, camera, c)
	for {
		space, room := e.look()
		if c == Archive {
			if space != Roomy {
				return city.Errorf(city.Unavailable, "there is little room on the disk: the place is not archived")
			}
			return e.publish(ctx, to, body)
		}
		if space < Full {
			err := e.publish(ctx, to, body)
			if err == nil || ctx.Err() != nil {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-room:
		}
	}
}

func (e *Edge) look() (Space, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.space, e.room
}

// publish stores one message, or notes that the store failed.
func (e *Edge) publish(ctx context.Context, to string, body []byte) error {
	attempt, stop := context.WithTimeout(ctx, keepTime)
	defer stop()
	_, err := e.js.Publish(attempt, to, body)
	if err == nil || ctx.Err() != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.wrong == nil {
		e.cfg.Log.Error("the edge's store took nothing; observations wait in the camera processes", slog.Any("error", err))
	}
	e.wrong = err
	e.space = max(e.space, StoreBroken)
	return err
}

// Space returns the state of the disk.
func (e *Edge) Space() Space {
	s, _ := e.look()
	return s
}

// mind looks after the disk: it gives up archive when little is free, stops
// writing before the disk is full, and opens the store anew after a failed write.
// JetStream takes nothing more after one until it is opened again.
func (e *Edge) mind(ctx context.Context) {
	tick := time.NewTicker(mindTime)
	defer tick.Stop()
	forgotten := uint64(0) // up to which message
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if n%forgetTicks == 0 {
			var err error
			if forgotten, err = e.forgetTaken(ctx, forgotten); err != nil && ctx.Err() == nil {
				e.cfg.Log.Warn("observations that the hub has could not be removed; it is tried again", slog.Any("error", err))
			}
		}
		free, err := e.cfg.Free()
		if err != nil {
			e.cfg.Log.Error("how much of the disk is free cannot be told", slog.Any("error", err))
			continue
		}
		e.adjust(ctx, free)
	}
}

func (e *Edge) adjust(ctx context.Context, free int64) {
	e.mu.Lock()
	before, wrong := e.space, e.wrong
	e.mu.Unlock()
	space := Roomy
	switch {
	case free < e.cfg.KeepFree/4:
		space = Full
	case free < e.cfg.KeepFree:
		space = Shrinking
	}
	if space != Roomy {
		if err := e.shed(ctx); err != nil {
			e.cfg.Log.Error("the archive could not be made smaller", slog.Any("error", err))
		}
	}
	if wrong != nil && space < Full {
		if err := e.reopen(); err != nil {
			e.cfg.Log.Error("the edge's store cannot be opened again", slog.Any("error", err))
			space = StoreBroken
		}
	} else if wrong != nil {
		space = max(space, before)
	}
	e.settle(space, before, free)
}

// settle notes the state and wakes those who wait for room.
func (e *Edge) settle(space, before Space, free int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.space = space
	if space < Full {
		e.wrong = nil
		if before >= Full {
			close(e.room)
			e.room = make(chan struct{})
		}
	}
	if space != before {
		level := slog.LevelInfo
		if space > before {
			level = slog.LevelWarn
		}
		e.cfg.Log.Log(context.Background(), level, "the room on the edge's disk changed",
			slog.String("now", space.String()), slog.Int64("free_bytes", free))
	}
}

func (s Space) String() string {
	return [...]string{"roomy", "shrinking the archive", "full", "store broken"}[s]
}

// forgetTaken removes the observations that the hub has: minutes of several cameras would
// tell who went from one to the other, so that nobody keeps them longer than they are
// needed. Events and statements stay, for a hub that lost its own. It goes on behind the
// message up to which it had come, and returns up to which it came.
func (e *Edge) forgetTaken(ctx context.Context, from uint64) (uint64, error) {
	ctx, stop := context.WithTimeout(ctx, keepTime)
	defer stop()
	stream, err := e.js.Stream(ctx, streamName(e.cfg.Name, taken))
	if err != nil {
		return from, err
	}
	c, err := stream.Consumer(ctx, consumer)
	if err != nil {
		return from, err
	}
	done := c.CachedInfo().AckFloor.Stream
	if done <= from {
		return from, nil
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject("polity."+string(e.cfg.Name)+"."+taken+".*."+Observation.String()), jetstream.WithPurgeSequence(done+1)); err != nil {
		return from, err
	}
	return done, nil
}

// shed gives up the oldest eighth of the archive, all of it when little is left.
func (e *Edge) shed(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, keepTime)
	defer stop()
	stream, err := e.js.Stream(ctx, streamName(e.cfg.Name, archive))
	if err != nil {
		return err
	}
	state := stream.CachedInfo().State
	if state.Msgs == 0 {
		return nil
	}
	upTo := state.FirstSeq + (state.LastSeq-state.FirstSeq)/shedPart + 1
	if state.Msgs < 2*shedPart {
		upTo = state.LastSeq + 1
	}
	return stream.Purge(ctx, jetstream.WithPurgeSequence(upTo))
}

// reopen closes the store and opens it anew from what is on the disk. What was
// acknowledged is there.
func (e *Edge) reopen() error {
	if err := e.server.ShutdownJetStream(); err != nil {
		return err
	}
	err := e.server.EnableJetStream(&server.JetStreamConfig{
		StoreDir: e.storeDir(), MaxStore: e.cfg.MaxStore + 64<<20, MaxMemory: 1 << 20, Domain: domain(e.cfg.Name), SyncAlways: true,
	})
	if err != nil {
		return err
	}
	e.cfg.Log.Info("the edge's store was opened again")
	return nil
}

// Stock is what an edge's store holds.
type Stock struct {
	Kept    uint64 // observations, events and statements
	Waiting uint64 // of them, those that the hub does not have yet
	Lost    uint64 // of those that it does not have, given up for want of room
	Bytes   uint64 // on disk, archive included
	Archive uint64 // places
}

// Stock counts what is stored.
func (e *Edge) Stock(ctx context.Context) (Stock, error) {
	var s Stock
	for _, name := range []string{taken, archive} {
		stream, err := e.js.Stream(ctx, streamName(e.cfg.Name, name))
		if err != nil {
			return s, fmt.Errorf("the edge's store: %w", err)
		}
		state := stream.CachedInfo().State
		s.Bytes += state.Bytes
		if name == archive {
			s.Archive = state.Msgs
			continue
		}
		s.Kept = state.Msgs
		c, err := stream.Consumer(ctx, consumer)
		if err != nil {
			return s, fmt.Errorf("the edge's store: %w", err)
		}
		info := c.CachedInfo()
		s.Waiting = info.NumPending + uint64(info.NumAckPending)
		if done := info.AckFloor.Stream; state.FirstSeq > done+1 {
			s.Lost = state.FirstSeq - done - 1
		}
	}
	return s, nil
}

func freeBytes(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil //nolint:unconvert // the types differ by platform
}

// Free is how many bytes are free on the disk of the store.
func (e *Edge) Free() (int64, error) { return e.cfg.Free() }
