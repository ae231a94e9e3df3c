package alarm

import (
	"context"
	"encoding/json"
	"time"

	"polity/plane"
	"polity/plane/ingest/mapping"
	"polity/sensors"
)

// sumsBack is how far back the newest sums over homes are looked for.
const sumsBack = 48 * time.Hour

// HomesOf is of how many homes an observation says that it is the sum; 0 if it says none,
// or fewer than may be known.
func HomesOf(o *plane.Observation) int {
	var d struct {
		Homes int `json:"homes"`
	}
	if len(o.Detail) == 0 || json.Unmarshal(o.Detail, &d) != nil || d.Homes < mapping.MinHomes {
		return 0
	}
	return d.Homes
}

// homes looks at sums over homes. Without a sum that is of enough homes there is nothing to
// be listed: no state, so that not even the name or the place of a single home is told.
func (w *Watch) homes(ctx context.Context, x *looked, now time.Time) (*State, error) {
	state := &State{Sensor: x.sensor}
	s := &state.Sensor
	for _, a := range sensors.Homes.Attributes() {
		v := sensors.Value{Name: a.Name, Unit: a.Unit}
		q := plane.HistoryQuery{Key: plane.Key{ID: s.ID}, Attribute: a.Name, From: now.Add(-sumsBack), To: now.Add(ahead)}
		if err := w.store.History(ctx, q, func(o plane.Observation) error {
			if n := HomesOf(&o); n > 0 && !o.Start.Before(v.At.Add(-o.Length)) {
				v.Number, v.At, state.Homes = o.Value, o.Start.Add(o.Length), n
			}
			return nil
		}); err != nil {
			return nil, err
		}
		if v.At.IsZero() {
			continue
		}
		if s.Values = append(s.Values, v); v.At.After(s.Seen) {
			s.Seen = v.At
		}
	}
	x.next = now.Add(time.Hour)
	if len(s.Values) == 0 {
		return nil, nil //nolint:nilnil // nothing to be listed
	}
	if silent := s.Seen.Add(w.cfg.stale(s.Kind)); now.Before(silent) {
		x.next = silent
	} else {
		state.Doubt = Silent
	}
	return state, nil
}
