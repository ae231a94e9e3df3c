package source_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"polity/camera/decode"
	"polity/camera/frame"
	"polity/camera/source"
	"polity/camera/standin"
	"polity/camera/stream"
	"polity/camera/wire"
	"polity/city"
	"polity/internal/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Stage()
	flag.Parse()
	_ = flag.Set("test.parallel", "8") // the tests wait for cameras, not for the processor
	os.Exit(m.Run())
}

// film makes a second of 64 x 48 at 25 pictures a second; its luma rises by 8 with
// each. The same film is made once.
func film(t testing.TB, name string, args ...string) string {
	t.Helper()
	films.Lock()
	defer films.Unlock()
	key := name + fmt.Sprint(args)
	if films.made[key] == nil {
		path := filepath.Join(t.TempDir(), name)
		base := []string{"-v", "error", "-y", "-f", "lavfi", "-i", "color=gray:s=64x48:r=25:d=1,geq=lum='16+8*N':cb=128:cr=128"}
		if out, err := exec.CommandContext(t.Context(), "ffmpeg", append(append(base, args...), path)...).CombinedOutput(); err != nil {
			t.Fatalf("make a film: %v: %s", err, out)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		films.made[key] = b
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, films.made[key], 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var films = struct {
	sync.Mutex
	made map[string][]byte
}{made: map[string][]byte{}}

var (
	plain = []string{"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "5", "-pix_fmt", "yuv420p"}
	hevc  = []string{"-c:v", "libx265", "-x265-params", "bframes=0:keyint=5:log-level=error", "-pix_fmt", "yuv420p"}
	mjpeg = []string{"-c:v", "mjpeg", "-q:v", "2", "-pix_fmt", "yuvj420p"}
)

// camera serves a film until the test's end.
func camera(t testing.TB, cfg standin.Config) *standin.Camera {
	t.Helper()
	c, err := standin.Serve(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// watched is a source that runs until the test's end.
type watched struct {
	*source.Source
	log *locked

	mu    sync.Mutex
	units []*stream.Unit
}

func watch(t testing.TB, cfg source.Config, also ...func(*stream.Unit)) *watched {
	t.Helper()
	w := &watched{log: &locked{}}
	cfg.Log = slog.New(slog.NewTextHandler(w.log, nil))
	if cfg.FirstWait == 0 {
		cfg.FirstWait, cfg.LastWait = 10*time.Millisecond, 100*time.Millisecond
	}
	s, err := source.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.Source = s
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- s.Run(ctx, func(u *stream.Unit) {
			w.mu.Lock()
			w.units = append(w.units, u)
			w.mu.Unlock()
			for _, f := range also {
				f(u)
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the source ended: %v", err)
		}
	})
	return w
}

type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// got waits for n units in all and returns them.
func (w *watched) got(t testing.TB, n int) []*stream.Unit {
	t.Helper()
	waitFor(t, "units", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.units) >= n
	}, w)
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*stream.Unit(nil), w.units...)
}

func waitFor(t testing.TB, what string, ok func() bool, w *watched) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s; %+v", what, w.Status())
		}
	}
}

func (w *watched) become(t testing.TB, c wire.Condition) source.Status {
	t.Helper()
	waitFor(t, "condition", func() bool { return w.Status().Condition == c }, w)
	return w.Status()
}

