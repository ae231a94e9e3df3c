package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"polity/city"
	"polity/internal/durable"
	"polity/recording/segment"
)

// Size at which a film goes on in another file; a ZIP member has less than 4 GiB.
const partSize = 2 << 30

// maxParts is how many files one camera's film may have.
const maxParts = 999

// Export makes the film of a job, and returns how it was derived. When it returns nil the
// files are on disk. The same job, on the same version of ffmpeg, gives the same files
// and the same record. Errors of kind Invalid say what is wrong with the job.
func Export(ctx context.Context, job Job) (*Record, error) {
	if job.Out == "" {
		return nil, city.Errorf(city.Invalid, "export: name a folder to write to")
	}
	dir := filepath.Join(job.Out, "clips")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	rec, err := derive(ctx, &job, func(name string) (target, error) { return newFile(dir, name) })
	if err != nil {
		return nil, err
	}
	if err := durable.SyncDir(dir); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return rec, nil
}

// Derive derives the film of a job as Export does, and writes it nowhere: each file goes
// to what create returns.
func Derive(ctx context.Context, job Job, create func(name string) io.Writer) (*Record, error) {
	return derive(ctx, &job, func(name string) (target, error) { return nowhere{create(name)}, nil })
}

// target is what a film is written to.
type target interface {
	io.Writer
	keep() error
	drop()
}

// file is a film on disk that has its name once it is whole.
type file struct {
	*os.File
	name string
}

func newFile(dir, name string) (*file, error) {
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return &file{f, filepath.Join(dir, name)}, nil
}

