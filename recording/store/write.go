package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall"
	"time"

	"polity/city"
	"polity/recording/disk"
	"polity/recording/segment"
)

// Pending is a segment being written: the sealed form of it, from its header on. It is
// used by one goroutine, and ended by Commit or Abort.
type Pending struct {
	c      *Camera
	header *segment.Header
	dir    string // its day's folder
	name   string // in dir, while it is written
	file   disk.File
	size   int64
	tail   []byte // the last bytes written, as many as a trailer has
	err    error
}

// Begin begins the camera's next segment. Nothing is on the disk until the first Write,
// which begins with the whole header.
func (c *Camera) Begin() (*Pending, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.writing {
		return nil, city.Errorf(city.Conflict, "camera %s: a segment is being written already", c.name)
	}
	c.writing = true
	return &Pending{c: c}, nil
}

// Write adds to the segment. When the disk is full it removes what may be removed. An
// error is final.
func (p *Pending) Write(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	if p.header == nil {
		if p.err = p.start(b); p.err != nil {
			return 0, p.err
		}
	}
	n, err := p.file.Write(b)
	for disk.Full(err) && p.c.s.makeRoom(int64(len(b)-n)) > 0 {
		var more int
		more, err = p.file.Write(b[n:])
		n += more
	}
	p.size += int64(n)
	p.tail = append(p.tail, b[max(0, n-segment.TrailerSize):n]...)
	p.tail = p.tail[max(0, len(p.tail)-segment.TrailerSize):]
	if err != nil {
		p.err = fmt.Errorf("write segment of camera %s: %w", p.c.name, err)
	}
	return n, p.err
}

// start checks the header, so that nothing but the continuation of this camera's chain
// reaches the disk, and makes the file.
func (p *Pending) start(b []byte) error {
	h, err := segment.ReadHeader(bytes.NewReader(b))
	if err != nil {
		return city.Errorf(city.Invalid, "what was to be stored does not begin as a sealed segment: %w", err)
	}
	if err := p.c.takes(h); err != nil {
		return err
	}
	c, d := p.c, p.c.s.cfg.Disk
	c.s.makeRoom(0)
	if least := c.s.cfg.MinFree; least > 0 {
		if free, err := d.Free(); err != nil || free < least {
			return fmt.Errorf("write segment of camera %s: %d bytes are free, %d are to be kept free: %w", c.name, free, least, errors.Join(err, syscall.ENOSPC))
		}
	}
	p.dir = c.path(day(h.Start))
	p.name = fileName(h.Start, h.Sequence) + partSuffix
	if err := d.MkdirAll(p.dir); err != nil {
		return fmt.Errorf("write segment of camera %s: %w", c.name, err)
	}
	file := path.Join(p.dir, p.name)
	p.file, err = d.Create(file)
	if errors.Is(err, fs.ErrExist) { // left by one that could not be settled
		if err = d.Remove(file); err == nil {
			p.file, err = d.Create(file)
		}
	}
	if err != nil {
		return fmt.Errorf("write segment of camera %s: %w", c.name, err)
	}
	p.header = h
	return nil
}

// takes says why a header does not continue the camera's chain.
func (c *Camera) takes(h *segment.Header) error {
	head, gap := c.Next()
	switch {
	case h.Camera != c.name || h.Domain != c.s.cfg.Domain:
		return city.Errorf(city.Invalid, "a segment of camera %s of %s, not of %s of %s", h.Camera, h.Domain, c.name, c.s.cfg.Domain)
	case !c.s.cfg.Trust(h.Recorder):
		return city.Errorf(city.Invalid, "a segment of another recorder, with the key %x", h.Recorder)
	case h.Sequence != head.Sequence+1 || h.Previous != head.Hash:
		return notNext(h, head)
	case h.Start.Before(head.End):
		return city.Errorf(city.Invalid, "segment %d starts before the last one ends: the clock went back", h.Sequence)
	case gap == nil && head.Sequence > 0 && h.Gap == segment.None && h.Start.Sub(head.End) > segment.Slack:
		return city.Errorf(city.Invalid, "segment %d does not say why nothing was recorded since %s", h.Sequence, head.End.Format(time.RFC3339))
	case gap != nil && (h.Gap == segment.None || h.GapStart.After(gap.Start)):
		return city.Errorf(city.Invalid, "segment %d does not name the gap before it, since %s: %s", h.Sequence, gap.Start.Format(time.RFC3339), gap.Reason)
	}
	return nil
}

