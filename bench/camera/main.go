// Command camera measures what one camera costs: processor time and memory of the
// whole way from the stream to counts, against motion, plain decoding and deface.
package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"polity/bench/harness"
	"polity/internal/sandbox"
)

func main() {
	sandbox.Stage()
	if len(os.Args) > 1 && os.Args[1] == cameraCommand {
		if err := cameraProcess(os.Args[2:]); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", cameraCommand, err)
			os.Exit(1)
		}
		return
	}
	harness.Main(harness.Bench{
		Name: "camera",
		About: `Measures one camera at 10 frames a second, 5 of them analysed: decode, detect,
count. Against Debian's motion on the same clip (5 frames a second looked at, nothing
recorded), ffmpeg decoding alone, and PyPI's deface, all in this run.

cpu_s_per_camera_s    processor seconds per second of one camera, once running:
                      all its processes, with its share of the detector's
ratio_to_motion       this over motion's
ratio_to_decode       this over that of decoding alone, by ffmpeg without a sandbox
cheaper_than_deface_x deface's processor time per frame over ours per analysed frame
rss_mib_per_camera    memory that each camera beyond the first takes (resident, MiB)`,
		Variables: []harness.Variable{
			{Name: "VIDEO", Default: "bin/parts/vtest.avi", Help: "film; sent as a camera would: H.264, 10 frames a second"},
			{Name: "WIDTH", Default: "768", Help: "width of the camera's picture in pixels; its height follows from the film"},
			{Name: "DEFACE_FRAMES", Default: "100", Help: "frames that deface is given"},
		},
		Quick: "most of the clip: 20 s of it for motion and us, 20 frames for deface",
		Full:  "also the film scaled to 1920 pixels of width (fields *_1080p); about seven minutes",
		Run:   run,
	})
}

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	film, err := r.Data("VIDEO")
	if err != nil {
		return nil, err
	}
	width, err := r.Number("WIDTH")
	if err != nil {
		return nil, err
	}
	frames, err := r.Number("DEFACE_FRAMES")
	if err != nil {
		return nil, err
	}
	if r.Quick {
		frames = min(frames, 20)
	}
	dir, err := os.MkdirTemp("", "polity-bench-camera-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	figures, err := measureAt(ctx, r, dir, film, int(width), int(frames))
	if err != nil || !r.Full {
		return figures, err
	}
	large, err := measureAt(ctx, r, dir, film, 1920, int(frames)/4)
	for _, f := range large {
		figures = append(figures, harness.Figure{Name: f.Name + "_1080p", Value: f.Value})
	}
	return figures, err
}

// measureAt compares all on one clip.
func measureAt(ctx context.Context, r *harness.Run, dir, film string, width, defaceFrames int) (harness.Figures, error) {
	clip, err := makeClip(ctx, r, dir, film, width)
	if err != nil {
		return nil, err
	}
	var rates []float64
	var all ours
	ourTurn := func() error {
		r.Say("one camera: %d x %d, %.0f s", clip.width, clip.height, clip.seconds)
		all, err = oneCamera(ctx, clip)
		if err == nil {
			rates = append(rates, all.perSecond)
			r.Say("  %.4f processor seconds a second, %.2f looks per analysed frame", all.perSecond, all.looks)
		}
		return err
	}
	if err := ourTurn(); err != nil {
		return nil, err
	}
	motion := tell(r, "motion", "processor seconds a second", runMotion(ctx, r, clip, dir))
	if err := ourTurn(); err != nil {
		return nil, err
	}
	decode := tell(r, "ffmpeg, decoding alone", "processor seconds a second", runDecode(ctx, clip))
	deface := tell(r, "deface", "processor seconds a frame", runDeface(ctx, r, clip, dir, defaceFrames))
	if err := ourTurn(); err != nil {
		return nil, err
	}
	memory, err := camerasMemory(ctx, r, clip)
	if err != nil {
		return nil, err
	}
	slices.Sort(rates)
	rate := rates[len(rates)/2]
	return harness.Figures{
		{Name: "cpu_s_per_camera_s", Value: round(rate, 4)},
		{Name: "cpu_s_per_camera_s_spread", Value: []float64{round(rates[0], 4), round(rates[len(rates)-1], 4)}},
		{Name: "ratio_to_motion", Value: over(rate, motion)},
		{Name: "ratio_to_decode", Value: over(rate, decode)},
		{Name: "cheaper_than_deface_x", Value: over(deface, rate/analysed)},
		{Name: "rss_mib_per_camera", Value: round(memory.perCamera, 1)},
		{Name: "rss_mib_first_camera", Value: round(memory.first, 1)},
		{Name: "detector_runs_per_frame", Value: round(all.looks, 3)},
		{Name: "motion_cpu_s_per_camera_s", Value: known(motion)},
		{Name: "decode_cpu_s_per_camera_s", Value: known(decode)},
		{Name: "deface_cpu_s_per_frame", Value: known(deface)},
	}, nil
}

// analysed is how many frames a second are analysed, sent how many a camera sends.
const (
	analysed = 5
	sent     = 10
)

// figure is a measured value, or the reason why there is none.
type figure struct {
	value float64
	err   error
}

func tell(r *harness.Run, name, unit string, f figure) figure {
	if f.err != nil {
		r.Say("%s: no figure: %v", name, f.err)
	} else {
		r.Say("%s: %.4f %s", name, f.value, unit)
	}
	return f
}

func known(f figure) any {
	if f.err != nil {
		return nil
	}
	return round(f.value, 4)
}

// over divides two figures, or is null where one is missing.
func over(a, b any) any {
	value := func(v any) float64 {
		switch v := v.(type) {
		case float64:
			return v
		case figure:
			if v.err == nil {
				return v.value
			}
		}
		return math.NaN()
	}
	q := value(a) / value(b)
	if math.IsNaN(q) || math.IsInf(q, 0) {
		return nil
	}
	return round(q, 2)
}

func round(v float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(v*p) / p
}

// clip is a film as a camera would send it.
type clip struct {
	path          string
	thrice        string // the same stream three times in one
	width, height int
	seconds       float64
}

func makeClip(ctx context.Context, r *harness.Run, dir, film string, width int) (clip, error) {
	path := filepath.Join(dir, fmt.Sprintf("camera-%d.mp4", width))
	r.Say("encoding %s as a camera of %d pixels' width sends it", film, width)
	err := ffmpeg(ctx, "-y", "-i", film, "-an", "-vf", fmt.Sprintf("scale=%d:-2", width), "-r", fmt.Sprint(sent),
		"-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-profile:v", "main", "-pix_fmt", "yuv420p",
		"-bf", "0", "-g", "20", "-keyint_min", "20", "-sc_threshold", "0", "-x264-params", "repeat-headers=1", path)
	if err != nil {
		return clip{}, err
	}
	c := clip{path: path}
	c.width, c.height, c.seconds, err = probe(ctx, path)
	if err == nil && c.seconds < 5 {
		err = fmt.Errorf("%s: %.1f s are too short to measure; at least 5 s are needed", film, c.seconds)
	}
	if err == nil && r.Quick && c.seconds > 20 {
		short := filepath.Join(dir, "short.mp4")
		if err := ffmpeg(ctx, "-y", "-i", path, "-t", "20", "-c", "copy", short); err != nil {
			return clip{}, err
		}
		c.path, c.seconds = short, 20
	}
	if err != nil {
		return clip{}, err
	}
	c.thrice = filepath.Join(dir, fmt.Sprintf("thrice-%d.mp4", width))
	return c, ffmpeg(ctx, "-y", "-stream_loop", "2", "-i", c.path, "-c", "copy", c.thrice)
}
