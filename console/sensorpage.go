package console

import (
	"fmt"
	"html/template"
	"math"
	"net/http"
	"strconv"
	"time"

	"polity/city"
	"polity/console/frame"
	"polity/console/ground"
	"polity/sensors"
	"polity/sensors/air"
	"polity/sensors/alarm"
	"polity/sensors/noise"
)

// nowRow is one thing that a sensor says now.
type nowRow struct {
	Name, Value, Note string
	Level             frame.Sign // of a pollutant
	At                template.HTML
}

// sensorView is the page of one sensor.
type sensorView struct {
	Name, Path, KindPath, KindName string
	State                          frame.Sign
	StateWords                     string
	Simulated                      bool
	Headline                       string
	Now                            []nowRow
	Alarms, Past                   []alarmRow
	Chart                          chartView
	Meaning                        []string
	Nights                         []noiseRow
	Hours                          []fullRow
	Rules                          []ruleRow
	Facts                          []frame.Fact
	Spot                           ground.Spot
}

type noiseRow struct{ Day, Lday, Levening, Lnight, Lden string }

type fullRow struct {
	Hour, Words string
	Share       int
}

type ruleRow struct{ What, Severity, Raise, Clear string }

// pastAlarms is how far back a sensor's page lists alarms.
const pastAlarms = 30 * 24 * time.Hour

// sensor finds the sensor of the path.
func (c *Console) sensor(r *frame.Request) (alarm.State, error) {
	kind, id := sensors.Kind(r.PathValue("kind")), r.PathValue("id")
	if !kind.Known() {
		return alarm.State{}, city.Errorf(city.NotFound, "%s", c.Say("error.sensorkind"))
	}
	none := city.Errorf(city.NotFound, "%s", c.Say("error.sensor"))
	if c.cfg.Sensors == nil {
		return alarm.State{}, none
	}
	s, err := c.cfg.Sensors.SensorState(r.Context(), id)
	if city.KindOf(err) == city.NotFound || (err == nil && s.Sensor.Kind != kind) {
		return alarm.State{}, none
	}
	return s, err
}

func (c *Console) sensorPage(w http.ResponseWriter, r *frame.Request) error {
	s, err := c.sensor(r)
	if err != nil {
		return err
	}
	v := c.sensorNow(r, s)
	if v.Chart, err = c.chartView(r, s); err != nil {
		return err
	}
	past, err := c.cfg.Sensors.SensorAlarms(r.Context(), s.Sensor.ID, r.Clock.Now.Add(-pastAlarms), r.Clock.Now.Add(time.Hour))
	if err != nil {
		return err
	}
	for _, row := range c.alarmRows(r.Clock, &s.Sensor, past) {
		if row.Ended {
			v.Past = append(v.Past, row)
		}
	}
	v.Meaning, v.Rules, v.Spot = c.meaning(s), c.ruleRows(s), c.spot(&s.Sensor)
	switch s.Sensor.Kind {
	case sensors.Noise:
		days, err := c.cfg.Sensors.SensorNoise(r.Context(), s.Sensor.ID, 3)
		if err != nil {
			return err
		}
		v.Nights = c.noiseRows(r.Clock, days)
	case sensors.Bay, sensors.Garage:
		if v.Hours, err = c.fullRows(r, s); err != nil {
			return err
		}
	}
	if v.Facts, err = c.sensorFacts(r, s); err != nil {
		return err
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "sensor", Title: s.Sensor.Name, Data: v})
}

// sensorFragment is the part of a sensor's page that is fetched again and again.
func (c *Console) sensorFragment(w http.ResponseWriter, r *frame.Request) error {
	s, err := c.sensor(r)
	if err != nil {
		return err
	}
	return c.Fragment(w, r, http.StatusOK, "sensor", "now", c.sensorNow(r, s))
}

