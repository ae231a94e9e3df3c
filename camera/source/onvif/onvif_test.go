package onvif_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"polity/camera/source/onvif"
	"polity/camera/standin"
	"polity/camera/stream"
	"polity/internal/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Stage()
	os.Exit(m.Run())
}

// film makes a film; the same film is made once.
func film(t testing.TB, size, name string, args ...string) string {
	t.Helper()
	films.Lock()
	defer films.Unlock()
	path := filepath.Join(t.TempDir(), name)
	key := size + fmt.Sprint(args)
	if b := films.made[key]; b != nil {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	base := []string{"-v", "error", "-y", "-f", "lavfi", "-i", "testsrc=r=10:d=1:s=" + size, "-pix_fmt", "yuv420p"}
	if out, err := exec.CommandContext(t.Context(), "ffmpeg", append(append(base, args...), path)...).CombinedOutput(); err != nil {
		t.Fatalf("make a film: %v: %s", err, out)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	films.made[key] = b
	return path
}

var films = struct {
	sync.Mutex
	made map[string][]byte
}{made: map[string][]byte{}}

func camera(t testing.TB, cfg standin.Config, args ...string) *standin.Camera {
	t.Helper()
	if args == nil {
		args = []string{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "0"}
	}
	cfg.Film, cfg.Sub = film(t, "1280x960", "main.mp4", args...), film(t, "640x480", "sub.mp4", args...)
	if cfg.ONVIF == "" {
		cfg.ONVIF = "127.0.0.1:0"
	}
	c, err := standin.Serve(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestAskACamera(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  standin.Config
		args []string
		want stream.Codec
	}{
		{"open", standin.Config{}, nil, stream.H264},
		{"digest in the envelope", standin.Config{User: "u", Password: "p<&>\"ä"}, nil, stream.H264},
		{"digest of HTTP", standin.Config{User: "u", Password: "pass", HTTPDigest: true}, nil, stream.H264},
		{"clock an hour ahead", standin.Config{User: "u", Password: "pass", Clock: time.Hour}, nil, stream.H264},
		{"clock of 1970", standin.Config{User: "u", Password: "pass", Clock: -time.Until(time.Unix(1e6, 0)).Abs()}, nil, stream.H264},
		{"H.265, of which only the newer service tells", standin.Config{}, []string{"-c:v", "libx265", "-x265-params", "log-level=error"}, stream.H265},
	} {
		t.Run(c.name, func(t *testing.T) {
			cam := camera(t, c.cfg, c.args...)
			d, err := onvif.Open(t.Context(), onvif.Config{Host: cam.ONVIF(), User: c.cfg.User, Password: c.cfg.Password})
			if err != nil {
				t.Fatal(err)
			}
			if skew, ok := d.Skew(); !ok || (skew-c.cfg.Clock).Abs() > 2*time.Second {
				t.Errorf("the clock is %v ahead, want %v", skew, c.cfg.Clock)
			}
			profiles, err := d.Profiles(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			analyse, record, err := onvif.Choose(profiles, 480)
			if err != nil || analyse.Width != 640 || record.Width != 1280 || analyse.Codec != c.want || analyse.Rate != 10 {
				t.Fatalf("%+v, %+v, %v", analyse, record, err)
			}
			for p, want := range map[string]string{analyse.Token: cam.SubURL(), record.Token: cam.URL()} {
				if got, err := d.StreamURL(t.Context(), p); err != nil || got != want {
					t.Errorf("stream of %s: %s, %v, want %s", p, got, err, want)
				}
			}
			if _, err := d.StreamURL(t.Context(), `<"none&`); err == nil {
				t.Error("a stream of no profile")
			}
		})
	}
}

func TestWrongPassword(t *testing.T) {
	for _, viaHTTP := range []bool{false, true} {
		cam := camera(t, standin.Config{User: "u", Password: "right", HTTPDigest: viaHTTP})
		for _, cfg := range []onvif.Config{{User: "u", Password: "xyzzy"}, {}, {User: "v", Password: "right"}} {
			cfg.Host = cam.ONVIF()
			d, err := onvif.Open(t.Context(), cfg)
			if err == nil {
				_, err = d.Profiles(t.Context())
			}
			if !errors.Is(err, onvif.ErrPassword) || strings.Contains(err.Error(), "xyzzy") {
				t.Errorf("%v: %v", cfg, err)
			}
		}
	}
}

func TestChoose(t *testing.T) {
	p := func(token string, codec stream.Codec, w, h int) onvif.Profile {
		return onvif.Profile{Token: token, Codec: codec, Width: w, Height: h}
	}
	for _, c := range []struct {
		name            string
		profiles        []onvif.Profile
		analyse, record string
	}{
		{"sub and main", []onvif.Profile{p("main", stream.H264, 2560, 1440), p("sub", stream.H264, 640, 480)}, "sub", "main"},
		{"a third that is too small", []onvif.Profile{p("tiny", stream.H264, 352, 288), p("main", stream.H264, 1920, 1080), p("sub", stream.H264, 704, 576)}, "sub", "main"},
		{"none large enough", []onvif.Profile{p("a", stream.H264, 320, 240), p("b", stream.H264, 352, 288)}, "b", "b"},
		{"one", []onvif.Profile{p("only", stream.H265, 1920, 1080)}, "only", "only"},
		{"the cheaper of equals", []onvif.Profile{p("x", stream.MJPEG, 640, 480), p("y", stream.H265, 640, 480), p("z", stream.H264, 640, 480)}, "z", "z"},
		{"what cannot be decoded is left out", []onvif.Profile{p("mpeg4", 0, 640, 480), p("main", stream.H264, 1920, 1080)}, "main", "main"},
	} {
		analyse, record, err := onvif.Choose(c.profiles, 480)
		if err != nil || analyse.Token != c.analyse || record.Token != c.record {
			t.Errorf("%s: %s and %s, %v", c.name, analyse.Token, record.Token, err)
		}
	}
	if _, _, err := onvif.Choose([]onvif.Profile{p("mpeg4", 0, 640, 480), p("nothing", stream.H264, 0, 0)}, 480); err == nil {
		t.Error("chose out of nothing")
	}
}

// TestHostileCamera answers with what no camera should.
func TestHostileCamera(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("another host was asked: %s", r.URL)
	}))
	defer elsewhere.Close()
	for name, answer := range map[string]http.HandlerFunc{
		"nothing":  func(http.ResponseWriter, *http.Request) {},
		"no XML":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<<<")) },
		"too much": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2<<20)) },
		"a redirection": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"another service": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusNotFound) },
		"a fault": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`<E><Body><Fault><Reason><Text>` + strings.Repeat("x\n", 5000) + `</Text></Reason></Fault></Body></E>`))
		},
		"services elsewhere": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`<E><Body><GetServicesResponse><Service><Namespace>http://www.onvif.org/ver10/media/wsdl</Namespace><XAddr>` + elsewhere.URL + `/onvif/media</XAddr></Service></GetServicesResponse></Body></E>`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			bad := httptest.NewServer(answer)
			defer bad.Close()
			d, err := onvif.Open(t.Context(), onvif.Config{Host: strings.TrimPrefix(bad.URL, "http://"), User: "u", Password: "xyzzy"})
			if err == nil {
				_, err = d.Profiles(t.Context())
			}
			if err == nil || len(err.Error()) > 500 || strings.Contains(err.Error(), "xyzzy") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v", err)
			}
		})
	}
	for _, host := range []string{"", "a/b", "u:p@host", "host?x"} {
		if _, err := onvif.Open(t.Context(), onvif.Config{Host: host}); err == nil {
			t.Errorf("host %q passed", host)
		}
	}
}

