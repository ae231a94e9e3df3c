package mapping

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/city"
	"polity/plane"
)

// Mapping is a checked File.
type Mapping struct {
	File
	zone   *time.Location
	layout string
}

// Message is what came from a device.
type Message struct {
	Topic    string         // over MQTT
	Route    city.Slug      // over HTTP
	Device   string         // of the HTTP path; empty: the payload says
	Payload  []byte         // at most MaxPayload bytes
	Record   map[string]any // a line of a CSV file, in place of a payload
	Received time.Time      // by our clock
	// History: it is a file of old values; clocks are not compared.
	History bool
}

// Reading is what a message means.
type Reading struct {
	Device string
	Area   string        // of households
	At     time.Time     // when it was observed, whole milliseconds
	Own    bool          // At is by the device's clock
	Off    time.Duration // how far that clock is off, if it was too far and At is ours
	Entity *plane.Entity // of households: of the area
	Values []Value
}

// Value is one number of a reading.
type Value struct {
	Attribute string
	Number    float64
}

// Refusal is why a message is not taken.
type Refusal struct {
	Mapping city.Slug // empty if there is none for it
	Device  string    // empty if it is not known
	Clock   bool      // its clock is the reason
	Private bool      // it is of a household: what follows in parentheses stays with the sender
	Why     string    // in our own words
	Detail  string    // with what the device sent
}

// Error says why, with the device's values.
func (r *Refusal) Error() string {
	if r.Detail == "" {
		return r.Why
	}
	return r.Why + " (" + r.Detail + ")"
}

// Kept is the reason as it may be kept: without values of households.
func (r *Refusal) Kept() string {
	if r.Private {
		return r.Why
	}
	return r.Error()
}

// nameForm is what devices and areas may be called: nothing that ids, topics, paths
// or file names would have to escape.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9_:-][A-Za-z0-9_:.-]{0,63}$`)

// CheckDevice reports a device's name that cannot be one.
func CheckDevice(name string) error {
	if !nameForm.MatchString(name) {
		return city.Errorf(city.Invalid, "%q is no device's name of 1 to 64 of A-Z a-z 0-9 _ : . - that begins without a dot", shorten(name))
	}
	return nil
}

func shorten(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}

// Apply says what a message means. The error is a *Refusal, of kind Invalid.
func (m *Mapping) Apply(x Message) (*Reading, error) {
	named, _ := m.Topic.match(x.Topic)
	r, refused := m.apply(&payload{raw: x.Payload, record: x.Record}, x, named)
	if refused != nil {
		return nil, refusal(refused)
	}
	return r, nil
}

func refusal(r *Refusal) error { return city.Errorf(city.Invalid, "%w", r) }

func (m *Mapping) apply(p *payload, x Message, named map[string]string) (*Reading, *Refusal) {
	r := &Reading{Device: x.Device}
	no := func(why, detail string) (*Reading, *Refusal) {
		return nil, &Refusal{Mapping: m.Name, Device: r.Device, Private: m.Household, Why: why, Detail: detail}
	}
	if len(p.raw) > MaxPayload {
		return no(fmt.Sprintf("the payload has more than %d bytes", MaxPayload), "")
	}
	if name := named["device"]; m.Device.empty() && name != "" && CheckDevice(name) == nil {
		r.Device = name
	}
	tree, fields, err := m.decode(p)
	if err != nil {
		return no("the payload cannot be read", err.Error())
	}
	if why, detail := m.who(r, x, tree, named); why != "" {
		return no(why, detail)
	}
	if refused := m.when(r, x, tree); refused != nil {
		return nil, refused
	}
	if why, detail := m.what(r, tree, fields, named); why != "" {
		return no(why, detail)
	}
	return r, nil
}

// who finds the device, and the area of a household.
func (m *Mapping) who(r *Reading, x Message, tree any, named map[string]string) (why, detail string) {
	name := named["device"]
	if !m.Device.empty() {
		v, _ := m.Device.find(tree)
		name, _ = word(v)
		if name == "" {
			return fmt.Sprintf("no device's name stands at %s", m.Device), ""
		}
	}
	if x.Device != "" && name != "" && name != x.Device {
		return "the payload is of another device than was said", fmt.Sprintf("of %q, not of %q", shorten(name), shorten(x.Device))
	}
	if name == "" {
		name = x.Device
	}
	if err := CheckDevice(name); err != nil {
		r.Device = ""
		return "there is no device's name that can be one", err.Error()
	}
	r.Device = name
	if !m.Household {
		return "", ""
	}
	r.Area = named["area"]
	if !m.Sums.Area.empty() {
		v, _ := m.Sums.Area.find(tree)
		r.Area, _ = word(v)
	}
	if !nameForm.MatchString(r.Area) {
		return "there is no area's name of 1 to 64 of A-Z a-z 0-9 _ : . -", ""
	}
	return "", ""
}

