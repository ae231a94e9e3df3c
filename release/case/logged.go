package casefile

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"maps"
	"slices"
	"time"

	"polity/city"
	"polity/ledger/entry"
	"polity/ledger/proof"
	"polity/recording/root"
)

// Logged is what the public log says of the case's segments.
type Logged struct {
	Entries  int64    // of the log
	Hours    int      // whose segments are all here and add up to the root in the log
	Listed   int      // of which the case has only some, which stand under the root by the hour's list
	Partial  int      // of which not all segments are in the case, and no list: not compared
	Absent   int      // that are not in the log (yet)
	Lists    []string // that are not the log's, in words: forgotten
	Problems []string
}

// hourOf names an hour of a camera.
type hourOf struct {
	camera city.Slug
	hour   time.Time
}

func (h hourOf) String() string { return string(h.camera) + "-" + h.hour.Format("20060102T15") }

// search looks through the log for what concerns the case.
type search struct {
	hours   map[hourOf]found[*entry.Segments]
	cameras map[city.Slug][]found[*entry.Registration]
	ours    map[string]int64 // indexes of the case's own entries, by name
	wanted  map[string]string
}

type found[E any] struct {
	index int64
	entry E
}

// CheckLog reads the whole log and holds the case's segments to it: that a registration
// names their recorder, and each hour of which all segments are here, or the hashes of all,
// to the root in the log. It keeps proofs of these entries and of the case's own.
func (s *Shelf) CheckLog(ctx context.Context, source proof.Source, told func(done, all int64)) (*Logged, error) {
	c := s.c
	ours, err := c.entries()
	if err != nil {
		return nil, err
	}
	f := &search{hours: map[hourOf]found[*entry.Segments]{}, cameras: map[city.Slug][]found[*entry.Registration]{}, ours: map[string]int64{}, wanted: map[string]string{}}
	for name, b := range ours {
		f.wanted[string(b)] = name
	}
	report, err := proof.Verify(ctx, source, c.office.newest(), proof.Options{Progress: told, NoSignatures: true, Each: func(i int64, e entry.Entry) { f.each(c, i, e) }})
	if err != nil {
		return nil, err
	}
	if len(report.Problems) > 0 {
		p := report.Problems[0]
		return nil, city.Errorf(city.Invalid, "the log is wrong at entry %d: %s; 'polity verify log' tells more", p.Index, p.What)
	}
	if report.Checkpoint == nil {
		return nil, city.Errorf(city.Invalid, "the log's checkpoint does not count")
	}
	if _, err := c.office.see(report.Checkpoint.File()); err != nil {
		return nil, err
	}
	l := &Logged{Entries: report.Entries}
	keep := map[string]int64{}
	maps.Copy(keep, f.ours)
	if err := s.compare(f, l, keep); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(keep)) {
		p, err := proof.Prove(ctx, source, keep[name], c.roster)
		if err == nil {
			err = c.prove(name, p)
		}
		if err != nil {
			return l, fmt.Errorf("proof of %s: %w", name, err)
		}
	}
	return l, nil
}

func (f *search) each(c *Case, index int64, e entry.Entry) {
	switch e := e.(type) {
	case *entry.Segments:
		if slices.Contains(c.Details.Cameras, e.Camera) {
			f.hours[hourOf{e.Camera, e.Hour.Time()}] = found[*entry.Segments]{index, e}
		}
	case *entry.Registration:
		if slices.Contains(c.Details.Cameras, e.Camera) && len(e.Recorder) == ed25519.PublicKeySize {
			f.cameras[e.Camera] = append(f.cameras[e.Camera], found[*entry.Registration]{index, e})
		}
	case *entry.ReleaseRequested, *entry.ReleaseApproved, *entry.ReleaseRefused, *entry.ReleaseOpened, *entry.ReleaseDetails:
		b, err := entry.Encode(e)
		if err != nil {
			return
		}
		if name, ok := f.wanted[string(b)]; ok {
			f.ours[name] = index
		}
	}
}

// compare holds the pieces to what was found, and names the entries to be proven.
func (s *Shelf) compare(f *search, l *Logged, keep map[string]int64) error {
	for _, camera := range s.Cameras() {
		hours := map[time.Time][]*Piece{}
		unknown := map[[32]byte]int{}
		for _, p := range s.Pieces(camera) {
			hour := p.Start.Truncate(time.Hour)
			hours[hour] = append(hours[hour], p)
			i := slices.IndexFunc(f.cameras[camera], func(r found[*entry.Registration]) bool { return [32]byte(r.entry.Recorder) == p.Header.Recorder })
			if i < 0 {
				unknown[p.Header.Recorder]++
				continue
			}
			name := "camera-" + string(camera)
			if _, ok := keep[name]; !ok {
				keep[name] = f.cameras[camera][i].index
			}
		}
		for key, n := range unknown {
			l.Problems = append(l.Problems, fmt.Sprintf("camera %s: %s signed by the recorder %x..., which no registration in the log names", camera, count(n), key[:6]))
		}
		for _, hour := range slices.SortedFunc(maps.Keys(hours), time.Time.Compare) {
			if err := s.compareHour(hourOf{camera, hour}, hours[hour], f, l, keep); err != nil {
				return err
			}
		}
	}
	slices.Sort(l.Problems)
	return nil
}

func (s *Shelf) compareHour(id hourOf, pieces []*Piece, f *search, l *Logged, keep map[string]int64) error {
	found, ok := f.hours[id]
	if !ok {
		l.Absent++
		return nil
	}
	keep["hour-"+id.String()] = found.index
	said, hashes := found.entry, hashesOf(pieces)
	list, wrong, err := s.held(id, said)
	if err != nil {
		return err
	}
	if wrong != "" {
		l.Lists = append(l.Lists, wrong)
	}
	problem := func(format string, args ...any) {
		l.Problems = append(l.Problems, fmt.Sprintf("camera %s, %s: ", id.camera, clock(id.hour))+fmt.Sprintf(format, args...))
	}
	whole := !id.hour.Before(s.c.Details.From.Time()) && !id.hour.Add(time.Hour).After(s.c.Details.To.Time())
	switch n := int64(len(pieces)); {
	case list != nil && !list.Holds(hashes), n == said.Count && root.Of(hashes) != root.Hash(said.Root):
		problem("the segments are not those that the log has for this hour")
	case n == said.Count:
		l.Hours++
	case whole || n > said.Count:
		problem("the log has %s of this hour, %d are here", count(int(said.Count)), n)
	case list != nil:
		l.Listed++
	default:
		l.Partial++
	}
	return nil
}