// TestEveryWayToWatch goes from the camera to frames, by each transport, codec and
// kind of authentication.
func TestEveryWayToWatch(t *testing.T) {
	for _, c := range []struct {
		name   string
		film   []string
		file   string
		camera standin.Config
		source source.Config
		codec  stream.Codec
		over   string
	}{
		{"TCP", plain, "a.mp4", standin.Config{}, source.Config{}, stream.H264, "TCP"},
		{"TCP, digest MD5", plain, "a.mp4", standin.Config{User: "polity", Password: "p w:%/ä", Digest: "md5"}, source.Config{User: "polity", Password: "p w:%/ä"}, stream.H264, "TCP"},
		{"TCP, digest SHA-256", plain, "a.mp4", standin.Config{User: "u", Password: "secret", Digest: "sha256"}, source.Config{User: "u", Password: "secret"}, stream.H264, "TCP"},
		{"UDP", plain, "a.mp4", standin.Config{UDP: true, User: "u", Password: "secret"}, source.Config{Transport: "udp", User: "u", Password: "secret"}, stream.H264, "UDP"},
		{"TLS, basic", plain, "a.mp4", standin.Config{TLS: true, User: "u", Password: "secret", Digest: "basic"}, source.Config{User: "u", Password: "secret"}, stream.H264, "TLS"},
		{"H.265", hevc, "a.mp4", standin.Config{}, source.Config{}, stream.H265, "TCP"},
		{"MJPEG", mjpeg, "a.avi", standin.Config{}, source.Config{}, stream.MJPEG, "TCP"},
		{"MJPEG over UDP", mjpeg, "a.avi", standin.Config{UDP: true}, source.Config{Transport: "udp"}, stream.MJPEG, "UDP"},
		{"B-frames", []string{"-c:v", "libx264", "-bf", "2", "-b_strategy", "0", "-g", "10", "-pix_fmt", "yuv420p"}, "a.mp4", standin.Config{}, source.Config{}, stream.H264, "TCP"},
		{"B-frames in H.265", []string{"-c:v", "libx265", "-x265-params", "bframes=2:keyint=10:log-level=error", "-pix_fmt", "yuv420p"}, "a.mp4", standin.Config{}, source.Config{}, stream.H265, "TCP"},
		{"H.264 in Annex B", plain, "a.ts", standin.Config{}, source.Config{}, stream.H264, "TCP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.camera.Film = film(t, c.file, c.film...)
			cam := camera(t, c.camera)
			c.source.Address, c.source.Certificate = cam.URL(), cam.Fingerprint()
			d := decode.New(decode.Config{})
			go func() { _ = d.Run(t.Context()) }()
			w := watch(t, c.source, d.Push)
			var last *frame.Frame
			for range 30 { // more than one showing of the film
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				f, err := d.Next(ctx)
				cancel()
				if err != nil {
					t.Fatalf("no frame: %v; %+v; %+v", err, w.Status(), d.State())
				}
				if last != nil && (f.Stream != 1 || f.Taken.Before(last.Taken)) {
					t.Fatalf("stream %d, taken %v after %v", f.Stream, f.Taken, last.Taken)
				}
				last = f
			}
			st := w.Status()
			if st.Condition != wire.Live || st.Reason != "" || st.Codec != c.codec || st.Width != 64 || st.Height != 48 || st.Transport != c.over || st.Connects != 1 {
				t.Errorf("%+v", st)
			}
			if late := time.Since(last.Taken); late < 0 || late > 20*time.Second {
				t.Errorf("the last frame was taken %v ago", late)
			}
		})
	}
}

func TestTimesAreThoseOfTheCamera(t *testing.T) {
	t.Parallel()
	cam := camera(t, standin.Config{Film: film(t, "a.mp4", plain...), Clock: 90 * time.Second})
	units := watch(t, source.Config{Address: cam.URL()})
	got := units.got(t, 60)
	for i := 1; i < len(got); i++ {
		if step := got[i].PTS - got[i-1].PTS; (step - 40*time.Millisecond).Abs() > time.Millisecond {
			t.Errorf("unit %d: %v after the one before, also over the film's end", i, step)
		}
		if got[i].Taken.After(got[i].Arrived) {
			t.Errorf("unit %d: taken %v, arrived %v", i, got[i].Taken, got[i].Arrived)
		}
	}
	waitFor(t, "the camera's time", func() bool { return units.Status().SkewKnown }, units)
	if skew := units.Status().ClockSkew; (skew - 90*time.Second).Abs() > 10*time.Second {
		t.Errorf("the camera's clock is %v ahead", skew)
	}
}

func TestCameraWhoseClockWasNeverSet(t *testing.T) {
	t.Parallel()
	cam := camera(t, standin.Config{Film: film(t, "a.mp4", plain...), Clock: -time.Until(time.Unix(1000, 0)).Abs()})
	w := watch(t, source.Config{Address: cam.URL()})
	waitFor(t, "the camera's time", func() bool { return w.Status().SkewKnown }, w)
	if skew := w.Status().ClockSkew; skew != -365*24*time.Hour {
		t.Errorf("the camera's clock is %v ahead", skew)
	}
	units := w.got(t, 10)
	if late := time.Since(units[9].Taken); late < 0 || late > time.Minute {
		t.Errorf("a picture counts as taken %v ago", late)
	}
}

