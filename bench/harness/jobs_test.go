package harness

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestJobsRunsAllAndNeverMoreThanAsked(t *testing.T) {
	for _, atATime := range []int{0, 1, 3, 50} {
		synctest.Test(t, func(t *testing.T) {
			const n = 20
			var now, most atomic.Int32
			var told []int // unguarded: told is called by one goroutine at a time
			turn := make(chan struct{})
			go func() {
				for range n {
					synctest.Wait() // all that may run do
					most.Store(max(most.Load(), now.Load()))
					turn <- struct{}{}
				}
			}()
			err := Jobs(t.Context(), atATime, n, func(int) {
				now.Add(1)
				<-turn
				now.Add(-1)
			}, func(i int) { told = append(told, i) })
			slices.Sort(told)
			if err != nil || len(told) != n || told[0] != 0 || told[n-1] != n-1 {
				t.Errorf("%d at a time: %v, told %v", atATime, err, told)
			}
			if want := min(n, max(1, atATime)); int(most.Load()) != want {
				t.Errorf("%d at a time: %d ran", atATime, most.Load())
			}
		})
	}
}

func TestJobsStops(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	done := 0
	err := Jobs(ctx, 1, 10, func(i int) {
		if done++; i == 3 {
			stop()
		}
	}, func(int) {})
	if !errors.Is(err, context.Canceled) || done != 4 {
		t.Errorf("%v after %d jobs", err, done)
	}
}

func TestRounded(t *testing.T) {
	if v := Rounded(1.23456, 3); v != 1.235 {
		t.Errorf("%v", v)
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if got := Rounded(v, 3); got != nil {
			t.Errorf("%v: %v", v, got)
		}
	}
}

func TestLastLine(t *testing.T) {
	for said, want := range map[string]string{"": "", "one\n": "one", "one\r\n\ntwo: no file \n\n": "two: no file"} {
		if got := LastLine(said); got != want {
			t.Errorf("%q: %q", said, got)
		}
	}
}
