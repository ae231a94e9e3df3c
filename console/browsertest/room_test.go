package browsertest

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"polity/city"
	"polity/console/consoletest"
	"polity/room/alert"
)

func newRoom(t testing.TB) *consoletest.Room {
	t.Helper()
	room, err := consoletest.NewRoom(t.TempDir(), consoletest.Everything(), running())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := room.Close(); err != nil {
			t.Error(err)
		}
	})
	return room
}

// changeRoom lets a colleague work, or alerts come.
func (s *stage) changeRoom(w http.ResponseWriter, q url.Values) {
	s.mu.Lock()
	room := s.room
	s.mu.Unlock()
	var err error
	switch key := alert.Key(q.Get("key")); q.Get("do") {
	case "raise":
		err = room.Raise(number(q.Get("from")), number(q.Get("n")))
	case "urgent":
		err = room.Urgent(q.Get("id"))
	case "quiet":
		err = room.Quiet(city.Slug(q.Get("kind")), "square")
	case "note":
		err = room.As(consoletest.Bo, key, alert.Operation{Do: alert.Note, Text: q.Get("text")})
	case "snooze":
		err = room.As(consoletest.Bo, key, alert.Operation{Do: alert.Snooze, Until: running()().Add(time.Hour)})
	case "close":
		err = room.As(consoletest.Bo, key, alert.Operation{Do: alert.Close, Verdict: alert.Useful})
	default:
		err = room.As(consoletest.Bo, key, alert.Operation{Do: alert.What(q.Get("do"))})
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
