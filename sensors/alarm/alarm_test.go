package alarm_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/plane"
	"polity/sensors"
	"polity/sensors/alarm"
)

// levelOnly has the rule of water levels alone, so that counts are easy.
var levelOnly = alarm.Config{Without: []city.Slug{"water-rise"}}

func TestAFloodIsOneAlarm(t *testing.T) {
	w := newTown(t, levelOnly)
	w.level(0, 0, 0, 0, .11)
	if n := len(w.stored()); n != 0 {
		t.Fatalf("%d alarms after one value", n)
	}
	w.level(.12)
	if s := w.state(underpass); !s.Pending || len(s.Alarms) != 0 {
		t.Errorf("a level that is reached is not told: %+v", s)
	}
	w.level(.13) // the second value is believed, and has held for a minute with the third
	all := w.stored()
	if len(all) != 1 || all[0].Severity != alarm.Medium || all[0].Sensor != underpass || all[0].Threshold != .1 || !all[0].End.IsZero() {
		t.Fatalf("%+v", all)
	}
	if !all[0].Start.Equal(noon.Add(5 * time.Minute)) {
		t.Errorf("it began at %v", all[0].Start)
	}
	if s := w.state(underpass); s.Pending {
		t.Error("what is raised still waits")
	}
	w.level(.35, .4, .45, .41)
	if all = w.stored(); len(all) != 1 || all[0].Severity != alarm.Critical || all[0].Peak != .41 || all[0].Threshold != .3 {
		t.Fatalf("it rose: %+v", all)
	}
	w.level(.405)
	if s := w.state(underpass); len(s.Alarms) != 1 || s.Alarms[0].Value != .41 || s.Alarms[0].Severity != alarm.Critical {
		t.Errorf("the alarm as it is now: %+v", s.Alarms)
	}
	w.level(.25, .25, .25, .25, .25, .25, .25, .25, .25) // below raise, above clear: it stays
	if all = w.stored(); all[0].Severity != alarm.Critical {
		t.Fatalf("between clear and raise: %+v", all)
	}
	w.level(.15, .15, .15, .15, .15, .15, .15, .15)
	if all = w.stored(); all[0].Severity != alarm.Medium || !all[0].End.IsZero() {
		t.Fatalf("it falls: %+v", all)
	}
	w.level(.01, .01, .01, .01)
	if all = w.stored(); !all[0].End.IsZero() {
		t.Fatalf("it was over after three minutes of five: %+v", all)
	}
	w.level(.01, .01, .01, .01, .01)
	if all = w.stored(); len(all) != 1 || all[0].End.IsZero() || all[0].Gone || all[0].Unknown || all[0].Peak != .41 {
		t.Fatalf("it is over: %+v", all)
	}
	if c := w.watch.Counts(); c.Raised != 1 || c.Changed != 2 || c.Cleared != 1 {
		t.Errorf("%+v", c)
	}
	w.level(.2, .2, .2, .2)
	if all = w.stored(); len(all) != 2 || !all[1].End.IsZero() {
		t.Errorf("another flood: %+v", all)
	}
	list, err := w.watch.History(t.Context(), underpass, noon, w.at, 10)
	if err != nil || len(list) != 2 || !list[0].Start.After(list[1].Start) {
		t.Errorf("history: %+v, %v", list, err)
	}
}

func TestOneWrongValueRaisesNothing(t *testing.T) {
	w := newTown(t, alarm.Config{})
	for range 5 {
		w.level(0, .01, 0, 0, 9, 0, .01, 0, -3, 0, 0, 0)
	}
	if all := w.stored(); len(all) != 0 {
		t.Errorf("%+v", all)
	}
	if s := w.state(underpass); s.Doubt != alarm.Sure || len(s.Alarms) != 0 {
		t.Errorf("%+v", s)
	}
}

func TestFastRise(t *testing.T) {
	w := newTown(t, alarm.Config{Without: []city.Slug{"water-level"}})
	for i := range 20 {
		w.level(.015 * float64(i)) // 0.9 m/h
	}
	if all := w.stored(); len(all) != 1 || all[0].Rule != "water-rise" || all[0].Severity != alarm.High {
		t.Fatalf("%+v", all)
	}
	for range 40 {
		w.level(.3)
	}
	if all := w.stored(); len(all) != 1 || all[0].End.IsZero() {
		t.Errorf("it rises no more: %+v", all)
	}
}

