package groupcommit_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"polity/internal/groupcommit"
)

func never(error) bool { return false }

// TestThoseWhoWaitShareACommit: while one commit runs, all who come gather for the next.
func TestThoseWhoWaitShareACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var groups [][]int
		hold := make(chan struct{})
		q := groupcommit.New(func(group []int) error {
			groups = append(groups, slices.Clone(group))
			if len(groups) == 1 {
				<-hold
			}
			return nil
		}, never)
		var all sync.WaitGroup
		for n := range 10 {
			all.Go(func() {
				if err := q.Do(t.Context(), n); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		close(hold)
		all.Wait()
		q.Close()
		if len(groups) != 2 || len(groups[0]) != 1 || len(groups[1]) != 9 || !slices.IsSorted(groups[1]) {
			t.Errorf("groups %v; want the first alone and nine together, in their order", groups)
		}
	})
}

func TestNoGroupIsLargerThanMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		most, sum := 0, 0
		hold := make(chan struct{})
		q := groupcommit.New(func(group []int) error {
			<-hold
			most, sum = max(most, len(group)), sum+len(group)
			return nil
		}, never)
		var all sync.WaitGroup
		for n := range 3 * groupcommit.Most {
			all.Go(func() { _ = q.Do(t.Context(), n) })
		}
		synctest.Wait()
		close(hold)
		all.Wait()
		q.Close()
		if most != groupcommit.Most || sum != 3*groupcommit.Most {
			t.Errorf("%d requests, at most %d together", sum, most)
		}
	})
}

// TestOneAtFaultHarmsNobodyElse: after an error that may be one request's own, each has a
// commit of its own; after another all have it.
func TestOneAtFaultHarmsNobodyElse(t *testing.T) {
	fault, away := errors.New("a fault"), errors.New("the disk is away")
	for _, c := range []struct {
		err     error
		refused int
	}{{fault, 1}, {away, 5}} {
		synctest.Test(t, func(t *testing.T) {
			hold := make(chan struct{})
			first := true
			q := groupcommit.New(func(group []int) error {
				if first {
					first = false
					<-hold
				}
				if slices.Contains(group, 3) {
					return c.err
				}
				return nil
			}, func(err error) bool { return errors.Is(err, fault) })
			errs := make([]error, 6)
			var all sync.WaitGroup
			for n := range errs {
				all.Go(func() { errs[n] = q.Do(t.Context(), n) })
				synctest.Wait()
			}
			close(hold)
			all.Wait()
			q.Close()
			refused := 0
			for _, err := range errs {
				if err != nil {
					refused++
				}
			}
			if refused != c.refused || !errors.Is(errs[3], c.err) || errs[0] != nil {
				t.Errorf("%v: %v", c.err, errs)
			}
		})
	}
}

// TestGivingUp: who waits can; who is being committed is told what came of it.
func TestGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		var committed []int
		q := groupcommit.New(func(group []int) error {
			<-hold
			committed = append(committed, group...)
			return nil
		}, never)
		ended, cancel := context.WithCancel(t.Context())
		errs := make([]error, 2)
		var all sync.WaitGroup
		for n := range errs {
			all.Go(func() { errs[n] = q.Do(ended, n) })
			synctest.Wait()
		}
		cancel()
		synctest.Wait()
		if !errors.Is(errs[1], context.Canceled) {
			t.Errorf("who waits was told %v", errs[1])
		}
		close(hold)
		all.Wait()
		if errs[0] != nil {
			t.Errorf("who was being committed was told %v", errs[0])
		}
		if err := q.Do(ended, 2); !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that had ended: %v", err)
		}
		q.Close()
		if !slices.Equal(committed, []int{0}) {
			t.Errorf("committed %v", committed)
		}
	})
}

// TestClose: what was taken is committed, what comes later is refused.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		var committed []int
		q := groupcommit.New(func(group []int) error {
			<-hold
			committed = append(committed, group...)
			return nil
		}, never)
		errs := make([]error, 3)
		var all sync.WaitGroup
		for n := range errs {
			all.Go(func() { errs[n] = q.Do(t.Context(), n) })
			synctest.Wait()
		}
		all.Go(q.Close)
		synctest.Wait()
		if err := q.Do(t.Context(), 9); !errors.Is(err, groupcommit.ErrClosed) || !q.Closed() {
			t.Errorf("after Close: %v", err)
		}
		close(hold)
		all.Wait()
		slices.Sort(committed)
		if !slices.Equal(committed, []int{0, 1, 2}) || errors.Join(errs...) != nil {
			t.Errorf("committed %v, told %v", committed, errs)
		}
		q.Close() // again
	})
}
