package link

import (
	"bufio"
	"fmt"
	"io"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"polity/camera/wire"
	"polity/city"
)

const (
	maxPlaces  = 64 // changes of the place that wait for a slow edge
	closeGrace = 5 * time.Second
)

// Spool is a file opened for appending.
type Spool interface {
	io.Writer
	Sync() error
}

// Process is the camera process's end. It is safe for concurrent use.
type Process struct {
	assignment Assignment
	spool      Spool
	recording  io.ReadWriter
	commands   chan Command
	poke       chan struct{} // commands are pending
	readEnded  chan struct{} // the edge says nothing any more
	gone       chan struct{} // the edge asked to stop or is gone
	goneOnce   sync.Once

	mu      sync.Mutex
	wake    *sync.Cond
	state   *wire.State
	marks   *wire.Marks
	places  []*wire.Place
	records []wire.Message // not yet stored, oldest first
	stored  uint64         // how many of this run went before records[0]
	sent    uint64         // how many of this run were written
	dropped uint64
	pending Command // not yet taken by the owner
	watched bool
	writing bool
	closed  bool
	broken  error // the edge cannot be spoken with any more
}

// Open reads the assignment and begins to serve the link. Errors about the
// assignment are of kind Invalid. From then on a write to a closed descriptor is
// an error and no longer ends the program (SIGPIPE is ignored).
func Open(in io.Reader, out io.Writer, spool Spool) (*Process, error) {
	signal.Ignore(syscall.SIGPIPE)
	r := bufio.NewReader(in)
	line, err := readLine(r)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "read the assignment from standard input: %w", err)
	}
	p := &Process{
		spool: spool, commands: make(chan Command), poke: make(chan struct{}, 1),
		readEnded: make(chan struct{}), gone: make(chan struct{}),
	}
	p.wake = sync.NewCond(&p.mu)
	if err := p.assignment.UnmarshalJSON(line); err != nil {
		return nil, city.Errorf(city.Invalid, "assignment: %w", err)
	}
	if err := p.assignment.Check(); err != nil {
		return nil, err
	}
	go p.read(r)
	go p.pass()
	go p.write(bufio.NewWriterSize(out, 64<<10))
	go p.expire()
	return p, nil
}

// Assignment is what the edge asked for.
func (p *Process) Assignment() Assignment { return p.assignment }

// Recording is the connection to the edge's store of segments, nil where the assignment
// asks for none.
func (p *Process) Recording() io.ReadWriter { return p.recording }

// Commands gives what the edge says later: Watch, Whole, Layout and Stop.
// Commands that were not taken in time arrive as one. The channel is closed after
// Stop, or when the edge is gone or the register entry has ended: the process then
// calls Close and ends.
func (p *Process) Commands() <-chan Command { return p.commands }

// Gone is closed at the same moment, for those who do not take the commands.
func (p *Process) Gone() <-chan struct{} { return p.gone }

// Dropped is how many observations and events were given up because the edge took
// none for too long.
func (p *Process) Dropped() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dropped
}

// Held is how many observations and events wait to be stored by the edge.
func (p *Process) Held() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.records)
}

// Send passes a message on and never waits. Of State and Marks only the latest
// counts; Marks go only while somebody watches. When the edge is too slow for the
// changes of the place they are dropped, and a Whole command asks for all of it.
// Observations and events are kept until the edge has stored them. The message
// must not be changed afterwards. After Close nothing is taken.
func (p *Process) Send(m wire.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	switch m := m.(type) {
	case *wire.State:
		p.state = m
	case *wire.Marks:
		if p.watched {
			p.marks = m
		}
	case *wire.Place:
		p.sendPlace(m)
	default:
		if p.records = append(p.records, m); len(p.records) > maxHeld {
			unsent := int(p.sent - p.stored)
			p.records = append(p.records[:unsent], p.records[unsent+1:]...)
			p.dropped++
		}
	}
	p.wake.Broadcast()
}

func (p *Process) sendPlace(m *wire.Place) {
	if m.Whole {
		p.places = nil
	}
	if p.places = append(p.places, m); len(p.places) > maxPlaces {
		p.places = nil
		p.tell(Command{Whole: true})
	}
}

// Close sends what is left, waits a few seconds for the edge to store it, and
// appends to the spool what it did not. The process ends after it.
func (p *Process) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	alarm := time.AfterFunc(closeGrace, func() { p.breakOff(fmt.Errorf("the edge stored nothing for %v", closeGrace)) })
	defer alarm.Stop()
	for p.broken == nil && (len(p.records) > 0 || p.writing || p.more()) {
		p.wake.Wait()
	}
	if p.broken == nil {
		p.broken = io.ErrClosedPipe // all was said: the writer may go
		p.wake.Broadcast()
	}
	if len(p.records) == 0 {
		return nil
	}
	return spoolAll(p.spool, p.records)
}