func TestSilenceIsUnknownNeverFine(t *testing.T) {
	w := newTown(t, levelOnly)
	w.level(0, 0, 0)
	if s := w.state(underpass); s.Doubt != alarm.Sure {
		t.Fatalf("a dry underpass: %+v", s)
	}
	w.at = w.at.Add(20 * time.Minute)
	w.round()
	if s := w.state(underpass); s.Doubt != alarm.Silent {
		t.Errorf("a silent sensor: %+v", s)
	}
	w.level(.4, .4, .4, .4)
	w.at = w.at.Add(3 * time.Hour)
	w.round()
	all := w.stored()
	if len(all) != 1 || !all[0].End.IsZero() || !all[0].Unknown {
		t.Fatalf("a flood whose sensor fell silent is over, or believed: %+v", all)
	}
	w.level(.01)
	if all = w.stored(); !all[0].End.IsZero() {
		t.Fatalf("one value after silence ended it: %+v", all)
	}
	w.level(.01, .01, .01, .01, .01, .01, .01, .01)
	if all = w.stored(); all[0].End.IsZero() || all[0].Unknown {
		t.Errorf("it is over: %+v", all)
	}
}

// A gauge that speaks once an hour is not silent in between, unless the city says so.
func TestSlowSensorsAreNotSilent(t *testing.T) {
	for stale, want := range map[time.Duration]alarm.Doubt{0: alarm.Sure, 30 * time.Minute: alarm.Silent} {
		cfg := levelOnly
		if stale > 0 {
			cfg.Stale = map[sensors.Kind]time.Duration{sensors.Water: stale}
		}
		w := newTown(t, cfg)
		for range 6 {
			w.say(flooding, underpass, w.at, values{"currentLevel": "0.01 MTR"})
			w.round()
			w.at = w.at.Add(time.Hour)
		}
		w.at = w.at.Add(-5 * time.Minute)
		w.round()
		if s := w.state(underpass); s.Doubt != want {
			t.Errorf("stale %v, 55 minutes after its last value: %q", stale, s.Doubt)
		}
		w.at = w.at.Add(3 * time.Hour)
		w.round()
		if s := w.state(underpass); s.Doubt != alarm.Silent {
			t.Errorf("four hours after its last value: %q", s.Doubt)
		}
	}
}

func TestAStuckSensorClearsNothing(t *testing.T) {
	w := newTown(t, levelOnly)
	w.level(.4, .4, .4, .4)
	for range 420 { // seven hours of the very same value, below clear
		w.level(.04)
	}
	if s := w.state(underpass); s.Doubt != alarm.Stuck {
		t.Errorf("%+v", s)
	}
}

func TestARestartRaisesNothingTwice(t *testing.T) {
	w := newTown(t, levelOnly)
	w.level(0, .2, .2, .2)
	w.restart()
	w.level(.2, .2)
	w.restart()
	w.round()
	if all := w.stored(); len(all) != 1 || !all[0].End.IsZero() {
		t.Fatalf("%+v", all)
	}
	if c := w.watch.Counts(); c.Raised != 0 {
		t.Errorf("%+v", c)
	}
	w.restart() // what passed meanwhile counts as ever
	for range 8 {
		w.say(flooding, underpass, w.at, values{"currentLevel": "0 MTR"})
		w.at = w.at.Add(time.Minute)
	}
	w.round()
	if all := w.stored(); len(all) != 1 || all[0].End.IsZero() {
		t.Errorf("it ended while nobody looked: %+v", all)
	}
}

