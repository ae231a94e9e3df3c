package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// tracks are the annotated people: their boxes by frame and number.
type tracks map[int]map[int]box

type box struct{ x, y, w, h float64 }

func readTracks(path string) (tracks, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows := csv.NewReader(file)
	rows.FieldsPerRecord = -1
	out := tracks{}
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
			if v[i], err = strconv.ParseFloat(strings.TrimSpace(row[i]), 64); err != nil {
				return nil, fmt.Errorf("%s:%d: %q is not a number", path, line, row[i])
			}
		}
		frame := int(v[0])
		if out[frame] == nil {
			out[frame] = map[int]box{}
		}
		out[frame][int(v[1])] = box{v[2], v[3], v[4], v[5]}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no tracks", path)
	}
	return out, nil
}

// band is how far beyond a line the middle of a box must be to have crossed it, as
// a share of the width: 10 pixels of 768.
const band = 10.0 / 768

// crossings counts who goes from one side of the upright line at x to the other.
func (t tracks) crossings(x, band float64) (right, left int) {
	side := map[int]int{}
	for _, frame := range slices.Sorted(maps.Keys(t)) {
		for id, b := range t[frame] {
			now := 0
			switch middle := b.x + b.w/2; {
			case middle >= x+band:
				now = 1
			case middle <= x-band:
				now = -1
			default:
				continue
			}
			switch was := side[id]; {
			case was < 0 && now > 0:
				right++
			case was > 0 && now < 0:
				left++
			}
			side[id] = now
		}
	}
	return right, left
}

// mirrored returns the tracks of the mirrored film.
func (t tracks) mirrored(width float64) tracks {
	out := tracks{}
	for frame, people := range t {
		out[frame] = map[int]box{}
		for id, b := range people {
			out[frame][id] = box{width - b.x - b.w, b.y, b.w, b.h}
		}
	}
	return out
}

func positions(texts []string) ([]float64, error) {
	var out []float64
	for _, t := range texts {
		v, err := strconv.ParseFloat(t, 64)
		if err != nil || v <= 0 || v >= 1 {
			return nil, fmt.Errorf("LINES: %q is not a share of the width between 0 and 1", t)
		}
		out = append(out, v)
	}
	return out, nil
}
