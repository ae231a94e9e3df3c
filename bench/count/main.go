// Command count measures how well people are counted: the number in view against
// annotated films, and crossings of lines by direction.
package main

import (
	"context"
	"fmt"
	"math"

	"polity/bench/harness"
	"polity/bench/harness/truth"
	"polity/camera/pipeline"
	"polity/camera/wire"
	"polity/internal/sandbox"
)

func main() {
	sandbox.Stage()
	harness.Main(harness.Bench{
		Name: "count",
		About: `Counts the people of a film with the shipped pipeline and configuration (decode,
detect, scene, measure; 5 analysed frames a second) and compares with annotated
tracks.

occupancy_mae        mean error of the number in view at analysed frames, persons
constant_mae         the same for always answering the mean of the truth, rounded
crossings_off_worst  greatest error of any line and direction, persons`,
		Variables: []harness.Variable{
			{Name: "VIDEO", Default: "bin/parts/vtest.avi", Help: "film"},
			{Name: "GT", Default: "../shared/data/video/pets09-s2l1-view1.gt.csv", Help: "its tracks: frame (from 0),id,x,y,w,h in pixels; without them people are counted, errors are null", Of: "VIDEO"},
			{Name: "LINES", Default: "0.3333,0.6667", Help: "upright lines that are counted, as shares of the width"},
			{Name: "FPS", Default: "5", Help: "analysed frames a second"},
		},
		Full: "also the film mirrored, at other rates, with shifted lines and with changed thresholds; about three minutes",
		Run:  run,
	})
}

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	film, err := r.Data("VIDEO")
	if err != nil {
		return nil, err
	}
	labels, err := r.Data("GT")
	if err != nil {
		return nil, err
	}
	fps, err := r.Number("FPS")
	if err != nil {
		return nil, err
	}
	lines, err := positions(r.List("LINES"))
	if err != nil {
		return nil, err
	}
	tracks, err := readTracks(r, labels)
	if err != nil {
		return nil, err
	}
	shipped := settings{film: film, fps: fps, lines: lines, config: pipeline.DefaultConfig}
	r.Say("counting in %s", film)
	got, err := count(ctx, shipped)
	if err != nil {
		return nil, err
	}
	if err := tracks.Within(got.width, got.height, got.film); err != nil {
		return nil, fmt.Errorf("GT=%s: %w", labels, err)
	}
	s := compare(got, tracks, lines)
	s.say(r)
	figures := harness.Figures{
		{Name: "config_hash", Value: shipped.config.Hash()},
		{Name: "frames", Value: len(got.frames)},
		{Name: "occupancy_mae", Value: s.known(round(s.error))},
		{Name: "constant_mae", Value: s.known(round(s.constant))},
		{Name: "occupancy_mean", Value: round(s.mean)},
		{Name: "occupancy_mean_true", Value: s.known(round(s.meanTrue))},
		{Name: "crossings_off_worst", Value: s.known(s.worst)},
		{Name: "crossings", Value: s.crossings},
		{Name: "detector_runs_per_frame", Value: round(float64(got.looks) / float64(max(1, len(got.frames))))},
	}
	if !r.Full || !s.annotated {
		return figures, nil
	}
	varied, err := vary(ctx, r, shipped, tracks)
	return append(figures, varied...), err
}

// readTracks reads the film's tracks; none where the path is empty.
func readTracks(r *harness.Run, path string) (truth.Table, error) {
	if path == "" {
		r.Say("no GT: nobody is annotated in the film; errors are null")
		return nil, nil
	}
	tracks, err := truth.Read(path)
	if err != nil {
		return nil, err
	}
	if frame, id, found := tracks.Repeated(); found {
		return nil, fmt.Errorf("%s: in frame %d the id %d stands twice; who crosses a line is told by ids, one for each person", path, frame, id)
	}
	return tracks, nil
}

func round(v float64) float64 { return math.Round(v*1000) / 1000 }

// score is how a count compares with the truth.
type score struct {
	annotated                       bool // else all but mean and what was counted means nothing
	error, constant, mean, meanTrue float64
	worst                           int
	crossings                       map[string][2]any // counted, true
}

// known is a figure that needs annotated people; null without.
func (s score) known(figure any) any {
	if !s.annotated {
		return nil
	}
	return figure
}

func compare(got counted, tracks truth.Table, lines []float64) score {
	s := score{annotated: len(tracks) > 0, crossings: map[string][2]any{}}
	n := float64(max(1, len(got.frames)))
	for frame, persons := range got.frames {
		s.mean += float64(persons) / n
		s.meanTrue += float64(len(tracks[frame])) / n
	}
	for frame, persons := range got.frames {
		s.error += math.Abs(float64(persons-len(tracks[frame]))) / n
		s.constant += math.Abs(math.Round(s.meanTrue)-float64(len(tracks[frame]))) / n
	}
	for i, x := range lines {
		right, left := crossings(tracks, x*float64(got.width), band*float64(got.width))
		for direction, true := range map[wire.Direction]int{wire.ToRight: right, wire.ToLeft: left} {
			have := got.crossed[crossing{i + 1, direction}]
			s.worst = max(s.worst, max(have-true, true-have))
			name := map[wire.Direction]string{wire.ToRight: "right", wire.ToLeft: "left"}[direction]
			s.crossings[fmt.Sprintf("%.0f_%s", x*float64(got.width), name)] = [2]any{have, s.known(true)}
		}
	}
	return s
}

func (s score) say(r *harness.Run) {
	if !s.annotated {
		r.Say("in view %.2f persons", s.mean)
		return
	}
	r.Say("in view %.2f persons, in truth %.2f; error %.3f, a constant answer's %.3f", s.mean, s.meanTrue, s.error, s.constant)
	for name, n := range s.crossings {
		r.Say("crossings %s: %d, in truth %d", name, n[0], n[1])
	}
}