// breakOff notes that the edge cannot be spoken with any more.
func (p *Process) breakOff(err error) {
	p.mu.Lock()
	if p.broken == nil {
		p.broken = err
	}
	p.wake.Broadcast()
	p.mu.Unlock()
	p.leave()
}

func (p *Process) leave() { p.goneOnce.Do(func() { close(p.gone) }) }

// expire ends the process with its register entry, by the wall clock, which may
// jump: hence no single timer.
func (p *Process) expire() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-p.gone:
			return
		case <-tick.C:
			if time.Now().Round(0).Before(p.assignment.Until) {
				continue
			}
			p.mu.Lock()
			p.tell(Command{Stop: true})
			p.mu.Unlock()
			p.leave()
			return
		}
	}
}

// read takes the edge's lines until it is gone.
func (p *Process) read(r *bufio.Reader) {
	defer close(p.readEnded)
	for {
		line, err := readLine(r)
		if err != nil {
			p.breakOff(fmt.Errorf("the edge is gone: %w", err))
			return
		}
		if err := p.obey(line); err != nil {
			p.breakOff(err)
			return
		}
	}
}

// obey does what the link itself has to do about a command, and keeps the rest
// for the owner.
func (p *Process) obey(line []byte) error {
	var c Command
	if err := strict(line, &c); err != nil {
		return city.Errorf(city.Invalid, "command: %w", err)
	}
	if c.Layout != nil {
		if err := c.Layout.Check(); err != nil {
			return city.Errorf(city.Invalid, "command: layout: %w", err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.Stored > p.sent {
		return city.Errorf(city.Invalid, "the edge says it stored %d messages; %d were sent", c.Stored, p.sent)
	}
	if n := c.Stored - min(p.stored, c.Stored); n > 0 {
		clear(p.records[:n])
		p.records = p.records[n:]
		p.stored = c.Stored
		p.wake.Broadcast()
	}
	if c.Watch != nil {
		if p.watched = *c.Watch; !p.watched {
			p.marks = nil
		}
	}
	c.Stored = 0
	p.tell(c)
	if c.Stop {
		p.leave()
	}
	return nil
}

// tell adds to what the owner has to know; the caller holds the lock.
func (p *Process) tell(c Command) {
	p.pending.merge(c)
	select {
	case p.poke <- struct{}{}:
	default:
	}
}

// pass hands commands to the owner, merging those that wait.
func (p *Process) pass() {
	defer close(p.commands)
	for {
		select {
		case <-p.readEnded:
			return
		case <-p.poke:
		}
		p.mu.Lock()
		c := p.pending
		p.pending = Command{}
		p.mu.Unlock()
		if c.empty() {
			continue
		}
		select {
		case p.commands <- c:
		case <-p.readEnded:
			return
		}
		if c.Stop {
			return
		}
	}
}

// write sends what there is: the state first, then what must not be lost, then
// the scene.
func (p *Process) write(w *bufio.Writer) {
	for {
		m, last := p.next()
		if m == nil {
			return
		}
		err := wire.Write(w, m)
		if err == nil && last {
			err = w.Flush()
		}
		if err != nil {
			p.breakOff(fmt.Errorf("write to the edge: %w", err))
			return
		}
	}
}

// next waits for a message; last says that nothing waits behind it. It returns nil
// when there will be none.
func (p *Process) next() (m wire.Message, last bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writing = false
	p.wake.Broadcast()
	for p.broken == nil {
		if m = p.pick(); m != nil {
			p.writing = true
			return m, !p.more()
		}
		p.wake.Wait()
	}
	return nil, true
}

func (p *Process) more() bool {
	return p.state != nil || p.sendable() || len(p.places) > 0 || p.marks != nil
}

func (p *Process) sendable() bool {
	ahead := p.sent - p.stored
	return ahead < window && ahead < uint64(len(p.records))
}

func (p *Process) pick() wire.Message {
	switch {
	case p.state != nil:
		m := p.state
		p.state = nil
		return m
	case p.sendable():
		m := p.records[p.sent-p.stored]
		p.sent++
		return m
	case len(p.places) > 0:
		m := p.places[0]
		p.places = p.places[1:]
		return m
	case p.marks != nil:
		m := p.marks
		p.marks = nil
		return m
	}
	return nil
}
