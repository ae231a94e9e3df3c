package detect

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"sync"
	"time"

	"polity/camera/frame"
	"polity/city"
)

// Conn is a connection to a detector: a unix socket, or a pair of pipes.
type Conn interface {
	io.ReadWriteCloser
	SetDeadline(at time.Time) error
}

// Dialer connects to a detector.
type Dialer func(ctx context.Context) (Conn, error)

// Tuning is what a Client asks of the network.
type Tuning struct {
	// Pixels is how many pixels the network sees at most, whatever the region's
	// size: cost grows with it, and so does what can be seen of small things.
	Pixels int `yaml:"pixels"`
	// Zoom is how much a small region is enlarged at most.
	Zoom float64 `yaml:"zoom"`
	// Timeout is how long an answer may take before the detector counts as gone.
	Timeout time.Duration `yaml:"timeout"`
}

// DefaultTuning is what Polity ships.
var DefaultTuning = Tuning{Pixels: 384 * 288, Zoom: 2, Timeout: time.Second}

// Client asks a detector about frames. Its methods may be called by several
// goroutines; questions are asked one after the other.
type Client struct {
	dial   Dialer
	tuning Tuning

	mu      sync.Mutex
	conn    Conn
	reader  *bufio.Reader
	network [32]byte
	number  uint32
	picture []byte
	filler  filler
	again   time.Time // no connecting before this
	wait    time.Duration
	lost    error
}

// NewClient returns a client that connects when it is first asked.
func NewClient(dial Dialer, tuning Tuning) *Client {
	return &Client{dial: dial, tuning: tuning}
}

// Waits between attempts to connect to a detector that is gone.
const (
	firstWait = 100 * time.Millisecond
	lastWait  = 5 * time.Second
)

// Detect returns what is in the region of f with at least the threshold's score
// (0 to 1; see LowestThreshold), surest first, in pixels of f. The region is cut to
// the frame; the whole frame is image.Rect(0, 0, f.Width, f.Height). What the
// region cuts through may be missed or boxed short: take it larger than what is
// looked for.
//
// An error says that nothing is known about the region: of kind city.Unavailable
// while the detector is late, gone or starting anew. Detect then returns at once
// until it is time to try again, so that it never holds up a camera for longer than
// the time-out.
func (c *Client) Detect(ctx context.Context, f *frame.Frame, region image.Rectangle, threshold float32) ([]Box, error) {
	region = cut(f, region)
	if region.Empty() {
		return nil, city.Errorf(city.Invalid, "detect: the region lies outside the frame of %d x %d", f.Width, f.Height)
	}
	size := SizeFor(region.Dx(), region.Dy(), c.tuning.Pixels, c.tuning.Zoom)
	one := []part{{region: region, to: image.Rect(0, 0, size.Width, size.Height)}}
	boxes, err := c.look(ctx, f, one, size, threshold)
	if err != nil {
		return nil, err
	}
	sx, sy := float32(region.Dx())/float32(size.Width), float32(region.Dy())/float32(size.Height)
	for i, b := range boxes {
		boxes[i].X0, boxes[i].X1 = back(b.X0, sx, 0, region.Min.X, f.Width), back(b.X1, sx, 0, region.Min.X, f.Width)
		boxes[i].Y0, boxes[i].Y1 = back(b.Y0, sy, 0, region.Min.Y, f.Height), back(b.Y1, sy, 0, region.Min.Y, f.Height)
	}
	return boxes, nil
}

// DetectIn is Detect for several regions in one run of the network, which costs
// about as much as their area. They are shown to it side by side, in the scale in
// which the whole frame would be; the answer leaves out things that an edge inside
// the frame cuts through. Regions that overlap may give the same thing twice. It
// returns false, having asked nothing, if the regions are so large that looking at
// the whole frame costs no more.
func (c *Client) DetectIn(ctx context.Context, f *frame.Frame, regions []image.Rectangle, threshold float32) ([]Box, bool, error) {
	whole := SizeFor(f.Width, f.Height, c.tuning.Pixels, c.tuning.Zoom)
	scale := math.Sqrt(float64(whole.Pixels()) / float64(f.Width*f.Height))
	var inside []image.Rectangle
	for _, r := range regions {
		if r = cut(f, r); !r.Empty() {
			inside = append(inside, r)
		}
	}
	parts, size, ok := pack(inside, scale)
	if !ok || len(parts) == 0 || float64(size.Pixels()) > worthParts*float64(whole.Pixels()) {
		return nil, false, nil
	}
	boxes, err := c.look(ctx, f, parts, size, threshold)
	return suppress(unpack(boxes, parts, image.Pt(f.Width, f.Height)), MaxBoxes), true, err
}

// worthParts is the share of the whole frame up to which looking at parts of it is
// worth what is seen less well at their edges.
const worthParts = 0.7

// look asks about a picture made of parts of f and returns boxes in its pixels.
func (c *Client) look(ctx context.Context, f *frame.Frame, parts []part, size Size, threshold float32) ([]Box, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	boxes, err := c.ask(ctx, f, parts, size, threshold)
	switch {
	case errors.Is(err, errNetwork):
		return nil, city.Errorf(city.Unavailable, "detect: %w", err)
	case err != nil:
		return nil, city.Errorf(city.Unavailable, "detect: %w", c.drop(err))
	}
	return boxes, nil
}

// Network returns the SHA-256 of the network that the detector runs, or false
// before the first answer.
func (c *Client) Network() ([32]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.network, c.network != [32]byte{}
}

// Close ends the connection. A later Detect opens another.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return nil
	}
	err := c.conn.Close()
	c.conn = nil
	return err
}

func (c *Client) ask(ctx context.Context, f *frame.Frame, parts []part, size Size, threshold float32) ([]Box, error) {
	ctx, cancel := context.WithTimeout(ctx, c.tuning.Timeout)
	defer cancel()
	if err := c.connect(ctx); err != nil {
		return nil, err
	}
	conn := c.conn
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	c.number++
	if cap(c.picture) < requestHead+size.bytes() {
		c.picture = make([]byte, requestHead+size.bytes())
	}
	q := request{number: c.number, size: size, threshold: threshold}
	b := q.head(c.picture[:0])[:requestHead+size.bytes()]
	c.filler.fill(b[requestHead:], f, parts, size)
	if _, err := conn.Write(b); err != nil {
		return nil, err
	}
	boxes, err := readAnswer(c.reader, c.number)
	if err == nil {
		c.wait = 0
	}
	return boxes, err
}

// connect opens a connection and reads the greeting, unless one is open or it is
// too early to try again.
func (c *Client) connect(ctx context.Context) error {
	if c.conn != nil {
		return nil
	}
	if time.Now().Before(c.again) {
		return fmt.Errorf("%w: %w", errWaiting, c.lost)
	}
	conn, err := c.dial(ctx)
	if err != nil {
		return err
	}
	c.conn, c.reader = conn, bufio.NewReaderSize(conn, 16<<10)
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	c.network, err = readGreeting(c.reader)
	return err
}

// errWaiting says that it is too early to connect again.
var errWaiting = errors.New("no detector")

// drop closes the connection after a failure, since an answer may still come for a
// question no longer asked, and sets the time of the next attempt.
func (c *Client) drop(err error) error {
	if errors.Is(err, errWaiting) {
		return err
	}
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
	c.again, c.lost = time.Now().Add(c.wait), err
	c.wait = min(lastWait, max(firstWait, 2*c.wait))
	return err
}