func TestAlarmsOutliveAStoreThatIsAway(t *testing.T) {
	away := city.Errorf(city.Unavailable, "the disk is full")
	w := newTown(t, levelOnly)
	w.level(0, 0, .2, .2)
	w.store.write = away
	w.say(flooding, underpass, w.at, values{"currentLevel": "0.2 MTR"})
	if err := w.watch.Round(t.Context()); city.KindOf(err) != city.Unavailable {
		t.Fatalf("%v", err)
	}
	if s := w.state(underpass); len(s.Alarms) != 1 {
		t.Error("an alarm that cannot be stored is not shown")
	}
	w.store.read = away
	if err := w.watch.Round(t.Context()); err == nil {
		t.Error("a round without a store went well")
	}
	w.store.write, w.store.read = nil, nil
	w.round()
	if all := w.stored(); len(all) != 1 || !all[0].Start.Equal(noon.Add(3*time.Minute)) {
		t.Fatalf("%+v", all)
	}
	if c := w.watch.Counts(); c.Raised != 1 || c.Unstored == 0 || c.Failed == 0 {
		t.Errorf("%+v", c)
	}
}

// The store commits and then loses its breath, and the program is killed: the alarm is
// raised again, and is the same.
func TestACommitThatNobodyHeardOf(t *testing.T) {
	w := newTown(t, levelOnly)
	w.level(0, 0, .2, .2)
	w.store.lost = city.Errorf(city.Unavailable, "lost")
	w.say(flooding, underpass, w.at, values{"currentLevel": "0.2 MTR"})
	if err := w.watch.Round(t.Context()); err == nil {
		t.Fatal("the store did not fail")
	}
	if n := len(w.stored()); n != 1 {
		t.Fatalf("%d alarms are stored", n)
	}
	w.store.lost = nil
	w.round()
	w.restart()
	w.round()
	if n := len(w.stored()); n != 1 {
		t.Errorf("%d alarms", n)
	}
}

func TestLateValues(t *testing.T) {
	w := newTown(t, levelOnly)
	w.at = noon.Add(4 * time.Hour)
	w.level(0, 0, 0, 0)
	for i := range 5 { // an hour of flood, long ago, told only now
		w.say(flooding, underpass, noon.Add(time.Duration(i)*time.Minute), values{"currentLevel": "2 MTR"})
	}
	w.level(0, 0)
	if all := w.stored(); len(all) != 0 {
		t.Fatalf("what was long ago is an alarm now: %+v", all)
	}
	// Values that come in the wrong order are judged in the order of their times.
	begin := w.at
	for _, m := range []int{4, 2, 0, 3, 1} {
		w.say(flooding, underpass, begin.Add(time.Duration(m)*time.Minute), values{"currentLevel": "0.2 MTR"})
	}
	w.at = begin.Add(5 * time.Minute)
	w.round()
	all := w.stored()
	if len(all) != 1 || !all[0].Start.Equal(begin.Add(time.Minute)) {
		t.Errorf("%+v", all)
	}
	// A clock that runs ahead makes nothing of the future true.
	w.say(flooding, "urn:ngsi-ld:FloodMonitoring:ahead", w.at.Add(48*time.Hour), values{"currentLevel": "9 MTR"})
	w.round()
	if len(w.state("urn:ngsi-ld:FloodMonitoring:ahead").Alarms) != 0 {
		t.Error("the future is an alarm")
	}
}

func TestSensorsThatAreRemoved(t *testing.T) {
	w := newTown(t, levelOnly)
	w.level(.2, .2, .2, .2)
	remove := func() {
		if r, err := w.store.Store.Write(t.Context(), &plane.Batch{Changes: []plane.Change{plane.Remove(plane.Key{ID: underpass})}}); err != nil || r.Err() != nil {
			t.Fatal(err, r.Err())
		}
	}
	remove()
	w.round()
	if all := w.stored(); len(all) != 1 || !all[0].Gone || all[0].End.IsZero() {
		t.Fatalf("%+v", all)
	}
	if len(w.states()) != 0 {
		t.Error("it is still listed")
	}
	w.at = w.at.Add(time.Minute)
	w.level(.2, .2, .2, .2)
	remove() // while nobody looks
	w.restart()
	w.round()
	if all := w.stored(); len(all) != 1 || all[0].End.IsZero() || !all[0].End.After(noon.Add(6*time.Minute)) {
		t.Errorf("the same flood goes on, and ends with the sensor: %+v", all)
	}
}

