package console

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"polity/console/frame"
	"polity/console/ground"
	"polity/sensors/alarm"
)

// sensorsFor is how long the map's file of sensors is kept, so that many readers cost what
// one does. Sensors are looked at no more often.
const sensorsFor = 5 * time.Second

// sensorsFile is the sensors as GeoJSON, compressed, as all readers of the map get it.
type sensorsFile struct {
	mu     sync.Mutex
	until  time.Time
	packed []byte
}

// get returns the file, made anew when it is too old. Who comes while it is made waits.
func (f *sensorsFile) get(now time.Time, make func() ([]byte, error)) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.packed != nil && now.Before(f.until) {
		return f.packed, nil
	}
	text, err := make()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(text); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	f.packed, f.until = b.Bytes(), now.Add(sensorsFor)
	return f.packed, nil
}

// sensorsGeoJSON is the sensors that have a place, RFC 7946; the map draws them from it.
func (c *Console) sensorsGeoJSON(w http.ResponseWriter, r *frame.Request) error {
	f, err := c.sensorFilter(r)
	if err != nil {
		return err
	}
	text := func() ([]byte, error) {
		all, err := c.listed(r)
		if err != nil {
			return nil, err
		}
		return c.sensorFeatures(all)
	}
	h := w.Header()
	if (f == sensorFilter{}) && frame.TakesGzip(r) {
		packed, err := c.sensorsFile.get(r.Clock.Now, text)
		if err != nil {
			return err
		}
		h.Set("Content-Encoding", "gzip")
		return c.geoJSON(w, packed)
	}
	plain, err := text()
	if err != nil {
		return err
	}
	return c.geoJSON(w, plain)
}

func (c *Console) geoJSON(w http.ResponseWriter, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", "application/geo+json")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept-Encoding")
	_, err := w.Write(body)
	return frame.Gone(err)
}

func (c *Console) sensorFeatures(all []alarm.State) ([]byte, error) {
	features := []map[string]any{}
	for i := range all {
		s := &all[i].Sensor
		if !s.Placed {
			continue
		}
		values := map[string]any{}
		for _, v := range s.Values {
			if v.Word != "" {
				values[v.Name] = v.Word
			} else {
				values[v.Name] = v.Number
			}
		}
		now := c.sensorSign(all[i])
		p := map[string]any{
			"id": s.ID, "kind": s.Kind, "title": s.Name, "state": sensorState(all[i]), "simulated": s.Simulated, "values": values, "path": sensorPath(s),
			"sign": now.Sign, "words": now.Word, "headline": c.headline(all[i]),
		}
		if at := stamp(s.Seen); at != "" {
			p["observed"] = at
		}
		features = append(features, map[string]any{"type": "Feature", "id": s.ID, "geometry": map[string]any{"type": "Point", "coordinates": ground.LonLat(s.Place)}, "properties": p})
	}
	return json.Marshal(map[string]any{"type": "FeatureCollection", "features": features})
}
