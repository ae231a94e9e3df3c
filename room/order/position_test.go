package order_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/room/order"
)

func TestPositionsAreSharedOnTheWayAlone(t *testing.T) {
	b, clock := newBook(t)
	o := given(t, b, toAnna)
	at := city.Point{Lon: 24.123456, Lat: 60.654321}
	kind(t, "before", b.Share(t.Context(), anna, o.ID, at), city.Conflict)
	o = do(t, b, anna, o.ID, order.Accepted, order.OnTheWay)
	kind(t, "a desk's", b.Share(t.Context(), water, o.ID, at), city.Forbidden)
	kind(t, "nowhere", b.Share(t.Context(), anna, o.ID, city.Point{Lat: math.NaN()}), city.Invalid)
	if _, shared := b.Position(water, &o); shared {
		t.Error("a position that nobody shared")
	}
	share := func() {
		t.Helper()
		if err := b.Share(t.Context(), anna, o.ID, at); err != nil {
			t.Fatal(err)
		}
	}
	held := func() bool { _, ok := b.Position(water, &o); return ok }
	share()
	if p, ok := b.Position(water, &o); !ok || p.Point != at {
		t.Errorf("%v, %v", p, ok)
	}
	for who, by := range map[string]order.Asker{"another desk": traffic, "a crew": cleo, "the public": public} {
		if _, ok := b.Position(by, &o); ok {
			t.Errorf("%s sees it", who)
		}
	}
	clock.forward(10 * time.Minute)
	if held() {
		t.Error("held though not renewed")
	}
	share()
	for range 12*12 - 1 { // a shift
		clock.forward(5 * time.Minute)
		share()
	}
	clock.forward(5 * time.Minute)
	if held() {
		t.Error("held past the shift")
	}
	late := anna
	late.Who.Since = clock.now().Add(-12 * time.Hour)
	kind(t, "after the shift", b.Share(t.Context(), late, o.ID, at), city.Conflict)
	share()
	if err := b.Hide(t.Context(), anna, o.ID); err != nil || held() {
		t.Errorf("held though hidden, %v", err)
	}
	share()
	do(t, b, anna, o.ID, order.AtThePlace)
	o.State = order.OnTheWay // as a reader saw it
	if held() {
		t.Error("held though the crew has arrived")
	}
}

// Nothing of a position is on the disk, in the timeline, or in what a reader gets.
func TestPositionsAreWrittenNowhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orders.db")
	b, _ := open(t, path)
	o := given(t, b, toAnna)
	do(t, b, anna, o.ID, order.Accepted, order.OnTheWay)
	at := city.Point{Lon: 24.123456, Lat: 60.654321}
	for i := range 50 {
		at.Lat += float64(i) / 1e5
		if err := b.Share(t.Context(), anna, o.ID, at); err != nil {
			t.Fatal(err)
		}
	}
	o = do(t, b, anna, o.ID, order.AtThePlace, order.Done)
	text, err := json.Marshal(o)
	if err != nil || strings.Contains(string(text), "24.123") {
		t.Errorf("%s, %v", text, err)
	}
	asText, asDouble := fmt.Appendf(nil, "%g", at.Lon), make([]byte, 8)
	binary.BigEndian.PutUint64(asDouble, math.Float64bits(at.Lon))
	for _, piece := range [][]byte{asText, asDouble} {
		if onDisk(t, path, piece) {
			t.Errorf("%x is on the disk", piece)
		}
	}
	place := make([]byte, 8) // the order's own place is, so the search finds what is there
	binary.BigEndian.PutUint64(place, math.Float64bits(24.94))
	if !onDisk(t, path, place) {
		t.Error("the order's place is not found: this test looks for the wrong bytes")
	}
}
