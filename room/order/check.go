package order

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"polity/city"
)

// Bounds of what people write, in characters.
const (
	TaskMax  = 500
	WhereMax = 200
	NoteMax  = 2000
	assetMax = 256
	keyMax   = 200 // of an alert or a decision
)

// PhotosMax is the most photos of one order; entriesMax the most lines of a timeline.
const (
	PhotosMax  = 6
	entriesMax = 200
)

// clean trims what somebody wrote, and refuses what could hide or break lines where it
// is shown.
func clean(what, s string, limit int, lines bool) (string, error) {
	s = strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n"))
	if !utf8.ValidString(s) {
		return "", city.Errorf(city.Invalid, "%s: this is no text in UTF-8", what)
	}
	if n := utf8.RuneCountInString(s); n > limit {
		return "", city.Errorf(city.Invalid, "%s: %d characters are too many, at most %d", what, n, limit)
	}
	for _, r := range s {
		if (unicode.IsControl(r) && (r != '\n' || !lines)) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return "", city.Errorf(city.Invalid, "%s: the character %U may not stand in it", what, r)
		}
	}
	return s, nil
}

func checkContent(desk city.Slug, c *Content) (err error) {
	list := Kinds(desk)
	if list == nil {
		return city.Errorf(city.Invalid, "there is no desk %.48q", string(desk))
	}
	if !slices.Contains(list, c.Kind) {
		return city.Errorf(city.Invalid, "%.48q is no kind of order of the desk %s: %s", string(c.Kind), desk, joined(list))
	}
	if !slices.Contains(Priorities(), c.Priority) {
		return city.Errorf(city.Invalid, "%.48q is no priority: %s", string(c.Priority), joined(Priorities()))
	}
	if c.Task, err = clean("task", c.Task, TaskMax, true); err != nil {
		return err
	}
	if c.Task == "" {
		return city.Errorf(city.Invalid, "task: say in a sentence what is to be done")
	}
	if c.Where, err = clean("place in words", c.Where, WhereMax, false); err != nil {
		return err
	}
	if c.Asset, err = clean("asset", c.Asset, assetMax, false); err != nil {
		return err
	}
	if strings.ContainsAny(c.Asset, " <>\"") {
		return city.Errorf(city.Invalid, "asset: this is no entity's id")
	}
	if c.Place != nil {
		if err := c.Place.Check(); err != nil {
			return err
		}
	}
	if c.Asset == "" && c.Place == nil && c.Where == "" {
		return city.Errorf(city.Invalid, "place: name an asset, a place on the map, or the place in words")
	}
	if c.Due != nil {
		if y := c.Due.Year(); y < 2000 || y > 9999 {
			return city.Errorf(city.Invalid, "due: the year %d is none for a work order", y)
		}
		due := c.Due.UTC().Truncate(time.Second)
		c.Due = &due
	}
	return nil
}

func joined[S ~string](list []S) string {
	words := make([]string, len(list))
	for i, s := range list {
		words[i] = string(s)
	}
	return strings.Join(words, ", ")
}

// checkRequestKey refuses keys that a client could not have made in earnest.
func checkRequestKey(key string) error {
	bad := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	}
	if len(key) < 16 || len(key) > 64 || strings.ContainsFunc(key, bad) {
		return city.Errorf(city.Invalid, "key: each change needs a key of its own, 16 to 64 characters A-Z, a-z, 0-9 and hyphens, repeated with each attempt")
	}
	return nil
}

func checkSource(s *Source) (err error) {
	if s.Key, err = clean("source", s.Key, keyMax, false); err != nil {
		return err
	}
	switch {
	case s.From == "" && *s == Source{}:
		return nil
	case s.From == FromAlert && s.Key != "" && s.Service == "" && s.Reason == "" && s.Level == "":
		return nil
	case s.From == FromDecision && s.Key != "":
		return nil
	}
	return city.Errorf(city.Invalid, "source: an order comes from an alert with its key, from a decision, or from nothing")
}