func TestThresholdsOfASensor(t *testing.T) {
	w := newTown(t, alarm.Config{Without: []city.Slug{"water-rise"}, Rules: []alarm.Rule{
		{Name: "stream", Measure: alarm.WaterLevel, Sensors: []string{"urn:stream"}, Levels: []alarm.Level{{Severity: alarm.Low, Raise: 2, Clear: 1.8}}},
	}})
	for range 5 {
		w.say(flooding, "urn:stream", w.at, values{"currentLevel": "1.5 MTR"})
		w.say(flooding, "urn:own", w.at, values{"currentLevel": "1.5 MTR", "alertLevel": "1.2 MTR", "dangerLevel": "1.6 MTR"})
		w.say(flooding, "urn:odd", w.at, values{"currentLevel": "1.5 MTR", "alertLevel": "9 MTR", "dangerLevel": "1.6 MTR"})
		w.say(flooding, "urn:feet", w.at, values{"currentLevel": "9 FOT"})
		w.round()
		w.at = w.at.Add(time.Minute)
	}
	got := map[string]alarm.Severity{}
	for _, a := range w.stored() {
		got[a.Sensor] = a.Severity
	}
	if len(got) != 2 || got["urn:own"] != alarm.Medium || got["urn:odd"] != alarm.Critical {
		t.Errorf("%v", got)
	}
	if l := w.state("urn:own").Levels[alarm.WaterLevel]; len(l) != 2 || l[0].Raise != 1.2 || l[1].Raise != 1.6 {
		t.Errorf("%+v", l)
	}
}

func TestRulesThatAreTakenAway(t *testing.T) {
	w := newTown(t, levelOnly)
	w.level(.2, .2, .2, .2)
	w.cfg = alarm.Config{Without: []city.Slug{"water-rise", "water-level"}}
	w.restart()
	w.level(.2)
	if all := w.stored(); len(all) != 1 || !all[0].Gone || all[0].End.IsZero() {
		t.Errorf("%+v", all)
	}
}

func TestEveryKind(t *testing.T) {
	w := newTown(t, alarm.Config{})
	for i := range 3 * 60 {
		w.say("WeatherObserved", "urn:rain", w.at, values{"precipitation": "0.5 MMT"})
		w.say("NoiseLevelObserved", "urn:noise", w.at, values{"LAeq": "97 2N"})
		w.say("OffStreetParking", "urn:garage", w.at, values{"totalSpotNumber": "200 C62", "availableSpotNumber": "1 C62"})
		w.say("ParkingSpot", "urn:bay", w.at, values{"status": `"free"`})
		if i%10 == 0 {
			w.say("AirQualityObserved", "urn:air", w.at, values{"pm25": "100 GQ", "no2": "20 GQ", "o3": "125 61"}) // 250 µg/m³
		}
		if i%5 == 0 {
			w.round()
		}
		w.at = w.at.Add(time.Minute)
	}
	w.round()
	want := map[city.Slug]alarm.Severity{
		"rain-hour": alarm.High, "rain-day": alarm.Critical, "noise-loud": alarm.Medium, "garage-full": alarm.Informational, "air-index": alarm.High, "ozone": alarm.High,
	}
	for rule, severity := range want {
		if list := w.of(rule); len(list) != 1 || list[0].Severity != severity {
			t.Errorf("%s: %+v", rule, list)
		}
	}
	if n := len(w.stored()); n != len(want) {
		t.Errorf("%d alarms: %+v", n, w.stored())
	}
	for _, s := range w.states() {
		if s.Doubt != alarm.Sure || s.Sensor.Kind != sensors.Bay && len(s.Figures) == 0 {
			t.Errorf("%s: %+v", s.Sensor.ID, s)
		}
	}
}

