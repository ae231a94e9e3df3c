package opendata

import (
	"net/http/httptest"
	"testing"
	"time"
)

// slow is a reader's end whose deadlines are noted.
type slow struct {
	*httptest.ResponseRecorder
	deadlines []time.Time
}

func (s *slow) SetWriteDeadline(t time.Time) error {
	s.deadlines = append(s.deadlines, t)
	return nil
}

// Each part of a file has its own time to be read, and all of it together has an end.
func TestSlowReadersGetTimeWithinBounds(t *testing.T) {
	begun := time.Now()
	s := &slow{ResponseRecorder: httptest.NewRecorder()}
	p := &patient{ResponseWriter: s, until: begun.Add(wholeTime)}
	if n, err := p.Write(make([]byte, 100<<10)); n != 100<<10 || err != nil {
		t.Fatal(n, err)
	}
	if len(s.deadlines) != 4 || s.Body.Len() != 100<<10 {
		t.Errorf("%d deadlines for 100 KiB, %d bytes", len(s.deadlines), s.Body.Len())
	}
	end := begun.Add(time.Second)
	p.until = end
	if _, err := p.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if last := s.deadlines[len(s.deadlines)-1]; !last.Equal(end) {
		t.Errorf("the last deadline is %v, and all has to end at %v", last, end)
	}
}
