package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"polity/camera/uplink"
	"polity/city"
	"polity/register"
	"polity/spine"
)

// Deps is what Run needs besides the configuration.
type Deps struct {
	Log     *slog.Logger
	Now     func() time.Time // the wall clock; nil: time.Now
	Version string           // of the program, "1.2.3"
	// Detector starts the process that finds people and vehicles for all cameras,
	// listening on the unix socket, and keeps it running until ctx ends. Nil or an
	// error: there is none, and scenes freeze.
	Detector func(ctx context.Context, socket string, log *slog.Logger) (DetectorProcess, error)
	// Ready is called once, when cameras may run, with the address of the state page.
	Ready func(address string)
}

// DetectorProcess is the detector that all cameras of an edge share.
type DetectorProcess interface {
	Running() bool
	Restarts() int
	Stop() error
}

// edge is one run of the program.
type edge struct {
	cfg        Config
	log        *slog.Logger
	now        func() time.Time
	version    string
	started    time.Time
	folder     register.Folder
	spine      *spine.Edge
	start      func(ctx context.Context, socket string, log *slog.Logger) (DetectorProcess, error)
	detector   DetectorProcess // nil without one
	recordings *recordings     // nil: nothing is recorded
	carry      *carry
	cameras    []*camera
	listener   net.Listener
	unlock     func()

	mu    sync.Mutex
	stock spine.Stock
	lost  uint64 // observations that were given up for want of room, since the start
}

// Run runs an edge until ctx ends, and stops its cameras in order.
func Run(ctx context.Context, cfg Config, deps Deps) error {
	cfg = cfg.WithDefaults()
	if err := cfg.Check(); err != nil {
		return err
	}
	e := &edge{cfg: cfg, log: deps.Log, now: deps.Now, version: deps.Version, start: deps.Detector, started: time.Now()}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if e.now == nil {
		e.now = time.Now
	}
	defer e.close()
	if err := e.open(); err != nil {
		return err
	}
	return e.run(ctx, deps.Ready)
}

// open takes hold of everything that can be taken by somebody else, or be missing.
func (e *edge) open() error {
	keys, err := register.ParseKeys(e.cfg.CityKeys)
	if err != nil {
		return err
	}
	e.folder = register.Folder{Dir: e.cfg.Register, Keys: keys}
	if info, err := os.Stat(e.cfg.Register); err != nil || !info.IsDir() {
		return city.Errorf(city.Invalid, "edge.register: %s is no folder; put the cameras' entries there", e.cfg.Register)
	}
	secrets, err := e.cfg.readSecrets()
	if err != nil {
		return err
	}
	for _, dir := range []string{"", "store", "spool", "layouts", "events", "run"} {
		if err := os.MkdirAll(e.cfg.path(dir), 0o700); err != nil {
			return fmt.Errorf("make the edge's data folder: %w", err)
		}
	}
	if e.unlock, err = lock(e.cfg.path("lock")); err != nil {
		return err
	}
	if e.listener, err = net.Listen("tcp", e.cfg.Listen); err != nil {
		return city.Errorf(city.Unavailable, "edge.listen: %w; is another edge running, or does another program use the port?", err)
	}
	if e.spine, err = spine.StartEdge(spine.EdgeConfig{
		Name: e.cfg.Name, Data: e.cfg.path("store"), Hub: e.cfg.Hub.Address, Seed: secrets.seed, TLS: secrets.tls, Check: uplink.Check, Log: e.log,
		MaxStore: int64(e.cfg.Disk.Limit), KeepFree: int64(e.cfg.Disk.KeepFree),
	}); err != nil {
		return err
	}
	if err := e.openCarry(); err != nil {
		return err
	}
	if e.recordings, err = e.openRecordings(); err != nil {
		return err
	}
	for _, c := range e.cfg.Cameras {
		cam, err := newCamera(e, c, secrets.passwords[c.Name])
		if err != nil {
			return err
		}
		e.cameras = append(e.cameras, cam)
	}
	return nil
}

// socket is where the detector listens.
func (e *edge) socket() string { return e.cfg.path("run", "detector.sock") }

// startDetector starts the shared detector. Without it scenes freeze, which is no
// reason not to run.
func (e *edge) startDetector(ctx context.Context) {
	if e.cfg.Detector.Off || e.start == nil {
		e.log.Warn("the detector is off: scenes freeze")
		return
	}
	var err error
	if e.detector, err = e.start(ctx, e.socket(), e.log); err != nil {
		e.detector = nil
		e.log.Error("there is no detector: scenes freeze", slog.Any("error", err))
	}
}

