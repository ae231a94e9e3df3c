package mapping_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/plane"
	"polity/plane/ingest/mapping"
)

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

const air = `
name: air
topic: air/{device}/up
route: air
entity: {type: AirQualityObserved, id: "urn:ngsi-ld:AirQualityObserved:{device}"}
time: {path: ts}
location: {lon: 24.94, lat: 60.17}
attributes:
  - {name: temperature, path: t, unit: CEL, scale: 0.1, min: -60, max: 60}
  - {name: pm25, path: 'pm["2.5"]', unit: GQ, min: 0, optional: true, missing: [65535]}
  - {name: door, path: door, kind: choice, values: [open, closed], optional: true}
  - {name: mains, path: mains, kind: boolean, optional: true}
`

func read(t *testing.T, text string) *mapping.Mapping {
	t.Helper()
	m, err := mapping.Read("m.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAMessageBecomesAnEntity(t *testing.T) {
	m := read(t, air)
	r, err := m.Apply(mapping.Message{Topic: "air/a-1/up", Received: now, Payload: []byte(
		`{"ts": "2026-11-30T13:59:30.1234+02:00", "t": 213, "pm": {"2.5": 8.5}, "door": "open", "mains": true, "note": "not mapped"}`)})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 30, 11, 59, 30, 123e6, time.UTC)
	if r.Device != "a-1" || !r.At.Equal(at) || !r.Own || r.Entity.ID != "urn:ngsi-ld:AirQualityObserved:a-1" || r.Entity.Types[0] != "AirQualityObserved" {
		t.Errorf("%+v", r)
	}
	got := map[string]string{}
	for _, a := range r.Entity.Attributes {
		got[a.Name] = string(a.Value) + " " + a.Unit
		if a.Name != "location" && !a.ObservedAt.Equal(at) {
			t.Errorf("%s is observed at %v", a.Name, a.ObservedAt)
		}
	}
	for name, want := range map[string]string{
		"temperature": "21.3 CEL", "pm25": "8.5 GQ", "door": `"open" `, "mains": "true ", "location": `{"coordinates":[24.94,60.17],"type":"Point"} `,
	} {
		if got[name] != want {
			t.Errorf("%s is %q, not %q", name, got[name], want)
		}
	}
	if len(got) != 5 {
		t.Errorf("what the mapping does not name got in: %v", got)
	}
	if err := r.Entity.Check(); err != nil {
		t.Error(err)
	}
	history := r.Observations()
	if len(history) != 3 || history[0].Attribute != "temperature" || history[0].Value != 21.3 || !history[0].Start.Equal(at) || history[2].Value != 1 {
		t.Errorf("%+v", history)
	}
}

func TestRefusals(t *testing.T) {
	m := read(t, air)
	for payload, want := range map[string]string{
		``:         "empty",
		`{"t": 1`:  "no JSON",
		"\xff\xfe": "no UTF-8",
		`{"ts": "2026-11-30T12:00:00Z", "t": 1} x`: "behind the payload's JSON",
		`{"t": 1}`:                                                 "no time at ts",
		`{"ts": "yesterday", "t": 1}`:                              "not rfc3339",
		`{"ts": "2026-11-30T12:00:00Z"}`:                           "no temperature",
		`{"ts": "2026-11-30T12:00:00Z", "t": null}`:                "no temperature",
		`{"ts": "2026-11-30T12:00:00Z", "t": "hot"}`:               "no number",
		`{"ts": "2026-11-30T12:00:00Z", "t": true}`:                "no number",
		`{"ts": "2026-11-30T12:00:00Z", "t": [1]}`:                 "no number",
		`{"ts": "2026-11-30T12:00:00Z", "t": "NaN"}`:               "no number",
		`{"ts": "2026-11-30T12:00:00Z", "t": "0x10"}`:              "no number",
		`{"ts": "2026-11-30T12:00:00Z", "t": 1e999}`:               "no number",
		`{"ts": "2026-11-30T12:00:00Z", "t": 601}`:                 "not within -60 to 60 CEL",
		`{"ts": "2026-11-30T12:00:00Z", "t": 1, "door": "Alice"}`:  "none of open, closed",
		`{"ts": "2026-11-30T12:00:00Z", "t": 1, "mains": "maybe"}`: "neither true nor false",
		`{"ts": "2026-11-30T12:06:00Z", "t": 1}`:                   "6m0s ahead",
		`{"ts": "1970-01-01T00:00:10Z", "t": 1}`:                   "behind",
		`[1, 2]`:                                                   "no time",
	} {
		r, err := m.Apply(mapping.Message{Topic: "air/a-1/up", Received: now, Payload: []byte(payload)})
		var refusal *mapping.Refusal
		if err == nil || !errors.As(err, &refusal) || city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), want) || refusal.Device != "a-1" {
			t.Errorf("%s: %+v, %v; not %q", payload, r, err, want)
		}
	}
	for _, topic := range []string{"air/../up", "air//up", "air/a b/up", "air/" + strings.Repeat("x", 65) + "/up", "air/.hidden/up"} {
		if _, err := m.Apply(mapping.Message{Topic: topic, Received: now, Payload: []byte(`{"ts": "2026-11-30T12:00:00Z", "t": 1}`)}); err == nil {
			t.Errorf("%s names a device", topic)
		}
	}
	if _, err := m.Apply(mapping.Message{Topic: "air/a-1/up", Received: now, Payload: make([]byte, mapping.MaxPayload+1)}); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("too large: %v", err)
	}
	r, err := m.Apply(mapping.Message{Topic: "air/a-1/up", Received: now, Payload: []byte(`{"ts": "2026-11-30T12:00:00Z", "t": 1, "pm": {"2.5": 65535}}`)})
	if err != nil || r.Entity.Attribute("pm25") != nil {
		t.Errorf("what says that it has no value: %+v, %v", r, err)
	}
}

