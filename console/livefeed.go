package console

import (
	"context"
	"net/http"
	"sync"
	"time"

	"polity/access"
)

// liveFeed serves live scenes, each written down as a look while it lasts. It ends when the
// sign-in does, or when the book cannot note any more that somebody looks.
func (c *Console) liveFeed(w http.ResponseWriter, r *request) error {
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	serve, err := c.live.Open(r.WithContext(ctx))
	if err != nil {
		return err
	}
	cameras, err := liveCameras(c, r.Request)
	if err != nil {
		return err
	}
	looking, err := c.lookAtAll(r, cameras)
	defer func() {
		for _, k := range looking {
			k.Finish()
		}
	}()
	if err != nil {
		return err
	}
	ends := []<-chan struct{}{c.cfg.Access.Ended(r.who.Session)}
	for _, k := range looking {
		ends = append(ends, k.Gone())
	}
	for _, end := range ends {
		go func() {
			select {
			case <-end:
				stop()
			case <-ctx.Done():
			}
		}()
	}
	return gone(serve(w))
}

// lookAtAll writes looks down side by side, so that they share commits. After an error it
// returns those that were written down nevertheless.
func (c *Console) lookAtAll(r *request, cameras []access.Thing) (begun []Looking, failed error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, camera := range cameras {
		all.Go(func() {
			k, err := c.look(r, access.LookLive, camera, time.Time{})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = err
				return
			}
			begun = append(begun, k)
		})
	}
	all.Wait()
	return begun, failed
}
