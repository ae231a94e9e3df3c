package twin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"polity/city"
	"polity/services/traffic/control"
	"polity/services/traffic/network"
	"polity/services/traffic/safety"
	"polity/services/traffic/traci"
)

// Run is one simulation of a scenario under one control.
type Run struct {
	SUMO     string // the program; FindSUMO finds it
	Scenario Scenario
	Net      *network.Network // the scenario's, perhaps with other times
	Seed     int
	// Control makes the controller; nil leaves the signals to SUMO, which then runs
	// the network's own plans, or actuated ones if Actuated is set.
	Control  func(*network.Network) (control.Controller, error)
	Actuated bool
	Sensor   Sensor
	// Teleport is after how long SUMO lifts a blocked vehicle away; negative: never,
	// so that a gridlock shows.
	Teleport time.Duration
	Dir      string // where SUMO's outputs go; it must be there
	// Progress is called about once a simulated minute; toCome counts the vehicles on
	// the road and still to depart.
	Progress func(simulated, total time.Duration, toCome int)
	// Record asks for Result.Record: what happened at each approach and crossing, and
	// along the junctions of Corridor, if it names any.
	Record   bool
	Corridor []string
	// Decided, if set, gets every decision that changes what is wished for.
	Decided func(now time.Duration, junction string, d control.Decision)
}

// Result is what a run came to.
type Result struct {
	SUMO        string  `json:"sumo"`
	Trips       Trips   `json:"trips"`
	MaxRed      float64 `json:"max_red_s,omitempty"` // not measured where nobody looks: fixed and actuated without crossings
	MaxRedAt    string  `json:"max_red_at,omitempty"`
	Collisions  int     `json:"collisions,omitempty"` // these, too, are counted only where somebody looks
	Teleports   int     `json:"teleports,omitempty"`
	People      int     `json:"people,omitempty"`
	WalkWait    float64 `json:"walk_wait_s,omitempty"`     // mean per person, standing before crossings
	DecisionP99 float64 `json:"decision_ms_p99,omitempty"` // CPU time for all junctions together
	DecisionMax float64 `json:"decision_ms_max,omitempty"`
	Forced      int     `json:"forced_greens,omitempty"` // seconds in which the guard took over
	Refused     int     `json:"refused_wishes,omitempty"`
	Record      *Record `json:"-"` // only if it was asked for
}

// Do runs the simulation to its end.
func (r Run) Do(ctx context.Context) (Result, error) {
	args, err := r.args()
	if err != nil {
		return Result{}, err
	}
	p, err := start(ctx, r.SUMO, args)
	if err != nil {
		return Result{}, fmt.Errorf("simulate %s: %w", r.Scenario.Path, err)
	}
	s := simulation{Run: r, p: p}
	if err := s.run(ctx); err != nil {
		if errors.Is(err, traci.ErrGone) {
			err = city.Errorf(city.Unavailable, "simulate %s: SUMO is gone after %v of simulated time: %w", r.Scenario.Path, s.elapsed, err)
		}
		return Result{}, p.failed(err)
	}
	if err := p.finish(); err != nil {
		return Result{}, err
	}
	end := r.Scenario.End
	if end == 0 {
		end = r.Scenario.Begin + s.elapsed
	}
	trips := filepath.Join(r.Dir, "tripinfo.xml")
	if s.result.Trips, err = ReadTrips(trips, r.Scenario.Begin, end); err == nil && s.rec != nil {
		s.result.Record, err = s.rec.finish(r.Scenario.Begin, r.Scenario.Begin+s.elapsed, trips)
	}
	return s.result, err
}

func (r Run) args() ([]string, error) {
	args := []string{
		"-c", r.Scenario.Path, "--seed", strconv.Itoa(r.Seed),
		"--time-to-teleport", strconv.FormatFloat(max(-1, r.Teleport.Seconds()), 'f', -1, 64),
		"--tripinfo-output", filepath.Join(r.Dir, "tripinfo.xml"),
		"--tripinfo-output.write-unfinished", "--tripinfo-output.write-undeparted",
		"--no-step-log", "--duration-log.disable", "--no-warnings", "--step-length", "1",
	}
	if r.Actuated {
		path := filepath.Join(r.Dir, "actuated.add.xml")
		if err := writeActuated(path, r.Net); err != nil {
			return nil, err
		}
		all := ""
		for _, a := range append(slices.Clone(r.Scenario.Additional), path) {
			if all != "" {
				all += ","
			}
			all += a
		}
		args = append(args, "--additional-files", all)
	}
	return args, nil
}

// simulation is a run in progress.
type simulation struct {
	Run
	p       *process
	w       *world
	eyes    *eyes
	red     *redClock
	rec     *recorder // nil: nothing is recorded
	ctl     control.Controller
	guards  []*safety.Guard
	shown   []safety.Aspects
	letters []string
	wishes  []control.Decision
	elapsed time.Duration
	times   []time.Duration
	waited  int // person-seconds
	result  Result
}

func (s *simulation) run(ctx context.Context) error {
	api, version, err := s.p.client.Version()
	if err != nil {
		return err
	}
	if api < 20 {
		return city.Errorf(city.Invalid, "this is %s with TraCI version %d; version 20 or later is needed", version, api)
	}
	s.result.SUMO = version
	s.w = newWorld(s.Net, s.p.client, s.blind())
	s.eyes = newEyes(s.w, s.Sensor, uint64(s.Seed)*0x9e3779b97f4a7c15)
	s.red = newRedClock(s.w)
	if s.Record {
		if s.rec, err = newRecorder(s.w, s.eyes, s.Corridor); err != nil {
			return err
		}
	}
	if s.Control != nil {
		if err := s.takeOver(); err != nil {
			return err
		}
	}
	total := s.Scenario.End - s.Scenario.Begin
	walkers := map[string]bool{}
	for s.Scenario.End == 0 || s.elapsed < total {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.pass(total); err != nil {
			return err
		}
		for _, p := range s.w.people {
			walkers[p.id] = true
			if _, ok := s.eyes.waitsFor(p); ok {
				s.waited++
			}
		}
		if s.ctl != nil {
			s.decide()
		}
		if s.Progress != nil && s.elapsed%time.Minute == 0 {
			s.Progress(s.elapsed, total, s.w.expected)
		}
		if s.Scenario.End == 0 && s.w.expected == 0 {
			break
		}
	}
	s.sumUp(len(walkers))
	return nil
}