func TestDiscover(t *testing.T) {
	cam, err := tryDiscovery(t)
	if err != nil {
		t.Skipf("no multicast here: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	found, err := onvif.Discover(ctx)
	if err != nil {
		t.Skipf("no multicast here: %v", err)
	}
	_, port, _ := strings.Cut(cam.ONVIF(), ":")
	for _, f := range found {
		if strings.HasSuffix(f.Host, ":"+port) {
			if f.Name != "stand-in camera" || f.Hardware != "software" || f.Path != "/onvif/device_service" {
				t.Errorf("%+v", f)
			}
			if _, err := onvif.Open(t.Context(), onvif.Config{Host: f.Host, Path: f.Path}); err != nil {
				t.Errorf("what was found does not answer: %v", err)
			}
			return
		}
	}
	t.Errorf("the camera was not found; others: %+v", found)
}

func tryDiscovery(t *testing.T) (*standin.Camera, error) {
	t.Helper()
	path := film(t, "640x480", "a.mp4", "-c:v", "libx264", "-bf", "0")
	c, err := standin.Serve(t.Context(), standin.Config{Film: path, ONVIF: "0.0.0.0:0", Discover: true})
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

func FuzzMatches(f *testing.F) {
	f.Add([]byte(`<E><Header><RelatesTo>urn:uuid:1</RelatesTo></Header><Body><ProbeMatches><ProbeMatch><Types>dn:NetworkVideoTransmitter</Types><Scopes>onvif://www.onvif.org/name/a%20b</Scopes><XAddrs>http://0.0.0.0:8080/onvif/device_service http://[fe80::1]/x</XAddrs></ProbeMatch></ProbeMatches></Body></E>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, m := range onvif.Matches(b, "1") {
			if !strings.HasPrefix(m.Host, "192.0.2.1") {
				t.Fatalf("%+v", m)
			}
		}
	})
}

func FuzzChallenge(f *testing.F) {
	f.Add(`Digest realm="a\"b", nonce=x, qop="auth,auth-int", algorithm=SHA-256`)
	f.Fuzz(func(t *testing.T, challenge string) {
		header, ok := onvif.AnswerChallenge(challenge)
		if ok != strings.HasPrefix(header, "Digest ") || strings.ContainsAny(header, "\r\n") && !strings.ContainsAny(challenge, "\r\n") || strings.Contains(header, "xyzzy") {
			t.Fatalf("%q", header)
		}
	})
}
