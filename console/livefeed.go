package console

import (
	"context"
	"net/http"
	"sync"
	"time"

	"polity/access"
	"polity/console/frame"
)

// decideAgain is how long a live scene goes on that the policies no longer permit.
const decideAgain = 2 * time.Second

// liveFeed serves live scenes, each written down as a look while it lasts. It ends when the
// sign-in does, when the policies no longer permit it, or when the book cannot note any more
// that somebody looks.
func (c *Console) liveFeed(w http.ResponseWriter, r *frame.Request) error {
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	leave, err := c.feeds.enter(r.Who.ID)
	if err != nil {
		return c.tooManyFeeds(w, err)
	}
	defer leave()
	serve, err := c.live.Open(r.WithContext(ctx))
	if err != nil {
		return err
	}
	cameras, err := c.liveCameras(r.Request)
	if err != nil {
		return err
	}
	ended, err := c.endOf(r)
	if err != nil {
		return err
	}
	if no := c.Refused(r, access.LookLive, cameras); no != nil {
		return no
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
	ends := []<-chan struct{}{ended}
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
	go func() {
		tick := time.NewTicker(decideAgain)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if c.Refused(r, access.LookLive, cameras) != nil {
				stop()
			}
		}
	}()
	return frame.Gone(serve(w))
}

// endOf is closed when the sign-in of the one who asks ends, or what they may do changes.
// They are asked for again, so that what changed since they were let in counts.
func (c *Console) endOf(r *frame.Request) (<-chan struct{}, error) {
	if c.cfg.Access == nil {
		return nil, nil
	}
	ended := c.cfg.Access.Ended(r.Who.Session)
	who, err := c.cfg.Access.Who(r.Request)
	if err != nil {
		return nil, err
	}
	r.Who = who
	return ended, nil
}

// lookAtAll writes looks down side by side, so that they share commits. After an error it
// returns those that were written down nevertheless.
func (c *Console) lookAtAll(r *frame.Request, cameras []access.Thing) (begun []Looking, failed error) {
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
