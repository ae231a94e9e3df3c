package casefile

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/release/bundle"
	"polity/release/export"
)

// Wanted is what to export.
type Wanted struct {
	Out     string      // folder of the bundle; made here
	Zip     string      // ZIP file beside it; empty: none
	Cameras []city.Slug // none: all of the case
	From    time.Time   // zero: the case's
	To      time.Time   // excluded; zero: the case's
	Mask    export.MaskKind
	By      string   // who makes it
	Program string   // polity and its version
	Open    []string // commitments to open: cameras, case, order, times

	Progress func(done, all int64) // nil: nobody hears
}

// Job is what an export derives the film from: the segments that are here and the marks.
// All that is not marked is masked.
func (s *Shelf) Job(w Wanted) (export.Job, error) {
	d := s.c.Details
	job := export.Job{Mask: w.Mask, Out: w.Out, Progress: w.Progress}
	from, to := cmp.Or(w.From, d.From.Time()), cmp.Or(w.To, d.To.Time())
	if from.Before(d.From.Time()) || to.After(d.To.Time()) || !from.Before(to) {
		return job, city.Errorf(city.Invalid, "%s to %s is not within the case's time, %s to %s", from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339), d.From, d.To)
	}
	notes, _, err := s.c.Notes()
	if err != nil {
		return job, err
	}
	cameras := w.Cameras
	if len(cameras) == 0 {
		cameras = d.Cameras
	}
	for _, camera := range cameras {
		if !slices.Contains(d.Cameras, camera) {
			return job, city.Errorf(city.NotFound, "the case has no camera %s", camera)
		}
		clip := s.clip(camera, from, to)
		if len(clip.Segments) == 0 {
			if len(w.Cameras) > 0 {
				return job, city.Errorf(city.NotFound, "nothing of camera %s is here between %s and %s", camera, from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339))
			}
			continue // what is not there is told by the case's report
		}
		for _, m := range notes.Marks {
			if m.Camera == camera && m.From < to.UnixMilli() && m.To > from.UnixMilli() {
				clip.Marks = append(clip.Marks, m.exported())
			}
		}
		job.Clips = append(job.Clips, clip)
	}
	if len(job.Clips) == 0 {
		return job, city.Errorf(city.NotFound, "there is nothing to export: no segment is here; 'polity case open' brings them")
	}
	return job, nil
}

// clip is a camera's segments within a time.
func (s *Shelf) clip(camera city.Slug, from, to time.Time) export.Clip {
	clip := export.Clip{Camera: camera, From: from, To: to}
	for _, p := range s.Pieces(camera) {
		end := p.End
		if p.Cut {
			end = p.Start.Add(cutLength)
		}
		if p.Start.Before(to) && end.After(from) {
			clip.Segments = append(clip.Segments, export.Segment{Header: p.Header, Trailer: p.Trailer, Open: func() (io.ReadCloser, error) { return s.Open(p) }})
		}
	}
	return clip
}

// cutLength is how long a segment that was cut may be: longer than recorders make them.
const cutLength = 12 * time.Second

func (m *Mark) exported() export.Mark {
	e := export.Mark{From: m.From, To: m.To}
	for _, k := range m.Keys {
		e.Keys = append(e.Keys, export.Position(k))
	}
	return e
}

// Export masks all but what was marked, and writes the bundle. That it was exported is in
// the log of views before.
func (s *Shelf) Export(ctx context.Context, w Wanted, views *Views) (*bundle.Report, error) {
	c := s.c
	if c.office.id == nil {
		return nil, city.Errorf(city.Forbidden, "a passphrase is needed")
	}
	if err := fresh(w.Out, w.Zip); err != nil {
		return nil, err
	}
	openings, err := c.openings(w.Open)
	if err != nil {
		return nil, err
	}
	job, err := s.Job(w)
	if err != nil {
		return nil, err
	}
	if err := views.Add(View{What: Exported}); err != nil {
		return nil, err
	}
	film, err := export.Export(ctx, job)
	if err != nil {
		return nil, err
	}
	proofs, err := c.Proofs()
	if err != nil {
		return nil, err
	}
	said, err := readFile(c.path(viewsFile), maxViews)
	if err != nil {
		return nil, err
	}
	segments, hours := map[city.Slug][]export.Segment{}, map[city.Slug][]bundle.Hour{}
	for _, clip := range job.Clips {
		segments[clip.Camera] = clip.Segments
		if hours[clip.Camera], err = s.completing(clip.Camera, clip.Segments); err != nil {
			return nil, err
		}
	}
	return bundle.Write(ctx, bundle.Parts{
		Dir: w.Out, File: w.Zip, Film: film, Rosters: c.office.Rosters(), Token: c.Token.ID, Office: c.office.about.Body, Device: c.office.about.Device,
		Key: c.office.id.Private(), By: w.By, Program: w.Program, Made: time.Now(), Proofs: proofs, Segments: segments, Hours: hours, Openings: openings, Views: said,
	})
}