func TestWrongPassword(t *testing.T) {
	t.Parallel()
	cam := camera(t, standin.Config{Film: film(t, "a.mp4", plain...), User: "u", Password: "right"})
	for name, cfg := range map[string]source.Config{
		"none given":        {},
		"a wrong one":       {User: "u", Password: "xyzzy-wrong"},
		"in the address":    {Address: strings.Replace(cam.URL(), "://", "://u:xyzzy-wrong@", 1)},
		"a wrong user":      {User: "v", Password: "right-xyzzy"},
		"and in the query ": {Address: cam.URL() + "?password=xyzzy-wrong", User: "u", Password: "xyzzy-wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			if cfg.Address == "" {
				cfg.Address = cam.URL()
			}
			w := watch(t, cfg)
			st := w.become(t, wire.WrongPassword)
			if !strings.Contains(st.Reason, "refuses user and password") {
				t.Errorf("reason %q", st.Reason)
			}
			for _, said := range []string{st.Reason, w.Where(), w.log.String()} {
				if strings.Contains(said, "xyzzy") {
					t.Errorf("the password is in %q", said)
				}
			}
		})
	}
}

func TestThePasswordIsNotGivenInClear(t *testing.T) {
	t.Parallel()
	cam := camera(t, standin.Config{Film: film(t, "a.mp4", plain...), User: "u", Password: "secret", Digest: "basic"})
	w := watch(t, source.Config{Address: cam.URL(), User: "u", Password: "secret"})
	if st := w.become(t, wire.WrongPassword); !strings.Contains(st.Reason, "wants the password in clear") {
		t.Errorf("reason %q", st.Reason)
	}
}

func TestRightPasswordAfterAWrongOne(t *testing.T) {
	t.Parallel()
	cam := camera(t, standin.Config{Film: film(t, "a.mp4", plain...), User: "u", Password: "right"})
	cam.Misbehave(standin.Faults{Password: "changed"})
	w := watch(t, source.Config{Address: cam.URL(), User: "u", Password: "right"})
	w.become(t, wire.WrongPassword)
	cam.Misbehave(standin.Faults{})
	w.become(t, wire.Live)
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	cam := camera(t, standin.Config{Film: film(t, "a.mp4", plain...), TLS: true})
	w := watch(t, source.Config{Address: cam.URL()})
	if st := w.become(t, wire.NoPicture); !strings.Contains(st.Reason, "set certificate to that") || !strings.Contains(st.Reason, cam.Fingerprint()) {
		t.Errorf("reason %q", st.Reason)
	}
	w = watch(t, source.Config{Address: cam.URL(), Certificate: strings.Repeat("ab:", 31) + "ab"})
	if st := w.become(t, wire.NoPicture); !strings.Contains(st.Reason, "somebody may sit in between") {
		t.Errorf("reason %q", st.Reason)
	}
}

func TestCameraThatStalls(t *testing.T) {
	t.Parallel()
	for _, over := range []string{"tcp", "udp"} {
		t.Run(over, func(t *testing.T) {
			cam := camera(t, standin.Config{Film: film(t, "a.mp4", plain...), UDP: true})
			w := watch(t, source.Config{Address: cam.URL(), Transport: over, Stall: 500 * time.Millisecond})
			first := w.got(t, 10)[9]
			cam.Misbehave(standin.Faults{Stall: true})
			if st := w.become(t, wire.NoPicture); !strings.Contains(st.Reason, "has sent nothing for 500ms") {
				t.Errorf("reason %q", st.Reason)
			}
			before := len(w.got(t, 0))
			cam.Misbehave(standin.Faults{})
			w.become(t, wire.Live)
			after := w.got(t, before+5)
			if u := after[before]; u.Stream <= first.Stream || !u.Key {
				t.Errorf("goes on with stream %d, key %v", u.Stream, u.Key)
			}
		})
	}
}

func TestCameraThatRestarts(t *testing.T) {
	t.Parallel()
	cam := camera(t, standin.Config{Film: film(t, "a.mp4", plain...)})
	w := watch(t, source.Config{Address: cam.URL()})
	for n := range 3 {
		units := w.got(t, 10*(n+1)+len(w.got(t, 0)))
		cam.Drop()
		waitFor(t, "a connection", func() bool { return w.Status().Connects >= uint64(n)+2 }, w)
		if s := units[len(units)-1].Stream; s != n+1 {
			t.Errorf("stream %d, want %d", s, n+1)
		}
		w.got(t, len(w.got(t, 0))+10)
	}
}

