package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"polity/access/account"
	"polity/camera/standin"
	"polity/city"
	"polity/console"
	"polity/demo/helsinki"
	"polity/hub"
	"polity/internal/durable"
	"polity/internal/parts"
	"polity/service"
)

// UsualData is the folder for the demo's data unless another is named.
const UsualData = ".demo"

// Options is how the demo is run.
type Options struct {
	Port int    // of the pages, on loopback; 0 picks a free one
	Data string // folder for everything that the demo keeps
	// Program is polity's own: edge, witnesses and the bodies' devices are processes of it.
	Program string
	Out     io.Writer // what happens, in words
	Now     func() time.Time
	Version string // of the program
	// Services are the kinds of services that the program has.
	Services []service.Module
	// Draft is a file that a guided release asks by, as the page "New case" writes it; empty:
	// it writes one for what was just recorded.
	Draft string

	up func(*demo) // it runs and its pages answer; nil: nobody asks
}

// addressFile has the address of the demo that runs with the data.
const addressFile = "address"

// demo is one run.
type demo struct {
	Options
	town     *town
	founding *founding
	crowd    *crowd // witnesses and the bodies' pages
	camera   *standin.Camera
	street   *street
	started  hub.Started
	edge     *child

	saying sync.Mutex
}

// Run runs the demo until ctx ends, and stops all of it.
func Run(ctx context.Context, o Options) (err error) {
	d := &demo{Options: o}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Port < 0 || d.Port > 65535 {
		return city.Errorf(city.Invalid, "port %d: it is between 1 and 65535, or 0 for a free one", d.Port)
	}
	began := time.Now()
	if d.town, err = openTown(o.Data, d.Now()); err != nil {
		return err
	}
	defer d.town.unlock()
	d.say("Polity demo. All of its data is in %s; nothing leaves this machine.", d.town.dir)
	if d.town.fresh {
		d.say("First start: made keys and signed the register entry of the demo's camera.")
	}
	inside, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	if d.founding, err = d.found(inside); err != nil {
		return err
	}
	if d.founding.fresh {
		d.say("Five root keys signed the roster: court and ombudsman with two devices each, three witnesses.\nHere all of them are on this machine, which protects nothing; in a city each is with people of its own.")
	}
	if err := d.serveCamera(inside); err != nil {
		return err
	}
	defer d.camera.Close()
	if err = d.run(ctx, inside, began); err == nil {
		d.say("Stopped; nothing is left running.")
	}
	return err
}

func (d *demo) say(format string, args ...any) {
	d.saying.Lock()
	defer d.saying.Unlock()
	fmt.Fprintf(d.Out, format+"\n", args...)
}

// serveCamera replays the film as a camera would send it.
func (d *demo) serveCamera(ctx context.Context) error {
	path, err := parts.Find(film)
	if err != nil {
		return city.Errorf(city.Invalid, "the demo's film: %w", err)
	}
	_, program := parts.Program("polity-native")
	_, library := parts.Find("libonnxruntime.so.1")
	if err := errors.Join(program, library); err != nil {
		return city.Errorf(city.Invalid, "the demo's detector: %w", err)
	}
	d.camera, err = standin.Serve(ctx, standin.Config{Film: path, User: cameraUser, Password: d.town.password})
	if err != nil {
		return fmt.Errorf("the demo's camera: %w", err)
	}
	return nil
}

// run starts the hub, then the edge, and ends them in the other order.
func (d *demo) run(ctx, inside context.Context, began time.Time) (err error) {
	log, closeLog, err := d.town.log("hub.log")
	if err != nil {
		return err
	}
	defer closeLog()
	if d.street, err = d.openStreet(inside, log); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.street.close()) }()
	d.crowd = newCrowd(inside, d.say)
	defer d.crowd.end()
	witnesses, err := d.startWitnesses(inside, d.crowd)
	if err != nil {
		return err
	}
	cfg, err := d.hubConfig(witnesses)
	if err != nil {
		return err
	}
	hubContext, stopHub := context.WithCancel(inside)
	defer stopHub()
	ready, ended := make(chan hub.Started, 1), make(chan error, 1)
	go func() {
		ended <- hub.Run(hubContext, cfg, hub.Deps{Log: log, Version: d.Version, About: about, Door: door(), Services: d.Services, Ready: func(s hub.Started) { ready <- s }})
	}()
	select {
	case d.started = <-ready:
	case err := <-ended:
		return d.explain(err)
	}
	d.street.begin(inside, d.started.Broker)
	err = d.runEdge(ctx, inside, began, ended)
	d.street.end()
	stopHub()
	if hubErr, open := <-ended; open {
		err = errors.Join(err, hubErr)
	}
	return err
}

