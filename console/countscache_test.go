package console

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"polity/city"
	"polity/console/counts"
)

func TestManyReadersAskTheStoreOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		fail := errors.New("the store is away")
		var broken atomic.Bool
		c := &countsCache{kept: map[countsKey]*countsEntry{}, fetch: func(context.Context, city.Slug, counts.Query) ([]counts.Series, error) {
			asked.Add(1)
			time.Sleep(time.Second)
			if broken.Load() {
				return nil, fail
			}
			return []counts.Series{{Where: "gate"}}, nil
		}}
		q := counts.Query{From: time.Now(), To: time.Now().Add(time.Hour), Step: time.Minute}
		leaving, leave := context.WithCancel(t.Context())
		for i := range 20 {
			ctx := t.Context()
			if i == 0 {
				ctx = leaving // who asked first goes away
			}
			go func() {
				got, err := c.get(ctx, time.Now(), "square", q)
				if i > 0 && (err != nil || len(got) != 1) {
					t.Errorf("reader %d: %v, %v", i, got, err)
				}
			}()
		}
		time.Sleep(time.Millisecond)
		leave()
		time.Sleep(2 * time.Second)
		if n := asked.Load(); n != 1 {
			t.Errorf("asked %d times", n)
		}
		time.Sleep(countsFor)
		broken.Store(true)
		for range 2 {
			if _, err := c.get(t.Context(), time.Now(), "square", q); !errors.Is(err, fail) {
				t.Errorf("got %v", err)
			}
		}
		if n := asked.Load(); n != 3 {
			t.Errorf("asked %d times: an old answer or a failure was kept", n)
		}
		broken.Store(false)
		for i := range 2 * countsAtMost {
			if _, err := c.get(t.Context(), time.Now(), "square", counts.Query{From: q.From.Add(time.Duration(i) * time.Hour), To: q.To, Step: q.Step}); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(c.kept); n > countsAtMost {
			t.Errorf("%d answers are kept", n)
		}
	})
}
