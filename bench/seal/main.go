// Command seal measures what it costs to encrypt recordings before they reach a disk.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"polity/bench/harness"
)

func main() {
	harness.Main(harness.Bench{
		Name: "seal",
		About: `Gives the recorder a camera's compressed pictures, 25 a second with a key frame each two,
as fast as it takes them, and counts this process's CPU time (user and system).

Three ways take turns with the same pictures, a minute of them at a time:
  sealed    the recorder as it runs: fMP4, sealed segments of 6 s, fsync of each file and folder
  plain     the same fMP4 files in the clear, with the same fsyncs: the baseline
  sealing   sealing alone, of the same fMP4 bytes, to nowhere: no disk, no MP4

cameras_per_core_sealing  camera-seconds per CPU-second of sealing alone, at the first rate
ratio_to_plain_write      CPU time of sealed over that of plain, the worst of the rates
ratio_to_plain_write_*    the same at each rate
key_mib_per_camera_hour   sealed shares of keys, their hashes, commitments and key ids
cpu_s_per_camera_hour_*   of each way, at each rate in Mbit/s`,
		Variables: []harness.Variable{
			{Name: "MBITS", Default: "2,4", Help: "rates in Mbit/s"},
			{Name: "SECONDS", Default: "900", Help: "seconds of each camera's pictures, rounded up to whole minutes"},
			{Name: "DIR", Default: "", Help: "folder to write into; none: the system's folder for temporary files"},
		},
		Quick: "all but two minutes of pictures",
		Run:   run,
	})
}

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	seconds, err := r.Number("SECONDS")
	if err != nil {
		return nil, err
	}
	if r.Quick {
		seconds = 120
	}
	rounds := int(seconds+59) / 60
	if rounds < 1 || rounds > 24*60 {
		return nil, fmt.Errorf("SECONDS=%g: from one to a day's", seconds)
	}
	dir, err := os.MkdirTemp(r.Text("DIR"), "polity-bench-seal-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var figures harness.Figures
	worst := 0.0
	var first *sums
	for _, text := range r.List("MBITS") {
		rate, err := strconv.ParseFloat(text, 64)
		if err != nil || !(rate >= 0.1 && rate <= 100) {
			return nil, fmt.Errorf("MBITS=%s: rates from 0.1 to 100", r.Text("MBITS"))
		}
		s, err := measure(ctx, r, filepath.Join(dir, text), rate, rounds)
		if err != nil {
			return nil, err
		}
		if first == nil {
			first = s
		}
		worst = max(worst, s.ratio())
		hour := func(d time.Duration) any { return harness.Rounded(d.Seconds()*3600/s.seconds, 3) }
		figures = append(
			figures,
			harness.Figure{Name: "ratio_to_plain_write_" + text, Value: harness.Rounded(s.ratio(), 3)},
			harness.Figure{Name: "cpu_s_per_camera_hour_sealed_" + text, Value: hour(s.sealed)},
			harness.Figure{Name: "cpu_s_per_camera_hour_plain_" + text, Value: hour(s.plain)},
			harness.Figure{Name: "cpu_s_per_camera_hour_sealing_" + text, Value: hour(s.sealing)},
		)
		r.Say("%s Mbit/s: %d segments; per camera-hour sealed %v CPU-s, plain %v (baseline), sealing alone %v",
			text, s.segments, hour(s.sealed), hour(s.plain), hour(s.sealing))
	}
	if first == nil {
		return nil, fmt.Errorf("MBITS=%q names no rate", r.Text("MBITS"))
	}
	return append(
		harness.Figures{
			{Name: "cameras_per_core_sealing", Value: harness.Rounded(first.seconds/first.sealing.Seconds(), 0)},
			{Name: "ratio_to_plain_write", Value: harness.Rounded(worst, 3)},
			{Name: "key_mib_per_camera_hour", Value: harness.Rounded(float64(first.keyBytes)*3600/first.seconds/(1<<20), 3)},
			{Name: "overhead_mib_per_camera_hour", Value: harness.Rounded(float64(first.stored-first.content)*3600/first.seconds/(1<<20), 3)},
			{Name: "segments", Value: first.segments},
		}, figures...), nil
}
