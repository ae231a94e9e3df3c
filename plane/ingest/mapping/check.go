package mapping

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"

	"polity/city"
	"polity/internal/strictyaml"
)

// Read reads and checks a mapping. Name is what errors call it, usually the file's
// path; each error has a line.
func Read(name string, text []byte) (*Mapping, error) {
	var f File
	if err := strictyaml.Decode(name, text, &f); err != nil {
		return nil, city.Errorf(city.Invalid, "%w", err)
	}
	m := &Mapping{File: f.withDefaults()}
	if wrong := m.check(); len(wrong) > 0 {
		lines := make([]error, len(wrong))
		for i, w := range wrong {
			lines[i] = fmt.Errorf("%s: %s", located(name, text, w.at), w.why)
		}
		return nil, city.Errorf(city.Invalid, "%w", errors.Join(lines...))
	}
	return m, nil
}

// located is the file and line of a setting, or of the nearest that is there.
func located(name string, text []byte, setting string) string {
	file, err := parser.ParseBytes(text, 0)
	for ; err == nil && setting != ""; setting = setting[:max(strings.LastIndexAny(setting, ".["), 0)] {
		p, err := yaml.PathString("$." + setting)
		if err != nil {
			continue
		}
		if node, err := p.FilterFile(file); err == nil && node != nil {
			return fmt.Sprintf("%s:%d", name, node.GetToken().Position.Line)
		}
	}
	return name
}

// Bounds of clocks where the mapping gives none.
const (
	DefaultAhead  = 5 * time.Minute
	DefaultBehind = 24 * time.Hour
)

func (f File) withDefaults() File {
	text := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	span := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	text(&f.Payload, "json")
	text(&f.Separator, ",")
	text(&f.Time.Format, "rfc3339")
	text(&f.Time.Zone, "UTC")
	text(&f.Time.Off, "refuse")
	span(&f.Time.Ahead, DefaultAhead)
	span(&f.Time.Behind, DefaultBehind)
	span(&f.Expect.SilentAfter, 3*f.Expect.Every)
	if f.Household {
		var s Sums
		if f.Sums != nil {
			s = *f.Sums
		}
		span(&s.Every, time.Hour)
		span(&s.Wait, 5*time.Minute)
		text(&s.OfEach, "mean")
		if s.AtLeast == 0 {
			s.AtLeast = MinHomes
		}
		f.Sums = &s
	}
	f.Attributes = slices.Clone(f.Attributes)
	for i := range f.Attributes {
		text(&f.Attributes[i].Kind, "number")
	}
	if f.Bytes != nil {
		b := *f.Bytes
		text(&b.Encoding, "base64")
		f.Bytes = &b
	}
	return f
}

type wrong struct{ at, why string }

type wrongs []wrong

func (w *wrongs) add(at, why string, args ...any) {
	*w = append(*w, wrong{at, fmt.Sprintf(why, args...)})
}

var (
	typeForm      = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_:/.#-]{0,255}$`)
	attributeForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_:/.#-]{0,127}$`)
	braces        = regexp.MustCompile(`\{([^{}]*)\}`)
	tagForm       = regexp.MustCompile(`^([0-9A-Fa-f]{2}){1,2}$`)
)

func (m *Mapping) check() wrongs {
	var w wrongs
	if err := m.Name.Check(); err != nil {
		w.add("name", "%v", err)
	}
	if m.Topic.text == "" && m.Route == "" && m.Payload != "csv" {
		w.add("topic", "there is neither a topic nor a route; no message would be this mapping's")
	}
	m.checkPayload(&w)
	m.checkEntity(&w)
	m.checkTime(&w)
	m.checkLocation(&w)
	m.checkHousehold(&w)
	for i, c := range m.When {
		if c.Path.empty() || len(c.Is) == 0 {
			w.add(fmt.Sprintf("when[%d]", i), "path and is belong together")
		}
		if m.Payload != "json" {
			w.add(fmt.Sprintf("when[%d]", i), "conditions look into json payloads only")
		}
	}
	if m.Expect.Every < 0 || m.Expect.SilentAfter < m.Expect.Every {
		w.add("expect", "silent_after is shorter than every")
	}
	if len(m.Attributes) == 0 {
		w.add("attributes", "there is no attribute; nothing would be stored")
	}
	seen := map[string]bool{}
	for i := range m.Attributes {
		m.checkAttribute(i, seen, &w)
	}
	m.checkConstants(seen, &w)
	return w
}

