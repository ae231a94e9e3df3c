// Package verify checks sealed segments that somebody was given, without any key: each
// file, and that none of a camera's is missing between the first and the last.
package verify

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/recording/root"
	"polity/recording/segment"
	"polity/recording/store"
)

// Camera is what was found out of one camera's segments.
type Camera struct {
	Domain    string
	Camera    city.Slug
	Segments  int
	Cut       int // of those
	Bytes     int64
	From, To  time.Time
	Gaps      []store.Gap
	Hours     []root.Hour         // of which all segments may be there: neither the first nor the last
	Recorders map[[32]byte]uint64 // keys that signed, with the number of segments
}

// Files checks segments: files, and folders with all segments in them. trust says which
// recorders' keys are the city's. told, where it is not nil, is called after each file. The
// first that is wrong ends it with an error that names it; of kind Invalid where the file
// is wrong, and not the disk.
func Files(paths []string, trust segment.Trust, told func(done, all int)) ([]*Camera, error) {
	files, err := find(paths)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, city.Errorf(city.NotFound, "no sealed segment (*.seg) is in %s", strings.Join(paths, ", "))
	}
	found := map[string][]*sealed{}
	for i, file := range files {
		s, err := scan(file, trust)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		id := s.Header.Domain + "/" + string(s.Header.Camera)
		found[id] = append(found[id], s)
		if told != nil {
			told(i+1, len(files))
		}
	}
	var cameras []*Camera
	for _, id := range slices.Sorted(maps.Keys(found)) {
		c, err := chain(found[id])
		if err != nil {
			return nil, err
		}
		cameras = append(cameras, c)
	}
	return cameras, nil
}

type sealed struct {
	*segment.Sealed

	file string
}

func find(paths []string) (files []string, err error) {
	for _, path := range paths {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, city.Errorf(city.NotFound, "%s: there is no such file or folder", path)
		}
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		if err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && strings.HasSuffix(name, ".seg") {
				files = append(files, name)
			}
			return err
		}); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func scan(file string, trust segment.Trust) (*sealed, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	s, err := segment.Scan(f, info.Size(), trust)
	if err != nil {
		return nil, err
	}
	s.Shares = [2][]byte{} // a day of a camera would hold 33 MB of them
	return &sealed{s, file}, nil
}

func chain(segments []*sealed) (*Camera, error) {
	slices.SortStableFunc(segments, func(a, b *sealed) int { return cmp.Compare(a.Header.Sequence, b.Header.Sequence) })
	first, last := segments[0].Header, segments[len(segments)-1]
	c := &Camera{Domain: first.Domain, Camera: first.Camera, Segments: len(segments), From: first.Start, To: last.Trailer.End, Recorders: map[[32]byte]uint64{}}
	var links segment.Chain
	hours := map[time.Time]*root.Hour{}
	leaves := map[time.Time][]root.Hash{}
	for _, s := range segments {
		if err := links.Add(s.Header, s.Trailer); err != nil {
			return nil, fmt.Errorf("camera %s, %s: %w", first.Camera, s.file, err)
		}
		c.Bytes += s.Size
		c.Recorders[s.Header.Recorder]++
		if s.Trailer.State == segment.Cut {
			c.Cut++
		}
		hour := s.Header.Start.Truncate(time.Hour)
		if hours[hour] == nil {
			hours[hour] = &root.Hour{Domain: c.Domain, Camera: c.Camera, Hour: hour}
		}
		leaves[hour] = append(leaves[hour], s.Hash)
		if s.Header.Gap != segment.None {
			c.Gaps = append(c.Gaps, store.Gap{Reason: s.Header.Gap, Start: s.Header.GapStart, End: s.Header.Start})
		}
	}
	for _, g := range c.Gaps {
		if h := hours[g.Start.Truncate(time.Hour)]; h != nil {
			h.Gaps++
		}
	}
	order := slices.SortedFunc(maps.Keys(hours), time.Time.Compare)
	for _, hour := range order[min(1, len(order)):max(1, len(order)-1)] {
		h := hours[hour]
		h.Count, h.Root = uint64(len(leaves[hour])), root.Of(leaves[hour])
		c.Hours = append(c.Hours, *h)
	}
	return c, nil
}
