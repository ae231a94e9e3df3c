package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"polity/city"
	"polity/ledger/entry"
	"polity/recording/root"
	"polity/recording/segment"
	"polity/release/export"
	"polity/release/token"
)

// head is a segment without its body.
type head struct {
	*segment.Header

	trailer *segment.Trailer
}

// Hour is an hour of which the bundle has not all segments: the hashes of all, in order.
type Hour = root.List

func writeHeads(list []export.Segment) []byte {
	var b bytes.Buffer
	for _, s := range list {
		b.Write(s.Header.Bytes())
		b.Write(s.Trailer.Bytes())
	}
	return b.Bytes()
}

// parseHeads reads headers and trailers. Who recorded them is the caller's to check.
func parseHeads(b []byte) (list []head, err error) {
	for r := bytes.NewReader(b); r.Len() > 0; {
		h, err := segment.ReadHeader(r)
		if err != nil {
			return nil, fmt.Errorf("segment %d of the file: %w", len(list)+1, err)
		}
		end := make([]byte, segment.TrailerSize)
		if _, err := io.ReadFull(r, end); err != nil {
			return nil, city.Errorf(city.Invalid, "segment %d of the file: its trailer is cut off", len(list)+1)
		}
		t, err := segment.ParseTrailer(h, end)
		if err != nil {
			return nil, fmt.Errorf("segment %d of the file: %w", len(list)+1, err)
		}
		list = append(list, head{h, t})
	}
	return list, nil
}

// theSegments checks the heads of each camera's segments.
func (c *checker) theSegments() error {
	for _, name := range c.f.names {
		m, err := memberOf(name)
		if err != nil || m.folder != segments || m.end != "headers" {
			continue
		}
		b, err := c.f.read(name, maxHeaders)
		if err != nil {
			return c.failed(name, err)
		}
		list, err := parseHeads(b)
		if err != nil {
			if err := c.failed(name, err); err != nil {
				return err
			}
			continue
		}
		c.heads[m.camera] = list
		if err := c.camera(name, m.camera, list); err != nil {
			return err
		}
	}
	for _, name := range c.f.names {
		if m, err := memberOf(name); err == nil && m.folder == segments && m.end == "hours" && c.heads[m.camera] == nil {
			c.add(Wrong, name, "a list of hours of a camera of which no segment is in the bundle")
		}
	}
	c.scope()
	return nil
}

// camera checks one camera's segments: whose they are, that none was exchanged, and that
// they stand in the log.
func (c *checker) camera(name string, camera city.Slug, list []head) error {
	before := c.wrongs()
	var chain segment.Chain
	holes, gaps := 0, 0
	for i, h := range list {
		if h.Camera != camera || h.Domain != c.Record.Domain {
			c.add(Wrong, name, "segment %d is of camera %s of %s", h.Sequence, h.Camera, h.Domain)
			return nil
		}
		if i > 0 && h.Sequence > list[i-1].Sequence+1 {
			holes++
			chain = segment.Chain{} // it goes on after the hole
			if h.Start.Before(list[i-1].trailer.End) {
				c.add(Wrong, name, "segment %d starts before segment %d ends", h.Sequence, list[i-1].Sequence)
			}
		}
		if err := chain.Add(h.Header, h.trailer); err != nil {
			c.add(Wrong, name, "%v", err)
			return nil
		}
		if h.Gap != segment.None {
			gaps++
		}
	}
	if len(list) == 0 {
		c.add(Wrong, name, "it is empty")
		return nil
	}
	c.recorders(name, camera, list)
	inLog, err := c.inLog(name, camera, list)
	if err != nil {
		return err
	}
	if before == c.wrongs() {
		c.add(Right, name, "%s from %s to %s, signed by their recorder, each continuing the one before; %d of them stand in the public log",
			count(int64(len(list)), "sealed segment"), clock(list[0].Start), clock(list[len(list)-1].trailer.End), inLog)
	}
	if inLog < len(list) {
		c.add(Open, name, "of %d segments the bundle does not prove that they stand in the public log", len(list)-inLog)
	}
	if holes > 0 {
		c.add(Open, name, "segments are missing between others in %s", count(int64(holes), "place"))
	}
	if gaps > 0 {
		c.add(Open, name, "the recorder names %s without recording", count(int64(gaps), "time"))
	}
	return nil
}

func (c *checker) wrongs() (n int) {
	for _, f := range c.Findings {
		if f.State == Wrong {
			n++
		}
	}
	return n
}

// recorders checks that the camera's registration names whoever signed.
func (c *checker) recorders(name string, camera city.Slug, list []head) {
	known := c.cameras[camera]
	if len(known) == 0 {
		c.add(Open, name, "whether the recorder with the key %x is the city's: no registration of the camera is among the proofs", list[0].Recorder)
		return
	}
	for _, h := range list {
		if !slices.ContainsFunc(known, func(e *entry.Registration) bool {
			return e.State == "registered" && bytes.Equal(e.Recorder, h.Recorder[:]) && !h.Start.Before(e.From.Time()) && h.Start.Before(e.Until.Time())
		}) {
			c.add(Wrong, name, "segment %d was signed by a recorder with the key %x, which no registration of the camera names for %s", h.Sequence, h.Recorder, clock(h.Start))
			return
		}
	}
}

