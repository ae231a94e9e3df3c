package summary

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/checkpoint"
	"polity/ledger/entry"
	"polity/ledger/roster"
)

// Facts are what the entries so far come to. The zero value has seen none. Its size is
// bounded, however long the log is. Nothing in it depends on how the entries were handed
// over.
type Facts struct {
	begun    canonical.Time
	entries  map[string]int64
	alarms   map[string]int64
	audited  map[city.Slug]*Audited
	cameras  map[city.Slug]Camera
	keys     map[holder]*keys
	looks    []LooksDay // rising by day
	looked   map[string]LooksMonth
	months   map[string]*month
	releases []*Release // rising by index
	byToken  map[canonical.Hash]*asked
	before   int64

	newAlarms []Alarm
	newAudits []Audit
	newHolds  []Hold
	holds     int64
	newRules  []Policy
	rules     int64
	strange   []Strange
	strangers int64
}

type month struct {
	approved int64
	opened   map[Opened]int64 // Number is 0
	refused  map[Refused]int64
}

// Add takes in the next entry, which has to be one that may stand in the log: of valid
// form, and signed by whom it names.
func (f *Facts) Add(index int64, e entry.Entry) {
	if f.entries == nil {
		f.entries, f.alarms, f.audited, f.cameras = map[string]int64{}, map[string]int64{}, map[city.Slug]*Audited{}, map[city.Slug]Camera{}
		f.keys, f.looked, f.months, f.byToken = map[holder]*keys{}, map[string]LooksMonth{}, map[string]*month{}, map[canonical.Hash]*asked{}
	}
	f.entries[string(entry.TypeOf(e))]++
	switch e := e.(type) {
	case *entry.Roster:
		f.roster(e)
	case *entry.Registration:
		if _, known := f.cameras[e.Camera]; known || len(f.cameras) < maxCameras {
			f.cameras[e.Camera] = Camera{Camera: e.Camera, Class: e.Class, FootageHours: e.FootageHours, From: e.From, Index: index, State: e.State, Until: e.Until}
		}
	case *entry.Alarm:
		f.alarms[string(e.What)]++
		f.newAlarms = newest(f.newAlarms, Alarm{e.At, e.Body, e.Camera, e.Class, e.Edge, index, e.What}, maxNewest)
	case *entry.Audit:
		f.audit(index, e)
	case *entry.Hold:
		f.holds++
		f.newHolds = newest(f.newHolds, Hold{e.At, e.Body, e.CamerasCount, index, e.Reason, e.Until}, maxNewest)
	case *entry.Policy:
		f.rules++
		f.newRules = newest(f.newRules, Policy{e.At, index, e.N, e.What}, maxNewest)
	case *entry.Looks:
		if e.Day != nil {
			f.day(index, e.Day)
		}
	case *entry.EpochKey:
		f.published(index, e)
	case *entry.EpochKeyDestroyed:
		f.destroyed(e)
	default:
		f.release(index, e)
	}
}

func newest[T any](list []T, one T, most int) []T {
	if len(list) >= most {
		list = slices.Delete(list, 0, len(list)-most+1)
	}
	return append(list, one)
}

func (f *Facts) odd(index int64, what entry.Word) {
	f.strangers++
	f.strange = newest(f.strange, Strange{index, what}, maxNewest)
}

func (f *Facts) roster(e *entry.Roster) {
	if f.begun != "" {
		return
	}
	if r, err := roster.First(e.Roster); err == nil {
		f.begun = r.ValidFrom
	}
}

func (f *Facts) audit(index int64, e *entry.Audit) {
	a := f.audited[e.Body]
	if a == nil {
		a = &Audited{Body: e.Body}
		f.audited[e.Body] = a
	}
	a.Checked += e.Checked
	a.Wrong += e.Wrong
	a.Entries++
	f.newAudits = newest(f.newAudits, Audit{e.Body, e.Checked, index, e.Week, e.Wrong}, maxNewest)
}

