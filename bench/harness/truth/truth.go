// Package truth reads what is known of a film: who is where in which frame, as
// people annotated it.
package truth

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"image"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Person is an annotated person in one frame of a film. X and Y are the box's upper
// left corner, W and H its size, in pixels; it may reach beyond the picture.
type Person struct {
	ID         int // the same in all frames
	X, Y, W, H float64
}

// Box returns the box in whole pixels, not cut to the picture.
func (p Person) Box() image.Rectangle {
	whole := func(v float64) int { return int(math.Round(v)) }
	return image.Rect(whole(p.X), whole(p.Y), whole(p.X+p.W), whole(p.Y+p.H))
}

// Table holds the annotated people by number of the film's frame, from 0, in order of
// ID.
type Table map[int][]Person

// fields are the columns that are read.
var fields = [...]string{"frame", "id", "x", "y", "w", "h"}

// Read reads a file of comma-separated lines frame (from 0),id,x,y,w,h, the latter
// four in pixels; further columns are not read, and the first line may hold names.
// Errors name the file and the line.
func Read(path string) (Table, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return parse(path, file)
}

// parse reads a table; path is for its errors.
func parse(path string, in io.Reader) (Table, error) {
	rows := csv.NewReader(in)
	rows.FieldsPerRecord = -1
	rows.TrimLeadingSpace = true
	out := Table{}
	for first := true; ; first = false {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if wrong, ok := errors.AsType[*csv.ParseError](err); ok {
			return nil, fmt.Errorf("%s:%d: %w", path, wrong.Line, wrong.Err)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if first && names(row) {
			continue
		}
		frame, p, err := person(row)
		if err != nil {
			line, _ := rows.FieldPos(0)
			return nil, fmt.Errorf("%s:%d: %w", path, line, err)
		}
		out[frame] = append(out[frame], p)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no boxes; lines of %s are needed", path, strings.Join(fields[:], ","))
	}
	for _, people := range out {
		slices.SortStableFunc(people, func(a, b Person) int { return cmp.Compare(a.ID, b.ID) })
	}
	return out, nil
}

// names says whether a row holds the columns' names: no field of it is a number.
func names(row []string) bool {
	return !slices.ContainsFunc(row, func(field string) bool {
		_, err := strconv.ParseFloat(strings.TrimSpace(field), 64)
		return err == nil
	})
}

// farthest is a bound for all numbers, pixels and frames, that no film reaches.
const farthest = 1e9

func person(row []string) (frame int, p Person, err error) {
	if len(row) < len(fields) {
		return 0, p, fmt.Errorf("%d fields; %s are needed", len(row), strings.Join(fields[:], ","))
	}
	var v [len(fields)]float64
	for i, name := range fields {
		v[i], err = strconv.ParseFloat(strings.TrimSpace(row[i]), 64)
		switch {
		case err != nil || math.IsNaN(v[i]) || math.Abs(v[i]) > farthest:
			return 0, p, fmt.Errorf("%s: %q is not a number below %g", name, row[i], farthest)
		case i < 2 && v[i] != math.Trunc(v[i]):
			return 0, p, fmt.Errorf("%s: %q is not a whole number", name, row[i])
		}
	}
	switch {
	case v[0] < 0:
		return 0, p, fmt.Errorf("frame %g: frames are counted from 0", v[0])
	case v[4] <= 0 || v[5] <= 0:
		return 0, p, fmt.Errorf("a box of %g x %g pixels; width and height must be above 0", v[4], v[5])
	}
	return int(v[0]), Person{ID: int(v[1]), X: v[2], Y: v[3], W: v[4], H: v[5]}, nil
}

// Frames returns the frames in which people are annotated, ascending.
func (t Table) Frames() []int { return slices.Sorted(maps.Keys(t)) }

// smallest is the side, in pixels, from which a box may hold someone.
const smallest = 4

// Within returns an error if the table cannot be that of a film of so many frames and
// pixels: it speaks of frames that the film does not have, or nobody is in the picture.
func (t Table) Within(width, height, frames int) error {
	last, seen := -1, len(t) == 0
	for frame, people := range t {
		last = max(last, frame)
		for _, p := range people {
			inside := p.Box().Intersect(image.Rect(0, 0, width, height))
			seen = seen || inside.Dx() >= smallest && inside.Dy() >= smallest
		}
	}
	if last >= frames {
		return fmt.Errorf("people are annotated up to frame %d, but the film has %d frames, 0 to %d; the first frame is 0: is the table another film's, or does it count from 1?", last, frames, frames-1)
	}
	if !seen {
		return fmt.Errorf("no box has %d x %d pixels in the film's picture of %d x %d: is the table another film's, or not in pixels?", smallest, smallest, width, height)
	}
	return nil
}

// Heights returns the heights of all boxes in whole pixels, ascending.
func (t Table) Heights() []int {
	var out []int
	for _, people := range t {
		for _, p := range people {
			out = append(out, p.Box().Dy())
		}
	}
	slices.Sort(out)
	return out
}

// Mirrored returns the table of the film mirrored left to right, of that width in
// pixels.
func (t Table) Mirrored(width float64) Table {
	out := Table{}
	for frame, people := range t {
		for _, p := range people {
			p.X = width - p.X - p.W
			out[frame] = append(out[frame], p)
		}
	}
	return out
}

// Repeated returns a frame in which an ID stands twice, and that ID. People can be
// looked for in such a table, but not followed.
func (t Table) Repeated() (frame, id int, found bool) {
	for _, frame := range t.Frames() {
		people := t[frame]
		for i := 1; i < len(people); i++ {
			if people[i].ID == people[i-1].ID {
				return frame, people[i].ID, true
			}
		}
	}
	return 0, 0, false
}
