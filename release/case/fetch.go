package casefile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"

	"polity/city"
	"polity/internal/durable"
	"polity/recording/root"
	"polity/recording/segment"
)

// atOnce is how many segments are fetched at a time.
const atOnce = 4

// Download fetches the ciphertext of each segment that is not here yet, the earliest of
// all cameras first, so that looking can begin before it ends, then the hashes of their hours. What is half here goes on
// where it broke off. Each file is checked to the byte before it gets its name. Segments
// that could not be had are told in words; an error says that the rest cannot be had
// either.
func (s *Shelf) Download(ctx context.Context, h Hub, told func(done, all int)) (problems []string, err error) {
	offered, err := h.Segments(ctx, s.c.Token.ID)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(offered, func(a, b Offered) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Camera, b.Camera), cmp.Compare(a.Sequence, b.Sequence))
	})
	var mu sync.Mutex
	done := 0
	jobs := make(chan Offered)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wait sync.WaitGroup
	for range atOnce {
		wait.Go(func() {
			for o := range jobs {
				problem, err := s.fetch(ctx, h, o)
				mu.Lock()
				if problem != "" {
					problems = append(problems, problem)
				}
				if err != nil {
					stop(err)
				} else if done++; told != nil {
					told(done, len(offered))
				}
				mu.Unlock()
			}
		})
	}
	for _, o := range offered {
		if ctx.Err() != nil {
			break
		}
		select {
		case jobs <- o:
		case <-ctx.Done():
		}
	}
	close(jobs)
	wait.Wait()
	if ctx.Err() != nil {
		return problems, fmt.Errorf("%w; what came so far is kept, begin again to go on", context.Cause(ctx))
	}
	more, err := s.fetchHours(ctx, h)
	problems = slices.Concat(problems, s.withheld(offered), more)
	slices.Sort(problems)
	return problems, err
}

// withheld names cameras of which both bodies gave shares that no offered segment has.
func (s *Shelf) withheld(offered []Offered) []string {
	known := map[[32]byte]bool{}
	for _, o := range offered {
		known[o.HeaderHash] = true
	}
	n := 0
	for header := range s.keys.both[0].places {
		if !known[header] && s.keys.lacks(header) == nil {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf("the hub does not hand over %s of which both bodies gave their shares: retention may have taken them, or it withholds them", count(n))}
}

// fetch brings one segment. problem is what is wrong with it alone.
func (s *Shelf) fetch(ctx context.Context, h Hub, o Offered) (problem string, err error) {
	name := path.Base(o.Name)
	if wrong := o.Camera.Check(); wrong != nil || !nameForm.MatchString(name) || o.Size <= 0 || o.Size > segment.MaxSize {
		return "the hub offers a segment with a name or a size that none has", nil //nolint:nilerr // it is wrong with this segment alone
	}
	if more := s.c.Details.Holds(o.Camera, o.Start); more != nil {
		return fmt.Sprintf("the hub offers more than was asked: %v", more), nil //nolint:nilerr // it is wrong with this segment alone
	}
	what := fmt.Sprintf("camera %s, segment %d", o.Camera, o.Sequence)
	dir := s.c.path(segmentsDir, string(o.Camera))
	file := filepath.Join(dir, name)
	if _, err := os.Lstat(file); err == nil {
		return "", nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	part := file + partSuffix
	for again := range 2 {
		err = s.fetchPart(ctx, h, o, part)
		if err != nil && city.KindOf(err) != city.Invalid {
			if city.KindOf(err) == city.NotFound {
				return what + ": " + err.Error(), nil
			}
			return "", err
		}
		if err == nil {
			if err = s.shelve(o, part, file); err == nil {
				return "", nil
			}
			if city.KindOf(err) != city.Invalid {
				return "", err
			}
		}
		if rm := ignoreMissing(os.Remove(part)); rm != nil {
			return "", rm
		}
		if again > 0 {
			break
		}
	}
	return what + ": " + err.Error(), nil
}

// fetchPart adds to the half of a file that is here.
func (s *Shelf) fetchPart(ctx context.Context, h Hub, o Offered, part string) (err error) {
	f, err := os.OpenFile(part, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	at, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if at > o.Size {
		if at, err = 0, f.Truncate(0); err != nil {
			return err
		}
		if _, err = f.Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
	if at < o.Size {
		if err := h.Ciphertext(ctx, s.c.Token.ID, o, at, f); err != nil {
			return err
		}
	}
	return f.Sync()
}

// shelve checks a whole file and gives it its name.
func (s *Shelf) shelve(o Offered, part, file string) error {
	p, err := s.c.scan(part)
	if err != nil {
		return err
	}
	h := p.Header
	if h.Hash() != o.HeaderHash || h.Camera != o.Camera || h.Sequence != o.Sequence {
		return city.Errorf(city.Invalid, "it is another segment than the one that was offered")
	}
	if err := os.Rename(part, file); err != nil {
		return err
	}
	p.File = file
	s.add(p)
	return durable.SyncDir(filepath.Dir(file))
}

// scan checks a file to the byte, and that it belongs to the case.
func (c *Case) scan(file string) (*Piece, error) {
	f, size, err := openFile(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sealed, err := segment.Scan(f, size, anyone)
	if err != nil {
		return nil, err
	}
	if err := c.inScope(sealed.Header); err != nil {
		return nil, city.Errorf(city.Invalid, "%w", err)
	}
	return pieceOf(file, sealed), nil
}

// Import takes segments and hours' lists that were carried here: files and folders. Each is checked to the
// byte. Those that do not belong to the case, or are damaged, are told in words.
func (s *Shelf) Import(paths []string, told func(done, all int)) (problems []string, err error) {
	files, err := segmentFiles(paths)
	if err != nil {
		return nil, err
	}
	for i, from := range files {
		take := s.importOne
		if filepath.Ext(from) == root.ListFile {
			take = s.importHours
		}
		if err := take(from); err != nil {
			if city.KindOf(err) != city.Invalid && city.KindOf(err) != city.Forbidden {
				return problems, fmt.Errorf("%s: %w", from, err)
			}
			problems = append(problems, fmt.Sprintf("%s: %v", from, err))
		}
		if told != nil {
			told(i+1, len(files))
		}
	}
	return problems, nil
}

// segmentFiles are segments, and after them lists of hours, which are held to them.
func segmentFiles(paths []string) (files []string, err error) {
	var lists []string
	for _, p := range paths {
		err := filepath.WalkDir(p, func(name string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			switch filepath.Ext(name) {
			case segmentSuffix:
				files = append(files, name)
			case root.ListFile:
				lists = append(lists, name)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if files = append(files, lists...); len(files) == 0 {
		return nil, city.Errorf(city.NotFound, "no sealed segment (*.seg) is there")
	}
	return files, nil
}

func (s *Shelf) importOne(from string) (err error) {
	p, err := s.c.scan(from)
	if err != nil {
		return err
	}
	h := p.Header
	dir := s.c.path(segmentsDir, string(h.Camera))
	file := filepath.Join(dir, fmt.Sprintf("%s-%010d%s", h.Start.UTC().Format("20060102T150405.000Z"), h.Sequence, segmentSuffix))
	if _, err := os.Lstat(file); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	part := file + partSuffix
	out, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if p, err = s.c.scan(part); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if err := os.Rename(part, file); err != nil {
		return err
	}
	p.File = file
	s.add(p)
	return durable.SyncDir(dir)
}
