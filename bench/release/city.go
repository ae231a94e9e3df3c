package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"polity/city"
	"polity/recording/fmp4"
	"polity/recording/recordtest"
	"polity/recording/segment"
	"polity/recording/share"
	casefile "polity/release/case"
	"polity/release/case/casetest"
)

// bench is one run.
type bench struct {
	size

	ctx context.Context
	dir string
	say func(format string, args ...any)

	world  *casetest.World
	hub    *casetest.Hub
	server *httptest.Server
	plain  []byte // a minute of film
	first  []byte // the first piece of it, as recorders have it
	bytes  int64  // sealed
	code   string
	last   func()
}

const (
	minute = 60 * time.Second
	piece  = 6 * time.Second
	pieces = int(minute / piece)
	rate   = 25
	width  = 1280
	height = 720
)

// failure is what Fatal ends with.
type failure struct{ error }

// fatal lets what tests share run here: Fatal ends the run.
type fatal struct {
	testing.TB

	b *bench
}

func (f fatal) Helper()                           {}
func (f fatal) Fatal(args ...any)                 { panic(failure{fmt.Errorf("%s", fmt.Sprint(args...))}) }
func (f fatal) Fatalf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }
func (f fatal) Cleanup(do func())                 { f.b.cleanup(do) }

func (b *bench) cleanup(do func()) {
	before := b.last
	b.last = func() {
		do()
		if before != nil {
			before()
		}
	}
}

func (b *bench) close() {
	if b.server != nil {
		b.server.Close()
	}
	if b.last != nil {
		b.last()
	}
}

// film makes a minute of moving, noisy pictures at the rate asked for.
func (b *bench) film() error {
	bits := fmt.Sprintf("%dk", int(b.mbits*1000))
	//nolint:gosec // numbers that were checked
	cmd := exec.CommandContext(b.ctx, "ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", fmt.Sprintf("testsrc2=s=%dx%d:r=%d,noise=alls=16:allf=t", width, height, rate), "-t", "60",
		"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-b:v", bits, "-minrate", bits, "-maxrate", bits, "-bufsize", bits, "-g", "50", "-keyint_min", "50", "-sc_threshold", "0",
		"-movflags", "frag_keyframe+empty_moov+default_base_moof", "-f", "mp4", "-")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("ffmpeg makes no film: %w: %s", err, said.String())
	}
	b.plain = out.Bytes()
	return nil
}

// prepare makes the city, its footage, the case, and both approvals.
func (b *bench) prepare() error {
	if err := b.film(); err != nil {
		return err
	}
	units := recordtest.Units(b.plain, casetest.Filmed)
	if len(units) != rate*60 {
		return fmt.Errorf("the film has %d pictures, not %d", len(units), rate*60)
	}
	var films [][]*fmp4.Unit
	for i := range pieces {
		films = append(films, units[i*len(units)/pieces:(i+1)*len(units)/pieces])
	}
	var first bytes.Buffer
	if err := casetest.Mux(&first, films[0]); err != nil {
		return err
	}
	b.first = first.Bytes()
	b.world = casetest.NewWith(fatal{b: b}, b.dir, 0)
	names := make([]city.Slug, b.cameras)
	begun := time.Now()
	for i := range names {
		names[i] = city.Slug(fmt.Sprintf("camera-%d", i+1))
		at := casetest.Filmed
		for n := range b.minutes * pieces {
			f := b.world.Seal(names[i], at, segment.None, films[n%pieces])
			at = f.Trailer.End
			b.bytes += f.Size
			if err := b.ctx.Err(); err != nil {
				return err
			}
		}
		b.say("camera %d of %d: %d segments sealed", i+1, b.cameras, b.minutes*pieces)
	}
	b.say("%.0f MiB sealed in %.0f s: %d segments of %.2f Mbit/s", mib(b.bytes), time.Since(begun).Seconds(), b.cameras*b.minutes*pieces, float64(b.bytes)*8/1e6/float64(b.cameras*b.minutes*60))
	b.hub = casetest.NewHub(b.world)
	b.server = httptest.NewServer(b.handler())
	return b.approve(names)
}

// handler is the hub, and beside it the same film in the clear.
func (b *bench) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", b.hub.Handler())
	mux.HandleFunc("GET /plain", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b.first) })
	return mux
}

func (b *bench) approve(names []city.Slug) error {
	o := b.world.Office()
	draft := b.world.Draft(b.server.URL, names...)
	c, err := o.New(draft, casetest.Asked)
	if err != nil {
		return err
	}
	b.code = c.Code()
	s, err := c.Submission()
	if err != nil {
		return err
	}
	hub, err := casefile.Web(b.server.URL, "")
	if err != nil {
		return err
	}
	if err := hub.Submit(b.ctx, s); err != nil {
		return err
	}
	for _, body := range share.Bodies {
		request, err := b.hub.Request(body)
		if err != nil {
			return err
		}
		begun := time.Now()
		answer := b.world.Approve(body, request)
		b.say("%s: %.1f MiB asked, approved in %.1f s", body, mib(int64(len(request))), time.Since(begun).Seconds())
		if err := hub.SendAnswer(b.ctx, c.Token.ID, bytes.NewReader(answer)); err != nil {
			return err
		}
	}
	return nil
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

func (b *bench) office() string { return filepath.Join(b.dir, "office") }