// pass lets the next second pass or, where nobody looks, the next minute.
func (s *simulation) pass(total time.Duration) error {
	if s.w.blind && s.elapsed > 0 { // SUMO does not answer subscriptions in one message with a leap
		s.elapsed = (s.elapsed/leap + 1) * leap
		if total > 0 {
			s.elapsed = min(s.elapsed, total)
		}
		return s.w.stepTo(s.Scenario.Begin + s.elapsed)
	}
	if err := s.w.step(); err != nil {
		return err
	}
	s.elapsed += time.Second
	if !s.w.blind {
		s.red.second(s.elapsed, s.eyes)
	}
	if s.rec != nil {
		s.rec.second(s.elapsed)
	}
	return nil
}

// blind tells whether nobody needs to see anything: no controller, no record, no people
// before crossings, whose waits are measured.
func (s *simulation) blind() bool {
	if s.Control != nil || s.Record {
		return false
	}
	for _, j := range s.Net.Junctions {
		if len(j.Crossings) > 0 {
			return false
		}
	}
	return true
}

func (s *simulation) takeOver() error {
	var err error
	if s.ctl, err = s.Control(s.Net); err != nil {
		return err
	}
	for _, j := range s.Net.Junctions {
		g, err := safety.New(j)
		if err != nil {
			return err
		}
		s.guards = append(s.guards, g)
	}
	s.shown = make([]safety.Aspects, len(s.guards))
	s.letters = make([]string, len(s.guards))
	s.wishes = make([]control.Decision, len(s.guards))
	return nil
}

// decide lets the controller wish and the guards show, for the coming second.
func (s *simulation) decide() {
	seen := s.eyes.look(s.elapsed)
	before := slices.Clone(s.wishes)
	s.times = append(s.times, onOneCore(func() { s.ctl.Decide(s.elapsed, seen, s.shown, s.wishes) }))
	for i, j := range s.Net.Junctions {
		if s.Decided != nil && s.wishes[i].Want != before[i].Want {
			s.Decided(s.elapsed, j.ID, s.wishes[i])
		}
		s.shown[i] = s.guards[i].Step(s.elapsed, s.wishes[i].Want, control.Demand(s.Net, i, seen)|s.wishes[i].Presumed)
		if s.shown[i].Forced() != 0 {
			s.result.Forced++
		} else if s.shown[i].Note() != "" && s.shown[i].Mode() == safety.Running {
			s.result.Refused++
		}
		if l := Letters(j, s.shown[i]); l != s.letters[i] {
			s.letters[i] = l
			s.p.client.SetSignals(j.ID, l)
		}
	}
}

// onOneCore returns the CPU time that f took, which does not grow when the machine
// has other work.
func onOneCore(f func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, after unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &before); err != nil {
		start := time.Now()
		f()
		return time.Since(start)
	}
	f()
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &after) // it worked a moment ago
	return time.Duration(after.Nano() - before.Nano())
}

func (s *simulation) sumUp(people int) {
	r := &s.result
	r.MaxRed, r.MaxRedAt = s.red.Longest.Seconds(), s.red.Where
	r.Collisions, r.Teleports = s.w.collisions, s.w.teleports
	if people > 0 {
		r.People, r.WalkWait = people, float64(s.waited)/float64(people)
	}
	if n := len(s.times); n > 0 {
		slices.Sort(s.times)
		r.DecisionP99 = float64(s.times[n*99/100].Microseconds()) / 1000
		r.DecisionMax = float64(s.times[n-1].Microseconds()) / 1000
	}
}

// writeActuated writes the network's own plans as SUMO's actuated ones: the same
// phases, each green from MinDur to MaxDur as the plan gives them, else 5 to 50 s,
// which is what SUMO's own network builder writes.
func writeActuated(path string, n *network.Network) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the actuated plans: %w", err)
	}
	defer f.Close()
	fmt.Fprintln(f, "<additional>")
	for _, j := range n.Junctions {
		p := j.Plans[0]
		fmt.Fprintf(f, "  <tlLogic id=%q type=\"actuated\" programID=\"polity-actuated\" offset=\"0\">\n", j.ID)
		for _, ph := range p.Phases {
			if greens, ambers := j.StateGroups(ph.State); greens == 0 || ambers != 0 {
				fmt.Fprintf(f, "    <phase duration=\"%g\" state=%q/>\n", ph.Duration.Seconds(), ph.State)
				continue
			}
			shortest, longest := 5.0, 50.0
			if ph.Min > 0 {
				shortest = ph.Min.Seconds()
			}
			if ph.Max > 0 {
				longest = ph.Max.Seconds()
			}
			fmt.Fprintf(f, "    <phase duration=\"%g\" minDur=\"%g\" maxDur=\"%g\" state=%q/>\n", ph.Duration.Seconds(), shortest, max(shortest, longest), ph.State)
		}
		fmt.Fprintln(f, "  </tlLogic>")
	}
	fmt.Fprintln(f, "</additional>")
	return f.Close()
}
