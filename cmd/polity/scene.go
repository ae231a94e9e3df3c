package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"polity/camera/pipeline"
	"polity/camera/screening"
	"polity/camera/wire"
	"polity/city"
)

type sceneFlags struct {
	shown, frames string
	passes        int
	rate          float64
	force         bool
}

func sceneCommand() *cobra.Command {
	var f sceneFlags
	cmd := &cobra.Command{
		Use:   "scene FILM",
		Short: "Try Polity on a film of your own: what would people be shown?",
		Long: `Runs a film through exactly what a camera's pictures go through, and writes what
people would be shown: the place, without those in it. Judge it before you decide on
a camera, with tools of your own.

--shown   a film (Matroska, FFV1, lossless) with a picture per analysed frame; what
          is not known to be the place is grey; marks are left out
--frames  a table (CSV) with a line per such picture: film_frame (from 0), time
          (seconds), pass, persons, bicycles, vehicles, and unknown, the share of the
          picture that is not shown (0 to 1)

A place is learnt while it is looked at. With --passes 10 the film is shown ten times
on end, as a camera would see a longer day.`,
		Example: `  polity scene square.mp4 --shown shown.mkv --frames frames.csv
  polity scene square.mp4 --frames frames.csv --passes 10`,
		Args: exactlyOne("film"),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	cmd.Flags().StringVar(&f.shown, "shown", "", "write what is shown to this file (.mkv)")
	cmd.Flags().StringVar(&f.frames, "frames", "", "write the table to this file (.csv)")
	cmd.Flags().IntVar(&f.passes, "passes", 1, "how often the film is shown")
	cmd.Flags().Float64Var(&f.rate, "per-second", 5, "analysed frames a second")
	cmd.Flags().BoolVar(&f.force, "force", false, "overwrite files that are there")
	return cmd
}

func (f *sceneFlags) run(cmd *cobra.Command, film string) (err error) {
	if f.shown == film || f.frames == film {
		return usageError{fmt.Errorf("%s is the film itself: write to another file", film)}
	}
	options := screening.Options{
		Film: film, Rate: f.rate, Passes: f.passes, Progress: f.progress(cmd),
		Log: slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	for _, o := range []struct {
		path string
		to   *io.Writer
	}{{f.shown, &options.Shown}, {f.frames, &options.Table}} {
		if o.path == "" {
			continue
		}
		file, openErr := f.create(o.path)
		if openErr != nil {
			return openErr
		}
		defer func() {
			if closeErr := file.Close(); err == nil {
				err = closeErr
			}
		}()
		*o.to = file
	}
	began := time.Now()
	last, err := screening.Run(cmd.Context(), options)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d pictures analysed in %v; %.1f%% of the picture is not shown at the end (configuration %s).\n",
		last.Frames, time.Since(began).Round(100*time.Millisecond), 100*last.Unknown, pipeline.DefaultConfig.Hash())
	if f.shown == "" && f.frames == "" {
		fmt.Fprintln(cmd.OutOrStdout(), "Nothing was written; give --shown FILE.mkv or --frames FILE.csv.")
	}
	return nil
}

// create opens an output that is not there yet.
func (f *sceneFlags) create(path string) (*os.File, error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if f.force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	file, err := os.OpenFile(path, flags, 0o600)
	switch {
	case errors.Is(err, os.ErrExist):
		return nil, city.Errorf(city.Conflict, "%s is there already and was left as it is; remove it, name another file, or give --force", path)
	case errors.Is(err, os.ErrNotExist):
		return nil, city.Errorf(city.Invalid, "%s cannot be written: there is no folder %s", path, filepath.Dir(path))
	}
	return file, err
}

// progress tells how far the film is: on a terminal in one line, else now and then.
func (f *sceneFlags) progress(cmd *cobra.Command) func(screening.Progress) {
	terminal := term.IsTerminal(int(os.Stderr.Fd()))
	every := 5 * time.Second
	if terminal {
		every = 200 * time.Millisecond
	}
	said := time.Now()
	return func(p screening.Progress) {
		if time.Since(said) < every {
			return
		}
		said = time.Now()
		line := fmt.Sprintf("pass %d of %d, frame %d: %d people, %.1f%% not shown", p.Pass, f.passes, p.Film, p.Counts[wire.Person], 100*p.Unknown)
		if terminal {
			fmt.Fprintf(cmd.ErrOrStderr(), "\r\x1b[K%s\r", line)
		} else {
			fmt.Fprintln(cmd.ErrOrStderr(), line)
		}
	}
}