func notNext(h *segment.Header, head Head) error {
	return city.Errorf(city.Conflict, "segment %d does not continue the last one, %d", h.Sequence, head.Sequence)
}

// continues says whether what was torn is the one after the camera's last. The camera is
// not written to by others meanwhile.
func (c *Camera) continues(h *segment.Header, part string) error {
	switch {
	case h.Camera != c.name || h.Domain != c.s.cfg.Domain:
		return city.Errorf(city.Invalid, "a segment of camera %s of %s", h.Camera, h.Domain)
	case h.Sequence != c.head.Sequence+1 || h.Previous != c.head.Hash:
		return notNext(h, c.head)
	case fileName(h.Start, h.Sequence)+partSuffix != part:
		return city.Errorf(city.Invalid, "a segment of another name")
	}
	return nil
}

// Commit makes the segment durable, and part of the index. When it returns nil the
// segment survives a loss of power. An error has ended it: what could be saved was.
func (p *Pending) Commit() (Entry, error) {
	if p.err == nil && p.header == nil {
		p.err = city.Errorf(city.Invalid, "nothing was written")
	}
	if p.err != nil {
		return Entry{}, errors.Join(p.err, p.Abort(Reason(p.err)))
	}
	t, err := segment.ParseTrailer(p.header, p.tail)
	if err != nil {
		return Entry{}, errors.Join(err, p.Abort(Reason(err)))
	}
	if err := errors.Join(p.file.Sync(), p.file.Close()); err != nil {
		p.file = nil
		err = fmt.Errorf("write segment of camera %s: %w", p.c.name, err)
		return Entry{}, errors.Join(err, p.Abort(Reason(err)))
	}
	p.file = nil
	if err := p.c.publish(p.dir, p.name); err != nil {
		return Entry{}, errors.Join(err, p.Abort(Reason(err)))
	}
	e := entryOf(p.header, t, p.size)
	p.c.s.mu.Lock()
	defer p.c.s.mu.Unlock()
	p.c.add(e)
	p.c.writing = false
	p.c.index(e)
	return e, nil
}

// Abort ends a segment that cannot be completed, and notes the gap that this makes, from
// the segment's start. What of it is whole is kept, cut off; the rest is removed, or if
// the disk does not even do that, at the next start.
func (p *Pending) Abort(reason segment.Gap) error {
	c := p.c
	if p.file != nil {
		_ = p.file.Close() // what it could not write is not missed: the file is looked through
		p.file = nil
	}
	p.err = city.Errorf(city.Internal, "the segment is closed")
	if p.header == nil {
		c.s.mu.Lock()
		defer c.s.mu.Unlock()
		c.writing = false
		return nil
	}
	e, err := c.settle(path.Base(p.dir), p.name)
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.writing = false
	if e == nil {
		return errors.Join(err, c.stop(reason, p.header.Start))
	}
	c.add(*e)
	c.index(*e)
	if e.State == segment.Cut {
		c.gap = nil // a better reason than that power was lost
		return c.stop(reason, e.Start)
	}
	return nil
}

// add puts an entry into the memory's index. The lock is held.
func (c *Camera) add(e Entry) {
	c.entries = append(c.entries, e)
	c.s.total += e.Size
	c.gap = nil
	c.advance(e)
}

// indexAtOnce is how many lines wait before they are added to the day's index.
const indexAtOnce = 10

