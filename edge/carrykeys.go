package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"polity/camera/uplink"
	"polity/city"
	"polity/internal/durable"
	"polity/recording/share"
	"polity/spine"
)

// Epoch keys and rosters that come from the hub (docs/formats/uplink.md). Whatever comes is
// checked here as if a stranger had put it there.

const (
	keysEvery = 10 * time.Second // between looks at what is lacking
	keysAhead = 90               // days that an edge asks for
	dayLength = 24 * time.Hour
)

// askKeys tells the hub what this edge has of the classes of its cameras, until ctx ends.
func (e *edge) askKeys(ctx context.Context) {
	tick := time.NewTicker(keysEvery)
	defer tick.Stop()
	for {
		for class, camera := range e.recorded() {
			body := uplink.Encode(e.recordings.keyState(ctx, class))
			if err := e.spine.Tell(spine.KeyState, camera, body); err != nil {
				e.log.Warn("which epoch keys there are was not told to the hub", slog.Any("error", err))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// recorded are the classes of retention of this edge's cameras, each with one of them.
func (e *edge) recorded() map[city.Slug]city.Slug {
	classes := map[city.Slug]city.Slug{}
	for _, c := range e.cfg.Cameras {
		if c.Record != nil && classes[c.Record.Class] == "" {
			classes[c.Record.Class] = c.Name
		}
	}
	return classes
}

// keyState is what this edge has of a class.
func (r *recordings) keyState(ctx context.Context, class city.Slug) uplink.KeyState {
	now := r.now().UTC()
	s := uplink.KeyState{Day: now.Unix() / int64(dayLength/time.Second), Roster: uint32(r.rosters.newest().Version)} //nolint:gosec // rosters are numbered up to 2^20
	for n := range keysAhead + 1 {
		for _, body := range share.Bodies {
			if _, err := r.keys.Key(ctx, body, class, share.Day(now.AddDate(0, 0, n))); err == nil {
				s.Set(body == share.Ombudsman, n)
			}
		}
	}
	return s
}

// hearProof takes a proof of an epoch key that this edge needs.
func (e *edge) hearProof(_ city.Slug, body []byte) []byte {
	if e.recordings == nil {
		return nil
	}
	if err := e.recordings.takeProof(body, e.recorded()); err != nil {
		e.log.Warn("a proof of an epoch key that came from the hub does not count", slog.Any("error", err))
	}
	return nil
}

func (r *recordings) takeProof(file []byte, classes map[city.Slug]city.Slug) error {
	key, err := r.keys.check(file)
	if err != nil {
		return err
	}
	if classes[key.Class] == "" {
		return city.Errorf(city.Invalid, "it is of class %s, which no camera of this edge has", key.Class)
	}
	day, err := time.Parse(time.DateOnly, key.Day)
	if err != nil {
		return err
	}
	if ahead := day.Sub(r.now().UTC()); ahead > (keysAhead+2)*dayLength || ahead < -2*dayLength {
		return city.Errorf(city.Invalid, "it is of %s, which is not within the next %d days by this machine's clock", key.Day, keysAhead)
	}
	if !r.keys.isNews(key) {
		return nil
	}
	name := fmt.Sprintf("%s-%s-%s-%d.proof", key.Body, key.Class, key.Day, key.index)
	if err := durable.WriteFile(filepath.Join(r.keys.dir, name), file, 0o600); err != nil {
		return err
	}
	return r.keys.refresh(r.wrongProof)
}

// cameProof is the name of a proof that came from the hub.
var cameProof = regexp.MustCompile(`^(?:court|ombudsman)-[a-z0-9-]+-(\d{4}-\d\d-\d\d)-\d+\.proof$`)

// forgetProofs removes proofs of days past that came from the hub.
func (r *recordings) forgetProofs() error {
	files, err := os.ReadDir(r.keys.dir)
	if err != nil {
		return err
	}
	old := share.Day(r.now().AddDate(0, 0, -2))
	var failed error
	for _, f := range files {
		if m := cameProof.FindStringSubmatch(f.Name()); m != nil && m[1] < old {
			failed = errors.Join(failed, os.Remove(filepath.Join(r.keys.dir, f.Name())))
		}
	}
	return failed
}

// hearRoster takes the roster that follows this edge's.
func (e *edge) hearRoster(_ city.Slug, body []byte) []byte {
	if e.recordings == nil {
		return nil
	}
	next, err := e.recordings.rosters.take(body)
	switch {
	case err != nil && city.KindOf(err) == city.Conflict:
		return nil
	case err != nil:
		e.log.Warn("a roster that came from the hub does not count", slog.Any("error", err))
		return nil
	}
	if err := e.recordings.keys.renew(e.recordings.wrongProof); err != nil {
		e.log.Error("epoch keys could not be read anew", slog.Any("error", err))
	}
	if err := e.recordings.store.SetKeep(keepOf(next)); err != nil {
		e.log.Error("retention of the roster before goes on", slog.Any("error", err))
	}
	e.log.Info("a roster follows the one before", slog.Int("version", next.Version), slog.String("words", next.Words()))
	return nil
}
