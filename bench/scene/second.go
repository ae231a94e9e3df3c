package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"polity/bench/harness/truth"
)

// second is the detector that the product does not use, in a process of its own.
// Pictures are examined one after the other beside the run; drain waits for them.
type second struct {
	ask    io.WriteCloser
	cmd    *exec.Cmd
	said   strings.Builder
	asked  chan question
	ended  chan error
	answer func(q question, a answer)
}

// question is a picture whose windows are to be looked at.
type question struct {
	number  int // of the question, from 0
	windows []image.Rectangle
	shown   picture
	visible []byte // 1 where something is shown
	people  []truth.Person
}

// answer is what was found in a picture.
type answer struct {
	Found []found
	Holes int // found too, but holes that look like someone
}

// found is someone: a box in pixels, a score, and "body" or "face".
type found struct {
	box   image.Rectangle
	score float64
	kind  string
}

// UnmarshalJSON reads [x, y, width, height, score, kind].
func (f *found) UnmarshalJSON(text []byte) error {
	var v [6]any
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	var n [5]float64
	for i := range n {
		var ok bool
		if n[i], ok = v[i].(float64); !ok {
			return fmt.Errorf("second detector: %v is no number", v[i])
		}
	}
	f.box = image.Rect(int(n[0]), int(n[1]), int(n[0]+n[2]+0.5), int(n[1]+n[3]+0.5))
	f.score = n[4]
	f.kind, _ = v[5].(string)
	return nil
}

// waiting is how many pictures may wait to be examined.
const waiting = 8

// startSecond starts the detector. answer is called for each question in order, by
// another goroutine.
func startSecond(ctx context.Context, s *subject, scale float64, each func(q question, a answer)) (*second, error) {
	python := filepath.Join(".cache", "venv", "scene", "bin", "python")
	if _, err := os.Stat(python); err != nil {
		return nil, fmt.Errorf("second detector: %w; `make bench-scene` sets it up", err)
	}
	d := &second{asked: make(chan question, waiting), ended: make(chan error, 1), answer: each}
	d.cmd = exec.CommandContext(ctx, python, filepath.Join("bench", "scene", "second.py"), fmt.Sprint(s.width), fmt.Sprint(s.height), fmt.Sprint(scale)) //nolint:gosec // the peer that set-up got
	d.cmd.Stderr = &d.said
	var err error
	if d.ask, err = d.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("second detector: %w", err)
	}
	go func() { d.ended <- d.work(s, out) }()
	return d, nil
}

func (d *second) work(s *subject, out io.Reader) error {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	_, err := d.ask.Write(s.plate.pix)
	for q := range d.asked {
		if err != nil {
			continue // until the channel is closed
		}
		var a answer
		if err = d.send(q); err == nil {
			if !lines.Scan() {
				err = io.ErrUnexpectedEOF
			} else {
				err = json.Unmarshal(lines.Bytes(), &a)
			}
		}
		if err == nil {
			d.answer(q, a)
		}
	}
	d.ask.Close()
	if ended := d.cmd.Wait(); err == nil {
		err = ended
	}
	if err != nil {
		said := strings.TrimSpace(d.said.String())
		return fmt.Errorf("second detector: %w: %s", err, said[max(0, len(said)-500):])
	}
	return nil
}

func (d *second) send(q question) error {
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(q.windows)))
	for _, w := range q.windows {
		for _, v := range []int{w.Min.X, w.Min.Y, w.Dx(), w.Dy()} {
			head = binary.LittleEndian.AppendUint32(head, uint32(v))
		}
	}
	for _, part := range [][]byte{head, q.shown.pix, q.visible} {
		if _, err := d.ask.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// drain waits until all pictures are examined and ends the detector.
func (d *second) drain() error {
	close(d.asked)
	return <-d.ended
}

// put gives a picture to be examined, and waits while too many do.
func (d *second) put(ctx context.Context, q question) error {
	select {
	case d.asked <- q:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
