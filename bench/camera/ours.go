package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"polity/bench/harness"
	"polity/camera/decode"
	"polity/camera/detect"
	"polity/camera/layout"
	"polity/camera/pipeline"
)

// cameraCommand is the argument by which this program is one camera's process.
const cameraCommand = "camera-process"

// cameraProcess does with a film all that a camera's process does with its pictures,
// as often as told, and prints what it did.
func cameraProcess(args []string) error {
	flags := flag.NewFlagSet(cameraCommand, flag.ContinueOnError)
	film := flags.String("film", "", "")
	socket := flags.String("detector", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	did, err := watchFilm(context.Background(), *film, *socket)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(did)
}

// did is what a camera's process did.
type did struct{ Frames, Looks int }

func watchFilm(ctx context.Context, path, socket string) (did, error) {
	var done did
	config := pipeline.DefaultConfig
	config.Tuning.Timeout *= 30 // a film waits
	client := detect.NewClient(detect.Socket(socket), config.Tuning)
	defer client.Close()
	watch, err := pipeline.New(config, client, layout.Layout{}, false)
	if err != nil {
		return done, err
	}
	film, err := decode.OpenFilm(ctx, path, analysed)
	if err != nil {
		return done, err
	}
	defer film.Close()
	for {
		f, err := film.Next()
		if errors.Is(err, io.EOF) {
			return done, nil
		}
		if err != nil {
			return done, err
		}
		watch.See(ctx, f)
		if err := watch.Failed(); err != nil {
			return done, err
		}
		if _, err := watch.Scene().Update(false); err != nil {
			return done, err
		}
		watch.Meter().Marks(f.Taken)
		watch.Take()
		done.Frames++
		done.Looks = int(watch.Looks())
		film.Release(f)
	}
}

// ours is what one camera costs.
type ours struct {
	perSecond float64 // processor seconds per second of film
	looks     float64 // per analysed frame
}

// cameras starts n cameras' processes on a detector that they share.
func cameras(ctx context.Context, film string, n int) (worker *detect.Worker, processes []*exec.Cmd, out []*bytes.Buffer, err error) {
	dir, err := os.MkdirTemp("", "polity-bench-detect-")
	if err != nil {
		return nil, nil, nil, err
	}
	socket := filepath.Join(dir, "socket")
	worker, err = detect.StartWorker(ctx, socket, nil, slog.Default())
	if err != nil {
		return nil, nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, nil, errors.Join(err, worker.Stop())
	}
	for range n {
		cmd := exec.CommandContext(ctx, self, cameraCommand, "--film", film, "--detector", socket) //nolint:gosec // ourselves
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, os.Stderr
		if err := cmd.Start(); err != nil {
			return nil, nil, nil, errors.Join(err, worker.Stop())
		}
		processes, out = append(processes, cmd), append(out, &said)
	}
	return worker, processes, out, nil
}

// oneCamera measures a camera that is running: the difference between a stream of three
// times the clip and of the clip, so that starting is not counted.
func oneCamera(ctx context.Context, c clip) (ours, error) {
	once, _, err := spent(ctx, c.path)
	if err != nil {
		return ours{}, err
	}
	thrice, what, err := spent(ctx, c.thrice)
	if err != nil {
		return ours{}, err
	}
	return ours{
		perSecond: (thrice - once).Seconds() / (2 * c.seconds),
		looks:     float64(what.Looks) / float64(max(1, what.Frames)),
	}, nil
}

// spent is the processor time of a camera with all that it starts, and of the
// detector.
func spent(ctx context.Context, film string) (time.Duration, did, error) {
	before := childrenTime()
	worker, processes, out, err := cameras(ctx, film, 1)
	if err != nil {
		return 0, did{}, err
	}
	err = errors.Join(processes[0].Wait(), worker.Stop())
	if err != nil {
		return 0, did{}, fmt.Errorf("camera: %w", err)
	}
	var what did
	if err := json.Unmarshal(out[0].Bytes(), &what); err != nil {
		return 0, did{}, fmt.Errorf("camera: %w", err)
	}
	return childrenTime() - before, what, nil
}

// memory is what cameras take, MiB.
type memory struct{ first, perCamera float64 }

// camerasMemory compares the resident memory of one camera with that of three, each
// with its decoder, the detector with the first.
func camerasMemory(ctx context.Context, r *harness.Run, c clip) (memory, error) {
	const many = 3
	r.Say("memory of one camera and of %d", many)
	one, err := greatest(ctx, c, 1)
	if err != nil {
		return memory{}, err
	}
	more, err := greatest(ctx, c, many)
	return memory{first: one, perCamera: (more - one) / (many - 1)}, err
}

// greatest returns the most memory that n cameras and the detector held together.
func greatest(ctx context.Context, c clip, n int) (float64, error) {
	worker, processes, _, err := cameras(ctx, c.path, n)
	if err != nil {
		return 0, err
	}
	ended := make(chan error, n)
	for _, p := range processes {
		go func() { ended <- p.Wait() }()
	}
	most := 0.0
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for left := n; left > 0; {
		select {
		case err := <-ended:
			if err != nil {
				return 0, errors.Join(fmt.Errorf("camera: %w", err), worker.Stop())
			}
			left--
		case <-tick.C:
			most = max(most, residentBelow(os.Getpid()))
		}
	}
	return most, worker.Stop()
}
