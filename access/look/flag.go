package look

import (
	"slices"
	"time"

	"polity/access"
	"polity/city"
)

// tally is how often each looked on a day.
type tally map[string]*looker

type looker struct {
	looks int
	roles []access.Role
}

func tallyOf(d *details) tally {
	t := tally{}
	for _, l := range d.looks {
		t.add(l.Who, &looker{1, l.Roles})
	}
	return t
}

func (t tally) add(who string, o *looker) {
	l := t[who]
	if l == nil {
		l = &looker{}
		t[who] = l
	}
	l.looks += o.looks
	for _, r := range o.roles {
		if !slices.Contains(l.roles, r) {
			l.roles = append(l.roles, r)
		}
	}
}

// many flags those who looked far more than others with the same role, over the last days
// and the one that ends, on which they looked, too.
func (x *batch) many() {
	h := x.b.cfg.Settings.Heavy
	all := tally{}
	today := tallyOf(x.b.today)
	days := append(slices.Clone(x.b.recent[max(0, len(x.b.recent)-h.Days+1):]), today)
	for _, day := range days {
		for who, l := range day {
			all.add(who, l)
		}
	}
	for _, who := range sortedNames(all) {
		l := all[who]
		if today[who] == nil || l.looks < h.Least || x.b.today.flagged(who, Many) {
			continue
		}
		for _, role := range l.roles {
			usual, ok := all.median(role, who)
			if limit := h.Times * usual; ok && float64(l.looks) > limit {
				x.flag(Flag{Who: who, Rule: Many, Role: role, Number: l.looks, Usual: usual, Limit: limit})
				break
			}
		}
	}
}

func sortedNames(t tally) []string {
	var names []string
	for who := range t {
		names = append(names, who)
	}
	slices.Sort(names)
	return names
}

// median of looks of those with a role, but for one; not ok if there is nobody else.
func (t tally) median(role access.Role, but string) (v float64, ok bool) {
	var looks []int
	for who, l := range t {
		if who != but && slices.Contains(l.roles, role) {
			looks = append(looks, l.looks)
		}
	}
	if len(looks) == 0 {
		return 0, false
	}
	slices.Sort(looks)
	return float64(looks[(len(looks)-1)/2]+looks[len(looks)/2]) / 2, true
}

// sighting is that a person began to look through a camera.
type sighting struct {
	at     time.Time
	camera city.Slug
}

// wide flags who looked through many cameras within an hour.
func (x *batch) wide(l *Detail) {
	if l.On != access.ACamera {
		return
	}
	b := x.b
	was := b.cams[l.Who]
	x.undo = append(x.undo, func() { b.cams[l.Who] = was })
	list := slices.DeleteFunc(slices.Clone(was), func(s sighting) bool { return x.at.Sub(s.at) >= time.Hour || s.camera == l.Name })
	b.cams[l.Who] = append(list, sighting{x.at, l.Name})
	if n, most := len(b.cams[l.Who]), b.cfg.Settings.Heavy.Cameras; n > most && !b.today.flagged(l.Who, Wide) {
		x.flag(Flag{Who: l.Who, Rule: Wide, Number: n, Limit: float64(most)})
	}
}

func (x *batch) flag(f Flag) {
	f.Day = x.b.today.day
	x.add(record{Flag: &f})
	f.At = at(x.at)
	was := x.b.tell
	x.b.tell = append(slices.Clip(was), f)
	x.undo = append(x.undo, func() { x.b.tell = was })
}
