// Package linktest is a camera process that plays a script instead of watching a
// street: tests of the edge and of the whole line start it in place of the real
// one. The script is the query of the source's address, such as
//
//	script://square?observe=20ms&truth=/tmp/truth
//
//	observe=DURATION  an observation so often, each with its own Start
//	event=DURATION    an event that begins and ends so often
//	begin=DURATION    an event that begins and never ends, once
//	place=DURATION    a changed tile so often; the first place is whole
//	marks=DURATION    marks so often, while watched; default 200ms
//	size=WxH          of the place, pixels; default 64x48
//	truth=FILE        a line per observation: its Start in ms, once handed to the link
//	stored=FILE       the same, once the edge says that it is stored
//	silent=DURATION   says nothing from then on
//	exit=DURATION     ends with status 3 then
//	garbage=DURATION  writes what is not a message then
//	deaf=true         does not heed a stop
package linktest

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"time"

	"polity/camera/link"
	"polity/camera/wire"
)

// Arg is the argument that makes a test binary whose TestMain calls Main a camera
// process.
const Arg = "linktest-camera"

// Main runs the camera process and exits if that is what this program was started
// for. TestMain calls it first.
func Main() {
	if len(os.Args) < 2 || os.Args[1] != Arg {
		return
	}
	if err := run(); err != nil {
		slog.New(slog.NewJSONHandler(os.Stderr, nil)).Error("scripted camera process", slog.Any("error", err))
		os.Exit(2)
	}
	os.Exit(0)
}

type script struct {
	*link.Process
	query         url.Values
	width, height int
	truth, stored *os.File
	sent          []int64 // starts of observations not yet known to be stored
	last          int64   // the start of the last observation, ms
	sequence      uint32
	watched       bool
	started       time.Time
	where         int
}

func run() error {
	p, err := link.Standard()
	if err != nil {
		return err
	}
	u, err := url.Parse(p.Assignment().Source.Address)
	if err != nil {
		return err
	}
	s := &script{Process: p, query: u.Query(), started: time.Now(), width: 64, height: 48}
	if size := s.query.Get("size"); size != "" {
		if _, err := fmt.Sscanf(size, "%dx%d", &s.width, &s.height); err != nil {
			return err
		}
	}
	for name, file := range map[string]**os.File{"truth": &s.truth, "stored": &s.stored} {
		if path := s.query.Get(name); path != "" {
			if *file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
				return err
			}
		}
	}
	return s.play()
}

func (s *script) every(name, fallback string) <-chan time.Time {
	text := s.query.Get(name)
	if text == "" {
		text = fallback
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return nil
	}
	return time.Tick(d)
}

func (s *script) play() error {
	state, observe, event := s.every("state", "200ms"), s.every("observe", ""), s.every("event", "")
	begin := s.every("begin", "")
	place, marks, poll := s.every("place", ""), s.every("marks", "200ms"), s.every("poll", "5ms")
	silent, exit, garbage := s.every("silent", ""), s.every("exit", ""), s.every("garbage", "")
	s.sendState()
	s.sendPlace(true)
	commands := s.Commands()
	for {
		select {
		case c, open := <-commands:
			if s.query.Get("deaf") == "true" {
				commands = nil
				continue
			}
			if !open || c.Stop {
				err := s.Close()
				return err
			}
			s.obey(c)
		case <-state:
			s.sendState()
		case <-observe:
			s.observe()
		case <-event:
			s.event()
		case <-begin:
			begin = nil
			s.Send(&wire.Event{Kind: wire.Crowding, Class: wire.Person, Start: time.Now().Truncate(time.Millisecond), Value: 30})
		case <-place:
			s.sendPlace(false)
		case <-marks:
			s.Send(&wire.Marks{At: time.Now(), Marks: []wire.Mark{{Class: wire.Person, Column: uint16(time.Now().UnixMilli() / 200 % 64), Row: 3}}})
		case <-poll:
			s.noteStored()
		case <-silent:
			state, observe, event, place, marks = nil, nil, nil, nil, nil
		case <-exit:
			os.Exit(3)
		case <-garbage:
			_, _ = os.Stdout.WriteString("this is no camera message, and longer than a head")
			garbage = nil
		}
	}
}

func (s *script) obey(c link.Command) {
	if c.Watch != nil {
		s.watched = *c.Watch
	}
	if c.Whole {
		s.sendPlace(true)
	}
	if c.Layout != nil {
		s.where = int(c.Layout.Revision)
	}
}

func (s *script) sendState() {
	s.Send(&wire.State{At: time.Now(), Condition: wire.Live, Decoded: uint64(time.Since(s.started).Milliseconds()), PerSecond: 5, Wanted: float32(s.Assignment().PerSecond)})
}

func (s *script) observe() {
	s.last = max(s.last+1, time.Now().UnixMilli())
	m := &wire.Observation{Metric: wire.Occupancy, Class: wire.Person, Layout: uint32(s.where), Start: time.UnixMilli(s.last), Length: time.Second, Covered: time.Second, Value: 3}
	if s.truth != nil {
		fmt.Fprintln(s.truth, s.last)
	}
	s.sent = append(s.sent, s.last)
	s.Send(m)
}

// noteStored writes down what the edge has acknowledged. Events are not counted
// among it: a script that asks for stored sends none.
func (s *script) noteStored() {
	if s.stored == nil {
		return
	}
	for n := len(s.sent) - s.Held(); n > 0; n-- {
		fmt.Fprintln(s.stored, strconv.FormatInt(s.sent[0], 10))
		s.sent = s.sent[1:]
	}
}

func (s *script) event() {
	start := time.Now().Truncate(time.Millisecond)
	e := wire.Event{Kind: wire.Crowding, Class: wire.Person, Where: 0, Start: start, Value: 30, Place: picture(32, 24, 90)}
	s.Send(&e)
	ended := e
	ended.End = start.Add(10 * time.Millisecond)
	ended.Value = 31
	s.Send(&ended)
}

func (s *script) sendPlace(whole bool) {
	s.sequence++
	columns, rows := wire.TilesIn(s.width, s.height)
	p := &wire.Place{At: time.Now(), Sequence: s.sequence, Width: uint16(s.width), Height: uint16(s.height), Whole: whole}
	n := 1
	if whole {
		n = columns * rows
		for i := range n {
			p.Tiles = append(p.Tiles, uint16(i))
		}
	} else {
		p.Tiles = []uint16{uint16(int(s.sequence) % (columns * rows))}
	}
	for range p.Tiles {
		p.Known = append(p.Known, 0xf)
	}
	p.Atlas = picture(min(n, wire.AtlasColumns)*wire.TileSize, (n+wire.AtlasColumns-1)/wire.AtlasColumns*wire.TileSize, uint8(s.sequence*10))
	s.Send(p)
}

func picture(w, h int, shade uint8) wire.Picture {
	img := image.NewGray(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = shade
	}
	img.SetGray(w/2, h/2, color.Gray{255})
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, img, nil); err != nil {
		panic(err) // a picture of a fixed small size always encodes
	}
	return buf.Bytes()
}
