package entries

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/roster"
)

// Index is what a hub needs of its own log without reading all of it again. It is used by
// one goroutine. Its JSON form is a cache: without it the log is read from its beginning.
type Index struct {
	Next     int64                       `json:"next"` // entries up to here are taken in
	Last     canonical.Hash              `json:"last"` // id of the entry before Next
	Cameras  map[city.Slug]*Registration `json:"cameras"`
	Keys     map[string]EpochKey         `json:"keys"`     // by body/class/day: the first of a device of the newest roster
	Devices  map[city.Slug]string        `json:"devices"`  // of the bodies, by the newest roster in the log: their keys
	Hours    map[city.Slug]int64         `json:"hours"`    // of each class, by the newest roster in the log
	Software map[string]Running          `json:"software"` // by component, or component/edge
}

// Registration is what the log says of a camera.
type Registration struct {
	entry.Registration

	KeptHours int64 `json:"kept_hours"` // of sealed footage: its class's, as last registered or changed
	// Files are the register entries that were ever logged of the camera.
	Files []canonical.Hash `json:"files"`
}

// EpochKey is where a body's key stands, and which device signed it.
type EpochKey struct {
	Index  int64     `json:"index"`
	Device city.Slug `json:"device"`
}

// Running is a program that the log names.
type Running struct {
	Index   int64          `json:"index"` // of the entry
	Hash    canonical.Hash `json:"hash"`
	Version entry.Version  `json:"version"`
}

// NewIndex is that of an empty log.
func NewIndex() *Index {
	return &Index{Cameras: map[city.Slug]*Registration{}, Keys: map[string]EpochKey{}, Devices: map[city.Slug]string{}, Hours: map[city.Slug]int64{}, Software: map[string]Running{}}
}

// ReadIndex reads a cached index. What cannot be read is as good as none.
func ReadIndex(text []byte) *Index {
	x := NewIndex()
	if json.Unmarshal(text, x) != nil || x.Next < 0 || x.Cameras == nil || x.Keys == nil || x.Devices == nil || x.Hours == nil || x.Software == nil {
		return NewIndex()
	}
	return x
}

// many are types of which a log has the most, and none is needed.
var many = [][]byte{[]byte(`"type":"segments"`), []byte(`"type":"looks"`), []byte(`"type":"decision"`)}

// Take takes in the entry of an index, the next one.
func (x *Index) Take(index int64, data []byte) error {
	if index != x.Next {
		return city.Errorf(city.Internal, "entry %d is taken in where %d is next", index, x.Next)
	}
	if !slices.ContainsFunc(many, func(t []byte) bool { return bytes.Contains(data, t) }) {
		e, err := entry.Decode(data)
		if err != nil {
			return err
		}
		if err := x.take(index, e); err != nil {
			return err
		}
	}
	x.Next, x.Last = index+1, entry.ID(data)
	return nil
}

func (x *Index) take(index int64, e entry.Entry) error {
	switch e := e.(type) {
	case *entry.Roster:
		r, err := roster.First(e.Roster)
		if err != nil {
			return err
		}
		x.follow(&r.Roster)
	case *entry.Registration:
		c := &Registration{Registration: *e, KeptHours: x.kept(e), Files: []canonical.Hash{e.Entry}}
		if was := x.Cameras[e.Camera]; was != nil {
			if c.Files = was.Files; !slices.Contains(c.Files, e.Entry) {
				c.Files = append(c.Files, e.Entry)
			}
		}
		x.Cameras[e.Camera] = c
	case *entry.Retention:
		if c := x.Cameras[e.Camera]; c != nil {
			c.KeptHours = e.Hours
		}
	case *entry.EpochKey:
		id := keyOf(e.Body, e.Class, e.Day)
		if _, ok := x.Keys[id]; !ok {
			x.Keys[id] = EpochKey{index, e.Device}
		}
	case *entry.Software:
		x.Software[programOf(e)] = Running{index, e.Hash, e.Version}
	}
	return nil
}