func TestAClockFarOffIsMarked(t *testing.T) {
	m := read(t, strings.Replace(air, "{path: ts}", "{path: ts, format: unix, off: mark, ahead: 1m, behind: 1h}", 1))
	for at, off := range map[int64]time.Duration{now.Unix() + 60: 0, now.Unix() - 3600: 0, now.Unix() + 61: 61 * time.Second, 0: -now.Sub(time.Unix(0, 0))} {
		r, err := m.Apply(mapping.Message{Topic: "air/a-1/up", Received: now, Payload: fmt.Appendf(nil, `{"ts": %d, "t": 1}`, at)})
		if err != nil || r.Off != off || (off != 0) != r.At.Equal(now) && off != 0 || r.Own != (off == 0) {
			t.Errorf("%d: %+v, %v", at, r, err)
		}
	}
}

func TestTimes(t *testing.T) {
	want := time.Date(2026, 11, 30, 10, 30, 5, 0, time.UTC)
	for format, value := range map[string]string{
		"rfc3339": `"2026-11-30T12:30:05+02:00"`, "unix": "1796034605", "unix-ms": `"1796034605000"`,
		"YYYY-MM-DD hh:mm:ss": `"2026-11-30 12:30:05"`, "DD.MM.YYYY hh:mm:ss": `"30.11.2026 12:30:05"`, "YYYYMMDDThhmmss": `"20261130T123005"`,
	} {
		m := read(t, strings.Replace(air, "{path: ts}", fmt.Sprintf("{path: ts, format: %q, zone: Europe/Helsinki}", format), 1))
		r, err := m.Apply(mapping.Message{Topic: "air/a-1/up", Received: want, Payload: []byte(`{"t": 1, "ts": ` + value + `}`)})
		if err != nil || !r.At.Equal(want) {
			t.Errorf("%s: %+v, %v", format, r, err)
		}
	}
}

