package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"polity/bench/harness"
)

func ffmpeg(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "ffmpeg", append([]string{"-v", "error", "-nostdin"}, args...)...) //nolint:gosec // the benchmark's own arguments
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("ffmpeg: %w: %s", err, strings.TrimSpace(said.String()))
	}
	return nil
}

// probe returns a film's size and length.
func probe(ctx context.Context, path string) (width, height int, seconds float64, err error) {
	out, err := exec.CommandContext(ctx, "ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height,duration", "-of", "json", path).Output() //nolint:gosec // the benchmark's own file
	if err != nil {
		return 0, 0, 0, fmt.Errorf("ffprobe %s: %w", path, err)
	}
	var found struct {
		Streams []struct {
			Width, Height int
			Duration      string
		}
	}
	if err := json.Unmarshal(out, &found); err != nil || len(found.Streams) == 0 {
		return 0, 0, 0, fmt.Errorf("ffprobe %s: no picture", path)
	}
	s := found.Streams[0]
	seconds, err = strconv.ParseFloat(s.Duration, 64)
	return s.Width, s.Height, seconds, err
}

// motionConfig is motion as someone sets it up who wants to know what moves and
// records nothing: what it does by default beyond looking (films, pictures, a web
// server) is off, and it looks at as many frames a second as we do.
const motionConfig = `daemon off
netcam_url file://%s
width %d
height %d
framerate %d
movie_output off
picture_output off
webcontrol_port 0
stream_port 0
target_dir %s
`

// runMotion lets motion watch the clip as it would a camera, at its own speed.
func runMotion(ctx context.Context, r *harness.Run, c clip, dir string) figure {
	program, err := exec.LookPath("motion")
	if err != nil {
		return figure{err: err}
	}
	config := filepath.Join(dir, "motion.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, motionConfig, c.path, c.width, c.height, analysed, dir), 0o600); err != nil {
		return figure{err: err}
	}
	watch := time.Duration((c.seconds - 1) * float64(time.Second))
	r.Say("motion: it watches for %.0f s", watch.Seconds())
	cmd := exec.CommandContext(ctx, program, "-n", "-c", config) //nolint:gosec // the peer that set-up got
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return figure{err: err}
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	began := time.Now()
	select {
	case err := <-ended:
		return figure{err: fmt.Errorf("it ended after %v: %w: %s", time.Since(began), err, harness.LastLine(said.String()))}
	case <-ctx.Done():
		return figure{err: errors.Join(ctx.Err(), <-ended)}
	case <-time.After(watch):
	}
	watched := time.Since(began)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		return figure{err: err}
	}
	if err := <-ended; err != nil {
		return figure{err: fmt.Errorf("it did not end well: %w", err)}
	}
	if !strings.Contains(said.String(), "Camera 0 started: motion detection Enabled") {
		return figure{err: fmt.Errorf("it did not watch: %s", harness.LastLine(said.String()))}
	}
	return figure{value: (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds() / watched.Seconds()}
}

// runDecode decodes the clip and throws the pictures away.
func runDecode(ctx context.Context, c clip) figure {
	before := childrenTime()
	if err := ffmpeg(ctx, "-threads", "1", "-i", c.path, "-f", "null", "-"); err != nil {
		return figure{err: err}
	}
	return figure{value: (childrenTime() - before).Seconds() / c.seconds}
}

// runDeface gives deface clips of a few and of many frames; the difference is what
// a frame costs once it runs.
func runDeface(ctx context.Context, r *harness.Run, c clip, dir string, frames int) figure {
	program := filepath.Join(".cache", "venv", "camera", "bin", "deface")
	if _, err := os.Stat(program); err != nil {
		return figure{err: err}
	}
	few := max(5, frames/5)
	r.Say("deface: %d frames, then %d", few, few+frames)
	var times []time.Duration
	for _, n := range []int{few, few + frames} {
		in, out := filepath.Join(dir, "deface-in.mp4"), filepath.Join(dir, "deface-out.mp4")
		if err := ffmpeg(ctx, "-y", "-i", c.path, "-frames:v", strconv.Itoa(n), "-c", "copy", in); err != nil {
			return figure{err: err}
		}
		cmd := exec.CommandContext(ctx, program, in, "-o", out) //nolint:gosec // the peer that set-up got
		if said, err := cmd.CombinedOutput(); err != nil {
			return figure{err: fmt.Errorf("%w: %s", err, harness.LastLine(string(said)))}
		}
		times = append(times, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
	}
	return figure{value: (times[1] - times[0]).Seconds() / float64(frames)}
}