// environment is what the edge's processes get of its own: no name, no secret.
func environment() []string {
	var env []string
	for _, key := range []string{"PATH", "HOME", "TMPDIR", "TZ", "POLITY_PARTS", "POLITY_PROGRAMS", "GORACE", "GOCOVERDIR", "GOGC", "GOMEMLIMIT"} {
		if v := os.Getenv(key); v != "" {
			env = append(env, key+"="+v)
		}
	}
	return env
}

func (e *edge) run(ctx context.Context, ready func(string)) error {
	if err := errors.Join(
		e.spine.Serve(spine.Watch, e.hearWatch), e.spine.Serve(spine.Layout, e.hearLayout),
		e.spine.Serve(spine.Logged, e.carry.hear), e.spine.Serve(spine.Proof, e.hearProof), e.spine.Serve(spine.Roster, e.hearRoster),
	); err != nil {
		return err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	if err := e.serveHandout(background); err != nil {
		return err
	}
	var work, cameras sync.WaitGroup
	if e.startDetector(background); e.detector != nil {
		work.Go(func() {
			<-background.Done()
			if err := e.detector.Stop(); err != nil {
				e.log.Warn("the detector did not end well", slog.Any("error", err))
			}
		})
	}
	work.Go(func() { e.report(background) })
	work.Go(func() { e.archive(background) })
	work.Go(func() { e.serve(background) })
	if e.cfg.Hub.Address != "" {
		work.Go(func() { e.carry.run(background) })
		work.Go(e.tellSoftware)
	}
	if e.recordings != nil {
		classes := slices.Sorted(maps.Keys(e.recorded()))
		work.Go(func() { e.recordings.tend(background, classes) })
		work.Go(func() { e.askKeys(background) })
		if second := e.recordings.second; second != nil {
			work.Go(func() { e.recordings.copies(background, second, e.cfg.Cameras) })
		}
	}
	for _, c := range e.cameras {
		cameras.Go(func() { c.run(ctx) })
	}
	e.log.Info("the edge runs", slog.String("edge", string(e.cfg.Name)), slog.Int("cameras", len(e.cameras)), slog.String("state", e.address()))
	if ready != nil {
		ready(e.address())
	}
	<-ctx.Done()
	e.log.Info("the edge stops")
	cameras.Wait() // they store what they have left
	stop()
	work.Wait()
	return nil
}

func (e *edge) address() string { return "http://" + e.listener.Addr().String() }

func (e *edge) close() {
	if err := e.recordings.close(); err != nil {
		e.log.Error("recordings were not closed well", slog.Any("error", err))
	}
	if e.spine != nil {
		e.spine.Close()
	}
	if e.listener != nil {
		e.listener.Close()
	}
	if e.unlock != nil {
		e.unlock()
	}
}

func (e *edge) camera(name city.Slug) *camera {
	for _, c := range e.cameras {
		if c.cfg.Name == name {
			return c
		}
	}
	return nil
}

// lock makes sure that one edge at a time uses the data folder.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the edge's data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(city.Errorf(city.Unavailable, "another edge uses the data folder %s", filepath.Dir(path)), f.Close())
	}
	// Closing is not enough: a program that is just being started, a camera's, holds a copy of
	// the descriptor, and the lock with it, until it runs.
	return func() { _ = errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close()) }, nil
}

// hearWatch notes that somebody looks at a camera.
func (e *edge) hearWatch(name city.Slug, body []byte) []byte {
	c := e.camera(name)
	w, err := uplink.DecodeWatch(body)
	if c == nil || err != nil {
		return nil
	}
	c.watch(time.Duration(w.Seconds)*time.Second, w.Whole == 1)
	return nil
}

// hearLayout gives a camera a new layout.
func (e *edge) hearLayout(name city.Slug, body []byte) []byte {
	l, err := uplink.DecodeLayout(body)
	if err != nil {
		return uplink.Encode(uplink.LayoutAnswer{Result: uplink.Wrong})
	}
	c := e.camera(name)
	if c == nil {
		return uplink.Encode(uplink.LayoutAnswer{Result: uplink.NoCamera})
	}
	return uplink.Encode(c.setLayout(l))
}
