package link

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"polity/camera/wire"
)

// keeper stores what a camera's processes said, in order. It outlives each of
// them: what one said before it died is stored after.
type keeper struct {
	cfg  Config
	ctx  context.Context // ends when nothing more can be stored
	stop context.CancelFunc
	work sync.WaitGroup
	wake chan struct{}

	mu    sync.Mutex
	queue []kept // at most a window for each run that has not been stored yet
	last  bool   // nothing more will come
	under map[string]bool
}

type kept struct {
	m   wire.Message
	run *run
}

func newKeeper(ctx context.Context, cfg Config) *keeper {
	k := &keeper{cfg: cfg, wake: make(chan struct{}, 1), under: map[string]bool{}}
	k.ctx, k.stop = context.WithCancel(context.WithoutCancel(ctx))
	k.work.Go(k.store)
	return k
}

// end stores what is in the queue, for a few seconds at most, and stops.
func (k *keeper) end() {
	k.mu.Lock()
	k.last = true
	k.mu.Unlock()
	k.poke()
	alarm := time.AfterFunc(k.cfg.StopGrace, k.stop)
	defer alarm.Stop()
	k.work.Wait()
	k.stop()
}

func (k *keeper) put(m wire.Message, r *run) {
	k.mu.Lock()
	k.queue = append(k.queue, kept{m, r})
	k.mu.Unlock()
	k.poke()
}

func (k *keeper) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *keeper) next() (x kept, ok, last bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.queue) == 0 {
		return kept{}, false, k.last
	}
	x = k.queue[0]
	k.queue[0] = kept{}
	k.queue = k.queue[1:]
	return x, true, false
}

func (k *keeper) store() {
	for {
		x, ok, last := k.next()
		switch {
		case ok:
			if err := k.cfg.Store(k.ctx, x.m); err != nil {
				return // ctx has ended; who sent it was not told that it is stored, and spools it
			}
			x.run.acknowledge()
		case last:
			return
		default:
			select {
			case <-k.wake:
			case <-k.ctx.Done():
				return
			}
		}
	}
}

// leftovers begins to store the spools that were moved aside. The camera does not
// wait for it: with a full disk that may take long.
func (k *keeper) leftovers() error {
	paths, err := leftovers(k.cfg.Spool)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, path := range paths {
		if !k.under[path] {
			k.under[path] = true
			k.work.Go(func() { k.storeSpool(path) })
		}
	}
	return nil
}

func (k *keeper) storeSpool(path string) {
	n, err := readSpool(path, func(m wire.Message) error { return k.cfg.Store(k.ctx, m) })
	if k.ctx.Err() != nil {
		return // the next edge begins again
	}
	log := k.cfg.Log.With(slog.String("spool", path), slog.Int("stored", n))
	if err != nil {
		// What can be read has been stored. The rest stays for a person to look at.
		aside := path + damaged
		log.Error("a spool cannot be read to its end and was set aside", slog.Any("error", errors.Join(err, os.Rename(path, aside))))
		return
	}
	if err := os.Remove(path); err != nil {
		log.Error("a spool that was stored cannot be removed; its messages will come again and be recognised", slog.Any("error", err))
		return
	}
	log.Info("stored what an earlier run had left")
}
