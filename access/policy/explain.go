package policy

import (
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/cedar-policy/cedar-go"

	"polity/access"
)

// Considered is a policy that a decision had to look at.
type Considered struct {
	Rule
	Holds bool // its scope and all its conditions
	Error string
}

// Consider lists the policies about an action, such a thing and such an asker, forbids
// first, and whether each holds for the one who asks.
func (p *Policies) Consider(who access.Who, do access.Action, on access.Thing, at access.Circumstances) []Considered {
	if on.Kind == "" {
		on.Kind = access.TheCity
	}
	if sound(who, do, on) != "" {
		return nil
	}
	if !slices.Contains(p.purposes, who.Purpose) {
		who.Purpose = ""
	}
	q := p.question(who, do, on, at)
	var list []Considered
	for _, r := range p.byAction[do].rules {
		if !r.meant(q) {
			continue
		}
		_, d := cedar.Authorize(&ruleSet{rules: []Rule{r}}, &q.world, q.request)
		c := Considered{Rule: r, Holds: len(d.Reasons) > 0}
		if len(d.Errors) > 0 {
			c.Error = d.Errors[0].Message
		}
		list = append(list, c)
	}
	return list
}

// Source is where policies come from: those of a hub, or the shipped ones alone.
type Source struct {
	*Policies
	Files   []File  // a city's own that are in effect
	Entries []Entry // of the book
	Head    string  // SHA-256 of the newest entry
	// Differs says that the folder is not what two people agreed to; nil: it is.
	Differs error
}

// Look reads policies and their book without changing either, whether or not a hub uses
// them.
func Look(cfg Config) (*Source, error) {
	s := &Source{}
	var err error
	if s.Entries, s.Head, _, err = ReadBook(cfg.Book); err != nil {
		return nil, err
	}
	var files []File
	if _, err := os.Stat(cfg.Folder); !errors.Is(err, fs.ErrNotExist) { // a hub makes it at its first start
		if files, err = ReadFolder(cfg.Folder); err != nil {
			return nil, err
		}
	}
	s.Files = files
	if len(s.Entries) > 0 {
		s.Files = inEffect(s.Entries)
		if Hash(files) != Hash(s.Files) {
			s.Differs = differs(cfg.Folder, files, s.Files)
		}
	}
	s.Policies, err = New(s.Files, cfg.Purposes)
	return s, err
}