func TestOtherPayloads(t *testing.T) {
	number := read(t, `
name: level
topic: level/{device}
payload: number
decimal_comma: true
entity: {type: WaterLevel, id: "urn:x:{device}"}
attributes: [{name: level, unit: MTR, offset: -1}]
`)
	r, err := number.Apply(mapping.Message{Topic: "level/w1", Received: now, Payload: []byte(" 2,25\n")})
	if err != nil || r.Values[0].Number != 1.25 || r.Own || !r.At.Equal(now) {
		t.Errorf("%+v, %v", r, err)
	}
	line := read(t, `
name: rain
topic: rain/+/x
payload: csv
separator: ";"
columns: [station, when, mm]
device: station
entity: {type: Rain, id: "urn:x:{device}"}
time: {path: when, format: unix}
attributes: [{name: rain, path: mm, unit: MMT}]
`)
	r, err = line.Apply(mapping.Message{Topic: "rain/1/x", Received: now, Payload: fmt.Appendf(nil, "s-7; %d; 0.4\n", now.Unix())})
	if err != nil || r.Device != "s-7" || r.Values[0].Number != 0.4 {
		t.Errorf("%+v, %v", r, err)
	}
	for _, bad := range []string{"s-7;1", "a;b;c;d", "", "s;1;\"x", "s-7;1;2\ns-7;1;2"} {
		if _, err := line.Apply(mapping.Message{Topic: "rain/1/x", Received: now, Payload: []byte(bad)}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	raw := read(t, `
name: raw
topic: raw/{device}
payload: bytes
bytes: {encoding: raw, length: 6, fields: [{name: a, at: 0, size: 4, float: true, endian: little}, {name: b, at: 4, size: 2, mask: 0x0fff, shift: 4}]}
entity: {type: Raw, id: "urn:x:{device}"}
attributes: [{name: a, field: a}, {name: b, field: b}]
`)
	r, err = raw.Apply(mapping.Message{Topic: "raw/r", Received: now, Payload: []byte{0, 0, 0xc0, 0x3f, 0xab, 0xcd}})
	if err != nil || r.Values[0].Number != 1.5 || r.Values[1].Number != 0xabc {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err = raw.Apply(mapping.Message{Topic: "raw/r", Received: now, Payload: []byte{0, 0, 0x80, 0x7f, 0, 0}}); err == nil {
		t.Error("an infinite number is taken")
	}
	if _, err = raw.Apply(mapping.Message{Topic: "raw/r", Received: now, Payload: []byte{0}}); err == nil || !strings.Contains(err.Error(), "6 are expected") {
		t.Errorf("%v", err)
	}
}

// uplink is an event of ChirpStack v4 (docs/formats/ingest.md says where it is from).
func uplink(profile, data string) []byte {
	return fmt.Appendf(nil, `{"deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d", "time": "2026-11-30T11:59:58.775023242+00:00",
	"deviceInfo": {"tenantId": "52f14cd4", "tenantName": "City", "applicationId": "17c82e96", "applicationName": "Air", "deviceProfileId": "14855bf7",
	"deviceProfileName": %q, "deviceName": "room", "devEui": "0101010101010101", "tags": {"key": "value"}}, "devAddr": "00189440", "adr": true, "dr": 1, "fCnt": 4,
	"fPort": 2, "confirmed": false, "data": %q, "object": {"temperature": 20.5, "humidity": 41}, "rxInfo": [{"gatewayId": "0016c001f153a14c", "rssi": -48}]}`, profile, data)
}

const uplinkTopic = "application/17c82e96/device/0101010101010101/event/up"

// TestShippedMappings holds the mappings that come with the program to what makers
// publish: Dragino LHT65 manual, Milesight SensorDecoders EM500-CO2, Elsys payloads.
func TestShippedMappings(t *testing.T) {
	var all []*mapping.Mapping
	for _, name := range mapping.Shipped() {
		m, err := mapping.ReadShipped(name)
		if err != nil {
			t.Fatal(err)
		}
		if string(m.Name) != name {
			t.Errorf("%s is called %s", name, m.Name)
		}
		all = append(all, m)
	}
	set, err := mapping.NewSet(all...)
	if err != nil {
		t.Fatal(err)
	}
	for profile, c := range map[string]struct {
		bytes string
		want  map[string]float64
	}{
		"dragino-lht65":       {"cbf60b0d0376010add7fff", map[string]float64{"temperature": 28.29, "relativeHumidity": 88.6, "probeTemperature": 27.81, "batteryVoltage": 3.062}},
		"milesight-em500-co2": {"01756403671901046873057d670406736827", map[string]float64{"batteryLevel": 100, "temperature": 28.1, "relativeHumidity": 57.5, "co2": 1127, "atmosphericPressure": 1008.8}},
		"elsys-ers":           {"0100e7022104002405020601b0070e4d", map[string]float64{"temperature": 23.1, "relativeHumidity": 33, "illuminance": 36, "co2": 432, "batteryVoltage": 3.661}},
		"polity":              {"", map[string]float64{"temperature": 20.5, "relativeHumidity": 41}},
	} {
		b, err := hex.DecodeString(c.bytes)
		if err != nil {
			t.Fatal(err)
		}
		m, r, err := set.Apply(mapping.Message{Topic: uplinkTopic, Received: now, Payload: uplink(profile, base64.StdEncoding.EncodeToString(b))})
		if err != nil {
			t.Errorf("%s: %v", profile, err)
			continue
		}
		got := map[string]float64{}
		for _, v := range r.Values {
			got[v.Attribute] = v.Number
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) || r.Device != "0101010101010101" {
			t.Errorf("%s by %s: %v, not %v", profile, m.Name, got, c.want)
		}
	}
	if _, _, err := set.Apply(mapping.Message{Topic: uplinkTopic, Received: now, Payload: uplink("another", "AA==")}); err == nil || !strings.Contains(err.Error(), "conditions of no mapping") {
		t.Errorf("%v", err)
	}
	if _, _, err := set.Apply(mapping.Message{Topic: uplinkTopic, Received: now, Payload: uplink("elsys-ers", "/wA=")}); err == nil || !strings.Contains(err.Error(), "the tag ff at byte 0") {
		t.Errorf("%v", err)
	}
}

// TestWrongMappings: each mistake is told with its line.
func TestWrongMappings(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"topic:", "topik:", `m.yaml:3: unknown key "topik"; did you mean "topic"?`},
		{"unit: CEL", "unitt: CEL", `m.yaml:9: unknown key "unitt"; did you mean "unit"?`},
		{"unit: CEL", "unit: °C", "m.yaml:9"},
		{"unit: CEL", "unit: °C", "write CEL"},
		{"unit: CEL", "unit: celsius!", "no UN/CEFACT code"},
		{"path: t,", "path: t..u,", "m.yaml:9: "},
		{"path: t,", "", "m.yaml:9: the attribute temperature has no path"},
		{"{device}/up", "{device}/#/up", "m.yaml:3: "},
		{"air/{device}/up", "air/+/up", "which device is it"},
		{":{device}\"", "\"", "has no {device}"},
		{"AirQualityObserved:{device}", "{room}:{device}", "there is no {room}"},
		{"min: -60", "min: 61", "m.yaml:9: min is above max"},
		{"scale: 0.1", "scale: 0", "m.yaml:9: a scale of 0"},
		{"kind: boolean", "kind: bolean", `did you mean "boolean"?`},
		{"values: [open, closed], ", "", "m.yaml:11: a choice"},
		{"name: pm25", "name: temperature", "m.yaml:10: the name temperature is taken"},
		{"name: pm25", "name: location", "is taken"},
		{"{path: ts}", "{path: ts, format: tomorrow}", "m.yaml:6: "},
		{"{path: ts}", "{path: ts, zone: Helsinki}", "m.yaml:6: "},
		{"{path: ts}", "{path: ts, ahead: soon}", "m.yaml:6"},
		{"{lon: 24.94, lat: 60.17}", "{lon: 24.94}", "m.yaml:7: longitude and latitude belong together"},
		{"{lon: 24.94, lat: 60.17}", "{lon: 224.94, lat: 60.17}", "m.yaml:7: position"},
		{"name: air\n", "name: air\npayload: xml\n", "m.yaml:3: \"xml\" is not one of json, number, csv, bytes"},
		{"name: air\n", "name: air\nhousehold: true\n", "which area is it"},
		{"name: air\n", "name: air\nsums: {at_least: 3}\n", "sums belong to household"},
	} {
		text := strings.Replace(air, c.old, c.new, 1)
		if text == air {
			t.Fatalf("%q is not there", c.old)
		}
		_, err := mapping.Read("m.yaml", []byte(text))
		if err == nil || city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q:\n got %v\nwant %s", c.new, c.old, err, c.want)
		}
	}
	home := `
name: homes
topic: meters/{area}/{device}
household: true
sums: {every: 15m}
entity: {type: Consumption, id: "urn:x:{area}"}
attributes: [{name: power, path: w, unit: WTT}]
`
	read(t, home)
	for old, change := range map[string][2]string{
		"every: 15m":  {"every: 15m, at_least: 9", "show single ones"},
		"every: 15":   {"every: 7", "divide a day"},
		"x:{area}":    {"x:{area}:{device}", "may not name a single device"},
		"entity:":     {"location: {lon: 1, lat: 1}\nentity:", "households have no place"},
		"unit: WTT":   {"kind: boolean", "are of numbers"},
		"attributes:": {"time: {path: t, off: mark}\nattributes:", "is refused"},
	} {
		_, err := mapping.Read("m.yaml", []byte(strings.Replace(home, old, change[0], 1)))
		if err == nil || !strings.Contains(err.Error(), change[1]) {
			t.Errorf("%s: %v, not %s", change[0], err, change[1])
		}
	}
}

