package live

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"polity/city"
	"polity/services/power/storm"
)

// Tag keeps a switch from being moved: somebody works there, or has locked it.
type Tag struct {
	Line   string    `json:"line"`
	Reason string    `json:"reason"`
	By     string    `json:"by"` // name of the person
	At     time.Time `json:"at"`
}

const (
	tagsMost   = 200
	reasonMost = 200 // characters
)

// sentence trims what a person wrote, and refuses what does not stand in one line.
func sentence(what, text string) (string, error) {
	text = strings.TrimSpace(text)
	if text == "" || utf8.RuneCountInString(text) > reasonMost || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return "", city.Errorf(city.Invalid, "say %s in one line of at most %d characters", what, reasonMost)
	}
	return text, nil
}

// HangTag keeps a line's switch where it is until the tag is taken off. An order that would
// move it is refused, also one that was agreed to before.
func (s *Service) HangTag(by, line, reason string) error {
	if by == "" {
		return city.Errorf(city.Forbidden, "a tag has the name of the person who hung it")
	}
	reason, err := sentence("why the switch must stay", reason)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case lineOf(s.net, line) < 0:
		return city.Errorf(city.NotFound, "the network has no line %s", line)
	case slices.ContainsFunc(s.kept.Tags, func(t Tag) bool { return t.Line == line }):
		return city.Errorf(city.Conflict, "%s has a tag already", line)
	case len(s.kept.Tags) >= tagsMost:
		return city.Errorf(city.Conflict, "%d tags hang: take off those that are not needed", tagsMost)
	}
	s.kept.Tags = append(s.kept.Tags, Tag{line, reason, by, s.deps.Now().UTC()})
	if err := s.save(); err != nil {
		s.kept.Tags = s.kept.Tags[:len(s.kept.Tags)-1]
		return err
	}
	s.ring()
	return nil
}

// TakeTag takes a tag off.
func (s *Service) TakeTag(line string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.kept.Tags, func(t Tag) bool { return t.Line == line })
	if i < 0 {
		return city.Errorf(city.NotFound, "%s has no tag", line)
	}
	was := slices.Clone(s.kept.Tags)
	s.kept.Tags = slices.Delete(s.kept.Tags, i, i+1)
	if err := s.save(); err != nil {
		s.kept.Tags = was
		return err
	}
	s.ring()
	return nil
}

// HearCall takes the call of a resident at a bus who has no power. Of whom nobody asks: each
// call counts as one home there, until as many called as there are.
func (s *Service) HearCall(bus string) error {
	s.mu.Lock()
	home := -1
	for i := range s.net.Loads {
		if l := &s.net.Loads[i]; s.net.Buses[l.At.Bus].Name == bus && !l.OutOfService {
			if said, has := s.reports[i]; !has || !said.Dark {
				home = i
				break
			}
			home = -2
		}
	}
	now := s.deps.Now()
	s.mu.Unlock()
	switch home {
	case -1:
		return city.Errorf(city.NotFound, "there is no home at bus %s", bus)
	case -2:
		return nil // every home there is known to be dark
	}
	s.Tell([]storm.Message{{At: now, Load: home, Dark: true, Call: true}})
	return nil
}

// NoteMended takes the word of a person that a crew has mended a line and left it. It stays
// dead until an order puts it back.
func (s *Service) NoteMended(by, fault string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.byID(fault)
	switch {
	case by == "":
		return city.Errorf(city.Forbidden, "that a line is mended, a person says")
	case f == nil:
		return city.Errorf(city.NotFound, "there is no such fault any more")
	case s.cfg.Simulate != "":
		return city.Errorf(city.Conflict, "the crew is made up, and says itself when the line is mended")
	case f.Mended:
		return city.Errorf(city.Conflict, "%s is mended already", f.Name)
	case !f.Isolated:
		return city.Errorf(city.Conflict, "%s is not cut out: nobody can have worked on it", f.Name)
	}
	for i := range s.kept.Tags {
		if t := &s.kept.Tags[i]; t.Line == f.Name {
			return city.Errorf(city.Conflict, "%s has the tag of %s: it is taken off first", f.Name, t.By)
		}
	}
	f.Mended, f.MendedBy, f.Note = true, by, ""
	if err := s.save(); err != nil {
		f.Mended, f.MendedBy = false, ""
		return err
	}
	s.ring()
	return nil
}

// Again has another order looked for where a person refused one, or nothing could be proposed.
func (s *Service) Again(fault string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.byID(fault)
	switch {
	case f == nil:
		return city.Errorf(city.NotFound, "there is no such fault any more")
	case f.Waiting != "" && f.Waiting == s.carrying:
		return city.Errorf(city.Conflict, "its order is being carried out")
	}
	f.Waiting, f.Order, f.Note, f.Noted = "", nil, "", ""
	if err := s.save(); err != nil {
		return err
	}
	s.ring()
	return nil
}
