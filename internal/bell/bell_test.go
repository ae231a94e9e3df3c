package bell_test

import (
	"sync"
	"testing"

	"polity/internal/bell"
)

func TestARingWakesAllWhoWaitAndNoneAfter(t *testing.T) {
	var b bell.Bell
	b.Ring() // nobody waits
	first, second := b.Wait(), b.Wait()
	var woken sync.WaitGroup
	for _, c := range []<-chan struct{}{first, second} {
		woken.Go(func() { <-c })
	}
	b.Ring()
	woken.Wait()
	select {
	case <-b.Wait():
		t.Error("who waits after the ring is woken by it")
	default:
	}
}
