package simulation

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"polity/city"
)

// device is one that has a connection of its own.
type device struct {
	name    string // it signs in with
	behind  string // the device that it signs in for; empty: itself
	prefix  string // of its topics
	place   *city.Point
	mapping string
	title   string
	every   time.Duration
	// say returns what the device says at a time; nothing is said of length zero. Length
	// is the time since it last said something.
	say func(c *City, t time.Time, length time.Duration) []message
	// old devices have values that waited: of the day before the start, as dense as those
	// of now within lately.
	old    bool
	lately time.Duration
}

type message struct {
	topic   string
	payload []byte
}

const garageSpaces = 320

// devices are all of the demo's.
func devices() []device {
	var all []device
	one := func(mapping, name, title string, lon, lat float64, every time.Duration, old bool, values func(c *City, t time.Time, length time.Duration) map[string]any) {
		topic := mapping + "/" + name + "/up"
		all = append(all, device{
			name: name, prefix: mapping + "/" + name + "/", place: &city.Point{Lon: lon, Lat: lat}, mapping: mapping, title: title, every: every, old: old, lately: 20 * time.Minute,
			say: func(c *City, t time.Time, length time.Duration) []message {
				v := values(c, t, length)
				v["ts"] = t.UTC().Format(time.RFC3339)
				return []message{{topic, encode(v)}}
			},
		})
	}
	air := func(name, title, station string, near, lon, lat float64) {
		one("air-station", name, title, lon, lat, time.Minute, true, func(c *City, t time.Time, _ time.Duration) map[string]any {
			a := c.Air(name, near, t)
			return map[string]any{"pm25": tenth(a.PM25), "pm10": tenth(a.PM10), "no2": tenth(a.NO2), "o3": tenth(a.O3), "so2": tenth(a.SO2), "temperature": tenth(c.Temperature(t)), "humidity": tenth(c.Humidity(t)), "station": station}
		})
		all[len(all)-1].lately = 3*time.Hour + 10*time.Minute // an index is of whole hours
	}
	air("air-mannerheimintie", "Mannerheimintie", "traffic", 1, 24.93935, 60.16985)
	air("air-kaisaniemi", "Kaisaniemi park", "background", .25, 24.94760, 60.17440)
	air("air-market", "Market square", "background", .5, 24.95120, 60.16770)
	sound := func(name, title string, near, lon, lat float64) {
		one("noise-meter", name, title, lon, lat, 15*time.Second, true, func(c *City, t time.Time, _ time.Duration) map[string]any {
			s := c.Sound(name, near, t)
			return map[string]any{"laeq": tenth(s.LAeq), "lamax": tenth(s.LAmax), "la10": tenth(s.LA10), "la90": tenth(s.LA90)}
		})
	}
	sound("noise-kaivokatu", "Kaivokatu", 1, 24.94230, 60.17045)
	sound("noise-esplanadi", "Esplanadi park", .45, 24.94680, 60.16755)
	sound("noise-kruununhaka", "Kruununhaka", .2, 24.95260, 60.17230)
	one("rain-gauge", "rain-observatory", "Observatory of the park", 24.94520, 60.17560, 20*time.Second, true, func(c *City, t time.Time, length time.Duration) map[string]any {
		wind := 3.5 + 1.5*c.wave("wind", t, 30*time.Minute)
		if c.Stormy(t) {
			wind += 9
		}
		return map[string]any{"rain": math.Round(100*c.Fallen(t, length)) / 100, "temperature": tenth(c.Temperature(t)), "humidity": tenth(c.Humidity(t)), "wind": tenth(wind)}
	})
	one("water-level", "underpass-vilhonkatu", "Underpass at Vilhonkatu", 24.94630, 60.17205, 10*time.Second, true, func(c *City, t time.Time, _ time.Duration) map[string]any {
		return map[string]any{"level": math.Round(1000*c.Level(t)) / 1000, "battery": 3.6}
	})
	for i := range 8 {
		name := fmt.Sprintf("bay-%d", i+1)
		one("parking-bay", name, fmt.Sprintf("Fabianinkatu, bay %d", i+1), 24.94931-.000009*float64(i), 60.16910+.00006*float64(i), 30*time.Second, false, func(c *City, t time.Time, _ time.Duration) map[string]any {
			taken := c.Parked(name, t)
			return map[string]any{"occupied": taken, "status": map[bool]string{true: "occupied", false: "free"}[taken]}
		})
	}
	one("parking-garage", "garage-station", "Station garage", 24.94030, 60.17100, 30*time.Second, true, func(c *City, t time.Time, _ time.Duration) map[string]any {
		taken := c.Garage(garageSpaces, t)
		return map[string]any{"total": garageSpaces, "occupied": taken, "available": garageSpaces - taken}
	})
	return append(all, uplink(), meters())
}

func tenth(v float64) float64 { return math.Round(10*v) / 10 }

func encode(v map[string]any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // ours: numbers and texts
	}
	return b
}

// uplink is a water level sensor behind a LoRaWAN network server, whose gateway signs in
// for it: an uplink as ChirpStack v4 tells it, with the values of the profile's codec.
func uplink() device {
	const eui = "70b3d5e75e00a1b2"
	return device{
		name: "chirpstack", behind: eui, prefix: "application/", mapping: loraMapping, every: 30 * time.Second, old: true, lately: 20 * time.Minute,
		place: &city.Point{Lon: 24.94120, Lat: 60.17095}, title: "Underpass at Kaivokatu (LoRaWAN)",
		say: func(c *City, t time.Time, _ time.Duration) []message {
			return []message{{"application/demo/device/" + eui + "/event/up", encode(map[string]any{
				"time": t.UTC().Format(time.RFC3339), "fPort": 2, "object": map[string]any{"level": math.Round(1000*c.Level(t)/6) / 1000, "battery": 3.58},
				"deviceInfo": map[string]any{"deviceProfileName": loraProfile, "devEui": eui, "applicationName": "demo"},
			})}}
		},
	}
}

// Homes are two blocks; no value of one of them is ever stored.
var blocks = map[string]int{"kluuvi": 14, "kruununhaka": 17}

// meters are those of homes, behind a concentrator that signs in for them.
func meters() device {
	return device{
		name: "meters", prefix: "meters/", mapping: "homes", every: 20 * time.Second,
		say: func(c *City, t time.Time, _ time.Duration) (out []message) {
			for block, homes := range blocks {
				for i := range homes {
					home := fmt.Sprintf("%s-%d", block, i+1)
					out = append(out, message{"meters/" + block + "/" + home, encode(map[string]any{"w": math.Round(c.Power(home, t)), "ts": t.Unix()})})
				}
			}
			return out
		},
	}
}
