package opendata

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/internal/durable"
)

// Index is what is published of a set, oldest first.
type Index struct {
	Set   city.Slug   `json:"set"`
	Keep  int64       `json:"keep_seconds"` // how long a day is published; 0 for ever
	Days  []Published `json:"days"`
	Month []Published `json:"months"`
}

// Published is the files of one day or month.
type Published struct {
	Name     string          `json:"name"` // 2026-11-29 or 2026-11
	From     time.Time       `json:"from"`
	To       time.Time       `json:"to"`
	Revision int             `json:"revision"` // 1, and one more with each correction
	At       time.Time       `json:"published"`
	Rows     int64           `json:"rows"`
	Files    map[string]File `json:"files"` // by ending
	// Corrections are the reasons of later revisions, in order.
	Corrections []Correction `json:"corrections,omitempty"`
}

// File is one file.
type File struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Correction says why published bytes were replaced.
type Correction struct {
	At     time.Time         `json:"at"`
	Reason string            `json:"reason"`
	Was    map[string]string `json:"was"` // SHA-256 of the bytes before, by ending
}

func (p *Published) file(dir, ending string) string {
	return filepath.Join(dir, fmt.Sprintf("%s.%d.%s", p.Name, p.Revision, ending))
}

func find(list []Published, name string) int {
	return slices.IndexFunc(list, func(p Published) bool { return p.Name == name })
}

func insert(list []Published, p Published) []Published {
	if i := find(list, p.Name); i >= 0 {
		list[i] = p
		return list
	}
	i, _ := slices.BinarySearchFunc(list, p, func(a, b Published) int { return strings.Compare(a.Name, b.Name) })
	return slices.Insert(list, i, p)
}

// readIndex reads a set's index; an empty one if there is none.
func readIndex(dir string, set city.Slug) (*Index, error) {
	x := &Index{Set: set, Days: []Published{}, Month: []Published{}}
	text, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if errors.Is(err, os.ErrNotExist) {
		return x, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, x); err != nil {
		return nil, fmt.Errorf("%s is damaged; put it back from a backup, or move the folder away to publish anew: %w", filepath.Join(dir, "index.json"), err)
	}
	return x, nil
}

func (x *Index) write(dir string) error {
	text, err := json.MarshalIndent(x, "", " ")
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, "index.json"), append(text, '\n'), 0o600)
}

// clone is a copy that nobody else changes.
func (x *Index) clone() *Index {
	c := *x
	c.Days, c.Month = slices.Clone(x.Days), slices.Clone(x.Month)
	return &c
}

// since and until are the time that is published; zero if nothing is.
func (x *Index) since() time.Time {
	if len(x.Days) == 0 {
		return time.Time{}
	}
	return x.Days[0].From
}

func (x *Index) until() time.Time {
	if len(x.Days) == 0 {
		return time.Time{}
	}
	return x.Days[len(x.Days)-1].To
}