// inLog counts the segments that stand under their hour's root, and names what does not
// fit.
func (c *checker) inLog(name string, camera city.Slug, list []head) (count int, err error) {
	lists := map[int64]Hour{}
	if file := fmt.Sprintf("%s/%s.hours", segments, camera); c.f.has(file) {
		b, err := c.f.read(file, maxHeaders)
		if err != nil {
			return 0, c.failed(file, err)
		}
		all, err := root.ParseLists(b)
		if err != nil {
			return 0, c.failed(file, err)
		}
		for _, h := range all {
			lists[h.Hour.Unix()] = h
		}
	}
	for i := 0; i < len(list); {
		hour := list[i].Start.Truncate(time.Hour)
		var hashes [][32]byte
		j := i
		for ; j < len(list) && list[j].Start.Truncate(time.Hour).Equal(hour); j++ {
			hashes = append(hashes, list[j].trailer.Hash())
		}
		i = j
		logged := c.hours[hourOf{camera, hour.Unix()}]
		if logged == nil {
			continue
		}
		if key := list[j-1].Recorder; !bytes.Equal(logged.Recorder, key[:]) {
			c.add(Wrong, name, "the hour from %s was signed by another recorder than its segments", clock(hour))
			continue
		}
		if all, ok := lists[hour.Unix()]; ok {
			if !all.Holds(hashes) {
				c.add(Wrong, name, "segments of the hour from %s are not among those that its list names", clock(hour))
				continue
			}
			if n := len(all.Segments); int64(n) != logged.Count {
				c.add(Wrong, name, "the list of the hour from %s names %d segments; the public log has %d", clock(hour), n, logged.Count)
				continue
			}
			hashes = all.Segments
		}
		switch {
		case int64(len(hashes)) < logged.Count:
			continue // not all are here
		case int64(len(hashes)) > logged.Count || root.Of(hashes) != logged.Root:
			c.add(Wrong, name, "the segments of the hour from %s are not those that the public log has: they were exchanged", clock(hour))
			continue
		}
		count += countIn(list, hour)
	}
	return count, nil
}

func countIn(list []head, hour time.Time) (n int) {
	for _, h := range list {
		if h.Start.Truncate(time.Hour).Equal(hour) {
			n++
		}
	}
	return n
}

// source holds a film to the segments that it is said to come from.
func (c *checker) source(r *export.ClipRecord) {
	n, pictures, cut := int64(0), int64(0), false
	for _, h := range c.heads[r.Camera] {
		if seq := int64(h.Sequence & (1<<62 - 1)); seq < r.First || seq > r.Last { //nolint:gosec // masked
			continue
		}
		n++
		pictures += int64(h.trailer.Pictures)
		torn := h.trailer.State == segment.Cut
		cut = cut || torn
		if h.Start.UnixMilli() >= r.To || (!torn && h.trailer.End.UnixMilli() <= r.From) {
			c.add(Wrong, r.File, "segment %d is of another time than the film", h.Sequence)
			return
		}
	}
	switch {
	case n != r.Segments:
		c.add(Wrong, r.File, "the record tells of %d segments from %d to %d, the bundle has the heads of %d", r.Segments, r.First, r.Last, n)
	case !cut && r.Pictures-r.Grey > pictures: // how many a cut one has is not known
		c.add(Wrong, r.File, "it shows %d pictures, its segments have %d", r.Pictures-r.Grey, pictures)
	}
}

// scope holds what is in the bundle to what was asked for.
func (c *checker) scope() {
	if c.story.Requested == nil {
		return
	}
	q, cameras := c.story.Requested.Entry, map[city.Slug]bool{}
	var from, to time.Time
	widen := func(a, b time.Time) {
		if from.IsZero() || a.Before(from) {
			from = a
		}
		if b.After(to) {
			to = b
		}
	}
	for camera, list := range c.heads {
		cameras[camera] = true
		for _, h := range list {
			widen(h.Start, h.Start)
		}
	}
	for i := range c.Record.Clips {
		r := &c.Record.Clips[i]
		cameras[r.Camera] = true
		widen(time.UnixMilli(r.From), time.UnixMilli(r.From))
	}
	before := c.wrongs()
	if int64(len(cameras)) > q.CamerasCount {
		c.add(Wrong, recordName, "%d cameras; the token asks for %d", len(cameras), q.CamerasCount)
	}
	if to.Sub(from) > time.Duration(q.HoursCount)*time.Hour+token.Lead {
		c.add(Wrong, recordName, "it reaches over %s; the token asks for %d hours", to.Sub(from).Round(time.Minute), q.HoursCount)
	}
	o := c.openings
	if o != nil && o.Cameras != nil {
		for camera := range cameras {
			if !slices.Contains(o.Cameras, camera) {
				c.add(Wrong, recordName, "camera %s is none of those that the token asks for", camera)
			}
		}
	}
	if o != nil && o.From != "" && (from.Before(o.From.Time().Add(-token.Lead)) || !to.Before(o.To.Time())) {
		c.add(Wrong, recordName, "it reaches from %s to %s; the token asks for %s to %s", clock(from), clock(to), o.From, o.To)
	}
	if before == c.wrongs() {
		c.add(Right, "", "cameras and hours are no more than the token asks for")
	}
}

// decodeView reads what the chain needs of a line.
func decodeView(text []byte, l *viewLine) error {
	if len(text) == 0 || len(text) > 4096 || !json.Valid(text) {
		return errNotLine
	}
	return errors.Join(json.Unmarshal(text, l))
}
