package ngsild

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestTurnsAreSharedButNeverStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all turns[int]
		ran := 0
		work := func(context.Context) (int, error) {
			ran++
			mine := ran
			time.Sleep(time.Second)
			return mine, nil
		}
		got := make(chan int, 21)
		ask := func() {
			n, err := all.do(t.Context(), work)
			if err != nil {
				t.Error(err)
			}
			got <- n
		}
		go ask()
		synctest.Wait()
		for range 20 {
			go ask()
		}
		for i := range 21 {
			want := 2
			if i == 0 {
				want = 1
			}
			if n := <-got; n != want {
				t.Errorf("answer %d is of turn %d, want %d", i, n, want)
			}
		}
		synctest.Wait()
		if ran != 2 {
			t.Errorf("%d turns ran for 21 who asked", ran)
		}
	})
}

func TestWhoGoesAwayDoesNotEndATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all turns[int]
		work := func(ctx context.Context) (int, error) {
			time.Sleep(time.Second)
			return 7, ctx.Err()
		}
		short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		other := make(chan error, 1)
		go func() {
			time.Sleep(time.Microsecond)
			_, err := all.do(t.Context(), work)
			other <- err
		}()
		if _, err := all.do(short, work); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who went away got %v", err)
		}
		if err := <-other; err != nil {
			t.Errorf("the other got %v", err)
		}
	})
}