func oneOf(w *wrongs, at, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		hint := ""
		if n := strictyaml.Nearest(value, allowed); n != "" {
			hint = fmt.Sprintf("; did you mean %q?", n)
		}
		w.add(at, "%q is not one of %s%s", value, strings.Join(allowed, ", "), hint)
	}
}

func (m *Mapping) checkPayload(w *wrongs) {
	oneOf(w, "payload", m.Payload, "json", "number", "csv", "bytes")
	if len(m.Separator) != 1 || strings.ContainsAny(m.Separator, "\"\r\n") {
		w.add("separator", "%q is no separator; write one character such as ;", m.Separator)
	}
	if m.Payload == "bytes" && m.Bytes == nil {
		w.add("payload", "payload bytes needs a group bytes that says what they are")
	}
	if m.Bytes == nil {
		return
	}
	oneOf(w, "bytes.encoding", m.Bytes.Encoding, "base64", "hex", "raw")
	switch {
	case m.Payload != "json" && m.Payload != "bytes":
		w.add("bytes", "a payload of %s has no bytes", m.Payload)
	case m.Payload == "json" && (m.Bytes.Path.empty() || m.Bytes.Encoding == "raw"):
		w.add("bytes", "bytes in JSON need a path, and base64 or hex as encoding")
	case m.Payload == "bytes" && !m.Bytes.Path.empty():
		w.add("bytes.path", "the whole payload is bytes; a path leads nowhere")
	}
	if (len(m.Bytes.Fields) == 0) == (len(m.Bytes.Tags) == 0) {
		w.add("bytes", "give fields or tags")
	}
	if m.Bytes.Length < 0 || m.Bytes.Length > maxBytes {
		w.add("bytes.length", "a payload has at most %d bytes", maxBytes)
	}
	checkFields(w, "bytes.fields", m.Bytes.Fields, m.Bytes.Length)
	seen := map[string]bool{}
	for i, t := range m.Bytes.Tags {
		at := fmt.Sprintf("bytes.tags[%d]", i)
		switch {
		case !tagForm.MatchString(t.Tag) || len(t.Tag) != len(m.Bytes.Tags[0].Tag):
			w.add(at+".tag", "the tag %q is not one or two bytes in hex, as many as the others, in quotes", t.Tag)
		case seen[strings.ToLower(t.Tag)]:
			w.add(at+".tag", "the tag %q stands there twice", t.Tag)
		case t.Size < 0 || t.Size > maxBytes:
			w.add(at+".size", "behind a tag stand 0 to %d bytes", maxBytes)
		}
		seen[strings.ToLower(t.Tag)] = true
		checkFields(w, at+".fields", t.Fields, max(t.Size, 1))
	}
}

func checkFields(w *wrongs, where string, fields []Field, length int) {
	for i, f := range fields {
		at := fmt.Sprintf("%s[%d]", where, i)
		if f.Name == "" {
			w.add(at, "the field has no name")
		}
		if f.Endian != "" {
			oneOf(w, at+".endian", f.Endian, "big", "little")
		}
		switch {
		case f.Size < 1 || f.Size > 8:
			w.add(at, "the field %s needs a size of 1 to 8 bytes", f.Name)
		case f.At < 0 || f.At > maxBytes || (length > 0 && f.At+f.Size > length):
			w.add(at, "the field %s ends at byte %d of %d", f.Name, f.At+f.Size, length)
		case f.Float && f.Size != 4 && f.Size != 8:
			w.add(at, "the field %s: float has 4 or 8 bytes", f.Name)
		case (f.Float || f.Signed) && (f.Mask != 0 || f.Shift != 0), f.Float && f.Signed:
			w.add(at, "the field %s: float, signed, and mask with shift exclude one another", f.Name)
		case f.Shift > 63:
			w.add(at+".shift", "the field %s has no bit %d", f.Name, f.Shift)
		}
	}
}