// what finds the entity and its values.
func (m *Mapping) what(r *Reading, tree any, fields map[string]float64, named map[string]string) (why, detail string) {
	id := braces.ReplaceAllStringFunc(m.Entity.ID, func(b string) string {
		switch name := b[1 : len(b)-1]; name {
		case "device":
			return r.Device
		case "area":
			if m.Household {
				return r.Area
			}
			fallthrough
		default:
			if !nameForm.MatchString(named[name]) {
				why = fmt.Sprintf("the topic's {%s} is no name", name)
			}
			return named[name]
		}
	})
	if why != "" {
		return why, ""
	}
	r.Entity = &plane.Entity{Key: plane.Key{ID: id}, Types: []string{m.Entity.Type}}
	for i := range m.Attributes {
		if why, detail := m.Attributes[i].take(m, r, tree, fields); why != "" {
			return why, detail
		}
	}
	if len(r.Entity.Attributes) == 0 {
		return "the payload has none of the mapping's values", ""
	}
	if !m.Household {
		m.constants(r)
	}
	return m.where(r, tree)
}

// take sets one attribute.
func (a *Attribute) take(m *Mapping, r *Reading, tree any, fields map[string]float64) (why, detail string) {
	var v any
	var ok bool
	if a.Field != "" {
		v, ok = fields[a.Field]
	} else {
		v, ok = a.Path.find(tree)
	}
	if !ok {
		if a.Optional {
			return "", ""
		}
		return fmt.Sprintf("there is no %s", a.Name), fmt.Sprintf("nothing stands at %s%s", a.Path, a.Field)
	}
	out := plane.Attribute{Name: a.Name, Kind: plane.Property, Unit: string(a.Unit), ObservedAt: r.At}
	switch a.Kind {
	case "choice":
		s, _ := word(v)
		if !slices.Contains(a.Values, s) {
			return fmt.Sprintf("%s is none of %s", a.Name, strings.Join(a.Values, ", ")), fmt.Sprintf("it is %q", shorten(fmt.Sprint(v)))
		}
		text, err := json.Marshal(s)
		if err != nil {
			return err.Error(), ""
		}
		out.Value = text
	case "boolean":
		b, ok := truth(v)
		if !ok {
			return fmt.Sprintf("%s is neither true nor false", a.Name), fmt.Sprintf("it is %q", shorten(fmt.Sprint(v)))
		}
		out.Value = strconv.AppendBool(nil, b)
		r.Values = append(r.Values, Value{a.Name, map[bool]float64{true: 1}[b]})
	default:
		n, why, detail := a.number(m, v)
		switch {
		case why != "":
			return why, detail
		case math.IsNaN(n) && a.Optional:
			return "", ""
		case math.IsNaN(n):
			return fmt.Sprintf("%s says that it has no value", a.Name), ""
		}
		out.Value = strconv.AppendFloat(nil, n, 'g', -1, 64)
		r.Values = append(r.Values, Value{a.Name, n})
	}
	r.Entity.Set(out)
	return "", ""
}

// number scales and bounds a number. NaN is none.
func (a *Attribute) number(m *Mapping, v any) (n float64, why, detail string) {
	n, ok := v.(float64)
	if !ok {
		if n, ok = m.number(v); !ok {
			return 0, a.Name + " is no number", fmt.Sprintf("it is %q", shorten(fmt.Sprint(v)))
		}
	}
	if slices.Contains(a.Missing, n) {
		return math.NaN(), "", ""
	}
	if a.Scale != nil || a.Offset != 0 {
		scale := 1.0
		if a.Scale != nil {
			scale = *a.Scale
		}
		n = round(n*scale + a.Offset)
	}
	if math.IsInf(n, 0) || math.IsNaN(n) {
		return 0, a.Name + " is too large a number", ""
	}
	if (a.Min != nil && n < *a.Min) || (a.Max != nil && n > *a.Max) {
		return 0, fmt.Sprintf("%s is not within %s", a.Name, a.bounds()), fmt.Sprintf("it is %v", n)
	}
	return n, "", ""
}

func (a *Attribute) bounds() string {
	text := func(f *float64) string {
		if f == nil {
			return "…"
		}
		return strconv.FormatFloat(*f, 'g', -1, 64)
	}
	return strings.TrimSpace(text(a.Min) + " to " + text(a.Max) + " " + string(a.Unit))
}

func truth(v any) (value, ok bool) {
	switch x := v.(type) {
	case bool:
		return x, true
	case float64:
		return x == 1, x == 0 || x == 1
	}
	switch s, _ := word(v); strings.ToLower(s) {
	case "true", "on", "1", "yes":
		return true, true
	case "false", "off", "0", "no":
		return false, true
	}
	return false, false
}

// where sets the location.
func (m *Mapping) where(r *Reading, tree any) (why, detail string) {
	l := &m.Location
	p, ok := l.Devices[r.Device]
	switch {
	case ok:
	case l.Lon != nil:
		p = city.Point{Lon: *l.Lon, Lat: *l.Lat}
	case !l.LonPath.empty():
		x, _ := l.LonPath.find(tree)
		y, _ := l.LatPath.find(tree)
		lon, okLon := m.number(x)
		lat, okLat := m.number(y)
		p = city.Point{Lon: lon, Lat: lat}
		if !okLon || !okLat || p.Check() != nil {
			return fmt.Sprintf("there is no place at %s and %s", l.LonPath, l.LatPath), ""
		}
	default:
		return "", ""
	}
	text, err := json.Marshal(map[string]any{"type": "Point", "coordinates": []float64{p.Lon, p.Lat}})
	if err != nil {
		return err.Error(), ""
	}
	at := plane.Attribute{Name: plane.Location, Kind: plane.Geo, Value: text}
	if !ok && l.Lon == nil {
		at.ObservedAt = r.At
	}
	r.Entity.Set(at)
	return "", ""
}