// day counts a closed day of looks, once.
func (f *Facts) day(index int64, e *entry.LooksDay) {
	i, known := slices.BinarySearchFunc(f.looks, e.Day, func(a LooksDay, d canonical.Day) int { return cmp.Compare(a.Day, d) })
	if known || i == 0 && len(f.looks) >= maxDays {
		f.odd(index, "day-twice")
		return
	}
	f.looks = slices.Insert(f.looks, i, LooksDay{e.Day, index, e.Looks})
	if len(f.looks) > maxDays {
		f.looks = slices.Delete(f.looks, 0, 1)
	}
	m := monthOf(string(e.Day))
	sum := f.looked[m]
	f.looked[m] = LooksMonth{Days: sum.Days + 1, Looks: sum.Looks + e.Looks, Month: m}
}

// monthOf is the beginning of a day or time: 2026-12.
func monthOf(at string) string { return at[:min(len(at), len("2026-12"))] }

func (f *Facts) month(at canonical.Time) *month {
	m := f.months[monthOf(string(at))]
	if m == nil {
		m = &month{opened: map[Opened]int64{}, refused: map[Refused]int64{}}
		f.months[monthOf(string(at))] = m
	}
	return m
}

// At is the summary up to a checkpoint that these facts end at, and whose time is now.
func (f *Facts) At(c *checkpoint.Checkpoint) *Summary {
	now := c.Time
	s := &Summary{
		Begun: f.begun, Format: Format, ReleasesBefore: f.before, StrangeNumber: f.strangers,
		Checkpoint: Checkpoint{Origin: c.Origin, Root: canonical.Hash(c.Root), Size: c.Size, Time: canonical.At(now), Witnesses: append([]city.Slug{}, c.Witnesses...)},
		Alarms:     Alarms{Counts: copied(f.alarms), Newest: append([]Alarm{}, f.newAlarms...)},
		Audits:     Audits{Bodies: []Audited{}, Newest: append([]Audit{}, f.newAudits...)},
		Entries:    copied(f.entries), Cameras: []Camera{}, EpochKeys: []EpochKeys{},
		Holds:    Holds{Newest: append([]Hold{}, f.newHolds...), Number: f.holds},
		Looks:    Looks{Days: append([]LooksDay{}, f.looks...), Months: []LooksMonth{}},
		Months:   []Month{},
		Policies: Policies{Newest: append([]Policy{}, f.newRules...), Number: f.rules},
		Releases: []Release{}, Strange: append([]Strange{}, f.strange...),
	}
	for _, body := range slices.Sorted(maps.Keys(f.audited)) {
		s.Audits.Bodies = append(s.Audits.Bodies, *f.audited[body])
	}
	for _, name := range slices.Sorted(maps.Keys(f.cameras)) {
		s.Cameras = append(s.Cameras, f.cameras[name])
	}
	for _, h := range slices.SortedFunc(maps.Keys(f.keys), holder.compare) {
		s.EpochKeys = append(s.EpochKeys, f.keys[h].at(h, now))
	}
	for _, m := range slices.Sorted(maps.Keys(f.looked)) {
		s.Looks.Months = append(s.Looks.Months, f.looked[m])
	}
	for _, m := range slices.Sorted(maps.Keys(f.months)) {
		s.Months = append(s.Months, f.months[m].at(m))
	}
	for _, r := range f.releases {
		s.Releases = append(s.Releases, r.at(now))
	}
	return s
}

func copied(m map[string]int64) map[string]int64 {
	out := make(map[string]int64, len(m))
	maps.Copy(out, m)
	return out
}

func (m *month) at(name string) Month {
	out := Month{Approved: m.approved, Month: name, Opened: []Opened{}, Refused: []Refused{}}
	for o, n := range m.opened {
		o.Number = n
		out.Opened = append(out.Opened, o)
	}
	for r, n := range m.refused {
		r.Number = n
		out.Refused = append(out.Refused, r)
	}
	slices.SortFunc(out.Opened, func(a, b Opened) int { return cmp.Or(cmp.Compare(a.Body, b.Body), cmp.Compare(a.Purpose, b.Purpose)) })
	slices.SortFunc(out.Refused, func(a, b Refused) int { return cmp.Or(cmp.Compare(a.Body, b.Body), cmp.Compare(a.Reason, b.Reason)) })
	return out
}

// endOf is when a day is over, UTC.
func endOf(d canonical.Day) time.Time { return d.Time().AddDate(0, 0, 1) }