// runEdge starts the edge and waits until it is time to stop.
func (d *demo) runEdge(ctx, inside context.Context, began time.Time, hubEnded chan error) error {
	if err := errors.Join(d.town.writeConfig(d.camera.URL(), d.founding.roster, d.started), d.startDevices(d.crowd),
		durable.WriteFile(d.town.path(addressFile), []byte(d.started.Address+"\n"), 0o600)); err != nil {
		return err
	}
	defer os.Remove(d.town.path(addressFile))
	out, closeLog, err := d.town.logFile("edge.log")
	if err != nil {
		return err
	}
	defer closeLog()
	d.edge = &child{name: "The edge", out: out, program: func() []string {
		return []string{d.Program, "edge", "--config", d.town.path("polity.yaml"), "--with-parent"}
	}}
	watching, stopWatching := context.WithCancel(inside)
	edgeEnded := make(chan error, 1)
	go func() { edgeEnded <- d.edge.keep(watching, d.say) }()
	d.say("\n  %s/\n\nready after %.1f s; Ctrl-C stops it.", d.started.Address, time.Since(began).Seconds())
	if d.up != nil {
		d.up(d)
	}
	var told sync.WaitGroup
	told.Go(func() {
		if d.up == nil { // nobody is led by commands
			d.sayDevices(watching)
		}
		d.keepEpochs(watching)
	})
	told.Go(func() { d.tell(watching) })
	var failed error
	select {
	case <-ctx.Done():
		d.say("\nStopping: the edge stores what it has left.")
	case failed = <-hubEnded:
		failed = errors.Join(errors.New("the hub ended"), failed)
		close(hubEnded)
	case failed = <-edgeEnded:
		edgeEnded <- nil
	}
	stopWatching()
	told.Wait()
	failed = errors.Join(failed, <-edgeEnded)
	return failed
}

func (d *demo) hubConfig(witnesses []hub.LedgerWitness) (hub.Config, error) {
	sensors, err := d.street.sensors()
	if err != nil {
		return hub.Config{}, err
	}
	return hub.Config{
		City: "Helsinki", Zone: zone, Data: d.town.path("hub"), Listen: net.JoinHostPort("127.0.0.1", fmt.Sprint(d.Port)),
		CityKeys: []string{d.town.cityKey}, Register: d.town.path("register"),
		Edges:   hub.Edges{Listen: "127.0.0.1:0", Known: []hub.Known{{Name: edgeName, Key: d.town.edgeKey}}},
		Sensors: sensors, Transit: d.street.transit(),
		Access:   hub.Access{Settings: account.Settings{Bodies: bodies()}},
		Ledger:   &hub.Ledger{KeyFile: d.town.path("keys", "log.key"), Rosters: []string{d.town.path(rosterFile)}, Witnesses: witnesses},
		Services: d.services(),
	}, nil
}

// about makes the hub's pages those of the demo city.
func about(a *console.About) {
	a.Demo = true
	if m, err := helsinki.Map(); err == nil { // its test reads it; pages do without
		a.Map = m
	}
}

// explain says what to do where it is plain.
func (d *demo) explain(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return city.Errorf(city.Unavailable, "another program uses port %d of this machine; choose another: make demo PORT=%d, or PORT=0 for any that is free", d.Port, d.Port+1)
	}
	if errors.Is(err, os.ErrPermission) && d.Port > 0 && d.Port < 1024 {
		return city.Errorf(city.Unavailable, "port %d is for the system; choose one from 1024 up, such as make demo PORT=8080", d.Port)
	}
	return err
}

// log opens a log of the demo's folder, beginning anew.
func (t *town) log(name string) (*slog.Logger, func(), error) {
	f, end, err := t.logFile(name)
	if err != nil {
		return nil, nil, err
	}
	return slog.New(slog.NewTextHandler(f, nil)), end, nil
}

func (t *town) logFile(name string) (*os.File, func(), error) {
	f, err := os.OpenFile(t.path(name), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open a log: %w", err)
	}
	return f, func() { f.Close() }, nil
}