// index adds an entry to its day's index, some at a time. What is lost of it costs
// nothing: what the index does not know is read from headers at the next start. The lock
// is held.
func (c *Camera) index(e Entry) {
	text, err := json.Marshal(e.line())
	if err != nil {
		return
	}
	if d := day(e.Start); d != c.linesDay {
		c.flushIndex()
		c.linesDay = d
	}
	c.lines = append(append(c.lines, text...), '\n')
	if c.waiting++; c.waiting >= indexAtOnce {
		c.flushIndex()
	}
}

// flushIndex writes the lines that wait. The lock is held.
func (c *Camera) flushIndex() {
	if len(c.lines) == 0 {
		return
	}
	f, err := c.s.cfg.Disk.Append(c.path(c.linesDay, indexFile))
	if err == nil {
		_, err = f.Write(c.lines)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		c.s.event(Failed, c, c.waiting, "index: "+err.Error())
	}
	c.lines, c.waiting = c.lines[:0], 0
}

// publish gives a complete file its lasting name, durably.
func (c *Camera) publish(dir, part string) error {
	d := c.s.cfg.Disk
	err := d.Rename(path.Join(dir, part), path.Join(dir, strings.TrimSuffix(part, partSuffix)))
	if err == nil {
		err = d.SyncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("write segment of camera %s: %w", c.name, err)
	}
	return nil
}

// settle makes a segment out of what is left of one, or removes it: then the entry is
// nil. After an error it is still there, to be settled at the next start.
func (c *Camera) settle(day, part string) (*Entry, error) {
	d, file := c.s.cfg.Disk, c.path(day, part)
	f, err := d.Open(file)
	if errors.Is(err, fs.ErrNotExist) { // it had its lasting name already
		file = strings.TrimSuffix(file, partSuffix)
		if err = d.Rename(file, file+partSuffix); err == nil { // a rename that was not synced
			file += partSuffix
			f, err = d.Open(file)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("torn segment of camera %s: %w", c.name, err)
	}
	torn, err := segment.Mend(f, f.Size(), c.s.cfg.Trust)
	f.Close()
	if err == nil {
		err = c.continues(torn.Header, part)
	}
	if err != nil {
		if city.KindOf(err) == city.Internal {
			return nil, fmt.Errorf("torn segment of camera %s: %w", c.name, err)
		}
		if err := d.Remove(file); err != nil {
			return nil, fmt.Errorf("torn segment of camera %s: %w", c.name, err)
		}
		c.s.event(Torn, c, 0, fmt.Sprintf("nothing of %s could be kept: %v", part, err))
		return nil, nil
	}
	trailer := torn.Trailer
	if trailer == nil {
		if trailer, err = torn.Cut(c.s.cfg.Signer); err != nil {
			return nil, err
		}
		if err := c.cutOff(file, torn.Keep, trailer.Bytes()); err != nil {
			return nil, err
		}
		torn.Keep += segment.TrailerSize
		c.s.event(Torn, c, 1, "cut off: "+part)
	}
	if err := c.publish(c.path(day), part); err != nil {
		return nil, err
	}
	e := entryOf(torn.Header, trailer, torn.Keep)
	return &e, nil
}

// cutOff puts the trailer behind what is kept, durably.
func (c *Camera) cutOff(file string, keep int64, trailer []byte) error {
	d := c.s.cfg.Disk
	if err := d.Truncate(file, keep); err != nil {
		return fmt.Errorf("torn segment of camera %s: %w", c.name, err)
	}
	f, err := d.Append(file)
	if err != nil {
		return fmt.Errorf("torn segment of camera %s: %w", c.name, err)
	}
	_, err = f.Write(trailer)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("torn segment of camera %s: %w", c.name, err)
	}
	return nil
}

// Reason returns the gap that an error of a Pending makes.
func Reason(err error) segment.Gap {
	if disk.Full(err) {
		return segment.DiskFull
	}
	return segment.DiskFailed
}