func TestWhatAnAlarmIsInTheCitysData(t *testing.T) {
	w := newTown(t, levelOnly)
	w.level(.2)
	if r, err := w.store.Store.Write(t.Context(), &plane.Batch{Changes: []plane.Change{plane.Update(plane.Key{ID: underpass}, func(e *plane.Entity) error {
		e.Set(plane.Attribute{Name: "simulated", Kind: plane.Property, Value: json.RawMessage("true")})
		e.Set(plane.Attribute{Name: "location", Kind: plane.Geo, Value: json.RawMessage(`{"type":"Point","coordinates":[24.9,60.1]}`)})
		return nil
	})}}); err != nil || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
	w.level(.2, .2, .2)
	page, err := w.store.Store.Find(t.Context(), plane.Query{Types: []string{"Alert"}, Box: &plane.Box{West: 24, South: 60, East: 25, North: 61}})
	if err != nil || len(page.Entities) != 1 {
		t.Fatalf("%+v, %v", page, err)
	}
	e := page.Entities[0]
	for name, want := range map[string]string{
		"category": `"weather"`, "subCategory": `"flood"`, "severity": `"medium"`, "dateIssued": `"2026-11-30T12:02:00Z"`, "alertSource": `"` + underpass + `"`,
		"description": `"water-level"`, "rule": `"water-level"`, "state": `"active"`, "simulated": "true", "threshold": "0.1", "value": "0.2",
	} {
		if a := e.Attribute(name); a == nil || string(a.Value) != want {
			t.Errorf("%s: %+v, want %s", name, a, want)
		}
	}
	if e.Attribute("validTo") != nil || e.Attribute("alertSource").Kind != plane.Relationship || e.Attribute("value").Unit != "MTR" {
		t.Errorf("%+v", e)
	}
}

// What did not change costs no reading of history.
func TestQuietSensorsCostNothing(t *testing.T) {
	w := newTown(t, alarm.Config{})
	for i := range 300 {
		w.say(flooding, fmt.Sprintf("urn:ngsi-ld:FloodMonitoring:%d", i), w.at, values{"currentLevel": "0 MTR"})
	}
	w.round()
	w.at = w.at.Add(10 * time.Second)
	w.store.histories = 0
	w.round()
	if w.store.histories != 0 {
		t.Errorf("%d histories were read of sensors that said nothing new", w.store.histories)
	}
	w.say(flooding, "urn:ngsi-ld:FloodMonitoring:7", w.at, values{"currentLevel": "0 MTR"})
	w.round()
	if w.store.histories != 1 {
		t.Errorf("%d histories were read of one sensor", w.store.histories)
	}
}