// sensorNow is the part of a sensor's page that says how it is now.
func (c *Console) sensorNow(r *frame.Request, s alarm.State) sensorView {
	v := sensorView{
		Name: s.Sensor.Name, Path: sensorPath(&s.Sensor), KindPath: "/sensors/" + string(s.Sensor.Kind), KindName: c.kindName(s.Sensor.Kind), State: c.sensorSign(s),
		Simulated: s.Sensor.Simulated, Headline: c.headline(s), Alarms: c.alarmRows(r.Clock, &s.Sensor, s.Alarms),
	}
	switch {
	case s.Doubt != alarm.Sure:
		v.StateWords = c.Say("sensor.doubt."+string(s.Doubt)+".what", "age", c.age(r.Clock, s.Sensor.Seen))
	case len(s.Alarms) > 0:
	case s.Pending:
		v.StateWords = c.Say("sensor.pending.what", "age", c.age(r.Clock, s.Sensor.Seen))
	default:
		v.StateWords = c.Say("sensor.fine.what", "age", c.age(r.Clock, s.Sensor.Seen))
	}
	for _, f := range s.Figures {
		row := nowRow{Name: c.Say("measure." + string(f.Measure)), Value: c.measured(f.Measure, f.Value), At: r.Clock.Time(f.At)}
		switch {
		case f.Measure == alarm.WaterLevel:
			continue // the value itself, a spike apart
		case f.Measure == alarm.AirIndex:
			row.Note = c.Say("air.hour", "from", f.At.Add(-time.Hour).In(c.Zone).Format("15:04"), "to", f.At.In(c.Zone).Format("15:04"))
			row.Level = levelSign(air.Level(f.Value), row.Value)
			row.Value = ""
		case f.Doubt == alarm.Little:
			row.Note = c.Say("sensor.sofar")
		}
		v.Now = append(v.Now, row)
	}
	for _, x := range s.Sensor.Values {
		a, _ := s.Sensor.Kind.Attribute(x.Name)
		row := nowRow{Name: c.attributeName(x.Name), Value: c.valueWords(x, a), At: r.Clock.Time(x.At)}
		if s.Sensor.Kind == sensors.Air {
			row.Level = c.pollutantSign(x)
		}
		if x.Unit != "" && x.Unit != a.Unit && !(s.Sensor.Kind == sensors.Air && x.Unit == sensors.PPB) {
			row.Note = c.Say("sensor.otherunit", "unit", c.unitSymbol(a.Unit))
		}
		v.Now = append(v.Now, row)
	}
	if s.Sensor.Kind == sensors.Homes {
		v.Now = append(v.Now, nowRow{Name: c.Say("homes.counted"), Value: c.Number(float64(s.Homes), 0), At: r.Clock.Time(s.Sensor.Seen)})
	}
	if room, ok := room(&s.Sensor); ok && s.Sensor.Kind == sensors.Garage && room.Drift != 0 {
		v.Now = append(v.Now, nowRow{Name: c.Say("garage.drift"), Value: c.Say("garage.drift.words", "n", int(math.Abs(float64(room.Drift)))), At: r.Clock.Time(s.Sensor.Seen)})
	}
	return v
}

func levelSign(l air.Level, word string) frame.Sign {
	switch {
	case l == 0:
		return frame.Sign{}
	case l <= air.Fair:
		return frame.Live(word)
	case l <= air.Poor:
		return frame.Attention(word)
	}
	return frame.Stopped(word)
}

// pollutantSign is the band in which a single value lies, which is not the index.
func (c *Console) pollutantSign(v sensors.Value) frame.Sign {
	p, n := air.Pollutant(v.Name), v.Number
	if v.Unit == sensors.PPB {
		n = air.FromPPB(p, n)
	} else if v.Unit != "" && v.Unit != sensors.Micrograms {
		return frame.Sign{}
	}
	l := air.LevelOf(p, n)
	return levelSign(l, c.Say("air.level."+l.String()))
}

// meaning says what the kind's figures mean, numbered messages in the texts.
func (c *Console) meaning(s alarm.State) []string {
	return c.numbered("meaning." + string(s.Sensor.Kind) + ".")
}

func (c *Console) ruleRows(s alarm.State) (rows []ruleRow) {
	for _, m := range []alarm.Measure{
		alarm.WaterLevel, alarm.WaterRise, alarm.Rain10m, alarm.Rain1h, alarm.Rain24h, alarm.AirIndex, "pm25", "pm10", "no2", "o3", "so2", alarm.Leq15m, alarm.Leq1h, alarm.GarageShare,
	} {
		for _, l := range s.Levels[m] {
			rows = append(rows, ruleRow{c.Say("measure." + string(m)), c.Say("sensor.severity." + string(l.Severity)), c.measured(m, l.Raise), c.measured(m, l.Clear)})
		}
	}
	return rows
}