func TestCameraThatIsGone(t *testing.T) {
	t.Parallel()
	cam := camera(t, standin.Config{Film: film(t, "a.mp4", plain...)})
	w := watch(t, source.Config{Address: cam.URL()})
	w.become(t, wire.Live)
	cam.Close()
	if st := w.become(t, wire.NoPicture); st.Reason == "" {
		t.Errorf("%+v", st)
	}
	waitFor(t, "further tries", func() bool { return w.Status().Connects > 4 }, w)
}

func TestNoStreamAtThePath(t *testing.T) {
	t.Parallel()
	cam := camera(t, standin.Config{Film: film(t, "a.mp4", plain...)})
	w := watch(t, source.Config{Address: strings.Replace(cam.URL(), "main", "nowhere", 1)})
	if st := w.become(t, wire.NoPicture); !strings.Contains(st.Reason, "has no stream at the address's path") {
		t.Errorf("reason %q", st.Reason)
	}
}

func TestCameraThatSendsNoPictures(t *testing.T) {
	t.Parallel()
	cam := camera(t, standin.Config{Film: film(t, "a.mp4", plain...)})
	cam.Misbehave(standin.Faults{NoKeys: true})
	w := watch(t, source.Config{Address: cam.URL(), Stall: 400 * time.Millisecond})
	if st := w.become(t, wire.BadStream); !strings.Contains(st.Reason, "no whole picture that a decoder could start at") {
		t.Errorf("reason %q", st.Reason)
	}
	cam.Misbehave(standin.Faults{})
	w.become(t, wire.Live)
}

