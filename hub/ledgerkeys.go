package hub

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"polity/camera/uplink"
	"polity/city"
	"polity/hub/entries"
	"polity/ledger/canonical"
	"polity/ledger/proof"
	"polity/ledger/roster"
	"polity/spine"
)

const (
	keysAhead = 90               // days for which an edge needs epoch keys
	keysAgain = 30 * time.Second // until a proof that an edge still lacks is sent again
)

// proofs are those of epoch keys, made once.
type proofs struct {
	source proof.Source

	mu   sync.Mutex
	made map[int64]madeProof
}

type madeProof struct {
	file []byte
	day  canonical.Day
}

// proof is that of the epoch key at an index. It is of kind NotFound while the key is not
// public.
func (l *ledger) proof(ctx context.Context, index int64, day canonical.Day) ([]byte, error) {
	p := &l.proofs
	p.mu.Lock()
	defer p.mu.Unlock()
	if m, ok := p.made[index]; ok {
		return m.file, nil
	}
	made, err := proof.Prove(ctx, p.source, index, &l.roster.Roster)
	if err != nil {
		return nil, err
	}
	if p.made == nil {
		p.made = map[int64]madeProof{}
	}
	yesterday := canonical.Day(l.hub.now().UTC().AddDate(0, 0, -1).Format(time.DateOnly))
	for i, m := range p.made {
		if m.day < yesterday {
			delete(p.made, i)
		}
	}
	file := made.Marshal()
	p.made[index] = madeProof{file, day}
	return file, nil
}

// keyWant is what an edge says that it has, about a camera of a class.
type keyWant struct {
	camera *camera
	has    uplink.KeyState
}

// hearKeys notes what an edge has; it does not wait.
func (e *edge) hearKeys(c *camera, s uplink.KeyState) {
	if e.h.ledger == nil {
		return
	}
	select {
	case e.wants <- keyWant{c, s}:
	default: // it says so again
	}
}

// offerKeys sends the edge what it lacks of epoch keys and rosters, until ctx ends.
func (e *edge) offerKeys(ctx context.Context) {
	sent := map[int64]time.Time{}
	for {
		select {
		case <-ctx.Done():
			return
		case w := <-e.wants:
			if err := e.offer(ctx, w, sent); err != nil && ctx.Err() == nil {
				e.log.Warn("epoch keys could not be sent to an edge; it is tried again", slog.Any("error", err))
			}
		}
	}
}

func (e *edge) offer(ctx context.Context, w keyWant, sent map[int64]time.Time) error {
	l := e.h.ledger
	if newest := uint32(l.roster.Version); w.has.Roster < newest { //nolint:gosec // rosters are numbered up to 2^20
		for _, r := range l.rosters {
			if uint32(r.Version) == w.has.Roster+1 { //nolint:gosec // as above
				return e.line.Tell(spine.Roster, "", r.File())
			}
		}
	}
	w.camera.mu.Lock()
	class := w.camera.entry.Class
	w.camera.mu.Unlock()
	if class == "" {
		return nil
	}
	for _, k := range l.lacking(class, w.has) {
		if time.Since(sent[k.index]) < keysAgain {
			continue
		}
		file, err := l.proof(ctx, k.index, k.day)
		if city.KindOf(err) == city.NotFound && err != nil {
			continue // it is not public yet
		}
		if err == nil {
			err = e.line.Tell(spine.Proof, w.camera.name, file)
		}
		if err != nil {
			return err
		}
		sent[k.index] = time.Now()
	}
	for index, at := range sent {
		if time.Since(at) > keysAgain {
			delete(sent, index)
		}
	}
	return nil
}

type keyAt struct {
	index int64
	day   canonical.Day
}

// lacking are the epoch keys of a class that the log has and an edge has not.
func (l *ledger) lacking(class city.Slug, has uplink.KeyState) (list []keyAt) {
	first := time.Unix(0, 0).UTC().AddDate(0, 0, int(has.Day))
	l.look(func(x *entries.Index) {
		for n := range keysAhead + 1 {
			day := canonical.Day(first.AddDate(0, 0, n).Format(time.DateOnly))
			for _, body := range []city.Slug{roster.Court, roster.Ombudsman} {
				if has.Has(body == roster.Ombudsman, n) {
					continue
				}
				if index, ok := x.Key(body, class, day); ok {
					list = append(list, keyAt{index, day})
				}
			}
		}
	})
	return list
}
