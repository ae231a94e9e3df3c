package demo

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"polity/city"
)

const (
	// footage is how much the guided release asks for.
	footage = 30 * time.Second
	// begins is how long the demo may take until it has recorded that.
	begins = 3 * time.Minute
)

// Release leads through a release of footage, with the demo that runs with the data, or
// with one that it starts for that. in is who is asked to go on; nil: nobody is.
func Release(ctx context.Context, o Options, in io.Reader) error {
	g := &guide{demo: &demo{Options: o}}
	if g.Now == nil {
		g.Now = time.Now
	}
	if in != nil {
		g.in = bufio.NewReader(in)
	}
	at, err := running(o.Data)
	if err != nil {
		return err
	}
	if at == "" {
		err = g.withOwn(ctx)
	} else {
		g.at, g.town = at, new(town)
		if g.town.dir, err = filepath.Abs(o.Data); err == nil {
			err = g.lead(ctx)
		}
	}
	if err != nil && ctx.Err() != nil {
		g.say("\nLeft before its end: what was asked for and approved stays, and shows in the public log.")
		return nil //nolint:nilerr // whoever ended it asked for that
	}
	return err
}

// running is the address of the demo that runs with the data; empty: none does.
func running(data string) (at string, err error) {
	f, err := os.Open(filepath.Join(data, "lock"))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err == nil {
		return "", nil
	}
	text, err := os.ReadFile(filepath.Join(data, addressFile))
	if err != nil {
		return "", city.Errorf(city.Unavailable, "the demo with the data in %s is still starting; try again in some seconds", data)
	}
	return strings.TrimSpace(string(text)), nil
}

// withOwn starts a demo, leads, and stops it.
func (g *guide) withOwn(ctx context.Context) error {
	inside, stop := context.WithCancel(ctx)
	defer stop()
	up, ended := make(chan *demo, 1), make(chan error, 1)
	o := g.Options
	o.up = func(d *demo) { up <- d }
	g.say("No demo runs with the data in %s: one is started for this.", o.Data)
	go func() { ended <- Run(inside, o) }()
	select {
	case d := <-up:
		g.demo, g.at = d, d.started.Address
	case err := <-ended:
		return err
	}
	led := make(chan error, 1)
	go func() {
		err := g.lead(inside)
		if err == nil {
			err = g.pause(inside, "the demo ends")
		}
		led <- err
	}()
	var err error
	select {
	case err = <-led:
	case failed := <-ended:
		stop()
		return errors.Join(failed, <-led)
	}
	stop()
	return errors.Join(err, <-ended)
}