func (b *Bytes) has(field string) bool {
	named := func(f Field) bool { return f.Name == field }
	return slices.ContainsFunc(b.Fields, named) || slices.ContainsFunc(b.Tags, func(t Tag) bool { return slices.ContainsFunc(t.Fields, named) })
}

func (m *Mapping) checkEntity(w *wrongs) {
	if !typeForm.MatchString(m.Entity.Type) {
		w.add("entity.type", "the type %q is no name such as AirQualityObserved", m.Entity.Type)
	}
	names := m.Topic.names()
	if m.Device.empty() && m.Topic.text != "" && !names["device"] {
		w.add("device", "which device is it? Give the path of its name in the payload, or name a level of the topic {device}")
	}
	for _, b := range braces.FindAllStringSubmatch(m.Entity.ID, -1) {
		switch known := names[b[1]] && !m.Household && m.Route == ""; {
		case b[1] == "device" && m.Household:
			w.add("entity.id", "the id of an entity of households may not name a single device; write {area}")
		case b[1] != "device" && b[1] != "area" && !known, b[1] == "area" && !m.Household && !known:
			w.add("entity.id", "there is no {%s} in every message", b[1])
		}
	}
	if want := map[bool]string{false: "{device}", true: "{area}"}[m.Household]; !strings.Contains(m.Entity.ID, want) {
		w.add("entity.id", "the id has no %s; all would be one entity", want)
	}
	sample := braces.ReplaceAllString(m.Entity.ID, "x")
	if scheme, rest, ok := strings.Cut(sample, ":"); !ok || scheme == "" || rest == "" || strings.ContainsAny(sample, "{} \t\"<>\\^`|") || len(m.Entity.ID) > 512 {
		w.add("entity.id", "the id %q is no URI such as urn:ngsi-ld:AirQualityObserved:{device}", m.Entity.ID)
	}
}

func (m *Mapping) checkTime(w *wrongs) {
	t := &m.Time
	oneOf(w, "time.off", t.Off, "refuse", "mark")
	if t.Ahead < 0 || t.Behind < 0 {
		w.add("time", "ahead and behind are not below 0")
	}
	var err error
	if m.zone, err = time.LoadLocation(t.Zone); err != nil || t.Zone == "Local" {
		w.add("time.zone", "%q is no time zone; write one such as Europe/Helsinki", t.Zone)
	}
	switch t.Format {
	case "rfc3339", "unix", "unix-ms":
	default:
		layout, ok := layoutOf(t.Format)
		if !ok {
			w.add("time.format", "%q is no format; it is rfc3339, unix, unix-ms, or such as YYYY-MM-DD hh:mm:ss", t.Format)
		}
		m.layout = layout
	}
}

func (m *Mapping) checkLocation(w *wrongs) {
	l := &m.Location
	if (l.Lon == nil) != (l.Lat == nil) || l.LonPath.empty() != l.LatPath.empty() {
		w.add("location", "longitude and latitude belong together")
		return
	}
	if l.Lon != nil && !l.LonPath.empty() {
		w.add("location", "give a fixed place or paths, not both")
	}
	if l.Lon != nil {
		if err := (city.Point{Lon: *l.Lon, Lat: *l.Lat}).Check(); err != nil {
			w.add("location", "%v", err)
		}
	}
	for name, p := range l.Devices {
		if err := p.Check(); err != nil {
			w.add("location.devices", "%s: %v", name, err)
		}
	}
	if m.Household && (len(l.Devices) > 0 || !l.LonPath.empty() || l.Lon != nil) {
		w.add("location", "households have no place here: the area's entity gets its location elsewhere")
	}
}