// follow takes the roster that holds from now on. An epoch key of a device that is not in it,
// or has another key there, counts no more: another of the same day may take its place.
func (x *Index) follow(r *roster.Roster) {
	clear(x.Hours)
	for _, c := range r.Classes {
		x.Hours[c.Name] = int64(c.Hours)
	}
	now := map[city.Slug]string{}
	for _, b := range r.Bodies {
		for _, d := range b.Devices {
			now[d.ID] = d.Key
		}
	}
	before := x.Devices
	x.Devices = now
	maps.DeleteFunc(x.Keys, func(_ string, k EpochKey) bool { return now[k.Device] == "" || now[k.Device] != before[k.Device] })
}

// kept is for how long a camera's sealed footage is kept, hours.
func (x *Index) kept(e *entry.Registration) int64 {
	switch {
	case e.FootageHours == 0 || e.State != "registered":
		return 0
	case e.Class == "":
		return e.FootageHours
	}
	return x.Hours[e.Class]
}

func keyOf(body, class city.Slug, day canonical.Day) string {
	return string(body) + "/" + string(class) + "/" + string(day)
}

// Key is the index of the epoch key of a body, class and day: of those signed by devices of
// the newest roster, the one that was logged first.
func (x *Index) Key(body, class city.Slug, day canonical.Day) (index int64, ok bool) {
	k, ok := x.Keys[keyOf(body, class, day)]
	return k.Index, ok
}

// Forget drops epoch keys of days that nobody records any more.
func (x *Index) Forget(now time.Time) {
	old := now.UTC().AddDate(0, 0, -2).Format(time.DateOnly)
	maps.DeleteFunc(x.Keys, func(id string, _ EpochKey) bool { return id[len(id)-len(old):] < old })
}

func programOf(e *entry.Software) string {
	if e.Edge == "" {
		return string(e.Component)
	}
	return string(e.Component) + "/" + string(e.Edge)
}

// Runs is where the log names the same program and version as the last of its component;
// false where it names another or none.
func (x *Index) Runs(e *entry.Software) (index int64, same bool) {
	r, ok := x.Software[programOf(e)]
	return r.Index, ok && r.Hash == e.Hash && r.Version == e.Version
}

// News are the entries that a camera's registration makes beside what is logged: none
// where it stands there. A change of how long footage is kept comes first, so that it is
// not lost to a crash between the two: the same change gives the same entry.
func (x *Index) News(e *entry.Registration, since, now time.Time) []entry.Entry {
	was := x.Cameras[e.Camera]
	stands := was != nil && was.State == "registered" && was.Entry == e.Entry
	if !stands && was != nil && slices.Contains(was.Files, e.Entry) {
		e.At = canonical.At(now) // it came back: the same bytes again would be no new entry
	}
	var list []entry.Entry
	if c := x.retention(was, e, since); c != nil {
		list = append(list, c)
	}
	if !stands {
		list = append(list, e)
	}
	return list
}

// retention is how a camera's retention changed; nil where it did not. since is from when
// on the newest roster holds.
func (x *Index) retention(was *Registration, e *entry.Registration, since time.Time) *entry.Retention {
	if was == nil {
		return nil
	}
	class, at, hours := e.Class, e.From.Time(), x.kept(e)
	if class == "" {
		class = was.Class
	}
	if was.KeptHours == hours || class == "" {
		return nil
	}
	if since.After(at) {
		at = since
	}
	return &entry.Retention{At: canonical.At(at), BeforeHours: was.KeptHours, Camera: e.Camera, Class: class, Hours: hours}
}

// Withdrawn are the registrations of cameras that the register does not have any more.
func (x *Index) Withdrawn(gone func(camera city.Slug) bool, now time.Time) []entry.Entry {
	var list []entry.Entry
	for _, name := range slices.Sorted(maps.Keys(x.Cameras)) {
		c := x.Cameras[name]
		if c.State != "registered" || !gone(name) {
			continue
		}
		e := c.Registration
		e.State, e.At = "withdrawn", canonical.At(now)
		list = append(list, &e)
	}
	return list
}
