package mapping

import (
	"time"

	"polity/city"
)

// File is one mapping as people write it.
type File struct {
	Name  city.Slug   `yaml:"name"`
	Topic Topic       `yaml:"topic"` // over MQTT
	Route city.Slug   `yaml:"route"` // over HTTP: POST /ingest/ROUTE
	When  []Condition `yaml:"when"`  // all of them; mappings of one topic are told apart by it

	Payload      string   `yaml:"payload"` // json, number, csv or bytes
	Columns      []string `yaml:"columns"` // of a CSV line; a file may have a head in their place
	Separator    string   `yaml:"separator"`
	DecimalComma bool     `yaml:"decimal_comma"`
	Bytes        *Bytes   `yaml:"bytes"`

	Device     Path        `yaml:"device"` // empty: the topic's {device}, or POST /ingest/ROUTE/DEVICE
	Entity     Entity      `yaml:"entity"`
	Attributes []Attribute `yaml:"attributes"`
	Constants  []Constant  `yaml:"constants"`
	Time       Time        `yaml:"time"`
	Location   Location    `yaml:"location"`
	Expect     Expect      `yaml:"expect"`

	// Household: values are of homes. Only sums of ten homes or more leave; no single
	// value is stored anywhere.
	Household bool  `yaml:"household"`
	Sums      *Sums `yaml:"sums"`
}

// Condition holds if the value at a path is one of a list of words.
type Condition struct {
	Path Path     `yaml:"path"`
	Is   []string `yaml:"is"`
}

// Entity is what a message is about. ID is a URI with names in braces: {device},
// {area} of households, and the named levels of the topic.
type Entity struct {
	Type string `yaml:"type"`
	ID   string `yaml:"id"`
}

// Attribute is one attribute of the entity. What is stored is raw x scale + offset,
// in Unit; bounds are in Unit too, missing lists raw values that mean there is none.
type Attribute struct {
	Name     string    `yaml:"name"`
	Path     Path      `yaml:"path"`
	Field    string    `yaml:"field"` // of bytes, in place of a path
	Unit     Unit      `yaml:"unit"`
	Kind     string    `yaml:"kind"`   // number, boolean or choice
	Values   []string  `yaml:"values"` // of a choice: the words there are
	Scale    *float64  `yaml:"scale"`
	Offset   float64   `yaml:"offset"`
	Min      *float64  `yaml:"min"`
	Max      *float64  `yaml:"max"`
	Missing  []float64 `yaml:"missing"`
	Optional bool      `yaml:"optional"`
}

// Time is when a value was observed. Without a path it is when the message came.
type Time struct {
	Path   Path          `yaml:"path"`
	Format string        `yaml:"format"` // rfc3339, unix, unix-ms, or such as YYYY-MM-DD hh:mm:ss
	Zone   string        `yaml:"zone"`   // IANA name, of formats that have none
	Ahead  time.Duration `yaml:"ahead"`  // so far a device's clock may be before ours
	Behind time.Duration `yaml:"behind"` // and so far behind; messages may have waited
	Off    string        `yaml:"off"`    // what if it is farther: refuse, or mark and take the time it came
}

// Location is where the entity is: one place, a place per device, or as it says itself.
type Location struct {
	Lon     *float64              `yaml:"lon"`
	Lat     *float64              `yaml:"lat"`
	Devices map[string]city.Point `yaml:"devices"`
	LonPath Path                  `yaml:"lon_path"`
	LatPath Path                  `yaml:"lat_path"`
}

// Expect is how often a device should be heard; without it none is called silent.
type Expect struct {
	Every       time.Duration `yaml:"every"`
	SilentAfter time.Duration `yaml:"silent_after"` // 0: three times Every
}

// Sums is how values of homes become one of an area.
type Sums struct {
	Area    Path          `yaml:"area"`     // empty: the topic's {area}
	Every   time.Duration `yaml:"every"`    // the interval of a sum
	Wait    time.Duration `yaml:"wait"`     // after its end, for what comes late
	AtLeast int           `yaml:"at_least"` // homes; never below ten
	OfEach  string        `yaml:"of_each"`  // what counts of a home's values within the interval: mean, sum or last
}

// MinHomes is the least number of homes of which a sum may be known (CHARTER.md).
const MinHomes = 10

// Bytes is a binary payload: fields at fixed places, or behind tags. In a JSON payload
// it stands at Path.
type Bytes struct {
	Path     Path    `yaml:"path"`
	Encoding string  `yaml:"encoding"` // base64, hex or raw
	Length   int     `yaml:"length"`   // of fixed fields; 0: any
	Fields   []Field `yaml:"fields"`
	Tags     []Tag   `yaml:"tags"`
}

// Field is a number of some bytes. At counts from 0, behind the tag if there is one.
type Field struct {
	Name    string   `yaml:"name"`
	At      int      `yaml:"at"`
	Size    int      `yaml:"size"` // 1 to 8 bytes
	Endian  string   `yaml:"endian"`
	Signed  bool     `yaml:"signed"`
	Float   bool     `yaml:"float"` // IEEE 754 of 4 or 8 bytes
	Shift   uint     `yaml:"shift"` // bits to the right, first
	Mask    uint64   `yaml:"mask"`  // then these
	Scale   *float64 `yaml:"scale"`
	Missing []uint64 `yaml:"missing"` // bytes as a number without sign that mean there is none
}

// Tag is a group of fields that stands behind some bytes.
type Tag struct {
	Tag    string  `yaml:"tag"`  // one or two bytes in hex, all tags the same
	Size   int     `yaml:"size"` // bytes behind it
	Fields []Field `yaml:"fields"`
}