// FuzzRead: whatever others wrote into an entity, reading it ends with an alarm or an
// error, and what is read is stored and read again alike.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"severity":"high","dateIssued":"2026-11-30T12:00:00Z","alertSource":"urn:x","description":"water-level","value":1}`))
	f.Add([]byte(`{"severity":7,"validTo":"never"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var values map[string]json.RawMessage
		if json.Unmarshal(text, &values) != nil {
			return
		}
		e := &plane.Entity{Key: plane.Key{ID: alarm.Prefix + "x"}, Types: []string{alarm.Type}}
		for name, v := range values {
			e.Attributes = append(e.Attributes, plane.Attribute{Name: name, Kind: plane.Property, Value: v})
		}
		if e.Check() != nil {
			return
		}
		if a, err := alarm.Read(e); err == nil && (a.Sensor == "" || a.Start.IsZero() || a.Severity.Rank() < 0) {
			t.Errorf("%+v", a)
		}
		e.Types = sensors.Types()[:1]
		if s, ok := sensors.Read(e); ok && s.Name == "" {
			t.Error("a sensor without a name")
		}
	})
}

// Readers and rounds at once.
func TestReadersWhileItLooks(t *testing.T) {
	w := newTown(t, levelOnly)
	w.level(0, 0, 0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 200 {
			for _, s := range w.states() {
				_ = len(s.Alarms) + len(s.Figures)
			}
			w.watch.Counts()
		}
	}()
	for range 20 {
		w.level(.2)
	}
	<-done
	if len(w.state(underpass).Alarms) != 1 {
		t.Error("no alarm")
	}
}

func TestWrongConfigurationIsSaid(t *testing.T) {
	level := []alarm.Level{{Severity: alarm.Low, Raise: 2, Clear: 1}}
	for says, c := range map[string]alarm.Config{
		"did you mean water-rise":  {Without: []city.Slug{"water-raise"}},
		"did you mean water-level": {Rules: []alarm.Rule{{Name: "x", Measure: "water-levl", Levels: level}}},
		"it needs one to five":     {Rules: []alarm.Rule{{Name: "x", Measure: alarm.WaterLevel}}},
		"is none of":               {Rules: []alarm.Rule{{Name: "x", Measure: alarm.WaterLevel, Levels: []alarm.Level{{Severity: "bad"}}}}},
		"stands there twice":       {Rules: []alarm.Rule{{Name: "x", Measure: alarm.WaterLevel, Levels: level}, {Name: "x", Measure: alarm.WaterLevel, Levels: level}}},
		"levels rise in severity":  {Rules: []alarm.Rule{{Name: "x", Measure: alarm.WaterLevel, Levels: append(level, level...)}}},
		"no later than":            {Rules: []alarm.Rule{{Name: "x", Measure: alarm.WaterLevel, Levels: append(level, alarm.Level{Severity: alarm.High, Raise: 1.5, Clear: 1.2})}}},
		"clears no earlier":        {Rules: []alarm.Rule{{Name: "x", Measure: alarm.WaterLevel, Levels: append(level, alarm.Level{Severity: alarm.High, Raise: 3, Clear: .5})}}},
		"below it in another":      {Rules: []alarm.Rule{{Name: "x", Measure: alarm.WaterLevel, Levels: append(level, alarm.Level{Severity: alarm.High, Raise: 3, Clear: 4})}}},
		"hold and clear_hold":      {Rules: []alarm.Rule{{Name: "x", Measure: alarm.WaterLevel, Hold: -1, Levels: level}}},
		"not between 1s":           {Every: time.Millisecond},
		"there is no kind":         {Stale: map[sensors.Kind]time.Duration{"wind": time.Hour}},
		"not between 10s":          {Stale: map[sensors.Kind]time.Duration{sensors.Water: time.Second}},
		"must begin with a letter": {Rules: []alarm.Rule{{Name: "X!", Measure: alarm.WaterLevel, Levels: level}}},
	} {
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	shipped := alarm.Config{Rules: alarm.Shipped()}
	if err := shipped.Check(); err != nil {
		t.Errorf("the shipped rules: %v", err)
	}
	if got := (&alarm.Config{Rules: []alarm.Rule{{Name: "full", Measure: alarm.GarageShare, Levels: []alarm.Level{{Severity: alarm.Low, Raise: .1, Clear: .2}}}}}).Check(); got != nil {
		t.Errorf("a measure that is bad when low: %v", got)
	}
}

// Sums over homes are told, and nothing of a single home: neither a value, nor that there
// is one.
func TestHomesOnlyAsSums(t *testing.T) {
	w := newTown(t, alarm.Config{})
	sum := func(id string, at time.Time, value float64, detail string) {
		key := plane.Key{ID: id}
		o := plane.Observation{Series: plane.Series{Key: key, Attribute: "power"}, Start: at, Length: 15 * time.Minute, Covered: 15 * time.Minute, Value: value}
		if detail != "" {
			o.Detail = []byte(detail)
		}
		e := &plane.Entity{Key: key, Types: []string{"EnergyConsumption"}, Attributes: []plane.Attribute{{Name: "power", Kind: plane.Property, Value: json.RawMessage("7777"), Unit: "WTT", ObservedAt: at}}}
		if r, err := w.store.Store.Write(t.Context(), &plane.Batch{Changes: []plane.Change{plane.Put(e)}, Observations: []plane.Observation{o}}); err != nil || r.Err() != nil {
			t.Fatal(err, r.Err())
		}
	}
	sum("urn:home", w.at.Add(-15*time.Minute), 230, "")
	sum("urn:nine", w.at.Add(-15*time.Minute), 2300, `{"homes":9}`)
	sum("urn:odd", w.at.Add(-15*time.Minute), 2300, `{"homes":"many"}`)
	sum("urn:block", w.at.Add(-30*time.Minute), 4200, `{"homes":12}`)
	sum("urn:block", w.at.Add(-15*time.Minute), 230, "")
	w.round()
	all := w.states()
	if len(all) != 1 || all[0].Sensor.ID != "urn:block" || all[0].Homes != 12 || len(all[0].Sensor.Values) != 1 || all[0].Sensor.Values[0].Number != 4200 {
		t.Fatalf("%+v", all)
	}
	if !all[0].Sensor.Seen.Equal(w.at.Add(-15 * time.Minute)) {
		t.Errorf("it is of %v", all[0].Sensor.Seen)
	}
	w.at = w.at.Add(2 * time.Hour)
	w.round()
	if s := w.state("urn:block"); s.Doubt != alarm.Silent {
		t.Errorf("old sums: %+v", s)
	}
}
