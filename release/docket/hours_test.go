package docket_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"polity/city"
	"polity/recording/root"
	"polity/recording/share"
	"polity/release/docket"
)

// hours are the lists that stand to a case's camera.
func (w *world) hours(camera city.Slug) []root.List {
	w.t.Helper()
	c, err := w.recorder.Store.Camera(camera)
	w.must(err)
	var lists []root.List
	for hour := w.filmed.Truncate(time.Hour); hour.Before(w.filmed.Add(time.Minute)); hour = hour.Add(time.Hour) {
		var all []root.Hash
		for _, e := range c.Entries(hour, hour.Add(time.Hour)) {
			if !e.Start.Before(hour) && e.Start.Before(hour.Add(time.Hour)) {
				all = append(all, e.Hash)
			}
		}
		if len(all) > 0 {
			lists = append(lists, root.List{Hour: hour, Segments: all})
		}
	}
	return lists
}

// TestHashesOfTheHoursOfACase: to a case that was granted, for its cameras and the hours
// that it touches, and nothing else.
func TestHashesOfTheHoursOfACase(t *testing.T) {
	w := newWorld(t)
	w.recorder.Record("square", w.filmed.Add(2*time.Hour), 2, func(i int) []byte { return []byte{byte(i)} }) // not of the case
	w.recorder.Now = w.filmed.Add(4 * time.Hour)
	id := w.submitted()
	var b bytes.Buffer
	for _, body := range share.Bodies {
		fails(t, w.docket.Hours(t.Context(), id, "square", &b), city.Forbidden, "has not approved")
		w.must(w.docket.Answer(t.Context(), id, bytes.NewReader(w.approve(body, w.request(id, body)))))
	}
	w.isPublic(id, (*docket.Case).Granted)
	fails(t, w.docket.Hours(t.Context(), id, "hospital", &b), city.Forbidden, "does not ask for that camera")
	if b.Len() > 0 {
		t.Errorf("%d bytes of what is refused", b.Len())
	}
	for _, camera := range []city.Slug{"bridge", "square"} {
		b.Reset()
		w.must(w.docket.Hours(t.Context(), id, camera, &b))
		lists, err := root.ParseLists(b.Bytes())
		w.must(err)
		if want := w.hours(camera); !slices.EqualFunc(lists, want, func(a, b root.List) bool { return a.Hour.Equal(b.Hour) && slices.Equal(a.Segments, b.Segments) }) {
			t.Errorf("%s: %+v, want %+v", camera, lists, want)
		}
	}
	w.recorder.Now = w.filmed // the hour is not over
	b.Reset()
	if err := w.docket.Hours(t.Context(), id, "square", &b); err != nil || b.Len() > 0 {
		t.Errorf("before the hour is over: %d bytes, %v", b.Len(), err)
	}
	w.cfg.Recordings.(*disk).away = city.Errorf(city.Unavailable, "the edge is away")
	fails(t, w.docket.Hours(t.Context(), id, "square", &b), city.Unavailable, "away")
}
