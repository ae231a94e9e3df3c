package rsmp

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"polity/city"
	"polity/services/traffic/network"
)

// Priority asks a controller to favour a signal group for one vehicle (M0022, requestPriority).
// How far, the controller decides; that it ends, too.
type Priority struct {
	ID      string // unique on the controller
	Group   string // id of the signal group, as the controller knows it
	Level   int    // from 0 to 14
	Arrives int    // in so many seconds, at most 255
	Vehicle string // bus or tram, as the protocol names them
	Cancel  bool   // the one with this ID is over
}

// Prioritise sends a request. The controller's refusal comes by Events.Refused.
func (s *Supervisor) Prioritise(site string, p *Priority) error {
	s.mu.Lock()
	ln := s.lines[site]
	s.mu.Unlock()
	if ln == nil {
		return city.Errorf(city.Unavailable, "the site %s is not connected", site)
	}
	m := newMessage(KindCommandRequest)
	m.Component = ln.site
	add := func(name, value string) {
		m.Arguments = append(m.Arguments, Argument{Code: "M0022", Name: name, Command: "requestPriority", Value: value})
	}
	add("requestId", p.ID)
	if p.Cancel {
		add("type", "cancel")
	} else {
		add("signalGroupId", p.Group)
		add("type", "new")
		add("eta", strconv.Itoa(p.Arrives))
		add("vehicleType", p.Vehicle)
	}
	add("level", strconv.Itoa(p.Level))
	return ln.send(m)
}

// How far the simulated controller goes for a request.
const (
	favours     = 20 * time.Second // at most
	favoursNext = 60 * time.Second // after the end of one before the next
)

// favour is a request that is followed.
type favour struct {
	id    string
	group int
	from  time.Time
	until time.Time
}

// prioritise takes a request; s.mu is held.
func (s *Site) prioritise(m Message) error {
	values := map[string]string{}
	answer := newMessage(KindCommandResponse)
	answer.Component, answer.CommandTime = m.Component, stamp(time.Now())
	for _, a := range m.Arguments {
		if a.Code != "M0022" {
			return city.Errorf(city.NotFound, "the command %s is not known here", a.Code)
		}
		values[a.Name] = a.Value
		v, err := json.Marshal(Answer{Code: a.Code, Name: a.Name, Value: a.Value, Age: "recent"})
		if err != nil {
			return err
		}
		answer.Values = append(answer.Values, v)
	}
	now := time.Now()
	switch values["type"] {
	case "cancel":
		if s.favour.id == values["requestId"] && now.Before(s.favour.until) {
			s.favour.until = now
		}
	case "new":
		j := s.n.Junctions[0]
		ids := make([]string, len(j.Groups))
		for g := range ids {
			ids[g] = j.GroupID(g)
		}
		group := slices.Index(ids, values["signalGroupId"])
		eta, err := strconv.Atoi(values["eta"])
		switch {
		case group < 0:
			return city.Errorf(city.NotFound, "M0022: there is no signal group %q", values["signalGroupId"])
		case err != nil || eta < 0 || eta > 255 || values["requestId"] == "":
			return city.Errorf(city.Invalid, "M0022: a request has an id and an eta from 0 to 255 seconds")
		case now.Before(s.favour.until.Add(favoursNext)):
			return city.Errorf(city.Conflict, "M0022: cooldown, another priority was followed a minute ago or less")
		}
		from := now.Add(max(0, time.Duration(eta)*time.Second-favours/2))
		s.favour = favour{values["requestId"], group, from, from.Add(favours)}
	default:
		return city.Errorf(city.Invalid, "M0022: type %q is none of new and cancel", values["type"])
	}
	return s.session.send(answer)
}

// favoured is the own plan's wish with a request in it: the stage that serves its group.
// s.mu is held.
func (s *Site) favoured(want network.Set, now time.Time) network.Set {
	if now.Before(s.favour.from) || !now.Before(s.favour.until) || want.Has(s.favour.group) {
		return want
	}
	for _, st := range s.n.Junctions[0].Stages {
		if st.Groups.Has(s.favour.group) {
			return st.Groups
		}
	}
	return want
}