// fresh refuses to write over what is there.
func fresh(out, zip string) error {
	if out == "" {
		return city.Errorf(city.Invalid, "name a folder for the bundle")
	}
	list, err := os.ReadDir(out)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("look at the folder of the bundle: %w", err)
	}
	if len(list) > 0 {
		return city.Errorf(city.Conflict, "%s is not empty; name another folder", out)
	}
	if zip != "" {
		if _, err := os.Lstat(zip); !errors.Is(err, os.ErrNotExist) {
			return city.Errorf(city.Conflict, "there is a file %s already; name another one", zip)
		}
	}
	return nil
}

// openings are the commitments that are opened in the bundle.
func (c *Case) openings(names []string) (*bundle.Openings, error) {
	if len(names) == 0 {
		return nil, nil
	}
	d := c.Details
	o := &bundle.Openings{Format: bundle.OpeningsFormat}
	for _, name := range names {
		switch name {
		case "cameras":
			o.Cameras, o.Salts.Cameras = d.Cameras, &d.Salts.Cameras
		case "case":
			o.Case, o.Salts.Case = d.Case, &d.Salts.Case
		case "order":
			o.Order, o.Salts.Order = d.Order, &d.Salts.Order
		case "times":
			o.From, o.To, o.Salts.Times = d.From, d.To, &d.Salts.Times
		default:
			return nil, city.Errorf(city.Invalid, "%.40q cannot be opened: there are cameras, case, order and times", name)
		}
	}
	return o, nil
}

// Derived is how one clip of a bundle compares with the sealed segments.
type Derived struct {
	File     string
	Pictures bool  // the same pictures, before they were encoded
	Bytes    *bool // the same file; nil: not compared, since the bundle is a ZIP file
}

// Check derives the film of a bundle again from the sealed segments that are here, and
// compares. Same tells how each clip compares.
func (s *Shelf) Check(ctx context.Context, path string, told func(done, all int64)) (same []Derived, record *export.Record, err error) {
	report, err := bundle.Verify(ctx, path, bundle.Options{Trusted: s.c.office.rosters[0]})
	if err != nil {
		return nil, nil, err
	}
	if report.Record == nil || report.Record.Token != s.c.Token.ID {
		return nil, nil, city.Errorf(city.Invalid, "this is no bundle of the case %s", s.c.Code())
	}
	job := export.Job{Mask: report.Record.Mask.Kind, Progress: told}
	for _, r := range report.Record.Clips {
		i := slices.IndexFunc(job.Clips, func(c export.Clip) bool { return c.Camera == r.Camera })
		if i < 0 {
			job.Clips = append(job.Clips, export.Clip{Camera: r.Camera, From: time.UnixMilli(r.From).UTC(), To: time.UnixMilli(r.To).UTC(), Marks: r.Marks})
			continue
		}
		job.Clips[i].To = time.UnixMilli(r.To).UTC()
	}
	for i := range job.Clips {
		clip := s.clip(job.Clips[i].Camera, job.Clips[i].From, job.Clips[i].To)
		job.Clips[i].Segments = clip.Segments
	}
	sums := map[string]hash.Hash{}
	record, err = export.Derive(ctx, job, func(name string) io.Writer {
		sums[name] = sha256.New()
		return sums[name]
	})
	if err != nil {
		return nil, nil, err
	}
	for _, r := range report.Record.Clips {
		d := Derived{File: r.File}
		i := slices.IndexFunc(record.Clips, func(c export.ClipRecord) bool { return c.File == r.File })
		if i >= 0 {
			d.Pictures = record.Clips[i].PicturesHash == r.PicturesHash
			d.Bytes = sameFile(filepath.Join(path, filepath.FromSlash(r.File)), sums, r.File)
		}
		same = append(same, d)
	}
	return same, record, nil
}

// sameFile compares a file of a folder with what was derived; nil: there is none.
func sameFile(path string, sums map[string]hash.Hash, name string) *bool {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil
	}
	for _, key := range []string{name, filepath.Base(name)} {
		if sum, ok := sums[key]; ok {
			is := canonical.Hash(sum.Sum(nil)) == canonical.Hash(h.Sum(nil))
			return &is
		}
	}
	return nil
}