// TestFramesComeBackAfterAnyFault goes to frames through each way a camera can
// misbehave, and sees frames again once it behaves.
func TestFramesComeBackAfterAnyFault(t *testing.T) {
	for name, fault := range map[string]standin.Faults{
		"broken pictures": {Break: 1}, "noise": {Garbage: true}, "stall": {Stall: true}, "no keys": {NoKeys: true}, "refusal": {Refuse: true}, "frozen clock": {Frozen: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cam := camera(t, standin.Config{Film: film(t, "a.mp4", plain...)})
			d := decode.New(decode.Config{FirstWait: 20 * time.Millisecond, LastWait: 200 * time.Millisecond, Patience: time.Second})
			go func() { _ = d.Run(t.Context()) }()
			w := watch(t, source.Config{Address: cam.URL(), Stall: time.Second}, d.Push)
			frames := func(what string, want uint64) {
				from := d.State().Decoded
				waitFor(t, what, func() bool { return d.State().Decoded >= from+want }, w)
			}
			frames("frames before", 10)
			cam.Misbehave(fault)
			if fault.Refuse {
				cam.Drop()
			}
			before := w.Status()
			waitFor(t, "the fault's effect", func() bool {
				now := w.Status()
				return now.Units > before.Units+30 || now.Condition != wire.Live || now.Connects > before.Connects
			}, w)
			cam.Misbehave(standin.Faults{})
			w.become(t, wire.Live)
			frames("frames after", 20)
			if s := d.State(); s.Failing {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestAddressOverONVIF(t *testing.T) {
	t.Parallel()
	small := film(t, "sub.mp4", append([]string{"-vf", "scale=640:480"}, plain...)...)
	large := film(t, "main.mp4", append([]string{"-vf", "scale=1280:960"}, plain...)...)
	cam := camera(t, standin.Config{Film: large, Sub: small, ONVIF: "127.0.0.1:0", User: "u", Password: "xyzzy", Clock: time.Hour})
	w := watch(t, source.Config{Address: "onvif://u:xyzzy@" + cam.ONVIF()})
	w.got(t, 10)
	if st := w.Status(); st.Width != 640 || st.Record != cam.URL() || (st.ClockSkew-time.Hour).Abs() > 10*time.Second {
		t.Errorf("%+v", st)
	}
	w = watch(t, source.Config{Address: "onvif://u:xyzzy-wrong@" + cam.ONVIF()})
	if st := w.become(t, wire.WrongPassword); !strings.Contains(st.Reason, "refuses user and password") || strings.Contains(st.Reason+w.log.String(), "xyzzy") {
		t.Errorf("reason %q", st.Reason)
	}
}

func TestResolutionChange(t *testing.T) {
	t.Parallel()
	cam := camera(t, standin.Config{Film: film(t, "a.mp4", plain...)})
	w := watch(t, source.Config{Address: cam.URL()})
	w.got(t, 10)
	if err := cam.Show(t.Context(), film(t, "b.mp4", append([]string{"-vf", "scale=128:96"}, plain...)...)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the new size", func() bool { return w.Status().Width == 128 }, w)
	stream := 1
	for i, u := range w.got(t, 0) {
		if u.Stream != stream {
			if !u.Key || u.Stream != 2 || u.Width != 128 {
				t.Fatalf("unit %d: %d x %d, stream %d, key %v", i, u.Width, u.Height, u.Stream, u.Key)
			}
			stream = 2
		}
	}
	if w.Status().Connects != 1 {
		t.Errorf("%+v", w.Status())
	}
}

func TestPacketLoss(t *testing.T) {
	t.Parallel()
	cam := camera(t, standin.Config{Film: film(t, "a.mp4", plain...), UDP: true})
	w := watch(t, source.Config{Address: cam.URL(), Transport: "udp"})
	w.got(t, 10)
	cam.Misbehave(standin.Faults{Lose: 0.2})
	waitFor(t, "losses", func() bool { return w.Status().Lost > 5 }, w)
	cam.Misbehave(standin.Faults{})
	before := len(w.got(t, 0))
	units := w.got(t, before+20)
	if last := units[len(units)-1]; last.Stream != 1 {
		t.Errorf("loss alone made stream %d", last.Stream)
	}
}

func TestOddTimestampsAndSlices(t *testing.T) {
	for name, fault := range map[string]standin.Faults{
		"a jump forward": {Jump: time.Hour}, "a jump back": {Jump: -time.Hour}, "each slice marked": {PerSlice: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cam := camera(t, standin.Config{Film: film(t, "a.mp4", append([]string{"-slices", "2"}, plain...)...)})
			w := watch(t, source.Config{Address: cam.URL()})
			w.got(t, 10)
			cam.Misbehave(fault)
			got := w.got(t, len(w.got(t, 0))+30)
			for i := 1; i < len(got); i++ {
				if step := got[i].PTS - got[i-1].PTS; step <= 0 || step > 2*time.Second {
					t.Errorf("unit %d: %v after the one before", i, step)
				}
				if got[i].Stream != 1 {
					t.Fatalf("unit %d: stream %d", i, got[i].Stream)
				}
			}
		})
	}
}

func TestFilmAsASource(t *testing.T) {
	t.Parallel()
	w := watch(t, source.Config{Address: film(t, "a.mkv", plain...)})
	got := w.got(t, 35)
	for i := 1; i < len(got); i++ {
		if step := got[i].PTS - got[i-1].PTS; (step - 40*time.Millisecond).Abs() > 2*time.Millisecond {
			t.Errorf("unit %d: %v after the one before", i, step)
		}
	}
	if st := w.Status(); st.Condition != wire.Live || st.Transport != "film" {
		t.Errorf("%+v", st)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []struct {
		cfg  source.Config
		text string
	}{
		{source.Config{}, "address is missing"},
		{source.Config{Address: "http://camera/"}, "there are rtsp://, rtsps:// and onvif://"},
		{source.Config{Address: "rtsp:///x"}, "names no host"},
		{source.Config{Address: "rtsp://u:xyzzy%zz@camera/"}, "is not a URL"},
		{source.Config{Address: "rtsp://u:xyzzy pass@camera:port/"}, "is not a URL"},
		{source.Config{Address: "rtsp://camera/", Transport: "sctp"}, "there are tcp and udp"},
		{source.Config{Address: "rtsps://camera/", Transport: "udp"}, "leave transport away"},
		{source.Config{Address: "rtsps://camera/", Certificate: "12"}, "64 hexadecimal digits"},
	} {
		_, err := source.New(c.cfg)
		if err == nil || city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "xyzzy") {
			t.Errorf("%+v: %v", c.cfg, err)
		}
	}
}

// timeout bounds a failure.
func timeout() <-chan time.Time { return time.After(time.Minute) }