func (c *Console) noiseRows(at frame.Clock, days []noise.Day) (rows []noiseRow) {
	level := func(p noise.Period) string {
		switch {
		case math.IsNaN(p.Level):
			return "–"
		case !p.Valid():
			return c.Say("noise.partly", "level", c.quantity(p.Level, sensors.Decibel, 1), "percent", int(p.Covered*100+.5))
		}
		return c.quantity(p.Level, sensors.Decibel, 1)
	}
	for _, d := range days {
		row := noiseRow{Day: at.Day(d.Day.From), Lday: level(d.Day), Levening: level(d.Evening), Lnight: level(d.Night), Lden: "–"}
		if !math.IsNaN(d.Lden) {
			row.Lden = c.quantity(d.Lden, sensors.Decibel, 1)
		}
		rows = append(rows, row)
	}
	return rows
}

func (c *Console) fullRows(r *frame.Request, s alarm.State) (rows []fullRow, err error) {
	hours, err := c.cfg.Sensors.SensorHours(r.Context(), s.Sensor.ID, r.Clock.Now.AddDate(0, 0, -28), r.Clock.Now)
	if err != nil {
		return nil, err
	}
	known := false
	for h, x := range hours {
		row := fullRow{Hour: fmt.Sprintf("%02d–%02d", h, h+1), Words: "–"}
		if !math.IsNaN(x.Share) {
			known = true
			row.Share = int(x.Share*100 + .5)
			row.Words = c.Say("counts.percent", "n", row.Share)
		}
		rows = append(rows, row)
	}
	if !known {
		return nil, nil
	}
	return rows, nil
}

// sensorFacts are where a sensor's values come from and when it was heard.
func (c *Console) sensorFacts(r *frame.Request, s alarm.State) ([]frame.Fact, error) {
	text := func(key, words string) frame.Fact {
		return frame.Fact{Name: c.Say(key), Words: template.HTML(template.HTMLEscapeString(words))} //nolint:gosec // escaped
	}
	facts := []frame.Fact{
		{Name: c.Say("sensor.fact.seen"), Words: r.Clock.Time(s.Sensor.Seen)},
		text("sensor.fact.id", s.Sensor.ID),
		text("sensor.fact.source", c.Say("sensor.source."+string(s.Sensor.Kind))),
	}
	if s.Sensor.Placed {
		facts = append(facts, text("sensor.fact.place", strconv.FormatFloat(s.Sensor.Place.Lat, 'f', 5, 64)+", "+strconv.FormatFloat(s.Sensor.Place.Lon, 'f', 5, 64)))
	}
	devices, err := c.cfg.Sensors.SilentDevices(r.Context())
	if err != nil {
		return nil, err
	}
	for _, d := range devices {
		if d.Sensor == s.Sensor.ID {
			facts = append(facts, frame.Fact{Name: c.Say("sensor.fact.device"), Words: c.HTML("sensor.device.silent", "device", d.Device, "heard", r.Clock.Time(d.Heard))})
		}
	}
	return facts, nil
}

func (c *Console) spot(s *sensors.Sensor) ground.Spot {
	if !s.Placed {
		return ground.Spot{Words: c.Say("sensor.place.none")}
	}
	v := ground.Spot{Words: c.Say("sensor.place.nomap"), Map: "/?sensor=" + template.URLQueryEscaper(s.ID)}
	b, g := c.about.Map.Bounds, c.Ground
	if g.Light == "" || s.Place.Lon < b[0].Lon || s.Place.Lon > b[1].Lon || s.Place.Lat < b[0].Lat || s.Place.Lat > b[1].Lat {
		return v
	}
	x, y := g.Project(s.Place)
	return ground.Spot{Light: g.Light, Dark: g.Dark, Alt: c.Say("sensor.place.alt", "name", s.Name), Width: g.Width, Height: g.Height, X: int(x), Y: int(y), OnMap: true, Map: v.Map, Credit: c.about.Map.Credit, CreditURL: c.about.Map.CreditURL}
}