func (m *Mapping) checkHousehold(w *wrongs) {
	if !m.Household {
		if m.Sums != nil {
			w.add("sums", "sums belong to household: true")
		}
		return
	}
	s := m.Sums
	oneOf(w, "sums.of_each", s.OfEach, "mean", "sum", "last")
	if s.Area.empty() && !m.Topic.names()["area"] {
		w.add("sums", "which area is it? Give sums.area, a path, or name a level of the topic {area}")
	}
	if s.AtLeast < MinHomes {
		w.add("sums.at_least", "sums of fewer than %d homes show single ones", MinHomes)
	}
	if s.Every < time.Minute || s.Every > 31*24*time.Hour || (24*time.Hour)%min(s.Every, 24*time.Hour) != 0 || s.Every%time.Minute != 0 {
		w.add("sums.every", "the interval is whole minutes that divide a day, or whole days")
	}
	if s.Wait < 0 || s.Wait > 24*time.Hour {
		w.add("sums.wait", "it waits at most a day for what comes late")
	}
	if m.Time.Off == "mark" {
		w.add("time.off", "values of households count in the interval in which they were taken; a clock far off is refused")
	}
}

func (m *Mapping) checkAttribute(i int, seen map[string]bool, w *wrongs) {
	a := &m.Attributes[i]
	at := fmt.Sprintf("attributes[%d]", i)
	switch {
	case !attributeForm.MatchString(a.Name):
		w.add(at, "the name %q is no attribute's name such as temperature", a.Name)
	case a.Name == "location" || a.Name == "type" || a.Name == "id" || seen[a.Name]:
		w.add(at+".name", "the name %s is taken", a.Name)
	}
	seen[a.Name] = true
	switch {
	case a.Field != "" && (m.Bytes == nil || !m.Bytes.has(a.Field)):
		w.add(at+".field", "the bytes have no field %q", a.Field)
	case a.Field != "" && !a.Path.empty():
		w.add(at, "give path or field, not both")
	case a.Field == "" && m.Payload == "bytes":
		w.add(at, "which field of the bytes is it?")
	case a.Field == "" && a.Path.empty() && m.Payload != "number":
		w.add(at, "the attribute %s has no path", a.Name)
	case m.Payload == "number" && len(a.Path.steps) > 0:
		w.add(at+".path", "a number has nothing inside; leave the path out")
	}
	oneOf(w, at+".kind", a.Kind, "number", "boolean", "choice")
	if a.Kind != "number" && (a.Scale != nil || a.Offset != 0 || a.Min != nil || a.Max != nil || a.Unit != "" || m.Household) {
		w.add(at, "unit, scale, offset and bounds, and households, are of numbers")
	}
	if (a.Kind == "choice") != (len(a.Values) > 0) {
		w.add(at, "a choice, and only that, has values: the words that there are")
	}
	if a.Scale != nil && *a.Scale == 0 {
		w.add(at+".scale", "a scale of 0 makes every value the same")
	}
	if a.Min != nil && a.Max != nil && *a.Min > *a.Max {
		w.add(at+".min", "min is above max; no value would do")
	}
}

// layoutOf turns YYYY-MM-DD hh:mm:ss into a layout of package time.
func layoutOf(format string) (string, bool) {
	r := strings.NewReplacer("YYYY", "2006", "MM", "01", "DD", "02", "hh", "15", "mm", "04", "ss", "05", "fff", "000")
	if strings.ContainsAny(format, "0123456789") {
		return "", false
	}
	for _, part := range []string{"YYYY", "MM", "DD", "hh", "mm"} {
		if strings.Count(format, part) != 1 {
			return "", false
		}
	}
	layout := r.Replace(format)
	return layout, !strings.ContainsFunc(strings.ReplaceAll(layout, "T", ""), func(x rune) bool { return x >= 'A' && x <= 'Z' || x >= 'a' && x <= 'z' })
}
