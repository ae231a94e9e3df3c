package console

import (
	"net/http"
	"sync"

	"polity/city"
	"polity/console/frame"
)

// feedsOfOne is how many live feeds one person or program has open at once: far more than
// anybody's screens, and too few to take the hub's connections from others.
const feedsOfOne = 32

// feeds counts open live feeds by who has them.
type feeds struct {
	mu sync.Mutex
	of map[string]int
}

// enter counts one more, until leave is called once. Its error is of kind Unavailable.
func (f *feeds) enter(id string) (leave func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of[id] >= feedsOfOne {
		return nil, city.Errorf(city.Unavailable, "you have %d live feeds open, and more are not served: close some of their pages", feedsOfOne)
	}
	if f.of == nil {
		f.of = map[string]int{}
	}
	f.of[id]++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.of[id]--; f.of[id] == 0 {
			delete(f.of, id)
		}
	}, nil
}

// tooManyFeeds gives that error its own status.
func (c *Console) tooManyFeeds(w http.ResponseWriter, err error) error {
	w.Header().Set("Retry-After", "60")
	c.Answer(w, http.StatusTooManyRequests, frame.Problem{Message: err.Error()})
	return nil
}
