package twin

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

// Trips sums up SUMO's tripinfo over all vehicles that were due to depart within the
// horizon, those unfinished or never inserted included.
type Trips struct {
	Due         int     `json:"due"`
	Finished    int     `json:"finished"`
	OnTheWay    int     `json:"on_the_way"`
	NotInserted int     `json:"not_inserted"`
	Delay       float64 `json:"delay_s"`        // mean of timeLoss + departDelay
	TimeLoss    float64 `json:"time_loss_s"`    // mean
	DepartDelay float64 `json:"depart_delay_s"` // mean
	Waiting     float64 `json:"waiting_s"`      // mean
	Duration    float64 `json:"duration_s"`     // mean over finished trips
	Walks       int     `json:"walks,omitempty"`
	WalkLoss    float64 `json:"walk_time_loss_s,omitempty"` // mean per person
}

// ReadTrips reads a tripinfo file that SUMO wrote with --tripinfo-output.write-unfinished
// and --tripinfo-output.write-undeparted.
func ReadTrips(path string, begin, end time.Duration) (Trips, error) {
	f, err := os.Open(path)
	if err != nil {
		return Trips{}, fmt.Errorf("read SUMO's tripinfo: %w", err)
	}
	defer f.Close()
	return readTrips(f, path, begin, end)
}

func readTrips(r io.Reader, path string, begin, end time.Duration) (Trips, error) {
	var t Trips
	dec := xml.NewDecoder(r)
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			line, _ := dec.InputPos()
			return t, fmt.Errorf("%s:%d: SUMO's tripinfo breaks off: %w", path, line, err)
		}
		e, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		switch e.Name.Local {
		case "tripinfo":
			t.add(fields(e), begin.Seconds(), end.Seconds())
		case "walk":
			t.Walks++
			t.WalkLoss += fields(e)["timeLoss"]
		}
	}
	n := float64(max(1, t.Due))
	t.Delay = (t.TimeLoss + t.DepartDelay) / n
	t.TimeLoss /= n
	t.DepartDelay /= n
	t.Waiting /= n
	t.Duration /= float64(max(1, t.Finished))
	t.WalkLoss /= float64(max(1, t.Walks))
	return t, nil
}

func (t *Trips) add(f map[string]float64, begin, end float64) {
	due := f["depart"] - f["departDelay"]
	if f["depart"] < 0 {
		due = end - f["departDelay"]
	}
	if due < begin-1 || due >= end {
		return
	}
	t.Due++
	t.DepartDelay += f["departDelay"]
	t.TimeLoss += f["timeLoss"]
	t.Waiting += f["waitingTime"]
	switch {
	case f["depart"] < 0:
		t.NotInserted++
	case f["arrival"] < 0:
		t.OnTheWay++
	default:
		t.Finished++
		t.Duration += f["duration"]
	}
}

func fields(e xml.StartElement) map[string]float64 {
	m := make(map[string]float64, len(e.Attr))
	for _, a := range e.Attr {
		if v, err := strconv.ParseFloat(a.Value, 64); err == nil {
			m[a.Name.Local] = v
		}
	}
	return m
}
