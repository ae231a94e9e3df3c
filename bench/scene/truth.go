package main

import (
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

// person is an annotated person in one frame of the film.
type person struct {
	id  int
	box image.Rectangle // pixels; not cut to the frame
}

// truth are the annotated people by number of the film's frame, in order of id.
type truth map[int][]person

// readTruth reads lines of frame (from 0),id,x,y,w,h in pixels; further columns are
// not read. An empty path is a film of which nothing is known.
func readTruth(path string) (truth, error) {
	out := truth{}
	if path == "" {
		return out, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows := csv.NewReader(file)
	rows.FieldsPerRecord = -1
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		line, _ := rows.FieldPos(0)
		if len(row) < 6 {
			return nil, fmt.Errorf("%s:%d: %d fields; frame,id,x,y,w,h are needed", path, line, len(row))
		}
		var v [6]float64
		for i := range v {
			v[i], err = strconv.ParseFloat(strings.TrimSpace(row[i]), 64)
			if err != nil || math.Abs(v[i]) > 1e9 || math.IsNaN(v[i]) {
				if line == 1 && len(out) == 0 {
					break // column names
				}
				return nil, fmt.Errorf("%s:%d: %q is not a number", path, line, row[i])
			}
		}
		if err != nil {
			continue
		}
		box := image.Rect(int(math.Round(v[2])), int(math.Round(v[3])), int(math.Round(v[2]+v[4])), int(math.Round(v[3]+v[5])))
		out[int(v[0])] = append(out[int(v[0])], person{id: int(v[1]), box: box})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no boxes", path)
	}
	for _, people := range out {
		slices.SortFunc(people, func(a, b person) int { return a.id - b.id })
	}
	return out, nil
}

// heights returns the heights of all boxes, ascending.
func (t truth) heights() []int {
	var out []int
	for _, frame := range slices.Sorted(maps.Keys(t)) {
		for _, p := range t[frame] {
			out = append(out, p.box.Dy())
		}
	}
	slices.Sort(out)
	return out
}