func TestSetsTellMappingsApart(t *testing.T) {
	a, b := read(t, air), read(t, strings.Replace(air, "name: air", "name: other", 1))
	if _, err := mapping.NewSet(a, b); err == nil || !strings.Contains(err.Error(), "tell them apart by when") {
		t.Errorf("%v", err)
	}
	if _, err := mapping.NewSet(a, a); err == nil || !strings.Contains(err.Error(), "rename one") {
		t.Errorf("%v", err)
	}
	set, err := mapping.NewSet(a)
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"ts": "2026-11-30T12:00:00Z", "t": 1}`)
	for _, x := range []mapping.Message{{Topic: "$SYS/broker"}, {Topic: "water/a-1/up"}, {Topic: "air/a-1/up/more"}, {Topic: "air/a-1"}, {Route: "water"}, {}} {
		x.Received, x.Payload = now, body
		if _, _, err := set.Apply(x); err == nil || !strings.Contains(err.Error(), "no mapping is of this topic or route") {
			t.Errorf("%+v: %v", x, err)
		}
	}
	if _, r, err := set.Apply(mapping.Message{Route: "air", Device: "a-1", Received: now, Payload: body}); err != nil || r.Device != "a-1" {
		t.Errorf("%+v, %v", r, err)
	}
	if _, _, err := set.Apply(mapping.Message{Route: "air", Received: now, Payload: body}); err == nil {
		t.Error("a message of no device is taken")
	}
}

// FuzzApply: whatever a device sends, the outcome is a refusal of kind Invalid or an
// entity that the city's data can hold, and nothing that is not mapped.
func FuzzApply(f *testing.F) {
	var all []*mapping.Mapping
	for _, name := range mapping.Shipped() {
		m, err := mapping.ReadShipped(name)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, m)
	}
	for _, text := range []string{air, strings.NewReplacer("name: air", "name: marked", "topic: air", "topic: marked", "route: air", "route: marked", "{path: ts}", "{path: ts, format: unix, off: mark}", "lon: 24.94, lat: 60.17", "lon_path: lon, lat_path: 'xs[0].lat'").Replace(air)} {
		m, err := mapping.Read("m.yaml", []byte(text))
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, m)
	}
	line, err := mapping.Read("m.yaml", []byte("name: line\ntopic: line/{device}\npayload: csv\ncolumns: [t, v]\nentity: {type: X, id: 'urn:x:{device}'}\ntime: {path: t, format: unix-ms, off: mark}\nattributes: [{name: v, path: v, scale: 1e300}]\n"))
	if err != nil {
		f.Fatal(err)
	}
	set, err := mapping.NewSet(append(all, line)...)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("air/a/up", []byte(`{"ts": "2026-11-30T12:00:00Z", "t": 1, "pm": {"2.5": 1}, "door": "open"}`))
	f.Add("marked/a/up", []byte(`{"ts": 1e300, "t": -1.5e-5, "lon": 1, "xs": [{"lat": "2"}]}`))
	f.Add("line/a", []byte("1796034605000,1e9"))
	f.Add(uplinkTopic, uplink("milesight-em500-co2", "AXVkA2cZAQRocwV9ZwQGc2gn"))
	f.Add(uplinkTopic, uplink("elsys-ers", "AQDnAiEEACQFAgYBsAcOTQ=="))
	f.Fuzz(func(t *testing.T, topic string, payload []byte) {
		m, r, err := set.Apply(mapping.Message{Topic: topic, Payload: payload, Received: now})
		if err != nil {
			var refusal *mapping.Refusal
			if city.KindOf(err) != city.Invalid || !errors.As(err, &refusal) || len(refusal.Error()) > 4096 {
				t.Fatalf("%v", err)
			}
			return
		}
		known := map[string]bool{plane.Location: true}
		for _, a := range m.Attributes {
			known[a.Name] = true
		}
		e, err := r.Change().Edit(nil)
		if err != nil || e.Check() != nil {
			t.Fatalf("%v, %v", err, e.Check())
		}
		for _, a := range e.Attributes {
			if !known[a.Name] || !json.Valid(a.Value) {
				t.Fatalf("%s %s", a.Name, a.Value)
			}
		}
		for _, o := range r.Observations() {
			if err := o.Check(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(air))
	for _, name := range mapping.Shipped() {
		text, err := mapping.ShippedText(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(_ *testing.T, text []byte) {
		m, err := mapping.Read("m.yaml", text)
		if err != nil {
			return
		}
		for _, payload := range []string{"1", "{}", "a,b", "\x00\x01\x02"} { // must return, whatever it says
			_, _ = m.Apply(mapping.Message{Topic: m.Topic.String(), Device: "d", Payload: []byte(payload), Received: now})
		}
	})
}
