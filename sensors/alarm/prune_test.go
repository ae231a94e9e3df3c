package alarm_test

import (
	"testing"
	"time"

	"polity/city"
	"polity/sensors/alarm"
)

// Alarms that are over are kept for as long as the configuration says, those that go on
// for ever.
func TestAlarmsThatAreLongOverGo(t *testing.T) {
	cfg := levelOnly
	cfg.Keep = 48 * time.Hour
	w := newTown(t, cfg)
	w.level(0, 0, .2, .2, .2, .2, 0, 0, 0, 0, 0, 0, 0, 0) // over
	w.level(.2, .2, .2, .2)                               // goes on
	if all := w.stored(); len(all) != 2 || all[0].End.IsZero() || !all[1].End.IsZero() {
		t.Fatalf("%+v", all)
	}
	w.at = w.at.Add(47 * time.Hour)
	w.level(.2)
	if all := w.stored(); len(all) != 2 {
		t.Fatalf("two days are not over: %+v", all)
	}
	w.at = w.at.Add(2 * time.Hour)
	w.store.write = city.Errorf(city.Unavailable, "the disk is full")
	if err := w.watch.Round(t.Context()); err == nil {
		t.Error("nobody hears that it could not be removed")
	}
	w.store.write = nil
	w.level(.2)
	if all := w.stored(); len(all) != 1 || !all[0].End.IsZero() {
		t.Errorf("two days are over: %+v", all)
	}
}

func TestWrongKeep(t *testing.T) {
	for _, keep := range []time.Duration{-time.Hour, time.Hour} {
		if err := (&alarm.Config{Keep: keep}).Check(); err == nil {
			t.Errorf("%v is accepted", keep)
		}
	}
}

// A weather station without a rain gauge is no sensor that says too little.
func TestWeatherWithoutRain(t *testing.T) {
	w := newTown(t, alarm.Config{})
	const id = "urn:ngsi-ld:WeatherObserved:roof"
	for range 4 {
		w.at = w.at.Add(10 * time.Minute)
		w.say("WeatherObserved", id, w.at, values{"temperature": "3.5 CEL"})
		w.round()
	}
	if s := w.state(id); s.Doubt != alarm.Sure {
		t.Errorf("with a temperature alone: %q", s.Doubt)
	}
	w.at = w.at.Add(24 * time.Hour)
	w.round()
	if s := w.state(id); s.Doubt != alarm.Silent {
		t.Errorf("a day later: %q", s.Doubt)
	}
}