func (f *file) keep() error {
	err := errors.Join(f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), f.name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

func (f *file) drop() {
	f.Close()
	_ = os.Remove(f.Name())
}

type nowhere struct{ io.Writer }

func (nowhere) keep() error { return nil }
func (nowhere) drop()       {}

func derive(ctx context.Context, job *Job, create func(name string) (target, error)) (*Record, error) {
	mask, err := MaskOf(job.Mask)
	if err != nil {
		return nil, err
	}
	if len(job.Clips) == 0 {
		return nil, city.Errorf(city.Invalid, "export: no camera was named")
	}
	all, seen := int64(0), map[city.Slug]bool{}
	for i := range job.Clips {
		c := &job.Clips[i]
		if err := c.check(); err != nil {
			return nil, err
		}
		if seen[c.Camera] {
			return nil, city.Errorf(city.Invalid, "export: camera %s stands twice", c.Camera)
		}
		seen[c.Camera] = true
		all += int64(len(c.Segments))
	}
	said, err := version(ctx)
	if err != nil {
		return nil, err
	}
	rec := &Record{
		Mask:    mask,
		Decoder: Tool{strings.Join(decoding, " "), "ffmpeg", said},
		Encoder: Tool{encodingForm(), "ffmpeg", said},
	}
	done := int64(0)
	for i := range job.Clips {
		m := &maker{ctx: ctx, clip: &job.Clips[i], kind: mask.Kind, create: create, told: func() {
			if done++; job.Progress != nil {
				job.Progress(done, all)
			}
		}}
		if err := m.run(); err != nil {
			m.drop()
			return nil, fmt.Errorf("export of %s: %w", job.Clips[i].Camera, err)
		}
		rec.Clips = append(rec.Clips, m.done...)
		if m.version != "" {
			rec.Encoder.Version = said + "; " + m.version
		}
	}
	slices.SortFunc(rec.Clips, func(a, b ClipRecord) int { return cmp.Compare(a.File, b.File) })
	return rec, nil
}

// slack is how much may lie between two segments without being shown as grey,
// milliseconds.
var slack = segment.Slack.Milliseconds()

// maker makes one camera's film.
type maker struct {
	ctx    context.Context
	clip   *Clip
	kind   MaskKind
	create func(name string) (target, error)
	told   func()

	part    *part // that is being written; nil: none
	done    []ClipRecord
	version string
	waiting []int64   // times of grey pictures that came before the size of any was known
	pending []Problem // of the next part
	seqs    []int64   // segments that were used before the size of any was known
	to      int64     // up to which time there are pictures or grey
	size    [2]int    // of the pictures before
}

// without is the size of a film of which nothing could be opened.
var without = [2]int{640, 360}

func (m *maker) run() error {
	from, to := m.clip.From.UnixMilli(), m.clip.To.UnixMilli()
	m.to = from
	last := int64(0)
	for i := range m.clip.Segments {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		s := &m.clip.Segments[i]
		n := int64(s.Header.Sequence & (1<<62 - 1))
		if start := s.Header.Start.UnixMilli(); start >= to || (s.Trailer.State != segment.Cut && s.Trailer.End.UnixMilli() <= from) {
			if start < to {
				last = n
			}
			m.told()
			continue // none of its pictures lies in the clip's times
		}
		if err := m.between(s, n, last); err != nil {
			return err
		}
		if err := m.segment(s, n); err != nil {
			return err
		}
		last = n
		m.told()
	}
	if m.to+slack < to {
		m.problem(0, Missing)
		if err := m.grey(m.to, to); err != nil {
			return err
		}
	}
	if m.part == nil && len(m.waiting) > 0 {
		if err := m.begin(without); err != nil {
			return err
		}
	}
	if m.part == nil {
		return city.Errorf(city.Invalid, "no picture lies in its times")
	}
	return m.end(min(max(m.to, from), to))
}

// between makes grey what is missing before a segment.
func (m *maker) between(s *Segment, n, last int64) error {
	start := s.Header.Start.UnixMilli()
	missing := last > 0 && n > last+1
	if !missing && start <= m.to+slack {
		return nil
	}
	what := Gap
	if missing || (last == 0 && s.Header.Gap == segment.None) {
		what = Missing
	}
	m.problem(n, what)
	return m.grey(m.to, start)
}

// problem notes why something is grey. A film's record has room for so many.
func (m *maker) problem(sequence int64, what What) {
	list := &m.pending
	if m.part != nil {
		list = &m.part.rec.Problems
	}
	if len(*list) < maxProblems {
		*list = append(*list, Problem{sequence, what})
	}
}

const maxProblems = 10_000

// grey fills a time with a grey picture a second.
func (m *maker) grey(from, to int64) error {
	for at := from; at < to; at += 1000 {
		if err := m.add(at, nil); err != nil {
			return err
		}
	}
	m.to = max(m.to, to)
	return nil
}

// segment adds a segment's pictures, or grey in their place.
func (m *maker) segment(s *Segment, n int64) error {
	start, end := s.Header.Start.UnixMilli(), s.Trailer.End.UnixMilli()
	r, err := unreel(s)
	if err != nil {
		m.used(n)
		m.problem(n, Unreadable)
		return m.grey(max(start, m.to), max(end, start+1))
	}
	defer r.wipe()
	if err := m.fit(r.film.Width&^1, r.film.Height&^1); err != nil {
		return err
	}
	m.used(n)
	all, err := r.play(m.ctx, func(one shot, p *picture) error {
		m.to = max(m.to, one.until)
		return m.add(one.ms, p)
	})
	if err != nil {
		return err
	}
	if !all {
		m.problem(n, Undecoded)
	}
	m.to = max(m.to, end)
	return nil
}

// used notes that a segment has part in the film.
func (m *maker) used(n int64) {
	if m.part == nil {
		m.seqs = append(m.seqs, n)
		return
	}
	m.part.used(n)
}

// fit makes sure that pictures of a size can be added.
func (m *maker) fit(width, height int) error {
	if width < 16 || height < 16 {
		width, height = without[0], without[1] // too small for an encoder: nothing of it decodes
	}
	size := [2]int{width, height}
	if m.part != nil && (m.size != size || m.part.bytes.Load() >= partSize) {
		if err := m.end(m.to); err != nil {
			return err
		}
	}
	if m.part == nil {
		return m.begin(size)
	}
	return nil
}

// begin begins a file, with what waited for it.
func (m *maker) begin(size [2]int) error {
	name := string(m.clip.Camera) + ".mp4"
	if n := len(m.done) + 1; n > maxParts {
		return city.Errorf(city.TooLarge, "the film would have more than %d files: export a shorter time", maxParts)
	} else if n > 1 {
		name = fmt.Sprintf("%s.part%03d.mp4", m.clip.Camera, n)
	}
	to, err := m.create(name)
	if err != nil {
		return err
	}
	if m.part, err = newPart(m.ctx, to, m.clip, m.kind, size); err != nil {
		to.drop()
		return err
	}
	m.size, m.part.rec.File, m.part.rec.Problems = size, "clips/"+name, append([]Problem{}, m.pending...)
	for _, n := range m.seqs {
		m.part.used(n)
	}
	waiting := m.waiting
	m.pending, m.seqs, m.waiting = nil, nil, nil
	for _, at := range waiting {
		if err := m.add(at, nil); err != nil {
			return err
		}
	}
	return nil
}

// add adds a picture, or grey for nil.
func (m *maker) add(ms int64, p *picture) error {
	if ms < m.clip.From.UnixMilli() || ms >= m.clip.To.UnixMilli() {
		return nil
	}
	if m.part == nil {
		m.waiting = append(m.waiting, ms)
		return nil
	}
	return m.part.add(ms, p)
}

// end ends a file at a time.
func (m *maker) end(to int64) error {
	p := m.part
	m.part = nil
	if p.rec.Pictures == 0 { // all lay outside of the clip's times
		p.drop()
		m.pending = p.rec.Problems
		return nil
	}
	if err := p.end(to); err != nil {
		return err
	}
	m.done, m.version = append(m.done, p.rec), cmp.Or(m.version, p.version)
	return nil
}

// drop ends what is being written after an error.
func (m *maker) drop() {
	if m.part != nil {
		m.part.drop()
	}
}
