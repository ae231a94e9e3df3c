package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"polity/camera/live"
	"polity/camera/wire"
	"polity/city"
)

// viewersCommand is the argument by which this program becomes the viewers.
const viewersCommand = "viewers"

// manyResult is what serving many viewers took.
type manyResult struct {
	rate, perCore float64 // updates a second that reached each; views of 5 a second that a core serves
	cpu, took     time.Duration
	lost          int64 // connections that ended and were opened again
}

// manyViews serves viewers over HTTP on loopback while cameras play the recording
// again and again, each from another place.
func manyViews(ctx context.Context, rec *recording, viewers, cameras int, looking time.Duration) (manyResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := live.New(live.Config{
		Check: func(context.Context, city.Slug) error { return nil },
		Watch: func(ctx context.Context, camera city.Slug, each func(wire.Message)) error {
			return rec.play(ctx, camera, cameras, each)
		},
	})
	defer l.Close()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return manyResult{}, err
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serve, err := l.Open(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_ = serve(w) // the viewer has left
	})}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	self, err := os.Executable()
	if err != nil {
		return manyResult{}, err
	}
	cmd := exec.CommandContext(ctx, self, viewersCommand, listener.Addr().String(), strconv.Itoa(viewers), strconv.Itoa(cameras)) //nolint:gosec // this program itself
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return manyResult{}, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return manyResult{}, err
	}
	if err := cmd.Start(); err != nil {
		return manyResult{}, err
	}
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() { // "ready": everyone has seen something
		return manyResult{}, errors.Join(errors.New("the viewers ended before they saw anything"), cmd.Wait())
	}
	began, cpu := time.Now(), processorTime()
	fmt.Fprintln(stdin, "count")
	select {
	case <-ctx.Done():
		return manyResult{}, ctx.Err()
	case <-time.After(looking):
	}
	out := manyResult{cpu: processorTime() - cpu, took: time.Since(began)}
	fmt.Fprintln(stdin, "stop")
	var seen struct{ Updates, Lost int64 }
	if !lines.Scan() {
		return out, errors.Join(errors.New("the viewers did not say what they saw"), cmd.Wait())
	}
	if err := json.Unmarshal(lines.Bytes(), &seen); err != nil {
		return out, err
	}
	out.lost = seen.Lost
	out.rate = float64(seen.Updates) / float64(viewers) / out.took.Seconds()
	out.perCore = float64(seen.Updates) / out.cpu.Seconds() / updates
	stdin.Close()
	return out, cmd.Wait()
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// play sends the recording in its own time, over and over, starting at a place that
// depends on the camera.
func (r *recording) play(ctx context.Context, camera city.Slug, cameras int, each func(wire.Message)) error {
	var n int
	if _, err := fmt.Sscanf(string(camera), "camera-%d", &n); err != nil {
		return city.Errorf(city.NotFound, "camera %s: %w", camera, err)
	}
	each(r.first)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Duration(n) * time.Second / time.Duration(updates*cameras)):
	}
	tick := time.NewTicker(time.Second / updates)
	defer tick.Stop()
	for i := n * len(r.steps) / cameras; ; i++ {
		for _, m := range r.steps[i%len(r.steps)] {
			each(m)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// viewersProcess is many people who look: ADDRESS VIEWERS CAMERAS. It says "ready"
// when each has seen marks, counts from the first line of input to the second, and
// then says how many updates of marks there were.
func viewersProcess(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("ADDRESS VIEWERS CAMERAS are needed, not %q", args)
	}
	viewers, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	cameras, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	var ready sync.WaitGroup
	var counting atomic.Bool
	var updates, lost atomic.Int64
	ready.Add(viewers)
	failed := make(chan error, viewers)
	coming := make(chan struct{}, together)
	for i := range viewers {
		go func() {
			coming <- struct{}{}
			first := sync.OnceFunc(func() {
				<-coming
				ready.Done()
			})
			update := func() {
				if counting.Load() {
					updates.Add(1)
				}
			}
			for look(args[0], i%cameras, first, update) == nil {
				lost.Add(1)
				time.Sleep(time.Second) // as a browser does (retry of the live feed)
			}
			failed <- fmt.Errorf("a viewer cannot connect to %s", args[0])
		}()
	}
	all := make(chan struct{})
	go func() { ready.Wait(); close(all) }()
	select {
	case err := <-failed:
		return err
	case <-all:
	}
	fmt.Println("ready")
	input := bufio.NewScanner(os.Stdin)
	input.Scan()
	counting.Store(true)
	input.Scan()
	counting.Store(false)
	fmt.Printf(`{"updates":%d,"lost":%d}`+"\n", updates.Load(), lost.Load())
	return nil
}

// together is how many viewers come at the same time: each is sent the whole place.
const together = 50

// look is one viewer; it returns nil when the connection ends, which a hub that
// cannot write for ten seconds does.
func look(address string, camera int, first, update func()) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /live?cameras=camera-%d HTTP/1.1\r\nHost: hub\r\n\r\n", camera)
	lines := bufio.NewReaderSize(conn, 16<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil //nolint:nilerr // the end of a connection is none of the viewer's errors
		}
		if string(line) != "event: marks\n" {
			continue
		}
		first()
		update()
	}
}
